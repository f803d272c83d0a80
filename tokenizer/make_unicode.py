#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tokenizer/unicode_table.c, the class of every code point, from Unicode 16 (pip install unicodedata2==16.0.0).

Usage: tokenizer/make_unicode.py > tokenizer/unicode_table.c
The letters below are those of the enumeration tok_class in unicode.h: 'A' is its first value.
"""
import unicodedata2 as unicodedata

CLASSES = ("OTHER SPACE CR LF TAB BLANK ASCII_UPPER ASCII_LOWER UPPER LOWER TITLE MODIFIER LETTER HAN MARK "
           "ASCII_DIGIT DIGIT NUMBER APOSTROPHE SLASH ASCII_PUNCTUATION PUNCTUATION BACKTICK ASCII_SYMBOL SYMBOL").split()
SINGLE = {" ": "SPACE", "\r": "CR", "\n": "LF", "\t": "TAB", "'": "APOSTROPHE", "/": "SLASH", "`": "BACKTICK"}
# The property White_Space, which unicodedata doesn't give.
BLANK = {0x0B, 0x0C, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, *range(0x2000, 0x200B)}
CATEGORY = {"Lu": "UPPER", "Ll": "LOWER", "Lt": "TITLE", "Lm": "MODIFIER", "Lo": "LETTER", "Nd": "DIGIT", "Nl": "NUMBER",
            "No": "NUMBER"}
INITIAL = {"M": "MARK", "P": "PUNCTUATION", "S": "SYMBOL"}
HAS_ASCII = {"UPPER", "LOWER", "DIGIT", "PUNCTUATION", "SYMBOL"}
# Letters of the script Han, which unicodedata doesn't give either.
HAN = ((0x3005, 0x3005), (0x303B, 0x303B), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAD9), (0x20000, 0x3FFFF))
BLOCK = 64


def class_of(code):
    character = chr(code)
    if character in SINGLE:
        return SINGLE[character]
    if code in BLANK:
        return "BLANK"
    category = unicodedata.category(character)
    if category in ("Lo", "Lm") and any(first <= code <= last for first, last in HAN):
        return "HAN"
    name = CATEGORY.get(category) or INITIAL.get(category[0], "OTHER")
    return "ASCII_" + name if code < 128 and name in HAS_ASCII else name


def distinct(items):
    """The distinct items in order of appearance, and for every item its index there."""
    index = {}
    return index, [index.setdefault(item, len(index)) for item in items]


def print_rows(numbers):
    for start in range(0, len(numbers), 24):
        print("    " + ", ".join(str(number) for number in numbers[start:start + 24]) + ",")


def main():
    letters = "".join(chr(ord("A") + CLASSES.index(class_of(code))) for code in range(0x110000))
    blocks, block_of = distinct(letters[start:start + BLOCK] for start in range(0, len(letters), BLOCK))
    pages, page_of = distinct(tuple(block_of[start:start + BLOCK]) for start in range(0, len(block_of), BLOCK))
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print(f"/* Written by tokenizer/make_unicode.py from Unicode {unicodedata.unidata_version}: don't edit. */")
    print('/* clang-format off */\n#include "tokenizer/unicode.h"\n')
    print(f"const uint8_t tok_unicode_pages[{len(page_of)}] = {{")
    print_rows(page_of)
    print(f"}};\n\nconst uint16_t tok_unicode_blocks[][{BLOCK}] = {{")
    for page in pages:
        print("    {")
        print_rows(page)
        print("    },")
    print(f"}};\n\nconst char tok_unicode_classes[][{BLOCK + 1}] = {{")
    for block in blocks:
        print(f'    "{block}",')
    print("};")


main()
