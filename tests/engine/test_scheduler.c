/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's tokens are the same alone and among others, whatever was kept of its beginning, put off, cancelled beside
 * it or shared with it; and what firn.h says of the scheduler's order, limits and errors.
 */
#include "engine/session.h"
#include "tests/support/effort.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    CASES = 48,
    LONGEST_PROMPT = 300,
    LONGEST_NEGATIVE = 100,
    MOST_TOKENS = 90,
    ROOM = 512,
    SCHEDULES = SUPPORT_EFFORT(1000, 200)
};

/* A request, and the tokens that it gets alone. */
typedef struct request_case {
    int32_t prompt[LONGEST_PROMPT];
    size_t n_prompt;
    int32_t negative[LONGEST_NEGATIVE];
    size_t n_negative;
    firn_model *weaker;
    firn_generation_parameters parameters;
    uint64_t sequence;
    int32_t expected[MOST_TOKENS];
    size_t n_expected;
    firn_end end;
} request_case;

typedef struct fixture {
    firn_context *context;
    firn_model *model, *weaker;
    firn_cache_types types;
    request_case *cases; /* [CASES] */
} fixture;

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % below;
}

/* ---- what each request is alone ---- */

static firn_generation_options options_of(const request_case *c)
{
    firn_generation_options options = firn_generation_options_default();
    options.sequence = c->sequence;
    options.negative = c->negative;
    options.n_negative = c->n_negative;
    options.weaker = c->weaker;
    return options;
}

static void run_alone(const fixture *f, request_case *c)
{
    firn_generation *generation;
    firn_generation_options options = options_of(c);
    options.n_ctx = ROOM;
    firn_session *const session = support_session_of(f->model, f->types, ROOM, 0);
    support_append(session, c->prompt, c->n_prompt);
    cr_assert_eq(firn_generation_create(f->model, &c->parameters, &options, c->prompt, c->n_prompt, &generation, NULL),
                 FIRN_OK);
    while (firn_generation_end(generation) == FIRN_END_NOT_YET)
        cr_assert_eq(firn_generation_advance(generation, session, NULL), FIRN_OK);
    const int32_t *const ids = firn_generation_ids(generation, &c->n_expected);
    cr_assert(c->n_expected <= MOST_TOKENS);
    if (c->n_expected > 0)
        memcpy(c->expected, ids, c->n_expected * sizeof *ids);
    c->end = firn_generation_end(generation);
    firn_generation_release(generation);
    firn_session_release(session);
}

/* Guidance away from nothing, from a prompt of its own, or from one that begins as the request's does. */
static void guide(request_case *c, uint32_t n_vocab, uint64_t *state)
{
    c->parameters.guidance = 0.5 * draw(state, 6);
    if (c->parameters.guidance == 1 || draw(state, 3) == 0)
        return;
    c->n_negative = 1 + draw(state, LONGEST_NEGATIVE);
    support_ids(draw(state, 3) + 1000, n_vocab, c->negative, c->n_negative);
    const size_t most = c->n_negative < c->n_prompt ? c->n_negative : c->n_prompt;
    if (draw(state, 2) == 0)
        memcpy(c->negative, c->prompt, draw(state, (uint32_t)most + 1) * sizeof *c->negative);
}

/* Prompts that share beginnings of all lengths; some are the same, with other settings or another sequence. Many end
 * where a page does, or a token before or behind. */
static void make_case(const fixture *f, int number, uint64_t *state)
{
    request_case *const c = &f->cases[number];
    const uint32_t n_vocab = firn_model_describe(f->model).n_vocab;
    *c = (request_case){.parameters = firn_generation_parameters_default(), .sequence = draw(state, 3)};
    c->n_prompt = 1 + draw(state, draw(state, 4) == 0 ? LONGEST_PROMPT : 80);
    if (draw(state, 3) == 0)
        c->n_prompt = KERN_CHUNK * (1 + draw(state, 3)) - 1 + draw(state, 3);
    support_ids((uint64_t)number, n_vocab, c->prompt, c->n_prompt);
    if (number > 0) {
        const request_case *const other = &f->cases[draw(state, (uint32_t)number)];
        if (draw(state, 3) == 0)
            c->n_prompt = other->n_prompt;
        const size_t most = other->n_prompt < c->n_prompt ? other->n_prompt : c->n_prompt;
        const size_t shared = draw(state, 2) == 0 ? most : draw(state, (uint32_t)most + 1);
        memcpy(c->prompt, other->prompt, shared * sizeof *c->prompt);
    }
    c->parameters.seed = draw(state, 4);
    c->parameters.temperature = draw(state, 3);
    c->parameters.n_predict = (int32_t)draw(state, draw(state, 3) == 0 ? MOST_TOKENS : 25);
    c->parameters.top_k = draw(state, 2) == 0 ? 0 : 40;
    c->parameters.repeat_penalty = draw(state, 2) == 0 ? 1.0 : 1.3;
    if (draw(state, 3) == 0)
        cr_assert_eq(firn_parameter_set(&c->parameters, "banned_strings", "[\"ab\",\"e\",\"st\",\"  \"]", NULL),
                     FIRN_OK);
    if (draw(state, 3) == 0) /* few tokens, which repeat themselves: drafts come true, and don't */
        cr_assert_eq(firn_parameter_set(&c->parameters, "logit_bias", "[[70,30],[71,30]]", NULL), FIRN_OK);
    if (draw(state, 4) == 0)
        cr_assert_eq(firn_parameter_set(&c->parameters, "stop", "[\"r\",\"qu\"]", NULL), FIRN_OK);
    if (draw(state, 4) == 0)
        guide(c, n_vocab, state);
    if (draw(state, 6) == 0) {
        c->parameters.contrast = 0.5;
        c->weaker = f->weaker;
    }
    run_alone(f, c);
}

