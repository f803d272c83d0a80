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
#include "engine/generation_p.h"
#include "kernels/math.h"

#include <stdlib.h>

typedef struct text {
    firn_generation *generation;
    firn_session
        *sessions[FIRN_GENERATION_ROWS]; /* prompt and tokens but the last; NULL before the first and at the end */
    double logprob;                      /* sum over its tokens */
} text;

typedef struct candidate {
    double logprob; /* of the text with the token */
    int32_t id;
    uint32_t text;
} candidate;

typedef struct search search;
struct search {
    firn_generation_parameters parameters; /* of each text */
    firn_generation_options options;
    firn_model *model;
    const int32_t *prompt; /* [n_prompt] */
    size_t n_prompt;
    firn_session *prompts[FIRN_GENERATION_ROWS]; /* of each row, with logits; the first is the caller's */
    size_t n_rows, n_own;                        /* rows of a text; those of the model, which come first */
    firn_batch *batch, *weaker_batch;            /* the latter NULL where all rows are the model's */
    uint32_t n_vocab;
    float *waiting;               /* [n_own - 1][n_vocab] logits of a text's first rows */
    float *weaker_logits;         /* [width][n_vocab] */
    uint32_t width;               /* texts at once */
    text *running, *next, *ended; /* [width + 1] each */
    uint32_t n_running, n_next, n_ended;
    firn_generation **spare; /* [3 * width + 3] */
    uint32_t n_spare;
    candidate *candidates; /* [width * 2 * width] */
    uint32_t n_candidates;
    firn_batch_entry *entries; /* [width * n_rows] */
    int32_t *top_ids;          /* [2 * width] */
    float *top_logprobs;
    double deadline;    /* seconds; 0: none */
    firn_status status; /* of what is done with logits */
    firn_error *error;
    void (*receive)(search *s, uint32_t text, const float *const *logits); /* of all rows; sets the status */
    const firn_generation *told;                                           /* the text that is made again; */
    bool beams;                                                            /* its tokens are given, not picked */
};

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

/* A generation of any text: it is made to have the tokens that are wanted by whoever gets it. */
static firn_status get_generation(search *s, uint64_t sequence, firn_generation **out, firn_error *error)
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

static void release_sessions(text *t)
{
    for (size_t row = 0; row < FIRN_GENERATION_ROWS; row++) {
        firn_session_release(t->sessions[row]);
        t->sessions[row] = NULL;
    }
}

static void drop(search *s, text *t)
{
    release_sessions(t);
    if (t->generation != NULL)
        s->spare[s->n_spare++] = t->generation;
    *t = (text){.generation = NULL};
}

static firn_status fork_sessions(search *s, const text *before, text *t, firn_error *error)
{
    firn_status status = FIRN_OK;
    for (size_t row = 0; row < s->n_rows && status == FIRN_OK; row++) {
        const firn_session *const from = before->sessions[row] != NULL ? before->sessions[row] : s->prompts[row];
        status = firn_session_fork(from, firn_session_length(from), &t->sessions[row], error);
    }
    return status;
}

/* ---- steps ---- */

static bool keep_weaker(void *argument, size_t entry, size_t index, const float *logits)
{
    search *const s = argument;
    (void)index;
    memcpy(s->weaker_logits + entry * s->n_vocab, logits, s->n_vocab * sizeof *logits);
    return true;
}

/* Waits for the last of a text's rows, and then gives all. */
static bool join_rows(void *argument, size_t entry, size_t index, const float *logits)
{
    search *const s = argument;
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
static firn_status append_rows(search *s, firn_batch *batch, size_t first, size_t end, firn_batch_callback receive,
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
                                   1, FIRN_LOGITS_LAST};
        }
    return firn_batch_append(batch, s->entries, n, receive, s, error);
}

/* Gives each running text's last token to the models, and what comes of it to s->receive. */
static firn_status step(search *s, firn_error *error)
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

/* Gives what comes after the prompt to s->receive. */
static firn_status receive_first(search *s, uint32_t number, firn_error *error)
{
    const float *all[FIRN_GENERATION_ROWS];
    for (size_t row = 0; row < s->n_rows; row++)
        all[row] = firn_session_logits(s->prompts[row]);
    s->error = error;
    s->status = FIRN_OK;
    s->receive(s, number, all);
    return s->status;
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
static void receive_candidates(search *s, uint32_t number, const float *const *logits)
{
    const text *const t = &s->running[number];
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
                (candidate){t->logprob + (double)s->top_logprobs[i], s->top_ids[i], number};
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
    if (status == FIRN_OK && taken)
        status = fork_sessions(s, before, &t, error);
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
    s->receive = receive_candidates;
    firn_status status = get_generation(s, s->options.sequence, &s->running[0].generation, error);
    if (status == FIRN_OK && s->running[0].generation->end != FIRN_END_NOT_YET) { /* nothing may come */
        keep_ended(s, s->running[0]);
        s->n_running = 0;
        return FIRN_OK;
    }
    if (status == FIRN_OK)
        status = receive_first(s, 0, error);
    if (status == FIRN_OK)
        status = choose_beams(s, error);
    while (status == FIRN_OK && !settled(s) && goes_on(argument)) {
        if (s->deadline > 0 && base_seconds() >= s->deadline) {
            for (uint32_t i = 0; i < s->n_running; i++)
                s->running[i].generation->end = FIRN_END_TIME;
            break;
        }
        status = step(s, error);
        if (status == FIRN_OK)
            status = choose_beams(s, error);
    }
    if (status == FIRN_OK && s->n_running == 0 && s->n_ended == 0)
        status = base_fail(error, FIRN_ERROR_NUMERIC, FIRN_NO_OFFSET,
                           "no text can go on: parameters or the constraint forbid every token");
    return status;
}

/* ---- the best of several ---- */

static void receive_pick(search *s, uint32_t number, const float *const *logits)
{
    s->status = firn_generation_take_rows(s->running[number].generation, logits, s->error);
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
        release_sessions(t);
        keep_ended(s, *t);
    }
    s->n_running = kept;
}

