#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A draft model (-md), which is the default checkpoint without some of its blocks: no text changes, in generate, in
conversations and in sweeps; records don't need it; and what is wrong with one is said."""
import json
import os
import pathlib
import re
import subprocess
import sys

from plain_generate import PROMPT, find_checkpoint, run_in_folders

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))
sys.dont_write_bytecode = True
from fewer_blocks import write_fewer_blocks


class Pair:
    def __init__(self, build, folder):
        self.bin, self.folder = pathlib.Path(build) / "bin", folder
        self.draft = self.path("draft.gguf")
        write_fewer_blocks(find_checkpoint(), self.draft, [*range(25), *range(26, 30)])

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *arguments, program="generate", text=""):
        done = subprocess.run([str(self.bin / program), *arguments], input=text.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    def output(self, *arguments, text=""):
        status, out, err = self.run("-m", find_checkpoint(), *arguments, text=text)
        assert status == 0, err
        return out, err

    def same(self, *arguments, drafts=("--draft-min", "3"), text=""):
        """The text with the draft model is the one without; how many tokens it drafted, and how many came true."""
        plain, _ = self.output(*arguments, text=text)
        drafted, err = self.output(*arguments, "-md", self.draft, *drafts, text=text)
        assert plain == drafted, (plain, drafted)
        found = re.search(r"drafted: +(\d+) tokens.*?, (\d+) of them came true", err)
        return tuple(map(int, found.groups())) if found else (0, 0)

    def refuses(self, *arguments, part, program="generate"):
        status, out, err = self.run("-m", find_checkpoint(), *arguments, program=program)
        assert status == 1 and out == b"" and err.startswith(program + ": error: ") and err.count("\n") == 1, err
        assert part in err, err


def test_the_same_text(pair):
    raw = ["--raw", "-p", PROMPT, "-n", "24"]
    for settings in (["--temp", "0"], ["-s", "1"], ["--temp", "1.4", "-s", "2", "--min-p", "0.05"],
                     ["-s", "3", "--repeat-penalty", "1.3"], ["-s", "4", "--mirostat", "2"],
                     ["-s", "5", "--regex", "[A-Za-z ,.]+"], ["-s", "6", "--banned-string", " the"],
                     ["-s", "7", "--stop", ","]):
        n_drafted, n_true = pair.same(*raw, *settings)
        assert n_drafted > 0 and n_true > 0, settings
    pair.same(*raw, "-s", "1", drafts=())
    pair.same(*raw, "-s", "1", drafts=("--draft-min", "5", "--draft-max", "8", "--draft-p-min", "0.3"))
    pair.same(*raw, "-s", "1", "-t", "1")


def test_the_noise_is_shared(pair):
    """Where the model is sure of nothing, two independent draws would hardly ever agree."""
    n_drafted, n_true = pair.same("--raw", "-p", PROMPT, "-n", "60", "-s", "1", "--temp", "1.5", "--ignore-eos")
    assert 4 * n_true > n_drafted, (n_true, n_drafted)


def test_conversations(pair):
    n_drafted, n_true = pair.same("-i", "-n", "24", "-s", "5", text="Name a dog.\nAnd a cat.\n/retry\nThanks.\n/stats\n")
    assert n_drafted > 0 and n_true > 0


def test_records_do_not_need_it(pair):
    record, again = pair.path("a.json"), pair.path("b.json")
    for more in (["--raw", "-p", PROMPT], ["Name a dog."]):
        arguments = [*more, "-n", "20", "-s", "9"]
        plain, _ = pair.output(*arguments, "--record", again)
        text, _ = pair.output(*arguments, "-md", pair.draft, "--draft-min", "4", "--record", record)
        with open(record, encoding="utf-8") as a, open(again, encoding="utf-8") as b:
            assert text == plain and a.read() == b.read()
        gone = pair.path("gone.gguf")
        os.rename(pair.draft, gone)
        status, out, err = pair.run("--replay", record)
        assert status == 0 and out == text, err
        os.rename(gone, pair.draft)
        status, out, err = pair.run("--replay", record, "-md", pair.draft, "--draft-min", "2")
        assert status == 0 and out == text, err


def test_sweeps(pair):
    def records(name, *more):
        status, _, err = pair.run("-m", find_checkpoint(), "--raw", "-p", PROMPT, "-p", "Snow is", "--temp", "0,0.7,1.2",
                                  "--seed", "1..3", "--guidance", "1,1.5", "-n", "16", "--jsonl", pair.path(name), *more,
                                  program="sweep")
        assert status == 0, err
        with open(pair.path(name), encoding="utf-8") as file:
            return {record["key"]: record for record in map(json.loads, file)}, err

    plain, _ = records("plain.jsonl", "--draft-max", "0")
    for number, more in enumerate((["--draft-min", "3"], ["--draft-min", "2", "--parallel", "3", "-t", "1"], [])):
        drafted, err = records(f"drafted{number}.jsonl", "-md", pair.draft, *more)
        assert drafted == plain, more
        found = re.search(r"drafted: +(\d+) tokens, (\d+) of them came true", err)
        assert not more or (int(found[1]) > 100 and int(found[2]) > 50), err
    status, _, err = pair.run("--replay", pair.path("drafted0.jsonl"), "--row", "3")
    assert status == 0, err


def test_a_draft_model_that_fails(pair):
    """A text doesn't end with it, and is the same; why it drafted no more is told."""
    with open(pair.draft, "rb") as file:
        data = file.read()
    damaged = pair.path("damaged.gguf")
    with open(damaged, "wb") as file:
        file.write(data[:-4096] + b"\xff" * 4096)
    raw = ["--raw", "-p", PROMPT, "-n", "24", "-s", "1"]
    drafts = ["-md", damaged, "--draft-min", "3"]
    plain, _ = pair.output(*raw)
    text, err = pair.output(*raw, *drafts)
    assert text == plain and re.search("^draft model: it failed.*damaged", err, re.M), err
    assert "draft model:" not in pair.output(*raw, "-md", pair.draft, "--draft-min", "3")[1]
    status, _, err = pair.run("-m", find_checkpoint(), *raw, *drafts, "--jsonl", pair.path("a.jsonl"), program="sweep")
    assert status == 0 and re.search("^draft model: it failed.*damaged", err, re.M), err
    with open(pair.path("a.jsonl"), encoding="utf-8") as file:
        assert json.loads(file.read())["text"].encode() in plain


def test_what_is_wrong_is_said(pair):
    with open(pair.draft, "rb") as file:
        data = file.read()
    with open(pair.path("other.gguf"), "wb") as file:
        file.write(data.replace(b"<|endoftext|>", b"<|endoftexx|>", 1))
    link = pair.path("link.gguf")
    os.symlink(find_checkpoint(), link)
    for program, more in (("generate", []), ("sweep", ["-q"])):
        raw = ["--raw", "-p", PROMPT, "-n", "4", *more]
        refused = [(["-md", pair.path("other.gguf")], 'token 0 is "<|endoftext|>" in the model and "<|endoftexx|>" in the '
                                                      'draft model'),
                   (["-md", pair.path("none.gguf")], "none.gguf"),
                   (["-md", __file__], "plain_drafts.py"),
                   (["-md", link], "is the model and the draft model"),
                   (["-md", pair.draft, "--draft-max", "0"], "no effect"),
                   (["-md", pair.draft, "--guidance", "2"], "no effect"),
                   (["-md", pair.draft, "--beams", "2"], "no effect"),
                   (["-md", pair.draft, "--draft-p-min", "1.5"], "from 0 to 1"),
                   (["--draft-min", "2"], "without a draft model"),
                   (["--draft-max", "16"], "--draft-max")]
        for arguments, part in refused:
            pair.refuses(*raw, *arguments, part=part, program=program)
    jsonl = pair.path("none.jsonl")
    pair.refuses("--raw", "-q", "-p", PROMPT, "-n", "4", "-m", pair.path("other.gguf"), "-md", pair.draft, "--jsonl", jsonl,
                 part="other.gguf: token 0 is", program="sweep")
    assert not os.path.exists(jsonl), "no text is made before all models are seen to fit"


if __name__ == "__main__":
    sys.exit(run_in_folders(globals(), Pair))
