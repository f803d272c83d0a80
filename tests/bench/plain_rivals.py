#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests bench/rivals with recorded outputs and stand-ins for the engines; nothing here is timed."""
import argparse
import json
import math
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "bench"))
import comparison  # noqa: E402
import engines  # noqa: E402

# As llama-bench (llama.cpp 0c1e570 and ik_llama.cpp 8337e4cd3) print them, shortened to a few fields.
LLAMA_BENCH = """[
  {
    "build_commit": "0c1e570",
    "cpu_info": "AMD EPYC",
    "n_prompt": 0,
    "n_gen": 4,
    "avg_ns": 287683063,
    "stddev_ns": 0,
    "avg_ts": 13.904190,
    "samples_ns": [ 287683063 ],
    "samples_ts": [ 13.9042 ]
  }
]
"""
IK_BENCH = """[
  {
    "build_commit": "8337e4cd3",
    "avg_ts": 22.712497,
    "test": "tg4@pp64",
    "samples_ns": [ 176114497 ],
    "samples_ts": [ 22.7125 ]
  }
]
"""
# As llama-batched-bench prints its table, ik_llama.cpp's to standard error between other lines.
BATCHED = """
main: n_kv_max = 2048, n_batch = 2048, n_ubatch = 512, flash_attn = 1, is_pp_shared = 0, n_threads = 2

|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|
|    32 |     16 |    8 |    384 |    0.743 |   344.61 |    0.563 |   227.37 |    1.306 |   294.06 |

llama_print_timings:        load time =      91.13 ms
"""
MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"


def sample(engine, value, measure="decode", others=0.0, **more):
    return {"model": MODEL, "measure": measure, "engine": engine, "value": value, "others": others, **more}


def run_of(samples):
    names = ["firn", "llama.cpp", "llama.cpp, its defaults", "ik_llama.cpp -rtr 0", "ik_llama.cpp -rtr 1"]
    return {"time": "2026-01-02 03:04 UTC", "machine": {"cpu": "a CPU", "cpus": 2, "levels": "avx2"},
            "settings": vars(engines.Settings()), "samples": samples,
            "engines": {name: "1" for name in names},
            "models": {MODEL: {"parameter_bytes": 100e6, "position_bytes": 1e6, "tensor_bytes": 94e6}}}


class Statistics(unittest.TestCase):
    def test_intervals_between_order_statistics(self):
        """Which order statistics enclose a median with 92 %, from tables of the sign test."""
        for runs, k in ((1, 0), (4, 0), (5, 1), (7, 1), (8, 2), (10, 2), (11, 3), (20, 6)):
            self.assertEqual(comparison.order_statistic(runs), k, runs)
        found = comparison.interval([5, 1, 4, 2, 3])
        self.assertEqual((found.median, found.low, found.high), (3, 1, 5))
        found = comparison.interval(range(10))
        self.assertEqual((found.median, found.low, found.high), (4.5, 1, 8))
        self.assertTrue(math.isnan(comparison.interval([1, 2, 3, 4]).low))

    def test_a_ratio_goes_from_the_worst_case_to_the_best(self):
        ratio = comparison.Interval(10, 8, 12, 5).over(comparison.Interval(5, 4, 6, 5))
        self.assertAlmostEqual(ratio.median, 2)
        self.assertAlmostEqual(ratio.low, 8 / 6)
        self.assertAlmostEqual(ratio.high, 3)

    def test_verdicts(self):
        ratio = comparison.Interval(2, 1.8, 2.2, 5)
        self.assertEqual(comparison.verdict(ratio, 1.8), "met")
        self.assertEqual(comparison.verdict(ratio, 2.3), "missed")
        self.assertEqual(comparison.verdict(ratio, 2.0), "no verdict: inside the noise")
        ratio.disturbed = True
        self.assertEqual(comparison.verdict(ratio, 1), "no verdict: disturbed")
        self.assertEqual(comparison.verdict(comparison.interval([3, 3, 3]), 1), "no verdict: too few runs")


