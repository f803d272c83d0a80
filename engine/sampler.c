/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Picks the next token. Stages edit, shape and truncate, each on what the one before left; then the pick is the token
 * with the largest logit / temperature + Gumbel noise, which is an exact draw from the softmax of logit / temperature
 * over the tokens that are left. The noise belongs to (seed, sequence, position, token), so the pick depends on the set
 * of tokens and not on any order of them; where two are equal, the lower id wins.
 *
 * The sampler sees logits and generation parameters and no model, never writes a logit, allocates nothing in a pick,
 * and sorts only what is kept.
 */
#include "base/checked.h"
#include "base/memory.h"
#include "engine/logprobs.h"
#include "engine/sampler_p.h"
#include "kernels/math.h"

#include <stdlib.h>
#include <string.h>

/* ---- making one ---- */

static bool greedy(const firn_generation_parameters *p)
{
    return p->temperature <= 0 && p->dynatemp_range <= 0;
}

/* Lists the stages that have an effect. */
static void compile(firn_sampler *sampler)
{
    const firn_generation_parameters *const p = &sampler->parameters;
    const eng_stage *all[FIRN_SAMPLER_STAGES];
    size_t n = 0;
    if (p->mirostat != 0) {
        all[n++] = eng_stage_find("temperature");
        all[n++] = &eng_stage_mirostat;
    }
    firn_list_entry entry;
    for (size_t i = 0; p->mirostat == 0 && firn_list_at(&p->samplers, i, &entry); i++)
        all[n++] = eng_stage_find(entry.text);
    bool has_temperature = false, keeps_best = true;
    for (size_t i = 0; i < n; i++) {
        has_temperature |= strcmp(all[i]->name, "temperature") == 0;
        keeps_best &= all[i]->keeps_best || !all[i]->active(p) || strcmp(all[i]->name, "temperature") == 0;
    }
    const bool only_best = greedy(p) && has_temperature && keeps_best;
    sampler->stages[sampler->n_stages++] = &eng_stage_bias;
    for (size_t i = 0; i < n; i++)
        if (all[i]->active(p) && !(only_best && all[i]->keeps_best))
            sampler->stages[sampler->n_stages++] = all[i];
}

static eng_steering steering_at_start(const firn_generation_parameters *p)
{
    const double remembered = 1 / (1 - p->adaptive_decay);
    return (eng_steering){2 * p->mirostat_tau, p->adaptive_target * remembered, remembered};
}

void eng_words_free(eng_words *words)
{
    free(words->biases);
    free(words->ids);
    free(words->words);
    free(words->breakers);
    *words = (eng_words){0};
}

firn_status eng_sampler_create(const firn_generation_parameters *parameters, uint32_t n_vocab, eng_words words,
                               kern_level level, firn_sampler **out, firn_error *error)
{
    firn_sampler *const sampler = calloc(1, sizeof *sampler);
    *out = NULL;
    if (sampler == NULL) {
        eng_words_free(&words);
        goto no_memory;
    }
    sampler->parameters = *parameters;
    sampler->words = words;
    sampler->picked = -1;
    sampler->steering = steering_at_start(parameters);
    sampler->marks = base_zeros(n_vocab, sizeof *sampler->marks); /* like the next two, mostly never touched */
    sampler->marked = base_zeros(n_vocab, sizeof *sampler->marked);
    sampler->adaptive_weights = base_zeros(n_vocab, sizeof *sampler->adaptive_weights);
    sampler->kernels = kern_table_for(level);
    if (!eng_candidates_create(&sampler->candidates, n_vocab, &sampler->kernels) || sampler->marks == NULL ||
        sampler->marked == NULL || sampler->adaptive_weights == NULL)
        goto no_memory;
    compile(sampler);
    *out = sampler;
    return FIRN_OK;
no_memory:
    firn_sampler_release(sampler);
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a sampler of %u tokens", n_vocab);
}

