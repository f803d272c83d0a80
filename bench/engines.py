# SPDX-License-Identifier: Apache-2.0
"""The engines that bench/rivals compares: their commands for each measure, and how a run's value is read.

A measure is "prefill", "decode", "depth" (decode behind a long prompt) or "batch8" (decode of eight sequences together,
all of their tokens counted), each in tokens a second, or "start" (seconds from a process's start to the first byte of
its text; the same run gives its peak memory).
"""
import dataclasses
import json
import mmap
import os
import re
import select
import subprocess
import tempfile
import time

PROMPT = "The capital of France is"  # five tokens, six with a token that begins texts


@dataclasses.dataclass
class Settings:
    threads: int = 2
    n_prompt: int = 512
    n_gen: int = 128
    depth: int = 4096
    depth_gen: int = 32
    batch_prompt: int = 32
    batch_gen: int = 32
    timeout: float = 900


# The columns of llama-batched-bench: prompt, tokens, sequences, cache, then seconds and rate of three kinds.
BATCHED_ROW = re.compile(r"^\|" + r" *(\d+) *\|" * 4 + r" *([\d.]+) *\|" * 6 + " *$", re.MULTILINE)


def sequences_of(measure):
    """How many are decoded together; 0: the measure isn't of that kind."""
    return int(measure.removeprefix("batch")) if measure.startswith("batch") else 0


