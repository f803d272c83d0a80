/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_run.h"

#include <stdlib.h>

/* A text in flight. */
typedef struct slot {
    struct runner *runner;
    size_t task;
    bool busy;
} slot;

typedef struct runner {
    const sweep_run_options *options;
    const sweep_feed *feed;
    firn_model *model;
    firn_scheduler *scheduler;
    bool stopped; /* by the feed */
    slot *slots;  /* [n_parallel] */
    firn_status status;
    firn_error *error; /* of the first thing that went wrong in a callback */
} runner;

/* Hands on a text that has ended, or what went wrong with it. */
static firn_status hand_on(const runner *r, size_t task, const firn_generation *generation, firn_status status,
                           const firn_error *fault)
{
    if (status != FIRN_OK)
        return r->feed->failed(r->feed->argument, task, fault, r->error);
    sweep_sample sample = {.logprobs = firn_generation_logprobs(generation, NULL, NULL),
                           .entropies = firn_generation_entropies(generation)};
    sample.ids = firn_generation_ids(generation, &sample.n_ids);
    sample.text = firn_generation_text(generation, &sample.length, NULL);
    return r->feed->finished(r->feed->argument, task, &sample, firn_generation_end(generation), r->error);
}

/* A request of the scheduler's has ended. */
static void ended(void *argument, const firn_generation *generation, firn_status status, const firn_error *error)
{
    slot *const s = argument;
    s->busy = false;
    if (s->runner->status == FIRN_OK)
        s->runner->status = hand_on(s->runner, s->task, generation, status, error);
}

/* What the untouched model says of each token is kept. */
static firn_generation_options generation_options(const runner *r)
{
    firn_generation_options options = firn_generation_options_default();
    options.n_logprobs = 0;
    options.entropies = true;
    options.constraint = r->options->constraint;
    return options;
}

/* Guidance needs several timelines for a text, which the scheduler doesn't run: such a text is made alone. */
static bool needs_timelines(const firn_generation_parameters *parameters)
{
    return parameters->guidance != 1 || parameters->contrast > 0;
}

static firn_status make_alone(runner *r, const sweep_request *wanted)
{
    firn_error fault = {0};
    firn_session *session = NULL;
    firn_generation *generation = NULL;
    firn_session_options session_options = firn_session_options_default();
    session_options.n_ctx = r->options->n_ctx;
    session_options.n_batch = r->options->n_batch;
    firn_generation_options options = generation_options(r);
    firn_status status = firn_session_create(r->model, &session_options, &session, &fault);
    if (status == FIRN_OK) {
        options.n_ctx = firn_session_context(session);
        status = firn_generation_create(r->model, &wanted->parameters, &options, wanted->prompt, wanted->n_prompt,
                                        &generation, &fault);
    }
    if (status == FIRN_OK)
        status = firn_session_append(session, wanted->prompt, wanted->n_prompt, FIRN_LOGITS_LAST, NULL, NULL, &fault);
    while (status == FIRN_OK && !r->stopped && firn_generation_end(generation) == FIRN_END_NOT_YET) {
        status = firn_generation_advance(generation, session, &fault);
        r->stopped = !r->feed->goes_on(r->feed->argument, 1);
    }
    if (status != FIRN_OK || firn_generation_end(generation) != FIRN_END_NOT_YET)
        status = hand_on(r, wanted->task, generation, status, &fault);
    firn_generation_release(generation);
    firn_session_release(session);
    return status;
}

/* Submits as many requests as may be in flight, and counts those that are. */
static firn_status fill(runner *r, size_t *n_busy, firn_error *error)
{
    bool more = true;
    *n_busy = 0;
    const firn_generation_options generation = generation_options(r);
    for (size_t i = 0; i < r->options->n_parallel; i++) {
        slot *const s = &r->slots[i];
        sweep_request wanted = {.task = 0};
        *n_busy += s->busy;
        if (s->busy || !more)
            continue;
        while ((more = !r->stopped && r->feed->next(r->feed->argument, &wanted)) &&
               needs_timelines(&wanted.parameters)) {
            const firn_status alone = make_alone(r, &wanted);
            if (alone != FIRN_OK)
                return alone;
        }
        if (!more)
            continue;
        *n_busy += 1;
        *s = (slot){r, wanted.task, true};
        firn_request request = firn_request_default();
        request.prompt = wanted.prompt;
        request.n_prompt = wanted.n_prompt;
        request.parameters = &wanted.parameters;
        request.generation = &generation;
        request.ended = ended;
        request.argument = s;
        const firn_status status = firn_scheduler_submit(r->scheduler, &request, NULL, error);
        if (status != FIRN_OK)
            return status;
    }
    return FIRN_OK;
}

static firn_status run(runner *r, firn_error *error)
{
    uint64_t n_told = 0;
    for (;;) {
        bool more;
        size_t n_busy;
        firn_status status = fill(r, &n_busy, error);
        if (status != FIRN_OK || n_busy == 0 || r->stopped)
            return status;
        status = firn_scheduler_step(r->scheduler, &more, error);
        if (status == FIRN_OK)
            status = r->status;
        const uint64_t n_generated = firn_scheduler_measure(r->scheduler).n_generated;
        if (status != FIRN_OK || !r->feed->goes_on(r->feed->argument, (size_t)(n_generated - n_told)))
            return status;
        n_told = n_generated;
    }
}

firn_status sweep_run(firn_model *model, const sweep_run_options *options, const sweep_feed *feed, firn_error *error)
{
    firn_scheduler_options scheduler_options = firn_scheduler_options_default();
    runner r = {.options = options, .feed = feed, .model = model, .error = error};
    scheduler_options.n_ctx = options->n_ctx;
    scheduler_options.n_batch = options->n_batch;
    r.slots = calloc(options->n_parallel, sizeof *r.slots);
    if (r.slots == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %u texts at once",
                         options->n_parallel);
    firn_status status = firn_scheduler_create(model, &scheduler_options, &r.scheduler, error);
    if (status == FIRN_OK)
        status = run(&r, error);
    firn_scheduler_release(r.scheduler);
    free(r.slots);
    return status;
}
