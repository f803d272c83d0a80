#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every level's kernels run somewhere: on this CPU, or emulated by the same tests in a program of their own (ARM in
qemu, AVX-VNNI by a header). Says which ran how; fails where a test fails or, with CI=true, a level did not run at all (but AVX-512, which needs the hardware).
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
ARM = {"dotprod": "-march=armv8.2-a+dotprod", "i8mm": "-march=armv8.2-a+dotprod+i8mm"}


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
    objects = []
    for source in sources_in("kernels/*.c") + sources_in("kernels/ref/*.c") + TESTS + sources:
        objects.append(os.path.join(folder, source.replace("/", "_") + ".o"))
        run([compiler, *flags_of(source), *FLAGS, "-c", source, "-o", objects[-1]])
    program = os.path.join(folder, "program")
    run([compiler, "-static", *objects, "-lm", "-o", program])
    return program


def arm(folder):
    def flags_of(source):
        return [flag for level, flag in ARM.items() if source.endswith(f"_{level}.c")]
    return run(["qemu-aarch64", "-cpu", "max", build("aarch64-linux-gnu-gcc", sources_in("kernels/arm/*.c"), flags_of,
                                                     folder)])


def avx_vnni(folder):
    """AVX2's files, and AVX-VNNI's with a header that has its instruction; AVX-512 isn't there."""
    sources = ["kernels/x86/vector_avx2.c", "kernels/x86/matmul_avx2.c", "kernels/x86/matmul_avxvnni.c",
               "tests/emulated/x86/no_avx512.c"]

    def flags_of(source):
        levels = ["-mavx2", "-mfma", "-mf16c"] if source.startswith("kernels/x86/") else []
        return ["-Itests/emulated/x86", "-D__builtin_cpu_supports(name)=((name)[3]!='5')", *levels]
    return run([build("cc", sources, flags_of, folder)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    said = run([os.path.join(os.path.abspath(parser.parse_args().build), "tests", "kernels_test_matmul")])
    for emulate in (arm, avx_vnni) if platform.machine() == "x86_64" else (arm,):
        with tempfile.TemporaryDirectory() as scratch:
            said += emulate(scratch)
    missing = []
    for level in names():
        ways = sorted(set(re.findall(rf"ran (\w+): {level}$", said, re.MULTILINE)), reverse=True)
        ways = ways if level != "scalar" else ["natively"]
        print(f"{level}: {' and '.join(ways) or 'did not run'}")
        missing += [] if ways else [level]
    if missing:
        # nothing emulates AVX-512 yet: where the CPU lacks it, that is a skip for want of hardware; the rest has to run
        only_hardware = set(missing) <= {"avx512", "avx512vnni"}
        print(f"{'hardware: ' if only_hardware else ''}{', '.join(missing)} did not run at all: this CPU lacks them")
        sys.exit(77 if only_hardware or os.environ.get("CI") != "true" else 1)


main()
