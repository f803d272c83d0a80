/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What shapes and truncates: each stage is a function over the candidates that are left, listed in one table. The
 * definitions are those of the papers and programs that made them known; a comment says where there was a choice.
 */
#include "engine/ranking.h"
#include "engine/sampler_p.h"
#include "kernels/math.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* Logit that belongs to a probability relative to the best one. */
static double floor_of(const eng_candidates *c, double relative)
{
    return relative > 0 ? kern_log_double(relative) * c->divisor + (double)c->highest : -INFINITY;
}

static double power(double base, double exponent)
{
    if (exponent == 0 || base == 1)
        return 1;
    return base <= DBL_MIN ? 0 : (double)kern_exp((float)(exponent * kern_log_double(base)));
}

/* ---- truncation by rank or probability ---- */

static void apply_top_k(firn_sampler *sampler, eng_candidates *c)
{
    const size_t k = (size_t)sampler->parameters.top_k;
    if (k < c->n_vocab)
        eng_candidates_keep_best(c, k);
}

static void apply_top_p(firn_sampler *sampler, eng_candidates *c)
{
    eng_candidates_keep_nucleus(c, sampler->parameters.top_p);
}

static void apply_min_p(firn_sampler *sampler, eng_candidates *c)
{
    eng_candidates_cut(c, floor_of(c, sampler->parameters.min_p));
}

/* Sums that don't wait for each other: candidate i adds to lane i % LANES. Written with vectors of the baseline. */
enum { LANES = 16, PAIRS = LANES / 2 };
typedef double pair __attribute__((vector_size(16)));
typedef float floats __attribute__((vector_size(16)));
typedef int32_t integers __attribute__((vector_size(16)));
typedef struct moments {
    double count;
    pair sum[PAIRS], squares[PAIRS];
} moments;

/* Adds half of the lanes of n logits, a multiple of LANES. What doesn't count is taken for the highest. */
static void add_moments(moments *m, const float *logits, size_t n, float highest, int half)
{
    enum { HALF = PAIRS / 2 };
    pair sum[HALF], squares[HALF];
    integers unusable = {0, 0, 0, 0};
    memcpy(sum, m->sum + half * HALF, sizeof sum);
    memcpy(squares, m->squares + half * HALF, sizeof squares);
    for (size_t i = (size_t)half * 2 * HALF; i < n; i += LANES)
        for (size_t k = 0; k < HALF; k += 2) {
            floats x;
            memcpy(&x, logits + i + 2 * k, sizeof x);
            const integers usable = (x >= -FLT_MAX) & (x <= FLT_MAX);
            x = (floats)(((integers)x & usable) | ((integers)((floats){0} + highest) & ~usable));
            unusable -= ~usable;
            const pair low = (pair){(double)x[0], (double)x[1]} - (double)highest;
            const pair high = (pair){(double)x[2], (double)x[3]} - (double)highest;
            sum[k] += low;
            sum[k + 1] += high;
            squares[k] += low * low;
            squares[k + 1] += high * high;
        }
    memcpy(m->sum + half * HALF, sum, sizeof sum);
    memcpy(m->squares + half * HALF, squares, sizeof squares);
    m->count += (double)(n / 2) - (unusable[0] + unusable[1] + unusable[2] + unusable[3]);
}

static void apply_top_n_sigma(firn_sampler *sampler, eng_candidates *c)
{
    enum { PIECE = KERN_PIECE };
    moments m = {.count = 0};
    if (c->listed)
        eng_candidates_list(c);
    const size_t n = c->logits != NULL ? c->n_vocab : c->count;
    for (size_t i = 0; i < n; i += PIECE) {
        float part[PIECE];
        const float *logits = c->logits != NULL && n - i >= PIECE ? c->logits + i : part;
        for (size_t k = 0; k < PIECE && logits == part; k++)
            part[k] = i + k >= n ? NAN : c->logits != NULL ? c->logits[i + k] : c->first[i + k].logit;
        add_moments(&m, logits, PIECE, c->highest, 0);
        add_moments(&m, logits, PIECE, c->highest, 1);
    }
    double sum = 0, squares = 0;
    for (int i = 0; i < LANES; i++) {
        sum += m.sum[i / 2][i % 2];
        squares += m.squares[i / 2][i % 2];
    }
    const double mean = sum / m.count, variance = squares / m.count - mean * mean;
    const double sigma = variance > 0 ? sqrt(variance) : 0;
    eng_candidates_cut(c, (double)c->highest - sampler->parameters.top_n_sigma * sigma);
}

