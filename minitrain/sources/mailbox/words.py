"""The words of the mailbox: who writes, about what, with which greeting and farewell. Lists only; no grammar, no labels.

Everybody and everything here is invented; addresses end in .example, which nobody can own (RFC 2606).
"""

SHE = """Maud Agnes Priya Lucia Ingrid Fatima Wanda Odile Mei Zora Hilde Nkechi Rosalind Tamsin Yuki Beatriz Edith Saoirse
Parvati Dolores Gudrun Amara Petra Leila Winifred Chiara Hortense Ximena""".split()
HE = """Barnaby Kwame Igor Nils Rajesh Otto Hamish Tariq Wendell Luigi Casper Mateo Sven Percy Anton Emeka Kenji Ambrose
Dmitri Felix Gaston Horatio Idris Jasper Malachy Olaf Ravi Thaddeus""".split()
THEY = "Robin Sasha Kit Jules Ash Noor Quinn Remy".split()
FIRST = SHE + HE + THEY
SURNAMES = """Pickering Okafor Lindqvist Tanaka Murgatroyd Delgado Bhatt Thistlewood Kowalski Fernandez Ng Osei Petrov
Winterbottom Haddad Silva Jansen Moreau Quill Bramble Castellano Ferreira Hobday Iyer Juarez Larsen Nakamura Oduya Partridge
Rossi Teague Underhill Vasquez Whitlock Yilmaz Zielinski Abara Beck Crumb Dunmore Eklund Fogg Grubb Hartle Ibsley Plum""".split()
PRONOUNS = {name: dict(they=they, them=them, their=their) for names, they, them, their in
            ((SHE, "she", "her", "her"), (HE, "he", "him", "his"), (THEY, "they", "them", "their")) for name in names}
NOBLE = {"she": ["Princess", "Baroness", "Contessa", "Archduchess", "Barrister"],
         "he": ["Prince", "Baron", "Count", "Archduke", "Barrister"],
         "they": ["Doctor", "General", "Ambassador", "Barrister"]}

