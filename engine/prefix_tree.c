/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/prefix_tree.h"

#include <stdlib.h>
#include <string.h>

struct eng_prefix_node {
    eng_prefix_node *parent, *first_child, *next_sibling;
    eng_prefix_node *newer, *older; /* by last use */
    eng_page *pages[ENG_GROUPS];    /* NULL: no such layers; or, of local ones, let go */
    uint32_t n_places;              /* sessions that stand here */
    uint32_t n_ids;
    int32_t ids[KERN_CHUNK];
};

struct eng_prefix_tree {
    eng_pages *pages;
    size_t window;
    eng_prefix_node root; /* has no page and is in no list */
    eng_prefix_node *newest, *oldest;
};

firn_status eng_prefix_tree_create(eng_pages *pages, size_t window, eng_prefix_tree **out, firn_error *error)
{
    eng_prefix_tree *const tree = calloc(1, sizeof *tree);
    *out = tree;
    if (tree == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for kept beginnings");
    tree->pages = pages;
    tree->window = window;
    return FIRN_OK;
}

/* ---- nodes ---- */

static void unlist(eng_prefix_tree *tree, eng_prefix_node *node)
{
    *(node->newer != NULL ? &node->newer->older : &tree->newest) = node->older;
    *(node->older != NULL ? &node->older->newer : &tree->oldest) = node->newer;
}

static void list_newest(eng_prefix_tree *tree, eng_prefix_node *node)
{
    node->newer = NULL;
    node->older = tree->newest;
    *(tree->newest != NULL ? &tree->newest->newer : &tree->oldest) = node;
    tree->newest = node;
}

/* A node was used, and with it all above, which stay newer than what is below them. */
static void touch(eng_prefix_tree *tree, eng_prefix_node *node)
{
    for (; node != &tree->root; node = node->parent) {
        unlist(tree, node);
        list_newest(tree, node);
    }
}

static void set_page(eng_prefix_tree *tree, eng_prefix_node *node, eng_group group, eng_page *page)
{
    eng_page *const old = node->pages[group];
    if (page != NULL)
        eng_page_retain(page);
    node->pages[group] = page;
    if (old != NULL)
        eng_page_release(tree->pages, group, old);
}

static eng_prefix_node *add_node(eng_prefix_tree *tree, eng_prefix_node *parent)
{
    eng_prefix_node *const node = calloc(1, sizeof *node);
    if (node == NULL)
        return NULL;
    node->parent = parent;
    node->next_sibling = parent->first_child;
    parent->first_child = node;
    list_newest(tree, node);
    return node;
}

static void remove_leaf(eng_prefix_tree *tree, eng_prefix_node *node)
{
    eng_prefix_node **link = &node->parent->first_child;
    while (*link != node)
        link = &(*link)->next_sibling;
    *link = node->next_sibling;
    unlist(tree, node);
    for (int g = 0; g < ENG_GROUPS; g++)
        set_page(tree, node, g, NULL);
    free(node);
}

void eng_prefix_tree_destroy(eng_prefix_tree *tree)
{
    eng_prefix_node *node = tree != NULL ? tree->oldest : NULL;
    while (node != NULL) { /* down to a leaf, then on from the oldest */
        while (node->first_child != NULL)
            node = node->first_child;
        remove_leaf(tree, node);
        node = tree->oldest;
    }
    free(tree);
}

static uint32_t count_equal(const eng_prefix_node *node, const int32_t *ids, size_t n_ids)
{
    uint32_t n = 0;
    while (n < node->n_ids && n < n_ids && node->ids[n] == ids[n])
        n++;
    return n;
}

/* The child that begins most like ids, and how many tokens are equal; NULL if none is. */
static eng_prefix_node *find_child(const eng_prefix_node *node, const int32_t *ids, size_t n_ids, uint32_t *n_equal)
{
    eng_prefix_node *best = NULL;
    *n_equal = 0;
    for (eng_prefix_node *child = node->first_child; child != NULL && *n_equal < KERN_CHUNK;
         child = child->next_sibling) {
        const uint32_t n = count_equal(child, ids, n_ids);
        if (n > *n_equal) {
            best = child;
            *n_equal = n;
        }
    }
    return best;
}

/* ---- taking ---- */

static bool has_group(const eng_prefix_tree *tree, eng_group group)
{
    return eng_page_bytes(tree->pages, group) > 0;
}

/* The first page of local layers that a timeline of n tokens needs to go on. */
static size_t first_local(const eng_prefix_tree *tree, size_t n)
{
    return has_group(tree, ENG_LOCAL) && n + 1 > tree->window ? (n + 1 - tree->window) / KERN_CHUNK : 0;
}

/* Whether the window before the end of n tokens is there, of which the last is in page `index`, which is the node's. */
static bool has_window(const eng_prefix_tree *tree, const eng_prefix_node *node, size_t index, size_t n)
{
    const size_t first = first_local(tree, n);
    for (; has_group(tree, ENG_LOCAL) && node != &tree->root && index >= first; node = node->parent, index--)
        if (node->pages[ENG_LOCAL] == NULL)
            return false;
    return true;
}

/* Gives the session the pages of a node and of all above, which have n_known tokens of it, for a timeline of n. */
static void adopt(const eng_prefix_tree *tree, const eng_prefix_node *node, size_t index, size_t n, size_t n_known,
                  firn_session *session)
{
    session->first_local = first_local(tree, n);
    for (; node != &tree->root; node = node->parent, index--) {
        const bool in_window = index >= session->first_local;
        eng_session_adopt(session, index,
                          (eng_page *const[]){node->pages[ENG_GLOBAL], in_window ? node->pages[ENG_LOCAL] : NULL});
    }
    session->cached = session->length = n;
    session->known = n_known;
}

static void stand_at(eng_prefix_node *node, size_t n_pages, eng_prefix_place *place)
{
    node->n_places++;
    eng_prefix_leave(place);
    *place = (eng_prefix_place){node, n_pages};
}

void eng_prefix_leave(eng_prefix_place *place)
{
    if (place->node != NULL)
        place->node->n_places--;
    *place = (eng_prefix_place){0};
}

void eng_prefix_go_back(eng_prefix_place *place, size_t n_keep)
{
    if (place->n_pages > n_keep / KERN_CHUNK) {
        eng_prefix_node *node = place->node;
        for (size_t i = n_keep / KERN_CHUNK; i < place->n_pages; i++)
            node = node->parent;
        stand_at(node, n_keep / KERN_CHUNK, place);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t eng_prefix_take(eng_prefix_tree *tree, const int32_t *ids, size_t n_ids, firn_session *session,
                       eng_prefix_place *place)
{
    const size_t most = n_ids - 1;
    eng_prefix_node *node = &tree->root, *child;
    size_t n_pages = 0, n = 0;
    uint32_t n_equal;
    while ((child = find_child(node, ids + n, n_ids - n, &n_equal)) != NULL && n_equal == KERN_CHUNK) {
        node = child;
        n += KERN_CHUNK;
        n_pages++;
    }
    if (child != NULL && has_window(tree, child, n_pages, least(n + n_equal, most))) {
        n += n_equal;
        adopt(tree, child, n_pages, least(n, most), n, session);
        touch(tree, child);
    } else {
        for (; n_pages > 0 && !has_window(tree, node, n_pages - 1, least(n, most)); node = node->parent, n_pages--)
            n -= KERN_CHUNK;
        if (n > 0)
            adopt(tree, node, n_pages - 1, least(n, most), n, session);
        touch(tree, node);
    }
    if (n > 0)
        memmove(session->ids, ids, n * sizeof *ids); /* a caller may have put them there already */
    stand_at(node, n_pages, place);
    return least(n, most);
}

/* ---- keeping ---- */

/* Makes session and node share a page: the node's, where there is one, for it holds the same. */
static void share(eng_prefix_tree *tree, eng_prefix_node *node, firn_session *session, size_t index)
{
    for (int g = 0; g < ENG_GROUPS; g++) {
        eng_page **const own = session->tables[g] != NULL ? &session->tables[g][index] : NULL;
        if (own == NULL || *own == NULL || *own == node->pages[g])
            continue;
        if (node->pages[g] == NULL) {
            set_page(tree, node, g, *own);
        } else {
            eng_page_retain(node->pages[g]);
            eng_page_release(tree->pages, g, *own);
            *own = node->pages[g];
        }
    }
}

/* Keeps n tokens from page `index` on below a node: in a child that is there, or one that it extends, or a new one. */
static eng_prefix_node *keep_page(eng_prefix_tree *tree, eng_prefix_node *node, firn_session *session, size_t index,
                                  uint32_t n)
{
    const int32_t *const ids = session->ids + index * KERN_CHUNK;
    uint32_t n_equal;
    eng_prefix_node *child = find_child(node, ids, n, &n_equal);
    if (child != NULL && n_equal == n) {
        if (n == KERN_CHUNK)
            share(tree, child, session, index);
        return child;
    }
    if (child == NULL || n_equal < child->n_ids)
        child = add_node(tree, node);
    if (child == NULL)
        return NULL;
    child->n_ids = n;
    memcpy(child->ids, ids, n * sizeof *ids);
    for (int g = 0; g < ENG_GROUPS; g++)
        set_page(tree, child, g, session->tables[g] != NULL ? session->tables[g][index] : NULL);
    return child;
}

void eng_prefix_keep(eng_prefix_tree *tree, firn_session *session, bool rest, eng_prefix_place *place)
{
    eng_prefix_node *node = place->node != NULL ? place->node : &tree->root;
    size_t index = place->n_pages;
    if (index * KERN_CHUNK > session->cached) /* it computes again what the tree has */
        return;
    for (; (index + 1) * KERN_CHUNK <= session->cached; index++) {
        eng_prefix_node *const child = keep_page(tree, node, session, index, KERN_CHUNK);
        if (child == NULL)
            return;
        node = child;
        stand_at(node, index + 1, place);
    }
    const uint32_t n_rest = (uint32_t)(session->cached - index * KERN_CHUNK);
    eng_prefix_node *const last = rest && n_rest > 0 ? keep_page(tree, node, session, index, n_rest) : NULL;
    touch(tree, last != NULL ? last : node);
}

/* ---- letting go ---- */

static bool is_alone(const eng_page *page)
{
    return page == NULL || atomic_load_explicit(&page->references, memory_order_acquire) == 1;
}

static bool is_unused(const eng_prefix_node *node)
{
    return node->n_places == 0 && is_alone(node->pages[ENG_GLOBAL]) && is_alone(node->pages[ENG_LOCAL]);
}

bool eng_prefix_evict(eng_prefix_tree *tree)
{
    for (eng_prefix_node *node = tree->oldest; node != NULL; node = node->newer) {
        if (node->first_child == NULL && is_unused(node)) {
            remove_leaf(tree, node);
            return true;
        }
        if (node->pages[ENG_GLOBAL] != NULL && node->pages[ENG_LOCAL] != NULL && is_alone(node->pages[ENG_LOCAL])) {
            set_page(tree, node, ENG_LOCAL, NULL);
            return true;
        }
    }
    for (eng_prefix_node *node = tree->oldest; node != NULL; node = node->newer)
        if (node->first_child == NULL && node->n_places == 0) {
            remove_leaf(tree, node);
            return true;
        }
    return false;
}

uint64_t eng_prefix_evictable(const eng_prefix_tree *tree, uint64_t enough)
{
    uint64_t bytes = 0;
    for (const eng_prefix_node *node = tree->oldest; node != NULL && bytes < enough; node = node->newer)
        for (int g = 0; g < ENG_GROUPS; g++)
            if (node->pages[g] != NULL && is_alone(node->pages[g]) && (g == ENG_LOCAL || is_unused(node)))
                bytes += eng_page_bytes(tree->pages, g);
    return bytes;
}