class Outputs(unittest.TestCase):
    def test_rates_and_versions_are_read(self):
        for text, rate, commit in ((LLAMA_BENCH, 13.9042, "0c1e570"), (IK_BENCH, 22.7125, "8337e4cd3")):
            outcome = engines.Outcome(output=text)
            self.assertEqual(engines.read_value("decode", outcome), rate)
            self.assertEqual(engines.version(None, outcome), commit)

    def test_the_rate_of_all_sequences_is_read(self):
        for outcome in (engines.Outcome(output=BATCHED), engines.Outcome(said=BATCHED)):
            self.assertEqual(engines.read_value("batch8", outcome), 227.37)
            with self.assertRaises(ValueError):
                engines.read_value("batch32", outcome)
        self.assertEqual(engines.read_value("batch8", engines.Outcome(output=LLAMA_BENCH)), 13.9042)  # as firn does

    def test_the_bandwidth_of_the_same_run_is_read(self):
        row = '[{"machine_read_median_gb_per_s": 20.5, "machine_read_gb_per_s": 30}]'
        self.assertEqual(engines.bandwidths(engines.Outcome(output=row)), (20.5e9, 30e9))
        for text in ("", LLAMA_BENCH, row.replace("20.5", "null")):
            self.assertIsNone(engines.bandwidths(engines.Outcome(output=text)))

    def test_commands(self):
        """Each engine decodes the same tokens, behind the same prompt, with room in its cache."""
        settings = engines.Settings(batch_prompt=30, batch_gen=10)
        firn = engines.Firn("/f").command("batch8", "m", settings)
        self.assertEqual(firn[:5], ["/f/bench", "-m", "m", "-t", "2"])
        self.assertEqual(firn[-7:], ["-n", "10", "-d", "30", "-npl", "8", "--no-roofline"])
        llama = engines.Llama("/l").command("batch8", "m", settings)
        self.assertEqual(llama[0], "/l/llama-batched-bench")
        self.assertEqual(llama[-8:], ["-c", "2048", "-npp", "30", "-ntg", "10", "-npl", "8"])
        self.assertEqual(engines.Ik("/i", True).command("batch8", "m", settings)[-1], "-rtr")
        self.assertNotIn("-rtr", engines.Ik("/i", False).command("batch8", "m", settings))
        self.assertIsNone(engines.LlamaDefaults("/l").command("batch8", "m", settings))
        self.assertNotIn("--no-roofline", engines.Firn("/f").command("decode", "m", settings))
        for measure in ("prefill", "decode", "depth"):
            for engine in (engines.Firn("/f"), engines.Llama("/l"), engines.Ik("/i", True)):
                self.assertIn("-r", engine.command(measure, "m", settings))
        for engine in (engines.Firn("/f"), engines.Llama("/l")):  # none takes the prompt for a conversation
            self.assertTrue({"--raw", "-no-cnv"} & set(engine.command("start", "m", settings)))

    def test_making_warm_leaves_no_trace_in_a_measured_peak(self):
        size = 300 << 20
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(size)
            engines.make_warm(file.name)
        outcome = engines.execute(["true"], 10)
        self.assertTrue(0 < outcome.peak_bytes < size)

    def test_a_start_is_the_time_to_the_first_byte(self):
        outcome = engines.Outcome(output=" Paris", first_byte_s=0.25)
        self.assertEqual(engines.read_value("start", outcome), 0.25)

    def test_what_is_no_result_is_refused(self):
        for text in ("", "[]", "{}", "[{}]", "null", '[{"samples_ts": []}]', LLAMA_BENCH[:90]):
            with self.assertRaises(ValueError, msg=text):
                engines.read_value("decode", engines.Outcome(output=text))
            self.assertEqual(engines.version(None, engines.Outcome(output=text)), "")
        with self.assertRaises(ValueError):
            engines.read_value("start", engines.Outcome(output="\n", first_byte_s=0.1))
        with self.assertRaises(ValueError):
            engines.read_value("decode", engines.Outcome(output=LLAMA_BENCH, error="status -11: "))


