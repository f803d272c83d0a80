/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every stage alone and in combinations, against the exact distribution that its definition gives, computed here by
 * sorting and with libm on other data structures.
 */
#include "base/philox.h"
#include "engine/firn.h"
#include "tests/support/distribution.h"
#include "tests/support/effort.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 60, DRAWS = SUPPORT_EFFORT(1000000, 20000) };

/* ---- the definitions ---- */

typedef struct entry {
    int id;
    double logit, p, key;
} entry;

typedef struct reference {
    entry e[N];
    int n;
    const firn_generation_parameters *parameters;
    const int32_t *seen;
    int n_seen;
    bool coin;
} reference;

static int by_logit(const void *a, const void *b)
{
    const entry *const x = a, *const y = b;
    return x->logit != y->logit ? (x->logit < y->logit) - (x->logit > y->logit) : x->id - y->id;
}

static int by_key(const void *a, const void *b)
{
    const entry *const x = a, *const y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : x->id - y->id;
}

static void rank_all(reference *r)
{
    double total = 0;
    qsort(r->e, (size_t)r->n, sizeof r->e[0], by_logit);
    for (int i = 0; i < r->n; i++)
        total += exp(r->e[i].logit - r->e[0].logit);
    for (int i = 0; i < r->n; i++)
        r->e[i].p = exp(r->e[i].logit - r->e[0].logit) / total;
}

static double entropy(const reference *r)
{
    double sum = 0;
    for (int i = 0; i < r->n; i++)
        sum -= r->e[i].p > 0 ? r->e[i].p * log(r->e[i].p) : 0;
    return sum;
}

static void drop_below(reference *r, double p)
{
    while (r->n > 1 && r->e[r->n - 1].p < p)
        r->n--;
}

static void keep_until(reference *r, double p, bool reached)
{
    double sum = 0;
    for (int i = 0; i < r->n; i++) {
        sum += r->e[i].p;
        if (reached ? sum >= p : sum > p)
            r->n = i + 1;
    }
}

static void tail_free(reference *r, double z)
{
    double second[N], total = 0, sum = 0;
    for (int i = 0; i + 2 < r->n; i++)
        total += second[i] = fabs((r->e[i].p - r->e[i + 1].p) - (r->e[i + 1].p - r->e[i + 2].p));
    for (int i = 0; i + 2 < r->n; i++) {
        sum += second[i] / total;
        if (sum > z && i >= 1) {
            r->n = i;
            return;
        }
    }
}

static void penalise(reference *r)
{
    const firn_generation_parameters *const p = r->parameters;
    const int window = p->repeat_last_n < 0 || p->repeat_last_n > r->n_seen ? r->n_seen : p->repeat_last_n;
    for (int i = 0; i < r->n; i++) {
        int times = 0;
        for (int s = r->n_seen - window; s < r->n_seen; s++)
            times += r->seen[s] == r->e[i].id;
        if (times == 0)
            continue;
        r->e[i].logit *= r->e[i].logit <= 0 ? p->repeat_penalty : 1 / p->repeat_penalty;
        r->e[i].logit -= times * p->frequency_penalty + p->presence_penalty;
    }
}

/* For each token, the longest stretch before one of its appearances that is also the text's end. */
static void dry(reference *r)
{
    const firn_generation_parameters *const p = r->parameters;
    const int window =
        p->dry_penalty_last_n < 0 || p->dry_penalty_last_n > r->n_seen ? r->n_seen : p->dry_penalty_last_n;
    const int begin = r->n_seen - window;
    for (int i = 0; i < r->n; i++) {
        int longest = 0;
        for (int s = begin; s < r->n_seen; s++) {
            int length = 0;
            while (s - 1 - length >= begin && r->seen[s - 1 - length] == r->seen[r->n_seen - 1 - length])
                length++;
            if (r->seen[s] == r->e[i].id && length > longest)
                longest = length;
        }
        if (longest >= p->dry_allowed_length && longest > 0)
            r->e[i].logit -= p->dry_multiplier * pow(p->dry_base, longest - p->dry_allowed_length);
    }
}

