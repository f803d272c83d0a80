/* SPDX-License-Identifier: Apache-2.0 */
/* What sampling does to whole vocabularies: every level gives the scalar one's bits, and that gives what is defined. */
#include "kernels/math.h"
#include "tests/support/kernels.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { MOST = 1000 };

static const uint32_t sizes[] = {1, 15, 16, 17, 63, 64, 65, 255, 256, 257, 700, MOST};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* Logits with some that don't count among them, in a buffer that goes on with NaN. */
static kern_candidates make(support_random *random, uint32_t n, float factor)
{
    float *const logits = support_poisoned((MOST + 64) * sizeof(float));
    float highest = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        logits[i] = 30 * support_random_float(random);
        highest = logits[i] > highest ? logits[i] : highest;
    }
    static const float odd[] = {NAN, INFINITY, -INFINITY, -FLT_MAX, -0.0f, 1e-40f};
    for (uint32_t i = 0; i < sizeof odd / sizeof odd[0] && n > 60; i++)
        if (logits[7 * i + 3] != highest)
            logits[7 * i + 3] = odd[i];
    return (kern_candidates){logits, n, highest, factor};
}

static kern_noise make_noise(support_random *random)
{
    kern_noise noise;
    for (int i = 0; i < 2; i++)
        noise.key[i] = support_random_bits(random);
    for (int i = 0; i < 3; i++)
        noise.counter[i] = support_random_bits(random);
    return noise;
}

static bool counts(const kern_candidates *c, uint32_t i)
{
    return c->logits[i] >= -FLT_MAX && c->logits[i] <= c->highest;
}

static void expect_sums(const kern_candidates *c, const kern_weights *w)
{
    double sum = 0, moment = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->n; i++)
        if (counts(c, i)) {
            const double exponent = ((double)c->logits[i] - (double)c->highest) * (double)c->factor;
            sum += exp(exponent);
            moment += exponent > -100 ? exponent * exp(exponent) : 0;
            count += c->logits[i] - c->highest >= -FLT_MAX;
        }
    cr_expect_float_eq(w->sum, sum, 1e-5 * sum);
    cr_expect_float_eq(w->moment, moment, 1e-5 * (1 - moment));
    cr_assert_eq(w->count, count);
}

Test(candidates, sums_are_right_and_the_same_at_every_level)
{
    static const float factors[] = {0, 0.1f, 1, 1.25f, 40, FLT_MAX};
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    support_random random = {3};
    for (int s = 0; s < SIZES; s++)
        for (int f = 0; f < 6; f++) {
            const kern_candidates c = make(&random, sizes[s], factors[f]);
            kern_weights expected;
            scalar.sum_weights(&c, &expected);
            expect_sums(&c, &expected);
            for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
                const kern_table table = kern_table_for((kern_level)level);
                kern_weights w;
                table.sum_weights(&c, &w);
                cr_assert(w.sum == expected.sum && w.moment == expected.moment && w.count == expected.count,
                          "%s: %u logits times %g", kern_level_name((kern_level)level), sizes[s], (double)factors[f]);
            }
            free((float *)c.logits);
        }
}

/* The upper half of a token's noise, as kernels.h defines it. */
static uint32_t word_of(const kern_noise *noise, uint32_t id)
{
    uint32_t word[4] = {id / 64 * 16 + id % 16, noise->counter[0], noise->counter[1], noise->counter[2]};
    uint32_t key[2] = {noise->key[0], noise->key[1]};
    for (int round = 0; round < 10; round++) {
        const uint64_t product0 = (uint64_t)KERN_PHILOX_0 * word[0], product1 = (uint64_t)KERN_PHILOX_1 * word[2];
        const uint32_t next[4] = {(uint32_t)(product1 >> 32) ^ word[1] ^ key[0], (uint32_t)product1,
                                  (uint32_t)(product0 >> 32) ^ word[3] ^ key[1], (uint32_t)product0};
        for (int i = 0; i < 4; i++)
            word[i] = next[i];
        key[0] += KERN_PHILOX_KEY_0;
        key[1] += KERN_PHILOX_KEY_1;
    }
    return word[id / 16 % 4];
}

/* All that reach `least` by their noise are found, and few others. */
static void expect_contenders(const kern_candidates *c, const kern_noise *noise, uint32_t first, uint32_t count,
                              float least, const int32_t *ids, uint32_t n_found)
{
    uint32_t at = 0;
    for (uint32_t i = first; i < first + count; i++) {
        const double exponent = ((double)c->logits[i] - (double)c->highest) * (double)c->factor;
        const double v = ((double)word_of(noise, i) + 1e-9) * 0x1p-32;
        const bool found = at < n_found && ids[at] == (int32_t)i;
        const double bound = exponent - log(v);
        if (counts(c, i) && exponent > -100 && bound >= (double)least)
            cr_assert(found, "token %u of %u to %u", i, first, first + count);
        if (found && word_of(noise, i) >> 8 > 0)
            cr_assert(bound + 0.1 >= (double)least || c->logits[i] > c->highest, "token %u: %g", i, bound);
        at += found;
    }
    cr_assert_eq(at, n_found);
}

