# SPDX-License-Identifier: Apache-2.0
"""Rules about what the compiler made of the libraries: symbols and instructions."""
import os
import platform
import re
import subprocess

from tree import NotHere, rule

PREFIXES = {"base": ("base_", "firn_"), "kernels": ("kern_",), "tokenizer": ("tok_",), "models": ("mod_",),
            "engine": ("eng_", "firn_")}

# Ending the process, printing, the environment, hidden state.
FORBIDDEN_CALLS = {
    "exit", "_exit", "_Exit", "quick_exit", "abort", "printf", "vprintf", "fprintf", "vfprintf", "puts", "putchar",
    "putc", "fputc", "fputs", "perror", "getenv", "secure_getenv", "setenv", "rand", "srand", "random", "drand48",
    "strtok", "strerror", "setlocale", "signal", "system", "stdout", "stderr", "stdin"}
# Not rounded the same everywhere: a result that reaches a logit may not depend on them.
FORBIDDEN_CALLS |= {name + suffix for suffix in ("", "f") for name in (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "pow", "sin", "cos", "tan", "sincos", "tanh", "erf",
    "cbrt", "hypot", "lgamma", "tgamma")}
# All that pure numeric functions may call.
KERNEL_CALLS = {"memcpy", "memset", "memmove", "memcmp", "strcmp", "strlen", "__assert_fail", "_GLOBAL_OFFSET_TABLE_",
                "__stack_chk_fail", "__cpu_model", "__cpu_features2", "__cpu_indicator_init", "getauxval"}
KERNEL_CALLS |= {name + suffix for suffix in ("", "f") for name in (
    "fma", "sqrt", "rint", "nearbyint", "floor", "ceil", "trunc", "fmin", "fmax")}


def compile_all(tree):
    """Compiles the C files of a sample to where the build would have put them."""
    for file in tree.named(".c"):
        out = os.path.join(tree.build, "CMakeFiles", f"firn_{file.split('/')[0]}.dir", file + ".o")
        os.makedirs(os.path.dirname(out), exist_ok=True)
        flags = ["-mavx2"] if file.endswith("_avx2.c") else []
        subprocess.run(["cc", "-std=c11", "-O2", *flags, "-c", tree.path(file), "-o", out], check=True)


def symbols(compiled):
    """(name, section, is global, is weak) of each symbol of an object."""
    listing = subprocess.check_output(["objdump", "-t", compiled], text=True)
    for line in listing.splitlines():
        match = re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+[0-9a-f]+ (?:\.hidden )?(\S+)$", line)
        if match:
            flags, section, name = match.groups()
            yield name, section, flags[0] in "gu!", flags[1] == "w"


@rule({"base/a.c": "int base_a; int base_next(void) { return ++base_a; }\n"},
      {"engine/a.c": "int eng_next(void) { static int a = 7; return ++a; }\n"},
      {"models/a.c": "_Thread_local int mod_a;\n"}, reads_objects=True)
def no_writable_globals(tree):
    writable = re.compile(r"\*COM\*|\.(data|bss|tdata|tbss)(?!\.rel\.ro)\b")
    return [f"{file}: {name} can be written: all state hangs from a context" for _, file, compiled
            in tree.library_objects() for name, section, _, _ in symbols(compiled)
            if writable.match(section) and name != section]


@rule({"models/a.c": "int read_file(void) { return 1; }\n"},
      {"kernels/a.c": "int eng_run(void) { return 1; }\n"}, reads_objects=True)
def symbol_prefixes(tree):
    return [f"{file}: {name} should begin with {' or '.join(PREFIXES[library])} or be static" for library, file,
            compiled in tree.library_objects() for name, section, is_global, is_weak in symbols(compiled)
            if (is_global or is_weak) and section != "*UND*" and not name.startswith(PREFIXES[library])]


@rule({"engine/a.c": "#include <stdlib.h>\nvoid eng_a(void) { exit(1); }\n"},
      {"base/a.c": '#include <stdio.h>\nvoid base_a(int x) { printf("%d", x); }\n'},
      {"models/a.c": '#include <stdlib.h>\nchar *mod_a(void) { return getenv("A"); }\n'},
      {"engine/a.c": "#include <math.h>\nfloat eng_a(float x) { return expf(x); }\n"}, reads_objects=True)
def no_forbidden_calls(tree):
    return [f"{file}: uses {name}, which libraries may not" for _, file, compiled in tree.library_objects()
            for name, section, _, _ in symbols(compiled) if section == "*UND*" and name in FORBIDDEN_CALLS]


@rule({"kernels/a.c": "#include <stdlib.h>\nvoid *kern_a(void) { return malloc(4); }\n"},
      {"kernels/a.c": "#include <math.h>\nfloat kern_a(float x) { return tanhf(x); }\n"}, reads_objects=True)
