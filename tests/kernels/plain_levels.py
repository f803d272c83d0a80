#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every level's kernels run somewhere: on this CPU, or emulated by the same tests in a program of their own (ARM in
qemu, AVX-VNNI and AVX-512 by a header). Says which ran how; fails where a test fails or, with CI=true, a level did not
run at all.
"""
import argparse
import glob
import os
import platform
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = ["tests/kernels/test_matmul.c", "tests/kernels/test_vector.c", "tests/kernels/test_attention.c",
         "tests/kernels/test_candidates.c", "tests/support/kernels.c", "tests/emulated/main.c"]
FLAGS = ["-std=c11", "-D_DEFAULT_SOURCE", "-D_POSIX_C_SOURCE=200809L", "-DFIRN_EMULATED", f'-DFIRN_SOURCE_DIR="{ROOT}"',
         "-I.", "-Itests/emulated", "-O1", "-ffp-contract=off", "-fno-math-errno"]
AVX2 = ["-mavx2", "-mfma", "-mf16c"]
ARM = {"dotprod": "-march=armv8.2-a+dotprod", "i8mm": "-march=armv8.2-a+dotprod+i8mm"}
# Instructions that the files of an ARM level, or of none, may not have.
BEYOND = {"": r"\t(?:[su]dot|\w+mmla)\b", "dotprod": r"\t\w+mmla\b", "i8mm": r"\tbf(?:dot|mmla)\b"}


def names():
    with open(os.path.join(ROOT, "kernels/cpu.c"), encoding="utf-8") as source:
        return re.findall(r'\[KERN_LEVEL_\w+\] = "(\w+)"', source.read())


def run(command):
    """What it printed; ends this program if it failed."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    if done.returncode != 0:
        print(done.stdout[-4000:])
        sys.exit(f"{os.path.basename(command[0])} failed: {done.returncode}")
    return done.stdout


def sources_in(pattern):
    return sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, pattern)))


def build(compiler, sources, flags_of, folder):
    """A program of the portable kernels, the tests and `sources`, each compiled with flags of its own."""
    objects = {}
    for source in sources_in("kernels/*.c") + sources_in("kernels/ref/*.c") + TESTS + sources:
        objects[source] = os.path.join(folder, source.replace("/", "_") + ".o")
        run([compiler, *flags_of(source), *FLAGS, "-c", source, "-o", objects[source]])
    program = os.path.join(folder, "program")
    run([compiler, "-static", *objects.values(), "-lm", "-o", program])
    return program, objects


def arm(folder):
    def flags_of(source):
        return [flag for level, flag in ARM.items() if source.endswith(f"_{level}.c")]
    program, objects = build("aarch64-linux-gnu-gcc", sources_in("kernels/arm/*.c"), flags_of, folder)
    for source, compiled in objects.items():
        allowed = next((level for level in ARM if source.endswith(f"_{level}.c")), "")
        found = re.search(BEYOND[allowed], run(["aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", compiled]))
        if found:
            sys.exit(f"{source}: has {found.group(0).strip()}, which is beyond {allowed or 'the baseline'}")
    return run(["qemu-aarch64", "-cpu", "max", program])


def x86(folder):
    """All of x86's files with a header that has the instructions beyond AVX2; nothing is compiled for those."""
    def flags_of(source):
        above = source.startswith("kernels/x86/")
        return ["-Itests/emulated/x86", "-D__builtin_cpu_supports(name)=1", *(AVX2 if above else [])]
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as source:
        emulator = [] if re.search(r"^flags.*\bavx2\b", source.read(), re.MULTILINE) else ["qemu-x86_64", "-cpu", "max"]
    return run([*emulator, build("cc", sources_in("kernels/x86/*.c"), flags_of, folder)[0]])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    said = run([os.path.join(os.path.abspath(parser.parse_args().build), "tests", "kernels_test_matmul")])
    for emulate in (arm, x86) if platform.machine() == "x86_64" else (arm,):
        with tempfile.TemporaryDirectory() as scratch:
            said += emulate(scratch)
    ways = {level: sorted(set(re.findall(rf"ran (\w+): {level}$", said, re.MULTILINE)), reverse=True)
            for level in names() if level != "scalar"}
    print("note: " + "; ".join(f"{level} {' and '.join(how) or 'did not run'}" for level, how in ways.items()))
    missing = [level for level, how in ways.items() if not how]
    if missing:
        print(f"{', '.join(missing)} did not run at all")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)


main()
