#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizer/real/<name>.ids: what the Python package tokenizers 0.23.3 makes of the texts in
strings.json with vocabularies as they are published. Of each text the file has 6 bytes, little-endian: how many ids
there are (2) and the hash of them (4: FNV-1a over the ids' 4 bytes each).

Usage: make_real_ids.py FOLDER              for every FOLDER/<name>/tokenizer.json
       make_real_ids.py FOLDER NAME INDEX   shows the ids of one text
(needs: pip install tokenizers==0.23.3; FOLDER is that which scripts/setup.sh fetches vocabularies to)
"""
import json
import pathlib
import struct
import sys

from tokenizers import Tokenizer

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "tokenizer" / "real"


def hash_of(ids):
    value = 0x811C9DC5
    for byte in struct.pack(f"<{len(ids)}i", *ids):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def main():
    folder = pathlib.Path(sys.argv[1])
    texts = json.loads((DATA / "strings.json").read_text())
    if len(sys.argv) == 4:
        text = texts[int(sys.argv[3])]
        encoding = Tokenizer.from_file(str(folder / sys.argv[2] / "tokenizer.json")).encode(text)
        print(repr(text), encoding.ids, encoding.tokens, sep="\n")
        return
    for path in sorted(folder.glob("*/tokenizer.json")):
        tokenizer = Tokenizer.from_file(str(path))
        rows = [tokenizer.encode(text).ids for text in texts]
        (DATA / f"{path.parent.name}.ids").write_bytes(b"".join(struct.pack("<HI", len(ids), hash_of(ids)) for ids in rows))


main()
