"""Lesson 10's parts: what its claims stand on, with other lots; its short forms against the library; recorded maps; widgets."""
import ast
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Notebook, changed, clean, move_slider, says, status
from lesson_code import cells, definitions

from minitrain import losses, sources
from minitrain.evaluate import maps
from minitrain.models.autoencoder import VariationalAutoencoder
from minitrain.sources.points import points
from minitrain.teach.widgets.latent import REACH, LatentExplorer, grid_of_codes
from minitrain.teach.widgets.maps import RecordedMaps, clouds
from minitrain.unsupervised.dbscan import dbscan
from minitrain.unsupervised.kmeans import kmeans
from minitrain.unsupervised.neighbours import trustworthiness
from minitrain.unsupervised.pca import pca
from minitrain.unsupervised.tsne import affinities, gradient, tsne
from minitrain.unsupervised.umap import umap

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "10_unsupervised.ipynb"


@pytest.fixture(scope="module")
def lesson():
    """The lesson's own imports, data and functions, without its experiments."""
    names = definitions(NOTEBOOK)
    names["x"], names["y"] = sources.digits()
    (names["x_seen"], names["y_seen"]), _ = sources.split(*sources.digits(), held_out=0.2, seed=0)
    return names


# What the claims stand on


@pytest.mark.parametrize("seed", range(1, 6))
def test_k_means_sees_round_groups_and_dbscan_others_too(lesson, seed):
    for kind in ("blobs", "moons"):
        plane, truth = points(kind, 400, seed=seed)
        by_means, by_crowds = kmeans(plane, 2, seed=seed).labels, lesson["spread"](plane, 0.4)
        right = lesson["voted"](by_means, truth)
        assert right > 0.97 if kind == "blobs" else 0.6 < right < 0.85 and by_means.bincount().max() < 360
        assert lesson["voted"](by_crowds, truth) > 0.97 and by_crowds.max() == 1
        assert torch.equal(by_crowds, dbscan(plane, 0.4))                       # the lesson's short form is the library's


def test_pca_keeps_more_than_pixels_and_lots(lesson):
    x, lots = lesson["x"], torch.Generator().manual_seed(7)
    others = [torch.eye(64)[x.var(0).topk(10).indices],
              *(torch.linalg.qr(torch.randn(64, 10, generator=lots))[0].T for _ in range(50))]
    assert pca(x, 10).kept.sum() > max(lesson["kept_along"](basis) for basis in others) + 0.2
    assert lesson["kept_along"](pca(x, 10).components) == pytest.approx(float(pca(x, 10).kept.sum()), abs=1e-5)


@pytest.mark.parametrize("seed", range(1, 4))
def test_maps_keep_neither_widths_nor_distances(lesson, seed):
    crowd, which = maps.points_of("three groups", seed=seed)
    width, far = lesson["measured"](crowd, which)
    assert 8 < width < 12 and 5 < far < 7
    for place in (tsne(crowd, seed=seed), umap(crowd, seed=seed)):
        width, far = lesson["measured"](place, which)
        assert 0.5 < width < 2 and 1.5 < far < 3.2


def test_neighbours_on_a_map_were_near_and_yet_others(lesson):
    x = lesson["x"]
    for place in (tsne(x, iterations=200, seed=1), umap(x, seed=1)):
        assert trustworthiness(x, place) > 0.985 and 0.4 < lesson["same_nearest"](place) < 0.64
    assert lesson["same_nearest"](x) == 1


def test_dbscan_on_digits_has_one_good_radius_and_it_is_narrow(lesson):
    x, y = lesson["x"], lesson["y"]
    right = {radius: lesson["voted"](dbscan(x, radius), y) for radius in (1.2, 1.3, 1.4)}
    assert right[1.3] > max(right[1.2], right[1.4]) + 0.1
    assert lesson["voted"](kmeans(x, 23, tries=3, seed=1).labels, y) > right[1.3] + 0.05


def test_inertia_falls_in_noise_too_and_the_truth_loses(lesson):
    x, y, lots = lesson["x"], lesson["y"], torch.Generator().manual_seed(5)
    noise = torch.stack([column[torch.randperm(len(x), generator=lots)] for column in x.T], 1)
    for data in (x, noise):
        inertia = [kmeans(data, k, tries=2, seed=3).inertia for k in (1, 2, 3, 5, 7, 10, 15, 20, 30)]
        assert inertia == sorted(inertia, reverse=True)
    truth = sum((x[y == k] - x[y == k].mean(0)).square().sum().item() for k in range(10))
    for seed in range(1, 4):
        found = kmeans(x, 10, seed=seed)
        assert found.inertia < 0.95 * truth and lesson["voted"](found.labels, y) < 0.85


