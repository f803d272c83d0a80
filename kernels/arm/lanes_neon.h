/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen float lanes as four NEON registers. See ref/lanes_scalar.h for what each operation means. */
#ifndef FIRN_KERNELS_LANES_NEON_H
#define FIRN_KERNELS_LANES_NEON_H

#include "kernels/half.h"
#include "kernels/kernels.h"

#include <arm_neon.h>

/* Sums of a fourth row, four registers more, would be kept in memory. */
enum { LANES_ROWS = 3, LANES_WIDE = 1, LANES_COLUMNS = 6 };

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

static inline lanes lanes_even(lanes a)
{
    LANES_EACH(vtrn1q_f32(a.at[i], a.at[i]));
}

static inline lanes lanes_odd(lanes a)
{
    LANES_EACH(vtrn2q_f32(a.at[i], a.at[i]));
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

static inline lanes lanes_where_at_most(lanes a, lanes x, lanes limit)
{
    LANES_EACH(vreinterpretq_f32_u32(vandq_u32(vcleq_f32(x.at[i], limit.at[i]), vreinterpretq_u32_f32(a.at[i]))));
}

static inline uint32_t lanes_reach(lanes a, lanes b)
{
    const uint32x4_t bit = {1, 2, 4, 8};
    uint32_t bits = 0;
    for (int i = 0; i < 4; i++)
        bits |= vaddvq_u32(vandq_u32(vcgeq_f32(a.at[i], b.at[i]), bit)) << 4 * i;
    return bits;
}

static inline lanes lanes_bits(lanes a)
{
    LANES_EACH(vcvtq_f32_s32(vreinterpretq_s32_f32(a.at[i])));
}

/* the upper halves of four products */
static inline uint32x4_t upper_products(uint32x4_t a, uint32x2_t factor)
{
    const uint64x2_t low = vmull_u32(vget_low_u32(a), factor), high = vmull_u32(vget_high_u32(a), factor);
    return vuzp2q_u32(vreinterpretq_u32_u64(low), vreinterpretq_u32_u64(high));
}

static inline void lanes_philox(uint32_t first, const uint32_t counter[3], const uint32_t key[2], lanes words[4])
{
    const uint32x4_t steps = {0, 1, 2, 3};
    for (uint32_t i = 0; i < 4; i++) {
        uint32x4_t word[4] = {vaddq_u32(vdupq_n_u32(first + 4 * i), steps), vdupq_n_u32(counter[0]),
                              vdupq_n_u32(counter[1]), vdupq_n_u32(counter[2])};
        uint32x4_t key0 = vdupq_n_u32(key[0]), key1 = vdupq_n_u32(key[1]);
        for (int round = 0; round < 10; round++) {
            const uint32x4_t upper0 = upper_products(word[0], vdup_n_u32(KERN_PHILOX_0));
            const uint32x4_t upper1 = upper_products(word[2], vdup_n_u32(KERN_PHILOX_1));
            const uint32x4_t lower0 = vmulq_n_u32(word[0], KERN_PHILOX_0);
            const uint32x4_t lower1 = vmulq_n_u32(word[2], KERN_PHILOX_1);
            word[0] = veorq_u32(veorq_u32(upper1, word[1]), key0);
            word[1] = lower1;
            word[2] = veorq_u32(veorq_u32(upper0, word[3]), key1);
            word[3] = lower0;
            key0 = vaddq_u32(key0, vdupq_n_u32(KERN_PHILOX_KEY_0));
            key1 = vaddq_u32(key1, vdupq_n_u32(KERN_PHILOX_KEY_1));
        }
        for (int j = 0; j < 4; j++)
            words[j].at[i] = vcvtq_f32_u32(vshrq_n_u32(word[j], 8));
    }
}

#undef LANES_EACH

#endif
