"""The loss and its gradients: on outputs put in place, left over from the step before, as far as they reach; and evaluation.

It refuses to know how the loss is written, and asks of it only what holds for every one of its kind.
"""
import copy
import math

import torch

from minitrain.diagnose.finding import MEASURED, PROVED, Finding
from minitrain.diagnose.run import change, distance, params, signed, weights
from minitrain.trainer import Loss, gradients

NO_LOSS = "the loss can not be computed"        # then nothing after it can be tested


def outputs_put_in_place(run):
    """Outputs that are sure and right, or sure and wrong, are put in place of the model's.

    The loss must stay finite and have finite gradients (a log or a root of zero has none). Right must cost nearly nothing, and
    wrong about as much as the outputs differ by: a loss that moves by 1 between them, and not from 0, has taken a softmax of a
    softmax (probabilities differ by 1 at most). What it pushes up must be the label, and to be sure and wrong must not be the
    cheaper.
    """
    trainer = run.copied()
    try:
        out = trainer.loss(trainer.model, run.batches[0])
        if not isinstance(out, Loss):
            raise TypeError(f"it returned {type(out).__name__}, and Loss(mean, n) is needed")
    except Exception as error:
        yield Finding(NO_LOSS, f"The loss of the first batch can not be computed: {error}", PROVED)
        return
    if run.kind is None or not hasattr(trainer.model, "register_forward_hook"):
        return
    try:
        yield from _costs(run, trainer, (run.x[:64], run.y[:64]))
    except (RuntimeError, ValueError, IndexError, TypeError):   # it does more with the model than call it once
        return


def _costs(run, trainer, batch):
    def cost(outputs):
        """The loss, and its gradient at `outputs`."""
        outputs = outputs.detach().requires_grad_()
        hook = trainer.model.register_forward_hook(lambda *_: outputs)
        try:
            mean = trainer.loss(trainer.model, batch).mean
            grad, = torch.autograd.grad(mean, outputs, allow_unused=True)
        finally:
            hook.remove()
        return mean.item(), torch.zeros_like(outputs) if grad is None else grad

    y = batch[1]
    if run.kind == "numbers":
        extremes = {name: target.to(run.outputs.dtype).reshape(run.outputs.shape).clone()
                    for name, target in (("exactly right", y), ("all zero", torch.zeros_like(y)))}
    else:
        right_by, wrong_by = _sure(run, y), _sure(run, y, wrong=True)
        extremes = {"sure and right (by 1,000)": right_by(1000.0), "sure and wrong (by 1,000)": wrong_by(1000.0)}
    for name, outputs in extremes.items():
        mean, grad = cost(outputs)
        if not (math.isfinite(mean) and bool(grad.isfinite().all())):
            what = f"The loss is {mean}" if not math.isfinite(mean) else "The loss has a gradient that is not finite"
            yield Finding("loss not finite",
                          f"{what} where the model is {name}, and one such example ends the run: a log, root or division meets "
                          "zero, so compute it from the logits (log_softmax, logsigmoid) or keep the argument away from zero.",
                          PROVED)
            break
    if run.kind == "numbers":
        return
    right, wrong = cost(right_by(30.0))[0], cost(wrong_by(30.0))[0]
    if right > 0.1 and 0.2 < wrong - right < 1.2:
        yield Finding("softmax applied twice",
                      f"Where the model is sure and right the loss is {right:.2f} instead of 0, and sure and wrong costs only "
                      f"{wrong - right:.2f} more: it sees probabilities where it needs logits, so take the softmax (or "
                      "sigmoid) out of the model, or out of the loss.", PROVED)
    _, grad = cost(right_by(0.0))
    wanted = (grad < 0).long().reshape(y.shape) if run.kind == "yes or no" else (-grad).argmax(-1)
    if len(steps := ((wanted - y.long()) % run.classes).flatten()):
        step, share = int(steps.mode().values), float((steps == steps.mode().values).float().mean())
        if step and share > 0.9 and bool(grad.any()):
            yield Finding("labels off by one",
                          f"For {share:.0%} of the examples the loss pushes up class label {signed(step, run.classes)} "
                          "instead of the label: take the shift out of the loss.", PROVED)
            return
    if right > wrong + 1:
        yield Finding("loss upside down",
                      f"Where the model is sure and right the loss is {right:.3g}, and where it is sure and wrong {wrong:.3g}: "
                      "training makes it worse, so turn the sign of the loss round.", PROVED)


def _sure(run, y, wrong=False):
    """by -> outputs that are sure by so much of the label, or of another (wrong), in the form that the model gives them."""
    if run.kind == "yes or no":
        signs = (-1.0 if wrong else 1.0) * (2 * y.to(run.outputs.dtype).reshape(run.outputs.shape) - 1)
        return lambda by: torch.sigmoid(by * signs) if _in_unit(run.outputs) else by * signs
    K = run.outputs.shape[-1]
    chosen = (y + 1) % K if wrong else y

    def made(by):
        logits = torch.zeros(*y.shape, K, dtype=run.outputs.dtype, device=run.outputs.device)
        logits = logits.scatter(-1, chosen.unsqueeze(-1), by)
        if _in_unit(run.outputs) and _all_one(run.outputs.sum(-1)):
            return logits.softmax(-1)
        return logits.log_softmax(-1) if _all_one(run.outputs.exp().sum(-1)) else logits
    return made


