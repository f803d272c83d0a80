#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizer/trained: small tokenizers of many configurations, with the ids and the decoded text that
the Python package tokenizers 0.23.3 gives for the same strings.

Usage: python3 tests/tokenizer/make_ids.py [NAME…]   (needs: pip install tokenizers==0.23.3)
Training isn't quite the same each time: with names, only those are made again.
"""
import json
import pathlib
import random
import sys

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "tokenizer"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")
SAMPLES = """The quick brown fox jumps over the lazy dog.|Ça va déjà très bien à l'hôtel où je suis né.|Größe, Übermut, Straße
Η γρήγορη αλεπού πηδάει|Быстрая лисица прыгает через ленивую собаку|Ջրառատ գետը հոսում է|השועל המהיר קופץ מעל הכלב
الثعلب السريع يقفز فوق الكلب|तेज़ लोमड़ी आलसी कुत्ते पर कूदती है|দ্রুত বাদামী শিয়াল|ਤੇਜ਼ ਲੂੰਬੜੀ|ઝડપી શિયાળ|விரைவான நரி தாவுகிறது
వేగవంతమైన నక్క|ವೇಗದ ನರಿ|വേഗതയുള്ള കുറുക്കൻ|ඉක්මන් නරියා|สุนัขจิ้งจอกกระโดดข้าม|ໝາຈອກ|མགྱོགས་པོ|မြေခွေး|ფრთხილი მელა|빠른 갈색 여우가
ቀበሮ ዘለለ|កញ្ជ្រោង|ᠦᠨᠡᠭᠡ|素早い狐は怠惰な犬を飛び越える|ｶﾀｶﾅ カタカナ ひらがな|敏捷的棕色狐狸跳過了懶狗|ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ|ᚠᚢᚦᚨᚱᚲ|𐌰𐌱𐌲|𝔘𝔫𝔦𝔠𝔬𝔡𝔢
int main(void) { return x->y[42] != 0; } // it's|def f(a, b=3.14): # I'll don't we've|SELECT * FROM t WHERE id = 10007;
👍🏽 👨‍👩‍👧‍👦 🇩🇪 e\u0301 é ﬁ Å Å ①½ ²|\t tab\tand  two   spaces |\u200b\u00ad\u0007\x7f\x01 controls\u2028sep\u00a0nbsp\u3000wide""".replace("\n", "|").split("|")
EDGES = ["", " ", "  ", "a", " a", "a ", "\n", "\n\n", "\r\n", " \n ", "aaaaaaaaaaaaaaaa" * 8, " " * 40, "0123456789" * 5,
         "....", "!?!?", "the theater", "<s>", "a<s>b", "<s><s>", " <mask> ", "x <mask> y", "x<mask>y", "new token",
         "newtoken", "renewtokens", "[UNK]", "[CLS] a [SEP]", "▁a", "##ing", "Ġa", "<0x41>", "İI", "ǅ", "ß", "\ufb01n",
         "가각", "각", "ñ", "n\u0303", "q\u0323\u0307", "q\u0307\u0323", "x" * 120]


def strings():
    out = [s.encode().decode("unicode_escape").encode("latin1").decode() if "\\" in s and s.isascii() else s
           for s in SAMPLES] + EDGES
    source = random.Random(5)
    letters = "".join(SAMPLES)
    while len(out) < 200:
        parts = [source.choice(SAMPLES) for _ in range(2)]
        cut = "".join(source.choice(letters) for _ in range(source.randrange(1, 12)))
        out.append((parts[0][:source.randrange(20)] + cut + " " + parts[1][:source.randrange(20)]))
    return out[:200]


def bpe(**options):
    return models.BPE(**options)


SPECIAL = ["<s>", "<mask>", "[UNK]"]


def trainer(kind, byte_level, suffix):
    common = dict(vocab_size=500, special_tokens=SPECIAL, show_progress=False)
    if suffix:
        common["end_of_word_suffix"] = suffix
    if kind == "Unigram":
        return trainers.UnigramTrainer(unk_token="[UNK]", **common)
    alphabet = pre_tokenizers.ByteLevel.alphabet() if byte_level else []
    maker = trainers.WordPieceTrainer if kind == "WordPiece" else trainers.BpeTrainer
    return maker(initial_alphabet=alphabet, limit_alphabet=300, **common)


def build(model, normaliser=None, splitter=None, decoder=None, processor=None, byte_level=False, suffix=None):
    tokenizer = Tokenizer(model)
    if normaliser:
        tokenizer.normalizer = normaliser
    if splitter:
        tokenizer.pre_tokenizer = splitter
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.train_from_iterator(SAMPLES * 3, trainer(type(model).__name__, byte_level, suffix))
    tokenizer.add_tokens([AddedToken("new token", single_word=True, normalized=True),
                          AddedToken("\n\n", rstrip=True, normalized=False)])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, rstrip=False, normalized=False, special=True)])
    if processor:
        tokenizer.post_processor = processor
    return tokenizer


def configurations():
    n, p, d = normalizers, pre_tokenizers, decoders
    level = dict(decoder=d.ByteLevel(), byte_level=True)
    around = processors.TemplateProcessing(single="<s> $A [UNK]", pair=None, special_tokens=[("<s>", 0), ("[UNK]", 2)])
    sentence = d.Sequence([d.Replace("▁", " "), d.ByteFallback(), d.Fuse(), d.Strip(" ", 1, 0)])
    yield "bpe-gpt2", build(bpe(), None, p.ByteLevel(add_prefix_space=False), **level)
    yield "bpe-gpt2-prefix", build(bpe(), None, p.ByteLevel(add_prefix_space=True), processor=around, **level)
    yield "bpe-llama3", build(bpe(ignore_merges=True), None, p.Sequence(
        [p.Split(Regex(LLAMA3), "isolated"), p.ByteLevel(add_prefix_space=False, use_regex=False)]), **level)
    yield "bpe-nfc-regex", build(bpe(), n.NFC(), p.Sequence(
        [p.Split(Regex(r"\p{L}+|\p{N}|[^\p{L}\p{N}]+"), "isolated"),
         p.ByteLevel(add_prefix_space=False, use_regex=False)]), **level)
    yield "bpe-digits", build(bpe(), n.NFKC(), p.Sequence(
        [p.Digits(individual_digits=True), p.ByteLevel(add_prefix_space=False)]), **level)
    yield "bpe-digits-runs", build(bpe(unk_token="[UNK]"), n.NFKD(), p.Sequence(
        [p.Digits(individual_digits=False), p.WhitespaceSplit()]))
    yield "bpe-metaspace", build(bpe(unk_token="[UNK]"), None, p.Metaspace(), d.Metaspace())
    yield "bpe-metaspace-first", build(bpe(unk_token="[UNK]", fuse_unk=True), None, p.Metaspace(prepend_scheme="first"),
                                       d.Metaspace(prepend_scheme="first"))
    yield "bpe-metaspace-never", build(bpe(unk_token="[UNK]"), n.Lowercase(),
                                       p.Metaspace(prepend_scheme="never", split=False), d.Metaspace(prepend_scheme="never"))
    yield "bpe-llama2", build(bpe(unk_token="[UNK]", fuse_unk=True), n.Sequence([n.Prepend("▁"), n.Replace(" ", "▁")]),
                              None, sentence, around)
    yield "bpe-gemma", build(bpe(unk_token="[UNK]"), n.Replace(" ", "▁"), p.Split(" ", "merged_with_previous"),
                             d.Sequence([d.Replace("▁", " "), d.ByteFallback(), d.Fuse()]))
    yield "bpe-next", build(bpe(unk_token="[UNK]"), None, p.Split(" ", "merged_with_next"), d.Fuse())
    yield "bpe-contiguous", build(bpe(unk_token="[UNK]"), None, p.Split(Regex(r"[aeiou ]"), "contiguous"), d.Fuse())
    yield "bpe-inverted", build(bpe(unk_token="[UNK]"), n.Strip(), p.Split(Regex(r"\w+"), "removed", invert=True))
    yield "bpe-whitespace", build(bpe(unk_token="[UNK]"), n.Sequence([n.NFD(), n.StripAccents()]), p.Whitespace())
    yield "bpe-delimiter", build(bpe(unk_token="[UNK]"), n.Replace(Regex(r"\s+"), " "), p.CharDelimiterSplit(" "))
    yield "wordpiece-bert", build(models.WordPiece(unk_token="[UNK]"), n.BertNormalizer(), p.BertPreTokenizer(),
                                  d.WordPiece(), around)
    yield "wordpiece-cased", build(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20),
                                   n.BertNormalizer(lowercase=False), p.BertPreTokenizer(), d.WordPiece(cleanup=False))
    yield "wordpiece-punctuation", build(models.WordPiece(unk_token="[UNK]"), n.Strip(left=True, right=False),
                                         p.Sequence([p.WhitespaceSplit(), p.Punctuation("merged_with_previous")]),
                                         d.WordPiece())
    yield "unigram-metaspace", build(models.Unigram(), n.NFKC(), p.Metaspace(), d.Metaspace())
    yield "unigram-split", build(models.Unigram(), n.Sequence([n.NFD(), n.Lowercase(), n.StripAccents()]),
                                 p.Sequence([p.WhitespaceSplit(), p.Metaspace()]), d.Metaspace(), around)
    yield "bpe-suffix", build(bpe(unk_token="[UNK]", end_of_word_suffix="</w>"),
                              n.Sequence([n.NFC(), n.Replace(Regex(r"\s+"), " "), n.Lowercase()]), p.WhitespaceSplit(),
                              d.BPEDecoder("</w>"), suffix="</w>")
    yield "bpe-falcon", build(bpe(), None, p.Sequence([p.Punctuation("contiguous"), p.ByteLevel(add_prefix_space=False),
                                                      p.Digits(), p.Split(Regex("[0-9][0-9][0-9]"), "isolated")]), **level)
    yield "bpe-level-normaliser", build(bpe(), n.Sequence([n.Nmt(), n.ByteLevel()]), None, **level)
    yield "unigram-plain", build(models.Unigram(), None, p.Sequence([p.Punctuation("removed"), p.Digits()]), d.Fuse())


def main():
    texts = strings()
    folder = DATA / "trained"
    folder.mkdir(exist_ok=True)
    write = lambda path, value: path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
    write(folder / "strings.json", texts)
    for name, tokenizer in configurations():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        (folder / name).mkdir(exist_ok=True)
        write(folder / name / "tokenizer.json", json.loads(tokenizer.to_str()))
        ids = [tokenizer.encode(text).ids for text in texts]
        write(folder / name / "expected.json",
              {"ids": ids, "decoded": [tokenizer.decode(row) for row in ids]})


main()
