/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sampler against the exact distribution, computed here by sorting and with libm. Draws are counter-based, so every
 * run sees the same ones; the limit of each chi-square test lies where a right sampler fails once in a million seeds.
 */
#include "base/philox.h"
#include "engine/firn.h"
#include "engine/sampler_p.h"
#include "kernels/math.h"
#include "tests/support/distribution.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 60 };

static firn_generation_parameters plain(double temperature)
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    parameters.seed = 12345;
    parameters.temperature = temperature;
    parameters.top_k = 0;
    parameters.top_p = 1;
    parameters.min_p = 0;
    return parameters;
}

static firn_sampler *make(const firn_generation_parameters *parameters, uint32_t n_vocab)
{
    firn_sampler *sampler = NULL;
    firn_error error = {0};
    cr_assert_eq(firn_sampler_create(parameters, n_vocab, &sampler, &error), FIRN_OK, "%s", error.message);
    return sampler;
}

/* Logits like a language model's: a few likely tokens and a long tail, at random ids. */
static float *make_logits(uint32_t n, uint64_t seed, float spread)
{
    float *const logits = malloc(n * sizeof *logits);
    cr_assert_not_null(logits);
    for (uint32_t i = 0; i < n; i++) {
        const base_philox_block block = base_philox((base_philox_block){{i, 0, 0, 0}}, seed);
        float sum = 0;
        for (int j = 0; j < 4; j++)
            sum += (float)block.word[j] * 0x1p-32f - 0.5f;
        logits[i] = spread * sum;
    }
    return logits;
}

typedef struct ranked {
    double logit;
    int id;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *const x = a, *const y = b;
    return x->logit != y->logit ? (x->logit < y->logit) - (x->logit > y->logit) : x->id - y->id;
}

/* probability[id] by definition. */
static void expected_distribution(const float *logits, int n, const firn_generation_parameters *parameters,
                                  double *probability)
{
    ranked order[SMALL];
    double total = 0, sum = 0;
    for (int i = 0; i < n; i++)
        order[i] = (ranked){logits[i], i};
    qsort(order, (size_t)n, sizeof order[0], by_rank);
    int kept = parameters->top_k > 0 && parameters->top_k < n ? parameters->top_k : n;
    for (int i = 0; i < kept; i++)
        total += exp(order[i].logit - order[0].logit);
    for (int i = 0; i < kept && parameters->top_p < 1; i++) {
        sum += exp(order[i].logit - order[0].logit);
        if (sum >= parameters->top_p * total)
            kept = i + 1;
    }
    while (parameters->min_p > 0 && exp(order[kept - 1].logit - order[0].logit) < parameters->min_p)
        kept--;
    total = 0;
    for (int i = 0; i < kept; i++)
        total += exp((order[i].logit - order[0].logit) / parameters->temperature);
    for (int i = 0; i < n; i++)
        probability[order[i].id] =
            i < kept ? exp((order[i].logit - order[0].logit) / parameters->temperature) / total : 0;
}

static void expect_distribution(const firn_generation_parameters *parameters, int draws)
{
    float *const logits = make_logits(SMALL, 7, 8.0f);
    logits[11] = -INFINITY;
    logits[20] = logits[21]; /* a tie */
    double probability[SMALL];
    int count[SMALL] = {0};
    expected_distribution(logits, SMALL, parameters, probability);
    firn_sampler *const sampler = make(parameters, SMALL);
    for (int i = 0; i < draws; i++)
        count[firn_sampler_pick(sampler, logits, (uint64_t)i % 3, (uint64_t)i / 3)]++;
    char why[200];
    cr_assert(support_follows(count, probability, SMALL, draws, why), "%s", why);
    firn_sampler_release(sampler);
    free(logits);
}

Test(sampler, distribution_of_temperature)
{
    const double temperatures[] = {0.5, 1.0, 3.0, 100.0};
    for (size_t i = 0; i < sizeof temperatures / sizeof temperatures[0]; i++) {
        const firn_generation_parameters parameters = plain(temperatures[i]);
        expect_distribution(&parameters, 150000);
    }
}

Test(sampler, distribution_over_a_million_draws)
{
    const firn_generation_parameters parameters = plain(1.0);
    expect_distribution(&parameters, 1000000);
}

