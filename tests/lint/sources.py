# SPDX-License-Identifier: Apache-2.0
"""Rules about the text of files."""
import os
import re
import subprocess

from tree import LIBRARIES, rule

# Who may include whom. "own" are prefixes of quoted includes; "system" are <> headers beyond LIBC, each with the
# pattern of the files that may use it.
PLAIN_LIBC = {"assert.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdalign.h", "stdarg.h", "stdbool.h",
              "stddef.h", "stdint.h", "string.h"}
LIBC = PLAIN_LIBC | {
    "ctype.h", "dirent.h", "errno.h", "fcntl.h", "fenv.h", "libgen.h", "linux/futex.h", "locale.h", "sched.h", "setjmp.h",
    "signal.h", "stdatomic.h", "stdio.h", "stdlib.h", "strings.h", "sys/mman.h", "sys/resource.h", "sys/stat.h",
    "sys/syscall.h", "sys/time.h", "sys/types.h", "sys/wait.h", "time.h", "unistd.h"}
PROGRAM_LIBC = LIBC | {"getopt.h", "poll.h", "sys/ioctl.h", "termios.h"}
INCLUDE_RULES = {
    "base": dict(own=("base/",), libc=LIBC,
                 system={"pthread.h": r"base/(thread_)?pool[^/]*", "immintrin.h": r"base/x86/.*"}),
    "kernels": dict(own=("kernels/",), libc=PLAIN_LIBC,
                    system={"immintrin.h": r"kernels/x86/.*", "cpuid.h": r"kernels/x86/.*",
                            "arm_neon.h": r"kernels/arm/.*", "sys/auxv.h": r"kernels/cpu\.c"}),
    "tokenizer": dict(own=("base/", "tokenizer/"), libc=LIBC,
                      system={"pcre2.h": r"tokenizer/regex\.c", "utf8proc.h": r"tokenizer/normalise\.c"}),
    "models": dict(own=("base/", "models/", "kernels/types.h"), libc=LIBC,
                   system={"cjson/cJSON.h": r"models/json[^/]*\.c"}),
    "engine": dict(own=("base/", "kernels/", "tokenizer/", "models/", "engine/"), libc=LIBC,
                   system={"sys/file.h": r"engine/pack_cache\.c", "cblas.h": r"engine/dense\.c",
                           "mpi.h": r"engine/communicator_mpi\.c"}),
    "tools": dict(own=("engine/firn.h", "base/", "tools/"), libc=PROGRAM_LIBC,
                  system={"cjson/cJSON.h": ".*", "histedit.h": r"tools/common_terminal\.c",
                          "pcre2.h": r"tools/sweep_(judges|schema)\.c", "sqlite3.h": r"tools/sweep_database\.c",
                          "zlib.h": r"tools/sweep_measures\.c", "mpi.h": r"tools/sweep_mpi\.c"}),
    "server": dict(own=("engine/firn.h", "base/", "server/"), libc=PROGRAM_LIBC,
                   system={"cjson/cJSON.h": ".*", "microhttpd.h": ".*", "pthread.h": ".*"}),
    "bench": dict(own=("engine/firn.h", "base/", "kernels/", "tools/common_", "bench/"), libc=PROGRAM_LIBC,
                  system={"cblas.h": ".*", "immintrin.h": r"bench/x86/.*"}),
}
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def includes(tree, file):
    """(line, quoted name or None, system name or None)"""
    for number, line in tree.lines(file):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


@rule({"base/a.c": '#include "kernels/math.h"\n'},
      {"base/a.c": "#include <pthread.h>\n"},
      {"kernels/ref/a.c": "#include <stdlib.h>\n"},
      {"kernels/ref/a.c": "#include <immintrin.h>\n"},
      {"kernels/a.c": '#include "base/status.h"\n'},
      {"tokenizer/a.c": '#include "models/checkpoint.h"\n'},
      {"models/a.c": '#include "kernels/math.h"\n'},
      {"models/a.c": "#include <cjson/cJSON.h>\n"},
      {"engine/a.c": "#include <cblas.h>\n"},
      {"tools/a.c": '#include "models/checkpoint.h"\n'},
      {"server/a.c": '#include "engine/session.h"\n'},
      {"engine/a.c": '#include "session.h"\n'})
