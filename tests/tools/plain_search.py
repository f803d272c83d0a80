#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs generate with beams and with the best of several texts."""
import json
import math
import os
import subprocess
import sys
import tempfile

from plain_generate import PROMPT, run_tests

COMMON = ["--raw", "-p", PROMPT, "-n", "12"]


def test_beams_draw_nothing(generate):
    text = generate.output(*COMMON, "--beams", "3", "-s", "1")
    assert generate.output(*COMMON, "--beams", "3", "-s", "2", "--temp", "2", "-t", "1") == text
    assert generate.json(*COMMON, "--n-beams", "3")["text"].encode() in text


def test_beams_find_likelier_texts(generate):
    def logprob(*options):
        text = generate.output(*COMMON, "--ignore-eos", "-s", "1", *options).decode()
        tokens = generate.json("--raw", "-p", text, "-n", "0", "--logprobs", "0")["prompt"][1:]
        return sum(token["logprob"] for token in tokens)

    assert logprob("--beams", "6") >= logprob("--temp", "0") - 1e-3


def test_best_of(generate):
    for flags in (["--best-of", "3"], ["--best-of", "3", "--length-penalty", "0"]):
        text = generate.output(*COMMON, *flags, "-s", "4")
        assert generate.output(*COMMON, *flags, "-s", "4", "-t", "1") == text
    assert len(generate.json(*COMMON, "--best-of", "2", "--logprobs", "1")["generated"][0]["top"]) == 1


def test_with_constraints(generate):
    for flags in (["--beams", "3"], ["--best-of", "3"]):
        assert generate.output("Is snow cold?", *flags, "--choices", "yes,no", "-s", "1") in (b"yes", b"no")


def test_with_guidance(generate):
    guided = ["--guidance", "2", "--negative-prompt", "The capital of Italy is"]
    for flags in (["--beams", "3"], ["--best-of", "3"]):
        text = generate.output(*COMMON, *flags, *guided, "-s", "1")
        assert generate.output(*COMMON, *flags, *guided, "-s", "1", "-t", "1") == text
        assert generate.output(*COMMON, *flags, "--guidance", "2", "--negative-prompt", PROMPT, "-s", "1") == \
            generate.output(*COMMON, *flags, "-s", "1")


def test_log_probabilities_and_explanations(generate):
    with tempfile.TemporaryDirectory() as folder:
        for flags in (["--beams", "3"], ["--best-of", "3"], ["--beams", "2", "--guidance", "1.5"]):
            path = os.path.join(folder, "a.json")
            whole = generate.json(*COMMON, *flags, "-s", "2", "--logprobs", "2", "--explain", "50", "--explain-json", path)
            assert whole["text"].encode() in generate.output(*COMMON, *flags, "-s", "2")
            ids = ",".join(str(token["id"]) for token in whole["prompt"] + whole["generated"])
            again = generate.json("--ids", ids, "-n", "0", "--logprobs", "2")["prompt"][len(whole["prompt"]):]
            with open(path, encoding="utf-8") as file:
                explained = json.load(file)
            assert explained["text"] == whole["text"] and len(explained["tokens"]) == len(again) == 12
            for token, same, told in zip(whole["generated"], again, explained["tokens"]):
                assert token["id"] == same["id"] == told["id"] and token["top"] == same["top"]
                assert token["logprob"] == same["logprob"]
                winner = next(c for c in told["candidates"] if c["id"] == told["id"])
                assert abs(math.exp(token["shaped_logprob"]) - winner["probability"][-1]) < 1e-4
                assert (winner["noise"] == 0) == ("--beams" in flags)


def test_in_conversations(generate):
    for flags in (["--beams", "3"], ["--best-of", "3"], ["--beams", "2", "--guidance", "1.5"]):
        common = ["-n", "10", "-s", "5", *flags]
        answer = generate.output("Name a dog.", *common)
        done = subprocess.run([generate.program, *generate.model, "-i", *common], input=b"Name a dog.\n/stats\n",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=True)
        assert done.stdout == answer + b"\n", (flags, done.stdout, answer)
    talk = b"Name a dog.\n/retry\n/set best_of 1\n/set n_beams 2\n/retry\n/set mirostat 2\n"
    done = subprocess.run([generate.program, *generate.model, "-i", "-n", "10", "-s", "5", "--best-of", "2", "--temp",
                           "1.5"], input=talk, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=True)
    answers = done.stdout.decode().split("\n")
    assert len(set(answers[:3])) == 3 and done.stderr.count(b"error: ") == 1 and b"mirostat" in done.stderr, done


def test_records(generate):
    with tempfile.TemporaryDirectory() as folder:
        for flags in (["--beams", "3"], ["--best-of", "3"]):
            record = os.path.join(folder, flags[0].strip("-"))
            text = generate.output(*COMMON, *flags, "-s", "6", "--record", record)
            done = subprocess.run([generate.program, "--replay", record], stdout=subprocess.PIPE, check=True,
                                  stderr=subprocess.PIPE, timeout=120)
            assert done.stdout == text


def test_what_does_not_go_together(generate):
    generate.refuses([*COMMON, "--beams", "2", "--best-of", "2"], "n_beams", "best_of")
    generate.refuses([*COMMON, "--beams", "2", "--mirostat", "2"], "mirostat (--mirostat)", "n_beams")
    generate.refuses([*COMMON, "--beams", "2", "--xtc-probability", "0.5"], "xtc_probability", "n_beams")
    generate.refuses([*COMMON, "--beams", "2", "--adaptive-target", "0.5"], "adaptive_target", "n_beams")
    generate.refuses([*COMMON, "--beams", "0"], "n_beams", "1 to 256")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
