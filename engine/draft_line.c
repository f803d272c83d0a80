/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/draft_line.h"

enum { LEAST_CONTEXT = 64 };

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

/* Tokens of the text that are after those, as the session has it. */
static size_t count_after(const eng_draft_line *line, size_t n_ids, size_t n_common)
{
    return n_ids > line->n_skipped + n_common ? n_ids - line->n_skipped - n_common : 0;
}

size_t eng_draft_line_lacks(const eng_draft_line *line, const int32_t *ids, size_t n_ids, size_t most)
{
    const size_t n_common = count_common(line, ids, n_ids), n = count_after(line, n_ids, n_common);
    return n_common > 0 && n <= most ? n : n_ids < most ? n_ids : most;
}

/* Begins with the text's first token and its last n - 1, or with what the tree has of these. */
static void begin_anew(eng_draft_line *line, eng_prefix_tree *tree, const int32_t *ids, size_t n_ids, size_t n)
{
    firn_session *const session = line->session;
    firn_session_rewind(session, 0);
    eng_prefix_leave(&line->place);
    line->n_skipped = n_ids - n;
    for (size_t i = 0; i < n; i++)
        session->ids[i] = id_at(line, ids, i);
    if (tree != NULL)
        eng_prefix_take(tree, session->ids, n, session, &line->place);
}

size_t eng_draft_line_follow(eng_draft_line *line, eng_prefix_tree *tree, const int32_t *ids, size_t n_ids, size_t most,
                             uint32_t n_more)
{
    firn_session *const session = line->session;
    const size_t half = session->n_ctx / 2, n_common = count_common(line, ids, n_ids);
    const size_t n_after = count_after(line, n_ids, n_common), n_most = half < most ? half : most;
    if (session->n_ctx < LEAST_CONTEXT)
        return 0;
    if (n_common == 0 || n_after > n_most || n_common + n_after + n_more > session->n_ctx) {
        begin_anew(line, tree, ids, n_ids, n_ids < n_most ? n_ids : n_most);
        return n_ids - line->n_skipped - session->cached;
    }
    firn_session_rewind(session, n_common);
    eng_prefix_go_back(&line->place, n_common);
    session->length = session->cached; /* fewer, where a window had been let go */
    for (size_t i = n_common; i < n_common + n_after; i++)
        session->ids[i] = id_at(line, ids, i);
    return n_common + n_after - session->cached;
}

void eng_draft_line_stop(eng_draft_line *line)
{
    firn_session_release(line->session);
    eng_prefix_leave(&line->place);
    *line = (eng_draft_line){.session = NULL};
}
