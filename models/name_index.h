/* SPDX-License-Identifier: Apache-2.0 */
/* Finds names among many, and names that occur twice. Sorted, so no choice of names makes it slow. */
#ifndef FIRN_MODELS_NAME_INDEX_H
#define FIRN_MODELS_NAME_INDEX_H

#include "base/slice.h"

#include <stdint.h>

typedef struct mod_name {
    base_slice name;
    uint64_t index; /* of the item it belongs to */
} mod_name;

typedef struct mod_name_index {
    mod_name *names; /* [count] in ascending order */
    uint64_t count;
} mod_name_index;

/*
 * Indexes `count` items of `stride` bytes, each of which begins with its name (a base_slice). Gives false when memory
 * can't be had. The items may move or go afterwards, the names' bytes must stay.
 */
bool mod_name_index_build(mod_name_index *index, const void *items, size_t stride, uint64_t count);
void mod_name_index_free(mod_name_index *index);

const mod_name *mod_name_index_find(const mod_name_index *index, base_slice name); /* NULL: no such name */
const mod_name *
mod_name_index_repeated(const mod_name_index *index); /* an item whose name an earlier one has, or NULL */

#endif
