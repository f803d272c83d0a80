/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head in two stages, for columns of which only the n highest logits are wanted. First every logit is estimated,
 * with inputs rounded to 8 bits instead of 16 and a packed copy of the weights, in half of the time (and what that
 * takes from the block of inputs that loses most, where the outliers are, again to 8 bits). By Cauchy and Schwarz the
 * estimate is off by at most the norm of the token's row times the norm of what rounding took from the inputs (and what
 * floats round, for which there is a margin); so tokens that may be among the n highest are known, and are few. Their
 * true logits are computed, with the bits of the full product; all others are -infinity. A column with too many of
 * them, as no logit stands out, gets the full product after all.
 */
#ifndef FIRN_ENGINE_SELECTION_H
#define FIRN_ENGINE_SELECTION_H

#include "engine/model.h"

enum {
    ENG_SELECT_COLUMNS = 4,               /* fewer wait for memory, not for arithmetic */
    ENG_SELECT_MOST = 4096,               /* candidates of a column */
    ENG_SELECT_PAUSE = 32,                /* steps in full after one where most columns had too many */
    ENG_SELECT_TILES = 32,                /* of a piece, whose estimates are looked at while they are in the cache */
    ENG_SELECT_ROWS = KERN_TILE_ROWS * 4, /* true logits that are computed together */
};

/* What a batch keeps for it, for up to n columns. */
typedef struct eng_selection {
    double *lost;     /* [n][blocks] squares of what rounding takes from the inputs of a block */
    double *squares;  /* [n] of all inputs */
    float *left;      /* [n][KERN_BLOCK] what it takes from the block that is estimated better */
    float *factors;   /* [n] how far estimates are off, in norms of rows */
    float *certain;   /* [n][pieces][KERN_LANES]: the largest of what logits are at least */
    float *rows;      /* [n][vocab_stride] logits: those of the candidates, and -infinity */
    int32_t *ids;     /* [n][ENG_SELECT_MOST] the candidates */
    uint32_t *counts; /* [n] how many; 0: the row was never filled */
    bool *refused;    /* [n] there were too many: the full product is wanted */
    uint32_t pause;   /* steps that are still made in full */
} eng_selection;

/* Pieces of a vocabulary, of ENG_SELECT_TILES tiles. */
uint32_t eng_select_pieces(const firn_model *model);

/* Whether the model's head can do it, and what estimates need is there; it is made at the first call. */
bool eng_select_ready(firn_model *model);

void eng_estimates_free(eng_estimates *estimates); /* NULL is allowed */

/* A column, and room for it in both roundings. */
typedef struct eng_select_input {
    const float *x; /* [n_embd] */
    uint8_t *int8, *int16;
} eng_select_input;

/* Notes what rounding takes from column c. */
void eng_select_measure(const firn_model *model, eng_selection *selection, uint32_t c, const eng_select_input *input);

/* When all columns are measured: the block of inputs that loses most in n_columns. */
uint32_t eng_select_worst(const firn_model *model, const eng_selection *selection, uint32_t n_columns);

/* Notes what rounding takes from block `again` of column c, and how far estimates can then be off. */
void eng_select_prepare(const firn_model *model, eng_selection *selection, uint32_t c, uint32_t again,
                        const eng_select_input *input);

/* Looks at a column's estimates [n_vocab], as far as they belong to a piece. False: one is not finite. */
bool eng_select_look(const firn_model *model, eng_selection *selection, uint32_t c, const float *estimates,
                     uint32_t piece);

/*
 * Makes `row`, which is row c, when all pieces have been looked at; or refuses to. `rows` holds ENG_SELECT_ROWS rows of
 * the head, `scratch` what matmul needs. False: a logit is not finite.
 */
bool eng_select_column(const firn_model *model, eng_selection *selection, uint32_t c, uint32_t n_best,
                       const float *estimates, const eng_select_input *input, uint8_t *rows, uint8_t *scratch,
                       float *row);

#endif
