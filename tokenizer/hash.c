/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/hash.h"

#include <stdlib.h>

/* With a quarter of the slots free and a sound hash, chains are a few hundred slots long at most. */
enum { LONGEST_CHAIN = 2048 };

bool tok_table_create(tok_table *table, uint32_t count)
{
    uint32_t size = 4;
    while (size / 4 * 3 < count)
        size *= 2;
    table->mask = size - 1;
    table->index_bits = 1;
    while ((1U << table->index_bits) <= count)
        table->index_bits++;
    table->slots = calloc(size, sizeof *table->slots);
    return table->slots != NULL;
}

bool tok_table_insert(tok_table *table, uint64_t hash, uint32_t step, uint32_t index)
{
    for (; step < LONGEST_CHAIN; step++) {
        uint32_t *slot = &table->slots[((uint32_t)hash + step) & table->mask];
        if (*slot == 0) {
            *slot = (uint32_t)(hash >> 32) >> table->index_bits << table->index_bits | (index + 1);
            return true;
        }
    }
    return false;
}
