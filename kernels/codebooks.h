/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codebooks of the IQ types: magnitudes of eight (IQ1_*, IQ2_*) or four (IQ3_*) neighbouring weights as the bytes
 * of one integer, the first in the lowest, in the units of kern_row_block. IQ1's are 8 times 0, 1 or 2, of which 8 and
 * an eighth are still to be taken off.
 */
#ifndef FIRN_KERNELS_CODEBOOKS_H
#define FIRN_KERNELS_CODEBOOKS_H

#include <stdint.h>

extern const uint64_t kern_iq2_xxs_values[256], kern_iq2_xs_values[512], kern_iq2_s_values[1024];
extern const uint64_t kern_iq1_s_values[2048];
extern const uint32_t kern_iq3_xxs_values[256], kern_iq3_s_values[512];

/* The types that have them. */
#define KERN_CODEBOOKS(X) X(IQ2_XXS) X(IQ2_XS) X(IQ2_S) X(IQ3_XXS) X(IQ3_S) X(IQ1_S) X(IQ1_M)

#endif
