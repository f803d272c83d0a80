/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a generation: grows token by token, and some of it must be held back: the beginning of a character, of a
 * stop string, or of a string that may not appear. Once there is room for its tokens, adding one allocates nothing
 * unless they are unusually long.
 */
#ifndef FIRN_ENGINE_GENERATION_TEXT_H
#define FIRN_ENGINE_GENERATION_TEXT_H

#include "engine/firn.h"

/* Starts as zeros; release with eng_answer_free. */
typedef struct eng_answer {
    char *text; /* [length], not terminated */
    size_t length, capacity;
    int32_t *ids;   /* [n_tokens] */
    size_t *starts; /* [n_tokens] where each token's bytes begin */
    size_t n_tokens, token_capacity;
    size_t clean; /* bytes that hold no banned string and that none can begin in: they stay */
    size_t shown; /* bytes that may be shown */
} eng_answer;

typedef enum eng_answer_event {
    ENG_ANSWER_GOES_ON,
    ENG_ANSWER_STOPS,   /* a stop string or token came; the text was cut before it */
    ENG_ANSWER_REWINDS, /* a banned string came; tokens from the one it began in were taken back */
} eng_answer_event;

void eng_answer_free(eng_answer *answer);
bool eng_answer_reserve(eng_answer *answer, size_t n_tokens, size_t n_bytes); /* in all; false: no memory */

void eng_answer_rewind(eng_answer *answer, size_t n_keep); /* to the first n_keep tokens */

/*
 * Adds a token and looks at what came of it. One that ends the text has no bytes. After a rewind, *banned is the token
 * that may not come at its place.
 */
firn_status eng_answer_add(eng_answer *answer, const firn_model *model, const firn_generation_parameters *parameters,
                           int32_t id, eng_answer_event *event, int32_t *banned, firn_error *error);

#endif
