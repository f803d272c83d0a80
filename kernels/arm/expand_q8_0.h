/* SPDX-License-Identifier: Apache-2.0 */
/* A tile of Q8_0 with its bytes in the order of products: see EXPANDED_Q8_0 in ref/forms_body.h. */
#ifndef FIRN_KERNELS_EXPAND_Q8_0_H
#define FIRN_KERNELS_EXPAND_Q8_0_H

#include "kernels/arm/rows_neon.h"
#include "kernels/half.h"

static void expand_q8_0(const kern_matrix *weights, uint32_t tile, uint8_t *scratch)
{
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++) {
        const uint8_t *block = kern_row_in_place(weights, tile * KERN_TILE_ROWS + r);
        for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++, block += 2 + KERN_BLOCK) {
            uint8_t *const to = scratch + (size_t)b * KERN_EXPANDED_BLOCK;
            const float scale = kern_float_from_half(kern_load16(block));
            memcpy(to + 4 * (size_t)r, &scale, sizeof scale);
            for (uint32_t g = 0; g < KERN_BLOCK / 4; g++)
                memcpy(to + 96 + 64 * g + 4 * (size_t)r, block + 2 + 4 * g, 4);
        }
    }
}

#endif
