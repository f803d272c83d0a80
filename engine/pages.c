/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pages.h"

#include "base/checked.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PIECE_PAGES = 64 };

/* Memory of PIECE_PAGES pages: their data, then this. */
typedef struct piece {
    struct piece *next;
    void *map;
    size_t map_bytes;
    eng_page pages[PIECE_PAGES];
} piece;

typedef struct group_store {
    size_t n_heads; /* layers times key heads */
    size_t bytes;   /* of a page */
    eng_page *free;
    piece *pieces;
    uint32_t n_begun; /* pages of the first piece that have been used */
} group_store;

struct eng_pages {
    uint32_t head_dim;
    eng_cache cache;
    eng_budget *budget; /* or NULL */
    atomic_flag lock;   /* of what stands below; held for a few instructions, or to map a piece */
    uint64_t in_use;
    group_store groups[ENG_GROUPS];
};

static void lock(eng_pages *pages)
{
    while (atomic_flag_test_and_set_explicit(&pages->lock, memory_order_acquire))
        sched_yield();
}

static void unlock(eng_pages *pages)
{
    atomic_flag_clear_explicit(&pages->lock, memory_order_release);
}

static const char *const type_names[FIRN_CACHE_TYPES] = {[FIRN_CACHE_F16] = "f16", [FIRN_CACHE_Q8_0] = "q8_0"};

const char *firn_cache_type_name(firn_cache_type type)
{
    return type_names[type];
}

firn_status firn_cache_type_find(const char *name, firn_cache_type *out, firn_error *error)
{
    for (int i = 0; i < FIRN_CACHE_TYPES; i++)
        if (strcmp(name, type_names[i]) == 0) {
            *out = (firn_cache_type)i;
            return FIRN_OK;
        }
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "keys and values can't be kept as '%.40s'; give f16 or q8_0", name);
}

firn_status eng_check_cache_types(firn_cache_types types, firn_error *error)
{
    const unsigned k = (unsigned)types.k, v = (unsigned)types.v;
    if (k < FIRN_CACHE_TYPES && v < FIRN_CACHE_TYPES)
        return FIRN_OK;
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "cache type %u is not below %d", k < v ? v : k,
                     FIRN_CACHE_TYPES);
}

static eng_cache make_cache(firn_cache_types types, uint32_t head_dim)
{
    static const kern_type kernel_types[FIRN_CACHE_TYPES] = {
        [FIRN_CACHE_F16] = KERN_F16, [FIRN_CACHE_Q8_0] = KERN_Q8_0};
    const kern_type key_type = kernel_types[types.k], value_type = kernel_types[types.v];
    const size_t key_bytes = kern_cache_bytes(key_type, head_dim);
    return (eng_cache){types, key_type, value_type, key_bytes, key_bytes + kern_cache_bytes(value_type, head_dim)};
}

