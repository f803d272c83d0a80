/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/candidates.h"

#include "engine/logprobs.h"
#include "kernels/math.h"

#include <stdlib.h>

enum { BLOCK = KERN_PIECE };

bool eng_candidates_create(eng_candidates *c, uint32_t n_vocab, const kern_table *kernels)
{
    *c = (eng_candidates){.kernels = kernels, .n_vocab = n_vocab, .n_blocks = (n_vocab - 1) / BLOCK + 1};
    c->blocks = calloc(c->n_blocks, sizeof *c->blocks);
    c->memory = calloc(n_vocab, sizeof *c->memory);
    c->keys = calloc(n_vocab, sizeof *c->keys); /* pages that no stage touches are never made */
    c->own = calloc(n_vocab, sizeof *c->own);
    return c->blocks != NULL && c->memory != NULL && c->keys != NULL && c->own != NULL;
}

void eng_candidates_free(eng_candidates *c)
{
    free(c->blocks);
    free(c->memory);
    free(c->keys);
    free(c->own);
}

void eng_candidates_begin(eng_candidates *c, const float *logits)
{
    c->logits = logits;
    c->first = NULL;
    c->count = 0;
    c->ranked = c->surveyed = false;
    c->divisor = 1;
}

/* ---- a heap ---- */