def include_rules(tree):
    findings = []
    for file in tree.c_files():
        allowed = INCLUDE_RULES.get(file.split("/")[0])
        if allowed is None:
            continue
        for number, own, system in includes(tree, file):
            if own is not None and not own.startswith(allowed["own"]):
                findings.append(f'{file}:{number}: may not include "{own}", only {", ".join(allowed["own"])}')
            if system is not None and system not in allowed["libc"] and \
                    not re.fullmatch(allowed["system"].get(system, "$^"), file):
                findings.append(f"{file}:{number}: may not include <{system}>")
    return findings


def reached(tree, file):
    """All project headers that `file` includes, directly or through others."""
    seen, waiting = set(), [file]
    while waiting:
        for _, own, _ in includes(tree, waiting.pop()):
            if own in tree.files and own not in seen:
                seen.add(own)
                waiting.append(own)
    return seen


@rule({"engine/sampler.c": '#include "engine/a.h"\n', "engine/a.h": '#include "models/b.h"\n', "models/b.h": ""})
def sampler_reaches_no_model(tree):
    return [f"{file}: includes {header}, but the sampler knows logits, never a model"
            for file in tree.c_files() if re.match(r"engine/sampler[^/]*$", file)
            for header in reached(tree, file) if header.startswith("models/")]


def compile_header(tree, file, command):
    check = subprocess.run([*command, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", tree.root,
                            "-D_GNU_SOURCE", "-include", tree.path(file), os.devnull],
                           capture_output=True, text=True, check=False)
    if check.returncode == 0:
        return []
    return [f"{file}: doesn't compile alone: {next(line for line in check.stderr.splitlines() if 'error' in line)}"]


LEVEL_FLAGS = {"avx2": ["-mavx2", "-mfma", "-mf16c"],
               "avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni", "-mfma", "-mf16c"]}


@rule({"base/a.h": "size_t base_length(void);\n"},
      {"engine/firn.h": "typedef int class;\n"})
def headers_compile_alone(tree):
    """But for NAME_body.h, whose text is compiled once a level, after a header that says what a lane is there."""
    findings = []
    machine = os.uname().machine
    for file in tree.named(".h"):
        other_machine = file.startswith("kernels/x86/") and machine != "x86_64" or \
            file.startswith("kernels/arm/") and machine != "aarch64"
        if other_machine or file.endswith("_body.h"):
            continue
        flags = [flag for level, flags in LEVEL_FLAGS.items() if level in file for flag in flags]
        findings += compile_header(tree, file, ["cc", "-std=c11", *flags, "-x", "c"])
    if "engine/firn.h" in tree.files:
        findings += compile_header(tree, "engine/firn.h", ["c++", "-std=c++11", "-x", "c++"])
    return findings


@rule({"base/a.c": "int  x ;\n", ".clang-format": "BasedOnStyle: LLVM\n"})
def formatted(tree):
    files = [tree.path(file) for file in tree.c_files()]
    check = subprocess.run(["clang-format-14", "--dry-run", "-Werror", "--style=file", *files], capture_output=True,
                           text=True, check=False)
    at_fault = sorted({line.split(":")[0] for line in check.stderr.splitlines() if ": error:" in line})
    return [f"{os.path.relpath(file, tree.root)}: run clang-format-14 -i on it" for file in at_fault]


@rule({"a.sh": "#!/bin/sh\ncd $1\n"})
def shellcheck(tree):
    findings = []
    for script in tree.shell_scripts():
        check = subprocess.run(["shellcheck", "--external-sources", "--format=gcc", tree.path(script)], cwd=tree.root,
                               capture_output=True, text=True, check=False)
        findings += check.stdout.splitlines()
    return findings


