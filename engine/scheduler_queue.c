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

void eng_request_free(eng_request *request)
{
    firn_generation_release(request->generation);
    free(request->ids);
    free(request);
}

static firn_status check(const firn_scheduler *s, const firn_request *request, firn_error *error)
{
    const uint32_t n_vocab = s->model->hyperparameters->n_vocab;
    if (request->n_prompt == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the prompt has no token");
    if (request->n_prompt > s->options.n_ctx)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "a prompt of %zu tokens does not fit the context of %u positions", request->n_prompt,
                         s->options.n_ctx);
    if (firn_model_session_bytes(s->model, (uint32_t)request->n_prompt) > s->options.memory)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "a prompt of %zu tokens does not fit %llu bytes for keys and values; allow more memory",
                         request->n_prompt, (unsigned long long)s->options.memory);
    for (size_t i = 0; i < request->n_prompt; i++)
        if (request->prompt[i] < 0 || (uint32_t)request->prompt[i] >= n_vocab)
            return base_fail(error, FIRN_ERROR_ARGUMENT, i, "token %zu has id %d: the vocabulary ends at %u", i,
                             request->prompt[i], n_vocab - 1);
    if (request->parameters->guidance != 1 || request->parameters->contrast > 0)
        return base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                         "guidance and contrast need several timelines, which a scheduler doesn't run yet");
    return firn_generation_parameters_check(request->parameters, error);
}

static eng_request *make_request(const firn_scheduler *s, const firn_request *given)
{
    const int32_t n_predict = given->parameters->n_predict;
    size_t room = s->options.n_ctx;
    if (n_predict >= 0 && given->n_prompt + (size_t)n_predict < room)
        room = given->n_prompt + (size_t)n_predict;
    eng_request *const request = calloc(1, sizeof *request);
    int32_t *const ids = malloc((room + ENG_MOST_DRAFTS) * sizeof *ids);
    if (request == NULL || ids == NULL) {
        free(request);
        free(ids);
        return NULL;
    }
    memcpy(ids, given->prompt, given->n_prompt * sizeof *ids);
    request->given = *given;
    request->parameters = *given->parameters;
    request->options = given->generation != NULL ? *given->generation : firn_generation_options_default();
    request->options.n_ctx = s->options.n_ctx;
    request->ids = ids;
    request->n_ids = request->n_prompt = given->n_prompt;
    return request;
}

