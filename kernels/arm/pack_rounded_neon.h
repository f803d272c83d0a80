/* SPDX-License-Identifier: Apache-2.0 */
/* A tile of Q8_0 with its bytes in the order of products: see ROUNDED_Q8_0 in ref/forms_body.h. */
#ifndef FIRN_KERNELS_PACK_ROUNDED_NEON_H
#define FIRN_KERNELS_PACK_ROUNDED_NEON_H

#include "kernels/kernels.h"
#include "kernels/tile.h"

static void pack_rounded(const kern_matrix *weights, uint32_t tile, uint8_t *out)
{
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++) {
        const uint8_t *block = kern_row_in_place(weights, tile * KERN_TILE_ROWS + r);
        for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++, block += 2 + KERN_BLOCK) {
            uint8_t *const to = out + (size_t)b * KERN_ROUNDED_BLOCK;
            memcpy(to + 2 * (size_t)r, block, 2);
            for (uint32_t g = 0; g < KERN_BLOCK / 4; g++)
                memcpy(to + 32 + 64 * g + 4 * (size_t)r, block + 2 + 4 * g, 4);
        }
    }
}

#endif