def _in_unit(outputs):
    return bool(((outputs >= 0) & (outputs <= 1)).all())


def _all_one(sums):
    return bool(((sums - 1).abs() < 1e-4).all())


def leftovers(run):
    """Two updates, with and without emptying the gradients between them, must end at the same weights."""
    n, batches = run.trainer.accumulate, run.cut()
    first, second = ([batches[(j + k) % len(batches)] for j in range(n)] for k in (0, n))
    as_is = run.copied()
    as_is.step(first)
    emptied, before = copy.deepcopy(as_is), weights(as_is)      # copies of parameters come without gradients
    for trainer in (as_is, emptied):
        torch.manual_seed(0)
        trainer.step(second)
    off = distance(weights(as_is), weights(emptied)) / max(distance(weights(emptied), before), 1e-30)
    if off > 0.01:
        yield Finding("gradients are not zeroed",
                      f"The second update is off by {off:.0%} of its length if the gradients of the first are left where they "
                      "are: they are added up, so empty them before every backward (optimizer.zero_grad()).", PROVED)


def reach(run):
    """Every parameter must get a gradient and be in the optimizer, and the weights must move."""
    trainer = run.copied(at_peak=True)
    before = weights(trainer)
    trainer.step(run.cut()[:run.trainer.accumulate])
    own = {id(p) for p in params(trainer)}
    named = dict(trainer.model.named_parameters())
    without = [name for name, p in named.items() if id(p) in own and p.requires_grad and p.grad is None]
    _, grads = gradients(trainer.model, trainer.loss, run.cut()[0])
    without = [name for name in without if grads[name] is None]             # once more: the step may have emptied them
    outside = [name for name, p in named.items() if p.requires_grad and id(p) not in own]
    if without:
        yield Finding("no gradient",
                      f"{len(without)} of {len(own)} parameters get no gradient from the loss (the first is {without[0]}): "
                      "something between them and the loss is detached, computed under no_grad, or not used at all.", PROVED)
    elif not run.not_finite and change(before, weights(trainer)) == 0:
        yield Finding("weights do not move",
                      "One update changed no weight at all, though gradients arrive: is the learning rate (or its schedule) "
                      "zero, or are the gradients emptied between backward and step?", PROVED)
    if outside:
        yield Finding("parameters not trained",
                      f"{len(outside)} of {len(named)} parameters are not in the optimizer (the first is {outside[0]}): give "
                      "it model.parameters(), or set requires_grad = False on what shall stay.", MEASURED)


def evaluation(run):
    """It must not depend on luck or on the mode in which it finds the model (dropout, batch norm), nor change the model."""
    x, y = (part[:256] for part in run.held_out)

    def numbers(training, seed):
        model = copy.deepcopy(run.trainer.model).train(training)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        torch.manual_seed(seed)
        found = run.evaluate(model, run.trainer.loss, x, y)
        if not isinstance(found, dict) or not found:
            raise TypeError(f"evaluate returned {type(found).__name__}; it must return a dict of numbers, as "
                            "callbacks.evaluate does.")
        changed = [name for name, value in model.state_dict().items()
                   if not torch.equal(value.nan_to_num(), before[name].nan_to_num())]
        return {name: float(value) for name, value in found.items()}, changed, model.training

    (one, changed, stayed), (two, *_), (calm, *_), (calm_too, *_) = (numbers(training, seed) for training in (True, False)
                                                                     for seed in (0, 1))
    if not run.not_finite and _apart(calm, calm_too)[0] < 1e-6:
        (luck, name), (mode, other) = _apart(one, two), _apart(one, calm)
        if max(luck, mode) > 1e-4:
            what = (f"{name} {one[name]:.4g}, the same evaluation once more {two[name]:.4g}" if luck > 1e-4 else
                    f"{other} {one[other]:.4g}, in evaluation mode {calm[other]:.4g}")
            yield Finding("evaluation in training mode",
                          f"Evaluating gave {what}: dropout or batch norm is still training, so call model.eval() before and "
                          "model.train() after it.", PROVED)
    if changed:
        yield Finding("evaluation changes the model",
                      f"Evaluating changed {len(changed)} of the model's tensors (the first is {changed[0]}): held-out data "
                      "flow into it, so evaluate under model.eval() and torch.no_grad().", MEASURED)
    if not stayed:
        yield Finding("training in evaluation mode",
                      "evaluate found the model in training mode and left it in evaluation mode: dropout and batch norm are "
                      "off from then on, so call model.train() at its end.", MEASURED)


def _apart(a, b):
    """The largest relative difference of two evaluations, and in which number."""
    apart = [(abs(a[name] - b[name]) / max(abs(b[name]), 1e-9), name) for name in a if math.isfinite(a[name])]
    return max(apart, default=(0.0, ""))