LISTS = {
    "person": FIRST,
    "surname": SURNAMES,
    "pronouns": PRONOUNS,
    "she": SHE,
    "he": HE,
    "relative": """Auntie {she}|Uncle {he}|your cousin {person3}|Grandma|Grandpa|your sister|your brother""",
    "day": "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday",
    "time": """half past six|a quarter to eight|ten o'clock|noon|three in the afternoon|half past nine|seven sharp|
        twenty past four""",
    "clock": lambda w: f"{8 + int(w.random() * 12)}:{int(w.random() * 4) * 15:02d}",
    "digit": "2|3|4|5|6|7|8|9",
    "dozens": "12|14|17|20|24|30|36|40|45|60",
    "hundreds": lambda w: str(100 + int(w.random() * 900)),
    "ordinal": "second|third|fourth|fifth|sixth|ninth",
    "percent": "10|15|20|25|30|40|50|60|70|75|80|90",
    "euros": lambda w: f"€{2 + int(w.random() ** 2 * 180)}.{w.pick(('00', '50', '90', '95', '99'))}",
    "fortune": lambda w: f"{w.pick('$€£')}{1 + int(w.random() * 40)}{w.pick((',500,000', ',750,000', ' million', ',000,000'))}",
    "wad": lambda w: f"{w.pick('$€£')}{w.pick(('100', '250', '500', '950', '1,000', '2,500', '5,000', '9,999'))}",
    "order": lambda w: str(10000 + int(w.random() * 90000)),
    "pastyear": lambda w: str(1931 + int(w.random() * 60)),
    "colour": "red|green|blue|yellow|purple|beige|turquoise|orange|mauve",
    "adj": """enormous|tiny|suspicious|magnificent|slightly damp|perfectly good|unusual|elderly|shiny|wobbly|inflatable|antique|
        borrowed|haunted|very polite|lopsided|unexpected|half-finished|honest|upside-down""",
    "animal": "goat|hedgehog|otter|parrot|ferret|alpaca|tortoise|owl|goose|peacock|hamster|donkey|badger|iguana|duck|rooster",
    "pet": "cat|dachshund|parrot|tortoise|rabbit|ferret|goldfish|spaniel|guinea pig|old tomcat|poodle|canary",
    "petname": "Biscuit|Admiral|Mrs Whiskers|Pudding|Gravy|Professor|Dumpling|Socks|Marmalade|Cleopaw|Sir Barksalot|Noodle",
    "thing": """umbrella|ladder|kettle|accordion|teapot|wheelbarrow|hat stand|casserole dish|armchair|hot-water bottle|egg timer|
        trombone|extension lead|lawnmower|ukulele|rubber boot|alarm clock|birdhouse|picnic basket|unicycle|fondue set|globe""",
    "tool": "spirit level|drill|hammer|spanner|long ladder|hand saw|soldering iron|wheelbarrow|tape measure|paint roller",
    "food": """lentil soup|rhubarb crumble|potato salad|mushroom risotto|onion tart|goulash|leek soup|pumpkin curry|fish pie|
        ratatouille""",
    "cake": "carrot cake|lemon drizzle cake|upside-down cake|cheesecake|poppy-seed cake|plum tart|sponge with too much rum",
    "drink": "tea|coffee|elderflower wine|hot chocolate|cider|ginger beer|peppermint tea",
    "vegetable": "marrow|leek|pumpkin|turnip|courgette|radish|beetroot|parsnip|cucumber|cauliflower",
    "plant": "hydrangea|rubber plant|fern|cactus|rose|tomato plant|fig tree|azalea|orchid|monkey puzzle",
    "instrument": "tuba|bassoon|accordion|triangle|cello|harmonica|banjo|recorder|oboe|trombone",
    "place": """the library|the boathouse|the old bakery|the village hall|the station|the Crooked Spoon|the museum café|
        the market|
        the Drowsy Heron|our house|the town hall|the swimming pool|the allotments|the bowling alley""",
    "town": "Lower Wobbling|Great Dozing|Brindle Bay|Upper Clatter|Muddlestone|Port Biscuit|Hindmarsh|Saint Otto|Nether Piddock",
    "street": "Kettle Lane|Station Road|Goose Street|Upper Mill Street|Old Harbour Road|Pepper Alley|Orchard Close|Chapel Hill",
    "room": "the kitchen|the basement|meeting room two|the archive|the corridor|reception|the corner office|the copy room",
    "report": "quarterly report|budget|annual plan|minutes|risk register|travel forms|customer survey|inventory|safety report",
    "document": "draft|time sheet|invoice|holiday request|slides|spreadsheet|travel receipts|signed form|notes",
    "tune": "the Requiem|the sea shanty|the lullaby in six flats|the Ode to Gravy|the polka|the slow waltz|the Hallelujah part",
    "hobby": "chess|bee-keeping|bell-ringing|knitting|birdwatching|bowls|juggling|pottery|tap dancing|orienteering",
    "weather": "rain|hail|fog|drizzle|a heat wave|sideways rain|brilliant sunshine|a stiff breeze",
    "bodypart": "knee|elbow|left ear|ankle|big toe|shoulder|eyebrow|earlobe",
    "vehicle": "bus|tram|night train|ferry|cargo bike|cable car|minibus",
    "letter": "A|B|C|D|E|F", "code": "MARROW|SOCK20|HELLO|GOOSE|TEAPOT|LUCKY7|SPRING|BANANA",
    "path": "news|offers|account|login|tickets|track|join|start|my|go|open|list|more|form|photos|video",
    "link": lambda w: f"{w.pick(w.filled['sites'])}.example/{w.pick(w.lists['path'])}",
    "org": lambda w: w.filled["me"],
    "box": "box of screws|box of tea|box of pegs|box of books", "occasion": "time", "workday": "working day",
    "book": """How to Argue with a Goose|The Accountant's Daughter|A Short History of String|Murder at the Jam Factory|
        Fog for Beginners""",
    "reader": """Friend|Sir or Madam|valued customer|lucky reader|esteemed colleague|account holder|home owner|fellow investor|
        winner|kind soul|trusted partner|neighbour of the world""",
    "country": """the Grand Duchy of Upper Marmelade|the Republic of Zubrovnia|the Kingdom of Outer Plimpton|the Isle of Grumm|
        the Free City of Bracketburg|the Principality of Fennel""",
    "magnate": """biscuit magnate|button tycoon|sardine baron|retired admiral|umbrella heiress|lighthouse millionaire|
        zip inventor|
        marmalade king|orchestra owner|gravel emperor""",
    "title": "Barrister|General|Doctor|Captain|Professor|Ambassador|Colonel|Notary|Commissioner",
    "ailment": "snoring|cold feet|thinning hair|creaky knees|forgetfulness|hiccups|a double chin|Monday mornings|wrinkled elbows",
    "watchbrand": "Rollecks|Omegga|Kartiay|Tagg Hoyer|Patek Filippo|Longeens",
    "degree": "PhD|Master's degree|Bachelor's degree|law degree|medical degree|professorship",
    "subject_of_study": "Astronautics|Applied Napping|Business|Dentistry|Dragon Law|Nuclear Gardening|Economics",
    "org2": """Gullwing Parcel|Snailrocket Couriers|Bank of Gravel|First Pebble Bank|Tinpot Telecom|Larkspur Energy|
        Heron Insurance|
        Bumble Broadband|Mutual of Muddlestone""",
}

