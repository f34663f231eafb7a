"""Figures: the text that goes with a picture, the size of what is stored, and what the plots draw."""
import base64
import io
import re
import threading

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from minitrain.teach import figure
from minitrain.teach.figures import COLOURS, LIMIT, MARKERS, axes, confusion, curves, gallery, png


@pytest.fixture
def shown(monkeypatch):
    """What `figure` sends to the notebook."""
    sent = []
    monkeypatch.setattr("minitrain.teach.figures.get_ipython", lambda: "a kernel")
    monkeypatch.setattr("minitrain.teach.figures.display", lambda data, raw: sent.append(data))
    return sent


def test_the_text_survives_in_html_whatever_is_in_it(shown):
    figure(curves({"a": [1, 2]}), alt='Loss < 1 & "falling",\n   slowly.')
    data = shown[0]
    assert data["text/plain"] == '[Picture: Loss < 1 & "falling", slowly.]'
    html = r'<img alt="Loss &lt; 1 &amp; &quot;falling&quot;, slowly\." width="638" src="data:image/png;base64,([^"]+)">'
    tag = re.fullmatch(html, data["text/html"])
    assert Image.open(io.BytesIO(base64.b64decode(tag[1]))).format == "PNG"


@pytest.mark.filterwarnings("ignore")
def test_nbconvert_keeps_the_text(shown):
    figure(curves({"a": [1, 2]}), alt="It falls.")
    cell = new_code_cell("x", outputs=[new_output("display_data", shown[0])])
    page, _ = HTMLExporter().from_notebook_node(new_notebook(cells=[cell]))
    assert re.search(r'<img alt="It falls\."[^>]*src="data:image/png', page)
    assert "No description has been provided" not in page


@pytest.mark.parametrize("alt", ["", "  ", None])
def test_a_picture_without_words_is_refused(shown, alt):
    with pytest.raises(ValueError, match="figure needs alternative text"):
        figure(curves({"a": [1, 2]}), alt=alt)
    assert not shown


def test_a_plain_python_prints_the_text(capsys):
    figure(curves({"a": [1, 2]}), alt="It falls.")
    assert capsys.readouterr().out == "[Picture: It falls.]\n"


def test_a_figure_of_pyplot_is_closed(shown):
    import matplotlib.pyplot as plt
    fig, _ = plt.subplots()
    figure(fig, alt="Nothing.")
    assert not plt.get_fignums()


def test_importing_and_drawing_change_no_setting():
    before = dict(matplotlib.rcParams)
    curves({"a": [1, 2], "b": [2, 1]}), gallery(np.zeros((2, 8, 8))), confusion([0], [0], ["a"])
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("fig", [
    lambda: curves({str(i): np.random.default_rng(i).normal(size=(5, 2000)) for i in range(6)}),
    lambda: gallery(np.random.default_rng(0).random((24, 3, 32, 32)), ["square 99 %"] * 24),
], ids=["curves", "gallery"])
def test_a_crowded_picture_fits(fig):
    assert len(png(fig())) <= LIMIT


def test_the_same_figure_gives_the_same_bytes():
    assert png(curves({"a": [3, 1, 2], "b": [1, 2, 3]})) == png(curves({"a": [3, 1, 2], "b": [1, 2, 3]}))


