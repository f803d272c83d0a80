/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What shapes and truncates: each stage is a function over the candidates that are left, listed in one table. The
 * definitions are those of the papers and programs that made them known; a comment says where there was a choice.
 */
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

static void apply_top_n_sigma(firn_sampler *sampler, eng_candidates *c)
{
    enum { LANES = 16 }; /* sums that don't wait for each other */
    double count[LANES] = {0}, sum[LANES] = {0}, squares[LANES] = {0};
    const size_t n = c->logits != NULL ? c->n_vocab : c->count;
    for (size_t i = 0; i < n; i++) {
        const float logit = c->logits != NULL ? c->logits[i] : c->first[i].logit;
        const bool usable = logit >= -FLT_MAX && logit <= FLT_MAX;
        const double below = usable ? (double)logit - (double)c->highest : 0;
        count[i % LANES] += usable;
        sum[i % LANES] += below;
        squares[i % LANES] += below * below;
    }
    for (int i = 1; i < LANES; i++) {
        count[0] += count[i];
        sum[0] += sum[i];
        squares[0] += squares[i];
    }
    const double mean = sum[0] / count[0], variance = squares[0] / count[0] - mean * mean;
    const double sigma = variance > 0 ? sqrt(variance) : 0;
    eng_candidates_cut(c, (double)c->highest - sampler->parameters.top_n_sigma * sigma);
}

/*
 * Ranked by how far a token's surprise is from the expected one, until probability p is reached. A surprise of more
 * than twice the expected one is farther from it than all smaller ones; where those above it together have less than
 * 1 - p, so have the smaller ones more than p, and it isn't kept.
 */
static void apply_typical(firn_sampler *sampler, eng_candidates *c)
{
    const double p = sampler->parameters.typical_p, slack = 0.001; /* far more than all rounding */
    const double total = eng_candidates_total(c), log_total = kern_log_double(total);
    const double entropy = eng_candidates_entropy(c), rare = kern_log_double((double)c->n_vocab / (1 - p));
    const double most = (rare > 2 * entropy ? rare : 2 * entropy) + slack;
    if (c->logits != NULL)
        eng_candidates_gather(c, (float)((log_total - most) * c->divisor + (double)c->highest - slack * c->divisor));
    for (size_t i = 0; i < c->count; i++) {
        const eng_candidate token = c->first[i];
        const double surprise = log_total - ((double)token.logit - (double)c->highest) / c->divisor;
        c->keys[i] = (eng_candidate){-(float)fabs(surprise - entropy), token.id};
        c->own[token.id] = token.logit;
    }
    eng_heap_build(c->keys, c->count);
    double sum = 0;
    size_t kept = 0;
    while (kept < c->count && (kept == 0 || sum <= p * total)) {
        const int32_t id = eng_heap_pop(c->keys, c->count - kept).id;
        c->memory[kept++] = (eng_candidate){c->own[id], id};
        sum += eng_candidates_weight(c, c->own[id]);
    }
    c->first = c->memory;
    c->count = kept;
    c->ranked = c->surveyed = false;
}

/* Second differences in absolute value, as programs have it; the paper's text leaves that open. */
static double curvature(const float *weights, size_t i)
{
    return fabs((double)weights[i] - 2 * (double)weights[i + 1] + (double)weights[i + 2]);
}

static void apply_tail_free(firn_sampler *sampler, eng_candidates *c)
{
    float *const weights = c->own; /* by rank, 0 being the best */
    eng_candidates_keep_best(c, c->n_vocab);
    if (c->count <= 2)
        return;
    for (size_t i = 0; i < c->count; i++)
        weights[i] = (float)eng_candidates_weight(c, c->first[c->count - 1 - i].logit);
    double total = 0, sum = 0;
    for (size_t i = 0; i + 2 < c->count; i++)
        total += curvature(weights, i);
    for (size_t i = 0; i + 2 < c->count && total > 0; i++) {
        sum += curvature(weights, i);
        if (sum > sampler->parameters.tfs_z * total && i > 0) {
            eng_candidates_keep_best(c, i);
            return;
        }
    }
}

static void apply_epsilon(firn_sampler *sampler, eng_candidates *c)
{
    eng_candidates_cut(c, floor_of(c, sampler->parameters.epsilon_cutoff * eng_candidates_total(c)));
}

