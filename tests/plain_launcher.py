#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs ./generate in a small tree whose cmake and pip are stand-ins, and sees what it does and says."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHECKPOINT = "SmolLM2-135M-Instruct.Q4_1.gguf"

# Counts builds, and makes the program that prints its arguments one a line.
CMAKE = """#!/bin/sh
[ "$1" = --build ] || exit 0
echo built >>"$FIRN_TEST_LOG"
[ ! -e fail ] || { echo broken source; exit 1; }
mkdir -p build/bin
cat >build/bin/generate <<'END'
#!/bin/sh
printf '%s\\n' "$@"
END
chmod +x build/bin/generate
"""
PYTHON_OFFLINE = """#!/bin/sh
case "$*" in *--version*) exit 0 ;; esac
echo fetched >>"$FIRN_TEST_LOG"
echo no route to host
exit 1
"""


class Place:
    """A tree with the real launcher, an empty home and the stand-ins first on the path."""

    def __init__(self, folder):
        self.root, self.home, self.log = folder / "project", folder / "home", folder / "log"
        commands = folder / "commands"
        for path in (self.root / "base", self.root / "kernels/ref", self.root / "tools", self.home, commands):
            path.mkdir(parents=True)
        shutil.copy(ROOT / "generate", self.root)
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for source in ("base/a.c", "kernels/ref/a.c", "tools/generate.c", "CMakeLists.txt"):
            (self.root / source).touch()
        for name, script in (("cmake", CMAKE), ("python3", PYTHON_OFFLINE)):
            (commands / name).write_text(script)
            (commands / name).chmod(0o755)
        self.environment = {"HOME": str(self.home), "FIRN_TEST_LOG": str(self.log),
                            "PATH": f"{commands}:{os.environ.get('PATH', os.defpath)}"}

    def run(self, *arguments, cwd="/", launcher=None):
        done = subprocess.run([launcher or self.root / "generate", *arguments], cwd=cwd, env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def logged(self, word):
        return self.log.read_text().split().count(word) if self.log.exists() else 0

    def put_checkpoint(self):
        cache = self.home / ".cache/firn"
        cache.mkdir(parents=True, exist_ok=True)
        (cache / CHECKPOINT).touch()


def expect(condition, *facts):
    if not condition:
        raise AssertionError(facts)


def builds_once_and_passes_arguments(place):
    arguments = ["-m", "a file", "-p", "two  words", ""]
    status, out, err = place.run(*arguments)
    expect(status == 0 and out.split("\n")[:-1] == arguments and "building" in err, status, out, err)
    status, out, err = place.run(*arguments)
    expect(status == 0 and err == "" and place.logged("built") == 1 and place.logged("fetched") == 0, status, out, err)


def builds_when_a_source_changed(place):
    place.run("-h")
    builds = 1
    for change in (lambda: (place.root / "kernels/ref/a.c").touch(),
                   lambda: (place.root / "base/new.c").touch(),
                   lambda: (place.root / "base/new.c").unlink(),
                   lambda: (place.root / "CMakeLists.txt").touch()):
        time.sleep(0.02)
        change()
        place.run("-h")
        place.run("-h")
        builds += 1
        expect(place.logged("built") == builds, place.logged("built"), builds)


def shows_why_a_build_failed(place):
    (place.root / "fail").touch()
    for _ in range(2):
        status, out, err = place.run("-h")
        expect(status == 1 and out == "" and "broken source" in err and "the build failed" in err, status, out, err)
    (place.root / "fail").unlink()
    expect(place.run("-h")[0] == 0)


def says_what_is_missing_without_a_network(place):
    status, out, err = place.run("hello")
    expect(status == 1 and out == "" and CHECKPOINT in err and "network" in err, status, out, err)
    expect(not any(path.name.startswith(".fetch") for path in (place.home / ".cache/firn").iterdir()))
    place.put_checkpoint()
    status, out, err = place.run("hello")
    expect((status, out, err) == (0, "hello\n", ""), status, out, err)


def runs_through_a_link_and_from_any_folder(place):
    place.put_checkpoint()
    link = place.home / "firn"
    link.symlink_to(place.root / "generate")
    expect(place.run("a", launcher=link)[:2] == (0, "a\n"))
    expect(place.run("b", launcher="./generate", cwd=place.root)[:2] == (0, "b\n"))


def first_runs_at_the_same_time_build_once(place):
    place.put_checkpoint()
    runs = [subprocess.Popen([place.root / "generate", "x"], env=place.environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = [(run.communicate()[0], run.returncode) for run in runs]
    expect(outputs == [("x\n", 0)] * 4 and place.logged("built") == 1, outputs, place.logged("built"))


def runs_no_other_program_when_all_is_there(place):
    place.put_checkpoint()
    place.run("x")
    nothing_to_find = dict(place.environment, PATH="/nonexistent")
    done = subprocess.run([place.root / "generate", "x"], env=nothing_to_find, capture_output=True, text=True, check=False)
    expect((done.returncode, done.stdout, done.stderr) == (0, "x\n", ""), done)


CASES = (builds_once_and_passes_arguments, builds_when_a_source_changed, shows_why_a_build_failed,
         says_what_is_missing_without_a_network, runs_through_a_link_and_from_any_folder,
         first_runs_at_the_same_time_build_once, runs_no_other_program_when_all_is_there)


def main():
    wrong = 0
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="firn-launcher-") as folder:
            try:
                case(Place(pathlib.Path(folder)))
            except AssertionError as error:
                wrong += 1
                print(f"{case.__name__}: {error}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
