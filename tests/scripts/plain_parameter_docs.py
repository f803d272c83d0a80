#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/PARAMETERS.md says what the programs do: its table, its commands' outputs and its pictures."""
import argparse
import os
import pathlib
import subprocess
import sys

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"
SKIPPED = 77

sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True
import parameter_docs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    build = parser.parse_args().build
    if not os.path.exists(parameter_docs.find_checkpoint()):
        print(f"skipped: {parameter_docs.find_checkpoint()} isn't there")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
    sys.exit(subprocess.run([sys.executable, "-B", SCRIPTS / "parameter_docs.py", "--build", build, "--check"],
                            check=False).returncode)


main()
