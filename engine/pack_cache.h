/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed parameters in a file, so that the next start needn't pack: one file a checkpoint and layout, in a folder of
 * the caller's. A file is used only if it is whole and every piece has its checksum; any other is made anew. It appears
 * under its name whole (written beside, then renamed), one process writes at a time, and where it can't be written
 * nothing else changes.
 */
#ifndef FIRN_ENGINE_PACK_CACHE_H
#define FIRN_ENGINE_PACK_CACHE_H

#include "base/pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* To be counted up whenever what kern_pack_tile writes, or the order of tensors in the arena, changes. */
enum { ENG_PACK_LAYOUT = 3 };

typedef struct eng_pack_cache {
    char *path;     /* owned; NULL: no cache is used */
    uint64_t key;   /* of the checkpoint and the layout */
    uint64_t bytes; /* of the packed parameters, a multiple of KERN_ALIGNMENT */
    uint8_t *map;   /* the file, read-only; NULL: not there, or not of this size and key */
    size_t map_bytes;
    atomic_bool damaged; /* a piece doesn't have its checksum */
} eng_pack_cache;

/* Looks for the file; `identity` tells checkpoints apart. What goes wrong means that there is none. */
void eng_pack_cache_open(eng_pack_cache *cache, const char *folder, uint64_t identity, uint64_t bytes);

/* In a task, on all threads: compares the pieces with their checksums. */
void eng_pack_cache_check(eng_pack_cache *cache, base_pool *pool, uint32_t thread);

/* The packed parameters in the map. */
const uint8_t *eng_pack_cache_data(const eng_pack_cache *cache);

/* Writes the file, if it can and no other process is writing it. */
void eng_pack_cache_write(const eng_pack_cache *cache, const uint8_t *data);

/* Lets go of the map, if it is still the cache's. */
void eng_pack_cache_unmap(eng_pack_cache *cache);

#endif
