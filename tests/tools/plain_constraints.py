#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs generate under constraints: what has ended satisfies them, in every way to give one, and never fails open."""
import json
import os
import re
import subprocess
import sys
import tempfile

from plain_generate import PROMPT, Generate, find_checkpoint, run_tests

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 12},
                   "age": {"type": "integer", "minimum": 0, "maximum": 150},
                   "colours": {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 1, "maxItems": 3}},
    "required": ["name", "age", "colours"], "additionalProperties": False,
}
GRAMMAR = 'root ::= move ("; " move)? "\\n"\nmove ::= [a-h] [1-8] ("-" | "x") [a-h] [1-8]'
WILD = ["--temp", "2", "--top-k", "0", "--top-p", "1", "--min-p", "0"]
SEEDS = ("1", "2", "3", "4")


def is_person(text):
    person = json.loads(text)
    assert set(person) == {"name", "age", "colours"}, text
    assert isinstance(person["name"], str) and 1 <= len(person["name"]) <= 12, text
    assert isinstance(person["age"], int) and 0 <= person["age"] <= 150, text
    assert 1 <= len(person["colours"]) <= 3 and set(person["colours"]) <= {"red", "green"}, text


def test_json_schemas(generate):
    for seed in SEEDS:
        common = ["A person, as JSON:", "-n", "300", "-s", seed, "-j", json.dumps(PERSON), *WILD]
        text = generate.output(*common).decode()
        is_person(text)
        assert generate.json(*common)["text"] == text


def test_any_json(generate):
    ended = 0
    for seed in SEEDS:
        whole = generate.json("List three colours as a JSON array of strings.", "-n", "150", "-s", seed, "-j", "{}")
        if len(whole["generated"]) < 150:
            json.loads(whole["text"])
            ended += 1
    assert ended > 0


def test_grammars(generate):
    for seed in SEEDS:
        text = generate.output("A move?", "-s", seed, "--grammar", GRAMMAR, *WILD).decode()
        assert re.fullmatch(r"[a-h][1-8][-x][a-h][1-8](; [a-h][1-8][-x][a-h][1-8])?\n", text), text


def test_regular_expressions(generate):
    for pattern in (r"[0-9]{3}-[0-9]{4}", r"(yes|no), because [a-z ]{4,30}\.", r"\d+(\.\d{2})?€", "[äöü]{3}"):
        for seed in SEEDS:
            text = generate.output("Well?", "-s", seed, "--regex", pattern, *WILD).decode()
            assert re.fullmatch(pattern, text), (pattern, text)


def test_choices(generate):
    seen = {generate.output("Is water wet?", "-s", seed, "--choices", "yes,no,it depends", "--temp", "5").decode()
            for seed in map(str, range(12))}
    assert seen <= {"yes", "no", "it depends"} and len(seen) > 1, seen
    assert generate.output("-p", "a", "--choices", "one, two\nnothing, really").decode() in \
        ("one, two", "nothing, really")


def test_constraints_from_files(generate):
    for flag, file_flag, text in (("--grammar", "--grammar-file", GRAMMAR),
                                  ("--json-schema", "--json-schema-file", json.dumps(PERSON)),
                                  ("-j", "-jf", json.dumps(PERSON, indent=1))):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(text)
            file.flush()
            common = ["A person?", "-n", "200", "-s", "3"]
            assert generate.output(*common, file_flag, file.name) == generate.output(*common, flag, text)
            file.write("\n}{")
            file.flush()
            generate.refuses(["a", file_flag, file.name], file.name)


def test_an_end_comes_even_where_none_may_be_picked(generate):
    for options in (["--ignore-eos"], ["--min-tokens", "50"]):
        assert generate.output("Well?", *options, "--regex", "[ab]{4}", "-s", "2") in \
            {f"{a}{b}{c}{d}".encode() for a in "ab" for b in "ab" for c in "ab" for d in "ab"}
    assert generate.output("Well?", "--regex", "") == b""


def test_with_strings_that_may_not_appear(generate):
    for seed in SEEDS:
        text = generate.output("Well?", "-s", seed, "--regex", "[a-d]{12}", *WILD, "--banned-string", "a",
                               "--banned-string", "bc").decode()
        assert re.fullmatch("[b-d]{12}", text) and "bc" not in text, text


def test_prompts_are_not_constrained(generate):
    text = generate.output("--raw", PROMPT, "--choices", " Paris, London", "--temp", "0").decode()
    assert text in (PROMPT + " Paris", PROMPT + " London")


def test_conversations(generate):
    done = subprocess.run([generate.program, *generate.model, "-i", "--choices", "yes,no", "-s", "5"], check=True,
                          input=b"Is water wet?\nSure?\n/retry\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120)
    answers = done.stdout.decode().split("\n")
    assert len(answers) == 4 and answers[3] == "" and set(answers[:3]) <= {"yes", "no"}, answers


def test_what_can_not_be_satisfied_is_an_error(generate):
    generate.refuses(["a", "--grammar", 'root ::= "a" | )'], "--grammar", "line 1, column 16", "')'")
    generate.refuses(["a", "--regex", "a{3"], "--regex", "line 1")
    generate.refuses(["a", "-j", '{"type": "wish"}'], "--json-schema", "#/type")
    generate.refuses(["a", "--choices", ""], "--choices")
    generate.refuses(["a", "--choices", "a", "--regex", "a"], "more than one constraint")
    generate.refuses(["a", "--grammar-file", "no such file"], "no such file")
    status, out, err = generate.run("a", "--regex", "abc", "--banned-string", "b")
    assert status == 1 and "error: no token may come" in err and "the constraint allows" in err, err
    assert b"b" not in out


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
