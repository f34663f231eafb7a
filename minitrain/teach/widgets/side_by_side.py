"""The same question to two models, token by token: what each would say next, and how sure it is. Nothing here trains."""
import html

import ipywidgets
import torch
import traitlets

from minitrain.teach.widgets.base import Panel, button, line, say
from minitrain.teach.widgets.next_word import likeliest


class SideBySide(Panel):
    """Models answer one question, each going on with the token that it finds likeliest.

    models: name -> (model, tokenizer, prompt), where prompt(question) gives the ids behind which the model goes on, or raises
    ValueError with a sentence for the reader.  questions: to choose from; any other can be typed.

    Traits: `question`, `message`; `texts`: name -> what it has said so far; `ended`: name -> whether it has stopped.
    """

    question = traitlets.Unicode("")
    message = traitlets.Unicode("")

    def __init__(self, models, questions, *, longest=40):
        self.models, self.questions, self.longest = models, list(questions), longest
        self.field = ipywidgets.Text(value=self.questions[0], description="Question", continuous_update=False,
                                     layout={"width": "560px"})
        self.buttons = [button("Next token", self.step, tip="Each model says one token more"),
                        button("To the end", self.finish, tip="Until both have stopped"),
                        button("Ask anew", self.ask, tip="Ask what stands in the field"),
                        button("Another question", self.another, tip="The next of the prepared questions")]
        self.columns, self.line = [ipywidgets.HTML(layout={"width": "330px"}) for _ in models], line()
        rows = [self.field, ipywidgets.HBox(self.buttons), ipywidgets.HBox(self.columns), self.line]
        super().__init__("The same question", rows,
                         says="Type a question, or take the next, and let both models answer it token by token; bars show what "
                              "each would say next.")
        self.question = self.questions[0]
        traitlets.link((self, "question"), (self.field, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self.ask(), "question")
        self.ask()

    def ask(self):
        """Begin anew with the question that stands in the field."""
        self.before, self.said = {}, {name: [] for name in self.models}
        for name, (_, _, prompt) in self.models.items():
            try:
                self.before[name] = prompt(self.question)
            except ValueError as error:
                self.before, self.message = {}, str(error)
                break
        else:
            self.message = "Press Next token; each model goes on by one."
        self._show()

    def another(self):
        """The next of the prepared questions."""
        place = self.questions.index(self.question) if self.question in self.questions else -1
        self.question = self.questions[(place + 1) % len(self.questions)]

    @property
    def texts(self):
        return {name: self.models[name][1].decode([i for i in said if i != self.models[name][1].end]).strip(" ")
                for name, said in self.said.items()}

    @property
    def ended(self):
        return {name: said[-1:] == [self.models[name][1].end] or len(said) >= self.longest for name, said in self.said.items()}

    @torch.no_grad()
    def shares(self, name):
        """The probability of each next token, (V,)."""
        model = self.models[name][0]
        ids = [*self.before[name], *self.said[name]][-model.context:]
        return model(torch.tensor([ids]))[0, -1].double().softmax(-1)

    def step(self):
        """One token more from each model that has not stopped."""
        if not self.before:
            return
        ended = self.ended
        for name in self.models:
            if not ended[name]:
                self.said[name].append(int(self.shares(name).argmax()))
        stopped = [name for name, done in self.ended.items() if done]
        self.message = f"Stopped: {', '.join(stopped)}." if stopped else "Press Next token for one more."
        self._show()

    def finish(self):
        """Until all have stopped."""
        while self.before and not all(self.ended.values()):
            self.step()

    def _show(self):
        for column, (name, (_, tokenizer, _)) in zip(self.columns, self.models.items()):
            text = html.escape(self.texts[name]).replace("\n", "<br>") or "<i>(nothing yet)</i>"
            open_yet = self.before and not self.ended[name]
            bars = likeliest(self.shares(name), tokenizer, most=5) if open_yet else ""
            column.value = (f"<b>{html.escape(name)}</b><div style='min-height:5em;line-height:1.5;padding:6px 8px 6px 0'>{text}"
                            f"{'' if open_yet or not self.before else ' ■'}</div>{bars}")