Test(sampler, distribution_of_each_truncation)
{
    firn_generation_parameters parameters = plain(1.0);
    parameters.top_k = 9;
    expect_distribution(&parameters, 150000);
    parameters = plain(1.0);
    parameters.top_p = 0.8;
    expect_distribution(&parameters, 150000);
    parameters = plain(1.0);
    parameters.min_p = 0.07;
    expect_distribution(&parameters, 150000);
}

Test(sampler, distribution_of_combinations)
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    parameters.seed = 99;
    expect_distribution(&parameters, 150000);
    parameters.top_k = 12;
    parameters.top_p = 0.9;
    parameters.min_p = 0.02;
    parameters.temperature = 1.7;
    expect_distribution(&parameters, 150000);
    parameters.top_k = 0;
    expect_distribution(&parameters, 150000);
    parameters.top_p = 1;
    parameters.top_k = 25;
    expect_distribution(&parameters, 150000);
}

Test(sampler, temperature_zero_takes_the_likeliest_and_the_lowest_of_equals)
{
    float logits[1000] = {0};
    firn_generation_parameters parameters = plain(0);
    parameters.seed = FIRN_SEED_DRAW; /* not needed */
    firn_sampler *const sampler = make(&parameters, 1000);
    cr_assert_eq(firn_sampler_pick(sampler, logits, 0, 0), 0);
    logits[700] = logits[701] = logits[300] = 2.5f;
    cr_assert_eq(firn_sampler_pick(sampler, logits, 0, 0), 300);
    logits[999] = 3;
    cr_assert_eq(firn_sampler_pick(sampler, logits, 0, 1), 999);
    firn_sampler_release(sampler);
}

Test(sampler, tiny_temperature_is_greedy)
{
    float *const logits = make_logits(5000, 3, 10);
    const firn_generation_parameters greedy = plain(0), tiny = plain(1e-300);
    firn_sampler *const a = make(&greedy, 5000), *const b = make(&tiny, 5000);
    for (uint32_t i = 0; i < 100; i++)
        cr_assert_eq(firn_sampler_pick(a, logits, 0, i), firn_sampler_pick(b, logits, 0, i));
    firn_sampler_release(a);
    firn_sampler_release(b);
    free(logits);
}

Test(sampler, truncation_to_one_is_greedy)
{
    float *const logits = make_logits(5000, 4, 10);
    firn_generation_parameters one[3] = {plain(1), plain(1), plain(1)};
    one[0].top_k = 1;
    one[1].top_p = 0;
    one[2].min_p = 1;
    const firn_generation_parameters greedy = plain(0);
    firn_sampler *const reference = make(&greedy, 5000);
    const int32_t id = firn_sampler_pick(reference, logits, 0, 0);
    for (int j = 0; j < 3; j++) {
        firn_sampler *const sampler = make(&one[j], 5000);
        for (uint32_t i = 0; i < 100; i++)
            cr_assert_eq(firn_sampler_pick(sampler, logits, 0, i), id);
        firn_sampler_release(sampler);
    }
    firn_sampler_release(reference);
    free(logits);
}

