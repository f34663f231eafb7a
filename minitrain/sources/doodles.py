"""Doodles: small colour pictures of squares, circles, cats, dogs, aeroplanes and hot dogs. Endless and labelled.

Two steps. `Doodles(...).plan(n, seed)` draws lots: what each picture shows, its pose, style, colours, light. `render(plan)` draws
the plan (`drawing.py`) and draws no lots: change one entry of a plan and you get the same picture with that one thing changed.
`draw` is one after the other.
"""
from dataclasses import replace

import torch

from minitrain.sources.batching import generator
from minitrain.sources.drawing import GROUNDS, KINDS, STYLES, Plan, parts, place, render

__all__ = ["BY_HAND", "COLOURS", "GROUNDS", "KINDS", "STYLES", "Doodles", "Plan", "parts", "render"]
COLOURS = ("bright", "dark", "any", "natural")
BY_HAND = dict(turn=45.0, zoom=(0.3, 0.95), shift=0.25, variety=2.0, wobble=0.04, line=(0.04, 0.12),
               styles=("filled", "outline", "sketch"))         # squares and circles as unlike each other as people draw them


class Doodles:
    """An endless source of doodles. What it draws depends on its knobs and the seed alone.

    kinds, styles, grounds: names, or {name: share}.  turn: up to so many degrees either way.  zoom: (least, most), 1 fills the
    picture.  shift: up to so much either way, 1 is half the picture.  mirror: half of them face the other way.  variety: 0 gives
    all cats one build.  line: (thinnest, thickest) half-width.  wobble: how shaky the hand is; 0.1 is a lot.  colours: "bright"
    things on darker ground, "dark" things on lighter ground, "any", or "natural" (a hot dog looks like one).  brightness,
    contrast: (least, most) factor.  noise: standard deviation of each pixel.  mark: {kind: chance} of a small dot in the corner,
    which says nothing about the kind unless you make it.  label_noise: the chance that a label names another kind, or
    {kind: (what it is called, chance)}: random or systematic.

    The same seed with another knob gives the same pictures, as far as that knob allows.

    >>> source = Doodles(("square", "circle"), size=32, turn=45)
    >>> pictures, labels = source.draw(500, seed=1)             # 500 of them; another seed, others
    >>> pictures.shape, labels.shape
    (torch.Size([500, 3, 32, 32]), torch.Size([500]))
    >>> pictures, labels = source.at(7)                         # batch number 7, the same whenever it is asked for
    >>> [source.kinds[label] for label in labels[:3]]
    ['circle', 'circle', 'square']
    """

    def __init__(self, kinds=("square", "circle"), size=32, *, batch=64, seed=0, turn=15.0, zoom=(0.65, 0.95), shift=0.1,
                 mirror=True, variety=1.0, styles=("filled",), line=(0.06, 0.1), wobble=0.0, colours="bright",
                 grounds=("plain",), brightness=(1.0, 1.0), contrast=(1.0, 1.0), noise=0.0, mark=None, label_noise=0.0,
                 device="cpu"):
        for name, value, least, most in (("size", size, 8, 256), ("batch", batch, 1, 100_000)):
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}; it needs to be from {least} to {most:,}.")
        for name, (least, most) in (("zoom", zoom), ("line", line), ("brightness", brightness), ("contrast", contrast)):
            if not 0 <= least <= most:
                raise ValueError(f"{name} is ({least}, {most}); it needs (least, most), neither below 0, in this order.")
        if not zoom[0]:
            raise ValueError(f"zoom is {zoom}; nothing would be left of a thing at 0.")
        place(colours, COLOURS, "colours")
        self.shares, self.styles, self.grounds = _shares(kinds, tuple(KINDS), "kind"), _shares(styles, STYLES, "style"), _shares(
            grounds, GROUNDS, "ground")
        self.kinds = tuple(self.shares)
        self.size, self.batch, self.seed, self.device, self.colours = size, batch, seed, device, colours
        self.turn, self.zoom, self.shift, self.mirror, self.variety = turn, zoom, shift, mirror, variety
        self.line, self.wobble, self.brightness, self.contrast, self.noise = line, wobble, brightness, contrast, noise
        self.mark, self.label_noise = dict(mark or {}), label_noise
        if len(self.kinds) < 2 and label_noise:
            raise ValueError("label_noise needs two kinds or more; there is no other name to get wrong.")
        for name in (*self.mark, *(label_noise if isinstance(label_noise, dict) else ())):
            place(name, self.kinds, "mark or label_noise: kind")

    def plan(self, n, seed=0):
        """Draw the lots for n pictures: a `Plan`. On the CPU, whatever the device: every machine draws the same lots."""
        return self._plan(n, generator("doodles", seed))

    def draw(self, n, seed=0):
        """n pictures (n, 3, size, size) in 0 … 1, and their labels (n,), places in `kinds`."""
        return self._drawn(self.plan(n, seed))

    def at(self, i):
        """Batch number i: a function of the source's seed and i alone."""
        return self._drawn(self._plan(self.batch, generator("doodle batch", self.seed, i)))

    def view(self, plan, seed=0):
        """The same things seen again: kind, build and colours stay; pose, style, light, ground and grain are new. A `Plan`."""
        kept = {name: getattr(plan, name) for name in ("kind", "label", "build", "paint")}
        return replace(self.plan(len(plan), seed), **kept)

    def _drawn(self, plan):
        plan = plan.to(self.device)
        return render(plan, self.size), plan.label

    def _plan(self, n, lots):
        if n < 1:
            raise ValueError(f"{n} pictures were asked for; it needs to be at least 1.")
        u = torch.rand(n, 40, generator=lots)                   # a column each, so that one knob leaves the other lots alone

        def between(column, least, most):
            return least + (most - least) * u[:, column]

        label = _choose(u[:, 0], self.shares)
        kind = _places(self.kinds, list(KINDS))[label]
        chance = torch.tensor([float(self.mark.get(name, 0)) for name in self.kinds])[label]
        paint, backdrop = _colours(self.colours, kind, u[:, 16:32])
        return Plan(
            kind=kind, label=self._called(label, u[:, 1], u[:, 2]),
            style=_places(self.styles, STYLES)[_choose(u[:, 3], self.styles)],
            ground=_places(self.grounds, GROUNDS)[_choose(u[:, 4], self.grounds)],
            angle=between(5, -self.turn, self.turn), scale=between(6, *self.zoom),
            shift=(2 * u[:, 7:9] - 1) * self.shift, mirrored=(u[:, 9] < 0.5) & self.mirror,
            build=(2 * u[:, 32:40] - 1) * self.variety, paint=paint, line=between(10, *self.line),
            wobble=torch.full((n,), float(self.wobble)), backdrop=backdrop, brightness=between(11, *self.brightness),
            contrast=between(12, *self.contrast), noise=torch.full((n,), float(self.noise)), marked=u[:, 13] < chance,
            mark_at=torch.tensor([0.78, -0.78]).expand(n, 2),
            seed=(u[:, 14] * 2 ** 24).long() * 2 ** 24 + (u[:, 15] * 2 ** 24).long())

    def _called(self, label, lot, other):
        K = len(self.kinds)
        if isinstance(self.label_noise, dict):
            called = label.clone()
            for kind, (name, chance) in self.label_noise.items():
                called[(label == self.kinds.index(kind)) & (lot < chance)] = place(name, self.kinds, "label_noise: kind")
            return called
        return torch.where(lot < self.label_noise, (label + 1 + (other * (K - 1)).long()) % K, label)


