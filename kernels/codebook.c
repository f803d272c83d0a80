/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IQ types with codebooks: eight (IQ3: four) weights are an index of a table of magnitudes, and a sign each. Eight
 * weights are decoded together as the bytes of one integer.
 */
#include "kernels/codebooks.h"
#include "kernels/half.h"
#include "kernels/tile.h"

#define EACH_BYTE 0x0101010101010101u

/* Stores 8 magnitudes (up to 64), negative where the bit of `signs` is set. */
static void store_signed(int8_t *q, uint64_t magnitudes, uint32_t signs)
{
    const uint64_t bits = signs * EACH_BYTE & 0x8040201008040201u;
    const uint64_t negative = (bits + 0x7f * EACH_BYTE) >> 7 & EACH_BYTE; /* 1 in each byte with a bit */
    const uint64_t mask = negative * 255;
    const uint64_t values = (magnitudes ^ mask) + negative; /* two's complement; ~0 + 1 can't carry: no zeros here */
    memcpy(q, &values, sizeof values);
}

/* The eighth sign makes the number of minuses even. */
static uint32_t seven_signs(uint32_t signs)
{
    signs &= 127;
    const uint32_t folded = (signs ^ signs >> 4) & 15;
    return signs | (0x6996u >> folded & 1) << 7;
}

static uint64_t two_of(const uint32_t *values, uint32_t first, uint32_t second)
{
    return values[first] | (uint64_t)values[second] << 32;
}

/* Eight weights -1, 0 or 1, plus or minus an eighth, times 8. */
static void store_iq1(int8_t *q, uint32_t index, bool minus)
{
    uint8_t bytes[8];
    memcpy(bytes, &kern_iq1_s_values[index], sizeof bytes);
    for (uint32_t i = 0; i < 8; i++)
        q[i] = (int8_t)(bytes[i] - (minus ? 9 : 7));
}

static void set_scales(kern_block *out, float scale, uint32_t first, uint32_t second)
{
    out->scale[0] = out->scale[1] = scale;
    out->subscale[0] = (int32_t)first;
    out->subscale[1] = (int32_t)second;
}

static void iq2_xxs(const uint8_t *block, uint32_t sub, kern_block *out)
{
    const uint8_t *const indices = block + 2 + 8 * sub;
    const uint32_t signs = kern_load32(indices + 4);
    for (uint32_t i = 0; i < 4; i++)
        store_signed(out->q + 8 * i, kern_iq2_xxs_values[indices[i]], seven_signs(signs >> (7 * i)));
    const float scale = kern_float_from_half(kern_load16(block)) * 0.125f * (float)(2 * (signs >> 28) + 1);
    set_scales(out, scale, 1, 1);
}

static void iq2_xs(const uint8_t *block, uint32_t sub, kern_block *out)
{
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t code = kern_load16(block + 2 + 8 * sub + 2 * i);
        store_signed(out->q + 8 * i, kern_iq2_xs_values[code & 511], seven_signs(code >> 9));
    }
    const uint32_t scales = block[66 + sub];
    set_scales(out, kern_float_from_half(kern_load16(block)) * 0.125f, 2 * (scales & 15) + 1, 2 * (scales >> 4) + 1);
}

static void iq2_s(const uint8_t *block, uint32_t sub, kern_block *out)
{
    const uint32_t high = block[66 + sub], scales = block[74 + sub];
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t index = block[2 + 4 * sub + i] | (high >> (2 * i) & 3) << 8;
        store_signed(out->q + 8 * i, kern_iq2_s_values[index], block[34 + 4 * sub + i]);
    }
    set_scales(out, kern_float_from_half(kern_load16(block)) * 0.125f, 2 * (scales & 15) + 1, 2 * (scales >> 4) + 1);
}

static void iq3_xxs(const uint8_t *block, uint32_t sub, kern_block *out)
{
    const uint8_t *const indices = block + 2 + 8 * sub;
    const uint32_t signs = kern_load32(block + 66 + 4 * sub);
    for (uint32_t i = 0; i < 4; i++)
        store_signed(out->q + 8 * i, two_of(kern_iq3_xxs_values, indices[2 * i], indices[2 * i + 1]),
                     seven_signs(signs >> (7 * i)));
    const float scale = kern_float_from_half(kern_load16(block)) * 0.25f * (float)(2 * (signs >> 28) + 1);
    set_scales(out, scale, 1, 1);
}

