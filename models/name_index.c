/* SPDX-License-Identifier: Apache-2.0 */
#include "models/name_index.h"

#include "base/checked.h"

#include <stdlib.h>

static int compare_slices(base_slice a, base_slice b)
{
    const size_t shorter = a.length < b.length ? a.length : b.length;
    const int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_names(const void *left, const void *right)
{
    const mod_name *const a = left, *const b = right;
    const int order = compare_slices(a->name, b->name);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

bool mod_name_index_build(mod_name_index *index, const void *items, size_t stride, uint64_t count)
{
    size_t bytes;
    *index = (mod_name_index){NULL, 0};
    if (count == 0)
        return true;
    if (!base_multiply_size((size_t)count, sizeof *index->names, &bytes) || (index->names = malloc(bytes)) == NULL)
        return false;
    index->count = count;
    for (uint64_t i = 0; i < count; i++) {
        memcpy(&index->names[i].name, (const char *)items + i * stride, sizeof index->names[i].name);
        index->names[i].index = i;
    }
    qsort(index->names, (size_t)count, sizeof *index->names, compare_names);
    return true;
}

void mod_name_index_free(mod_name_index *index)
{
    free(index->names);
    *index = (mod_name_index){NULL, 0};
}

const mod_name *mod_name_index_find(const mod_name_index *index, base_slice name)
{
    uint64_t low = 0, high = index->count;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        const int order = compare_slices(name, index->names[middle].name);
        if (order == 0)
            return &index->names[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const mod_name *mod_name_index_repeated(const mod_name_index *index)
{
    for (uint64_t i = 1; i < index->count; i++)
        if (base_slice_equal(index->names[i - 1].name, index->names[i].name))
            return &index->names[i];
    return NULL;
}