static void xtc(reference *r, double threshold)
{
    int above = 0;
    while (above < r->n && r->e[above].p >= threshold)
        above++;
    if (!r->coin || above < 2)
        return;
    memmove(r->e, r->e + above - 1, (size_t)(r->n - above + 1) * sizeof r->e[0]);
    r->n -= above - 1;
}

static void adaptive(reference *r, double target)
{
    for (int i = 0; i < r->n; i++) {
        const double d = fabs(r->e[i].p - target) / 0.3;
        r->e[i].logit = 5 - 10 * d * d / (1 + d);
    }
}

static void apply(reference *r, const char *stage)
{
    const firn_generation_parameters *const p = r->parameters;
    rank_all(r);
    if (strcmp(stage, "penalties") == 0)
        penalise(r);
    else if (strcmp(stage, "dry") == 0 && p->dry_multiplier > 0)
        dry(r);
    else if (strcmp(stage, "top_k") == 0 && p->top_k > 0)
        r->n = p->top_k < r->n ? p->top_k : r->n;
    else if (strcmp(stage, "top_p") == 0 && p->top_p < 1)
        keep_until(r, p->top_p, true);
    else if (strcmp(stage, "min_p") == 0)
        drop_below(r, p->min_p * r->e[0].p);
    else if (strcmp(stage, "epsilon_cutoff") == 0)
        drop_below(r, p->epsilon_cutoff);
    else if (strcmp(stage, "eta_cutoff") == 0)
        drop_below(r, fmin(p->eta_cutoff, sqrt(p->eta_cutoff) * exp(-entropy(r))));
    else if (strcmp(stage, "tfs_z") == 0 && p->tfs_z < 1)
        tail_free(r, p->tfs_z);
    else if (strcmp(stage, "xtc") == 0 && p->xtc_probability > 0)
        xtc(r, p->xtc_threshold);
    else if (strcmp(stage, "adaptive_p") == 0 && p->adaptive_target >= 0)
        adaptive(r, p->adaptive_target);
    else if (strcmp(stage, "typ_p") == 0 && p->typical_p < 1) {
        const double expected = entropy(r);
        for (int i = 0; i < r->n; i++)
            r->e[i].key = fabs(-log(r->e[i].p) - expected);
        qsort(r->e, (size_t)r->n, sizeof r->e[0], by_key);
        keep_until(r, p->typical_p, false);
    } else if (strcmp(stage, "top_n_sigma") == 0 && p->top_n_sigma > 0) {
        double mean = 0, variance = 0;
        for (int i = 0; i < r->n; i++)
            mean += r->e[i].logit / r->n;
        for (int i = 0; i < r->n; i++)
            variance += (r->e[i].logit - mean) * (r->e[i].logit - mean) / r->n;
        while (r->e[r->n - 1].logit < r->e[0].logit - p->top_n_sigma * sqrt(variance))
            r->n--;
    } else if (strcmp(stage, "temperature") == 0) {
        const double t = p->temperature, range = p->dynatemp_range;
        const double share = range > 0 ? pow(entropy(r) / log(r->n), p->dynatemp_exponent) : 0;
        const double used = range > 0 ? fmax(t - range, 0) + (t + range - fmax(t - range, 0)) * share : t;
        for (int i = 0; i < r->n; i++)
            r->e[i].logit /= used;
    }
}

static void expected(const float *logits, const firn_generation_parameters *parameters, const int32_t *seen, int n_seen,
                     bool coin, double *probability, double weight)
{
    reference r = {.parameters = parameters, .seen = seen, .n_seen = n_seen, .coin = coin};
    firn_list_entry stage;
    for (int i = 0; i < N; i++)
        if (isfinite(logits[i]))
            r.e[r.n++] = (entry){i, (double)logits[i], 0, 0};
    for (size_t i = 0; firn_list_at(&parameters->samplers, i, &stage); i++)
        apply(&r, stage.text);
    rank_all(&r);
    for (int i = 0; i < r.n; i++)
        probability[r.e[i].id] += weight * r.e[i].p;
}

