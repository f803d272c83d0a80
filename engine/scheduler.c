/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "engine/scheduler_p.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MEMORY = 1 << 30 };

/* ---- a scheduler's life ---- */

firn_scheduler_options firn_scheduler_options_default(void)
{
    return (firn_scheduler_options){.size = sizeof(firn_scheduler_options), .n_draft = ENG_MOST_DRAFTS};
}

static firn_scheduler_options complete_options(const firn_model *model, const firn_scheduler_options *options)
{
    firn_scheduler_options chosen = options != NULL ? *options : firn_scheduler_options_default();
    chosen.n_ctx = chosen.n_ctx != 0 ? chosen.n_ctx : model->hyperparameters->n_ctx_train;
    chosen.n_batch = chosen.n_batch != 0 ? chosen.n_batch : ENG_DEFAULT_BATCH;
    chosen.n_draft = chosen.n_draft < ENG_MOST_DRAFTS ? chosen.n_draft : ENG_MOST_DRAFTS;
    if (chosen.memory == 0) {
        const uint64_t one = firn_model_session_bytes(model, chosen.n_ctx);
        chosen.memory = one > DEFAULT_MEMORY ? one : DEFAULT_MEMORY;
    }
    return chosen;
}

firn_status firn_scheduler_create(firn_model *model, const firn_scheduler_options *options, firn_scheduler **out,
                                  firn_error *error)
{
    *out = NULL;
    firn_status status = eng_model_check_runs(model, error);
    if (status != FIRN_OK)
        return status;
    firn_scheduler *const s = calloc(1, sizeof *s);
    if (s == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a scheduler");
    s->model = model;
    eng_model_retain(model);
    s->options = complete_options(model, options);
    s->inbox.last = &s->inbox.first;
    atomic_flag_clear(&s->inbox.lock);
    status = eng_pages_create(model, s->options.memory, &s->pages, error);
    if (status == FIRN_OK)
        status = eng_prefix_tree_create(s->pages, model->hyperparameters->sliding_window, &s->tree, error);
    if (status == FIRN_OK)
        status = eng_batch_create(model, s->options.n_batch, s->options.n_ctx, &s->batch, error);
    if (status == FIRN_OK)
        *out = s;
    else
        firn_scheduler_release(s);
    return status;
}

void firn_scheduler_release(firn_scheduler *scheduler)
{
    firn_scheduler *const s = scheduler;
    if (s == NULL)
        return;
    eng_scheduler_empty_inbox(s);
    while (s->n_running > 0) {
        eng_request *const last = s->running[s->n_running - 1];
        eng_scheduler_stop(s, last);
        eng_request_free(last);
    }
    for (eng_request *next; s->waiting != NULL; s->waiting = next) {
        next = s->waiting->next;
        eng_request_free(s->waiting);
    }
    free(s->running);
    free(s->of_entry);
    free(s->entries);
    eng_prefix_tree_destroy(s->tree);
    firn_batch_release(s->batch);
    eng_pages_destroy(s->pages);
    firn_model_release(s->model);
    free(s);
}

firn_scheduler_figures firn_scheduler_measure(const firn_scheduler *scheduler)
{
    firn_scheduler_figures figures = scheduler->figures;
    figures.n_running = (uint32_t)scheduler->n_running;
    figures.bytes_in_use = eng_pages_in_use(scheduler->pages);
    return figures;
}

/* ---- what goes into a step ---- */

static void end_cancelled(eng_request *request)
{
    firn_error error;
    base_fail(&error, FIRN_ERROR_CANCELLED, FIRN_NO_OFFSET, "cancelled by the caller");
    eng_scheduler_end(request, FIRN_ERROR_CANCELLED, &error);
}

static void drop_cancelled(firn_scheduler *s)
{
    for (size_t i = s->n_running; i-- > 0;) {
        eng_request *const request = s->running[i];
        if (request->cancelled) {
            eng_scheduler_stop(s, request);
            end_cancelled(request);
        }
    }
    for (eng_request **link = &s->waiting; *link != NULL;) {
        eng_request *const request = *link;
        if (!request->cancelled) {
            link = &request->next;
            continue;
        }
        *link = request->next;
        s->figures.n_waiting--;
        end_cancelled(request);
    }
}

/* Gives rows to those who decode, in turns where there are too many. Returns how many are left. */
static uint32_t plan_decoding(firn_scheduler *s, uint32_t room)
{
    const size_t n = s->n_running, first = s->turn % n;
    size_t i = 0;
    for (; i < n && room > 0; i++) {
        eng_request *const request = s->running[(first + i) % n];
        if (eng_request_lacks(request) == 1) {
            request->n_rows = 1;
            room--;
        }
    }
    s->turn = i < n ? first + i : first;
    return room;
}

/* Gives rows to prompts: each an equal share first, and what is left in order. Returns how many are left. */
static uint32_t plan_prompts(firn_scheduler *s, uint32_t room, uint32_t n_prompts)
{
    const uint32_t share = room / n_prompts > 0 ? room / n_prompts : 1;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < s->n_running && room > 0; i++) {
            eng_request *const request = s->running[i];
            if (eng_request_lacks(request) == 1)
                continue;
            const size_t left = eng_request_lacks(request) - request->n_rows;
            const uint32_t most = round == 0 && share < room ? share : room;
            const uint32_t n = left < most ? (uint32_t)left : most;
            request->n_rows += n;
            room -= n;
        }
    return room;
}