void firn_sampler_release(firn_sampler *sampler)
{
    if (sampler == NULL)
        return;
    const uint32_t n_vocab = sampler->candidates.n_vocab;
    base_zeros_free(sampler->marks, n_vocab, sizeof *sampler->marks);
    base_zeros_free(sampler->marked, n_vocab, sizeof *sampler->marked);
    base_zeros_free(sampler->adaptive_weights, n_vocab, sizeof *sampler->adaptive_weights);
    eng_candidates_free(&sampler->candidates);
    eng_words_free(&sampler->words);
    free(sampler->seen);
    free(sampler->z);
    free(sampler->bans);
    free(sampler);
}

/* ---- what came so far ---- */

firn_status firn_sampler_reserve(firn_sampler *sampler, size_t n_tokens, firn_error *error)
{
    if (n_tokens <= sampler->seen_capacity)
        return FIRN_OK;
    if (!base_resize(&sampler->seen, n_tokens, sizeof *sampler->seen) ||
        !base_resize(&sampler->z, n_tokens, sizeof *sampler->z))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a sampler to remember %zu tokens",
                         n_tokens);
    sampler->seen_capacity = n_tokens;
    return FIRN_OK;
}

static firn_status add_seen(firn_sampler *sampler, int32_t id, firn_error *error)
{
    if (id < 0 || (uint32_t)id >= sampler->candidates.n_vocab)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "token id %d is outside the vocabulary; 0 to %u are allowed", id,
                         sampler->candidates.n_vocab - 1);
    if (sampler->n_seen == sampler->seen_capacity) {
        const firn_status status = firn_sampler_reserve(sampler, 2 * sampler->n_seen + 64, error);
        if (status != FIRN_OK)
            return status;
    }
    sampler->seen[sampler->n_seen++] = (eng_seen){id, sampler->steering};
    return FIRN_OK;
}

firn_status firn_sampler_prompt(firn_sampler *sampler, const int32_t *ids, size_t n_ids, firn_error *error)
{
    firn_status status = firn_sampler_reserve(sampler, sampler->n_seen + n_ids, error);
    for (size_t i = 0; i < n_ids && status == FIRN_OK; i++)
        status = add_seen(sampler, ids[i], error);
    sampler->n_prompt = sampler->n_seen;
    return status;
}

firn_status firn_sampler_accept(firn_sampler *sampler, int32_t id, firn_error *error)
{
    const firn_generation_parameters *const p = &sampler->parameters;
    const firn_status status = add_seen(sampler, id, error);
    if (status != FIRN_OK || sampler->picked != id)
        return status;
    eng_steering *const s = &sampler->steering;
    if (p->mirostat != 0) {
        const double surprise = -kern_log_double(sampler->picked_probability) / 0.69314718055994531;
        s->mu -= p->mirostat_eta * (surprise - p->mirostat_tau);
    } else {
        s->weighted_sum = sampler->picked_probability + p->adaptive_decay * s->weighted_sum;
        s->total_weight = 1 + p->adaptive_decay * s->total_weight;
    }
    sampler->picked = -1;
    return FIRN_OK;
}

void firn_sampler_rewind(firn_sampler *sampler, size_t n_keep)
{
    sampler->picked = -1;
    if (n_keep < sampler->n_seen) {
        sampler->steering = sampler->seen[n_keep].before;
        sampler->n_seen = n_keep;
    }
    if (sampler->n_prompt > sampler->n_seen)
        sampler->n_prompt = sampler->n_seen;
    while (sampler->n_bans > 0 && sampler->bans[sampler->n_bans - 1].position > sampler->n_seen)
        sampler->n_bans--;
}

