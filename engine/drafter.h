/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drafter lets one generation on one session go several tokens a step where its text repeats itself: it drafts what
 * followed when the last tokens came before, and computes the drafts beside the token that is due. A token counts only
 * where it is the one picked, so that the text is the same as without. (A scheduler drafts on its own.)
 */
#ifndef FIRN_ENGINE_DRAFTER_H
#define FIRN_ENGINE_DRAFTER_H

#include "engine/firn.h" /* which includes this file at its end */

typedef struct firn_generation firn_generation; /* engine/generation.h */

/* Of one generation; zero at first but for `most`. */
typedef struct firn_drafter {
    uint32_t most; /* tokens to draft in one step, up to 15; 0: none */
    uint32_t length, pause, penalty;
    uint64_t n_drafted, n_accepted; /* tokens drafted, and of them those that came true */
} firn_drafter;

/* As firn_generation_advance, by one token or more. One at a time where there is guidance or contrast. */
firn_status firn_drafter_advance(firn_drafter *drafter, firn_generation *generation, firn_session *session,
                                 firn_error *error);

#endif
