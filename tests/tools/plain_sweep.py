#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the built sweep on the default checkpoint: its texts are generate's, and its files outlive what happens to it."""
import csv
import json
import math
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from plain_generate import Generate, run_tests

PROMPT = "The capital of France is"
GRID = ["--temp", "0,0.9", "--top-k", "1,40", "--seed", "1..3", "-n", "12"]


class Sweep(Generate):
    """A Generate whose program is sweep; `folder` is a new one for each test."""

    def __init__(self, generate):
        self.program = generate.program.replace("generate", "sweep")
        self.model = generate.model
        self.generate = generate
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = self.temporary.name

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def records(self, *arguments, name="out.jsonl", status=0):
        """What --jsonl gets of a run, and its standard error."""
        got, _, err = self.run("--jsonl", self.path(name), *arguments)
        assert got == status, (got, err)
        return read_records(self.path(name)), err

    def refuses(self, arguments, *parts, model=None):
        status, _, err = self.run(*arguments, model=model)
        assert status == 1 and err.startswith("sweep: error: ") and err.count("\n") == 1, (arguments, status, err)
        for part in parts:
            assert part in err, (part, err)


def read_records(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def by_key(records):
    return {record["key"]: record for record in records}


def sweep_test(test):
    def wrapped(generate):
        test(Sweep(generate))
    return wrapped


@sweep_test
def test_texts_are_those_of_generate(sweep):
    flags = ["--temp", "0,1.2", "--top-k", "0,40", "--repeat-penalty", "1,1.3", "--seed", "1,2", "--mirostat", "0,2",
             "--stop", '[["."],[]]', "--banned-string", '[[" the"],[]]', "-n", "20"]
    records, _ = sweep.records(*flags, "--random", "14", "--check-parameters", "-p", PROMPT, "-p", "Once upon a time")
    assert len(records) == 14 * 2 * 2 and len(by_key(records)) == len(records)
    assert any(record["stop"] == "stop" for record in records)
    for row, record in list(enumerate(records, 1))[::4]:
        replayed = [flag for flag in sweep.model if flag != "--raw"]
        status, out, err = sweep.generate.run("--replay", sweep.path("out.jsonl"), "--row", str(row), "--json", model=replayed)
        assert status == 0 and json.loads(out)["text"] == record["text"], err
        params = sweep.path("params.json", json.dumps(record["params"]))
        ids = ",".join(map(str, record["prompt_ids"]))
        whole = sweep.generate.json("--params", params, "-p", record["prompt"])
        assert whole["text"] == record["text"] and whole["params"] == record["params"]
        assert [token["id"] for token in whole["prompt"]] == record["prompt_ids"]
        generated = sweep.generate.json("--params", params, "--ids", ids, "--logprobs", "0")["generated"]
        assert [token["id"] for token in generated] == record["ids"]
        for token, logprob in zip(generated, record["logprobs"]):
            assert abs(token["logprob"] - logprob) <= 1e-4 * max(1, abs(logprob)), (token, logprob)


@sweep_test
def test_conversations_are_those_of_generate(sweep):
    lines = sweep.path("prompts", 'Name a colour.\n\n{"prompt": "Name a city.", "name": "city", "expect": "[A-Z]"}\n'
                       '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}, '
                       '{"role": "user", "content": "Count to five."}], "name": "count"}\n')
    chat = [flag for flag in sweep.model if flag != "--raw"]
    status, _, err = sweep.run("-f", lines, "-sys", "Be brief.", "--temp", "0.9", "--seed", "5", "-n", "16", "--jsonl",
                               sweep.path("chat"), model=chat)
    assert status == 0, err
    records = sorted(read_records(sweep.path("chat")), key=lambda record: len(record["messages"]))
    assert sorted(str(record["name"]) for record in records) == ["None", "city", "count"]
    assert [m["role"] for m in records[2]["messages"]] == ["system", "user", "assistant", "user"]
    for record in records:
        assert record["judges"] == ({"expect": True} if record["name"] == "city" else {}), record["judges"]
        messages = sweep.path("messages", json.dumps(record["messages"]))
        status, out, err = sweep.generate.run("--messages", messages, "--temp", "0.9", "--seed", "5", "-n", "16",
                                              "--json", model=chat)
        assert status == 0 and json.loads(out)["text"] == record["text"], err
        assert [token["id"] for token in json.loads(out)["prompt"]] == record["prompt_ids"]


@sweep_test
def test_texts_do_not_depend_on_those_beside_them(sweep):
    common = [*GRID, "--stop", '[["e"],[]]', "-p", PROMPT, "-p", "A much longer prompt, so that lengths differ: one two three"]
    wanted, _ = sweep.records(*common, name="a")
    assert len(wanted) == 48
    for number, options in enumerate((["--parallel", "1"], ["--parallel", "5", "-b", "7"], ["-t", "1"], ["--cpu", "scalar"])):
        if options[0] == "--cpu":
            options += ["--random", "2"]
        records, _ = sweep.records(*common, *options, name=f"b{number}")
        assert all(by_key(wanted)[record["key"]] == record for record in records), options
        assert len(records) == (12 if options[0] == "--cpu" else 48), len(records)


@sweep_test
def test_texts_of_q8_0_do_not_either(sweep):
    common = [*GRID, "-ctk", "q8_0", "-ctv", "q8_0", "-p", PROMPT]
    wanted, _ = sweep.records(*common, name="a")
    records, _ = sweep.records(*common, "--parallel", "1", "-t", "1", "-b", "7", name="b")
    assert by_key(records) == by_key(wanted) and wanted[0]["cache_type_k"] == wanted[0]["cache_type_v"] == "q8_0"
    others, _ = sweep.records(*GRID, "-p", PROMPT, name="c")
    assert not set(by_key(others)) & set(by_key(wanted))
    status, out, err = sweep.generate.run("--replay", sweep.path("a"), "--row", "3", "--json", model=[])
    assert status == 0 and json.loads(out)["text"] == wanted[2]["text"], err


@sweep_test
def test_files_agree(sweep):
    records, err = sweep.records(*GRID, "-p", PROMPT, "--csv", sweep.path("csv"), "--db", sweep.path("db"), "--summary",
                                 sweep.path("summary"), "--expect", "Paris")
    assert "texts:       12 of 12" in err and "144 tokens" in err, err
    with open(sweep.path("csv"), encoding="utf-8", newline="") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    database = sqlite3.connect(sweep.path("db"))
    stored = {row[0]: row[1:] for row in database.execute(
        "SELECT key, json_extract(params, '$.temperature'), perplexity, text, record, passed FROM texts")}
    assert set(rows) == set(stored) == set(by_key(records)) and len(rows) == 12
    for key, record in by_key(records).items():
        row, measures = rows[key], record["measures"]
        assert float(row["temperature"]) == stored[key][0] == record["params"]["temperature"]
        assert float(row["perplexity"]) == stored[key][1] == measures["perplexity"]
        assert row["text"] == stored[key][2] == record["text"] and json.loads(stored[key][3]) == record
        assert stored[key][4] == measures["passed"] == record["judges"]["expect"] == ("Paris" in record["text"])
        assert int(row["seed"]) == record["params"]["seed"] and row["stop"] == record["stop"]
        mean = sum(record["logprobs"]) / len(record["ids"])
        assert abs(measures["logprob"] - mean) < 1e-4 and abs(measures["perplexity"] - math.exp(-mean)) < 1e-2
        assert all(0 <= entropy < 11 for entropy in record["entropies"])
    with open(sweep.path("summary"), encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 4 and all(cell["texts"] == "3" for cell in cells)
    for cell in cells:
        texts = [r for r in records if str(r["params"]["temperature"]) == cell["temperature"] and
                 str(r["params"]["top_k"]) == cell["top_k"]]
        values = [r["measures"]["perplexity"] for r in texts]
        mean = sum(values) / 3
        assert abs(float(cell["perplexity"]) - mean) < 1e-6
        spread = math.sqrt(sum((value - mean) ** 2 for value in values) / 2)
        assert abs(float(cell["perplexity_spread"]) - spread) < 1e-6
        if cell["temperature"] == "0" or cell["top_k"] == "1":
            assert cell["similarity"] == "1"
        if cell["top_k"] == "1":
            assert cell["divergence_top_k"] == "" and (cell["divergence_temperature"] in ("", "12"))
    warm = next(cell for cell in cells if cell["temperature"] == "0.9" and cell["top_k"] == "40")
    apart = []
    for seed in (1, 2, 3):
        pair = [next(r["ids"] for r in records if r["params"]["temperature"] == 0.9 and r["params"]["top_k"] == k and
                     r["params"]["seed"] == seed) for k in (1, 40)]
        apart.append(next((i for i, (a, b) in enumerate(zip(*pair)) if a != b), 12))
    assert abs(float(warm["divergence_top_k"]) - sum(apart) / 3) < 1e-6
    assert float(warm["similarity"]) < 1


@sweep_test
def test_a_killed_run_loses_only_what_was_in_flight(sweep):
    common = ["--temp", "0.5..2:0.1", "--seed", "1..4", "-n", "8", "--parallel", "4", "-p", PROMPT]
    wanted, _ = sweep.records(*common, name="whole")
    for store, flag in (("part.jsonl", "--jsonl"), ("part.db", "--db")):
        path = sweep.path(store)
        program = sweep.start(flag, path, *common)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and count(path) < 9:
            time.sleep(0.005)
        program.kill()
        program.wait()
        program.stderr.close(), program.stdout.close()
        left = count(path)
        assert 9 <= left < 64, left
        if flag == "--jsonl":
            with open(path, "a", encoding="utf-8") as file:
                file.write('{"key":"0123')  # what a kill in the middle of a line leaves
        sweep.refuses([flag, path, *common], path, "--resume")
        status, _, err = sweep.run(flag, path, "--resume", "--csv", sweep.path(store + ".csv"), *common)
        assert status == 0 and f"{left} of them from an earlier run" in err and "64 of 64" in err, err
        records = read_records(path) if flag == "--jsonl" else \
            [json.loads(row[0]) for row in sqlite3.connect(path).execute("SELECT record FROM texts")]
        assert len(records) == 64 and by_key(records) == by_key(wanted)
        with open(sweep.path(store + ".csv"), encoding="utf-8") as file:
            assert len(list(csv.DictReader(file))) == 64
    path = sweep.path("part.jsonl", '{"key": 5}\n')
    sweep.refuses(["--jsonl", path, "--resume", *common], "part.jsonl", "line 1", "no record")
    sweep.refuses(["--resume", *common], "--resume needs")


def count(path):
    """Texts in a file, as far as it is there."""
    try:
        if path.endswith(".jsonl"):
            with open(path, "rb") as file:
                return file.read().count(b"\n")
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("SELECT count(*) FROM texts").fetchone()[0]
    except (OSError, sqlite3.OperationalError):
        return 0


@sweep_test
def test_an_interrupt_leaves_valid_files(sweep):
    path = sweep.path("a.jsonl")
    program = sweep.start("--jsonl", path, "--csv", sweep.path("csv"), "--db", sweep.path("db"), "--temp", "0.5..2:0.01",
                          "--parallel", "4", "-n", "8", "--seed", "1", "-p", PROMPT)
    while count(path) < 3:
        time.sleep(0.01)
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=30)
    assert program.returncode == 130 and b"ended by an interrupt" in err and out.startswith(b"temperature"), err
    records = read_records(path)
    with open(sweep.path("csv"), encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(records) == count(sweep.path("db")) < 151


@sweep_test
def test_limits(sweep):
    common = ["--temp", "0.5..2:0.01", "--parallel", "4", "-n", "8", "--seed", "1", "-p", PROMPT]
    records, err = sweep.records("--limit-tokens", "70", *common, name="tokens")
    assert len(records) == 8 and "--limit-tokens; --resume goes on" in err, (len(records), err)
    start = time.monotonic()
    records, err = sweep.records("--limit-time", "1", *common, "--ignore-eos", "-n", "4000", name="time")
    assert "--limit-time" in err and time.monotonic() - start < 20


@sweep_test
def test_guidance_is_that_of_generate(sweep):
    records, err = sweep.records("--guidance", "1,1.5,3", "--temp", "0,0.8", "--seed", "1", "-n", "10", "-p", PROMPT)
    assert len(records) == 6 and "60 tokens" in err, err
    assert len({record["text"] for record in records}) > 3
    for record in records:
        params = sweep.path("params.json", json.dumps(record["params"]))
        assert sweep.generate.json("--params", params, "-p", PROMPT)["text"] == record["text"], record["params"]


@sweep_test
def test_negative_prompts_go_with_each_prompt(sweep):
    away = ["A cat is", ""]
    common = ["--guidance", "1,2,3", "--temp", "0,0.8", "--seed", "1,2", "-n", "10", "-p", PROMPT, "-p", "Once upon a time",
              *(flag for text in away for flag in ("--negative-prompt", text))]
    records, _ = sweep.records(*common, "--check-parameters")
    assert len(by_key(records)) == len(records) == 3 * 2 * 2 * 2 * 2
    for row, record in list(enumerate(records, 1))[::5]:
        guided = record["params"]["guidance"] != 1
        assert ("negative_prompt" in record) == guided, record
        status, out, err = sweep.generate.run("--replay", sweep.path("out.jsonl"), "--row", str(row), "--json", model=sweep.model[:-1])
        assert status == 0 and json.loads(out)["text"] == record["text"], err
        params = sweep.path("params.json", json.dumps(record["params"]))
        negative = ["--negative-prompt", record["negative_prompt"]] if guided else []
        assert sweep.generate.json("--params", params, "-p", record["prompt"], *negative)["text"] == record["text"], record
    for number, options in enumerate((["--parallel", "1"], ["--parallel", "5", "-b", "7"], ["-t", "1"])):
        again, _ = sweep.records(*common, *options, name=f"again{number}")
        assert by_key(again) == by_key(records), options
    lines = sweep.path("prompts", '{"prompt": "Name a colour.", "negative_prompt": "Name a red thing.", "name": "own"}\nName a city.\n')
    chat = [flag for flag in sweep.model if flag != "--raw"]
    status, _, err = sweep.run("-f", lines, "--negative-prompt", "Name a town.", "-sys", "Be brief.", "--guidance", "2", "--seed", "5",
                               "-n", "12", "--jsonl", sweep.path("chat"), model=chat)
    assert status == 0, err
    for record in read_records(sweep.path("chat")):
        question, negative = record["messages"][-1]["content"], record["negative_prompt"]
        assert (question, negative) in (("Name a colour.", "Name a red thing."), ("Name a city.", "Name a town.")), record
        status, out, err = sweep.generate.run(question, "--negative-prompt", negative, "-sys", "Be brief.", "--guidance", "2", "-s", "5",
                                              "-n", "12", "--json", model=chat)
        assert status == 0 and json.loads(out)["text"] == record["text"], err
    sweep.refuses(["--negative-prompt", "a", "b"], "--guidance")


@sweep_test
def test_contrast_is_that_of_generate(sweep):
    weaker = ["--weaker-model", sweep.model[1]]
    common = ["--contrast", "0,0.5,2", "--contrast-alpha", "0.3", "--guidance", "1,2", "--temp", "0.8,1.5", "--seed", "1", "-n", "10"]
    records, _ = sweep.records(*common, *weaker, "--check-parameters", "-p", PROMPT)
    assert len(by_key(records)) == len(records) == 12
    for record in records[::3]:
        params = sweep.path("params.json", json.dumps(record["params"]))
        flags = weaker if record["params"]["contrast"] > 0 else []
        assert sweep.generate.json("--params", params, "-p", PROMPT, *flags)["text"] == record["text"], record["params"]
    twice, _ = sweep.records(*common, *weaker, *weaker, "-p", PROMPT, "--csv", sweep.path("csv"), name="twice")
    with open(sweep.path("csv"), encoding="utf-8", newline="") as file:
        models = [row["model"] for row in csv.DictReader(file)]
    assert len(models) == 24 and all(model.endswith(" less " + os.path.basename(weaker[1])) for model in models), models
    assert by_key(twice) == by_key(records)
    sweep.refuses([*common, "a"], "--weaker-model")
    sweep.refuses([*weaker, "a"], "--contrast")
    sweep.refuses(["--contrast", "1", "--weaker-model", "no such file", "a"], "no such file")


@sweep_test
def test_searches_are_those_of_generate(sweep):
    records, _ = sweep.records("--seed", "1", "-n", "10", "-p", PROMPT, "--cells", sweep.path(
        "cells", '[{"n_beams": 3, "length_penalty": 0}, {"best_of": 2, "temperature": 1.5}, {"top_k": 5}]'))
    assert len(records) == 3
    for row, record in enumerate(records, 1):
        status, out, err = sweep.generate.run("--replay", sweep.path("out.jsonl"), "--row", str(row), "--json", model=sweep.model[:-1])
        assert status == 0 and json.loads(out)["text"] == record["text"], err
        assert len(record["logprobs"]) == len(record["ids"]) == len(record["entropies"])


@sweep_test
def test_progress_on_a_terminal(sweep):
    master, slave = pty.openpty()
    program = subprocess.Popen([sweep.program, *sweep.model, "--temp", "0.5..2:0.1", "--seed", "1", "-n", "20", "--parallel", "4",
                                "-p", PROMPT], stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    written = b""
    try:
        while piece := os.read(master, 4096):
            written += piece
    except OSError:  # the other side is closed
        pass
    os.close(master)
    assert program.wait(timeout=30) == 0
    bars = re.findall(rb"\[([#.]{24})\] (\d+) of 16 texts, \d+ tokens/s, \d+ s left", written)
    assert bars and all(bar.startswith(b"#" * bar.count(b"#")) for bar, _ in bars), written
    assert [int(done) for _, done in bars] == sorted(int(done) for _, done in bars)


@sweep_test
def test_prompts_are_computed_once(sweep):
    """A long prompt costs sixty-four settings hardly more than one."""
    common = ["-p", "snow and ice " * 250, "-n", "1", "--ignore-eos", "--seed", "1"]
    times = {}
    for temperatures in ("1", "1..7.3:0.1"):
        start = time.monotonic()
        assert sweep.run("--temp", temperatures, *common)[0] == 0
        times[temperatures] = time.monotonic() - start
    assert times["1..7.3:0.1"] < 5 * times["1"], times


@sweep_test
def test_judges(sweep):
    script = sweep.path("judge.sh", 'read -r line; case $line in *Paris*) echo 1.5; exit 0;; *) echo none; exit 1;; esac')
    records, _ = sweep.records(*GRID, "-p", PROMPT, "--judge", f"sh {script}", "--expect-choices", "Paris|London", "--expect-json-schema",
                               '{"type": "object"}', "--judge-model", sweep.model[1])
    for record in records:
        paris = "Paris" in record["text"]
        assert record["judges"] == {"schema": False, "choices": False, "command": paris}, record["judges"]
        assert record["measures"]["score"] == (1.5 if paris else None) and record["measures"]["passed"] == 0
        # the same checkpoint judges: only the text's tokens may come apart another way than they were picked
        assert abs(record["measures"]["judge_logprob"] - record["measures"]["logprob"]) < 0.5
    sweep.refuses([*GRID, "-p", PROMPT, "--judge", "exit 3"], "--judge: 'exit 3' ended with exit status 3")
    sweep.refuses([*GRID, "-p", PROMPT, "--expect", "("], "--expect", "character 2")
    sweep.refuses([*GRID, "-p", PROMPT, "--expect-json-schema", '{"tpye": 1}'], "'tpye'")


@sweep_test
def test_constraints_hold_for_all(sweep):
    records, _ = sweep.records("--choices", " Paris, London", "--temp", "0,3", "--top-k", "0", "--min-p", "0", "--top-p", "1",
                               "--seed", "1..6", "-p", PROMPT)
    assert {record["text"] for record in records} == {" Paris", " London"} and len(records) == 12
    assert {record["constraint"]["kind"] for record in records} == {"choices"}
    # a text that no token can go on with fails alone
    records, err = sweep.records("--choices", "z", "-l", '[[["z",false]],[]]', "--seed", "1", "-p", PROMPT, name="z", status=1)
    assert [record["text"] for record in records] == ["z"], records
    assert "1 text could not be made; prompt 1, setting 1: " in err, err


@sweep_test
def test_wrong_use_is_told(sweep):
    sweep.refuses([], "no prompt")
    sweep.refuses(["--temp", "0,1,x", "a"], "temperature", "'x'")
    sweep.refuses(["--tmep", "1", "a"], "'--temp'")
    sweep.refuses(["--zip", "--temp", "0,1", "--top-k", "1..3", "a"], "--zip")
    sweep.refuses(["-f", "no such file"], "no such file")
    sweep.refuses(["-f", sweep.path("empty", "\n")], "no prompt in it")
    sweep.refuses(["-f", sweep.path("bad", 'a\n{"prompt": 5}\n')], "line 2", '"prompt" is not a string')
    sweep.refuses(["-f", sweep.path("bad", '{"prompt": "a", "messages": []}\n')], "one of")
    sweep.refuses(["-c", "4", "-p", "one two three four five six"], "prompt 1: has", "the context holds 4")
    sweep.refuses(["--cells", sweep.path("cells", "[{}, 1]"), "a"], "a cell is an object")
    sweep.refuses(["--cells", sweep.path("cells", 'temperature,top_k\n1,"5\n'), "a"], "cells: line 2", "quote")
    sweep.refuses(["--stop", '[["a"],', "a"], "--stop)", "column 8")
    sweep.refuses(["--html", "/no/such/folder/x", "-n", "100000", "--ignore-eos", "a"], "/no/such/folder/x")
    sweep.refuses(["--jsonl", sweep.path("same"), "--csv", sweep.path("same"), "a"], "two files")
    sweep.refuses(["a"], "no such checkpoint", model=["-m", "no such checkpoint"])
    sweep.refuses(["a", "-n", "100000", "--ignore-eos", "-m", "no such checkpoint"], "no such checkpoint")
    sweep.refuses(["--jsonl", "/no/such/folder/x", "a"], "/no/such/folder/x")
    status, out, _ = sweep.run("--help", model=[])
    assert status == 0 and b"--temp" in out and b"--resume" in out
    assert subprocess.run([sweep.program, "--version"], capture_output=True, check=True).stdout.startswith(b"firn ")


if __name__ == "__main__":
    sys.exit(run_tests(globals(), "--raw"))
