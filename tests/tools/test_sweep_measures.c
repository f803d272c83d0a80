/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_measures.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define IDS(...) ((const int32_t[]){__VA_ARGS__}), sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t)

static void measure(const int32_t *ids, size_t n, const char *text, double values[SWEEP_MEASURES])
{
    float logprobs[256], entropies[256];
    for (size_t i = 0; i < n; i++) {
        logprobs[i] = -0.5f * (float)(i + 1);
        entropies[i] = (float)i;
    }
    const sweep_sample sample = {ids, logprobs, entropies, n, text, strlen(text)};
    cr_assert_eq(sweep_measure_text(&sample, values, NULL), FIRN_OK);
}

Test(sweep_measures, of_a_text)
{
    double v[SWEEP_MEASURES];
    measure(IDS(1, 2, 3, 1, 2, 3, 1, 4),
            "n\xc3\xa4"
            "chste",
            v);
    cr_expect_eq(v[SWEEP_tokens], 8);
    cr_expect_eq(v[SWEEP_characters], 7);
    cr_expect_eq(v[SWEEP_logprob], -2.25);
    cr_expect_float_eq(v[SWEEP_perplexity], exp(2.25), 1e-12);
    cr_expect_eq(v[SWEEP_entropy], 3.5);
    cr_expect_eq(v[SWEEP_distinct_1], 4.0 / 8);
    cr_expect_eq(v[SWEEP_distinct_2], 4.0 / 7); /* 12 23 31 14 */
    cr_expect_eq(v[SWEEP_distinct_3], 4.0 / 6); /* 123 231 312 314 */
    cr_expect_eq(v[SWEEP_repetition], 4.0 / 8);
    cr_expect_eq(v[SWEEP_longest_repeat], 4); /* 1 2 3 1 */
    cr_expect(isnan(v[SWEEP_passed]) && isnan(v[SWEEP_score]) && isnan(v[SWEEP_judge_logprob]));
}

Test(sweep_measures, of_texts_that_have_little)
{
    double v[SWEEP_MEASURES];
    measure(NULL, 0, "", v);
    cr_expect_eq(v[SWEEP_tokens], 0);
    cr_expect(isnan(v[SWEEP_logprob]) && isnan(v[SWEEP_distinct_1]) && isnan(v[SWEEP_compression]));
    cr_expect_eq(v[SWEEP_longest_repeat], 0);
    measure(IDS(5), "a", v);
    cr_expect_eq(v[SWEEP_distinct_1], 1);
    cr_expect(isnan(v[SWEEP_distinct_2]));
}

Test(sweep_measures, window_of_repetition)
{
    int32_t ids[130];
    double v[SWEEP_MEASURES];
    for (int i = 0; i < 130; i++)
        ids[i] = i % 65; /* each comes again after 65 tokens: just too late */
    measure(ids, 130, "", v);
    cr_expect_eq(v[SWEEP_repetition], 0);
    cr_expect_eq(v[SWEEP_longest_repeat], 65);
    for (int i = 0; i < 130; i++)
        ids[i] = i % 64;
    measure(ids, 130, "", v);
    cr_expect_eq(v[SWEEP_repetition], 66.0 / 130);
}

Test(sweep_measures, compression_tells_repetition)
{
    double loop[SWEEP_MEASURES], prose[SWEEP_MEASURES];
    measure(NULL, 0, "the same again and the same again and the same again and the same again and the same again",
            loop);
    measure(NULL, 0, "Quick foxes jump over my lazy dogs; waltz, bad nymph, for jigs vex: 0123456789 ABCDEFGHIJKLMN.",
            prose);
    cr_expect(loop[SWEEP_compression] > 2 && prose[SWEEP_compression] < 1.05, "%g %g", loop[SWEEP_compression],
              prose[SWEEP_compression]);
}

static double similarity(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b)
{
    double one, other;
    cr_assert_eq(sweep_similarity(a, n_a, b, n_b, &one, NULL), FIRN_OK);
    cr_assert_eq(sweep_similarity(b, n_b, a, n_a, &other, NULL), FIRN_OK);
    cr_expect_eq(one, other);
    return one;
}

Test(sweep_measures, similarity_counts_shared_pairs)
{
    cr_expect_eq(similarity(IDS(1, 2, 3), IDS(1, 2, 3)), 1);
    cr_expect_eq(similarity(IDS(1, 2, 3), IDS(4, 5)), 0);
    cr_expect_eq(similarity(IDS(1, 2, 3), IDS(3, 1, 2)), 0.5);
    cr_expect_eq(similarity(IDS(1, 1, 1, 1), IDS(1, 1)), 0.5); /* three pairs, one shared */
    cr_expect_eq(similarity(IDS(7), IDS(7)), 1);
    cr_expect_eq(similarity(IDS(7), IDS(7, 8)), 0);
    cr_expect_eq(similarity(NULL, 0, NULL, 0), 1);
}

Test(sweep_measures, divergence)
{
    size_t at;
    cr_expect(sweep_divergence(IDS(1, 2, 3), IDS(1, 2, 4), &at) && at == 2);
    cr_expect(sweep_divergence(IDS(1, 2, 3), IDS(1, 2), &at) && at == 2);
    cr_expect(!sweep_divergence(IDS(1, 2, 3), IDS(1, 2, 3), &at) && at == 3);
}

Test(sweep_measures, wilson_intervals)
{
    /* textbook values: 8 of 10, and a rate of 0 or 1, whose interval stays open */
    double low, high;
    sweep_wilson(8, 10, &low, &high);
    cr_expect_float_eq(low, 0.4902, 1e-4);
    cr_expect_float_eq(high, 0.9433, 1e-4);
    sweep_wilson(0, 10, &low, &high);
    cr_expect(low == 0);
    cr_expect_float_eq(high, 0.2775, 1e-4);
    sweep_wilson(10, 10, &low, &high);
    cr_expect(high == 1);
    cr_expect_float_eq(low, 0.7225, 1e-4);
}
