/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen exact sums in four registers: bytes become int16, whose products are added in pairs. See ref/quads_scalar.h.
 */
#ifndef FIRN_KERNELS_QUADS_NEON_H
#define FIRN_KERNELS_QUADS_NEON_H

#include "kernels/arm/lanes_neon.h"

enum { QUADS_ROWS = 3, QUADS_WIDE = 1 };

typedef struct quads {
    int32x4_t at[4];
} quads;

static inline quads quads_start(int32_t start)
{
    const int32x4_t first = vdupq_n_s32(start);
    return (quads){{first, first, first, first}};
}

/* Of two sums, each in two parts. */
static inline int32x4_t two_sums(uint8x8_t bytes, int16x4_t factor)
{
    const int16x8_t wide = vreinterpretq_s16_u16(vmovl_u8(bytes));
    return vpaddq_s32(vmull_s16(vget_low_s16(wide), factor), vmull_s16(vget_high_s16(wide), factor));
}

static inline quads quads_add(quads sums, const uint8_t *bytes, const uint8_t *factors)
{
    const int16x4_t factor = vreinterpret_s16_u8(vld1_u8(factors));
    for (int i = 0; i < 4; i++) {
        const uint8x16_t four = vld1q_u8(bytes + 16 * i);
        const int32x4_t low = two_sums(vget_low_u8(four), factor), high = two_sums(vget_high_u8(four), factor);
        sums.at[i] = vaddq_s32(sums.at[i], vpaddq_s32(low, high));
    }
    return sums;
}

static inline lanes quads_total(quads sums)
{
    lanes total;
    for (int i = 0; i < 4; i++)
        total.at[i] = vcvtq_f32_s32(sums.at[i]);
    return total;
}

#endif