class Table(unittest.TestCase):
    def test_goals_are_judged_against_the_better_of_a_rivals_ways(self):
        rates = {"firn": 200, "llama.cpp": 80, "ik_llama.cpp -rtr 0": 90, "ik_llama.cpp -rtr 1": 120}
        run = run_of([sample(engine, rate + i) for engine, rate in rates.items() for i in range(5)])
        label, firn, llama, over_llama, first, ik, over_ik, second = comparison.rival_rows(run, MODEL)[0]
        self.assertEqual(label, "decode 128")
        self.assertEqual(firn, "202.0 (200.0 to 204.0)")
        self.assertEqual(llama, "82.0 (80.0 to 84.0)")
        self.assertEqual(over_llama, "2.46 (2.38 to 2.55)")
        self.assertEqual(first, "≥ 2: met")
        self.assertEqual(ik, "122.0 (120.0 to 124.0) -rtr 1")
        self.assertEqual(over_ik, "1.66 (1.61 to 1.70)")
        self.assertEqual(second, "≥ 1.9: missed")

    def test_times_are_better_when_they_are_smaller(self):
        run = run_of([sample("firn", 0.030, "start", peak_bytes=100_000_000)] * 5
                     + [sample("llama.cpp", 0.3, "start"), sample("llama.cpp, its defaults", 0.6, "start")] * 5)
        row = comparison.rival_rows(run, MODEL)[0]
        self.assertEqual(row[:5], ["start to first token", "30.0 (30.0 to 30.0)", "300.0 (300.0 to 300.0)",
                                   "10.00 (10.00 to 10.00)", "faster"])
        limits = {name: (value, goal) for name, value, goal in comparison.limit_rows(run, MODEL)}
        self.assertEqual(limits["start to first token"][1], "≤ 40 ms: met")
        self.assertEqual(limits["peak memory ÷ (tensors and KV used)"], ("1.00 (1.00 to 1.00)", "≤ 1.1: met"))

    def test_batches_have_goals_against_the_better_of_all_rivals(self):
        rates = {"firn": 600, "llama.cpp": 110, "ik_llama.cpp -rtr 0": 130, "ik_llama.cpp -rtr 1": 90}
        run = run_of([sample(engine, rate, "batch32") for engine, rate in rates.items() for i in range(5)])
        cells = comparison.rival_rows(run, MODEL)[0]
        self.assertEqual(cells[0], "decode 32 of 32 sequences")
        self.assertEqual(cells[4], "≥ 5: met")
        self.assertEqual(cells[5:], ["130.0 (130.0 to 130.0) -rtr 0", "4.62 (4.62 to 4.62)", "≥ 5: missed"])
        run = run_of([{**s, "measure": "batch3"} for s in run["samples"]])
        self.assertEqual(comparison.rival_rows(run, MODEL)[0][4], "faster")

    def test_the_share_of_the_bandwidth(self):
        """Each sample against the bandwidth beside it."""
        run = run_of([sample("firn", 8 * i, bandwidth=1e9 * i, best_bandwidth=9e9) for i in range(1, 6)])
        name, value, goal = comparison.limit_rows(run, MODEL)[0]
        self.assertIn("read bandwidth", name)
        self.assertEqual((value, goal), ("0.80 (0.80 to 0.80)", "≥ 0.88: missed"))
        self.assertIn("beside each decode: 3.0 (1.0 to 5.0) GB/s, at most 9.0.", comparison.report(run))
        self.assertIn("5 runs of each", comparison.report(run))

    def test_disturbed_runs_give_no_verdict(self):
        run = run_of([sample("firn", 400, others=0.5 if i < 3 else 0) for i in range(5)]
                     + [sample("llama.cpp", 80)] * 5)
        self.assertEqual(comparison.rival_rows(run, MODEL)[0][4], "≥ 2: no verdict: disturbed")
        run = run_of([sample("firn", 0.03, "start", others=0.9, peak_bytes=200_000_000)] * 5)
        goals = [goal for _, _, goal in comparison.limit_rows(run, MODEL)]
        self.assertEqual(goals, ["≤ 40 ms: no verdict: disturbed", "≤ 1.1: missed"])

    def test_failures_are_told_and_leave_the_rest(self):
        run = run_of([sample("firn", 200)] * 5 + [sample("llama.cpp", None, error="status -11: x")] * 5)
        report = comparison.report(run)
        self.assertIn(f"- {MODEL}, decode: llama.cpp failed 5 times; the last: status -11: x", report)
        self.assertIn("| decode 128 | 200.0 (200.0 to 200.0) |  |  |", report)

    def test_a_checkpoint_without_goals_gets_ratios(self):
        run = run_of([{**s, "model": "other.gguf"} for s in [sample("firn", 200)] * 5 + [sample("llama.cpp", 90)] * 5])
        run["models"]["other.gguf"] = run["models"].pop(MODEL)
        self.assertEqual(comparison.rival_rows(run, "other.gguf")[0][4], "faster")


# A stand-in for every program: it prints a result, and crashes where it is asked to.
STAND_IN = """#!/bin/sh
case $0 in
*/generate|*/llama-completion) echo " Paris"; exit 0 ;;
*/llama-cli) kill -SEGV $$ ;;
esac
echo '[{"build_commit": "abc", "firn_version": "9", "cpu_level": "none", "samples_ts": [RATE],
"parameter_bytes": 100, "cache_bytes": 1, "model_size": 100, "machine_read_gb_per_s": 2,
"machine_read_median_gb_per_s": 1}]'
"""


