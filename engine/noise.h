/* SPDX-License-Identifier: Apache-2.0 */
/* Gumbel noise as a function of (seed, sequence, position, token), and a coin that belongs to a position. */
#ifndef FIRN_ENGINE_NOISE_H
#define FIRN_ENGINE_NOISE_H

#include <stdint.h>

/* One Philox block has the bits of two neighbouring tokens. */
typedef struct eng_noise {
    uint64_t key, position;
    int32_t pair; /* token id / 2 that `bits` belong to, or -1 */
    uint64_t bits[2];
} eng_noise;

eng_noise eng_noise_at(uint64_t seed, uint64_t sequence, uint64_t position);
uint64_t eng_noise_bits(eng_noise *noise, int32_t id);

/* -log(-log(u)) with u uniform, from -3.9 to 45; and a bound of it that costs no logarithm. */
double eng_gumbel(uint64_t bits);
double eng_gumbel_at_most(uint64_t bits);

/* Uniform between 0 and 1, neither included, and independent of the tokens' noise. */
double eng_noise_coin(const eng_noise *noise);

#endif
