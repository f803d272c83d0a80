#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Refreshes docs/PARAMETERS.md: what its commands write, the table of parameters, and the pictures in docs/parameters,
all from the programs of a build. With --check, says instead what is not as they say, and fails."""
import argparse
import html
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

from fewer_blocks import write_fewer_blocks

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE, PICTURES = ROOT / "docs" / "PARAMETERS.md", ROOT / "docs" / "parameters"
CHECKPOINT = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHOWN = 10  # candidates of a picture
WINTER = "The best thing about winter is the"
AGAIN = "The cat sat on the mat. The dog sat on the"
STUTTER = "one two three four five. one two three"
ENDING = "<|im_start|>user\nSay yes.<|im_end|>\n<|im_start|>assistant\nYes."
WEAKER, WEAKER_BLOCKS = "--weaker", [*range(12), *range(16, 30)]  # a flag that stands for a checkpoint made here; of 30
OPEN = ["--top-k", "0", "--top-p", "1", "--min-p", "0", "--temp", "1"]  # nothing else shapes

# name: prompt, flags of all panels, and for each panel its title and its flags
DRAWN = {
    "seed": (WINTER, [*OPEN, "--top-k", "10"], [(f"--seed {n}", ["--seed", str(n)]) for n in (1, 2, 3)]),
    "samplers": (WINTER, [*OPEN, "--temp", "2", "--top-p", "0.6"],
                 [(f"--samplers '{order}'", ["--samplers", order]) for order in ("top_p;temperature", "temperature;top_p")]),
    "temperature": (WINTER, OPEN, [(f"--temp {t}", ["--temp", t]) for t in ("0.4", "1", "2")]),
    "dynatemp": (WINTER, OPEN, [("--dynatemp-range 0", []), ("--dynatemp-range 0.8", ["--dynatemp-range", "0.8"]),
                                ("… --dynatemp-exp 3", ["--dynatemp-range", "0.8", "--dynatemp-exp", "3"])]),
    "top_k": (WINTER, OPEN, [(f"--top-k {k}", ["--top-k", k]) for k in ("1", "3", "8")]),
    "top_p": (WINTER, OPEN, [(f"--top-p {p}", ["--top-p", p]) for p in ("0.2", "0.4", "0.6")]),
    "min_p": (WINTER, OPEN, [(f"--min-p {p}", ["--min-p", p]) for p in ("0.6", "0.3", "0.1")]),
    "typical_p": (WINTER, OPEN, [(f"--typical {p}", ["--typical", p]) for p in ("0.2", "0.5", "0.9")]),
    "top_n_sigma": (WINTER, OPEN, [(f"--top-nsigma {s}", ["--top-nsigma", s]) for s in ("0.2", "0.5", "1")]),
    "tfs_z": (WINTER, OPEN, [(f"--tfs {z}", ["--tfs", z]) for z in ("0.5", "0.8", "0.95")]),
    "epsilon_cutoff": (WINTER, OPEN, [(f"--epsilon-cutoff {e}", ["--epsilon-cutoff", e]) for e in ("0.05", "0.02", "0.01")]),
    "eta_cutoff": (WINTER, OPEN, [(f"--eta-cutoff {e}", ["--eta-cutoff", e]) for e in ("0.5", "0.1", "0.01")]),
    "xtc": (WINTER, OPEN, [(f"--xtc-threshold {x}", ["--xtc-probability", "1", "--xtc-threshold", x])
                           for x in ("0.03", "0.02", "0.01")]),
    "adaptive": (WINTER, [*OPEN, "--min-p", "0.1"], [(f"--adaptive-target {x}", ["--adaptive-target", x]) for x in ("0.3", "0.1", "0.02")]),
    "mirostat": (WINTER, OPEN, [(f"--mirostat {v} --mirostat-ent {x}", ["--mirostat", v, "--mirostat-ent", x])
                                for v, x in (("2", "1.5"), ("2", "2.5"), ("1", "2"))]),
    "penalties": (AGAIN, OPEN, [("none", []), ("--repeat-penalty 1.3", ["--repeat-penalty", "1.3"]),
                                ("… --repeat-last-n 4", ["--repeat-penalty", "1.3", "--repeat-last-n", "4"])]),
    "additive_penalties": (AGAIN, OPEN, [("none", []), ("--presence-penalty 2", ["--presence-penalty", "2"]),
                                         ("--frequency-penalty 2", ["--frequency-penalty", "2"])]),
    "dry": (STUTTER, OPEN, [("none", []), ("--dry-multiplier 1", ["--dry-multiplier", "1"]),
                            ("… --dry-allowed-length 3", ["--dry-multiplier", "1", "--dry-allowed-length", "3"])]),
    "no_repeat_ngram_size": (STUTTER, OPEN, [("none", []), ("--no-repeat-ngram-size 4", ["--no-repeat-ngram-size", "4"])]),
    "logit_bias": (WINTER, OPEN, [("none", []), ("-l ' snow+3'", ["-l", " snow+3"]), ("-l ' snow-inf'", ["-l", " snow-inf"])]),
    "bans": (WINTER, [*OPEN, "--temp", "0.5"], [("none", []), ("--bad-words ' snow'", ["--bad-words", " snow"]),
                            ("--banned-string ' way'", ["--banned-string", " way"])]),
    "guidance": (WINTER, [*OPEN, "--negative-prompt", WINTER.replace("winter", "summer")],
                 [(f"--guidance {g}", ["--guidance", g]) for g in ("0.5", "1.5", "3")]),
    "contrast": (WINTER, [*OPEN, WEAKER],
                 [("--contrast-alpha 0", ["--contrast", "0.5", "--contrast-alpha", "0"]), ("--contrast-alpha 0.1", ["--contrast", "0.5"]),
                  ("… --contrast 1.5", ["--contrast", "1.5"])]),
    "min_tokens": (ENDING, OPEN, [("none", []), ("--min-tokens 5", ["--min-tokens", "5", "-n", "5"]), ("--ignore-eos", ["--ignore-eos"])]),
}


def find_checkpoint():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(os.environ.get("FIRN_CHECKPOINTS") or os.path.join(cache, "firn"), CHECKPOINT)


def run(build, words):
    """What the command writes: its text or, if it writes none, what it says on standard error."""
    program = [str(pathlib.Path(build) / "bin" / words[0])]
    model = ["-m", find_checkpoint()] if words[0] in ("generate", "tokenize") and "-m" not in words else []
    done = subprocess.run([*program, *model, *words[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=300, check=False)
    return re.sub(r"[ \t]+$|\n+\Z", "", (done.stdout or done.stderr).decode(), flags=re.MULTILINE)


# ---- pictures ----

def explain(build, prompt, flags):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.json")
        if WEAKER in flags:
            weaker = os.path.join(folder, "weaker.gguf")
            write_fewer_blocks(find_checkpoint(), weaker, WEAKER_BLOCKS)
            flags = ["--weaker-model", weaker, *(flag for flag in flags if flag != WEAKER)]
        said = run(build, ["generate", "--raw", prompt, "-n", "1", "--seed", "1", *flags, "--explain", str(SHOWN),
                           "--explain-json", path])
        if not os.path.exists(path):
            sys.exit(said)
        with open(path, encoding="utf-8") as file:
            return json.load(file)["tokens"][0]


def draw(panels):
    """Bars of the likeliest candidates: outlines as the model has them, filled as they are drawn from; a star: the pick."""
    width, height, bar, step = 240, 96, 12, 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width * len(panels)} 180" width="{width * len(panels)}" '
           'height="180" font-family="sans-serif" font-size="10">',
           "<style>text{fill:#333}.m{fill:none;stroke:#888}.d{fill:#2a6fb0}.a{stroke:#888}"
           "@media(prefers-color-scheme:dark){text{fill:#ddd}.d{fill:#6cb0f0}}</style>"]
    top = max(max(c["probability"][0], last(c)) for _, token in panels for c in token["candidates"])
    for p, (title, token) in enumerate(panels):
        x = 38 + p * width
        out.append(f'<text x="{x}" y="12" font-weight="bold">{html.escape(title)}</text>'
                   f'<path class="a" d="M{x} {20 + height}h{SHOWN * step}"/>')
        for i, c in enumerate(token["candidates"]):
            left, base = x + i * step, 20 + height
            model, drawn = (round(height * v / top, 1) for v in (c["probability"][0], last(c)))
            if drawn:
                out.append(f'<rect class="d" x="{left}" y="{base - drawn:.1f}" width="{bar}" height="{drawn}"/>')
            out.append(f'<rect class="m" x="{left}" y="{base - model:.1f}" width="{bar}" height="{model}"/>')
            text = c["text"].strip().replace("\n", "↵") or "␣"
            star = "★" if c["id"] == token["id"] else ""
            out.append(f'<text transform="translate({left + 9},{base + 8})rotate(-55)" text-anchor="end">'
                       f"{html.escape(text[:12])}{star}</text>")
    return "\n".join([*out, "</svg>\n"])


def last(candidate):
    return 0 if candidate["dropped_by"] else candidate["probability"][-1]


# ---- the page ----

def refresh(build, page):
    def console(match):
        lines, command = [], ""
        for line in match.group(1).split("\n"):
            if command.endswith("\\") or line.startswith("$ "):
                command = command.rstrip("\\") + line.removeprefix("$ ")
                lines.append(line)
                if not command.endswith("\\"):
                    lines.append(run(build, shlex.split(command)))
                    command = ""
        return "```console\n" + "\n".join(lines) + "\n```"

    table = run(build, ["generate", "--help-markdown"]).split("\n\n")[1]
    page = re.sub(r"```console\n(.*?)\n```", console, page, flags=re.DOTALL)
    return re.sub(r"(<!-- table -->\n).*?(<!-- end -->)", lambda m: m.group(1) + table + "\n" + m.group(2), page, flags=re.DOTALL)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    wanted = {PAGE: refresh(arguments.build, PAGE.read_text(encoding="utf-8"))}
    for name, (prompt, flags, panels) in DRAWN.items():
        tokens = [(title, explain(arguments.build, prompt, flags + more)) for title, more in panels]
        wanted[PICTURES / f"{name}.svg"] = draw(tokens)
    untold = [name for name in re.findall(r"^\| `(\w+)` \|", wanted[PAGE], re.MULTILINE)
              if f"**{name}**" not in wanted[PAGE]]
    if untold:
        sys.exit(f"{PAGE.relative_to(ROOT)} doesn't teach {', '.join(untold)}")
    PICTURES.mkdir(exist_ok=True)
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += [path for path in PICTURES.iterdir() if path not in wanted]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: not what the programs say; run scripts/parameter_docs.py --build {arguments.build}"
              if arguments.check else f"{path.relative_to(ROOT)} refreshed")
        if not arguments.check and path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
    sys.exit(1 if stale and arguments.check else 0)


if __name__ == "__main__":
    main()
