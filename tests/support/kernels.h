/* SPDX-License-Identifier: Apache-2.0 */
/* What kernel tests share: random blocks of every weight type, aligned buffers, the levels of this machine. */
#ifndef FIRN_TESTS_SUPPORT_KERNELS_H
#define FIRN_TESTS_SUPPORT_KERNELS_H

#include "kernels/kernels.h"

/* How the levels run in this program; tests/kernels/plain_levels.py reads what tests say of it. */
#ifdef FIRN_EMULATED
#define SUPPORT_HOW "emulated"
#else
#define SUPPORT_HOW "natively"
#endif

typedef struct support_random {
    uint64_t state;
} support_random;

uint32_t support_random_bits(support_random *random);

/* From -1 to 1. */
float support_random_float(support_random *random);

/* Fills `bytes` with poison that no kernel result may depend on or leave behind. */
void *support_poisoned(size_t bytes);

/* Random rows of the type, as a checkpoint stores them, with finite scales. The caller frees them. */
uint8_t *support_random_rows(support_random *random, kern_type type, uint32_t n_rows, uint32_t n_inputs);

/* A matrix in kernel layout made from such rows; *packed is what to free (NULL where the rows are used in place). */
kern_matrix support_matrix(kern_type type, const uint8_t *rows, uint32_t n_rows, uint32_t n_inputs, uint8_t **packed);

/* The types that matmul takes; ends with KERN_TYPE_LIMIT. */
extern const kern_type support_matmul_types[];

/* The next level that this machine has, or KERN_LEVELS: for loops over all of them from KERN_LEVEL_SCALAR on. */
int support_next_level(int level);

#endif
