/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginnings of timelines, kept for those to come: a radix tree over token ids, whose nodes are pages. A full node has
 * KERN_CHUNK tokens and may have children; a leaf may have fewer. A timeline finds its longest beginning, to the token:
 * of the last page it takes as much as is equal.
 *
 * What was unused longest is let go first: whole leaves, or a node's page of local layers, without which it still
 * serves below a window. Pages that sessions use as well come last, for that frees nothing.
 */
#ifndef FIRN_ENGINE_PREFIX_TREE_H
#define FIRN_ENGINE_PREFIX_TREE_H

#include "engine/session.h"

typedef struct eng_prefix_tree eng_prefix_tree;
typedef struct eng_prefix_node eng_prefix_node;

/* How far a session's beginning is in the tree. It keeps the node there until it is left. Zero: nowhere yet. */
typedef struct eng_prefix_place {
    eng_prefix_node *node; /* of the last whole page */
    size_t n_pages;
} eng_prefix_place;

void eng_prefix_leave(eng_prefix_place *place);

/* The session's timeline goes another way after its first n_keep tokens. */
void eng_prefix_go_back(eng_prefix_place *place, size_t n_keep);

/* A tree for pages of this store. `window` is that of local layers. */
firn_status eng_prefix_tree_create(eng_pages *pages, size_t window, eng_prefix_tree **out, firn_error *error);
void eng_prefix_tree_destroy(eng_prefix_tree *tree); /* NULL is allowed */

/*
 * Gives an empty session the longest beginning of ids[0, n_ids) that is kept, as its timeline, but for the last of
 * them: that is to be appended for its logits, and only known to the session where it is kept as well. Returns the
 * timeline's length, and its place.
 */
size_t eng_prefix_take(eng_prefix_tree *tree, const int32_t *ids, size_t n_ids, firn_session *session,
                       eng_prefix_place *place);

/*
 * Keeps the session's whole pages from its place on, and with `rest` also what it has of the last page. Where the tree
 * has a page already, the session gets that one for its own. No memory: less is kept.
 */
void eng_prefix_keep(eng_prefix_tree *tree, firn_session *session, bool rest, eng_prefix_place *place);

/*
 * Lets go one page that is used by nobody else; or, where there is none, a leaf that a session writes on from, which
 * then needs no copy. False: there is neither.
 */
bool eng_prefix_evict(eng_prefix_tree *tree);

/* Bytes that eviction could free; stops counting at `enough`. */
uint64_t eng_prefix_evictable(const eng_prefix_tree *tree, uint64_t enough);

#endif