static void iq3_s(const uint8_t *block, uint32_t sub, kern_block *out)
{
    const uint8_t *const low = block + 2 + 8 * sub;
    const uint32_t high = block[66 + sub];
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t first = low[2 * i] | (high >> (2 * i) & 1) << 8;
        const uint32_t second = low[2 * i + 1] | (high >> (2 * i + 1) & 1) << 8;
        store_signed(out->q + 8 * i, two_of(kern_iq3_s_values, first, second), block[74 + 4 * sub + i]);
    }
    const uint32_t scale = block[106 + sub / 2] >> (4 * (sub & 1)) & 15;
    set_scales(out, kern_float_from_half(kern_load16(block)) * (float)(2 * scale + 1), 1, 1);
}

static void iq1_s(const uint8_t *block, uint32_t sub, kern_block *out)
{
    const uint32_t high = kern_load16(block + 34 + 2 * sub);
    for (uint32_t i = 0; i < 4; i++)
        store_iq1(out->q + 8 * i, block[2 + 4 * sub + i] | (high >> (3 * i) & 7) << 8, high >> 15);
    const float scale = kern_float_from_half(kern_load16(block)) * 0.125f * (float)(2 * (high >> 12 & 7) + 1);
    set_scales(out, scale, 1, 1);
}

/* The block's scale is spread over the upper 4 bits of the four words that hold the halves' 3-bit scales. */
static void iq1_m(const uint8_t *block, uint32_t sub, kern_block *out)
{
    const uint8_t *const words = block + 48;
    uint32_t half = 0;
    for (uint32_t w = 0; w < 4; w++)
        half |= (uint32_t)(words[2 * w + 1] >> 4) << (4 * w);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t high = (uint32_t)block[32 + 2 * sub + i / 2] >> (4 * (i & 1));
        store_iq1(out->q + 8 * i, block[4 * sub + i] | (high & 7) << 8, high & 8);
    }
    const uint32_t scales = (uint32_t)kern_load16(words + sub / 2 * 2) >> (6 * (sub & 1));
    const float scale = kern_float_from_half((uint16_t)half) * 0.125f;
    set_scales(out, scale, 2 * (scales & 7) + 1, 2 * (scales >> 3 & 7) + 1);
}

void kern_codebook_block(kern_type type, const uint8_t *block, uint32_t sub, kern_block *out)
{
    switch (type) {
    case KERN_IQ2_XXS:
        iq2_xxs(block, sub, out);
        break;
    case KERN_IQ2_XS:
        iq2_xs(block, sub, out);
        break;
    case KERN_IQ2_S:
        iq2_s(block, sub, out);
        break;
    case KERN_IQ3_XXS:
        iq3_xxs(block, sub, out);
        break;
    case KERN_IQ3_S:
        iq3_s(block, sub, out);
        break;
    case KERN_IQ1_S:
        iq1_s(block, sub, out);
        break;
    default: /* KERN_IQ1_M */
        iq1_m(block, sub, out);
        break;
    }
}

void kern_expand_tile(const kern_matrix *weights, uint32_t tile, uint8_t *out)
{
    const size_t row_bytes = weights->tile_bytes / KERN_TILE_ROWS;
    for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++, out += KERN_EXPANDED_BLOCK) {
        for (uint32_t r = 0; r < KERN_TILE_ROWS; r++) {
            const uint32_t row = tile * KERN_TILE_ROWS + r, real = row < weights->n_rows ? row : weights->n_rows - 1;
            kern_block block;
            kern_row_block(weights->type, weights->data + real * row_bytes, b, &block);
            memcpy(out + 4 * r, &block.scale[0], 4);
            out[64 + r] = (uint8_t)block.subscale[0];
            out[80 + r] = (uint8_t)block.subscale[1];
            for (uint32_t i = 0; i < KERN_BLOCK; i++)
                block.q[i] = (int8_t)(block.q[i] + KERN_EXPANDED_ZERO);
            for (uint32_t g = 0; g < 8; g++)
                memcpy(out + 96 + 64 * g + 4 * r, block.q + 4 * g, 4);
        }
    }
}
