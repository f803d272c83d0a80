#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/PARAMETERS.md says what the programs do: its table, its commands' outputs and its pictures."""
import argparse
import importlib.util
import os
import pathlib
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts" / "parameter_docs.py"
SKIPPED = 77


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    build = parser.parse_args().build
    spec = importlib.util.spec_from_file_location("parameter_docs", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(script)
    if not os.path.exists(script.find_checkpoint()):
        print(f"skipped: {script.find_checkpoint()} isn't there")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
    sys.exit(subprocess.run([sys.executable, "-B", SCRIPT, "--build", build, "--check"], check=False).returncode)


main()
