/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is given piece by piece and taken back all at once. An arena has a limit, so that whoever fills it from
 * untrusted input can't exhaust the machine. Start from {.limit = bytes}.
 */
#ifndef FIRN_BASE_ARENA_H
#define FIRN_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct base_arena_block base_arena_block;

typedef struct base_arena {
    base_arena_block *newest;
    size_t limit; /* bytes that may be asked for in all */
    size_t used;  /* bytes asked for so far, with padding */
} base_arena;

/* `size` bytes aligned for any type, not cleared; NULL if the limit or the machine's memory does not allow it. */
void *base_arena_allocate(base_arena *arena, size_t size);

/*
 * Makes the arena's latest piece larger without moving it. False if `piece` is not the latest or its block is full:
 * the caller then takes a new piece and copies.
 */
bool base_arena_extend(base_arena *arena, void *piece, size_t old_size, size_t new_size);

/* True if the next failure is the limit's and not the machine's. */
bool base_arena_at_limit(const base_arena *arena, size_t size);

void base_arena_free(base_arena *arena);

#endif
