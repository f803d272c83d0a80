/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session.h"

#include "engine/batch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    /* Pages that are kept behind a window, so that going back a few tokens costs nothing. */
    SPARE_LOCAL_POSITIONS = 2 * KERN_CHUNK,
};

static size_t whole_chunks(size_t n_positions)
{
    return (n_positions + KERN_CHUNK - 1) / KERN_CHUNK;
}

/* The first position that a token at `position` sees in a local layer. */
static size_t window_begin(const firn_session *session, size_t position)
{
    const size_t window = session->model->hyperparameters->sliding_window;
    return position + 1 > window ? position + 1 - window : 0;
}

static bool has_group(const firn_session *session, eng_group group)
{
    return eng_page_bytes(session->pages, group) > 0;
}

uint64_t firn_model_session_bytes(const firn_model *model, uint32_t n_ctx, firn_cache_types types)
{
    const mod_hyperparameters *const hp = model->hyperparameters;
    const eng_pages *const pages = model->pages[types.k][types.v];
    if (pages == NULL) /* a vocabulary only */
        return 0;
    /* the most that local layers hold is during a step of the default size */
    const size_t most = (size_t)hp->sliding_window + SPARE_LOCAL_POSITIONS + ENG_DEFAULT_BATCH + KERN_CHUNK;
    const size_t n_global = whole_chunks(n_ctx), n_local = whole_chunks(n_ctx < most ? n_ctx : most);
    return n_global * eng_page_bytes(pages, ENG_GLOBAL) + n_local * eng_page_bytes(pages, ENG_LOCAL);
}

/* ---- a session's life ---- */

static void cut_map(eng_cutter *cutter, firn_session *session)
{
    session->ids = eng_cut(cutter, session->n_ctx, sizeof *session->ids);
    for (int g = 0; g < ENG_GROUPS; g++)
        if (has_group(session, g))
            session->tables[g] = eng_cut(cutter, whole_chunks(session->n_ctx) + 1, sizeof *session->tables[g]);
}

firn_status eng_session_create(firn_model *model, eng_pages *pages, uint32_t n_ctx, uint32_t n_batch,
                               firn_session **out, firn_error *error)
{
    *out = NULL;
    firn_session *const session = calloc(1, sizeof *session);
    if (session == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a session");
    session->model = model;
    session->pages = pages;
    session->cache = *eng_pages_cache(pages);
    session->n_ctx = n_ctx;
    session->n_batch = n_batch < n_ctx ? n_batch : n_ctx;
    eng_cutter measure = {0};
    cut_map(&measure, session);
    session->map = eng_map(&measure, "a session's tokens: ask for a shorter context", error);
    if (session->map == NULL) {
        free(session);
        return FIRN_ERROR_MEMORY;
    }
    session->map_bytes = (size_t)measure.used;
    cut_map(&(eng_cutter){.base = session->map}, session);
    eng_model_retain(model);
    *out = session;
    return FIRN_OK;
}

firn_session_options firn_session_options_default(void)
{
    return (firn_session_options){.size = sizeof(firn_session_options)};
}

firn_status firn_session_create(firn_model *model, const firn_session_options *options, firn_session **out,
                                firn_error *error)
{
    *out = NULL;
    const firn_session_options chosen = options != NULL ? *options : firn_session_options_default();
    firn_status status = eng_model_check_runs(model, error);
    if (status == FIRN_OK)
        status = eng_check_cache_types(chosen.cache_types, error);
    if (status != FIRN_OK)
        return status;
    const uint32_t n_ctx = chosen.n_ctx != 0 ? chosen.n_ctx : model->hyperparameters->n_ctx_train;
    if (n_ctx > INT32_MAX - KERN_CHUNK)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "a context of %u positions is more than %d", n_ctx,
                         INT32_MAX - KERN_CHUNK);
    return eng_session_create(model, model->pages[chosen.cache_types.k][chosen.cache_types.v], n_ctx,
                              chosen.n_batch != 0 ? chosen.n_batch : ENG_DEFAULT_BATCH, out, error);
}

void firn_session_release(firn_session *session)
{
    if (session == NULL)
        return;
    firn_batch_release(session->own);
    eng_session_cut(session, 0);
    eng_pages_trim(session->pages);
    munmap(session->map, session->map_bytes);
    firn_model_release(session->model);
    free(session);
}

/* ---- pages ---- */

/* Lets go the pages of a group from `first` on up to `end`, or the first that isn't there. */
static void release_pages(firn_session *session, eng_group group, size_t first, size_t end)
{
    eng_page **const table = session->tables[group];
    for (size_t i = first; table != NULL && i < end && table[i] != NULL; i++) {
        eng_page_release(session->pages, group, table[i]);
        table[i] = NULL;
    }
}

void eng_session_cut(firn_session *session, size_t n_keep)
{
    if (session->cached > n_keep)
        session->cached = n_keep;
    if (session->known > n_keep)
        session->known = n_keep;
    if (window_begin(session, n_keep) < session->first_local * KERN_CHUNK)
        session->cached = session->known = 0;
    const size_t n_pages = whole_chunks(eng_session_stored(session));
    release_pages(session, ENG_GLOBAL, n_pages, SIZE_MAX);
    release_pages(session, ENG_LOCAL, n_pages > session->first_local ? n_pages : session->first_local, SIZE_MAX);
    if (session->cached == 0)
        session->first_local = 0;
}

