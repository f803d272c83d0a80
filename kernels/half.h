/* SPDX-License-Identifier: Apache-2.0 */
/* IEEE 754 binary16 and bfloat16 to and from binary32, exactly as F16C and NEON instructions do it (nearest even). */
#ifndef FIRN_KERNELS_HALF_H
#define FIRN_KERNELS_HALF_H

#include "kernels/math.h"

static inline float kern_float_from_half(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t magnitude = half & 0x7fffu;
    if (magnitude >= 0x7c00u) /* infinite, or NaN (made quiet) */
        return kern_float_from_bits(sign | 0x7f800000u | (magnitude > 0x7c00u ? 0x400000u : 0) |
                                    (magnitude & 0x3ffu) << 13);
    /* scaling by 2^112 moves the exponent's bias from 15 to 127, subnormal numbers included */
    return kern_float_from_bits(sign | kern_bits_from_float(kern_float_from_bits(magnitude << 13) * 0x1p112f));
}

static inline uint16_t kern_half_from_float(float value)
{
    const uint32_t bits = kern_bits_from_float(value);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN, made quiet */
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477ff000u) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) { /* subnormal: adding 1/2 leaves its bits at the mantissa's end, correctly rounded */
        const float shifted = kern_float_from_bits(magnitude) + 0.5f;
        return (uint16_t)(sign | (kern_bits_from_float(shifted) - kern_bits_from_float(0.5f)));
    }
    const uint32_t odd = magnitude >> 13 & 1u;
    return (uint16_t)(sign | ((magnitude + 0xfffu + odd - (112u << 23)) >> 13));
}

static inline float kern_float_from_bfloat(uint16_t value)
{
    return kern_float_from_bits((uint32_t)value << 16);
}

#endif
