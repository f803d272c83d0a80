/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step: tokens through all layers, on all threads of the pool. Each layer is five phases with a barrier after each;
 * work within a phase is claimed in pieces. A piece is computed whole by one thread in one fixed order, so that
 * neither the number of threads nor the way a prompt is cut into steps changes a bit of the result.
 */
#ifndef FIRN_ENGINE_FORWARD_H
#define FIRN_ENGINE_FORWARD_H

#include "engine/session.h"

/*
 * Runs tokens ids[0 .. n_columns) (1 to n_batch, each below n_vocab) at positions session->length and following; writes
 * their keys and values. Then the final norm of the session->needed[0 .. n_needed) columns, and the logits of the first
 * min(n_needed, ENG_HEAD_COLUMNS) of them into session->logits. Returns false if a logit is not finite.
 */
bool eng_forward(firn_session *session, const int32_t *ids, uint32_t n_columns, uint32_t n_needed);

/* Logits of needed columns [first, first + count) of the step before, count at most ENG_HEAD_COLUMNS. */
bool eng_forward_head(firn_session *session, uint32_t first, uint32_t count, uint32_t n_needed);

#endif
