/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several texts at once for one prompt, of which the best is kept. Their timelines are forks of the prompt's, and of
 * those that guidance and contrast go away from; all of one model go through it in one batch. A text's worth is the sum
 * of its log-probabilities over its length to the power of length_penalty; nothing depends on time or threads, and
 * where two are equal, the lower token id wins. Log-probabilities of a beam's tokens and explanations are made at the
 * end, of the best text alone.
 */
#include "base/checked.h"
#include "base/clock.h"
#include "engine/search_p.h"
#include "kernels/math.h"

#include <stdlib.h>

static size_t length_of(const firn_generation *generation)
{
    return generation->answer.n_tokens;
}

/* Logarithms, since powers would differ between machines. */
double eng_search_worth(const eng_search *s, const eng_search_text *t)
{
    const size_t n_tokens = length_of(t->generation);
    if (t->logprob >= 0 || n_tokens == 0)
        return INFINITY;
    return s->parameters.length_penalty * kern_log_double((double)n_tokens) - kern_log_double(-t->logprob);
}

firn_status eng_search_generation(eng_search *s, uint64_t sequence, firn_generation **out, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (s->n_spare > 0)
        *out = s->spare[--s->n_spare];
    else
        status = eng_generation_create(s->model, &s->parameters, &s->options, s->prompt, s->n_prompt, out, error);
    if (status == FIRN_OK)
        (*out)->options.sequence = sequence;
    return status;
}

static void release_sessions(eng_search_text *t)
{
    for (size_t row = 0; row < FIRN_GENERATION_ROWS; row++) {
        firn_session_release(t->sessions[row]);
        t->sessions[row] = NULL;
    }
}

void eng_search_drop(eng_search *s, eng_search_text *t)
{
    release_sessions(t);
    if (t->generation != NULL)
        s->spare[s->n_spare++] = t->generation;
    *t = (eng_search_text){.generation = NULL};
}

firn_status eng_search_fork(eng_search *s, const eng_search_text *before, eng_search_text *t, firn_error *error)
{
    firn_status status = FIRN_OK;
    for (size_t row = 0; row < s->n_rows && status == FIRN_OK; row++) {
        const firn_session *const from = before->sessions[row] != NULL ? before->sessions[row] : s->prompts[row];
        status = firn_session_fork(from, firn_session_length(from), &t->sessions[row], error);
    }
    return status;
}

void eng_search_keep_ended(eng_search *s, eng_search_text t)
{
    uint32_t at = s->n_ended++;
    for (; at > 0 && eng_search_worth(s, &s->ended[at - 1]) < eng_search_worth(s, &t); at--)
        s->ended[at] = s->ended[at - 1];
    s->ended[at] = t;
    if (s->n_ended > s->width)
        eng_search_drop(s, &s->ended[--s->n_ended]);
}

/* ---- steps ---- */

static bool keep_weaker(void *argument, size_t entry, size_t index, const float *logits)
{
    eng_search *const s = argument;
    (void)index;
    memcpy(s->weaker_logits + entry * s->n_vocab, logits, s->n_vocab * sizeof *logits);
    return true;
}

/* Waits for the last of a text's rows, and then gives all. */
static bool join_rows(void *argument, size_t entry, size_t index, const float *logits)
{
    eng_search *const s = argument;
    const size_t number = entry / s->n_own, row = entry % s->n_own;
    const float *all[FIRN_GENERATION_ROWS];
    (void)index;
    if (row + 1 < s->n_own) {
        memcpy(s->waiting + row * s->n_vocab, logits, s->n_vocab * sizeof *logits);
        return true;
    }
    for (size_t i = 0; i < row; i++)
        all[i] = s->waiting + i * s->n_vocab;
    all[row] = logits;
    if (s->n_own < s->n_rows)
        all[s->n_own] = s->weaker_logits + number * s->n_vocab;
    s->receive(s, (uint32_t)number, all);
    return s->status == FIRN_OK;
}

