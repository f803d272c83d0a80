# SPDX-License-Identifier: Apache-2.0
"""What samples of several engines say: medians, how sure they are, ratios, and the goals' table.

The rule. Of n runs the median is given with an interval between order statistics that holds the true median with at
least 92 % confidence, whatever the distribution: for 5 to 7 runs the smallest and the largest, for 8 to 10 the second
of each end, and so on; with fewer than 5 there is none. The interval of a ratio goes from the worst case for firn to
the best. A goal is met if the whole interval is at or above it, missed if the whole interval is below it, and otherwise
there is no verdict. There is none either where other processes took more than DISTURBED of the CPUs in half of the
runs: both engines suffered from that, but not equally.
"""
import collections
import dataclasses
import math
import statistics

DISTURBED = 0.05
CONFIDENCE = 0.92


def is_rate(measure):
    """Tokens a second, of which more is better; else seconds."""
    return measure != "start"


@dataclasses.dataclass
class Goals:
    """Ratios to llama.cpp and to the better of ik_llama.cpp's ways; shares; seconds."""
    prefill: tuple = ()
    decode: tuple = ()
    depth: tuple = ()
    batch8: tuple = ()
    batch32: tuple = ()
    bandwidth_share: float = 0.0
    start: float = 0.0
    memory: float = 0.0


# By what a checkpoint's name begins with, in lower case.
GOALS = {
    "smollm2-135m": Goals((6, 2.2), (2.0, 1.9), (4, 3), (5, 5), (5, 5), 0.88, 0.040, 1.10),
    "gemma-3-270m": Goals((4, 2.2), (2.2, 1.8), (2.5, 2), (3.5, 3.5), (3.5, 3.5), 1.15, 0.080, 1.35),
    "qwen2.5-coder-0.5b": Goals((4.5, 2.2), (1.6, 1.4), (2, 1.7), (4.5, 4.5), (4, 4), 0.95, 0.100, 1.10),
}


def goals_of(model):
    for beginning, goals in GOALS.items():
        if model.lower().startswith(beginning):
            return goals
    return Goals()


@dataclasses.dataclass
class Interval:
    """A median and how far the truth may be from it. `low` is NaN where there are too few runs to say."""
    median: float
    low: float
    high: float
    runs: int = 0
    disturbed: bool = False

    def inverse(self):
        return Interval(1 / self.median, 1 / self.high, 1 / self.low, self.runs, self.disturbed)

    def times(self, other):
        return Interval(self.median * other.median, self.low * other.low, self.high * other.high,
                        min(self.runs, other.runs), self.disturbed or other.disturbed)

    def over(self, other):
        return self.times(other.inverse())

    def scaled(self, factor):
        return Interval(self.median * factor, self.low * factor, self.high * factor, self.runs, self.disturbed)


