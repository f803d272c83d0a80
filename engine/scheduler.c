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
        const uint64_t one = firn_model_session_bytes(model, chosen.n_ctx, chosen.cache_types);
        chosen.memory = one > DEFAULT_MEMORY ? one : DEFAULT_MEMORY;
    }
    return chosen;
}

firn_status firn_scheduler_create(firn_model *model, const firn_scheduler_options *options, firn_scheduler **out,
                                  firn_error *error)
{
    *out = NULL;
    firn_status status = eng_model_check_runs(model, error);
    if (status == FIRN_OK && options != NULL)
        status = eng_check_cache_types(options->cache_types, error);
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
    s->budget.most = s->options.memory;
    eng_lane *own;
    status = eng_scheduler_lane(s, model, &own, error);
    if (status == FIRN_OK)
        status = eng_scheduler_begin_drafts(s, &s->options, error);
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
    free(s->stepped);
    free(s->drafted);
    eng_drafting_end(&s->drafting);
    eng_scheduler_free_lanes(s);
    firn_model_release(s->model);
    free(s);
}

firn_scheduler_figures firn_scheduler_measure(const firn_scheduler *scheduler)
{
    firn_scheduler_figures figures = scheduler->figures;
    const firn_drafter_figures drafts = scheduler->drafting.figures;
    figures.n_drafted = drafts.n_drafted;
    figures.n_accepted = drafts.n_accepted;
    figures.n_model_drafted = drafts.n_model_drafted;
    figures.n_model_accepted = drafts.n_model_accepted;
    figures.draft_fault = drafts.fault;
    figures.n_running = (uint32_t)scheduler->n_running;
    figures.bytes_in_use = atomic_load_explicit(&scheduler->budget.in_use, memory_order_relaxed);
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

static uint32_t less(uint32_t room, size_t n)
{
    return room > n ? room - (uint32_t)n : 0;
}

/* Gives rows to those who decode, in turns where there are too many. Returns how many are left. */
static uint32_t plan_decoding(firn_scheduler *s, uint32_t room)
{
    const size_t n = s->n_running, first = s->turn % n;
    size_t i = 0;
    for (; i < n && room > 0; i++) {
        eng_request *const request = s->running[(first + i) % n];
        if (!eng_request_decodes(request))
            continue;
        for (size_t t = 0; t < request->n_timelines; t++)
            request->timelines[t].n_rows = 1;
        room = less(room, request->n_timelines);
    }
    s->turn = i < n ? first + i : first;
    return room;
}

/* Gives a request that is in its prompts up to `most` rows for each. Returns how many. */
static uint32_t plan_prompt(firn_scheduler *s, eng_request *request, uint32_t most)
{
    const size_t kept_back = request->n_timelines > 1; /* the last token, which goes in for all timelines together */
    uint32_t n_given = 0;
    for (size_t t = 0; t < request->n_timelines; t++) {
        eng_timeline *const timeline = &request->timelines[t];
        if (eng_request_follows(s, request, t))
            continue;
        const size_t left = eng_timeline_lacks(timeline) - timeline->n_rows - kept_back, room = most - n_given;
        const uint32_t n = left < room ? (uint32_t)left : (uint32_t)room;
        timeline->n_rows += n;
        n_given += n;
    }
    return n_given;
}

/* Gives rows to prompts: each an equal share first, and what is left in order. Returns how many are left. */
static uint32_t plan_prompts(firn_scheduler *s, uint32_t room, uint32_t n_prompts)
{
    const uint32_t share = room / n_prompts > 0 ? room / n_prompts : 1;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < s->n_running && room > 0; i++)
            if (!eng_request_decodes(s->running[i]))
                room -= plan_prompt(s, s->running[i], round == 0 && share < room ? share : room);
    return room;
}

static void clear_plan(eng_request *request)
{
    for (size_t t = 0; t < request->n_timelines; t++) {
        request->timelines[t].n_rows = 0;
        request->timelines[t].logits = NULL;
    }
    request->drafted.n_drafts = request->drafted.wanted = 0;
    request->n_taken = 0;
    request->settled = false;
}