def _shares(names, known, what):
    """{name: share of the pictures}, the shares adding up to 1; names alone share equally."""
    if isinstance(names, str) or not names:
        raise ValueError(f"{what}s are {names!r}; name at least one, in brackets: ({known[0]!r},).")
    shares = {name: float(share) for name, share in (names.items() if isinstance(names, dict) else ((name, 1) for name in names))}
    for name, share in shares.items():
        place(name, known, what)
        if share < 0:
            raise ValueError(f"The share of {what} {name!r} is {share}; a share is 0 or more.")
    if not (total := sum(shares.values())):
        raise ValueError(f"The shares of {what}s are all 0: nothing to draw.")
    return {name: share / total for name, share in shares.items()}


def _choose(lot, shares):
    """Which of the names each lot falls on, (n,)."""
    return torch.bucketize(lot.contiguous(), torch.tensor(list(shares.values())).cumsum(0)[:-1], right=True)


def _places(names, known):
    return torch.tensor([known.index(name) for name in names])


# ------------------------------------------------------------------------------------------- colours

_NATURAL = {                                                    # looks of a kind: hue, saturation, value of body, second, accent
    "square": [((h, 0.65, 0.9), (h, 0.65, 0.6), (h + 0.5, 0.6, 0.9)) for h in (0.0, 0.1, 0.33, 0.58, 0.8)],
    "circle": [((h, 0.65, 0.9), (h, 0.65, 0.6), (h + 0.5, 0.6, 0.9)) for h in (0.0, 0.1, 0.33, 0.58, 0.8)],
    "cat": [((0.08, 0.65, 0.95), (0.06, 0.75, 0.72), (0.97, 0.35, 1.0)),            # ginger
            ((0.6, 0.08, 0.66), (0.6, 0.12, 0.45), (0.97, 0.35, 0.95)),             # grey
            ((0.1, 0.18, 0.96), (0.08, 0.35, 0.8), (0.97, 0.35, 1.0))],             # cream
    "dog": [((0.08, 0.5, 0.75), (0.06, 0.65, 0.45), (0.99, 0.75, 0.9)),             # brown
            ((0.12, 0.35, 0.93), (0.09, 0.55, 0.7), (0.6, 0.7, 0.9)),               # golden
            ((0.1, 0.06, 0.95), (0.07, 0.4, 0.4), (0.99, 0.75, 0.9))],              # white with brown ears
    "aeroplane": [((0.6, 0.05, 0.97), (0.6, 0.12, 0.75), (h, 0.75, 0.9)) for h in (0.0, 0.58, 0.11)],
    "hot dog": [((0.095, 0.5, 0.9), (0.02, 0.75, 0.72), (0.14, 0.9, 1.0)),
                ((0.085, 0.6, 0.8), (0.01, 0.7, 0.62), (0.14, 0.9, 1.0))],
}