@pytest.mark.parametrize("seed", range(3, 6))
def test_a_label_for_each_group_names_most(lesson, seed):
    by_group, by_lot = lesson["names_from"](50, seed)
    assert by_group > 0.92 and by_group > by_lot + 0.05


def test_the_map_from_the_formula(lesson):
    lesson["p"] = affinities(lesson["x"][:60], 10).float()
    place = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    slope, = torch.autograd.grad(lesson["divergence"](place), place)
    assert torch.allclose(slope, gradient(lesson["p"], place.detach()), atol=1e-6)


def test_the_loss_is_the_librarys(lesson):
    x = torch.rand(9, 64, generator=torch.Generator().manual_seed(0))
    ours, theirs = (VariationalAutoencoder(64, 16, code=3, seed=0) for _ in range(2))
    a, b = lesson["variational"](ours, (x, x)), losses.variational(theirs, (x, x), spread=0.35)
    assert float(a.mean.detach()) == pytest.approx(float(b.mean.detach()), rel=1e-6) and a.n == b.n


def drawn_by(lesson, seed):
    """What the lesson's judge says of noise, and of what its two networks draw, all from another start."""
    names = dict(lesson)
    for source in cells(NOTEBOOK):
        if any(part in source for part in ("judge = ConvNet", "plain = learn(", "def drawings")):
            body = [n for n in ast.parse(source.replace("seed=0", f"seed={seed}")).body
                    if isinstance(n, ast.FunctionDef) or ast.unparse(n).startswith(("judge =", "trainer", "plain =", "cloudy ="))]
            exec(compile(ast.Module(body, []), "cell", "exec"), names)
    noise, _ = names["known"](torch.rand(1000, 64, generator=torch.Generator().manual_seed(seed)))
    return noise, {name: names["known"](pictures) for name, pictures in names["drawings"](seed=seed).items()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_the_variational_one_draws_digits_and_the_judge_is_sure_of_noise(lesson, seed):
    """Of 1,000: every class has at least 4 %. A judge that is sure of noise counts what is not there, so the gap matters more."""
    noise, drawn = drawn_by(lesson, seed)
    (plain, _), (from_0_1, _), (cloudy, which) = drawn.values()
    assert 0.1 < noise < 0.7
    assert cloudy > 0.82 and cloudy > plain + 0.1 and plain < 0.76 and from_0_1 < 0.7
    assert which.bincount(minlength=10).min() >= 40                             # all ten, not one that it draws well


def test_recorded_maps_are_what_the_command_draws():
    rows, command = maps.recorded()
    assert command.startswith("python -m minitrain.evaluate.maps")
    assert set(rows) == {(data, method, k) for data in maps.DATA for method in maps.METHODS for k in maps.SETTINGS}
    for (data, _, k), row in rows.items():
        if k in (5, 60):
            x, _ = maps.points_of(data)
            # places are rounded
            assert trustworthiness(x, row["places"].double()) == pytest.approx(row["trustworthiness"], abs=0.01)
    for method in maps.METHODS:
        fresh = maps.drawn("three groups", method, 30)
        assert fresh["trustworthiness"] == pytest.approx(rows["three groups", method, 30]["trustworthiness"], abs=0.02)
    assert min(row["trustworthiness"] for (data, _, k), row in rows.items() if data == "digits" and k >= 5) > 0.95
    assert max(row["trustworthiness"] for (data, _, _), row in rows.items() if data == "noise") < 0.75


def test_the_command_writes_what_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(maps, "DATA", ("noise",))
    monkeypatch.setattr(maps, "points_of", lambda data: (torch.randn(40, 5, generator=torch.Generator().manual_seed(0)), None))
    maps.main(["--settings", "5", "--out", str(tmp_path / "maps.csv")])
    rows, command = maps.recorded(tmp_path / "maps.csv")
    assert command == "python -m minitrain.evaluate.maps --settings 5"
    assert list(rows) == [("noise", "t-SNE", 5), ("noise", "UMAP", 5)]
    places = rows["noise", "UMAP", 5]["places"]
    assert places.shape == (40, 2) and places.min() == 0 and places.max() == 1000
    monkeypatch.undo()
    with pytest.raises(ValueError, match="no points 'nosie'; there are digits, three groups, noise"):
        maps.points_of("nosie")


# The pictures and the widgets


def test_pictures_show_what_they_are_given():
    fig = clouds({"a": (np.eye(2), np.array([0, 1])), "b": (np.eye(2), np.array([0, -1]))}, names="xy")
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["a", "b"]
    assert [[text.get_text() for text in ax.texts] for ax in fig.axes] == [["x", "y"], ["x"]]
    seen = []
    fig = grid_of_codes(lambda codes: seen.append(codes) or np.repeat(codes[:, :1] > 0, 64, 1).astype(float), steps=3)
    assert seen[0][0].tolist() == [-REACH, REACH] and seen[0][-1].tolist() == [REACH, -REACH]       # from the top left
    image = fig.axes[0].images[0].get_array()
    assert image.shape == (27, 27)                                              # a gap right and below
    tiles = image.reshape(3, 9, 3, 9)[:, :8, :, :8]
    assert not tiles[:, :, :2].any() and tiles[:, :, 2].all()


def test_the_explorer_draws_what_the_decoder_has_there():
    def draw(codes): return np.tile(np.clip(codes[:, :1] + codes[:, 1:], 0, 1), 64)
    def judge(pictures): return np.stack([1 - pictures[:, 0], pictures[:, 0]], 1)
    panel = LatentExplorer(draw, judge)
    assert panel.message == "At (0.0, 0.0) the judge sees a 0, and is 100% sure."
    before = panel.image.value
    panel.first, panel.second = 0.3, 0.5
    np.testing.assert_allclose(panel.picture, 0.8)
    assert panel.message == "At (0.3, 0.5) the judge sees a 1, and is 80% sure." and panel.image.value != before
    handles = [child for child in panel.children if getattr(child, "description", "").endswith("number")]
    handles[1].value = -0.2
    assert panel.second == -0.2 and panel.message in panel.image.alt
    assert LatentExplorer(draw, first=1.0).message == "At (1.0, 0.0) the decoder draws this."


def test_recorded_maps_follow_every_setting():
    rows, _ = maps.recorded()
    panel = RecordedMaps(rows)
    seen = {panel.image.value}
    for name, value in (("setting", 30), ("method", "UMAP"), ("data", "noise"), ("data", "three groups"), ("setting", 120)):
        setattr(panel, name, value)
        one = rows[panel.data, panel.method, panel.setting]
        assert f" {panel.setting}" in panel.message and f": trustworthiness {one['trustworthiness']:.3f}." in panel.message
        assert panel.image.value not in seen and panel.message in panel.image.alt
        seen.add(panel.image.value)
    assert panel.slider.description == "Neighbours" and panel.slider.value == 120
    panel.slider.value = 2
    assert panel.setting == 2 and RecordedMaps(rows, data="noise", method="UMAP", setting=10).message.startswith("noise by UMAP")


@pytest.mark.browser
def test_the_widgets_in_a_browser(lab, browser):
    """The panels alone, over networks that were not trained."""
    whole = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in whole["cells"] if cell["cell_type"] == "code"]
    parts = next(source for source in code if "def draw(" in source)
    functions = [ast.unparse(n) for n in ast.parse(parts).body if isinstance(n, ast.FunctionDef)]
    made = ("judge, flat = ConvNet(1, (4, 8), classes=10, size=8), VariationalAutoencoder(64, 8, code=2)\n"
            "def as_pictures(x): return x.view(-1, 1, 8, 8)\n" + "\n".join(functions))
    sources_ = [code[0], made, "LatentExplorer(draw, opinion)", "table, command = recorded()", "RecordedMaps(table)"]
    template = next(cell for cell in whole["cells"] if cell["cell_type"] == "code")
    cells = [template | {"source": source, "outputs": [], "id": f"cell{i}"} for i, source in enumerate(sources_)]
    (lab[1] / "10_widgets.ipynb").write_text(json.dumps(whole | {"cells": cells}))
    notebook = Notebook(browser, lab[0], "10_widgets.ipynb")
    notebook.run_all()
    output = notebook.output("LatentExplorer(draw")
    says(status(output), "At (0.0, 0.0) the judge sees")
    move_slider(notebook, output, "First number", presses=3)
    says(status(output), "At (0.3, 0.0) the judge sees")
    output = notebook.output("RecordedMaps(table)")
    words = status(output)
    before = says(words, "digits by t-SNE with a perplexity of 2: trustworthiness 0.9")
    output.get_by_role("slider").focus()
    notebook.page.keyboard.press("ArrowRight")
    before = changed(words, before)
    output.get_by_role("combobox", name="Points").select_option("noise")
    says(words, "noise by t-SNE with a perplexity of 5")
    clean(notebook)
    notebook.close()