Test(candidates, contenders_are_right_and_the_same_at_every_level)
{
    static const float factors[] = {0.05f, 1, 3};
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    support_random random = {4};
    for (int s = 0; s < SIZES; s++)
        for (int f = 0; f < 3; f++)
            for (float least = -60; least < 25; least += 12) {
                const kern_candidates c = make(&random, sizes[s], factors[f]);
                const kern_noise noise = make_noise(&random);
                const uint32_t first = sizes[s] > 600 ? 512 : 0, count = sizes[s] - first;
                int32_t expected[MOST], ids[MOST + 1];
                const uint32_t n_found = scalar.contenders(&c, &noise, first, count, least, expected);
                expect_contenders(&c, &noise, first, count, least, expected, n_found);
                for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
                    const kern_table table = kern_table_for((kern_level)level);
                    ids[n_found] = -7;
                    cr_assert_eq(table.contenders(&c, &noise, first, count, least, ids), n_found);
                    cr_assert(memcmp(ids, expected, n_found * sizeof *ids) == 0 && ids[n_found] == -7, "%s",
                              kern_level_name((kern_level)level));
                }
                free((float *)c.logits);
            }
}

Test(candidates, reaching_a_floor)
{
    support_random random = {5};
    for (int s = 0; s < SIZES; s++) {
        const kern_candidates c = make(&random, sizes[s], 1);
        for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
            const kern_table table = kern_table_for((kern_level)level);
            int32_t ids[MOST];
            const uint32_t n = table.reaching(c.logits, c.n, 4.5f, ids);
            uint32_t at = 0;
            for (uint32_t i = 0; i < c.n; i++)
                if (c.logits[i] >= 4.5f)
                    cr_assert(at < n && ids[at++] == (int32_t)i, "%s", kern_level_name((kern_level)level));
            cr_assert_eq(at, n);
        }
        free((float *)c.logits);
    }
}

/* Estimates with radii of which some are 0; where asked for, one that is no number. */
Test(candidates, certain_and_possible)
{
    enum { COUNT = 531 };
    support_random random = {8};
    float estimates[COUNT], radii[COUNT];
    for (int i = 0; i < COUNT; i++) {
        estimates[i] = 20 * support_random_float(&random);
        radii[i] = i % 5 == 0 ? 0 : 2 + support_random_float(&random);
    }
    for (uint32_t n = 1; n <= COUNT; n += n < 40 ? 1 : 49)
        for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
            const kern_table table = kern_table_for((kern_level)level);
            float largest[KERN_LANES], expected[KERN_LANES];
            for (int lane = 0; lane < KERN_LANES; lane++)
                expected[lane] = -INFINITY;
            int32_t numbers[COUNT];
            uint32_t at = 0;
            const uint32_t found = table.possible(estimates, radii, 0.5f, n, 9.0f, numbers);
            for (uint32_t i = 0; i < n; i++) {
                expected[i % KERN_LANES] = fmaxf(expected[i % KERN_LANES], fmaf(radii[i], -0.5f, estimates[i]));
                if (fmaf(radii[i], 0.5f, estimates[i]) >= 9.0f)
                    cr_assert(at < found && numbers[at++] == (int32_t)i, "%s", kern_level_name(table.level));
            }
            cr_assert_eq(at, found);
            cr_assert(table.certain(estimates, radii, 0.5f, n, largest));
            cr_assert_arr_eq(largest, expected, sizeof expected, "%s: %u", kern_level_name(table.level), n);
            const float kept = estimates[n - 1];
            estimates[n - 1] = n % 2 == 0 ? NAN : -INFINITY;
            cr_assert_not(table.certain(estimates, radii, 0.5f, n, largest));
            estimates[n - 1] = kept;
        }
}

Test(candidates, exponentials)
{
    support_random random = {6};
    for (int s = 0; s < SIZES; s++)
        for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
            const kern_table table = kern_table_for((kern_level)level);
            float x[MOST], y[MOST];
            for (uint32_t i = 0; i < sizes[s]; i++)
                y[i] = x[i] = i % 50 == 7 ? -INFINITY : 110 * support_random_float(&random);
            table.exponentials(x, sizes[s]);
            for (uint32_t i = 0; i < sizes[s]; i++)
                cr_assert_eq(x[i], kern_exp(y[i]), "%s: %g", kern_level_name((kern_level)level), (double)y[i]);
        }
}

Test(candidates, sums_of_exponentials)
{
    support_random random = {7};
    for (int s = 0; s < SIZES; s++) {
        const kern_candidates c = make(&random, sizes[s], 1);
        double defined = 0, defined_moment = 0, expected_moment, moment;
        for (uint32_t i = 0; i < c.n; i++) {
            const double d = (double)c.logits[i] - (double)c.highest;
            if (!counts(&c, i) || !isfinite(d))
                continue;
            defined += exp(d);
            defined_moment += d * exp(d);
        }
        const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
        const double expected = scalar.sum_exponentials(c.logits, c.n, c.highest, &expected_moment);
        cr_expect_float_eq(expected, defined, 1e-5 * defined);
        cr_expect_float_eq(expected_moment, defined_moment, -1e-5 * defined_moment + 1e-12);
        for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
            const kern_table table = kern_table_for((kern_level)level);
            const double both = table.sum_exponentials(c.logits, c.n, c.highest, &moment);
            cr_assert(both == expected && moment == expected_moment, "%s: %u logits",
                      kern_level_name((kern_level)level), c.n);
            cr_assert(table.sum_exponentials(c.logits, c.n, c.highest, NULL) == expected);
        }
        free((float *)c.logits);
    }
}