class Command(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="firn-test-")
        self.addCleanup(self.folder.cleanup)
        for name, rate in (("firn", 300), ("llama", 100), ("ik", 150)):
            os.mkdir(self.path(name))
            for program in ("bench", "generate", "llama-bench", "llama-batched-bench", "llama-completion", "llama-cli"):
                path = pathlib.Path(self.path(name, program))
                path.write_text(STAND_IN.replace("RATE", str(rate)), encoding="utf-8")
                path.chmod(path.stat().st_mode | stat.S_IXUSR)
        pathlib.Path(self.path(MODEL)).write_bytes(b"")

    def path(self, *parts):
        return os.path.join(self.folder.name, *parts)

    def run_rivals(self, *arguments):
        return subprocess.run([ROOT / "bench" / "rivals", *arguments], capture_output=True, text=True, timeout=100,
                              check=False)

    def test_a_whole_comparison_with_a_rival_that_crashes(self):
        done = self.run_rivals("--firn", self.path("firn"), "--llama", self.path("llama"), "--ik", self.path("ik"), "-m",
                               self.path(MODEL), "--patience", "0", "--retries", "0", "--measures", "decode,start",
                               "--save", self.path("run.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        run = json.loads(pathlib.Path(self.path("run.json")).read_text(encoding="utf-8"))
        order = [s["engine"] for s in run["samples"] if s["measure"] == "decode"]
        first, second = order[:4], order[4:8]
        self.assertEqual(sorted(first), sorted(second))
        self.assertNotEqual(first[0], second[0], "rounds begin with another engine")
        self.assertIn("| decode 128 | 300.0 (300.0 to 300.0) | 100.0 (100.0 to 100.0) | 3.00 (3.00 to 3.00) |",
                      done.stdout)
        self.assertIn("ik_llama.cpp -rtr 1 failed 5 times; the last: status -11", done.stdout)
        self.assertEqual(self.run_rivals("--show", self.path("run.json")).stdout, done.stdout)

    def test_a_comparison_in_pieces(self):
        common = ["--firn", self.path("firn"), "-m", self.path(MODEL), "--patience", "0", "--retries", "0", "--save",
                  self.path("run.json"), "--add"]
        self.assertEqual(self.run_rivals(*common, "--measures", "decode", "-r", "2").returncode, 0)
        done = self.run_rivals(*common, "--llama", self.path("llama"), "--measures", "decode,prefill", "-r", "3")
        self.assertEqual(done.returncode, 0, done.stderr)
        run = json.loads(pathlib.Path(self.path("run.json")).read_text(encoding="utf-8"))
        counts = [sum((s["measure"], s["engine"]) == key for s in run["samples"])
                  for key in (("decode", "firn"), ("prefill", "firn"), ("decode", "llama.cpp"))]
        self.assertEqual(counts, [5, 3, 3])
        self.assertIn("llama.cpp", run["engines"])
        self.assertIn("3 to 5 runs of each", done.stdout)
        other = self.run_rivals(*common, "-n", "7")
        self.assertNotEqual(other.returncode, 0)
        self.assertIn("another settings", other.stderr)

    def test_measures_are_chosen_by_name(self):
        for bad in ("decod", "batch", "batch0", "start,", "batch99999"):
            done = self.run_rivals("--firn", self.path("firn"), "-m", self.path(MODEL), "--measures", bad)
            self.assertEqual(done.returncode, 2, bad)
            self.assertIn("batch8", done.stderr)

    def test_what_is_missing_is_named(self):
        done = self.run_rivals("--firn", self.path("firn"), "--llama", self.path("nowhere"), "-m", self.path(MODEL))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nowhere/llama-bench", done.stderr)
        self.assertNotEqual(self.run_rivals("--firn", self.path("firn")).returncode, 0)

    def test_a_program_that_hangs_is_stopped(self):
        outcome = engines.execute(["sleep", "60"], 0.2)
        self.assertIn("too long", outcome.error)
        self.assertIn("No such file", engines.execute([self.path("nothing")], 1).error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", help="not needed: scripts are tested")
    _, rest = parser.parse_known_args()
    unittest.main(argv=sys.argv[:1] + rest)