def order_statistic(n):
    """The largest k such that the k-th smallest and k-th largest of n enclose the median confidently; 0: none."""
    outside = 0.0
    for k in range(n // 2 + 1):
        outside += 2 * math.comb(n, k) / 2 ** n
        if 1 - outside < CONFIDENCE:
            return k
    return 0


def interval(values, disturbed=False):
    values = sorted(values)
    k = order_statistic(len(values))
    low, high = (values[k - 1], values[-k]) if k else (math.nan, math.nan)
    return Interval(statistics.median(values), low, high, len(values), disturbed)


def verdict(measured, goal):
    """Whether `measured` is at least `goal`, or why that can't be said."""
    if measured.disturbed:
        return "no verdict: disturbed"
    if math.isnan(measured.low):
        return "no verdict: too few runs"
    if measured.low >= goal:
        return "met"
    if measured.high < goal:
        return "missed"
    return "no verdict: inside the noise"


def samples_of(run, model, measure, engine, key="value"):
    """Interval of what an engine's good runs gave, or None."""
    good = [s for s in run["samples"] if (s["model"], s["measure"], s["engine"]) == (model, measure, engine)
            and s.get(key) is not None]
    if not good:
        return None
    timed = key != "peak_bytes"  # memory is what it is, however busy the machine
    disturbed = timed and sum(s["others"] > DISTURBED for s in good) * 2 > len(good)
    return interval([s[key] for s in good], disturbed)


def engines_of(run, beginning):
    return [name for name in run["engines"] if name.startswith(beginning)]


def rival(run, model, measure, beginning):
    """(name, Interval) of the better of a rival's ways, or None."""
    found = [(name, samples_of(run, model, measure, name)) for name in engines_of(run, beginning)]
    found = [(name, value) for name, value in found if value is not None]
    sign = 1 if is_rate(measure) else -1
    return max(found, key=lambda pair: sign * pair[1].median, default=None)


def shown(value, unit):
    """Median and interval in a unit."""
    factor, digits = {"t/s": (1, 1), "ms": (1e3, 1), "MiB": (2 ** -20, 0), "x": (1, 2), "GB/s": (1e-9, 1)}[unit]
    text = f"{value.median * factor:.{digits}f}"
    if math.isnan(value.low):
        return text
    return f"{text} ({value.low * factor:.{digits}f} to {value.high * factor:.{digits}f})"


def against(firn, other, goal, higher_is_better):
    """Two cells: the ratio, and what it means."""
    if firn is None or other is None:
        return ["", ""]
    ratio = firn.over(other[1]) if higher_is_better else other[1].over(firn)
    word = verdict(ratio, goal if goal else 1)
    if goal:
        return [shown(ratio, "x"), f"≥ {goal:g}: {word}"]
    return [shown(ratio, "x"), {"met": "faster", "missed": "slower"}.get(word, word)]


def label(measure, settings):
    """What a row is called."""
    known = {"prefill": f"prefill {settings['n_prompt']}", "decode": f"decode {settings['n_gen']}",
             "depth": f"decode {settings['depth_gen']} at {settings['depth']}", "start": "start to first token"}
    return known.get(measure) or f"decode {settings['batch_gen']} of {measure.removeprefix('batch')} sequences"


def measures_of(run):
    """In the order in which they first came."""
    return list(dict.fromkeys(s["measure"] for s in run["samples"]))


def rival_rows(run, model):
    """[measure, firn, llama.cpp, ratio, verdict, ik_llama.cpp, ratio, verdict]"""
    rows, goals = [], goals_of(model)
    for measure in measures_of(run):
        firn = samples_of(run, model, measure, "firn")
        unit = "t/s" if is_rate(measure) else "ms"
        wanted = (getattr(goals, measure, ()) or (0, 0)) if is_rate(measure) else (0, 0)
        cells = [label(measure, run["settings"]), shown(firn, unit) if firn else ""]
        for beginning, goal in zip(("llama.cpp", "ik_llama.cpp"), wanted):
            other = rival(run, model, measure, beginning)
            cells.append(f"{shown(other[1], unit)}{other[0][len(beginning):]}" if other else "")
            cells += against(firn, other, goal, is_rate(measure))
        if any(cells[1:]):
            rows.append(cells)
    return rows


def limit_rows(run, model):
    """[what, value, goal and verdict]: against the machine, not against rivals."""
    rows, goals, facts = [], goals_of(model), run["models"][model]
    # a sample's rate and bandwidth are from the same seconds: the bandwidth changes from one to the next
    shares = [{**s, "share": s["value"] * facts["parameter_bytes"] / s["bandwidth"]} for s in run["samples"]
              if s["model"] == model and s.get("bandwidth") and s["value"]]
    share = samples_of({"samples": shares}, model, "decode", "firn", "share")
    if share:
        rows.append(["decode ÷ (read bandwidth ÷ bytes of a token's tensors)", shown(share, "x"),
                     f"≥ {goals.bandwidth_share:g}: {verdict(share, goals.bandwidth_share)}"
                     if goals.bandwidth_share else ""])
    start = samples_of(run, model, "start", "firn")
    if start:
        rows.append(["start to first token", shown(start, "ms"),
                     f"≤ {goals.start * 1e3:g} ms: {verdict(start.inverse(), 1 / goals.start)}" if goals.start else ""])
    memory = samples_of(run, model, "start", "firn", "peak_bytes")
    if memory:
        share = memory.scaled(1 / (facts["tensor_bytes"] + 6 * facts["position_bytes"]))
        rows.append(["peak memory ÷ (tensors and KV used)", shown(share, "x"),
                     f"≤ {goals.memory:g}: {verdict(share.inverse(), 1 / goals.memory)}" if goals.memory else ""])
    return rows


def start_rows(run, model):
    """[engine, start to first token, peak memory], each as people would run it and with less to do."""
    found = [(engine, samples_of(run, model, "start", engine), samples_of(run, model, "start", engine, "peak_bytes"))
             for engine in run["engines"]]
    return [[engine, shown(start, "ms"), shown(memory, "MiB")] for engine, start, memory in found if start]


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def failures(run):
    """One line for each engine and measure that failed: how often, and the last reason."""
    failed = {}
    for s in run["samples"]:
        if s.get("error"):
            failed.setdefault((s["model"], s["measure"], s["engine"]), []).append(s["error"])
    return [f"- {model}, {measure}: {engine} failed {len(reasons)} times; the last: {reasons[-1]}"
            for (model, measure, engine), reasons in failed.items()]


def runs_of(run):
    """How many samples there are of each kind."""
    counts = collections.Counter((s["model"], s["measure"], s["engine"]) for s in run["samples"]).values()
    least, most = min(counts, default=0), max(counts, default=0)
    return f"{least}" if least == most else f"{least} to {most}"


def report(run):
    """The whole comparison as Markdown."""
    machine = run["machine"]
    lines = [f"{run['time']}, {machine['cpu']}, {machine['cpus']} CPUs, {run['settings']['threads']} threads, "
             f"{runs_of(run)} runs of each; levels: {machine['levels']}."]
    measured = [s for s in run["samples"] if s.get("bandwidth")]
    if measured:
        lines.append(f"Read bandwidth beside each decode: {shown(interval([s['bandwidth'] for s in measured]), 'GB/s')} "
                     f"GB/s, at most {max(s['best_bandwidth'] for s in measured) / 1e9:.1f}.")
    versions = [f"{name} {text}" for name, text in run["engines"].items() if text]
    if versions:
        lines.append(f"Versions: {'; '.join(versions)}.")
    others = [s["others"] for s in run["samples"]]
    if others:
        lines.append(f"Other processes took {100 * statistics.median(others):.1f} % of the CPUs in the median run, "
                     f"{100 * max(others):.1f} % in the worst.")
    for model in run["models"]:
        lines += ["", f"**{model}**"]
        for header, rows in (
                (["", "firn", "llama.cpp", "firn is", "goal", "ik_llama.cpp, the better", "firn is", "goal"],
                 rival_rows(run, model)),
                (["", "firn", "goal"], limit_rows(run, model)),
                (["at start", "first token, ms", "peak memory, MiB"], start_rows(run, model))):
            lines += ["", table(header, rows)] if rows else []
    failed = failures(run)
    return "\n".join(lines + (["", "Failed runs:", "", *failed] if failed else []))
