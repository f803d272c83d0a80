/* SPDX-License-Identifier: Apache-2.0 */
/* A tile of Q8_0 with its bytes in the order of products: see EXPANDED_Q8_0 in ref/forms_body.h. */
#ifndef FIRN_KERNELS_EXPAND_Q8_0_H
#define FIRN_KERNELS_EXPAND_Q8_0_H

#include "kernels/half.h"
#include "kernels/tile.h"

static void expand_q8_0(const kern_matrix *weights, uint32_t tile, uint8_t *scratch)
{
    const size_t row_bytes = weights->tile_bytes / KERN_TILE_ROWS, block_bytes = 2 + KERN_BLOCK;
    for (size_t r = 0; r < KERN_TILE_ROWS; r++) {
        const size_t row = tile * KERN_TILE_ROWS + r;
        const uint8_t *block = weights->data + (row < weights->n_rows ? row : weights->n_rows - 1) * row_bytes;
        for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++, block += block_bytes) {
            uint8_t *const to = scratch + (size_t)b * KERN_EXPANDED_BLOCK;
            const float scale = kern_float_from_half(kern_load16(block));
            memcpy(to + 4 * r, &scale, sizeof scale);
            for (uint32_t g = 0; g < KERN_BLOCK / 4; g++)
                memcpy(to + 96 + 64 * g + 4 * r, block + 2 + 4 * g, 4);
        }
    }
}

#endif
