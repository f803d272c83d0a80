#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizer/sentencepiece: small models of each kind as tokenizer.model, and what the Python package
sentencepiece makes of the texts in ../real/strings.json, in the form of make_real_ids.py.

Usage: make_sentencepiece.py   (needs: pip install sentencepiece)
"""
import json
import pathlib
import struct
import tempfile

import sentencepiece

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "tokenizer"
# Full-width digits and letters, a ligature, a space of its own, and a text that is longer than what it becomes.
RULES = [("\u2460", "1"), ("\ufb03", "ffi"), ("\u3000", " "), ("\u00a0", " "), ("...", "\u2026"), ("\u00e9", "e\u0301"),
         *((chr(0xFF10 + i), chr(0x30 + i)) for i in range(10)), *((chr(0xFF21 + i), chr(0x41 + i)) for i in range(26))]
KINDS = {"bpe": dict(model_type="bpe", normalization_rule_name="identity", byte_fallback=True,
                     remove_extra_whitespaces=False, split_digits=True),
         "unigram": dict(model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)}


def hash_of(ids):
    value = 0x811C9DC5
    for byte in struct.pack(f"<{len(ids)}i", *ids):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def main():
    texts = json.loads((DATA / "real" / "strings.json").read_text())
    sentences = [line for text in texts[:1200] for line in text.split("\n") if line and "\0" not in line and len(line) < 300]
    with tempfile.TemporaryDirectory() as scratch:
        rules = pathlib.Path(scratch) / "rules.tsv"
        code = lambda text: " ".join(f"{ord(c):X}" for c in text)
        rules.write_text("".join(f"{code(left)}\t{code(right)}\n" for left, right in RULES))
        for name, options in KINDS.items():
            folder = DATA / "sentencepiece" / name
            folder.mkdir(parents=True, exist_ok=True)
            if name == "unigram":
                options["normalization_rule_tsv"] = str(rules)
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(sentences), model_prefix=f"{scratch}/{name}", vocab_size=2100, num_threads=1,
                character_coverage=0.98, minloglevel=2, **options)
            (folder / "tokenizer.model").write_bytes(pathlib.Path(f"{scratch}/{name}.model").read_bytes())
            model = sentencepiece.SentencePieceProcessor(str(folder / "tokenizer.model"))
            rows = [model.encode(text) for text in texts]
            (folder / "ids").write_bytes(b"".join(struct.pack("<HI", len(ids), hash_of(ids)) for ids in rows))


main()
