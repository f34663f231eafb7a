"""The newspaper and the diaries, as rules of `grammar.py`. e is the event, p its hero, q its witness, w who keeps the diary."""

RULES = """
@ news
6x News of {date e}. <headline> <body> <tail?>

@ headline
3x {hero e} {did e}.
2x {hero e} {did e}, {weather e}.
1x It happened {weather e}: {hero e} {did e}.
1x A great day for {hero e}, who {did e}.
1x Nobody saw it coming, but {hero e} {did e}.
[fall e] 2x Bad luck for {hero e}, who {did e}.
[break e] 2x An accident, says {hero e}, who {did e}.
[prize e] 2x Cheers in the village: {hero e} {did e}.
[lose e] 2x Red ears for {hero e}, who {did e}.
[find e] 2x What luck: {hero e} {did e}.
[catch e] 2x A brave deed: {hero e} {did e}.
[build e] 2x After {few} weeks of hammering, {hero e} {did e}.
[open e] 2x With cake and a speech, {hero e} {did e}.

@ body
3x {witness e} saw it all. <afterwards>
2x The only witness was {witness e}, who <pred_q>. <afterwards>
2x {witness e}, who stood next to it, (laughed|cheered|fainted|took notes). <afterwards>
1x We know it from {witness e}. <afterwards>
2x {witness e}, who was there, says that {p} <pred_p>. <afterwards>

@ afterwards
[prize e] 2x The second place went to {a mood} {animal}, the third to {a adj} {thing}.
[prize e] 2x {p} thanked (everyone|the judges|the weather) and cried.
[prize e] 1x The judges were (asleep|bribed with {food}|full of praise), as in every year.
[find e] 2x {p} had only been looking for {few} {many vegetable} and {a adj} {thing}.
[find e] 1x The mayor wants to put it next to the {adj} {thing} at the town hall.
[find e] 2x {p} will keep it (in the bath|under the bed|in a safe place).
[fall e] 2x {p} was pulled out by {few} {mood} {many animal} and {a mood2} {animal2} with {a adj} {thing}.
[fall e] 2x {p} is well, apart from {their p} (pride|hat|left shoe).
[fall e] 1x It was not {their p} first time, and {they p} asks for a ladder.
[lose e] 2x Whoever finds it gets {few} {many vegetable} and {a adj} {thing}.
[lose e] 2x {p} had put it down for (a minute|a sneeze|one song).
[lose e] 1x The search goes on, with {few} dogs and {a mood} {animal}.
[build e] 2x {p} used {few} planks, {a adj} {thing} and {a adj2} {thing2}.
[build e] 2x It stands a little (crooked|low|to the left), but it stands.
[build e] 1x The mayor cut a ribbon and, by mistake, a rope.
[catch e] 2x {p} used {a adj} {thing}, {food} and a good deal of (patience|luck).
[catch e] 1x It took {few} hours and all of {their p} buttons.
[catch e] 1x {p} let go again, out of (pity|boredom|respect).
[open e] 2x On the first day {few} {mood} {many animal} came, and one bought {a adj} {thing}.
[open e] 1x There was free {food} for all, and it is all gone.
[open e] 1x The door is {colour}, the (mood|light|music) good.
[break e] 2x {p} will repair it with {a adj} {thing} and {few} {many vegetable}.
[break e] 2x It had (stood|worked|held) for {few} hundred years.
[break e] 1x The bill comes to {few} thousand eggs.
2x The mayor was not available, being asleep.
1x {p} was (calm|proud|quite wet) when we called.
1x The village is (amazed|not surprised|talking of nothing else).

@ tail
3x <extra>
2x <closing>
2x <extra> <closing>

@ extra
2x {p} <pred_p>.
1x Readers may know that {p} <pred_p>.
1x It is the same {p} who <pred_p>.
1x {p} <pred_p>, by the way.
1x Our reporter was offered {food2} and (took|refused|dropped) it.
1x A photo exists, but shows only {a mood2} {animal2}.

@ closing
2x More on page {few2}.
1x We will report again (tomorrow|when we are awake|if anything moves).
1x And now the weather: more of it.
1x Letters about it please on paper.
1x Also lost this week: {a adj} {thing}.
1x This paper is made of {few2} old papers.

@ diary
4x Diary of {date e}, by {w}. <entry> <bedtime?>

@ entry
3x <dear> <day_of_w>
2x <day_of_w>

@ day_of_w
3x <today> <me>
2x <me> <today>

@ dear
2x Dear diary!
1x Rose early, (tired|hungry|cheerful).
1x So much for today.
1x What {a mood2} day.
1x My (knee|back|left ear) hurts again.
1x I slept {few3} hours.
1x I am {mood2} today.

@ today
3x {hero e} {did e} today. <comment_e>
2x I heard that {hero e} {did e}. <comment_e>
2x All of us talk about {hero e}, who {did e}. <comment_e>
1x They say it was {weather e} that {hero e} {did e}. <comment_e>
2x {hero e}, who <pred_p>, {did e}. <comment_e>
1x Suddenly {witness e} came running: {hero e} {did e}! <comment_e>

@ comment_e
2x {witness e} saw it, and so did {few2} {mood2} {many animal2}.
1x I wish that I had been there.
2x Well, {p} <pred_p>, so (nobody was surprised|it had to happen|I forgive {them p}).
1x I laughed until my {thing2} fell down.
1x I said nothing, but I thought a lot.
1x Some people have all the luck.
1x {witness e} told it {few2} times, each time with more {mood} {many animal}.
[fall e] 1x I lent {them p} my dry socks.
[prize e] 1x Last year it was nearly me.
[lose e] 1x I looked in my pockets, to be sure.
[open e] 1x I shall go there with {friend w}.
[break e] 1x It was loud.
[find e] 1x I only ever find mud.

@ me
2x I bought {a adj} {thing}, {food} and {few} {many vegetable} at {place}.
2x I worked {workplace w} all day, as {a job w} must.
2x I had {likes w} for supper, and I was happy.
1x There was {dislikes w} for lunch. I fasted.
2x It was quiet in {street w}.
1x I painted my {door w} door a little.
2x I dreamt of {fear w} again.
2x My friend {friend w} came by, and we (laughed|sang|ate) for {few} hours.
1x I practised {hobby w} for {few} minutes, and the neighbours (clapped|moved|wept).
1x Every {day w} I say: no more {hobby w}. But I love it.
1x I am {age w} now, and it shows.
1x I met {a mood} {animal} at {place}. We understood each other.
1x I carried {a adj2} {thing2} up the hill and down again.
[partner w] 3x My dear {spouse w} {partner w} (snored|sang|cooked) all evening.
[partner w] 1x I made tea for {partner w}, who said it was soup.
[child w] 2x My {kid w} {child w} asked me {few} questions, and I knew none of the answers.
[child w] 1x Little {child w} painted the bath {colour}.
[pet w] 3x {petname w} the {pet w} ate my {thing3}.
[pet w] 1x I brushed {petname w} for {few} minutes; {a pet w} has no shame.
[no partner w] 1x I live alone and win every argument.

@ bedtime
2x To bed.
1x Good night, diary.
1x Tomorrow I shall be (kinder|earlier|someone else).
1x No more today.
1x The moon looks {mood}.
1x I must remember to buy (string|soap|{food}).
1x I hear {a mood} {animal} outside.

@ pred_p, evenly
3x is {a job p}
2x works {workplace p}
3x lives in {street p}
1x lives on the {side p} side
2x has {a door p} door
2x loves {likes p}
1x eats {likes p} with everything
2x hates {dislikes p}
1x never eats {dislikes p}
2x is afraid of {fear p}
1x is {age p} years old
2x practises {hobby p} on {day p}
1x does {hobby p} every {day p}
2x tells {friend p} everything
1x is best friends with {friend p}
[partner p] 3x is married to {partner p}
[no partner p] 1x has no partner
[child p] 2x is the {parent p} of {child p}
[pet p] 2x keeps {a pet p} called {petname p}
[pet p] 1x walks {a pet p} named {petname p}

@ pred_q, evenly
2x is {a job q}
1x works {workplace q}
2x lives in {street q}
1x has {a door q} door
1x loves {likes q}
1x hates {dislikes q}
1x is afraid of {fear q}
1x is {age q} years old
1x practises {hobby q} on {day q}
1x is best friends with {friend q}
[partner q] 2x is married to {partner q}
[pet q] 2x keeps {a pet q} called {petname q}
"""
