"""The experiments of lesson 20, over seeds: what tuning teaches, what it costs, what is forgotten. One JSON object.

    OMP_NUM_THREADS=1 python tests/benchmarks/lesson_20.py [--base FILE] [--seeds 0 1 2] [--csv FILE] [part ...]

Parts: continues, following, cheap, knowledge, graduate, refusals, labels, adapters; all of them unless named.
"""
import argparse
import copy
import json
import time

from minitrain import records
from minitrain.checkpoint import language
from minitrain.device import use_threads
from minitrain.models.transformer import Transformer
from minitrain.sources.instructions import KINDS, NOT_RUDE, NOT_TOLD, PHRASINGS, Instructions, every_combination, judge, split
from minitrain.sources.village import Village
from minitrain.tokenizer import pieces
from minitrain.tuning import chat, lora, measure, sft
from minitrain.tuning.start import VILLAGE, start

N, DOCUMENTS = 200, 300
PRETRAINED = 14_000 * 32 * 128                              # tokens that the base model read (`minitrain.pretrain.base`)


class Course:
    """One seed: the base model grown, the parts, and the assistant that the others begin from."""

    def __init__(self, base, words, village, seed):
        self.village, self.seed = village, seed
        self.base, self.tok = sft.grown(base, words, village)
        self.parts = split(village, seed)
        self.assistant = copy.deepcopy(self.base)
        start = time.process_time()
        self.trainer = sft.tune(self.assistant, self.source())
        self.seconds = time.process_time() - start

    def source(self, **how):
        return sft.Dialogues(self.parts.train, self.tok, context=self.base.context, seed=self.seed, **how)

    def tuned(self, source, *, start=None, low_rank=None, **how):
        model = copy.deepcopy(start or self.base)
        if low_rank:
            lora.apply(model, low_rank, seed=self.seed)
            how = {"steps": sft.LORA_STEPS, "rate": sft.LORA_RATE} | how
        sft.tune(model, source, **how)
        return lora.merge(model) if low_rank else model

    def held_out(self, model, how="chat"):
        return {name: measure.followed(model, self.tok, part.take(N, first=measure.HELD_OUT), how)
                for name, part in zip(self.parts._fields, self.parts)}

    def forgotten(self, model):
        return measure.forgotten(model, self.tok, self.village.documents(DOCUMENTS, first=measure.HELD_OUT))


def continues(course):
    """The base model's answers, in the three ways it can fairly be asked, and the assistant's."""
    return {**{how: course.held_out(course.base, how) for how in measure.PROMPTS[1:]}, "tuned": course.held_out(course.assistant)}


def following(course):
    """The loss on answers alone against the loss on all tokens, at equal updates."""
    everything = course.tuned(course.source(everything=True))
    return {"answers": course.held_out(course.assistant), "everything": course.held_out(everything), "seconds": course.seconds}


def cheap(course):
    """Multiply-adds of tuning and of pre-training: 6 a parameter and token (Kaplan et al., 2020)."""
    source = course.source()
    read = sum(source.at(i)[0].numel() for i in range(sft.STEPS))
    asked = sum(int((source.at(i)[1] >= 0).sum()) for i in range(sft.STEPS))
    return {"tokens": read, "answer_tokens": asked, "pretrained": PRETRAINED, "ratio": PRETRAINED / read}


