/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/tile.h"

#include "kernels/half.h"
#include "kernels/pack.h"

const int8_t kern_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
const int8_t kern_fp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

kern_scaling kern_type_scaling(kern_type type)
{
    switch (type) {
    case KERN_Q4_1:
    case KERN_Q5_1:
    case KERN_Q4_K:
    case KERN_Q5_K:
        return KERN_MINIMUM;
    case KERN_Q2_K:
        return KERN_SUBMINIMA;
    case KERN_NVFP4:
        return KERN_TWO_SCALES;
    default:
        return KERN_SCALED;
    }
}

static float half_at(const uint8_t *halves, uint32_t index)
{
    return kern_float_from_half(kern_load16(halves + 2 * (size_t)index));
}

/* Unsigned quants of one row of a packed block: `high` more bits a weight (0, 1 or 2) in `planes` before the nibbles.
 */
static void unpack_quants(const uint8_t *planes, const uint8_t *nibbles, uint32_t row, uint32_t high, int zero,
                          int8_t *q)
{
    for (uint32_t g = 0; g < 8; g++) {
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t column = row * 4 + i;
            const uint8_t byte = nibbles[(g & 3) * 64 + column];
            uint32_t value = g < 4 ? byte & 15u : (uint32_t)byte >> 4;
            if (high == 1)
                value |= (planes[column] >> g & 1u) << 4;
            if (high == 2)
                value |= (planes[(g >> 2) * 64 + column] >> (2 * (g & 3)) & 3u) << 4;
            q[4 * g + i] = (int8_t)((int)value - zero);
        }
    }
}

/* 2-bit quants of one row in two planes, and (if `third` isn't NULL) a plane of third bits. */
static void unpack_two_bits(const uint8_t *planes, const uint8_t *third, uint32_t row, int zero, int8_t *q)
{
    for (uint32_t g = 0; g < 8; g++) {
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t column = row * 4 + i;
            uint32_t value = planes[(g >> 2) * 64 + column] >> (2 * (g & 3)) & 3u;
            if (third != NULL)
                value |= (third[column] >> g & 1u) << 2;
            q[4 * g + i] = (int8_t)((int)value - zero);
        }
    }
}

/* Replaces 4-bit codes by their values. */
static void look_up(const int8_t *values, int8_t *q)
{
    for (uint32_t i = 0; i < KERN_BLOCK; i++)
        q[i] = values[q[i]];
}

static void set_scale(kern_block *out, float scale)
{
    out->scale[0] = out->scale[1] = scale;
}

/* E8M0, an exponent of two: twice the values of E2M1 are stored, so half of it. */
static float e8m0_half(uint32_t exponent)
{
    return exponent < 2 ? kern_float_from_bits(0x00200000u << exponent) : kern_float_from_bits((exponent - 1) << 23);
}

/* E4M3 without a sign, halved for the same reason. */
static float e4m3_half(uint8_t byte)
{
    return kern_float_from_bits((byte & 0x7fu) << 20) * 0x1p119f;
}

/* The digit `n` of five to base 3 that a byte holds as a fraction: byte = ceil(256 * number / 243). */
static int8_t trit(uint8_t byte, uint32_t n)
{
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};
    return (int8_t)(((uint8_t)(byte * powers[n]) * 3u >> 8) - 1);
}

/*
 * The bytes and digits of block `sub` of TQ1_0: input i is digit `digit[i / 16]` of byte `first[i / 16] + i % 16`, or
 * for the last 16 inputs of all digits 0 to 3 of four bytes.
 */
static void trits(const uint8_t *bytes, uint32_t stride, uint32_t sub, int8_t *q)
{
    for (uint32_t i = 0; i < KERN_BLOCK; i++) {
        uint32_t byte = i, digit = sub;
        if (sub > 4) {
            byte = 32 + i % 16;
            digit = 2 * (sub - 5) + i / 16;
        }
        if (sub == 7 && i >= 16) {
            byte = 48 + i % 4;
            digit = i / 4 - 4;
        }
        q[i] = trit(bytes[byte / 4 * stride + byte % 4], digit);
    }
}

