"""What the first lessons do to texts: counting words, naive Bayes, rules, near-duplicates, quality, raters."""
import math
import re
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score
from sklearn.naive_bayes import MultinomialNB

from minitrain import Trainer, losses, optim
from minitrain.models.mlp import MLP
from minitrain.models.naive_bayes import NaiveBayes
from minitrain.models.rules import Rule, RuleFilter, score
from minitrain.sources.bag_of_words import WORD, BagOfWords
from minitrain.sources.mailbox import Mailbox
from minitrain.sources.near_duplicates import candidates, groups, jaccard, minhash, near_duplicates, shingles
from minitrain.sources.quality import complaints
from minitrain.sources.raters import cohen_kappa, fleiss_kappa, majority, rate


@pytest.fixture(scope="module")
def mail():
    train, test = Mailbox().draw(800, seed=0), Mailbox().draw(400, seed=1)
    return [([m.text for m in mails], torch.tensor([m.label for m in mails])) for mails in (train, test)]


# Counting words.

def test_counts_equal_scikit_learns(mail):
    (texts, _), (others, _) = mail
    bag, theirs = BagOfWords(texts, least=3), CountVectorizer(token_pattern=WORD.pattern, min_df=3)
    x = theirs.fit_transform(texts)
    assert list(bag.vocabulary) == list(theirs.get_feature_names_out())
    assert np.array_equal(bag.counts(texts).numpy(), x.toarray())
    assert np.array_equal(bag.counts(others).numpy(), theirs.transform(others).toarray())       # with words never seen


def test_a_limited_vocabulary_keeps_the_most_frequent_words():
    assert list(BagOfWords(["a b", "a b", "a c", "d"], most=2).vocabulary) == ["a", "b"]
    assert list(BagOfWords(["a b", "a b", "a c"], least=2).vocabulary) == ["a", "b"]


def test_a_mail_without_words_and_words_never_seen():
    bag = BagOfWords(["free money", "the choir"])
    assert bag.counts(["", "!!!", "zebra zebra"]).sum() == 0 and bag.counts([]).shape == (0, 4)
    assert bag.unseen("Free zebra") == ["zebra"] and bag.shares("zebra", torch.ones(4)) == []
    with pytest.raises(KeyError, match="'zebra' was in no training text"):
        bag.column("zebra")
    with pytest.raises(ValueError, match="no word stands in at least 1 of the 2 texts"):
        BagOfWords(["", "?!"])
    with pytest.raises(TypeError, match="one text; it needs a list"):
        bag.counts("free money")
    with pytest.raises(TypeError, match=r"mail.text"):
        bag.counts(Mailbox().draw(1))
    with pytest.raises(ValueError, match="one weight a word"):
        bag.shares("free", torch.ones(3))


# The two learned filters.

@pytest.mark.parametrize("smoothing", [0.01, 1.0, 5.0])
def test_naive_bayes_equals_scikit_learns(mail, smoothing):
    (texts, y), (others, _) = mail
    bag = BagOfWords(texts)
    x, z = bag.counts(texts), bag.counts([*others, ""])
    ours, theirs = NaiveBayes(smoothing).fit(x, y), MultinomialNB(alpha=smoothing).fit(x, y)
    assert np.allclose(ours.log_prob, theirs.feature_log_prob_, atol=1e-12)
    log_odds = np.diff(theirs.predict_joint_log_proba(z))[:, 0]
    assert np.allclose(ours(z), log_odds, atol=1e-3) and np.array_equal(ours.predict(z), theirs.predict(z))
    assert ours(z)[-1] == ours.bias                                         # a mail without words: the classes' odds


def test_shares_add_up_to_the_score(mail):
    (texts, y), (others, _) = mail
    bag = BagOfWords(texts)
    model = NaiveBayes().fit(bag.counts(texts), y)
    for text in others[:50]:
        total = sum(share for _, share in bag.shares(text, model.weights)) + float(model.bias)
        assert math.isclose(total, float(model(bag.counts([text]))), abs_tol=1e-3)


def test_logistic_regression_through_the_trainer_equals_scikit_learns(mail):
    """One weight a word; L2 decay in the loss, so that there is one minimum, and the whole batch, so that it is reached."""
    (texts, y), (others, _) = mail
    bag = BagOfWords(texts, least=20)
    x, target = bag.counts(texts), y.float()[:, None]

    def loss(model, batch):
        out = losses.logistic(model, batch)
        return losses.Loss(out.mean + model.layers[0].weight.square().sum() / (2 * len(x)), out.n)
    model = MLP(len(bag), 1, seed=0)
    trainer = Trainer(model, loss, optim.Adam(model.parameters(), rate=0.1), schedule=optim.cosine(2000))
    trainer.fit([(x, target)], steps=2000)
    theirs = LogisticRegression(C=1.0, max_iter=5000, tol=1e-8).fit(x, y)
    assert np.allclose(model.layers[0].weight.detach(), theirs.coef_, atol=1e-3)
    assert np.array_equal((model(bag.counts(others))[:, 0] > 0).long(), theirs.predict(bag.counts(others)))


