/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen exact sums of products of bytes with integer factors, four at a time, in plain C: the definition of what the
 * other variants do. Each sum has four bytes of its own and shares their four factors with the others.
 */
#ifndef FIRN_KERNELS_QUADS_SCALAR_H
#define FIRN_KERNELS_QUADS_SCALAR_H

#include "kernels/ref/lanes_scalar.h"

enum { QUADS_ROWS = 4, QUADS_WIDE = 1 }; /* the register block: rows of factors, and sums of 16 beside them */

typedef struct quads {
    int32_t at[KERN_LANES];
} quads;

/* `start` is minus 128 times the sum of the factors that are to come: a byte counts for itself less 128. */
static inline quads quads_start(int32_t start)
{
    quads sums;
    for (int i = 0; i < KERN_LANES; i++)
        sums.at[i] = start;
    return sums;
}

/* Adds the products of 64 bytes with one quad of factors. */
static inline quads quads_add(quads sums, const uint8_t *bytes, const uint8_t *factors)
{
    int16_t factor[4];
    memcpy(factor, factors, sizeof factor);
    for (int i = 0; i < KERN_LANES; i++)
        for (int j = 0; j < 4; j++)
            sums.at[i] += bytes[4 * i + j] * factor[j];
    return sums;
}

static inline lanes quads_total(quads sums)
{
    lanes total;
    for (int i = 0; i < KERN_LANES; i++)
        total.at[i] = (float)sums.at[i];
    return total;
}

#endif
