/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs: requests come in, wait for their turn, are let in, put off, and end. */
#include "engine/scheduler_p.h"

#include "base/memory.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_PROMPTS = 8, /* requests are let in while fewer than these are in their prompts, or a step has room for more */
    WORTH_WAITING = 32, /* tokens that another request is about to compute, and this one then needn't */
};

/* ---- the inbox ---- */

static void lock(eng_inbox *inbox)
{
    while (atomic_flag_test_and_set_explicit(&inbox->lock, memory_order_acquire))
        sched_yield();
}

static void unlock(eng_inbox *inbox)
{
    atomic_flag_clear_explicit(&inbox->lock, memory_order_release);
}

firn_request firn_request_default(void)
{
    return (firn_request){.size = sizeof(firn_request)};
}

static firn_status make_request(const firn_scheduler *s, const firn_request *given, eng_request **out,
                                firn_error *error)
{
    if (given->n_prompt == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the prompt has no token");
    if (given->parameters == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the request has no generation parameters");
    firn_status status = firn_generation_parameters_check(given->parameters, error);
    eng_request *const request = status == FIRN_OK ? calloc(1, sizeof *request) : NULL;
    if (status != FIRN_OK || request == NULL)
        return status != FIRN_OK ? status
                                 : base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a request");
    request->given = *given;
    request->parameters = *given->parameters;
    request->options = given->generation != NULL ? *given->generation : firn_generation_options_default();
    request->options.n_ctx = s->options.n_ctx;
    status = eng_request_begin(s, request, error);
    if (status == FIRN_OK)
        *out = request;
    else
        eng_request_free(request);
    return status;
}

firn_status firn_scheduler_submit(firn_scheduler *scheduler, const firn_request *request, uint64_t *ticket,
                                  firn_error *error)
{
    eng_request *made = NULL;
    const firn_status status = make_request(scheduler, request, &made, error);
    if (status != FIRN_OK)
        return status;
    eng_inbox *const inbox = &scheduler->inbox;
    lock(inbox);
    made->ticket = ++inbox->n_tickets;
    if (ticket != NULL)
        *ticket = made->ticket;
    *inbox->last = made;
    inbox->last = &made->next;
    unlock(inbox);
    return FIRN_OK;
}

firn_status firn_scheduler_cancel(firn_scheduler *scheduler, uint64_t ticket, firn_error *error)
{
    eng_inbox *const inbox = &scheduler->inbox;
    lock(inbox);
    const bool noted = base_grow(&inbox->cancelled, &inbox->room, inbox->n_cancelled + 1, sizeof *inbox->cancelled);
    if (noted)
        inbox->cancelled[inbox->n_cancelled++] = ticket;
    unlock(inbox);
    return noted ? FIRN_OK : base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to cancel a request");
}

/* Whether the turn of a comes before that of b. */
static bool comes_before(const eng_request *a, const eng_request *b)
{
    return a->given.priority != b->given.priority ? a->given.priority > b->given.priority : a->ticket < b->ticket;
}

/* Puts a request into its place in the queue, at *link or behind. Returns what leads to it. */
static eng_request **insert(firn_scheduler *s, eng_request **link, eng_request *request)
{
    while (*link != NULL && comes_before(*link, request))
        link = &(*link)->next;
    request->next = *link;
    *link = request;
    s->figures.n_waiting++;
    return link;
}

void eng_scheduler_wait(firn_scheduler *s, eng_request *request)
{
    insert(s, &s->waiting, request);
}

static void mark_cancelled(firn_scheduler *s, uint64_t ticket)
{
    for (size_t i = 0; i < s->n_running; i++)
        s->running[i]->cancelled |= s->running[i]->ticket == ticket;
    for (eng_request *r = s->waiting; r != NULL; r = r->next)
        r->cancelled |= r->ticket == ticket;
}

void eng_scheduler_empty_inbox(firn_scheduler *s)
{
    eng_inbox *const inbox = &s->inbox;
    lock(inbox);
    eng_request *first = inbox->first;
    uint64_t *const cancelled = inbox->cancelled;
    const size_t n_cancelled = inbox->n_cancelled;
    inbox->first = NULL;
    inbox->last = &inbox->first;
    inbox->cancelled = NULL;
    inbox->n_cancelled = inbox->room = 0;
    unlock(inbox);
    eng_request **link = &s->waiting;
    for (eng_request *next, *previous = NULL; first != NULL; previous = first, first = next) {
        next = first->next; /* mostly it comes behind the one before: thousands are not gone through for each */
        link = insert(s, previous != NULL && comes_before(previous, first) ? link : &s->waiting, first);
    }
    for (size_t i = 0; i < n_cancelled; i++)
        mark_cancelled(s, cancelled[i]);
    if (cancelled != NULL) /* a step without news calls nothing */
        free(cancelled);
}

bool eng_scheduler_inbox_is_empty(firn_scheduler *s)
{
    lock(&s->inbox);
    const bool empty = s->inbox.first == NULL;
    unlock(&s->inbox);
    return empty;
}

/* ---- letting in ---- */

/* Bytes of pages that a request needs for one token more beyond those in its sessions. */
static uint64_t bytes_needed(const eng_request *request)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < request->n_timelines; i++) {
        const eng_timeline *const t = &request->timelines[i];
        const size_t n_pages = (t->n_ids + KERN_CHUNK) / KERN_CHUNK - eng_session_stored(t->session) / KERN_CHUNK;
        bytes += firn_model_session_bytes(t->model, (uint32_t)(n_pages * KERN_CHUNK), t->session->cache.types);
    }
    return bytes;
}

