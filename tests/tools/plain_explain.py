#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""generate --explain-json and --explain-html on the default checkpoint; the page in headless Chromium: what a token's
row says, the mouse and the keys, no error, nothing fetched, and texts that could end a script."""
import html
import json
import math
import os
import pathlib
import re
import subprocess
import sys

from plain_generate import find_checkpoint, run_in_folders

# What a page says of itself, put behind it: a scenario of events, whose findings become the page's only text.
PROBE = """<script>
const found = {errors: window.faults, texts: [...holder.children].map(e => e.textContent).join(""),
               prompt: byId("prompt").textContent, first: byId("what").textContent, focusable: [], widths: []};
const cells = row => [...row.cells].map(c => c.textContent);
found.head = cells(byId("table").querySelector("tr"));
found.rows = [...byId("table").querySelectorAll("tbody tr")].map(cells);
found.winners = byId("table").querySelectorAll("tr.winner").length;
const key = name => holder.children[focused].dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
key("ArrowRight");
found.right = byId("what").textContent;
key("End");
found.end = byId("what").textContent;
key("ArrowRight");
found.beyond = byId("what").textContent;
found.focusable = holder.querySelectorAll('[tabindex="0"]').length;
holder.children[1].dispatchEvent(new MouseEvent("mouseenter"));
found.hover = byId("what").textContent;
holder.children[1].dispatchEvent(new MouseEvent("mouseleave"));
found.left = byId("what").textContent;
found.colours = new Set([...holder.children].map(e => getComputedStyle(e).backgroundColor)).size;
found.page = getComputedStyle(document.body).backgroundColor;
found.wide = document.documentElement.scrollWidth > window.innerWidth;
found.fetched = performance.getEntriesByType("resource").length;
document.documentElement.innerHTML = "<body><pre id=found></pre></body>";
document.getElementById("found").textContent = JSON.stringify(found);
</script>"""


class Explained:
    def __init__(self, build, folder):
        self.program, self.folder = str(pathlib.Path(build) / "bin" / "generate"), folder

    def run(self, *arguments):
        return subprocess.run([self.program, "-m", find_checkpoint(), *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)

    def make(self, *arguments):
        """The JSON, the page and the output of one run."""
        paths = [os.path.join(self.folder, name) for name in ("a.json", "a.html")]
        done = self.run(*arguments, "--explain-json", paths[0], "--explain-html", paths[1])
        assert done.returncode == 0, done.stderr
        with open(paths[0], encoding="utf-8") as file, open(paths[1], encoding="utf-8") as page:
            return json.load(file), page.read(), done.stdout.decode()

    def browse(self, page, width=1200, dark=False):
        path = os.path.join(self.folder, "probe.html")
        page = page.replace("<head>", "<head><script>window.faults = []; window.onerror = m => window.faults.push(m);"
                            "</script>", 1).replace("</body>", PROBE + "</body>")
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)
        done = subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                               "--proxy-server=127.0.0.1:9", f"--user-data-dir={self.folder}/profile",
                               f"--window-size={width},800", *(["--force-dark-mode"] if dark else []),
                               "--virtual-time-budget=2000", "--dump-dom", "file://" + path],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120, check=False)
        match = re.search(r'<pre id="found">(.*)</pre>', done.stdout.decode(), re.DOTALL)
        assert match, done.stdout[:500]
        return json.loads(html.unescape(match.group(1)))


def test_json_says_how_each_token_was_picked(explained):
    data, _, out = explained.make("--raw", "The capital of France is", "-n", "12", "--temp", "1.3", "-s", "4", "--ignore-eos",
                                  "--explain", "6")
    assert out == data["prompt"] + data["text"] and len(data["tokens"]) == 12
    assert "".join(token["shown"] for token in data["tokens"]) == data["text"]
    for token in data["tokens"]:
        assert token["stages"] == ["logit_bias", "top_k", "top_p", "min_p", "temperature"]
        assert token["left"][2] == 40 and sorted(token["left"], reverse=True) == token["left"]
        assert len(token["candidates"]) == 6
        scores = {}
        for c in token["candidates"]:
            dropped = token["stages"].index(c["dropped_by"]) if c["dropped_by"] else len(token["stages"])
            assert len(c["probability"]) == dropped + 1
            if not c["dropped_by"]:
                scores[math.log(c["probability"][-1]) + c["noise"]] = c["id"]
        assert scores[max(scores)] == token["id"]


def test_log_probabilities_after_shaping_are_those_of_the_explanation(explained):
    path = os.path.join(explained.folder, "b.json")
    done = explained.run("--raw", "One, two,", "-n", "10", "--temp", "1.5", "--top-k", "5", "--json", "--logprobs", "0",
                         "--explain", "50", "--explain-json", path)
    with open(path, encoding="utf-8") as file:
        tokens = json.load(file)["tokens"]
    for generated, token in zip(json.loads(done.stdout)["generated"], tokens, strict=True):
        winner = next(c for c in token["candidates"] if c["id"] == token["id"])
        assert abs(math.exp(generated["logprob"]) - winner["probability"][0]) < 1e-4 * winner["probability"][0]
        assert abs(math.exp(generated["shaped_logprob"]) - winner["probability"][-1]) < 1e-4 * winner["probability"][-1]


def test_a_page_that_works(explained):
    data, page, _ = explained.make("--raw", "The capital of France is", "-n", "12", "--temp", "1.3", "--seed", "3")
    assert not re.search(r"""(src|href)\s*=|https?://|@import|url\(""", page)
    found = explained.browse(page)
    assert found["errors"] == [] and found["fetched"] == 0 and found["texts"] == data["text"]
    assert found["prompt"] == data["prompt"] and found["first"].startswith("Token 1 of 12: ")
    first = data["tokens"][0]
    assert [h.split(" ")[0] for h in found["head"]] == ["token", "logit", "model", *first["stages"], "noise"]
    assert len(found["rows"]) == 10 and found["winners"] == 1 and found["focusable"] == 1, found
    for row, c in zip(found["rows"], first["candidates"]):
        assert row[1] == f"{c['logit']:.3f}" and row[-1] == f"{c['noise']:.3f}"
        assert ("dropped" in row) == (c["dropped_by"] is not None) and row[0].startswith("★") == (c["id"] == first["id"])
    assert found["right"].startswith("Token 2 ") and found["hover"] == found["right"]
    assert found["end"].startswith("Token 12 ") and found["beyond"] == found["end"] == found["left"]
    assert found["colours"] > 3 and found["page"] == "rgb(255, 255, 255)"