# What people talk about changes: in month m only a window of each of these lists is in use, and it moves on by one a month.
DRIFTING = {
    "project": (3, """Walrus|Marzipan|Lighthouse|Turnip|Thunderbolt|Porcupine|Velvet|Gherkin|Compass|Saffron|Mudlark|Zeppelin|
        Anvil|Butterscotch|Kingfisher|Dynamo|Quicksand|Rutabaga|Sundial|Trombone"""),
    "gadget": (4, """smart kettle|self-folding ladder|talking toaster|solar hat|pocket printer|robot mop|electric scarf|
        wifi doormat|
        voice-operated teapot|folding canoe|heated umbrella|singing fridge|drone leash|laser ruler|bluetooth spoon|sock sorter|
        umbrella drone|self-watering clock"""),
    "film": (3, """The Last Accordion|Two Geese in Vienna|Gravel|The Cheesemonger's Secret|Midnight on Platform Nine|
        Return of the Moth|
        A Very Long Ladder|The Dentist Sings|Fog Over Muddlestone|Eleven Umbrellas|The Honest Burglar|Snow in the Engine|
        My Cousin the Comet|The Quiet Tuba"""),
    "craze": (3, """sourdough|cold swimming|paddle tennis|kombucha|pickleball|axe throwing|forest bathing|mushroom coffee|
        competitive whistling|night gardening|goat yoga|silent discos|puddle racing|extreme ironing|moss painting|kite rugby"""),
    "coin": (3, """GoatCoin|MoonTurnip|BiscuitCoin|PickleChain|Doughnutium|LlamaCash|EtherGravy|YodelToken|CabbageCoin|SockCoin|
        WombatDAO|NoodleNFT|Quantum Crumb|BananaBond"""),
    "pill": (3, """Hairoica|Snorenix|Wobblex|Trimzilla|Kneebrio|Gloworm Forte|Memorama|Zestolin|Chinaway|Hiccupax|Flexibrow|
        Slumberol|Elbowex|Youthberry"""),
    "scheme": (3, """The Sofa System|Passive Parsnips|Dropship Bootcamp|The 4-Minute Work Week|Envelope Empire|Laptop Lagoon|
        The Parrot Method|Affiliate Avalanche|Robo-Stock Rooster|The Hammock Formula|AI Side Hustle|Prompt Millionaire"""),
    "prize": (4, """a diamond-studded lawnmower|a lifetime of yoghurt|a cruise around the harbour|a brand-new phone|
        a golden toaster|
        a weekend in a submarine|a gift card|a sports car (colour may vary)|a holiday home on rails|an electric unicycle|
        a year of free haircuts|a private puffin|a robot butler|a hot-air balloon"""),
}
LISTS = {name: [e.strip() for e in entries.split("|")] if type(entries) is str else
         [entries] if callable(entries) else entries for name, entries in LISTS.items()}
DRIFTING = {name: (window, [e.strip() for e in entries.split("|")]) for name, (window, entries) in DRIFTING.items()}

MONTHS = "January February March April May June July August September October November December".split()

