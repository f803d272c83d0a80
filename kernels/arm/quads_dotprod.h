/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen exact sums in eight registers: a factor is 256 * high + low, two signed bytes, and sdot adds four products
 * with each. The bytes are made signed, so that sums start at zero. See ref/quads_scalar.h.
 */
#ifndef FIRN_KERNELS_QUADS_DOTPROD_H
#define FIRN_KERNELS_QUADS_DOTPROD_H

#include "kernels/arm/lanes_neon.h"

enum { QUADS_ROWS = 3, QUADS_WIDE = 1 };

typedef struct quads {
    int32x4_t low[4], high[4];
} quads;

static inline quads quads_start(int32_t start)
{
    (void)start;
    const int32x4_t zero = vdupq_n_s32(0);
    return (quads){{zero, zero, zero, zero}, {zero, zero, zero, zero}};
}

static inline quads quads_add(quads sums, const uint8_t *bytes, const uint8_t *factors)
{
    const int8x8_t both = vreinterpret_s8_u8(vld1_u8(factors));
    for (int i = 0; i < 4; i++) {
        const int8x16_t data = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(bytes + 16 * i), vdupq_n_u8(128)));
        sums.low[i] = vdotq_lane_s32(sums.low[i], data, both, 0);
        sums.high[i] = vdotq_lane_s32(sums.high[i], data, both, 1);
    }
    return sums;
}

static inline lanes quads_total(quads sums)
{
    lanes total;
    for (int i = 0; i < 4; i++)
        total.at[i] = vcvtq_f32_s32(vaddq_s32(sums.low[i], vshlq_n_s32(sums.high[i], 8)));
    return total;
}

#define QUADS_STORE
static inline void quads_store(uint8_t *to, lanes factors)
{
    for (int i = 0; i < 4; i++) {
        const int32x4_t whole = vcvtq_s32_f32(factors.at[i]);
        const int16x4_t low = vmovn_s32(whole), high = vmovn_s32(vshrq_n_s32(vaddq_s32(whole, vdupq_n_s32(128)), 8));
        vst1_s8((int8_t *)to + 8 * i, vmovn_s16(vcombine_s16(low, high)));
    }
}

#endif