/* ---- tests ---- */

static const int32_t seen_tokens[] = {3, 5, 9, 3, 5, 9, 12, 3, 5, 9, 3, 5, 2, 3, 5, 9, 3, 5};
enum { N_SEEN = sizeof seen_tokens / sizeof seen_tokens[0] };

static void make_logits(float logits[N])
{
    for (uint32_t i = 0; i < N; i++) {
        const base_philox_block block = base_philox((base_philox_block){{i, 0, 0, 0}}, 7);
        logits[i] = 6 * ((float)block.word[0] * 0x1p-32f + (float)block.word[1] * 0x1p-32f - 1);
    }
    logits[11] = -INFINITY;
    logits[20] = logits[21]; /* a tie */
    logits[9] = 4;           /* what penalties act on is likely */
    logits[2] = 3.5f;
}

static firn_generation_parameters settings(const char *text)
{
    firn_generation_parameters p = firn_generation_parameters_default();
    firn_error error = {0};
    static const char off[] = "{\"seed\":77,\"temperature\":1,\"top_k\":0,\"top_p\":1,\"min_p\":0,"
                              "\"dry_sequence_breakers\":[]}";
    cr_assert_eq(firn_parameters_read(&p, off, strlen(off), "", &error), FIRN_OK, "%s", error.message);
    cr_assert_eq(firn_parameters_read(&p, text, strlen(text), "", &error), FIRN_OK, "%s: %s", text, error.message);
    return p;
}

static firn_sampler *make(const firn_generation_parameters *p, uint32_t n_vocab)
{
    firn_sampler *sampler = NULL;
    firn_error error = {0};
    cr_assert_eq(firn_sampler_create(p, n_vocab, &sampler, &error), FIRN_OK, "%s", error.message);
    return sampler;
}

static void expect(const char *text)
{
    float logits[N];
    double probability[N] = {0};
    int count[N] = {0}, none = 0;
    char why[200];
    make_logits(logits);
    const firn_generation_parameters p = settings(text);
    expected(logits, &p, seen_tokens, N_SEEN, true, probability, p.xtc_probability);
    expected(logits, &p, seen_tokens, N_SEEN, false, probability, 1 - p.xtc_probability);
    firn_sampler *const sampler = make(&p, N);
    cr_assert_eq(firn_sampler_prompt(sampler, seen_tokens, N_SEEN, NULL), FIRN_OK);
    for (int i = 0; i < DRAWS; i++) {
        const int32_t id = firn_sampler_pick(sampler, logits, (uint64_t)i % 3, (uint64_t)i / 3);
        none += id < 0;
        count[id < 0 ? 0 : id]++;
    }
    cr_assert_eq(none, 0);
    cr_assert(support_follows(count, probability, N, DRAWS, why), "%s: %s", text, why);
    firn_sampler_release(sampler);
}

static void expect_each(const char *const *cases, size_t n_cases)
{
    for (size_t i = 0; i < n_cases; i++)
        expect(cases[i]);
}

Test(stages, truncations_have_their_distributions)
{
    static const char *const cases[] = {
        "{}",
        "{\"top_n_sigma\":1.1}",
        "{\"typical_p\":0.3}",
        "{\"typical_p\":0.9}",
        "{\"tfs_z\":0.5}",
        "{\"tfs_z\":0.95}",
        "{\"epsilon_cutoff\":0.02}",
        "{\"eta_cutoff\":0.05}",
        "{\"top_k\":7}",
        "{\"top_p\":0.8}",
        "{\"min_p\":0.03}",
        "{\"temperature\":1.7}",
    };
    expect_each(cases, sizeof cases / sizeof cases[0]);
}

