#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs generate with beams and with the best of several texts."""
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
    generate.refuses([*COMMON, "--beams", "2", "--guidance", "2"], "guidance", "n_beams")
    generate.refuses([*COMMON, "--beams", "0"], "n_beams", "1 to 256")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
