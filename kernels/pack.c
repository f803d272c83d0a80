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

/*
 * Packing takes four rows at once: a word of each, side by side. Words are stored as they are, [row][4 inputs]; of
 * bytes of which each row has one, those of the four rows come together.
 */
typedef uint32_t quad __attribute__((vector_size(16)));
typedef uint8_t quad_bytes __attribute__((vector_size(16)));
typedef uint64_t quad_halves __attribute__((vector_size(16)));

enum { QUAD_ROWS = 4, CACHE_LINE = 64, LARGEST_BLOCK = 256 }; /* bytes: Q6_K's is the largest that is packed */

typedef struct four_rows {
    const uint8_t *block; /* of the first row */
    size_t stride;        /* to the next row's */
    uint32_t first;       /* number of the first row in the tile */
} four_rows;

/* The words that begin `offset` bytes into the rows' blocks. */
static inline quad load(const four_rows *rows, size_t offset)
{
    const uint8_t *const word = rows->block + offset;
    const size_t stride = rows->stride;
    return (quad){kern_load32(word), kern_load32(word + stride), kern_load32(word + 2 * stride),
                  kern_load32(word + 3 * stride)};
}

/* Sixteen bytes of each row, as four words of all rows: a transposition. */
static inline void load_four(const four_rows *rows, size_t offset, quad words[4])
{
    quad r[QUAD_ROWS];
    for (uint32_t i = 0; i < QUAD_ROWS; i++)
        memcpy(&r[i], rows->block + i * rows->stride + offset, sizeof r[i]);
    const quad_halves low[2] = {(quad_halves)__builtin_shufflevector(r[0], r[1], 0, 4, 1, 5),
                                (quad_halves)__builtin_shufflevector(r[2], r[3], 0, 4, 1, 5)};
    const quad_halves high[2] = {(quad_halves)__builtin_shufflevector(r[0], r[1], 2, 6, 3, 7),
                                 (quad_halves)__builtin_shufflevector(r[2], r[3], 2, 6, 3, 7)};
    words[0] = (quad)__builtin_shufflevector(low[0], low[1], 0, 2);
    words[1] = (quad)__builtin_shufflevector(low[0], low[1], 1, 3);
    words[2] = (quad)__builtin_shufflevector(high[0], high[1], 0, 2);
    words[3] = (quad)__builtin_shufflevector(high[0], high[1], 1, 3);
}

static inline void load_eight(const four_rows *rows, size_t offset, quad words[8])
{
    load_four(rows, offset, words);
    load_four(rows, offset + 16, words + 4);
}

/* To [16 rows][4]. */
static inline void store(const four_rows *rows, uint8_t *out, quad words)
{
    memcpy(out + 4 * rows->first, &words, sizeof words);
}