/* Gives each running text's last token to some of its rows, which are of one model. */
static firn_status append_rows(eng_search *s, firn_batch *batch, size_t first, size_t end, firn_batch_callback receive,
                               firn_error *error)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s->n_running; i++)
        for (size_t row = first; row < end; row++) {
            const firn_generation *const g = s->running[i].generation;
            const eng_answer *const a = &g->answer;
            firn_session *const session = s->running[i].sessions[row];
            firn_session_rewind(session, firn_generation_next_of(g, row).n_keep);
            s->entries[n++] =
                (firn_batch_entry){session, a->n_tokens > 0 ? &a->ids[a->n_tokens - 1] : &g->rows[row].last_of_prompt,
                                   1, FIRN_LOGITS_LAST, 0};
        }
    return firn_batch_append(batch, s->entries, n, receive, s, error);
}

firn_status eng_search_step(eng_search *s, firn_error *error)
{
    firn_status status = FIRN_OK;
    s->error = error;
    s->status = FIRN_OK;
    if (s->weaker_batch != NULL)
        status = append_rows(s, s->weaker_batch, s->n_own, s->n_rows, keep_weaker, error);
    if (status == FIRN_OK)
        status = append_rows(s, s->batch, 0, s->n_own, join_rows, error);
    return s->status != FIRN_OK ? s->status : status;
}

firn_status eng_search_receive_first(eng_search *s, uint32_t number, firn_error *error)
{
    const float *all[FIRN_GENERATION_ROWS];
    for (size_t row = 0; row < s->n_rows; row++)
        all[row] = firn_session_logits(s->prompts[row]);
    s->error = error;
    s->status = FIRN_OK;
    s->receive(s, number, all);
    return s->status;
}

/* ---- the best of several ---- */

static void receive_pick(eng_search *s, uint32_t number, const float *const *logits)
{
    s->status = firn_generation_take_rows(s->running[number].generation, logits, s->error);
}

/* Sets aside the texts that have ended. */
static void sort_out(eng_search *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->n_running; i++) {
        eng_search_text *const t = &s->running[i];
        t->logprob = 0;
        for (size_t k = 0; k < length_of(t->generation); k++)
            t->logprob += (double)t->generation->logprobs[k];
        if (t->generation->end == FIRN_END_NOT_YET) {
            s->running[kept++] = *t;
            continue;
        }
        release_sessions(t);
        eng_search_keep_ended(s, *t);
    }
    s->n_running = kept;
}

static firn_status sample_several(eng_search *s, bool (*goes_on)(void *), void *argument, firn_error *error)
{
    const eng_search_text none = {.generation = NULL};
    firn_status status = FIRN_OK;
    s->receive = receive_pick;
    while (s->n_running < s->width && status == FIRN_OK) {
        const uint32_t number = s->n_running++;
        eng_search_text *const t = &s->running[number];
        *t = none;
        status = eng_search_generation(s, s->options.sequence + number, &t->generation, error);
        if (status == FIRN_OK)
            status = eng_search_fork(s, &none, t, error);
        if (status == FIRN_OK)
            status = eng_search_receive_first(s, number, error);
    }
    for (;;) {
        if (status == FIRN_OK)
            sort_out(s);
        if (status != FIRN_OK || s->n_running == 0 || !goes_on(argument))
            return status;
        status = eng_search_step(s, error);
    }
}

/* ---- telling of the best ---- */

static void receive_told(eng_search *s, uint32_t number, const float *const *logits)
{
    firn_generation *const g = s->running[number].generation;
    const size_t at = length_of(g);
    const int32_t *const chosen = s->beams ? &s->told->answer.ids[at] : NULL;
    s->status = eng_generation_take(g, logits, chosen, s->error);
}

static bool is_told(const eng_search *s, const firn_generation *again)
{
    const size_t n = length_of(s->told);
    if (again->end != FIRN_END_NOT_YET)
        return true;
    const bool stopped = s->told->end == FIRN_END_NOT_YET || s->told->end == FIRN_END_TIME; /* from outside */
    return stopped && length_of(again) == n && memcmp(again->answer.ids, s->told->answer.ids, n * sizeof(int32_t)) == 0;
}