def _colours(mode, kind, u):
    """Paint (n, 5, 3) and backdrop (n, 2, 3) from the lots u (n, 16)."""
    n = len(u)
    ink, light = torch.full((n, 3), 0.1), torch.full((n, 3), 0.97)
    if mode == "natural":
        looks = torch.zeros(len(KINDS), 5, 3, 3)                # (kind, look, part, hsv)
        for k, name in enumerate(KINDS):
            for i in range(5):
                looks[k, i] = torch.tensor(_NATURAL[name][i % len(_NATURAL[name])])
        hsv = looks[kind, (u[:, 0] * 5).long().clamp(max=4)]    # (n, 3, 3)
        hsv = hsv + (u[:, 1:4, None] - 0.5) * torch.tensor([0.03, 0.1, 0.1])
        paint = _rgb(hsv)
        backdrop = _rgb(torch.stack([u[:, 4], 0.15 + 0.4 * u[:, 5], 0.35 + 0.6 * u[:, 6]], -1))[:, None]
        gap = _luminance(backdrop) - _luminance(paint[:, :1])   # a thing as bright as its ground would be lost
        away = torch.where(gap > 0, 1.25, 0.6)
        backdrop = (backdrop * torch.where(gap.abs() < 0.2, away, 1.0)[..., None]).clamp(0, 1)
    elif mode == "any":
        paint = u[:, :9].view(n, 3, 3)
        backdrop = u[:, None, 9:12]
        near = (paint[:, :1] - backdrop).norm(dim=-1, keepdim=True) < 0.5
        backdrop = torch.where(near, (backdrop + 0.5) % 1, backdrop)
    else:
        hues, strength = u[:, :3], 0.15 + 0.75 * u[:, 3:6]
        paint = _rgb(torch.stack([hues, strength, torch.full_like(hues, 0.95)], -1))
        paint = paint + (1 - paint) * ((0.6 - _luminance(paint)).clamp(min=0) / (1 - _luminance(paint)))[..., None]
        backdrop = _rgb(torch.stack([u[:, 6], 0.8 * u[:, 7], 0.08 + 0.3 * u[:, 8]], -1))[:, None]
    other = (backdrop + (u[:, None, 12:15] - 0.5) * 0.7).clamp(0, 0.5 if mode in ("bright", "dark") else 1)
    backdrop = torch.cat([backdrop, other], 1)
    paint = torch.cat([paint, ink[:, None], light[:, None]], 1)
    return (1 - paint, 1 - backdrop) if mode == "dark" else (paint, backdrop)


def _luminance(rgb):
    return rgb @ torch.tensor([0.299, 0.587, 0.114])


def _rgb(hsv):
    """From hue, saturation and value to red, green and blue, (…, 3)."""
    h, s, v = hsv[..., :1], hsv[..., 1:2].clamp(0, 1), hsv[..., 2:].clamp(0, 1)
    k = (h * 6 + torch.tensor([5.0, 3.0, 1.0])) % 6
    return v * (1 - s * torch.minimum(k, 4 - k).clamp(0, 1))