Test(sampler, logits_that_are_not_finite_never_come)
{
    float logits[600];
    for (int i = 0; i < 600; i++)
        logits[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    firn_generation_parameters some[4] = {plain(0), plain(1), plain(1), firn_generation_parameters_default()};
    some[2].top_p = 0.9;
    some[3].seed = 5;
    for (int j = 0; j < 4; j++) {
        firn_sampler *const sampler = make(&some[j], 600);
        cr_assert_eq(firn_sampler_pick(sampler, logits, 0, 0), -1);
        logits[599] = -1e30f;
        for (uint32_t i = 0; i < 50; i++)
            cr_assert_eq(firn_sampler_pick(sampler, logits, 0, i), 599);
        logits[599] = -INFINITY;
        firn_sampler_release(sampler);
    }
}

Test(sampler, extreme_logits)
{
    float logits[300];
    for (int i = 0; i < 300; i++)
        logits[i] = -3.4e38f;
    logits[17] = 3.4e38f;
    firn_generation_parameters parameters = firn_generation_parameters_default();
    parameters.seed = 1;
    for (parameters.top_k = 0; parameters.top_k <= 40; parameters.top_k += 20) {
        firn_sampler *const sampler = make(&parameters, 300);
        for (uint32_t i = 0; i < 50; i++)
            cr_assert_eq(firn_sampler_pick(sampler, logits, 0, i), 17);
        firn_sampler_release(sampler);
    }
}

/* Different algorithms reach the same survivors in different orders; the pick has to be the same. */
Test(sampler, order_of_candidates_does_not_matter)
{
    enum { N = 3000 };
    float *const logits = make_logits(N + 700, 5, 6);
    const firn_generation_parameters all = plain(1.5);
    firn_generation_parameters by_heap = all, by_nucleus = all;
    by_heap.top_k = N;
    by_nucleus.top_p = 1 - 1e-15;
    for (int i = N; i < N + 700; i++)
        logits[i] = -INFINITY;
    firn_sampler *const a = make(&all, N), *const b = make(&by_heap, N + 700), *const c = make(&by_nucleus, N);
    for (uint32_t i = 0; i < 3000; i++) {
        const int32_t id = firn_sampler_pick(a, logits, 8, i);
        cr_assert_eq(firn_sampler_pick(b, logits, 8, i), id);
        cr_assert_eq(firn_sampler_pick(c, logits, 8, i), id);
    }
    firn_sampler_release(a);
    firn_sampler_release(b);
    firn_sampler_release(c);
    free(logits);
}

/* How many of 5000 picks differ between two settings; those that do may only move to a less likely token, and
 * *only_change is the one they all move to, or -1. */
static int picks_changed(const firn_generation_parameters *before, const firn_generation_parameters *after,
                         const float *logits, uint32_t n_vocab, int32_t *only_change)
{
    firn_sampler *const a = make(before, n_vocab), *const b = make(after, n_vocab);
    int changed = 0;
    *only_change = -1;
    for (uint32_t i = 0; i < 5000; i++) {
        const int32_t from = firn_sampler_pick(a, logits, 0, i), to = firn_sampler_pick(b, logits, 0, i);
        cr_assert(logits[to] <= logits[from]);
        if (from == to)
            continue;
        *only_change = changed == 0 || *only_change == to ? to : -1;
        changed++;
    }
    firn_sampler_release(a);
    firn_sampler_release(b);
    return changed;
}

/* Admitting one more token can change a pick only to that token, the least likely of those admitted. */
Test(sampler, coupled_over_top_k)
{
    enum { N = 4000 };
    float *const logits = make_logits(N, 6, 12);
    firn_generation_parameters less = plain(2.0), more = plain(2.0);
    less.top_k = 20;
    more.top_k = 21;
    int32_t admitted;
    const int changed = picks_changed(&less, &more, logits, N, &admitted);
    cr_assert(changed > 50 && changed < 500, "%d picks changed", changed);
    cr_assert_geq(admitted, 0);
    int above = 0;
    for (int i = 0; i < N; i++)
        above += logits[i] > logits[admitted];
    cr_assert_eq(above, 20);
    free(logits);
}

/* A little more temperature leaves nearly every pick as it was. */
Test(sampler, coupled_over_temperature)
{
    enum { N = 4000 };
    float *const logits = make_logits(N, 6, 12);
    const firn_generation_parameters cool = plain(1.0), warm = plain(1.01);
    int32_t to;
    const int changed = picks_changed(&cool, &warm, logits, N, &to);
    cr_assert(changed > 0 && changed < 150, "%d picks changed", changed);
    free(logits);
}

/* Whether `id` is left by a truncation, as the explanation of a pick says. */
static bool is_left(firn_sampler *sampler, const float *logits, uint64_t position, int32_t id)
{
    firn_explained_token token[1];
    firn_explanation e = {.n_tokens = 1, .tokens = token, .chosen = &id};
    firn_sampler_explain(sampler, logits, 0, position, &e);
    cr_assert_eq(token[0].id, id);
    return token[0].dropped_by < 0;
}

/*
 * Letting a few tokens more through changes a pick only where one of these wins: what was picked among more stays
 * picked among fewer if it is among these, and else what is picked was not.
 */
static void expect_coupled(const char *name, const char *fewer, const char *more, double temperature)
{
    enum { N = 2000, PICKS = 3000 };
    float *const logits = make_logits(N, 6, 8);
    firn_generation_parameters narrow = plain(temperature), wide;
    if (strcmp(name, "xtc_threshold") == 0)
        narrow.xtc_probability = 1;
    wide = narrow;
    cr_assert_eq(firn_parameter_set(&narrow, name, fewer, NULL), FIRN_OK);
    cr_assert_eq(firn_parameter_set(&wide, name, more, NULL), FIRN_OK);
    firn_sampler *const a = make(&narrow, N), *const b = make(&wide, N);
    int changed = 0;
    for (uint32_t i = 0; i < PICKS; i++) {
        const int32_t from = firn_sampler_pick(a, logits, 0, i), to = firn_sampler_pick(b, logits, 0, i);
        if (from == to)
            continue;
        changed++;
        cr_assert(!is_left(a, logits, i, to), "%s: %d lost to %d, which was there as well", name, to, from);
        cr_assert(is_left(b, logits, i, from), "%s: more is let through, but not %d", name, from);
    }
    cr_assert(changed > 0 && changed < PICKS / 5, "%s from %s to %s: %d picks changed", name, fewer, more, changed);
    firn_sampler_release(a);
    firn_sampler_release(b);
    free(logits);
}

Test(sampler, coupled_over_each_truncation)
{
    expect_coupled("top_k", "30", "32", 1.5);
    expect_coupled("top_p", "0.8", "0.81", 1);
    expect_coupled("min_p", "0.04", "0.035", 1);
    expect_coupled("typical_p", "0.86", "0.9", 1);
    expect_coupled("top_n_sigma", "1.5", "1.55", 1.5);
    expect_coupled("tfs_z", "0.9", "0.93", 1);
    expect_coupled("epsilon_cutoff", "0.002", "0.0017", 1);
    expect_coupled("eta_cutoff", "0.001", "0.0007", 1);
    expect_coupled("xtc_threshold", "0.004", "0.005", 1);
}

Test(sampler, seed_sequence_and_position_each_change_the_noise)
{
    float logits[256] = {0};
    firn_generation_parameters parameters = plain(1), other_seed = plain(1);
    other_seed.seed++;
    firn_sampler *const a = make(&parameters, 256), *const b = make(&other_seed, 256);
    int equal = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        const int32_t id = firn_sampler_pick(a, logits, 0, i);
        cr_assert_eq(firn_sampler_pick(a, logits, 0, i), id);
        equal += firn_sampler_pick(b, logits, 0, i) == id;
        equal += firn_sampler_pick(a, logits, 1, i) == id;
        equal += firn_sampler_pick(a, logits, (uint64_t)1 << 32, i) == id;
        equal += firn_sampler_pick(a, logits, 0, (uint64_t)i + ((uint64_t)1 << 32)) == id;
    }
    cr_assert_lt(equal, 50); /* 4000 / 256 expected */
    firn_sampler_release(a);
    firn_sampler_release(b);
}