/* Makes the best text again, alone, as it is to be told of, and puts it in the best one's place. */
static firn_status tell(eng_search *s, const firn_generation_options *wanted, firn_generation **best, firn_error *error)
{
    const eng_search_text none = {.generation = NULL};
    firn_generation_options options = *wanted;
    options.sequence = (*best)->options.sequence;
    for (uint32_t i = 0; i < s->n_running; i++)
        eng_search_drop(s, &s->running[i]);
    eng_search_text *const t = &s->running[0];
    s->n_running = 1;
    s->told = *best;
    s->receive = receive_told;
    *t = none;
    firn_status status =
        eng_generation_create(s->model, &s->parameters, &options, s->prompt, s->n_prompt, &t->generation, error);
    if (status == FIRN_OK)
        status = eng_search_fork(s, &none, t, error);
    if (status == FIRN_OK && !is_told(s, t->generation))
        status = eng_search_receive_first(s, 0, error);
    while (status == FIRN_OK && !is_told(s, t->generation))
        status = eng_search_step(s, error);
    if (status != FIRN_OK)
        return status;
    t->generation->end = (*best)->end;
    t->generation->answer.shown = (*best)->answer.shown;
    firn_generation_release(*best);
    *best = t->generation;
    t->generation = NULL;
    return FIRN_OK;
}

/* ---- both ---- */

static firn_status no_memory(const eng_search *s, firn_error *error)
{
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a search of %u texts", s->width);
}

/* Room for logits [n][n_vocab]; NULL where there is none to be had or n is 0. */
static float *logits_of(const eng_search *s, size_t n)
{
    size_t count, bytes;
    return n > 0 && base_multiply_size(n, s->n_vocab, &count) && base_multiply_size(count, sizeof(float), &bytes)
               ? malloc(bytes)
               : NULL;
}

/* Makes a session for each row but the first, with its prompt, and what a step of several rows needs. */
static firn_status begin_rows(eng_search *s, firn_error *error)
{
    firn_generation *first;
    firn_status status = eng_search_generation(s, s->options.sequence, &first, error);
    if (status != FIRN_OK)
        return status;
    s->spare[s->n_spare++] = first;
    s->n_rows = first->n_rows;
    s->n_vocab = first->n_vocab;
    for (size_t row = 0; row < s->n_rows; row++)
        s->n_own += first->rows[row].model == s->model;
    for (size_t row = 1; row < s->n_rows && status == FIRN_OK; row++)
        status = eng_row_session(&first->rows[row], s->prompts[0], &s->prompts[row], error);
    s->entries = calloc(s->width * s->n_own, sizeof *s->entries);
    s->waiting = logits_of(s, s->n_own - 1);
    s->weaker_logits = logits_of(s, s->n_own < s->n_rows ? s->width : 0);
    if (status == FIRN_OK && (s->entries == NULL || (s->n_own > 1 && s->waiting == NULL) ||
                              (s->n_own < s->n_rows && s->weaker_logits == NULL)))
        status = no_memory(s, error);
    firn_batch_options options = firn_batch_options_default();
    options.n_batch = s->width;
    if (status == FIRN_OK && s->n_own < s->n_rows)
        status = firn_batch_create(first->rows[s->n_own].model, &options, &s->weaker_batch, error);
    options.n_batch *= (uint32_t)s->n_own;
    return status == FIRN_OK ? firn_batch_create(s->model, &options, &s->batch, error) : status;
}

static firn_status begin(eng_search *s, firn_error *error)
{
    const size_t width = s->width;
    s->running = calloc(width + 1, sizeof *s->running);
    s->next = calloc(width + 1, sizeof *s->next);
    s->ended = calloc(width + 1, sizeof *s->ended);
    s->spare = calloc(3 * width + 3, sizeof *s->spare);
    s->candidates = calloc(2 * width * width, sizeof *s->candidates);
    s->top_ids = calloc(2 * width, sizeof *s->top_ids);
    s->top_logprobs = calloc(2 * width, sizeof *s->top_logprobs);
    if (s->running == NULL || s->next == NULL || s->ended == NULL || s->spare == NULL || s->candidates == NULL ||
        s->top_ids == NULL || s->top_logprobs == NULL)
        return no_memory(s, error);
    return begin_rows(s, error);
}

