/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tiny_checkpoint.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- random numbers and blocks ---- */

static uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Evenly spread between -1 and 1. */
static float next_real(uint64_t *state)
{
    return (float)((double)(next_random(state) >> 11) * 0x1p-52 - 1.0);
}

static void fill_bytes(unsigned char *bytes, size_t count, uint64_t *state)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (unsigned char)(next_random(state) >> 56);
}

/* A normal half-precision number near `value`, rounded towards zero; below the smallest one, zero. */
static void put_f16(unsigned char *bytes, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t half = magnitude < 0x38800000u ? 0 : (magnitude - 0x38000000u) >> 13;
    half |= bits >> 16 & 0x8000u;
    bytes[0] = (unsigned char)(half & 0xff);
    bytes[1] = (unsigned char)(half >> 8);
}

/* F16 scales of quantised blocks: where, the size of a weight where the scale is 1, the minimum as scales if any. */
static const struct {
    kern_type type;
    uint32_t offset;
    float size, minimum;
} block_scales[] = {
    {KERN_Q4_0, 0, 4.6f, 0},
    {KERN_Q4_1, 0, 4.6f, -7.5f},
    {KERN_Q5_0, 0, 9.2f, 0},
    {KERN_Q5_1, 0, 9.2f, -15.5f},
    {KERN_Q8_0, 0, 74.0f, 0},
    {KERN_Q2_K, 80, 9.0f, 1.5f},
    {KERN_Q3_K, 108, 2.3f * 18.5f, 0},
    {KERN_Q4_K, 0, 4.6f * 36.0f, 7.5f},
    {KERN_Q5_K, 0, 9.2f * 36.0f, 15.5f},
    {KERN_Q6_K, 208, 18.5f * 74.0f, 0},
    {KERN_IQ4_NL, 0, 69.0f, 0},
    {KERN_IQ4_XS, 0, 69.0f * 18.5f, 0},
    {KERN_TQ1_0, 52, 0.8f, 0},
    {KERN_TQ2_0, 64, 1.2f, 0},
    {KERN_IQ2_XXS, 0, 63.0f, 0},
    {KERN_IQ2_XS, 0, 63.0f, 0},
    {KERN_IQ2_S, 0, 63.0f, 0},
    {KERN_IQ3_XXS, 0, 150.0f, 0},
    {KERN_IQ3_S, 0, 166.0f, 0},
    {KERN_IQ1_S, 0, 7.2f, 0},
};

static void fill_scaled_block(unsigned char *block, kern_type type, float deviation)
{
    for (size_t i = 0; i < sizeof block_scales / sizeof *block_scales; i++) {
        if (block_scales[i].type == type) {
            const float scale = deviation / block_scales[i].size;
            put_f16(block + block_scales[i].offset, scale);
            if (block_scales[i].minimum != 0)
                put_f16(block + block_scales[i].offset + 2, block_scales[i].minimum * scale);
            return;
        }
    }
    fprintf(stderr, "tiny checkpoint: no random blocks of type %s\n", kern_type_find((uint32_t)type)->name);
    exit(1);
}

/* One block of weights with a standard deviation near `deviation` and a mean near 0. */
static void fill_block(unsigned char *block, kern_type type, float deviation, uint64_t *state)
{
    const kern_type_info *const info = kern_type_find((uint32_t)type);
    const float wanted = deviation * (1.0f + 0.25f * next_real(state));
    const float real = deviation * 1.73f * next_real(state);
    uint32_t bits;
    unsigned char half[2];
    fill_bytes(block, info->block_bytes, state);
    switch (type) {
    case KERN_F32:
        memcpy(block, &real, sizeof real);
        break;
    case KERN_F16:
        put_f16(block, real);
        break;
    case KERN_BF16:
        memcpy(&bits, &real, sizeof bits);
        memcpy(block, &(uint16_t){(uint16_t)(bits >> 16)}, 2);
        break;
    case KERN_MXFP4: /* 2^(e - 128) v, with v from -12 to 12 */
        block[0] = (unsigned char)(128 + ilogbf(wanted / 5.6f));
        break;
    case KERN_NVFP4: /* 2^(e - 8) v; a scale can't be below 2^-7 */
        for (int i = 0; i < 4; i++)
            block[i] = (unsigned char)((wanted > 5.6f / 64 ? 8 + ilogbf(wanted / 5.6f) : 1) << 3);
        break;
    case KERN_IQ1_M: /* four bits of the scale in each of four words */
        put_f16(half, wanted / 7.2f);
        for (int i = 0; i < 4; i++)
            block[49 + 2 * i] = (unsigned char)((block[49 + 2 * i] & 15) | (half[i / 2] >> (4 * (i & 1)) & 15) << 4);
        break;
    default:
        fill_scaled_block(block, type, wanted);
        break;
    }
}

