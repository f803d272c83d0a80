/* SPDX-License-Identifier: Apache-2.0 */
/* What firn.h says of the order of requests, of cancelling, of memory, and of what is refused. */
#include "engine/session.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <string.h>

enum { REQUESTS = 8, PROMPT = 70, ROOM = 256 };

typedef struct fixture {
    firn_context *context;
    firn_model *model;
    firn_scheduler *scheduler;
    firn_generation_parameters parameters;
    int32_t ids[ROOM];
} fixture;

/* What was heard of a request. */
typedef struct heard {
    fixture *f;
    uint64_t ticket;
    size_t n_tokens, cancel_after;
    unsigned n_ended, *order, place; /* it was the place-th that ended, counting in *order */
    uint64_t to_cancel;              /* when it ends */
    bool submits, had_generation;
    firn_status status;
    firn_end end;
    firn_error error;
} heard;

static fixture set_up(uint64_t pages, uint32_t n_batch)
{
    const tiny_options options = tiny_quantised("llama", 1);
    fixture f = {.context = support_context(2, NULL), .parameters = firn_generation_parameters_default()};
    f.model = support_tiny_model(f.context, &options);
    f.parameters.seed = 3;
    f.parameters.ignore_eos = true;
    f.parameters.n_predict = 20;
    support_ids(1, firn_model_describe(f.model).n_vocab, f.ids, ROOM);
    firn_scheduler_options o = firn_scheduler_options_default();
    cr_expect_eq(o.size, sizeof o);
    o.n_batch = n_batch;
    o.n_ctx = ROOM;
    o.memory = pages * firn_model_session_bytes(f.model, 1, support_f16);
    cr_assert_eq(firn_scheduler_create(f.model, &o, &f.scheduler, NULL), FIRN_OK);
    return f;
}

static void tear_down(const fixture *f)
{
    firn_scheduler_release(f->scheduler);
    firn_model_release(f->model);
    firn_context_release(f->context);
}

static firn_status submit(fixture *f, heard *h, size_t first, size_t n, int32_t priority, firn_error *error);

static bool progress(void *argument, const firn_generation *generation)
{
    heard *const h = argument;
    firn_generation_ids(generation, &h->n_tokens);
    return h->cancel_after == 0 || h->n_tokens < h->cancel_after;
}

static void ended(void *argument, const firn_generation *generation, firn_status status, const firn_error *error)
{
    heard *const h = argument;
    h->n_ended++;
    h->status = status;
    h->had_generation = generation != NULL;
    h->end = generation != NULL ? firn_generation_end(generation) : FIRN_END_NOT_YET;
    h->place = h->order != NULL ? (*h->order)++ : 0;
    if (status != FIRN_OK)
        h->error = *error;
    if (h->to_cancel != 0)
        firn_scheduler_cancel(h->f->scheduler, h->to_cancel, NULL);
    if (h->submits) {
        h->submits = false;
        submit(h->f, h, 0, 3, 0, NULL);
    }
}

/* A request for what follows ids[first, first + n). */
static firn_status submit(fixture *f, heard *h, size_t first, size_t n, int32_t priority, firn_error *error)
{
    firn_request request = firn_request_default();
    request.prompt = f->ids + first;
    request.n_prompt = n;
    request.parameters = &f->parameters;
    request.priority = priority;
    request.progress = progress;
    request.ended = ended;
    request.argument = h;
    h->f = f;
    return firn_scheduler_submit(f->scheduler, &request, &h->ticket, error);
}

static void run(const fixture *f)
{
    firn_error error = {0};
    cr_assert_eq(firn_scheduler_run(f->scheduler, &error), FIRN_OK, "%s", error.message);
}

/* ---- order ---- */

/* Memory for one request at a time: the higher priority first, then in order. */
Test(scheduler_queue, priorities_and_order)
{
    static const int32_t priorities[REQUESTS] = {0, 0, -5, 7, 0, 7, -5, 1};
    static const unsigned expected[REQUESTS] = {3, 4, 6, 0, 5, 1, 7, 2};
    fixture f = set_up(2, 0);
    heard all[REQUESTS] = {0};
    unsigned order = 0;
    for (size_t i = 0; i < REQUESTS; i++) {
        all[i].order = &order;
        cr_assert_eq(submit(&f, &all[i], i, PROMPT, priorities[i], NULL), FIRN_OK);
    }
    run(&f);
    for (size_t i = 0; i < REQUESTS; i++) {
        cr_expect_eq(all[i].n_ended, 1u);
        cr_expect_eq(all[i].place, expected[i], "request %zu was number %u", i, all[i].place);
        cr_expect_eq(all[i].n_tokens, 20u);
        cr_expect_eq(all[i].end, FIRN_END_LENGTH);
    }
    tear_down(&f);
}

