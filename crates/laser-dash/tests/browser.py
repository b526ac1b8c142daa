"""Loads the page of runs in a headless Chromium, uses it, and takes pictures of it.

    cargo build && python3 crates/laser-dash/tests/browser.py [--pictures DIR] [--runs DIR]

Needs Python 3.9 or newer and Chromium (`chromium`, `chromium-browser` or `google-chrome`); without
a browser it says so and exits with status 77. The runs are made up here, unless --runs names a
folder; then only pictures are taken. The browser is spoken to over a pipe in the DevTools protocol.
"""

import argparse
import base64
import json
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
MARKUP = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
WINDOWS = {"wide": (1280, 800), "phone": (360, 740)}


class Browser:
    """A headless Chromium with one page."""

    def __init__(self, program):
        self.folder = tempfile.mkdtemp()
        to_browser, self.ask = os.pipe()
        self.answers, from_browser = os.pipe()

        def pipes():
            # The browser reads 3 and writes 4. Both are moved out of the way first.
            a, b = os.dup(to_browser), os.dup(from_browser)
            os.dup2(a, 3)
            os.dup2(b, 4)

        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--hide-scrollbars"]
        self.process = subprocess.Popen(
            [program, *flags, f"--user-data-dir={self.folder}", "about:blank"],
            preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        self.buffer, self.number, self.session, self.problems = b"", 0, None, []
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.ask, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.buffer:
                part = os.read(self.answers, 1 << 16)
                assert part, "the browser ended"
                self.buffer += part
            text, self.buffer = self.buffer.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.note(answer.get("method"), answer.get("params", {}))

    def note(self, event, params):
        if event == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"])[:400])
        elif event == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(json.dumps(params["args"])[:400])
        elif event == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(json.dumps(params["entry"])[:400])
        elif event == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith(("http://127.0.0.1:", "data:", "about:")):
                self.problems.append(f"asked for {url}")

    def window(self, size, dark):
        width, height = size
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url):
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)

    def js(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, (expression, result["exceptionDetails"])
        return result["result"].get("value")

    def until(self, expression, seconds=20):
        """Waits until a JavaScript expression holds."""
        end = time.time() + seconds
        while time.time() < end:
            value = self.js(expression)
            if value:
                return value
            time.sleep(0.05)
        shown = self.js("document.body ? document.body.innerText.slice(0, 1500) : ''")
        raise AssertionError(f"never: {expression}\n{shown}\n{self.problems}")

    def key(self, key, text=None):
        for kind in ("keyDown", "keyUp"):
            extra = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **extra)

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def step(rng, i, lift):
    go = 1 - math.exp(-i / 60)
    right = 0.4 + (0.2 + lift) * go
    return {
        "step": i, "time": 1.7e9 + i, "seconds": {"rollout": 1.5 + rng.random(), "train": 3.0}, "tokens": {"rollout": 20_000, "train": 30_000},
        "reward/mean": right + rng.gauss(0, 0.03), "reward/verifier": right + rng.gauss(0, 0.03), "self_reward/f1": 0.5 + 0.3 * go + rng.gauss(0, 0.02),
        "self_reward/auroc": 0.5 + 0.4 * go, "self_reward/mse": 0.25 - 0.15 * go, "self_reward/logp_correct": -15 + 2 * go + rng.gauss(0, 0.2),
        "self_reward/logp_incorrect": -15 - go + rng.gauss(0, 0.2), "policy/entropy": 1.2 * math.exp(-i / 90), "optim/grad_norm": 0.4 + 0.2 * rng.random(),
        "optim/lr": 1e-5, "rollout/length_mean": 40 + 20 * go + rng.gauss(0, 1),
    }


def lines(path, rows, end=""):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + end)