/* ---- tensors ---- */

/* A matrix [rows][inputs] whose products with values of size 1 are of size `gain`. */
static void add_matrix(gguf_builder *builder, const char *name, kern_type type, uint32_t inputs, uint32_t rows,
                       float gain, uint64_t *state)
{
    const kern_type_info *const info = kern_type_find((uint32_t)type);
    gguf_tensor *const tensor = gguf_add_tensor(builder, name, type, 2, (const uint64_t[]){inputs, rows});
    for (size_t at = 0; at < tensor->data.size; at += info->block_bytes)
        fill_block(tensor->data.data + at, type, gain / sqrtf((float)inputs), state);
}

/* A vector with values from middle - spread to middle + spread. */
static void add_vector(gguf_builder *builder, const char *name, uint32_t count, float middle, float spread,
                       uint64_t *state)
{
    gguf_tensor *const tensor = gguf_add_tensor(builder, name, KERN_F32, 1, (const uint64_t[]){count});
    for (size_t at = 0; at < tensor->data.size; at += sizeof(float))
        memcpy(tensor->data.data + at, &(float){middle + spread * next_real(state)}, sizeof(float));
}

static bool is(const tiny_options *options, const char *architecture)
{
    return strcmp(options->architecture, architecture) == 0;
}

static void add_layer(gguf_builder *builder, const tiny_options *o, uint32_t layer, uint64_t *state)
{
    const uint32_t query = o->n_heads * o->head_dim, key = o->n_kv_heads * o->head_dim;
    const bool gemma3 = is(o, "gemma3"), qkv_biases = o->biases || is(o, "qwen2");
    char name[64];
#define NAMED(suffix) (snprintf(name, sizeof name, "blk.%u." suffix, (unsigned)layer), name)
    add_vector(builder, NAMED("attn_norm.weight"), o->n_embd, 1, 0.25f, state);
    add_matrix(builder, NAMED("attn_q.weight"), o->type, o->n_embd, query, 2, state);
    add_matrix(builder, NAMED("attn_k.weight"), o->type, o->n_embd, key, 2, state);
    add_matrix(builder, NAMED("attn_v.weight"), o->type, o->n_embd, key, 1, state);
    add_matrix(builder, NAMED("attn_output.weight"), o->type, query, o->n_embd, 1, state);
    if (qkv_biases) {
        add_vector(builder, NAMED("attn_q.bias"), query, 0, 0.5f, state);
        add_vector(builder, NAMED("attn_k.bias"), key, 0, 0.5f, state);
        add_vector(builder, NAMED("attn_v.bias"), key, 0, 0.5f, state);
    }
    if (o->biases)
        add_vector(builder, NAMED("attn_output.bias"), o->n_embd, 0, 0.5f, state);
    if (gemma3) {
        add_vector(builder, NAMED("attn_q_norm.weight"), o->head_dim, 1, 0.25f, state);
        add_vector(builder, NAMED("attn_k_norm.weight"), o->head_dim, 1, 0.25f, state);
        add_vector(builder, NAMED("post_attention_norm.weight"), o->n_embd, 4, 1, state);
        add_vector(builder, NAMED("post_ffw_norm.weight"), o->n_embd, 4, 1, state);
    }
    add_vector(builder, NAMED("ffn_norm.weight"), o->n_embd, 1, 0.25f, state);
    add_matrix(builder, NAMED("ffn_gate.weight"), o->type, o->n_embd, o->n_ff, 1, state);
    add_matrix(builder, NAMED("ffn_up.weight"), o->type, o->n_embd, o->n_ff, 1, state);
    add_matrix(builder, NAMED("ffn_down.weight"), o->type, o->n_ff, o->n_embd, 1, state);
#undef NAMED
}

