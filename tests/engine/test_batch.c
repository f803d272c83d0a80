/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that go through a step together get the bits that each gets alone, and a failure leaves all as they were. */
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS = 6, TEXT = 90 };

typedef struct fixture {
    firn_context *context;
    firn_model *model;
    uint32_t n_vocab;
    firn_session *sessions[SESSIONS];
    int32_t ids[SESSIONS][TEXT];
    float *expected[SESSIONS]; /* [TEXT][n_vocab]: of each session alone */
    size_t seen[SESSIONS];     /* logits of the current call */
    size_t before[SESSIONS];   /* tokens before it */
    size_t cancel_after;       /* logits of session 0 */
} fixture;

typedef struct alone {
    fixture *f;
    int session;
} alone;

static bool keep(void *argument, size_t index, const float *logits)
{
    const alone *const a = argument;
    memcpy(a->f->expected[a->session] + index * a->f->n_vocab, logits, a->f->n_vocab * sizeof *logits);
    return true;
}

static fixture set_up(const char *architecture)
{
    const tiny_options options = tiny_quantised(architecture, 1);
    fixture f = {.context = support_context(3, NULL), .cancel_after = SIZE_MAX};
    f.model = support_tiny_model(f.context, &options);
    f.n_vocab = firn_model_describe(f.model).n_vocab;
    for (int i = 0; i < SESSIONS; i++) {
        f.expected[i] = malloc(TEXT * (size_t)f.n_vocab * sizeof(float));
        cr_assert_not_null(f.expected[i]);
        support_ids((uint64_t)i + 1, f.n_vocab, f.ids[i], TEXT);
        f.sessions[i] = support_session(f.model, TEXT + 10 * (uint32_t)i, 0);
        alone a = {&f, i};
        cr_assert_eq(firn_session_append(f.sessions[i], f.ids[i], TEXT, FIRN_LOGITS_ALL, keep, &a, NULL), FIRN_OK);
        firn_session_rewind(f.sessions[i], 0);
    }
    return f;
}

static void tear_down(const fixture *f)
{
    for (int i = 0; i < SESSIONS; i++) {
        firn_session_release(f->sessions[i]);
        free(f->expected[i]);
    }
    firn_model_release(f->model);
    firn_context_release(f->context);
}

static firn_batch *make_batch(const fixture *f, uint32_t n_batch)
{
    firn_batch_options options = firn_batch_options_default();
    firn_batch *batch;
    options.n_batch = n_batch;
    cr_assert_eq(firn_batch_create(f->model, &options, &batch, NULL), FIRN_OK);
    return batch;
}

static bool compare(void *argument, size_t entry, size_t index, const float *logits)
{
    fixture *const f = argument;
    const float *const expected = f->expected[entry] + (f->before[entry] + index) * f->n_vocab;
    cr_assert_arr_eq(logits, expected, f->n_vocab * sizeof *logits, "entry %zu, token %zu", entry, index);
    f->seen[entry]++;
    return f->seen[0] < f->cancel_after;
}

/* Appends counts[i] tokens to session i, which asks for logits[i]. */
static firn_status append(fixture *f, firn_batch *batch, const size_t counts[SESSIONS], const unsigned logits[SESSIONS],
                          firn_error *error)
{
    firn_batch_entry entries[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        f->before[i] = firn_session_length(f->sessions[i]);
        f->seen[i] = 0;
        entries[i] = (firn_batch_entry){f->sessions[i], f->ids[i] + f->before[i], counts[i], logits[i], 0};
    }
    return firn_batch_append(batch, entries, SESSIONS, compare, f, error);
}

/* Prompts of all lengths, then tokens one by one beside another prompt. */
static void check_family(const char *architecture, uint32_t n_batch)
{
    static const unsigned kinds[] = {FIRN_LOGITS_LAST, FIRN_LOGITS_ALL,  FIRN_LOGITS_NONE,
                                     FIRN_LOGITS_ALL,  FIRN_LOGITS_LAST, FIRN_LOGITS_ALL};
    static const size_t steps[][SESSIONS] = {
        {1, 17, 5, 64, 0, 3}, {1, 1, 1, 1, 1, 1}, {1, 1, 0, 2, 70, 1}, {30, 1, 1, 1, 1, 1}, {1, 1, 66, 1, 1, 1},
    };
    fixture f = set_up(architecture);
    firn_batch *const batch = make_batch(&f, n_batch);
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        firn_error error = {0};
        cr_assert_eq(append(&f, batch, steps[s], kinds, &error), FIRN_OK, "%s", error.message);
        for (int i = 0; i < SESSIONS; i++) {
            const size_t asked = kinds[i] == FIRN_LOGITS_ALL ? steps[s][i] : kinds[i] == FIRN_LOGITS_LAST;
            cr_expect_eq(f.seen[i], steps[s][i] > 0 ? asked : 0, "step %zu, session %d", s, i);
            cr_expect_eq(firn_session_length(f.sessions[i]), f.before[i] + steps[s][i]);
            cr_expect_null(firn_session_logits(f.sessions[i]));
        }
    }
    firn_batch_release(batch);
    tear_down(&f);
}

Test(batch, equals_each_session_alone)
{
    static const uint32_t widths[] = {0, 1, 3, 5, 64};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        check_family("llama", widths[i]);
        check_family("gemma3", widths[i]);
    }
}

static const unsigned all_logits[SESSIONS] = {1, 1, 1, 1, 1, 1};

Test(batch, cancelling_leaves_every_timeline)
{
    static const size_t prompts[SESSIONS] = {4, 3, 0, 9, 1, 1}, more[SESSIONS] = {9, 8, 20, 3, 1, 0};
    for (size_t most = 1; most <= 9; most += 4) {
        fixture f = set_up("qwen2");
        firn_batch *const batch = make_batch(&f, 6);
        cr_assert_eq(append(&f, batch, prompts, all_logits, NULL), FIRN_OK);
        f.cancel_after = most;
        cr_assert_eq(append(&f, batch, more, all_logits, NULL), FIRN_ERROR_CANCELLED);
        for (int i = 0; i < SESSIONS; i++)
            cr_expect_eq(firn_session_length(f.sessions[i]), prompts[i], "session %d", i);
        f.cancel_after = SIZE_MAX;
        cr_assert_eq(append(&f, batch, more, all_logits, NULL), FIRN_OK); /* with the bits it would have had */
        firn_batch_release(batch);
        tear_down(&f);
    }
}

/* One entry that can't be taken: nothing is. */
Test(batch, a_bad_entry_changes_nothing)
{
    static const size_t counts[SESSIONS] = {2, 2, 2, 2, 2, 2}, long_one[SESSIONS] = {1, 1, 1, 1, 1, 200};
    fixture f = set_up("llama");
    firn_batch *const batch = make_batch(&f, 0);
    firn_error error = {0};
    f.ids[4][1] = -3;
    cr_expect_eq(append(&f, batch, counts, all_logits, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "-3"), "%s", error.message);
    f.ids[4][1] = 3;
    error = (firn_error){0};
    cr_expect_eq(append(&f, batch, long_one, all_logits, &error), FIRN_ERROR_LIMIT);
    cr_expect_not_null(strstr(error.message, "200"), "%s", error.message);
    for (int i = 0; i < SESSIONS; i++)
        cr_expect_eq(firn_session_length(f.sessions[i]), 0u);
    firn_batch_release(batch);
    firn_batch_release(NULL);
    tear_down(&f);
}
