/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types with codebooks where a level has nothing of its own for them: a tile is expanded by plain C, then
 * multiplied as any other. Include what defines one_column() first.
 */
#ifndef FIRN_KERNELS_CODEBOOK_BODY_H
#define FIRN_KERNELS_CODEBOOK_BODY_H

#include "kernels/tile.h"

static void expand_any_codebook(const kern_matrix *weights, uint32_t tile, uint8_t *out)
{
    kern_expand_tile(weights, tile, out);
}

/* Tiles times one column. */
static void codebook_column(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const uint8_t *x,
                            float *out, uint8_t *scratch)
{
    for (uint32_t t = tile_begin; t < tile_end; t++) {
        kern_expand_tile(weights, t, scratch);
        one_column(EXPANDED, scratch, weights->n_inputs / KERN_BLOCK, x, out + (size_t)t * KERN_TILE_ROWS);
    }
}

#endif
