/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row and one block of 32 inputs of a weight, decoded: from a packed tile (the scalar reference and embedding
 * look-ups read it) and from the checkpoint's own layout (what the formats define). Both must give the same values.
 */
#ifndef FIRN_KERNELS_TILE_H
#define FIRN_KERNELS_TILE_H

#include "kernels/kernels.h"

#include <string.h>

/* weight[i] = scale * subscale[i / 16] * q[i] + minimum, where scale * subscale is an exact product or one rounded
 * float */
typedef struct kern_block {
    int8_t q[KERN_BLOCK];
    int32_t subscale[2]; /* integers that multiply the sums of the two halves; 1 where the type has none */
    float scale, minimum;
} kern_block;

/* Block `index` (of 32 inputs) of row `row` (0 to 15) in a packed tile. Quantised types only. */
void kern_tile_block(kern_type type, const uint8_t *tile, uint32_t n_inputs, uint32_t index, uint32_t row,
                     kern_block *out);

/* Block `index` of a row as the checkpoint stores it. Quantised types only. */
void kern_row_block(kern_type type, const uint8_t *row, uint32_t index, kern_block *out);

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

#endif