/* What typical sampling ranks by: minus the distance of a token's surprise from the expected one. */
typedef struct typical {
    double log_total, entropy, enough; /* of weights; enough: of those that are kept */
} typical;

static inline float typicality(const typical *t, const eng_candidates *c, float logit)
{
    return -(float)fabs(t->log_total - ((double)logit - (double)c->highest) / c->divisor - t->entropy);
}

static void keep_typical_of_list(const typical *t, eng_candidates *c)
{
    for (size_t i = 0; i < c->count; i++) {
        c->keys[i] = (eng_candidate){typicality(t, c, c->first[i].logit), c->first[i].id};
        c->own[c->first[i].id] = c->first[i].logit;
    }
    eng_heap_build(c->keys, c->count);
    double sum = 0;
    size_t kept = 0;
    while (kept < c->count && (kept == 0 || sum <= t->enough)) {
        const int32_t id = eng_heap_pop(c->keys, c->count - kept).id;
        c->memory[kept++] = (eng_candidate){c->own[id], id};
        sum += eng_candidates_weight(c, c->own[id]);
    }
    eng_candidates_set_list(c, c->memory, kept, false);
}

/* Of n tokens, ranked with the best behind the others, puts the best first; returns how many of them are kept. */
static size_t take_typical(const typical *t, const eng_candidates *c, eng_candidate *ranked, size_t n, double *sum)
{
    float weights[KERN_PIECE];
    size_t taken = 0;
    for (size_t i = 0; i < n; i++)
        ranked[i].logit = c->logits[ranked[i].id];
    for (; taken < n && (*sum == 0 || *sum <= t->enough); taken++) {
        const size_t rest = n - taken, part = rest < KERN_PIECE ? rest : KERN_PIECE;
        if (taken % KERN_PIECE == 0)
            eng_candidates_weights(c, ranked + rest - part, part, weights);
        *sum += (double)weights[taken % KERN_PIECE];
    }
    for (size_t i = 0; i < n / 2; i++) {
        const eng_candidate last = ranked[n - 1 - i];
        ranked[n - 1 - i] = ranked[i];
        ranked[i] = last;
    }
    return taken;
}

/* Those that are near are ranked, then those twice as far away, and so on. What is below `lowest` isn't looked at. */
static void keep_typical_of_all(const typical *t, eng_candidates *c, float lowest)
{
    const double slack = 0.001, centre = (t->log_total - t->entropy) * c->divisor + (double)c->highest;
    float nearer = INFINITY;
    double sum = 0;
    size_t kept = 0;
    bool all = false;
    for (float reach = 0.5f; !all && (kept == 0 || sum <= t->enough); reach *= 2) {
        const double width = ((double)reach + slack) * c->divisor;
        const float from = nextafterf((float)(centre - width), -INFINITY),
                    to = nextafterf((float)(centre + width), INFINITY);
        all = !(from > lowest) && to > c->highest;
        const size_t n = eng_candidates_between(c, from > lowest ? from : lowest, to, c->keys);
        size_t added = 0;
        for (size_t i = 0; i < n; i++) {
            const float key = typicality(t, c, c->keys[i].logit);
            c->keys[added] = (eng_candidate){key, c->keys[i].id};
            added += key < nearer && (all || key >= -reach);
        }
        eng_sort_candidates(c->keys, c->memory + kept, added);
        kept += take_typical(t, c, c->memory + kept, added, &sum);
        nearer = -reach;
    }
    eng_candidates_set_list(c, c->memory, kept, false);
}

/*
 * Ranked by how far a token's surprise is from the expected one, until probability p is reached. A surprise of more
 * than twice the expected one is farther from it than all smaller ones; where those above it together have less than
 * 1 - p, so have the smaller ones more than p, and it isn't kept.
 */
static void apply_typical(firn_sampler *sampler, eng_candidates *c)
{
    const double p = sampler->parameters.typical_p, slack = 0.001; /* far more than all rounding */
    if (c->listed)
        eng_candidates_list(c);
    eng_candidates_weigh(c);
    const double total = eng_candidates_total(c), entropy = eng_candidates_entropy(c);
    const typical t = {kern_log_double(total), entropy, p * total};
    const double rare = kern_log_double((double)c->n_vocab / (1 - p));
    const double most = (rare > 2 * entropy ? rare : 2 * entropy) + slack;
    const float lowest = (float)((t.log_total - most) * c->divisor + (double)c->highest - slack * c->divisor);
    if (c->logits != NULL)
        keep_typical_of_all(&t, c, lowest < -FLT_MAX ? -FLT_MAX : lowest);
    else
        keep_typical_of_list(&t, c);
    c->surveyed = false;
}