firn_status firn_sampler_ban(firn_sampler *sampler, int32_t id, firn_error *error)
{
    if (id < 0 || (uint32_t)id >= sampler->candidates.n_vocab)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "token id %d is outside the vocabulary", id);
    size_t bytes;
    eng_ban *const grown =
        base_multiply_size(sampler->n_bans + 1, sizeof *sampler->bans, &bytes) ? realloc(sampler->bans, bytes) : NULL;
    if (grown == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to ban a token");
    sampler->bans = grown;
    sampler->bans[sampler->n_bans++] = (eng_ban){sampler->n_seen, id};
    return FIRN_OK;
}

/* ---- the pick ---- */

typedef struct winner {
    double score;
    int32_t id;
} winner;

static inline void compete(winner *best, const eng_noise *noise, int32_t id, double scaled)
{
    const double score = scaled + eng_gumbel(noise, id);
    if (score > best->score || (score == best->score && id < best->id))
        *best = (winner){score, id};
}

static inline double scaled_logit(const eng_candidates *c, float logit)
{
    return ((double)logit - (double)c->highest) / c->divisor;
}

/*
 * Of a whole vocabulary only those compete whose noise may suffice, by a bound that costs no logarithm and is looked at
 * many tokens at a time.
 */
static winner draw_dense(const firn_sampler *sampler)
{
    const eng_candidates *const c = &sampler->candidates;
    const kern_noise noise = eng_noise_for_kernels(&sampler->noise);
    const kern_candidates all = eng_candidates_for_kernels(c);
    int32_t ids[KERN_PIECE];
    winner best = {-INFINITY, -1};
    const int32_t likeliest = eng_candidates_likeliest(c); /* first: it makes the bound good at once */
    compete(&best, &sampler->noise, likeliest, scaled_logit(c, c->logits[likeliest]));
    for (uint32_t b = 0; b < c->n_blocks; b++) {
        if (scaled_logit(c, c->blocks[b]) + ENG_GUMBEL_HIGHEST < best.score)
            continue;
        const uint32_t first = b * KERN_PIECE, rest = c->n_vocab - first;
        const uint32_t count = sampler->kernels.contenders(&all, &noise, first, rest < KERN_PIECE ? rest : KERN_PIECE,
                                                           (float)best.score, ids);
        for (uint32_t i = 0; i < count; i++)
            if (eng_usable_logit(c->logits[ids[i]]) >= -FLT_MAX)
                compete(&best, &sampler->noise, ids[i], scaled_logit(c, c->logits[ids[i]]));
    }
    return best;
}

static int32_t draw(firn_sampler *sampler)
{
    const eng_candidates *const c = &sampler->candidates;
    winner best = {-INFINITY, -1};
    if (c->logits != NULL)
        return draw_dense(sampler).id;
    if (c->count == 1)
        return c->first[0].id;
    for (size_t i = c->count; i-- > 0;) { /* the best first, so that few others need their noise in full */
        const eng_candidate token = c->first[i];
        const double scaled = scaled_logit(c, token.logit);
        if (scaled + ENG_GUMBEL_HIGHEST >= best.score &&
            scaled + eng_gumbel_at_most(&sampler->noise, token.id) >= best.score)
            compete(&best, &sampler->noise, token.id, scaled);
    }
    return best.id;
}

/* What the pick of `id` teaches those who steer. */
static void learn(firn_sampler *sampler, int32_t id)
{
    eng_candidates *const c = &sampler->candidates;
    const firn_generation_parameters *const p = &sampler->parameters;
    sampler->picked = -1;
    if (p->mirostat != 0) {
        for (size_t i = 0; i < c->count; i++)
            if (c->first[i].id == id)
                sampler->picked_probability = eng_candidates_weight(c, c->first[i].logit) / eng_candidates_total(c);
    } else if (sampler->adaptive_total > 0) {
        sampler->picked_probability = (double)(float)((double)sampler->adaptive_weights[id] / sampler->adaptive_total);
    } else {
        return;
    }
    sampler->picked = id;
}

typedef void (*stage_observer)(void *argument, size_t stage, const eng_candidates *c);

