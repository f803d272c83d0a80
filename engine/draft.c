/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/draft.h"

#include <stdbool.h>
#include <string.h>

enum {
    LEAST_MATCH = 3,   /* tokens that must have come before in the same order, */
    ENOUGH_MATCH = 12, /* and so many that no better place is looked for */
    FIRST_LENGTH = 3,  /* with the token that is due, a whole activation panel */
    FIRST_PENALTY = 16,
    MOST_PENALTY = 128,
};

/* How many tokens before `end` are those at the end of ids[0, n_ids). */
static size_t match_length(const int32_t *ids, size_t n_ids, size_t end)
{
    size_t n = 0;
    while (n < ENOUGH_MATCH && n < end && ids[end - 1 - n] == ids[n_ids - 1 - n])
        n++;
    return n;
}

uint32_t eng_draft_guess(eng_draft *draft, const int32_t *ids, size_t n_ids, uint32_t most, int32_t *out)
{
    size_t best = 0, longest = LEAST_MATCH - 1;
    if (draft->pause > 0) {
        draft->pause--;
        return 0;
    }
    for (size_t end = n_ids > 0 ? n_ids - 1 : 0; end >= LEAST_MATCH && longest < ENOUGH_MATCH; end--) {
        const size_t n = match_length(ids, n_ids, end);
        if (n > longest) {
            longest = n;
            best = end;
        }
    }
    if (best == 0)
        return 0;
    const uint32_t length = draft->length != 0 ? draft->length : FIRST_LENGTH;
    const size_t left = n_ids - best, wanted = length < most ? length : most, n = left < wanted ? left : wanted;
    memcpy(out, ids + best, n * sizeof *out);
    return (uint32_t)n;
}

void eng_draft_learn(eng_draft *draft, uint32_t n_drafted, uint32_t n_true)
{
    const uint32_t length = draft->length != 0 ? draft->length : FIRST_LENGTH;
    if (2 * n_true < n_drafted) {
        const uint32_t longer = 2 * draft->penalty + FIRST_PENALTY;
        draft->penalty = longer < MOST_PENALTY ? longer : MOST_PENALTY;
        draft->pause = draft->penalty;
        draft->length = FIRST_LENGTH;
        return;
    }
    draft->penalty = 0;
    if (n_true == n_drafted)
        draft->length = 2 * length + 1 < ENG_MOST_DRAFTS ? 2 * length + 1 : ENG_MOST_DRAFTS;
}