static bool owns_page(const firn_session *session, eng_group group, size_t index)
{
    const eng_page *const page = session->tables[group][index];
    return page != NULL && atomic_load_explicit(&page->references, memory_order_acquire) == 1;
}

/* Makes sure that page `index` of a group is there and the session's alone. */
static bool own_page(firn_session *session, eng_group group, size_t index)
{
    eng_page **const slot = &session->tables[group][index];
    eng_page *const old = *slot;
    if (owns_page(session, group, index))
        return true;
    eng_page *const page = eng_page_take(session->pages, group);
    if (page == NULL)
        return false;
    if (old != NULL) {
        eng_page_copy(session->pages, group, page, old, (uint32_t)(eng_session_stored(session) % KERN_CHUNK));
        eng_page_release(session->pages, group, old);
    }
    *slot = page;
    return true;
}

/* The pages that n_more tokens are written to: [*first, *end). */
static void written_pages(const firn_session *session, size_t n_more, size_t *first, size_t *end)
{
    const size_t n_stored = eng_session_stored(session), n = session->cached + n_more;
    *first = n_stored / KERN_CHUNK;
    *end = n > n_stored ? whole_chunks(n) : 0;
}

bool eng_session_has_room(const firn_session *session, size_t n_more)
{
    size_t first, end;
    written_pages(session, n_more, &first, &end);
    for (int g = 0; g < ENG_GROUPS; g++)
        for (size_t i = first; has_group(session, g) && i < end; i++)
            if (!owns_page(session, g, i))
                return false;
    return true;
}

bool eng_session_extend(firn_session *session, size_t n_more)
{
    size_t first, end;
    written_pages(session, n_more, &first, &end);
    const size_t visible = window_begin(session, session->cached);
    if (has_group(session, ENG_LOCAL) && visible > SPARE_LOCAL_POSITIONS) {
        const size_t first_local = (visible - SPARE_LOCAL_POSITIONS) / KERN_CHUNK;
        if (first_local > session->first_local) {
            release_pages(session, ENG_LOCAL, session->first_local, first_local);
            session->first_local = first_local;
        }
    }
    for (int g = 0; g < ENG_GROUPS; g++)
        for (size_t i = first; has_group(session, g) && i < end; i++)
            if (!own_page(session, g, i))
                return false;
    return true;
}

void eng_session_adopt(firn_session *session, size_t index, eng_page *const pages[ENG_GROUPS])
{
    for (int g = 0; g < ENG_GROUPS; g++) {
        if (pages[g] == NULL)
            continue;
        eng_page_retain(pages[g]);
        session->tables[g][index] = pages[g];
    }
}

firn_status firn_session_fork(const firn_session *session, size_t n_keep, firn_session **out, firn_error *error)
{
    firn_status status =
        eng_session_create(session->model, session->pages, session->n_ctx, session->n_batch, out, error);
    if (status != FIRN_OK)
        return status;
    firn_session *const fork = *out;
    fork->length = n_keep < session->length ? n_keep : session->length;
    if (fork->length > 0)
        memcpy(fork->ids, session->ids, fork->length * sizeof *fork->ids);
    fork->cached = session->cached;
    fork->first_local = session->first_local;
    for (size_t i = 0; i < whole_chunks(session->cached); i++) {
        const bool local = has_group(session, ENG_LOCAL) && i >= session->first_local;
        eng_session_adopt(
            fork, i,
            (eng_page *const[]){session->tables[ENG_GLOBAL] != NULL ? session->tables[ENG_GLOBAL][i] : NULL,
                                local ? session->tables[ENG_LOCAL][i] : NULL});
    }
    eng_session_cut(fork, fork->length);
    return FIRN_OK;
}

/* ---- the timeline ---- */

typedef struct single {
    firn_logits_callback callback;
    void *argument;
} single;

static bool pass_on(void *argument, size_t entry, size_t index, const float *logits)
{
    (void)entry;
    const single *const one = argument;
    return one->callback(one->argument, index, logits);
}

firn_status firn_session_append(firn_session *session, const int32_t *ids, size_t n_ids, unsigned logits,
                                firn_logits_callback callback, void *argument, firn_error *error)
{
    if (session->own == NULL) {
        const firn_status status =
            eng_batch_create(session->model, session->n_batch, session->n_ctx, &session->own, error);
        if (status != FIRN_OK)
            return status;
    }
    single one = {callback, argument};
    const firn_batch_entry entry = {session, ids, n_ids, logits, 0};
    return firn_batch_append(session->own, &entry, 1, callback != NULL ? pass_on : NULL, &one, error);
}

const float *firn_session_logits(const firn_session *session)
{
    return session->logits;
}

void firn_session_rewind(firn_session *session, size_t n_keep)
{
    if (n_keep < session->length) {
        session->length = n_keep;
        session->logits = NULL;
    }
    if (n_keep < eng_session_stored(session))
        eng_session_cut(session, n_keep);
}

size_t firn_session_length(const firn_session *session)
{
    return session->length;
}

uint32_t firn_session_context(const firn_session *session)
{
    return session->n_ctx;
}

firn_cache_types firn_session_cache_types(const firn_session *session)
{
    return session->cache.types;
}
