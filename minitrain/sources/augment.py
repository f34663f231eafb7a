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


def _square(x):
    """Pictures as (B, C, H, W), however they came."""
    side = isqrt(x[0].numel()) if x.dim() == 2 else x.shape[-1]
    if x.dim() == 2 and side * side == x.shape[1]:
        return x.view(len(x), 1, side, side)
    if x.dim() in (3, 4) and x.shape[-2] == side:
        return x.view(len(x), -1, side, side)
    raise ValueError(f"affine got shape {tuple(x.shape)}; it takes square pictures: (B, C, H, H), (B, H, H) or (B, H·H).")
