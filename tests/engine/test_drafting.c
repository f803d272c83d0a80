/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A draft model in a scheduler: what it drafts for many texts at once, and that it gives way where memory is short.
 * That it changes no text is in test_scheduler.c.
 */
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <string.h>

enum { TEXTS = 6, PROMPT = 150, TOKENS = 30, ROOM = 512 };

typedef struct fixture {
    firn_context *context;
    firn_model *model, *other; /* the latter of other parameters */
    int32_t prompt[PROMPT];
} fixture;

static firn_model *open_tiny(firn_context *context, const char *architecture, uint64_t seed)
{
    const tiny_options options = tiny_quantised(architecture, seed);
    return support_tiny_model(context, &options);
}

static fixture set_up(void)
{
    fixture f = {.context = support_context(2, NULL)};
    f.model = open_tiny(f.context, "llama", 1);
    f.other = open_tiny(f.context, "llama", 2);
    support_ids(8, firn_model_describe(f.model).n_vocab, f.prompt, PROMPT);
    return f;
}

static void tear_down(const fixture *f)
{
    firn_model_release(f->other);
    firn_model_release(f->model);
    firn_context_release(f->context);
}

static firn_scheduler *make_scheduler(const fixture *f, firn_model *draft_model, uint32_t n_min, uint64_t memory)
{
    firn_scheduler_options options = firn_scheduler_options_default();
    firn_scheduler *scheduler;
    firn_error error = {0};
    options.n_ctx = ROOM;
    options.n_draft = 5;
    options.draft_model = draft_model;
    options.n_draft_min = n_min;
    options.memory = memory;
    cr_assert_eq(firn_scheduler_create(f->model, &options, &scheduler, &error), FIRN_OK, "%s", error.message);
    return scheduler;
}

typedef struct heard {
    int32_t ids[TOKENS];
    size_t n_ids;
    firn_status status;
} heard;

static void ended(void *argument, const firn_generation *generation, firn_status status, const firn_error *error)
{
    heard *const h = argument;
    (void)error;
    h->status = status;
    const int32_t *const ids = firn_generation_ids(generation, &h->n_ids);
    memcpy(h->ids, ids, h->n_ids * sizeof *ids);
}

/* Texts after the same prompt, with noise of their own. */
static firn_scheduler_figures run(const fixture *f, firn_scheduler *scheduler, heard all[TEXTS])
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    firn_error error = {0};
    parameters.seed = 7;
    parameters.n_predict = TOKENS;
    parameters.ignore_eos = true;
    for (uint64_t i = 0; i < TEXTS; i++) {
        firn_generation_options options = firn_generation_options_default();
        firn_request request = firn_request_default();
        options.sequence = i;
        request.prompt = f->prompt;
        request.n_prompt = PROMPT;
        request.parameters = &parameters;
        request.generation = &options;
        request.ended = ended;
        request.argument = &all[i];
        cr_assert_eq(firn_scheduler_submit(scheduler, &request, NULL, &error), FIRN_OK, "%s", error.message);
    }
    cr_assert_eq(firn_scheduler_run(scheduler, &error), FIRN_OK, "%s", error.message);
    for (int i = 0; i < TEXTS; i++)
        cr_assert(all[i].status == FIRN_OK && all[i].n_ids == TOKENS);
    const firn_scheduler_figures figures = firn_scheduler_measure(scheduler);
    firn_scheduler_release(scheduler);
    return figures;
}

static void check_same(const heard a[TEXTS], const heard b[TEXTS])
{
    for (int i = 0; i < TEXTS; i++)
        cr_expect_arr_eq(a[i].ids, b[i].ids, sizeof a[i].ids, "text %d", i);
}

/* A model that drafts for itself is right, with the noise of each text: five tokens of six are drafts. */
Test(drafting, all_texts_are_drafted_for_together)
{
    const fixture f = set_up();
    heard plain[TEXTS], drafted[TEXTS];
    const firn_scheduler_figures without = run(&f, make_scheduler(&f, NULL, 0, 0), plain);
    const firn_scheduler_figures with = run(&f, make_scheduler(&f, f.model, 5, 0), drafted);
    check_same(plain, drafted);
    cr_expect_eq(with.n_model_accepted, with.n_model_drafted);
    cr_expect_geq(with.n_model_accepted, (uint64_t)TEXTS * (TOKENS - 1) * 4 / 6);
    cr_expect_eq(with.n_generated, without.n_generated);
    cr_expect_lt(2 * with.n_steps, without.n_steps, "%llu steps, %llu without", (unsigned long long)with.n_steps,
                 (unsigned long long)without.n_steps);
    tear_down(&f);
}

/* With memory for all texts but not for what a draft model keeps of them, none is put off for it. */
Test(drafting, it_gives_way)
{
    const fixture f = set_up();
    heard plain[TEXTS], drafted[TEXTS];
    const uint64_t page = firn_model_session_bytes(f.model, 1, support_f16), memory = (2 + 2 * TEXTS) * page;
    run(&f, make_scheduler(&f, NULL, 0, 0), plain);
    const firn_scheduler_figures enough = run(&f, make_scheduler(&f, f.other, 3, memory + 3 * TEXTS * page), drafted);
    check_same(plain, drafted);
    cr_expect(enough.n_preempted == 0 && enough.n_model_drafted > 0);
    const firn_scheduler_figures little = run(&f, make_scheduler(&f, f.other, 3, memory), drafted);
    check_same(plain, drafted);
    cr_expect_eq(little.n_preempted, 0u);
    cr_expect_lt(little.n_model_drafted, enough.n_model_drafted);
    const firn_scheduler_figures least = run(&f, make_scheduler(&f, f.other, 3, 3 * page), drafted);
    check_same(plain, drafted);
    cr_expect_lt(least.n_model_drafted, little.n_model_drafted);
    tear_down(&f);
}

/* A draft model that fails in the midst of texts drafts no more. None of them ends or changes, and it is told. */
Test(drafting, texts_go_on_without_it_where_it_fails)
{
    const fixture f = set_up();
    const tiny_options options = tiny_quantised("llama", 1);
    heard plain[TEXTS], drafted[TEXTS];
    const firn_scheduler_figures without = run(&f, make_scheduler(&f, NULL, 0, 0), plain);
    cr_expect_eq(without.draft_fault.status, FIRN_OK);
    firn_model *const damaged = support_damaged_model(f.context, &options, plain[0].ids[TOKENS / 2]);
    const firn_scheduler_figures with = run(&f, make_scheduler(&f, damaged, 5, 0), drafted);
    check_same(plain, drafted);
    cr_expect_eq(with.draft_fault.status, FIRN_ERROR_NUMERIC);
    cr_expect_not_null(strstr(with.draft_fault.message, "damaged"), "%s", with.draft_fault.message);
    cr_expect_eq(with.n_generated, without.n_generated);
    cr_expect(with.n_model_drafted < (uint64_t)TEXTS * TOKENS, "%llu", (unsigned long long)with.n_model_drafted);
    firn_model_release(damaged);
    tear_down(&f);
}

Test(drafting, another_vocabulary_is_refused)
{
    const fixture f = set_up();
    firn_model *const gemma = open_tiny(f.context, "gemma3", 1);
    firn_scheduler_options options = firn_scheduler_options_default();
    firn_scheduler *scheduler;
    firn_error error = {0};
    options.draft_model = gemma;
    cr_assert_eq(firn_scheduler_create(f.model, &options, &scheduler, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_null(scheduler);
    cr_expect_not_null(strstr(error.message, "draft model"), "%s", error.message);
    firn_model_release(gemma);
    tear_down(&f);
}
