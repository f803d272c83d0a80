/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transcendental functions of the numeric contract: what a scalar computes here, every vector variant computes lane
 * by lane with the same operations in the same order, so that results are equal bit for bit. Only operations that IEEE
 * 754 rounds correctly are used (add, multiply, fused multiply-add, divide, rint); libm's own functions differ between
 * machines and are not.
 *
 * Inputs may be anything but NaN.
 */
#ifndef FIRN_KERNELS_MATH_H
#define FIRN_KERNELS_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define KERN_LOG2_E      0x1.715476p+0f
#define KERN_LN2_HIGH    0x1.62e4p-1f    /* ln 2 in 15 bits, so that n * high is exact for |n| < 2^9 */
#define KERN_LN2_LOW     0x1.7f7d1cp-20f /* ln 2 - high */
#define KERN_EXP_HIGHEST 89.0f           /* exp of more is infinite */
#define KERN_EXP_LOWEST  (-104.0f)       /* exp of less is zero */
/* exp(r) = 1 + r + r^2 * p(r) on |r| <= ln2/2; measured error of kern_exp: 1.34 ulp */
#define KERN_EXP_2 0x1.fffffep-2f
#define KERN_EXP_3 0x1.555502p-3f
#define KERN_EXP_4 0x1.5558cep-5f
#define KERN_EXP_5 0x1.12324cp-7f
#define KERN_EXP_6 0x1.6aa42ap-10f

#define KERN_GELU_CUBIC 0x1.6e4e26p-5f    /* 0.044715 */
#define KERN_GELU_SCALE (-0x1.988454p+0f) /* -2 sqrt(2 / pi) */

static inline float kern_float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t kern_bits_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* e^x; 0 below -104, infinity above 89. */
static inline float kern_exp(float x)
{
    x = x > KERN_EXP_HIGHEST ? KERN_EXP_HIGHEST : x;
    x = x < KERN_EXP_LOWEST ? KERN_EXP_LOWEST : x;
    const float n = rintf(x * KERN_LOG2_E);
    float r = fmaf(n, -KERN_LN2_HIGH, x);
    r = fmaf(n, -KERN_LN2_LOW, r);
    float p = KERN_EXP_6;
    p = fmaf(p, r, KERN_EXP_5);
    p = fmaf(p, r, KERN_EXP_4);
    p = fmaf(p, r, KERN_EXP_3);
    p = fmaf(p, r, KERN_EXP_2);
    p = fmaf(p, r * r, r);
    p += 1.0f;
    /* 2^n in two factors: the first never leaves the normal range, so only the second rounds */
    const int32_t whole = (int32_t)n;
    const int32_t half = whole >> 1;
    p *= kern_float_from_bits((uint32_t)(half + 127) << 23);
    return p * kern_float_from_bits((uint32_t)(whole - half + 127) << 23);
}

/* Natural logarithm of a positive, finite, normal x. */
static inline float kern_log(float x)
{
    /* x = m * 2^e with m in [sqrt(1/2), sqrt(2)) */
    const uint32_t bits = kern_bits_from_float(x) - 0x3f3504f3u;
    const float e = (float)((int32_t)bits >> 23);
    const float f = kern_float_from_bits((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    /* log(1+f) = f - f^2/2 + f^3 * p(f); measured error of kern_log: 1.23 ulp */
    float p = 0x1.1f1efp-4f;
    p = fmaf(p, f, -0x1.d7a37ap-4f);
    p = fmaf(p, f, 0x1.de4a34p-4f);
    p = fmaf(p, f, -0x1.fcba9cp-4f);
    p = fmaf(p, f, 0x1.23d37cp-3f);
    p = fmaf(p, f, -0x1.555ca0p-3f);
    p = fmaf(p, f, 0x1.999d58p-3f);
    p = fmaf(p, f, -0x1.fffff8p-3f);
    p = fmaf(p, f, 0x1.555556p-2f);
    const float f2 = f * f;
    float y = f2 * f * p;
    y = fmaf(e, KERN_LN2_LOW, y);
    y = fmaf(-0.5f, f2, y);
    return fmaf(e, KERN_LN2_HIGH, f + y);
}

/* tanh by the exponential: (1 - t) / (1 + t) with t = e^(-2|x|). */
static inline float kern_tanh(float x)
{
    const float magnitude = fabsf(x);
    const float t = kern_exp(-2.0f * magnitude);
    return copysignf((1.0f - t) / (1.0f + t), x);
}

/* x * sigmoid(x). */
static inline float kern_silu(float x)
{
    return x / (1.0f + kern_exp(-x));
}

/* The tanh form of GELU: x * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, written x * sigmoid(2z). */
static inline float kern_gelu_tanh(float x)
{
    const float z = x * fmaf(KERN_GELU_CUBIC * x, x, 1.0f); /* x + 0.044715 x^3 */
    return x / (1.0f + kern_exp(z * KERN_GELU_SCALE));
}

/* log(1 + f) in double, for f from sqrt(1/2) - 1 to sqrt(2) - 1; right to about 1 ulp, also where f is tiny. */
static inline double kern_log_near_one(double f)
{
    /* 2 atanh(s) with s = f / (2 + f), |s| < 0.1716: s^25 / 25 is below the last bit of s */
    const double s = f / (2.0 + f), z = s * s;
    double p = 2.0 / 23;
    p = fma(p, z, 2.0 / 21);
    p = fma(p, z, 2.0 / 19);
    p = fma(p, z, 2.0 / 17);
    p = fma(p, z, 2.0 / 15);
    p = fma(p, z, 2.0 / 13);
    p = fma(p, z, 2.0 / 11);
    p = fma(p, z, 2.0 / 9);
    p = fma(p, z, 2.0 / 7);
    p = fma(p, z, 2.0 / 5);
    p = fma(p, z, 2.0 / 3);
    return fma(s * z, p, 2.0 * s);
}

/* Natural logarithm of a positive, finite, normal x, in double; right to 2 ulp. */
static inline double kern_log_double(double x)
{
    /* x = m * 2^e with m in [sqrt(1/2), sqrt(2)) */
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits -= 0x3fe6a09e667f3bcdu;
    const double e = (double)((int64_t)bits >> 52);
    bits = (bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu;
    double m;
    memcpy(&m, &bits, sizeof m);
    /* ln 2 in two parts; e times the first, of 32 bits, is exact */
    const double rest = fma(e, 0x1.a39ef35793c76p-33, kern_log_near_one(m - 1.0));
    return fma(e, 0x1.62e42feep-1, rest);
}

#endif
