#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs generate with guidance and contrast: what they change, what they don't, and that records hold them."""
import json
import os
import subprocess
import sys
import tempfile

from plain_generate import PROMPT, Generate, find_checkpoint, run_tests

COMMON = ["--raw", "-p", PROMPT, "-n", "16", "-s", "3"]


def test_a_scale_of_one_is_no_guidance(generate):
    plain = generate.json(*COMMON)
    assert generate.json(*COMMON, "--guidance", "1")["generated"] == plain["generated"]
    assert generate.json(*COMMON, "--guidance", "3")["generated"] != plain["generated"]


def test_away_from_the_prompt_itself_is_nowhere(generate):
    plain = generate.output(*COMMON)
    assert generate.output(*COMMON, "--cfg-scale", "4", "--negative-prompt", PROMPT) == plain
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(PROMPT + "\n")
        file.flush()
        assert generate.output(*COMMON, "--guidance", "4", "--negative-prompt-file", file.name) == plain
    chat = ["-p", PROMPT, "-n", "12", "-s", "3"]
    assert generate.output(*chat, "--guidance", "4", "--negative-prompt", PROMPT) == generate.output(*chat)
    assert generate.output(*COMMON, "--contrast", "2", "--contrast-alpha", "0", "--weaker-model",
                           find_checkpoint()) == plain


def test_guidance_makes_a_text_likelier_after_the_prompt(generate):
    """Sums of the guided text's log-probabilities, less those after the negative prompt, grow with the scale."""
    def logprob(prompt, text):
        whole = generate.json("--raw", "-p", prompt + text, "-n", "0", "--logprobs", "0")["prompt"]
        own = generate.json("--raw", "-p", prompt, "-n", "0")["prompt"]
        return sum(token["logprob"] for token in whole[len(own):])

    prompt, negative = "My favourite animal is the dog because", "My favourite animal is the cat because"
    margins = []
    for scale in ("1", "4"):
        options = [] if scale == "1" else ["--guidance", scale, "--negative-prompt", negative]
        text = generate.output("--raw", "-p", prompt, "-n", "24", "--temp", "0", "--no-display-prompt",
                               *options).decode()
        margins.append(logprob(prompt, text) - logprob(negative, text))
    assert margins[1] > margins[0], margins


def test_with_other_parameters(generate):
    guided = ["--guidance", "2", "--negative-prompt", "A cat is"]
    text = generate.output("Well?", "-s", "2", "--regex", "[a-d]{12}", "--banned-string", "bc", *guided).decode()
    assert len(text) == 12 and set(text) <= set("abcd") and "bc" not in text, text
    for threads in ("1", "2"):
        assert generate.output(*COMMON, *guided, "-t", threads) == generate.output(*COMMON, *guided)


def test_in_conversations(generate):
    talk = subprocess.run([generate.program, *generate.model, "-i", "-n", "12", "-s", "5", "--guidance", "2",
                           "--negative-prompt", "Name a cat."], input=b"Name a dog.\n", check=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout
    assert talk == generate.output("Name a dog.", "-n", "12", "-s", "5", "--guidance", "2", "--negative-prompt",
                                   "Name a cat.") + b"\n"


def test_turned_on_and_off_in_a_conversation(generate):
    flags = ["-i", "-n", "12", "-s", "5", "--guidance", "2", "--negative-prompt", "Name a cat."]
    done = subprocess.run([generate.program, *generate.model, *flags], check=True, timeout=120, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, input=b"/set guidance 1\nName a dog.\n/set contrast 1\n")
    assert done.stdout == generate.output("Name a dog.", "-n", "12", "-s", "5") + b"\n"
    assert done.stderr.count(b"error: ") == 1 and b"--weaker-model" in done.stderr, done.stderr


def test_records(generate):
    with tempfile.TemporaryDirectory() as folder:
        record = os.path.join(folder, "record.json")
        text = generate.output(*COMMON, "--guidance", "2", "--negative-prompt", "A cat is", "--record", record)
        with open(record, encoding="utf-8") as file:
            assert len(json.load(file)["negative_ids"]) > 1
        done = subprocess.run([generate.program, "--replay", record], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=120, check=False)
        assert done.returncode == 0 and done.stdout == text, done.stderr


def test_what_has_no_effect_is_an_error(generate):
    gemma = os.path.join(os.path.dirname(find_checkpoint()), "gemma-3-270m-q4_k_m.gguf")
    generate.refuses([*COMMON, "--negative-prompt", "a"], "--guidance")
    generate.refuses([*COMMON, "--guidance", "2", "--negative-prompt", "a", "--negative-prompt-file", "b"], "one of")
    for flags, part in ((["--negative-prompt", "a"], "--guidance"), (["--weaker-model", "b"], "--contrast"),
                        (["--contrast", "1"], "--weaker-model")):  # before anything is opened
        generate.refuses(["-i", *flags], part, model=["-m", "no such file"])
    generate.refuses([*COMMON, "--contrast", "1"], "--weaker-model")
    generate.refuses([*COMMON, "--weaker-model", find_checkpoint()], "--contrast")
    generate.refuses([*COMMON, "--contrast", "1", "--weaker-model", gemma], "the same vocabulary")
    generate.refuses([*COMMON, "--contrast", "1", "--weaker-model", "no such file"], "no such file")
    for more in ([], ["--beams", "2"]):
        generate.refuses([*COMMON, *more, "-c", "16", "--guidance", "2", "--negative-prompt", "a b c d " * 9],
                         "the negative prompt has", "context holds 16")
    generate.refuses([*COMMON, "--guidance", "-1"], "guidance", "0 to 100")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
