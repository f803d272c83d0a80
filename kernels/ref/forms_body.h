/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packed types as registers: where a block's numbers are in a tile, and its weights as bytes, written once over the
 * operations on ROWS rows that a file for one instruction set includes first (x86/rows_avx2.h, …). `part` says which
 * ROWS of the tile's 16 rows are meant. Every function is inlined with `f` constant.
 */
#ifndef FIRN_KERNELS_FORMS_BODY_H
#define FIRN_KERNELS_FORMS_BODY_H

#include "kernels/tile.h"

/* The packed types, and what the others are expanded to (kernels/tile.h). */
typedef enum form {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    IQ4_NL,
    IQ4_XS,
    MXFP4,
    NVFP4,
    TQ1_0,
    TQ2_0,
    EXPANDED,
    EXPANDED_HALVES, /* with integer scales of half blocks */
    ROUNDED_Q8_0,    /* as pack_rounded makes it: F16 scale[16], then bytes as of an expanded tile */
} form;

/* ROWS rows of a block. */
typedef struct form_view {
    rows_float scale, second_scale, minimum;
    rows_int subscale[2], subminimum[2]; /* int32, of the two halves */
    const uint8_t *planes, *quants;
    uint32_t sub; /* TQ1_0: the block's number in its 256 inputs */
} form_view;

ALWAYS_INLINE bool has_minimum(form f)
{
    return f == Q4_1 || f == Q5_1 || f == Q4_K || f == Q5_K;
}

ALWAYS_INLINE bool has_subminima(form f)
{
    return f == Q2_K;
}

ALWAYS_INLINE bool has_two_scales(form f)
{
    return f == NVFP4;
}

/* Integers that multiply the sums of the two halves. */
ALWAYS_INLINE bool has_subscales(form f)
{
    return f == Q2_K || f == Q3_K || f == Q6_K || f == EXPANDED_HALVES;
}

/* Cache lines that a block's quants fill; 0: they were just written. */
ALWAYS_INLINE uint32_t quant_lines(form f)
{
    if (f == EXPANDED || f == EXPANDED_HALVES)
        return 0;
    return f == ROUNDED_Q8_0 ? 9 : f == Q6_K ? 7 : f == Q5_0 || f == Q5_1 || f == Q5_K ? 6 : 5;
}

/* Whether the two halves of a block must be summed apart. */
ALWAYS_INLINE bool has_halves(form f)
{
    return has_subscales(f) || has_two_scales(f);
}

ALWAYS_INLINE bool is_iq4(form f)
{
    return f == IQ4_NL || f == IQ4_XS;
}

/* Bytes are from 0 to largest() and stand for byte - zero_point(); those of ROWS_SIGNED's IQ4 and Q8_0 are the weights.
 */
ALWAYS_INLINE int zero_point(form f)
{
    switch (f) {
    case Q4_0:
        return 8;
    case Q5_0:
        return 16;
    case Q3_K:
        return 4;
    case Q6_K:
        return 32;
    case IQ4_NL:
    case IQ4_XS:
        return ROWS_SIGNED ? 0 : 128;
    case MXFP4:
    case NVFP4:
        return 12;
    case TQ1_0:
    case TQ2_0:
        return 1;
    case EXPANDED:
    case EXPANDED_HALVES:
        return KERN_EXPANDED_ZERO;
    case ROUNDED_Q8_0:
        return ROWS_SIGNED ? 0 : 128;
    default:
        return 0;
    }
}

ALWAYS_INLINE int largest(form f)
{
    switch (f) {
    case Q2_K:
    case TQ1_0:
    case TQ2_0:
        return 3;
    case Q3_K:
        return 7;
    case MXFP4:
    case NVFP4:
        return 24;
    case Q5_0:
    case Q5_1:
    case Q5_K:
        return 31;
    case Q6_K:
        return 63;
    case IQ4_NL:
    case IQ4_XS:
        return ROWS_SIGNED ? 127 : 241;
    case EXPANDED:
    case EXPANDED_HALVES:
        return 2 * KERN_EXPANDED_ZERO - 2;
    case ROUNDED_Q8_0:
        return ROWS_SIGNED ? 127 : 255;
    default:
        return 15;
    }
}

/* ---- where a block's numbers are ---- */

