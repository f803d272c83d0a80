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
/* exp(r) = 1 + r + r^2 * p(r) on |r| <= ln2/2; measured error of kern_exp: 0.92 ulp */
#define KERN_EXP_2 0x1.fffffep-2f
#define KERN_EXP_3 0x1.555502p-3f
#define KERN_EXP_4 0x1.5558cep-5f
#define KERN_EXP_5 0x1.12324cp-7f
#define KERN_EXP_6 0x1.6aa42ap-10f

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
    /* log(1+f) = f - f^2/2 + f^3 * p(f); measured error of kern_log: 0.87 ulp */
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
    const float z = x * fmaf(0x1.6e4e26p-5f * x, x, 1.0f); /* x + 0.044715 x^3 */
    return x / (1.0f + kern_exp(z * -0x1.988454p+0f));     /* -2 sqrt(2/pi) */
}

#endif
