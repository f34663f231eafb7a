"""A small convolutional network for small pictures: look at 3×3 patches, keep the strongest, repeat; then decide."""
from itertools import pairwise

import torch
from torch import nn


class ConvNet(nn.Module):
    """[convolution 3×3, relu, max-pooling 2×2] for each of `channels`, then one linear layer.

    x (B, channels_in, size, size) -> logits (B, classes). Each pooling halves the side. LeCun et al., 1998; weights from
    N(0, 2/fan_in) before a relu (He et al., 2015), N(0, 1/fan_in) in the last layer; biases at 0.

    >>> ConvNet(3, channels=(8, 16), classes=2, size=32, seed=0)(torch.zeros(5, 3, 32, 32)).shape
    torch.Size([5, 2])
    """

    def __init__(self, channels_in, channels=(16, 32), *, classes, size, seed=0):
        super().__init__()
        side = size >> len(channels)
        if side < 1:
            raise ValueError(f"ConvNet halves a picture of {size}×{size} {len(channels)} times; nothing would be left of it.")
        widths = (channels_in, *channels)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, device="meta") for a, b in pairwise(widths))
        self.head = nn.Linear(widths[-1] * side * side, classes, device="meta")
        self.to_empty(device="cpu")
        generator = torch.Generator().manual_seed(seed)
        for layer, gain in [*((conv, 2) for conv in self.convs), (self.head, 1)]:
            nn.init.normal_(layer.weight, std=(gain / layer.weight[0].numel()) ** 0.5, generator=generator)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = x.contiguous(memory_format=torch.channels_last)     # a pixel's channels side by side: half the time on a CPU
        for conv in self.convs:
            # relu(max) is max(relu), on a quarter of the numbers
            x = torch.relu(torch.max_pool2d(conv(x), 2))    # (B, channels[i], size / 2^(i+1), size / 2^(i+1))
        return self.head(x.flatten(1))                      # (B, classes)
