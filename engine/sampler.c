/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Picks the next token: truncation (top_k, then top_p, then min_p, each on what the one before left), temperature, and
 * the noise. The pick is the survivor with the largest logit / temperature + Gumbel noise, which is an exact draw from
 * the softmax of logit / temperature over the survivors. The noise belongs to (seed, sequence, position, token), so the
 * pick depends on the set of survivors and not on any order of them; where two are equal, the lower id wins.
 *
 * The sampler sees logits and generation parameters and no model, never writes a logit, allocates nothing after it was
 * made, and sorts only what top_k or top_p keep.
 */
#include "base/philox.h"
#include "engine/firn.h"
#include "engine/logprobs.h"
#include "kernels/math.h"

#include <stdlib.h>

/* The vocabulary is looked through in blocks whose largest logits are known, so that most are never looked into. */
enum { BLOCK = 256 };

typedef struct candidate {
    float logit;
    int32_t id; /* of the token, or the number of a block */
} candidate;

struct firn_sampler {
    firn_generation_parameters parameters;
    uint32_t n_vocab, n_blocks;
    candidate *blocks;     /* [n_blocks] the largest logit of each, in any order */
    candidate *candidates; /* [n_vocab] */
};

/* The candidates that are left: after a truncation by rank in ascending order, so the best is the last. */
typedef struct survivors {
    const candidate *first;
    size_t count;
} survivors;

firn_status firn_sampler_create(const firn_generation_parameters *parameters, uint32_t n_vocab, firn_sampler **out,
                                firn_error *error)
{
    *out = NULL;
    const firn_status status = firn_generation_parameters_check(parameters, error);
    if (status != FIRN_OK)
        return status;
    if (parameters->seed == FIRN_SEED_DRAW && parameters->temperature > 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "seed: -1 has to be replaced by a drawn seed before a sampler is made");
    if (n_vocab == 0 || n_vocab > INT32_MAX)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "a vocabulary of %u tokens; 1 to %d are allowed",
                         n_vocab, INT32_MAX);
    firn_sampler *const sampler = calloc(1, sizeof *sampler);
    if (sampler == NULL)
        goto no_memory;
    sampler->parameters = *parameters;
    sampler->n_vocab = n_vocab;
    sampler->n_blocks = (n_vocab - 1) / BLOCK + 1;
    sampler->blocks = calloc(sampler->n_blocks, sizeof *sampler->blocks);
    sampler->candidates = calloc(n_vocab, sizeof *sampler->candidates);
    if (sampler->blocks == NULL || sampler->candidates == NULL)
        goto no_memory;
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
    free(sampler->blocks);
    free(sampler->candidates);
    free(sampler);
}

/* ---- a heap of candidates, the best at index 0 ---- */

