/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints that are sound as files, but one key has a value that makes no sense. Rows are those of the list of
 * inputs to reject; see test_bad_files.c.
 */
#include "tests/support/refused.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <math.h>

#define HEADS       "llama.attention.head_count"
#define EPSILON     "llama.attention.layer_norm_rms_epsilon"
#define FORMAT      FIRN_ERROR_FORMAT
#define UNSUPPORTED FIRN_ERROR_UNSUPPORTED

typedef enum value_kind { GONE, TEXT, U32, I32, U64, F32 } value_kind;

static const struct {
    const char *row, *key;
    value_kind kind; /* of value the key gets; GONE: it is removed */
    double number;
    const char *text;
    firn_status status;
    const char *parts[REFUSED_PARTS]; /* of the message, beside the key */
} cases[] = {
    {"G16", "general.alignment", U32, 0, NULL, FORMAT, {" 0;", "8 to 65536"}},
    {"G16", "general.alignment", U32, 13, NULL, FORMAT, {" 13;", "powers of two from 8 to 65536"}},
    {"G16", "general.alignment", TEXT, 0, "32", FORMAT, {"string", "integer"}},
    {"G16", "general.alignment", U32, 2147483648, NULL, FORMAT, {" 2147483648;", "8 to 65536"}},
    {"G17", "general.architecture", GONE, 0, NULL, FORMAT, {"missing"}},
    {"G17", "general.architecture", TEXT, 0, "parrot", UNSUPPORTED, {"llama, qwen2, gemma3"}},
    {"G17", "llama.block_count", GONE, 0, NULL, FORMAT, {"missing"}},
    {"G17", "llama.block_count", TEXT, 0, "2", FORMAT, {"of type string", "an integer"}},
    {"G17", "llama.block_count", F32, 2, NULL, FORMAT, {"of type float32", "an integer"}},
    {"G17", "tokenizer.ggml.tokens", TEXT, 0, "a", FORMAT, {"of type string", "an array of string"}},
    {"G17", "tokenizer.ggml.tokens", GONE, 0, NULL, FORMAT, {"missing"}},
    {"G17", EPSILON, GONE, 0, NULL, FORMAT, {"missing"}},
    {"G17", "llama.rope.freq_base", U32, 10000, NULL, FORMAT, {"of type uint32", "float32"}},
    {"G17", "general.name", U32, 1, NULL, FORMAT, {"of type uint32", "a string"}},
    {"G17", "tokenizer.ggml.add_bos_token", U32, 1, NULL, FORMAT, {"of type uint32", "a bool"}},
    {"G18", "llama.block_count", U32, 0, NULL, FORMAT, {" 0;", "1 to"}},
    {"G18", "llama.block_count", I32, -1, NULL, FORMAT, {" -1;", "1 to"}},
    {"G18", "llama.block_count", U32, 1e9, NULL, FORMAT, {" 1000000000;", "at most 2"}},
    {"G18", "llama.block_count", U64, 1.8e19, NULL, FORMAT, {"1 to"}},
    {"G18", HEADS, U32, 0, NULL, FORMAT, {" 0;", "1 to 65536"}},
    {"G18", "llama.attention.head_count_kv", U32, 3, NULL, FORMAT, {" is 3;", "divide attention.head_count, 2"}},
    {"G18", "llama.embedding_length", U32, 0, NULL, FORMAT, {" 0;", "1 to 16777216"}},
    {"G18", EPSILON, F32, NAN, NULL, FORMAT, {"nan", "1e-20 to 1"}},
    {"G18", EPSILON, F32, INFINITY, NULL, FORMAT, {"inf", "1e-20 to 1"}},
    {"G18", EPSILON, F32, 0, NULL, FORMAT, {" 0;", "1e-20 to 1"}},
    {"G18", "llama.rope.freq_base", F32, NAN, NULL, FORMAT, {"nan", "1 to 1e+12"}},
    {"G18", "llama.rope.freq_base", F32, INFINITY, NULL, FORMAT, {"inf", "1 to 1e+12"}},
    {"G18", "llama.rope.freq_base", F32, 0, NULL, FORMAT, {" 0;", "1 to 1e+12"}},
    {"G18", "llama.rope.scaling.factor", F32, 0, NULL, FORMAT, {" 0;", "0.001 to 1e+06"}},
    {"G18", "llama.rope.scaling.type", TEXT, 0, "yarn", UNSUPPORTED, {}},
    {"G18", "llama.rope.dimension_count", U32, 7, NULL, FORMAT, {" 7;", "multiple of 2"}},
    {"G18", "llama.rope.dimension_count", U32, 32, NULL, FORMAT, {" 32;", "at most", "16"}},
    {"G18", "llama.attention.value_length", U32, 8, NULL, FORMAT, {" 8;", "16"}},
    {"G18", "llama.expert_count", U32, 8, NULL, UNSUPPORTED, {" 8;", "not supported"}},
    {"T7", "tokenizer.ggml.bos_token_id", U32, 283, NULL, FORMAT, {" 283;", "0 to 282"}},
    {"T7", "tokenizer.ggml.padding_token_id", U32, 4294967295, NULL, FORMAT, {"4294967295", "0 to 282"}},
};

