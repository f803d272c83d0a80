/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/candidates.h"

#include "base/memory.h"
#include "engine/logprobs.h"
#include "engine/ranking.h"
#include "kernels/math.h"

#include <stdlib.h>

enum { BLOCK = KERN_PIECE };

/* Arrays of a vocabulary, one behind the other; what no stage touches is never made. */
static const size_t bytes_of_a_token = 2 * sizeof(eng_candidate) + 2 * sizeof(float);

bool eng_candidates_create(eng_candidates *c, uint32_t n_vocab, const kern_table *kernels)
{
    *c = (eng_candidates){.kernels = kernels, .n_vocab = n_vocab, .n_blocks = (n_vocab - 1) / BLOCK + 1};
    c->blocks = calloc(c->n_blocks, sizeof *c->blocks);
    c->memory = base_zeros(n_vocab, bytes_of_a_token);
    if (c->blocks == NULL || c->memory == NULL)
        return false;
    c->keys = c->memory + n_vocab;
    c->own = (float *)(void *)(c->keys + n_vocab);
    c->weights = c->own + n_vocab;
    return true;
}

void eng_candidates_free(eng_candidates *c)
{
    free(c->blocks);
    base_zeros_free(c->memory, c->n_vocab, bytes_of_a_token);
}

void eng_candidates_begin(eng_candidates *c, const float *logits)
{
    c->logits = logits;
    c->first = NULL;
    c->count = 0;
    c->ranked = c->surveyed = c->listed = c->weighed = false;
    c->divisor = 1;
}

bool eng_candidate_better(eng_candidate a, eng_candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

/* ---- the highest logit ---- */

static float survey_blocks(eng_candidates *c)
{
    float highest = -INFINITY;
    for (uint32_t b = 0; b < c->n_blocks; b++) {
        const uint32_t start = b * BLOCK, rest = c->n_vocab - start;
        const float x = eng_highest_logit(c->logits + start, rest < BLOCK ? rest : BLOCK);
        c->blocks[b] = x;
        highest = x > highest ? x : highest;
    }
    return highest;
}

bool eng_candidates_survey(eng_candidates *c)
{
    if (c->surveyed)
        return c->highest >= -FLT_MAX;
    c->surveyed = true;
    c->highest = -INFINITY;
    if (c->logits != NULL)
        c->highest = survey_blocks(c);
    else if (c->ranked && c->count > 0)
        c->highest = c->first[c->count - 1].logit;
    for (size_t i = 0; c->logits == NULL && !c->ranked && i < c->count; i++)
        c->highest = c->first[i].logit > c->highest ? c->first[i].logit : c->highest;
    return c->highest >= -FLT_MAX;
}

/* ---- lists ---- */

void eng_candidates_set_list(eng_candidates *c, eng_candidate *first, size_t count, bool ranked)
{
    c->logits = NULL;
    c->first = first;
    c->count = count;
    c->ranked = ranked;
    c->listed = c->weighed = false;
}

size_t eng_candidates_between(const eng_candidates *c, float floor, float below, eng_candidate *out)
{
    size_t count = 0;
    for (uint32_t b = 0; b < c->n_blocks; b++) {
        if (c->blocks[b] < floor)
            continue;
        const uint32_t start = b * BLOCK, rest = c->n_vocab - start;
        int32_t numbers[BLOCK];
        const uint32_t n = c->kernels->reaching(c->logits + start, rest < BLOCK ? rest : BLOCK, floor, numbers);
        for (uint32_t i = 0; i < n; i++) {
            const float logit = c->logits[start + (uint32_t)numbers[i]];
            out[count] = (eng_candidate){logit, (int32_t)start + numbers[i]};
            count += logit < below;
        }
    }
    return count;
}

void eng_candidates_gather(eng_candidates *c, float floor)
{
    const size_t count = eng_candidates_between(c, floor < -FLT_MAX ? -FLT_MAX : floor, INFINITY, c->memory);
    eng_candidates_set_list(c, c->memory, count, false);
}

void eng_candidates_list(eng_candidates *c)
{
    if (c->logits != NULL)
        eng_candidates_gather(c, -FLT_MAX);
}

/* A float that is certainly not above x. */
static float float_below(double x)
{
    return nextafterf((float)x, -INFINITY);
}

void eng_candidates_cut(eng_candidates *c, double floor)
{
    floor = floor > (double)c->highest ? (double)c->highest : floor;
    if (c->logits != NULL)
        eng_candidates_gather(c, float_below(floor));
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++)
        if ((double)c->first[i].logit >= floor)
            c->first[kept++] = c->first[i];
    c->count = kept;
    c->weighed = false;
}

/* ---- ranking ---- */

void eng_candidates_keep_best(eng_candidates *c, size_t k)
{
    eng_ranking ranking;
    eng_ranking_begin(&ranking, c, -FLT_MAX);
    const size_t n = eng_ranking_reach(&ranking, k);
    eng_ranking_keep(&ranking, k < n ? k : n);
}

/* ---- probabilities ---- */

double eng_candidates_weight(const eng_candidates *c, float logit)
{
    return (double)kern_exp((float)(((double)logit - (double)c->highest) / c->divisor));
}

