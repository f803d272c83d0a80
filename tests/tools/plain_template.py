#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs template on files and on a checkpoint, and sees what it writes, says and returns."""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

from plain_generate import SKIPPED, find_checkpoint


def main():
    parser = argparse.ArgumentParser(description="Tests template.")
    parser.add_argument("--build", required=True, help="folder of a finished build")
    program = str(pathlib.Path(parser.parse_args().build) / "bin" / "template")
    checkpoint = find_checkpoint()
    if not os.path.isfile(checkpoint):
        print(f"{checkpoint} is not there")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="firn-template-") as folder:
        def written(name, text):
            path = os.path.join(folder, name)
            pathlib.Path(path).write_text(text, encoding="utf-8")
            return path

        def expect(arguments, status, out, error=""):
            done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
            assert (done.returncode, done.stdout) == (status, out) and error in done.stderr, (arguments, done)

        messages = ["--messages", written("messages.json", '[{"role": "user", "content": "hi"}]')]
        expect(["-m", checkpoint, *messages], 0,
               "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
               "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
        source = written("a.jinja", "{{ bos_token }}{{ messages[0].content }}{{ x }}{{ strftime_now('%H') }}"
                                    "{{ add_generation_prompt }}{{ tools | length }}")
        tools = written("tools.json", "[1, 2]")
        expect([source, *messages, "--tools", tools, "--bos", "B", "--kwargs", '{"x": "X"}', "--now", "2026-01-31T09:05",
                "--no-generation-prompt"], 0, "BhiX09False2")
        expect([source], 1, "", "--messages")
        expect(["-m", checkpoint, source, *messages], 1, "", "either FILE.jinja or -m")
        expect([written("b.jinja", "\n{{ raise_exception('no') }}"), *messages], 1, "", "line 2, column")
    return 0


if __name__ == "__main__":
    sys.exit(main())