static void add_tensors(gguf_builder *builder, const tiny_options *o, uint32_t n_vocab)
{
    uint64_t state = o->seed;
    /* rows with values of size 1/4 or, where the family scales them by sqrt(n_embd), of 1 after that: layers add as
     * much */
    const float gain = is(o, "gemma3") ? 1 : sqrtf((float)o->n_embd) / 4;
    add_matrix(builder, "token_embd.weight", o->embedding_type, o->n_embd, n_vocab, gain, &state);
    for (uint32_t layer = 0; layer < o->n_layers; layer++)
        add_layer(builder, o, layer, &state);
    add_vector(builder, "output_norm.weight", o->n_embd, 1, 0.25f, &state);
    if (!o->tied)
        add_matrix(builder, "output.weight", o->embedding_type, o->n_embd, n_vocab, 4, &state);
    if (o->rope_factors)
        add_vector(builder, "rope_freqs.weight", o->head_dim / 2, 4, 3, &state);
}

/* ---- vocabulary ---- */

typedef struct vocabulary {
    gguf_buffer tokens, scores, types, merges;
    uint32_t n_tokens, n_merges;
} vocabulary;

enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, BYTE = 6 };

static void add_token(vocabulary *v, const char *text, size_t length, float score, int32_t type)
{
    gguf_append_string(&v->tokens, text, length);
    gguf_append(&v->scores, &score, sizeof score);
    gguf_append(&v->types, &type, sizeof type);
    v->n_tokens++;
}

static void add_token_text(vocabulary *v, const char *text, float score, int32_t type)
{
    add_token(v, text, strlen(text), score, type);
}

/* A byte as byte-level BPE writes it: printable ones as themselves, the others as 256, 257, … in order. */
static uint32_t character_of_byte(uint32_t byte)
{
    uint32_t n_hidden = 0;
    for (uint32_t b = 0; b <= byte; b++) {
        const bool shown = (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad);
        if (b == byte)
            return shown ? b : 256 + n_hidden;
        n_hidden += !shown;
    }
    return 0;
}

/* Merges of byte-level BPE in order of rank; a token's text is both sides. G stands for a space. */
static const char *const merge_texts[][2] = {
    {"\u0120", "t"}, {"h", "e"},       {"i", "n"},      {"\u0120", "a"},   {"\u0120t", "he"}, {"r", "e"},
    {"o", "n"},      {"\u0120", "s"},  {"e", "r"},      {"a", "t"},        {"o", "u"},        {"n", "d"},
    {"\u0120", "w"}, {"i", "s"},       {"\u0120", "b"}, {"\u0120a", "nd"}, {"in", "g"},       {"o", "r"},
    {"\u0120", "i"}, {"\u0120i", "s"}, {"l", "l"},      {"k", "y"},        {"\u0120s", "ky"}, {"w", "h"},
};

static void make_byte_vocabulary(vocabulary *v)
{
    char text[64];
    add_token_text(v, "<|endoftext|>", 0, CONTROL);
    add_token_text(v, "<|im_start|>", 0, CONTROL);
    add_token_text(v, "<|im_end|>", 0, CONTROL);
    for (uint32_t byte = 0; byte < 256; byte++)
        add_token(v, text, base_utf8_encode(character_of_byte(byte), text), 0, NORMAL);
    for (size_t i = 0; i < sizeof merge_texts / sizeof merge_texts[0]; i++) {
        snprintf(text, sizeof text, "%s%s", merge_texts[i][0], merge_texts[i][1]);
        add_token_text(v, text, 0, NORMAL);
        snprintf(text, sizeof text, "%s %s", merge_texts[i][0], merge_texts[i][1]);
        gguf_append_string(&v->merges, text, strlen(text));
        v->n_merges++;
    }
}

