/* SPDX-License-Identifier: Apache-2.0 */
/* Vocabularies as they are published: the ids of 2,000 texts are those of the reference library (make_real_ids.py). */
#include "base/json.h"
#include "tests/support/checkpoints.h"
#include "tests/support/vocabulary.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_TEXTS = 2000, ROW = 6 /* bytes: count, hash */ };

static char *read_data(const char *name, unsigned long *length)
{
    char relative[100];
    snprintf(relative, sizeof relative, "tests/data/tokenizer/real/%s", name);
    char *const path = support_source(relative);
    cr_assert(path, "no %s", relative);
    char *const bytes = support_read_file(path, length);
    free(path);
    return bytes;
}

/* FNV-1a over the ids, little-endian. */
static uint32_t hash_ids(const tok_ids *ids)
{
    uint32_t hash = 0x811C9DC5U;
    for (size_t i = 0; i < ids->count; i++)
        for (unsigned shift = 0; shift < 32; shift += 8)
            hash = (hash ^ ((uint32_t)ids->ids[i] >> shift & 0xFF)) * 0x01000193U;
    return hash;
}

static void describe(const tok_ids *ids, char *line, size_t size)
{
    size_t used = 0;
    line[0] = '\0';
    for (size_t i = 0; i < ids->count && used + 16 < size; i++)
        used += (size_t)snprintf(line + used, size - used, "%d ", ids->ids[i]);
}

static void check_text(const support_vocabulary *v, const char *name, int index, base_slice text, const char *row)
{
    tok_ids ids = {0};
    firn_error error = {0};
    uint16_t count;
    uint32_t hash;
    char line[400];
    memcpy(&count, row, 2);
    memcpy(&hash, row + 2, 4);
    cr_assert_eq(tok_encode(v->tokenizer, text, TOK_ADD_SPECIAL | TOK_PARSE_SPECIAL, &ids, &error), FIRN_OK, "%s: %s",
                 name, error.message);
    describe(&ids, line, sizeof line);
    cr_expect(ids.count == count && hash_ids(&ids) == hash, "%s: text %d '%.*s': %zu ids, not %u: %s", name, index,
              (int)(text.length < 80 ? text.length : 80), text.data, ids.count, count, line);
    tok_ids_free(&ids);
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

static void check(const char *name)
{
    char file[100];
    unsigned long length;
    snprintf(file, sizeof file, "vocabularies/%s", name);
    char *const folder = support_checkpoint(file);
    if (!folder)
        cr_skip("no %s beside the checkpoints", file);
    unsigned long json_length;
    char *const json = read_data("strings.json", &json_length);
    snprintf(file, sizeof file, "%s.ids", name);
    char *const rows = read_data(file, &length);
    cr_assert_eq(length, N_TEXTS * ROW);
    support_vocabulary v = support_vocabulary_open(folder);
    base_json reader = base_json_begin((base_slice){json, json_length});
    base_json_event event;
    cr_assert_eq(base_json_next(&reader, &event, NULL), FIRN_OK);
    int index = 0;
    for (; base_json_next(&reader, &event, NULL) == FIRN_OK && event.kind == BASE_JSON_STRING; index++) {
        char *const text = malloc(event.text.length + 1);
        check_text(&v, name, index, (base_slice){text, base_json_unescape(&event, text)}, rows + index * ROW);
        free(text);
    }
    cr_expect_eq(index, N_TEXTS);
    check_long_text(&v, name, json + 2, json_length - 4); /* with quotes and commas, but without the brackets */
    support_vocabulary_close(&v);
    free(json);
    free(rows);
    free(folder);
}

#define VOCABULARY(name)          \
    Test(real_vocabularies, name) \
    {                             \
        check(#name);             \
    }

VOCABULARY(gpt2)
VOCABULARY(claude)
VOCABULARY(llama3_2)
VOCABULARY(qwen2_5)
VOCABULARY(gpt4o)
VOCABULARY(mistral_nemo)
VOCABULARY(deepseek_v3)
VOCABULARY(command_r_plus)
VOCABULARY(llama2)
VOCABULARY(gemma3)
VOCABULARY(chatglm3)
VOCABULARY(yi)
