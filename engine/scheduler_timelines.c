/* SPDX-License-Identifier: Apache-2.0 */
/* Timelines of requests, and lanes: what the scheduler has of each model that they run on. */
#include "base/memory.h"
#include "engine/generation_p.h"
#include "engine/scheduler_p.h"

#include <stdlib.h>
#include <string.h>

/* ---- lanes ---- */

static void free_lane(eng_lane *lane)
{
    eng_prefix_tree_destroy(lane->tree);
    firn_batch_release(lane->batch);
    eng_pages_destroy(lane->pages);
    firn_model_release(lane->model);
    free(lane->entries);
    free(lane->owners);
    free(lane);
}

static firn_status make_lane(firn_scheduler *s, firn_model *model, eng_lane **out, firn_error *error)
{
    eng_lane *const lane = calloc(1, sizeof *lane);
    if (lane == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for another model's batch");
    lane->model = model;
    eng_model_retain(model);
    firn_status status = eng_pages_create(model, s->options.cache_types, &s->budget, &lane->pages, error);
    if (status == FIRN_OK)
        status = eng_prefix_tree_create(lane->pages, model->hyperparameters->sliding_window, &lane->tree, error);
    if (status == FIRN_OK)
        status = eng_batch_create(model, s->options.n_batch, s->options.n_ctx, &lane->batch, error);
    if (status == FIRN_OK)
        *out = lane;
    else
        free_lane(lane);
    return status;
}

firn_status eng_scheduler_lane(firn_scheduler *scheduler, firn_model *model, eng_lane **out, firn_error *error)
{
    firn_scheduler *const s = scheduler;
    for (size_t i = 0; i < s->n_lanes; i++)
        if (s->lanes[i]->model == model) {
            *out = s->lanes[i];
            return FIRN_OK;
        }
    if (!base_resize(&s->lanes, s->n_lanes + 1, sizeof *s->lanes))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for another model's batch");
    const firn_status status = make_lane(s, model, out, error);
    if (status == FIRN_OK)
        s->lanes[s->n_lanes++] = *out;
    return status;
}

void eng_scheduler_free_lanes(firn_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->n_lanes; i++)
        free_lane(scheduler->lanes[i]);
    free(scheduler->lanes);
}

bool eng_lane_reserve(eng_lane *lane, size_t n_entries)
{
    if (n_entries <= lane->room)
        return true;
    const size_t room = 2 * n_entries + 16;
    if (!base_resize(&lane->entries, room, sizeof *lane->entries) ||
        !base_resize(&lane->owners, room, sizeof *lane->owners))
        return false;
    lane->room = room;
    return true;
}

bool eng_scheduler_evict(firn_scheduler *scheduler, const eng_lane *first)
{
    bool found = eng_prefix_evict(first->tree);
    for (size_t i = 0; i < scheduler->n_lanes && !found; i++)
        found = eng_prefix_evict(scheduler->lanes[i]->tree);
    scheduler->figures.n_evicted += found;
    return found;
}

/* ---- drafts ---- */

static bool make_room(void *argument)
{
    firn_scheduler *const s = argument;
    return eng_scheduler_evict(s, s->lanes[0]);
}

firn_status eng_scheduler_begin_drafts(firn_scheduler *scheduler, const firn_scheduler_options *options,
                                       firn_error *error)
{
    firn_scheduler *const s = scheduler;
    firn_model *const model = options->draft_model;
    firn_drafter_options chosen = firn_drafter_options_default();
    eng_lane *lane = NULL;
    chosen.n_max = options->n_draft;
    chosen.n_min = options->n_draft_min;
    chosen.p_min = options->draft_p_min;
    chosen.draft_model = options->n_draft > 0 ? model : NULL;
    firn_status status = eng_drafting_begin(&s->drafting, s->model, &chosen, error);
    if (status != FIRN_OK || chosen.draft_model == NULL)
        return status;
    status = eng_scheduler_lane(s, model, &lane, error);
    if (status != FIRN_OK)
        return status;
    const uint32_t n_ctx_train = model->hyperparameters->n_ctx_train;
    s->drafting.store = (eng_draft_store){.pages = lane->pages,
                                          .tree = lane->tree,
                                          .batch = lane->batch,
                                          .n_ctx = options->n_ctx < n_ctx_train ? options->n_ctx : n_ctx_train,
                                          .make_room = make_room,
                                          .argument = s};
    return FIRN_OK;
}

