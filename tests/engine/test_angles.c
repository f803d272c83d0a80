/* SPDX-License-Identifier: Apache-2.0 */
/* Rope frequencies and angles against libm's double precision: what is compared is never equal by construction. */
#include "engine/angles.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

static const double bases[] = {10000, 100000, 500000, 1000000, 150000, 1.5, 0.5};
static const uint32_t dimensions[] = {2, 16, 64, 80, 96, 128, 256};
enum {
    N_BASES = sizeof bases / sizeof *bases,
    N_DIMENSIONS = sizeof dimensions / sizeof *dimensions,
    MOST_PAIRS = 128
};

/* The exponent is at most 14: its rounding is 14 half units, and pow's own is small. */
Test(angles, frequencies)
{
    for (int b = 0; b < N_BASES; b++)
        for (int d = 0; d < N_DIMENSIONS; d++) {
            double found[MOST_PAIRS];
            eng_rope_frequencies(bases[b], 0.25, dimensions[d], NULL, found);
            cr_expect_eq(found[0], 0.25);
            for (uint32_t i = 0; i < dimensions[d] / 2; i++) {
                const double exact = 0.25 * pow(bases[b], -2.0 * i / dimensions[d]);
                cr_expect_leq(fabs(found[i] / exact - 1), 16 * DBL_EPSILON, "base %g, pair %u of %u: %a, not %a",
                              bases[b], i, dimensions[d] / 2, found[i], exact);
            }
        }
}

Test(angles, factors_divide_frequencies)
{
    static const float factors[] = {1, 2, 8, 0.5f};
    double plain[4], divided[4];
    eng_rope_frequencies(10000, 1, 8, NULL, plain);
    eng_rope_frequencies(10000, 1, 8, factors, divided);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(divided[i], plain[i] / (double)factors[i]);
}

/* Double arithmetic leaves hardly more than the rounding to float: half a unit in the last place of values below 1. */
static void check_position(uint64_t position, const double *frequencies, uint32_t n_pairs)
{
    float halves[2 * MOST_PAIRS], adjacent[4 * MOST_PAIRS];
    eng_rope_angles(position, frequencies, n_pairs, false, halves);
    eng_rope_angles(position, frequencies, n_pairs, true, adjacent);
    for (uint32_t i = 0; i < n_pairs; i++) {
        const double angle = (double)position * frequencies[i];
        const float cosine = halves[i], sine = halves[n_pairs + i];
        cr_assert_leq(fabs((double)cosine - cos(angle)), FLT_EPSILON * 0.2501, "cosine of %a", angle);
        cr_assert_leq(fabs((double)sine - sin(angle)), FLT_EPSILON * 0.2501, "sine of %a", angle);
        cr_assert_eq(adjacent[2 * i], cosine);
        cr_assert_eq(adjacent[2 * i + 1], sine);
        cr_assert_eq(adjacent[2 * (n_pairs + i)], -sine);
        cr_assert_eq(adjacent[2 * (n_pairs + i) + 1], cosine);
    }
}

Test(angles, angles)
{
    for (int b = 0; b < N_BASES; b++) {
        double frequencies[MOST_PAIRS];
        eng_rope_frequencies(bases[b], 1, 2 * MOST_PAIRS, NULL, frequencies);
        const uint32_t n_pairs = bases[b] < 1 ? 1 : MOST_PAIRS; /* of a base below 1 only the first stays below 2^31 */
        for (uint64_t position = 0; position < 2000; position++)
            check_position(position, frequencies, n_pairs);
        for (uint64_t position = 2001; position < (uint64_t)1 << 31; position = position * 9 / 7 + 1)
            check_position(position, frequencies, n_pairs);
    }
}

Test(angles, near_multiples_of_a_quarter_turn)
{
    for (int n = 1; n < 100000; n += 7)
        for (int step = -2; step <= 2; step++) {
            const double frequency = n * 1.57079632679489661923 * (1 + step * DBL_EPSILON);
            check_position(1, &frequency, 1);
        }
}