Test(stages, shaping_has_its_distributions)
{
    static const char *const cases[] = {
        "{\"xtc_probability\":1,\"xtc_threshold\":0.05}",
        "{\"xtc_probability\":0.4,\"xtc_threshold\":0.1}",
        "{\"xtc_probability\":0.4,\"xtc_threshold\":0.4}",
        "{\"adaptive_target\":0.1}",
        "{\"adaptive_target\":0.5}",
        "{\"dynatemp_range\":0.9,\"temperature\":1.1}",
        "{\"dynatemp_range\":2,\"dynatemp_exponent\":0.3}",
    };
    expect_each(cases, sizeof cases / sizeof cases[0]);
}

Test(stages, penalties_have_their_distributions)
{
    static const char *const cases[] = {
        "{\"repeat_penalty\":1.6}",
        "{\"presence_penalty\":1.5,\"repeat_last_n\":5}",
        "{\"frequency_penalty\":0.7,\"repeat_last_n\":-1}",
        "{\"frequency_penalty\":-0.2,\"presence_penalty\":-0.3}",
        "{\"dry_multiplier\":0.8}",
        "{\"dry_multiplier\":0.8,\"dry_allowed_length\":1,\"dry_base\":1.2,\"dry_penalty_last_n\":8}",
    };
    expect_each(cases, sizeof cases / sizeof cases[0]);
}

Test(stages, combinations_have_their_distributions)
{
    static const char *const cases[] = {
        "{\"top_k\":20,\"top_p\":0.9,\"min_p\":0.02,\"temperature\":0.7,\"repeat_penalty\":1.3}",
        "{\"top_k\":30,\"typical_p\":0.8,\"top_p\":0.9,\"xtc_probability\":0.5,\"temperature\":1.4}",
        "{\"top_n_sigma\":1.5,\"tfs_z\":0.97,\"eta_cutoff\":0.01,\"dry_multiplier\":1,\"temperature\":2}",
        "{\"top_k\":15,\"adaptive_target\":0.2,\"min_p\":0.01,\"temperature\":1.3}",
        /* other orders */
        "{\"samplers\":\"temperature;top_p\",\"temperature\":2,\"top_p\":0.8,\"top_k\":3}",
        "{\"samplers\":\"tkpm\",\"temperature\":0.6,\"top_k\":25,\"top_p\":0.97,\"min_p\":0.05}",
        "{\"samplers\":[\"top_k\",\"penalties\",\"top_p\"],\"repeat_penalty\":2,\"top_k\":10,\"top_p\":0.9}",
        "{\"samplers\":\"temperature;penalties;dry;min_p\",\"temperature\":0.5,\"frequency_penalty\":1,"
        "\"dry_multiplier\":0.5,\"min_p\":0.01}",
        "{\"samplers\":\"xtc;typ_p;temperature\",\"xtc_probability\":0.5,\"typical_p\":0.7,\"temperature\":1.2}",
        "{\"samplers\":\"min_p;top_n_sigma;epsilon_cutoff\",\"min_p\":0.01,\"top_n_sigma\":1.2,"
        "\"epsilon_cutoff\":0.01,\"temperature\":9}",
    };
    expect_each(cases, sizeof cases / sizeof cases[0]);
}

/* How often the tokens come when `p` picks and accepts nothing. */
static void counts_of(firn_sampler *sampler, const float *logits, int count[N])
{
    memset(count, 0, N * sizeof *count);
    for (int i = 0; i < 20000; i++)
        count[firn_sampler_pick(sampler, logits, 0, (uint64_t)i)]++;
}

