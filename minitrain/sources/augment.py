"""New pictures from old ones: what they show stays, how it is seen changes. Each takes (x, generator) and gives x."""
from math import isqrt, pi

import torch
from torch.nn import functional as F


def affine(turn=10.0, zoom=0.1, shift=0.1):
    """Turn by up to `turn` degrees, zoom by up to the share `zoom`, shift by up to the share `shift` of the side.

    Each picture gets its own lots. Gives a function (x, generator) -> x for square pictures (B, C, H, W), (B, H, W), or
    flattened to (B, H·W). What comes in from outside is 0.

    >>> x = torch.rand(32, 64)                               # 32 pictures of 8 x 8
    >>> affine()(x, torch.Generator().manual_seed(0)).shape
    torch.Size([32, 64])
    """
    def augment(x, generator):
        pictures = _square(x)
        B = len(x)
        lots = (2 * torch.rand(B, 4, generator=generator) - 1).to(x.device)
        angle, scale = lots[:, 0] * (turn * pi / 180), 1 / (1 + zoom * lots[:, 1])
        c, s, move = angle.cos() * scale, angle.sin() * scale, 2 * shift * lots[:, 2:]
        theta = torch.stack([c, -s, move[:, 0], s, c, move[:, 1]], 1).view(B, 2, 3).to(x.dtype)
        grid = F.affine_grid(theta, pictures.shape, align_corners=False)
        return F.grid_sample(pictures, grid, align_corners=False).view(x.shape)

    return augment


def crop(least=0.6, turn=15.0):
    """A square cut out of each picture, with at least the share `least` of its side, turned, half of them mirrored, in full size.

    Gives a function (x, generator) -> x for pictures (B, C, H, H). Beyond the border the picture is reflected.

    >>> crop()(torch.rand(8, 3, 16, 16), torch.Generator().manual_seed(0)).shape
    torch.Size([8, 3, 16, 16])
    """
    if not 0 < least <= 1:
        raise ValueError(f"crop got least={least}; it is the share of the side that stays at least: above 0, at most 1.")

    def augment(x, generator):
        lots = torch.rand(len(x), 5, generator=generator).to(x.device)
        share, angle = least + (1 - least) * lots[:, 0], (2 * lots[:, 1] - 1) * (turn * pi / 180)
        c, s, move = angle.cos() * share, angle.sin() * share, (2 * lots[:, 2:4] - 1) * (1 - share)[:, None]
        face = torch.where(lots[:, 4] < 0.5, -1.0, 1.0)
        theta = torch.stack([c * face, -s, move[:, 0], s * face, c, move[:, 1]], 1).view(-1, 2, 3).to(x.dtype)
        grid = F.affine_grid(theta, x.shape, align_corners=False)
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)

    return augment


def recolour(mix=0.5, grey=0.2, negative=0.3):
    """The same picture in other colours: channels mixed, contrast and brightness changed; some grey, some as negatives.

    mix: how far each of the nine weights of a 3 × 3 matrix may be from doing nothing.  grey, negative: shares of the pictures.
    Gives a function (x, generator) -> x for pictures (B, 3, H, W) in 0 … 1; what comes out may leave that range a little.

    >>> recolour()(torch.rand(8, 3, 16, 16), torch.Generator().manual_seed(0)).shape
    torch.Size([8, 3, 16, 16])
    """
    def augment(x, generator):
        lots = torch.rand(len(x), 13, generator=generator).to(x.device, x.dtype)
        matrix = torch.eye(3).to(lots) + mix * (2 * lots[:, :9].view(-1, 3, 3) - 1)                     # (B, 3, 3)
        luminance = torch.tensor([0.299, 0.587, 0.114]).to(lots).expand(3, 3)
        matrix = torch.where((lots[:, 9] < grey)[:, None, None], luminance, matrix)
        contrast = (0.6 + 0.8 * lots[:, 10]) * torch.where(lots[:, 11] < negative, -1.0, 1.0)
        mixed = (matrix * contrast[:, None, None]) @ (x - 0.5).flatten(2)                               # (B, 3, H·W)
        return mixed.view(x.shape) + (0.3 + 0.4 * lots[:, 12]).view(-1, 1, 1, 1)

    return augment


def in_turn(*steps):
    """Several augmentations as one, the first first.

    >>> in_turn(crop(), recolour())(torch.rand(8, 3, 16, 16), torch.Generator().manual_seed(0)).shape
    torch.Size([8, 3, 16, 16])
    """
    def augment(x, generator):
        for step in steps:
            x = step(x, generator)
        return x

    return augment


def _square(x):
    """Pictures as (B, C, H, W), however they came."""
    side = isqrt(x[0].numel()) if x.dim() == 2 else x.shape[-1]
    if x.dim() == 2 and side * side == x.shape[1]:
        return x.view(len(x), 1, side, side)
    if x.dim() in (3, 4) and x.shape[-2] == side:
        return x.view(len(x), -1, side, side)
    raise ValueError(f"affine got shape {tuple(x.shape)}; it takes square pictures: (B, C, H, H), (B, H, H) or (B, H·H).")