Test(sampler, large_vocabulary_agrees_with_sorting)
{
    enum { N = 262144 };
    float *const logits = make_logits(N, 9, 20), *const copy = malloc(N * sizeof *copy);
    ranked *const order = malloc(N * sizeof *order);
    cr_assert(copy != NULL && order != NULL);
    memcpy(copy, logits, N * sizeof *copy);
    double total = 0, sum = 0;
    for (int i = 0; i < N; i++) {
        order[i] = (ranked){logits[i], i};
        total += exp(logits[i]);
    }
    qsort(order, N, sizeof *order, by_rank);
    int nucleus = 0;
    while (sum < 0.3 * total)
        sum += exp(order[nucleus++].logit);
    firn_generation_parameters by_p = plain(1), by_k = plain(1);
    by_p.top_p = 0.3;
    by_k.top_k = nucleus;
    firn_sampler *const a = make(&by_p, N), *const b = make(&by_k, N);
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_eq(firn_sampler_pick(a, logits, 0, i), firn_sampler_pick(b, logits, 0, i));
    cr_assert(memcmp(copy, logits, N * sizeof *copy) == 0, "the sampler wrote into the logits");
    firn_sampler_release(a);
    firn_sampler_release(b);
    free(logits);
    free(copy);
    free(order);
}

