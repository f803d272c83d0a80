/* SPDX-License-Identifier: Apache-2.0 */
/* Real vocabularies: ids equal to other programs', decoding gives the text back, time is linear, opening is quick. */
#include "base/clock.h"
#include "tests/support/checkpoints.h"
#include "tests/support/vocabulary.h"

#include <criterion/criterion.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

static const char separator[] = "\n__ggml_vocab_test__\n";

static tok_ids encode(const support_vocabulary *v, base_slice text, unsigned flags)
{
    tok_ids ids = {0};
    firn_error error = {0};
    cr_assert_eq(tok_encode(v->tokenizer, text, flags, &ids, &error), FIRN_OK, "%s", error.message);
    return ids;
}

/* All bytes of the ids, one token after the other. */
static char *decode(const support_vocabulary *v, const tok_ids *ids, size_t *length)
{
    size_t capacity = 64;
    char *text = malloc(capacity);
    *length = 0;
    for (size_t i = 0; i < ids->count; i++) {
        while (capacity - *length < tok_longest_token(v->tokenizer))
            text = realloc(text, capacity *= 2);
        *length += tok_decode_one(v->tokenizer, ids->ids[i], false, text + *length, capacity - *length);
    }
    return text;
}

static void check_strings(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "tokenizer/ggml-vocab-%s.gguf", name);
    char *const file = support_shared(path);
    if (!file)
        cr_skip("no file %s in the shared folder", path);
    char *const input_path = support_source("tests/data/tokenizer/strings.inp");
    char *const strings = support_read_file(input_path, NULL);
    snprintf(path, sizeof path, "tests/data/tokenizer/%s.out", name);
    char *const output_path = support_source(path);
    char *const expected = support_read_file(output_path, NULL);
    support_vocabulary v = support_vocabulary_open(file);
    const char *number = expected;
    int n_strings = 0;
    for (char *text = strings, *next; text; text = next) {
        next = strstr(text, separator);
        const base_slice slice = {text, next ? (size_t)(next - text) : strlen(text)};
        next = next ? next + sizeof separator - 1 : NULL;
        if (!next && *number == '\0')
            break; /* what follows the last separator */
        tok_ids ids = encode(&v, slice, 0);
        size_t i = 0;
        for (; *number && *number != '\n'; i++) {
            char *end;
            const long id = strtol(number, &end, 10);
            if (end == number)
                break;
            cr_expect(i < ids.count && ids.ids[i] == id, "%s: '%.*s': id %zu isn't %ld", name, (int)slice.length, text,
                      i, id);
            number = end;
        }
        cr_expect_eq(ids.count, i, "%s: '%.*s' has %zu ids, not %zu", name, (int)slice.length, text, ids.count, i);
        number += strcspn(number, "\n");
        number += *number == '\n';
        n_strings++;
        tok_ids_free(&ids);
    }
    cr_expect_geq(n_strings, 46);
    support_vocabulary_close(&v);
    free(file);
    free(input_path);
    free(output_path);
    free(strings);
    free(expected);
}

/* White space after a special token goes, but for a few: the ids are llama.cpp's. */
Test(vocabularies, phi_3_takes_in_white_space)
{
    static const struct {
        const char *text;
        int32_t ids[16]; /* 0: the end */
    } cases[] = {
        {"<|user|>\n  Hi <|end|> \n\t x<|assistant|>\n", {32010, 6324, 29871, 32007, 921, 32001}},
        {"a </s>  b<|endoftext|>  d <s> e", {263, 29871, 2, 289, 32000, 259, 270, 29871, 1, 29871, 321}},
    };
    char *const file = support_shared("tokenizer/ggml-vocab-phi-3.gguf");
    if (!file)
        cr_skip("no phi-3 in the shared folder");
    support_vocabulary v = support_vocabulary_open(file);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        tok_ids ids = encode(&v, base_slice_from(cases[c].text), TOK_PARSE_SPECIAL);
        size_t n_ids = 0;
        while (cases[c].ids[n_ids] != 0)
            n_ids++;
        cr_expect(ids.count == n_ids && memcmp(ids.ids, cases[c].ids, n_ids * sizeof *ids.ids) == 0, "%s",
                  cases[c].text);
        tok_ids_free(&ids);
    }
    support_vocabulary_close(&v);
    free(file);
}

Test(vocabularies, strings_gpt_2)
{
    check_strings("gpt-2");
}

Test(vocabularies, strings_llama_bpe)
{
    check_strings("llama-bpe");
}

Test(vocabularies, strings_llama_spm)
{
    check_strings("llama-spm");
}

Test(vocabularies, strings_phi_3)
{
    check_strings("phi-3");
}

Test(vocabularies, strings_qwen2)
{
    check_strings("qwen2");
}

Test(vocabularies, strings_starcoder)
{
    check_strings("starcoder");
}

