#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the built generate on the default checkpoint, continuing raw text, and sees what it writes, says and returns."""
import argparse
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CHECKPOINT = "SmolLM2-135M-Instruct.Q4_1.gguf"
SKIPPED = 77
PROMPT = "The capital of France is"


def find_checkpoint():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.environ.get("FIRN_CHECKPOINTS") or os.path.join(cache, "firn")
    return os.path.join(folder, CHECKPOINT)


class Generate:
    def __init__(self, build, *arguments):
        self.program = str(pathlib.Path(build) / "bin" / "generate")
        self.model = ["-m", find_checkpoint(), *arguments]

    def run(self, *arguments, text="", model=None, **options):
        """Exit status, standard output (bytes) and standard error."""
        done = subprocess.run([self.program, *(self.model if model is None else model), *arguments],
                              input=text.encode() if "stdin" not in options else None, stderr=subprocess.PIPE,
                              stdout=options.pop("stdout", subprocess.PIPE), timeout=120, check=False, **options)
        return done.returncode, done.stdout, done.stderr.decode()

    def output(self, *arguments, text=""):
        status, out, err = self.run(*arguments, text=text)
        assert status == 0, err
        return out

    def json(self, *arguments):
        return json.loads(self.output("--json", *arguments))

    def refuses(self, arguments, *parts, model=None):
        status, out, err = self.run(*arguments, model=model)
        assert status == 1 and out == b"", (arguments, status, out)
        assert err.startswith("generate: error: ") and err.count("\n") == 1 and err.endswith("\n"), err
        for part in parts:
            assert part in err, (part, err)

    def start(self, *arguments, **options):
        return subprocess.Popen([self.program, *self.model, *arguments], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_help_and_version(generate):
    status, out, _ = generate.run("--help", model=[])
    assert status == 0
    for flag in ("-m, --model FILE", "--temp", "--top-k", "--top-p", "--min-p", "--seed", "-n, --predict", "--ids"):
        assert flag in out.decode(), flag
    assert generate.run("--version", model=[])[1].startswith(b"firn ")


def test_wrong_flags_say_what_is_allowed(generate):
    generate.refuses(["--tmep", "1"], "'--tmep'", "'--temp'")
    generate.refuses(["--temp", "-1"], "temperature", "0 to 1000")
    generate.refuses(["--top-k", "1.5"], "top_k", "an integer from 0")
    generate.refuses(["--seed", "-2"], "seed")
    generate.refuses(["--samplers", "top_k;nothing", "a"], "samplers", "temperature ('t')")
    generate.refuses(["-l", "9999999+1", "a"], "logit_bias", "9999999")
    generate.refuses(["--min-tokens", "9", "-n", "3", "a"], "min_tokens", "n_predict")
    generate.refuses(["-n"], "-n needs a value")
    generate.refuses(["--logprobs", "3", "a"], "--json")
    generate.refuses(["a", "b"], "quotes")
    generate.refuses(["a", "-p", "b"], "more than one prompt")
    generate.refuses(["--ids", "1,x"], "number 2")
    generate.refuses(["--ids", "1,2000000"], "number 2, 2000000", "outside the vocabulary")
    generate.refuses(["--cpu", "abacus", "a"], "abacus", "scalar")
    generate.refuses(["-f", "no such file"], "no such file")
    generate.refuses(["a"], "no such checkpoint", model=["-m", "no such checkpoint"])


def test_prompt_longer_than_the_context(generate):
    generate.refuses(["-c", "4", "-p", "one two three four five six"], "context holds 4", "the prompt has")


def test_json_object(generate):
    whole = generate.json("-p", PROMPT, "-n", "8", "--logprobs", "3", "--temp", "0", "-s", "7")
    assert list(whole) == ["prompt", "generated", "text", "params", "timings"]
    tokens = whole["prompt"] + whole["generated"]
    for token in tokens:
        shaped = ["shaped_logprob"] if token in whole["generated"] else []
        assert list(token) == ["id", "text", "bytes", "logprob", *shaped, "top"]
    assert all(token["shaped_logprob"] == 0 for token in whole["generated"])  # the likeliest is the only one left
    assert tokens[0]["logprob"] is None and tokens[0]["top"] is None
    for token in tokens[1:]:
        logprobs = [entry["logprob"] for entry in token["top"]]
        assert len(logprobs) == 3 and logprobs == sorted(logprobs, reverse=True)
        assert token["logprob"] <= logprobs[0] <= 0
    assert all(token["id"] == token["top"][0]["id"] for token in whole["generated"])
    assert len(whole["generated"]) == whole["timings"]["predicted_n"] <= 8
    assert len(whole["prompt"]) == whole["timings"]["prompt_n"]
    assert bytes(b for t in whole["generated"] for b in t["bytes"]).decode("utf-8", "replace") == whole["text"]
    assert whole["params"]["seed"] == 7 and whole["params"]["temperature"] == 0 and whole["params"]["top_k"] == 40


def test_streamed_text_is_that_of_the_object(generate):
    for options in (["--temp", "0"], ["--seed", "5"], ["--seed", "6", "--temp", "2", "--top-k", "0", "--top-p", "1"]):
        common = ["-p", PROMPT, "-n", "24", *options]
        whole = generate.json(*common)
        streamed = generate.output("--no-display-prompt", *common)
        assert streamed.decode("utf-8", "replace") == whole["text"]
        assert generate.output(*common) == PROMPT.encode() + streamed
        ids = ",".join(str(token["id"]) for token in whole["prompt"])
        assert generate.json("--ids", ids, "-n", "24", *options)["text"] == whole["text"]


def test_every_way_to_give_a_prompt(generate):
    common = ["-n", "8", "--temp", "0", "--no-display-prompt"]
    wanted = generate.output(PROMPT, *common)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(PROMPT + "\n")
        file.flush()
        assert generate.output("-f", file.name, *common) == wanted
    assert generate.output(*common, text=PROMPT + "\n") == wanted
    assert generate.output("-f", "-", *common, text=PROMPT) == wanted
    assert generate.output("-p", PROMPT.replace(" ", "\\x20"), *common) == wanted
    assert generate.output("-p", "a\\nb", "--no-escape", "-n", "0") == b"a\\nb"
    assert generate.output("-p", "a\\nb", "-n", "0") == b"a\nb"


def test_presets(generate):
    printed = json.loads(generate.output("--print-params", "--top-k", "7", "--stop", "a\"", "-l", "5-inf"))
    assert printed["top_k"] == 7 and printed["stop"] == ["a\""] and printed["logit_bias"] == [[5, False]]
    assert printed["seed"] == -1 and printed["samplers"][0] == "penalties"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(printed, file)
        file.flush()
        assert json.loads(generate.output("--print-params", "--params", file.name)) == printed
        changed = json.loads(generate.output("--print-params", "--stop", "b", "--params", file.name, "--top-k=9"))
        assert changed == {**printed, "top_k": 9, "stop": ["a\"", "b"]}
        whole = generate.json("-p", PROMPT, "-n", "4", "--params", file.name, "--seed", "3")
        assert whole["params"] == {**printed, "seed": 3, "n_predict": 4}
        file.seek(0)
        file.truncate()
        file.write('{"top_k": 40, "topp": 1}')
        file.flush()
        generate.refuses(["--params", file.name, "a"], file.name, "topp")
    generate.refuses(["--params", "no such file", "a"], "no such file")


def test_explanation(generate):
    common = ["--raw", "-p", PROMPT, "-n", "5", "--seed", "3", "--temp", "1.5"]
    plain = generate.output(*common)
    status, out, err = generate.run(*common, "--explain", "4")
    assert status == 0 and out == plain
    whole = generate.json(*common, "--logprobs", "1")["generated"]
    tables = err.split("token ")[1:1 + len(whole)]
    for number, (table, token) in enumerate(zip(tables, whole), 1):
        lines = table.split("\n")
        assert lines[0] == str(number) and lines[1].split()[:5] == ["id", "logit", "model", "logit_bias", "top_k"]
        assert lines[2].split()[3] == "40"
        winners = [line.split()[0] for line in lines[3:7] if " * " in line]
        assert winners == [str(token["id"])], table
        assert lines[3].split()[0] in (str(token["top"][0]["id"]), winners[0])


def test_stop_strings_and_tokens(generate):
    common = ["-p", PROMPT, "-n", "40", "--temp", "0"]
    whole = generate.json(*common)
    text = whole["text"]
    for wanted in (text[5:8], text[9:20], text[3:4]):
        cut = text[:text.index(wanted)]
        assert generate.json(*common, "--stop", wanted)["text"] == cut
        assert generate.output("--no-display-prompt", *common, "--stop", wanted).decode() == cut
        assert generate.json(*common, "--stop", "\x01", "-r", wanted, "--stop", text[-3:])["text"] == cut
    assert generate.json(*common, "--stop", "no such text")["text"] == text
    ids = [token["id"] for token in whole["generated"]]
    stopped = generate.json(*common, "--stop-token-id", str(ids[4]))["generated"]
    assert [token["id"] for token in stopped] == ids[:ids.index(ids[4]) + 1]


def test_strings_that_may_not_appear(generate):
    for seed in ("1", "2", "3"):
        common = ["-p", PROMPT, "-n", "40", "--seed", seed, "--temp", "1.5"]
        text = generate.json(*common)["text"]
        words = [word for word in text.split() if len(word) > 3][:3] + ["e s"]
        banned = [part for word in words for part in ("--banned-string", word)]
        whole = generate.json(*common, *banned)
        assert not any(word in whole["text"] for word in words), (words, whole["text"])
        assert "".join(token["text"] for token in whole["generated"]).startswith(whole["text"])
        assert generate.output("--no-display-prompt", *common, *banned).decode() == whole["text"]


def test_tokens_that_may_not_come(generate):
    common = ["-p", PROMPT, "-n", "40", "--temp", "0"]
    ids = [token["id"] for token in generate.json(*common)["generated"]]
    without = [token["id"] for token in generate.json(*common, "-l", f"{ids[0]}-inf")["generated"]]
    assert ids[0] not in without
    assert generate.json(*common, "--bad-words", "Paris")["text"].count("Paris") == 0
    assert generate.json(*common, "-l", " Paris-inf@1")["generated"][0]["id"] != ids[0]
    repeated = [token["id"] for token in generate.json(*common, "--no-repeat-ngram-size", "3")["generated"]]
    trigrams = list(zip(repeated, repeated[1:], repeated[2:]))
    assert len(trigrams) == len(set(trigrams))


def test_texts_that_may_not_end(generate):
    common = ["-p", "<|im_start|>user\\nSay yes.<|im_end|>\\n<|im_start|>assistant\\n", "--temp", "0", "-n", "60"]
    ended = generate.json(*common)["generated"]
    assert len(ended) < 60
    longer = generate.json(*common, "--min-tokens", str(len(ended) + 5))["generated"]
    assert len(longer) >= len(ended) + 5
    endless = generate.json(*common, "--ignore-eos")["generated"]
    assert len(endless) == 60 and ended[-1]["id"] not in [token["id"] for token in endless]
    timed = generate.json("-p", PROMPT, "--ignore-eos", "--time-limit-ms", "1")["generated"]
    assert 1 <= len(timed) < 10


def test_figures_on_standard_error(generate):
    _, _, err = generate.run("-p", PROMPT, "-n", "4", "--ignore-eos", "-s", "123456789012345")
    for part in ("prompt: ", "generated:   4 tokens, ", "tokens/s", "first token: ", "peak memory: ", "123456789012345"):
        assert part in err, (part, err)
    assert "\033" not in err
    drawn = [generate.json("-p", PROMPT, "-n", "0")["params"]["seed"] for _ in range(2)]
    assert drawn[0] != drawn[1] and all(0 <= seed < 2 ** 53 for seed in drawn)


def test_interruption_keeps_what_was_produced(generate):
    for arguments in ([], ["--json"]):
        program = generate.start("-p", PROMPT, "--ignore-eos", "--seed", "3", *arguments)
        if not arguments:
            program.stdout.read(len(PROMPT) + 1)
        else:
            time.sleep(1)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=30)
        assert program.returncode == 130, err
        assert b"seed:        3" in err
        if arguments:
            assert json.loads(out)["params"]["seed"] == 3