/* Second differences in absolute value, as programs have it; the paper's text leaves that open. */
static double curvature(const float *weights, size_t i)
{
    return fabs((double)weights[i] - 2 * (double)weights[i + 1] + (double)weights[i + 2]);
}

/* The first rank but 0 at which the curvatures' sum is more than `limit`; n if there is none. */
static size_t where_reached(const float *weights, size_t n, double limit)
{
    double sum = 0;
    for (size_t i = 0; i + 2 < n; i++) {
        sum += curvature(weights, i);
        if (sum > limit && i > 0)
            return i;
    }
    return n;
}

/*
 * The sum of all curvatures lies between those of the n tokens that are ranked and that with the most that the others
 * may add: two gaps each, which are together as long as the last weight, but for roundings in exp. Where both ends cut
 * at the same rank, the others needn't be ranked.
 */
static void apply_tail_free(firn_sampler *sampler, eng_candidates *c)
{
    enum { FIRST_RANKS = 256, MORE = 4 };
    const double z = sampler->parameters.tfs_z;
    float *const weights = c->weights; /* by rank, 0 being the best */
    double total = 0;
    size_t n = 0, cut, other_cut;
    eng_ranking ranking;
    eng_ranking_begin(&ranking, c, -FLT_MAX);
    do {
        const size_t before = n;
        n = eng_ranking_reach(&ranking, n == 0 ? FIRST_RANKS : MORE * n);
        eng_ranking_weights(&ranking, before, n - before, weights + before);
        for (size_t i = before < 2 ? 0 : before - 2; i + 2 < n; i++)
            total += curvature(weights, i);
        const double most = ranking.all ? 0 : (2 + 2e-6 * c->n_vocab) * (double)weights[n - 2] + 1e-34;
        cut = where_reached(weights, n, z * total);
        other_cut = where_reached(weights, n, z * ((total + most) * (1 + 1e-15 * c->n_vocab)));
    } while (!ranking.all && (cut == n || cut != other_cut));
    eng_ranking_keep(&ranking, n > 2 && total > 0 ? cut : n);
}

static void apply_epsilon(firn_sampler *sampler, eng_candidates *c)
{
    eng_candidates_cut(c, floor_of(c, sampler->parameters.epsilon_cutoff * eng_candidates_total(c)));
}

static void apply_eta(firn_sampler *sampler, eng_candidates *c)
{
    const double epsilon = sampler->parameters.eta_cutoff;
    eng_candidates_weigh(c);
    const double other = sqrt(epsilon) * (double)kern_exp((float)-eng_candidates_entropy(c));
    eng_candidates_cut(c, floor_of(c, (epsilon < other ? epsilon : other) * eng_candidates_total(c)));
}

/* Drops all that reach the threshold but the last of them by rank. The others, mostly nearly all, stay as they lie. */
static void apply_xtc(firn_sampler *sampler, eng_candidates *c)
{
    if (eng_noise_coin(&sampler->noise) > sampler->parameters.xtc_probability)
        return;
    if (c->listed)
        eng_candidates_list(c);
    const double floor = floor_of(c, sampler->parameters.xtc_threshold * eng_candidates_total(c));
    const float *const logits = c->logits;
    eng_candidates likely = *c; /* those that reach it */
    eng_candidate least = {INFINITY, -1};
    if (logits != NULL)
        eng_candidates_gather(&likely, nextafterf((float)floor, -INFINITY));
    for (size_t i = 0; i < likely.count; i++)
        if ((double)likely.first[i].logit >= floor && eng_candidate_better(least, likely.first[i]))
            least = likely.first[i];
    float *const dense = logits != NULL && likely.count > 1 ? eng_candidates_edit(c) : NULL;
    size_t kept = 0;
    for (size_t i = 0; i < likely.count; i++) {
        const bool keeps = (double)likely.first[i].logit < floor || likely.first[i].id == least.id;
        if (logits == NULL && keeps)
            c->first[kept++] = c->first[i];
        else if (dense != NULL && !keeps)
            dense[likely.first[i].id] = -INFINITY;
    }
    c->count = kept;
    c->surveyed = c->weighed = false;
}

/* ---- temperature ---- */

