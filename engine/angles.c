/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/angles.h"

#include <math.h>
#include <string.h>

static const double LN2_HIGH = 0x1.62e42fefa0000p-1; /* ln 2 in 33 bits, */
static const double LN2_LOW = 0x1.cf79abc9e3b3ap-40; /* and the rest */

/* Natural logarithm of a positive normal number: ln(m) = 2 artanh((m - 1) / (m + 1)), by its series. */
static double natural_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffu) | (uint64_t)1023 << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 0x1.6a09e667f3bcdp0) { /* above sqrt 2 */
        m *= 0.5;
        exponent++;
    }
    const double s = (m - 1.0) / (m + 1.0), s2 = s * s;
    double sum = 0.0;
    for (int k = 27; k >= 1; k -= 2) /* |s| < 0.172: s^29 / 29 is below 1e-23 */
        sum = fma(sum, s2, 1.0 / k);
    const double n = (double)exponent;
    return fma(n, LN2_HIGH, fma(n, LN2_LOW, 2.0 * s * sum));
}

/* e^x for |x| < 700 by Taylor's series on |r| <= ln 2 / 2. */
static double exponential(double x)
{
    const double n = rint(x * 0x1.71547652b82fep0);
    const double r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x));
    double sum = 1.0;
    for (int k = 15; k >= 1; k--)
        sum = fma(sum, r / k, 1.0);
    const uint64_t bits = (uint64_t)((int64_t)n + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

/* Reduces by multiples of pi/2, held in two parts so that x up to 2^31 keeps its digits; then Taylor's series. */
static void sine_cosine(double x, double *sine, double *cosine)
{
    const double n = rint(x * 0x1.45f306dc9c883p-1);
    double r = fma(n, -0x1.921fb54442d18p0, x);
    r = fma(n, -0x1.1a62633145c07p-54, r);
    const double r2 = r * r;
    double s = 1.0, c = 1.0;
    for (int k = 17; k >= 3; k -= 2) /* 1 - r^2/(2*3) (1 - r^2/(4*5) (…)) */
        s = fma(s, -r2 / ((k - 1) * k), 1.0);
    for (int k = 18; k >= 2; k -= 2)
        c = fma(c, -r2 / ((k - 1) * k), 1.0);
    s *= r;
    switch ((int64_t)n & 3) {
    case 0:
        *sine = s, *cosine = c;
        break;
    case 1:
        *sine = c, *cosine = -s;
        break;
    case 2:
        *sine = -s, *cosine = -c;
        break;
    default:
        *sine = -c, *cosine = s;
        break;
    }
}

void eng_rope_frequencies(double base, double scale, uint32_t n_dims, const float *factors, double *frequencies)
{
    const double log_base = natural_log(base);
    for (uint32_t i = 0; i < n_dims / 2; i++) {
        frequencies[i] = scale * exponential(-2.0 * i / n_dims * log_base);
        if (factors != NULL)
            frequencies[i] /= (double)factors[i];
    }
}

void eng_rope_angles(uint64_t position, const double *frequencies, uint32_t n_pairs, bool adjacent, float *angles)
{
    for (size_t i = 0; i < n_pairs; i++) {
        double sine, cosine;
        sine_cosine((double)position * frequencies[i], &sine, &cosine);
        if (adjacent) {
            angles[2 * i] = angles[2 * (n_pairs + i) + 1] = (float)cosine;
            angles[2 * i + 1] = (float)sine;
            angles[2 * (n_pairs + i)] = (float)-sine;
        } else {
            angles[i] = (float)cosine;
            angles[n_pairs + i] = (float)sine;
        }
    }
}
