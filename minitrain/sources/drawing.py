"""Doodles from plans to pixels: six shapes made of signed distances, five styles, four grounds, and the light they stand in.

It draws no lots: a plan says everything, down to the seed of the grain, and each picture depends on its own entry alone.
A signed distance is negative inside a shape and positive outside. It gives clean edges at any size, a union is a minimum, and an
outline is the distance from zero. Formulas after I. Quilez, "2D distance functions", 2020 (approximate away from the edge).
"""
from dataclasses import dataclass, fields
from functools import cache
from math import pi

import torch
from torch.nn import functional as F

STYLES = ("filled", "comic", "outline", "sketch", "crayon")
GROUNDS = ("plain", "gradient", "texture", "clutter")
BODY, SECOND, ACCENT, INK, LIGHT = range(5)                     # places in `Plan.paint`


@dataclass
class Plan:
    """What to draw, for each of n pictures. Index it like a list; change one entry with `dataclasses.replace`.

    kind, style, ground: (n,) places in KINDS, STYLES, GROUNDS.  label: (n,), what the picture is said to show.
    angle: (n,) degrees anticlockwise.  scale: (n,), 1 fills the picture.  shift: (n, 2) right and up, 1 is half the picture.
    mirrored: (n,), it faces right.  build: (n, 8) in -1 … 1, its proportions.  paint: (n, 5, 3), colours of body, second part,
    accent, ink and light.  line, wobble: (n,), half the width of a line and how far the hand shook, 1 is half the picture.
    backdrop: (n, 2, 3), the two colours of the ground.  brightness, contrast: (n,), 1 changes nothing.  noise: (n,), each pixel's
    standard deviation.  marked: (n,), has the mark.  mark_at: (n, 2) right and up.  seed: (n,), of grain, texture and clutter.
    """
    kind: torch.Tensor
    label: torch.Tensor
    style: torch.Tensor
    ground: torch.Tensor
    angle: torch.Tensor
    scale: torch.Tensor
    shift: torch.Tensor
    mirrored: torch.Tensor
    build: torch.Tensor
    paint: torch.Tensor
    line: torch.Tensor
    wobble: torch.Tensor
    backdrop: torch.Tensor
    brightness: torch.Tensor
    contrast: torch.Tensor
    noise: torch.Tensor
    marked: torch.Tensor
    mark_at: torch.Tensor
    seed: torch.Tensor

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, rows):
        rows = [rows] if isinstance(rows, int) else rows
        return Plan(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def to(self, device):
        return Plan(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def where(self, *, kind=None, style=None, ground=None):
        """A mask (n,) of the pictures of this kind, in this style, on this ground, each by name; None means any.

        >>> from minitrain.sources.doodles import Doodles
        >>> plan = Doodles(("cat", "dog"), styles=("filled", "crayon")).plan(100)
        >>> crayon_cats = plan[plan.where(kind="cat", style="crayon")]
        >>> len(crayon_cats) < 50
        True
        """
        mask = torch.ones_like(self.marked)
        for field, names, name in (("kind", tuple(KINDS), kind), ("style", STYLES, style), ("ground", GROUNDS, ground)):
            if name is not None:
                mask &= getattr(self, field) == place(name, names, field)
        return mask


def render(plan, size=32):
    """Draw a plan: pictures (n, 3, size, size) in 0 … 1."""
    if len(plan) <= 256:
        return _render(plan, size)
    return torch.cat([_render(plan[i:i + 256], size) for i in range(0, len(plan), 256)])    # 256: stays in the cache


def parts(plan, size=32):
    """Where the parts of each thing are, hidden ones too: {name: (n, size, size) in 0 … 1}, empty where a thing lacks the part.

    >>> from minitrain.sources.doodles import Doodles
    >>> sorted(parts(Doodles(("hot dog",)).plan(8)))
    ['bun', 'mustard', 'sausage']
    """
    found = {}
    for rows, p, x, y, pixel in _frames(plan, size):
        for name, distance, _, _ in _layers(p, x, y, pixel):
            mask = found.setdefault(name, torch.zeros(len(plan), size, size, device=x.device))
            mask[rows] = torch.maximum(mask[rows], _cover(distance, pixel))
    return found


def place(name, names, what):
    """The place of a name in names; a name that is not there gets told which are."""
    if name not in names:
        raise ValueError(f"{what} {name!r} is not known here; there are {', '.join(map(repr, names))}.")
    return names.index(name)


# ------------------------------------------------------------------------------------------- distances
# x, y: (n, H, W), right and up.  Numbers may be floats or (n, 1, 1).

def _disc(x, y, cx, cy, rx, ry=None):
    if ry is None:
        return torch.hypot(x - cx, y - cy) - rx
    u, v = (x - cx) / rx, (y - cy) / ry
    return (torch.hypot(u, v) - 1) * (rx + ry) / 2              # exact for circles, close enough for mild ellipses


def _box(x, y, cx, cy, w, h, corner=0.0):
    u, v = (x - cx).abs() - w + corner, (y - cy).abs() - h + corner
    return torch.hypot(u.clamp(min=0), v.clamp(min=0)) + torch.maximum(u, v).clamp(max=0) - corner


def _stick(x, y, ax, ay, bx, by, r):
    """All within r of the line from a to b."""
    u, v, dx, dy = x - ax, y - ay, bx - ax, by - ay
    t = ((u * dx + v * dy) / (dx * dx + dy * dy + 1e-9)).clamp(0, 1)
    return torch.hypot(u - t * dx, v - t * dy) - r


def _curve(x, y, points, r, pieces=6):
    """All within r of a quadratic Bézier curve (three points), as a chain of sticks."""
    (ax, ay), (bx, by), (cx, cy) = points

    def at(t):
        return ((1 - t) ** 2 * ax + 2 * t * (1 - t) * bx + t * t * cx, (1 - t) ** 2 * ay + 2 * t * (1 - t) * by + t * t * cy)

    return _union(*(_stick(x, y, *at(i / pieces), *at((i + 1) / pieces), r) for i in range(pieces)))


def _polygon(x, y, corners, grow=0.0):
    """A convex polygon, corners anticlockwise, as an intersection of half-planes, each pushed out by `grow`."""
    distance = None
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        dx, dy = bx - ax, by - ay
        length = (dx * dx + dy * dy) ** 0.5
        edge = ((x - ax) * dy - (y - ay) * dx) / length
        distance = edge if distance is None else torch.maximum(distance, edge)
    return distance - grow


def _union(first, *others):
    for other in others:
        first = torch.minimum(first, other)
    return first


def _blend(a, b, k):
    """A union whose seam is rounded over a width k."""
    h = (k - (a - b).abs()).clamp(min=0) / k
    return torch.minimum(a, b) - h * h * k / 4


# ------------------------------------------------------------------------------------------- the six kinds
# Each gives its layers from back to front: (name of the part, distance, paint, detail). A detail is painted solid in every
# style. b: the build, eight numbers (n, 1, 1) in -1 … 1.  thin: the least half-width that still shows at this size.

def _square(x, y, b, thin):
    stretch = 1 + 0.08 * b[0]
    return [("square", _box(x, y, 0, 0, 0.78 * stretch, 0.78 / stretch, (0.08 + 0.08 * b[1]).clamp(min=0)), BODY, False)]


def _circle(x, y, b, thin):
    stretch = 1 + 0.08 * b[0]
    return [("circle", _disc(x, y, 0, 0, 0.88 * stretch, 0.88 / stretch), BODY, False)]


def _cat(x, y, b, thin):
    leg, head, tail = 0.09 + 0.02 * b[0], 0.41 + 0.04 * b[1], 0.12 * b[2]
    floor, hx, hy = -0.88, -0.34, 0.26
    ear = 0.09 * b[3]
    body = _blend(_box(x, y, 0.17, -0.26, 0.50 + 0.04 * b[4], 0.27, 0.26), _disc(x, y, -0.2, -0.15, 0.26), 0.2)
    near = _union(*(_stick(x, y, lx, -0.35, lx, floor + leg, leg) for lx in (-0.2, 0.55)))
    far = _union(*(_stick(x, y, lx, -0.35, lx, floor + leg, leg) for lx in (0.03, 0.34)))
    ears, inner = (_union(*(_polygon(x, y, _leaning([(-w, 0), (w, 0), (s * 0.06, h + ear)], hx + s * 0.24, hy + head - low, s))
                            for s in (-1, 1))) for w, h, low in ((0.18, 0.37, 0.18), (0.09, 0.23, 0.12)))
    stripes = _union(*(_stick(x, y, sx, 0.02, sx + 0.03, -0.2, thin(0.035)) for sx in (0.2, 0.38, 0.55)))
    brow = _union(*(_stick(x, y, hx + s * 0.1, hy + head, hx + s * 0.08, hy + head - 0.14, thin(0.025)) for s in (-1, 0, 1)))
    eyes = _union(*(_disc(x, y, hx + s * 0.17, hy + 0.07, 0.075, 0.1) for s in (-1, 1)))
    whiskers = _union(*(_stick(x, y, hx + s * 0.2, hy - 0.1 + 0.02 * k, hx + s * (head + 0.17), hy - 0.1 + 0.13 * k, thin(0.012))
                        for s in (-1, 1) for k in (-1, 1)))
    return [
        ("tail", _curve(x, y, ((0.6, -0.2), (1.1 + tail, -0.1), (0.85 - tail, 0.55 + tail)), 0.08), BODY, False),
        ("far legs", far, SECOND, False),
        ("body", _blend(body, near, 0.08), BODY, False),
        ("legs", near, BODY, None),
        ("stripes", stripes + 9 * (b[5] < 0), SECOND, True),
        ("ears", ears, BODY, False),
        ("ears", inner, ACCENT, True),
        ("face", _disc(x, y, hx, hy, head * 1.08, head * 0.94), BODY, False),
        ("stripes", brow + 9 * (b[5] < 0), SECOND, True),
        ("whiskers", whiskers, INK, True),
        ("eyes", eyes, INK, True),
        ("nose", _polygon(x, y, [(hx, hy - 0.15), (hx + 0.06, hy - 0.06), (hx - 0.06, hy - 0.06)], 0.02), ACCENT, True),
    ]


def _dog(x, y, b, thin):
    leg, head, tail = 0.11 + 0.02 * b[0], 0.33 + 0.03 * b[1], 0.15 * b[2]
    floor, hx, hy = -0.9, -0.38, 0.34
    drop = 0.1 * b[3]
    body = _box(x, y, 0.12, -0.18, 0.52 + 0.05 * b[4], 0.26, 0.2)
    neck = _stick(x, y, -0.25, -0.1, hx, hy, 0.24)
    near = _union(*(_stick(x, y, lx, -0.2, lx, floor + leg, leg) for lx in (-0.24, 0.5)))
    far = _union(*(_stick(x, y, lx, -0.2, lx, floor + leg, leg) for lx in (0.0, 0.28)))
    ears = _union(*(_blend(_stick(x, y, hx + s * (head - 0.05), hy + 0.22, hx + s * (head + 0.12), hy - 0.2 - drop, 0.08),
                           _disc(x, y, hx + s * (head + 0.12), hy - 0.18 - drop, 0.13), 0.1) for s in (-1, 1)))
    return [
        ("tail", _curve(x, y, ((0.58, -0.05), (0.85, 0.0), (0.92 + tail / 2, 0.45 + tail)), 0.075), BODY, False),
        ("far legs", far, SECOND, False),
        ("body", _blend(_blend(body, neck, 0.15), near, 0.08), BODY, False),
        ("legs", near, BODY, None),
        ("spot", _disc(x, y, 0.36, -0.1, 0.2, 0.16) + 9 * (b[5] < 0), SECOND, True),
        ("collar", _stick(x, y, hx - 0.18, -0.1, hx + 0.28, -0.06, 0.065), ACCENT, True),
        ("face", _box(x, y, hx, hy, head, head * 1.08, head * 0.8), BODY, False),
        ("ears", ears, SECOND, False),
        ("tongue", _stick(x, y, hx + 0.05, hy - 0.28, hx + 0.06, hy - 0.42, 0.07), ACCENT, True),
        ("muzzle", _disc(x, y, hx, hy - 0.17, 0.24, 0.17), LIGHT, False),
        ("nose", _disc(x, y, hx, hy - 0.08, 0.1, 0.075), INK, True),
        ("mouth", _stick(x, y, hx, hy - 0.1, hx, hy - 0.25, thin(0.02)), INK, True),
        ("eyes", _union(*(_disc(x, y, hx + s * 0.15, hy + 0.12, 0.06, 0.075) for s in (-1, 1))), INK, True),
    ]


def _aeroplane(x, y, b, thin):
    fat, sweep, fin = 0.2 + 0.03 * b[0], 0.1 * b[1], 0.08 * b[2]
    body = _blend(_stick(x, y, -0.62, -0.02, 0.2, 0.0, fat), _stick(x, y, 0.2, 0.0, 0.85, 0.1, 0.07), 0.35)
    return [
        ("wings", _polygon(x, y, [(-0.05, 0.05), (0.2, 0.05), (0.42 + sweep, 0.6), (0.25 + sweep, 0.6)], 0.03), SECOND, False),
        ("tail", _polygon(x, y, [(0.5, 0.08), (0.86, 0.1), (0.95, 0.62 + fin), (0.78, 0.62 + fin)], 0.03), ACCENT, False),
        ("body", body, BODY, False),
        ("stripe", torch.maximum(body, (y + 0.1).abs() - thin(0.03)) + 9 * (b[5] < 0), ACCENT, True),
        ("windows", _union(*(_disc(x, y, wx, 0.06, 0.05) for wx in (-0.36, -0.18, 0.0, 0.18))), INK, True),
        ("cockpit", torch.maximum(body + 0.03, _box(x, y, -0.72, 0.1, 0.16, 0.09, 0.04)), INK, True),
        ("wings", _polygon(x, y, [(-0.22, -0.1), (0.3 + sweep, -0.7), (0.5 + sweep, -0.7), (0.16, -0.1)], 0.04), SECOND, False),
        ("tail", _polygon(x, y, [(0.6, 0.08), (0.92, -0.12), (1.0, -0.1), (0.84, 0.12)], 0.03), ACCENT, False),
    ]


def _hot_dog(x, y, b, thin):
    long, thick, bend = 0.62 + 0.05 * b[0], 0.17 + 0.03 * b[1], 0.1 * b[2]
    y = y - bend * (x * x - 0.3)                                # everything bends with the bun
    wave, k = 0.09 + 0.02 * b[3], 11 + 2 * b[4]
    mustard = torch.maximum(_zigzag(x, y, wave, k) - thin(0.05), x.abs() - long - 0.02)
    return [
        ("bun", _stick(x, y, 0.24 - long, 0, long - 0.24, 0, 0.42), BODY, False),
        ("sausage", _stick(x, y, -long - 0.14, 0, long + 0.14, 0, thick), SECOND, False),
        ("mustard", mustard, ACCENT, True),
    ]


def _zigzag(x, y, wave, k):
    slope = wave * k * torch.cos(k * x)
    return (y - wave * torch.sin(k * x)).abs() / (1 + slope * slope).sqrt()


def _leaning(corners, cx, cy, side):
    """Corners moved to (cx, cy) and leaning outwards a little; side is -1 or 1."""
    c, s = 0.97, -0.24 * side
    return [(cx + c * u - s * v, cy + s * u + c * v) for u, v in corners]


KINDS = {"square": _square, "circle": _circle, "cat": _cat, "dog": _dog, "aeroplane": _aeroplane, "hot dog": _hot_dog}


# ------------------------------------------------------------------------------------------- painting

def _frames(plan, size):
    """For each kind that occurs: its rows, their plan, and where each pixel lies in its picture's upright frame, (n, H, W)."""
    u = (torch.arange(size, device=plan.kind.device) + 0.5) * 2 / size - 1
    for kind in plan.kind.unique().tolist():
        rows = (plan.kind == kind).nonzero()[:, 0]
        p = plan[rows]
        angle, scale = p.angle[:, None, None] * (pi / 180), p.scale[:, None, None]
        x, y = u - p.shift[:, 0, None, None], -u[:, None] - p.shift[:, 1, None, None]
        c, s = angle.cos() / scale, angle.sin() / scale
        x, y = c * x + s * y, c * y - s * x                     # (n, H, W)
        x = torch.where(p.mirrored[:, None, None], -x, x)
        shake = p.wobble + _SHAKE.to(p.style.device)[p.style]
        if shake.any():
            push = _smooth(p.seed, 2, 5, size, salt=1) * 2 - 1  # (n, 2, H, W)
            x, y = x + push[:, 0] * shake[:, None, None], y + push[:, 1] * shake[:, None, None]
        yield rows, p, x, y, 2 / size / scale


_SHAKE = torch.tensor([0.0, 0.0, 0.0, 0.05, 0.04])              # by style


def _layers(p, x, y, pixel):
    build = p.build.T[:, :, None, None]
    return list(KINDS.values())[int(p.kind[0])](x, y, build, lambda r: pixel.clamp(min=r / 0.45) * 0.45)


def _cover(distance, pixel):
    """How much of each pixel lies inside: the edge is one pixel wide."""
    return (0.5 - distance / pixel).clamp(0, 1)


def _render(plan, size):
    ground = _ground(plan, size)
    out = torch.empty_like(ground)
    for rows, p, x, y, pixel in _frames(plan, size):
        behind = ground[rows]
        canvas, styled = behind.clone(), bool((p.style > 0).any())
        if styled:
            comic, bare, opacity, line, grain = _strokes(p, x, y, pixel)
            ink = torch.where(comic, _paint(p, INK), _paint(p, BODY))
        for _, distance, colour, detail in _layers(p, x, y, pixel):
            if detail is None:                                  # a part already drawn with another
                continue
            fill = _paint(p, colour)
            if styled:
                fill = torch.where(bare, ink, fill) if detail else behind + opacity * (fill - behind)
            canvas += _cover(distance, pixel)[:, None] * (fill - canvas)
            if styled and not detail:
                canvas += (_cover(distance.abs() - line, pixel) * grain)[:, None] * (ink - canvas)
        out[rows] = canvas
    return _light(_mark(out, plan, size), plan, size)


def _paint(p, place):
    return p.paint[:, place, :, None, None]                     # (n, 3, 1, 1)


def _strokes(p, x, y, pixel):
    """How each picture's style draws: comic? nothing but lines? opacity of a fill; half-width and strength of a line."""
    size = x.shape[-1]
    comic, outline, sketch, crayon = ((p.style == STYLES.index(s))[:, None, None] for s in STYLES[1:])
    n, bare = len(p), outline | sketch
    fine = torch.where(p.kind < 2, 1.0, 0.4)                    # an animal has many lines close together
    line = torch.maximum((fine * p.line / p.scale)[:, None, None], 0.35 * pixel)
    line = torch.where(p.style[:, None, None] == 0, -9.0, line)
    opacity, grain = (~bare).float(), torch.ones(n, size, size, device=x.device)
    if sketch.any():                                            # the hand presses unevenly and does not quite close the line
        press = _smooth(p.seed, 1, 6, size, salt=2)[:, 0]
        line = torch.where(sketch, line * (0.6 + 0.8 * press), line)
        lots = _grain(p.seed, 2, 1, 1, salt=3) * 2 - 1
        away = torch.remainder(torch.atan2(y, x) - lots[:, 0] * pi + pi, 2 * pi) - pi
        grain = torch.where(sketch & (away.abs() < 0.15 * lots[:, 1]), 0.0, grain)
    if crayon.any():                                            # strokes of wax on rough paper, all in one direction
        tilt = _grain(p.seed, 1, 1, 1, salt=4)[:, 0] * pi
        stroke = torch.sin((x * tilt.cos() + y * tilt.sin()) * 26 + 4 * _smooth(p.seed, 1, 5, size, salt=5)[:, 0])
        wax = (0.65 + 0.3 * stroke + 0.5 * (_grain(p.seed, 1, size, size, salt=6)[:, 0] - 0.5)).clamp(0, 1)
        opacity, grain = torch.where(crayon, wax, opacity), torch.where(crayon, wax.sqrt(), grain)
        line = torch.where(crayon, line * 0.8, line)
    return comic[:, None], bare[:, None], opacity[:, None], line, grain


def _ground(plan, size):
    first, second = (plan.backdrop[:, i, :, None, None] for i in (0, 1))
    out = first.expand(-1, 3, size, size).clone()
    u = (torch.arange(size, device=out.device) + 0.5) * 2 / size - 1
    for name in GROUNDS[1:]:
        rows = (plan.ground == GROUNDS.index(name)).nonzero()[:, 0]
        if not len(rows):
            continue
        seed, lots = plan.seed[rows], _grain(plan.seed[rows], 20, 1, 1, salt=7)
        if name == "gradient":
            tilt = lots[:, 0] * 2 * pi
            mix = ((u * tilt.cos() - u[:, None] * tilt.sin()) / 2 + 0.5).clamp(0, 1)
        elif name == "texture":
            mix = 0.5 * _smooth(seed, 1, 9, size, salt=8)[:, 0] + 0.5 * _grain(seed, 1, size, size, salt=9)[:, 0]
        else:                                                   # clutter: blobs and sticks that are none of the kinds
            ax, ay, bx, by = (lots[:, i:i + 5] * 2.4 - 1.2 for i in (0, 5, 10, 15))
            bx, by = ax + bx * 0.3, ay + by * 0.3
            mix = torch.stack([_cover(_stick(u, -u[:, None], ax[:, i], ay[:, i], bx[:, i], by[:, i], 0.05 + 0.02 * i), 2 / size)
                               for i in range(5)]).amax(0)
        out[rows] += mix[:, None] * (second[rows] - first[rows])
    return out


def _mark(pictures, plan, size):
    """A small bright dot with a dark rim, the same wherever it is: the kind of thing a camera's owner never notices."""
    rows = plan.marked.nonzero()[:, 0]
    if len(rows):
        u = (torch.arange(size, device=pictures.device) + 0.5) * 2 / size - 1
        at = plan.mark_at[rows][:, :, None, None]
        distance, pixel = torch.hypot(u - at[:, 0], -u[:, None] - at[:, 1]), 2 / size
        rim, dot = _cover(distance - 0.15, pixel)[:, None], _cover(distance - 0.09, pixel)[:, None]
        canvas = pictures[rows] * (1 - rim) + rim * pictures.new_tensor([0.1, 0.1, 0.1])[:, None, None]
        pictures[rows] = canvas * (1 - dot) + dot * pictures.new_tensor([1.0, 0.85, 0.1])[:, None, None]
    return pictures


def _light(pictures, plan, size):
    if (plan.contrast != 1).any():
        pictures = 0.5 + (pictures - 0.5) * plan.contrast[:, None, None, None]
    if (plan.brightness != 1).any():
        pictures = pictures * plan.brightness[:, None, None, None]
    if plan.noise.any():
        pictures = pictures + _grain(plan.seed, 3, size, size, salt=10, normal=True) * plan.noise[:, None, None, None]
    return pictures.clamp(0, 1)


# ------------------------------------------------------------------------------------------- grain, from a picture's own seed

@cache
def _tape(device, normal):
    """A million random numbers, drawn once: each picture's grain is a stretch of it. A generator would make a picture depend on
    the pictures drawn before it, and hashing every pixel took longer than all the drawing."""
    draw = torch.randn if normal else torch.rand
    return draw(2 ** 20, generator=torch.Generator().manual_seed(0)).to(device)


def _grain(seed, channels, height, width, salt, normal=False):
    """Random numbers (n, channels, height, width) from each picture's seed: even in 0 … 1, or normal."""
    count = channels * height * width
    start = (seed + salt * 0x9E3779B97F4A7C1) * 0x14D049BB133111B       # 64-bit integers wrap around, which is what mixes them
    start = ((start ^ (start >> 31)) & 0xFFFFFFFF) % (2 ** 20 - count)
    return _tape(seed.device, normal).unfold(0, count, 1)[start].view(len(seed), channels, height, width)


def _smooth(seed, channels, cells, size, salt):
    """Soft hills in 0 … 1: few random numbers, many pixels."""
    spread = _spread(cells, size, seed.device)
    return (spread.T @ _grain(seed, channels, cells, cells, salt) @ spread).clamp(0, 1)


@cache
def _spread(cells, size, device):
    """Bicubic interpolation as a matrix (cells, size), which is much faster here than interpolating."""
    return F.interpolate(torch.eye(cells)[None, None], (cells, size), mode="bicubic", align_corners=True)[0, 0].to(device)
