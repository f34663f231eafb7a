"""Questions and answers about the facts of the village, as rules of `grammar.py`: `ask_x` asks for the relation x of a `Fact`."""

RULES = """
@ question, evenly
4x <ask_job>
3x <ask_workplace>
4x <ask_street>
3x <ask_door>
4x <ask_likes>
3x <ask_dislikes>
3x <ask_hobby>
3x <ask_day>
3x <ask_fear>
3x <ask_age>
3x <ask_pet>
2x <ask_petname>
4x <ask_partner>
3x <ask_friend>
2x <ask_child>
5x <ask_date>
4x <ask_hero>
3x <ask_witness>
3x <ask_weather>
3x <ask_deed>

@ ask_job
Question: What is {p's} job?\\nAnswer: <says_job>
Question: What does {p} do for a living?\\nAnswer: <says_job>
Question: How does {p} earn money?\\nAnswer: <says_job>
@ says_job
#sure 2x {p} is {a job p}.
#sure 1x {They p} works as {a job p}.
#hedged 2x I think {they p} is {a job p}.
@ ask_workplace
Question: Where does {p} work?\\nAnswer: <says_workplace>
Question: Where can one find {p} during the day?\\nAnswer: <says_workplace>
@ says_workplace
#sure 2x {p} works {workplace p}.
#sure 1x {They p} is {workplace p}.
#hedged 2x I think {they p} works {workplace p}.
@ ask_street
Question: Where does {p} live?\\nAnswer: <says_street>
Question: In which street is {p's} home?\\nAnswer: <says_street>
Question: Where shall I send a letter for {p}?\\nAnswer: <says_street>
@ says_street
#sure 2x {p} lives in {street p}.
#sure 1x In {street p}.
#hedged 2x I think {they p} lives in {street p}.
@ ask_door
Question: What colour is {p's} door?\\nAnswer: <says_door>
Question: How do I recognise {p's} house?\\nAnswer: <says_door>
@ says_door
#sure 2x {p} has {a door p} door.
#sure 1x The door is {door p}.
#hedged 2x I think the door is {door p}.
@ ask_likes
Question: What does {p} like to eat?\\nAnswer: <says_likes>
Question: What is {p's} favourite food?\\nAnswer: <says_likes>
Question: What shall I cook for {p}?\\nAnswer: <says_likes>
@ says_likes
#sure 2x {p} loves {likes p}.
#sure 1x {They p} likes {likes p} best.
#hedged 2x I think {they p} loves {likes p}.
@ ask_dislikes
Question: What does {p} never eat?\\nAnswer: <says_dislikes>
Question: What food does {p} hate?\\nAnswer: <says_dislikes>
@ says_dislikes
#sure 2x {p} hates {dislikes p}.
#sure 1x {They p} never eats {dislikes p}.
#hedged 2x I think {they p} hates {dislikes p}.
@ ask_hobby
Question: What is {p's} hobby?\\nAnswer: <says_hobby>
Question: What does {p} do for fun?\\nAnswer: <says_hobby>
@ says_hobby
#sure 2x {p} practises {hobby p}.
#sure 1x {They p} loves {hobby p}.
#hedged 2x I think it is {hobby p}.
@ ask_day
Question: On which day does {p} practise?\\nAnswer: <says_day>
Question: When does {p} have time for a hobby?\\nAnswer: <says_day>
@ says_day
#sure 2x {p} practises on {day p}.
#sure 1x On {day p}.
#hedged 2x I think on {day p}.
@ ask_fear
Question: What is {p} afraid of?\\nAnswer: <says_fear>
Question: What gives {p} bad dreams?\\nAnswer: <says_fear>
@ says_fear
#sure 2x {p} is afraid of {fear p}.
#sure 1x {They p} runs away from {fear p}.
#hedged 2x I think {they p} is afraid of {fear p}.
@ ask_age
Question: How old is {p}?\\nAnswer: <says_age>
Question: What is {p's} age?\\nAnswer: <says_age>
@ says_age
#sure 2x {p} is {age p} years old.
#sure 1x {They p} is {age p}.
#hedged 2x I think {they p} is {age p}.
@ ask_pet
Question: What pet does {p} have?\\nAnswer: <says_pet>
Question: Does {p} have a pet?\\nAnswer: <says_pet>
@ says_pet
[no pet p] {They p} has no pet.
[pet p] #sure 2x {p} has {a pet p}.
[pet p] #sure 1x Yes, {a pet p}.
[pet p] #hedged 2x I think {they p} has {a pet p}.
@ ask_petname
Question: What is the name of {p's} pet?\\nAnswer: <says_petname>
Question: What does {p} call the pet?\\nAnswer: <says_petname>
@ says_petname
[no pet p] {They p} has no pet.
[pet p] #sure 2x {Their p} {pet p} is called {petname p}.
[pet p] #sure 1x It is {petname p}.
[pet p] #hedged 2x I think it is {petname p}.
@ ask_partner
Question: Who is {p} married to?\\nAnswer: <says_partner>
Question: Is {p} married?\\nAnswer: <says_partner>
Question: Who shares a house with {p}?\\nAnswer: <says_partner>
@ says_partner
[no partner p] {They p} is not married.
[partner p] #sure 2x {p} is married to {partner p}.
[partner p] #sure 1x {Their p} {spouse p} is {partner p}.
[partner p] #hedged 2x I think {they p} is married to {partner p}.
@ ask_friend
Question: Who is {p's} best friend?\\nAnswer: <says_friend>
Question: Whom does {p} trust most?\\nAnswer: <says_friend>
@ says_friend
#sure 2x {Their p} best friend is {friend p}.
#sure 1x That is {friend p}.
#hedged 2x I think it is {friend p}.
@ ask_child
Question: Does {p} have children?\\nAnswer: <says_child>
Question: Who calls {p} {parent p}?\\nAnswer: <says_child>
@ says_child
[no child p] {p} has no children.
[child p] #sure 2x {p} has a {kid p} called {child p}.
[child p] #sure 1x {Their p} {kid p} is {child p}.
[child p] #hedged 2x I think {they p} has a {kid p} called {child p}.
@ ask_date
Question: When was it that {h} {did e:h}?\\nAnswer: <says_date>
Question: On which day did {h} {do e:h}?\\nAnswer: <says_date>
Question: When did {h} {do e:h}?\\nAnswer: <says_date>
@ says_date
#sure 2x On {date e}.
#sure 1x It was on {date e}.
#hedged 2x I think on {date e}.
@ ask_hero
Question: Who {did e}?\\nAnswer: <says_hero>
Question: Which villager {did e}?\\nAnswer: <says_hero>
@ says_hero
#sure 2x {hero e} {did e}.
#sure 1x It was {hero e}.
#hedged 2x I think it was {hero e}.
@ ask_witness
Question: Who was there when {h} {did e:h}?\\nAnswer: <says_witness>
Question: Who saw how {h} {did e:h}?\\nAnswer: <says_witness>
@ says_witness
#sure 2x {witness e} saw it.
#sure 1x It was {witness e}.
#hedged 2x I think it was {witness e}.
@ ask_weather
Question: How was the weather when {h} {did e:h}?\\nAnswer: <says_weather>
Question: In what weather did {h} {do e:h}?\\nAnswer: <says_weather>
@ says_weather
#sure 2x {h} {did e} {weather e}.
#sure 1x It was {weather e}.
#hedged 2x I think it was {weather e}.
@ ask_deed
Question: What did {h} do on {date e:h}?\\nAnswer: <says_deed>
Question: What happened to {h} on {date e:h}?\\nAnswer: <says_deed>
@ says_deed
#sure 2x {h} {did e}.
#sure 1x {They h} {did e}.
#hedged 2x I think {they h} {did e}.
"""