void eng_candidates_weights(const eng_candidates *c, const eng_candidate *last, size_t n, float *weights)
{
    for (size_t i = 0; i < n; i++)
        weights[i] = (float)(((double)last[n - 1 - i].logit - (double)c->highest) / c->divisor);
    c->kernels->exponentials(weights, (uint32_t)n);
}

kern_candidates eng_candidates_for_kernels(const eng_candidates *c)
{
    const double factor = 1 / c->divisor;
    return (kern_candidates){c->logits, c->n_vocab, c->highest, factor < (double)FLT_MAX ? (float)factor : FLT_MAX};
}

int32_t eng_candidates_likeliest(const eng_candidates *c)
{
    uint32_t b = 0;
    while (c->blocks[b] != c->highest)
        b++;
    uint32_t id = b * BLOCK;
    while (c->logits[id] != c->highest)
        id++;
    return (int32_t)id;
}

/* Adds n of a list, from its end. */
static void add_weights(const eng_candidates *c, const eng_candidate *first, size_t n, kern_weights *w)
{
    float weights[BLOCK];
    eng_candidates_weights(c, first, n, weights);
    for (size_t i = 0; i < n; i++) {
        const double weight = (double)weights[i];
        w->sum += weight;
        w->moment += weight * (((double)first[n - 1 - i].logit - (double)c->highest) / c->divisor);
    }
    w->count += (uint32_t)n;
}

/* Of those that were a list, in its order from the end. */
static void add_listed(const eng_candidates *c, kern_weights *w)
{
    for (uint32_t end = c->n_vocab; end > 0;) {
        eng_candidate part[BLOCK];
        const uint32_t start = (end - 1) / BLOCK * BLOCK;
        size_t n = 0;
        for (uint32_t id = start; id < end; id++)
            if (eng_usable_logit(c->logits[id]) >= -FLT_MAX)
                part[n++] = (eng_candidate){c->logits[id], (int32_t)id};
        add_weights(c, part, n, w);
        end = start;
    }
}

/* Sums over all candidates. */
static kern_weights sum_weights(const eng_candidates *c)
{
    kern_weights w = {0, 0, 0};
    if (c->weighed)
        return c->sums;
    if (c->logits != NULL && !c->listed) {
        const kern_candidates all = eng_candidates_for_kernels(c);
        c->kernels->sum_weights(&all, &w);
        return w;
    }
    if (c->logits != NULL)
        add_listed(c, &w);
    for (size_t left = c->count; left > 0;) {
        const size_t n = left < BLOCK ? left : BLOCK;
        add_weights(c, c->first + left - n, n, &w);
        left -= n;
    }
    return w;
}

void eng_candidates_weigh(eng_candidates *c)
{
    c->sums = sum_weights(c);
    c->weighed = true;
}

double eng_candidates_total(const eng_candidates *c)
{
    return sum_weights(c).sum;
}

size_t eng_candidates_count(const eng_candidates *c)
{
    return sum_weights(c).count;
}

double eng_candidates_entropy(const eng_candidates *c)
{
    const kern_weights w = sum_weights(c);
    return kern_log_double(w.sum) - w.moment / w.sum;
}

/*
 * Tokens below probability (1 - p) / n have less than 1 - p together, so the nucleus lies in the others; only these are
 * ranked, as far as needed.
 */
void eng_candidates_keep_nucleus(eng_candidates *c, double p)
{
    const double total = eng_candidates_total(c), slack = 0.001; /* far more than all rounding */
    const double least = kern_log_double((1.0 - p) / c->n_vocab * total) - slack;
    const bool bounded = c->logits != NULL && !c->listed;
    eng_ranking ranking;
    eng_ranking_begin(&ranking, c, bounded ? float_below(least * c->divisor + (double)c->highest) : -FLT_MAX);
    double sum = 0;
    size_t kept = 0, first = 0, weighed = 0;
    float weights[BLOCK];
    while (kept == 0 || sum < p * total) {
        if (kept == weighed) {
            const size_t n = kept < ranking.count ? ranking.count : eng_ranking_reach(&ranking, 4 * kept + BLOCK / 4);
            if (n == kept)
                break;
            weighed = n - kept < BLOCK ? n : kept + BLOCK;
            eng_ranking_weights(&ranking, kept, weighed - kept, weights);
            first = kept;
        }
        sum += (double)weights[kept - first];
        kept++;
    }
    eng_ranking_keep(&ranking, kept);
}

float *eng_candidates_edit(eng_candidates *c)
{
    if (c->listed)
        eng_candidates_list(c);
    c->surveyed = c->ranked = c->weighed = false;
    if (c->logits == NULL || c->logits == c->own) {
        for (size_t i = 0; c->divisor != 1 && i < c->count; i++)
            c->first[i].logit = (float)((double)c->first[i].logit / c->divisor);
        for (uint32_t i = 0; c->divisor != 1 && c->logits != NULL && i < c->n_vocab; i++)
            c->own[i] = (float)((double)c->own[i] / c->divisor);
    } else {
        memcpy(c->own, c->logits, c->n_vocab * sizeof *c->own);
        for (uint32_t i = 0; c->divisor != 1 && i < c->n_vocab; i++)
            c->own[i] = (float)((double)c->own[i] / c->divisor);
        c->logits = c->own;
    }
    c->divisor = 1;
    return c->logits != NULL ? c->own : NULL;
}