def test_reader_that_goes_away(generate):
    program = generate.start("-p", PROMPT, "--ignore-eos")
    program.stdout.read(1)
    program.stdout.close()
    err = program.stderr.read().decode()
    assert program.wait(timeout=30) == 0 and "error" not in err, err
    with open("/dev/full", "wb") as full:
        status, _, err = generate.run("-p", PROMPT, "-n", "2", stdout=full)
    assert status == 1 and err.startswith("generate: error: standard output: "), err


def test_file_cut_short_while_mapped(generate):
    program = generate.start("-p", PROMPT, "--ignore-eos")
    program.stdout.read(1)
    program.send_signal(signal.SIGBUS)  # what the kernel sends for a page that the file no longer has
    _, err = program.communicate(timeout=30)
    assert program.returncode == 1
    assert err.decode().startswith(f"generate: error: {generate.model[1]}: ") and err.count(b"\n") == 1, err


def terminal_output(generate, **environment):
    """What the program writes where all three streams are a terminal."""
    master, slave = pty.openpty()
    program = subprocess.Popen([generate.program, *generate.model, "-p", PROMPT, "-n", "4"], stdin=slave, stdout=slave,
                               stderr=slave, env={**os.environ, "TERM": "xterm", **environment})
    os.close(slave)
    written = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        written += piece
    os.close(master)
    assert program.wait(timeout=30) == 0
    return written


