"""Lesson 01, rules and examples: what it asks."""
import copy
import math
import re
from functools import cache

import numpy as np

from minitrain.models.rules import RuleFilter
from minitrain.sources.mailbox import Mailbox, Spammer
from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

RULES = re.split(r",\s+", """free money, casino, lottery, jackpot, winner, congratulations, guaranteed, replica, discount, pills,
    miracle, diploma, crypto, loan, claim, click here, limited, million, act now, reward, gift card, free trial, bank account,
    cash, prize""")

QUESTIONS = {
    "left-alone": Question(
        "A filter learns from January's mail and is then left alone, as the rules were. In January it catches about nine in ten "
        "spam mails. Eight months later it catches …",
        ["still more than half", "between a third and a half", "less than a third"], answer="less than a third",
        why="It knows January's words, and the spammer has moved on from those, as he did with the rules. That it was learned "
            "does not make it keep learning."),
    "turned-cat": Question(
        "A model has learned from a thousand doodles, all upright and in good light, nearly without a mistake. Now everything is "
        "turned by 40 degrees. It gets right …",
        ["nearly all", "about eight in ten", "little more than half"], answer="little more than half",
        why="Nobody had shown it a turned cat. What its examples never varied, it had no reason to put up with."),
    "ten-words": Question(
        "Below each spam mail we paste the ten words that speak most for honest mail, and change nothing else. Of 100 spam mails "
        "the learned filter now catches …",
        ["more than 80", "about 60", "fewer than 45"], answer="fewer than 45",
        why="Its score is a sum. Ten words at the bottom count as much as ten words at the top, and nobody said that an honest "
            "word should not be able to buy a dishonest one free."),
    "price": Question(
        "In the network with three hidden layers, take a word that stands in many mails. From one mail to the next, its price …",
        ["is the same", "varies by about a tenth of its mean", "varies by a third of its mean or more"],
        answer="varies by a third of its mean or more",
        why="What a word does there depends on the words around it. That is what the layers are for, and it is why no list of "
            "prices can be read off them."),
    "next-word": Question(
        "Whether a new mail is spam, the filter gets right more than 19 times in 20. A model that has counted which word follows "
        "which two now guesses every next word of the same mails. It is right …",
        ["also more than 19 times in 20", "about every second time", "about once in a hundred"], answer="about every second time",
        why="After the same words, different mails go on in different ways. There is one right label for a mail, and there are "
            "many right words."),
}


# --- precision and recall -----------------------------------------------------------------------------------------------

def precision_and_recall(truth, guess):
    caught = sum(t == 1 and g == 1 for t, g in zip(truth, guess))       # spam, and called spam
    return caught / sum(guess), caught / sum(truth)


def _by_arrays(truth, guess):
    truth, guess = np.array(truth, bool), np.array(guess, bool)
    return truth[guess].mean(), guess[truth].mean()


def _by_products(truth, guess):
    caught = float(np.dot(truth, guess))
    return caught / np.sum(guess), caught / np.sum(truth)


def _some_answers(seed):
    lots = np.random.default_rng(seed + 3)
    n = (8, 12, 15, 20, 30)[seed % 5]
    truth = [1, 1, 1, 0, 0, 0, 0, *lots.integers(0, 2, n - 7).tolist()]
    return truth, [1, 0, 0, 1, 0, 0, 0] + [int(t if lots.random() < 0.7 else 1 - t) for t in truth[7:]]     # 1 of 2, 1 of 3


def _counts(truth, guess):
    """Spam caught, honest mail called spam, spam missed, honest mail let through."""
    pairs = list(zip(truth, guess))
    return [pairs.count(pair) for pair in ((1, 1), (0, 1), (1, 0), (0, 0))]


def _right(truth, guess):
    return sum(t == g for t, g in zip(truth, guess)) / len(truth)


def _from_counts(formula):
    return lambda truth, guess: formula(*_counts(truth, guess))


# --- what one word says -------------------------------------------------------------------------------------------------

def log_odds(in_spam, in_honest):
    spam, honest = in_spam + 1, in_honest + 1
    return np.log((spam / spam.sum()) / (honest / honest.sum()))        # (V,)


def _log_odds_in_a_loop(in_spam, in_honest):
    V = len(in_spam)
    return [math.log((a + 1) / (sum(in_spam) + V)) - math.log((b + 1) / (sum(in_honest) + V)) for a, b in zip(in_spam, in_honest)]