static firn_status sample_several(search *s, bool (*goes_on)(void *), void *argument, firn_error *error)
{
    const text none = {.generation = NULL};
    firn_status status = FIRN_OK;
    s->receive = receive_pick;
    while (s->n_running < s->width && status == FIRN_OK) {
        const uint32_t number = s->n_running++;
        text *const t = &s->running[number];
        *t = none;
        status = get_generation(s, s->options.sequence + number, &t->generation, error);
        if (status == FIRN_OK)
            status = fork_sessions(s, &none, t, error);
        if (status == FIRN_OK)
            status = receive_first(s, number, error);
    }
    for (;;) {
        if (status == FIRN_OK)
            sort_out(s);
        if (status != FIRN_OK || s->n_running == 0 || !goes_on(argument))
            return status;
        status = step(s, error);
    }
}

/* ---- telling of the best ---- */

static void receive_told(search *s, uint32_t number, const float *const *logits)
{
    firn_generation *const g = s->running[number].generation;
    const size_t at = length_of(g);
    const int32_t *const chosen = s->beams ? &s->told->answer.ids[at] : NULL;
    s->status = eng_generation_take(g, logits, chosen, s->error);
}

static bool is_told(const search *s, const firn_generation *again)
{
    const size_t n = length_of(s->told);
    if (again->end != FIRN_END_NOT_YET)
        return true;
    const bool stopped = s->told->end == FIRN_END_NOT_YET || s->told->end == FIRN_END_TIME; /* from outside */
    return stopped && length_of(again) == n && memcmp(again->answer.ids, s->told->answer.ids, n * sizeof(int32_t)) == 0;
}

/* Makes the best text again, alone, as it is to be told of, and puts it in the best one's place. */
static firn_status tell(search *s, const firn_generation_options *wanted, firn_generation **best, firn_error *error)
{
    const text none = {.generation = NULL};
    firn_generation_options options = *wanted;
    options.sequence = (*best)->options.sequence;
    for (uint32_t i = 0; i < s->n_running; i++)
        drop(s, &s->running[i]);
    text *const t = &s->running[0];
    s->n_running = 1;
    s->told = *best;
    s->receive = receive_told;
    *t = none;
    firn_status status =
        eng_generation_create(s->model, &s->parameters, &options, s->prompt, s->n_prompt, &t->generation, error);
    if (status == FIRN_OK)
        status = fork_sessions(s, &none, t, error);
    if (status == FIRN_OK && !is_told(s, t->generation))
        status = receive_first(s, 0, error);
    while (status == FIRN_OK && !is_told(s, t->generation))
        status = step(s, error);
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

static firn_status no_memory(const search *s, firn_error *error)
{
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a search of %u texts", s->width);
}

/* Room for logits [n][n_vocab]; NULL where there is none to be had or n is 0. */
static float *logits_of(const search *s, size_t n)
{
    size_t count, bytes;
    return n > 0 && base_multiply_size(n, s->n_vocab, &count) && base_multiply_size(count, sizeof(float), &bytes)
               ? malloc(bytes)
               : NULL;
}

/* Makes a session for each row but the first, with its prompt, and what a step of several rows needs. */
static firn_status begin_rows(search *s, firn_error *error)
{
    firn_generation *first;
    firn_status status = get_generation(s, s->options.sequence, &first, error);
    if (status != FIRN_OK)
        return status;
    s->spare[s->n_spare++] = first;
    s->n_rows = first->n_rows;
    s->n_vocab = first->n_vocab;
    for (size_t row = 0; row < s->n_rows; row++)
        s->n_own += first->rows[row].model == s->model;
    for (size_t row = 1; row < s->n_rows && status == FIRN_OK; row++)
        status = eng_row_session(&first->rows[row], firn_session_context(s->prompts[0]), &s->prompts[row], error);
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

static firn_status begin(search *s, firn_error *error)
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
static firn_status set_texts(search *s, firn_error *error)
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
    search s = {.parameters = *parameters,
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
        status = beams ? search_beams(&s, goes_on, argument, error) : sample_several(&s, goes_on, argument, error);
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
