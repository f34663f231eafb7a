"""From the hand's last move on lesson 00's pad to new probabilities on the page, in a real JupyterLab and Chromium.

Each stroke is one move of the mouse; the clock runs in the page, from the pointer's event to the next painted frame after
the bars have changed: the pad's wait, the way to the kernel, the model and the way back are all in it. Prints JSON.
"""
import json
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from browser import Notebook, chromium, jupyterlab
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from minitrain.device import machine
from minitrain.teach import refresh

CELL = """
from minitrain.models.convnet import ConvNet
from minitrain.device import use_threads
from minitrain.teach.widgets.draw_it import DrawIt
use_threads(1)
DrawIt(ConvNet(3, channels=(8, 16, 32, 32), classes=2, size=32, seed=0), ("square", "circle"))"""
CLOCK = """wrapper => {
    window.took = []; window.began = null;
    wrapper.querySelector('canvas.minitrain-pad').addEventListener(
        'pointermove', e => { if (e.buttons) window.began = e.timeStamp }, true);
    new MutationObserver(() => { const from = window.began; if (from === null) return; window.began = null;
        requestAnimationFrame(() => requestAnimationFrame(() => window.took.push(performance.now() - from))) })
        .observe(wrapper, {subtree: true, childList: true, characterData: true}) }"""

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "notebooks"
        root.mkdir()
        made = new_notebook(cells=[new_markdown_cell("# Draw"), new_code_cell(CELL)])
        refresh.write(refresh.normalise(made), root / "draw.ipynb")
        with chromium() as browser, jupyterlab(root, pathlib.Path(folder) / "lab") as address:
            notebook = Notebook(browser, address, "draw.ipynb")
            notebook.run_all()
            output = notebook.output("DrawIt(")
            box, mouse = output.locator("canvas.minitrain-pad").bounding_box(), notebook.page.mouse
            output.evaluate(CLOCK)
            for i in range(60):
                across, down = box["x"] + 20 + 3 * i, box["y"] + 60 + 2 * (i % 30)
                mouse.move(across, down)
                mouse.down()
                mouse.move(across + 15, down + 10)
                notebook.page.wait_for_timeout(250)
                mouse.up()
                notebook.page.wait_for_timeout(100)
            took = sorted(notebook.page.evaluate("window.took"))
            assert len(took) > 40 and notebook.error_outputs() == [], (len(took), notebook.error_outputs())
            notebook.close()
    print(json.dumps({"machine": str(machine()), "strokes": len(took), "milliseconds": {
        "median": round(statistics.median(took), 1), "nine in ten": round(took[int(0.9 * len(took))], 1)}}, indent=1))
