/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One seed, one text: the logits of every position have the same bytes whatever the number of threads, the chunks of
 * the prefill, the instruction set and the past of the KV cache. What all are compared with: scalar kernels, one
 * thread, one token at a time, a fresh session.
 */
#include "kernels/cpu.h"
#include "tests/support/checkpoints.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include "tests/support/effort.h"
#include "tests/support/kernels.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Long enough for attention to see five chunks of 64 positions: from four on its work is shared another way. */
enum { TEXT = 300 };

typedef struct subject {
    const char *path;
    uint32_t n_vocab;
    uint32_t length; /* of the text */
    firn_cache_types types;
    int32_t ids[TEXT];
    float *expected; /* [length][n_vocab] */
} subject;

static const uint32_t thread_counts[] = {3, 1, 2, 7};
static const uint32_t chunk_sizes[] = {1, 5, 64};
enum { N_THREAD_COUNTS = SUPPORT_EFFORT(4, 2), N_CHUNK_SIZES = 3, TRIED_CHUNK_SIZES = SUPPORT_EFFORT(3, 1) };

/* ---- one way to compute a text's logits ---- */

typedef struct recording {
    float *logits; /* [..][n_vocab]: from `first` on */
    size_t first, seen;
    uint32_t n_vocab;
} recording;

static bool record(void *argument, size_t index, const float *logits)
{
    recording *const r = argument;
    cr_assert_eq(index, r->seen++, "logits come in order, one for each token");
    memcpy(r->logits + (r->first + index) * r->n_vocab, logits, r->n_vocab * sizeof *logits);
    return true;
}

/* Appends ids[begin, end) in calls of at most `chunk` tokens; logits [position][n_vocab]. */
static void append_chunks(firn_session *session, const subject *s, size_t begin, size_t end, size_t chunk,
                          float *logits)
{
    for (size_t at = begin; at < end; at += chunk) {
        recording r = {logits, at, 0, s->n_vocab};
        const size_t count = end - at < chunk ? end - at : chunk;
        firn_error error = {0};
        const firn_status status =
            firn_session_append(session, s->ids + at, count, FIRN_LOGITS_ALL, record, &r, &error);
        cr_assert_eq(status, FIRN_OK, "%s", error.message);
        cr_assert_eq(r.seen, count);
    }
}

/* Fills the session with other tokens. */
static void append_noise(firn_session *session, const subject *s, uint64_t seed, size_t count)
{
    int32_t ids[TEXT];
    support_ids(seed, s->n_vocab, ids, count);
    support_append(session, ids, count);
}

/*
 * The text in a cache that held other tokens to its end, was emptied, got the text's first `keep` tokens and others
 * after them, and was cut back to `keep`.
 */
static void append_after_rewinds(firn_session *session, const subject *s, size_t keep, size_t chunk, float *logits)
{
    append_noise(session, s, 77, s->length);
    firn_session_rewind(session, 0);
    append_chunks(session, s, 0, keep, chunk, logits);
    append_noise(session, s, 78, s->length - keep);
    firn_session_rewind(session, keep);
    append_chunks(session, s, keep, s->length, chunk, logits);
}

static void check_logits(const subject *s, const float *logits, const char *level, uint32_t threads, size_t chunk,
                         long rewound)
{
    for (size_t i = 0; i < s->length; i++)
        cr_assert_arr_eq(logits + i * s->n_vocab, s->expected + i * s->n_vocab, s->n_vocab * sizeof *logits,
                         "position %zu: %s, %u threads, chunks of %zu, rewound to %ld", i, level, threads, chunk,
                         rewound);
}

/* ---- the matrix ---- */

/* Where the cache is cut back: a chunk of attention ends before 64 and 128. */
static size_t rewind_length(const subject *s, unsigned number)
{
    const size_t lengths[] = {s->length / 2, 1, 64, 63, s->length - 1, 5, 130};
    const size_t length = lengths[number % (sizeof lengths / sizeof *lengths)];
    return length < s->length ? length : s->length / 3;
}

