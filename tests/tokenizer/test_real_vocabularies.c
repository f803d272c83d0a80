/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vocabularies as they are published: the ids of 2,000 texts are those of the reference library (make_real_ids.py),
 * decoding gives the texts back, broken UTF-8 too, and streams them in whole characters.
 */
#define _GNU_SOURCE /* memmem */
#include "base/utf8.h"
#include "tests/support/checkpoints.h"
#include "tests/support/texts.h"
#include "tests/support/vocabulary.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static void describe(const tok_ids *ids, char *line, size_t size)
{
    size_t used = 0;
    line[0] = '\0';
    for (size_t i = 0; i < ids->count && used + 16 < size; i++)
        used += (size_t)snprintf(line + used, size - used, "%d ", ids->ids[i]);
}

static void check_ids(const support_vocabulary *v, const char *name, const support_texts *texts, size_t number)
{
    tok_ids ids = {0};
    firn_error error = {0};
    char line[400];
    const base_slice text = texts->at[number];
    cr_assert_eq(tok_encode(v->tokenizer, text, TOK_ADD_SPECIAL | TOK_PARSE_SPECIAL, &ids, &error), FIRN_OK, "%s: %s",
                 name, error.message);
    describe(&ids, line, sizeof line);
    cr_expect(support_texts_match(texts, number, &ids), "%s: text %zu '%.*s' has %zu ids: %s", name, number,
              (int)(text.length < 80 ? text.length : 80), text.data, ids.count, line);
    tok_ids_free(&ids);
}

/* The stream gives whole characters of the text, and all of it. */
static void check_stream(const support_vocabulary *v, const char *name, const tok_ids *ids, base_slice text)
{
    tok_stream stream = {0};
    const size_t longest = tok_longest_token(v->tokenizer);
    char *const piece = malloc(longest), *const ready = malloc(longest + 4), *const all = malloc(text.length + 64);
    const bool valid = base_utf8_valid(text);
    size_t length = 0;
    for (size_t i = 0; i <= ids->count; i++) {
        const size_t n = i == ids->count
                             ? tok_stream_flush(&stream, ready)
                             : tok_stream_add(&stream, piece,
                                              tok_decode_one(v->tokenizer, ids->ids[i], true, piece, longest), ready);
        cr_expect(!valid || base_utf8_valid((base_slice){ready, n}), "%s: '%.*s': token %zu gives half a character",
                  name, (int)text.length, text.data, i);
        cr_assert_leq(length + n, text.length + 64);
        memcpy(all + length, ready, n);
        length += n;
    }
    const size_t prefix = length > text.length ? 1 : 0; /* a space that encoding has put there */
    cr_expect(length == text.length + prefix && memcmp(all + prefix, text.data, text.length) == 0,
              "%s: '%.*s' is streamed as '%.*s'", name, (int)text.length, text.data, (int)length, all);
    free(piece);
    free(ready);
    free(all);
}

enum { NORMALISES = 1 /* decoding gives the text's normal form */, MARKS_SPACES = 2 /* U+2581 becomes a space */ };

/* Decoding gives the text back; or, of its normal form, the same ids again. */
static void check_round_trip(const support_vocabulary *v, const char *name, unsigned flags, base_slice text)
{
    tok_ids ids = {0}, again = {0};
    char *decoded;
    size_t length;
    if ((flags & MARKS_SPACES) != 0 && memmem(text.data, text.length, "\xE2\x96\x81", 3))
        return;
    cr_assert_eq(tok_encode(v->tokenizer, text, 0, &ids, NULL), FIRN_OK);
    cr_assert_eq(tok_decode(v->tokenizer, ids.ids, ids.count, true, &decoded, &length, NULL), FIRN_OK);
    const bool same = length == text.length && memcmp(decoded, text.data, length) == 0;
    if ((flags & NORMALISES) != 0) {
        cr_assert_eq(tok_encode(v->tokenizer, (base_slice){decoded, length}, 0, &again, NULL), FIRN_OK);
        cr_expect(again.count == ids.count &&
                      (ids.count == 0 || memcmp(again.ids, ids.ids, ids.count * sizeof *ids.ids) == 0),
                  "%s: '%.*s' becomes other ids", name, (int)text.length, text.data);
    } else {
        cr_expect(same, "%s: '%.*s' comes back as '%.*s'", name, (int)text.length, text.data, (int)length, decoded);
    }
    if (same)
        check_stream(v, name, &ids, text);
    free(decoded);
    tok_ids_free(&ids);
    tok_ids_free(&again);
}

