/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; 2011): random bits as a
 * function of a counter and a key, with no state. Any number of streams are independent, and any part of a stream can
 * be had without the rest.
 */
#ifndef FIRN_BASE_PHILOX_H
#define FIRN_BASE_PHILOX_H

#include <stdint.h>

typedef struct base_philox_block {
    uint32_t word[4];
} base_philox_block;

/* The 128 random bits that belong to `counter` under `key`, whose low half is the key's first word. */
static inline base_philox_block base_philox(base_philox_block counter, uint64_t key)
{
    uint32_t key0 = (uint32_t)key, key1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t product0 = (uint64_t)0xD2511F53u * counter.word[0];
        const uint64_t product1 = (uint64_t)0xCD9E8D57u * counter.word[2];
        counter = (base_philox_block){{
            (uint32_t)(product1 >> 32) ^ counter.word[1] ^ key0,
            (uint32_t)product1,
            (uint32_t)(product0 >> 32) ^ counter.word[3] ^ key1,
            (uint32_t)product0,
        }};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

#endif