/* Blocks with F16 scales (and minima), then planes, then nibbles. */
ALWAYS_INLINE form_view view_32(form f, const uint8_t *tile, uint32_t b, uint32_t part)
{
    const size_t header = has_minimum(f) ? 64 : 32, planes = f == Q5_0 || f == Q5_1 ? 64 : 0;
    const uint8_t *const block = tile + b * (header + planes + 256);
    form_view v = {.scale = rows_load_halves(block + 2 * ROWS * part),
                   .planes = block + header + 4 * ROWS * part,
                   .quants = block + header + planes + 4 * ROWS * part};
    if (has_minimum(f))
        v.minimum = rows_load_halves(block + 32 + 2 * ROWS * part);
    return v;
}

/* Two 6-bit numbers of block b. */
ALWAYS_INLINE void six_bit_pair(const uint8_t *packed, uint32_t b, uint32_t part, rows_int *first, rows_int *second)
{
    const uint8_t *const pair = packed + 48 * (b / 2) + ROWS * part;
    const rows_int low = rows_load_bytes(pair + 16 * (b & 1));
    const rows_int high = rows_shift_right(rows_load_bytes(pair + 32), 4 * (b & 1));
    const rows_int two_bits = rows_splat(3);
    *first = rows_or(rows_and(low, rows_splat(15)), rows_shift_left(rows_and(high, two_bits), 4));
    *second = rows_or(rows_shift_right(low, 4), rows_shift_left(rows_and(rows_shift_right(high, 2), two_bits), 4));
}

/* Q4_K and Q5_K */
ALWAYS_INLINE form_view view_six_bit(form f, const uint8_t *tile, uint32_t b, uint32_t part)
{
    const size_t planes = f == Q5_K ? 64 : 0;
    const uint8_t *const super = tile + b / 8 * (256 + 8 * (planes + 256));
    const uint8_t *const block = super + 256 + b % 8 * (planes + 256) + 4 * ROWS * part;
    rows_int scale, minimum;
    six_bit_pair(super + 64, b % 8, part, &scale, &minimum);
    const rows_int negative = rows_subtract(rows_splat(0), minimum);
    return (form_view){
        .scale = rows_multiply(rows_load_halves(super + 2 * ROWS * part), rows_to_float(scale)),
        .minimum = rows_multiply(rows_load_halves(super + 32 + 2 * ROWS * part), rows_to_float(negative)),
        .planes = block,
        .quants = block + planes,
    };
}

ALWAYS_INLINE form_view view_q2_k(const uint8_t *tile, uint32_t b, uint32_t part)
{
    const uint8_t *const super = tile + b / 8 * 1344, *const block = super + 64 + 160 * (b % 8);
    const rows_int first = rows_load_bytes(block + ROWS * part);
    const rows_int second = rows_load_bytes(block + 16 + ROWS * part), four_bits = rows_splat(15);
    return (form_view){
        .scale = rows_load_halves(super + 2 * ROWS * part),
        .minimum = rows_multiply(rows_load_halves(super + 32 + 2 * ROWS * part), rows_to_float(rows_splat(-1))),
        .subscale = {rows_and(first, four_bits), rows_and(second, four_bits)},
        .subminimum = {rows_shift_right(first, 4), rows_shift_right(second, 4)},
        .quants = block + 32 + 4 * ROWS * part,
    };
}

ALWAYS_INLINE form_view view_q3_k(const uint8_t *tile, uint32_t b, uint32_t part)
{
    const uint8_t *const super = tile + b / 8 * 1760, *const block = super + 224 + 192 * (b % 8) + 4 * ROWS * part;
    rows_int first, second;
    six_bit_pair(super + 32, b % 8, part, &first, &second);
    return (form_view){
        .scale = rows_load_halves(super + 2 * ROWS * part),
        .subscale = {rows_subtract(first, rows_splat(32)), rows_subtract(second, rows_splat(32))},
        .planes = block,
        .quants = block + 64,
    };
}

ALWAYS_INLINE form_view view_q6_k(const uint8_t *tile, uint32_t b, uint32_t part)
{
    const uint8_t *const super = tile + b / 8 * 3360;
    const uint8_t *const scales = super + 32 + 32 * (b % 8) + ROWS * part;
    const uint8_t *const block = super + 288 + 384 * (b % 8) + 4 * ROWS * part;
    return (form_view){
        .scale = rows_load_halves(super + 2 * ROWS * part),
        .subscale = {rows_load_signed(scales), rows_load_signed(scales + 16)},
        .planes = block,
        .quants = block + 128,
    };
}

