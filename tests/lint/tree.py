# SPDX-License-Identifier: Apache-2.0
"""The files that rules look at, and the register of rules."""
import dataclasses
import functools
import os
import re
import typing

LIBRARIES = ("base", "kernels", "tokenizer", "models", "engine")
RULES = []


class NotHere(Exception):
    """This machine can't run the rule; the text says why, after "hardware:"."""


@dataclasses.dataclass(frozen=True)
class Rule:
    name: str
    check: typing.Callable  # (Tree) -> list of findings
    bad: tuple              # samples, each {path: content}, in which the rule must find something
    reads_objects: bool


def rule(*bad, reads_objects=False):
    """Registers a function as a rule; its name is the rule's."""
    def register(check):
        RULES.append(Rule(check.__name__, check, bad, reads_objects))
        return check
    return register


class Tree:
    """A project folder, the relative paths of its files, and the folder of its build."""

    def __init__(self, root, build, files):
        self.root, self.build, self.files = root, build, sorted(files)

    def path(self, file):
        return os.path.join(self.root, file)

    @functools.lru_cache(maxsize=None)
    def data(self, file):
        with open(self.path(file), "rb") as source:
            return source.read()

    def text(self, file):
        return self.data(file).decode(errors="replace")

    def lines(self, file):
        """(number, line) from 1."""
        return enumerate(self.text(file).splitlines(), 1)

    def named(self, *endings):
        return [file for file in self.files if file.endswith(endings)]

    def c_files(self):
        return self.named(".c", ".h")

    def shell_scripts(self):
        return [file for file in self.files
                if file.endswith(".sh") or re.match(rb"#!.*\b(ba|da)?sh\b", self.data(file)[:80])]

    def library_objects(self):
        """(library, source file, object file) for each source of the libraries that is built here."""
        found = []
        for file in self.named(".c"):
            library = file.split("/")[0]
            if library in LIBRARIES:
                compiled = os.path.join(self.build, "CMakeFiles", f"firn_{library}.dir", file + ".o")
                if os.path.exists(compiled):
                    found.append((library, file, compiled))
        return found