static fixture set_up(const char *architecture, firn_cache_types types)
{
    const tiny_options options = tiny_quantised(architecture, 1);
    tiny_options weaker = tiny_quantised(architecture, 2);
    fixture f = {.context = support_context(2, NULL), .types = types, .cases = calloc(CASES, sizeof(request_case))};
    cr_assert_not_null(f.cases);
    weaker.n_layers--;
    f.model = support_tiny_model(f.context, &options);
    f.weaker = support_tiny_model(f.context, &weaker);
    uint64_t state = 7;
    for (int i = 0; i < CASES; i++)
        make_case(&f, i, &state);
    return f;
}

static void tear_down(const fixture *f)
{
    free(f->cases);
    firn_model_release(f->weaker);
    firn_model_release(f->model);
    firn_context_release(f->context);
}

/* ---- random schedules ---- */

enum { MOST_SENT = 64, NEVER = UINT32_MAX };

/* A request in a schedule. */
typedef struct sent {
    const request_case *of;
    uint64_t ticket;
    uint32_t submit_at, cancel_at; /* steps */
    size_t n_seen;                 /* tokens that were told */
    unsigned n_ended;
    firn_status status;
} sent;

/* What was told so far is what it is alone, but for what a banned string may yet take back. */
static bool progress(void *argument, const firn_generation *generation)
{
    sent *const s = argument;
    cr_assert_eq(s->n_ended, 0u);
    firn_generation_ids(generation, &s->n_seen);
    return true;
}

static void ended(void *argument, const firn_generation *generation, firn_status status, const firn_error *error)
{
    sent *const s = argument;
    s->n_ended++;
    s->status = status;
    if (status == FIRN_ERROR_CANCELLED)
        return;
    cr_assert_eq(status, FIRN_OK, "%s", error->message);
    size_t n;
    const int32_t *const ids = firn_generation_ids(generation, &n);
    cr_assert_eq(n, s->of->n_expected, "%zu tokens, %zu alone", n, s->of->n_expected);
    cr_assert(n == 0 || memcmp(ids, s->of->expected, n * sizeof *ids) == 0, "other tokens than alone");
    cr_assert_eq(firn_generation_end(generation), s->of->end);
}

static void submit(firn_scheduler *scheduler, sent *s, int32_t priority)
{
    firn_request request = firn_request_default();
    request.prompt = s->of->prompt;
    request.n_prompt = s->of->n_prompt;
    request.parameters = &s->of->parameters;
    const firn_generation_options options = options_of(s->of);
    request.generation = &options;
    request.priority = priority;
    request.progress = progress;
    request.ended = ended;
    request.argument = s;
    firn_error error = {0};
    cr_assert_eq(firn_scheduler_submit(scheduler, &request, &s->ticket, &error), FIRN_OK, "%s", error.message);
}

/* Drafts of all kinds: none, what the text says itself, a model that is mostly right, one that seldom is. */
static void choose_drafts(const fixture *f, firn_scheduler_options *options, uint64_t *state)
{
    firn_model *const models[] = {NULL, NULL, f->model, f->weaker};
    options->n_draft = 4 * draw(state, 5);
    options->draft_model = models[draw(state, 4)];
    options->n_draft_min = draw(state, 2) * draw(state, 6);
    options->draft_p_min = 0.01 * (draw(state, 3) == 0);
}

static firn_scheduler *make_scheduler(const fixture *f, uint64_t memory, uint32_t n_batch, uint64_t *state)
{
    firn_scheduler_options options = firn_scheduler_options_default();
    firn_scheduler *scheduler;
    options.memory = memory;
    options.n_batch = n_batch;
    choose_drafts(f, &options, state);
    options.n_ctx = ROOM;
    options.cache_types = f->types;
    cr_assert_eq(firn_scheduler_create(f->model, &options, &scheduler, NULL), FIRN_OK);
    return scheduler;
}

