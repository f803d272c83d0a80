/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/pack.h"

#include "kernels/half.h"
#include "kernels/tile.h"

enum { NIBBLE_MASK = 0x0f0f0f0f };

bool kern_type_has_matmul(kern_type type)
{
    switch (type) {
    case KERN_F32:
    case KERN_F16:
    case KERN_BF16:
    case KERN_Q4_0:
    case KERN_Q4_1:
    case KERN_Q5_0:
    case KERN_Q5_1:
    case KERN_Q8_0:
    case KERN_Q4_K:
    case KERN_Q5_K:
    case KERN_Q6_K:
        return true;
    default:
        return false;
    }
}

kern_input kern_type_input(kern_type type)
{
    if (type == KERN_F32 || type == KERN_F16 || type == KERN_BF16)
        return KERN_INPUT_FLOATS;
    return type == KERN_Q8_0 ? KERN_INPUT_INT16 : KERN_INPUT_INT8;
}

bool kern_type_in_place(kern_type type)
{
    return type == KERN_Q8_0;
}

size_t kern_tile_bytes(kern_type type, uint32_t n_inputs)
{
    const kern_type_info *const info = kern_type_find(type);
    return (size_t)(n_inputs / info->block_elements) * info->block_bytes * KERN_TILE_ROWS;
}

static void store16(uint8_t *out, const uint8_t *from)
{
    memcpy(out, from, 2);
}

static void store32(uint8_t *out, uint32_t value)
{
    memcpy(out, &value, sizeof value);
}

/* Exchanges the bits of x selected by `mask` with those `shift` places above. */
static uint32_t swap_bits(uint32_t x, unsigned shift, uint32_t mask)
{
    const uint32_t t = (x >> shift ^ x) & mask;
    return x ^ t ^ t << shift;
}

/* Moves bit 4g+i to bit 8i+g: a rotation of the five index bits by two, in four exchanges of index bits. */
static uint32_t transpose_bits(uint32_t x)
{
    x = swap_bits(x, 14, 0x0000cccc);
    x = swap_bits(x, 7, 0x00aa00aa);
    x = swap_bits(x, 2, 0x0c0c0c0c);
    return swap_bits(x, 1, 0x22222222);
}

/* One row of a 32-input block with `n_halves` F16 numbers, then (if `fifth`) 4 bytes of fifth bits, then nibbles. */
static void pack_block_32(const uint8_t *block, uint32_t row, uint32_t n_halves, bool fifth, uint8_t *out)
{
    for (uint32_t h = 0; h < n_halves; h++)
        store16(out + 32 * h + 2 * row, block + 2 * h);
    block += 2 * n_halves;
    out += 32 * n_halves;
    if (fifth) {
        store32(out + 4 * row, transpose_bits(kern_load32(block)));
        block += 4;
        out += 64;
    }
    for (uint32_t g = 0; g < 4; g++)
        store32(out + 64 * g + 4 * row, kern_load32(block + 4 * g));
}

/* Nibbles of 32 inputs that lie in one half (shift 0 or 4) of 32 bytes. */
static void pack_half_nibbles(const uint8_t *bytes, unsigned shift, uint32_t row, uint8_t *out)
{
    for (uint32_t g = 0; g < 4; g++) {
        const uint32_t low = kern_load32(bytes + 4 * g) >> shift & NIBBLE_MASK;
        const uint32_t high = kern_load32(bytes + 16 + 4 * g) >> shift & NIBBLE_MASK;
        store32(out + 64 * g + 4 * row, low | high << 4);
    }
}

static void pack_six_bit_scales(const uint8_t *packed, uint32_t row, uint8_t *out)
{
    for (uint32_t pair = 0; pair < 4; pair++) {
        uint32_t high = 0;
        for (uint32_t b = 0; b < 2; b++) {
            uint8_t scale, minimum;
            kern_six_bit_scale(packed, 2 * pair + b, &scale, &minimum);
            out[48 * pair + 16 * b + row] = (uint8_t)((scale & 15) | (minimum & 15) << 4);
            high |= (uint32_t)(scale >> 4 | minimum >> 4 << 2) << (4 * b);
        }
        out[48 * pair + 32 + row] = (uint8_t)high;
    }
}

static void pack_q4_k(const uint8_t *block, uint32_t row, uint8_t *out)
{
    store16(out + 2 * row, block);
    store16(out + 32 + 2 * row, block + 2);
    pack_six_bit_scales(block + 4, row, out + 64);
    for (uint32_t b = 0; b < 8; b++)
        pack_half_nibbles(block + 16 + 32 * (b / 2), 4 * (b & 1), row, out + 256 + 256 * b);
}

static void pack_q5_k(const uint8_t *block, uint32_t row, uint8_t *out)
{
    store16(out + 2 * row, block);
    store16(out + 32 + 2 * row, block + 2);
    pack_six_bit_scales(block + 4, row, out + 64);
    for (uint32_t b = 0; b < 8; b++) {
        uint32_t plane = 0;
        for (uint32_t g = 0; g < 8; g++)
            plane |= (kern_load32(block + 16 + 4 * g) >> b & 0x01010101u) << g;
        store32(out + 256 + 320 * b + 4 * row, plane);
        pack_half_nibbles(block + 48 + 32 * (b / 2), 4 * (b & 1), row, out + 320 + 320 * b);
    }
}