/* Two 6-bit numbers of block `index` and row `row`: see kernels/pack.h. */
static void unpack_six_bit_pair(const uint8_t *packed, uint32_t index, uint32_t row, int *first, int *second)
{
    const uint8_t *const pair = packed + 48 * (index / 2);
    const uint32_t low = pair[16 * (index & 1) + row];
    const uint32_t high = pair[32 + row] >> (4 * (index & 1));
    *first = (int)((low & 15u) | (high & 3u) << 4);
    *second = (int)(low >> 4 | (high >> 2 & 3u) << 4);
}

static void unpack_six_bit(const uint8_t *tile, uint32_t index, uint32_t row, kern_block *out)
{
    int scale, minimum;
    unpack_six_bit_pair(tile + 64, index, row, &scale, &minimum);
    set_scale(out, half_at(tile, row) * (float)scale);
    out->minimum = half_at(tile + 32, row) * (float)-minimum;
}

/* What most types have: one scale, no minimum. */
static void clear(kern_block *out, float scale)
{
    set_scale(out, scale);
    out->minimum = 0.0f;
    out->subscale[0] = out->subscale[1] = out->subminimum[0] = out->subminimum[1] = 1;
}

static void tile_q2_k(const uint8_t *block, uint32_t sub, uint32_t row, kern_block *out)
{
    const uint8_t *const scales = block + 64 + 160 * sub;
    out->minimum = -half_at(block + 32, row);
    for (uint32_t h = 0; h < 2; h++) {
        out->subscale[h] = scales[16 * h + row] & 15;
        out->subminimum[h] = scales[16 * h + row] >> 4;
    }
    unpack_two_bits(scales + 32, NULL, row, 0, out->q);
}

static void tile_q3_k(const uint8_t *block, uint32_t sub, uint32_t row, kern_block *out)
{
    const uint8_t *const planes = block + 224 + 192 * sub;
    unpack_six_bit_pair(block + 32, sub, row, &out->subscale[0], &out->subscale[1]);
    out->subscale[0] -= 32;
    out->subscale[1] -= 32;
    unpack_two_bits(planes + 64, planes, row, 4, out->q);
}

static void tile_iq4_xs(const uint8_t *block, uint32_t sub, uint32_t row, kern_block *out)
{
    const uint32_t low = block[32 + 16 * (sub / 2) + row] >> (4 * (sub & 1)) & 15u;
    const uint32_t high = block[96 + 16 * (sub / 4) + row] >> (2 * (sub & 3)) & 3u;
    set_scale(out, half_at(block, row) * (float)((int)(low | high << 4) - 32));
    unpack_quants(NULL, block + 128 + 256 * sub, row, 0, 0, out->q);
    look_up(kern_iq4_values, out->q);
}

static void tile_fp4(const uint8_t *nibbles, uint32_t row, float first_scale, float second_scale, kern_block *out)
{
    out->scale[0] = first_scale;
    out->scale[1] = second_scale;
    unpack_quants(NULL, nibbles, row, 0, 0, out->q);
    look_up(kern_fp4_values, out->q);
}

/* Types with blocks of 32 and F16 scales, or 256 and 6-bit scales. */
static bool tile_plain(kern_type type, const uint8_t *block, uint32_t sub, uint32_t row, kern_block *out)
{
    switch (type) {
    case KERN_Q4_0:
        unpack_quants(NULL, block + 32, row, 0, 8, out->q);
        return true;
    case KERN_Q4_1:
        out->minimum = half_at(block + 32, row);
        unpack_quants(NULL, block + 64, row, 0, 0, out->q);
        return true;
    case KERN_Q5_0:
        unpack_quants(block + 32, block + 96, row, 1, 16, out->q);
        return true;
    case KERN_Q5_1:
        out->minimum = half_at(block + 32, row);
        unpack_quants(block + 64, block + 128, row, 1, 0, out->q);
        return true;
    case KERN_Q4_K:
        unpack_six_bit(block, sub, row, out);
        unpack_quants(NULL, block + 256 + 256 * sub, row, 0, 0, out->q);
        return true;
    case KERN_Q5_K:
        unpack_six_bit(block, sub, row, out);
        unpack_quants(block + 256 + 320 * sub, block + 320 + 320 * sub, row, 1, 0, out->q);
        return true;
    case KERN_Q6_K:
        out->subscale[0] = (int8_t)block[32 + 32 * sub + row];
        out->subscale[1] = (int8_t)block[48 + 32 * sub + row];
        unpack_quants(block + 288 + 384 * sub, block + 416 + 384 * sub, row, 2, 32, out->q);
        return true;
    default:
        return false;
    }
}

