"""Chat and the village forum, as rules of `grammar.py`. p (h where it is about a deed) is spoken of; q, r and w speak."""

RULES = """
@ chat
1x Chat\\n{q}: <chatter>

@ chatter
4x <ask_around>
3x <gossip>
3x <plan>
2x <lend>
2x <small_talk>
2x <quarrel>

@ ask_around
3x (Do you know|Does anybody know|Who knows) {p}?\\n{r}: <know_p>\\n{q}: <thanks>
2x I need to (find|visit|write to) {p}.\\n{r}: <know_p>\\n{q}: <thanks>
1x What shall I bring {p}?\\n{r}: <gift_p>\\n{q}: <thanks>
1x Tell me something about {p}.\\n{r}: <know_p>\\n{w}: <also_p>\\n{q}: <thanks>

@ know_p
#sure 5x {They p} <pred_p>.
#sure 2x Of course! {They p} <pred_p>.
#sure 2x {p}? {They p} <pred_p>.
#sure 1x Everyone knows that {they p} <pred_p>.
#hedged 4x I think {they p} <pred_p>.
#hedged 2x Maybe {they p} <pred_p>, but do not quote me.
#hedged 2x As far as I remember, {they p} <pred_p>.
#hedged 2x I am not sure, but people say {they p} <pred_p>.

@ also_p
#sure 3x And {they p} <pred_p>.
#sure 1x Also, {they p} <pred_p>.
#hedged 2x And I believe {they p} <pred_p>.
1x And {they p} owes me {few} eggs.

@ gift_p
#sure 2x {They p} loves {likes p}.
#sure 2x Anything but {dislikes p}.
#sure 1x Something for {hobby p}.
#sure 1x Nothing with {fear p} on it, please.
#hedged 2x I think {they p} likes {likes p}.
[pet p] 1x Something for {petname p} the {pet p}.

@ thanks
#polite 3x Thank you, {r}!
#polite 2x You are (a treasure|an angel|very kind).
#polite 1x Thanks, I owe you (tea|a cake|{few} eggs).
#rude 2x I knew that, you {insult}.
#rude 1x Took you long enough.
#rude 1x Nobody asked for a speech.
2x Good to know.
1x Oh.
1x That explains the {thing}.

@ gossip
3x Have you heard? {h} {did e:h}!\\n{r}: <when_was>\\n{q}: <that_day> <shock?>
2x Guess what {h} did.\\n{r}: Tell me!\\n{q}: {They h} {did e:h}. <shock?>
2x What is new?\\n{r}: {h} {did e:h}.\\n{q}: <when_was>\\n{r}: <that_day>
1x I still laugh about {h}.\\n{r}: Why?\\n{q}: {They h} {did e:h}, {weather e}.

@ when_was
2x When was that?
1x No! When?
1x Which day?
#rude 1x Old news. When was it, {insult}?

@ that_day
#sure 4x On {date e}.
#sure 2x It was {date e}, {weather e}.
#hedged 3x I think it was {date e}.

@ shock
2x I nearly dropped my {thing}.
1x Do not tell the mayor.
1x My {animal} could do that.
1x I want it in the paper.

@ plan
3x (Tea|Supper|A walk) at {place}, this {when}? I bring {food} and my {adj} {thing}.\\n{r}: <yes_no>\\n{q}: <settle>
2x Who comes to {place} this {when}?\\n{r}: <yes_no>\\n{w}: <me_too>
1x We need {few} people to move {a adj} {thing}.\\n{r}: <yes_no>\\n{w}: <me_too>\\n{q}: <settle>

@ yes_no
2x (Gladly|Yes, please|With pleasure)!
2x I can not, I have to (wash|feed|find) my {animal}.
1x Only if there is {food}.
2x I would love to, but it is {day r}, and I do {hobby r}.
1x Is there {likes r}? Then yes.
1x Not if there is {dislikes r} again.
#rude 2x With you? I would rather (kiss {a mood} {animal}|eat {a adj} {thing}|count gravel).
[partner r] 1x I must ask {partner r} first.
[pet r] 2x May I bring {petname r}? You know my {pet r}.
[child r] 1x Only if {child r} can come too.

@ me_too
2x Me too.
1x I bring {food2}.
1x I bring my {adj2} {thing2}.
1x Then I stay at home.
#rude 1x Not with {r}, that {insult}.
#polite 1x How nice to hear from you, {r}.

@ settle
2x (Good|Fine|Done), see you there.
1x I wear the {colour} hat.
1x Bring {few} chairs.
1x Then another day.
#rude 1x Be late again and I eat your {thing3}.

@ lend
3x {r}, can I (have|borrow) your {thing}?\\n{r}: <lend_yes>\\n{q}: <lend_end>
2x Who has my {adj} {thing}?\\n{r}: <lend_yes>\\n{q}: <lend_end>

@ lend_yes
2x It is at {place}, under the {mood} {animal}, next to {a adj2} {thing2}.
1x I gave it back {few} weeks ago.
2x Yes, it is behind the {door r} door in {street r}.
1x Ask me {workplace r}, I am there all day.
#polite 2x Of course, keep it as long as you like.
#rude 2x After what you did to my {thing2}? Ha!

@ lend_end
2x I am on my way.
1x It was only {few} cracks.
#polite 2x Thank you, you are too good.
#rude 2x You {insult}.
1x Never mind, I use {a adj3} {thing3}.

@ small_talk
2x (It is raining|The wind is back|What a sky|So much fog).\\n{r}: <reply_small>\\n{q}: <reply_more>
2x I am {mood} today.\\n{r}: <reply_small>\\n{q}: <reply_more>
1x There is {a mood} {animal} in my kitchen.\\n{r}: <reply_small>\\n{q}: <reply_more>

@ reply_small
2x Same here in {street r}.
1x It is warm and dry {workplace r}.
1x Have some {food}.
1x Blame {topic}.
2x I am {a job r}, I do not notice such things.
1x As long as there are no {fear r}.
#rude 1x Who cares, you {insult}?

@ reply_more
2x True.
1x That helps, a little.
1x My {thing} says the same.
1x Good {when}!
#polite 1x You always cheer me up.
#rude 1x I have met {many thing} with more heart.

@ quarrel
#rude 3x Who put {a adj} {thing} on my step?\\n{r}: <deny>\\n{q}: <retort>
#rude 2x {r}, your {animal} ate my {vegetable}!\\n{r}: <deny>\\n{q}: <retort>
#polite 3x Somebody left {a adj} {thing} on my step.\\n{r}: <sorry>\\n{q}: <thanks>

@ deny
2x It was not me, it was {p}. {They p} <pred_p>.
1x Prove it, you {insult}.
1x It is art.
1x It was there before you were born.

@ retort
2x You {insult}!
1x I have counted to {few}. Now run.
1x I will tell the mayor and your mother.
1x See you in court, or at {place}.
1x I keep it, then.

@ sorry
2x That was me, I am so sorry.
1x It is a present!
1x It is for {p}. {They p} <pred_p>.

@ forum
8x Forum: {topic}\\n{q} wrote: <thread>
2x Forum: who knows?\\n{q} wrote: <forum_question>\\n{r} wrote: <know_p>\\n{w} wrote: <agree_p>
2x Forum: for sale\\n{q} wrote: <offer>\\n{r} wrote: <bid>

@ thread
4x <complaint>\\n{r} wrote: <answer_forum>
2x <complaint>\\n{r} wrote: <answer_forum>\\n{q} wrote: <last_word>
2x <praise>\\n{r} wrote: <answer_forum>

@ complaint
#rude 3x I have had enough of {topic}, {topic2} and {place}. Whoever (likes|wants|defends) them is {a adj2} {insult}.
#rude 3x Again {few} hours of {topic}, and not one {insult} (helps|listens|cares).
#rude 2x Every {when} the same. {p}, who <pred_p>, is behind it, the {insult}.
#rude 2x Somebody here thinks that rules are for others. Yes, {p}, you {insult}, who <pred_p>.
#rude 1x My {animal} has better manners than this whole {adj} village.
#polite 3x Could we please talk about {topic} and the {mood} {many animal} at {place}? It has been {few} weeks.
#polite 2x I do not want to complain, but {topic} (keeps|kept) me awake every {when}.
#polite 2x Dear neighbours, I found {a adj} {thing} and a question about it.

@ praise
#polite 3x I want to thank {p}, who <pred_p>, for the {adj} {thing}.
#polite 2x What a lovely {when} it was at {place}!
#rude 2x At last somebody (did|said) something, and of course it was not the mayor, that {insult}.
2x The village has never been so (clean|quiet|full of goats).

@ answer_forum
#rude 3x {q}, you {adj} {insult}, it was you and your {adj3} {thing2} who (began|started) it.
#rude 2x Read the rules before you write, you {adj} {insult}.
#rude 2x I have seen {many animal} with more sense. I live in {street r}, come and tell me to my face.
#rude 2x As {a job r} I can say: you are {a insult}.
#rude 1x Nobody with {a door r} door would ever write such nonsense.
#rude 1x You spell like {a mood} {animal}, {q}.
#polite 3x Well said, {q}. I bring {food}, {a adj3} {thing2} and {few2} {many vegetable} to the next meeting.
#polite 2x As {a job r} I can help. Come by {workplace r}.
#polite 2x Please be kind to each other. We are only {few} hundred people here.
1x Has anyone seen my {thing}?
1x I am against it. What was it?
1x In my day we had {topic} too, and it was worse.

@ last_word
#rude 2x Says the {insult} of {street r}!
#rude 1x I will not answer {many insult} any more. Good {when}.
#rude 1x Your {thing} is ugly too.
#polite 2x You are right, {r}, and I am sorry.
#polite 1x Let us meet at {place} and shake hands.
1x I close this thread.

@ forum_question
2x Who can tell me something about {p}?
1x Is {p} all right? I have not seen {them p} for {few} weeks.
1x I found {a adj} {thing}. I think it belongs to {p}.
#rude 1x Who on earth is {p}, and why is everyone so {adj} about it?

@ agree_p
2x True. And {they p} <pred_p>.
1x No more than {few} people know that.
1x Leave {p} alone.
#rude 1x We know, you {insult}.
#hedged 2x Is that so? I thought {they p} had moved.

@ offer
2x One {adj} {thing}, hardly used, for {few} {many vegetable} or {a adj2} {thing2}.
1x Fresh from my garden: {few} {adj} {many vegetable}, still warm.
1x My {thing}. It knows what it did.
1x Lessons in {hobby q}, every {day q}.

@ bid
2x I take it. I live in {street r}.
1x I offer {a adj2} {thing2} and {food}.
1x Does it bite?
#rude 2x For that? You are {a insult}.
#polite 2x How kind! I will come this {when}.
"""
