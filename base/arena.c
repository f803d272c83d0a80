/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/checked.h"

#include <stdlib.h>

enum { ALIGNMENT = _Alignof(max_align_t), SMALLEST_BLOCK = 16 * 1024, LARGEST_STEP = 1024 * 1024 };

struct base_arena_block {
    base_arena_block *older;
    size_t used, capacity; /* bytes of `bytes` */
    _Alignas(max_align_t) char bytes[];
};

bool base_arena_at_limit(const base_arena *arena, size_t size)
{
    return size > arena->limit - arena->used;
}

static bool padded(size_t size, size_t *result)
{
    uint64_t rounded;
    if (!base_align_u64(size == 0 ? 1 : size, ALIGNMENT, &rounded) || rounded > SIZE_MAX / 2)
        return false;
    *result = (size_t)rounded;
    return true;
}

static bool add_block(base_arena *arena, size_t needed)
{
    /* Blocks double up to a step, so that small and large arenas both make few of them. */
    size_t capacity = SMALLEST_BLOCK;
    if (arena->newest != NULL && arena->newest->capacity < LARGEST_STEP)
        capacity = arena->newest->capacity * 2;
    else if (arena->newest != NULL)
        capacity = LARGEST_STEP;
    if (capacity < needed)
        capacity = needed;
    base_arena_block *block = malloc(sizeof *block + capacity);
    if (block == NULL)
        return false;
    *block = (base_arena_block){.older = arena->newest, .capacity = capacity};
    arena->newest = block;
    return true;
}

void *base_arena_allocate(base_arena *arena, size_t size)
{
    size_t needed;
    if (!padded(size, &needed) || base_arena_at_limit(arena, needed))
        return NULL;
    base_arena_block *block = arena->newest;
    if (block == NULL || needed > block->capacity - block->used) {
        if (!add_block(arena, needed))
            return NULL;
        block = arena->newest;
    }
    void *piece = block->bytes + block->used;
    block->used += needed;
    arena->used += needed;
    return piece;
}

bool base_arena_extend(base_arena *arena, void *piece, size_t old_size, size_t new_size)
{
    size_t old_padded, new_padded;
    base_arena_block *block = arena->newest;
    if (block == NULL || piece == NULL || !padded(old_size, &old_padded) || !padded(new_size, &new_padded))
        return false;
    if (old_padded > block->used || (char *)piece != block->bytes + (block->used - old_padded))
        return false;
    size_t more = new_padded - old_padded;
    if (new_padded < old_padded || more > block->capacity - block->used || base_arena_at_limit(arena, more))
        return false;
    block->used += more;
    arena->used += more;
    return true;
}

void base_arena_free(base_arena *arena)
{
    while (arena->newest != NULL) {
        base_arena_block *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    arena->used = 0;
}
