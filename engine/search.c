/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several texts at once for one prompt, of which the best is kept. Their timelines are forks of the prompt's and go
 * through the model in one batch. A text's worth is the sum of its log-probabilities over its length to the power of
 * length_penalty; nothing depends on time or threads, and where two are equal, the lower token id wins.
 */
#include "base/clock.h"
#include "engine/generation_p.h"
#include "kernels/math.h"

#include <stdlib.h>

typedef struct text {
    firn_generation *generation;
    firn_session *session; /* prompt and tokens but the last; NULL before the first token and once ended */
    double logprob;        /* sum over its tokens */
} text;

typedef struct candidate {
    double logprob; /* of the text with the token */
    int32_t id;
    uint32_t text;
} candidate;

typedef struct search {
    firn_generation_parameters parameters; /* of each text */
    firn_generation_options options;
    firn_model *model;
    const int32_t *prompt; /* [n_prompt] */
    size_t n_prompt;
    firn_session *session; /* the prompt's */
    firn_batch *batch;
    uint32_t width;               /* texts at once */
    text *running, *next, *ended; /* [width + 1] each */
    uint32_t n_running, n_next, n_ended;
    firn_generation **spare; /* [3 * width + 3] */
    uint32_t n_spare;
    candidate *candidates; /* [width * 2 * width] */
    uint32_t n_candidates;
    firn_batch_entry *entries; /* [width] */
    int32_t *top_ids;          /* [2 * width] */
    float *top_logprobs;
    double deadline;    /* seconds; 0: none */
    firn_status status; /* of what is done with logits */
    firn_error *error;
} search;

/* More is better. Logarithms, since powers would differ between machines. */
static double worth(const search *s, double logprob, size_t n_tokens)
{
    if (logprob >= 0 || n_tokens == 0)
        return INFINITY;
    return s->parameters.length_penalty * kern_log_double((double)n_tokens) - kern_log_double(-logprob);
}

static size_t length_of(const firn_generation *generation)
{
    return generation->answer.n_tokens;
}

static double worth_of(const search *s, const text *t)
{
    return worth(s, t->logprob, length_of(t->generation));
}

/* A generation that has taken nothing back since it was made, or is made to be as new by whoever uses it. */
static firn_status get_generation(search *s, uint64_t sequence, firn_generation **out, firn_error *error)
{
    firn_generation_options options = s->options;
    options.sequence = sequence;
    if (s->n_spare > 0) {
        *out = s->spare[--s->n_spare];
        return FIRN_OK;
    }
    return firn_generation_create(s->model, &s->parameters, &options, s->prompt, s->n_prompt, out, error);
}

static void drop(search *s, text *t)
{
    firn_session_release(t->session);
    if (t->generation != NULL)
        s->spare[s->n_spare++] = t->generation;
    *t = (text){.generation = NULL};
}

/* ---- beams ---- */

