"""Scenes of honest mail, in templates of `grammar.py`.

`@ kind scene months` opens a scene; months (1 to 12) are when it happens, none means always. `>` is a subject. Lines with the
same number say the same step of the scene in other words; a step with `?` is left out now and then. Letters name strands of the
scene: what is marked `a` goes with what is marked `a`, and with what has no mark.
"""

PEOPLE = "person"                                           # written by somebody with a first name and a surname
SENDERS = {
    "work": PEOPLE, "friend": PEOPLE, "family": PEOPLE, "club": PEOPLE, "neighbour": PEOPLE,
    "shop": """The Umbrella Hospital|Kettle & Sons|Larkspur Books|Bolt and Bracket|The Cheese Ferry|Second-Hand Thunder|
        Owl Optics|Tea by Tram|Button Emporium|Muddlestone Garden Centre|The Sock Library|Spare Parts for Everything""",
    "parcel": """Gullwing Parcel|Snailrocket Couriers|Doorstep Express|Pigeon & Partners|Night Van Logistics|
        The Left Neighbour Post""",
    "bank": "Bank of Gravel|First Pebble Bank|Savings Bank of Muddlestone|Mutual of Wobbling|Credit Union of Port Biscuit",
    "newsletter": """The Weekly Marrow|Gadget Attic|Sofa Traveller|Crust, a baking letter|Harbour Cinema|Theatre in the Barn|
        The Pun Review|Hat World|The Slow Runner|Museum of String|Attic Auctions|Garden Gossip""",
    "helpdesk": "IT Helpdesk|Service Desk|Computing Services|Mail Administrator|Facilities",
    "council": "Town Council of Muddlestone|Citizens' Counter|District Office Brindle Bay|Town Hall of Port Biscuit|The Mayor",
    "health": "Health Centre Pepper Alley|Dr Molar and Dr Paw|Dr Feather, all creatures|Clinic on Chapel Hill|Healing House",
    "travel": "Seven Hills Travel|Brindle Bay Journeys|The Journey Desk|Seagull Sea and Land|Muddlestone Tours",
}
MOODS = {
    PEOPLE: "cheerful grumpy anxious hasty pompous dry".split(),
    "family": "tender tender cheerful anxious grumpy hasty".split(),
    "shop": "polite chirpy".split(), "parcel": "polite polite chirpy".split(), "bank": "polite stern".split(),
    "newsletter": "chirpy chirpy polite".split(), "helpdesk": "stern polite hasty".split(), "council": "stern polite".split(),
    "health": "polite chirpy".split(), "travel": "polite chirpy stern".split(),
}
SHARES = dict(work=22, friend=12, family=9, club=9, neighbour=6, shop=9, parcel=6, bank=6, newsletter=10, helpdesk=5, council=4,
              health=4, travel=4)