static void apply_eta(firn_sampler *sampler, eng_candidates *c)
{
    const double epsilon = sampler->parameters.eta_cutoff;
    const double other = sqrt(epsilon) * (double)kern_exp((float)-eng_candidates_entropy(c));
    eng_candidates_cut(c, floor_of(c, (epsilon < other ? epsilon : other) * eng_candidates_total(c)));
}

/* Drops all that reach the threshold but the last of them by rank. The others, mostly nearly all, stay as they lie. */
static void apply_xtc(firn_sampler *sampler, eng_candidates *c)
{
    if (eng_noise_coin(&sampler->noise) > sampler->parameters.xtc_probability)
        return;
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
    c->surveyed = false;
}

/* ---- temperature ---- */

static void apply_temperature(firn_sampler *sampler, eng_candidates *c)
{
    const firn_generation_parameters *const p = &sampler->parameters;
    double temperature = p->temperature;
    if (p->dynatemp_range > 0) {
        const double low = temperature > p->dynatemp_range ? temperature - p->dynatemp_range : 0;
        const double high = temperature + p->dynatemp_range;
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
}

/* ---- steering ---- */

/*
 * Adaptive-p: the logits become a peak around the probability that would bring the average of earlier tokens back to
 * the target, quadratic near it and linear far from it.
 */
static void apply_adaptive(firn_sampler *sampler, eng_candidates *c)
{
    const double peak = 5, sharpness = 10, inverse_width = 1 / 0.3;
    const double target = sampler->parameters.adaptive_target;
    const eng_steering *const s = &sampler->steering;
    double aim = s->total_weight > 0 ? 2 * target - s->weighted_sum / s->total_weight : target;
    aim = aim < 0 ? 0 : aim > 1 ? 1 : aim;
    eng_candidates_list(c);
    const double total = eng_candidates_total(c);
    for (size_t i = 0; i < c->count; i++) {
        const double probability = eng_candidates_weight(c, c->first[i].logit) / total;
        const double distance = fabs(probability - aim) * inverse_width;
        c->own[c->first[i].id] = (float)probability; /* for what the pick teaches */
        c->first[i].logit = (float)(peak - sharpness * distance * distance / (1 + distance));
    }
    c->divisor = 1;
    c->ranked = c->surveyed = false;
}

/* How many tokens mirostat 1 lets through, from the exponent that the likeliest hundred suggest for Zipf's law. */
static double mirostat_rank(const eng_candidates *c, double mu)
{
    enum { LOOKED_AT = 100 };
    double products = 0, squares = 0;
    for (size_t i = 0; i + 1 < LOOKED_AT && i + 1 < c->count; i++) {
        const double t = kern_log_double((double)(i + 2) / (double)(i + 1));
        const float here = c->first[c->count - 1 - i].logit, next = c->first[c->count - 2 - i].logit;
        products += t * ((double)here - (double)next) / c->divisor;
        squares += t * t;
    }
    const double s = products / squares, ln2 = 0.69314718055994531, log_n = kern_log_double((double)c->n_vocab);
    if (!(s > 0.001)) /* flat: no law to be seen */
        return (double)c->count;
    const double exponent = s - 1;
    /* (exponent 2^mu / (1 - n^-exponent))^(1 / s); as the exponent goes to 0, the quotient goes to 1 / log n */
    const double quotient =
        fabs(exponent) < 1e-4 ? 1 / log_n : exponent / (1 - (double)kern_exp((float)(-exponent * log_n)));
    const double log_k = (kern_log_double(quotient) + mu * ln2) / s;
    return log_k > 40 ? (double)c->count : (double)kern_exp((float)log_k);
}

static void apply_mirostat(firn_sampler *sampler, eng_candidates *c)
{
    const double mu = sampler->steering.mu;
    if (sampler->parameters.mirostat == 1) {
        eng_candidates_keep_best(c, c->n_vocab);
        if (c->count < 2)
            return;
        const double k = mirostat_rank(c, mu);
        eng_candidates_keep_best(c, k < 1 ? 1 : k >= (double)c->count ? c->count : (size_t)k);
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