/* The first half's bytes in turn with the second half's: done twice, it turns [4 rows][4] into [4][4 rows]. */
static inline quad interleave(quad words)
{
    const quad_bytes bytes = (quad_bytes)words;
    return (quad)__builtin_shufflevector(bytes, bytes, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
}

/* Byte j of each word to out + places[j], [16 rows]. */
static inline void store_bytes(const four_rows *rows, uint8_t *out, quad words, const uint32_t places[4])
{
    words = interleave(interleave(words));
    for (uint32_t j = 0; j < 4; j++) {
        const uint32_t bytes = words[j];
        memcpy(out + places[j] + rows->first, &bytes, sizeof bytes);
    }
}

/* Bytes offset to offset + 3 of the rows to [4][16 rows]. */
static inline void copy_bytes(const four_rows *rows, size_t offset, uint8_t *out)
{
    store_bytes(rows, out, load(rows, offset), (const uint32_t[4]){0, 16, 32, 48});
}

/* A number of 16 bits of each row to [16 rows]. */
static inline void copy_half(const four_rows *rows, size_t offset, uint8_t *out)
{
    for (uint32_t r = 0; r < QUAD_ROWS; r++)
        memcpy(out + 2 * (rows->first + r), rows->block + r * rows->stride + offset, 2);
}

/* Exchanges the bits of x selected by `mask` with those `shift` places above. */
static inline quad swap_bits(quad x, unsigned shift, uint32_t mask)
{
    const quad t = (x >> shift ^ x) & mask;
    return x ^ t ^ t << shift;
}

/* Moves bit 4g+i to bit 8i+g: a rotation of the five index bits by two, in four exchanges of index bits. */
static inline quad transpose_bits(quad x)
{
    x = swap_bits(x, 14, 0x0000cccc);
    x = swap_bits(x, 7, 0x00aa00aa);
    x = swap_bits(x, 2, 0x0c0c0c0c);
    return swap_bits(x, 1, 0x22222222);
}

/* 16 bytes that are stored as they are. */
static inline void copy_words(const four_rows *rows, size_t offset, uint8_t *out)
{
    quad words[4];
    load_four(rows, offset, words);
    for (uint32_t g = 0; g < 4; g++)
        store(rows, out + 64 * g, words[g]);
}

/* A 32-input block with `n_halves` F16 numbers, then (if `fifth`) 4 bytes of fifth bits, then nibbles. */
static inline void pack_block_32(const four_rows *rows, uint32_t n_halves, bool fifth, uint8_t *out)
{
    size_t at = 0;
    for (; at < 2 * n_halves; at += 2, out += 32)
        copy_half(rows, at, out);
    if (fifth) {
        store(rows, out, transpose_bits(load(rows, at)));
        at += 4;
        out += 64;
    }
    copy_words(rows, at, out);
}

/* Nibbles of 32 inputs that lie in one half (shift 0 or 4) of 32 bytes. */
static inline void store_nibbles(const four_rows *rows, const quad words[8], unsigned shift, uint8_t *out)
{
    for (uint32_t g = 0; g < 4; g++)
        store(rows, out + 64 * g, (words[g] >> shift & NIBBLE_MASK) | (words[g + 4] >> shift & NIBBLE_MASK) << 4);
}

/* Two 6-bit numbers of four blocks, a byte each. */
static inline void pack_six_bit_pairs(const four_rows *rows, quad first, quad second, uint8_t *out)
{
    const quad low = (first & NIBBLE_MASK) | (second & NIBBLE_MASK) << 4;
    const quad high = (first >> 4 & 0x03030303) | (second >> 2 & 0x0c0c0c0c); /* 4 bits of each block */
    store_bytes(rows, out, low, (const uint32_t[4]){0, 16, 48, 64});
    const quad pairs = interleave(interleave(high | high >> 4)); /* bytes 0 and 2 have two blocks' */
    for (uint32_t p = 0; p < 2; p++) {
        const uint32_t bytes = pairs[2 * p];
        memcpy(out + 48 * p + 32 + rows->first, &bytes, sizeof bytes);
    }
}

/* The 6-bit scales and minima of Q4_K and Q5_K; see kern_six_bit_scale. */
static inline void pack_six_bit_scales(const four_rows *rows, size_t offset, uint8_t *out)
{
    const quad scales = load(rows, offset), minima = load(rows, offset + 4), others = load(rows, offset + 8);
    pack_six_bit_pairs(rows, scales & 0x3f3f3f3f, minima & 0x3f3f3f3f, out);
    pack_six_bit_pairs(rows, (others & NIBBLE_MASK) | (scales >> 2 & 0x30303030),
                       (others >> 4 & NIBBLE_MASK) | (minima >> 2 & 0x30303030), out + 96);
}

/* Bit `bit` of each of 32 bytes, as a plane of 64 bytes. */
static inline void store_bit_plane(const four_rows *rows, const quad words[8], unsigned bit, uint8_t *out)
{
    quad plane = {0};
    for (uint32_t g = 0; g < 8; g++)
        plane |= (words[g] >> bit & 0x01010101u) << g;
    store(rows, out, plane);
}

/* Bits `bit` and `bit + 1` of each of 32 bytes, as two planes. */
static inline void store_two_bit_planes(const four_rows *rows, const quad words[8], unsigned bit, uint8_t *out)
{
    for (uint32_t p = 0; p < 2; p++) {
        quad plane = {0};
        for (uint32_t j = 0; j < 4; j++)
            plane |= (words[4 * p + j] >> bit & 0x03030303u) << (2 * j);
        store(rows, out + 64 * p, plane);
    }
}

/* Two bits of 128 inputs in 32 bytes, as the planes of four blocks that are `step` apart. */
static inline void pack_two_bits(const four_rows *rows, size_t offset, size_t step, uint8_t *out)
{
    quad words[8];
    load_eight(rows, offset, words);
    for (uint32_t b = 0; b < 4; b++)
        store_two_bit_planes(rows, words, 2 * b, out + step * b);
}

/* Nibbles of two blocks of inputs in 32 bytes. */
static inline void pack_nibbles(const four_rows *rows, size_t offset, uint8_t *out, uint8_t *next)
{
    quad words[8];
    load_eight(rows, offset, words);
    store_nibbles(rows, words, 0, out);
    store_nibbles(rows, words, 4, next);
}

static inline void pack_q4_k(const four_rows *rows, uint8_t *out)
{
    copy_half(rows, 0, out);
    copy_half(rows, 2, out + 32);
    pack_six_bit_scales(rows, 4, out + 64);
    for (uint32_t b = 0; b < 8; b += 2)
        pack_nibbles(rows, 16 + 16 * b, out + 256 + 256 * b, out + 512 + 256 * b);
}

static inline void pack_q5_k(const four_rows *rows, uint8_t *out)
{
    quad fifth[8];
    copy_half(rows, 0, out);
    copy_half(rows, 2, out + 32);
    pack_six_bit_scales(rows, 4, out + 64);
    load_eight(rows, 16, fifth);
    for (uint32_t b = 0; b < 8; b++)
        store_bit_plane(rows, fifth, b, out + 256 + 320 * b);
    for (uint32_t b = 0; b < 8; b += 2)
        pack_nibbles(rows, 48 + 16 * b, out + 320 + 320 * b, out + 640 + 320 * b);
}

static inline void pack_q6_k(const four_rows *rows, uint8_t *out)
{
    copy_half(rows, 208, out);
    for (uint32_t s = 0; s < 16; s += 4)
        copy_bytes(rows, 192 + s, out + 32 + 16 * s);
    for (uint32_t half = 0; half < 2; half++) { /* blocks 0 and 2, then 1 and 3, share bytes */
        uint8_t *const to = out + 288 + 4 * 384 * half;
        pack_two_bits(rows, 128 + 32 * half, 384, to);
        for (uint32_t b = 0; b < 2; b++)
            pack_nibbles(rows, 64 * half + 32 * b, to + 384 * b + 128, to + 384 * (b + 2) + 128);
    }
}

static inline void pack_q2_k(const four_rows *rows, uint8_t *out)
{
    copy_half(rows, 80, out);
    copy_half(rows, 82, out + 32);
    for (uint32_t b = 0; b < 8; b += 2)
        store_bytes(rows, out + 64 + 160 * b, load(rows, 2 * b), (const uint32_t[4]){0, 16, 160, 176});
    for (uint32_t half = 0; half < 2; half++)
        pack_two_bits(rows, 16 + 32 * half, 160, out + 64 + 4 * 160 * half + 32);
}

/* The 6-bit scales of Q3_K, four half blocks a word; see kern_q3_k_scale. Even bytes are first halves. */
static inline quad q3_k_scales(const four_rows *rows, uint32_t word)
{
    const quad low = load(rows, 96 + 4 * (word % 2)) >> (4 * (word / 2)) & NIBBLE_MASK;
    return low | (load(rows, 104) >> (2 * word) & 0x03030303) << 4;
}

static inline void pack_q3_k(const four_rows *rows, uint8_t *out)
{
    quad third[8];
    copy_half(rows, 108, out);
    for (uint32_t b = 0; b < 8; b += 4) {
        const quad two = q3_k_scales(rows, b / 2), next = q3_k_scales(rows, b / 2 + 1);
        const quad first = (two & 0xff) | (two >> 8 & 0xff00) | (next & 0xff) << 16 | (next & 0xff0000) << 8;
        const quad second = (two >> 8 & 0xff) | (two >> 16 & 0xff00) | (next & 0xff00) << 8 | (next & 0xff000000);
        pack_six_bit_pairs(rows, first, second, out + 32 + 24 * b);
    }
    load_eight(rows, 0, third);
    for (uint32_t b = 0; b < 8; b++)
        store_bit_plane(rows, third, b, out + 224 + 192 * b);
    for (uint32_t half = 0; half < 2; half++)
        pack_two_bits(rows, 32 + 32 * half, 192, out + 224 + 4 * 192 * half + 64);
}

static inline void pack_iq4_xs(const four_rows *rows, uint8_t *out)
{
    copy_half(rows, 0, out);
    copy_bytes(rows, 4, out + 32);
    store_bytes(rows, out, load(rows, 2), (const uint32_t[4]){96, 112, 32, 48});
    for (uint32_t b = 0; b < 8; b++)
        copy_words(rows, 8 + 16 * b, out + 128 + 256 * b);
}

static inline void pack_mxfp4(const four_rows *rows, uint8_t *out)
{
    for (uint32_t r = 0; r < QUAD_ROWS; r++)
        out[rows->first + r] = rows->block[r * rows->stride];
    copy_words(rows, 1, out + 16);
}

/* The scale's unused sign goes, and 0x7f, which means zero, becomes zero. */
static inline void pack_nvfp4(const four_rows *rows, uint8_t *out)
{
    const quad_bytes scales = (quad_bytes)load(rows, 0);
    store_bytes(rows, out, (quad)(scales & 0x7f & (quad_bytes)(scales != 0x7f)), (const uint32_t[4]){0, 16, 32, 48});
    for (uint32_t b = 0; b < 2; b++) { /* 8 bytes a half: the first 8 inputs are their low nibbles */
        quad words[4];
        load_four(rows, 4 + 16 * b, words);
        for (uint32_t g = 0; g < 4; g++) {
            const unsigned shift = g / 2 * 4;
            const quad low = words[g & 1] >> shift & NIBBLE_MASK, high = words[2 + (g & 1)] >> shift & NIBBLE_MASK;
            store(rows, out + 64 + 256 * b + 64 * g, low | high << 4);
        }
    }
}

static inline void pack_tq1_0(const four_rows *rows, uint8_t *out)
{
    copy_half(rows, 52, out);
    for (uint32_t four = 0; four < 3; four++)
        copy_words(rows, 16 * four, out + 32 + 256 * four);
    store(rows, out + 32 + 64 * 12, load(rows, 48));
}

static inline void pack_tq2_0(const four_rows *rows, uint8_t *out)
{
    copy_half(rows, 64, out);
    for (uint32_t half = 0; half < 2; half++)
        pack_two_bits(rows, 32 * half, 128, out + 32 + 4 * 128 * half);
}

/* Eight numbers of 16 bits. */
static inline void pack_eight_numbers(const four_rows *rows, uint8_t *out)
{
    quad words[4];
    load_four(rows, 0, words);
    for (uint32_t j = 0; j < 4; j += 2) {
        const quad even = __builtin_shufflevector(words[j], words[j + 1], 0, 2, 4, 6); /* of rows 0 and 2, twice */
        const quad odd = __builtin_shufflevector(words[j], words[j + 1], 1, 3, 5, 7);
        const quad_halves first = (quad_halves)((even & 0xffff) | odd << 16);
        const quad_halves second = (quad_halves)(even >> 16 | (odd & 0xffff0000));
        const uint64_t numbers[4] = {first[0], second[0], first[1], second[1]};
        for (uint32_t i = 0; i < 4; i++)
            memcpy(out + 32 * (2 * j + i) + 2 * rows->first, &numbers[i], sizeof numbers[i]);
    }
}

/* Four rows of one block; `type` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void pack_block(const kern_type type, const four_rows *rows, uint8_t *out)
{
    switch (type) {
    case KERN_Q4_0:
    case KERN_IQ4_NL:
        pack_block_32(rows, 1, false, out);
        break;
    case KERN_Q4_1:
        pack_block_32(rows, 2, false, out);
        break;
    case KERN_Q5_0:
        pack_block_32(rows, 1, true, out);
        break;
    case KERN_Q5_1:
        pack_block_32(rows, 2, true, out);
        break;
    case KERN_Q4_K:
        pack_q4_k(rows, out);
        break;
    case KERN_Q5_K:
        pack_q5_k(rows, out);
        break;
    case KERN_Q6_K:
        pack_q6_k(rows, out);
        break;
    case KERN_Q2_K:
        pack_q2_k(rows, out);
        break;
    case KERN_Q3_K:
        pack_q3_k(rows, out);
        break;
    case KERN_IQ4_XS:
        pack_iq4_xs(rows, out);
        break;
    case KERN_MXFP4:
        pack_mxfp4(rows, out);
        break;
    case KERN_NVFP4:
        pack_nvfp4(rows, out);
        break;
    case KERN_TQ1_0:
        pack_tq1_0(rows, out);
        break;
    case KERN_TQ2_0:
        pack_tq2_0(rows, out);
        break;
    case KERN_F32:
        copy_words(rows, 0, out);
        break;
    default: /* F16, BF16 */
        pack_eight_numbers(rows, out);
        break;
    }
}