/* One that comes later with a higher priority takes the place of one that runs, which goes on afterwards. */
Test(scheduler_queue, a_higher_priority_takes_the_place)
{
    fixture f = set_up(2, 0);
    unsigned order = 0;
    heard low = {.order = &order}, high = {.order = &order};
    bool more;
    cr_assert_eq(submit(&f, &low, 0, PROMPT, 0, NULL), FIRN_OK);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(firn_scheduler_step(f.scheduler, &more, NULL), FIRN_OK);
    cr_assert_geq(low.n_tokens, 3u);
    cr_assert_eq(submit(&f, &high, 100, PROMPT, 1, NULL), FIRN_OK);
    run(&f);
    cr_expect_eq(high.place, 0u);
    cr_expect_eq(low.place, 1u);
    cr_expect_eq(low.status, FIRN_OK);
    cr_expect_geq(firn_scheduler_measure(f.scheduler).n_preempted, 1u);
    tear_down(&f);
}

/* A long prompt in narrow steps holds up neither who decodes nor a short prompt. */
Test(scheduler_queue, a_long_prompt_holds_nobody_up)
{
    fixture f = set_up(100, 8);
    unsigned order = 0;
    heard first = {.order = &order}, longest = {.order = &order}, brief = {.order = &order};
    cr_assert_eq(submit(&f, &first, 0, 3, 0, NULL), FIRN_OK);
    cr_assert_eq(submit(&f, &longest, 10, 230, 0, NULL), FIRN_OK);
    cr_assert_eq(submit(&f, &brief, 5, 3, 0, NULL), FIRN_OK);
    run(&f);
    cr_expect_eq(first.place, 0u);
    cr_expect_eq(longest.place, 2u);
    tear_down(&f);
}

/* The same prompt is computed once, however many ask at the same time. */
Test(scheduler_queue, a_prompt_is_computed_once)
{
    fixture f = set_up(1000, 0);
    heard all[REQUESTS] = {0};
    f.parameters.n_predict = 1;
    for (size_t i = 0; i < REQUESTS; i++)
        cr_assert_eq(submit(&f, &all[i], 0, 150, 0, NULL), FIRN_OK);
    run(&f);
    const firn_scheduler_figures figures = firn_scheduler_measure(f.scheduler);
    cr_expect_eq(figures.n_tokens, 150u + 1, "the prompt, and its last token once for all others");
    cr_expect_eq(figures.n_reused, 149u * (REQUESTS - 1));
    cr_expect_eq(figures.n_generated, (uint64_t)REQUESTS);
    tear_down(&f);
}

/* Texts with the same prompt share all its pages until they write behind it: nobody copies one that is full. */
Test(scheduler_queue, a_whole_prompt_is_shared)
{
    static const size_t lengths[] = {KERN_CHUNK - 1, KERN_CHUNK, 2 * KERN_CHUNK - 1, 2 * KERN_CHUNK,
                                     2 * KERN_CHUNK + 1};
    for (size_t n = 0; n < sizeof lengths / sizeof *lengths; n++) {
        const size_t length = lengths[n], n_whole = length / KERN_CHUNK, n_part = length % KERN_CHUNK != 0;
        const size_t of_a_text = length % KERN_CHUNK == KERN_CHUNK - 1 ? 2 : 1; /* pages that three tokens reach */
        fixture f = set_up(n_whole + n_part + of_a_text * REQUESTS, 0);
        const uint64_t page = firn_model_session_bytes(f.model, 1, support_f16);
        heard all[REQUESTS] = {0};
        bool more;
        f.parameters.n_predict = 3;
        for (size_t i = 0; i < REQUESTS; i++)
            cr_assert_eq(submit(&f, &all[i], 0, length, 0, NULL), FIRN_OK);
        for (int i = 0; i < 2; i++)
            cr_assert_eq(firn_scheduler_step(f.scheduler, &more, NULL), FIRN_OK);
        firn_scheduler_figures figures = firn_scheduler_measure(f.scheduler);
        cr_expect_eq(figures.n_running, (uint32_t)REQUESTS);
        cr_expect_eq(figures.bytes_in_use, (n_whole + n_part + 1) * page, "%zu: one has a page of its own", length);
        cr_expect_eq(all[REQUESTS - 1].n_tokens, 1u);
        run(&f);
        figures = firn_scheduler_measure(f.scheduler);
        cr_expect_eq(figures.n_preempted, 0u);
        cr_expect_eq(figures.n_tokens, length + 1 + 2 * REQUESTS, "%zu: the end of the prompt twice", length);
        for (size_t i = 0; i < REQUESTS; i++)
            cr_expect_eq(all[i].n_tokens, 3u);
        tear_down(&f);
    }
}

