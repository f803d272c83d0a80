# SPDX-License-Identifier: Apache-2.0
"""Builds the test presets, runs their test programs two at a time, and counts what they report.

Test programs are those that CMake registered: Criterion programs and lint/lint.py write a TAP file; a plain program
(name contains "plain_") is one test, by its exit status: 0 passed, 77 skipped, with the reason as its last line; its
lines that begin with "note: " are shown.
A program that crashes, times out or ends in a way that its report doesn't explain counts as a failed test.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
import typing

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIMEOUT_S = 300
PARALLEL = 2
PLAIN_SKIPPED = 77
IN_CI = os.environ.get("CI") == "true"
# A machine can't be given an instruction set: a skip for this reason stays a skip in CI.
HARDWARE = "hardware:"

SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
# A leak is found when a test's process ends, after Criterion has taken its result.
SANITIZER_REPORT = re.compile(r"^.*(ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|: runtime error: ).*$", re.M)
# These measure large checkpoints: memory that sanitizers add to, and differences of results, which others cover the code of.
NOT_WITH_SANITIZERS = re.compile(r"^engine_test_(memory|reference)$")


# What ThreadSanitizer may find something in.
HAS_THREADS = re.compile(r"^(base|models|engine)_")

# A CPU without AVX, emulated: an instruction that leaked into baseline code ends the program.
BASELINE_CPU = ["qemu-x86_64", "-cpu", "qemu64"]


@dataclasses.dataclass
class Program:
    suite: str
    name: str
    command: list
    folder: str

    def is_plain(self):
        return "plain_" in self.name

    def is_compiled_and_plain(self):
        return self.is_plain() and not self.command[0].endswith(".py")


@dataclasses.dataclass
class Suite:
    name: str
    preset: str
    wants: typing.Callable  # (Program) -> bool
    emulator: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Result:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0


def build(preset):
    """None, or the end of the output of the step that failed."""
    for command in (["cmake", "--preset", preset], ["cmake", "--build", "--preset", preset]):
        step = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
        if step.returncode != 0:
            return "\n".join(step.stdout.splitlines()[-60:])
    return None


def programs_of(suite):
    folder = os.path.join(ROOT, "build", suite.preset)
    listing = json.loads(subprocess.check_output(["ctest", "--test-dir", folder, "--show-only=json-v1"], text=True))
    programs = [Program(suite.name, test["name"], test["command"], folder) for test in listing["tests"]]
    wanted = [program for program in programs if suite.wants(program)]
    for program in wanted:
        program.command = suite.emulator + program.command
    return wanted


def read_tap(text):
    """Result of a TAP report; what it can't explain is a failure."""
    result = Result()
    planned = re.search(r"^1\.\.(\d+)", text, re.MULTILINE)
    for line in text.splitlines():
        match = re.match(r"(not )?ok - (.*)$", line)
        if match is None:
            continue
        name, _, skip_reason = match.group(2).partition("# SKIP")
        if match.group(1):
            result.failed += 1
        elif skip_reason:
            add_skip(result, name.strip(), skip_reason.strip())
        else:
            result.passed += 1
    counted = result.passed + result.failed + result.skipped
    if planned is None:
        result.failed += 1
        result.notes.append("its report has no plan line: the program ended before its tests did")
    elif counted < int(planned.group(1)):
        result.failed += int(planned.group(1)) - counted
        result.notes.append(f"its report has {counted} of {planned.group(1)} tests")
    return result


def add_skip(result, name, reason):
    if IN_CI and not reason.startswith(HARDWARE):
        result.failed += 1
        result.notes.append(f"skipped, which CI doesn't allow: {name}: {reason}")
    else:
        result.skipped += 1
        result.notes.append(f"skipped: {name}: {reason}")


def execute(command, working_folder, scratch):
    """(exit status, or None if it was stopped for taking too long; what it said)"""
    output = os.path.join(scratch, "output")
    with open(output, "wb") as sink:
        try:
            process = subprocess.Popen(command, cwd=working_folder, stdin=subprocess.DEVNULL, stdout=sink,
                                       stderr=subprocess.STDOUT, start_new_session=True,
                                       env={**SANITIZER_OPTIONS, **os.environ, "TMPDIR": scratch})
        except OSError as error:
            return 1, f"could not be started: {error}"
        try:
            status = process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = None
    return status, read_if_there(output)


def run_program(program):
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="firn-test-") as scratch:
        if program.is_plain():
            status, said = execute(program.command, program.folder, scratch)
            result = plain_result(program, status, said)
        else:
            report = os.path.join(scratch, "report.tap")
            status, said = execute([*program.command, "-j1", f"--tap={report}"], program.folder, scratch)
            result = read_tap(read_if_there(report))
            if status != 0 and result.failed == 0:
                result.failed = 1
                result.notes.append(f"ended with status {status}, which its report doesn't explain")
    sanitizer = SANITIZER_REPORT.search(said)
    if sanitizer and result.failed == 0:
        result.failed = 1
        result.notes.append(f"its tests pass, but: {sanitizer.group(0)}")
    if status is None:
        result.notes.append(f"stopped after {TIMEOUT_S} s")
    if result.failed:
        result.notes.append("\n".join(said.splitlines()[-60:]))
    result.seconds = time.monotonic() - started
    return result


def plain_result(program, status, said):
    result = Result(notes=re.findall(r"^note: (.*)", said, re.MULTILINE))
    if status == 0:
        result.passed = 1
    elif status == PLAIN_SKIPPED:
        lines = said.strip().splitlines()
        add_skip(result, program.name, lines[-1] if lines else "no reason given")
    else:
        result.failed = 1
    return result


def read_if_there(path):
    try:
        with open(path, errors="replace") as source:
            return source.read()
    except FileNotFoundError:
        return ""


def show(program, result):
    print(f"{'FAIL' if result.failed else 'ok  '} {program.suite:10} {program.name:40} {result.passed:5} passed"
          f" {result.seconds:7.1f} s", flush=True)
    for note in result.notes:
        print("       " + note.replace("\n", "\n       "), flush=True)


def main():
    arguments = argparse.ArgumentParser(prog="tests/run", description="Builds and runs the tests.")
    arguments.add_argument("-k", metavar="PATTERN", default="", help="only programs with a match of it in their name")
    arguments.add_argument("--no-sanitizers", action="store_true", help="leave out the asan-ubsan and tsan builds")
    options = arguments.parse_args()
    pattern = re.compile(options.k)

    suites = [Suite("dev", "dev", lambda program: True)]
    if platform.machine() == "x86_64":
        suites.append(Suite("baseline", "dev", Program.is_compiled_and_plain, BASELINE_CPU))
    if not options.no_sanitizers:
        suites.append(Suite("asan-ubsan", "asan-ubsan",
                            lambda program: not NOT_WITH_SANITIZERS.search(program.name)))
        suites.append(Suite("tsan", "tsan", lambda program: HAS_THREADS.search(program.name)
                            and not NOT_WITH_SANITIZERS.search(program.name)))

    total = Result()
    for suite in suites:
        broken = build(suite.preset)
        if broken is not None:
            print(f"FAIL {suite.name}: it doesn't build\n{broken}", flush=True)
            total.failed += 1
            continue
        programs = [program for program in programs_of(suite) if pattern.search(program.name)]
        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            for program, result in zip(programs, pool.map(run_program, programs)):
                show(program, result)
                total.passed += result.passed
                total.failed += result.failed
                total.skipped += result.skipped

    if total.passed + total.failed + total.skipped == 0:
        print(f"no test program's name has a match of '{options.k}'", file=sys.stderr)
        return 1
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
