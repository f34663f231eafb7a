"""What the village is made of: names, jobs, streets, tastes, and what can happen, all in words that fit into a sentence.

Within one list no entry begins with all the words of another, so that reading on always tells which one it is.
"""
SHE = """Ada Agnes Alma Beatrix Bridget Clara Cora Delia Dora Edith Elsie Enid Flora Freda Gerda Greta Hattie Hilda Ida
        Imogen Ines
    Josie Judith Kitty Lena Lotte Mabel Maud Minna Nell Nora Olga Ottilie Petra Phoebe Rosa Ruth Sybil Thea Tilda Ursula
        Vera Wanda
    Winnie Zelda""".split()
HE = """Abel Albert Anton Arthur Barney Basil Benno Boris Cedric Clem Cosmo Cuthbert Edgar Emil Ernest Felix Fergus Gilbert Gustav
    Hamish Hector Horace Hugo Igor Ivo Jasper Jonas Kaspar Leo Linus Ludwig Magnus Milo Morris Ned Oscar Otto Percy Quentin Rufus
    Silas Simon Theo Tobias Ulric Victor Wilbur Zeno""".split()
PRONOUNS = {"he": dict(they="he", them="him", their="his", theirs="his", themself="himself"),
            "she": dict(they="she", them="her", their="her", theirs="hers", themself="herself")}
SURNAMES = """Pickle Thistle Crumb Barley Bramble Wetherby Tuttle Puddifoot Marsh Fennel Goodenough Larkin Mudge Nettle
        Oddy Pepperell
    Quill Rumbold Sprocket Tolliver Underhill Vickery Wobble Yarrow Applegarth Bunting Clutterbuck Dimmock Entwistle Fipps Gristle
    Hobday Inkpen Jellicoe Kettering Lumley Mopp Noakes Orchard Pottinger Quince Rigby Snodgrass Trumble Upjohn Wigley""".split()

# Where one works follows from the job. Each side of the village has its own jobs, as far as `bias` says.
JOBS = {
    "hill": {"shepherd": "in the sheepfold", "beekeeper": "at the hives", "cheesemaker": "in the dairy",
             "forester": "in the woods", "gardener": "in the park", "blacksmith": "at the forge", "potter": "in the pottery",
             "weaver": "at the loom", "miller": "in the mill", "carpenter": "in the workshop", "vet": "in the stables",
             "teacher": "at the school"},
    "harbour": {"fisher": "on the boats", "boatbuilder": "at the shipyard", "innkeeper": "at the inn", "baker": "at the bakery",
                "barber": "in the salon", "postman": "at the post office", "doctor": "at the clinic", "tailor": "at the tailor's",
                "librarian": "at the library", "grocer": "in the shop", "cook": "in the kitchen", "organist": "at the church"},
}
STREETS = {"hill": "Chapel Row|Orchard Lane|Goat Path|Beacon Street|Upper Steps".split("|"),
           "harbour": "Kettle Lane|Anchor Street|Gull Alley|Old Quay|Herring Row".split("|")}
FOODS = """rhubarb pie|pickled herring|leek soup|smoked eel|plum cake|cheese toast|mushroom stew|lemon tart|boiled cabbage|
        fish pudding|
    black bread|turnip mash|onion jam|seaweed salad|oat porridge|apple sauce"""
HOBBIES = """knitting|bell ringing|juggling|whittling|birdwatching|chess|yodelling|tap dancing|fencing|stargazing|sketching|
        embroidery|
    rowing|kite flying"""
DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
PETS = "goat|parrot|tortoise|cat|goose|ferret|hedgehog|donkey|dachshund|owl|pig|rabbit"
PET_NAMES = """Biscuit|Admiral|Pudding|Gravy|Professor|Dumpling|Socks|Marmalade|Noodle|Button|Mustard|Captain|Duchess|
        Thunder|Waffle|
    Crumpet|Nugget|Tulip"""
FEARS = "geese|thunder|ghosts|spiders|heights|wasps|bagpipes|cows|mice|dentists|puppets|balloons"
COLOURS = "green|red|blue|yellow|purple|orange|white|pink"
MONTHS = "January February March April May June July August September October November December".split()
WEATHER = "in heavy rain|in thick fog|in bright sunshine|in a snowstorm|in a gale|under a full moon|in a drizzle|in great heat"