/* Gives each request its rows; *left are those that may be drafts. */
static void plan_rows(firn_scheduler *s, uint32_t *left)
{
    const uint32_t n_batch = s->options.n_batch;
    uint32_t n_prompts = 0;
    s->decodes_only = true;
    for (size_t i = 0; i < s->n_running; i++) {
        const firn_session *const session = s->running[i]->timelines[0].session;
        clear_plan(s->running[i]);
        n_prompts += !eng_request_decodes(s->running[i]);
        s->decodes_only = s->decodes_only && session->known <= session->cached;
    }
    const uint32_t for_prompts = n_prompts == 0 ? 0 : n_batch > 4 ? n_batch / 4 : 1; /* at least */
    *left = plan_decoding(s, n_batch - for_prompts);
    if (n_prompts > 0)
        *left = plan_prompts(s, *left + for_prompts, n_prompts);
    s->decodes_only = s->decodes_only && n_prompts == 0;
}

static bool has_rows(const eng_request *request)
{
    for (size_t t = 0; t < request->n_timelines; t++)
        if (request->timelines[t].n_rows > 0)
            return true;
    return false;
}

/* Drafts for those who decode on one timeline, as far as rows are left. */
static void plan_drafts(firn_scheduler *s, uint32_t left)
{
    eng_plain_step plain = {0, 0};
    s->n_drafted = 0;
    if (s->options.n_draft == 0)
        return;
    for (size_t i = 0; i < s->n_running; i++) {
        eng_request *const request = s->running[i];
        eng_timeline *const timeline = &request->timelines[0];
        eng_drafted *const drafted = &request->drafted;
        if (!has_rows(request) || !eng_request_decodes(request))
            continue;
        plain.n_rows += (uint32_t)request->n_timelines;
        plain.n_texts++;
        if (request->n_timelines > 1)
            continue;
        drafted->generation = request->generation;
        drafted->ids = timeline->ids;
        drafted->n_ids = timeline->n_ids;
        drafted->most = s->options.n_ctx - (uint32_t)timeline->n_ids;
        s->drafted[s->n_drafted++] = drafted;
    }
    eng_drafting_make(&s->drafting, s->drafted, s->n_drafted, plain, left, s->decodes_only);
    for (size_t i = 0; i < s->n_running; i++)
        s->running[i]->timelines[0].n_rows += s->running[i]->drafted.n_drafts;
}

/* Leaves a request that has all the memory fewer rows, and in the end none. */
static void take_rows_away(eng_request *request)
{
    bool more = false;
    for (size_t t = 0; t < request->n_timelines; t++)
        more = more || request->timelines[t].n_rows > 1;
    for (size_t t = 0; t < request->n_timelines; t++) {
        eng_timeline *const timeline = &request->timelines[t];
        timeline->n_rows = more && timeline->n_rows == 1 ? 1 : timeline->n_rows / 2;
    }
}

/* Makes sure that a request's rows have pages, if need be at the cost of those whose turn comes last. */
static void find_pages(firn_scheduler *s, eng_request *request)
{
    while (has_rows(request) && !eng_request_extend(request)) {
        request->timelines[0].n_rows -= request->drafted.n_drafts;
        request->drafted.n_drafts = 0;
        if (eng_scheduler_evict(s, request->timelines[0].lane) || eng_scheduler_let_go_draft(s))
            continue;
        eng_request *const last = s->running[s->n_running - 1];
        if (s->n_running == 1) {
            take_rows_away(request);
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
              (unsigned long long)s->options.memory, request->timelines[0].session->cached + 1);
    eng_scheduler_stop(s, request);
    eng_scheduler_end(request, FIRN_ERROR_MEMORY, &error);
}

static void add_entry(eng_request *request, size_t number)
{
    const eng_timeline *const t = &request->timelines[number];
    eng_lane *const lane = t->lane;
    const bool whole = t->n_rows >= eng_timeline_lacks(t);
    const unsigned logits = request->drafted.n_drafts > 0 ? FIRN_LOGITS_ALL
                            : whole                       ? FIRN_LOGITS_LAST
                                                          : FIRN_LOGITS_NONE;
    lane->owners[lane->n_entries] = (eng_entry_owner){request, number};
    /* a drafted token may be penalised in the next row */
    const uint32_t needs = request->n_timelines == 1 ? firn_generation_needs(request->generation) : 0;
    lane->entries[lane->n_entries++] = (firn_batch_entry){t->session, t->ids + t->session->cached, t->n_rows, logits,
                                                          needs > 0 ? needs + request->drafted.n_drafts : 0};
}

static void extend_some(void *argument, uint32_t thread)
{
    const firn_scheduler *const s = argument;
    base_range range;
    while (base_pool_claim(s->model->context->pool, thread, (uint32_t)s->n_running, &range))
        for (uint32_t i = range.begin; i < range.end; i++)
            (void)eng_request_extend(s->running[i]);
}

/*
 * Where several requests need pages, as texts do that begin with the same prompt, all threads copy what was shared. Who
 * doesn't get one is seen afterwards.
 */
static void extend_together(firn_scheduler *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_running && n < 2; i++)
        n += !eng_request_has_room(s->running[i]);
    if (n > 1)
        base_pool_run(s->model->context->pool, extend_some, s);
}