# Every sender is in some mood; it chooses greeting, farewell and asides. typos: share of words typed in haste; bang: share of
# full stops that become exclamation marks.
MOODS = {
    "cheerful": dict(typos=0.004, bang=0.35, hello="Hello {you}!|Hi {you},|Good morning {you}!|Hello hello,|Dear {you},",
        aside="""I am in a very good mood, so expect exclamation marks.|The sun is out and so am I.|
        I whistled all the way to {place}.|
        Isn't it a wonderful {day}?|I have cake, by the way.|Life is good and the {drink} is hot.""",
        bye="Cheers,|All the best,|See you soon,|Big hug,|Yours, with cake,|Until then,"),
    "grumpy": dict(typos=0.003, bang=0.0, hello="""{you},|{you}.|Well, {you},|Hello {you}.|
        To whom it may concern, meaning you, {you}:""",
        aside="""I am not angry, I am only {person2}'s neighbour.|Nobody asked me, so I shall tell you.|
        It was better before. It always was.|
        And it is going to rain, of course.|I slept badly and it was the owl's fault.|
        I have had no {drink} yet, so I shall be brief.""",
        bye="Regards,|Without much hope,|That is all.|Yours, tired,|Grumbling,"),
    "anxious": dict(typos=0.006, bang=0.05, hello="""Dear {you},|Hi {you}, sorry to bother you,|Hello {you}, quick question,|
        {you}, are you there?""",
        aside="""Please tell me if I worry too much.|I checked three times, and once more to be safe.|
        I am sure it is nothing. Is it nothing?|
        Sorry for the second mail. And for the first.|I hope this reaches you, the last one may have gone to {person2}.|
        I could not sleep for thinking of it.""",
        bye="Sorry again,|Nervously,|Thank you, sorry, thank you,|Yours, fingers crossed,|Best wishes (I hope),"),
    "hasty": dict(typos=0.05, bang=0.1, hello="{you},|Hi,|hi {you},|Quick one:|Hi {you},",
        aside="""Must run.|On the {vehicle}, bad signal.|More later.|Typing with one thumb.|
        Short because the {vehicle} leaves.|Battery at {digit} percent.""",
        bye="Bye,|Later,|In haste,|Tx,|Gotta go,"),
    "pompous": dict(typos=0.0, bang=0.02, hello="""My dear {you},|Esteemed {you},|Dear {you},|Most excellent {you},|
        Honoured {you},""",
        aside="""As I remarked in my letter of last {day}, which went unanswered.|I say this with some authority.|
        I need hardly remind you who founded the {hobby} circle.|History will be my judge, and it has always liked me.|
        One does not wish to boast, and yet.|Permit me to be frank.""",
        bye="I remain, as ever, yours,|With the assurance of my esteem,|Yours faithfully,|With distinguished regards,"),
    "dry": dict(typos=0.001, bang=0.0, hello="Hi {you},|{you},|Hello {you},|Morning {you},",
        aside="""No animals were harmed, one was offended.|It went about as well as it sounds.|
        I have lowered my expectations and they were met.|
        The {plant} took it better than I did.|We live and learn, mostly the former.|I wish I were making this up.""",
        bye="Best,|As ever,|Yours,|Onwards,|Regards,"),
    "tender": dict(typos=0.003, bang=0.1, hello="Dearest {you},|My dear {you},|Dear {you},|Hello my dear,|Sweetheart,",
        aside="""Do wear a scarf.|You were always good at these things.|We think of you when we eat {food}.|
        I kept you a piece of {cake}.|
        Your {thing} is still here, we dust it on {s day2}.|Eat something green now and then.""",
        bye="Much love,|Love,|Hugs from all of us,|With love and soup,|A thousand kisses,"),
    "polite": dict(typos=0.0, bang=0.0, hello="Dear {you} {surname},|Dear {you},|Hello {you},|Dear customer,|Good day,",
        aside="""Thank you for your patience.|We are sorry for any inconvenience.|Our opening hours have not changed.|
        This message was sent to you because you are on our list.|You need not answer this message.""",
        bye="Kind regards,|Yours sincerely,|With kind regards,|Best regards,|Your team,"),
    "chirpy": dict(typos=0.0, bang=0.45, hello="""Hi {you}!|Hello {you}!|Hey there,|Hello you lovely person,|
        Dear friend of good things,""",
        aside="""We could not wait to tell you.|Our {pet} {petname} says hello.|
        You are one of our favourite customers, do not tell the others.|
        Tell a friend!|We did a little dance when we saw this.|Follow us for more!""",
        bye="Happy {day}!|Your friends,|Stay curious,|See you soon,|With a wink,"),
    "stern": dict(typos=0.0, bang=0.0, hello="""Dear {you} {surname},|Dear Sir or Madam,|Dear customer,|To all users,|
        Notice to account holders:""",
        aside="""Please take this seriously.|Failure to comply may lead to a second letter.|The rules are on our website.|
        This is an automatic message.|We have written to you about this before.""",
        bye="Yours faithfully,|By order,|The management,|Regards,|Kind regards,"),
    "urgent": dict(typos=0.01, bang=0.5, hello="""ATTENTION {reader},|Dear {reader},|URGENT, {reader}!|Hello {reader},|
        {you}, read this now,""",
        aside="""Act now.|Only {deadline} left.|Do not miss out.|This is not a joke.|Time is running out.|
        Tomorrow is too late.|Hurry.""",
        bye="Act today,|Hurry,|The Team,|Claims Department,|Do not delay,"),
    "syrupy": dict(typos=0.012, bang=0.15, hello="""Dearest {reader},|My dear {reader},|Beloved {reader},|Dear {you},|
        Greetings of the day,""",
        aside="""My heart tells me that I can trust you.|I found your address in a dream and in a directory.|
        May your days be long and your tea hot.|
        Tears fall on my keyboard as I write.|You have a kind name.|Please keep this between us.""",
        bye="Yours in trust,|God bless,|With warm tears,|Your new friend,|Remain blessed,"),
    "salesy": dict(typos=0.003, bang=0.3, hello="Hi {you}!|Hello {reader},|Dear {you},|Good news, {reader}!|Hey {you},",
        aside="""Thousands of happy customers can not all be wrong.|Satisfaction guaranteed, or nearly.|Limited time only.|
        No obligation, no small print, some medium print.|As seen on a bus.|Doctors are amazed, dentists too.""",
        bye="Your friends in business,|To your success,|Best deals,|Customer Care,|Cheers,"),
    "official": dict(typos=0.012, bang=0.03, hello="""Dear customer,|Dear {you},|Dear account holder,|Dear {you} {surname},|
        Good day,""",
        aside="""This is an automatic message.|We apologise for any inconvenience.|Your security is our concern.|
        Please do not reply to this address.|This is your last reminder.""",
        bye="Security Department,|Kind regards,|Customer Service,|Yours sincerely,|Accounts Team,"),
    "chummy": dict(typos=0.02, bang=0.2, hello="Hi {you},|Hey,|Hello {you}, it's me,|Hi there,|hey {you},",
        aside="""Long time no see!|Remember me?|I lost my old number.|You look great in your picture.|
        I was just thinking of you.|Do not tell the others.""",
        bye="Your old friend,|Kisses,|See you,|xx,|Write soon,"),
}
LISTS["deadline"] = ["three hours", "twelve minutes", "one day", "seven places", "48 hours", "two seats"]
for mood in MOODS.values():
    for part in ("hello", "aside", "bye"):
        mood[part] = [e.strip() for e in mood[part].split("|")]

# Chat: what becomes shorter on a telephone.
SHORT = {"you": "u", "your": "ur", "are": "r", "please": "pls", "thanks": "thx", "thank you": "ty", "tomorrow": "tmrw",
         "tonight": "2nite", "because": "cos", "about": "abt", "going to": "gonna", "want to": "wanna", "have to": "gotta",
         "before": "b4", "great": "gr8", "see you": "cu", "to be honest": "tbh", "okay": "k", "people": "ppl", "message": "msg",
         "and": "n", "with": "w", "what": "wot", "i am": "im", "i have": "ive", "do not": "dont", "can not": "cant",
         "it is": "its", "probably": "prob", "something": "smth", "someone": "sm1", "really": "rly", "minutes": "min"}
