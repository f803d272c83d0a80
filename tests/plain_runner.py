#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that runner.py counts what went wrong: each case is a program that ends in its own way."""
import os
import stat
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import runner  # noqa: E402

REPORT = 'for word; do case $word in --tap=*) exec >"${word#--tap=}" ;; esac; done\n'
# name, program, (passed, failed, skipped) as a developer sees it, and in CI
CASES = [
    ("test_good", REPORT + "echo 1..2; echo 'ok - a::b  (0.00s)'; echo 'ok - a::c'", (2, 0, 0), (2, 0, 0)),
    ("test_bad", REPORT + "echo 1..2; echo 'ok - a::b'; echo 'not ok - a::c'; echo ' not ok - x'; exit 1",
     (1, 1, 0), (1, 1, 0)),
    ("test_skips", REPORT + "echo 1..1; echo 'ok - a::b  # SKIP no checkpoint'", (0, 0, 1), (0, 1, 0)),
    ("test_hardware", REPORT + "echo 1..1; echo 'ok - a::b  # SKIP hardware: no AVX2'", (0, 0, 1), (0, 0, 1)),
    ("test_stops_early", REPORT + "echo 1..3; echo 'ok - a::b'", (1, 2, 0), (1, 2, 0)),
    ("test_no_report", "exit 0", (0, 1, 0), (0, 1, 0)),
    ("test_status", REPORT + "echo 1..1; echo 'ok - a::b'; exit 3", (1, 1, 0), (1, 1, 0)),
    ("test_leak", "echo '==1==ERROR: LeakSanitizer: detected memory leaks'; " + REPORT + "echo 1..1; echo 'ok - a::b'",
     (1, 1, 0), (1, 1, 0)),
    ("test_crash", "kill -SEGV $$", (0, 1, 0), (0, 1, 0)),
    ("test_hangs", "sleep 600", (0, 1, 0), (0, 1, 0)),
    ("plain_good", "echo note: shown; exit 0", (1, 0, 0), (1, 0, 0)),
    ("plain_bad", "exit 2", (0, 1, 0), (0, 1, 0)),
    ("plain_skips", "echo no checkpoint; exit 77", (0, 0, 1), (0, 1, 0)),
    ("plain_hangs", "sleep 600", (0, 1, 0), (0, 1, 0)),
]


def main():
    runner.TIMEOUT_S = 1
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="firn-runner-") as folder:
        for name, script, *expected in CASES:
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as out:
                out.write("#!/bin/sh\n" + script + "\n")
            os.chmod(path, stat.S_IRWXU)
            for runner.IN_CI, counts in zip((False, True), expected):
                result = runner.run_program(runner.Program("dev", name, [path], folder))
                found = (result.passed, result.failed, result.skipped)
                if found != counts:
                    wrong += 1
                    print(f"{name}, in CI: {runner.IN_CI}: {found}, not {counts}: {result.notes}")
                if name == "plain_good" and result.notes != ["shown"]:
                    wrong += 1
                    print(f"{name}: notes {result.notes}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