/* These picks are part of the contract: any change to them changes every user's text. */
Test(sampler, picks_are_the_same_everywhere)
{
    static const int32_t expected[8] = {46, 890, 111, 46, 754, 684, 46, 332};
    float *const logits = make_logits(1000, 10, 12);
    firn_generation_parameters parameters = firn_generation_parameters_default();
    parameters.seed = 42;
    parameters.temperature = 2;
    firn_sampler *const sampler = make(&parameters, 1000);
    for (uint32_t i = 0; i < 8; i++) {
        const int32_t id = firn_sampler_pick(sampler, logits, 3, i);
        cr_expect_eq(id, expected[i], "position %u: %d", i, id);
    }
    firn_sampler_release(sampler);
    free(logits);
}

static firn_sampler *make_from(const char *json, uint32_t n_vocab)
{
    firn_generation_parameters parameters = plain(1.1);
    firn_error error = {0};
    cr_assert_eq(firn_parameters_read(&parameters, json, strlen(json), "", &error), FIRN_OK, "%s", error.message);
    return make(&parameters, n_vocab);
}

/* Where the curvatures of all tokens, sorted, reach z of their sum. */
static size_t tail_free_rank(const float *logits, uint32_t n, double z)
{
    ranked *const order = malloc(n * sizeof *order);
    double total = 0, sum = 0;
    cr_assert_not_null(order);
    for (uint32_t i = 0; i < n; i++)
        order[i] = (ranked){(double)logits[i], (int)i};
    qsort(order, n, sizeof *order, by_rank);
    const double highest = order[0].logit;
    for (uint32_t i = 0; i < n; i++)
        order[i].logit = (double)kern_exp((float)(order[i].logit - highest));
    for (uint32_t i = 0; i + 2 < n; i++)
        total += fabs(order[i].logit - 2 * order[i + 1].logit + order[i + 2].logit);
    uint32_t rank = 0;
    for (; rank + 2 < n; rank++) {
        sum += fabs(order[rank].logit - 2 * order[rank + 1].logit + order[rank + 2].logit);
        if (sum > z * total && rank > 0)
            break;
    }
    free(order);
    return rank + 2 < n ? rank : n;
}

/* The cut is the one that ranking all tokens gives, though mostly few are ranked. */
Test(sampler, tail_free_cuts_where_ranking_all_does)
{
    static const double shares[] = {0, 0.3, 0.9, 0.97, 0.999, 0.999999};
    enum { N = 30000 };
    for (int spread = 1; spread < 40; spread *= 3) {
        float *const logits = make_logits(N, (uint64_t)spread, (float)spread);
        for (size_t s = 0; s < sizeof shares / sizeof shares[0]; s++) {
            firn_generation_parameters parameters = plain(1);
            firn_explained_token token;
            firn_explanation explanation = {.n_tokens = 1, .tokens = &token};
            parameters.tfs_z = shares[s];
            firn_sampler *const sampler = make(&parameters, N);
            cr_assert_geq(firn_sampler_explain(sampler, logits, 0, 1, &explanation), 0);
            cr_assert_eq(explanation.n_left[2], tail_free_rank(logits, N, shares[s]), "spread %d, z %g", spread,
                         shares[s]);
            firn_sampler_release(sampler);
        }
        free(logits);
    }
}

