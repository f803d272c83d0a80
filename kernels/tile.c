/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/tile.h"

#include "kernels/half.h"
#include "kernels/pack.h"

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

static void unpack_six_bit(const uint8_t *tile, uint32_t index, uint32_t row, kern_block *out)
{
    const uint8_t *const pair = tile + 64 + 48 * (index / 2);
    const uint32_t low = pair[16 * (index & 1) + row];
    const uint32_t high = pair[32 + row] >> (4 * (index & 1));
    const float scale = (float)((low & 15u) | (high & 3u) << 4);
    const int minimum = (int)(low >> 4 | (high >> 2 & 3u) << 4);
    out->scale = half_at(tile, row) * scale;
    out->minimum = half_at(tile + 32, row) * (float)-minimum;
}

void kern_tile_block(kern_type type, const uint8_t *tile, uint32_t n_inputs, uint32_t index, uint32_t row,
                     kern_block *out)
{
    const size_t block_bytes = 16 * (size_t)kern_type_find(type)->block_bytes;
    const uint32_t per_block = kern_type_find(type)->block_elements / KERN_BLOCK;
    const uint8_t *const block = tile + index / per_block * block_bytes;
    const uint32_t sub = index % per_block;
    out->subscale[0] = out->subscale[1] = 1;
    out->minimum = 0.0f;
    out->scale = half_at(block, row);
    switch (type) {
    case KERN_Q4_0:
        unpack_quants(NULL, block + 32, row, 0, 8, out->q);
        break;
    case KERN_Q4_1:
        out->minimum = half_at(block + 32, row);
        unpack_quants(NULL, block + 64, row, 0, 0, out->q);
        break;
    case KERN_Q5_0:
        unpack_quants(block + 32, block + 96, row, 1, 16, out->q);
        break;
    case KERN_Q5_1:
        out->minimum = half_at(block + 32, row);
        unpack_quants(block + 64, block + 128, row, 1, 0, out->q);
        break;
    case KERN_Q4_K:
        unpack_six_bit(block, sub, row, out);
        unpack_quants(NULL, block + 256 + 256 * sub, row, 0, 0, out->q);
        break;
    case KERN_Q5_K:
        unpack_six_bit(block, sub, row, out);
        unpack_quants(block + 256 + 320 * sub, block + 320 + 320 * sub, row, 1, 0, out->q);
        break;
    case KERN_Q6_K:
        out->subscale[0] = (int8_t)block[32 + 32 * sub + row];
        out->subscale[1] = (int8_t)block[48 + 32 * sub + row];
        unpack_quants(block + 288 + 384 * sub, block + 416 + 384 * sub, row, 2, 32, out->q);
        break;
    default: /* in place: the tile is 16 rows of the checkpoint */
        kern_row_block(type, tile + row * kern_tile_bytes(type, n_inputs) / KERN_TILE_ROWS, index, out);
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
    out->scale = half_at(block, 0) * (float)scale;
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
    out->scale = half_at(block + 208, 0);
    out->subscale[0] = (int8_t)scales[0];
    out->subscale[1] = (int8_t)scales[1];
    for (uint32_t i = 0; i < KERN_BLOCK; i++)
        out->q[i] = (int8_t)((int)((low[i] >> (2 * (sub & 2)) & 15u) | (high[i] >> (2 * (sub & 3)) & 3u) << 4) - 32);
}

void kern_row_block(kern_type type, const uint8_t *row, uint32_t index, kern_block *out)
{
    const kern_type_info *const info = kern_type_find(type);
    const uint32_t per_block = info->block_elements / KERN_BLOCK;
    const uint8_t *const block = row + (size_t)(index / per_block) * info->block_bytes;
    const uint32_t sub = index % per_block;
    out->subscale[0] = out->subscale[1] = 1;
    out->minimum = 0.0f;
    out->scale = half_at(block, 0);
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
    default: /* KERN_Q8_0 */
        memcpy(out->q, block + 2, KERN_BLOCK);
        break;
    }
}
