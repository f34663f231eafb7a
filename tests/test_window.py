"""The window network sees the last n tokens, each of them, and nothing else."""
import math

import pytest
import torch

from minitrain import losses
from minitrain.models.window import Window

IDS = torch.randint(0, 50, (3, 12), generator=torch.Generator().manual_seed(0))


def model(**how):
    return Window(50, **{"n": 4, "width": 8, "hidden": 16, "seed": 1, **how}).double()


def test_each_answer_hangs_on_the_last_n_tokens_and_on_no_other():
    net = model()
    net.out.weight.data.normal_(generator=torch.Generator().manual_seed(2))
    whole = net(IDS)                                            # (3, 12, 50)
    for place in range(12):
        other = IDS.clone()
        other[:, place] = (other[:, place] + 1) % 50
        moved = (net(other) - whole).abs().amax((0, 2)) > 1e-9  # (12,)
        assert moved.nonzero()[:, 0].tolist() == list(range(place, min(place + 4, 12)))


def test_it_is_what_its_docstring_says():
    net = model()
    context = net.embedding[IDS[0, 4:8]].T.flatten()
    assert torch.allclose(net(IDS)[0, 7], net.out(torch.relu(net.hidden(context))))
    first = torch.cat([torch.zeros(3, 8), net.embedding[IDS[0, :1]]]).T.flatten().double()      # zeros before the first token
    assert torch.allclose(net(IDS)[0, 0], net.out(torch.relu(net.hidden(first))))


def test_a_fresh_one_pays_what_knowing_nothing_costs():
    assert losses.next_token(model(), (IDS[:, :-1], IDS[:, 1:])).mean.item() == pytest.approx(math.log(50), rel=0.01)


def test_mistakes_get_one_sentence():
    with pytest.raises(ValueError, match="sizes of at least 1; got vocabulary=0"):
        Window(0)
    with pytest.raises(ValueError, match="A token is out of range"):
        model()(torch.tensor([[50]]))