def make_run(folder, name, seed, lr, lift):
    rng = random.Random(seed)
    run = folder / name
    (run / "samples").mkdir(parents=True)
    # There and not locked: no program works on the run.
    (run / "run.lock").touch()
    (run / "config.toml").write_text(f'name = "{run.name}"\nseed = {seed}\nsteps = 200\n\n[optimizer]\nlr = {lr}\nbeta1 = 0.9\n')
    steps = [step(rng, i, lift) for i in range(1, 151)]
    steps[70]["warnings"] = [{"smell": "entropy_collapse", "text": f"the entropy falls {MARKUP}"}]
    lines(run / "metrics.jsonl", steps)
    test = lambda v: {"value": v, "low": v - 0.03, "high": v + 0.03}
    evals = [{"step": s, "accuracy": test(0.4 + lift + s / 600), "self_verification": {"f1": test(0.5 + s / 600)}} for s in (50, 100, 150)]
    lines(run / "evals.jsonl", evals, "half a line\n")
    for s in (1, 50, 100, 150):
        rows = []
        for i in range(300):
            right = rng.random() < 0.5
            score = rng.gauss(0.5 + (0.4 if right else -0.4) * s / 150, 0.2)
            a, b = rng.randint(2, 99), rng.randint(2, 9)
            answer = a * b + (not right)
            text = f"{a} times {b}: first {a // 10 * 10} times {b}, then {a % 10} times {b}.\nThe answer is {answer}."
            cut = i % 50 == 7
            rows.append({
                "prompt": f"What is {a} times {b}?", "response": (MARKUP if i == 0 else "") + text, "gold": str(a * b), "extracted": str(answer),
                "correct": right, "reward": float(right), "self_logprob": -14.0, "self_reward": None if cut else score, "advantage": 0.5,
                "length": 40 + i % 9, "finish": "length" if cut else "stop",
            })
        lines(run / f"samples/step-{s}.jsonl", rows)
    return run