static void make_sentence_vocabulary(vocabulary *v)
{
    /* longer pieces first, so that they have the better scores; each is reached by joining two others */
    static const char *const pieces[] = {
        "\u2581the", "\u2581sky", "\u2581is", "\u2581and", "he",      "in",      "ky",      "er", "nd",
        "is",        "\u2581t",   "\u2581s",  "\u2581a",   "\u2581i", "\u2581b", "\u2581w", "ou", "ll",
    };
    char text[8];
    float score = 0;
    add_token_text(v, "<unk>", 0, UNKNOWN);
    add_token_text(v, "<bos>", 0, CONTROL);
    add_token_text(v, "<eos>", 0, CONTROL);
    for (unsigned byte = 0; byte < 256; byte++) {
        snprintf(text, sizeof text, "<0x%02X>", byte);
        add_token_text(v, text, 0, BYTE);
    }
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        add_token_text(v, pieces[i], score--, NORMAL);
    add_token_text(v, "\u2581", score--, NORMAL);
    for (char letter = 'a'; letter <= 'z'; letter++)
        add_token(v, &letter, 1, score--, NORMAL);
    add_token_text(v, "<end_of_turn>", 0, CONTROL);
}

static uint32_t add_vocabulary(gguf_builder *builder, const tiny_options *o)
{
    vocabulary v = {0};
    const bool sentence = is(o, "gemma3");
    gguf_set_text(builder, "tokenizer.ggml.model", sentence ? "llama" : "gpt2");
    gguf_set_text(builder, "tokenizer.ggml.pre", sentence ? "default" : is(o, "qwen2") ? "qwen2" : "smollm");
    if (sentence)
        make_sentence_vocabulary(&v);
    else
        make_byte_vocabulary(&v);
    gguf_set_array(builder, "tokenizer.ggml.tokens", GGUF_STRING, v.n_tokens, &v.tokens);
    gguf_set_array(builder, "tokenizer.ggml.token_type", GGUF_I32, v.n_tokens, &v.types);
    if (sentence)
        gguf_set_array(builder, "tokenizer.ggml.scores", GGUF_F32, v.n_tokens, &v.scores);
    else
        gguf_set_array(builder, "tokenizer.ggml.merges", GGUF_STRING, v.n_merges, &v.merges);
    gguf_set_u32(builder, "tokenizer.ggml.bos_token_id", 1);
    gguf_set_u32(builder, "tokenizer.ggml.eos_token_id", 2);
    gguf_set_bool(builder, "tokenizer.ggml.add_bos_token", sentence);
    gguf_set_bool(builder, "tokenizer.ggml.add_space_prefix", false);
    free(v.tokens.data);
    free(v.scores.data);
    free(v.types.data);
    free(v.merges.data);
    return v.n_tokens;
}

/* ---- the whole ---- */

static void add_hyperparameters(gguf_builder *builder, const tiny_options *o)
{
    const struct {
        const char *suffix;
        uint32_t value;
    } integers[] = {
        {"block_count", o->n_layers},
        {"embedding_length", o->n_embd},
        {"feed_forward_length", o->n_ff},
        {"context_length", o->n_ctx},
        {"attention.head_count", o->n_heads},
        {"attention.head_count_kv", o->n_kv_heads},
        {"attention.key_length", o->head_dim},
        {"attention.value_length", o->head_dim},
        {"attention.sliding_window", o->sliding_window},
        {"attention.sliding_window_pattern", o->sliding_window_pattern},
    };
    char key[64];
#define KEYED(suffix) (snprintf(key, sizeof key, "%s.%s", o->architecture, suffix), key)
    gguf_set_text(builder, "general.architecture", o->architecture);
    gguf_set_text(builder, "general.name", "tiny");
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++)
        if (integers[i].value != 0)
            gguf_set_u32(builder, KEYED(integers[i].suffix), integers[i].value);
    gguf_set_f32(builder, KEYED("attention.layer_norm_rms_epsilon"), 1e-5f);
    gguf_set_f32(builder, KEYED("rope.freq_base"), 100000.0f);
    if (o->rope_scaling_factor != 1.0f) {
        gguf_set_text(builder, KEYED("rope.scaling.type"), "linear");
        gguf_set_f32(builder, KEYED("rope.scaling.factor"), o->rope_scaling_factor);
    }
