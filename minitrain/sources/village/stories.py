"""Short stories of the village, as rules of `grammar.py`. p is whom the story is about, q whom p meets; past tense throughout."""

RULES = """
@ story
4x {p} <plot>
4x {p}, who <past_p>, <plot>
3x One {when}, {p} <plot>
2x One {mood3} {when}, {p}, who <past_p>, <plot>
2x Once {full p} <plot>
2x It was a (quiet|cold|warm|perfectly normal) {when}. {p} <plot>
2x Everybody (knew|liked|remembered) {full p}: {they p} <past_p>. (One {when}|One day|Last spring), {they p} <plot>
2x This is the story of {p} and {their p} {adj} {thing}. {They p} <plot_own>
1x This is the story of how {p} met {a mood} {animal}. <beast> <beastend>
1x Nobody believes this, but it is true. {p}, who <past_p>, <plot>
1x My (aunt|uncle|barber|neighbour) tells it like this. {p} <plot>

@ past_p, evenly
3x (was|worked as) {a job p}
2x worked {workplace p}
3x lived (in|at the end of) {street p}
1x lived near the {side p} in {a door p} house
2x lived behind {a door p} door
2x loved {likes p}
1x ate {likes p} every day
1x never ate {dislikes p}
1x could not stand {dislikes p}
2x was afraid of {fear p}
1x was {age p} years old
1x would have given everything for {likes p}
2x practised {hobby p} every {day p}
1x spent every {day p} with {hobby p}
2x had {friend p} as a best friend
1x told {friend p} everything
[partner p] 3x was married to {partner p}
[no partner p] 1x lived alone
[child p] 2x had a {kid p} called {child p}
[pet p] 3x kept {a pet p} called {petname p}
[pet p] 1x went nowhere without {petname p} the {pet p}

@ plot
4x <plot_thing>
3x <plot_animal>
3x <plot_food>
3x <plot_visit>
2x <plot_bet>
2x <plot_noise>
2x <plot_letter>
2x <plot_garden>
1x <plot_ghost>
1x <plot_paint>
1x <plot_stranger>

@ plot_own
3x could not find {their p} {thing}. <search> <found>
1x had lost {their p} {thing} (again|for good). <search> <found>
1x decided to repair {their p} {thing} with (string|soup|a hammer|good will). <use> <enough>

@ plot_thing
5x <plot_own>
2x (bought|won|inherited) {a adj} {thing}. <use> <enough>
2x borrowed {a adj} {thing} from {q}. <use> <enough>
1x wanted to give {q} {a thing}. <gift> <enough>

@ search
2x {They p} looked (in|behind|under) the {adj2} {thing2}, the {adj3} {thing3} and the {adj4} {thing4}.
2x {They p} asked (everyone|every goat|half the village), but nobody had (seen|taken|eaten) it.
1x {They p} put up a note: "Lost, one {thing}, {adj} but loved."
2x {They p} asked {q} to help, who mostly (sat down|whistled|gave advice|asked for tea).
1x {They p} went to {place} and (shouted|cried|asked) for it.
1x For {few2} days {they p} could not (sleep|think|cook) without it.
1x "It must be somewhere," {they p} (said|shouted|sang), and that was true.

@ found
2x {They p} found it at {place2}, where {a mood} {animal} and {a mood2} {animal2} were sitting on it.
2x In the end it (lay|was|stood) where it always was.
2x It turned up {few3} weeks later, (cleaner|smaller|rounder) than before.
1x {q} had been wearing it as a hat.
1x The thief was {a mood} {animal}. Nobody pressed charges.
1x {They p} never found it, but {they p} found {a adj3} {thing3} instead.
1x It was in {their p} other hand. <moral?>

@ use
2x {They p} traded it to {a mood} {animal} for {few2} {many vegetable}, then wanted it back.
2x At first it was (useful|lovely|quiet). Then it (fell over|began to smell|started to hum).
2x {They p} showed it to (everyone|the whole street|{their p} friends), and {they p} showed it twice.
2x {They p} carried it all the way to {place} (and back again|on {their p} head|in {few2} hours).
1x It (would not|refused to) fit through the door, so {they p} (moved the door|slept outside|cut it in half).
1x {They p} tied it to {a mood} {animal}. The {animal} had other plans.
1x {They p} explained to {q} what it was for, and (nobody|not even the cat) understood.
1x {They p} used it for {few2} things, none of them right.

@ enough
2x Now it stands in {their p} garden, between {a adj2} {thing2} and {few3} {mood2} {many animal2}.
2x In the end {they p} gave it to {q}, who (wept|was speechless|gave it back).
2x {They p} sold it for {few3} {many vegetable} and {a adj2} {thing2}.
1x {They p} still has it. Please do not ask about it.
1x After that {they p} kept to (spoons|simple things|{hobby p}).
1x It ended up at {place2}, under a sign that says "Do not touch". <moral?>
1x {q} laughed so much that {they q} had to sit down. <moral?>

@ gift
2x {They p} wrapped it in (paper|a curtain|{few3} old newspapers), which took all {when}.
1x {They p} had no money, so {they p} (made one from bread|knitted one|drew one).
2x {q} already had {few3} of them, but (smiled|said nothing|took it all the same).
1x {q} took it for a joke and sat on it.

@ plot_animal
2x met {a mood} {animal} (near|behind|on the way to) {place}. <beast> <beastend>
2x found {a mood} {animal} in {their p} (kitchen|bed|bath|boat). <beast> <beastend>
2x wanted to teach {a mood} {animal} to (sing|count|dance|say hello). <beast> <beastend>
[pet p] 3x lost {their p} {pet p}, {petname p}. <petsearch> <petend>
[pet p] 2x took {petname p} the {pet p} for a walk. <petwalk> <petend>

@ beast
2x {They p} offered it {food2}, {few2} {many vegetable} and {a adj2} {thing2}. It took the {thing2}.
1x It (looked|stared|blinked) at {them p} as if {they p} owed it money.
2x {q} said that one must never (run|whistle|bow|talk politics) near {a mood} {animal}. {They p} did.
1x It followed {them p} for {few2} hours and would not (talk|explain|give its name).
1x {They p} (read|sang|explained) to it for {few2} hours. It yawned.
[fear p] 1x Luckily {they p} was only afraid of {fear p}.

@ beastend
2x They share a house now, with {a mood2} {animal2} and {few3} {many vegetable2}.
2x They have been friends ever since.
1x By {when} the {animal} had (taken over|moved in|learnt nothing), and {they p} slept in the (shed|bath|garden).
1x The {animal} now sits on the village council and has not been (wrong|late|bored) yet.
1x At last {q} opened the door, and it left without a word.
1x It left the next day with {their p} {thing}. <moral?>
1x {They p} called it {q}. {q} was not asked.

@ petsearch
2x {They p} called for {few2} hours. Only {a mood} {animal} and {a mood2} {animal2} came.
2x {They p} went from door to door, and got (tea|a rope|a map of the moon|courage).
1x {They p} put a bowl of {food2} before the door and waited.
1x {They p} asked {friend p} to help, as one asks a best friend.

@ petwalk
2x At {place} {they p} met {q}, {a mood} {animal} and {a mood2} {animal2}, in that order.
1x The {pet p} chose the way, as always.
1x {They p} said "sit", and {q} sat down.
1x It began to rain, and only the {pet p} had (thought|asked) about it before.

@ petend
2x {petname p} was at {place2} all the time, with {few3} {mood3} {many animal3} and {a adj} {thing}.
2x {petname p} came home (late|wet|proud|by bus) and asked for nothing.
1x At home {petname p} slept for {few3} hours, and so did {they p}.
1x Since then {petname p} has {their p} chair, and {they p} has the floor.

@ plot_food
[likes p] 3x wanted to cook {likes p} for {q}. <cook> <eaten>
2x tried to cook {food} from an old book. <cook> <eaten>
1x made so much {food} that (the table broke|the cat fled|the window would not close). <cook> <eaten>
1x opened a stall for {food} at {place}. <cook> <eaten>
2x was invited to supper by {q}, and there was {dislikes p}. <polite> <eaten>

@ cook
2x There was no (salt|pot|fire), so {they p} used {food2}, {few2} {many vegetable} and {a adj} {thing}.
2x After {few2} hours the kitchen (was {colour}|smelled of feet|could be seen from the sea).
1x {They p} stirred with {a adj} {thing}, since the spoon was (lost|tired|at the inn).
1x The book said "stir for {few2} minutes". It did not say when to stop.
1x Through the window {a mood} {animal} watched and (shook its head|took notes|left).

@ polite
2x {They p} said it was (lovely|interesting|very warm) and hid it in {their p} (hat|shoe|pocket).
1x {They p} ate {few3} spoons of it and thought of {likes p}.
1x {They p} fed it to {a mood} {animal} under the table. The {animal} was (polite|ill|grateful).

@ eaten
2x {q} asked for more, and so did {a mood2} {animal2} and {few3} {mood3} {many animal3}.
2x It was the best supper of {their p} life. <moral?>
1x {q} ate it all and then asked what it had been.
1x They had bread instead, and the bread was good.
1x The rest of it now holds up {their p} shelf.
1x {q} still talks about it, but (quietly|only at night|with a doctor).

@ plot_visit
2x went to see {q}, who <past_q>. <talk_pq> <home>
1x walked to {place} to meet {q}. <talk_pq> <home>
2x came to {place} too early and found only {q}. <talk_pq> <home>
[partner p] 2x went on a trip with {their p} {spouse p}, {partner p}. <trip> <home>
[child p] 2x took {child p} to {place}. <trip> <home>

@ past_q, evenly
2x was {a job q}
1x worked {workplace q}
2x lived in {street q}
1x loved {likes q}
1x was afraid of {fear q}
1x practised {hobby q} every {day q}
[pet q] 2x kept {a pet q} called {petname q}

@ talk_pq
2x They talked about {topic}, {topic2} and {a adj} {thing}, and shared {food2}.
1x They sat there for {few2} hours and said (nothing|very little|all there is to say).
2x {They p} heard a secret about {a adj} {thing} and promised to tell (no one|only everyone).
1x {They p} cried a little, because of (the onions|the news|{a adj} {thing}).
1x They (played cards|sang|counted the boats) until {they p} won.

@ trip
2x They got lost {few2} times and found {a adj} {thing}, {food2} and {few3} {mood3} {many animal3}.
1x They forgot the (food|map|way), but not the {thing}.
2x It rained, and they (sang|argued|laughed) all the way.
1x They met {q}, who <past_q>, and who (waved|bowed|hid).

@ home
2x {They p} came home with {a adj2} {thing2} and {few3} {many vegetable}, (happy|wet|late) and {mood2}.
2x On the way back {they p} (whistled|lost a shoe|met {a mood} {animal}).
1x The next day nobody spoke about it.
1x That {when} {they p} dreamt of {likes p}. <moral?>

@ plot_bet
2x bet {q} {few} eggs that {they p} could (carry|lift|throw) {a adj} {thing} over {place}. <effort> <outcome>
2x told everyone that {they p} could (swim|run|hop) to {place} and back. <effort> <outcome>
1x was tired of losing at {hobby p}. <effort> <outcome>
1x challenged {q} to a race. <effort> <outcome>

@ effort
2x The whole village came to watch, and {a mood} {animal} sold {food2} from {a adj3} {thing3}.
2x {They p} trained for {few2} weeks, mostly by (eating|reading|telling people).
1x {They p} had never been so (sure|calm|amused).
1x It began well, with a (speech|song|sneeze).

@ outcome
2x After {few3} steps {they p} had to (sit down|go home|think again).
2x {They p} won, to the surprise of (everyone|the goats|the mayor), {themself p} first.
1x {q} won by {few3} seconds and {a adj2} {thing2}.
1x Nobody won, but everybody was (tired|happy|full). <moral?>
1x {They p} lost the bet and paid in radishes.

@ plot_noise
2x heard a noise at night. <night> <dawn>
1x could not sleep because of a (hum|knock|song) in the wall. <night> <dawn>
1x woke up because something was (singing|snoring|chewing) outside. <night> <dawn>

@ night
2x {They p} took {a adj} {thing} and went down, past the {adj3} {thing3} and the {adj4} {thing4}.
1x {They p} thought of {fear p} and hid under the bed.
1x {They p} counted to {few2}. It did not (stop|help|count along).
[partner p] 2x {partner p} slept through all of it.
[pet p] 1x {petname p} only opened one eye.

@ dawn
2x It was {q}, who had come to (borrow|return|admire) the {thing2}.
2x It was only {a mood} {animal} with {a adj2} {thing2} and {few3} {many vegetable}.
1x In the morning there was {a adj2} {thing2} before the door.
1x It was {their p} own stomach. <moral?>

@ plot_letter
2x got a letter without a name. <letter> <reply>
1x wrote a long letter to {q}. <letter> <reply>
1x fished an old letter from {a adj} {thing}. <letter> <reply>

@ letter
2x It said that (the {mood} {animal} knows everything|love is like {food2}|somebody owed somebody {few2} eggs).
1x It had {few2} pages, and all of them were about {topic}.
1x There was {a colour} stain on it that smelled of {food2}.

@ reply
2x {q} read it {few3} times and (blushed|fainted|corrected the spelling).
1x {They p} keeps it under {their p} pillow to this day.
1x {They p} answered at once, with a drawing of {a mood} {animal}.
1x Nobody ever learnt who had written it, except the postman. <moral?>

@ plot_garden
2x grew {a vegetable} as big as a (pig|boat|piano). <grow> <harvest>
1x planted {a vegetable} upside down. <grow> <harvest>
2x wanted the biggest {vegetable} of the village. <grow> <harvest>

@ grow
2x {They p} gave it (milk|tea|music) every {when} and called it (sir|darling|your honour).
1x {They p} let {q} measure it, who (sighed|whistled|went pale).
1x One {when2} {a mood} {animal} bit into it.
1x For {few2} weeks nobody could see the house.

@ harvest
2x They needed {few3} people and a rope to pull it out.
1x In the end the whole street ate it for {few3} days.
1x It was so big that {q} moved in.
1x The prize went to {q} and {a adj} radish.
1x {They p} could not cut it. They are married in all but name.

@ plot_ghost
1x saw a ghost (near|behind|above) {place}. <spook> <explained>
1x laughed about ghosts, until one came to tea. <spook> <explained>

@ spook
2x It wore (a sheet|one sock|{few2} hats) and moaned about {topic}.
1x It asked the way to {place} and (thanked|ignored|hugged) {them p}.
1x {They p} threw {a adj} {thing} at it. It threw the {thing} back.

@ explained
2x Later {q} (admitted|denied|explained) everything.
1x It was washing on a line. {They p} greets it all the same.
1x Since then {they p} goes home before dark, with {q}. <moral?>

@ plot_paint
1x painted {their p} {door p} door again. <brush> <explained2>
1x wanted to paint the house {colour}. <brush> <explained2>

@ brush
2x There was enough paint for the door, the cat and {few2} chickens.
1x {They p} warned {q}, who leaned on it all the same.
1x It took {few2} hours and one pair of trousers.

@ explained2
1x Now the whole of {street p} wants one like it.
1x {They p} says that it looks (new|fine|better in the dark). <moral?>
1x It dried in the end, and so did {q}.

@ plot_stranger
3x ran into a {stranger}, {a trade:stranger} by trade. <news_from_afar> <home>
1x let a {stranger} stay for the night. It was {a trade:stranger} on the way home. <news_from_afar> <home>

@ news_from_afar
2x They traded {food2} and {a adj} {thing} for {few2} {many vegetable} and stories about {topic}.
1x The stranger knew {few2} songs, all of them about {food2}.
1x {They p} called {q}, who (fell asleep|asked rude questions|paid for the tea).

@ moral
2x So it goes.
1x And that was that.
1x There is no lesson in this.
1x One gets used to it.
1x It could have been worse.
1x The goats saw it all.
1x Ask anyone.
1x That is how things are in our village.
"""