bool eng_scheduler_let_go_draft(firn_scheduler *scheduler)
{
    for (size_t i = scheduler->n_running; i-- > 0;) {
        eng_draft_line *const line = &scheduler->running[i]->drafted.line;
        if (line->session != NULL) {
            eng_draft_line_stop(line);
            return true;
        }
    }
    return false;
}

/* ---- timelines ---- */

size_t eng_count_equal(const int32_t *a, const int32_t *b, size_t most)
{
    size_t n = 0;
    while (n < most && a[n] == b[n])
        n++;
    return n;
}

bool eng_request_decodes(const eng_request *request)
{
    size_t n_prompts;
    eng_request_lacks(request, &n_prompts);
    return n_prompts == 0;
}

size_t eng_request_lacks(const eng_request *request, size_t *n_prompts)
{
    size_t n_lacking = 0, n_more = 0;
    for (size_t i = 0; i < request->n_timelines; i++) {
        const size_t n = eng_timeline_lacks(&request->timelines[i]);
        n_lacking += n;
        n_more += n > 1;
    }
    if (n_prompts != NULL)
        *n_prompts = n_more;
    return n_lacking;
}

/* Checks a row's prompt; `name` is what errors call it. */
static firn_status check_prompt(const firn_scheduler *s, const char *name, const eng_row_plan *row, firn_error *error)
{
    const uint32_t n_vocab = row->model->hyperparameters->n_vocab;
    if (row->prompt.count > s->options.n_ctx)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "a %s of %zu tokens does not fit the context of %u positions", name, row->prompt.count,
                         s->options.n_ctx);
    for (size_t i = 0; i < row->prompt.count; i++)
        if (row->prompt.ids[i] < 0 || (uint32_t)row->prompt.ids[i] >= n_vocab)
            return base_fail(error, FIRN_ERROR_ARGUMENT, i, "token %zu of a %s has id %d: the vocabulary ends at %u", i,
                             name, row->prompt.ids[i], n_vocab - 1);
    return FIRN_OK;
}

static firn_status begin_timeline(const firn_scheduler *s, eng_request *request, const eng_row_plan *row,
                                  firn_error *error)
{
    const int32_t n_predict = request->parameters.n_predict;
    const eng_tokens prompt = row->prompt;
    size_t room = s->options.n_ctx;
    if (n_predict >= 0 && prompt.count + (size_t)n_predict < room)
        room = prompt.count + (size_t)n_predict;
    eng_timeline *const timeline = &request->timelines[request->n_timelines];
    timeline->ids = malloc((room + ENG_MOST_DRAFTS) * sizeof *timeline->ids);
    if (timeline->ids == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a request");
    memcpy(timeline->ids, prompt.ids, prompt.count * sizeof *prompt.ids);
    timeline->n_ids = timeline->n_prompt = prompt.count;
    timeline->model = row->model;
    if (row->model != s->model)
        eng_model_retain(row->model);
    request->n_timelines++;
    return FIRN_OK;
}

firn_status eng_request_begin(const firn_scheduler *scheduler, eng_request *request, firn_error *error)
{
    eng_row_plan rows[FIRN_GENERATION_ROWS];
    size_t n_rows = 0;
    uint64_t bytes = 0;
    firn_status status =
        eng_generation_plan_rows(scheduler->model, &request->parameters, &request->options,
                                 (eng_tokens){request->given.prompt, request->given.n_prompt}, rows, &n_rows, error);
    for (size_t i = 0; i < n_rows && status == FIRN_OK; i++) {
        status = check_prompt(scheduler, i == 0 ? "prompt" : "prompt beside it", &rows[i], error);
        bytes +=
            firn_model_session_bytes(rows[i].model, (uint32_t)rows[i].prompt.count, scheduler->options.cache_types);
    }
    if (status == FIRN_OK && bytes > scheduler->options.memory)
        status = base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                           "a prompt of %zu tokens does not fit %llu bytes for keys and values; allow more memory",
                           request->given.n_prompt, (unsigned long long)scheduler->options.memory);
    for (size_t i = 0; i < n_rows && status == FIRN_OK; i++)
        status = begin_timeline(scheduler, request, &rows[i], error);
    if (status == FIRN_OK && request->options.n_negative > 0)
        request->options.negative = request->timelines[1].ids;
    firn_constraint_retain(request->options.constraint);
    return status;
}

