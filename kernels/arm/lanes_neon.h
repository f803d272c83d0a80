/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen float lanes as four NEON registers. See ref/lanes_scalar.h for what each operation means. */
#ifndef FIRN_KERNELS_LANES_NEON_H
#define FIRN_KERNELS_LANES_NEON_H

#include "kernels/half.h"
#include "kernels/kernels.h"

#include <arm_neon.h>

enum { LANES_ROWS = 4, LANES_WIDE = 1 };

typedef struct lanes {
    float32x4_t at[4];
} lanes;

#define LANES_EACH(expression)       \
    lanes result;                    \
    for (int i = 0; i < 4; i++)      \
        result.at[i] = (expression); \
    return result

static inline lanes lanes_splat(float value)
{
    LANES_EACH(vdupq_n_f32(value));
}

static inline lanes lanes_load(const float *from)
{
    LANES_EACH(vld1q_f32(from + 4 * i));
}

static inline void lanes_store(float *to, lanes a)
{
    for (int i = 0; i < 4; i++)
        vst1q_f32(to + 4 * i, a.at[i]);
}

static inline lanes lanes_load_half(const uint16_t *from)
{
    LANES_EACH(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from + 4 * i))));
}

static inline void lanes_store_half(uint16_t *to, lanes a)
{
    for (int i = 0; i < 4; i++)
        vst1_u16(to + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(a.at[i])));
}

static inline lanes lanes_load_bfloat(const uint16_t *from)
{
    LANES_EACH(vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(from + 4 * i), 16)));
}

static inline lanes lanes_add(lanes a, lanes b)
{
    LANES_EACH(vaddq_f32(a.at[i], b.at[i]));
}

static inline lanes lanes_subtract(lanes a, lanes b)
{
    LANES_EACH(vsubq_f32(a.at[i], b.at[i]));
}

static inline lanes lanes_multiply(lanes a, lanes b)
{
    LANES_EACH(vmulq_f32(a.at[i], b.at[i]));
}

static inline lanes lanes_divide(lanes a, lanes b)
{
    LANES_EACH(vdivq_f32(a.at[i], b.at[i]));
}

static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    LANES_EACH(vfmaq_f32(c.at[i], a.at[i], b.at[i]));
}

/* NEON's own maximum and minimum treat NaN and zeros otherwise. */
static inline float32x4_t larger(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

static inline lanes lanes_maximum(lanes a, lanes b)
{
    LANES_EACH(larger(a.at[i], b.at[i]));
}

static inline lanes lanes_minimum(lanes a, lanes b)
{
    LANES_EACH(vbslq_f32(vcltq_f32(a.at[i], b.at[i]), a.at[i], b.at[i]));
}

static inline lanes lanes_absolute(lanes a)
{
    LANES_EACH(vabsq_f32(a.at[i]));
}

static inline float32x4_t larger_bits(float32x4_t a, float32x4_t b)
{
    return vreinterpretq_f32_u32(vmaxq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}

static inline lanes lanes_maximum_bits(lanes a, lanes b)
{
    LANES_EACH(larger_bits(a.at[i], b.at[i]));
}

static inline lanes lanes_round(lanes a)
{
    LANES_EACH(vrndnq_f32(a.at[i]));
}

static inline lanes lanes_floor(lanes a)
{
    LANES_EACH(vrndmq_f32(a.at[i]));
}

static inline lanes lanes_power_of_two(lanes a)
{
    LANES_EACH(vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(a.at[i]), vdupq_n_s32(127)), 23)));
}

static inline lanes lanes_copy_sign(lanes a, lanes b)
{
    LANES_EACH(vbslq_f32(vdupq_n_u32(0x80000000u), b.at[i], a.at[i]));
}

static inline uint32x4_t range_mask(int first, int begin, int end)
{
    const int32x4_t steps = {0, 1, 2, 3}, index = vaddq_s32(steps, vdupq_n_s32(first));
    return vandq_u32(vcgeq_s32(index, vdupq_n_s32(begin)), vcltq_s32(index, vdupq_n_s32(end)));
}

static inline lanes lanes_select_range(lanes a, lanes b, int begin, int end)
{
    LANES_EACH(vbslq_f32(range_mask(4 * i, begin, end), a.at[i], b.at[i]));
}

static inline int16x8_t eight_words(float32x4_t low, float32x4_t high)
{
    return vcombine_s16(vmovn_s32(vcvtq_s32_f32(low)), vmovn_s32(vcvtq_s32_f32(high)));
}

static inline void lanes_store_int8(int8_t *to, lanes a)
{
    vst1_s8(to, vmovn_s16(eight_words(a.at[0], a.at[1])));
    vst1_s8(to + 8, vmovn_s16(eight_words(a.at[2], a.at[3])));
}

static inline void lanes_store_int16(int16_t *to, lanes a)
{
    vst1q_s16(to, eight_words(a.at[0], a.at[1]));
    vst1q_s16(to + 8, eight_words(a.at[2], a.at[3]));
}

static inline float lanes_sum(lanes a)
{
    const float32x4_t four = vaddq_f32(vaddq_f32(a.at[0], a.at[2]), vaddq_f32(a.at[1], a.at[3]));
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

static inline float lanes_largest(lanes a)
{
    const float32x4_t four = larger(larger(a.at[0], a.at[2]), larger(a.at[1], a.at[3]));
    const float32x4_t two = larger(four, vextq_f32(four, four, 2));
    return vgetq_lane_f32(larger(two, vextq_f32(two, two, 1)), 0);
}

/* The largest by bits, of values without sign. */
static inline float lanes_largest_bits(lanes a)
{
    const float32x4_t four = larger_bits(larger_bits(a.at[0], a.at[2]), larger_bits(a.at[1], a.at[3]));
    return kern_float_from_bits(vmaxvq_u32(vreinterpretq_u32_f32(four)));
}

#undef LANES_EACH

#endif