firn_status firn_scheduler_submit(firn_scheduler *scheduler, const firn_request *request, uint64_t *ticket,
                                  firn_error *error)
{
    const firn_status status = check(scheduler, request, error);
    if (status != FIRN_OK)
        return status;
    eng_request *const made = make_request(scheduler, request);
    if (made == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a request");
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

void eng_scheduler_wait(firn_scheduler *s, eng_request *request)
{
    eng_request **link = &s->waiting;
    while (*link != NULL && comes_before(*link, request))
        link = &(*link)->next;
    request->next = *link;
    *link = request;
    s->figures.n_waiting++;
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
    for (eng_request *next; first != NULL; first = next) {
        next = first->next;
        eng_scheduler_wait(s, first);
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

/* Bytes of pages that n tokens need beyond those in a session of which n_cached are there. */
static uint64_t bytes_needed(const firn_scheduler *s, size_t n, size_t n_cached)
{
    const size_t n_pages = (n + KERN_CHUNK - 1) / KERN_CHUNK - n_cached / KERN_CHUNK;
    return firn_model_session_bytes(s->model, (uint32_t)(n_pages * KERN_CHUNK));
}

/* Bytes that are free, or would be if nothing unused were kept, less what running requests are about to take. */
static uint64_t bytes_left(const firn_scheduler *s, uint64_t enough)
{
    uint64_t promised = enough;
    for (size_t i = 0; i < s->n_running; i++)
        promised += bytes_needed(s, s->running[i]->n_ids + 1, s->running[i]->session->cached);
    const uint64_t free_bytes = s->options.memory - eng_pages_in_use(s->pages);
    const uint64_t all =
        free_bytes < promised ? free_bytes + eng_prefix_evictable(s->tree, promised - free_bytes) : free_bytes;
    return all > promised - enough ? all - (promised - enough) : 0;
}

static size_t count_equal(const int32_t *a, const int32_t *b, size_t most)
{
    size_t n = 0;
    while (n < most && a[n] == b[n])
        n++;
    return n;
}

static const eng_request *find_running(const firn_scheduler *s, uint64_t ticket)
{
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i]->ticket == ticket)
            return s->running[i];
    return NULL;
}

/* Whether the request should wait for another to compute what both begin with, of which n_kept tokens are kept. */
static bool has_leader(const firn_scheduler *s, eng_request *request, size_t n_kept)
{
    for (size_t i = 0; i < s->n_running; i++) {
        const eng_request *const other = s->running[i];
        const size_t most = other->n_ids < request->n_ids ? other->n_ids : request->n_ids - 1;
        if (other->session->cached >= most)
            continue;
        const size_t n = count_equal(other->ids, request->ids, most);
        if (n >= n_kept + WORTH_WAITING && n > other->session->cached) {
            request->leader = other->ticket;
            request->leader_tokens = n;
            return true;
        }
    }
    request->leader = 0;
    return false;
}

static bool waits_for_leader(const firn_scheduler *s, const eng_request *request)
{
    const eng_request *const leader = request->leader != 0 ? find_running(s, request->leader) : NULL;
    return leader != NULL && leader->session->cached < request->leader_tokens;
}

/* Makes room for one more running request. */
static bool reserve_running(firn_scheduler *s)
{
    if (s->n_running < s->room)
        return true;
    const size_t room = 2 * s->room + 16;
    if (!base_resize(&s->running, room, sizeof *s->running) || !base_resize(&s->of_entry, room, sizeof *s->of_entry) ||
        !base_resize(&s->entries, room, sizeof *s->entries))
        return false;
    s->room = room;
    return true;
}

static void run(firn_scheduler *s, eng_request *request)
{
    size_t at = s->n_running++;
    for (; at > 0 && comes_before(request, s->running[at - 1]); at--)
        s->running[at] = s->running[at - 1];
    s->running[at] = request;
}

/* Gives a waiting request a session with what is kept of its beginning. */
static firn_status equip(firn_scheduler *s, eng_request *request, firn_error *error)
{
    if (!reserve_running(s))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a request");
    const firn_status status =
        eng_session_create(s->model, s->pages, s->options.n_ctx, s->options.n_batch, &request->session, error);
    if (status == FIRN_OK)
        eng_prefix_take(s->tree, request->ids, request->n_ids - 1, request->session, &request->place);
    return status;
}

/* Undoes it. */
static void strip(eng_request *request)
{
    firn_session_release(request->session);
    request->session = NULL;
    eng_prefix_leave(&request->place);
}

void eng_scheduler_stop(firn_scheduler *s, eng_request *request)
{
    size_t at = 0;
    while (s->running[at] != request)
        at++;
    s->n_running--;
    for (; at < s->n_running; at++)
        s->running[at] = s->running[at + 1];
    request->n_rows = 0;
    eng_prefix_keep(s->tree, request->session, true, &request->place);
    strip(request);
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
    const size_t n_kept = request->session->cached;
    const uint64_t needed = bytes_needed(s, request->n_ids + 1, n_kept);
    if (has_leader(s, request, n_kept))
        return WAITS_FOR_LEADER;
    return s->n_running > 0 && bytes_left(s, needed) < needed ? WAITS_FOR_MEMORY : LET_IN;
}

/* Tries the request that *link leads to; it is taken off the queue where it needn't wait. */
static verdict try_request(firn_scheduler *s, eng_request **link)
{
    eng_request *const request = *link;
    firn_error error = {0};
    if (waits_for_leader(s, request))
        return WAITS_FOR_LEADER;
    firn_status status = equip(s, request, &error);
    const verdict judged = status == FIRN_OK ? judge(s, request) : LET_IN;
    if (judged != LET_IN) {
        strip(request);
        return judged;
    }
    *link = request->next;
    s->figures.n_waiting--;
    if (status == FIRN_OK && request->generation == NULL)
        status = firn_generation_create(s->model, &request->parameters, &request->options, request->ids,
                                        request->n_prompt, &request->generation, &error);
    if (status == FIRN_OK) {
        s->figures.n_reused += request->session->cached;
        run(s, request);
    } else {
        strip(request);
        eng_scheduler_end(request, status, &error);
    }
    return LET_IN;
}

void eng_scheduler_admit(firn_scheduler *s)
{
    size_t n_prompts = 0, n_lacking = 0;
    for (size_t i = 0; i < s->n_running; i++) {
        n_prompts += eng_request_lacks(s->running[i]) > 1;
        n_lacking += eng_request_lacks(s->running[i]);
    }
    for (eng_request **link = &s->waiting;
         *link != NULL && (n_prompts < MOST_PROMPTS || n_lacking < s->options.n_batch);) {
        eng_request *const request = *link;
        const size_t n_before = s->n_running;
        switch (try_request(s, link)) {
        case LET_IN:
            if (s->n_running > n_before) { /* and it did not end at once */
                n_prompts += eng_request_lacks(request) > 1;
                n_lacking += eng_request_lacks(request);
            }
            break;
        case WAITS_FOR_LEADER:
            link = &request->next;
            break;
        case WAITS_FOR_MEMORY:
            if (!make_way(s, request))
                return;
            link = &s->waiting; /* who made way waits behind this one */
            break;
        }
    }
}