/* Makes the entries of a step, with pages for all. */
static void make_entries(firn_scheduler *s)
{
    s->n_stepped = 0;
    for (size_t i = 0; i < s->n_lanes; i++)
        s->lanes[i]->n_entries = 0;
    extend_together(s);
    for (size_t i = 0; i < s->n_running; i++)
        find_pages(s, s->running[i]);
    if (s->n_running == 1 && !has_rows(s->running[0]))
        end_without_memory(s, s->running[0]);
    for (size_t i = 0; i < s->n_running; i++) {
        eng_request *const request = s->running[i];
        if (!has_rows(request))
            continue;
        s->stepped[s->n_stepped++] = request;
        for (size_t t = 0; t < request->n_timelines; t++)
            if (request->timelines[t].n_rows > 0)
                add_entry(request, t);
    }
}

/* ---- picking tokens ---- */

/* Rows of logits, from firsts[i] on those of one request. */
typedef struct picking {
    firn_scheduler *scheduler;
    const eng_lane *lane;
    const eng_row *rows;
    uint32_t n_firsts;
    uint32_t firsts[ENG_HEAD_COLUMNS + 1];
} picking;

static const eng_entry_owner *owner_of(const picking *p, uint32_t row)
{
    return &p->lane->owners[p->rows[row].entry];
}

/* Takes the logits after one more token. Those after a drafted token count if it is the one that was picked. */
static void take_row(eng_request *request, const float *logits)
{
    request->settled = !eng_drafted_take(&request->drafted, request->generation, request->n_taken++, logits,
                                         &request->status, &request->error);
}

/* Takes logits of several timelines when all are there; keeps those that come before. */
static void gather_rows(const picking *p, eng_request *request, uint32_t first, uint32_t end)
{
    const size_t n_vocab = p->scheduler->model->hyperparameters->n_vocab;
    const float *all[FIRN_GENERATION_ROWS];
    size_t n_there = 0;
    for (uint32_t row = first; row < end; row++)
        request->timelines[owner_of(p, row)->timeline].logits = p->rows[row].logits;
    for (size_t t = 0; t < request->n_timelines; t++) {
        all[t] = request->timelines[t].logits;
        n_there += all[t] != NULL;
    }
    if (n_there == request->n_timelines) {
        request->status = firn_generation_take_rows(request->generation, all, &request->error);
        request->n_taken = 1;
        return;
    }
    n_there -= end - first;
    for (uint32_t row = first; row < end; row++, n_there++) {
        float *const held = request->held + n_there * n_vocab;
        memcpy(held, p->rows[row].logits, n_vocab * sizeof *held);
        request->timelines[owner_of(p, row)->timeline].logits = held;
    }
}

static void take_rows(void *argument, uint32_t thread)
{
    const picking *const p = argument;
    base_range range;
    while (base_pool_claim(p->scheduler->model->context->pool, thread, p->n_firsts, &range))
        for (uint32_t i = range.begin; i < range.end; i++) {
            eng_request *const request = owner_of(p, p->firsts[i])->request;
            if (request->n_timelines > 1)
                gather_rows(p, request, p->firsts[i], p->firsts[i + 1]);
            else
                for (uint32_t row = p->firsts[i]; row < p->firsts[i + 1] && !request->settled; row++)
                    take_row(request, p->rows[row].logits);
        }
}