void kern_tile_block(kern_type type, const uint8_t *tile, uint32_t n_inputs, uint32_t index, uint32_t row,
                     kern_block *out)
{
    if (kern_type_in_place(type)) { /* the tile is 16 rows of the checkpoint */
        kern_row_block(type, tile + row * (kern_tile_bytes(type, n_inputs) / KERN_TILE_ROWS), index, out);
        return;
    }
    const size_t block_bytes = 16 * (size_t)kern_type_find(type)->block_bytes;
    const uint32_t per_block = kern_type_find(type)->block_elements / KERN_BLOCK;
    const uint8_t *const block = tile + index / per_block * block_bytes;
    const uint32_t sub = index % per_block;
    clear(out, half_at(block, row));
    if (tile_plain(type, block, sub, row, out))
        return;
    switch (type) {
    case KERN_Q2_K:
        tile_q2_k(block, sub, row, out);
        break;
    case KERN_Q3_K:
        tile_q3_k(block, sub, row, out);
        break;
    case KERN_IQ4_NL:
        unpack_quants(NULL, block + 32, row, 0, 0, out->q);
        look_up(kern_iq4_values, out->q);
        break;
    case KERN_IQ4_XS:
        tile_iq4_xs(block, sub, row, out);
        break;
    case KERN_MXFP4:
        tile_fp4(block + 16, row, e8m0_half(block[row]), e8m0_half(block[row]), out);
        break;
    case KERN_NVFP4:
        tile_fp4(block + 64 + 256 * sub, row, e4m3_half(block[32 * sub + row]), e4m3_half(block[32 * sub + 16 + row]),
                 out);
        break;
    case KERN_TQ1_0:
        trits(block + 32 + 4 * row, 64, sub, out->q);
        break;
    default: /* TQ2_0 */
        unpack_two_bits(block + 32 + 128 * sub, NULL, row, 1, out->q);
        break;
    }
}

/* Nibbles as the 32-input formats store them: byte i has input i in its low and input i + 16 in its high half. */
static void row_nibbles(const uint8_t *nibbles, uint32_t fifth_bits, int zero, int8_t *q)
{
    for (uint32_t i = 0; i < 16; i++) {
        q[i] = (int8_t)((int)((nibbles[i] & 15u) | (fifth_bits >> i & 1u) << 4) - zero);
        q[i + 16] = (int8_t)((int)(nibbles[i] >> 4 | (fifth_bits >> (i + 16) & 1u) << 4) - zero);
    }
}

static void row_q45_k(const uint8_t *block, const uint8_t *fifth, const uint8_t *nibbles, uint32_t sub, kern_block *out)
{
    uint8_t scale, minimum;
    kern_six_bit_scale(block + 4, sub, &scale, &minimum);
    set_scale(out, half_at(block, 0) * (float)scale);
    out->minimum = half_at(block, 1) * (float)-minimum;
    for (uint32_t i = 0; i < KERN_BLOCK; i++) {
        const uint32_t low = nibbles[32 * (sub / 2) + i] >> (4 * (sub & 1)) & 15u;
        out->q[i] = (int8_t)(low | (fifth == NULL ? 0 : (fifth[i] >> sub & 1u) << 4));
    }
}

static void row_q6_k(const uint8_t *block, uint32_t sub, kern_block *out)
{
    const uint8_t *const low = block + 64 * (sub / 4) + 32 * (sub & 1);
    const uint8_t *const high = block + 128 + 32 * (sub / 4);
    const uint8_t *const scales = block + 192 + 2 * sub;
    set_scale(out, half_at(block + 208, 0));
    out->subscale[0] = (int8_t)scales[0];
    out->subscale[1] = (int8_t)scales[1];
    for (uint32_t i = 0; i < KERN_BLOCK; i++)
        out->q[i] = (int8_t)((int)((low[i] >> (2 * (sub & 2)) & 15u) | (high[i] >> (2 * (sub & 3)) & 3u) << 4) - 32);
}

/* Bits 2j and 2j + 1 of 32 bytes are block j's of four; bit j of `third` (if not NULL) is block j's of eight. */
static void row_two_bits(const uint8_t *bytes, const uint8_t *third, uint32_t sub, int zero, int8_t *q)
{
    for (uint32_t i = 0; i < KERN_BLOCK; i++) {
        const uint32_t low = bytes[32 * (sub / 4) + i] >> (2 * (sub & 3)) & 3u;
        const uint32_t high = third == NULL ? 0 : (third[i] >> sub & 1u) << 2;
        q[i] = (int8_t)((int)(low | high) - zero);
    }
}

