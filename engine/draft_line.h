/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text's timeline in a draft model, which has its first token and its last ones: all of them as long as they fit, and
 * as long as the draft model isn't too far behind.
 */
#ifndef FIRN_ENGINE_DRAFT_LINE_H
#define FIRN_ENGINE_DRAFT_LINE_H

#include "engine/prefix_tree.h"

typedef struct eng_draft_line {
    firn_session *session; /* of the draft model; NULL: none yet */
    size_t n_skipped;      /* tokens of the text after its first that the session doesn't have */
    eng_prefix_place place;
} eng_draft_line;

/* Whether the one can draft for the other: tokens that both have must be the same. */
firn_status eng_draft_model_check(const firn_model *model, const firn_model *draft_model, firn_error *error);

/* Tokens of ids[0, n_ids) that the draft model must go through: if there are more than `most`, so many of the last. */
size_t eng_draft_line_lacks(const eng_draft_line *line, const int32_t *ids, size_t n_ids, size_t most);

/*
 * Makes the session that of ids[0, n_ids) but for the last of them, one at least, which are put behind its timeline:
 * they are to be appended, and n_more guesses after them. Where it begins anew it takes what the tree (or NULL) has of
 * that beginning. Returns how many; 0: the session is too short for any.
 */
size_t eng_draft_line_follow(eng_draft_line *line, eng_prefix_tree *tree, const int32_t *ids, size_t n_ids, size_t most,
                             uint32_t n_more);

void eng_draft_line_stop(eng_draft_line *line); /* gives back what it has */

#endif
