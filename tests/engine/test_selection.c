/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where only the highest logits are wanted, they have the bits of the full product, over thousands of positions of real
 * text, and a sampler picks the same tokens from them.
 */
#include "kernels/kernels.h"
#include "tests/support/checkpoints.h"
#include "tests/support/effort.h"
#include "tests/support/engine.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64, CONTEXT = 1024 };

typedef struct fixture {
    firn_context *context;
    firn_model *model;
    firn_batch *batch;
    uint32_t n_vocab;
} fixture;

static fixture set_up(const char *checkpoint, const char *level)
{
    char *const path = support_checkpoint(checkpoint);
    if (path == NULL)
        cr_skip("%s is not there", checkpoint);
    fixture f = {.context = support_context(2, level)};
    f.model = support_model(f.context, path);
    f.n_vocab = firn_model_describe(f.model).n_vocab;
    cr_assert_eq(firn_batch_create(f.model, NULL, &f.batch, NULL), FIRN_OK);
    free(path);
    return f;
}

static void tear_down(const fixture *f)
{
    firn_batch_release(f->batch);
    firn_model_release(f->model);
    firn_context_release(f->context);
}

/* ---- the highest logits ---- */

typedef struct comparison {
    uint32_t n_vocab, n_best;
    float *all; /* [CHUNK][n_vocab] */
    size_t positions, selected, candidates;
} comparison;

static bool keep_all(void *argument, size_t entry, size_t index, const float *logits)
{
    const comparison *const c = argument;
    memcpy(c->all + (entry + index) * c->n_vocab, logits, c->n_vocab * sizeof *logits);
    return true;
}

/* Each logit is the true one or -infinity; n_best at least are above all that are missing. */
static bool compare(void *argument, size_t entry, size_t index, const float *logits)
{
    comparison *const c = argument;
    const float *const all = c->all + (entry + index) * c->n_vocab;
    float missing = -INFINITY;
    size_t n_there = 0, n_above = 0;
    for (uint32_t i = 0; i < c->n_vocab; i++) {
        if (isfinite(logits[i]))
            cr_assert_eq(memcmp(&logits[i], &all[i], sizeof *logits), 0, "position %zu, token %u", index, i);
        else
            missing = fmaxf(missing, all[i]);
        n_there += isfinite(logits[i]) != 0;
    }
    for (uint32_t i = 0; i < c->n_vocab; i++)
        n_above += isfinite(logits[i]) && logits[i] > missing;
    cr_assert_geq(n_above, c->n_best, "position %zu", index);
    c->positions++;
    c->selected += n_there < c->n_vocab;
    c->candidates += n_there < c->n_vocab ? n_there : 0;
    return true;
}

static void compare_positions(const char *checkpoint, const char *level, size_t n_positions)
{
    static const uint32_t wanted[] = {1, 40, FIRN_MOST_BEST};
    const fixture f = set_up(checkpoint, level);
    unsigned long length;
    char *const path = support_source("docs/PERFORMANCE.md"), *const text = support_read_file(path, &length);
    int32_t *ids;
    size_t n_ids;
    cr_assert_eq(firn_tokenize(f.model, text, length, FIRN_ADD_SPECIAL, &ids, &n_ids, NULL), FIRN_OK);
    firn_session *const first = support_session(f.model, CONTEXT, 0), *const second =
                                                                          support_session(f.model, CONTEXT, 0);
    comparison c = {.n_vocab = f.n_vocab, .all = malloc(CHUNK * (size_t)f.n_vocab * sizeof(float))};
    cr_assert_not_null(c.all);
    const size_t chunk_size = n_positions < CHUNK ? n_positions : CHUNK;
    for (size_t at = 0; c.positions < n_positions; at += chunk_size) {
        c.n_best = wanted[at / chunk_size % 3];
        const int32_t *const chunk = ids + at % (n_ids - chunk_size);
        if (firn_session_length(first) + chunk_size > CONTEXT) {
            firn_session_rewind(first, 0);
            firn_session_rewind(second, 0);
        }
        const firn_batch_entry all = {first, chunk, chunk_size, FIRN_LOGITS_ALL, 0};
        const firn_batch_entry best = {second, chunk, chunk_size, FIRN_LOGITS_ALL, c.n_best};
        cr_assert_eq(firn_batch_append(f.batch, &all, 1, keep_all, &c, NULL), FIRN_OK);
        cr_assert_eq(firn_batch_append(f.batch, &best, 1, compare, &c, NULL), FIRN_OK);
    }
    printf("%s: %zu positions, %zu selected, %.0f candidates each\n", checkpoint, c.positions, c.selected,
           (double)c.candidates / (double)c.selected);
    const kern_level used = level != NULL ? KERN_LEVEL_SCALAR : kern_level_detect();
    if (kern_table_for(used).matmul_rounded != NULL)
        cr_assert_gt(c.selected, c.positions * 9 / 10);
    firn_session_release(first);
    firn_session_release(second);
    free(ids), free(text), free(path), free(c.all);
    tear_down(&f);
}

Test(selection, has_the_true_bits_on_10000_positions)
{
    compare_positions("SmolLM2-135M-Instruct.Q4_1.gguf", NULL, SUPPORT_EFFORT(10000, 640));
}

Test(selection, with_a_large_vocabulary)
{
    compare_positions("gemma-3-270m-q4_k_m.gguf", NULL, SUPPORT_EFFORT(1000, 64));
}