static void apply_temperature(firn_sampler *sampler, eng_candidates *c)
{
    const firn_generation_parameters *const p = &sampler->parameters;
    double temperature = p->temperature;
    if (p->dynatemp_range > 0) {
        const double low = temperature > p->dynatemp_range ? temperature - p->dynatemp_range : 0;
        const double high = temperature + p->dynatemp_range;
        eng_candidates_weigh(c);
        const size_t count = eng_candidates_count(c);
        if (count < 2)
            return;
        const double entropy = eng_candidates_entropy(c) / kern_log_double((double)count);
        temperature = low + (high - low) * power(entropy < 0 ? 0 : entropy > 1 ? 1 : entropy, p->dynatemp_exponent);
    }
    if (temperature <= 0)
        eng_candidates_keep_best(c, 1);
    else
        c->divisor *= temperature;
    c->weighed = false;
}

/* ---- steering ---- */

/* `value` where the logit is finite, else `other`: by bits, so that compilers do several at once. */
static inline float where_usable(float logit, float value, float other)
{
    const uint32_t magnitude = kern_bits_from_float(logit) & 0x7fffffffu;
    const uint32_t usable = (uint32_t)((int32_t)(magnitude - 0x7f800000u) >> 31); /* all bits, or none */
    return kern_float_from_bits((kern_bits_from_float(value) & usable) | (kern_bits_from_float(other) & ~usable));
}

/* Weights of all tokens of a vocabulary, 0 for those that may not come; returns their sum, the last token first. */
static double weigh_all(const eng_candidates *c, float *weights)
{
    const float *const logits = c->logits;
    const double highest = (double)c->highest, divisor = c->divisor;
    double total = 0;
    for (uint32_t end = c->n_vocab; end > 0;) {
        const uint32_t start = (end - 1) / KERN_PIECE * KERN_PIECE;
        for (uint32_t id = start; id < end; id++) {
            const float exponent = (float)(((double)logits[id] - highest) / divisor);
            weights[id] = where_usable(logits[id], exponent, KERN_EXP_LOWEST);
        }
        c->kernels->exponentials(weights + start, end - start);
        while (end > start)
            total += (double)weights[--end];
    }
    return total;
}

/*
 * Adaptive-p: the logits become a peak around the probability that would bring the average of earlier tokens back to
 * the target, quadratic near it and linear far from it.
 */
static inline float adapted(double probability, double aim)
{
    const double peak = 5, sharpness = 10, inverse_width = 1 / 0.3;
    const double distance = fabs(probability - aim) * inverse_width;
    return (float)(peak - sharpness * distance * distance / (1 + distance));
}

static void adapt_all(const float *logits, const float *weights, uint32_t n, double total, double aim, float *out)
{
    for (uint32_t i = 0; i < n; i++) {
        const float logit = adapted((double)weights[i] / total, aim);
        out[i] = where_usable(logits[i], logit, -INFINITY);
    }
}

static void apply_adaptive(firn_sampler *sampler, eng_candidates *c)
{
    float *const weights = sampler->adaptive_weights;
    const double target = sampler->parameters.adaptive_target;
    const eng_steering *const s = &sampler->steering;
    double aim = s->total_weight > 0 ? 2 * target - s->weighted_sum / s->total_weight : target;
    aim = aim < 0 ? 0 : aim > 1 ? 1 : aim;
    c->listed = c->logits != NULL;
    const double total = c->listed ? weigh_all(c, weights) : eng_candidates_total(c);
    if (c->listed)
        adapt_all(c->logits, weights, c->n_vocab, total, aim, c->own);
    c->logits = c->listed ? c->own : NULL;
    for (size_t i = 0; i < c->count; i++) {
        const eng_candidate token = c->first[i];
        weights[token.id] = (float)eng_candidates_weight(c, token.logit);
        c->first[i].logit = adapted((double)weights[token.id] / total, aim);
    }
    sampler->adaptive_total = total;
    c->divisor = 1;
    c->ranked = c->surveyed = c->weighed = false;
}

enum { LOOKED_AT = 100 }; /* ranks */

