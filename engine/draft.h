/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drafts: tokens that may come next, guessed from what followed when the last tokens came before in the same timeline.
 * They are computed beside the token that is due, and count only where the token picked is the one drafted, so that
 * they change no text. How many are drafted follows from how many came true lately.
 */
#ifndef FIRN_ENGINE_DRAFT_H
#define FIRN_ENGINE_DRAFT_H

#include <stddef.h>
#include <stdint.h>

enum { ENG_MOST_DRAFTS = 15 };

/* What one timeline learned; zero at first. */
typedef struct eng_draft {
    uint32_t length;  /* tokens to draft next; 0: not tried yet */
    uint32_t pause;   /* tokens to come before the next draft, */
    uint32_t penalty; /* which grows with each draft of which little came true */
} eng_draft;

/* Drafts up to `most` tokens that may follow ids[0, n_ids), one of which was just picked. Returns how many. */
uint32_t eng_draft_guess(eng_draft *draft, const int32_t *ids, size_t n_ids, uint32_t most, int32_t *out);

/* Of n_drafted tokens, which are some, the first n_true came true. */
void eng_draft_learn(eng_draft *draft, uint32_t n_drafted, uint32_t n_true);

#endif
