/* SPDX-License-Identifier: Apache-2.0 */
/* Beams: at each token, of all that can follow the texts so far, the likeliest texts go on. */
#include "base/clock.h"
#include "engine/search_p.h"

#include <math.h>
#include <stdlib.h>

/* Makes `generation` have the tokens of another and one more. *taken: it may have that one. */
static firn_status continue_with(firn_generation *generation, const firn_generation *before, int32_t id, bool *taken,
                                 firn_error *error)
{
    const eng_answer *const wanted = &before->answer;
    size_t common = 0;
    while (common < wanted->n_tokens && common < generation->answer.n_tokens &&
           generation->answer.ids[common] == wanted->ids[common])
        common++;
    eng_generation_rewind(generation, common);
    firn_status status = FIRN_OK;
    *taken = true;
    for (size_t i = common; i < wanted->n_tokens && status == FIRN_OK; i++)
        status = eng_generation_append(generation, wanted->ids[i], taken, error);
    return status == FIRN_OK ? eng_generation_append(generation, id, taken, error) : status;
}

/* Adds the candidates that follow a text. */
static void receive_candidates(eng_search *s, uint32_t number, const float *const *logits)
{
    const eng_search_text *const t = &s->running[number];
    const uint32_t n_top = 2 * s->width;
    firn_error fault = {.status = FIRN_OK};
    s->status = eng_generation_candidates(t->generation, logits, n_top, s->top_ids, s->top_logprobs, &fault);
    if (s->status == FIRN_ERROR_ARGUMENT) /* the constraint leads nowhere from here: others may go on */
        s->status = FIRN_OK;
    else if (s->status != FIRN_OK)
        base_fail(s->error, s->status, fault.offset, "%s", fault.message);
    else
        for (uint32_t i = 0; i < n_top && s->top_ids[i] >= 0; i++)
            s->candidates[s->n_candidates++] =
                (eng_search_candidate){t->logprob + (double)s->top_logprobs[i], s->top_ids[i], number};
}

static int compare_candidates(const void *left, const void *right)
{
    const eng_search_candidate *const a = left, *const b = right;
    if (a->logprob != b->logprob)
        return a->logprob > b->logprob ? -1 : 1;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->text < b->text ? -1 : a->text > b->text;
}

static firn_status take_candidate(eng_search *s, const eng_search_candidate *c, firn_error *error)
{
    const eng_search_text *const before = &s->running[c->text];
    eng_search_text t = {.logprob = c->logprob};
    bool taken = false;
    firn_status status = eng_search_generation(s, s->options.sequence, &t.generation, error);
    if (status == FIRN_OK)
        status = continue_with(t.generation, before->generation, c->id, &taken, error);
    if (status == FIRN_OK && taken && t.generation->end != FIRN_END_NOT_YET) {
        eng_search_keep_ended(s, t);
        return FIRN_OK;
    }
    if (status == FIRN_OK && taken)
        status = eng_search_fork(s, before, &t, error);
    if (status == FIRN_OK && taken)
        s->next[s->n_next++] = t;
    else
        eng_search_drop(s, &t);
    return status;
}

static firn_status choose_beams(eng_search *s, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (s->n_candidates > 1)
        qsort(s->candidates, s->n_candidates, sizeof *s->candidates, compare_candidates);
    for (uint32_t i = 0; i < s->n_candidates && s->n_next < s->width && status == FIRN_OK; i++)
        status = take_candidate(s, &s->candidates[i], error);
    for (uint32_t i = 0; i < s->n_running; i++)
        eng_search_drop(s, &s->running[i]);
    eng_search_text *const free_texts = s->running;
    s->running = s->next;
    s->n_running = s->n_next;
    s->next = free_texts;
    s->n_next = s->n_candidates = 0;
    return status;
}

/* The best that has ended can't be beaten by a text that goes on, as far as its worth now tells. */
static bool settled(const eng_search *s)
{
    double best = -INFINITY;
    for (uint32_t i = 0; i < s->n_running; i++)
        best = eng_search_worth(s, &s->running[i]) > best ? eng_search_worth(s, &s->running[i]) : best;
    return s->n_running == 0 || (s->n_ended == s->width && eng_search_worth(s, &s->ended[s->width - 1]) >= best);
}

firn_status eng_search_beams(eng_search *s, bool (*goes_on)(void *), void *argument, firn_error *error)
{
    s->running[0] = (eng_search_text){.generation = NULL};
    s->n_running = 1;
    s->receive = receive_candidates;
    firn_status status = eng_search_generation(s, s->options.sequence, &s->running[0].generation, error);
    if (status == FIRN_OK && s->running[0].generation->end != FIRN_END_NOT_YET) { /* nothing may come */
        eng_search_keep_ended(s, s->running[0]);
        s->n_running = 0;
        return FIRN_OK;
    }
    if (status == FIRN_OK)
        status = eng_search_receive_first(s, 0, error);
    if (status == FIRN_OK)
        status = choose_beams(s, error);
    while (status == FIRN_OK && !settled(s) && goes_on(argument)) {
        if (s->deadline > 0 && base_seconds() >= s->deadline) {
            for (uint32_t i = 0; i < s->n_running; i++)
                s->running[i].generation->end = FIRN_END_TIME;
            break;
        }
        status = eng_search_step(s, error);
        if (status == FIRN_OK)
            status = choose_beams(s, error);
    }
    if (status == FIRN_OK && s->n_running == 0 && s->n_ended == 0)
        status = base_fail(error, FIRN_ERROR_NUMERIC, FIRN_NO_OFFSET,
                           "no text can go on: parameters or the constraint forbid every token");
    return status;
}
