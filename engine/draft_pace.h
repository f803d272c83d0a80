/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether drafts of a draft model pay, and how many: from how long steps of both models took lately, by their number of
 * rows, and how many drafts came true. Where they don't pay none are made but now and then one, seldom enough that all
 * that is lost stays below ENG_DRAFT_LOSS of the time. Times decide how fast a text comes, and never what it is.
 */
#ifndef FIRN_ENGINE_DRAFT_PACE_H
#define FIRN_ENGINE_DRAFT_PACE_H

#include "engine/firn.h"

enum { ENG_PACE_POINTS = 21 };

#define ENG_DRAFT_LOSS 0.015

/* How long a step takes by its number of rows, in plain steps of the model: those of one row. */
typedef struct eng_step_costs {
    double first, more;           /* before anything was measured: of a row, and of each one more */
    double cost[ENG_PACE_POINTS]; /* 0: not measured */
} eng_step_costs;

typedef struct eng_pace {
    double unit;                 /* seconds of a plain step; 0: not measured */
    double n_true, n_false;      /* drafts of all texts, the latest counted most */
    eng_step_costs model, draft; /* steps of the model, and of the draft model */
} eng_pace;

/* What is known of one text; zero at first. */
typedef struct eng_acceptance {
    double n_true, n_false; /* drafts, the latest counted most */
    double saved;           /* plain steps that were made without drafts, as far as they may still be lost */
} eng_acceptance;

eng_pace eng_pace_begin(const firn_model *model, const firn_model *draft_model);

/* A step of n_rows took so long. */
void eng_pace_model_took(eng_pace *pace, uint32_t n_rows, double seconds);
void eng_pace_draft_took(eng_pace *pace, uint32_t n_rows, double seconds);

/* Of n_drafted tokens, which are some, the first n_true came true. */
void eng_pace_learn(eng_pace *pace, eng_acceptance *acceptance, uint32_t n_drafted, uint32_t n_true);

/* How likely the next draft of a text comes true. */
double eng_pace_chance(const eng_pace *pace, const eng_acceptance *acceptance);

/*
 * How many tokens, at most `most`, to draft for each of n_texts of the n_rows that go through the model anyway, where
 * one comes true with this chance.
 */
uint32_t eng_pace_length(const eng_pace *pace, uint32_t n_rows, uint32_t n_texts, double chance, uint32_t most);

/*
 * A step of n_rows without drafts for this text, because they don't pay. True: it is time to try one, for which the
 * draft model must go through n_lacking tokens.
 */
bool eng_pace_tries(const eng_pace *pace, eng_acceptance *acceptance, uint32_t n_rows, size_t n_lacking);

#endif
