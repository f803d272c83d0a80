/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Angles of the rotary position embedding, in double precision by functions of our own, so that they are the same
 * on every machine.
 */
#ifndef FIRN_ENGINE_ANGLES_H
#define FIRN_ENGINE_ANGLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * frequencies[i] = scale * base^(-2i / n_dims) / factors[i] for i < n_dims / 2; factors may be NULL (all 1). base > 0.
 */
void eng_rope_frequencies(double base, double scale, uint32_t n_dims, const float *factors, double *frequencies);

/*
 * Cosines and sines of position * frequencies[i] as kern_table's rotate() reads them: 2 * n_pairs floats, or if pairs
 * are adjacent 4 * n_pairs. position below 2^31.
 */
void eng_rope_angles(uint64_t position, const double *frequencies, uint32_t n_pairs, bool adjacent, float *angles);

#endif