def pictures(browser, url, folder, names):
    for window, size in WINDOWS.items():
        for dark in (False, True):
            browser.window(size, dark)
            for name, (fragment, ready) in names.items():
                browser.open(f"{url}#{fragment}")
                browser.until(ready)
                # On a phone the view is what is looked at, not the list above it.
                if window == "phone" and name != "curves":
                    browser.js("document.getElementById('tabs').scrollIntoView()")
                time.sleep(0.3)
                wide = browser.js("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, f"{name}, {window}: {wide} px too wide"
                browser.picture(folder / f"{name}-{window}-{'dark' if dark else 'light'}.png")


# Contrast as WCAG 2 defines it, of every text that is shown.
CONTRAST = """(() => {
  const rgb = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 && n[3] === 0 ? null : n.slice(0, 3); };
  const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };
  const low = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !e.checkVisibility() || e.closest('[disabled], script, title')) continue;
    const style = getComputedStyle(e);
    const a = light(rgb(e.closest('svg') ? style.fill : style.color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${e.tagName} ${walk.currentNode.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(low)];
})()"""


def check_curves(browser, url, run):
    browser.window(WINDOWS["wide"], False)
    browser.open(url)
    browser.until("document.querySelectorAll('#list tbody tr').length === 2")
    browser.until("document.querySelectorAll('.picture svg .line').length >= 8")
    assert "unreadable line in evals.jsonl" in browser.until("document.querySelector('#panel-curves .problem')?.textContent")

    # Both runs over one another, by keyboard alone.
    browser.js("[...document.querySelectorAll('#list input')].find((box) => !box.checked).focus()")
    browser.key(" ", " ")
    browser.until("document.querySelectorAll('.runs-legend li').length === 2")
    first = "document.querySelector('.group-of-curves .holder')"
    classes = browser.until(f"(() => {{ const l = [...{first}.querySelectorAll('svg .line')].map((p) => p.getAttribute('class')); return l.length === 2 && l; }})()")
    assert classes[0] != classes[1], classes

    # Each has half a line in its evals.jsonl.
    browser.until("document.querySelectorAll('#panel-curves .problem').length === 2")

    # Values by arrow keys; then lines are added, and neither focus nor scroll is lost.
    browser.js(f"{first}.focus()")
    browser.key("ArrowLeft")
    told = browser.until("document.activeElement.querySelector('.tip:not([hidden])')?.textContent")
    assert re.match(r"step 1\d\d\n", told), told
    scrolled = browser.js("scrollTo(0, 120); window.kept = document.activeElement; scrollY")
    shape = browser.js(f"{first}.querySelector('svg .line').getAttribute('d')")
    with open(run / "metrics.jsonl", "a") as file:
        rng = random.Random(9)
        for i in range(151, 176):
            file.write(json.dumps(step(rng, i, 0.3)) + "\n")
    browser.until("document.querySelector('#list').innerText.includes('175 of 200')")
    browser.until(f"{first}.querySelector('svg .line').getAttribute('d') !== {json.dumps(shape)}")
    kept = browser.js("[document.activeElement === window.kept, scrollY]")
    assert kept == [True, scrolled], (kept, scrolled)

    # Search, help, views.
    browser.key("/", "/")
    browser.until("document.activeElement.type === 'search'")
    browser.call("Input.insertText", text="entropy")
    browser.until("document.querySelectorAll('.group-of-curves:not([hidden])').length === 1 && location.hash.includes('find=entropy')")
    browser.key("Escape")
    browser.key("?", "?")
    browser.until("document.getElementById('help').open")
    browser.js("document.getElementById('close').click(); document.getElementById('tab-curves').focus()")
    browser.key("ArrowRight")
    browser.until("location.hash.includes('tab=completions') && document.activeElement.id === 'tab-completions'")


def check_views(browser, url):
    # Responses: markup is text, filters and the address agree.
    browser.until("document.querySelectorAll('.rows button').length === 50")
    browser.js("document.querySelector('.rows button').click()")
    browser.until("document.querySelector('.detail pre')?.parentElement.innerText.includes('<script>')")
    assert browser.js("document.querySelector('.detail script, .detail img') === null && !document.title.includes('owned')")
    browser.open(url + browser.js("location.hash") + "&correct=wrong&sort=believed")
    browser.until("document.querySelector('.rows button')?.textContent.includes('wrong')")
    assert browser.js("[...document.querySelectorAll('.rows .mark')].every((m) => m.textContent.includes('wrong'))")
    browser.until("document.querySelector('.detail pre')?.textContent.includes('times')")

    # Calibration over steps, recipes, warnings.
    says = "document.querySelector('#panel-calibration output').textContent"
    browser.js("document.getElementById('tab-calibration').click()")
    browser.until(f"document.querySelectorAll('#panel-calibration svg .bar').length > 10 && {says} === 'step 150'")
    browser.js("document.activeElement.blur()")
    browser.key("p", "p")
    browser.until(f"{says} === 'step 50'")
    browser.key("p", "p")
    browser.js("document.getElementById('tab-recipes').click()")
    rows = browser.until("[...document.querySelectorAll('.recipes tbody th')].map((th) => th.textContent).join()")
    assert rows == "name,optimizer.lr,seed", rows
    browser.js("document.getElementById('tab-warnings').click()")
    browser.until("document.getElementById('panel-warnings').innerText.includes('<script>')")

    for dark in (False, True):
        browser.window(WINDOWS["wide"], dark)
        for tab in ("curves", "completions", "calibration", "recipes", "warnings"):
            browser.js(f"document.getElementById('tab-{tab}').click()")
            time.sleep(0.4)
            low = browser.js(CONTRAST)
            assert not low, (tab, dark, low)
    assert not browser.problems, browser.problems


def look(browser, url, folder):
    folder.mkdir(parents=True, exist_ok=True)
    browser.open(url)
    browser.until("document.querySelectorAll('#list tbody tr').length >= 1")
    ids = browser.js("fetch('/api/runs').then((a) => a.json()).then((a) => a.runs.map((r) => r.id).slice(0, 2))")
    runs = "runs=" + ",".join(f"{id}.{i}" for i, id in enumerate(ids))
    pictures(browser, url, folder, {
        "curves": (runs, "document.querySelectorAll('.picture svg .line').length >= 8"),
        "completions": (f"{runs}&tab=completions&sort=believed&row=step-100.jsonl/3", "document.querySelector('.detail pre') !== null"),
        "calibration": (f"{runs}&tab=calibration&at=step-100.jsonl", "document.querySelectorAll('#panel-calibration svg').length >= 2"),
        "recipes": (f"{runs}&tab=recipes", "document.querySelector('.recipes') !== null"),
        "warnings": (f"{runs}&tab=warnings", "document.querySelector('#panel-warnings h2') !== null"),
    })
    print(f"pictures are in {folder}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--runs", type=pathlib.Path)
    parser.add_argument("--laser", default=str(ROOT / "target/debug/laser"))
    given = parser.parse_args()
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not program:
        print("no Chromium: nothing was tested")
        return 77
    with tempfile.TemporaryDirectory() as made:
        folder = given.runs or pathlib.Path(made)
        if not given.runs:
            run = make_run(folder, "first", 1, 0.0005, 0.0)
            make_run(folder, "sweep/second", 2, 0.001, 0.1)
        server = subprocess.Popen([given.laser, "dash", str(folder), "--port", "0"], stderr=subprocess.PIPE, text=True)
        browser = None
        try:
            url = re.search(r"http://[^\s/]+", server.stderr.readline()).group() + "/"
            browser = Browser(program)
            if not given.runs:
                check_curves(browser, url, run)
                check_views(browser, url)
                print("the page works")
            if given.pictures:
                look(browser, url, given.pictures)
        finally:
            if browser:
                browser.close()
            server.terminate()
            server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