Test(stages, biases_and_bans)
{
    float logits[N] = {0};
    int count[N];
    const firn_generation_parameters p =
        settings("{\"logit_bias\":[[4,false],[5,3,2],[6,-1000]],\"no_repeat_ngram_size\":2}");
    firn_sampler *const sampler = make(&p, N);
    cr_assert_eq(firn_sampler_prompt(sampler, (const int32_t[]){7, 8, 7}, 3, NULL), FIRN_OK);
    counts_of(sampler, logits, count);
    cr_assert(count[4] == 0 && count[6] == 0 && count[8] == 0 && count[7] > 0);
    cr_assert(count[5] > 10 * count[7]);
    cr_assert_eq(firn_sampler_ban(sampler, 30, NULL), FIRN_OK);
    counts_of(sampler, logits, count);
    cr_assert(count[30] == 0 && count[31] > 0);
    cr_assert_eq(firn_sampler_accept(sampler, 1, NULL), FIRN_OK); /* the ban was of the place before */
    cr_assert_eq(firn_sampler_accept(sampler, 2, NULL), FIRN_OK);
    counts_of(sampler, logits, count);
    cr_assert(count[30] > 0 && count[8] > 0 && count[4] == 0);
    cr_assert(count[5] < 2 * count[7], "a bias for two tokens acts on the third");
    firn_sampler_rewind(sampler, 3);
    counts_of(sampler, logits, count);
    cr_assert(count[30] == 0 && count[8] == 0 && count[5] > 10 * count[7]);
    firn_sampler_rewind(sampler, 2);
    cr_assert_eq(firn_sampler_accept(sampler, 7, NULL), FIRN_OK);
    counts_of(sampler, logits, count);
    cr_assert(count[30] > 0);
    firn_sampler_release(sampler);
}

/* A text drawn token by token; gives the average surprise under what it was drawn from, in bits. */
static double average_surprise(const firn_generation_parameters *p, const float *logits)
{
    enum { TOKENS = 3000 };
    firn_sampler *const sampler = make(p, N);
    double sum = 0;
    for (int i = 0; i < TOKENS; i++) {
        const int32_t id = firn_sampler_pick(sampler, logits, 0, (uint64_t)i);
        sum -= (double)firn_sampler_logprobs(sampler, id, 0, NULL, NULL) / log(2) / TOKENS;
        cr_assert_eq(firn_sampler_accept(sampler, id, NULL), FIRN_OK);
    }
    firn_sampler_release(sampler);
    return sum;
}

Test(stages, mirostat_lets_through_what_its_state_says)
{
    float logits[N];
    make_logits(logits);
    const firn_generation_parameters p =
        settings("{\"mirostat\":2,\"mirostat_tau\":2,\"mirostat_eta\":0.3,\"top_k\":1}");
    firn_sampler *const sampler = make(&p, N);
    double mu = 4;
    for (int step = 0; step < 200; step++) {
        double probability[N] = {0}, total = 0, kept = 0;
        for (int i = 0; i < N; i++)
            total += isfinite(logits[i]) ? exp((double)logits[i]) : 0;
        for (int i = 0; i < N; i++) {
            const double q = isfinite(logits[i]) ? exp((double)logits[i]) / total : 0;
            probability[i] = q > 0 && -log2(q) <= mu ? q : 0;
            kept += probability[i];
        }
        const int32_t id = firn_sampler_pick(sampler, logits, 0, (uint64_t)step);
        cr_assert(kept == 0 || probability[id] > 0, "step %d: mu %g", step, mu);
        mu -= 0.3 * ((kept > 0 ? -log2(probability[id] / kept) : 0) - 2);
        cr_assert_eq(firn_sampler_accept(sampler, id, NULL), FIRN_OK);
    }
    firn_sampler_release(sampler);
}

/* What mirostat keeps at a surprise of mu bits, as Basu et al. (2021) have it, and its second version. */
static void expected_mirostat(const float *logits, const firn_generation_parameters *p, double mu,
                              double probability[N])
{
    reference r = {.parameters = p};
    for (int i = 0; i < N; i++)
        if (isfinite(logits[i]))
            r.e[r.n++] = (entry){i, (double)logits[i] / p->temperature, 0, 0};
    rank_all(&r);
    if (p->mirostat == 1) {
        double products = 0, squares = 0;
        for (int i = 0; i + 1 < r.n && i + 1 < 100; i++) {
            const double t = log((i + 2.0) / (i + 1.0));
            products += t * log(r.e[i].p / r.e[i + 1].p);
            squares += t * t;
        }
        const double s = products / squares, exponent = s - 1;
        const double k = pow(exponent * exp2(mu) / (1 - pow(N, -exponent)), 1 / s);
        r.n = k < 1 ? 1 : k < r.n ? (int)k : r.n;
    } else {
        drop_below(&r, exp2(-mu));
    }
    rank_all(&r);
    for (int i = 0; i < r.n; i++)
        probability[r.e[i].id] = r.e[i].p;
}