/* Far more than fit the memory at once; every fourth with a priority of its own. */
Test(scheduler_queue, thousands_at_once)
{
    enum { MANY = 3000 };
    fixture f = set_up(300, 0);
    heard *const all = calloc(MANY, sizeof *all);
    unsigned order = 0;
    cr_assert_not_null(all);
    f.parameters.n_predict = 2;
    for (size_t i = 0; i < MANY; i++) {
        all[i].order = &order;
        cr_assert_eq(submit(&f, &all[i], i % 5, PROMPT, i % 4 == 0, NULL), FIRN_OK);
    }
    run(&f);
    unsigned last_urgent = 0, first_other = MANY;
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(all[i].n_ended, 1u);
        cr_assert_eq(all[i].n_tokens, 2u);
        if (i % 4 == 0 && all[i].place > last_urgent)
            last_urgent = all[i].place;
        if (i % 4 != 0 && all[i].place < first_other)
            first_other = all[i].place;
    }
    cr_expect_lt(last_urgent, MANY / 2, "the urgent ones don't wait for the others: %u", last_urgent);
    cr_expect_gt(first_other, MANY / 8, "nor the others go first: %u", first_other);
    free(all);
    tear_down(&f);
}

/* ---- cancelling ---- */

Test(scheduler_queue, cancelling_waiting_and_running_ones)
{
    fixture f = set_up(2, 0);
    heard running = {0}, waiting = {0}, other = {0};
    bool more;
    cr_assert_eq(submit(&f, &running, 0, PROMPT, 0, NULL), FIRN_OK);
    cr_assert_eq(submit(&f, &waiting, 1, PROMPT, 0, NULL), FIRN_OK);
    cr_assert_eq(submit(&f, &other, 2, PROMPT, 0, NULL), FIRN_OK);
    cr_assert_eq(firn_scheduler_step(f.scheduler, &more, NULL), FIRN_OK);
    firn_scheduler_cancel(f.scheduler, waiting.ticket, NULL);
    firn_scheduler_cancel(f.scheduler, running.ticket, NULL);
    firn_scheduler_cancel(f.scheduler, 999, NULL);
    cr_assert_eq(firn_scheduler_step(f.scheduler, &more, NULL), FIRN_OK);
    cr_expect_eq(running.n_ended, 1u);
    cr_expect_eq(running.status, FIRN_ERROR_CANCELLED);
    cr_expect(running.had_generation && running.n_tokens > 0);
    cr_expect_eq(waiting.status, FIRN_ERROR_CANCELLED);
    cr_expect(!waiting.had_generation);
    run(&f);
    cr_expect_eq(other.status, FIRN_OK);
    firn_scheduler_cancel(f.scheduler, other.ticket, NULL); /* it has ended */
    run(&f);
    cr_expect_eq(other.n_ended, 1u);
    tear_down(&f);
}

Test(scheduler_queue, callbacks_may_cancel_and_submit)
{
    fixture f = set_up(100, 0);
    heard by_itself = {.cancel_after = 4}, another = {0}, again = {.submits = true};
    cr_assert_eq(submit(&f, &by_itself, 0, PROMPT, 0, NULL), FIRN_OK);
    cr_assert_eq(submit(&f, &another, 1, PROMPT, 0, NULL), FIRN_OK);
    cr_assert_eq(submit(&f, &again, 2, PROMPT, 0, NULL), FIRN_OK);
    by_itself.to_cancel = another.ticket;
    run(&f);
    cr_expect_eq(by_itself.status, FIRN_ERROR_CANCELLED);
    cr_expect_eq(by_itself.n_tokens, 4u);
    cr_expect_eq(another.status, FIRN_ERROR_CANCELLED);
    cr_expect_eq(again.n_ended, 2u, "it ended, and then the one that it had sent");
    cr_expect_eq(again.status, FIRN_OK);
    tear_down(&f);
}

Test(scheduler_queue, released_with_requests_in_it)
{
    fixture f = set_up(2, 0);
    heard all[REQUESTS] = {0};
    bool more;
    for (size_t i = 0; i + 2 < REQUESTS; i++)
        cr_assert_eq(submit(&f, &all[i], i, PROMPT, 0, NULL), FIRN_OK);
    cr_assert_eq(firn_scheduler_step(f.scheduler, &more, NULL), FIRN_OK);
    cr_expect(more);
    for (size_t i = REQUESTS - 2; i < REQUESTS; i++)
        cr_assert_eq(submit(&f, &all[i], i, PROMPT, 0, NULL), FIRN_OK);
    tear_down(&f);
    for (size_t i = 0; i < REQUESTS; i++)
        cr_expect_eq(all[i].n_ended, 0u);
}