#undef KEYED
}

tiny_options tiny_default(const char *architecture)
{
    tiny_options o = {
        .architecture = architecture,
        .seed = 1,
        .type = KERN_F32,
        .embedding_type = KERN_F32,
        .n_layers = 2,
        .n_embd = 256,
        .n_ff = 512,
        .n_heads = 4,
        .n_kv_heads = 2,
        .head_dim = 64,
        .n_ctx = 512,
        .rope_scaling_factor = 1,
    };
    o.tied = !is(&o, "llama");
    if (is(&o, "gemma3")) {
        o.n_layers = 3;
        o.head_dim = 128;
        o.sliding_window = 8;
        o.sliding_window_pattern = 3;
    }
    return o;
}

tiny_options tiny_small(const char *architecture)
{
    tiny_options o = tiny_default(architecture);
    o.n_embd = o.n_ff = 32;
    o.n_heads = 2;
    o.n_kv_heads = 1;
    o.head_dim = 16;
    return o;
}

tiny_options tiny_quantised(const char *architecture, uint64_t seed)
{
    tiny_options o = tiny_small(architecture);
    o.type = KERN_Q4_1;
    o.seed = seed;
    return o;
}

gguf_builder *tiny_build(const tiny_options *options)
{
    gguf_builder *const builder = gguf_create();
    add_hyperparameters(builder, options);
    const uint32_t n_vocab = add_vocabulary(builder, options);
    add_tensors(builder, options, n_vocab);
    return builder;
}

gguf_builder *tiny_build_smallest(const char *architecture)
{
    static const char letters[] = "abcdefgh";
    tiny_options options = tiny_small(architecture);
    options.n_layers = 1;
    options.n_embd = options.n_ff = 8;
    options.head_dim = 4;
    options.tied = true;
    gguf_builder *const builder = tiny_build(&options);
    const bool sentence = gguf_find_key(builder, "tokenizer.ggml.scores") != NULL;
    gguf_buffer tokens = {0}, types = {0}, scores = {0};
    for (uint32_t i = 0; i < 8; i++) {
        gguf_append_string(&tokens, letters + i, 1);
        gguf_append_u32(&types, NORMAL);
        gguf_append(&scores, &(float){-(float)i}, sizeof(float));
    }
    gguf_set_array(builder, "tokenizer.ggml.tokens", GGUF_STRING, 8, &tokens);
    gguf_set_array(builder, "tokenizer.ggml.token_type", GGUF_I32, 8, &types);
    if (sentence)
        gguf_set_array(builder, "tokenizer.ggml.scores", GGUF_F32, 8, &scores);
    else
        gguf_set_array(builder, "tokenizer.ggml.merges", GGUF_STRING, 2, &(gguf_buffer){tokens.data, 18, 18});
    gguf_remove_tensor(builder, "token_embd.weight");
    gguf_add_tensor(builder, "token_embd.weight", KERN_F32, 2, (uint64_t[]){options.n_embd, 8});
    free(tokens.data);
    free(types.data);
    free(scores.data);
    return builder;
}

char *tiny_write(const tiny_options *options)
{
    gguf_builder *const builder = tiny_build(options);
    char *const path = gguf_write(builder);
    gguf_destroy(builder);
    return path;
}