bool eng_candidate_better(eng_candidate a, eng_candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void sift_down(eng_candidate *heap, size_t count, size_t at)
{
    const eng_candidate moved = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && eng_candidate_better(heap[child + 1], heap[child]);
        if (!eng_candidate_better(heap[child], moved))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

void eng_heap_build(eng_candidate *heap, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift_down(heap, count, i);
}

eng_candidate eng_heap_pop(eng_candidate *heap, size_t count)
{
    const eng_candidate best = heap[0];
    heap[0] = heap[count - 1];
    sift_down(heap, count - 1, 0);
    heap[count - 1] = best;
    return best;
}

/* ---- the highest logit ---- */

static float survey_blocks(eng_candidates *c)
{
    float highest = -INFINITY;
    for (uint32_t b = 0; b < c->n_blocks; b++) {
        const uint32_t start = b * BLOCK, rest = c->n_vocab - start;
        const float x = eng_highest_logit(c->logits + start, rest < BLOCK ? rest : BLOCK);
        c->blocks[b] = (eng_candidate){x, (int32_t)b};
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

static void set_list(eng_candidates *c, eng_candidate *first, size_t count, bool ranked)
{
    c->logits = NULL;
    c->first = first;
    c->count = count;
    c->ranked = ranked;
}

void eng_candidates_gather(eng_candidates *c, float floor)
{
    size_t count = 0;
    floor = floor < -FLT_MAX ? -FLT_MAX : floor;
    for (uint32_t b = 0; b < c->n_blocks; b++) {
        if (c->blocks[b].logit < floor)
            continue;
        const uint32_t start = (uint32_t)c->blocks[b].id * BLOCK, rest = c->n_vocab - start;
        int32_t numbers[BLOCK];
        const uint32_t n = c->kernels->reaching(c->logits + start, rest < BLOCK ? rest : BLOCK, floor, numbers);
        for (uint32_t i = 0; i < n; i++) {
            const float logit = c->logits[start + (uint32_t)numbers[i]];
            c->memory[count] = (eng_candidate){logit, (int32_t)start + numbers[i]};
            count += logit <= FLT_MAX;
        }
    }
    set_list(c, c->memory, count, false);
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
}

/* ---- ranking ---- */

/*
 * Leaves of a list, in any order, at least the k best and not many more, so that a heap needn't take what it will not
 * give: k are those above some bound, and bounds are tried in one pass by counting.
 */
static void narrow(eng_candidates *c, size_t k)
{
    enum { BINS = 2048 };
    uint32_t counts[BINS] = {0};
    float lowest = c->first[0].logit, highest = lowest;
    for (size_t i = 1; i < c->count; i++) {
        lowest = c->first[i].logit < lowest ? c->first[i].logit : lowest;
        highest = c->first[i].logit > highest ? c->first[i].logit : highest;
    }
    const float scale = (BINS - 1) / (highest - lowest);
    if (!(scale > 0) || scale > FLT_MAX)
        return;
    for (size_t i = 0; i < c->count; i++)
        counts[(size_t)((c->first[i].logit - lowest) * scale)]++;
    size_t bin = BINS, above = 0, kept = 0;
    while (bin > 0 && above < k)
        above += counts[--bin];
    for (size_t i = 0; i < c->count; i++) {
        c->first[kept] = c->first[i];
        kept += (size_t)((c->first[i].logit - lowest) * scale) >= bin;
    }
    c->count = kept;
}

/* An integer that is larger for a larger float. */
static uint32_t rank_key(float x)
{
    const uint32_t bits = kern_bits_from_float(x == 0 ? 0.0f : x);
    return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/* Ranks all of a list that lies in `memory`, of ascending ids, by their logits' digits. */
static void rank_all(eng_candidates *c)
{
    enum { PASSES = 3, BITS = 11, BINS = 1 << BITS };
    uint32_t starts[PASSES][BINS] = {{0}};
    eng_candidate *from = c->keys, *to = c->memory;
    for (size_t i = 0; i < c->count; i++) { /* of equal ones the lowest id is the last */
        from[c->count - 1 - i] = c->first[i];
        for (int pass = 0; pass < PASSES; pass++)
            starts[pass][rank_key(c->first[i].logit) >> pass * BITS & (BINS - 1)]++;
    }
    for (int pass = 0; pass < PASSES; pass++) {
        uint32_t sum = 0;
        for (size_t bin = 0; bin < BINS; bin++) {
            const uint32_t count = starts[pass][bin];
            starts[pass][bin] = sum;
            sum += count;
        }
        for (size_t i = 0; i < c->count; i++)
            to[starts[pass][rank_key(from[i].logit) >> pass * BITS & (BINS - 1)]++] = from[i];
        eng_candidate *const last = from;
        from = to;
        to = last;
    }
    set_list(c, from, c->count, true);
}

/* The k best. Blocks with a maximum below the k-th largest of the maxima have none of them. */
void eng_candidates_keep_best(eng_candidates *c, size_t k)
{
    enum { WORTH_NARROWING = 8 };
    const bool dense = c->logits != NULL;
    if (c->ranked) {
        const size_t kept = k < c->count ? k : c->count;
        set_list(c, c->first + c->count - kept, kept, true);
        return;
    }
    if (dense) {
        float floor = -FLT_MAX;
        if (k <= c->n_blocks) {
            eng_heap_build(c->blocks, c->n_blocks);
            for (size_t i = 0; i < k; i++)
                floor = eng_heap_pop(c->blocks, c->n_blocks - i).logit;
        }
        eng_candidates_gather(c, floor);
    }
    k = k < c->count ? k : c->count;
    if (dense && k > c->n_vocab / WORTH_NARROWING && k > WORTH_NARROWING * KERN_PIECE) {
        rank_all(c);
        set_list(c, c->first + c->count - k, k, true);
        return;
    }
    if (c->count > WORTH_NARROWING * KERN_PIECE && c->count / 2 > k)
        narrow(c, k);
    eng_heap_build(c->first, c->count);
    for (size_t i = 0; i < k; i++)
        eng_heap_pop(c->first, c->count - i);
    set_list(c, c->first + c->count - k, k, true);
}

/* ---- probabilities ---- */

double eng_candidates_weight(const eng_candidates *c, float logit)
{
    return (double)kern_exp((float)(((double)logit - (double)c->highest) / c->divisor));
}

kern_candidates eng_candidates_for_kernels(const eng_candidates *c)
{
    const double factor = 1 / c->divisor;
    return (kern_candidates){c->logits, c->n_vocab, c->highest, factor < (double)FLT_MAX ? (float)factor : FLT_MAX};
}

int32_t eng_candidates_likeliest(const eng_candidates *c)
{
    uint32_t b = 0;
    while (c->blocks[b].logit != c->highest)
        b++;
    uint32_t id = (uint32_t)c->blocks[b].id * BLOCK;
    while (c->logits[id] != c->highest)
        id++;
    return (int32_t)id;
}

/* Sums over all candidates, of a list in its order from the end. */
static kern_weights sum_weights(const eng_candidates *c)
{
    kern_weights w = {0, 0, (uint32_t)c->count};
    if (c->logits != NULL) {
        const kern_candidates all = eng_candidates_for_kernels(c);
        c->kernels->sum_weights(&all, &w);
    }
    for (size_t i = c->count; i-- > 0;) {
        const double weight = eng_candidates_weight(c, c->first[i].logit);
        w.sum += weight;
        w.moment += weight * (((double)c->first[i].logit - (double)c->highest) / c->divisor);
    }
    return w;
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
    const double total = eng_candidates_total(c);
    if (c->logits != NULL) {
        const double slack = 0.001; /* far more than all rounding */
        const double least = kern_log_double((1.0 - p) / c->n_vocab * total) - slack;
        eng_candidates_gather(c, float_below(least * c->divisor + (double)c->highest));
    }
    if (!c->ranked)
        eng_heap_build(c->first, c->count);
    double sum = 0;
    size_t kept = 0;
    while (kept < c->count && (kept == 0 || sum < p * total)) {
        const eng_candidate next = c->ranked ? c->first[c->count - 1 - kept] : eng_heap_pop(c->first, c->count - kept);
        sum += eng_candidates_weight(c, next.logit);
        kept++;
    }
    set_list(c, c->first + c->count - kept, kept, true);
}

float *eng_candidates_edit(eng_candidates *c)
{
    c->surveyed = c->ranked = false;
    if (c->logits == NULL || c->logits == c->own) {
        for (size_t i = 0; c->divisor != 1 && i < c->count; i++)
            c->first[i].logit = (float)((double)c->first[i].logit / c->divisor);
        for (uint32_t i = 0; c->divisor != 1 && c->logits != NULL && i < c->n_vocab; i++)
            c->own[i] = (float)((double)c->own[i] / c->divisor);
    } else {
        for (uint32_t i = 0; i < c->n_vocab; i++)
            c->own[i] = c->divisor == 1 ? c->logits[i] : (float)((double)c->logits[i] / c->divisor);
        c->logits = c->own;
    }
    c->divisor = 1;
    return c->logits != NULL ? c->own : NULL;
}
