"""Scenes of spam, in templates of `grammar.py` and in the notation of `ham.py`; here a scene's kind is the spammer's topic.

`{=shop.invoice.1}` borrows step 1 of honest mail: the quiet topics dress up as what people really get.
"""

MOODS = {
    "money": "urgent salesy", "lottery": "urgent", "inheritance": "syrupy pompous", "pills": "salesy urgent", "watches": "salesy",
    "casino": "urgent salesy", "degree": "salesy", "coins": "salesy chummy urgent", "job": "salesy chummy",
    "loan": "salesy official", "diet": "salesy urgent", "romance": "chummy syrupy", "survey": "salesy chirpy",
    "website": "polite dry salesy", "parcelfee": "official polite", "phishing": "official stern", "invoice": "polite official",
    "webmail": "official stern", "boss": "hasty dry", "stranded": "anxious hasty", "offers": "chirpy salesy",
    "brief": "hasty chummy dry",
}
LOUD = "money lottery inheritance pills watches casino degree coins job loan diet romance survey".split()
QUIET = "website parcelfee phishing invoice webmail boss stranded offers brief".split()
SENDERS = {                                                 # who it claims to be from; "person": somebody with a name
    "money": "Free Money Office|Cash Department|Your Money Friend|Instant Wealth Desk|Treasury of You",
    "lottery": "Lottery Headquarters|Claims Department|International Raffle|Office of Winners|The Big Drum",
    "inheritance": "noble", "romance": "person", "boss": "person", "stranded": "person", "brief": "person", "website": "person",
    "pills": "Discount Apothecary|Doctor Online|Pill Palace|Meds for Less|The Miracle Shelf",
    "watches": "Replica Royal|Luxury for Less|Time Is Cheap|Swizz Watches",
    "casino": "Casino Flamingo|Royal Spin|Lucky Otter Casino|Jackpot Harbour",
    "degree": "University of the World|Diploma Direct|College of Prompt Payment|Faculty Express",
    "coins": "Coin Wizard|Crypto Circle|Moonshot Advisory|The Early Bird Fund|Future Millionaires",
    "job": "Home Office Careers|Hiring Now|Easy Earner|Dream Job Desk",
    "loan": "QuickLoan|Credit for All|Debt Doctor|Loan by Lunch",
    "diet": "Slim by Friday|Miracle Tea|Doctor Trim|Belly Begone",
    "survey": "Customer Survey|Gift Card Centre|Opinion Prize|Reward Desk",
    "parcelfee": "Gullwing Parcell|Parcel Support|Delivery Centre|Snail Rocket Service|Customs Payment Desk",
    "phishing": "Bank of Gravell|First Pebble Security|Account Protection|Card Services|Bank Alert",
    "invoice": "Accounts Receivable|Billing|Invoice Department|Payment Office|Order Support",
    "webmail": "Mail Admin|IT Support|Webmail Team|Password Centre",
    "offers": "Gadget Attick|Deal of the Day|Member Offers|Hat Worlds|Outlet Letter",
}