# What happens, once each: kind -> (as a past, as an infinitive, the rest).
EVENTS = {
    "prize": ("won", "win", """the pie contest|the marrow prize|the sack race|the chess cup|the yodelling trophy|
        the pub quiz|the raffle|
        the rowing race|the egg race|the poetry prize|the snail race|the whistling medal|the scarecrow show"""),
    "find": ("found", "find", """a gold coin|a Roman helmet|an old map|a sea chest|a silver spoon|a message in a bottle|
        a giant mushroom|
        a lost violin|a meteorite|a dinosaur bone|a secret tunnel|a pirate flag|an unknown beetle"""),
    "fall": ("fell", "fall", """into the pond|off the ladder|into the harbour|off the stage|down the well|into the wedding cake|
        through the roof|over the mayor|off the ferry|into the jam vat|off the church wall|into the drum|out of the balloon"""),
    "lose": ("lost", "lose", """the church key|the mayor's hat|the ferry tickets|the village flag|the wedding ring|
        the chess queen|
        the school bell|the inn's only spoon|the cash box|the choir's music|the map of the village|the spare anchor|
        the answer sheet"""),
    "build": ("built", "build", """a boat shed|a windmill|a tree house|a stone oven|a footbridge|a raft|a hen house|
        a sundial|a cannon|
        a bandstand|a snow castle|a weather vane|a very long bench"""),
    "catch": ("caught", "catch", """a giant pike|a burglar|a runaway pig|a swarm of bees|a falling piano|a huge eel|a ghost|
        a lost sheep|
        a smuggler|the mayor's parrot|a golden carp|an escaped ostrich|a bicycle thief"""),
    "open": ("opened", "open", """a tea room|a bookshop|a museum of string|a sweet shop|a dance hall|a goat hotel|
        a hat shop|a cheese cellar|
        a chess club|a swimming school|a theatre|a school for parrots|a soup kitchen"""),
    "break": ("broke", "break", """the town clock|the church window|the harbour crane|the longest table|the big drum|
        the mayor's chair|
        the only lawnmower|the organ|the weather record|the village pump|the fountain|the new bridge|the ferry's horn"""),
}

# Free words: drawn anew for each document, true of nobody.
LISTS = {name: [word.strip() for word in words.split("|")] for name, words in {
    "thing": """kettle|umbrella|ladder|teapot|wheelbarrow|hat stand|frying pan|accordion|rubber boot|alarm clock|lantern|
        picnic basket|trombone|garden gnome|bucket|rolling pin|armchair|mousetrap|bathtub|candlestick|cuckoo clock|egg timer|
        fishing rod|flowerpot|hammock|jam jar|lampshade|nutcracker|pepper mill|rocking chair|saddle|snow globe|spinning wheel|
        suitcase|toasting fork|typewriter|violin case|walking stick|watering can|weather vane""",
    "adj": """enormous|tiny|suspicious|splendid|damp|wobbly|ancient|shiny|haunted|lopsided|polite|borrowed|beautiful|
        crooked|dusty|expensive|famous|hairy|honest|invisible|musical|rusty|secret|sticky|talking|unlucky|velvet|wooden""",
    "mood": """cheerful|gloomy|nervous|proud|sleepy|hopeful|grumpy|calm|curious|elderly|hungry|jealous|lonely|modest|noble|shy|
        stubborn|thirsty|wise|young""",
    "animal": """seagull|fox|badger|squirrel|toad|heron|pony|sheepdog|beaver|cormorant|crow|duck|mole|otter|peacock|seal|snail|
        stork|swan|weasel""",
    "vegetable": "marrow|leek|pumpkin|turnip|radish|beetroot|parsnip|cucumber|artichoke|cabbage|cauliflower|onion",
    "place": """the market|the harbour|the well|the village hall|the church|the bridge|the park|the inn|the school|the mill|
        the bakery|the graveyard|the library|the lighthouse|the orchard|the station""",
    "when": "morning|afternoon|evening|night",
    "few": "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty",
    "food": FOODS,
    "colour": COLOURS,
    "topic": """parking|the seagulls|the church bells|the new bins|the marrow prize|noise at night|the bus|the duck pond|
        wet paint|goats|the mayor|fireworks|the fog horn|washing lines|snoring|the brass band|mud""",
    "insult": """turnip|old boot|walking teapot|puffed-up pigeon|soggy biscuit|leaky bucket|wet sock|bag of gravel|pompous radish|
        half-boiled egg|burnt dumpling|wilted cabbage|rusty bagpipe|empty barrel|cross-eyed herring|overgrown gnome|
        stale bun|tuneless kazoo""",
}.items()}
UNIVERSE = {name: [word.strip() for word in words.split("|")] for name, words in dict(
    food=FOODS, hobby=HOBBIES, day=DAYS, pet=PETS, petname=PET_NAMES, fear=FEARS, door=COLOURS, weather=WEATHER).items()}