def kernels_are_pure(tree):
    return [f"{file}: uses {name}, which a pure numeric function doesn't need" for library, file, compiled
            in tree.library_objects() for name, section, _, _ in symbols(compiled)
            if library == "kernels" and section == "*UND*" and name not in KERNEL_CALLS
            and not name.startswith("kern_")]


def needs_x86():
    if platform.machine() != "x86_64":
        raise NotHere("hardware: not an x86-64 machine")


AVX_SAMPLE = "typedef float v8 __attribute__((vector_size(32)));\n" \
    '__attribute__((target("avx2"))) void kern_a(v8 *x) { *x = *x + *x; }\n'


@rule({"kernels/ref/a.c": AVX_SAMPLE}, {"base/a.c": AVX_SAMPLE}, reads_objects=True)
def instructions_stay_in_their_files(tree):
    """VEX and EVEX instructions all have names that begin with v; no baseline instruction that compilers emit does."""
    needs_x86()
    findings = []
    for _, file, compiled in tree.library_objects():
        if re.match(r"kernels/x86/.*_(avx2|avxvnni|avx512|avx512vnni)\.c$", file):
            continue
        listing = subprocess.check_output(["objdump", "-d", "--no-show-raw-insn", compiled], text=True)
        found = re.search(r"\t(v[a-z0-9]+)\s+\S*%[xyz]mm", listing)
        if found:
            findings.append(f"{file}: has {found.group(1)}, which a baseline CPU doesn't know")
    return findings


WIDE_SAMPLE = "typedef float v16 __attribute__((vector_size(64)));\n" \
    '__attribute__((target("avx512f"))) void kern_a(v16 *x) { *x = *x + *x; }\n'
VNNI_SAMPLE = "#include <immintrin.h>\n" \
    '__attribute__((target("avx512f,avx512vnni"))) void kern_a(__m512i *x) ' \
    "{ *x = _mm512_dpbusd_epi32(*x, *x, *x); }\n"
# AVX-512's registers; dot products that aren't VEX-coded; what no level has.
EVEX, VNNI = r"%zmm|%[xy]mm(?:1[6-9]|2\d|3[01])|%k[0-7]", r"\tvpdp"
NO_LEVEL = r"\t(?:vperm[it]?2?b|vpmultishift|vpopcnt|vpsh[lr]d|vpcompress[bw]|vpexpand[bw]|vcvtne|vdpbf16|vpmadd52" \
    r"|vgf2p8|vaes|vpclmul|vpconflict|vplzcnt|tdp)"
BEYOND = {"avx2": f"{EVEX}|{VNNI}|vex}} vpdp", "avxvnni": f"{EVEX}|{VNNI}", "avx512": f"{VNNI}|{NO_LEVEL}",
          "avx512vnni": NO_LEVEL}


@rule({"kernels/x86/a_avx2.c": WIDE_SAMPLE}, {"kernels/x86/a_avxvnni.c": WIDE_SAMPLE},
      {"kernels/x86/a_avxvnni.c": VNNI_SAMPLE}, {"kernels/x86/a_avx512.c": VNNI_SAMPLE}, reads_objects=True)
def levels_have_no_higher_levels_instructions(tree):
    needs_x86()
    findings = []
    for _, file, compiled in tree.library_objects():
        level = re.match(r"kernels/x86/.*_(avx2|avxvnni|avx512|avx512vnni)\.c$", file)
        if level:
            listing = subprocess.check_output(["objdump", "-d", "--no-show-raw-insn", compiled], text=True)
            found = re.search(f".*(?:{BEYOND[level.group(1)]}).*", listing)
            if found:
                findings.append(f"{file}: has '{found.group(0).strip()}', which is beyond {level.group(1)}")
    return findings


@rule({"kernels/x86/a_avx2.c": "__attribute__((weak)) int kern_help_avx2(int x) { return x; }\n"},
      {"kernels/x86/a_avx2.c": "int kern_help(int x) { return x; }\n"}, reads_objects=True)
def level_files_share_nothing(tree):
    """A function that two levels' files both define could be linked into baseline code with the wrong instructions."""
    needs_x86()
    findings = []
    for _, file, compiled in tree.library_objects():
        level = re.match(r"kernels/x86/.*_(avx2|avxvnni|avx512|avx512vnni)\.c$", file)
        for name, section, is_global, is_weak in symbols(compiled) if level else ():
            if section != "*UND*" and (is_weak or (is_global and level.group(1) not in name)):
                findings.append(f"{file}: {name} should be static, or have {level.group(1)} in its name")
    return findings