def _log_odds_as_differences(in_spam, in_honest):
    return np.log1p(in_spam) - np.log1p(in_honest) + np.log((in_honest + 1).sum()) - np.log((in_spam + 1).sum())


def _some_counts(seed):
    lots = np.random.default_rng(seed)
    n = (3, 4, 6, 8, 5)[seed % 5]
    spam, honest = lots.integers(1, 30, n), lots.integers(1, 60, n)
    spam[0], honest[-1] = 0, 0                                          # a word that one side never used
    return spam.astype(float), honest.astype(float)


def _quiet(function):
    def called(*args):
        with np.errstate(divide="ignore", invalid="ignore"):
            return function(*args)
    return called


def _shares(counts, more=1.0):
    return (counts + more) / (counts + more).sum()


# --- a rule that survives one more month --------------------------------------------------------------------------------

@cache
def _february():
    """The spammer as January with the 25 rules left him, and his February: what the notebook shows."""
    box, spammer = Mailbox(), Spammer(seed=0)
    january = box.draw(400, seed=0, month=0, spammer=spammer)
    spammer.learn(january, passed=(RuleFilter(RULES).predict(january) == 0).tolist())
    return spammer, box.draw(400, seed=0, month=1, spammer=spammer)


def _judge_survivor(answer):
    """None, or what is wrong with a rule: text -> bool, in words without numbers, so that like mistakes get like sentences."""
    def put_to_work(mails):
        fires = [answer(mail.text) for mail in mails]
        if all(f is None for f in fires):
            return None, "It gave back None for every mail: is there a `return` at the end?"
        if all(f is None or isinstance(f, re.Match) for f in fires):
            return None, "A rule says True or False of a mail; this one gave back what re.search found, and None elsewhere."
        if None in fires:
            return None, "For some mails it gave back None: does every branch reach a `return`?"
        if any(isinstance(f, str) for f in fires):
            return None, "A rule says True or False of a mail; this one gave back a text."
        return [bool(f) for f in fires], None

    def found(mails, fires):
        caught, called = sum(m.truth and f for m, f in zip(mails, fires)), sum(fires)
        return caught / sum(m.truth for m in mails), caught / called if called else 1.0
    spammer, february = _february()
    fires, wrong = put_to_work(february)
    if wrong:
        return wrong
    recall, precision = found(february, fires)
    if all(fires):
        return "In February it fires on every mail."
    if not any(fires):
        return "In February it fires on no mail at all."
    if precision < 0.6:
        return "In February, of the mails that it fires on, four in ten or more are honest."
    if recall < 0.2:
        return "In February it catches less than a fifth of the spam."
    if precision < 0.9:
        return "In February more than one in ten of the mails that it fires on are honest."
    spammer = copy.deepcopy(spammer)
    spammer.learn(february, passed=[not f for f in fires])
    march = Mailbox().draw(400, seed=0, month=2, spammer=spammer)
    fires, wrong = put_to_work(march)
    if wrong:
        return wrong
    recall, precision = found(march, fires)
    if not any(fires):
        return "In February it works. In March it fires on no mail at all."
    if recall < 0.2:
        return "In February it works. He sees that, and in March it catches less than a fifth of his mail."
    if precision < 0.9:
        return "In March more than one in ten of the mails that it fires on are honest."
    return None


def survivor(text):
    return bool(re.search(r"\w-\w+\.example/", text))       # he wants a click on a site of his own, and its name has a hyphen


def _survivor_by_address(text):
    return any(word.split(".example/")[0].count("-") == 1 for word in text.split() if ".example/" in word and word[0] != "-")


def _survivor_by_two_signs(text):
    own_site = re.search(r"\w-\w+\.example/", text)
    disguise = re.search(r"[a-z]\d[a-z]|[a-z]\*[a-z]|\b\w \w \w \w\b", text)
    return own_site is not None or disguise is not None


def _by_heart(text):
    return text in {mail.text for mail in _february()[1] if mail.truth}


