/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/noise.h"

#include "base/philox.h"
#include "kernels/math.h"

enum { TOKENS, COIN, TOKENS_LOWER }; /* what a counter's second word is for */

static base_philox_block block_at(const eng_noise *noise, uint32_t first, uint32_t use)
{
    const base_philox_block counter = {{first, use, (uint32_t)noise->position, (uint32_t)(noise->position >> 32)}};
    return base_philox(counter, noise->key);
}

eng_noise eng_noise_at(uint64_t seed, uint64_t sequence, uint64_t position)
{
    const base_philox_block counter = {{(uint32_t)sequence, (uint32_t)(sequence >> 32), 0, 0}};
    const base_philox_block key = base_philox(counter, seed);
    return (eng_noise){.key = (uint64_t)key.word[1] << 32 | key.word[0], .position = position};
}

kern_noise eng_noise_for_kernels(const eng_noise *noise)
{
    return (kern_noise){{(uint32_t)noise->key, (uint32_t)(noise->key >> 32)},
                        {TOKENS, (uint32_t)noise->position, (uint32_t)(noise->position >> 32)}};
}

/* 32 random bits of a token; where they stand is what kern_noise says. */
static uint32_t word_of(const eng_noise *noise, int32_t id, uint32_t use)
{
    const uint32_t token = (uint32_t)id;
    return block_at(noise, token / 64 * 16 + token % 16, use).word[token / 16 % 4];
}

/*
 * -log(-log(1 - v)) for v = (bits + 1/2) / 2^64. Both tails keep their precision: 1 - v is never formed where v is
 * small, and is formed from the inverted bits where v is near 1.
 */
double eng_gumbel(const eng_noise *noise, int32_t id)
{
    const uint64_t bits = (uint64_t)word_of(noise, id, TOKENS) << 32 | word_of(noise, id, TOKENS_LOWER);
    const double v = ((double)bits + 0.5) * 0x1p-64;
    const double exponential = v < 0.25 ? -kern_log_near_one(-v) : -kern_log_double(((double)~bits + 0.5) * 0x1p-64);
    return -kern_log_double(exponential);
}

/* -log(1 - v) >= v >= 2^-(zeros + 1) with the zeros of the upper half, and 0.694 > ln 2. */
double eng_gumbel_at_most(const eng_noise *noise, int32_t id)
{
    const uint32_t upper = word_of(noise, id, TOKENS);
    return upper == 0 ? ENG_GUMBEL_HIGHEST : 0.694 * (__builtin_clz(upper) + 1);
}

double eng_noise_coin(const eng_noise *noise)
{
    const base_philox_block block = block_at(noise, 0, COIN);
    return ((double)block.word[0] + 0.5) * 0x1p-32;
}
