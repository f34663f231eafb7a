"""An encoder that turns pictures into features, and what pretext tasks put on top of it for as long as they last."""
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from minitrain.models.mlp import MLP


class Encoder(nn.Module):
    """[convolution 3×3, max-pooling 2×2, batch norm, relu] for each of `channels`, then [linear, batch norm, relu].

    Pictures x (B, C, size, size) in 0 … 1 -> features (B, width), none below 0. Smaller pictures, as patches are, are laid onto a
    grey ground of full size: what they show keeps its scale. Batch norm makes the answer depend on the batch while training
    (Ioffe and Szegedy, 2015), and a few hundred updates do what takes more than a thousand without. Weights as in `ConvNet`.

    >>> encoder = Encoder(size=16)
    >>> encoder(torch.rand(5, 3, 16, 16)).shape, encoder(torch.rand(5, 3, 4, 4)).shape
    (torch.Size([5, 128]), torch.Size([5, 128]))
    """

    def __init__(self, size=16, channels=(16, 32, 64), width=128, *, channels_in=3, seed=0):
        super().__init__()
        side = size >> len(channels)
        if side < 1:
            raise ValueError(f"Encoder halves a picture of {size}×{size} {len(channels)} times; nothing would be left of it.")
        self.size, self.width = size, width
        widths = (channels_in, *channels)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False, device="meta") for a, b in pairwise(widths))
        self.last = nn.Linear(channels[-1] * side * side, width, bias=False, device="meta")
        self.to_empty(device="cpu")
        lots = torch.Generator().manual_seed(seed)
        for layer in (*self.convs, self.last):
            nn.init.normal_(layer.weight, std=(2 / layer.weight[0].numel()) ** 0.5, generator=lots)
        self.norms = nn.ModuleList([*(nn.BatchNorm2d(c) for c in channels), nn.BatchNorm1d(width)])

    def forward(self, x):
        if x.ndim != 4 or max(x.shape[2:]) > self.size:
            raise ValueError(f"Encoder takes pictures (B, C, H, W) of at most {self.size} × {self.size}; got {tuple(x.shape)}.")
        x = (2 * x - 1).contiguous(memory_format=torch.channels_last)           # grey is 0
        height, width = (self.size - side for side in x.shape[2:])
        if height or width:
            x = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        *norms, last_norm = self.norms
        for conv, norm in zip(self.convs, norms):
            x = torch.relu(norm(F.max_pool2d(conv(x), 2)))                      # (B, channels[i], size / 2^(i+1), size / 2^(i+1))
        return torch.relu(last_norm(self.last(x.flatten(1))))                   # (B, width)


@torch.no_grad()
def settle(encoder, pictures, *, size=256):
    """Let batch norm take its means and spreads from these pictures, `size` at a time; no weight changes. Gives the encoder back.

    An encoder that learned from patches, or from grey pictures, has the statistics of those; it is judged on whole ones.
    """
    norms = [module for module in encoder.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    training, momenta = encoder.training, [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None                                                    # the mean over all batches, not the latest ones
    encoder.train()
    for i in range(0, len(pictures), size):
        encoder(pictures[i:i + size])
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    return encoder.train(training)


class Headed(nn.Module):
    """An encoder and an MLP on its features, for one task: x (B, C, H, W) -> (B, outputs).

    views: pictures that make up one example, (B, views, C, H, W): each is encoded, and the head reads all their features.
    hidden: units of the head's hidden layer; None makes the head one linear layer.

    >>> Headed(Encoder(size=16), 8, views=2)(torch.rand(5, 2, 3, 4, 4)).shape
    torch.Size([5, 8])
    """

    def __init__(self, encoder, outputs, *, hidden=128, views=1, seed=0):
        super().__init__()
        inner = () if hidden is None else (hidden,)
        self.encoder, self.views = encoder, views
        self.head = MLP(views * encoder.width, *inner, outputs, seed=seed + 1)  # not the lots of the encoder

    def forward(self, x):
        if x.ndim != (4 if self.views == 1 else 5):
            raise ValueError(f"Headed with views={self.views} takes (B, {'' if self.views == 1 else 'views, '}C, H, W); got "
                             f"{tuple(x.shape)}.")
        features = self.encoder(x if self.views == 1 else x.flatten(0, 1))      # (B·views, width)
        return self.head(features.view(len(x), -1))                             # (B, outputs)


class Painter(nn.Module):
    """An encoder, and a decoder that paints a picture from its features: x (B, C, size, size) -> (B, 3, size, size).

    All that is painted passes through the features: nothing leads past them. Each step doubles the side.

    >>> Painter(Encoder(size=16))(torch.rand(5, 3, 16, 16)).shape
    torch.Size([5, 3, 16, 16])
    """

    def __init__(self, encoder, *, channels=(32, 16), seed=0):
        super().__init__()
        if encoder.size % 4:
            raise ValueError(f"Painter needs pictures whose side 4 divides; got {encoder.size}.")
        wide, narrow = channels
        self.encoder, self.side, self.wide = encoder, encoder.size // 4, wide
        self.start = MLP(encoder.width, wide * self.side ** 2, seed=seed + 1)
        self.convs = nn.ModuleList(nn.Conv2d(*shape, 3, padding=1, device="meta") for shape in ((wide, narrow), (narrow, 12)))
        self.convs.to_empty(device="cpu")
        lots = torch.Generator().manual_seed(seed + 2)
        for conv, gain in zip(self.convs, (2, 1)):
            nn.init.normal_(conv.weight, std=(gain / conv.weight[0].numel()) ** 0.5, generator=lots)
            nn.init.zeros_(conv.bias)

    def forward(self, x):
        x = torch.relu(self.start(self.encoder(x)))
        x = x.view(-1, self.wide, self.side, self.side).contiguous(memory_format=torch.channels_last)
        x = torch.relu(self.convs[0](F.interpolate(x, scale_factor=2)))         # (B, narrow, size / 2, size / 2)
        return 0.5 + F.pixel_shuffle(self.convs[1](x), 2)                       # (B, 3, size, size)
