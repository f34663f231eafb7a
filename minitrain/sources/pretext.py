"""Pretext tasks: a picture becomes its own label. Each task hides something of a picture and asks for it back.

A task is `(pictures, lots) -> (x, y)`: what the model sees and what it should say, made of the pictures alone; no label of
theirs is known here. `Pretext` makes a source of batches of it. Most functions below make a task from its settings.

| task | the model sees | and is asked for | loss |
|---|---|---|---|
| `grey_to_colour` | grey pictures | their colours | `losses.mse` |
| `turned` | pictures turned by 0, 90, 180 or 270 degrees | how far | `losses.cross_entropy` |
| `patch_pairs` | two patches of each picture | where the second lies, seen from the first | `losses.cross_entropy` |
| `two_views` | two views of each picture, all mixed | which belong together | `losses.info_nce` |
| `hidden_patches` | pictures with patches painted grey | what was there | `losses.masked_mse` |
"""
import torch

from minitrain.sources.batching import batches, generator

LUMINANCE = (0.299, 0.587, 0.114)                               # of red, green and blue: ITU-R BT.601
PLACES = ("above left", "above", "above right", "left", "right", "below left", "below", "below right")


class Pretext:
    """An endless source of a task's batches: every epoch takes each picture once. Batch i is a function of (seed, i).

    pictures: (n, C, H, H) in 0 … 1, without labels.  task: one of this module's.  size: pictures a batch; the last batch of an
    epoch may be smaller.

    >>> source = Pretext(torch.rand(100, 3, 16, 16), turned, size=64, seed=0)
    >>> x, y = source.at(0)
    >>> x.shape, y.shape, sorted(set(y.tolist()))
    (torch.Size([64, 3, 16, 16]), torch.Size([64]), [0, 1, 2, 3])
    """

    def __init__(self, pictures, task, *, size=64, seed=0):
        if not hasattr(pictures, "shape") or pictures.ndim != 4 or pictures.shape[2] != pictures.shape[3]:
            got = tuple(pictures.shape) if hasattr(pictures, "shape") else type(pictures).__name__
            raise ValueError(f"Pretext needs square pictures (n, C, H, H); got {got}.")
        self.task, self.seed = task, seed
        self._rows = batches(pictures, torch.arange(len(pictures)), size=size, seed=seed)

    def __len__(self):
        return len(self._rows)

    def at(self, i):
        return self.task(self._rows.at(i)[0], generator("pretext", self.seed, i))


def grey_to_colour(pictures, lots=None):
    """Colour from grey: x (B, 3, H, W) without colour, y the pictures. Zhang, Isola and Efros, 2016 (who sort colours into bins).

    Three equal channels, not one: the encoder that learns here shall see coloured pictures later.

    >>> x, y = grey_to_colour(torch.rand(2, 3, 8, 8))
    >>> bool((x[:, 0] == x[:, 2]).all()), x.shape == y.shape
    (True, True)
    """
    grey = (pictures * torch.tensor(LUMINANCE, device=pictures.device).view(3, 1, 1)).sum(1, keepdim=True)       # (B, 1, H, W)
    return grey.expand_as(pictures), pictures


def turned(pictures, lots):
    """Rotation: x (B, C, H, H), each picture turned by y quarters anticlockwise; y (B,) of 0 … 3. Gidaris et al., 2018.

    No task where things lie every which way anyway, nor for what looks the same when turned.
    """
    y = torch.randint(4, (len(pictures),), generator=lots).to(pictures.device)
    x = pictures.clone()
    for quarter in (1, 2, 3):
        x[y == quarter] = torch.rot90(pictures[y == quarter], quarter, (2, 3))
    return x, y


