/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Q8_0 in place, for every x86 level: rows as the checkpoint stores them, blocks of an F16 scale and 32 bytes; and a
 * tile of them made into int16 for many columns.
 */
#ifndef FIRN_KERNELS_X86_Q8_0_H
#define FIRN_KERNELS_X86_Q8_0_H

#include "kernels/kernels.h"
#include "kernels/tile.h"

#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum {
    ROW_BLOCK = 34,
    SCRATCH_BLOCK = 64 + 1024, /* a block of an expanded tile: float scale[16], then int16 [16 pairs][16 rows][2] */
};

typedef struct row_pointers {
    const uint8_t *at[KERN_TILE_ROWS];
} row_pointers;

/* The rows of a tile; rows beyond the matrix repeat its last one. */
ALWAYS_INLINE row_pointers tile_rows(const kern_matrix *weights, uint32_t tile)
{
    row_pointers rows;
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++)
        rows.at[r] = kern_row_in_place(weights, tile * KERN_TILE_ROWS + r);
    return rows;
}

/* Transposes an 8 x 8 matrix of dwords. */
ALWAYS_INLINE void transpose_eight(__m256i *v)
{
    __m256i t[8], u[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        u[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        u[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        u[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        u[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2x128_si256(u[i], u[i + 4], 0x20);
        v[i + 4] = _mm256_permute2x128_si256(u[i], u[i + 4], 0x31);
    }
}

/* A block of a tile: its F16 scales, and k-group g of the rows 8 h to 8 h + 7 as groups[h][g]. */
ALWAYS_INLINE void load_block(const row_pointers *rows, uint32_t b, uint16_t *scales, __m256i groups[2][8])
{
    const size_t offset = (size_t)b * ROW_BLOCK;
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++)
        scales[r] = kern_load16(rows->at[r] + offset);
#pragma GCC unroll 2
    for (size_t half = 0; half < 2; half++) {
#pragma GCC unroll 8
        for (uint32_t r = 0; r < 8; r++)
            groups[half][r] = _mm256_loadu_si256((const __m256i *)(const void *)(rows->at[8 * half + r] + offset + 2));
        transpose_eight(groups[half]);
    }
}

/* As int16: bytes 0 and 2 of each four, then 1 and 3. */
ALWAYS_INLINE void expand_tile(const kern_matrix *weights, uint32_t tile, uint8_t *scratch)
{
    const row_pointers rows = tile_rows(weights, tile);
    for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++) {
        uint8_t *const to = scratch + (size_t)b * SCRATCH_BLOCK;
        uint16_t scales[KERN_TILE_ROWS];
        __m256i groups[2][8];
        load_block(&rows, b, scales, groups);
        for (uint32_t half = 0; half < 2; half++) {
            const __m128i eight = _mm_loadu_si128((const __m128i *)(const void *)(scales + 8 * half));
            _mm256_storeu_ps((float *)(void *)to + 8 * half, _mm256_cvtph_ps(eight));
        }
#pragma GCC unroll 16
        for (uint32_t i = 0; i < 16; i++) {
            const __m256i group = groups[i & 1][i / 2], even = _mm256_srai_epi16(_mm256_slli_epi16(group, 8), 8);
            uint8_t *const pairs = to + 64 + 128 * (i / 2) + 32 * (i & 1);
            _mm256_storeu_si256((__m256i *)pairs, even);
            _mm256_storeu_si256((__m256i *)(pairs + 64), _mm256_srai_epi16(group, 8));
        }
    }
}

/*
 * While block b of a tile is computed, its part of the next tile, which lies at `next` (or nowhere: NULL), is fetched:
 * rows that are read side by side are more streams than the processor foresees.
 */
ALWAYS_INLINE void fetch_block(const uint8_t *next, uint32_t b)
{
    if (next != NULL)
        for (uint32_t line = 0; line < 9; line++)
            _mm_prefetch((const char *)next + (size_t)b * KERN_TILE_ROWS * ROW_BLOCK + 64 * line, _MM_HINT_T1);
}

/* As bytes without a sign, 128 too large: a tile of ROUNDED_Q8_0. */
ALWAYS_INLINE void pack_rounded(const kern_matrix *weights, uint32_t tile, uint8_t *out)
{
    const row_pointers rows = tile_rows(weights, tile);
    const uint8_t *const next = weights->data + (tile + 1) * weights->tile_bytes;
    for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++) {
        uint8_t *const to = out + (size_t)b * KERN_ROUNDED_BLOCK;
        uint16_t scales[KERN_TILE_ROWS];
        __m256i groups[2][8];
        fetch_block(next, b);
        load_block(&rows, b, scales, groups);
        memcpy(to, scales, sizeof scales);
#pragma GCC unroll 16
        for (uint32_t i = 0; i < 16; i++)
            _mm256_storeu_si256((__m256i *)(to + 32 + 32 * i),
                                _mm256_xor_si256(groups[i & 1][i / 2], _mm256_set1_epi8((char)0x80)));
    }
}

#endif
