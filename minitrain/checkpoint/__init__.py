"""Checkpoints that never lie: all that a run needs to go on as if it had never stopped, in one file that is whole or absent.

Here is what a reader calls; `file.py` is the file and its format, `run.py` what of a run goes into it. Left out: several
processes that write one folder, writing in the background, and telling models apart that differ in code alone, a relu for a
tanh.
"""
import warnings
from itertools import count
from pathlib import Path

from minitrain.checkpoint import file, run
from minitrain.checkpoint.file import Unusable

__all__ = ["Checkpoints", "Unusable", "load", "save"]


def save(path, trainer, *, source=None, generators=None, note=None):
    """Write the run as it stands between two updates: weights, optimizer, `t`, history, and the state of every generator.

    The schedule needs `t` alone, and so does a source that has `at(i)`.  source: one that remembers more; it has
    `state_dict()` and `load_state_dict(state)`.  generators: by name, those that the run draws from, of torch, NumPy or
    Python; the global ones are saved anyway.  note: data of your own. Returns the path.

    >>> import tempfile, torch
    >>> from minitrain import Trainer, losses, optim, sources
    >>> from minitrain.models.mlp import MLP
    >>> def trainer():
    ...     model = MLP(64, 32, 10, seed=0)
    ...     return Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters()))
    >>> a, b, source = trainer(), trainer(), sources.batches(*sources.digits(), seed=0)
    >>> a.fit(source, steps=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(save(f"{folder}/digits.safetensors", a, note="halfway"), b)
    'halfway'
    >>> a.fit(source, until=40); b.fit(source, until=40)
    >>> b.t, b.history == a.history, torch.equal(a.model.layers[0].weight, b.model.layers[0].weight)
    (40, True, True)
    """
    return file.write(path, {"note": note, "fits": run.fits(trainer, source, generators),
                             "run": run.capture(trainer, source, generators)})


def load(path, trainer, *, source=None, generators=None):
    """Put trainer, source and generators where they were when `path` was saved, on the devices they are on now; give the note.

    All is checked before anything is changed. Unusable: the file is not what was saved. ValueError: it is another model's or
    optimizer's; the first difference is named. Rates, betas and so on come back as saved, and a warning names those that the
    trainer had otherwise: set them after loading. To be called between two fits.
    """
    saved = file.read(path)
    theirs, ours = saved["fits"], run.fits(trainer, source, generators)
    for name in {**ours, **theirs}:
        if theirs.get(name) != ours.get(name):
            raise ValueError(f"{path} is another run's: {name} is {theirs.get(name, 'missing')} in the checkpoint and "
                             f"{ours.get(name, 'missing')} here. Nothing was changed.")
    changed = run.restore(saved["run"], trainer, source, generators)
    if changed:
        warnings.warn(f"As in {path}, the optimizer goes on with {', '.join(changed)}. To change that, set it after loading.",
                      RuntimeWarning, stacklevel=2)
    return saved["note"]


class Checkpoints:
    """Saves into `folder` every `every` updates, as `each`; keeps the last `keep` and the best. Comes last in `together`.

    best: the number in the logs that tells the best of those saved, say "held_out_loss"; Evaluate runs before, and as often.
    source, generators: as in `save`.  `best_file`: the path of the best.

    >>> import tempfile
    >>> from minitrain import Trainer, losses, optim, sources
    >>> from minitrain.models.mlp import MLP
    >>> folder = tempfile.TemporaryDirectory()
    >>> def train(until):                                           # the same lines start a run and resume it
    ...     model = MLP(64, 32, 10, seed=0)
    ...     trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters()))
    ...     checkpoints = Checkpoints(folder.name, every=20, keep=2)
    ...     print(checkpoints.resume(trainer).replace(folder.name, "runs/digits"))
    ...     trainer.fit(sources.batches(*sources.digits(), seed=0), until=until, each=checkpoints)
    >>> train(until=50)
    Starts at update 0: runs/digits holds no checkpoint that can be used.
    >>> train(until=100)
    Resumed at update 40 from runs/digits/step-00000040.safetensors.
    >>> sorted(path.name for path in Path(folder.name).iterdir())
    ['step-00000080.safetensors', 'step-00000100.safetensors']
    >>> folder.cleanup()
    """

    def __init__(self, folder, *, every=100, keep=3, best=None, lower_is_better=True, source=None, generators=None):
        if every < 1 or keep < 1:
            raise ValueError(f"Checkpoints got every={every} and keep={keep}; both must be at least 1.")
        self.folder, self.every, self.keep, self.name = Path(folder), every, keep, best
        self.sign, self.owners = 1 if lower_is_better else -1, {"source": source, "generators": generators}
        self.kept = None                                        # (t, path, score), oldest first; None: nobody has looked yet

    def resume(self, trainer):
        """Load the newest checkpoint that is good, warn of each file that is not, and return what was done as a sentence."""
        good, bad = [], []
        for path in self._files():
            try:
                saved = file.read(path)
                good.append((saved["run"]["t"], path, (saved["note"] or {}).get(self.name)))
            except Unusable as error:
                bad.append(error)
        good.sort()
        if good:
            load(good[-1][1], trainer, **self.owners)
        for error in bad:
            instead = f"{good[-1][1].name} was loaded instead" if good else f"training starts at update {trainer.t}"
            warnings.warn(f"{error}; it was left as it is, and {instead}.", RuntimeWarning, stacklevel=2)
        self.kept = good
        return (f"Resumed at update {trainer.t} from {good[-1][1]}." if good else
                f"Starts at update {trainer.t}: {self.folder} holds no checkpoint that can be used.")

    def __call__(self, trainer, logs):
        self._look()
        if trainer.t % self.every == 0:
            self.save(trainer)

    def save(self, trainer):
        """Save now (after a fit that ended between two multiples of `every`, say); then delete what is kept no longer."""
        self._look()
        logs = trainer.history[-1] if trainer.history else {}
        if self.name not in (None, *logs):
            raise ValueError(f"Checkpoints shall keep the best {self.name!r}, but at update {trainer.t} the logs hold only "
                             f"{', '.join(logs) or 'nothing'}. Let Evaluate run before Checkpoints, and as often.")
        score = logs.get(self.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        names = (self.folder / f"step-{trainer.t:08}{f'.{i}' if i else ''}.safetensors" for i in count())
        path = next(name for name in names if not name.exists())            # a file that could not be used may stand there
        try:
            save(path, trainer, note={self.name: score} if self.name else None, **self.owners)
        except OSError as error:
            newest = self.kept[-1][1].name if self.kept else "not there yet"
            raise OSError(error.errno, f"{error.strerror} The newest good checkpoint is {newest}.") from None
        self.kept.append((trainer.t, path, score))
        stay = {self.best_file, *(path for _, path, _ in self.kept[-self.keep:])}
        for _, path, _ in self.kept:
            if path not in stay:
                path.unlink(missing_ok=True)
        self.kept = [entry for entry in self.kept if entry[1] in stay]

    @property
    def best_file(self):
        scored = [(self.sign * score, t, path) for t, path, score in self.kept or [] if score is not None and score == score]
        return min(scored)[-1] if scored else None

    def _look(self):
        if self.kept is None and self._files():
            raise FileExistsError(f"{self.folder} already holds checkpoints: call resume(trainer) before fit to go on from the "
                                  "newest, or choose another folder.")
        self.kept = self.kept or []

    def _files(self):
        return sorted(self.folder.glob("step-*.safetensors"))
