/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constraints on generated text: a grammar (GBNF), a JSON schema, a regular expression or a list of choices. Text that
 * has ended under a constraint always satisfies it. Nothing here fails open: what can't be compiled or satisfied is an
 * error, and so is a point from which no token leads on.
 *
 *     firn_vocabulary *vocabulary;   the tokens' bytes as a trie; made once, knows no model
 *     firn_constraint *constraint;   a compiled constraint; immutable, any number of threads
 *     firn_constraint_state *state;  one text under a constraint, token by token; one thread at a time
 */
#ifndef FIRN_ENGINE_CONSTRAINT_H
#define FIRN_ENGINE_CONSTRAINT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_vocabulary firn_vocabulary;
typedef struct firn_constraint firn_constraint;
typedef struct firn_constraint_state firn_constraint_state;

/* ---- vocabulary ---- */

typedef enum firn_token_kind {
    FIRN_TOKEN_NEVER, /* control tokens and those without bytes: never under a constraint */
    FIRN_TOKEN_TEXT,
    FIRN_TOKEN_ENDS, /* ends the text: where the constraint allows an end */
} firn_token_kind;

/* What token `id` is; for text, *bytes and *length too (any bytes; they need to live during the call only). */
typedef firn_token_kind (*firn_token_callback)(void *argument, int32_t id, const char **bytes, size_t *length);

firn_status firn_vocabulary_create(uint32_t n_tokens, firn_token_callback token, void *argument, firn_vocabulary **out,
                                   firn_error *error);
void firn_vocabulary_release(firn_vocabulary *vocabulary); /* NULL is allowed, here and below */

/* ---- constraint ---- */

typedef enum firn_constraint_kind {
    FIRN_CONSTRAINT_GRAMMAR, /* GBNF; the rule `root` is the whole */
    FIRN_CONSTRAINT_SCHEMA,  /* JSON schema, draft 2020-12; properties come in the schema's order */
    FIRN_CONSTRAINT_REGEX,   /* the whole text matches it */
    FIRN_CONSTRAINT_CHOICES, /* one a line */
} firn_constraint_kind;

/* The error's offset is a byte of `text`, where it has one; its message names line and column, or the schema's path. */
firn_status firn_constraint_compile(firn_constraint_kind kind, const char *text, size_t length, firn_constraint **out,
                                    firn_error *error);
void firn_constraint_retain(firn_constraint *constraint); /* it takes one release more */
void firn_constraint_release(firn_constraint *constraint);

/* ---- state ---- */

/* The state keeps its constraint and vocabulary alive. It starts before the first token. */
firn_status firn_constraint_state_create(firn_constraint *constraint, firn_vocabulary *vocabulary,
                                         firn_constraint_state **out, firn_error *error);
/* A state at the same point, with the same tokens to rewind. */
firn_status firn_constraint_state_clone(const firn_constraint_state *state, firn_constraint_state **out,
                                        firn_error *error);
void firn_constraint_state_release(firn_constraint_state *state);

/*
 * Sets bit `id % 64` of bits[id / 64] for each token that may come next and clears the others; `bits` has
 * (n_tokens + 63) / 64 words. FIRN_ERROR_ARGUMENT if there is none.
 */
firn_status firn_constraint_mask(firn_constraint_state *state, uint64_t *bits, firn_error *error);

/* Takes a token. On failure (it is not allowed; the text has ended) the state is as before. */
firn_status firn_constraint_accept(firn_constraint_state *state, int32_t id, firn_error *error);

/* True if the text so far satisfies the constraint. */
bool firn_constraint_can_end(const firn_constraint_state *state);
/* True if it does and nothing may follow but an end. */
bool firn_constraint_must_end(const firn_constraint_state *state);

size_t firn_constraint_length(const firn_constraint_state *state);        /* tokens taken */
void firn_constraint_rewind(firn_constraint_state *state, size_t n_keep); /* to the first n_keep tokens */

#ifdef __cplusplus
}
#endif

#endif
