/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/drafter.h"

#include "engine/draft.h"
#include "engine/session.h"

/* A step whose token and drafts are ids[0, 1 + n_drafts). */
typedef struct drafted_step {
    firn_generation *generation;
    const int32_t *ids;
    size_t n_keep; /* tokens of the timeline before them */
    uint32_t n_drafts, n_true;
    bool settled;
    firn_status status;
    firn_error *error;
} drafted_step;

static bool take(void *argument, size_t index, const float *logits)
{
    drafted_step *const s = argument;
    if (s->settled)
        return true;
    s->status = firn_generation_take(s->generation, logits, s->error);
    s->settled = true;
    if (s->status != FIRN_OK || index == s->n_drafts || firn_generation_end(s->generation) != FIRN_END_NOT_YET)
        return true;
    const firn_generation_step next = firn_generation_next(s->generation);
    if (next.n_keep == s->n_keep + index + 1 && next.id == s->ids[index + 1]) {
        s->n_true++;
        s->settled = false;
    }
    return true;
}

firn_status firn_drafter_advance(firn_drafter *drafter, firn_generation *generation, firn_session *session,
                                 firn_error *error)
{
    int32_t ids[1 + ENG_MOST_DRAFTS];
    size_t n_generated;
    firn_generation_ids(generation, &n_generated);
    const firn_generation_step next = firn_generation_next(generation);
    if (n_generated == 0 || firn_generation_rows(generation) > 1 || next.n_keep >= session->n_ctx ||
        firn_generation_end(generation) != FIRN_END_NOT_YET)
        return firn_generation_advance(generation, session, error);
    firn_session_rewind(session, next.n_keep);
    const size_t left = session->n_ctx - next.n_keep - 1;
    const uint32_t allowed = drafter->most < ENG_MOST_DRAFTS ? drafter->most : ENG_MOST_DRAFTS;
    const uint32_t most = left < allowed ? (uint32_t)left : allowed;
    eng_draft draft = {drafter->length, drafter->pause, drafter->penalty};
    session->ids[next.n_keep] = ids[0] = next.id; /* behind the timeline, where it goes next */
    const uint32_t n_drafts = eng_draft_guess(&draft, session->ids, next.n_keep + 1, most, ids + 1);
    if (n_drafts > 0) {
        drafted_step step = {generation, ids, next.n_keep, n_drafts, 0, false, FIRN_OK, error};
        const firn_status status = firn_session_append(session, ids, 1 + n_drafts, FIRN_LOGITS_ALL, take, &step, error);
        if (status != FIRN_OK || step.status != FIRN_OK)
            return status != FIRN_OK ? status : step.status;
        eng_draft_learn(&draft, n_drafts, step.n_true);
        drafter->n_drafted += n_drafts;
        drafter->n_accepted += step.n_true;
    }
    drafter->length = draft.length;
    drafter->pause = draft.pause;
    drafter->penalty = draft.penalty;
    return n_drafts > 0 ? FIRN_OK : firn_generation_advance(generation, session, error);
}
