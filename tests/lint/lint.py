#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the house rules on every file of the project and every object of the libraries.

Each rule is held against the tree, where it must find nothing, and against the bad samples that stand beside it, where
it must find something: a rule that can't fail is a failure. Prints findings; --tap=FILE writes the report that
tests/runner.py reads.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import objects
import sources
from tree import Tree, RULES, NotHere


def sample_tree(folder, sample):
    """Writes the sample's files into `folder`; its C files are compiled as the libraries' would be."""
    for path, content in sample.items():
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
    return Tree(folder, os.path.join(folder, "build"), list(sample))


def sample_is_caught(rule, sample):
    with tempfile.TemporaryDirectory(prefix="firn-lint-") as folder:
        tree = sample_tree(folder, sample)
        if rule.reads_objects:
            objects.compile_all(tree)
        return bool(rule.check(tree))


def tracked_files(root):
    listing = subprocess.check_output(["git", "-C", root, "ls-files", "-z", "--cached", "--others",
                                       "--exclude-standard"], text=True)
    return [path for path in listing.split("\0") if path and os.path.isfile(os.path.join(root, path))]


def main():
    arguments = argparse.ArgumentParser(description="Checks the house rules.")
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    arguments.add_argument("--build", default=os.path.join(root, "build", "dev"), help="folder of a finished build")
    arguments.add_argument("--tap", metavar="FILE", default=os.devnull)
    arguments.add_argument("-j", metavar="N", help="taken for the likeness to a Criterion program; rules run in turn")
    options = arguments.parse_args()

    tree = Tree(root, options.build, tracked_files(root))
    lines = []

    def report(good, name, findings=()):
        lines.append(f"{'ok' if good else 'not ok'} - {name}")
        for finding in findings:
            print(f"{name}: {finding}")

    for rule in RULES:
        try:
            findings = rule.check(tree)
        except NotHere as reason:
            lines.append(f"ok - lint::{rule.name}  # SKIP {reason}")
            continue
        report(not findings, f"lint::{rule.name}", findings)
        for number, sample in enumerate(rule.bad, 1):
            name = f"lint::{rule.name}_catches_sample_{number}"
            if sample_is_caught(rule, sample):
                report(True, name)
            else:
                report(False, name, [f"finds nothing wrong with {sample}"])
    with open(options.tap, "w", encoding="utf-8") as out:
        print(f"1..{len(lines)}", *lines, sep="\n", file=out)
    return 1 if any(line.startswith("not ok") for line in lines) else 0


if __name__ == "__main__":
    assert sources.__doc__ and objects.__doc__  # imported for the rules that they register
    sys.exit(main())