def test_colour_only_on_a_terminal(generate):
    assert b"\033[" in terminal_output(generate, NO_COLOR="")
    assert b"\033[" not in terminal_output(generate, NO_COLOR="1")
    assert b"\033[" not in terminal_output(generate, NO_COLOR="", TERM="dumb")
    assert b"\033" not in generate.output("-p", PROMPT, "-n", "4")


def run_tests(tests, *arguments):
    """Runs the functions called test_… with a Generate that has these arguments in every run."""
    parser = argparse.ArgumentParser(description="Tests generate.")
    parser.add_argument("--build", required=True, help="folder of a finished build")
    generate = Generate(parser.parse_args().build, *arguments)
    if not os.path.isfile(generate.model[1]):
        print(f"{generate.model[1]} is not there")
        return SKIPPED
    for name, test in sorted(tests.items()):
        if name.startswith("test_"):
            test(generate)
            print("passed", name)
    return 0


def run_in_folders(tests, make, *needed):
    """Runs the functions called test_… with what make(build, folder) gives, each in an empty folder. `needed`: programs
    that are needed beside the checkpoint."""
    parser = argparse.ArgumentParser(description="Tests generate.")
    parser.add_argument("--build", required=True, help="folder of a finished build")
    build = parser.parse_args().build
    missing = [program for program in needed if not shutil.which(program)]
    if not os.path.exists(find_checkpoint()):
        missing.append(find_checkpoint())
    if missing:
        print(f"skipped: {missing[0]} isn't there")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    for name, test in sorted(tests.items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as folder:
                test(make(build, folder))
            print("passed", name)
    return 0


if __name__ == "__main__":
    sys.exit(run_tests(globals(), "--raw"))