/* Gives rows that are left to drafts for those who decode. */
static void plan_drafts(firn_scheduler *s, uint32_t room)
{
    for (size_t i = 0; i < s->n_running && room > 0; i++) {
        eng_request *const request = s->running[i];
        if (request->n_rows != 1 || eng_request_lacks(request) != 1)
            continue;
        const size_t left = s->options.n_ctx - request->n_ids;
        const uint32_t at_hand = room < s->options.n_draft ? room : s->options.n_draft;
        request->n_drafts = eng_draft_guess(&request->draft, request->ids, request->n_ids,
                                            left < at_hand ? (uint32_t)left : at_hand, request->ids + request->n_ids);
        request->n_rows += request->n_drafts;
        room -= request->n_drafts;
    }
}

static void clear_plan(eng_request *request)
{
    request->n_rows = request->n_drafts = request->n_accepted = request->n_taken = 0;
    request->settled = false;
}

static void plan_rows(firn_scheduler *s)
{
    const uint32_t n_batch = s->options.n_batch;
    uint32_t n_prompts = 0;
    for (size_t i = 0; i < s->n_running; i++) {
        clear_plan(s->running[i]);
        n_prompts += eng_request_lacks(s->running[i]) > 1;
    }
    const uint32_t for_prompts = n_prompts == 0 ? 0 : n_batch > 4 ? n_batch / 4 : 1; /* at least */
    const uint32_t left = plan_decoding(s, n_batch - for_prompts);
    const uint32_t unused = n_prompts > 0 ? plan_prompts(s, left + for_prompts, n_prompts) : left;
    if (s->options.n_draft > 0)
        plan_drafts(s, unused);
}

/* Makes sure that a request's rows have pages, if need be at the cost of those whose turn comes last. */
static void find_pages(firn_scheduler *s, eng_request *request)
{
    while (request->n_rows > 0 && !eng_session_extend(request->session, request->n_rows)) {
        eng_session_cut(request->session, request->session->cached);
        request->n_rows -= request->n_drafts;
        request->n_drafts = 0;
        if (eng_prefix_evict(s->tree)) {
            s->figures.n_evicted++;
            continue;
        }
        eng_request *const last = s->running[s->n_running - 1];
        if (s->n_running == 1) { /* it has all the memory */
            request->n_rows /= 2;
            continue;
        }
        eng_scheduler_stop(s, last);
        eng_scheduler_wait(s, last);
        s->figures.n_preempted++;
        if (last == request)
            return;
    }
}

static void end_without_memory(firn_scheduler *s, eng_request *request)
{
    firn_error error;
    base_fail(&error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
              "%llu bytes for keys and values are too few for token %zu; allow more memory",
              (unsigned long long)s->options.memory, request->session->cached + 1);
    eng_scheduler_stop(s, request);
    eng_scheduler_end(request, FIRN_ERROR_MEMORY, &error);
}

/* Makes the entries of a step, with pages for all. */
static void make_entries(firn_scheduler *s)
{
    s->n_entries = 0;
    for (size_t i = 0; i < s->n_running; i++)
        find_pages(s, s->running[i]);
    if (s->n_running == 1 && s->running[0]->n_rows == 0)
        end_without_memory(s, s->running[0]);
    for (size_t i = 0; i < s->n_running; i++) {
        eng_request *const request = s->running[i];
        if (request->n_rows == 0)
            continue;
        firn_session *const session = request->session;
        const bool whole = request->n_rows >= eng_request_lacks(request);
        s->of_entry[s->n_entries] = request;
        s->entries[s->n_entries++] = (firn_batch_entry){session, request->ids + session->cached, request->n_rows,
                                                        request->n_drafts > 0 ? FIRN_LOGITS_ALL
                                                        : whole               ? FIRN_LOGITS_LAST
                                                                              : FIRN_LOGITS_NONE};
        s->figures.n_tokens += request->n_rows;
        s->figures.n_drafted += request->n_drafts;
    }
}

/* ---- picking tokens ---- */

/* Rows of logits, from firsts[i] on those of one request. */
typedef struct picking {
    firn_scheduler *scheduler;
    const eng_row *rows;
    uint32_t n_firsts;
    uint32_t firsts[ENG_HEAD_COLUMNS + 1];
} picking;

