#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the built tokenize on the default checkpoint, and sees what it writes, says and returns."""
import argparse
import json
import os
import pathlib
import subprocess
import sys

CHECKPOINT = "SmolLM2-135M-Instruct.Q4_1.gguf"
SKIPPED = 77
TEXT = "na\u00efve \U0001f642<|im_end|>"
IDS = "3546,46494,47526,2"


class Tokenize:
    def __init__(self, build, model):
        self.command = [str(pathlib.Path(build) / "bin" / "tokenize"), "-m", model]

    def run(self, *arguments, text=""):
        return subprocess.run([*self.command, *arguments], input=text.encode(), capture_output=True, timeout=60,
                              check=False)

    def output(self, *arguments, text=""):
        done = self.run(*arguments, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()


def test_ids_pieces_and_count(tokenize):
    assert tokenize.output("-p", TEXT) == IDS + "\n"
    assert tokenize.output(text=TEXT) == IDS + "\n"
    whole = json.loads(tokenize.output("-p", TEXT, "--json"))
    assert whole == {"ids": [int(i) for i in IDS.split(",")], "pieces": ["na", "\u00efve", " \U0001f642", "<|im_end|>"]}
    assert tokenize.output("-p", TEXT, "--count") == "4\n"


def test_decode_gives_the_text_back(tokenize):
    assert tokenize.output("--decode", IDS) == TEXT
    assert tokenize.output("--decode", IDS, "--no-special") == TEXT.replace("<|im_end|>", "")


def test_lines_are_texts_of_their_own(tokenize):
    lines = [TEXT, "", "a b", "  c "] * 50
    expected = [tokenize.output("-p", line, "--no-special") for line in lines[:4]] * 50
    for threads in "1", "2", "5":
        assert tokenize.output("--lines", "--no-special", "-t", threads, text="\n".join(lines)) == "".join(expected)
    assert tokenize.output("--lines", "--count", text="a b\n\n") == "2\n0\n"
    assert tokenize.output("--lines", text="") == ""
    done = tokenize.run("--time", "--count", text="a b\n")
    assert done.stdout == b"3\n" and done.stderr.startswith(b"4 bytes, 3 tokens, "), done.stderr


def test_broken_utf8_comes_back(tokenize):
    done = tokenize.run("-p", b"a\xe4\xbd b")
    assert done.returncode == 0
    assert tokenize.run("--decode", done.stdout.decode().strip()).stdout == b"a\xe4\xbd b"


def test_wrong_arguments(tokenize):
    for arguments, part in ((["--decode", "1,9999999"], "number 2, 9999999"), (["--decode", "x"], "1,2,3"),
                            (["-p", "a", "--decode", "1"], "one of"), (["--lines", "--decode", "1"], "--lines"), (["--cuont"], "--count"), (["a"], "--help")):
        done = tokenize.run(*arguments)
        assert done.returncode == 1 and done.stdout == b"", arguments
        assert done.stderr.count(b"\n") == 1 and part in done.stderr.decode(), done.stderr


def main():
    arguments = argparse.ArgumentParser(description="Tests tokenize.")
    arguments.add_argument("--build", required=True, help="folder of a finished build")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    model = os.path.join(os.environ.get("FIRN_CHECKPOINTS") or os.path.join(cache, "firn"), CHECKPOINT)
    if not os.path.isfile(model):
        print(f"{model} is not there")
        return SKIPPED
    tokenize = Tokenize(arguments.parse_args().build, model)
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            test(tokenize)
            print("passed", name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
