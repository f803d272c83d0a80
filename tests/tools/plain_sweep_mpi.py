#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sweeps over several ranks: the same texts in any number of them, and nothing lost when one of them is."""
import os
import shutil
import signal
import subprocess
import sys
import time

from plain_generate import SKIPPED, run_tests
from plain_sweep import by_key, count, read_records, sweep_test

MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe"]
COMMON = ["-t", "1", "--temp", "0,0.7..1.5:0.2", "--top-k", "1,40", "--seed", "1..2", "-n", "10", "-p", "The capital of France is",
          "-p", "Once"]


def run_ranks(sweep, ranks, *arguments):
    done = subprocess.run([*MPIRUN, "-np", str(ranks), sweep.program, *sweep.model, *arguments], capture_output=True, text=True,
                          timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


@sweep_test
def test_any_number_of_ranks_makes_the_same_texts(sweep):
    wanted, _ = sweep.records(*COMMON, "--summary", sweep.path("summary1"), name="r1")
    assert len(wanted) == 48
    for ranks in (2, 4):
        status, out, err = run_ranks(sweep, ranks, *COMMON, "--jsonl", sweep.path(f"r{ranks}"), "--summary", sweep.path(f"summary{ranks}"),
                                     "--csv", sweep.path(f"csv{ranks}"), "--db", sweep.path(f"db{ranks}"))
        assert status == 0 and out.count("temperature") == 1 and "48 of 48" in err and "480 tokens" in err, (out, err)
        records = read_records(sweep.path(f"r{ranks}"))
        assert len(records) == 48 and by_key(records) == by_key(wanted)
        with open(sweep.path(f"summary{ranks}"), encoding="utf-8") as one, open(sweep.path("summary1"), encoding="utf-8") as other:
            assert one.read() == other.read()
        assert count(sweep.path(f"db{ranks}")) == 48


@sweep_test
def test_a_drawn_seed_is_one(sweep):
    status, _, err = run_ranks(sweep, 2, "--temp", "1,1.2", "-n", "4", "-p", "a", "--jsonl", sweep.path("a"))
    assert status == 0 and len({record["params"]["seed"] for record in read_records(sweep.path("a"))}) == 1, err


def rank_processes(program):
    """Process ids of the ranks that mpirun started, by rank."""
    found = {}
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/environ", "rb") as environ, open(f"/proc/{process}/stat", encoding="utf-8") as stat:
                rank = [part[21:] for part in environ.read().split(b"\0") if part.startswith(b"OMPI_COMM_WORLD_RANK=")]
                if rank and int(stat.read().rsplit(")", 1)[1].split()[1]) == program.pid:
                    found[int(rank[0])] = int(process)
        except (OSError, ValueError):
            pass
    return found


@sweep_test
def test_a_lost_rank_loses_nothing_that_had_come(sweep):
    wanted, _ = sweep.records(*COMMON, name="whole")
    path = sweep.path("part.jsonl")
    program = subprocess.Popen([*MPIRUN, "-np", "3", sweep.program, *sweep.model, *COMMON, "--parallel", "2", "--jsonl", path],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and count(path) < 5:
        time.sleep(0.002)
    os.kill(rank_processes(program)[1], signal.SIGKILL)
    _, err = program.communicate(timeout=60)
    assert program.returncode != 0 and "rank 1" in err and "on signal 9" in err, err
    left = count(path)
    assert 5 <= left < 48, left
    status, _, err = run_ranks(sweep, 2, *COMMON, "--jsonl", path, "--resume")
    assert status == 0 and f"{left} of them from an earlier run" in err and f"{10 * (48 - left)} tokens" in err, err
    records = read_records(path)
    assert len(records) == 48 and by_key(records) == by_key(wanted)


@sweep_test
def test_an_error_of_one_ends_all(sweep):
    status, _, err = run_ranks(sweep, 2, "--temp", "0,1", "-p", "a", "--judge", 'test "$OMPI_COMM_WORLD_RANK" = 0 || exit 9', "-n", "2")
    assert status != 0 and "sweep: error: --judge" in err and "exit status 9" in err, err


if __name__ == "__main__":
    if shutil.which("mpirun") is None:
        print("mpirun is not there")
        sys.exit(SKIPPED)
    sys.exit(run_tests(globals(), "--raw"))