/* Takes the logits after one more token. Those after a drafted token count if it is the one that was picked. */
static void take_row(eng_request *request, const float *logits)
{
    request->status = firn_generation_take(request->generation, logits, &request->error);
    const uint32_t i = request->n_taken++;
    request->settled = true;
    if (request->status != FIRN_OK || i == request->n_drafts ||
        firn_generation_end(request->generation) != FIRN_END_NOT_YET)
        return;
    const firn_generation_step step = firn_generation_next(request->generation);
    if (step.n_keep == request->n_ids + i && step.id == request->ids[step.n_keep]) {
        request->n_accepted++;
        request->settled = false;
    }
}

static void take_rows(void *argument, uint32_t thread)
{
    const picking *const p = argument;
    base_range range;
    (void)thread;
    while (base_pool_claim(p->scheduler->model->context->pool, p->n_firsts, &range))
        for (uint32_t i = range.begin; i < range.end; i++) {
            eng_request *const request = p->scheduler->of_entry[p->rows[p->firsts[i]].entry];
            for (uint32_t row = p->firsts[i]; row < p->firsts[i + 1] && !request->settled; row++)
                take_row(request, p->rows[row].logits);
        }
}

/* Picks the tokens that follow, on all threads. */
static bool take_logits(void *argument, const eng_row *rows, uint32_t n_rows)
{
    firn_scheduler *const s = argument;
    const double start = base_seconds();
    picking p = {.scheduler = s, .rows = rows};
    for (uint32_t i = 0; i < n_rows; i++)
        if (i == 0 || rows[i].entry != rows[i - 1].entry)
            p.firsts[p.n_firsts++] = i;
    p.firsts[p.n_firsts] = n_rows;
    base_pool_run(s->model->context->pool, take_rows, &p);
    s->figures.sampling_seconds += base_seconds() - start;
    return true;
}

/* ---- after a step ---- */

/* Sets the timeline that the generation wants next. */
static void move_on(eng_request *request)
{
    const firn_generation_step step = firn_generation_next(request->generation);
    firn_session_rewind(request->session, step.n_keep);
    eng_prefix_go_back(&request->place, step.n_keep);
    request->session->length = request->session->cached; /* fewer, where a window had been let go */
    request->ids[step.n_keep] = step.id;
    request->n_ids = step.n_keep + 1;
}

static void conclude(firn_scheduler *s, eng_request *request)
{
    if (!request->prompt_kept) {
        request->prompt_kept = request->session->cached >= request->n_prompt;
        eng_prefix_keep(s->tree, request->session, request->prompt_kept, &request->place);
    }
    if (request->n_taken == 0)
        return;
    s->figures.n_generated += request->n_taken;
    s->figures.n_accepted += request->n_accepted;
    if (request->n_drafts > 0)
        eng_draft_learn(&request->draft, request->n_drafts, request->n_accepted);
    const bool ended = request->status != FIRN_OK || firn_generation_end(request->generation) != FIRN_END_NOT_YET;
    if (!ended)
        move_on(request);
    if (request->status == FIRN_OK && request->given.progress != NULL &&
        !request->given.progress(request->given.argument, request->generation))
        request->cancelled = true;
    if (!ended)
        return;
    eng_scheduler_stop(s, request);
    eng_scheduler_end(request, request->status, &request->error);
}

/* The step failed: so do all that were in it. */
static void fail_all(firn_scheduler *s, firn_status status, const firn_error *error)
{
    for (size_t i = 0; i < s->n_entries; i++) {
        eng_scheduler_stop(s, s->of_entry[i]);
        eng_scheduler_end(s->of_entry[i], status, error);
    }
}

static firn_status run_entries(firn_scheduler *s, firn_error *error)
{
    firn_error fault = {0};
    const double start = base_seconds(), sampling = s->figures.sampling_seconds;
    const firn_status status = eng_batch_append(s->batch, s->entries, s->n_entries, take_logits, s, &fault);
    s->figures.model_seconds += base_seconds() - start - (s->figures.sampling_seconds - sampling);
    s->figures.n_steps++;
    if (status != FIRN_OK) {
        fail_all(s, status, &fault);
        if (error != NULL)
            *error = fault;
        return status;
    }
    for (size_t i = 0; i < s->n_entries; i++)
        conclude(s, s->of_entry[i]);
    return FIRN_OK;
}

firn_status firn_scheduler_step(firn_scheduler *scheduler, bool *more, firn_error *error)
{
    firn_scheduler *const s = scheduler;
    const double start = base_seconds();
    firn_status status = FIRN_OK;
    eng_scheduler_empty_inbox(s);
    drop_cancelled(s);
    eng_scheduler_admit(s);
    if (s->n_running > 0) {
        plan_rows(s);
        make_entries(s);
        if (s->n_entries > 0)
            status = run_entries(s, error);
    }
    s->figures.all_seconds += base_seconds() - start;
    *more = s->n_running > 0 || s->waiting != NULL || !eng_scheduler_inbox_is_empty(s);
    return status;
}

firn_status firn_scheduler_run(firn_scheduler *scheduler, firn_error *error)
{
    firn_status status = FIRN_OK;
    for (bool more = true; more && status == FIRN_OK;)
        status = firn_scheduler_step(scheduler, &more, error);
    return status;
}