static void row_q2_k(const uint8_t *block, uint32_t sub, kern_block *out)
{
    set_scale(out, half_at(block + 80, 0));
    out->minimum = -half_at(block + 80, 1);
    for (uint32_t h = 0; h < 2; h++) {
        out->subscale[h] = block[2 * sub + h] & 15;
        out->subminimum[h] = block[2 * sub + h] >> 4;
    }
    row_two_bits(block + 16, NULL, sub, 0, out->q);
}

static void row_q3_k(const uint8_t *block, uint32_t sub, kern_block *out)
{
    set_scale(out, half_at(block + 108, 0));
    for (uint32_t h = 0; h < 2; h++)
        out->subscale[h] = kern_q3_k_scale(block + 96, 2 * sub + h) - 32;
    row_two_bits(block + 32, block, sub, 4, out->q);
}

static void row_nvfp4(const uint8_t *block, uint32_t sub, kern_block *out)
{
    for (uint32_t h = 0; h < 2; h++) {
        const uint8_t *const nibbles = block + 4 + 8 * (2 * sub + h);
        const uint8_t scale = block[2 * sub + h];
        out->scale[h] = scale == 0x7f ? 0.0f : e4m3_half(scale); /* this one means zero, 0xff doesn't */
        for (uint32_t i = 0; i < 16; i++)
            out->q[16 * h + i] = kern_fp4_values[nibbles[i % 8] >> (i / 8 * 4) & 15];
    }
}

void kern_row_block(kern_type type, const uint8_t *row, uint32_t index, kern_block *out)
{
    const kern_type_info *const info = kern_type_find(type);
    const uint32_t per_block = info->block_elements / KERN_BLOCK;
    const uint8_t *const block = row + (size_t)(index / per_block) * info->block_bytes;
    const uint32_t sub = index % per_block;
    clear(out, half_at(block, 0));
    switch (type) {
    case KERN_Q4_0:
        row_nibbles(block + 2, 0, 8, out->q);
        break;
    case KERN_Q4_1:
        out->minimum = half_at(block, 1);
        row_nibbles(block + 4, 0, 0, out->q);
        break;
    case KERN_Q5_0:
        row_nibbles(block + 6, kern_load32(block + 2), 16, out->q);
        break;
    case KERN_Q5_1:
        out->minimum = half_at(block, 1);
        row_nibbles(block + 8, kern_load32(block + 4), 0, out->q);
        break;
    case KERN_Q4_K:
        row_q45_k(block, NULL, block + 16, sub, out);
        break;
    case KERN_Q5_K:
        row_q45_k(block, block + 16, block + 48, sub, out);
        break;
    case KERN_Q6_K:
        row_q6_k(block, sub, out);
        break;
    case KERN_Q2_K:
        row_q2_k(block, sub, out);
        break;
    case KERN_Q3_K:
        row_q3_k(block, sub, out);
        break;
    case KERN_IQ4_NL:
        row_nibbles(block + 2, 0, 0, out->q);
        look_up(kern_iq4_values, out->q);
        break;
    case KERN_IQ4_XS:
        set_scale(out, half_at(block, 0) * (float)(kern_iq4_xs_scale(block, sub) - 32));
        row_nibbles(block + 8 + 16 * sub, 0, 0, out->q);
        look_up(kern_iq4_values, out->q);
        break;
    case KERN_MXFP4:
        set_scale(out, e8m0_half(block[0]));
        row_nibbles(block + 1, 0, 0, out->q);
        look_up(kern_fp4_values, out->q);
        break;
    case KERN_NVFP4:
        row_nvfp4(block, sub, out);
        break;
    case KERN_TQ1_0:
        set_scale(out, half_at(block + 52, 0));
        trits(block, 4, sub, out->q);
        break;
    case KERN_TQ2_0:
        set_scale(out, half_at(block + 64, 0));
        row_two_bits(block, NULL, sub, 1, out->q);
        break;
    case KERN_Q8_0:
        memcpy(out->q, block + 2, KERN_BLOCK);
        break;
    default:
        kern_codebook_block(type, block, sub, out);
        break;
    }
}