/* Adaptive-p steers by what it saw, whichever stages follow, of a vocabulary as of a list. */
Test(sampler, adaptive_does_the_same_to_a_vocabulary_and_to_a_list)
{
    enum { N = 4000 };
    static const char *const stages[] = {"", "\"tfs_z\",", "\"typ_p\",", "\"xtc\",", "\"top_n_sigma\",", "\"top_p\","};
    static const char values[] = "\"adaptive_target\":0.2,\"tfs_z\":0.99,\"typical_p\":0.99,\"xtc_probability\":1,"
                                 "\"xtc_threshold\":0.001,\"top_n_sigma\":3,\"top_p\":0.99";
    float *const logits = make_logits(N, 13, 12);
    float least = INFINITY;
    for (int i = 0; i < N; i++) /* the least likely doesn't count in sums */
        least = logits[i] < least ? logits[i] : least;
    for (int i = 0; i < N; i++)
        logits[i] = logits[i] == least ? -INFINITY : logits[i];
    for (size_t s = 0; s < sizeof stages / sizeof stages[0]; s++) {
        char dense[400], list[400];
        snprintf(dense, sizeof dense, "{\"samplers\":[\"adaptive_p\",%s\"temperature\"],%s}", stages[s], values);
        snprintf(list, sizeof list, "{\"samplers\":[\"min_p\",\"adaptive_p\",%s\"temperature\"],\"min_p\":1e-30,%s}",
                 stages[s], values);
        firn_sampler *const a = make_from(dense, N), *const b = make_from(list, N);
        for (uint64_t i = 0; i < 200; i++) {
            firn_error error = {0};
            const int32_t id = firn_sampler_pick(a, logits, 0, i);
            cr_assert_eq(firn_sampler_pick(b, logits, 0, i), id, "%s pick %d", stages[s], (int)i);
            cr_assert_eq(firn_sampler_logprobs(a, id, 0, NULL, NULL), firn_sampler_logprobs(b, id, 0, NULL, NULL));
            cr_assert(firn_sampler_accept(a, id, &error) == FIRN_OK && firn_sampler_accept(b, id, &error) == FIRN_OK);
            cr_assert_eq(a->steering.weighted_sum, b->steering.weighted_sum, "%s pick %d", stages[s], (int)i);
            cr_assert(a->steering.weighted_sum > 0 && a->steering.weighted_sum < 20, "%s", stages[s]);
        }
        firn_sampler_release(a);
        firn_sampler_release(b);
    }
    free(logits);
}

/*
 * A stage that gets a whole vocabulary, of which it needn't look at most, leaves as much as one that gets a list of all
 * tokens but the least likely.
 */
Test(sampler, stages_do_the_same_to_a_vocabulary_and_to_a_list)
{
    enum { VOCABULARY = 6000, TOLD = 20 };
    static const char *const stages[][2] = {
        {"top_p", "\"top_p\":0.95"},
        {"top_p", "\"top_p\":0.9999"},
        {"min_p", "\"min_p\":0.001"},
        {"typ_p", "\"typical_p\":0.3"},
        {"typ_p", "\"typical_p\":0.999"},
        {"tfs_z", "\"tfs_z\":0.99"},
        {"epsilon_cutoff", "\"epsilon_cutoff\":0.0001"},
        {"eta_cutoff", "\"eta_cutoff\":0.001"},
        {"xtc", "\"xtc_probability\":1,\"xtc_threshold\":0.01"},
    };
    float *const logits = make_logits(VOCABULARY, 12, 20);
    for (size_t s = 0; s < sizeof stages / sizeof stages[0]; s++) {
        char dense[200], list[200];
        snprintf(dense, sizeof dense, "{\"samplers\":[\"%s\",\"temperature\"],%s}", stages[s][0], stages[s][1]);
        snprintf(list, sizeof list, "{\"samplers\":[\"top_k\",\"%s\",\"temperature\"],\"top_k\":%d,%s}", stages[s][0],
                 VOCABULARY - 1, stages[s][1]);
        firn_sampler *const a = make_from(dense, VOCABULARY), *const b = make_from(list, VOCABULARY);
        firn_explained_token tokens[TOLD];
        firn_explanation explained_a = {.n_tokens = TOLD, .tokens = tokens}, explained_b = explained_a;
        const int32_t id = firn_sampler_explain(a, logits, 0, 1000, &explained_a);
        cr_assert_eq(firn_sampler_explain(b, logits, 0, 1000, &explained_b), id);
        const size_t left = explained_a.n_left[2];
        cr_assert(left == explained_b.n_left[3] || left == explained_b.n_left[3] + 1, "%s: %zu and %zu left",
                  stages[s][1], left, explained_b.n_left[3]);
        cr_assert(left > 1 && left < VOCABULARY, "%s: %zu left", stages[s][1], left);
        for (uint64_t i = 0; i < 100; i++)
            cr_assert_eq(firn_sampler_pick(a, logits, 0, i), firn_sampler_pick(b, logits, 0, i), "%s", stages[s][1]);
        firn_sampler_release(a);
        firn_sampler_release(b);
    }
    free(logits);
}