/* ---- limits ---- */

Test(scheduler_queue, refuses_what_could_never_run)
{
    fixture f = set_up(2, 0);
    heard h = {0};
    firn_error error = {0};
    const int32_t good = f.ids[3];
    cr_expect_eq(submit(&f, &h, 0, 0, 0, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_eq(submit(&f, &h, 0, ROOM + 1, 0, &error), FIRN_ERROR_LIMIT);
    cr_expect_not_null(strstr(error.message, "257"), "%s", error.message);
    error = (firn_error){0};
    cr_expect_eq(submit(&f, &h, 0, 129, 0, &error), FIRN_ERROR_LIMIT);
    cr_expect_not_null(strstr(error.message, "memory"), "%s", error.message);
    f.ids[3] = -7;
    error = (firn_error){0};
    cr_expect_eq(submit(&f, &h, 0, 10, 0, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "-7"), "%s", error.message);
    f.ids[3] = good;
    f.parameters.temperature = -1;
    cr_expect_eq(submit(&f, &h, 0, 10, 0, &error), FIRN_ERROR_ARGUMENT);
    firn_request without_parameters = firn_request_default();
    without_parameters.prompt = f.ids;
    without_parameters.n_prompt = 1;
    cr_expect_eq(firn_scheduler_submit(f.scheduler, &without_parameters, NULL, &error), FIRN_ERROR_ARGUMENT);
    f.parameters.temperature = 1;
    f.parameters.contrast = 1;
    cr_expect_eq(submit(&f, &h, 0, 10, 0, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "weaker"), "%s", error.message);
    f.parameters.contrast = 0;
    f.parameters.n_beams = 2;
    cr_expect_eq(submit(&f, &h, 0, 10, 0, &error), FIRN_ERROR_UNSUPPORTED);
    run(&f);
    cr_expect_eq(h.n_ended, 0u);
    tear_down(&f);
}

/* ---- guidance ---- */

/* A guided request like submit's, whose negative prompt is ids[from, from + n). */
static firn_status submit_guided(fixture *f, heard *h, size_t from, size_t n, firn_error *error)
{
    firn_request request = firn_request_default();
    firn_generation_options options = firn_generation_options_default();
    firn_generation_parameters parameters = f->parameters;
    options.negative = f->ids + from;
    options.n_negative = n;
    parameters.guidance = 2;
    request.prompt = f->ids;
    request.n_prompt = PROMPT;
    request.parameters = &parameters;
    request.generation = &options;
    request.progress = progress;
    request.ended = ended;
    request.argument = h;
    h->f = f;
    return firn_scheduler_submit(f->scheduler, &request, &h->ticket, error);
}

/* Both timelines count: in what is refused, in what is in use, and in what is let in. */
Test(scheduler_queue, guided_requests_need_memory_for_both_timelines)
{
    fixture f = set_up(4, 0);
    heard all[2] = {0}, refused = {0};
    firn_error error = {0};
    bool more;
    unsigned order = 0;
    cr_expect_eq(submit_guided(&f, &refused, 0, ROOM + 1, &error), FIRN_ERROR_LIMIT);
    cr_expect_eq(submit_guided(&f, &refused, 0, ROOM, &error), FIRN_ERROR_LIMIT);
    cr_expect_not_null(strstr(error.message, "memory"), "%s", error.message);
    f.ids[ROOM - 1] = -9;
    cr_expect_eq(submit_guided(&f, &refused, ROOM - 10, 10, &error), FIRN_ERROR_ARGUMENT);
    for (int i = 0; i < 2; i++) {
        all[i].order = &order;
        cr_assert_eq(submit_guided(&f, &all[i], 100, PROMPT, &error), FIRN_OK, "%s", error.message);
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(firn_scheduler_step(f.scheduler, &more, NULL), FIRN_OK);
    const firn_scheduler_figures figures = firn_scheduler_measure(f.scheduler);
    cr_expect_eq(figures.n_running, 1u, "two timelines of two pages each are all there is");
    cr_expect_eq(figures.bytes_in_use, 4 * firn_model_session_bytes(f.model, 1, support_f16));
    run(&f);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(all[i].status, FIRN_OK);
        cr_expect_eq(all[i].n_tokens, 20u);
        cr_expect_eq(all[i].place, (unsigned)i);
    }
    cr_expect_eq(refused.n_ended, 0u);
    tear_down(&f);
}

/* What a request's own two prompts begin with is computed once as well, in whole pages. */
Test(scheduler_queue, prompts_that_begin_alike_are_computed_once)
{
    fixture f = set_up(1000, 16);
    heard h = {0};
    f.parameters.n_predict = 1;
    cr_assert_eq(submit_guided(&f, &h, 0, 150, NULL), FIRN_OK);
    run(&f);
    const firn_scheduler_figures figures = firn_scheduler_measure(f.scheduler);
    cr_expect_eq(figures.n_tokens, PROMPT + 150u - 64);
    cr_expect_eq(figures.n_reused, 64u);
    cr_expect_eq(h.n_tokens, 1u);
    tear_down(&f);
}

/* Requests with the same two prompts compute each of them once. */
Test(scheduler_queue, negative_prompts_are_computed_once)
{
    fixture f = set_up(1000, 0);
    heard all[REQUESTS] = {0};
    f.parameters.n_predict = 1;
    for (size_t i = 0; i < REQUESTS; i++)
        cr_assert_eq(submit_guided(&f, &all[i], 100, 90, NULL), FIRN_OK);
    run(&f);
    const firn_scheduler_figures figures = firn_scheduler_measure(f.scheduler);
    cr_expect_eq(figures.n_tokens, PROMPT + 90u + 2, "the last tokens once for all others");
    cr_expect_eq(figures.n_reused, (PROMPT - 1 + 89u) * (REQUESTS - 1));
    cr_expect_eq(figures.n_generated, (uint64_t)REQUESTS);
    tear_down(&f);
}

Test(scheduler_queue, a_text_that_outgrows_the_memory)
{
    fixture f = set_up(2, 0);
    heard greedy = {0}, small = {0};
    f.parameters.n_predict = 100;
    cr_assert_eq(submit(&f, &greedy, 0, PROMPT, 0, NULL), FIRN_OK);
    f.parameters.n_predict = 5;
    cr_assert_eq(submit(&f, &small, 1, PROMPT, 0, NULL), FIRN_OK);
    run(&f);
    cr_expect_eq(greedy.status, FIRN_ERROR_MEMORY);
    cr_expect_eq(greedy.n_tokens, 128u - PROMPT + 1);
    cr_expect_not_null(strstr(greedy.error.message, "memory"), "%s", greedy.error.message);
    cr_expect_eq(small.status, FIRN_OK);
    tear_down(&f);
}

Test(scheduler_queue, a_full_context_ends_a_text)
{
    fixture f = set_up(100, 0);
    heard h = {0};
    f.parameters.n_predict = -1;
    cr_assert_eq(submit(&f, &h, 0, 200, 0, NULL), FIRN_OK);
    run(&f);
    cr_expect_eq(h.end, FIRN_END_CONTEXT);
    cr_expect_eq(h.n_tokens, (size_t)ROOM - 200 + 1);
    tear_down(&f);
}

/* Nothing is computed for it. */
Test(scheduler_queue, a_text_without_a_token)
{
    fixture f = set_up(100, 0);
    heard h = {0};
    f.parameters.n_predict = 0;
    cr_assert_eq(submit(&f, &h, 0, 200, 0, NULL), FIRN_OK);
    run(&f);
    cr_expect_eq(h.n_ended, 1u);
    cr_expect_eq(h.status, FIRN_OK);
    cr_expect_eq(h.end, FIRN_END_LENGTH);
    cr_expect_eq(firn_scheduler_measure(f.scheduler).n_tokens, 0u);
    tear_down(&f);
}

/* A request that can't be let in ends with the reason, and the others run. */
Test(scheduler_queue, a_request_that_can_not_start)
{
    fixture f = set_up(100, 0);
    heard bad = {0}, good = {0};
    cr_assert_eq(firn_parameter_set(&f.parameters, "logit_bias", "[[999999,1]]", NULL), FIRN_OK);
    cr_assert_eq(submit(&f, &bad, 0, 5, 0, NULL), FIRN_OK);
    f.parameters.logit_bias = firn_generation_parameters_default().logit_bias;
    cr_assert_eq(submit(&f, &good, 0, 5, 0, NULL), FIRN_OK);
    run(&f);
    cr_expect_eq(bad.status, FIRN_ERROR_ARGUMENT, "%s", bad.error.message);
    cr_expect_not_null(strstr(bad.error.message, "999999"), "%s", bad.error.message);
    cr_expect(!bad.had_generation);
    cr_expect_eq(good.status, FIRN_OK);
    tear_down(&f);
}
