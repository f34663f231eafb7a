"""A small residual network for boards: every cell keeps its place, and looks at its neighbours block after block."""
import torch
from torch import nn


class Residual(nn.Module):
    """Convolution 3×3, then `blocks` times x = relu(x + convolution(relu(convolution(x)))), then one linear layer.

    x (B, planes, rows, columns) -> (B, outputs). He et al., 2016. Nothing is pooled, since a board's cells are few and all
    count; nothing is normalised over the batch, since a move must not depend on the other games beside it. Instead the second
    convolution of each block begins at 0, so that a new block changes nothing (Zhang et al., 2019, "Fixup").

    >>> Residual((2, 6, 7), channels=8, blocks=2, outputs=16, seed=0)(torch.zeros(5, 2, 6, 7)).shape
    torch.Size([5, 16])
    """

    def __init__(self, board, *, channels=32, blocks=3, outputs=128, seed=0):
        super().__init__()
        planes, rows, columns = board
        if min(rows, columns, channels, blocks, outputs) < 1:
            raise ValueError(f"Residual got a board of {rows}×{columns}, channels={channels}, blocks={blocks}, "
                             f"outputs={outputs}; all are at least 1.")
        self.first = nn.Conv2d(planes, channels, 3, padding=1, device="meta")
        self.blocks = nn.ModuleList(nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1, device="meta") for _ in range(2))
                                    for _ in range(blocks))
        self.last = nn.Linear(channels * rows * columns, outputs, device="meta")
        self.to_empty(device="cpu")
        generator = torch.Generator().manual_seed(seed)
        for layer in (self.first, *(first for first, _ in self.blocks), self.last):
            nn.init.normal_(layer.weight, std=(2 / layer.weight[0].numel()) ** 0.5, generator=generator)
            nn.init.zeros_(layer.bias)
        for _, second in self.blocks:
            nn.init.zeros_(second.weight)
            nn.init.zeros_(second.bias)

    def forward(self, x):
        x = x.contiguous(memory_format=torch.channels_last)     # a cell's channels side by side: faster on a CPU
        x = torch.relu(self.first(x))                           # (B, channels, rows, columns)
        for first, second in self.blocks:
            x = torch.relu(x + second(torch.relu(first(x))))
        return self.last(x.flatten(1))                          # (B, outputs)
