#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""generate --record and --replay on the default checkpoint: what a record holds, that its text comes again byte for
byte whatever the threads and the kernels, and what is said where it doesn't."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys

from plain_generate import find_checkpoint, run_in_folders


class Generate:
    def __init__(self, build, folder):
        self.program, self.folder = str(pathlib.Path(build) / "bin" / "generate"), folder

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    def record(self, *arguments):
        """Output and record of a text."""
        path = os.path.join(self.folder, "record.json")
        status, out, err = self.run("-m", find_checkpoint(), "--record", path, *arguments)
        assert status == 0, err
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert text.endswith("}\n") and text.count("\n") == 1
        return out, json.loads(text)

    def write(self, *records):
        path = os.path.join(self.folder, "written.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            for record in records:
                file.write(json.dumps(record) + "\n")
        return path

    def replays(self, out, record, *arguments):
        status, again, err = self.run("--replay", self.write(record), *arguments)
        assert status == 0 and again == out, (arguments, err)

    def differs(self, record, *parts, arguments=()):
        path = self.write(record)
        status, out, err = self.run("--replay", path, *arguments)
        line = err.strip().split("\n")[-1]
        assert status == 1 and line.startswith("generate: error: " + path), err
        for part in parts:
            assert part in line, (part, line)
        return out


def test_a_record_says_what_made_the_text(generate):
    out, record = generate.record("--raw", "One, two,", "-n", "8", "--temp", "1.2")
    with open(find_checkpoint(), "rb") as file:
        assert record["checkpoint"] == {"path": find_checkpoint(), "sha256": hashlib.sha256(file.read()).hexdigest()}
    assert record["adapters"] == [] and record["messages"] is None and record["constraint"] is None
    assert record["prompt"] == "One, two," and len(record["prompt_ids"]) == 4 and len(record["ids"]) == 8
    assert out.decode() == record["prompt"] + record["text"] and record["stop"] == "limit" and record["sequence"] == 0
    assert record["params"]["temperature"] == 1.2 and record["params"]["seed"] >= 0 and record["n_ctx"] == 8192
    assert generate.run("--version")[1].decode().strip() == "firn " + record["firn"]


def test_the_text_comes_again(generate):
    cases = (["--raw", "A story: ", "-n", "20", "--temp", "1.5", "--repeat-penalty", "1.2"],
             ["What is snow?", "-n", "15", "-sys", "Be \"brief\".\n"],
             ["--raw", "Name: ", "--regex", "[A-Z][a-z]{2,5}", "--top-k", "0"],
             ["--raw", "Answer: ", "--choices", "yes,no"],
             ["--ids", "504,3575", "-n", "5", "-c", "64"],
             ["--raw", "A story: ", "-n", "20", "-ctk", "q8_0", "--cache-type-v", "q8_0", "--guidance", "1.5"],
             ["--raw", "The", "-n", "12", "--banned-string", " is", "--stop", "."])
    for arguments in cases:
        out, record = generate.record(*arguments)
        generate.replays(out, record)
        generate.replays(out, record, "-t", "1", "--cpu", "avx2" if "avx2" in open("/proc/cpuinfo").read() else "scalar")


def test_what_the_clock_ended_comes_again_as_far_as_it_went(generate):
    out, record = generate.record("--raw", "Once upon a time", "--time-limit-ms", "150", "--ignore-eos")
    assert record["stop"] == "time" and len(record["ids"]) > 0
    generate.replays(out, record)


def test_answers_of_a_conversation(generate):
    path = os.path.join(generate.folder, "talk.jsonl")
    talk = b"Name a dog.\n/retry\n/set n_beams 2\nAnd a cat.\n"
    done = subprocess.run([generate.program, "-m", find_checkpoint(), "-i", "-n", "9", "--seed", "3", "--temp", "1.5",
                           "--guidance", "1.5", "--negative-prompt", "Name a fish.", "--regex", "[A-Za-z ,.!]+",
                           "--record", path], input=talk, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          check=True)
    with open(path, encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    assert "".join(record["text"] + "\n" for record in records) == done.stdout.decode() and len(records) == 3
    assert [len(record["messages"]) for record in records] == [1, 1, 3] and records[0]["text"] != records[1]["text"]
    for row, record in enumerate(records, 1):
        status, out, err = generate.run("--replay", path, "--row", str(row))
        assert status == 0 and out.decode() == record["text"] and record["negative_ids"], err


def test_a_constraint_of_a_flag_goes_before_the_record_s(generate):
    _, record = generate.record("--raw", "A", "-n", "4", "--regex", "[a-z]+", "--seed", "1")
    assert generate.differs(record, "token 1 is", arguments=["--regex", "[0-9]+"]).decode()[1:].isdigit()


def test_one_of_several(generate):
    records = [generate.record("--raw", "A", "-n", "3", "--seed", str(seed))[1] for seed in (1, 2)]
    records[1]["measures"] = {"length": 3}
    path = generate.write(*records)
    assert "--row" in generate.run("--replay", path)[2]
    for row in (1, 2):
        status, out, err = generate.run("--replay", path, "--row", str(row))
        assert status == 0 and out.decode() == "A" + records[row - 1]["text"], err
    assert "2 records" in generate.run("--replay", path, "--row", "3")[2]


def test_what_differs_is_said(generate):
    _, record = generate.record("--raw", "A", "-n", "4", "--temp", "0")
    right = record["ids"][2]
    changed = dict(record, ids=record["ids"][:2] + [77] + record["ids"][3:], firn="0.0.0")
    out = generate.differs(changed, "token 3 is %d " % right, "and was 77 ", "it was 0.0.0")
    assert out.decode() == "A" + record["text"]
    generate.differs(dict(record, ids=record["ids"] + [5]), "token 5 is none and was 5 ")
    generate.differs(dict(record, text="B"), "their text is another")
    generate.differs(dict(record, stop="end"), "\"limit\" and did for \"end\"")
    generate.differs(dict(record, checkpoint={"sha256": "ab" * 32}), "the text is the same", "the checkpoint is another",
                     "abababababab", arguments=["-m", find_checkpoint()])
    generate.differs(record, "token 4 is none", arguments=["-n", "3"])
    generate.replays(b"A" + record["text"].encode(), dict(record, firn="0.0.0"))


def test_bad_records_and_places(generate):
    _, record = generate.record("--raw", "A", "-n", "2")
    for change, part in (({"params": {"temperature": -1}}, "temperature"), ({"cache_type_v": "q3"}, "'q3'; give f16 or q8_0"),
                         ({"adapters": ["a"]}, "adapters"),
                         ({"ids": "x"}, "an array of token ids"), ({"constraint": {"kind": "x"}}, "'x'")):
        path = generate.write(dict(record, **change))
        status, out, err = generate.run("--replay", path)
        assert status == 1 and out == b"" and part in err and err.count("\n") == 1, err
    for arguments, part in ((["--replay", path, "-p", "a"], "takes no prompt"), (["-i", "--replay", path], "-i takes no"),
                            (["--row", "1", "a"], "--replay"), (["-i", "--record", "/nowhere/x", "-m", find_checkpoint()], "/nowhere/x"),
                            (["--replay", "/nowhere"], "/nowhere")):
        status, out, err = generate.run(*arguments)
        assert status == 1 and part in err, err
    status, _, err = generate.run("-m", find_checkpoint(), "--raw", "A", "-n", "1", "--record", "/nowhere/x")
    assert status == 1 and "/nowhere/x" in err, err


if __name__ == "__main__":
    sys.exit(run_in_folders(globals(), Generate))