static int32_t pick(firn_sampler *sampler, const float *logits, uint64_t sequence, uint64_t position,
                    stage_observer observe, void *argument)
{
    eng_candidates *const c = &sampler->candidates;
    sampler->noise = eng_noise_at(sampler->parameters.seed, sequence, position);
    sampler->adaptive_total = 0;
    eng_candidates_begin(c, logits);
    for (size_t i = 0; i < sampler->n_stages; i++) {
        if (i > 0 && !eng_candidates_survey(c)) /* the first edits, and needs no survey */
            return -1;
        sampler->stages[i]->apply(sampler, c);
        if (observe != NULL && eng_candidates_survey(c))
            observe(argument, i, c);
    }
    if (!eng_candidates_survey(c))
        return -1;
    const int32_t id = draw(sampler);
    learn(sampler, id);
    return id;
}

/* Whether what came so far only makes tokens less likely. */
static bool only_lowers(const firn_generation_parameters *p)
{
    return p->repeat_penalty >= 1 && p->frequency_penalty >= 0 && p->presence_penalty >= 0;
}

/*
 * A token that is made less likely may fall out of the highest, and lets another one in: as many more are needed as
 * there may be such tokens.
 */
uint32_t firn_sampler_needs(const firn_sampler *sampler)
{
    const firn_generation_parameters *const p = &sampler->parameters;
    const eng_words *const words = &sampler->words;
    size_t best = 0, lowered = words->n_words + words->n_ending + sampler->n_bans;
    if (p->mirostat != 0 || words->n_biases > 0 || p->no_repeat_ngram_size > 0)
        return 0;
    for (size_t i = 1; i < sampler->n_stages && best == 0; i++) { /* the first stage is that of biases and bans */
        const char *const name = sampler->stages[i]->name;
        if (strcmp(name, "top_k") == 0)
            best = (size_t)p->top_k;
        else if (strcmp(name, "temperature") == 0 && greedy(p))
            best = 1;
        else if (strcmp(name, "penalties") == 0 && only_lowers(p))
            lowered += eng_window(sampler, p->repeat_last_n);
        else
            return 0;
    }
    return best > 0 && best + lowered <= FIRN_MOST_BEST ? (uint32_t)(best + lowered) : 0;
}

int32_t firn_sampler_pick(firn_sampler *sampler, const float *logits, uint64_t sequence, uint64_t position)
{
    return pick(sampler, logits, sequence, position, NULL, NULL);
}

/* ---- what was picked from ---- */

static double log_share(const eng_candidates *c, float logit, double log_total)
{
    return ((double)logit - (double)c->highest) / c->divisor - log_total;
}

float firn_sampler_logprobs(const firn_sampler *sampler, int32_t id, uint32_t n_top, int32_t *top_ids,
                            float *top_logprobs)
{
    const eng_candidates *const c = &sampler->candidates;
    const bool any = c->surveyed && c->highest >= -FLT_MAX;
    const double log_total = any ? kern_log_double(eng_candidates_total(c)) : 0;
    const size_t n = !any ? 0 : c->logits != NULL ? c->n_vocab : c->count;
    float own = id < 0 ? 0.0f : -INFINITY;
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        const eng_candidate token =
            c->logits != NULL ? (eng_candidate){eng_usable_logit(c->logits[i]), (int32_t)i} : c->first[i];
        if (token.id == id)
            own = (float)log_share(c, token.logit, log_total);
        if (!(token.logit >= -FLT_MAX) || n_top == 0)
            continue;
        size_t at = found < n_top ? found++ : n_top;
        for (; at > 0; at--) { /* the list is short: insertion */
            const eng_candidate before = {top_logprobs[at - 1], top_ids[at - 1]};
            if (!eng_candidate_better(token, before))
                break;
            if (at < n_top) {
                top_ids[at] = before.id;
                top_logprobs[at] = before.logit;
            }
        }
        if (at < n_top) {
            top_ids[at] = token.id;
            top_logprobs[at] = token.logit;
        }
    }
    for (size_t i = 0; i < n_top; i++) {
        top_ids[i] = i < found ? top_ids[i] : -1;
        top_logprobs[i] = i < found ? (float)log_share(c, top_logprobs[i], log_total) : -INFINITY;
    }
    return own;
}

