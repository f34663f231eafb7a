"""The same people and the same spammers on a telephone: short, lower case, no greeting.

In the notation of `ham.py`.
"""

HAM = """
@ work chat
1 printer in {room} is on strike again
1 running late, start without me. or with {person}
1 who took my {thing}?? it was on the desk
1 meeting moved to {clock}, {room}
1 is project {project} still a thing
1 {person} is asking for the {report}, i said soon. how soon is soon
1 there is {cake} in {room}!! come fast
2? can you send me your {document}
2? dont tell {person}
2? brb, {animal} in the car park

@ friend chat
1 are you coming on {day}? we are making {food}
1 {film} at {clock}, you in?
1 guess who i saw at {place}. {person}. with {a pet}
1 {petname} ate my {thing} lol
1 stuck on the {vehicle} next to a man with {a instrument}
1 i tried {craze} and now my {bodypart} hurts
1 did i leave my {thing} at yours
1 happy birthday you old {vegetable}!!
2? bring {drink}
2? call you tonight ok
2? tell {person} too

@ family chat
1 hi its {relative}, how do i make the letters bigger
1 are you eating enough
1 the {vegetable} is this big now, see picture
1 {petname} misses you, the {pet} not the lamp
1 home safe, {vehicle} was late because of {weather}
1 what is the password of the internet
2? love {relative}
2? bring the blue box on {day}
2? did you call {relative2}

@ club chat
1 rehearsal tonight at {clock}, bring your {instrument}
1 no {hobby} on {day}, {person} has the key and {person} is in {town}
1 who can drive to {town} on {day}, there are {digit} of us
1 we won!!! {person} fell over but we won
1 fee is {euros}, pay {person}, cash or {cake}
2? warm up at half past
2? black socks please

@ neighbour chat
1 your {pet} is on our balcony again
1 water is off till {clock}
1 anyone got {a tool} i can borrow till {day}
1 is that you with the {instrument}? its nice. its late
1 parcel for you is with us, also the one for {person}
2? ring twice, bell is moody
2? top floor, mind the {thing}

@ shop chat
1 your order {order} is ready to pick up at {org}, open till {clock}
1 order {order} shipped today, track it: {link}
1 thanks for your visit at {org}! you have {dozens} points
1 your {thing} is repaired, price {euros}
2? questions? reply to this message

@ parcel chat
1 parcel {order} arrives on {day} by {clock}
1 we left your parcel {order} with {person} in {street}
1 driver is {n stop} away from you, follow here: {link}
2? nothing to pay

@ bank chat
1 {order} is your code for the payment of {euros} at {org2}. tell nobody
1 your card ending {hundreds} was used in {town}, {euros}
1 statement for {month} is in your account
2? not you? call the number on your card

@ newsletter chat
1 today only {percent}% off every {thing} at {org} {link}
1 tickets for {film} are on sale now, subscribers save {percent}%
1 new: {gadget}. we tested it so you dont have to {link}
2? send stop to unsubscribe

@ helpdesk chat
1 mail server is down from {clock}, go outside, it is free
1 password expires in {digit} days, change it on the intranet
1 ticket {order} closed, it was the {animal}
2? {person}, it helpdesk

@ council chat
1 {street} closed till {day}, {vehicle} goes via {street2}
1 your book is overdue, fee {euros} so far
2? details at {link}

@ health chat
1 reminder: appointment on {day} at {clock}. cannot come? call us
1 {petname} is due for a check up, reply 1 for {day} 2 for {day2}
2? bring your card

@ travel chat
1 your {vehicle} to {town} leaves at {clock}, {n minute} late as usual
1 gate changed, look for the man with the {colour} hat
1 booking {order} confirmed, room {hundreds}
2? ticket: {link}
"""

SPAM = """
@ money chat
1 yo free money for real {wad} no cap {link}
1 they pay {wad} a week for nothing, ask me how
1 your {wad} is waiting, tap here {link}
2? first {dozens} people only
2? dont miss out

@ lottery chat
1 u won {fortune}!! claim code {order} {link}
1 congrats your number won {prize}, claim today {link}
2? fee {wad} only

@ inheritance chat
1 hello dear i am {me}, i have {fortune} and no friends
1 {a magnate} left you {fortune}, lawyer needs your bank {link}
2? keep it secret

@ pills chat
1 {pill} {percent}% off today no prescription {link}
1 tired of {ailment}? {pill} fixes it in {n minute} {link}
2? buy {digit} get {digit2}

@ watches chat
1 {watchbrand} from {wad}, looks real, ticks real {link}
1 luxury watch sale ends {clock} {link}
2? free shipping

@ casino chat
1 {dozens} free spins on us {link}
1 jackpot {fortune} tonight spin now {link}
2? bonus code {code}

@ degree chat
1 {degree} in {n workday}, no exam, dm me
1 need a diploma? {subject_of_study}, cheap {link}
2? hat included

@ coins chat
1 {coin} to the moon by {day}, put in {wad} now {link}
1 my guy doubles your crypto in {n hour}, just send {wad} first
1 join the signals group, {percent}% a day no joke {link}
2? not advice but its advice

@ job chat
1 hiring!! {wad} a week from your phone, like videos, get paid {link}
1 hi i got your number from hr, part time {wad} a day, interested?
2? add me on the other app

@ loan chat
1 loan {wad} approved no checks {link}
1 cash in {n minute} reply yes
2? low rate {percent}%

@ diet chat
1 lost {dozens} kilos with {pill} tea, look {link}
1 melt belly fat by {day} {link}
2? free trial

@ romance chat
1 hey cutie its {person}, my pics are here {link}
1 hi are you {you}? wrong number lol but you seem nice
1 lonely tonight? chat with accountants near you {link}
2? i like {hobby}

@ website chat
1 hi saw your site, can get you to rank 1 by {day}, interested?
2? just reply yes

@ survey chat
1 claim your {wad} gift card, {digit} questions {link}
1 you are visitor {order}! you get {prize} {link}
2? expires at {clock}

@ parcelfee chat
1 your parcel {order} is on hold, pay {euros} here {link}
1 we could not deliver parcel {order}, update address {link}
2? within {n hour}

@ phishing chat
1 your card is blocked, unlock it here {link}
1 new login from {town}, not you? confirm {link}
1 {order} is your code. send it to us to stop the payment of {euros}
2? bank security

@ invoice chat
1 invoice {order} of {euros} is overdue, pay now {link}
2? last reminder

@ webmail chat
1 mailbox full, keep your password here {link}
2? it support

@ boss chat
1 hi its your boss, new number. can you get {n gift card} of {wad}
1 are you free? need a quick transfer before {clock}
2? dont call, in a meeting

@ stranded chat
1 hi mum its me, phone broke, this is my new number
1 im stuck in {town}, lost my wallet, can you send {wad}
2? pay you back on {day}

@ offers chat
1 today only {percent}% off the {gadget}, card only {link}
1 member deal: {prize} for {wad} {link}
2? send stop to pay less

@ brief chat
1 is this you in the video? {link}
1 omg look at this {link}
1 hi are you there
2? new number, write me there
"""
OPEN = "lol|haha|omg|hmm|phew|yay|argh|wow|ok so|right|anyway|hey|hi|psst|ugh".split("|")
CLOSE = "xx|lol|ok?|thx|:)|:-)|;)|cu|bye|haha|!!|???|k|...".split("|")