static void pack_q6_k(const uint8_t *block, uint32_t row, uint8_t *out)
{
    store16(out + 2 * row, block + 208);
    for (uint32_t s = 0; s < 16; s++)
        out[32 + 16 * s + row] = block[192 + s];
    for (uint32_t b = 0; b < 8; b++) {
        const uint8_t *const high = block + 128 + 32 * (b / 4);
        uint8_t *const to = out + 288 + 384 * b;
        for (uint32_t p = 0; p < 2; p++) {
            uint32_t plane = 0;
            for (uint32_t j = 0; j < 4; j++)
                plane |= (kern_load32(high + 4 * (4 * p + j)) >> (2 * (b & 3)) & 0x03030303u) << (2 * j);
            store32(to + 64 * p + 4 * row, plane);
        }
        pack_half_nibbles(block + 64 * (b / 4) + 32 * (b & 1), 2 * (b & 2), row, to + 128);
    }
}

/* One row of one block; `type` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void pack_block(const kern_type type, const uint8_t *block, uint32_t row,
                                                             uint8_t *out)
{
    switch (type) {
    case KERN_Q4_0:
        pack_block_32(block, row, 1, false, out);
        break;
    case KERN_Q4_1:
        pack_block_32(block, row, 2, false, out);
        break;
    case KERN_Q5_0:
        pack_block_32(block, row, 1, true, out);
        break;
    case KERN_Q5_1:
        pack_block_32(block, row, 2, true, out);
        break;
    case KERN_Q4_K:
        pack_q4_k(block, row, out);
        break;
    case KERN_Q5_K:
        pack_q5_k(block, row, out);
        break;
    case KERN_Q6_K:
        pack_q6_k(block, row, out);
        break;
    case KERN_F32:
        memcpy(out + 4 * row, block, 4);
        break;
    default: /* F16, BF16 */
        memcpy(out + 2 * row, block, 2);
        break;
    }
}

typedef struct pack_source {
    const uint8_t *rows; /* of the tile */
    uint32_t n_rows, n_blocks;
    size_t row_bytes, block_bytes;
} pack_source;

/* Block by block, so that the rows are read as 16 streams and the tile is written as one. */
static inline __attribute__((always_inline)) void pack_rows(const kern_type type, const pack_source *source,
                                                            uint8_t *out)
{
    for (uint32_t b = 0; b < source->n_blocks; b++) {
        const uint8_t *block = source->rows + b * source->block_bytes;
        uint8_t *const to = out + b * source->block_bytes * KERN_TILE_ROWS;
        for (uint32_t r = 0; r < source->n_rows; r++, block += source->row_bytes)
            pack_block(type, block, r, to);
    }
}

void kern_pack_tile(kern_type type, const uint8_t *rows, uint32_t n_rows, uint32_t n_inputs, uint32_t tile,
                    uint8_t *out)
{
    const kern_type_info *const info = kern_type_find(type);
    const uint32_t first = tile * KERN_TILE_ROWS, left = n_rows - first;
    pack_source source = {
        .n_rows = left < KERN_TILE_ROWS ? left : KERN_TILE_ROWS,
        .n_blocks = n_inputs / info->block_elements,
        .row_bytes = (size_t)(n_inputs / info->block_elements) * info->block_bytes,
        .block_bytes = info->block_bytes,
    };
    source.rows = rows + first * source.row_bytes;
    if (source.n_rows < KERN_TILE_ROWS)
        memset(out, 0, source.row_bytes * KERN_TILE_ROWS);
    switch (type) {
#define FIRN_PACK(name)                       \
    case KERN_##name:                         \
        pack_rows(KERN_##name, &source, out); \
        break;
        FIRN_PACK(F32)
        FIRN_PACK(F16)
        FIRN_PACK(BF16)
        FIRN_PACK(Q4_0)
        FIRN_PACK(Q4_1)
        FIRN_PACK(Q5_0)
        FIRN_PACK(Q5_1)
        FIRN_PACK(Q4_K)
        FIRN_PACK(Q5_K)
        FIRN_PACK(Q6_K)
#undef FIRN_PACK
    default: /* no other type is packed */
        break;
    }
}

static float float_weight(kern_type type, const uint8_t *data, size_t index)
{
    if (type == KERN_F32)
        return kern_float_from_bits(kern_load32(data + 4 * index));
    const uint16_t bits = kern_load16(data + 2 * index);
    return type == KERN_F16 ? kern_float_from_half(bits) : kern_float_from_bfloat(bits);
}

static void block_values(const kern_block *block, float *out)
{
    for (uint32_t i = 0; i < KERN_BLOCK; i++)
        out[i] = block->scale * (float)block->subscale[i / 16] * (float)block->q[i] + block->minimum;
}

void kern_unpack_row(const kern_matrix *matrix, uint32_t row, float *out)
{
    const uint8_t *const tile = matrix->data + row / KERN_TILE_ROWS * matrix->tile_bytes;
    const uint32_t lane = row % KERN_TILE_ROWS;
    if (kern_type_input(matrix->type) == KERN_INPUT_FLOATS) {
        for (uint32_t k = 0; k < matrix->n_inputs; k++)
            out[k] = float_weight(matrix->type, tile, (size_t)k * KERN_TILE_ROWS + lane);
        return;
    }
    for (uint32_t b = 0; b < matrix->n_inputs / KERN_BLOCK; b++) {
        kern_block block;
        kern_tile_block(matrix->type, tile, matrix->n_inputs, b, lane, &block);
        block_values(&block, out + (size_t)b * KERN_BLOCK);
    }
}

void kern_dequantise(kern_type type, const uint8_t *row, uint32_t n, float *out)
{
    if (kern_type_input(type) == KERN_INPUT_FLOATS) {
        for (uint32_t k = 0; k < n; k++)
            out[k] = float_weight(type, row, k);
        return;
    }
    for (uint32_t b = 0; b < n / KERN_BLOCK; b++) {
        kern_block block;
        kern_row_block(type, row, b, &block);
        block_values(&block, out + (size_t)b * KERN_BLOCK);
    }
}