firn_status eng_pages_create(const firn_model *model, firn_cache_types types, eng_budget *budget, eng_pages **out,
                             firn_error *error)
{
    const mod_hyperparameters *const hp = model->hyperparameters;
    eng_pages *const pages = calloc(1, sizeof *pages);
    *out = pages;
    if (pages == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a store of keys and values");
    pages->head_dim = hp->head_dim;
    pages->cache = make_cache(types, hp->head_dim);
    pages->budget = budget;
    atomic_flag_clear(&pages->lock);
    for (uint32_t i = 0; i < hp->n_layers; i++)
        pages->groups[model->layers[i].local ? ENG_LOCAL : ENG_GLOBAL].n_heads += hp->n_kv_heads;
    for (int g = 0; g < ENG_GROUPS; g++)
        pages->groups[g].bytes = pages->groups[g].n_heads * pages->cache.bytes;
    return FIRN_OK;
}

static void free_pieces(group_store *group)
{
    for (piece *p = group->pieces, *next; p != NULL; p = next) {
        next = p->next;
        munmap(p->map, p->map_bytes);
    }
    group->pieces = NULL;
    group->free = NULL;
}

void eng_pages_destroy(eng_pages *pages)
{
    for (int g = 0; pages != NULL && g < ENG_GROUPS; g++)
        free_pieces(&pages->groups[g]);
    free(pages);
}

void eng_pages_trim(eng_pages *pages)
{
    lock(pages);
    for (int g = 0; pages->in_use == 0 && g < ENG_GROUPS; g++)
        free_pieces(&pages->groups[g]);
    unlock(pages);
}

static bool add_piece(group_store *group)
{
    uint64_t bytes;
    if (!base_multiply_u64(group->bytes, PIECE_PAGES, &bytes) || !base_add_u64(bytes, sizeof(piece), &bytes) ||
        bytes > SIZE_MAX)
        return false;
    uint8_t *const map =
        mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return false;
    /*
     * Large pages: at depth a step reads 8 KiB here and 8 KiB there, and finding the addresses took much of its time. A
     * short text, which has one page, does without, and with less memory; so does what stands behind the pages.
     */
    uint64_t small;
    const uint64_t end = PIECE_PAGES * group->bytes / 4096 * 4096;
    if (base_align_u64(group->bytes, 4096, &small) && small < end)
        (void)madvise(map + small, (size_t)(end - small), MADV_HUGEPAGE);
    piece *const p = (piece *)(void *)(map + PIECE_PAGES * group->bytes);
    p->map = map;
    p->map_bytes = (size_t)bytes;
    p->next = group->pieces;
    group->pieces = p;
    group->n_begun = 0;
    return true;
}

static eng_page *take_from(group_store *group)
{
    eng_page *page = group->free;
    if (page != NULL) {
        group->free = page->next;
        return page;
    }
    if ((group->pieces == NULL || group->n_begun == PIECE_PAGES) && !add_piece(group))
        return NULL;
    page = &group->pieces->pages[group->n_begun];
    page->data = (uint8_t *)group->pieces->map + group->n_begun++ * group->bytes;
    return page;
}

static void give_back(eng_budget *budget, uint64_t bytes)
{
    if (budget != NULL)
        atomic_fetch_sub_explicit(&budget->in_use, bytes, memory_order_relaxed);
}

static bool allow(eng_budget *budget, uint64_t bytes)
{
    if (budget == NULL ||
        atomic_fetch_add_explicit(&budget->in_use, bytes, memory_order_relaxed) + bytes <= budget->most)
        return true;
    give_back(budget, bytes);
    return false;
}

eng_page *eng_page_take(eng_pages *pages, eng_group which)
{
    group_store *const group = &pages->groups[which];
    if (!allow(pages->budget, group->bytes))
        return NULL;
    lock(pages);
    eng_page *const page = take_from(group);
    if (page != NULL)
        pages->in_use += group->bytes;
    unlock(pages);
    if (page != NULL)
        atomic_store_explicit(&page->references, 1, memory_order_relaxed);
    else
        give_back(pages->budget, group->bytes);
    return page;
}

void eng_page_retain(eng_page *page)
{
    atomic_fetch_add_explicit(&page->references, 1, memory_order_relaxed);
}

void eng_page_release(eng_pages *pages, eng_group which, eng_page *page)
{
    if (atomic_fetch_sub_explicit(&page->references, 1, memory_order_acq_rel) != 1)
        return;
    group_store *const group = &pages->groups[which];
    lock(pages);
    page->next = group->free;
    group->free = page;
    pages->in_use -= group->bytes;
    unlock(pages);
    give_back(pages->budget, group->bytes);
}

/* Keys of the first n_positions of a head. */
static void copy_keys(const eng_pages *pages, uint8_t *to, const uint8_t *from, uint32_t n_positions)
{
    const size_t n = (n_positions + KERN_LANES - 1) / KERN_LANES * KERN_LANES * (size_t)pages->head_dim;
    if (pages->cache.key_type == KERN_F16) {
        memcpy(to, from, n * sizeof(uint16_t));
        return;
    }
    const size_t scales = kern_cache_scales(pages->head_dim, 0);
    memcpy(to, from, n);
    memcpy(to + scales, from + scales, pages->cache.key_bytes - scales);
}

static void copy_values(const eng_pages *pages, uint8_t *to, const uint8_t *from, uint32_t n_positions)
{
    if (pages->cache.value_type == KERN_F16)
        memcpy(to, from, n_positions * (size_t)pages->head_dim * sizeof(uint16_t));
    else /* positions are spread over all of it */
        memcpy(to, from, pages->cache.bytes - pages->cache.key_bytes);
}

void eng_page_copy(const eng_pages *pages, eng_group group, eng_page *to, const eng_page *from, uint32_t n_positions)
{
    for (size_t i = 0; i < pages->groups[group].n_heads; i++) {
        const size_t keys = i * pages->cache.bytes, values = keys + pages->cache.key_bytes;
        copy_keys(pages, to->data + keys, from->data + keys, n_positions);
        copy_values(pages, to->data + values, from->data + values, n_positions);
    }
}

const eng_cache *eng_pages_cache(const eng_pages *pages)
{
    return &pages->cache;
}

uint64_t eng_page_bytes(const eng_pages *pages, eng_group group)
{
    return pages->groups[group].bytes;
}

uint64_t eng_pages_in_use(eng_pages *pages)
{
    lock(pages);
    const uint64_t bytes = pages->in_use;
    unlock(pages);
    return bytes;
}