/* A lane at work. */
typedef struct lane_step {
    firn_scheduler *scheduler;
    const eng_lane *lane;
} lane_step;

/* Picks the tokens that follow, on all threads. */
static bool take_logits(void *argument, const eng_row *rows, uint32_t n_rows)
{
    const lane_step *const step = argument;
    firn_scheduler *const s = step->scheduler;
    const double start = base_seconds();
    picking p = {.scheduler = s, .lane = step->lane, .rows = rows};
    for (uint32_t i = 0; i < n_rows; i++)
        if (i == 0 || owner_of(&p, i)->request != owner_of(&p, i - 1)->request)
            p.firsts[p.n_firsts++] = i;
    p.firsts[p.n_firsts] = n_rows;
    base_pool_run(s->model->context->pool, take_rows, &p);
    s->figures.sampling_seconds += base_seconds() - start;
    return true;
}

/* ---- after a step ---- */

/* Keeps what a timeline has of its prompt; also where its last token waits for other timelines. */
static void keep_prompt(eng_timeline *timeline, bool alone)
{
    const size_t n_cached = timeline->session->cached;
    if (timeline->prompt_kept)
        return;
    timeline->prompt_kept = n_cached >= timeline->n_prompt;
    eng_prefix_keep(timeline->lane->tree, timeline->session, n_cached + !alone >= timeline->n_prompt, &timeline->place);
}

static void conclude(firn_scheduler *s, eng_request *request)
{
    for (size_t t = 0; t < request->n_timelines; t++)
        keep_prompt(&request->timelines[t], request->n_timelines == 1);
    if (request->n_taken == 0)
        return;
    s->figures.n_generated += request->n_taken;
    const bool ended = request->status != FIRN_OK || firn_generation_end(request->generation) != FIRN_END_NOT_YET;
    if (!ended)
        eng_request_move_on(request);
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
    for (size_t i = 0; i < s->n_stepped; i++) {
        eng_scheduler_stop(s, s->stepped[i]);
        eng_scheduler_end(s->stepped[i], status, error);
    }
}

/* Runs the lanes, that of the scheduler's own model last. */
static firn_status run_lanes(firn_scheduler *s, firn_error *error)
{
    const double start = base_seconds(), sampling = s->figures.sampling_seconds;
    firn_status status = FIRN_OK;
    for (size_t i = s->n_lanes; i-- > 0 && status == FIRN_OK;) {
        const eng_lane *const lane = s->lanes[i];
        lane_step step = {s, lane};
        const uint64_t n_before = lane->batch->n_computed;
        if (lane->n_entries > 0)
            status = eng_batch_append(lane->batch, lane->entries, lane->n_entries, take_logits, &step, error);
        s->figures.n_tokens += lane->batch->n_computed - n_before;
    }
    const double seconds = base_seconds() - start;
    s->figures.model_seconds += seconds - (s->figures.sampling_seconds - sampling);
    s->figures.n_steps++;
    if (status == FIRN_OK)
        eng_drafting_learn(&s->drafting, s->drafted, s->n_drafted, s->decodes_only, seconds);
    return status;
}

static firn_status run_entries(firn_scheduler *s, firn_error *error)
{
    firn_error fault = {0};
    const firn_status status = run_lanes(s, &fault);
    if (status != FIRN_OK) {
        fail_all(s, status, &fault);
        if (error != NULL)
            *error = fault;
        return status;
    }
    for (size_t i = 0; i < s->n_stepped; i++)
        conclude(s, s->stepped[i]);
    return FIRN_OK;
}

static firn_status run_step(firn_scheduler *s, firn_error *error)
{
    uint32_t left;
    plan_rows(s, &left);
    const double start = base_seconds();
    plan_drafts(s, left);
    s->figures.draft_seconds += base_seconds() - start;
    make_entries(s);
    return s->n_stepped > 0 ? run_entries(s, error) : FIRN_OK;
}

firn_status firn_scheduler_step(firn_scheduler *scheduler, bool *more, firn_error *error)
{
    firn_scheduler *const s = scheduler;
    const double start = base_seconds();
    firn_status status = FIRN_OK;
    eng_scheduler_empty_inbox(s);
    drop_cancelled(s);
    eng_scheduler_admit(s);
    if (s->n_running > 0)
        status = run_step(s, error);
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
