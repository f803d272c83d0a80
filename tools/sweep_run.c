/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_run.h"

#include <stdlib.h>

/* A text in flight. */
typedef struct slot {
    firn_generation *generation; /* NULL: the slot is free */
    firn_session *session;
    sweep_request request;
    size_t n_ids; /* generated so far */
} slot;

typedef struct runner {
    firn_model *model;
    const sweep_run_options *options;
    const sweep_feed *feed;
    uint32_t n_ctx;
    firn_batch *batch;
    slot *slots;               /* [n_parallel] */
    firn_batch_entry *entries; /* [n_parallel], of the step */
    int32_t *ids;              /* [n_parallel] that the entries append */
    size_t *owners;            /* [n_parallel] the entries' slots */
    size_t n_new;              /* tokens of this step */
    firn_error *error;
    firn_status status; /* of what went wrong in a callback */
} runner;

static firn_status no_memory(firn_error *error)
{
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the texts in flight");
}

static void empty(slot *s)
{
    firn_generation_release(s->generation);
    firn_session_release(s->session);
    s->generation = NULL;
    s->session = NULL;
    s->n_ids = 0;
}

static firn_status begin(runner *r, slot *s, firn_error *error)
{
    firn_session_options session_options = firn_session_options_default();
    firn_generation_options generation_options = firn_generation_options_default();
    session_options.n_ctx = r->n_ctx;
    session_options.n_batch = r->options->n_batch;
    generation_options.n_ctx = r->n_ctx;
    generation_options.n_logprobs = 0;
    generation_options.entropies = true;
    firn_status status = firn_session_create(r->model, &session_options, &s->session, error);
    if (status == FIRN_OK)
        status = firn_generation_create(r->model, &s->request.parameters, &generation_options, s->request.prompt,
                                        s->request.n_prompt, &s->generation, error);
    return status;
}

/* Takes the logits of one text and picks its next token. */
static bool take(void *argument, size_t entry, size_t index, const float *logits)
{
    runner *const r = argument;
    slot *const s = &r->slots[r->owners[entry]];
    size_t n_ids;
    (void)index;
    r->status = firn_generation_take(s->generation, logits, r->error);
    firn_generation_ids(s->generation, &n_ids);
    r->n_new += n_ids > s->n_ids; /* else a banned string was taken back */
    s->n_ids = n_ids;
    return r->status == FIRN_OK;
}

/* What a slot appends in the next step. */
static void add_entry(runner *r, size_t at, size_t n_entries)
{
    slot *const s = &r->slots[at];
    firn_batch_entry entry = {.session = s->session, .ids = s->request.prompt, .n_ids = s->request.n_prompt};
    if (firn_session_length(s->session) > 0) {
        const firn_generation_step step = firn_generation_next(s->generation);
        firn_session_rewind(s->session, step.n_keep);
        r->ids[n_entries] = step.id;
        entry.ids = &r->ids[n_entries];
        entry.n_ids = 1;
    }
    r->entries[n_entries] = entry;
    r->owners[n_entries] = at;
}

static firn_status finish(runner *r, slot *s, firn_error *error)
{
    sweep_sample sample = {.logprobs = firn_generation_logprobs(s->generation, NULL, NULL),
                           .entropies = firn_generation_entropies(s->generation)};
    sample.ids = firn_generation_ids(s->generation, &sample.n_ids);
    sample.text = firn_generation_text(s->generation, &sample.length, NULL);
    const firn_status status =
        r->feed->finished(r->feed->argument, s->request.task, &sample, firn_generation_end(s->generation), error);
    empty(s);
    return status;
}

/* One step of all texts; *more: there were any. */
static firn_status step(runner *r, bool *more, firn_error *error)
{
    const size_t n_slots = r->options->n_parallel;
    size_t n_entries = 0;
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < n_slots && status == FIRN_OK; i++) {
        slot *const s = &r->slots[i];
        if (s->generation == NULL && *more && (*more = r->feed->next(r->feed->argument, &s->request)))
            status = begin(r, s, error);
        if (s->generation != NULL && status == FIRN_OK)
            add_entry(r, i, n_entries++);
    }
    r->n_new = 0;
    if (status == FIRN_OK && n_entries > 0)
        status = firn_batch_append(r->batch, r->entries, n_entries, take, r, error);
    if (status == FIRN_ERROR_CANCELLED)
        status = r->status;
    for (size_t i = 0; i < n_slots && status == FIRN_OK; i++)
        if (r->slots[i].generation != NULL && firn_generation_end(r->slots[i].generation) != FIRN_END_NOT_YET)
            status = finish(r, &r->slots[i], error);
    *more = *more || n_entries > 0;
    return status;
}

firn_status sweep_run(firn_model *model, const sweep_run_options *options, const sweep_feed *feed, firn_error *error)
{
    runner r = {.model = model,
                .options = options,
                .feed = feed,
                .n_ctx = options->n_ctx != 0 ? options->n_ctx : firn_model_describe(model).n_ctx_train,
                .error = error};
    const size_t n = options->n_parallel;
    firn_batch_options batch_options = firn_batch_options_default();
    batch_options.n_batch = options->n_batch;
    r.slots = calloc(n, sizeof *r.slots);
    r.entries = calloc(n, sizeof *r.entries);
    r.ids = calloc(n, sizeof *r.ids);
    r.owners = calloc(n, sizeof *r.owners);
    const bool memory = r.slots != NULL && r.entries != NULL && r.ids != NULL && r.owners != NULL;
    firn_status status = memory ? firn_batch_create(model, &batch_options, &r.batch, error) : no_memory(error);
    for (bool more = true; more && status == FIRN_OK;) {
        status = step(&r, &more, error);
        if (status == FIRN_OK && !feed->goes_on(feed->argument, r.n_new))
            break;
    }
    for (size_t i = 0; r.slots != NULL && i < n; i++)
        empty(&r.slots[i]);
    firn_batch_release(r.batch);
    free(r.slots);
    free(r.entries);
    free(r.ids);
    free(r.owners);
    return status;
}
