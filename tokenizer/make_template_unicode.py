#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tokenizer/template_unicode.h: what Python's str methods know about characters, as small tables.

usage: make_template_unicode.py > tokenizer/template_unicode.h
"""
import sys
import unicodedata

FLAGS = [("isupper", 1), ("islower", 2), ("isalpha", 4), ("isdecimal", 8), ("isnumeric", 16), ("isdigit", 32),
         ("isprintable", 64)]


def flags(code):
    c = chr(code)
    value = sum(bit for name, bit in FLAGS if getattr(c, name)())
    return value | (128 if unicodedata.category(c) == "Lt" else 0)


def rows(items, width=8):
    for i in range(0, len(items), width):
        print("    " + " ".join(f"{item}," for item in items[i:i + width]))


def mapping_runs(method):
    """Runs (first, last, stride, delta) of characters that a method moves by the same distance."""
    runs = []
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        mapped = getattr(chr(code), method)()
        plain = chr(code).upper() if method == "title" else chr(code)  # title case is upper case but for a few
        if len(mapped) != 1 or mapped == plain:
            continue
        delta = ord(mapped) - code
        if runs and runs[-1][3] == delta:
            first, last, stride, _ = runs[-1]
            gap = code - last
            if (first == last and gap in (1, 2)) or gap == stride:
                runs[-1] = (first, code, gap, delta)
                continue
        runs.append((code, code, 1, delta))
    return runs


def main():
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print(f"/* Made by tokenizer/make_template_unicode.py from Python's Unicode {unicodedata.unidata_version}. Don't edit. */")
    print("#include <stdint.h>\n\n/* clang-format off */")
    print("/* First character of a run << 8 | its flags (see tok_character_class). */")
    print("static const uint32_t character_runs[] = {")
    runs, last = [], -1
    for code in range(0x110000):
        value = flags(code)
        if value != last:
            runs.append(f"{code << 8 | value:#x}")
            last = value
    rows(runs, 12)
    print("};\n\ntypedef struct case_run {\n    uint32_t first, last, stride;\n    int32_t delta;\n} case_run;\n")
    for method in ("upper", "lower", "title"):
        print(f"static const case_run {method}_runs[] = {{")
        rows([f"{{{a:#x}, {b:#x}, {s}, {d}}}" for a, b, s, d in mapping_runs(method)], 4)
        print("};\n")
    print("typedef struct special_case {\n    uint32_t code;\n    const char *text;\n} special_case;\n")
    for method in ("upper", "lower", "title"):
        special = [(c, getattr(chr(c), method)()) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
        print(f"static const special_case {method}_specials[] = {{")
        rows(['{%#x, "%s"}' % (c, "".join(f"\\x{b:02x}" for b in m.encode())) for c, m in special if len(m) != 1], 3)
        print("};\n")
    print("/* clang-format on */")


sys.exit(main())