def patch_pairs(side=5, gap=2, jitter=1, margin=1):
    """Relative position: x (B, 2, C, side, side), two patches of each picture; y (B,) says where the second lies, as in PLACES.

    The patches come from the quarters of a picture.  gap: pixels between them.  jitter: each patch is moved by up to so many
    pixels either way, at random.  margin: pixels at the picture's border that no patch touches. Without gap and jitter, what
    goes on from one patch into the other gives the place away, without margin a frame or a dark rim: shortcuts. Moved,
    patches are at least gap - 2 · jitter apart. Doersch, Gupta and Efros, 2015.

    >>> x, y = patch_pairs()(torch.rand(5, 3, 16, 16), torch.Generator().manual_seed(0))
    >>> x.shape, [PLACES[k] for k in y[:3]]
    (torch.Size([5, 2, 3, 5, 5]), ['right', 'below right', 'below left'])
    """
    if min(side, gap + 1, jitter + 1, margin + 1) < 1:
        raise ValueError(f"patch_pairs got side={side}, gap={gap}, jitter={jitter}, margin={margin}; a side is 1 or more, the "
                         "others 0 or more.")

    def task(pictures, lots):
        B, _, H, _ = pictures.shape
        free = H - 2 * (side + jitter + margin) - gap
        if free < 0:
            raise ValueError(f"patch_pairs: two patches of {side} with a gap of {gap}, jitter of {jitter} and a margin of "
                             f"{margin} need {H - free} pixels; the pictures have {H}. Take smaller ones.")
        y = torch.randint(8, (B,), generator=lots)
        cell = y + (y >= 4)                                                     # of a grid of nine; 4 is the middle
        step = torch.stack([cell // 3, cell % 3], 1) - 1                        # (B, 2): -1, 0 or 1 down and right
        first = torch.where(step == 0, torch.randint(2, (B, 2), generator=lots), (1 - step) // 2)      # 0 or 1 down and right
        corners = torch.stack([first, first + step], 1) * (side + gap) + margin + jitter + free // 2   # (B, 2, 2)
        corners = corners + torch.randint(-jitter, jitter + 1, corners.shape, generator=lots)
        rows, columns = (corners[..., None] + torch.arange(side)).unbind(2)     # (B, 2, side) each
        which = torch.arange(B)[:, None, None, None]
        x = pictures.permute(0, 2, 3, 1)[which, rows[..., None], columns[:, :, None]]                  # (B, 2, side, side, C)
        return x.permute(0, 1, 4, 2, 3), y.to(pictures.device)

    return task


def two_views(view):
    """Contrast: x (2B, C, H, W), a view of each picture and then another of each; y (2B,), in which row its other view stands.

    view: (pictures, generator) -> pictures, as in `augment`. What it changes, a model learns to overlook. Chen et al., 2020.

    >>> x, y = two_views(lambda x, lots: x)(torch.rand(3, 1, 4, 4), None)
    >>> y.tolist(), torch.equal(x, x[y])
    ([3, 4, 5, 0, 1, 2], True)
    """
    def task(pictures, lots):
        B = len(pictures)
        x = torch.cat([view(pictures, lots), view(pictures, lots)])             # (2B, C, H, W)
        return x, (torch.arange(2 * B, device=pictures.device) + B) % (2 * B)

    return task


def hidden_patches(side=4, share=0.5):
    """Masked patches: x (B, C, H, H) with some patches, side × side, painted grey; y what was there, and NaN where all is seen.

    Exactly round(share · patches) of each picture are hidden, at least one. He et al., 2022 (whose encoder skips hidden patches).

    >>> x, y = hidden_patches(4, share=0.25)(torch.rand(2, 3, 8, 8), torch.Generator().manual_seed(0))
    >>> [int(seen.sum()) for seen in y.isnan().all(1)]          # pixels not asked for, of 64
    [48, 48]
    """
    if not 0 < share <= 1 or side < 1:
        raise ValueError(f"hidden_patches got side={side} and share={share}; a side is 1 or more, a share above 0 and at most 1.")

    def task(pictures, lots):
        B, _, H, _ = pictures.shape
        if H % side:
            raise ValueError(f"hidden_patches: patches of {side} do not tile pictures of {H} × {H}; a side must divide {H}.")
        n = (H // side) ** 2
        order = torch.rand(B, n, generator=lots).argsort(1).to(pictures.device)
        hidden = (order < max(1, round(share * n))).view(B, 1, H // side, H // side)
        hidden = hidden.repeat_interleave(side, 2).repeat_interleave(side, 3)    # (B, 1, H, H)
        return pictures.masked_fill(hidden, 0.5), pictures.masked_fill(~hidden, torch.nan)

    return task