/* How many tokens mirostat 1 lets through, from the exponent that the likeliest suggest for Zipf's law. */
static double mirostat_rank(const eng_ranking *ranking, double mu)
{
    const eng_candidates *const c = ranking->candidates;
    double products = 0, squares = 0;
    for (size_t i = 0; i + 1 < LOOKED_AT && i + 1 < ranking->count; i++) {
        const double t = kern_log_double((double)(i + 2) / (double)(i + 1));
        const float here = ranking->end[-1 - (ptrdiff_t)i].logit, next = ranking->end[-2 - (ptrdiff_t)i].logit;
        products += t * ((double)here - (double)next) / c->divisor;
        squares += t * t;
    }
    const double s = products / squares, ln2 = 0.69314718055994531, log_n = kern_log_double((double)c->n_vocab);
    if (!(s > 0.001)) /* flat: no law to be seen */
        return (double)c->n_vocab;
    const double exponent = s - 1;
    /* (exponent 2^mu / (1 - n^-exponent))^(1 / s); as the exponent goes to 0, the quotient goes to 1 / log n */
    const double quotient =
        fabs(exponent) < 1e-4 ? 1 / log_n : exponent / (1 - (double)kern_exp((float)(-exponent * log_n)));
    const double log_k = (kern_log_double(quotient) + mu * ln2) / s;
    return log_k > 40 ? (double)c->n_vocab : (double)kern_exp((float)log_k);
}

static void apply_mirostat(firn_sampler *sampler, eng_candidates *c)
{
    const double mu = sampler->steering.mu;
    if (sampler->parameters.mirostat == 1) {
        eng_ranking ranking;
        eng_ranking_begin(&ranking, c, -FLT_MAX);
        const double k = eng_ranking_reach(&ranking, LOOKED_AT) < 2 ? 1 : mirostat_rank(&ranking, mu);
        const size_t wanted = k < 1 ? 1 : k >= (double)c->n_vocab ? c->n_vocab : (size_t)k;
        const size_t n = eng_ranking_reach(&ranking, wanted);
        eng_ranking_keep(&ranking, wanted < n ? wanted : n);
        return;
    }
    const double ln2 = 0.69314718055994531;
    const double floor = (kern_log_double(eng_candidates_total(c)) - mu * ln2) * c->divisor + (double)c->highest;
    eng_candidates_cut(c, floor);
}

/* ---- the table ---- */

#define ACTIVE(name, condition)                                    \
    static bool name##_active(const firn_generation_parameters *p) \
    {                                                              \
        return condition;                                          \
    }
ACTIVE(penalties,
       p->repeat_last_n != 0 && (p->repeat_penalty != 1 || p->presence_penalty != 0 || p->frequency_penalty != 0))
ACTIVE(dry, p->dry_multiplier > 0 && p->dry_penalty_last_n != 0)
ACTIVE(top_n_sigma, p->top_n_sigma > 0)
ACTIVE(top_k, p->top_k > 0)
ACTIVE(tail_free, p->tfs_z < 1)
ACTIVE(typical, p->typical_p < 1)
ACTIVE(epsilon, p->epsilon_cutoff > 0)
ACTIVE(eta, p->eta_cutoff > 0)
ACTIVE(top_p, p->top_p < 1)
ACTIVE(min_p, p->min_p > 0)
ACTIVE(xtc, p->xtc_probability > 0 && p->xtc_threshold <= 0.5)
ACTIVE(temperature, p->temperature != 1 || p->dynatemp_range > 0)
ACTIVE(adaptive, p->adaptive_target >= 0)
ACTIVE(mirostat, p->mirostat != 0)
#undef ACTIVE

static const eng_stage stages[] = {
    {"penalties", penalties_active, eng_apply_penalties, false},
    {"dry", dry_active, eng_apply_dry, false},
    {"top_n_sigma", top_n_sigma_active, apply_top_n_sigma, true},
    {"top_k", top_k_active, apply_top_k, true},
    {"tfs_z", tail_free_active, apply_tail_free, true},
    {"typ_p", typical_active, apply_typical, false},
    {"epsilon_cutoff", epsilon_active, apply_epsilon, true},
    {"eta_cutoff", eta_active, apply_eta, true},
    {"top_p", top_p_active, apply_top_p, true},
    {"min_p", min_p_active, apply_min_p, true},
    {"xtc", xtc_active, apply_xtc, false},
    {"temperature", temperature_active, apply_temperature, false},
    {"adaptive_p", adaptive_active, apply_adaptive, false},
};

const eng_stage eng_stage_bias = {"logit_bias", NULL, eng_apply_bias, false};
const eng_stage eng_stage_mirostat = {"mirostat", mirostat_active, apply_mirostat, false};

const eng_stage *eng_stage_find(const char *name)
{
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        if (strcmp(stages[i].name, name) == 0)
            return &stages[i];
    return NULL;
}