ALWAYS_INLINE form_view view_iq4_xs(const uint8_t *tile, uint32_t b, uint32_t part)
{
    const uint8_t *const super = tile + b / 8 * 2176 + ROWS * part;
    const uint32_t s = b % 8;
    const rows_int low = rows_shift_right(rows_load_bytes(super + 32 + 16 * (s / 2)), 4 * (s & 1));
    const rows_int high = rows_shift_right(rows_load_bytes(super + 96 + 16 * (s / 4)), 2 * (s & 3));
    const rows_int scale = rows_or(rows_and(low, rows_splat(15)), rows_shift_left(rows_and(high, rows_splat(3)), 4));
    return (form_view){
        .scale =
            rows_multiply(rows_load_halves(super + ROWS * part), rows_to_float(rows_subtract(scale, rows_splat(32)))),
        .quants = super + 128 + 256 * s + 3 * ROWS * part,
    };
}

/* E8M0 from 0 to 255 is 2^(e - 128) (see tile.c): the product of two normal powers of two, because it may be none. */
ALWAYS_INLINE form_view view_mxfp4(const uint8_t *tile, uint32_t b, uint32_t part)
{
    const uint8_t *const block = tile + (size_t)b * 272;
    const rows_int e = rows_load_bytes(block + ROWS * part), half = rows_shift_right(e, 1), bias = rows_splat(63);
    const rows_int first = rows_shift_left(rows_add(half, bias), 23);
    const rows_int second = rows_shift_left(rows_add(rows_subtract(e, half), bias), 23);
    return (form_view){
        .scale = rows_multiply(rows_as_float(first), rows_as_float(second)),
        .quants = block + 16 + 4 * ROWS * part,
    };
}

/* E4M3: the same bits 20 places higher are a float with another bias. */
ALWAYS_INLINE rows_float load_e4m3(const uint8_t *bytes)
{
    const rows_float factor = rows_as_float(rows_splat((127 + 119) << 23));
    return rows_multiply(rows_as_float(rows_shift_left(rows_load_bytes(bytes), 20)), factor);
}

ALWAYS_INLINE form_view view_nvfp4(const uint8_t *tile, uint32_t b, uint32_t part)
{
    const uint8_t *const pair = tile + b / 2 * 576, *const scales = pair + 32 * (b & 1) + ROWS * part;
    return (form_view){
        .scale = load_e4m3(scales),
        .second_scale = load_e4m3(scales + 16),
        .quants = pair + 64 + 256 * (b & 1) + 4 * ROWS * part,
    };
}

/* TQ1_0 and TQ2_0: one F16 scale for 256 inputs */
ALWAYS_INLINE form_view view_ternary(form f, const uint8_t *tile, uint32_t b, uint32_t part)
{
    const uint8_t *const super = tile + b / 8 * (f == TQ1_0 ? 864 : 1056);
    return (form_view){
        .scale = rows_load_halves(super + 2 * ROWS * part),
        .quants = super + 32 + (f == TQ1_0 ? 0 : 128 * (b % 8)) + 4 * ROWS * part,
        .sub = b % 8,
    };
}

ALWAYS_INLINE form_view view_expanded(form f, const uint8_t *tile, uint32_t b, uint32_t part)
{
    const uint8_t *const block = tile + (size_t)b * KERN_EXPANDED_BLOCK, *const scales = block + 64 + ROWS * part;
    form_view v = {.scale = rows_load_floats(block + 4 * ROWS * part), .quants = block + 96 + 4 * ROWS * part};
    if (has_subscales(f)) {
        v.subscale[0] = rows_load_signed(scales);
        v.subscale[1] = rows_load_signed(scales + 16);
    }
    return v;
}

ALWAYS_INLINE form_view view_rounded(const uint8_t *tile, uint32_t b, uint32_t part)
{
    const uint8_t *const block = tile + (size_t)b * KERN_ROUNDED_BLOCK;
    return (form_view){.scale = rows_load_halves(block + 2 * ROWS * part), .quants = block + 32 + 4 * ROWS * part};
}

/*
 * The tile's block that block b of the inputs is multiplied with: the same, but that ROUNDED_Q8_0 has one block of
 * inputs more, the last of n_blocks, which goes with block `again`.
 */
ALWAYS_INLINE uint32_t block_of(form f, uint32_t b, uint32_t n_blocks, uint32_t again)
{
    return f == ROUNDED_Q8_0 && b + 1 == n_blocks ? again : b;
}

