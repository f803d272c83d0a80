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

static sweep_sample sample_of(const firn_generation *generation)
{
    sweep_sample sample = {.logprobs = firn_generation_logprobs(generation, NULL, NULL),
                           .entropies = firn_generation_entropies(generation)};
    sample.ids = firn_generation_ids(generation, &sample.n_ids);
    sample.text = firn_generation_text(generation, &sample.length, NULL);
    return sample;
}

/* Hands on a text that has ended, or what went wrong with it. */
static firn_status hand_on(const runner *r, size_t task, const firn_generation *generation, firn_status status,
                           const firn_error *fault)
{
    if (status != FIRN_OK)
        return r->feed->failed(r->feed->argument, task, fault, r->error);
    const sweep_sample sample = sample_of(generation);
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
static firn_generation_options generation_options(const runner *r, const sweep_request *wanted)
{
    firn_generation_options options = firn_generation_options_default();
    options.n_logprobs = 0;
    options.entropies = true;
    options.constraint = r->options->constraint;
    options.negative = wanted->negative;
    options.n_negative = wanted->n_negative;
    options.weaker = wanted->weaker;
    return options;
}

static bool tell_token(void *argument)
{
    runner *const r = argument;
    r->stopped = !r->feed->goes_on(r->feed->argument, 1);
    return !r->stopped;
}

/* What the model says of the tokens of a text that is there already. */
typedef struct scores {
    const firn_model *model;
    const int32_t *ids;
    float *logprobs, *entropies;
} scores;

static bool score_token(void *argument, size_t index, const float *logits)
{
    const scores *const s = argument; /* the logits after one token tell of the next */
    firn_surprise(s->model, logits, s->ids[index + 1], &s->logprobs[index + 1], &s->entropies[index + 1]);
    return true;
}

/* Hands on a text that was searched for, of which nothing was kept; the session has the prompt and its logits. */
static firn_status hand_on_scored(const runner *r, size_t task, const firn_generation *generation,
                                  firn_session *session)
{
    firn_error fault = {0};
    sweep_sample sample = sample_of(generation);
    float *const memory = malloc((2 * sample.n_ids + 1) * sizeof *memory);
    scores s = {r->model, sample.ids, memory, memory + sample.n_ids};
    firn_status status = memory != NULL ? FIRN_OK
                                        : base_fail(&fault, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                                                    "no memory to measure %zu tokens", sample.n_ids);
    if (status == FIRN_OK && sample.n_ids > 0)
        firn_surprise(r->model, firn_session_logits(session), sample.ids[0], &s.logprobs[0], &s.entropies[0]);
    if (status == FIRN_OK && sample.n_ids > 1)
        status = firn_session_append(session, sample.ids, sample.n_ids - 1, FIRN_LOGITS_ALL, score_token, &s, &fault);
    sample.logprobs = s.logprobs;
    sample.entropies = s.entropies;
    status = status == FIRN_OK
                 ? r->feed->finished(r->feed->argument, task, &sample, firn_generation_end(generation), r->error)
                 : r->feed->failed(r->feed->argument, task, &fault, r->error);
    free(memory);
    return status;
}

/* Beams and the best of several are made by a search, which has a batch of its own. */
static firn_status search(runner *r, const sweep_request *wanted)
{
    firn_error fault = {0};
    firn_session *session = NULL;
    firn_generation *generation = NULL;
    firn_session_options session_options = firn_session_options_default();
    session_options.n_ctx = r->options->n_ctx;
    session_options.n_batch = r->options->n_batch;
    session_options.cache_types = r->options->cache_types;
    firn_generation_options options = generation_options(r, wanted);
    options.n_logprobs = -1;
    options.entropies = false;
    firn_status status = firn_session_create(r->model, &session_options, &session, &fault);
    if (status == FIRN_OK) {
        options.n_ctx = firn_session_context(session);
        status = firn_session_append(session, wanted->prompt, wanted->n_prompt, FIRN_LOGITS_LAST, NULL, NULL, &fault);
    }
    if (status == FIRN_OK)
        status = firn_generation_search(r->model, &wanted->parameters, &options, wanted->prompt, wanted->n_prompt,
                                        session, tell_token, r, &generation, &fault);
    if (!r->stopped)
        status = status == FIRN_OK ? hand_on_scored(r, wanted->task, generation, session)
                                   : hand_on(r, wanted->task, NULL, status, &fault);
    firn_generation_release(generation);
    firn_session_release(session);
    return status;
}

static firn_status submit(runner *r, slot *s, const sweep_request *wanted, firn_error *error)
{
    const firn_generation_options generation = generation_options(r, wanted);
    firn_request request = firn_request_default();
    *s = (slot){r, wanted->task, true};
    request.prompt = wanted->prompt;
    request.n_prompt = wanted->n_prompt;
    request.parameters = &wanted->parameters;
    request.generation = &generation;
    request.ended = ended;
    request.argument = s;
    return firn_scheduler_submit(r->scheduler, &request, NULL, error);
}

/* Submits as many requests as may be in flight, and counts those that are. */
static firn_status fill(runner *r, size_t *n_busy)
{
    sweep_request wanted = {.task = 0};
    bool more = true;
    *n_busy = 0;
    for (size_t i = 0; i < r->options->n_parallel; i++) {
        slot *const s = &r->slots[i];
        firn_status status = FIRN_OK;
        while (!s->busy && status == FIRN_OK &&
               (more = more && !r->stopped && r->feed->next(r->feed->argument, &wanted))) {
            firn_error fault = {0};
            status = firn_generation_searches(&wanted.parameters) ? search(r, &wanted) : submit(r, s, &wanted, &fault);
            if (s->busy && status != FIRN_OK) { /* it was refused */
                s->busy = false;
                status = hand_on(r, wanted.task, NULL, status, &fault);
            }
        }
        if (status != FIRN_OK)
            return status;
        *n_busy += s->busy;
    }
    return FIRN_OK;
}

static firn_status run(runner *r, firn_error *error)
{
    uint64_t n_told = 0;
    for (;;) {
        bool more;
        size_t n_busy;
        firn_status status = fill(r, &n_busy);
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
    scheduler_options.cache_types = options->cache_types;
    scheduler_options.n_draft = options->draft.n_max;
    scheduler_options.draft_model = options->draft.model;
    scheduler_options.n_draft_min = options->draft.n_min;
    scheduler_options.draft_p_min = options->draft.p_min;
    r.slots = calloc(options->n_parallel, sizeof *r.slots);
    if (r.slots == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %u texts at once",
                         options->n_parallel);
    firn_status status = firn_scheduler_create(model, &scheduler_options, &r.scheduler, error);
    if (status == FIRN_OK)
        status = run(&r, error);
    if (r.scheduler != NULL) {
        const firn_scheduler_figures figures = firn_scheduler_measure(r.scheduler);
        options->drafted->n_drafted += figures.n_drafted;
        options->drafted->n_accepted += figures.n_accepted;
        if (options->drafted->fault.status == FIRN_OK)
            options->drafted->fault = figures.draft_fault;
    }
    firn_scheduler_release(r.scheduler);
    free(r.slots);
    return status;
}
