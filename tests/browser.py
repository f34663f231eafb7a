"""What the browser tests share: JupyterLab on a free loopback port, one Chromium, a notebook opened in it.

It looks inside cells' output wrappers only: a cell's source is on the page too, and would make any text assertion true.
"""
import json
import math
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
READY = """() => { const panel = window.jupyterapp?.shell.currentWidget, kernel = panel?.sessionContext?.session?.kernel;
                   return kernel && kernel.status === 'idle' && panel.content.widgets.length > 0 && panel.context.isReady }"""
RAN = """last => { const panel = window.jupyterapp.shell.currentWidget;
                 const code = panel.content.widgets.slice(0, last + 1).filter(c => c.model.type === 'code');
                 const cells = code.filter(c => c.model.sharedModel.source.trim());
                 return panel.sessionContext.session.kernel.status === 'idle'
                     && cells.every(c => c.model.executionCount > 0 && c.promptNode.textContent !== '[*]:') }"""


def need_chromium():
    """Skip without a Chromium; in CI (CI=true) its absence is a failure."""
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("The browser tests found no Chromium, and CI=true says there must be one: apt-get install chromium.")
        pytest.skip("no Chromium on this machine")


@contextmanager
def jupyterlab(root, folder, **environment):
    """A JupyterLab server of its own over `root`, its settings under `folder`. Yields its address."""
    folder = pathlib.Path(folder)
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    env = {name: value for name, value in os.environ.items() if name != "MINITRAIN_STATIC"}
    env |= {name: f"{folder}/{name.lower()}" for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
                                                          "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR", "MINITRAIN_HOME")}
    env |= {"JUPYTERLAB_SETTINGS_DIR": f"{folder}/settings"} | environment
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}", folder / "lab.log"
    with open(log, "w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
             "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={root}",
             "--LabApp.expose_app_in_browser=True", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
             "--LabApp.extension_manager=readonly"], env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(address + "/api", timeout=2).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < end, f"JupyterLab did not start:\n{log.read_text()}"
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@contextmanager
def chromium():
    """One headless Chromium. Yields a Playwright browser."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=[
            "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"])
        yield browser
        browser.close()


class Notebook:
    """A notebook open in JupyterLab: run it, reach into a cell's output, see what went wrong on the page."""

    def __init__(self, browser, address, path):
        self.page = browser.new_page(viewport={"width": 1280, "height": 1400})
        self.page.set_default_timeout(20_000)
        self.errors = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: line.type == "error" and self.errors.append(f"{line.text} {line.location}"))
        workspace = re.sub(r"\W", "-", path)            # one for each notebook: two pages in one get in each other's way
        self.page.goto(f"{address}/lab/workspaces/{workspace}/tree/{path}?reset", wait_until="domcontentloaded")
        self.page.wait_for_function(READY, timeout=90_000)
        # all cells in the page: JupyterLab would take away those that are out of sight, with their widgets
        self.page.evaluate("async () => window.jupyterapp.shell.currentWidget.content.notebookConfig = "
                           "{...window.jupyterapp.shell.currentWidget.content.notebookConfig, windowingMode: 'none'}")

    def run_through(self, text, seconds=180):
        """Run the cells up to and with the first whose source has `text` in it."""
        index = self._index(text)
        self.page.evaluate("""async index => { const app = window.jupyterapp;
            app.shell.currentWidget.content.activeCellIndex = index;
            app.commands.execute('notebook:run-all-above');
            app.shell.currentWidget.content.activeCellIndex = index;
            app.commands.execute('notebook:run-cell') }""", index)
        self.page.wait_for_timeout(300)
        self.page.wait_for_function(RAN, arg=index, timeout=1000 * seconds)

    def run_all(self, seconds=180):
        """Run every cell, in order, as the menu does, and wait for the last."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
        self.page.wait_for_timeout(300)
        self.page.wait_for_function(RAN, arg=10**6, timeout=1000 * seconds)

    def _index(self, text):
        index = self.page.evaluate("text => window.jupyterapp.shell.currentWidget.content.widgets.findIndex("
                                   "c => c.model.type === 'code' && c.model.sharedModel.source.includes(text))", text)
        assert index >= 0, f"no code cell has {text!r} in it"
        return index

    def cell(self, text):
        """The first code cell whose source has `text` in it."""
        return self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{self._index(text)}']")

    def output(self, text):
        """The output wrapper of that cell: never its source."""
        return self.cell(text).locator(".jp-Cell-outputWrapper")

    def error_outputs(self):
        """The texts of error and stderr outputs."""
        return self.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr'], "
                                 ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()

    def close(self):
        """Shut the kernel down and leave without the question about unsaved changes."""
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
        self.page.close()


def clean(notebook):
    """Nothing went wrong that a reader could see."""
    assert notebook.error_outputs() == [] and notebook.errors == []
    assert notebook.page.locator(".jupyter-widgets-error-widget").count() == 0


def circle(notebook, output):
    """Draw a circle on the pad in an output, with the mouse."""
    pad = output.locator("canvas.minitrain-pad")
    pad.scroll_into_view_if_needed()
    box, mouse = pad.bounding_box(), notebook.page.mouse
    x, y, r = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"] / 3
    mouse.move(x + r, y)
    mouse.down()
    for i in range(1, 41):
        mouse.move(x + r * math.cos(math.tau * i / 40), y + r * math.sin(math.tau * i / 40))
    mouse.up()


def changed(locator, before):
    """Wait until an element's text is no longer `before`; returns the new text."""
    from playwright.sync_api import expect
    expect(locator).not_to_have_text(before, timeout=10_000, use_inner_text=True)
    return locator.inner_text()


def says(locator, part):
    """Wait until an element's text has `part` in it; returns the text."""
    from playwright.sync_api import expect
    expect(locator).to_contain_text(part, timeout=10_000, use_inner_text=True)
    return locator.inner_text()


def status(output):
    return output.locator("[role=status]").last


def press(output, name):
    """Press a button of an output by its name."""
    output.get_by_role("button", name=name, exact=True).click()


def start_and_pause(notebook, output):
    """Start the live training in an output, see it move, pause it, see it stand. Returns its last words."""
    words = status(output)
    before = words.inner_text()
    press(output, "Start")
    changed(words, changed(words, before))
    press(output, "Pause")
    output.get_by_role("button", name="Go on").wait_for()
    stands = words.inner_text()
    notebook.page.wait_for_timeout(400)
    assert words.inner_text() == stands
    return stands


def move_slider(notebook, output, label, presses=2, key="ArrowRight"):
    """Reach the slider of this name by keyboard and press an arrow. Returns its number before and after."""
    handle = output.get_by_role("slider", name=label) if label else output.get_by_role("slider").first
    handle.scroll_into_view_if_needed()
    before = float(handle.get_attribute("aria-valuenow"))
    handle.focus()
    for _ in range(presses):
        notebook.page.keyboard.press(key)
    notebook.page.wait_for_timeout(200)
    return before, float(handle.get_attribute("aria-valuenow"))