Test(stages, mirostat_has_its_distribution_in_each_state)
{
    enum { SEVERAL = DRAWS / 4 };
    float logits[N];
    make_logits(logits);
    for (int version = 1; version <= 2; version++) {
        firn_generation_parameters p = settings("{\"mirostat_tau\":2.5,\"mirostat_eta\":0.8,\"temperature\":1.2}");
        p.mirostat = version;
        firn_sampler *const sampler = make(&p, N);
        double mu = 2 * p.mirostat_tau;
        for (int step = 0; step < 5; step++) {
            double probability[N] = {0};
            int count[N] = {0};
            char why[200];
            expected_mirostat(logits, &p, mu, probability);
            for (int i = 0; i < SEVERAL; i++)
                count[firn_sampler_pick(sampler, logits, 1, (uint64_t)i)]++;
            cr_assert(support_follows(count, probability, N, SEVERAL, why), "version %d, mu %g: %s", version, mu, why);
            const int32_t id = firn_sampler_pick(sampler, logits, 2, (uint64_t)step);
            cr_assert_eq(firn_sampler_accept(sampler, id, NULL), FIRN_OK);
            mu -= p.mirostat_eta * (-log2(probability[id]) - p.mirostat_tau);
        }
        firn_sampler_release(sampler);
    }
}

Test(stages, mirostat_reaches_its_surprise)
{
    float logits[N];
    make_logits(logits);
    for (int version = 1; version <= 2; version++)
        for (int tau = 1; tau <= 3; tau++) {
            firn_generation_parameters p = settings("{}");
            p.mirostat = version;
            p.mirostat_tau = tau;
            const double surprise = average_surprise(&p, logits);
            cr_assert_float_eq(surprise, tau, 0.1, "version %d, tau %d: %g", version, tau, surprise);
        }
}

Test(stages, adaptive_p_steers_back_to_its_target)
{
    enum { SEVERAL = DRAWS / 4 };
    float logits[N];
    make_logits(logits);
    const firn_generation_parameters p = settings("{\"adaptive_target\":0.15,\"adaptive_decay\":0.5}");
    firn_sampler *const sampler = make(&p, N);
    double weighted = 0.15 / 0.5, weights = 1 / 0.5;
    for (int step = 0; step < 5; step++) {
        double probability[N] = {0}, plain[N] = {0};
        int count[N];
        char why[200];
        firn_generation_parameters now = p, none = p;
        now.adaptive_target = fmin(fmax(2 * 0.15 - weighted / weights, 0), 1);
        none.adaptive_target = -1;
        expected(logits, &now, NULL, 0, false, probability, 1);
        expected(logits, &none, NULL, 0, false, plain, 1);
        memset(count, 0, sizeof count);
        for (int i = 0; i < SEVERAL; i++)
            count[firn_sampler_pick(sampler, logits, 0, (uint64_t)i)]++;
        cr_assert(support_follows(count, probability, N, SEVERAL, why), "step %d: %s", step, why);
        const int32_t id = firn_sampler_pick(sampler, logits, 5, (uint64_t)step);
        cr_assert_eq(firn_sampler_accept(sampler, id, NULL), FIRN_OK);
        weighted = plain[id] + 0.5 * weighted;
        weights = 1 + 0.5 * weights;
    }
    firn_sampler_release(sampler);
}