static void set_number(gguf_builder *builder, const char *key, value_kind kind, double number)
{
    if (kind == U32)
        gguf_set_u32(builder, key, (uint32_t)number);
    else if (kind == F32)
        gguf_set_f32(builder, key, (float)number);
    else if (kind == I32)
        gguf_set(builder, key, GGUF_I32, &(int32_t){(int32_t)number}, 4);
    else
        gguf_set(builder, key, GGUF_U64, &(uint64_t){(uint64_t)number}, 8);
}

Test(bad_values, each_is_refused)
{
    const tiny_options options = tiny_small("llama");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_builder *const builder = tiny_build(&options);
        if (cases[i].kind == GONE)
            gguf_remove_key(builder, cases[i].key);
        else if (cases[i].kind == TEXT)
            gguf_set_text(builder, cases[i].key, cases[i].text);
        else
            set_number(builder, cases[i].key, cases[i].kind, cases[i].number);
        char *const path = gguf_write(builder);
        char why[800];
        cr_expect(support_refused(path, cases[i].status, cases[i].parts, why), "%s, %s: %s", cases[i].row, cases[i].key,
                  why);
        const char *const key[REFUSED_PARTS] = {cases[i].key};
        cr_expect(support_refused(path, cases[i].status, key, why), "%s, %s: %s", cases[i].row, cases[i].key, why);
        support_remove(path);
        gguf_destroy(builder);
    }
}

static void expect_refused(const char *row, gguf_builder *builder, const char *const parts[REFUSED_PARTS])
{
    char why[800];
    char *const path = gguf_write(builder);
    cr_expect(support_refused(path, FORMAT, parts, why), "%s: %s", row, why);
    support_remove(path);
    gguf_destroy(builder);
}

/* Values that are arrays, or that two keys make wrong together. */
Test(bad_values, arrays_and_combinations)
{
    const tiny_options options = tiny_small("llama");
    const gguf_buffer one = {(unsigned char[]){1, 0, 0, 0}, 4, 4}, none = {NULL, 0, 0};

    gguf_builder *builder = tiny_build(&options);
    gguf_set_array(builder, "llama.block_count", GGUF_U32, 1, &one);
    expect_refused("G17", builder,
                   (const char *[REFUSED_PARTS]){"'llama.block_count'", "an array of uint32", "an integer"});

    builder = tiny_build(&options);
    gguf_remove_key(builder, "llama.attention.key_length");
    gguf_set_u32(builder, HEADS, 3);
    expect_refused("G18", builder,
                   (const char *[REFUSED_PARTS]){"'llama.embedding_length' is 32", "multiple of attention.head_count"});

    builder = tiny_build(&options);
    gguf_set_array(builder, "tokenizer.ggml.tokens", GGUF_STRING, 0, &none);
    expect_refused("T1", builder, (const char *[REFUSED_PARTS]){"'tokenizer.ggml.tokens'", "0 elements", "1 to"});

    builder = tiny_build(&options);
    gguf_set_array(builder, "tokenizer.ggml.token_type", GGUF_I32, 1, &one);
    expect_refused("T2", builder,
                   (const char *[REFUSED_PARTS]){"'tokenizer.ggml.token_type'", "1 elements", "283 tokens"});
}