Test(selection, where_the_head_is_not_the_embedding)
{
    compare_positions("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", NULL, SUPPORT_EFFORT(1000, 64));
}

Test(selection, in_plain_c)
{
    compare_positions("SmolLM2-135M-Instruct.Q4_1.gguf", "scalar", SUPPORT_EFFORT(8, 4));
}

/* ---- picks ---- */

enum { TEXTS = 7, TOKENS = 40 };

typedef struct picking {
    firn_sampler *samplers[TEXTS];
    int32_t picked[TEXTS];
    bool failed;
} picking;

static bool pick(void *argument, size_t entry, size_t index, const float *logits)
{
    picking *const p = argument;
    (void)index;
    p->picked[entry] = firn_sampler_pick(p->samplers[entry], logits, 0, entry);
    p->failed =
        p->failed || p->picked[entry] < 0 || firn_sampler_accept(p->samplers[entry], p->picked[entry], NULL) != FIRN_OK;
    return true;
}

/* Decodes texts together, with as many logits as their samplers need, or with all. */
static void decode(const fixture *f, const firn_generation_parameters *parameters, bool all,
                   int32_t ids[TEXTS][TOKENS + 1])
{
    picking p = {.failed = false};
    firn_session *sessions[TEXTS];
    for (int i = 0; i < TEXTS; i++) {
        firn_generation_parameters own = *parameters;
        own.seed = (uint64_t)i + 1;
        cr_assert_eq(firn_sampler_create_for(&own, f->model, &p.samplers[i], NULL), FIRN_OK);
        sessions[i] = support_session(f->model, TOKENS + 1, 0);
        ids[i][0] = 1000 + 17 * i;
    }
    for (int t = 0; t < TOKENS; t++) {
        firn_batch_entry entries[TEXTS];
        for (int i = 0; i < TEXTS; i++) {
            const uint32_t needs = firn_sampler_needs(p.samplers[i]);
            cr_assert(needs > 0 && needs <= FIRN_MOST_BEST);
            entries[i] = (firn_batch_entry){sessions[i], &ids[i][t], 1, FIRN_LOGITS_LAST, all ? 0 : needs};
        }
        cr_assert_eq(firn_batch_append(f->batch, entries, TEXTS, pick, &p, NULL), FIRN_OK);
        cr_assert_not(p.failed);
        for (int i = 0; i < TEXTS; i++)
            ids[i][t + 1] = p.picked[i];
    }
    for (int i = 0; i < TEXTS; i++) {
        firn_sampler_release(p.samplers[i]);
        firn_session_release(sessions[i]);
    }
}

Test(selection, samplers_pick_the_same)
{
    const fixture f = set_up("SmolLM2-135M-Instruct.Q4_1.gguf", NULL);
    for (int kind = 0; kind < 5; kind++) {
        firn_generation_parameters p = firn_generation_parameters_default();
        p.temperature = kind == 1 ? 0 : 1.2;
        p.top_k = kind == 2 ? 3 : 40;
        p.repeat_penalty = kind >= 3 ? 1.5 : 1;
        p.frequency_penalty = kind == 3 ? 1 : 0;
        p.repeat_last_n = kind == 4 ? -1 : 64;
        p.ignore_eos = kind == 2;
        int32_t selected[TEXTS][TOKENS + 1], all[TEXTS][TOKENS + 1];
        decode(&f, &p, false, selected);
        decode(&f, &p, true, all);
        cr_expect_arr_eq(selected, all, sizeof all, "kind %d", kind);
    }
    tear_down(&f);
}

static uint32_t needs_of(const firn_model *model, const firn_generation_parameters *parameters)
{
    firn_generation_parameters p = *parameters;
    firn_sampler *sampler;
    p.seed = 1;
    cr_assert_eq(firn_sampler_create_for(&p, model, &sampler, NULL), FIRN_OK);
    const uint32_t needs = firn_sampler_needs(sampler);
    firn_sampler_release(sampler);
    return needs;
}

/* What looks at all logits, or raises some, needs all of them. */
Test(selection, some_samplers_need_all)
{
    firn_context *const context = support_context(1, NULL);
    const tiny_options options = tiny_small("llama");
    firn_model *const model = support_tiny_model(context, &options);
    firn_generation_parameters p = firn_generation_parameters_default();
    cr_expect_eq(needs_of(model, &p), 40);
    p.temperature = 0;
    p.top_k = 0;
    cr_expect_eq(needs_of(model, &p), 1);
    p.repeat_penalty = 0.9;
    cr_expect_eq(needs_of(model, &p), 0, "a token that came may become the best");
    p = firn_generation_parameters_default();
    p.top_k = 0;
    cr_expect_eq(needs_of(model, &p), 0, "top-p needs the sum over all");
    p = firn_generation_parameters_default();
    p.top_n_sigma = 1;
    cr_expect_eq(needs_of(model, &p), 0, "it comes before top-k");
    p = firn_generation_parameters_default();
    p.mirostat = 2;
    cr_expect_eq(needs_of(model, &p), 0);
    p = firn_generation_parameters_default();
    p.top_k = FIRN_MOST_BEST + 1;
    cr_expect_eq(needs_of(model, &p), 0);
    firn_model_release(model);
    firn_context_release(context);
}