/* One chunk size, with a fresh and a rewound cache: chunks made by the session's own option, and by calls. */
static void check_chunk(firn_model *model, const subject *s, const char *level, uint32_t threads, unsigned number)
{
    const uint32_t chunk = chunk_sizes[number % N_CHUNK_SIZES];
    float *const logits = malloc(s->length * (size_t)s->n_vocab * sizeof *logits);
    cr_assert_not_null(logits);
    firn_session *const fresh = support_session_of(model, s->types, s->length, chunk);
    append_chunks(fresh, s, 0, s->length, s->length, logits);
    check_logits(s, logits, level, threads, chunk, -1);
    firn_session_release(fresh);

    const size_t keep = rewind_length(s, number);
    firn_session *const used = support_session_of(model, s->types, s->length + number % 3 * 50, 0);
    append_after_rewinds(used, s, keep, chunk, logits);
    check_logits(s, logits, level, threads, chunk, (long)keep);
    firn_session_release(used);
    free(logits);
}

static void compute_expected(subject *s, const char *level)
{
    firn_context *const context = support_context(1, level);
    firn_model *const model = support_model(context, s->path);
    s->n_vocab = firn_model_describe(model).n_vocab;
    support_ids(5, s->n_vocab, s->ids, s->length);
    s->expected = malloc(s->length * (size_t)s->n_vocab * sizeof *s->expected);
    cr_assert_not_null(s->expected);
    firn_session *const session = support_session_of(model, s->types, s->length, 0);
    append_chunks(session, s, 0, s->length, 1, s->expected);
    firn_session_release(session);
    firn_model_release(model);
    firn_context_release(context);
}

/* Every thread count with `n_chunk_sizes` of the chunk sizes, in turn. */
static void check_level(const subject *s, kern_level level, unsigned n_chunk_sizes)
{
    for (unsigned t = 0; t < N_THREAD_COUNTS; t++) {
        firn_context *const context = support_context(thread_counts[t], kern_level_name(level));
        firn_model *const model = support_model(context, s->path);
        for (unsigned i = 0; i < n_chunk_sizes; i++)
            check_chunk(model, s, kern_level_name(level), thread_counts[t], (unsigned)level + t + i);
        firn_model_release(model);
        firn_context_release(context);
    }
}

static void check_types(const tiny_options *options, firn_cache_types types, uint32_t length)
{
    char *const path = tiny_write(options);
    subject s = {.path = path, .length = length, .types = types};
    compute_expected(&s, "scalar");
    for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level))
        check_level(&s, (kern_level)level, TRIED_CHUNK_SIZES);
    free(s.expected);
    support_remove(path);
}

static void check_tiny(const tiny_options *options, uint32_t length)
{
    check_types(options, support_f16, length);
}

/* ---- tiny checkpoints ---- */

Test(determinism, llama)
{
    tiny_options options = tiny_small("llama");
    options.type = KERN_Q4_1;
    options.embedding_type = KERN_Q8_0;
    options.biases = options.rope_factors = true;
    check_tiny(&options, TEXT);
}

Test(determinism, qwen2)
{
    tiny_options options = tiny_default("qwen2");
    options.type = KERN_Q4_K;
    options.embedding_type = KERN_Q6_K;
    options.n_embd = options.n_ff = 256;
    options.head_dim = 16;
    options.n_heads = 16;
    check_tiny(&options, 70);
}

/* Heads of 48: a block of 32 and half a block. */
Test(determinism, q8_0_caches)
{
    tiny_options options = tiny_small("llama");
    options.head_dim = 48;
    check_types(&options, support_q8_0, TEXT);
    check_types(&options, (firn_cache_types){FIRN_CACHE_F16, FIRN_CACHE_Q8_0}, 150);
    tiny_options windows = tiny_small("gemma3");
    check_types(&windows, support_q8_0, 200);
    check_types(&windows, (firn_cache_types){FIRN_CACHE_Q8_0, FIRN_CACHE_F16}, 70);
}

