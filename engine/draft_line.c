/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/draft_line.h"

enum {
    MOST_LACKING = 512, /* tokens; of those before, the draft model is not told */
    LEAST_CONTEXT = 64,
};

firn_status eng_draft_model_check(const firn_model *model, const firn_model *draft_model, firn_error *error)
{
    const firn_status status = eng_model_check_runs(draft_model, error);
    return status == FIRN_OK ? eng_models_check_tokens(model, draft_model, "draft model", error) : status;
}

/* Token i of the session, as the text has it. */
static int32_t id_at(const eng_draft_line *line, const int32_t *ids, size_t i)
{
    return ids[i == 0 ? 0 : line->n_skipped + i];
}

/* Tokens that the session has in common with n_ids of the text, the last of them not counted. */
static size_t count_common(const eng_draft_line *line, const int32_t *ids, size_t n_ids)
{
    const size_t length = line->session != NULL ? firn_session_length(line->session) : 0;
    size_t n = 0;
    while (n < length && line->n_skipped + n + 1 < n_ids && line->session->ids[n] == id_at(line, ids, n))
        n++;
    return n;
}

size_t eng_draft_line_lacks(const eng_draft_line *line, const int32_t *ids, size_t n_ids)
{
    const size_t n_lacking = n_ids - count_common(line, ids, n_ids);
    return n_lacking < MOST_LACKING ? n_lacking : MOST_LACKING;
}

size_t eng_draft_line_follow(eng_draft_line *line, const int32_t *ids, size_t n_ids, uint32_t n_more)
{
    firn_session *const session = line->session;
    const size_t n_ctx = session->n_ctx, most = n_ctx / 2 < MOST_LACKING ? n_ctx / 2 : MOST_LACKING;
    if (n_ctx < LEAST_CONTEXT)
        return 0;
    size_t n_common = count_common(line, ids, n_ids), n = n_ids - line->n_skipped;
    if (n_ids < line->n_skipped + 1 || n - n_common > most || n + n_more > n_ctx) {
        n_common = 0;
        n = n_ids < most ? n_ids : most;
        line->n_skipped = n_ids - n;
    }
    firn_session_rewind(session, n_common);
    for (size_t i = n_common; i < n; i++)
        session->ids[i] = id_at(line, ids, i);
    return n - n_common;
}