static void add_figures(firn_scheduler_figures *sum, const firn_scheduler *scheduler)
{
    const firn_scheduler_figures one = firn_scheduler_measure(scheduler);
    sum->n_steps += one.n_steps;
    sum->n_reused += one.n_reused;
    sum->n_preempted += one.n_preempted;
    sum->n_evicted += one.n_evicted;
    sum->n_drafted += one.n_drafted;
    sum->n_accepted += one.n_accepted;
    sum->n_model_drafted += one.n_model_drafted;
    sum->n_model_accepted += one.n_model_accepted;
    cr_expect_eq(one.n_running + one.n_waiting, 0u);
}

/* Requests that come, and some that are cancelled, at any step. */
static void run_schedule(const fixture *f, uint64_t seed, firn_scheduler_figures *sum)
{
    static const uint32_t widths[] = {1, 2, 7, 33, 64, 512};
    uint64_t state = seed;
    sent all[MOST_SENT];
    const uint32_t n = 1 + draw(&state, draw(&state, 3) == 0 ? MOST_SENT : 12);
    const uint64_t longest = LONGEST_PROMPT + MOST_TOKENS, other = LONGEST_NEGATIVE + MOST_TOKENS;
    const uint64_t one = firn_model_session_bytes(f->model, (uint32_t)longest, f->types) +
                         firn_model_session_bytes(f->model, (uint32_t)other, f->types) +
                         firn_model_session_bytes(f->weaker, (uint32_t)longest, f->types);
    const uint64_t memory = draw(&state, 3) == 0 ? 100 * one : one + one * draw(&state, 20) / 16;
    firn_scheduler *const scheduler = make_scheduler(f, memory, widths[draw(&state, 6)], &state);
    for (uint32_t i = 0; i < n; i++)
        all[i] = (sent){.of = &f->cases[draw(&state, CASES)],
                        .submit_at = draw(&state, 2) == 0 ? 0 : draw(&state, 60),
                        .cancel_at = draw(&state, 6) == 0 ? draw(&state, 80) : NEVER};
    uint32_t n_submitted = 0, step = 0;
    for (bool more = true; more || n_submitted < n; step++) {
        for (uint32_t i = 0; i < n; i++) {
            if (all[i].submit_at == step) {
                submit(scheduler, &all[i], (int32_t)draw(&state, 3) - 1);
                n_submitted++;
            }
            if (all[i].cancel_at == step)
                cr_assert_eq(firn_scheduler_cancel(scheduler, all[i].ticket, NULL), FIRN_OK);
        }
        firn_error error = {0};
        cr_assert_eq(firn_scheduler_step(scheduler, &more, &error), FIRN_OK, "%s", error.message);
        cr_assert(firn_scheduler_measure(scheduler).bytes_in_use <= memory);
        for (uint32_t i = 0; i < n; i++)
            cr_assert(all[i].cancel_at != step || all[i].ticket == 0 || all[i].n_ended == 1, "cancelled in one step");
        cr_assert(step < 200000, "it comes to an end");
    }
    for (uint32_t i = 0; i < n; i++) {
        cr_assert_eq(all[i].n_ended, 1u, "schedule %llu, request %u", (unsigned long long)seed, i);
        cr_assert(all[i].status == FIRN_OK || all[i].cancel_at != NEVER);
    }
    add_figures(sum, scheduler);
    firn_scheduler_release(scheduler);
}

static void check_schedules(const char *architecture, firn_cache_types types, int part)
{
    const fixture f = set_up(architecture, types);
    firn_scheduler_figures sum = {0};
    for (int i = 0; i < SCHEDULES / 4; i++)
        run_schedule(&f, (uint64_t)(part * SCHEDULES + i), &sum);
    cr_expect(sum.n_preempted > SUPPORT_EFFORT(40, 2) && sum.n_evicted > SUPPORT_EFFORT(100, 10) &&
                  sum.n_reused > 10 * SCHEDULES,
              "all that may happen did: put off %llu, let go %llu, reused %llu", (unsigned long long)sum.n_preempted,
              (unsigned long long)sum.n_evicted, (unsigned long long)sum.n_reused);
    cr_expect(sum.n_accepted > SCHEDULES / 10 && sum.n_drafted > sum.n_accepted + SUPPORT_EFFORT(50, 2),
              "drafted %llu, of them true %llu", (unsigned long long)sum.n_drafted, (unsigned long long)sum.n_accepted);
    cr_expect(sum.n_model_accepted > SUPPORT_EFFORT(100, 2) &&
                  sum.n_model_drafted > sum.n_model_accepted + SUPPORT_EFFORT(100, 5),
              "a draft model drafted %llu, of them true %llu", (unsigned long long)sum.n_model_drafted,
              (unsigned long long)sum.n_model_accepted);
    tear_down(&f);
}

Test(scheduler, random_schedules_llama)
{
    check_schedules("llama", support_f16, 0);
}

Test(scheduler, random_schedules_qwen2)
{
    check_schedules("qwen2", support_f16, 1);
}

Test(scheduler, random_schedules_gemma3)
{
    check_schedules("gemma3", support_f16, 2);
}

Test(scheduler, random_schedules_of_q8_0)
{
    check_schedules("gemma3", support_q8_0, 3);
}
