/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row and one block of 32 inputs of a weight, decoded: from a packed tile (the scalar reference and embedding
 * look-ups read it) and from the checkpoint's own layout (what the formats define). Both must give the same values.
 */
#ifndef FIRN_KERNELS_TILE_H
#define FIRN_KERNELS_TILE_H

#include "kernels/kernels.h"

#include <string.h>

/*
 * weight[i] = scale[h] * subscale[h] * q[i], plus minimum * subminimum[h] where the type has minima; h = i / 16.
 * What a type doesn't have is 1 (subscales, subminima) or equal in both halves (scales).
 */
typedef struct kern_block {
    int8_t q[KERN_BLOCK];
    float scale[2], minimum;
    int32_t subscale[2], subminimum[2]; /* multiply exact sums, before anything is rounded */
} kern_block;

/* How a type's blocks of 32 are scaled; kernels/kernels.h has the formula of each. */
typedef enum kern_scaling {
    KERN_SCALED,     /* by one scale, and integers for each half */
    KERN_MINIMUM,    /* and a minimum is added */
    KERN_SUBMINIMA,  /* and a minimum with an integer for each half is added */
    KERN_TWO_SCALES, /* by a scale for each half */
} kern_scaling;

kern_scaling kern_type_scaling(kern_type type);

/* Block `index` (of 32 inputs) of row `row` (0 to 15) in a packed tile. Quantised types only. */
void kern_tile_block(kern_type type, const uint8_t *tile, uint32_t n_inputs, uint32_t index, uint32_t row,
                     kern_block *out);

/* Block `index` of a row as the checkpoint stores it. Quantised types only. */
void kern_row_block(kern_type type, const uint8_t *row, uint32_t index, kern_block *out);

/* The same for types with codebooks (IQ1_*, IQ2_*, IQ3_*): block `sub` (0 to 7) of 256 inputs. */
void kern_codebook_block(kern_type type, const uint8_t *block, uint32_t sub, kern_block *out);

/* A tile of a type without a packed form of its own, expanded: blocks of float scale[16], int8 subscales[2][16 rows],
 * then q + KERN_EXPANDED_ZERO as [8 k-groups][16 rows][4]. */
enum { KERN_EXPANDED_BLOCK = 64 + 32 + 512, KERN_EXPANDED_ZERO = 64 };

enum { KERN_ROUNDED_BLOCK = 2 * KERN_TILE_ROWS + KERN_TILE_ROWS * KERN_BLOCK }; /* of a tile of Q8_0 */

/* Whether halves of such blocks have integer scales other than 1. */
static inline bool kern_codebook_subscales(kern_type type)
{
    return type == KERN_IQ2_XS || type == KERN_IQ2_S || type == KERN_IQ1_M;
}

/* The sixteen weights of 4-bit codes: IQ4_NL and IQ4_XS, and 2 * E2M1 (MXFP4, NVFP4). */
extern const int8_t kern_iq4_values[16], kern_fp4_values[16];

/* A row of a matrix whose rows are used in place; those beyond it repeat its last one. */
static inline const uint8_t *kern_row_in_place(const kern_matrix *weights, uint32_t row)
{
    const uint32_t real = row < weights->n_rows ? row : weights->n_rows - 1;
    return weights->data + real * (weights->tile_bytes / KERN_TILE_ROWS);
}

static inline uint16_t kern_load16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t kern_load32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* The 6-bit scale and minimum of block j (0 to 7) in the 12 bytes of a Q4_K or Q5_K block. */
static inline void kern_six_bit_scale(const uint8_t *packed, uint32_t j, uint8_t *scale, uint8_t *minimum)
{
    if (j < 4) {
        *scale = packed[j] & 63;
        *minimum = packed[j + 4] & 63;
    } else {
        *scale = (uint8_t)((packed[j + 4] & 15) | packed[j - 4] >> 6 << 4);
        *minimum = (uint8_t)(packed[j + 4] >> 4 | packed[j] >> 6 << 4);
    }
}

/* The 6-bit scale, 32 too large, of half block j (0 to 15) in the 12 bytes of a Q3_K block. */
static inline uint8_t kern_q3_k_scale(const uint8_t *packed, uint32_t j)
{
    return (uint8_t)((packed[j % 8] >> (4 * (j / 8)) & 15) | (packed[8 + j % 4] >> (2 * (j / 4)) & 3) << 4);
}

/* The 6-bit scale, 32 too large, of block j (0 to 7) of an IQ4_XS block. */
static inline uint8_t kern_iq4_xs_scale(const uint8_t *block, uint32_t j)
{
    return (uint8_t)((block[4 + j / 2] >> (4 * (j & 1)) & 15) | (kern_load16(block + 2) >> (2 * j) & 3) << 4);
}

#endif