/* Its window of 8, and another that ends within the second chunk, are shorter than the text. */
Test(determinism, gemma3)
{
    tiny_options options = tiny_small("gemma3");
    options.type = KERN_Q5_0;
    options.embedding_type = KERN_Q8_0;
    check_tiny(&options, 70);
    options.sliding_window = 100;
    options.n_heads = 6;
    options.n_kv_heads = 2;
    check_tiny(&options, 140);
}

/* Of every other weight type; a feed-forward that ends within a piece of work, three query heads a key head. */
Test(determinism, weight_types)
{
    static const kern_type types[] = {KERN_F32, KERN_F16, KERN_BF16, KERN_Q4_0, KERN_Q8_0};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        tiny_options options = tiny_small("llama");
        options.type = options.embedding_type = types[i];
        options.n_heads = 6;
        options.n_kv_heads = 2;
        options.n_embd = options.n_ff = 96;
        options.n_layers = 1;
        check_tiny(&options, 70);
    }
}

/* ---- logits of the last token only ---- */

static bool take_last(void *argument, size_t index, const float *logits)
{
    recording *const r = argument;
    r->seen++;
    r->first = index;
    memcpy(r->logits, logits, r->n_vocab * sizeof *logits);
    return true;
}

Test(determinism, last_equals_all)
{
    static const size_t lengths[] = {1, 2, 4, 5, 8, 9, 17, 64, 65, 130};
    tiny_options options = tiny_small("gemma3");
    options.type = KERN_Q4_1;
    char *const path = tiny_write(&options);
    subject s = {.path = path, .length = 130};
    compute_expected(&s, "scalar");
    firn_context *const context = support_context(2, NULL);
    firn_model *const model = support_model(context, path);
    float *const logits = malloc(s.n_vocab * sizeof *logits);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const float *const expected = s.expected + (lengths[i] - 1) * s.n_vocab;
        firn_session *const session = support_session(model, 0, i % 2 ? 0 : 16);
        support_append(session, s.ids, lengths[i]);
        cr_assert_arr_eq(firn_session_logits(session), expected, s.n_vocab * sizeof *logits, "%zu tokens", lengths[i]);
        firn_session_rewind(session, 0);
        recording r = {logits, 0, 0, s.n_vocab};
        firn_session_append(session, s.ids, lengths[i], FIRN_LOGITS_LAST, take_last, &r, NULL);
        cr_assert_eq(r.seen, 1u);
        cr_assert_eq(r.first, lengths[i] - 1);
        cr_assert_arr_eq(logits, expected, s.n_vocab * sizeof *logits);
        firn_session_release(session);
    }
    free(logits), free(s.expected);
    firn_model_release(model);
    firn_context_release(context);
    support_remove(path);
}

/* ---- the real one ---- */

/*
 * The whole matrix with the lowest vector level, whose results are compared with. Scalar kernels are slow here: they
 * and the levels above get one chunk size for each number of threads, and the scalar ones a shorter text.
 */
Test(determinism, smollm2)
{
    enum { SCALAR_TEXT = SUPPORT_EFFORT(6, 2), LONG_TEXT = SUPPORT_EFFORT(66, 8) };
    char *const path = support_checkpoint("SmolLM2-135M-Instruct.Q4_1.gguf");
    if (path == NULL)
        cr_skip("SmolLM2-135M-Instruct.Q4_1.gguf is not there");
    const int first = support_next_level(KERN_LEVEL_SCALAR);
    const bool vectors = first < KERN_LEVELS;
    subject s = {.path = path, .length = vectors ? LONG_TEXT : SCALAR_TEXT};
    compute_expected(&s, kern_level_name(vectors ? (kern_level)first : KERN_LEVEL_SCALAR));
    for (int level = first; level < SUPPORT_EFFORT(KERN_LEVELS, first + 1); level = support_next_level(level))
        check_level(&s, (kern_level)level, level == first ? TRIED_CHUNK_SIZES : 1);
    s.length = SCALAR_TEXT;
    check_level(&s, KERN_LEVEL_SCALAR, 1);
    free(s.expected);
    free(path);
}