/* Fills one column of an explanation: 0 is what the model says, 1 + s what stage s left. */
static void note(firn_explanation *e, size_t column, const eng_candidates *c)
{
    const double total = eng_candidates_total(c);
    const size_t n = c->logits != NULL ? c->n_vocab : c->count;
    for (size_t t = 0; t < e->n_tokens; t++) {
        e->tokens[t].probability[column] = 0;
        if (column > 0 && e->tokens[t].dropped_by < 0)
            e->tokens[t].dropped_by = (int32_t)column - 1; /* until it is found */
    }
    e->n_left[column] = 0;
    for (size_t i = 0; i < n; i++) {
        const eng_candidate token =
            c->logits != NULL ? (eng_candidate){eng_usable_logit(c->logits[i]), (int32_t)i} : c->first[i];
        if (!(token.logit >= -FLT_MAX))
            continue;
        e->n_left[column]++;
        for (size_t t = 0; t < e->n_tokens; t++)
            if (e->tokens[t].id == token.id) {
                e->tokens[t].probability[column] = eng_candidates_weight(c, token.logit) / total;
                if (column == 0)
                    e->tokens[t].logit = token.logit;
                e->tokens[t].dropped_by = -1;
            }
    }
}

static void note_stage(void *argument, size_t stage, const eng_candidates *c)
{
    firn_explanation *const e = argument;
    e->n_stages = e->n_edits + stage + 1;
    note(e, e->n_stages, c);
}

int32_t firn_sampler_explain(firn_sampler *sampler, const float *logits, uint64_t sequence, uint64_t position,
                             firn_explanation *explanation)
{
    firn_explanation *const e = explanation;
    eng_candidates *const c = &sampler->candidates;
    const size_t capacity = e->n_tokens;
    const int32_t picked = pick(sampler, logits, sequence, position, NULL, NULL);
    e->winner = picked >= 0 && e->chosen != NULL ? *e->chosen : picked;
    eng_candidates_begin(c, e->n_edits > 0 ? e->edits[0].before : logits);
    e->n_tokens = e->n_stages = 0;
    if (capacity == 0 || !eng_candidates_survey(c))
        return e->winner;
    eng_candidates_keep_best(c, capacity);
    bool has_winner = false;
    for (; e->n_tokens < c->count; e->n_tokens++) {
        const int32_t id = c->first[c->count - 1 - e->n_tokens].id;
        has_winner |= id == e->winner;
        e->tokens[e->n_tokens] = (firn_explained_token){.id = id, .dropped_by = -1};
    }
    if (!has_winner && e->winner >= 0)
        e->tokens[e->n_tokens - 1].id = e->winner;
    for (; e->n_stages <= e->n_edits; e->n_stages++) { /* what the model says, then what each edit left */
        eng_candidates_begin(c, e->n_stages < e->n_edits ? e->edits[e->n_stages].before : logits);
        if (eng_candidates_survey(c))
            note(e, e->n_stages, c);
    }
    e->n_stages = e->n_edits;
    for (size_t s = 0; s < e->n_edits; s++)
        e->stages[s] = e->edits[s].name;
    for (size_t s = 0; s < sampler->n_stages; s++)
        e->stages[e->n_edits + s] = sampler->stages[s]->name;
    pick(sampler, logits, sequence, position, note_stage, e);
    for (size_t t = 0; t < e->n_tokens; t++)
        e->tokens[t].noise = e->chosen != NULL ? 0 : eng_gumbel(&sampler->noise, e->tokens[t].id);
    return e->winner;
}
