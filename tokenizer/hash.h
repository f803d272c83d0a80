/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open-addressing hash table of indices into somebody's array. A slot is 32 bits: the index and, in the bits that it
 * leaves free, a part of the hash, so that the array itself is hardly ever touched for an entry that doesn't match.
 */
#ifndef FIRN_TOKENIZER_HASH_H
#define FIRN_TOKENIZER_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TOK_NO_INDEX UINT32_MAX

static inline uint64_t tok_hash_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
    return hash ^ hash >> 32;
}

static inline uint64_t tok_hash(const char *text, size_t length)
{
    uint64_t hash = length, word = 0;
    for (; length >= 8; text += 8, length -= 8) {
        memcpy(&word, text, 8);
        hash = tok_hash_mix(hash, word);
    }
    if (length >= 4) {
        uint32_t low, high;
        memcpy(&low, text, 4);
        memcpy(&high, text + length - 4, 4);
        hash = tok_hash_mix(hash, (uint64_t)high << 32 | low);
    } else if (length > 0) {
        const unsigned char *byte = (const unsigned char *)text;
        hash = tok_hash_mix(hash, (uint64_t)byte[0] << 16 | (uint64_t)byte[length / 2] << 8 | byte[length - 1]);
    }
    return tok_hash_mix(hash, 0xD6E8FEB86659FD93U);
}

typedef struct tok_table {
    uint32_t *slots;     /* [mask + 1]: 0 is free, else part of the hash << index_bits | index + 1 */
    uint32_t mask;       /* size - 1, the size being a power of two */
    uint32_t index_bits; /* enough for the number of entries */
} tok_table;

/* Room for `count` entries, at most 2^29. False: no memory. The table is released by free(table->slots). */
bool tok_table_create(tok_table *table, uint32_t count);

/* Fetches what an insertion of this hash will touch, so that the fetches of several overlap. */
static inline void tok_table_prefetch(const tok_table *table, uint64_t hash)
{
    __builtin_prefetch(&table->slots[(uint32_t)hash & table->mask], 1);
}

/*
 * Inserts after `step` entries that are known to be in the way, as tok_table_candidate leaves it when it has found
 * nothing; 0 always does. False if so many are that the hash function must be under attack.
 */
bool tok_table_insert(tok_table *table, uint64_t hash, uint32_t step, uint32_t index);

/*
 * The next entry that may be the one looked for, or TOK_NO_INDEX. The caller compares, and calls again if it isn't.
 * *step is 0 at the first call.
 */
static inline uint32_t tok_table_candidate(const tok_table *table, uint64_t hash, uint32_t *step)
{
    const uint32_t tag = (uint32_t)(hash >> 32) >> table->index_bits;
    for (;;) {
        const uint32_t slot = table->slots[((uint32_t)hash + *step) & table->mask];
        if (slot == 0)
            return TOK_NO_INDEX;
        *step += 1;
        if (slot >> table->index_bits == tag)
            return (slot & ((1U << table->index_bits) - 1)) - 1;
    }
}

#endif
