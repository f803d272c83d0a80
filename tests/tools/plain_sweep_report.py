#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens a sweep's report in a headless Chromium: what it draws, how it is moved through, and that it asks for nothing."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

from plain_generate import SKIPPED, run_tests
from plain_sweep import read_records, sweep_test

RIGHT, ENTER, END = "\ue014", "\ue007", "\ue010"
HOSTILE = "</script><img src=http://firn.invalid/x onerror=document.title=1> 1 & 2"


class Browser:
    """A page in Chromium, through chromedriver's WebDriver."""

    def __init__(self, path):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.driver.stdout:
            match = re.search(r"successfully on port (\d+)", line)
            if match:
                break
        self.base = f"http://127.0.0.1:{match.group(1)}"
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"]}
        self.base += "/session/" + self.call("", "POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})["sessionId"]
        self.call(self.base, "POST", "/url", {"url": "file://" + path})

    def call(self, base, method, path, body=None):
        request = urllib.request.Request((base or self.base) + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.loads(reply.read())["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def run(self, script, *arguments):
        return self.call(self.base, "POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return list(self.call(self.base, "POST", "/element", {"using": "css selector", "value": selector}).values())[0]

    def keys(self, selector, text):
        self.call(self.base, "POST", f"/element/{self.find(selector)}/value", {"text": text})

    def click(self, selector):
        self.call(self.base, "POST", f"/element/{self.find(selector)}/click", {})

    def choose(self, selector, value):
        self.run("const e = document.querySelector(arguments[0]); e.value = arguments[1];"
                 "e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true}));",
                 selector, value)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def log(self, kind):
        return self.call(self.base, "POST", "/se/log", {"type": kind})

    def tell(self, command, **arguments):
        return self.call(self.base, "POST", "/goog/cdp/execute", {"cmd": command, "params": arguments})

    def end(self):
        try:
            self.call(self.base, "DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.driver.stdout.close()


def make_report(sweep):
    records, _ = sweep.records("--temp", "0,0.7,1.4", "--top-k", "1,40", "--seed", "1,2", "-n", "16", "-p", HOSTILE, "-p",
                               "The capital of France is", "--expect", "Paris", "--html", sweep.path("report.html"), "-q")
    assert len(records) == 24
    return records, sweep.path("report.html")


def record_at(records, prompt, **params):
    return next(r for r in records if r["prompt"].startswith(prompt) and
                all(r["params"][name] == value for name, value in params.items()))


INK = "const c = document.querySelector('#lines canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;" \
    "const seen = new Set(); for (let i = 0; i < d.length; i += 4) if (d[i + 3]) seen.add(`${d[i]},${d[i + 1]},${d[i + 2]}`);" \
    "return seen.size"


def check_drawings(page):
    assert page.run(INK) > 20, "no lines"
    shares = page.run("return [...document.querySelectorAll('#map button')].map(b => [b.textContent, +b.dataset.share, b.style.background])")
    assert len(shares) == 6 and min(s[1] for s in shares) == 0 and max(s[1] for s in shares) == 1, shares
    values = [float(text) for text, _, _ in shares]
    assert values.index(max(values)) == [s[1] for s in shares].index(1)
    assert len({background for _, _, background in shares}) > 2
    before = page.text("#map")
    page.choose("#measure", page.run("return [...document.querySelectorAll('#measure option')].find(o => o.textContent === 'entropy').value"))
    assert page.text("#map") != before and "entropy" in page.text("#measure-help")


def check_moves(page, records):
    page.choose("#along", "")
    assert page.text(".card .text") == record_at(records, HOSTILE, temperature=0, top_k=1, seed=1)["text"]
    page.keys("[data-axis=prompt]", RIGHT)
    page.keys("[data-axis=temperature]", END)
    page.keys("[data-axis=top_k]", RIGHT)
    wanted = record_at(records, "The capital", temperature=1.4, top_k=40, seed=1)
    assert page.text(".card .text") == wanted["text"] == "".join(wanted["pieces"])
    shown = json.loads(page.text("#record"))
    assert shown == wanted, [name for name in wanted if shown.get(name) != wanted[name]]
    page.click("#mark")
    page.keys("[data-axis=temperature]", "\ue012")  # left
    other = record_at(records, "The capital", temperature=0.7, top_k=40, seed=1)
    assert page.text(".card.here .text") == other["text"]
    assert page.text(".card:not(.here) .text") == wanted["text"]
    marked = page.run("return [...document.querySelectorAll('.card.here .token')].map(t => t.classList.contains('other'))")
    apart = next(i for i, (a, b) in enumerate(zip(wanted["ids"], other["ids"])) if a != b)
    assert marked[:apart] == [False] * apart and any(marked) and f"parts at token {apart + 1}" in page.text(".card.here")
    page.choose("#along", page.run("return [...document.querySelectorAll('#along option')].find(o => o.textContent.includes('seed')).value"))
    assert page.count(".card") == 3
    page.run("document.querySelectorAll('#map button')[0].focus()")
    page.run("document.querySelectorAll('#map button')[0].click()")
    assert page.run("return document.querySelector('[data-axis=temperature]').value") == "0"


def check_filters(page, records):
    paris = sum("Paris" in record["text"] for record in records)
    assert 0 < paris < 24 and page.count("#list tbody tr") == 24
    page.keys("#search", "Par.s")
    assert page.count("#list tbody tr") == paris and page.text("#found") == f"{paris} of 24 texts"
    page.choose("#search", "")
    page.choose("#passed", "0")
    assert page.count("#list tbody tr") == 24 - paris
    page.choose("#passed", "")
    page.choose("#bound", "perplexity")
    page.choose("#high", "5")
    assert page.count("#list tbody tr") == sum(record["measures"]["perplexity"] <= 5 for record in records)
    page.choose("#high", "")
    page.choose("#along", "")
    page.run("document.querySelectorAll('#list tbody tr')[23].focus()")
    page.keys("#list tbody tr:last-child", ENTER)
    assert page.text(".card.here .text") == record_at(records, "The capital", temperature=1.4, top_k=40, seed=2)["text"]


def check_places(page):
    """A phone, and the dark."""
    page.tell("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    time.sleep(0.3)
    width, canvas = page.run("return [document.documentElement.scrollWidth, document.querySelector('#lines .uplot').offsetWidth]")
    assert width <= 360 and canvas <= 360, (width, canvas)
    assert page.run("return parseFloat(getComputedStyle(document.querySelector('.card .text')).fontSize)") >= 14
    light = page.run("return getComputedStyle(document.body).backgroundColor")
    page.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    time.sleep(0.3)
    ink, paper = page.run("const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]")
    bright = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
    assert paper != light and bright[0] > 600 and bright[1] < 120, (ink, paper)
    assert page.run(INK) > 20


@sweep_test
def test_report(sweep):
    records, path = make_report(sweep)
    with open(path, encoding="utf-8") as file:
        html = file.read()
    assert html.count("</script") == 3 and "Permission is hereby granted" in html and "uPlot (v" in html
    page = Browser(path)
    try:
        check_drawings(page)
        check_moves(page, records)
        check_filters(page, records)
        check_places(page)
        assert page.count("img") == 0 and page.run("return document.title") == "firn sweep"
        complaints = [entry["message"] for entry in page.log("browser")]
        assert not complaints, complaints
        events = [json.loads(entry["message"])["message"] for entry in page.log("performance")]
        asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        assert asked and all(url == "file://" + path or url.startswith("data:") for url in asked), asked
    finally:
        page.end()


@sweep_test
def test_report_of_what_is_there(sweep):
    """One setting, none of two prompts' axes, and a run that ended early."""
    _, path = make_report(sweep)
    sweep.records("-p", "a", "-n", "4", "--html", sweep.path("one.html"), name="one")
    _, err = sweep.records("--temp", "0..2:0.5", "--zip", "--top-k", "1..5", "--seed", "1", "-p", "a", "-n", "8", "--parallel", "1",
                           "--limit-tokens", "17", "--html", sweep.path("part.html"), name="part")
    assert "2 of 5" in err, err
    assert len(read_records(sweep.path("part"))) == 2
    for name, cards in (("one.html", 1), ("part.html", 5)):
        page = Browser(sweep.path(name))
        try:
            assert page.count(".card") == cards and not page.log("browser"), name
            assert page.count("#map button") >= 1
        finally:
            page.end()
    assert os.path.getsize(path) < 400_000


if __name__ == "__main__":
    if shutil.which("chromedriver") is None:
        print("chromedriver is not there")
        sys.exit(SKIPPED)
    sys.exit(run_tests(globals(), "--raw"))
