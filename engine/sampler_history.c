/* SPDX-License-Identifier: Apache-2.0 */
/* The stages that edit the logits of single tokens: biases and bans, and penalties for what came before. */
#include "engine/sampler_p.h"

#include <float.h>
#include <math.h>

static void mark(firn_sampler *sampler, int32_t id, uint32_t value)
{
    if (sampler->marks[id] == 0)
        sampler->marked[sampler->n_marked++] = id;
    sampler->marks[id] = value;
}

/* Gives every marked candidate the logit that `edit` makes of its own, and takes the marks away. */
static void edit_marked(firn_sampler *sampler, eng_candidates *c,
                        float (*edit)(const firn_sampler *sampler, float logit, uint32_t mark))
{
    float *const dense = sampler->n_marked > 0 ? eng_candidates_edit(c) : NULL;
    for (size_t i = 0; i < sampler->n_marked && dense != NULL; i++) {
        const int32_t id = sampler->marked[i];
        dense[id] = edit(sampler, dense[id], sampler->marks[id]);
    }
    size_t kept = 0;
    for (size_t i = 0; i < c->count && dense == NULL && sampler->n_marked > 0; i++) {
        eng_candidate token = c->first[i];
        const uint32_t value = sampler->marks[token.id];
        token.logit = value != 0 ? edit(sampler, token.logit, value) : token.logit;
        if (token.logit >= -FLT_MAX)
            c->first[kept++] = token;
    }
    c->count = dense == NULL && sampler->n_marked > 0 ? kept : c->count;
    for (size_t i = 0; i < sampler->n_marked; i++)
        sampler->marks[sampler->marked[i]] = 0;
    sampler->n_marked = 0;
}

static int32_t seen_before(const firn_sampler *sampler, size_t back)
{
    return sampler->seen[sampler->n_seen - 1 - back].id;
}

/* ---- penalties ---- */

static float penalised(const firn_sampler *sampler, float logit, uint32_t times)
{
    const firn_generation_parameters *const p = &sampler->parameters;
    const double repeated = logit > 0 ? (double)logit / p->repeat_penalty : (double)logit * p->repeat_penalty;
    const double all = repeated - times * p->frequency_penalty - p->presence_penalty;
    return (float)fmin(fmax(all, -FLT_MAX), FLT_MAX);
}

void eng_apply_penalties(firn_sampler *sampler, eng_candidates *c)
{
    const size_t n = eng_window(sampler, sampler->parameters.repeat_last_n);
    for (size_t i = 0; i < n; i++)
        mark(sampler, seen_before(sampler, i), sampler->marks[seen_before(sampler, i)] + 1);
    edit_marked(sampler, c, penalised);
}

/* ---- DRY ---- */

/* The mark is the length of the stretch that the token would make longer. */
static float dried(const firn_sampler *sampler, float logit, uint32_t length)
{
    const firn_generation_parameters *const p = &sampler->parameters;
    double penalty = p->dry_multiplier;
    for (uint32_t i = (uint32_t)p->dry_allowed_length; i < length && penalty < FLT_MAX; i++)
        penalty *= p->dry_base;
    return (float)fmax((double)logit - penalty, -FLT_MAX);
}

/*
 * z[i]: over how many tokens the text that ends i tokens ago is like the text that ends now (the Z algorithm, read
 * backwards), no longer than `most`.
 */
static void find_repeats(const firn_sampler *sampler, size_t n, size_t most, uint32_t *z)
{
    size_t left = 0, right = 0; /* the match that reaches farthest back */
    for (size_t i = 1; i < n; i++) {
        size_t length = i < right && z[i - left] < right - i ? z[i - left] : i < right ? right - i : 0;
        while (i + length < n && seen_before(sampler, i + length) == seen_before(sampler, length))
            length++;
        if (i + length > right) {
            left = i;
            right = i + length;
        }
        z[i] = (uint32_t)length;
    }
    for (size_t i = 1; i < n; i++)
        z[i] = z[i] < most ? z[i] : (uint32_t)most;
}

void eng_apply_dry(firn_sampler *sampler, eng_candidates *c)
{
    const size_t n = eng_window(sampler, sampler->parameters.dry_penalty_last_n);
    const uint32_t allowed = (uint32_t)sampler->parameters.dry_allowed_length;
    size_t most = 0; /* tokens since the last breaker */
    while (most < n && !eng_bit(sampler->words.breakers, seen_before(sampler, most)))
        most++;
    if (most == 0 || most < allowed)
        return;
    find_repeats(sampler, n, most, sampler->z);
    for (size_t i = 1; i < n; i++) {
        const int32_t next = seen_before(sampler, i - 1);
        if (sampler->z[i] > 0 && sampler->z[i] >= allowed && sampler->z[i] > sampler->marks[next] &&
            !eng_bit(sampler->words.breakers, next))
            mark(sampler, next, sampler->z[i]);
    }
    edit_marked(sampler, c, dried);
}

/* ---- biases and bans ---- */

static float banned(const firn_sampler *sampler, float logit, uint32_t value)
{
    (void)sampler;
    (void)logit;
    (void)value;
    return -INFINITY;
}

static void ban_ngrams(firn_sampler *sampler)
{
    const size_t size = (size_t)sampler->parameters.no_repeat_ngram_size;
    for (size_t end = size; size > 0 && end <= sampler->n_seen; end++) { /* of the stretch in the past */
        size_t same = 0;
        while (same + 1 < size && sampler->seen[end - 2 - same].id == seen_before(sampler, same))
            same++;
        if (same + 1 == size)
            mark(sampler, sampler->seen[end - 1].id, 1);
    }
}

static void ban_words(firn_sampler *sampler)
{
    for (size_t w = 0; w < sampler->words.n_words; w++) {
        const int32_t *const ids = sampler->words.ids + sampler->words.words[w].first;
        const size_t before = sampler->words.words[w].count - 1;
        size_t same = 0;
        while (same < before && same < sampler->n_seen && seen_before(sampler, same) == ids[before - 1 - same])
            same++;
        if (same == before)
            mark(sampler, ids[before], 1);
    }
}

void eng_apply_bias(firn_sampler *sampler, eng_candidates *c)
{
    const firn_generation_parameters *const p = &sampler->parameters;
    const size_t n_generated = sampler->n_seen - sampler->n_prompt;
    for (size_t i = 0; i < sampler->words.n_biases; i++) {
        const eng_bias *const bias = &sampler->words.biases[i];
        if (n_generated < bias->lasts)
            eng_candidates_edit(c)[bias->id] += (float)bias->bias;
    }
    for (size_t i = sampler->n_bans; i-- > 0 && sampler->bans[i].position >= sampler->n_seen;)
        if (sampler->bans[i].position == sampler->n_seen)
            mark(sampler, sampler->bans[i].id, 1);
    ban_ngrams(sampler);
    ban_words(sampler);
    for (size_t i = 0; i < sampler->words.n_ending && (p->ignore_eos || n_generated < (size_t)p->min_tokens); i++)
        mark(sampler, sampler->words.ending[i], 1);
    edit_marked(sampler, c, banned);
}