typedef struct pack_source {
    const uint8_t *rows, *end; /* of the tile; of the matrix */
    uint32_t n_rows, n_blocks;
    size_t row_bytes, block_bytes;
} pack_source;

/*
 * Block by block, so that the tile is written as one stream. Reading 16 streams a few bytes at a time is what the
 * processor doesn't foresee: meanwhile the next tile's rows are fetched, which are one piece.
 */
static inline __attribute__((always_inline)) void pack_rows(const kern_type type, const pack_source *source,
                                                            uint8_t *out)
{
    const size_t step = source->block_bytes * KERN_TILE_ROWS;
    const size_t rest = (size_t)(source->end - source->rows), ahead = source->row_bytes * KERN_TILE_ROWS;
    size_t fetched = ahead, wanted = ahead;
    uint8_t last[KERN_TILE_ROWS * LARGEST_BLOCK];
    if (source->n_rows < KERN_TILE_ROWS)
        memset(last, 0, sizeof last);
    for (uint32_t b = 0; b < source->n_blocks; b++, out += step) {
        four_rows rows = {source->rows + b * source->block_bytes, source->row_bytes, 0};
        if (source->n_rows < KERN_TILE_ROWS) {
            for (uint32_t r = 0; r < source->n_rows; r++)
                memcpy(last + r * LARGEST_BLOCK, rows.block + r * rows.stride, source->block_bytes);
            rows = (four_rows){last, LARGEST_BLOCK, 0};
        }
        for (; rows.first < KERN_TILE_ROWS; rows.first += QUAD_ROWS, rows.block += QUAD_ROWS * rows.stride) {
            pack_block(type, &rows, out);
            for (wanted += step / 4; fetched < wanted && fetched < rest; fetched += CACHE_LINE)
                __builtin_prefetch(source->rows + fetched, 0, 2);
        }
    }
}

/* Rows of numbers that are no whole pieces. */
static void pack_numbers(const pack_source *source, size_t number_bytes, uint8_t *out)
{
    memset(out, 0, source->row_bytes * KERN_TILE_ROWS);
    for (size_t at = 0; at < source->row_bytes; at += number_bytes)
        for (uint32_t r = 0; r < source->n_rows; r++)
            memcpy(out + at * KERN_TILE_ROWS + r * number_bytes, source->rows + r * source->row_bytes + at,
                   number_bytes);
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
    source.end = rows + n_rows * source.row_bytes;
    if (info->block_elements == 1) { /* numbers, packed in pieces of 16 bytes */
        if (source.row_bytes % sizeof(quad) != 0) {
            pack_numbers(&source, info->block_bytes, out);
            return;
        }
        source.block_bytes = sizeof(quad);
        source.n_blocks = (uint32_t)(source.row_bytes / sizeof(quad));
    }
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