static bool better(candidate a, candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void sift_down(candidate *heap, size_t count, size_t at)
{
    const candidate moved = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && better(heap[child + 1], heap[child]);
        if (!better(heap[child], moved))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static void build_heap(candidate *heap, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift_down(heap, count, i);
}

/* Moves the best of `count` to the place behind the others, and returns it. */
static candidate pop(candidate *heap, size_t count)
{
    const candidate best = heap[0];
    heap[0] = heap[count - 1];
    sift_down(heap, count - 1, 0);
    heap[count - 1] = best;
    return best;
}

/* ---- truncation ---- */

/* Finds the largest logit of every block, and returns that of all; -infinity if no logit is finite. */
static float survey(firn_sampler *sampler, const float *logits)
{
    float highest = -INFINITY;
    for (uint32_t b = 0; b < sampler->n_blocks; b++) {
        const uint32_t start = b * BLOCK, rest = sampler->n_vocab - start;
        const float x = eng_highest_logit(logits + start, rest < BLOCK ? rest : BLOCK);
        sampler->blocks[b] = (candidate){x, (int32_t)b};
        highest = x > highest ? x : highest;
    }
    return highest;
}

/* Collects the candidates whose logit is finite and not below `floor`. */
static size_t gather(firn_sampler *sampler, const float *logits, float floor)
{
    size_t count = 0;
    floor = floor < -FLT_MAX ? -FLT_MAX : floor;
    for (uint32_t b = 0; b < sampler->n_blocks; b++) {
        if (sampler->blocks[b].logit < floor)
            continue;
        const uint32_t start = (uint32_t)sampler->blocks[b].id * BLOCK, rest = sampler->n_vocab - start;
        const uint32_t end = start + (rest < BLOCK ? rest : BLOCK);
        for (uint32_t i = start; i < end; i++)
            if (logits[i] >= floor && logits[i] <= FLT_MAX)
                sampler->candidates[count++] = (candidate){logits[i], (int32_t)i};
    }
    return count;
}

/* A float that is certainly not above x. */
static float float_below(double x)
{
    return nextafterf((float)x, -INFINITY);
}

/* The k best, ranked. Blocks with a maximum below the k-th largest of the maxima have none of them. */
static survivors keep_top_k(firn_sampler *sampler, const float *logits, size_t k)
{
    float floor = -FLT_MAX;
    if (k <= sampler->n_blocks) {
        build_heap(sampler->blocks, sampler->n_blocks);
        for (size_t i = 0; i < k; i++)
            floor = pop(sampler->blocks, sampler->n_blocks - i).logit;
    }
    const size_t count = gather(sampler, logits, floor);
    k = k < count ? k : count;
    build_heap(sampler->candidates, count);
    for (size_t i = 0; i < k; i++)
        pop(sampler->candidates, count - i);
    return (survivors){sampler->candidates + count - k, k};
}

static double weight(candidate c, float highest)
{
    return (double)kern_exp(c.logit - highest);
}

/* The nucleus of candidates that are ranked already. */
static survivors keep_top_p(survivors ranked, double p, float highest)
{
    const candidate *const end = ranked.first + ranked.count;
    double total = 0, sum = 0;
    for (size_t i = 1; i <= ranked.count; i++)
        total += weight(end[-(ptrdiff_t)i], highest);
    for (size_t i = 1; i <= ranked.count; i++) {
        sum += weight(end[-(ptrdiff_t)i], highest);
        if (sum >= p * total)
            return (survivors){end - i, i};
    }
    return ranked;
}

/*
 * The nucleus of the whole vocabulary. Tokens below probability (1 - p) / n have less than 1 - p together, so it lies
 * in the others, and only these are ranked, as far as needed.
 */
static survivors keep_top_p_of_all(firn_sampler *sampler, const float *logits, double p, float highest)
{
    const double total = eng_sum_exp(logits, sampler->n_vocab, highest);
    const double slack = 0.001; /* far more than all rounding */
    const double floor = kern_log_double((1.0 - p) / sampler->n_vocab * total) + (double)highest - slack;
    const size_t count = gather(sampler, logits, float_below(floor));
    build_heap(sampler->candidates, count);
    double sum = 0;
    size_t kept = 0;
    while (kept < count && (kept == 0 || sum < p * total)) {
        sum += weight(pop(sampler->candidates, count - kept), highest);
        kept++;
    }
    return (survivors){sampler->candidates + count - kept, kept};
}

/* Those that top_k and top_p leave; of those that min_p drops, whose logits are below `floor`, some may be left. */
static survivors truncate_by_rank(firn_sampler *sampler, const float *logits, float highest, double floor)
{
    const firn_generation_parameters *const parameters = &sampler->parameters;
    if (parameters->top_k > 0 && (uint32_t)parameters->top_k < sampler->n_vocab) {
        const survivors ranked = keep_top_k(sampler, logits, (size_t)parameters->top_k);
        return parameters->top_p < 1 ? keep_top_p(ranked, parameters->top_p, highest) : ranked;
    }
    if (parameters->top_p < 1)
        return keep_top_p_of_all(sampler, logits, parameters->top_p, highest);
    return (survivors){sampler->candidates, gather(sampler, logits, float_below(floor))};
}

/* ---- noise ---- */

/* One Philox block has the bits of two neighbouring tokens. */
typedef struct noise {
    uint64_t key, position;
    int32_t pair; /* token id / 2 that `bits` belong to, or -1 */
    uint64_t bits[2];
} noise;

static noise noise_at(uint64_t seed, uint64_t sequence, uint64_t position)
{
    const base_philox_block counter = {{(uint32_t)sequence, (uint32_t)(sequence >> 32), 0, 0}};
    const base_philox_block key = base_philox(counter, seed);
    return (noise){.key = (uint64_t)key.word[1] << 32 | key.word[0], .position = position, .pair = -1};
}

static uint64_t noise_bits(noise *source, int32_t id)
{
    if (source->pair != id >> 1) {
        const base_philox_block counter = {
            {(uint32_t)id >> 1, 0, (uint32_t)source->position, (uint32_t)(source->position >> 32)}};
        const base_philox_block block = base_philox(counter, source->key);
        source->pair = id >> 1;
        source->bits[0] = (uint64_t)block.word[1] << 32 | block.word[0];
        source->bits[1] = (uint64_t)block.word[3] << 32 | block.word[2];
    }
    return source->bits[id & 1];
}

/*
 * -log(-log(1 - v)) for v = (bits + 1/2) / 2^64, from -3.9 to 45. Both tails keep their precision: 1 - v is never
 * formed where v is small, and is formed from the inverted bits where v is near 1.
 */
static double gumbel(uint64_t bits)
{
    const double v = ((double)bits + 0.5) * 0x1p-64;
    const double exponential = v < 0.25 ? -kern_log_near_one(-v) : -kern_log_double(((double)~bits + 0.5) * 0x1p-64);
    return -kern_log_double(exponential);
}

/* Not less than gumbel(bits): -log(1 - v) >= v >= 2^-(zeros + 1), and 0.694 > ln 2. Costs no logarithm. */
static double gumbel_at_most(uint64_t bits)
{
    const int zeros = bits == 0 ? 64 : __builtin_clzll(bits);
    return 0.694 * (zeros + 1);
}

int32_t firn_sampler_pick(firn_sampler *sampler, const float *logits, uint64_t sequence, uint64_t position)
{
    const firn_generation_parameters *const parameters = &sampler->parameters;
    const float highest = survey(sampler, logits);
    if (highest < -FLT_MAX)
        return -1;
    if (parameters->temperature <= 0)
        return keep_top_k(sampler, logits, 1).first->id;

    const double floor =
        parameters->min_p > 0 ? kern_log_double(parameters->min_p) + (double)highest : -(double)FLT_MAX;
    const survivors left = truncate_by_rank(sampler, logits, highest, floor);
    noise source = noise_at(parameters->seed, sequence, position);
    double best = -INFINITY;
    int32_t best_id = -1;
    for (size_t i = left.count; i-- > 0;) {
        const candidate c = left.first[i];
        if ((double)c.logit < floor)
            continue;
        const double scaled = ((double)c.logit - (double)highest) / parameters->temperature;
        const uint64_t bits = noise_bits(&source, c.id);
        if (scaled + gumbel_at_most(bits) < best)
            continue;
        const double score = scaled + gumbel(bits);
        if (score > best || (score == best && c.id < best_id)) {
            best = score;
            best_id = c.id;
        }
    }
    return best_id;
}