/* Going back leaves no trace: the same tokens come again. */
Test(stages, rewinding_is_as_if_it_had_never_been)
{
    static const char *const cases[] = {
        "{\"mirostat\":1,\"mirostat_tau\":3}",
        "{\"mirostat\":2,\"mirostat_tau\":3}",
        "{\"adaptive_target\":0.3}",
        "{\"dry_multiplier\":1,\"repeat_penalty\":1.4,\"no_repeat_ngram_size\":4}",
    };
    float logits[N];
    make_logits(logits);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const firn_generation_parameters p = settings(cases[c]);
        firn_sampler *const sampler = make(&p, N);
        int32_t first[100];
        for (int round = 0; round < 3; round++) {
            const int start = round == 2 ? 37 : 0;
            firn_sampler_rewind(sampler, (size_t)start);
            for (int i = start; i < 100; i++) {
                const int32_t id = firn_sampler_pick(sampler, logits, 0, (uint64_t)i);
                cr_assert(round == 0 || first[i] == id, "%s: token %d", cases[c], i);
                first[i] = id;
                cr_assert_eq(firn_sampler_accept(sampler, id, NULL), FIRN_OK);
            }
        }
        firn_sampler_release(sampler);
    }
}

Test(stages, explanation_tells_the_pick)
{
    float logits[N];
    make_logits(logits);
    const firn_generation_parameters p =
        settings("{\"top_k\":20,\"top_p\":0.9,\"min_p\":0.05,\"temperature\":1.5,\"logit_bias\":[[9,false]]}");
    firn_sampler *const sampler = make(&p, N);
    for (uint64_t i = 0; i < 200; i++) {
        firn_explained_token tokens[8];
        firn_explanation e = {.n_tokens = 8, .tokens = tokens};
        const int32_t id = firn_sampler_pick(sampler, logits, 0, i);
        float logprob = firn_sampler_logprobs(sampler, id, 0, NULL, NULL);
        cr_assert_eq(firn_sampler_explain(sampler, logits, 0, i, &e), id);
        cr_assert(e.winner == id && e.n_tokens == 8 && e.n_stages == 5);
        cr_assert_str_eq(e.stages[1], "top_k");
        cr_assert(e.n_left[0] == N - 1 && e.n_left[1] == N - 2 && e.n_left[2] == 20);
        double best = -INFINITY;
        int32_t best_id = -1;
        bool listed = false;
        for (size_t t = 0; t < 8; t++) {
            const double share = tokens[t].probability[e.n_stages];
            cr_assert((share == 0) == (tokens[t].dropped_by >= 0));
            cr_assert(tokens[t].id != 9 || tokens[t].dropped_by == 0);
            if (share > 0 && log(share) + tokens[t].noise > best) {
                best = log(share) + tokens[t].noise;
                best_id = tokens[t].id;
            }
            if (tokens[t].id == id)
                cr_assert_float_eq(log(share), (double)logprob, 1e-5);
            listed |= tokens[t].id == id;
        }
        cr_assert(listed && best_id == id);
    }
    firn_sampler_release(sampler);
}

Test(stages, logprobs_after_shaping_are_ranked_and_sum_to_one)
{
    float logits[N];
    make_logits(logits);
    const firn_generation_parameters p = settings("{\"top_k\":7,\"temperature\":2}");
    firn_sampler *const sampler = make(&p, N);
    int32_t ids[10];
    float logprobs[10];
    double sum = 0;
    firn_sampler_pick(sampler, logits, 0, 0);
    cr_assert(isinf(firn_sampler_logprobs(sampler, 11, 10, ids, logprobs)));
    for (int i = 0; i < 10; i++) {
        cr_assert((ids[i] >= 0) == (i < 7));
        cr_assert(i == 0 || logprobs[i] <= logprobs[i - 1]);
        sum += exp((double)logprobs[i]);
    }
    cr_assert_float_eq(sum, 1, 1e-6);
    firn_sampler_release(sampler);
}

Test(stages, what_leaves_no_token_is_told)
{
    float logits[3] = {1, 2, 3};
    const firn_generation_parameters p = settings("{\"logit_bias\":{\"0\":false,\"1\":false,\"2\":false}}");
    firn_sampler *const sampler = make(&p, 3);
    cr_assert_eq(firn_sampler_pick(sampler, logits, 0, 0), -1);
    firn_sampler_release(sampler);
}
