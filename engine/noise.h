/* SPDX-License-Identifier: Apache-2.0 */
/* Gumbel noise as a function of (seed, sequence, position, token), and a coin that belongs to a position. */
#ifndef FIRN_ENGINE_NOISE_H
#define FIRN_ENGINE_NOISE_H

#include "kernels/kernels.h"

#define ENG_GUMBEL_HIGHEST 46.0 /* more than any noise */

typedef struct eng_noise {
    uint64_t key, position;
} eng_noise;

eng_noise eng_noise_at(uint64_t seed, uint64_t sequence, uint64_t position);

/* -log(-log(u)) with u uniform, from -3.9 to 45; and a bound of it that costs no logarithm. */
double eng_gumbel(const eng_noise *noise, int32_t id);
double eng_gumbel_at_most(const eng_noise *noise, int32_t id);

/* The upper half of each token's random bits, for kernels that look at whole vocabularies. */
kern_noise eng_noise_for_kernels(const eng_noise *noise);

/* Uniform between 0 and 1, neither included, and independent of the tokens' noise. */
double eng_noise_coin(const eng_noise *noise);

#endif