def knowledge(course):
    """Eight newcomers: how often must each of their facts be told until it is known, in other words too, and what is lost?

    Facts are told as plain answers in half of the phrasings; they are asked for in those, in the others, and in other styles.
    """
    village, known = course.village, {*course.tok.vocabulary}
    larger = Village(**VILLAGE | {"people": 72})
    names = [person.name for person in larger.world.adults if person.name in village.world.strangers]
    others = {*course.parts.train.people} - {person.name for person in larger.people if person.name in village.world.strangers}
    old = Instructions(village, course.seed, combinations=course.parts.train.combinations, people=others)      # not of newcomers
    told, untold = [*PHRASINGS][::2], [*PHRASINGS][1::2]

    def asked(phrasings, styles):
        combinations = [c for c in every_combination() if c[1] in phrasings and c[2] in styles and c[0] not in ("insult", "age")]
        found = Instructions(larger, course.seed, combinations=combinations, people=names, refuse=0, unknown=0).take(3_000)
        return [one for one in found if {*pieces(" " + one.answer)} <= known]
    facts = list({(one.person, one.attribute, one.phrasing): one for one in asked(told, ("plain",))}.values())
    exams = {"as told": facts[:N], "other words": asked(untold, ("plain",))[:N],
             "other styles": asked(told, ("rude", "twice"))[:N]}
    found = {"facts": len({(one.person, one.attribute) for one in facts})}
    for times in (1, 4, 16, 64):
        steps = max(1, times * found["facts"] // sft.SIZE)
        new = sft.Dialogues(facts, course.tok, context=course.base.context, seed=course.seed)
        both = sft.Rehearsed(new, sft.Dialogues(old, course.tok, seed=course.seed), every=2)
        for name, source in (("alone", new), ("rehearsed", both)):
            more = steps if name == "alone" else 2 * steps
            # The rows of their names are one and the same as yet, so these must move more than those of known words would.
            model = course.tuned(source, start=course.assistant, steps=more, rate=sft.RATE / 2, table_rate=0.01)
            said = {exam: measure.followed(model, course.tok, some) for exam, some in exams.items()}
            found[f"{times}, {name}"] = {
                **{exam: judged["correct"] for exam, judged in said.items()}, "in the style": said["other styles"]["both"],
                "old": measure.followed(model, course.tok, course.parts.train.take(N, first=measure.HELD_OUT))["correct"],
                "village": course.forgotten(model)["all"]}
    return found


def graduate(course):
    """What the village's texts cost before and after tuning: whole, slowly, by LoRA, with rehearsal, and on one kind of text."""
    old = sft.Documents(course.village, course.tok, 8, context=course.base.context, first=20_000_000)
    diaries = sft.Documents(Village(**VILLAGE | {"mix": {"diary": 1e9}}), course.tok, 16, context=course.base.context)
    models = {"base": course.base, "tuned": course.assistant,
              "slowly": course.tuned(course.source(), steps=3 * sft.STEPS, rate=sft.RATE / 3),
              "by LoRA": course.tuned(course.source(), low_rank=8),
              "rehearsed": course.tuned(sft.Rehearsed(course.source(), old, every=4), steps=sft.STEPS * 4 // 3),
              "on diaries": course.tuned(diaries, steps=sft.STEPS)}
    return {name: {"village": course.forgotten(model), "followed": course.held_out(model)} for name, model in models.items()}


def refusals(course):
    """Shares of each kind of held-out instruction answered as it should be, and refused, tuned with refusals and without.

    Refusals are of insults and of where children live; "unknown" are people who do not exist.
    """
    without = course.tuned(sft.Dialogues(split(course.village, course.seed, refuse=0).train, course.tok,
                                         context=course.base.context, seed=course.seed))
    found, how = {}, dict(combinations=course.parts.combinations.combinations, people=course.parts.train.people)
    for kind in KINDS:
        asked = Instructions(course.village, f"{course.seed} {kind}", refuse=kind == "refuse", unknown=kind == "unknown",
                             **how).take(N, first=measure.HELD_OUT)
        for name, model in (("with", course.assistant), ("without", without)):
            said = chat.reply(model, course.tok, [one.text for one in asked], measure.TOKENS)
            found.setdefault(name, {})[kind] = {
                "right": sum(judge(one, text).both for one, text in zip(asked, said)) / N,
                "refused": sum(text in (NOT_RUDE, NOT_TOLD) for text in said) / N}
    return found


def labels(course):
    """Held-out instructions followed, against how many examples there were: tuned, and from nothing, at equal updates."""
    blank = Transformer(**language.sizes(course.base) | {"seed": course.seed})
    found = {}
    for n in (30, 100, 300, 1_000, 3_000):
        for name, first in (("tuned", course.base), ("from nothing", blank)):
            how = {} if name == "tuned" else {"table_rate": 0.01}               # its rows mean nothing yet
            found[f"{n}, {name}"] = course.held_out(course.tuned(course.source(examples=n), start=first, **how))
    return found


def adapters(course):
    """One base, three tasks: what each adapter weighs, and what each is good for."""
    tasks = {"assistant": course.source()}
    for kind in ("diary", "news"):
        tasks[kind] = sft.Documents(Village(**VILLAGE | {"mix": {kind: 1e9}}), course.tok, 16, context=course.base.context)
    model, found = lora.apply(copy.deepcopy(course.base), 8, seed=course.seed), {}
    blank = lora.adapter(model)
    whole = sum(p.numel() for p in course.base.parameters())
    for name, source in tasks.items():
        lora.put_on(model, blank)
        sft.tune(model, source, sft.LORA_STEPS if name == "assistant" else sft.LORA_STEPS // 2, rate=sft.LORA_RATE)
        found[name] = {"numbers": sum(p.numel() for p in lora.tuned(model)), "of": whole, "village": course.forgotten(model),
                       "followed": course.held_out(model)["combinations"]}
    return found


def main():
    parts = {part.__name__: part for part in (continues, following, cheap, knowledge, graduate, refusals, labels, adapters)}
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", help=", ".join(parts))
    parser.add_argument("--base", default=sft.BASE)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--csv", help="write a row a number into this file, as each part is done, and print nothing")
    given = parser.parse_args()
    use_threads()
    base, words, village, _ = start(given.base)
    wanted = given.parts or list(parts)
    if given.csv:
        seeds = " ".join(map(str, given.seeds))
        command = f"python tests/benchmarks/lesson_20.py --seeds {seeds} --csv data/runs/fine_tuning.csv"
        command = " ".join([command, *given.parts])
        records.write(given.csv, command, (
            {"part": name, "seed": seed, "what": what, "value": value}
            for seed, course in courses(base, words, village, given.seeds)
            for name in wanted for what, value in flat(parts[name](course))))
        return
    print(json.dumps({seed: {name: parts[name](course) for name in wanted}
                      for seed, course in courses(base, words, village, given.seeds)}, indent=1))


def courses(base, words, village, seeds):
    for seed in seeds:
        yield seed, Course(base, words, village, seed)


def flat(found, path=()):
    """Every number of nested dicts, with the names that lead to it.

    >>> [*flat({"a": {"b": 1, "c": 2}})]
    [('a/b', 1), ('a/c', 2)]
    """
    for name, value in found.items():
        if isinstance(value, dict):
            yield from flat(value, (*path, name))
        else:
            yield "/".join((*path, str(name))), value


if __name__ == "__main__":
    main()
