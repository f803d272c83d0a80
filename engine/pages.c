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
    size_t head_elements; /* of one head's keys in a page, and of its values */
    eng_budget *budget;   /* or NULL */
    atomic_flag lock;     /* of what stands below; held for a few instructions, or to map a piece */
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

firn_status eng_pages_create(const firn_model *model, eng_budget *budget, eng_pages **out, firn_error *error)
{
    const mod_hyperparameters *const hp = model->hyperparameters;
    eng_pages *const pages = calloc(1, sizeof *pages);
    *out = pages;
    if (pages == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a store of keys and values");
    pages->head_elements = (size_t)KERN_CHUNK * hp->head_dim;
    pages->budget = budget;
    atomic_flag_clear(&pages->lock);
    for (uint32_t i = 0; i < hp->n_layers; i++)
        pages->groups[model->layers[i].local ? ENG_LOCAL : ENG_GLOBAL].n_heads += hp->n_kv_heads;
    for (int g = 0; g < ENG_GROUPS; g++)
        pages->groups[g].bytes = pages->groups[g].n_heads * 2 * pages->head_elements * sizeof(uint16_t);
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
    page->data = (uint16_t *)(void *)((uint8_t *)group->pieces->map + group->n_begun++ * group->bytes);
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

void eng_page_copy(const eng_pages *pages, eng_group group, eng_page *to, const eng_page *from, uint32_t n_positions)
{
    const size_t head_dim = pages->head_elements / KERN_CHUNK;
    const size_t n_keys = (n_positions + KERN_LANES - 1) / KERN_LANES * KERN_LANES * head_dim;
    const size_t n_values = n_positions * head_dim;
    for (size_t i = 0; i < pages->groups[group].n_heads; i++) {
        const size_t keys = i * 2 * pages->head_elements, values = keys + pages->head_elements;
        memcpy(to->data + keys, from->data + keys, n_keys * sizeof(uint16_t));
        memcpy(to->data + values, from->data + values, n_values * sizeof(uint16_t));
    }
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
