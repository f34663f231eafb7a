"""Autoencoders: a network that must say its input again, through a few numbers in the middle, the code.

The plain one maps a picture to a point, and back. The variational one maps it to a cloud, N(mean, variance) in each number of the
code, draws a point from that, and maps it back; its loss (`losses.variational`) draws all clouds together
towards N(0, 1), so that a point drawn from N(0, 1) lies in one of them, and what comes back from it looks like a picture.
Kingma and Welling, 2014.
"""
import torch
from torch import nn

from minitrain.models.mlp import MLP


class Autoencoder(nn.Module):
    """x (B, inputs) -> code (B, code) -> x again (B, inputs), each way through the hidden sizes; x in 0 … 1.

    >>> model = Autoencoder(64, 128, code=6, seed=0)
    >>> model(torch.zeros(5, 64)).shape, model.encode(torch.zeros(5, 64)).shape, model.decode(torch.zeros(5, 6)).shape
    (torch.Size([5, 64]), torch.Size([5, 6]), torch.Size([5, 64]))
    """
    said = 1                                                # numbers that the encoder says for each number of the code

    def __init__(self, inputs, *hidden, code=2, seed=0):
        super().__init__()
        if code < 1:
            raise ValueError(f"{type(self).__name__} got code={code}; the code has at least 1 number.")
        self.encoder = MLP(inputs, *hidden, self.said * code, seed=2 * seed)
        self.decoder = MLP(code, *hidden[::-1], inputs, seed=2 * seed + 1)
        self.code = code

    def encode(self, x):
        """Where x (B, inputs) lies in the code: (B, code)."""
        return self.encoder(x)

    def decode(self, z):
        """The picture (B, inputs) of each code (B, code): each pixel in 0 … 1."""
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        return self.decode(self.encode(x))


class VariationalAutoencoder(Autoencoder):
    """As the plain one, of a cloud for each x. The answer is three: x again, from a point drawn from the cloud, and the cloud's
    mean and log variance (B, code).

    Its lots come from a generator of its own, as those of `Dropout`: a resumed run draws what it would have. In evaluation
    mode the point is the mean.

    >>> model = VariationalAutoencoder(64, 128, code=6, seed=0)
    >>> again, mean, log_variance = model(torch.zeros(5, 64))
    >>> again.shape, mean.shape, log_variance.shape
    (torch.Size([5, 64]), torch.Size([5, 6]), torch.Size([5, 6]))
    """
    said = 2

    def __init__(self, inputs, *hidden, code=2, seed=0):
        super().__init__(inputs, *hidden, code=code, seed=seed)
        self.generator = torch.Generator().manual_seed(seed)

    def cloud(self, x):
        """The mean and the log variance (B, code) of each x."""
        return self.encoder(x).chunk(2, 1)

    def encode(self, x):
        return self.cloud(x)[0]

    def forward(self, x):
        mean, log_variance = self.cloud(x)
        z = mean
        if self.training:
            noise = torch.randn(mean.shape, generator=self.generator).to(mean)
            z = mean + (log_variance / 2).exp() * noise     # noise from outside: the gradient reaches mean and variance
        return self.decode(z), mean, log_variance

    def draw(self, n, generator):
        """n new pictures (n, inputs), from codes drawn from N(0, 1).  generator: a CPU one."""
        z = torch.randn(n, self.code, generator=generator).to(next(self.parameters()))
        return self.decode(z)

    def get_extra_state(self):
        return self.generator.get_state()

    def set_extra_state(self, state):
        self.generator.set_state(state)
