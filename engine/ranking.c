/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ranking.h"

#include "kernels/math.h"

#include <float.h>

enum {
    SAMPLES = 16384,
    BIN_SHIFT = 17,       /* bits of a float that bins don't see: 64 bins from one power of two to the next */
    FIRST_BIN = 117 << 6, /* of 2^-10; the last bin ends at 2^10 */
    WORTH_DIGITS = 400,   /* fewer are sorted by a heap */
    BLOCKS_WORTH = 12,    /* of so many blocks, one has one of the best or more */
};

/* ---- a heap ---- */

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

/* ---- sorting ---- */

/* An integer that is larger for a larger float. */
static uint32_t rank_key(float x)
{
    const uint32_t bits = kern_bits_from_float(x == 0 ? 0.0f : x);
    return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/* By their logits' digits; what is in `out` before the last pass is only for the time being. */
static void sort_by_digits(eng_candidate *from, eng_candidate *out, size_t n)
{
    enum { PASSES = 3, BITS = 11, BINS = 1 << BITS };
    uint32_t starts[PASSES][BINS] = {{0}};
    for (size_t i = 0; i < n; i++)
        for (int pass = 0; pass < PASSES; pass++)
            starts[pass][rank_key(from[i].logit) >> pass * BITS & (BINS - 1)]++;
    for (int pass = 0; pass < PASSES; pass++) {
        uint32_t sum = 0;
        for (size_t bin = 0; bin < BINS; bin++) {
            const uint32_t count = starts[pass][bin];
            starts[pass][bin] = sum;
            sum += count;
        }
    }
    for (size_t i = n; i-- > 0;)
        out[starts[0][rank_key(from[i].logit) & (BINS - 1)]++] = from[i];
    for (size_t i = 0; i < n; i++)
        from[starts[1][rank_key(out[i].logit) >> BITS & (BINS - 1)]++] = out[i];
    for (size_t i = 0; i < n; i++)
        out[starts[2][rank_key(from[i].logit) >> 2 * BITS]++] = from[i];
}

void eng_sort_candidates(eng_candidate *from, eng_candidate *out, size_t n)
{
    if (n >= WORTH_DIGITS) {
        sort_by_digits(from, out, n);
        return;
    }
    memcpy(out, from, n * sizeof *out);
    eng_heap_build(out, n);
    for (size_t i = 0; i < n; i++)
        eng_heap_pop(out, n - i);
}

/* ---- floors ---- */

/* The n-th largest of the blocks' largest logits, which n reach at least. */
static float floor_of_blocks(const eng_candidates *c, size_t n)
{
    float floor = -FLT_MAX;
    for (uint32_t b = 0; b < c->n_blocks; b++)
        c->keys[b] = (eng_candidate){c->blocks[b], (int32_t)b};
    eng_heap_build(c->keys, c->n_blocks);
    for (size_t i = 0; i < n; i++)
        floor = eng_heap_pop(c->keys, c->n_blocks - i).logit;
    return floor;
}

/* Counts some logits by how far they are below the highest. What doesn't count as one is in the last bin. */
static void count_samples(eng_ranking *r)
{
    const eng_candidates *const c = r->candidates;
    r->stride = 1 + c->n_vocab / SAMPLES;
    memset(r->counts, 0, sizeof r->counts);
    for (uint32_t i = 0; i < c->n_vocab; i += r->stride) {
        const uint32_t bin = kern_bits_from_float(c->highest - c->logits[i]) >> BIN_SHIFT;
        r->counts[bin < FIRST_BIN ? 0 : bin - FIRST_BIN < ENG_RANKING_BINS ? bin - FIRST_BIN : ENG_RANKING_BINS - 1]++;
    }
}

/* A floor that n reach, probably, and not many more. */
static float floor_of_samples(eng_ranking *r, size_t n)
{
    const float highest = r->candidates->highest;
    if (r->stride == 0)
        count_samples(r);
    const double expected = (double)n / r->stride;
    const double wanted = r->stride == 1 ? expected : expected + 3 * sqrt(expected) + 2;
    double count = 0;
    for (uint32_t bin = 0; bin + 1 < ENG_RANKING_BINS; bin++) {
        count += r->counts[bin];
        const float floor = highest - kern_float_from_bits((FIRST_BIN + bin + 1) << BIN_SHIFT);
        if (count >= wanted && floor < r->floor)
            return floor;
    }
    return -FLT_MAX;
}

/* Takes out what lies between a new floor and the one before. */
static void add_layer(eng_ranking *r, size_t n)
{
    eng_candidates *const c = r->candidates;
    float floor = r->count == 0 && n <= c->n_blocks / BLOCKS_WORTH ? floor_of_blocks(c, n) : floor_of_samples(r, n);
    floor = floor > r->lowest ? floor : r->lowest;
    const size_t added = eng_candidates_between(c, floor, r->floor, c->keys);
    eng_candidate *const layer = r->end - r->count - added;
    r->floor = floor;
    if (added < WORTH_DIGITS) {
        memcpy(layer, c->keys, added * sizeof *layer);
        eng_heap_build(layer, added);
        r->waiting = added;
    } else {
        eng_sort_candidates(c->keys, layer, added);
        r->count += added;
    }
}

/* ---- ranks ---- */

static void note_all(eng_ranking *r)
{
    r->all = r->waiting == 0 && (r->candidates->logits == NULL || r->floor == r->lowest);
}

void eng_ranking_begin(eng_ranking *ranking, eng_candidates *candidates, float lowest)
{
    eng_candidates *const c = candidates;
    const bool dense = c->logits != NULL;
    ranking->candidates = c;
    ranking->end = dense ? c->memory + c->n_vocab : c->first + c->count;
    ranking->count = !dense && c->ranked ? c->count : 0;
    ranking->waiting = !dense && !c->ranked ? c->count : 0;
    ranking->lowest = lowest < -FLT_MAX ? -FLT_MAX : lowest;
    ranking->floor = INFINITY;
    ranking->stride = 0;
    eng_heap_build(c->first, ranking->waiting);
    note_all(ranking);
}

size_t eng_ranking_reach(eng_ranking *ranking, size_t n)
{
    size_t wanted = n;
    while (ranking->count < n && !ranking->all) {
        if (ranking->waiting > 0) {
            eng_heap_pop(ranking->end - ranking->count - ranking->waiting, ranking->waiting);
            ranking->waiting--;
            ranking->count++;
        } else {
            add_layer(ranking, wanted);
            wanted *= 2;
        }
        note_all(ranking);
    }
    return ranking->count;
}

void eng_ranking_weights(const eng_ranking *ranking, size_t first, size_t n, float *weights)
{
    eng_candidates_weights(ranking->candidates, ranking->end - first - n, n, weights);
}

void eng_ranking_keep(eng_ranking *ranking, size_t n)
{
    eng_candidates_set_list(ranking->candidates, ranking->end - n, n, true);
}