def test_naive_bayes_says_what_is_wrong():
    x = torch.ones(3, 2)
    with pytest.raises(ValueError, match="no spam .label 1. among the 3 training mails"):
        NaiveBayes().fit(x, torch.zeros(3))
    with pytest.raises(ValueError, match="no honest mail"):
        NaiveBayes().fit(x, torch.ones(3))
    with pytest.raises(ValueError, match="labels are 0 and 1"):
        NaiveBayes().fit(x, torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"\(3, 2\) and \(2,\)"):
        NaiveBayes().fit(x, torch.tensor([0, 1]))
    with pytest.raises(RuntimeError, match="not been trained"):
        NaiveBayes()(x)
    with pytest.raises(ValueError, match="knows 2 words"):
        NaiveBayes().fit(x, torch.tensor([0, 1, 1]))(torch.ones(1, 3))
    with pytest.raises(ValueError, match="above 0"):
        NaiveBayes(smoothing=0)


# Rules.

def test_rules_find_phrases_patterns_and_functions():
    assert Rule("free money")("FREE\n money!") and not Rule("free money")("free the money")
    assert Rule("c++")("I like C++ a lot") and not Rule("pill")("a pillow") and Rule("100%")("100% legal")
    assert Rule(re.compile("FR[3E]{2}"))("FR33") and not Rule(re.compile("FR[3E]{2}"))("fr33")
    assert Rule(lambda mail: mail.sender.startswith("x"))(type("M", (), {"sender": "xy", "text": ""}))
    mails = Mailbox().draw(50)
    table = RuleFilter(["free", Rule(re.compile("!"))]).fires(mails)
    assert table.tolist() == [["free" in re.findall(r"\w+", m.text.lower()), "!" in m.text] for m in mails]