@rule({"base/a.c": "int x;\n"}, {"a.sh": "#!/bin/sh\necho\n"})
def licence_named(tree):
    files = set(tree.named(".c", ".h", ".py", ".sh", "CMakeLists.txt")) | set(tree.shell_scripts())
    return [f"{file}: no SPDX-License-Identifier in its first two lines" for file in sorted(files)
            if not any("SPDX-License-Identifier: Apache-2.0" in line for line in tree.text(file).split("\n")[:2])]


# Longer than MAXIMUM_LINES and why; this list only shrinks.
LONG_FILES = {}
MAXIMUM_LINES = 700


@rule({"base/a.c": "\n" * (MAXIMUM_LINES + 1)})
def files_short(tree):
    length = {file: tree.data(file).count(b"\n") for file in tree.named(".c", ".h", ".py", ".sh")}
    findings = [f"{file}: {lines} lines, more than {MAXIMUM_LINES}: is it still one idea?"
                for file, lines in length.items() if lines > MAXIMUM_LINES and file not in LONG_FILES]
    if tree.files and "tests/lint/sources.py" in tree.files:
        findings += [f"{file}: no longer needs its place in LONG_FILES" for file in LONG_FILES
                     if length.get(file, 0) <= MAXIMUM_LINES]
    return findings


MAXIMUM_FUNCTION_LINES = 100


@rule({"base/a.c": "int base_a(void)\n{\n" + "    base_b();\n" * (MAXIMUM_FUNCTION_LINES + 1) + "}\n"})
def functions_short(tree):
    findings = []
    for file in tree.c_files():
        start = 0
        for number, line in tree.lines(file):
            if line == "{":
                start = number
            elif line == "}" and start and number - start > MAXIMUM_FUNCTION_LINES:
                findings.append(f"{file}:{start}: a function of {number - start - 1} lines, more than "
                                f"{MAXIMUM_FUNCTION_LINES}")
    return findings


MAXIMUM_BYTES = 4 << 20


@rule({"a.gguf": b"GGUF\x03\0\0\0"},
      {"tests/data/tool": b"\x7fELF\x02\x01\x01\0"},
      {"tests/data/a.json": b" " * (MAXIMUM_BYTES + 1)})
def no_binaries(tree):
    findings = []
    for file in tree.files:
        data = tree.data(file)
        if len(data) > MAXIMUM_BYTES:
            findings.append(f"{file}: {len(data)} bytes, more than {MAXIMUM_BYTES}")
        elif data[:4] in (b"GGUF", b"\x7fELF", b"!<ar") or file.endswith((".safetensors", ".o", ".a", ".so")):
            findings.append(f"{file}: a checkpoint or a program; tests make what they need")
    return findings


@rule({"docs/a.md": "see /" + "home/me/firn\n"}, {"base/a.c": '"/' + 'root/x"\n'})
def no_machine_paths(tree):
    path = re.compile(r"/(work|root|home)/")
    return [f"{file}:{number}: a path of one machine" for file in tree.files
            for number, line in tree.lines(file) if path.search(line)]


@rule({"base/a.c": "/* TO" + "DO: more */\n"})
def nothing_left_open(tree):
    mark = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|#if\s+0\b")
    return [f"{file}:{number}: {line.strip()}" for file in tree.named(".c", ".h", ".py", ".sh", ".md", ".txt")
            for number, line in tree.lines(file) if mark.search(line)]


# Environment and process are the programs' business: a library gets what it needs as arguments.
@rule({"engine/a.c": "int f(void) { extern char **environ; return environ != 0; }\n"},
      {"models/a.c": "static _Thread_local int last_error;\n"})
def no_hidden_inputs(tree):
    hidden = re.compile(r"\b(environ|_Thread_local|__thread|thread_local)\b")
    return [f"{file}:{number}: {line.strip()}" for file in tree.c_files() if file.split("/")[0] in LIBRARIES
            for number, line in tree.lines(file) if hidden.search(line)]