def seen(colour, kind):
    """A colour as someone with protanopia or deuteranopia sees it: Viénot, Brettel and Mollon, 1999. Linear RGB."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    lose = {"red": [[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]], "green": [[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]}[kind]
    return np.clip(np.linalg.solve(to_lms, np.array(lose) @ to_lms @ linear), 0, 1)


@pytest.mark.parametrize("kind", ["red", "green"])
def test_colours_stay_apart_for_the_colour_blind(kind):
    def closest(colours):
        colours = [seen(colour, kind) ** (1 / 2.2) for colour in colours]
        return min(np.linalg.norm(a - b) for i, a in enumerate(colours) for b in colours[:i])
    usual = matplotlib.rcParamsDefault["axes.prop_cycle"].by_key()["color"][:len(COLOURS)]
    assert closest(COLOURS) > max(0.14, 1.5 * closest(usual))


def test_every_line_has_its_colour_and_its_marker():
    fig = curves({name: [1, 2, 3] for name in "abcdefg"})
    lines = fig.axes[0].get_lines()
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == len(COLOURS) == len(MARKERS)


def test_a_band_spans_the_seeds_and_the_line_is_their_median():
    runs = np.array([[1.0, 2, 3], [2, 4, 6], [9, 9, 9]])
    ax = curves({"a": runs}).axes[0]
    assert ax.get_lines()[0].get_ydata().tolist() == [2, 4, 6]
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == 1 and band[:, 1].max() == 9


def test_curves_takes_what_a_training_gives():
    history = [{"t": 0, "loss": 3.0}, {"t": 1, "loss": 2.0, "held_out_loss": 2.5}, {"t": 2, "loss": 1.0}]
    ax = curves({"train": history}).axes[0]
    assert ax.get_lines()[0].get_xydata().tolist() == [[0, 3], [1, 2], [2, 1]]
    assert curves({"held": history}, key="held_out_loss").axes[0].get_lines()[0].get_xydata().tolist() == [[1, 2.5]]
    seeds = curves({"train": [history, history]}).axes[0]
    assert seeds.get_lines()[0].get_ydata().tolist() == [3, 2, 1] and len(seeds.collections) == 1
    pair = curves({"a": ([10, 20], torch.tensor([1.0, 2.0], requires_grad=True))}).axes[0]
    assert pair.get_lines()[0].get_xydata().tolist() == [[10, 1], [20, 2]]


def test_smoothing_is_the_mean_of_those_before():
    line = curves({"a": [1, 2, 3, 4, 5]}, smooth=3).axes[0].get_lines()[0]
    np.testing.assert_allclose(line.get_ydata(), [1, 1.5, 2, 3, 4])


@pytest.mark.parametrize("ends", [[1, 1, 1], [1, 1.01, 0.99], [0, 0.01, 1], [1, 0.99, 0]])
def test_labels_stand_apart_inside_the_axes_and_near_their_lines(ends):
    ax = curves({name: [0, end] for name, end in zip("abc", ends)}).axes[0]
    heights = [text.xy[1] for text in ax.texts]
    gaps = np.diff(sorted(heights))
    assert gaps.min() > 0.05 and min(heights) >= 0 and max(heights) <= 1
    low, high = ax.get_ylim()
    for height, end in zip(heights, ends):
        assert abs(height - (end - low) / (high - low)) < 0.2
    assert [text.get_color() for text in ax.texts] == list(COLOURS[:3])


def test_labels_survive_a_run_that_blew_up():
    ax = curves({"good": [3, 2, 1], "bad": [3, np.inf, np.nan]}, log=True).axes[0]
    assert [text.get_text() for text in ax.texts] == ["good", "bad"]
    png(ax.figure)


@pytest.mark.parametrize("shape", [(5, 64), (5, 8, 8), (5, 1, 8, 8), (5, 3, 8, 8)])
def test_gallery_takes_pictures_as_models_do(shape):
    x = torch.rand(shape)
    fig = gallery(x, columns=3)
    drawn = [ax for ax in fig.axes if ax.get_visible()]
    assert len(drawn) == 5
    image = drawn[4].get_images()[0].get_array()
    want = x[4].reshape(8, 8) if shape[-1] == 64 else x[4].squeeze(0) if x[4].shape[0] == 1 else x[4]
    np.testing.assert_allclose(image if len(shape) < 4 or shape[1] == 1 else np.moveaxis(np.asarray(image), -1, 0), want.numpy())


@pytest.mark.parametrize("shape", [(5, 63), (5,), (5, 2, 8, 8)])
def test_gallery_says_what_it_cannot_draw(shape):
    with pytest.raises(ValueError, match="gallery got"):
        gallery(np.zeros(shape))


def test_confusion_equals_scikit_learns():
    from sklearn.metrics import confusion_matrix
    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    texts = confusion(torch.tensor(truth), guess, list("abcd")).axes[0].texts
    assert [int(text.get_text()) for text in texts] == confusion_matrix(truth, guess).ravel().tolist()


def test_axes_takes_one_title_or_one_each():
    _, grid = axes(2, 2, title=list("abcd"), x="updates")
    assert [ax.get_title(loc="left") for ax in grid.ravel()] == list("abcd")
    assert {ax.get_xlabel() for ax in grid.ravel()} == {"updates"}


def test_pictures_drawn_on_two_threads_keep_the_settings_of_the_process():
    before = dict(matplotlib.rcParams)
    threads = [threading.Thread(target=lambda: [axes(2) for _ in range(6)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dict(matplotlib.rcParams) == before
