#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Contrast between two checkpoints that are not the same: the default one, and it without some of its blocks. Same text
for any threads and kernels, alone, in searches and in conversations; records hold both checkpoints and are replayed."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys

from plain_generate import PROMPT, find_checkpoint, run_in_folders

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))
sys.dont_write_bytecode = True
from fewer_blocks import write_fewer_blocks

COMMON = ["-n", "14", "-s", "4", "--contrast", "0.8"]
RAW = ["--raw", "-p", PROMPT, *COMMON]


class Pair:
    def __init__(self, build, folder):
        self.program, self.folder = str(pathlib.Path(build) / "bin" / "generate"), folder
        self.weaker = os.path.join(folder, "weaker.gguf")
        write_fewer_blocks(find_checkpoint(), self.weaker, [*range(12), *range(16, 30)])

    def run(self, *arguments, text=""):
        done = subprocess.run([self.program, *arguments], input=text.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    def output(self, *arguments, text=""):
        status, out, err = self.run("-m", find_checkpoint(), *arguments, text=text)
        assert status == 0, err
        return out

    def contrasted(self, *arguments, text=""):
        return self.output("--weaker-model", self.weaker, *arguments, text=text)


def test_the_weaker_model_is_weaker(pair):
    def logprob(model):
        text = "The capital of France is Paris. Snow is frozen water, and it falls in winter."
        status, out, err = pair.run("-m", model, "--raw", "-p", text, "-n", "0", "--json", "--logprobs", "0")
        assert status == 0, err
        return sum(token["logprob"] for token in json.loads(out)["prompt"][1:])

    assert logprob(pair.weaker) < logprob(find_checkpoint()) - 5


def test_one_text_everywhere(pair):
    text = pair.contrasted(*RAW)
    assert text != pair.output("--raw", "-p", PROMPT, "-n", "14", "-s", "4")
    for threads in ("1", "2"):
        assert pair.contrasted(*RAW, "-t", threads) == text
    assert pair.contrasted(*RAW, "--cpu", "scalar") == text
    assert pair.contrasted(*RAW, "--guidance", "1.5", "-t", "1") == pair.contrasted(*RAW, "--guidance", "1.5") != text


def test_replayed(pair):
    record, again = (os.path.join(pair.folder, name) for name in ("a.json", "b.json"))
    for more in ([], ["--guidance", "1.4", "--negative-prompt", "A cat is"], ["--beams", "2"], ["--best-of", "2"],
                 ["--regex", "[A-Za-z ]+"]):
        text = pair.contrasted(*RAW, *more, "--record", record)
        with open(record, encoding="utf-8") as file, open(pair.weaker, "rb") as weaker:
            assert json.load(file)["weaker"] == {"path": pair.weaker, "sha256": hashlib.sha256(weaker.read()).hexdigest()}
        for threads in ("1", "2"):
            status, out, err = pair.run("--replay", record, "-t", threads, "--record", again)
            assert status == 0 and out == text, err
        with open(record, encoding="utf-8") as a, open(again, encoding="utf-8") as b:
            assert a.read() == b.read()


def test_records_of_a_sweep(pair):
    path = os.path.join(pair.folder, "a.jsonl")
    sweep = os.path.join(os.path.dirname(pair.program), "sweep")
    subprocess.run([sweep, "-m", find_checkpoint(), "--weaker-model", pair.weaker, "--contrast", "0,0.8", "--seed", "4",
                    "-n", "10", "--raw", "-p", PROMPT, "--jsonl", path], check=True, timeout=120,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(path, encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    assert len(records) == 2
    for row, record in enumerate(records, 1):
        assert (record["weaker"] is None) == (record["params"]["contrast"] == 0), record
        status, out, err = pair.run("--replay", path, "--row", str(row))
        assert status == 0 and out.decode() == PROMPT + record["text"], err


def test_what_differs_is_said(pair):
    record = os.path.join(pair.folder, "a.json")
    text = pair.contrasted(*RAW, "--record", record)
    other, gone = os.path.join(pair.folder, "other.gguf"), os.path.join(pair.folder, "gone.gguf")
    write_fewer_blocks(find_checkpoint(), other, [*range(20), *range(22, 30)])
    status, _, err = pair.run("--replay", record, "--weaker-model", other)
    assert status == 1 and "the weaker checkpoint is another" in err and "the checkpoint" not in err, err
    status, _, err = pair.run("--replay", record, "--contrast", "0")
    assert status == 1 and "the weaker checkpoint is another (SHA-256 none" in err, err
    os.rename(pair.weaker, gone)
    status, out, err = pair.run("--replay", record)
    assert status == 1 and out == b"" and pair.weaker in err, err
    assert pair.run("--replay", record, "--weaker-model", gone)[:2] == (0, text)
    with open(record, encoding="utf-8") as file:
        without = json.load(file)
    without["weaker"] = None
    with open(record, "w", encoding="utf-8") as file:
        json.dump(without, file)
    status, out, err = pair.run("--replay", record)
    assert status == 1 and out == b"" and "contrast needs a weaker model" in err, err


def test_searches_and_conversations(pair):
    guided = ["--guidance", "1.5", "--negative-prompt", "Name a cat."]
    for more in ([], ["--beams", "3"], ["--best-of", "3"], ["--beams", "2", *guided], ["--best-of", "2", *guided]):
        answer = pair.contrasted("Name a dog.", *COMMON, *more, "-t", "1")
        assert pair.contrasted("Name a dog.", *COMMON, *more, "-t", "2") == answer
        assert pair.contrasted("-i", *COMMON, *more, text="Name a dog.\n") == answer + b"\n"


def test_what_contrast_dropped_is_seen(pair):
    path = os.path.join(pair.folder, "a.json")
    pair.contrasted(*RAW, "--contrast-alpha", "0.3", "--explain-json", path)
    with open(path, encoding="utf-8") as file:
        tokens = json.load(file)["tokens"]
    for token in tokens:
        assert token["stages"][:2] == ["contrast", "logit_bias"]
        likeliest = token["candidates"][0]["probability"][0]
        for c in token["candidates"]:
            if c["id"] != token["id"]:
                assert (c["dropped_by"] == "contrast") == (c["probability"][0] < 0.3 * likeliest), c
    assert any(c["dropped_by"] == "contrast" for token in tokens for c in token["candidates"])


if __name__ == "__main__":
    sys.exit(run_in_folders(globals(), Pair))
