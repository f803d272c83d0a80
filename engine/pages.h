/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of keys and values. A page holds KERN_CHUNK positions of all layers of one group: those that see every earlier
 * position, or those with a sliding window, whose pages are let go when no later token sees them. Pages are counted, so
 * that timelines with the same beginning share them; only a page with one holder may be written.
 *
 * Pages come from a store: memory that is mapped in large pieces, touched only when used, and used again when given
 * back. A store may be used from several threads at once. Taking a page allocates nothing but, now and then, a piece.
 */
#ifndef FIRN_ENGINE_PAGES_H
#define FIRN_ENGINE_PAGES_H

#include "engine/model.h"

typedef enum eng_group { ENG_GLOBAL, ENG_LOCAL, ENG_GROUPS } eng_group;

/* What a page holds of a head: its keys and then its values (kern_cache_bytes). */
typedef struct eng_cache {
    firn_cache_types types;
    kern_type key_type, value_type;
    size_t key_bytes, bytes; /* of the keys, and of both */
} eng_cache;

typedef struct eng_page {
    uint8_t *data; /* [layers of the group][n_kv_heads][cache.bytes] */
    atomic_uint references;
    struct eng_page *next; /* of the free ones */
} eng_page;

typedef struct eng_pages eng_pages;

/* Fails where a type is none. */
firn_status eng_check_cache_types(firn_cache_types types, firn_error *error);

/* What stores may have in use together. */
typedef struct eng_budget {
    uint64_t most; /* bytes of pages */
    _Atomic uint64_t in_use;
} eng_budget;

/* A store for a model of these layers. `budget` (NULL: no limit) may be that of other stores too; it outlives them. */
firn_status eng_pages_create(const firn_model *model, firn_cache_types types, eng_budget *budget, eng_pages **out,
                             firn_error *error);
void eng_pages_destroy(eng_pages *pages); /* no page may be in use; NULL is allowed */

/* A page of one holder, with any content; NULL: the budget or the machine has no more. */
eng_page *eng_page_take(eng_pages *pages, eng_group group);
void eng_page_retain(eng_page *page);
void eng_page_release(eng_pages *pages, eng_group group, eng_page *page);

/* Copies the first n_positions of a page. */
void eng_page_copy(const eng_pages *pages, eng_group group, eng_page *to, const eng_page *from, uint32_t n_positions);

const eng_cache *eng_pages_cache(const eng_pages *pages);
uint64_t eng_page_bytes(const eng_pages *pages, eng_group group); /* 0: the model has no such layer */
uint64_t eng_pages_in_use(eng_pages *pages);                      /* bytes */

/* Returns all memory to the system if no page is in use. */
void eng_pages_trim(eng_pages *pages);

#endif
