"""What happens to mail after it was written: copies, near copies, and mail that arrives broken."""
import re
from dataclasses import replace

from minitrain.sources.mailbox.words import LISTS

FILLERS = LISTS["person"] + LISTS["day"] + LISTS["adj"] + [""]
BLOBS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
MOJIBAKE = ("Ã©", "â€™", "ï¿½", "Ã¼")
FORM = "Dear %FIRST_NAME% %LAST_NAME%,\n\n%SALUTATION_2% your %ITEM% of %DATE% %STATUS% {{footer}} {{unsubscribe}}\n%SENDER%"


def copied(mails, random, near):
    """An earlier mail again, its label with it; in a near copy up to one word in seven is another, or gone."""
    number = int(random.random() * len(mails))
    mail = mails[number]
    copy = replace(mail, choices=mail.choices | {"copy_of": number})
    if near:
        words, edits = re.split(r"(\s+)", copy.body), []
        for _ in range(max(1, round(len(words) / 2 * random.uniform(0.01, 0.15)))):
            i = 2 * int(random.random() * ((len(words) + 1) // 2))
            new = random.choice(FILLERS)
            edits.append((words[i] or "(nothing)", new or "(nothing)"))
            words[i] = new
        copy.body = "".join(words)
        copy.choices["edits"] = edits
    return copy


def broken(mail, random):
    """What happens to mail on the way: wrong encoding, an undecoded attachment, a form letter with its slots empty, an echo."""
    how = random.choice(("wrong encoding", "undecoded attachment", "empty form", "echo", "nothing left"))
    if how == "wrong encoding":
        mail.body = re.sub("[aeiouéü']", lambda m: random.choice(MOJIBAKE) if random.random() < 0.4 else m[0], mail.body)
    elif how == "undecoded attachment":
        mail.body = "\n".join("".join(random.choices(BLOBS, k=60)) for _ in range(random.randint(4, 12)))
    elif how == "empty form":
        mail.body = FORM
    elif how == "echo":
        line = mail.body.split("\n")[-1] or mail.body
        mail.body = "\n".join([line] * random.randint(15, 40))
    else:
        mail.body = random.choice(("", "-- ", "[image]", "sent from my toaster", "* * *", "<br><br>"))
    mail.choices["broken"] = how