ALWAYS_INLINE form_view view(form f, const uint8_t *tile, uint32_t b, uint32_t part)
{
    switch (f) {
    case Q2_K:
        return view_q2_k(tile, b, part);
    case Q3_K:
        return view_q3_k(tile, b, part);
    case Q4_K:
    case Q5_K:
        return view_six_bit(f, tile, b, part);
    case Q6_K:
        return view_q6_k(tile, b, part);
    case IQ4_XS:
        return view_iq4_xs(tile, b, part);
    case MXFP4:
        return view_mxfp4(tile, b, part);
    case NVFP4:
        return view_nvfp4(tile, b, part);
    case TQ1_0:
    case TQ2_0:
        return view_ternary(f, tile, b, part);
    case EXPANDED:
    case EXPANDED_HALVES:
        return view_expanded(f, tile, b, part);
    case ROUNDED_Q8_0:
        return view_rounded(tile, b, part);
    default:
        return view_32(f, tile, b, part);
    }
}

/* ---- a block's weights: k-groups g and g + 4 (g from 0 to 3) as bytes ---- */

/* Bit `from` of each byte moved to bit `to`; its neighbours move too. */
ALWAYS_INLINE rows_int move_bits(rows_int a, int from, int to)
{
    return from < to ? rows_bytes_up(a, to - from) : from > to ? rows_bytes_down(a, from - to) : a;
}

/* `bits` bits of each byte from bit `at` on */
ALWAYS_INLINE rows_int byte_mask(int bits, int at)
{
    return rows_splat((((1 << bits) - 1) << at) * 0x01010101);
}

ALWAYS_INLINE void load_nibbles(const form_view *v, int g, rows_int *low, rows_int *high)
{
    const rows_int nibbles = rows_load(v->quants + 64 * g);
    *low = rows_and(nibbles, byte_mask(4, 0));
    *high = rows_and(move_bits(nibbles, 4, 0), byte_mask(4, 0));
}

/* Digit n of a byte of five: see trit() in tile.c. */
ALWAYS_INLINE void load_trits(const form_view *v, int g, rows_int *low, rows_int *high)
{
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};
    const uint8_t *const quants = v->quants;
    if (v->sub < 5) {
        *low = rows_trits(rows_load(quants + 64 * g), powers[v->sub]);
        *high = rows_trits(rows_load(quants + 64 * (g + 4)), powers[v->sub]);
    } else if (v->sub < 7) {
        const rows_int bytes = rows_load(quants + 64 * (g + 8));
        *low = rows_trits(bytes, powers[2 * v->sub - 10]);
        *high = rows_trits(bytes, powers[2 * v->sub - 9]);
    } else {
        *low = rows_trits(rows_load(quants + 64 * (g + 8)), powers[4]);
        *high = rows_trits(rows_load(quants + 64 * 12), powers[g]);
    }
}

ALWAYS_INLINE void load_groups(form f, const form_view *v, int g, rows_int *low, rows_int *high)
{
    switch (f) {
    case Q2_K:
    case Q3_K:
    case TQ2_0:
        *low = rows_and(move_bits(rows_load(v->quants), 2 * g, 0), byte_mask(2, 0));
        *high = rows_and(move_bits(rows_load(v->quants + 64), 2 * g, 0), byte_mask(2, 0));
        break;
    case TQ1_0:
        load_trits(v, g, low, high);
        break;
    case EXPANDED:
    case EXPANDED_HALVES:
    case ROUNDED_Q8_0:
        *low = rows_load(v->quants + 64 * g);
        *high = rows_load(v->quants + 64 * (g + 4));
        break;
    default:
        load_nibbles(v, g, low, high);
        break;
    }
    if (is_iq4(f)) {
        *low = rows_look_up(kern_iq4_values, zero_point(f), *low);
        *high = rows_look_up(kern_iq4_values, zero_point(f), *high);
    }
    if (f == MXFP4 || f == NVFP4) {
        *low = rows_look_up(kern_fp4_values, zero_point(f), *low);
        *high = rows_look_up(kern_fp4_values, zero_point(f), *high);
    }
    if (f == Q3_K || f == Q5_0 || f == Q5_1 || f == Q5_K) { /* bits g and g + 4 of the plane become the last bit */
        const int last = f == Q3_K ? 2 : 4;
        *low = rows_insert(*low, move_bits(rows_load(v->planes), g, last), byte_mask(1, last));
        *high = rows_insert(*high, move_bits(rows_load(v->planes), g + 4, last), byte_mask(1, last));
    }
    if (f == Q6_K) {
        *low = rows_insert(*low, move_bits(rows_load(v->planes), 2 * g, 4), byte_mask(2, 4));
        *high = rows_insert(*high, move_bits(rows_load(v->planes + 64), 2 * g, 4), byte_mask(2, 4));
    }
}

#endif