static void finish(eng_search *s)
{
    for (uint32_t i = 0; i < s->n_running; i++)
        eng_search_drop(s, &s->running[i]);
    for (uint32_t i = 0; i < s->n_next; i++)
        eng_search_drop(s, &s->next[i]);
    for (uint32_t i = 0; i < s->n_ended; i++)
        eng_search_drop(s, &s->ended[i]);
    while (s->n_spare > 0)
        firn_generation_release(s->spare[--s->n_spare]);
    for (size_t row = 1; row < s->n_rows; row++)
        firn_session_release(s->prompts[row]);
    firn_batch_release(s->batch);
    firn_batch_release(s->weaker_batch);
    free(s->waiting);
    free(s->weaker_logits);
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
static firn_generation *take_best(eng_search *s)
{
    eng_search_text *best = s->n_ended > 0 ? &s->ended[0] : NULL;
    for (uint32_t i = 0; i < s->n_running; i++)
        if (best == NULL || eng_search_worth(s, &s->running[i]) > eng_search_worth(s, best))
            best = &s->running[i];
    firn_generation *const generation = best != NULL ? best->generation : NULL;
    if (best != NULL)
        best->generation = NULL;
    return generation;
}

/* Those that texts were compared by, where nobody wants them. */
static void forget_logprobs(firn_generation *generation)
{
    generation->options.n_logprobs = -1;
    free(generation->logprobs);
    free(generation->shaped_logprobs);
    generation->logprobs = generation->shaped_logprobs = NULL;
}

bool firn_generation_searches(const firn_generation_parameters *parameters)
{
    return parameters->n_beams > 1 || parameters->best_of > 1;
}

/* How texts are made while they are compared: as far as that needs it. */
static firn_status set_texts(eng_search *s, firn_error *error)
{
    s->options.explain = NULL;
    s->parameters.n_beams = s->parameters.best_of = 1;
    if (!s->beams) {
        s->options.n_logprobs = s->options.n_logprobs < 0 ? 0 : s->options.n_logprobs;
        return FIRN_OK;
    }
    s->options.n_logprobs = -1;
    s->options.entropies = false;
    if (s->parameters.t_max_predict_ms > 0)
        s->deadline = base_seconds() + 1e-3 * s->parameters.t_max_predict_ms;
    s->parameters.t_max_predict_ms = 0;
    return firn_parameter_set(&s->parameters, "samplers", "penalties;dry", error); /* nothing else: nothing is drawn */
}

firn_status firn_generation_search(firn_model *model, const firn_generation_parameters *parameters,
                                   const firn_generation_options *options, const int32_t *prompt, size_t n_prompt,
                                   firn_session *session, bool (*goes_on)(void *), void *argument,
                                   firn_generation **out, firn_error *error)
{
    const firn_generation_options wanted = options != NULL ? *options : firn_generation_options_default();
    const bool beams = parameters->n_beams > 1;
    eng_search s = {.parameters = *parameters,
                    .options = wanted,
                    .model = model,
                    .prompt = prompt,
                    .n_prompt = n_prompt,
                    .prompts = {session},
                    .beams = beams,
                    .width = (uint32_t)(beams ? parameters->n_beams : parameters->best_of)};
    *out = NULL;
    firn_status status = firn_generation_parameters_check(parameters, error);
    if (status == FIRN_OK)
        status = set_texts(&s, error);
    if (status == FIRN_OK)
        status = eng_generation_check(model, &s.parameters, &wanted, (eng_tokens){prompt, n_prompt}, error);
    if (status == FIRN_OK)
        status = begin(&s, error);
    if (status == FIRN_OK)
        status = beams ? eng_search_beams(&s, goes_on, argument, error) : sample_several(&s, goes_on, argument, error);
    if (status == FIRN_OK)
        *out = take_best(&s);
    const bool told = wanted.explain != NULL || (beams && (wanted.n_logprobs >= 0 || wanted.entropies));
    if (status == FIRN_OK && told) {
        s.parameters.t_max_predict_ms = 0;
        status = tell(&s, &wanted, out, error);
    } else if (status == FIRN_OK && !beams && wanted.n_logprobs < 0) {
        forget_logprobs(*out);
    }
    if (status != FIRN_OK) {
        firn_generation_release(*out);
        *out = NULL;
    }
    finish(&s);
    return status;
}
