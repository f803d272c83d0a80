/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/pack.h"

#include "kernels/half.h"
#include "kernels/tile.h"

enum { NIBBLE_MASK = 0x0f0f0f0f };

bool kern_type_has_matmul(kern_type type)
{
    return type != KERN_Q8_1 && type != KERN_Q8_K && (type < KERN_I8 || type > KERN_F64);
}

kern_input kern_type_input(kern_type type)
{
    if (type == KERN_F32 || type == KERN_F16 || type == KERN_BF16)
        return KERN_INPUT_FLOATS;
    return type == KERN_Q8_0 ? KERN_INPUT_INT16 : KERN_INPUT_INT8;
}

bool kern_type_in_place(kern_type type)
{
    switch (type) {
    case KERN_Q8_0:
    case KERN_IQ1_S:
    case KERN_IQ1_M:
    case KERN_IQ2_XXS:
    case KERN_IQ2_XS:
    case KERN_IQ2_S:
    case KERN_IQ3_XXS:
    case KERN_IQ3_S:
        return true;
    default:
        return false;
    }
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

/* Two 6-bit numbers of one row and block. Blocks come in ascending order. */
static void pack_six_bit_pair(uint32_t block, uint8_t first, uint8_t second, uint32_t row, uint8_t *out)
{
    uint8_t *const pair = out + 48 * (block / 2);
    const uint32_t high = (uint32_t)(first >> 4 | second >> 4 << 2) << (4 * (block & 1));
    pair[16 * (block & 1) + row] = (uint8_t)((first & 15) | (second & 15) << 4);
    pair[32 + row] = (uint8_t)((block & 1) == 0 ? high : pair[32 + row] | high);
}

static void pack_six_bit_scales(const uint8_t *packed, uint32_t row, uint8_t *out)
{
    for (uint32_t b = 0; b < 8; b++) {
        uint8_t scale, minimum;
        kern_six_bit_scale(packed, b, &scale, &minimum);
        pack_six_bit_pair(b, scale, minimum, row, out);
    }
}

/* Bit `bit` of each of 32 bytes, as a plane of 64 bytes. */
static void pack_bit_plane(const uint8_t *bytes, unsigned bit, uint32_t row, uint8_t *out)
{
    uint32_t plane = 0;
    for (uint32_t g = 0; g < 8; g++)
        plane |= (kern_load32(bytes + 4 * g) >> bit & 0x01010101u) << g;
    store32(out + 4 * row, plane);
}

/* Bits `bit` and `bit + 1` of each of 32 bytes, as two planes. */
static void pack_two_bit_planes(const uint8_t *bytes, unsigned bit, uint32_t row, uint8_t *out)
{
    for (uint32_t p = 0; p < 2; p++) {
        uint32_t plane = 0;
        for (uint32_t j = 0; j < 4; j++)
            plane |= (kern_load32(bytes + 4 * (4 * p + j)) >> bit & 0x03030303u) << (2 * j);
        store32(out + 64 * p + 4 * row, plane);
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
        pack_bit_plane(block + 16, b, row, out + 256 + 320 * b);
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
        pack_two_bit_planes(high, 2 * (b & 3), row, to);
        pack_half_nibbles(block + 64 * (b / 4) + 32 * (b & 1), 2 * (b & 2), row, to + 128);
    }
}

static void pack_q2_k(const uint8_t *block, uint32_t row, uint8_t *out)
{
    store16(out + 2 * row, block + 80);
    store16(out + 32 + 2 * row, block + 82);
    for (uint32_t b = 0; b < 8; b++) {
        uint8_t *const to = out + 64 + 160 * b;
        to[row] = block[2 * b];
        to[16 + row] = block[2 * b + 1];
        pack_two_bit_planes(block + 16 + 32 * (b / 4), 2 * (b & 3), row, to + 32);
    }
}

static void pack_q3_k(const uint8_t *block, uint32_t row, uint8_t *out)
{
    store16(out + 2 * row, block + 108);
    for (uint32_t b = 0; b < 8; b++) {
        uint8_t *const to = out + 224 + 192 * b;
        pack_six_bit_pair(b, kern_q3_k_scale(block + 96, 2 * b), kern_q3_k_scale(block + 96, 2 * b + 1), row, out + 32);
        pack_bit_plane(block, b, row, to);
        pack_two_bit_planes(block + 32 + 32 * (b / 4), 2 * (b & 3), row, to + 64);
    }
}

static void pack_iq4_xs(const uint8_t *block, uint32_t row, uint8_t *out)
{
    store16(out + 2 * row, block);
    for (uint32_t b = 0; b < 4; b++)
        out[32 + 16 * b + row] = block[4 + b];
    out[96 + row] = block[2];
    out[112 + row] = block[3];
    for (uint32_t b = 0; b < 8; b++)
        for (uint32_t g = 0; g < 4; g++)
            store32(out + 128 + 256 * b + 64 * g + 4 * row, kern_load32(block + 8 + 16 * b + 4 * g));
}

static void pack_mxfp4(const uint8_t *block, uint32_t row, uint8_t *out)
{
    out[row] = block[0];
    for (uint32_t g = 0; g < 4; g++)
        store32(out + 16 + 64 * g + 4 * row, kern_load32(block + 1 + 4 * g));
}

/* The scale's unused sign goes, and 0x7f, which means zero, becomes zero. */
static void pack_nvfp4(const uint8_t *block, uint32_t row, uint8_t *out)
{
    for (uint32_t s = 0; s < 4; s++)
        out[16 * s + row] = block[s] == 0x7f ? 0 : block[s] & 0x7f;
    for (uint32_t b = 0; b < 2; b++) {
        for (uint32_t g = 0; g < 4; g++) { /* 8 bytes a half: the first 8 inputs are their low nibbles */
            const uint32_t low = kern_load32(block + 4 + 16 * b + 4 * (g & 1)) >> (g / 2 * 4) & NIBBLE_MASK;
            const uint32_t high = kern_load32(block + 12 + 16 * b + 4 * (g & 1)) >> (g / 2 * 4) & NIBBLE_MASK;
            store32(out + 64 + 256 * b + 64 * g + 4 * row, low | high << 4);
        }
    }
}

static void pack_tq1_0(const uint8_t *block, uint32_t row, uint8_t *out)
{
    store16(out + 2 * row, block + 52);
    for (uint32_t four = 0; four < 13; four++)
        store32(out + 32 + 64 * four + 4 * row, kern_load32(block + 4 * four));
}

static void pack_tq2_0(const uint8_t *block, uint32_t row, uint8_t *out)
{
    store16(out + 2 * row, block + 64);
    for (uint32_t b = 0; b < 8; b++)
        pack_two_bit_planes(block + 32 * (b / 4), 2 * (b & 3), row, out + 32 + 128 * b);
}

/* One row of one block; `type` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void pack_block(const kern_type type, const uint8_t *block, uint32_t row,
                                                             uint8_t *out)
{
    switch (type) {
    case KERN_Q4_0:
    case KERN_IQ4_NL:
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
    case KERN_Q2_K:
        pack_q2_k(block, row, out);
        break;
    case KERN_Q3_K:
        pack_q3_k(block, row, out);
        break;
    case KERN_IQ4_XS:
        pack_iq4_xs(block, row, out);
        break;
    case KERN_MXFP4:
        pack_mxfp4(block, row, out);
        break;
    case KERN_NVFP4:
        pack_nvfp4(block, row, out);
        break;
    case KERN_TQ1_0:
        pack_tq1_0(block, row, out);
        break;
    case KERN_TQ2_0:
        pack_tq2_0(block, row, out);
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
        FIRN_PACK(Q2_K)
        FIRN_PACK(Q3_K)
        FIRN_PACK(IQ4_NL)
        FIRN_PACK(IQ4_XS)
        FIRN_PACK(MXFP4)
        FIRN_PACK(NVFP4)
        FIRN_PACK(TQ1_0)
        FIRN_PACK(TQ2_0)
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

static void block_values(kern_type type, const kern_block *block, float *out)
{
    const kern_scaling scaling = kern_type_scaling(type);
    const bool minimum = scaling == KERN_MINIMUM || scaling == KERN_SUBMINIMA;
    for (uint32_t i = 0; i < KERN_BLOCK; i++) {
        const uint32_t h = i / 16;
        out[i] = block->scale[h] * (float)block->subscale[h] * (float)block->q[i];
        if (minimum)
            out[i] += block->minimum * (float)block->subminimum[h];
    }
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
        block_values(matrix->type, &block, out + (size_t)b * KERN_BLOCK);
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
        block_values(type, &block, out + (size_t)b * KERN_BLOCK);
    }
}