void eng_request_free(eng_request *request)
{
    firn_generation_release(request->generation);
    firn_constraint_release(request->options.constraint);
    for (size_t i = 0; i < request->n_timelines; i++) {
        free(request->timelines[i].ids);
        if (request->timelines[i].model != request->timelines[0].model)
            firn_model_release(request->timelines[i].model);
    }
    free(request->held);
    free(request);
}

firn_status eng_request_equip(firn_scheduler *scheduler, eng_request *request, firn_error *error)
{
    const firn_scheduler_options *const options = &scheduler->options;
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < request->n_timelines && status == FIRN_OK; i++) {
        eng_timeline *const t = &request->timelines[i];
        status = eng_scheduler_lane(scheduler, t->model, &t->lane, error);
        if (status == FIRN_OK)
            status = eng_session_create(t->model, t->lane->pages, options->n_ctx, options->n_batch, &t->session, error);
        if (status == FIRN_OK)
            eng_prefix_take(t->lane->tree, t->ids, t->n_ids, t->session, &t->place);
        t->followed = false;
    }
    return status;
}

bool eng_request_follows(firn_scheduler *scheduler, eng_request *request, size_t timeline)
{
    const eng_timeline *const first = &request->timelines[0];
    eng_timeline *const own = &request->timelines[timeline];
    const size_t most = (first->n_ids < own->n_ids ? first->n_ids : own->n_ids) - 1;
    if (timeline == 0 || own->lane != first->lane || own->followed)
        return false;
    const size_t n_cached = own->session->cached;
    const size_t n = eng_count_equal(first->ids, own->ids, most) / KERN_CHUNK * KERN_CHUNK; /* of whole pages */
    if (n > n_cached && n > first->session->cached)
        return true;
    own->followed = true;
    if (n > n_cached) {
        firn_session_rewind(own->session, 0);
        eng_prefix_leave(&own->place);
        const size_t n_taken = eng_prefix_take(own->lane->tree, own->ids, own->n_ids, own->session, &own->place);
        scheduler->figures.n_reused += n_taken > n_cached ? n_taken - n_cached : 0;
    }
    return false;
}

void eng_request_strip(eng_request *request)
{
    for (size_t i = 0; i < request->n_timelines; i++) {
        eng_timeline *const t = &request->timelines[i];
        firn_session_release(t->session);
        t->session = NULL;
        t->n_rows = 0;
        eng_prefix_leave(&t->place);
    }
    eng_draft_line_stop(&request->drafted.line);
    request->drafted.n_drafts = 0;
}

bool eng_request_extend(eng_request *request)
{
    size_t n = 0;
    while (n < request->n_timelines &&
           (request->timelines[n].n_rows == 0 ||
            eng_session_extend(request->timelines[n].session, request->timelines[n].n_rows)))
        n++;
    if (n == request->n_timelines)
        return true;
    for (size_t i = 0; i <= n; i++)
        eng_session_cut(request->timelines[i].session, eng_session_stored(request->timelines[i].session));
    return false;
}

bool eng_request_has_room(const eng_request *request)
{
    for (size_t i = 0; i < request->n_timelines; i++) {
        const eng_timeline *const t = &request->timelines[i];
        if (t->n_rows > 0 && !eng_session_has_room(t->session, t->n_rows))
            return false;
    }
    return true;
}

void eng_request_move_on(eng_request *request)
{
    for (size_t i = 0; i < request->n_timelines; i++) {
        eng_timeline *const t = &request->timelines[i];
        const firn_generation_step step = firn_generation_next_of(request->generation, i);
        firn_session_rewind(t->session, step.n_keep);
        eng_prefix_go_back(&t->place, step.n_keep);
        t->session->length = t->session->cached; /* fewer, where a window had been let go */
        t->ids[step.n_keep] = step.id;
        t->n_ids = step.n_keep + 1;
    }
}
