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
    firn_scheduler *scheduler;
    slot *slots; /* [n_parallel] */
    firn_status status;
    firn_error *error; /* of the first thing that went wrong in a callback */
} runner;

/* A request of the scheduler's has ended. */
static void ended(void *argument, const firn_generation *generation, firn_status status, const firn_error *error)
{
    slot *const s = argument;
    runner *const r = s->runner;
    s->busy = false;
    if (r->status != FIRN_OK)
        return;
    if (status != FIRN_OK) {
        r->status = r->feed->failed(r->feed->argument, s->task, error, r->error);
        return;
    }
    sweep_sample sample = {.logprobs = firn_generation_logprobs(generation, NULL, NULL),
                           .entropies = firn_generation_entropies(generation)};
    sample.ids = firn_generation_ids(generation, &sample.n_ids);
    sample.text = firn_generation_text(generation, &sample.length, NULL);
    r->status = r->feed->finished(r->feed->argument, s->task, &sample, firn_generation_end(generation), r->error);
}

/* Submits as many requests as may be in flight, and counts those that are. */
static firn_status fill(runner *r, size_t *n_busy, firn_error *error)
{
    bool more = true;
    *n_busy = 0;
    firn_generation_options generation = firn_generation_options_default();
    generation.n_logprobs = 0;
    generation.entropies = true;
    generation.constraint = r->options->constraint;
    for (size_t i = 0; i < r->options->n_parallel; i++) {
        slot *const s = &r->slots[i];
        sweep_request wanted;
        *n_busy += s->busy;
        if (s->busy || !more || !(more = r->feed->next(r->feed->argument, &wanted)))
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
        if (status != FIRN_OK || n_busy == 0)
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
    runner r = {.options = options, .feed = feed, .error = error};
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