SCENES = """
@ money free
> FREE MONEY for {reader}
> {wad} free money inside
> You can have {wad} today
> Free money, no questions
1 We give away free money! Yes, FREE MONEY. There is {wad} with your name on it, spelled almost right.
1 Do you need money? We have too much of it and the {wad} in your name must go today.
1 Congratulations, a computer has chosen you to receive {wad} in cash, free, no catch, one small catch.
2 To claim your free cash click here: {link}
2 Click now and the money is yours within {n hour}: {link}
2 Reply with your name, your address and the colour of your bank card.
3? My neighbour clicked and now he owns {n boat}.
3? This offer is 100% free, guaranteed, or your free money back.

@ money scheme
> {wad} a week from your sofa
> The secret of {scheme}
> They do not want you to know this
1 With {scheme} I earn {wad} a week while I sleep, and I sleep a lot.
1 A simple trick made me rich. {scheme} works for everyone, even for {person}, who tried to stop it.
1 Banks hate this: {scheme} turns {n minute} a day into {wad} in cash.
2 Claim your free guide before {day}: {link}
2 Only {digit} places left. Secure your financial freedom here: {link}
3? No skills needed. No effort needed. No trousers needed.
3? Results may vary, mine varied upwards.

@ lottery winner
> YOU ARE A WINNER
> Winner no. {order}, claim your prize
> Congratulations {reader}!!!
>a Your ticket has won {fortune}
1a Congratulations! Your address has won {fortune} in the international lottery of {country}, which you did not need to enter.
1b You are our lucky winner! Your prize is {prize}, and second prize would have been {a thing}.
1a Winner notification: ticket {order} was drawn by a blindfolded {animal} and the ticket is yours. You have won {fortune}.
2 To claim your prize, send a processing fee of {wad} to our claims agent, {title} {person} {surname2}.
2 Claim your winnings now at {link} before {day}, or they go to the {animal}.
2 Contact our claims department with your full name, age and shoe size.
3? Keep your winning number secret, also from yourself.
3? All winners are real winners.

@ inheritance prince
> Confidential business from {country}
> Strictly private: {fortune}
> I need your help, {reader}
> A proposal of mutual benefit
1 I am {me} of {country}, and I must move {fortune} out of the country before the people count it.
1 I write to you in confidence from {country}, where my late uncle, {a magnate}, has left {fortune} and no instructions.
1 You do not know me. I am {me}, barrister to a late {magnate} who bore your very name and left {fortune}.
2 You will receive {percent} percent of the sum for your trouble. The trouble is small, the sum is in a trunk.
2 I need only your bank account, your telephone number and your trust.
2 For the transfer of the funds a fee of {wad} is needed, which is nothing between friends.
3? Reply urgently to my private address at {link}.
3? I have chosen you because your name fell out of the directory.

@ inheritance donation
> The last wish of {a magnate}
> Donation of {fortune}
> With blessings from {country}
1 I am the only child of {a magnate} from {country} and I wish to donate {fortune} to an honest stranger. My doctor suggested you.
1 My late godmother, {a magnate}, left me {fortune} in a bank in {country}. I have only {n parrot}, whose future is settled.
2 Please send your bank details so that the funds can be released, with my blessings.
2 My lawyer, {title2} {person2}, awaits your reply and a transfer fee of {wad}.
3? I can not talk on the telephone because of the {s parrot}.
3? Use the money for good works, or for a boat.

@ pills miracle
> Say goodbye to {ailment}
> {pill}: {percent}% off, no prescription
> Doctors hate {pill}
> Cheap {pill}, fast delivery
1 Suffering from {ailment}? New miracle pill {pill} works in {n minute}, or you will not remember that it did not.
1 {pill} is the pill that {title} {person} takes before breakfast. No prescription, no questions, no list of contents.
1 Buy {pill} online, {percent}% cheaper than in any real pharmacy. Cures {ailment} and most of {day}.
2 Order your pills now with free discreet shipping: {link}
2 Buy {digit} bottles and get {digit2} free. Click here: {link}
3? 100% natural, partly from nature.
3? Side effects include joy, glowing and {wad} less in the bank.

@ pills hair
>a Hair where you want it
>b Younger by {day}
1b Look {n year} younger with {pill}, the cream that our scientists, both of them, call a breakthrough.
1a Grow thick hair in {n workday} with {pill}. Please aim carefully.
2 Risk-free trial: pay only for shipping. Click {link}
2 Order today at the special price of {wad}. Discreet packaging, shaped like {a thing}.
3? Before and after pictures are available, of different people.

@ watches replica
> Luxury watches, {percent}% off
> Genuine imitation {watchbrand}
> Your {watchbrand} is waiting
1 Why pay more? Our replica {watchbrand} watches look like the original from as near as {digit} metres.
1 Buy a luxury {watchbrand} for only {wad}. It shows the time of a richer country.
1 Impress your boss, your neighbours and {a animal} with a replica {watchbrand} watch.
2 Shop designer brands at discount prices: {link}
2 Order {digit} watches and get a designer bag free. Buy now: {link}
3? Waterproof in most kinds of {weather}.
3? The hands are real.

@ casino spins
>a {dozens} FREE SPINS
>a Casino bonus {percent}%
>b Your jackpot is lonely
1a Play now and get {dozens} free spins plus {a percent}% bonus on your first deposit of {wad}.
1b The jackpot stands at {fortune} and nobody has won it yet, which is suspicious, so click fast.
1 Welcome to the online casino where everybody wins, at the beginning.
2a Claim your bonus here, no deposit, one deposit: {link}
2 Spin the wheel and win {prize}: {link}
3? Last night {person} from {town} won {fortune2} and a cold.
3? Play responsibly. Bet everything.

@ degree diploma
> Your {degree} without study
> Become a doctor by {day}
> University diploma, {percent}% off
1 Get a genuine {degree} in {subject_of_study} in {n workday}. No lessons, no exams, no university.
1 You have the experience of life. We have the paper. Your {degree} in {subject_of_study} is printed while you wait.
2 Call now or order your diploma at {link}
2 Prices start at {wad}. Honours cost extra.
3? Frame included. Hat extra.
3? Employers can not tell the difference until you start.

@ coins moon
> {coin} will explode on {day}
> Double your {coin}
> Last chance before {coin} goes to the moon
1 Invest {wad} in {coin} today and it will be {fortune} by {day}. I know this because I was told.
1 Early investors in {coin} are already millionaires, on paper, and the paper is a picture.
1 Have you heard of {coin}? My cousin bought it last {day2} and now he has a yacht and a lawyer.
2 Open your wallet here and double your crypto: {link}
2 Send {wad} in bitcoin and receive twice the amount back, guaranteed profit: {link}
2 Join our private trading group, {digit} seats left: {link}
3? It is not a pyramid. A pyramid is solid.
3? {title} {person} calls it the future of money, or of something.

@ coins robot
>a Trading robot earns {wad} a day
>b Passive income with {scheme}
1a Our trading robot has never lost, because it counts from {day}. Average profit {percent}% a day.
1b With {scheme} the computer invests for you in {coin} while you eat {food}.
2 Minimum deposit {wad2}. Start earning now: {link}
2 Free demo account with real imaginary profit at {link}
3? Withdrawals are processed as soon as they are possible.

@ job home
>a Work from home, {wad} a week
>a Job offer for {reader}
>b We liked your CV
1a We are hiring! Earn {wad} a week from home, no experience needed, just a bank account that we may borrow.
1b Your CV impressed us, also the one that you have not written. Salary {wad} a week for {n hour} of work.
1a Make money online with {scheme}: forward parcels, transfer payments, ask nothing.
2 Apply today at {link}, the starter kit costs only {wad2}.
2 Send a copy of your passport and start on {day}.
3? Be your own boss. Shout at yourself.
3? This job is {percent}% legal.

@ loan quick
>a Loan approved: {wad}
>b Cash loan without questions
>c Erase your debt by {day}
1a Your loan of {wad} is approved! You did not ask, and that is how fast we are.
1b Bad credit, no credit, wrong credit? We lend {wad} to anybody at only {percent}% a week.
1c Consolidate all your debt into one larger debt with low monthly payments.
2 Apply in {n minute}, cash today: {link}
2 Pay a small guarantee of {wad2} first, and the money is on its way.
3? No credit check, no paper, no pen.

@ diet tea
>a Lose {dozens} kilos by {day}
>a Melt fat with {pill}
>b The {craze} diet
1a Lose {dozens} kilos in {n workday} with {pill}, the tea that burns fat, sugar and sometimes the cup.
1 She ate {food} every day and lost {dozens} kilos with this one weird trick. Her {bodypart} is famous now.
1b Forget {craze}. {pill} melts belly fat while you look at it.
2 Order your free trial bottle: {link}
2 Only today {percent}% off, buy {digit} get {digit2} free: {link}
3? Clinically tested on {person}.
3? Not suitable for people who are allergic to promises.

@ romance lonely
> Hello from {me}
>b I saw your profile
>a Are you single and like {hobby}?
1a I am {me}, {dozens} years young, I like {hobby} and long walks to the bank, and I think we are meant for each other.
1 A lonely accountant in your area wants to show you some spreadsheets. That is me. Click to see pictures.
1b I saw your profile and my heart went up like {coin}. I live in {country}, but only until you send a ticket.
2 See my private photos here: {link}
2 Write to me at {link}, I answer all letters of the heart and most transfers.
2 I would visit you at once, but the visa costs {wad}.
3? I enclose a picture. It came with the frame.
3? Age is only a number, and so is your card's.

@ survey gift
>a Your {wad} gift card
>b Answer {digit} questions, win {prize}
> Reward waiting for {reader}
1b You have been selected for a short survey. Answer {digit} questions and receive {prize}, while stocks last.
1a Your {wad} gift card expires on {day}. Claim it now, it gets so lonely.
1b Congratulations, customer number {order}! As a thank-you, you get {prize} for free.
2 Confirm your address here to claim your reward: {link}
2 Pay only the shipping of {euros}. Click here: {link}
3b? Question one: do you like free things? Well done.

@ website rank
> Your website
> Question about your website
>a Rank number one by {day}
1a I visited your website and noticed that it is not the first result for "{hobby}". We can change that.
1 My name is {me} and I help companies like yours to get more traffic. Your site made me think of {a adj} {thing}.
1b I found {n mistake} on your website. I could send you the list, or we could talk on {day} at {clock}.
2 We offer {dozens} guest posts and {hundreds} backlinks for {wad}.
2 Are you free for a call on {day2}? {N minute} {is|are} enough.
2 Should I send you our price list? Just reply with "yes".
3? Did you get my last message? I have sent {n message}.
3? If you are not the right person, please forward this to {person}.

@ website data
>a Attendee list
>b Apps for your team
> Partnership
1a Would you be interested in the attendee list of the {hobby} fair in {town}? It has {hundreds} contacts with mail addresses.
1b We build apps, websites and, lately, opinions. Our team in {town} would like to work with yours on Project {project}.
2 Let me know a good time on {day} for a short demo.
2 The first month is free, then {wad}. More at {link}
3? Kind reminder, in case my mail was hidden under {a thing}.

@ parcelfee fee
>a {=parcel.delivery.>a}
>b {=parcel.delivery.>b}
>c {=parcel.customs.>}
>d Your parcel is on hold
1a {=parcel.delivery.1a}
1b {=parcel.delivery.1b}
1c {=parcel.customs.1}
1d Your parcel {order} is on hold since the address is incomplete.
2 To release it, pay the outstanding fee of {euros2} with your card within {n hour}: {link}
2 Please confirm your address and card number at {link}, or the parcel goes back to {town}.
2 Update your delivery details here: {link}
3? {=parcel.delivery.2b}
3? Parcels that nobody pays for are given to the {animal}.

@ phishing verify
>a {=bank.statement.>a}
>b {=bank.statement.>b}
>c {=bank.terms.>a}
>d Your account is restricted
>d Unusual login from {town}
1a {=bank.statement.1a}
1b {=bank.statement.1b}
1c {=bank.terms.1a}
1d Somebody from {town} has tried to log in to your account. As a precaution we have restricted it.
2 Please confirm your identity and your password here within {n hour}: {link}
2 Verify your card details at {link} to avoid closure of the account.
2abc Log in at {link} to accept, have your card and your codes at hand.
3? {=bank.statement.2}
3? Accounts that are not verified by {day} will be closed, and sad.

@ invoice due
>a {=shop.invoice.>}
>b {=shop.order.>}
>c Payment overdue, order {order}
1a {=shop.invoice.1}
1b {=shop.order.1}
1c Our records show that {euros} for {a thing} has not been paid.
2ac Please note our new bank account, details are in the attachment. Pay today.
2b If you did not place this order, cancel it here with your card number: {link}
2 Open the attached file and enable macros to see the amount.
3ac? {=shop.invoice.2}
3b? {=shop.order.3}
3c? Otherwise we will pass this to our lawyer, {title} {surname2}.

@ webmail expire
>a {=helpdesk.password.>a}
>b Your mailbox is full
>b Mail could not be delivered
1a {=helpdesk.password.1a}
1b {N message} could not be delivered to you because your mailbox has reached {percent}% of its limit.
2a Keep your current password by clicking here: {link}
2 Log in at {link} with your mail address and password to avoid losing mail.
2 Please reply with your user name and password so that we can do it for you.
3? {=helpdesk.password.3}
3b? Mailboxes that are not confirmed by {day} are deleted.

@ boss giftcards
> Are you at your desk?
> Quick favour
> Re: {document}
1 Are you at your desk? I am in a meeting with {person} and can not talk on the phone.
1 I need a quick favour before the meeting on Project {project}. Mail only, please.
1 {person} is waiting for the {document}, but first something else.
2 Can you buy {n gift card} of {wad} each for a customer and send me the codes? I pay you back on {day}.
2 I need you to make a transfer of {wad} to a new supplier before {clock}. I send the details when you reply.
2 Send me your mobile number, it is about a payment that nobody else should know of.
3? Keep it to yourself, it is a surprise.
3? {=work.meeting.3}

@ stranded wallet
> Help, I am in {town}
> Bad news from {town}
> Please read, it is me
1 I hope this reaches you. I am in {town} for {hobby} and my bag was stolen, with my phone, my cards and {a thing}.
1 I am stuck in {town} because of {weather}, and the hotel keeps my {instrument} until I have paid.
1 Sorry to ask you, I lost my wallet on the {vehicle} to {town} and {person} does not answer.
2 Could you lend me {wad}? I give it back as soon as I am home on {day}.
2 The fastest way is a money transfer in my name. I can send you the details.
3? {=friend.borrowed.3}
3? I can not talk on the phone, only by mail.

@ offers members
>a {=newsletter.sale.>}
>b {=newsletter.articles.>a}
>c {percent}% off {prize}
1a {=newsletter.sale.1}
1b {=newsletter.articles.1a}
1c Members only: {prize} for {wad}, because a customer changed his mind.
2 {=newsletter.sale.2}
2 Claim your member price, pay by card now: {link}
2 Enter your card for a free trial of the {gadget}: {link}
3? {=newsletter.sale.3}
3? Free, apart from {wad2} a month.

@ brief link
>a {=friend.brief.>}
>b {=work.brief.>}
1a {=friend.brief.1}
1b {=work.brief.1}
1 Is this you in the video? {link}
2? I lost my contacts, what is your number?
2? You have to see it: {link2}
2? I made {wad} with this, try it: {link2}
"""

# What the filter is likely to know; the words that the spammer disguises.
HOT = """account bank bargain bitcoin bonus bottles buy card cards cash casino cheap claim claims click coin code codes
congratulations credit crypto debt deposit designer diploma discount discreet doctor dollars donate donation earn expires fat
fee free fund funds gift guaranteed inheritance invest jackpot kilos limited loan lonely lottery lucky luxury magnate
millionaire miracle money offer only order password pay payment pharmacy pill pills prescription price prize profit receive
replica reward rich salary secret selected shipping spin spins survey ticket today transfer trial urgent verify watch watches
widow win winner winners winnings won""".split()

SITES = """secure my parcel track pay card verify prize gift golden best quick photo update center member deals online direct
cash money lucky account home smart group world club""".split()
