/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session: one timeline of tokens, and the pages of their keys and values. The tokens are kept: where keys and values
 * have been let go that are needed again, they are computed again from these, with the same bits.
 */
#ifndef FIRN_ENGINE_SESSION_H
#define FIRN_ENGINE_SESSION_H

#include "engine/pages.h"

struct firn_session {
    firn_model *model;
    eng_pages *pages; /* where its pages come from; outlives it */
    eng_cache cache;  /* how keys and values lie in them */
    uint32_t n_ctx;
    uint32_t n_batch; /* of its own batch */
    size_t length;    /* tokens in the timeline */
    size_t cached;    /* tokens with keys and values; equal to length but within a step, or 0 when these were let go */
    size_t known;     /* where it is more: those that are there before they are appended, for ids[cached, known) */
    int32_t *ids;     /* [n_ctx] */
    firn_batch *own;  /* made when the session is first advanced alone */
    const float *logits; /* after the last token; NULL where there are none */

    /* Page i holds positions from i * KERN_CHUNK on; NULL behind `cached`, and of local layers before first_local. */
    eng_page **tables[ENG_GROUPS]; /* [n_ctx in whole chunks, and one NULL]; NULL without such layers */
    size_t first_local;
    void *map; /* ids and tables */
    size_t map_bytes;
};

/* A session whose pages come from `pages`. */
firn_status eng_session_create(firn_model *model, eng_pages *pages, uint32_t n_ctx, uint32_t n_batch,
                               firn_session **out, firn_error *error);

/* Positions with keys and values. A token that is appended for its logits, and has them already, writes nothing. */
static inline size_t eng_session_stored(const firn_session *session)
{
    return session->known > session->cached ? session->known : session->cached;
}

/*
 * Makes room for n_more positions after the cached ones, and lets go what no later token sees. What is written to are
 * pages that the session holds alone. False: there is no page left; what was taken goes with the next eng_session_cut.
 */
bool eng_session_extend(firn_session *session, size_t n_more);

/* Whether it has all pages for them already. */
bool eng_session_has_room(const firn_session *session, size_t n_more);

/* Lets go the pages behind the first n_keep positions; all pages, if a window that is needed then was let go before. */
void eng_session_cut(firn_session *session, size_t n_keep);

/* Takes page `index` of each group, in order, from another holder; NULL where there is no such group. */
void eng_session_adopt(firn_session *session, size_t index, eng_page *const pages[ENG_GROUPS]);

#endif