/* However many are kept, they are the best: by the lowest id where logits are equal. */
Test(sampler, any_top_k_of_a_large_vocabulary)
{
    enum { VOCABULARY = 20000, TOLD = 4 };
    float *const logits = make_logits(VOCABULARY, 13, 20);
    ranked *const order = malloc(VOCABULARY * sizeof *order);
    for (int i = 0; i < VOCABULARY; i++) {
        logits[i] = rintf(20 * logits[i]) / 20; /* many are equal */
        order[i] = (ranked){logits[i], i};
    }
    qsort(order, VOCABULARY, sizeof *order, by_rank);
    for (int k = 1; k < VOCABULARY; k = 3 * k + 1) {
        firn_generation_parameters parameters = plain(1000);
        parameters.top_k = k;
        firn_sampler *const sampler = make(&parameters, VOCABULARY);
        firn_explained_token tokens[TOLD];
        firn_explanation explained = {.n_tokens = TOLD, .tokens = tokens};
        firn_sampler_explain(sampler, logits, 0, 0, &explained);
        cr_assert_eq(explained.n_left[2], (size_t)k);
        const int32_t id = order[k - 1].id; /* the worst that is kept, and the first that is dropped */
        cr_assert_gt(firn_sampler_logprobs(sampler, id, 0, NULL, NULL), -20.0f, "%d", k);
        cr_assert_eq(firn_sampler_logprobs(sampler, order[k].id, 0, NULL, NULL), -INFINITY, "%d", k);
        firn_sampler_release(sampler);
    }
    free(logits);
    free(order);
}

/* By definition: the largest scaled logit + noise of all tokens, each looked at in full. */
static int32_t best_of_all(const float *logits, uint32_t n, double temperature, const eng_noise *noise)
{
    double best = -INFINITY;
    int32_t id = -1;
    for (uint32_t i = 0; i < n; i++) {
        const double score = ((double)logits[i] - 20) / temperature + eng_gumbel(noise, (int32_t)i);
        if (score > best) {
            best = score;
            id = (int32_t)i;
        }
    }
    return id;
}

Test(sampler, every_level_picks_what_looking_at_all_tokens_does)
{
    enum { VOCABULARY = 5000 };
    float *const logits = make_logits(VOCABULARY, 11, 20);
    const double temperatures[] = {0.05, 0.7, 1, 4, 1e6};
    for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level++)
        for (int t = 0; t < 5 && kern_level_available((kern_level)level); t++) {
            const firn_generation_parameters parameters = plain(temperatures[t]);
            firn_sampler *sampler = NULL;
            cr_assert_eq(eng_sampler_create(&parameters, VOCABULARY, (eng_words){0}, (kern_level)level, &sampler, NULL),
                         FIRN_OK);
            for (uint64_t i = 0; i < 200; i++) {
                const eng_noise noise = eng_noise_at(parameters.seed, i % 3, i);
                cr_assert_eq(firn_sampler_pick(sampler, logits, i % 3, i),
                             best_of_all(logits, VOCABULARY, temperatures[t], &noise), "%s, temperature %g, %d",
                             kern_level_name((kern_level)level), temperatures[t], (int)i);
            }
            firn_sampler_release(sampler);
        }
    free(logits);
}

Test(sampler, refuses_bad_parameters)
{
    firn_sampler *sampler = NULL;
    firn_error error = {0};
    firn_generation_parameters parameters = plain(1);
    parameters.top_p = NAN;
    cr_assert_eq(firn_sampler_create(&parameters, 100, &sampler, &error), FIRN_ERROR_ARGUMENT);
    cr_assert_null(sampler);
    cr_assert(strstr(error.message, "top_p") != NULL);
    parameters = plain(1);
    parameters.seed = FIRN_SEED_DRAW;
    cr_assert_eq(firn_sampler_create(&parameters, 100, &sampler, &error), FIRN_ERROR_ARGUMENT);
    parameters = plain(1);
    cr_assert_eq(firn_sampler_create(&parameters, 0, &sampler, &error), FIRN_ERROR_ARGUMENT);
}