class Engine:
    """A folder of programs: `bench` measures rates and takes llama-bench's options, `start` writes text."""
    name, bench, start, bench_options = "", "", "", ()
    batched, batched_options = "llama-batched-bench", ()

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)

    def program(self, name):
        return os.path.join(self.folder, name)

    def needs(self):
        return [self.program(program) for program in (self.bench, self.start, self.batched)]

    def depth_options(self, s):
        return ["-p", "0", "-n", str(s.depth_gen), "-d", str(s.depth)]

    def batch_command(self, common, n_sequences, s):
        """A cache with room to spare: llama.cpp gives each sequence a whole multiple of 256 positions."""
        positions = -(-(s.batch_prompt + s.batch_gen) // 256) * 256
        return [self.program(self.batched), *common, "-tb", str(s.threads), "-c", str(n_sequences * positions),
                "-npp", str(s.batch_prompt), "-ntg", str(s.batch_gen), "-npl", str(n_sequences), *self.batched_options]

    def start_options(self):
        return []

    def command(self, measure, model, s):
        """Arguments of one run, or None where this engine doesn't take part."""
        common = ["-m", model, "-t", str(s.threads)]
        if measure == "start":
            return [self.program(self.start), *common, "-p", PROMPT, "-n", "1", "--temp", "0", "--no-display-prompt",
                    *self.start_options()]
        if sequences_of(measure):
            return self.batch_command(common, sequences_of(measure), s)
        return [self.program(self.bench), *common, "-r", "1", "-o", "json", *self.bench_options,
                *{"prefill": ["-p", str(s.n_prompt), "-n", "0"],
                  "decode": ["-p", "0", "-n", str(s.n_gen)],
                  "depth": self.depth_options(s)}[measure]]


class Firn(Engine):
    """Its decode is measured beside the bandwidth of the same seconds."""
    name, bench, start, batched = "firn", "bench", "generate", "bench"

    def start_options(self):
        return ["--raw"]

    def command(self, measure, model, s):
        return super().command(measure, model, s) + (["--no-roofline"] if measure not in ("decode", "start") else [])

    def batch_command(self, common, n_sequences, s):
        return [self.program(self.bench), *common, "-r", "1", "-o", "json", "-p", "0", "-n", str(s.batch_gen),
                "-d", str(s.batch_prompt), "-npl", str(n_sequences)]


class Llama(Engine):
    """llama.cpp; at start, everything that can be avoided is turned off."""
    name, bench, start = "llama.cpp", "llama-bench", "llama-completion"

    def start_options(self):
        return ["-no-cnv", "-fit", "off", "--no-warmup", "-c", "512"]


class LlamaDefaults(Llama):
    """Only how it starts as people run it."""
    name = "llama.cpp, its defaults"

    def start_options(self):
        return ["-no-cnv"]

    def command(self, measure, model, s):
        return super().command(measure, model, s) if measure == "start" else None


class Ik(Engine):
    """ik_llama.cpp, with its repacking at load (-rtr 1) or without."""
    bench, start = "llama-bench", "llama-cli"

    def __init__(self, folder, repack):
        super().__init__(folder)
        self.repack = repack
        self.name = f"ik_llama.cpp -rtr {int(repack)}"
        self.bench_options = ("-rtr", str(int(repack)))
        self.batched_options = ("-rtr",) if repack else ()

    def depth_options(self, s):
        return ["-p", "0", "-n", "0", "-gp", f"{s.depth},{s.depth_gen}"]

    def start_options(self):
        return ["--no-warmup", "-c", "512", "--log-disable", *(["-rtr"] if self.repack else [])]


@dataclasses.dataclass
class Outcome:
    output: str = ""
    said: str = ""  # on standard error
    first_byte_s: float = 0.0
    peak_bytes: int = 0
    others: float = 0.0  # share of all CPUs that other processes took meanwhile
    error: str = ""      # empty: it ended well


def busy_seconds():
    """CPU time that all processes of the machine have used, time stolen from it included."""
    with open("/proc/stat", encoding="ascii") as source:
        user, nice, system, _, _, irq, softirq, steal = map(int, source.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def others_share(seconds=0.3):
    """Share of all CPUs in use while this process sleeps."""
    before, start = busy_seconds(), time.monotonic()
    time.sleep(seconds)
    return max(0.0, (busy_seconds() - before) / (time.monotonic() - start) / os.cpu_count())


def make_warm(path):
    """What a start is to find: the checkpoint in the page cache, and as much free memory that was in use until now.

    Virtual machines give free memory back to their host, and getting it again can take longer than a start."""
    child = os.fork()  # a process's peak memory is handed on to the programs that it starts
    if child == 0:
        try:
            touch(path)
        finally:  # what is wrong with the file is for the engines to say
            os._exit(0)
    os.waitpid(child, 0)


def touch(path):
    with open(path, "rb") as file:
        checkpoint = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)  # not read(): that would fill small pages
    memory = mmap.mmap(-1, 2 * len(checkpoint), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for part in (checkpoint, memory):
        part.madvise(mmap.MADV_HUGEPAGE)
    for at in range(0, len(checkpoint), mmap.PAGESIZE):
        memory[2 * at] = checkpoint[at]
        memory[min(2 * at + mmap.PAGESIZE, len(memory) - 1)] = 1


def wait_for_calm(limit, patience):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and others_share() > limit:
        pass


def read_output(process, start, deadline, outcome):
    """All of its output; kills it at the deadline. The pipe may outlive the process: its end is what counts."""
    parts = []
    while True:
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            process.kill()
            outcome.error = "it took too long and was stopped"
            break
        part = os.read(process.stdout.fileno(), 1 << 16)
        if not parts:
            outcome.first_byte_s = time.monotonic() - start
        if not part:
            break
        parts.append(part)
    outcome.output = b"".join(parts).decode(errors="replace")


def execute(command, timeout):
    """Runs a program to its end, whatever that is."""
    outcome = Outcome()
    with tempfile.TemporaryFile() as said, tempfile.TemporaryDirectory() as folder:  # some leave logs where they run
        before, start = busy_seconds(), time.monotonic()
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
                                       cwd=folder)
        except OSError as reason:
            outcome.error = str(reason)
            return outcome
        with process.stdout:
            read_output(process, start, start + timeout, outcome)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        elapsed = time.monotonic() - start
        own = usage.ru_utime + usage.ru_stime
        outcome.others = max(0.0, (busy_seconds() - before - own) / elapsed / os.cpu_count())
        outcome.peak_bytes = 1024 * usage.ru_maxrss
        said.seek(0)
        outcome.said = said.read().decode(errors="replace")
        if process.returncode != 0 and not outcome.error:
            lines = outcome.said.strip().splitlines() or [""]
            outcome.error = f"status {process.returncode}: {lines[-1][:200]}"
    return outcome


def read_value(measure, outcome):
    """What the run says: seconds for "start", else tokens a second. Raises ValueError if it says nothing."""
    if outcome.error:
        raise ValueError(outcome.error)
    if measure == "start":
        if not outcome.output.strip():
            raise ValueError("it wrote no text")
        return outcome.first_byte_s
    rows = BATCHED_ROW.findall(outcome.output) or BATCHED_ROW.findall(outcome.said)  # ik_llama.cpp logs its table
    if rows and int(rows[-1][2]) == sequences_of(measure):
        return float(rows[-1][7])
    try:
        rows = json.loads(outcome.output)
        return float(rows[0]["samples_ts"][0])
    except (ValueError, LookupError, TypeError) as reason:
        raise ValueError(f"its output is no result: {reason}") from reason


def bandwidths(outcome):
    """Bytes a second that firn's benchmark could read meanwhile: (median, most), or None where it doesn't say."""
    try:
        row = json.loads(outcome.output)[0]
        return 1e9 * row["machine_read_median_gb_per_s"], 1e9 * row["machine_read_gb_per_s"]
    except (ValueError, LookupError, TypeError):
        return None


def version(engine, outcome):
    """What a benchmark's output says of its program's version, or nothing."""
    try:
        row = json.loads(outcome.output)[0]
        return row.get("build_commit") or f"{row['firn_version']}, {row['cpu_level']}"
    except (ValueError, LookupError, TypeError):
        return ""
