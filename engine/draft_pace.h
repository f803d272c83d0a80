/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether drafts of a draft model pay, and how many: from how long steps of both models took lately, by their number of
 * rows, and how many drafts came true. Each text has an account of the time that its drafts cost and brought, as it was
 * measured, and drafts only as far as that reaches: what it may lose in all is a few tokens' time, and ENG_DRAFT_LOSS
 * of the time of the others. Times decide how fast a text comes, and never what it is.
 */
#ifndef FIRN_ENGINE_DRAFT_PACE_H
#define FIRN_ENGINE_DRAFT_PACE_H

#include "engine/firn.h"

enum { ENG_PACE_POINTS = 21 };

#define ENG_DRAFT_LOSS 0.01

/* How long a step takes by its number of rows, in plain steps of the model: those of one row. */
typedef struct eng_step_costs {
    double first, more;           /* before anything was measured: of a row, and of each one more */
    double cost[ENG_PACE_POINTS]; /* 0: not measured */
} eng_step_costs;

typedef struct eng_pace {
    double unit;                 /* seconds of a plain step; 0: not measured */
    uint32_t n_measured;         /* steps that it was learned from, as far as they are few */
    double n_true, n_false;      /* drafts of all texts, the latest counted most */
    eng_step_costs model, draft; /* steps of the model, and of the draft model */
    uint32_t n_drafting;         /* steps since the last without drafts */
} eng_pace;

/* What is known of one text; zero at first. */
typedef struct eng_acceptance {
    double n_true, n_false; /* drafts, the latest counted most */
    double lost;            /* by drafts, in the time of a token without; less what it may lose since */
} eng_acceptance;

/* What goes through the model anyway. */
typedef struct eng_plain_step {
    uint32_t n_rows;
    uint32_t n_texts; /* that get a token by it, at least one */
} eng_plain_step;

eng_pace eng_pace_begin(const firn_model *model, const firn_model *draft_model);

/* A step of n_rows, n_drafts of them drafts of the draft model, took so long; one of the draft model. */
void eng_pace_model_took(eng_pace *pace, uint32_t n_rows, uint32_t n_drafts, double seconds);
void eng_pace_draft_took(eng_pace *pace, uint32_t n_rows, double seconds);

/* Of n_drafted tokens, which are some, the first n_true came true. */
void eng_pace_learn(eng_pace *pace, eng_acceptance *acceptance, uint32_t n_drafted, uint32_t n_true);

/* Counts less what is known of a text, which may have changed. */
void eng_pace_forget(eng_acceptance *acceptance);

/* A step is over: of the time that drafts took beyond the plain step, so much is the text's, for n_true tokens. */
void eng_pace_charge(const eng_pace *pace, eng_acceptance *acceptance, eng_plain_step step, double seconds,
                     uint32_t n_true);

/* How long the step would have taken without drafts. */
double eng_pace_plain_seconds(const eng_pace *pace, eng_plain_step step);

/* Whether the next step should be one without drafts, to see how long such steps take. */
bool eng_pace_must_measure(const eng_pace *pace);

/*
 * How many tokens, at most `most`, to draft for a text beside n_drafting - 1 others; 0: none, for no number could pay.
 * *trial: none seems to pay, but one may be tried.
 */
uint32_t eng_pace_length(const eng_pace *pace, const eng_acceptance *acceptance, eng_plain_step step,
                         uint32_t n_drafting, uint32_t most, bool *trial);

/* How many of these the text's account reaches for, where the draft model must go through n_lacking tokens of it. */
uint32_t eng_pace_afford(const eng_pace *pace, const eng_acceptance *acceptance, eng_plain_step step,
                         uint32_t n_drafting, size_t n_lacking, uint32_t length);

#endif