EXERCISES = {
    "precision-and-recall": Exercise(
        task="From two lists of 0 and 1 (1 is spam), return precision and recall: of what was called spam, the share that is; of "
             "what is spam, the share that was called so.",
        reference=precision_and_recall, inputs=_some_answers,
        hint="Count three things: the mails called spam (the sum of guess), the mails that are spam (the sum of truth), and the "
             "mails that are both. Precision is both / called; recall is both / spam.",
        misconceptions=[
            Misconception(lambda truth, guess: precision_and_recall(truth, guess)[::-1],
                          "These are the right two numbers in the other order: precision first. It asks of the mails called "
                          "spam; recall asks of the spam."),
            Misconception(lambda truth, guess: (_right(truth, guess), precision_and_recall(truth, guess)[1]),
                          "The recall is right. The first number is the accuracy, the share of all answers that are right; "
                          "precision looks only at the mails called spam."),
            Misconception(lambda truth, guess: (_right(truth, guess),) * 2,
                          "Both numbers are the accuracy, the share of right answers among all mails. Precision looks only at "
                          "the mails called spam, recall only at the spam."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (tp / (tp + fp + fn + tn),) * 2),
                          "You divided by the number of all mails. Divide by those called spam for precision, and by those that "
                          "are spam for recall."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (tp / (tp + fp), (tp + fp) / (tp + fn))),
                          "The precision is right. For recall you counted all mails called spam; count only those of them that "
                          "are spam."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (tp / (tp + fp), tn / (tn + fp))),
                          "The precision is right. The second number is the share of honest mail that got through; recall is "
                          "the share of spam that was caught."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (fp / (tp + fp), tp / (tp + fn))),
                          "The recall is right. The first number is the share of the caught mails that are honest: precision is "
                          "1 minus that."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (1 - fp / (fp + tn), tp / (tp + fn))),
                          "The recall is right. The first number says how much honest mail got through. Precision starts from "
                          "the mails called spam, not from the honest ones."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (tp, tp)),
                          "This is a count, of the spam that was caught. A share needs something to divide it by."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (100 * tp / (tp + fp), 100 * tp / (tp + fn))),
                          "Right, in per cent. Give shares from 0 to 1."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (tn / (tn + fn), tn / (tn + fp))),
                          "This is the precision and recall of honest mail. Here 1 is spam, and it is spam that is looked for."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (tp / (tp + fp),) * 2),
                          "The precision is right, and stands there twice. Recall has the same top, and below it the number of "
                          "mails that are spam."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (tp / (tp + fn),) * 2),
                          "The recall is right, and stands there twice. Precision has the same top, and below it the number of "
                          "mails called spam."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (tp / (tp + fp), fn / (tp + fn))),
                          "The precision is right. The second number is the share of the spam that was missed: recall is 1 minus "
                          "that."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: ((tp + fp) / (tp + fn), tp / (tp + fn))),
                          "The recall is right. The first number compares how many mails were called spam with how many are; "
                          "precision asks how many of those called spam are."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (2 * tp / (2 * tp + fp + fn),) * 2),
                          "This is F1, which makes one number of the two (their harmonic mean). Asked are the two."),
            Misconception(_from_counts(lambda tp, fp, fn, tn: (tp // (tp + fp), tp // (tp + fn))),
                          "// drops what comes after the point, so a share becomes 0 or 1. Divide with /."),
        ],
        alternatives=[_by_arrays, _by_products]),
    "log-odds": Exercise(
        task="From how often each word stands in all spam and in all honest mail, two arrays (V,), return each word's log-odds. "
             "Add 1 to every count first.",
        reference=log_odds, inputs=_some_counts, any_sequence=True,
        hint="Three steps. Add 1 to every count of both arrays. Divide each array by its own sum, which gives shares that add up "
             "to 1. Return np.log(share in spam / share in honest mail).",
        misconceptions=[
            Misconception(_quiet(lambda a, b: np.log(_shares(a, 0) / _shares(b, 0))),
                          "A word that one side never used comes out infinite: seen once, it would decide alone. Add 1 to every "
                          "count first."),
            Misconception(lambda a, b: np.log(((a + 1) / a.sum()) / ((b + 1) / b.sum())),
                          "You added 1 to each word, but not to the totals, so the shares no longer add up to 1. Divide by the "
                          "sum of the counts after adding."),
            Misconception(lambda a, b: np.log(((a + 1) / (a.sum() + 1)) / ((b + 1) / (b.sum() + 1))),
                          "Each of the V words got 1 more, so the total grows by V, and you added 1."),
            Misconception(lambda a, b: np.log((a + 1) / (b + 1)),
                          "You compared counts. There is more honest mail than spam, so a plain word would seem to speak for "
                          "honest mail: divide each side by its own total first."),
            Misconception(lambda a, b: np.log(_shares(b) / _shares(a)),
                          "The sign is turned round: a word of the spammer's should come out positive."),
            Misconception(lambda a, b: _shares(a) / _shares(b),
                          "This is how many times as frequent the word is in spam. Take the logarithm of it, so that words can "
                          "be added up."),
            Misconception(lambda a, b: _shares(a) - _shares(b),
                          "You took the difference of the shares. That makes frequent words loud and rare ones mute; take the "
                          "logarithm of their ratio."),
            Misconception(lambda a, b: np.log2(_shares(a) / _shares(b)),
                          "Right, with logarithms to base 2. Take the natural logarithm, np.log."),
            Misconception(lambda a, b: np.log10(_shares(a) / _shares(b)),
                          "Right, with logarithms to base 10. Take the natural logarithm, np.log."),
            Misconception(lambda a, b: np.log(_shares(a)),
                          "This is how likely the word is in spam, whatever honest people write. Compare it with its share in "
                          "honest mail."),
            Misconception(lambda a, b: np.log((a + 1) / (a + b + 2)),
                          "This is the logarithm of the share of the word's uses that are spam. Asked is how much more frequent "
                          "it is in spam than in honest mail, each by its own total."),
        ],
        alternatives=[_log_odds_in_a_loop, _log_odds_as_differences]),
    "survivor": Exercise(
        task="Write a rule, a function of a mail's text that says True or False. In February and again in March, after the "
             "spammer has seen what gets past it, it must catch at least a fifth of his mail, and at most one in ten of the "
             "mails it fires on may be honest.",
        reference=survivor, judge=_judge_survivor, changes_inputs=True,      # None has sentences of its own there
        hint="Every topic and every disguise can be dropped. Ask what he wants from you, whatever he writes: often a click. "
             "Print the links in his mail and in honest mail side by side; how do the addresses differ? (re.search gives None "
             "where it finds nothing; bool(re.search(…)) makes True or False of it.)",
        solution="""
            import re

            def survivor(text):
                return bool(re.search(r"\\w-\\w+\\.example/", text))    # a link to a site of his own: two words and a hyphen
            """,
        misconceptions=[
            Misconception(lambda text: True,
                          "It fires on every mail, honest or not. That catches all spam, and nobody gets any mail."),
            Misconception(lambda text: "free money" in text.lower(),
                          "It fires on nothing. Nobody writes that any more: it was caught all January, and he noticed. (Or the "
                          "case is wrong: text.lower() has no capitals in it.)"),
            Misconception(lambda text: "click here" if "click" in text else "",
                          "It gives back a text. Say True or False: `return \"click\" in text`."),
            Misconception(lambda text: re.search(r"\w-\w+\.example/", text),
                          "The pattern may be right, but re.search gives back what it found, or None. Make True or False of it: "
                          "`return bool(re.search(…, text))`."),
            Misconception(lambda text: True if "click" in text else None,
                          "Where the rule does not fire, it gives back None: say False there. `return \"click\" in text` says "
                          "both."),
            Misconception(lambda text: "you" in text,
                          "Too many honest mails have that in them as well. Try it on february, and look at the honest ones "
                          "that it hits."),
            Misconception(lambda text: "password" in text.lower(),
                          "That is one campaign of his among many, so most of his mail has nothing to do with it. Look for what "
                          "the campaigns have in common."),
            Misconception(lambda text: ".example" in text,
                          "A good idea, nearly there: catching every link, or every talk of money, hits shops and banks too. "
                          "Compare his with theirs, letter by letter."),
            Misconception(lambda text: bool(re.search(r"[a-z]\d[a-z]|\b\w \w \w \w\b", text)),
                          "It works in February, and then he stops doing that: the disguise or the topic was a habit, not a "
                          "need. What can he not leave out if he is to get anything from you?"),
            Misconception(_by_heart,
                          "It knows February's mail by heart. In March he writes other mail. A rule must fit what you have not "
                          "seen yet."),
        ],
        alternatives=[_survivor_by_address, _survivor_by_two_signs]),
}