def test_rule_filters_count_rules_and_score_is_scikit_learns():
    texts = ["free money", "free", "goat", "money"]
    assert RuleFilter(["free", "money"]).predict(texts).tolist() == [1, 1, 0, 1]
    assert RuleFilter(["free", "money"], need=2).predict(texts).tolist() == [1, 0, 0, 0]
    assert RuleFilter([]).predict(texts).tolist() == [0, 0, 0, 0] and RuleFilter(["free"]).predict([]).shape == (0,)
    truth, guess = (torch.randint(0, 2, (200,), generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    found = score(truth, guess)
    assert math.isclose(found.precision, precision_score(truth, guess)) and math.isclose(found.recall, recall_score(truth, guess))
    assert math.isnan(score([1, 0], [0, 0]).precision) and math.isnan(score([0, 0], [0, 1]).recall)


def test_rules_say_what_is_wrong():
    with pytest.raises(ValueError, match="rule is empty"):
        Rule("  ")
    with pytest.raises(ValueError, match="fits the empty text"):
        Rule(re.compile("a*"))
    with pytest.raises(TypeError, match="got int"):
        RuleFilter([3])
    with pytest.raises(ValueError, match="every mail is spam"):
        RuleFilter(["free"], need=0)
    with pytest.raises(ValueError, match="equally long"):
        score([1, 0], [1])


# Near-duplicates.

@given(st.sets(st.integers(0, 60), min_size=1), st.sets(st.integers(0, 60), min_size=1))
@settings(max_examples=30, deadline=None)
def test_minhash_estimates_jaccard(a, b):
    places = minhash([set(map(str, a)), set(map(str, b))], size=2048, seed=1)
    assert abs(float((places[0] == places[1]).mean()) - jaccard(a, b)) < 5 * 0.5 / 2048 ** 0.5


def test_minhash_is_unbiased_with_the_error_that_theory_says():
    lots, errors = Random(0), []
    for seed in range(300):
        a = set(map(str, lots.sample(range(300), 100)))
        b = set(lots.sample(sorted(a), 60)) | set(map(str, range(1000, 1040)))
        places = minhash([a, b], size=128, seed=seed)
        errors.append(float((places[0] == places[1]).mean()) - jaccard(a, b))
    expected = math.sqrt(jaccard(a, b) * (1 - jaccard(a, b)) / 128)
    assert abs(np.mean(errors)) < 4 * expected / 300 ** 0.5 and 0.85 < np.std(errors) / expected < 1.15


def test_bands_find_pairs_as_often_as_theory_says():
    found = 0
    for seed in range(200):
        sets = [{str(i) for i in range(100)}, {str(i) for i in range(40, 140)}]             # J = 60 / 140
        found += bool(candidates(minhash(sets, size=64, seed=seed), bands=16))
    expected = 1 - (1 - (60 / 140) ** 4) ** 16
    assert abs(found / 200 - expected) < 4 * (expected * (1 - expected) / 200) ** 0.5


def test_near_duplicates_of_mail_against_every_pair():
    texts = [mail.text for mail in Mailbox(near_duplicates=0.3, duplicates=0.1).draw(400, seed=0)]
    sets = [shingles(text) for text in texts]
    truth = {(i, j) for j in range(400) for i in range(j) if jaccard(sets[i], sets[j]) >= 0.7}
    found = {(i, j) for i, j, _ in near_duplicates(texts, threshold=0.7)}
    assert len(truth) > 100 and found <= truth and len(found) > 0.98 * len(truth)


def test_groups_follow_chains_to_the_first():
    assert groups([(4, 5), (2, 4), (0, 1)], 6) == [0, 0, 2, 3, 2, 2]


def test_near_duplicates_say_what_is_wrong():
    assert shingles("two words") == {"two words"}
    with pytest.raises(ValueError, match="without words"):
        near_duplicates(["goat", "?!"])
    with pytest.raises(ValueError, match="0/0"):
        jaccard(set(), set())
    with pytest.raises(ValueError, match="set number 1 is empty"):
        minhash([{"a"}, set()])
    with pytest.raises(ValueError, match="128 places can not be cut into 3"):
        candidates(minhash([{"a"}]), bands=3)


# Quality.

@pytest.mark.parametrize("text, rule", [
    ("the goat " * 10, "words"), ("a b of the " * 30, "word_length"), ("the and goat ... " * 30, "symbols"),
    ("the and 12 34 " * 30, "alphabetic"), ("goats eat hats " * 30, "stop_words"),
    ("the goat and the hat stand here\n" * 10, "repeated_lines")])
def test_each_quality_rule_fires_on_what_it_is_for(text, rule):
    assert rule in complaints(text)


def test_the_quality_filter_drops_junk_and_with_it_chat():
    def dropped(keep, **knobs):
        mails = [m for m in Mailbox(**knobs).draw(400, seed=0) if keep(m)]
        return sum(bool(complaints(m.body, words=(20, 10**5))) for m in mails) / len(mails)
    assert dropped(lambda m: "broken" in m.choices, junk=0.5) > 0.75
    assert dropped(lambda m: True) < 0.2 and dropped(lambda m: True, register="chat") > 0.85


# Raters.

def test_kappas_equal_known_ones():
    a, b = (torch.randint(0, 3, (200,), generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    assert math.isclose(cohen_kappa(a, b), cohen_kappa_score(a, b), abs_tol=1e-12)
    assert math.isclose(cohen_kappa(a, a), 1.0)
    votes = [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0],
             [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]             # 10 items, 14 raters, 5 labels
    ratings = torch.tensor([[label for label, n in enumerate(row) for _ in range(n)] for row in votes]).T
    by_hand_agreement = sum(sum(n * (n - 1) for n in row) for row in votes) / (10 * 14 * 13)
    by_hand_chance = sum((sum(row[k] for row in votes) / 140) ** 2 for k in range(5))
    assert math.isclose(fleiss_kappa(ratings), (by_hand_agreement - by_hand_chance) / (1 - by_hand_chance))
    assert round(fleiss_kappa(ratings), 3) == 0.21


def test_majority_and_its_ties():
    assert majority([[0, 1, 2], [0, 1, 2], [1, 1, 0]]).tolist() == [0, 1, 2]
    assert majority([[0, 1]]).tolist() == [0, 1] and majority([[0, 0], [0, 0]]).tolist() == [0, 0]
    assert majority([[0, 1], [1, 1]], tie=0).tolist() == [0, 1]
    with pytest.raises(ValueError, match="item 1 is tied"):
        majority([[0, 0], [0, 1]])


def test_raters_err_as_often_as_told_and_a_majority_errs_less():
    truth = torch.randint(0, 2, (4000,), generator=torch.Generator().manual_seed(0))
    ratings = rate(truth, [0.2] * 5 + [(0.0, 0.5)], seed=1)
    wrong = (ratings != truth).double()
    assert torch.allclose(wrong[:5].mean(1), torch.tensor(0.2).double(), atol=0.03)
    assert wrong[5][truth == 0].sum() == 0 and abs(wrong[5][truth == 1].mean() - 0.5) < 0.05
    binomial = sum(math.comb(5, k) * 0.2 ** k * 0.8 ** (5 - k) for k in (3, 4, 5))
    assert abs((majority(ratings[:5]) != truth).double().mean() - binomial) < 0.015
    hard = rate(truth, [0.25] * 9, difficulty=torch.where(torch.arange(4000) < 1000, 3.0, 0.0), seed=1)
    assert (majority(hard) != truth)[1000:].sum() == 0 and (majority(hard) != truth)[:1000].double().mean() > 0.9


def test_raters_say_what_is_wrong():
    with pytest.raises(ValueError, match="these raters gave 2, 3 labels"):
        majority([[0, 1], [0, 1, 1]])
    with pytest.raises(ValueError, match="these raters gave 2, 1 labels"):
        cohen_kappa([0, 1], [0])
    with pytest.raises(ValueError, match="at least two raters"):
        fleiss_kappa([[0, 1]])
    with pytest.raises(ValueError, match="0/0"):
        fleiss_kappa([[1, 1], [1, 1]])
    with pytest.raises(ValueError, match="no ratings"):
        majority([])
    with pytest.raises(TypeError, match="whole numbers"):
        majority([[0.5, 1.0]])