/* Bytes that eviction could free; stops counting at `enough`. */
static uint64_t evictable(const firn_scheduler *s, uint64_t enough)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->n_lanes && bytes < enough; i++)
        bytes += eng_prefix_evictable(s->lanes[i]->tree, enough - bytes);
    return bytes;
}

/* Bytes that are free, or would be if nothing unused were kept, less what running requests are about to take. */
static uint64_t bytes_left(const firn_scheduler *s, uint64_t enough)
{
    uint64_t promised = enough;
    for (size_t i = 0; i < s->n_running; i++)
        promised += bytes_needed(s->running[i]);
    const uint64_t free_bytes = s->budget.most - atomic_load_explicit(&s->budget.in_use, memory_order_relaxed);
    const uint64_t all = free_bytes < promised ? free_bytes + evictable(s, promised - free_bytes) : free_bytes;
    return all > promised - enough ? all - (promised - enough) : 0;
}

static const eng_request *find_running(const firn_scheduler *s, uint64_t ticket)
{
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i]->ticket == ticket)
            return s->running[i];
    return NULL;
}

/* Tokens that `other` is about to compute and the timeline begins with, more than it has; or 0. */
static size_t count_led(const eng_timeline *timeline, const eng_timeline *other)
{
    const size_t n_kept = timeline->session->cached, n_computed = other->session->cached;
    const size_t most = other->n_ids < timeline->n_ids ? other->n_ids : timeline->n_ids;
    if (other->lane != timeline->lane || n_computed >= most)
        return 0;
    const size_t n = eng_count_equal(other->ids, timeline->ids, most);
    return n >= n_kept + WORTH_WAITING && n > n_computed ? n : 0;
}

/* Whether the request should wait for another to compute what both begin with. */
static bool has_leader(const firn_scheduler *s, eng_request *request)
{
    request->leader = 0;
    for (size_t i = 0; i < s->n_running && request->leader == 0; i++) {
        const eng_request *const other = s->running[i];
        for (size_t t = 0; t < request->n_timelines * other->n_timelines && request->leader == 0; t++) {
            const size_t theirs = t % other->n_timelines;
            const size_t n = count_led(&request->timelines[t / other->n_timelines], &other->timelines[theirs]);
            if (n > 0) {
                request->leader = other->ticket;
                request->leader_timeline = theirs;
                request->leader_tokens = n;
            }
        }
    }
    return request->leader != 0;
}

static bool waits_for_leader(const firn_scheduler *s, const eng_request *request)
{
    const eng_request *const leader = request->leader != 0 ? find_running(s, request->leader) : NULL;
    return leader != NULL && leader->timelines[request->leader_timeline].session->cached < request->leader_tokens;
}

/* Makes room for one more running request. */
static bool reserve_running(firn_scheduler *s)
{
    if (s->n_running < s->room)
        return true;
    const size_t room = 2 * s->room + 16;
    if (!base_resize(&s->running, room, sizeof *s->running) || !base_resize(&s->stepped, room, sizeof *s->stepped) ||
        !base_resize(&s->drafted, room, sizeof *s->drafted) || !eng_drafting_reserve(&s->drafting, room))
        return false;
    s->room = room;
    return true;
}

/* Room for a request that has its sessions, and in the lanes for its entries. */
static firn_status reserve(firn_scheduler *s, const eng_request *request, firn_error *error)
{
    bool reserved = reserve_running(s);
    for (size_t i = 0; i < request->n_timelines && reserved; i++)
        reserved = eng_lane_reserve(request->timelines[i].lane, (s->n_running + 1) * FIRN_GENERATION_ROWS);
    return reserved ? FIRN_OK : base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a request");
}