/* Makes `generation` have the tokens of another and one more. *taken: it may have that one. */
static firn_status continue_with(firn_generation *generation, const firn_generation *before, int32_t id, bool *taken,
                                 firn_error *error)
{
    const eng_answer *const wanted = &before->answer;
    size_t common = 0;
    while (common < wanted->n_tokens && common < length_of(generation) &&
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
static bool receive_candidates(void *argument, size_t entry, size_t index, const float *logits)
{
    search *const s = argument;
    const text *const t = &s->running[entry];
    const uint32_t n_top = 2 * s->width;
    (void)index;
    firn_error fault = {.status = FIRN_OK};
    s->status = eng_generation_candidates(t->generation, logits, n_top, s->top_ids, s->top_logprobs, &fault);
    if (s->status == FIRN_ERROR_ARGUMENT) { /* the constraint leads nowhere from here: others may go on */
        s->status = FIRN_OK;
        return true;
    }
    if (s->status != FIRN_OK)
        return base_fail(s->error, s->status, fault.offset, "%s", fault.message) == FIRN_OK;
    for (uint32_t i = 0; i < n_top && s->top_ids[i] >= 0 && s->status == FIRN_OK; i++)
        s->candidates[s->n_candidates++] =
            (candidate){t->logprob + (double)s->top_logprobs[i], s->top_ids[i], (uint32_t)entry};
    return s->status == FIRN_OK;
}

static int compare_candidates(const void *left, const void *right)
{
    const candidate *const a = left, *const b = right;
    if (a->logprob != b->logprob)
        return a->logprob > b->logprob ? -1 : 1;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->text < b->text ? -1 : a->text > b->text;
}

/* Keeps a text that has ended if it is of the best; among equals, the earlier. */
static void keep_ended(search *s, text t)
{
    uint32_t at = s->n_ended++;
    for (; at > 0 && worth_of(s, &s->ended[at - 1]) < worth_of(s, &t); at--)
        s->ended[at] = s->ended[at - 1];
    s->ended[at] = t;
    if (s->n_ended > s->width)
        drop(s, &s->ended[--s->n_ended]);
}

static firn_status take_candidate(search *s, const candidate *c, firn_error *error)
{
    const text *const before = &s->running[c->text];
    text t = {.logprob = c->logprob};
    bool taken = false;
    firn_status status = get_generation(s, s->options.sequence, &t.generation, error);
    if (status == FIRN_OK)
        status = continue_with(t.generation, before->generation, c->id, &taken, error);
    if (status == FIRN_OK && taken && t.generation->end != FIRN_END_NOT_YET) {
        keep_ended(s, t);
        return FIRN_OK;
    }
    if (status == FIRN_OK && taken) {
        const firn_session *const session = before->session != NULL ? before->session : s->session;
        status = firn_session_fork(session, firn_session_length(session), &t.session, error);
    }
    if (status == FIRN_OK && taken)
        s->next[s->n_next++] = t;
    else
        drop(s, &t);
    return status;
}

static firn_status choose_beams(search *s, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (s->n_candidates > 1)
        qsort(s->candidates, s->n_candidates, sizeof *s->candidates, compare_candidates);
    for (uint32_t i = 0; i < s->n_candidates && s->n_next < s->width && status == FIRN_OK; i++)
        status = take_candidate(s, &s->candidates[i], error);
    for (uint32_t i = 0; i < s->n_running; i++)
        drop(s, &s->running[i]);
    text *const free_texts = s->running;
    s->running = s->next;
    s->n_running = s->n_next;
    s->next = free_texts;
    s->n_next = s->n_candidates = 0;
    return status;
}

/* Gives each running text's last token to the model, and what comes of it to `receive`. */
static firn_status step(search *s, firn_batch_callback receive, firn_error *error)
{
    for (uint32_t i = 0; i < s->n_running; i++) {
        const eng_answer *const a = &s->running[i].generation->answer;
        const firn_generation_step next = firn_generation_next(s->running[i].generation);
        firn_session_rewind(s->running[i].session, next.n_keep);
        s->entries[i] = (firn_batch_entry){s->running[i].session,
                                           a->n_tokens > 0 ? &a->ids[a->n_tokens - 1] : &s->prompt[s->n_prompt - 1], 1,
                                           FIRN_LOGITS_LAST};
    }
    s->error = error;
    s->status = FIRN_OK;
    const firn_status status = firn_batch_append(s->batch, s->entries, s->n_running, receive, s, error);
    return s->status != FIRN_OK ? s->status : status;
}

/* The best that has ended can't be beaten by a text that goes on, as far as its worth now tells. */
static bool settled(const search *s)
{
    double best = -INFINITY;
    for (uint32_t i = 0; i < s->n_running; i++)
        best = worth_of(s, &s->running[i]) > best ? worth_of(s, &s->running[i]) : best;
    return s->n_running == 0 || (s->n_ended == s->width && worth_of(s, &s->ended[s->width - 1]) >= best);
}

static firn_status search_beams(search *s, bool (*goes_on)(void *), void *argument, firn_error *error)
{
    s->running[0] = (text){.generation = NULL};
    s->n_running = 1;
    s->error = error;
    firn_status status = get_generation(s, s->options.sequence, &s->running[0].generation, error);
    if (status == FIRN_OK && s->running[0].generation->end != FIRN_END_NOT_YET) { /* nothing may come */
        keep_ended(s, s->running[0]);
        s->n_running = 0;
        return FIRN_OK;
    }
    if (status == FIRN_OK && !receive_candidates(s, 0, 0, firn_session_logits(s->session)))
        status = s->status;
    if (status == FIRN_OK)
        status = choose_beams(s, error);
    while (status == FIRN_OK && !settled(s) && goes_on(argument)) {
        if (s->deadline > 0 && base_seconds() >= s->deadline) {
            for (uint32_t i = 0; i < s->n_running; i++)
                s->running[i].generation->end = FIRN_END_TIME;
            break;
        }
        status = step(s, receive_candidates, error);
        if (status == FIRN_OK)
            status = choose_beams(s, error);
    }
    if (status == FIRN_OK && s->n_running == 0 && s->n_ended == 0)
        status = base_fail(error, FIRN_ERROR_NUMERIC, FIRN_NO_OFFSET,
                           "no text can go on: parameters or the constraint forbid every token");
    return status;
}

/* ---- the best of several ---- */

static bool receive_pick(void *argument, size_t entry, size_t index, const float *logits)
{
    search *const s = argument;
    (void)index;
    s->status = firn_generation_take(s->running[entry].generation, logits, s->error);
    return s->status == FIRN_OK;
}

/* Sets aside the texts that have ended. */
static void sort_out(search *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->n_running; i++) {
        text *const t = &s->running[i];
        t->logprob = 0;
        for (size_t k = 0; k < length_of(t->generation); k++)
            t->logprob += (double)t->generation->logprobs[k];
        if (t->generation->end == FIRN_END_NOT_YET) {
            s->running[kept++] = *t;
            continue;
        }
        firn_session_release(t->session);
        t->session = NULL;
        keep_ended(s, *t);
    }
    s->n_running = kept;
}

static firn_status sample_several(search *s, bool (*goes_on)(void *), void *argument, firn_error *error)
{
    firn_status status = FIRN_OK;
    const size_t length = firn_session_length(s->session);
    s->error = error;
    while (s->n_running < s->width && status == FIRN_OK) {
        text *const t = &s->running[s->n_running++];
        *t = (text){.generation = NULL};
        status = get_generation(s, s->options.sequence + s->n_running - 1, &t->generation, error);
        if (status == FIRN_OK)
            status = firn_session_fork(s->session, length, &t->session, error);
        if (status == FIRN_OK)
            status = firn_generation_take(t->generation, firn_session_logits(s->session), error);
    }
    for (;;) {
        if (status == FIRN_OK)
            sort_out(s);
        if (status != FIRN_OK || s->n_running == 0 || !goes_on(argument))
            return status;
        status = step(s, receive_pick, error);
    }
}

/* ---- both ---- */

static firn_status begin(search *s, firn_error *error)
{
    const size_t width = s->width;
    const firn_batch_options options = {.size = sizeof options, .n_batch = s->width};
    s->running = calloc(width + 1, sizeof *s->running);
    s->next = calloc(width + 1, sizeof *s->next);
    s->ended = calloc(width + 1, sizeof *s->ended);
    s->spare = calloc(3 * width + 3, sizeof *s->spare);
    s->candidates = calloc(2 * width * width, sizeof *s->candidates);
    s->entries = calloc(width, sizeof *s->entries);
    s->top_ids = calloc(2 * width, sizeof *s->top_ids);
    s->top_logprobs = calloc(2 * width, sizeof *s->top_logprobs);
    if (s->running == NULL || s->next == NULL || s->ended == NULL || s->spare == NULL || s->candidates == NULL ||
        s->entries == NULL || s->top_ids == NULL || s->top_logprobs == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a search of %zu texts", width);
    return firn_batch_create(s->model, &options, &s->batch, error);
}

static void finish(search *s)
{
    for (uint32_t i = 0; i < s->n_running; i++)
        drop(s, &s->running[i]);
    for (uint32_t i = 0; i < s->n_next; i++)
        drop(s, &s->next[i]);
    for (uint32_t i = 0; i < s->n_ended; i++)
        drop(s, &s->ended[i]);
    while (s->n_spare > 0)
        firn_generation_release(s->spare[--s->n_spare]);
    firn_batch_release(s->batch);
    free(s->running);
    free(s->next);
    free(s->ended);
    free(s->spare);
    free(s->candidates);
    free(s->entries);
    free(s->top_ids);
    free(s->top_logprobs);
}

/* Takes the best text out of the search; one that goes on only where the search was stopped. */
static firn_generation *take_best(search *s)
{
    text *best = s->n_ended > 0 ? &s->ended[0] : NULL;
    for (uint32_t i = 0; i < s->n_running; i++)
        if (best == NULL || worth_of(s, &s->running[i]) > worth_of(s, best))
            best = &s->running[i];
    firn_generation *const generation = best != NULL ? best->generation : NULL;
    if (best != NULL)
        best->generation = NULL;
    return generation;
}

bool firn_generation_searches(const firn_generation_parameters *parameters)
{
    return parameters->n_beams > 1 || parameters->best_of > 1;
}

static firn_status check(const firn_generation_parameters *p, const firn_generation_options *o, firn_error *error)
{
    if (p->n_beams > 1 && (o->n_logprobs >= 0 || o->entropies || o->explain != NULL))
        return base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                         "log-probabilities and explanations of tokens don't go together with n_beams");
    return FIRN_OK;
}

firn_status firn_generation_search(firn_model *model, const firn_generation_parameters *parameters,
                                   const firn_generation_options *options, const int32_t *prompt, size_t n_prompt,
                                   firn_session *session, bool (*goes_on)(void *), void *argument,
                                   firn_generation **out, firn_error *error)
{
    search s = {.parameters = *parameters, .model = model, .prompt = prompt, .n_prompt = n_prompt, .session = session};
    const bool beams = parameters->n_beams > 1;
    *out = NULL;
    s.options = options != NULL ? *options : firn_generation_options_default();
    firn_status status = firn_generation_parameters_check(parameters, error);
    if (status == FIRN_OK)
        status = check(parameters, &s.options, error);
    if (status != FIRN_OK)
        return status;
    s.width = (uint32_t)(beams ? parameters->n_beams : parameters->best_of);
    s.parameters.n_beams = s.parameters.best_of = 1;
    if (beams) { /* what acts on logits stays; nothing is drawn */
        s.parameters.mirostat = 0;
        if (parameters->t_max_predict_ms > 0)
            s.deadline = base_seconds() + 1e-3 * parameters->t_max_predict_ms;
        s.parameters.t_max_predict_ms = 0;
        status = firn_parameter_set(&s.parameters, "samplers", "penalties;dry", error);
    } else if (s.options.n_logprobs < 0) {
        s.options.n_logprobs = 0;
    }
    if (status == FIRN_OK)
        status = begin(&s, error);
    if (status == FIRN_OK)
        status = beams ? search_beams(&s, goes_on, argument, error) : sample_several(&s, goes_on, argument, error);
    if (status == FIRN_OK)
        *out = take_best(&s);
    finish(&s);
    return status;
}
