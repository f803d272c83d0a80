/* SPDX-License-Identifier: Apache-2.0 */
/* Four rows of a tile in one NEON register: what ref/forms_body.h and ref/dot_body.h need of an instruction set. */
#ifndef FIRN_KERNELS_ROWS_NEON_H
#define FIRN_KERNELS_ROWS_NEON_H

#include "kernels/tile.h"

#include <arm_neon.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { ROWS = 4, ROWS_SIGNED = 1 };

typedef int32x4_t rows_int; /* int32 a row, or four bytes */
typedef float32x4_t rows_float;

ALWAYS_INLINE rows_int rows_load(const uint8_t *bytes)
{
    return vreinterpretq_s32_u8(vld1q_u8(bytes));
}

ALWAYS_INLINE rows_int rows_load_bytes(const uint8_t *bytes)
{
    const uint16x8_t wide = vmovl_u8(vcreate_u8(kern_load32(bytes)));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)));
}

ALWAYS_INLINE rows_int rows_load_signed(const uint8_t *bytes)
{
    const int16x8_t wide = vmovl_s8(vcreate_s8(kern_load32(bytes)));
    return vmovl_s16(vget_low_s16(wide));
}

ALWAYS_INLINE rows_float rows_load_halves(const uint8_t *halves)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(halves)));
}

ALWAYS_INLINE rows_float rows_load_floats(const uint8_t *floats)
{
    return vreinterpretq_f32_u8(vld1q_u8(floats));
}

ALWAYS_INLINE rows_int rows_splat(int32_t value)
{
    return vdupq_n_s32(value);
}

ALWAYS_INLINE rows_int rows_and(rows_int a, rows_int b)
{
    return vandq_s32(a, b);
}

ALWAYS_INLINE rows_int rows_or(rows_int a, rows_int b)
{
    return vorrq_s32(a, b);
}

/* a | (b & mask) */
ALWAYS_INLINE rows_int rows_insert(rows_int a, rows_int b, rows_int mask)
{
    return vorrq_s32(a, vandq_s32(b, mask));
}

ALWAYS_INLINE rows_int rows_add(rows_int a, rows_int b)
{
    return vaddq_s32(a, b);
}

ALWAYS_INLINE rows_int rows_subtract(rows_int a, rows_int b)
{
    return vsubq_s32(a, b);
}

ALWAYS_INLINE rows_int rows_shift_left(rows_int a, uint32_t n)
{
    return vshlq_s32(a, vdupq_n_s32((int32_t)n));
}

/* Of numbers that are not negative. */
ALWAYS_INLINE rows_int rows_shift_right(rows_int a, uint32_t n)
{
    return vshlq_s32(a, vdupq_n_s32(-(int32_t)n));
}

/* Each byte shifted. */
ALWAYS_INLINE rows_int rows_bytes_up(rows_int a, int n)
{
    return vreinterpretq_s32_u8(vshlq_u8(vreinterpretq_u8_s32(a), vdupq_n_s8((int8_t)n)));
}

ALWAYS_INLINE rows_int rows_bytes_down(rows_int a, int n)
{
    return rows_bytes_up(a, -n);
}

/* values[index] + offset for each byte */
ALWAYS_INLINE rows_int rows_look_up(const int8_t *values, int offset, rows_int indices)
{
    const int8x16_t table = vaddq_s8(vld1q_s8(values), vdupq_n_s8((int8_t)offset));
    return vreinterpretq_s32_s8(vqtbl1q_s8(table, vreinterpretq_u8_s32(indices)));
}

/* Three times the bytes times `factor` (both modulo 256), divided by 256: 0, 1 or 2. */
ALWAYS_INLINE rows_int rows_trits(rows_int a, int factor)
{
    const uint8x16_t digits = vmulq_u8(vreinterpretq_u8_s32(a), vdupq_n_u8((uint8_t)factor)); /* thirds of 256 */
    const uint8x16_t one = vcgeq_u8(digits, vdupq_n_u8(86)), two = vcgeq_u8(digits, vdupq_n_u8(171));
    return vreinterpretq_s32_s8(vnegq_s8(vreinterpretq_s8_u8(vaddq_u8(one, two))));
}

ALWAYS_INLINE rows_float rows_to_float(rows_int a)
{
    return vcvtq_f32_s32(a);
}

ALWAYS_INLINE rows_float rows_as_float(rows_int a)
{
    return vreinterpretq_f32_s32(a);
}

ALWAYS_INLINE rows_float rows_multiply(rows_float a, rows_float b)
{
    return vmulq_f32(a, b);
}

/* low * the lower int16 of the four bytes + high * the upper one */
ALWAYS_INLINE rows_int rows_multiply_pair(rows_int low, rows_int high, const uint8_t *pair)
{
    const rows_int first = vmulq_n_s32(low, (int16_t)kern_load16(pair));
    return vmlaq_n_s32(first, high, (int16_t)kern_load16(pair + 2));
}

/* a * b + c, rounded once */
ALWAYS_INLINE rows_float rows_fma(rows_float a, rows_float b, rows_float c)
{
    return vfmaq_f32(c, a, b);
}

ALWAYS_INLINE rows_int rows_multiply_int(rows_int a, rows_int b)
{
    return vmulq_s32(a, b);
}

ALWAYS_INLINE rows_float rows_splat_float(const uint8_t *bytes)
{
    return vreinterpretq_f32_u32(vdupq_n_u32(kern_load32(bytes)));
}

ALWAYS_INLINE void rows_store(float *to, rows_float a)
{
    vst1q_f32(to, a);
}

/* The four bytes, for each row. */
ALWAYS_INLINE int8x16_t rows_splat_bytes(const uint8_t *bytes)
{
    return vreinterpretq_s8_u32(vdupq_n_u32(kern_load32(bytes)));
}

#endif