static void run(firn_scheduler *s, eng_request *request)
{
    size_t at = s->n_running++;
    for (; at > 0 && comes_before(request, s->running[at - 1]); at--)
        s->running[at] = s->running[at - 1];
    s->running[at] = request;
}

void eng_scheduler_stop(firn_scheduler *s, eng_request *request)
{
    size_t at = 0;
    while (s->running[at] != request)
        at++;
    s->n_running--;
    for (; at < s->n_running; at++)
        s->running[at] = s->running[at + 1];
    for (size_t i = 0; i < request->n_timelines; i++) {
        eng_timeline *const t = &request->timelines[i];
        eng_prefix_keep(t->lane->tree, t->session, true, &t->place);
    }
    eng_request_strip(request);
}

void eng_scheduler_end(eng_request *request, firn_status status, const firn_error *error)
{
    if (request->given.ended != NULL)
        request->given.ended(request->given.argument, request->generation, status, error);
    eng_request_free(request);
}

/* Puts off the last running request, if its priority is lower than that of another. */
static bool make_way(firn_scheduler *s, const eng_request *request)
{
    eng_request *const last = s->n_running > 0 ? s->running[s->n_running - 1] : NULL;
    if (last == NULL || last->given.priority >= request->given.priority)
        return false;
    eng_scheduler_stop(s, last);
    eng_scheduler_wait(s, last);
    s->figures.n_preempted++;
    return true;
}

typedef enum verdict { LET_IN, WAITS_FOR_LEADER, WAITS_FOR_MEMORY } verdict;

/* Whether an equipped request can run now. */
static verdict judge(const firn_scheduler *s, eng_request *request)
{
    const uint64_t needed = bytes_needed(request);
    if (has_leader(s, request))
        return WAITS_FOR_LEADER;
    return s->n_running > 0 && bytes_left(s, needed) < needed ? WAITS_FOR_MEMORY : LET_IN;
}

/* Makes what a request has from now on until its end. */
static firn_status make_generation(const firn_scheduler *s, eng_request *request, firn_error *error)
{
    const size_t n_vocab = s->model->hyperparameters->n_vocab, n_held = request->n_timelines - 1;
    if (request->generation != NULL)
        return FIRN_OK;
    request->held = n_held > 0 ? malloc(n_held * n_vocab * sizeof *request->held) : NULL;
    if (n_held > 0 && request->held == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the logits of a request");
    return firn_generation_create(s->model, &request->parameters, &request->options, request->timelines[0].ids,
                                  request->timelines[0].n_prompt, &request->generation, error);
}

/* Tries the request that *link leads to; it is taken off the queue where it needn't wait. */
static verdict try_request(firn_scheduler *s, eng_request **link)
{
    eng_request *const request = *link;
    firn_error error = {0};
    if (waits_for_leader(s, request))
        return WAITS_FOR_LEADER;
    firn_status status = eng_request_equip(s, request, &error);
    const verdict judged = status == FIRN_OK ? judge(s, request) : LET_IN;
    if (judged != LET_IN) {
        eng_request_strip(request);
        return judged;
    }
    *link = request->next;
    s->figures.n_waiting--;
    if (status == FIRN_OK)
        status = reserve(s, request, &error);
    if (status == FIRN_OK)
        status = make_generation(s, request, &error);
    if (status == FIRN_OK && firn_generation_end(request->generation) == FIRN_END_NOT_YET) {
        for (size_t i = 0; i < request->n_timelines; i++)
            s->figures.n_reused += request->timelines[i].session->cached;
        run(s, request);
    } else {
        eng_request_strip(request);
        eng_scheduler_end(request, status, &error);
    }
    return LET_IN;
}

void eng_scheduler_admit(firn_scheduler *s)
{
    size_t n_prompts = 0, n_lacking = 0, n_more;
    for (size_t i = 0; i < s->n_running; i++) {
        n_lacking += eng_request_lacks(s->running[i], &n_more);
        n_prompts += n_more;
    }
    for (eng_request **link = &s->waiting;
         *link != NULL && (n_prompts < MOST_PROMPTS || n_lacking < s->options.n_batch);) {
        eng_request *const request = *link;
        const size_t n_before = s->n_running;
        switch (try_request(s, link)) {
        case LET_IN:
            if (s->n_running > n_before) { /* and it did not end at once */
                n_lacking += eng_request_lacks(request, &n_more);
                n_prompts += n_more;
            }
            break;
        case WAITS_FOR_LEADER:
            link = &request->next;
            break;
        case WAITS_FOR_MEMORY:
            if (eng_scheduler_let_go_draft(s))
                break;
            if (!make_way(s, request))
                return;
            link = &s->waiting; /* who made way waits behind this one */
            break;
        }
    }
}