def test_on_a_phone_in_the_dark(explained):
    _, page, _ = explained.make("--raw", "Once", "-n", "30", "--temp", "1.3")
    found = explained.browse(page, width=500, dark=True)
    assert found["errors"] == [] and not found["wide"] and found["page"] == "rgb(15, 20, 25)", found


def test_texts_that_look_like_markup_are_texts(explained):
    nasty = "</script><script>window.faults.push('ran')</script><!-- <img src=x onerror=faults.push(1)> &amp; @DATA@"
    data, page, _ = explained.make("--raw", nasty, "-n", "8", "--regex", "</script><!--.*", "--temp", "1")
    assert data["prompt"] == nasty and data["text"].startswith("</script><!--"[:len(data["text"])])
    assert page.count("</script>") == 2
    found = explained.browse(page)
    assert found["errors"] == [] and found["prompt"] == nasty and found["texts"] == data["text"]


def test_ways_that_were_taken_back_are_forgotten(explained):
    data, _, _ = explained.make("--raw", "The capital of France is", "-n", "10", "--temp", "0", "--banned-string", "Paris")
    assert "Paris" not in data["text"] and len(data["tokens"]) == 10
    assert "".join(token["shown"] for token in data["tokens"]) == data["text"]


def test_what_a_constraint_and_guidance_did_is_seen(explained):
    common = ["--raw", "Winter is", "-n", "6", "-s", "2", "--regex", "[a-z ]+", "--explain", "8"]
    data, page, _ = explained.make(*common, "--guidance", "2", "--negative-prompt", "Summer is")
    dropped = 0
    for token in data["tokens"]:
        assert token["stages"][:3] == ["guidance", "constraint", "logit_bias"] and len(token["candidates"]) == 8
        assert token["left"][0] == token["left"][1] > token["left"][2] > 0
        for c in token["candidates"]:
            assert (c["dropped_by"] == "constraint") == (not re.fullmatch("[a-z ]+", c["text"])), c
            dropped += c["dropped_by"] == "constraint"
        winner = next(c for c in token["candidates"] if c["id"] == token["id"])
        assert winner["dropped_by"] is None
    assert dropped > 0
    found = explained.browse(page)
    assert found["errors"] == [] and [h.split(" ")[0] for h in found["head"]][3:5] == ["guidance", "constraint"]
    done = explained.run(*common)
    assert done.returncode == 0 and b"model constraint logit_bias" in done.stderr, done.stderr


def test_places_that_cant_be_written(explained):
    done = explained.run("--raw", "a", "-n", "1", "--explain-html", "/nowhere/a.html")
    assert done.returncode == 1 and b"/nowhere/a.html" in done.stderr, done.stderr
    done = explained.run("-i", "--explain-html", "a.html")
    assert done.returncode == 1 and b"--explain" in done.stderr, done.stderr


if __name__ == "__main__":
    sys.exit(run_in_folders(globals(), Explained, "chromium"))