static void check_prompts(const support_vocabulary *v, const char *reference)
{
    char *const path = support_source(reference);
    char *const json = support_read_file(path, NULL);
    cJSON *const prompts = cJSON_Parse(json);
    const cJSON *prompt;
    int n_prompts = 0;
    cJSON_ArrayForEach(prompt, prompts)
    {
        const char *const text = cJSON_GetStringValue(cJSON_GetObjectItem(prompt, "text"));
        const cJSON *const expected = cJSON_GetObjectItem(prompt, "ids");
        tok_ids ids = encode(v, base_slice_from(text), TOK_ADD_SPECIAL | TOK_PARSE_SPECIAL);
        cr_expect_eq(ids.count, (size_t)cJSON_GetArraySize(expected), "%s: '%s'", reference, text);
        const cJSON *id;
        size_t i = 0;
        cJSON_ArrayForEach(id, expected)
        {
            cr_expect(i < ids.count && ids.ids[i] == id->valueint, "%s: '%s': id %zu isn't %d", reference, text, i,
                      id->valueint);
            i++;
        }
        n_prompts++;
        tok_ids_free(&ids);
    }
    cr_expect_geq(n_prompts, 8);
    cJSON_Delete(prompts);
    free(json);
    free(path);
}

/* 2,000,000 bytes of one character: a quadratic step would take minutes. */
static void check_runs(const support_vocabulary *v)
{
    static const char *const characters[] = {
        "a", " ", "\n", "7", "!", "\xE4\xB8\x80", "\xCC\x81", "\xF0\x9F\x98\x80", "\xFF", "<", "\t", "\xE2\x96\x81"};
    enum { LENGTH = 2000000 };
    char *const text = malloc(LENGTH);
    for (size_t c = 0; c < sizeof characters / sizeof *characters; c++) {
        const size_t n = strlen(characters[c]);
        for (size_t i = 0; i < LENGTH; i++)
            text[i] = characters[c][i % n];
        const double start = base_seconds();
        tok_ids ids = encode(v, (base_slice){text, LENGTH}, TOK_PARSE_SPECIAL);
        cr_expect_lt(base_seconds() - start, 30.0, "'%s' 2 MB long takes %.1f s", characters[c],
                     base_seconds() - start);
        tok_ids_free(&ids);
    }
    free(text);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

/* The bytes that the vocabulary can express: SmolLM2's lacks 21 that are rare or never in UTF-8. */
static size_t known_bytes(const support_vocabulary *v, char bytes[256])
{
    size_t n = 0;
    for (int byte = 0; byte < 256; byte++) {
        const char text[1] = {(char)byte};
        tok_ids ids = encode(v, (base_slice){text, 1}, 0);
        if (ids.count > 0)
            bytes[n++] = (char)byte;
        tok_ids_free(&ids);
    }
    return n;
}

/* Any bytes come back, be they text or not. */
static void check_round_trip(const support_vocabulary *v)
{
    char known[256];
    const size_t n_known = known_bytes(v, known);
    cr_assert_geq(n_known, 200, "%zu", n_known);
    static const char common[] = " \nabcABC019.,'<>\t\xC3\xA9";
    uint32_t state = 7;
    char text[200];
    for (int round = 0; round < 2000; round++) {
        const size_t length = next_random(&state) % sizeof text;
        for (size_t i = 0; i < length; i++)
            text[i] =
                round % 2 ? known[next_random(&state) % n_known] : common[next_random(&state) % (sizeof common - 1)];
        tok_ids ids = encode(v, (base_slice){text, length}, 0);
        size_t decoded_length;
        char *const decoded = decode(v, &ids, &decoded_length);
        const size_t prefix = v->config.add_space_prefix && length > 0 ? 1 : 0;
        cr_expect(decoded_length == length + prefix && memcmp(decoded + prefix, text, length) == 0,
                  "'%.*s' comes back as '%.*s'", (int)length, text, (int)decoded_length, decoded);
        free(decoded);
        tok_ids_free(&ids);
    }
}

static void check_checkpoint(const char *checkpoint, const char *reference)
{
    char *const file = support_checkpoint(checkpoint);
    if (!file)
        cr_skip("no checkpoint %s", checkpoint);
    support_vocabulary v = support_vocabulary_open(file);
    check_prompts(&v, reference);
    check_runs(&v);
    check_round_trip(&v);
    support_vocabulary_close(&v);
    free(file);
}

Test(vocabularies, smollm2)
{
    check_checkpoint("SmolLM2-135M-Instruct.Q4_1.gguf", "tests/data/reference/smollm2-135m-instruct.json");
}

Test(vocabularies, gemma_3)
{
    check_checkpoint("gemma-3-270m-q4_k_m.gguf", "tests/data/reference/gemma-3-270m.json");
}

Test(vocabularies, qwen2_5)
{
    check_checkpoint("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                     "tests/data/reference/qwen2.5-coder-0.5b-instruct.json");
}