/* And of the text with a byte missing somewhere, or one that is no character's. */
static void check_broken(const support_vocabulary *v, const char *name, unsigned flags, base_slice text, size_t place)
{
    char *const broken = malloc(text.length + 1);
    memcpy(broken, text.data, text.length);
    place %= text.length + 1;
    broken[place < text.length ? place : text.length] = (char)(0x80 + place % 0x80);
    check_round_trip(v, name, flags, (base_slice){broken, text.length + 1 - (place < text.length)});
    memmove(broken, text.data, text.length);
    if (place < text.length) {
        memmove(broken + place, text.data + place + 1, text.length - place - 1);
        check_round_trip(v, name, flags, (base_slice){broken, text.length - 1});
    }
    free(broken);
}

/* A long text, which goes by way of caches and cuts, has the ids of its parts. */
static void check_long_text(const support_vocabulary *v, const char *name, const char *texts, size_t length)
{
    enum { TIMES = 4, SKIPPED = 2 /* ids that may depend on what is before */ };
    char *const text = malloc(TIMES * length);
    for (size_t i = 0; i < TIMES; i++)
        memcpy(text + i * length, texts, length);
    tok_ids one = {0}, all = {0};
    cr_assert_eq(tok_encode(v->tokenizer, (base_slice){text, length}, 0, &one, NULL), FIRN_OK);
    cr_assert_eq(tok_encode(v->tokenizer, (base_slice){text, TIMES * length}, 0, &all, NULL), FIRN_OK);
    cr_assert_gt(one.count, 20000);
    cr_assert_geq(all.count, 3 * one.count);
    for (size_t i = 0; i + SKIPPED < one.count; i++)
        cr_assert_eq(all.ids[all.count - 1 - i], one.ids[one.count - 1 - i], "%s: id %zu from the end", name, i);
    tok_ids_free(&one);
    tok_ids_free(&all);
    free(text);
}

static void check(const char *name, unsigned flags)
{
    char file[100];
    snprintf(file, sizeof file, "vocabularies/%s", name);
    char *const folder = support_checkpoint(file);
    if (!folder)
        cr_skip("no %s beside the checkpoints", file);
    snprintf(file, sizeof file, "real/%s.ids", name);
    support_texts *const texts = support_texts_read(file);
    support_vocabulary v = support_vocabulary_open(folder);
    for (size_t i = 0; i < SUPPORT_TEXTS; i++) {
        check_ids(&v, name, texts, i);
        check_round_trip(&v, name, flags, texts->at[i]);
        check_broken(&v, name, flags, texts->at[i], i * 31);
    }
    check_long_text(&v, name, texts->json.data + 2, texts->json.length - 4); /* without the brackets */
    support_vocabulary_close(&v);
    support_texts_free(texts);
    free(folder);
}

#define VOCABULARY(name, flags)   \
    Test(real_vocabularies, name) \
    {                             \
        check(#name, flags);      \
    }

VOCABULARY(gpt2, 0)
VOCABULARY(claude, NORMALISES)
VOCABULARY(llama3_2, 0)
VOCABULARY(qwen2_5, NORMALISES)
VOCABULARY(gpt4o, 0)
VOCABULARY(mistral_nemo, 0)
VOCABULARY(deepseek_v3, 0)
VOCABULARY(command_r_plus, NORMALISES)
VOCABULARY(llama2, MARKS_SPACES)
VOCABULARY(gemma3, MARKS_SPACES)
VOCABULARY(yi, MARKS_SPACES)
VOCABULARY(chatglm3, MARKS_SPACES)