SCENES = """
@ work printer
> The printer, again
> Printer in {room}
> About the printer
1a The printer in {room} has jammed for the {ordinal} time this week. It ate {n page} of the {report} and asked for more.
1a The printer in {room} now prints everything in {colour}, including the black.
1b Somebody left {a thing} in the paper tray of the printer in {room}. I am asking as a friend.
2a The engineer comes on {day}. Until then, please use the other one, which only does {colour2}.
2a I switched it off and on again. It now greets {person} by name.
2 I have put a note on it. Somebody has corrected the spelling of the note.
2b Whoever it was may collect the {thing} from {person}, and an explanation from me.
3a? Could you send me your {document} as a file instead?
3? If you know the code for the toner cupboard, tell me before {time}.

@ work meeting
> Meeting on {day}
> Project {project}: meeting
> Re: Re: Fwd: Re: meeting on {day}
> Agenda for {day}
1 The meeting about Project {project} moves from {day2} to {day}, {clock}, as {person} needs {room} for the {instrument}.
1 We meet on {day} at {clock} in {room} about Project {project}. There {is|are} {n point} on the agenda and one more about cake.
1 Could we talk about Project {project} on {day}? {N minute} will do, or so we said last time.
2 Please bring the {report}. {person} will bring {their person} opinions.
2 {person} will present the {report}. Please look surprised.
2 The agenda is attached. Point two is to find out who wrote point three.
3? Let me know if {time} suits you better.
3? If you can not come, send somebody who nods.
3? Minutes will be taken and hours will be lost.

@ work deadline
>a {project}: the deadline
>a Where is the {report}?
>b Numbers for the {report}
>b Your {document}
1a The {report} for Project {project} is due on {day}, and so far it is a title page with a very good font.
1a The customer asks when Project {project} will be finished. I said {day} and laughed in a confident way.
1b I have gone through your {document} for Project {project}. {N number} {is|are} upside down, the rest is fine.
1b Thank you for your {document}. The figures for Project {project} go up, then down, then off the page.
2a Please send me the {document} by {clock}, in any state, even if it is ashamed of itself.
2a {person} can help you with the tables. {They person} {knows|know} where the commas go.
2b Could you check page {digit}? It adds up to {percent} percent of something.
2b {person} says the figures are right and the world is wrong.
3a? I have moved the release by {n week} and my chair into {room}.
3? The spreadsheet has a new column. Do not look into the new column.

@ work coffee
>a The coffee machine
>ac Kitchen rules, version {digit}
>b Whose {cake} was this?
>c The fridge
1a The coffee machine in {room} makes {drink} again, but only if you press the button for soup.
1a The coffee machine has started to thank people. Nobody knows how to thank it back.
1b Somebody has eaten the {cake} that {person} kept in the fridge. It had a name on it. It had two names on it.
1c The fridge in the kitchen will be emptied on {day} at {clock}. The yoghurt of last spring has been asked to leave by itself.
2a Please put a cup in the machine before you press anything. I write this standing in {drink}.
2a The money for the coffee fund goes to {person}. We are {euros} short, again.
2b I am drawing up a list. At present everybody is on the list.
2b {person} is not angry. {They person} {is|are} only sitting there with an empty plate.
2c What has no name by then belongs to the {plant}.
3a? Thank you for not feeding the {plant} with {drink}.
3b? Confessions are taken in {room} until {time}.

@ work newcolleague
> A warm welcome to {person}
> {person} starts on {day}
1 On {day} {person} starts with us. {They person} will sit beside the window and work on Project {project}.
1 Please welcome {person}, who joins the team of Project {project} on {day} after {n year} with a circus.
2 {They person} {likes|like} {hobby} and {drink}, and will bring {a pet} that is said to be quiet.
2 Show {them person} where things are, and {room}, and how to open the door with the hip.
3? There will be {cake} at {time} in {room}.
3? {Their person} first task is to find out what the second task is.

@ work summer 7 8
>a Away until {day}
>b The heat in {room}
> Holiday cover
1a I am on holiday for {n week} and {person} looks after Project {project} and the {plant}.
1b The office is half empty this month; those of us who are left have taken over the better chairs.
2a In an emergency write to {person}. It is not an emergency if it can be spelled.
2b The air conditioning in {room} is being repaired. Bring a fan or a swimsuit.
3? Please enter your holidays in the sheet by {day2}; the sheet is in {room}, in a folder, under {a thing2}.

@ work yearend 11 12
>a The office party
>b Year-end: {report}
1a The office party is on {day} at {time} in {place}. {person} will play the {instrument}, we could not prevent it.
1b Before the year ends we need your {document} and all receipts, also the sticky ones.
1b The {report} for the year is nearly done. It needs figures, {n picture} and a happy end.
2a Everyone brings a present of at most {euros}, wrapped. Last year's {thing} may not be wrapped a third time.
2a {person2} is cooking {food} for {dozens}.
2b Please send everything to {person} by {day}, in one file, not in {dozens}.
3a? Tell me by {day2} whether you bring a guest, a salad or an apology.

@ friend dinner
> Dinner on {day}?
> {food} at ours
> Come and eat
1 We are making {food} on {day} and there is far too much of it. Come at {time}?
1 Do you have time on {day}? {person} wants to cook {food} and needs witnesses.
1 Let us finally have that dinner. I suggest {food}, on {day}, at ours.
2 {person2} brings {cake}, you bring yourself and perhaps {a thing}.
2 Last time the {food} caught fire a little, so I have bought a second pot.
2 {person} will talk about {hobby}. We can not stop {them person}, we can only outnumber {them person}.
3? Do you still not eat {vegetable}? There is {vegetable}.
3? If it comes to {weather}, we sit in the kitchen and call it cosy.

@ friend moving
>a Moving on {day}: strong arms wanted
>a Boxes
>b I have a new flat!
>b My new address
1a I am moving to {street} on {day}. There {is|are} {n box} and one piano, about which we do not speak yet.
1a Could you help me carry {a adj} {thing} up {n floor} on {day}? I pay in {food}.
1b The new flat in {street} has a view of the river if you stand on {a thing}.
1b I have moved into {street}, number {hundreds}. The last tenant left {a adj} {thing} and a note that says "sorry".
2a {person} has lent me a van that only turns left. I have planned the route.
2a I have labelled the boxes "things", "other things" and "{person}".
2b The lift is broken but it plays music.
2b The neighbour below is called {person} and {plays|play} the {instrument}, and now I do too, in a way.
3a? Bring {a tool} if you own one.
3? The {pet} is staying with {person2} until the dust has settled.

@ friend cinema
>ac {film}
>a Film on {day}
>b Tickets!
1a They are showing {film} on {day} at {clock}. Shall we go?
1b I have two tickets for {film} on {day}, and {person} has the flu.
1c We saw {film} last night. I cried, {person} slept, and a man in row {digit} did both.
2 It is {n hour} long and nothing happens, beautifully.
2 The review says it is about {a animal} who learns to trust. I was crying by line three.
2ab Let us meet at {place} at {time} and pretend we are early.
3b? I will bring snacks that make no noise.
3a? Afterwards {drink}, and arguing.
3c? Do not go with somebody who hums.

@ friend pet
>a {petname}
>a News from {petname}
>b Could you feed {petname}?
>b {petname}, from {day} to {day2}
1a {petname} the {pet} has learnt to open the fridge. We have told nobody, but {person} knows.
1a {petname} has eaten {a adj} {thing}. The vet says to wait, and to stand back.
1b Could you look after {petname} from {day} to {day2}? It is a very easy {pet}, apart from the singing.
1b We are away from {day} to {day2} and {petname} is not. Could you feed the old {pet}?
2a Since then it looks at me as if I owed it {euros}.
2b The food is in the {colour} tin. The {colour2} tin is for {person}.
2b {petname} only sleeps if somebody reads aloud. At present it is {book}.
3b? The key is under the {plant}.
3a? I enclose a picture. The blur is {petname}.

@ friend craze
> {Craze}?
> I have taken up {craze}
> You have to try this
1 I have taken up {craze}. It is good for the {bodypart}, and I have not felt my {bodypart2} since {day}.
1 {person} has talked me into {craze}. We go every {day} and talk about nothing else, as you see.
1 Do you know anything about {craze}? I went to a free taster evening on {day} and I have questions.
2 You only need {a thing}, {a thing2} and no shame.
2 The teacher is called {person2} and {says|say} that pain is an opinion.
2 It costs {euros} a month and my dignity.
3? Come along on {day2}, the first time is free.
3? I am told that it all makes sense after {n year}.

@ friend band
>a Band practice
>b We have a gig!
1a Band practice is on {day} at {time} in {place}. Bring the {instrument}, leave the {instrument2}.
1b We have a gig on {day} at {place}! They think we are a string quartet and I did not correct them.
2 {person} has written a new song. It has {n verse} and one chord.
2a The neighbours have asked us to practise {tune} with the windows closed and, if possible, elsewhere.
2b We open with {tune}, loudly, so that nobody can leave.
3? We still need somebody who can count to four.
3? {person2} has repaired the {instrument} with {a tool}.

@ friend borrowed
>a My {thing}
>b My {tool}
>c I owe you {euros}
1a Do you still have my {adj} {thing}? I lent it to you in {pastyear}, or it feels so.
1b I think I left my {tool} at your place on {day}, under the {plant}.
1c I owe you {euros} for the tickets. I have it here in coins.
2 No hurry, but {person} is looking at me in a certain way.
2ab You may keep it if I may keep your {thing2}, which I broke.
2c If you prefer, I can pay in {cake}.
3? I come past {street} on {day2} anyway.

@ family phone
>a How do I turn the telephone round
>b Question about the computer
>ab please help
1a Everything on my telephone is upside down since {day}. {person} says to hold it the other way, but I like it this way.
1a The telephone talks to me. I have said good morning to it, to be safe.
1b The computer asks whether I want to update. I said no, politely. Now it asks every {n minute}.
1b I have pressed something and all the letters are {colour}. Is that the internet?
2 I have written the password on {a thing} so that nobody finds it, and now nobody finds it.
2 The man in the shop said I need a cloud. We have {weather}, is that enough?
2 When you come on {day2}, could you look at it? There will be {food}.
3? Your room is as you left it, apart from the {plant} and the {adj} {thing2}.
3? I am sending this twice because I do not know how to send it once.

@ family visit
> Are you coming on {day}?
> {day}
> Lunch on {day}
1 {relative} is coming on {day} and would like to see you, and to measure you.
1 Are you coming on {day}? I am making {food} and {cake}, and if you do not come I have to eat it with {relative}.
1 We are all meeting at {place} on {day} for the birthday of {relative}. It is a surprise, so tell only those who know.
2 {relative2} will bring the {instrument}. I could not think of a reason quickly enough.
2 Please bring {a thing} and the photographs, not those ones.
2 The {pet} has been told to behave.
3? Take the {vehicle} at {clock}, the later one goes to {town}.
3? Have you had your {bodypart} looked at?

@ family garden 4 5 6 7 8 9
>a The {vegetable}
>b A visitor
> News from the garden
1a The {s vegetable} are out of control. I have given some to everyone in {street} and now they pretend not to be home.
1a This year's {vegetable} weighs as much as {person}. We have put them side by side.
1b {A animal} has moved in behind the shed. We call it {petname}. It has eaten the {plant}.
2a I have made {food} from it, and {cake}, and something for the {bodypart}.
2 {relative} says it is the moon. I say it is the {drink}.
2b It comes at {time} and knocks. I have started to set a place for it.
3a? When you come I shall give you {n vegetable}. It is not a question.

@ family knitting 10 11 12 1
>a Your measurements
>b A parcel is coming
> It is cold
1a How big is your {bodypart} these days? I have wool left over.
1b I am knitting you {a colour} scarf. It is {n metre} long, since I was watching {film} and forgot to stop.
1b There is a jumper on its way to you, {colour}. It can also be worn with three arms.
2 It is cold and I know that you go out without a hat. I hear everything, because {person} drives your {vehicle}.
2 {relative} wants one too, but {colour2}, and with {a animal} on it.
3b? In the parcel there {is|are} {n jar} of jam too. Do not shake it.

@ family recipe
>a The recipe
>a {food}
>b The {cake}
1a Here is the recipe for {food} that you asked for. Take {n onion}, cry, and go on.
1b You asked how I make the {cake}. Nobody knows, but it starts with {n egg}.
2 Then wait {n hour}. Do not open the oven. I know that you open the oven.
2a {relative} uses {vegetable} instead. We do not talk about that version.
2 Stir until it looks like {weather}.
3? It serves {n guest}, or you, on {a day}.

@ club choir
>a Rehearsal on {day}
>b Choir: {tune}
>c To all basses
1a Rehearsal is on {day} at {time} in {place}. We begin with {tune}, and this time together.
1b The concert in {town} is in {n week} and {tune} still has two endings.
1c To all altos: you are too quiet. To all tenors: you know what you are.
2 Please practise bar {dozens} of {tune}. The note is an F. It was always an F.
2 {person} will conduct, since our conductor is on a boat.
2ac Bring a pencil, water and {cake} for the break.
3? We still look for {n tenor}. Ask your neighbours, ask on the bus.
3b? Black clothes, {colour} scarf, no hats with bells.

@ club chess
>a Chess on {day}
>b Results of the tournament
1a On {day} we play {town}. They have a new player who is eight years old and does not blink.
1a The club evening is moved to {place} on {day}, as the tap dancers above us have discovered synchrony.
1b Results of {day}: {person} beat {person2} in {dozens} moves, and {person2} beat the clock, with a shoe.
2a Please bring your own clock. The club's clock now runs backwards in winter.
2 {person} will give a talk on how to lose with dignity. {They person} {has|have} experience.
3? Annual fee: {euros}, payable to the treasurer, who is awake on {s day}.
3? The missing bishop has been found in the {cake}.

@ club bees 3 4 5 6 7 8
>a Swarm in {street}
> The bees
1a A swarm has settled on {a thing} in {street}. {person} is talking to it.
1b The bee-keepers meet on {day} at {time} at {place}. Bring a veil and good nerves.
2b The honey harvest was {dozens} jars, of which {person2} admits to one.
2a If you are stung, stay calm, and tell us which one it was.
2 {person2} has painted the hives {colour}. The bees have formed a committee.
3b? The course for beginners costs {euros}, bees included.

@ club run
> Sunday run
> Running club, not only running
>b The {town} half marathon
1a We run on {day} at {time} from {place}. The slow group is now called the scenic group.
1b There are places left for the run around {town}. It is {dozens} kilometres, or twice that if you follow {person}.
1a {person} has finished {their person} first marathon, and is expected back on {day}.
2 Afterwards there is {food} at {place}. Some of us only come for the afterwards.
2 The forecast says {weather}. It has said so since {pastyear}.
3b? Sign up by {day2}; the fee is {euros}.
3? Shoes with laces are an advantage.

@ club hobby
>a The {hobby} evening
>b Minutes of the {hobby} circle
> {Hobby} circle
1a The {hobby} circle meets on {day} at {clock} in {place}. Beginners are welcome, and so is {cake}.
1b At the last meeting of the {hobby} circle {n member} {was|were} present, not counting {person}, who was asleep.
1b {person} has been elected president of the {hobby} circle by one vote, {their person} own.
2 The trip to {town} will be by {vehicle}. Packed lunches may contain {vegetable}.
2b The cash box holds {euros} and a button.
2b It was decided to decide on {day2}.
2a {person2} will show slides of {town}, all of them.
3? Please return the {adj} {thing} that belongs to the circle.
3a? The door code is {hundreds}.

@ club harvest 9 10
> Giant {vegetable} competition
> Harvest fair
1 The giant {vegetable} competition is on {day} at {place}. Weighing starts at {time}, weeping a little later.
1 For the harvest fair we need {dozens} cakes and somebody who can lift {a vegetable} of {dozens2} kilos.
2 Last year's winner, {person}, has asked for a taller door.
2 It is forbidden to paint the {s vegetable}. We all know why we need this rule.
3? First prize is {a thing}. Second prize is two of them.

@ neighbour noise
>a The {instrument}
>a A request
>b Noise on {day}
1a I would like to ask who plays the {instrument} at {clock}. It is not bad, but it is always the same {n note}.
1b There will be some noise on {day} from {clock}, since we are teaching {petname} to use the stairs.
1b We are having a party on {day}. Come too, then you can not complain.
2 The walls are thin. We now know how your book ends.
2a Perhaps one could agree on {time}, and on another tune.
2b It will be over by {time}, or by {day2}.
3b? I have bought you earplugs. They hang on your door in {a colour} bag.

@ neighbour found
>a Found: {a thing}
>b {A pet} in the stairwell
>c Lost: {a thing}
1a We have found {a colour} {thing} in the yard. It is {adj}, and it is not ours.
1b {A pet} has been sitting on our balcony since {day}. It answers to {petname}, or to {food}.
1c Has anybody seen my {colour} {thing}? It stood beside the bicycles until {day}.
2ab Whoever misses it may come on {day2} at {time} and describe it.
2a {person} says it belongs to {person2}. {person2} says nothing, loudly.
2b {person} has given it a name, so it will be hard to part.
2c It has no value, but it has heard many secrets.
3c? The finder gets {cake}.

@ neighbour bins
>a Bins
>a The bins, once more
>b Our street on {day}
1a The {colour} bins go out on {day}, the {colour2} ones on {day2}. It is the other way round in leap years.
1a Somebody has put {a thing} into the paper bin. It is not paper. It was never paper.
1b Our street is sweeping up together on {day} at {time}. Brooms are there, {drink} too.
2a I have drawn a plan and hung it in the stairwell, beside my other plans.
2a {person} from the ground floor has offered to explain it with puppets.
2b Last year we found {n ball}, {n umbrella} and {person}'s left shoe.
3a? The fox thanks those who leave the lid open. The rest of us do not.

@ neighbour repair
>a Water on {day}
>b May I borrow {a tool}?
>c The lift
1a The water is turned off on {day} between {clock} and the end of the work. Fill a bath, or {a thing}.
1b May I borrow {a tool} on {day}? I have watched a film about it and feel ready.
1c The lift is out of order. It stopped between floors with {person} and {a cake}, and neither wants to leave.
2a The plumber says it is the pipe. Last time it was also the pipe.
2b I bring it back clean, and with {n jar} of jam.
2c The engineer comes on {day}. Until then, the stairs are good for the {bodypart}.
3a? If anything drips at your place, please put {a thing2} under it and call {person}.

@ shop order
> Your order no. {order}
> Order confirmation {order}
> Thank you for your order
1 Thank you for your order no. {order} of {a adj} {thing}. The total is {euros}, paid by card.
1 We have received your order {order}: one {thing}, {colour}. {person} is wrapping it right now, with {their person} tongue out.
1 We are happy to confirm your order {order}. One {thing} at {euros} is on its way to being on its way.
2 It leaves our shop on {day} and reaches you within {n workday}.
2 You find your invoice in your account at {link}. If the {thing} does not suit you, you may send it back within {dozens} days.
2 The {thing} is guaranteed for {n year}, the colour for one.
3? Questions about your order? Reply to this message, {person2} knows everything.
3? With your order you have collected {dozens} points. Nobody knows what for.

@ shop refund
> Refund for order {order}
> Your return has arrived
1 Your return of order {order} has arrived. We refund {euros} to your card by {day}.
1 We are sorry that the {thing} was {adj}. We have refunded {euros}; please allow {n workday} for your bank.
2 You do not need to do anything.
2 We have found the letter that you put in the box and have read it aloud to the other {s thing}.
3? The reference of your refund is {hundreds}-{order}.

@ shop invoice
> Invoice {order}
> Your invoice from {org}
> Reminder: invoice {order}
1 Please find your invoice {order} of {euros} for {a thing} attached. It is payable by {day}.
1 According to our books the invoice {order} of {euros} is still open. If you have paid it, please forget this message.
1 Attached is the invoice {order} for the repair of your {adj} {thing}, {euros} in all.
2 Please put the number of the invoice on your transfer.
2 Our bank account has not changed, and neither have we.
2 If you have a question about this invoice, {person} answers it on {s day2}.
3? You can also pay at our counter, in {street}, in exchange for gossip.

@ parcel delivery
>a Your parcel arrives on {day}
>b We missed you!
> Delivery {order}
1a Your parcel {order} will be delivered on {day} between {clock} and whenever the traffic allows.
1b We tried to deliver your parcel {order} today and rang {n occasion} at your door. It is with {person}, who seemed pleased.
1b Your parcel {order} is waiting for you in our shop in {street} until {day}.
2a Follow your parcel at {link} with the number {hundreds}-{order}.
2b Please bring a document with your name. A face is not enough.
2 You can choose another day or another neighbour at {link}.
3? Our driver {person2} thanks you for the {drink}.
3? Nothing is to pay.

@ parcel customs
> Parcel {order} from abroad
> Customs for your parcel
1 Your parcel {order} from {town} has reached customs. The declared content is "{thing}, {adj}".
1 For your parcel {order} customs asks for {euros}. You pay our driver at the door, in cash or by card.
2 You need not do anything before {day}.
2 If you have the receipt of the sender, please keep it at hand.
3? Details are at {link}.

@ bank statement
>a Your statement for {month}
>a Your account in {month}
>b New document in your account
>c Your card ending in {hundreds}
1a Your statement for {month} is ready. You find it in your account under documents.
1b A new document has been placed in your account. Please log in as usual to read it.
1c Your card ending in {hundreds} was used on {day} at {org2} for {euros}.
2 For your security we never ask for your password by mail or telephone.
2c If this was not you, call the number on the back of your card.
2ab From {day} on, our branch in {street} opens at {clock}; the coin machine remains as it was, moody.
3? Your adviser is {person} {surname2}, who can be reached by telephone and by pigeon.
3? This message can not be answered.

@ bank terms
>a Change of our terms
>b Interest on your savings
>c Your appointment at the bank
1a We have changed our terms. Page {dozens} now says "may" in place of "might".
1b From the first of next month the interest on your savings account is {digit}.{digit2} percent. We are as surprised as you.
1c Your appointment with {person} at our branch in {street} is on {day} at {clock}.
2ab You do not need to do anything if you agree. If you do not agree, there is a form.
2c Please bring your identity card and, if you like, {cake}.
3ab? The terms are at {link} and, for the brave, on paper.
3ab? Fees stay the same; we checked.
3c? Coffee is free, advice usually.

@ newsletter sale
> {percent}% off everything {colour}
> Our big {month} sale
> Free delivery until {day}
> Last chance: {percent}% off
1 It is sale time! Save up to {percent}% on every {thing}, every {thing2} and on the famous {gadget}.
1 Only until {day}: {percent}% off, and delivery is free from {euros}.
1 We are clearing our attic. Everything must go, even {person}'s favourite {gadget}.
2 The offer is for subscribers only, that is, for you. Click here to see everything: {link}
2 With the code {code} you get {a thing} for free with your next order.
2 New this week: the {gadget}. We have tested it and {person2} has almost recovered.
3? You receive this newsletter because you subscribed, in {weather}. Unsubscribe: {link}
3? Offer valid while stocks last. Stocks are nervous.

@ newsletter articles
>a This week: {craze}
>b {N thing} that changed our lives
>c {N gadget}, tested
> What {animal} owners never tell you
1a In this week's letter: why everybody talks about {craze}, and {n reason} to wait until it passes.
1b Our reader {person} from {town} has crossed {n border} with {a animal} and {a thing}. The interview is as long as the walk.
1c We have tested {n gadget} for you. The winner costs {euros} and can be switched off.
2 Also: a recipe for {food}, a quiz, and letters about our mistake with the {vegetable}.
2 Read more at {link}, free for subscribers.
2 And the answer to last week's riddle: it was {a thing2}.
3? Tell a friend, if you still have one after the {food}.
3? To unsubscribe, click here. We would understand. {person2} would not.

@ newsletter culture
>a {film}, on {day}
>a Programme for {month}
>b Win two tickets for {film}
>c {person} {surname2} reads
1a In {month} we show {film}, on {s day} at {clock}. Subscribers pay {euros}.
1b Win two tickets for {film}! Tell us by {day} which {instrument} is played in it. The funniest wrong answer gets a prize.
1c On {day} {person} {surname2} reads from "{book}". Entry is free, leaving costs {euros}.
2 The bar opens at {time}. The {cake} is by {person2} and goes first.
2 Book your seats at {link}; row {digit} has more room for legs.
3? Members get {percent}% off, children pay in jokes.
3? You get this because you signed our guest book. Unsubscribe at {link}.

@ newsletter garden 2 3 4 5 9 10
>a Your garden in {month}
>b Free seeds with every order
1a What to do in {month}: cut the {plant}, talk to the {vegetable}, forgive the snails.
1b With every order in {month} you get a bag of {vegetable} seeds for free.
2 Our offer of the week: {a plant}, strong, {colour}, only {euros}.
2a {person} answers your questions. This week: is it normal that my {plant} hums?
3? Order at {link}. Unsubscribe at the same place, behind the shed.

@ newsletter holidays 11 12
> {percent}% off presents
> Presents for people who have everything
1 Still no present for {relative}? We have {n gadget} left, and {a adj} {thing}.
1 Our present finder asks three questions and always ends at the {gadget}.
2 Order by {day} and it arrives in time. Wrapping is free, and {colour}.
2 Gift cards from {euros}: the present that says "I thought of you, briefly".
3? All offers are at {link}.

@ helpdesk password
>a Your password expires in {digit} days
>a Password change
>b Planned maintenance on {day}
>c Your mailbox is {percent} percent full
1a Your password expires in {digit} days. Please change it as usual, with the keys on your keyboard.
1b On {day} from {clock} the mail server is being serviced. Mail may arrive late, twice, or in {colour}.
1c Your mailbox is {percent} percent full. Please delete what you do not need, beginning with the pictures of {petname}.
2a The new password must have {dozens} characters, a number and a happy memory.
2a Nobody from the service desk will ever ask for your password. {person} asked once, and now sorts the cables in {room}.
2b Please save your work and close all windows, also those in {room}.
2c Attachments can be saved on the shared drive, in the folder "old", in the folder "old old".
3? Instructions are on the intranet under "Instructions (new) (2)".
3? Questions to {person2}, extension {hundreds}.

@ helpdesk ticket
>a Ticket {order}: {drink} in the keyboard
>b [Ticket {order}] closed
>c Your ticket {order}
1a Your ticket {order} "{drink} in the keyboard" has been passed to {person}, who sighed and accepted it.
1b We have closed your ticket {order}. The cause was {a animal}.
1c About your ticket {order}: have you tried to switch it off, wait, apologise, and switch it on?
2bc Please confirm by {day} that the problem is gone.
2a You can pick up the laptop in {room} between {clock} and lunch.
2 {person2} has written a guide for such cases. It is {dozens} pages long and ends in tears.
3? How satisfied were you? Please answer from one to ten, or in song.

@ council letters
>a Roadworks in {street}
>b Your library books
>c Parents' evening
>d Your parking permit
1a From {day} on, {street} is closed for {n week}. The {vehicle} stops in {street2} instead, and on request.
1b "{book}" was due on {day}. The fee is {euros} so far. You may return it without looking at us.
1c The parents' evening is on {day} at {time} in {place}. Please sit on the small chairs without comment.
1d Your parking permit for {street} ends this month. The new one costs {euros} and is {colour}.
2d You need the form {hundreds}-B, in two copies, of which one is not needed.
2 Questions are answered by {person} {surname2} on {s day2}, in a calm voice.
2bd Please renew it at our counter or at {link}.
2a The sign with the arrow is right. The other sign is also right, for ships.
2c The topics are the trip to {town}, the {food} in the canteen, and the {animal}.
3? The office is closed on {day2} because of {weather}.

@ health appointment
>a Your appointment on {day}
>a Reminder: {day}, {clock}
>b Time for a check-up
>c {petname}
1a We remind you of your appointment on {day} at {clock}. If you can not come, please call us before, not after.
1b It has been {n year} since your last visit. Your {bodypart} misses us.
1c {petname} is due for the yearly vaccination. We suggest {day} at {clock}, and gloves.
2c Please bring the {pet} in a box with holes, and something to bite on, for yourself.
2ab Please come {n minute} early to fill in the form that you filled in last time.
2 The waiting room has new magazines, from {pastyear}.
3ab? For {ailment} we have a brochure; {person} drew the pictures.
3? It will not hurt, says {person2}, who will not be there.

@ travel booking
>a Your journey on {day}
>a Booking confirmed: {town}
>b Your room {hundreds}
>c Cancelled: {day}, {clock}
> Your booking {order}
1a Your journey to {town} on {day} is booked. Departure {clock}, seat {digit}{letter}, beside the window and {a animal}.
1b We have booked room {hundreds} for you from {day} for {n night}, with breakfast and a view of {place}.
1c The ferry of {day} at {clock} is cancelled because of {weather}. You may take any other, or swim.
2 Your booking number is {order}. The price of {euros} is paid.
2 Show this message at the counter. {person} will pretend to look it up.
2ac Luggage: one bag, one coat and, by arrangement, one {instrument}.
3? You can cancel free of charge until {day2} at {link}.
3? We wish you a pleasant journey, whatever the weather.

@ work brief
> Re: {document}
> {document}
> Hello
> (no subject)
1 See attached.
1 Here is the {document}.
1 Can you call me?
1 As promised.
1 Are you at your desk?
1 Do you have a minute?
2? Please have a look and tell me what you think.
2? Thanks, got it.
2? I need it by {clock}.

@ friend brief
> Hi
> Hello
> Re: {day}
> Photos
1 Are you free on {day}?
1 Look at this: {link}
1 Have you seen this? {link}
1 The pictures are here: {link}
1 Did you get my last message?
1 I tried to call you.
2? I have a new number, write to me there.
2? Call me when you can.
2? Happy birthday!
"""
