#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Values of generation parameters that aren't allowed are refused alike on the command line, in a preset, in a record and
in a conversation: one line that names the parameter and says what is allowed."""
import json
import os
import pathlib
import subprocess
import sys

from plain_generate import find_checkpoint, run_in_folders

# name, value as JSON text, what the message says beside the name
BAD = [
    *((name, value, allowed)
      for name, allowed in (("n_predict", "an integer from -1"), ("top_k", "an integer from 0"),
                            ("seed", "-1, or an integer from 0"), ("min_tokens", "an integer from 0"))
      for value in ("-2", "1.5", "1e99", "99999999999999999999999", '"many"', "null", "true", "[1]", "{}")),
    *((name, value, allowed)
      for name, allowed in (("temperature", "0 to 1000"), ("top_p", "0 to 1"), ("min_p", "0 to 1"))
      for value in ("-1", "-0.001", "1e999", "-1e999", '"hot"', "null", "[]")),
    ("stop", json.dumps(["a"] * 100000), "at most 64"),
    ("stop", '[""]', "isn't empty"),
    ("stop", json.dumps(["a" * 5000]), "2047 bytes"),
    ("stop", "[1]", "a text"),
    ("logit_bias", "[[99999999,1]]", "99999999 is outside the vocabulary"),
    ("logit_bias", "[[-1,1]]", "ID+X"),
    ("logit_bias", "[[5,2000]]", "X up to 1000"),
    ("stop_token_ids", "[-1]", "a token id"),
    ("ignore_eos", "2", "true or false"),
    ("samplers", '["top_k","nothing"]', "temperature"),
    ("samplers", '["top_k","top_k"]', "top_k"),
]
ALIASES = (("max_tokens", "-2", "n_predict"), ("temp", "-1", "temperature"))
NOT_JSON = ("NaN", "Infinity", "-Infinity", "01", "'a'")


class Interfaces:
    def __init__(self, build, folder):
        self.program, self.folder = str(pathlib.Path(build) / "bin" / "generate"), folder

    def run(self, *arguments, text=""):
        return subprocess.run([self.program, "-m", find_checkpoint(), *arguments], input=text.encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)

    def refused(self, where, done, *parts):
        said = done.stderr.decode()
        assert done.returncode == 1 and done.stdout == b"" and said.count("\n") == 1, (where, done)
        assert said.startswith("generate: error: ") and len(said) < 600, (where, said)
        for part in parts:
            assert part in said, (where, part, said)

    def file(self, text):
        path = os.path.join(self.folder, "values.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def preset(self, text):
        return self.run("--raw", "a", "-n", "1", "--params", self.file(text))

    def record(self, text):
        return self.run("--replay", self.file(f'{{"prompt_ids":[5],"ids":[],"params":{text}}}'))


def test_a_preset_and_a_record(interfaces):
    for name, value, allowed in BAD:
        text = json.dumps({name: 0}).replace("0", value, 1)
        interfaces.refused((name, value[:40]), interfaces.preset(text), name, allowed)
        interfaces.refused((name, value[:40]), interfaces.record(text), name, allowed)
    for name, value, real in ALIASES:
        interfaces.refused(name, interfaces.preset(f'{{"{name}":{value}}}'), real)
    for value in NOT_JSON:
        interfaces.refused(value, interfaces.preset(f'{{"temperature":{value}}}'), "line 1, column 16")
    interfaces.refused("twice", interfaces.preset('{"warmth":1}'), "warmth")
    interfaces.refused("no object", interfaces.preset("[1]"), "values.json")
    interfaces.refused("both", interfaces.preset('{"min_tokens":9,"n_predict":3}'), "min_tokens", "n_predict")


def words_of(value):
    """How a person writes the value, where it can be written at all."""
    return value.strip('"')


# any words may be a text that stops, and ignore_eos takes no value
SPOKEN = [(name, words_of(value), allowed) for name, value, allowed in BAD if name not in ("stop", "ignore_eos")]


def test_the_command_line(interfaces):
    flags = {"n_predict": "-n", "seed": "--seed", "stop": "--stop", "logit_bias": "-l", "stop_token_ids": "--stop-token-id",
             "temperature": "--temp", "samplers": "--samplers"}
    for name, value, allowed in SPOKEN:
        flag = flags.get(name, "--" + name.replace("_", "-"))
        interfaces.refused((name, value), interfaces.run("--raw", "a", "-n", "1", f"{flag}={value}"), name, allowed)
    for value in ("nan", "NaN", "inf", "-inf", "Infinity", "", " 1", "1 ", "0x1", "1,5"):
        for flag, name in (("--temp", "temperature"), ("--top-p", "top_p")):
            interfaces.refused((flag, value), interfaces.run("--raw", "a", f"{flag}={value}"), name, "0 to 1")
    interfaces.refused("stop", interfaces.run("--raw", "a", "--stop="), "stop", "isn't empty")


def test_a_conversation(interfaces):
    spoken = [*SPOKEN, *(("temperature", value, "0 to 1000") for value in ("nan", "inf", "-1"))]
    lines = "".join(f"/set {name} {value}\n" for name, value, _ in spoken)
    done = interfaces.run("-i", "--temp", "0.3", text=lines + "/params\n/quit\n")
    said = [line for line in done.stderr.decode().split("\n") if line.startswith("error: ")]
    assert done.returncode == 0
    for (name, value, allowed), line in zip(spoken, said):
        assert name in line and allowed in line, (name, value, line)
    assert len(said) == len(spoken), (len(said), len(spoken))
    assert "\ntemperature            0.3 " in done.stderr.decode() # nothing changed


if __name__ == "__main__":
    sys.exit(run_in_folders(globals(), Interfaces))
