/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drafter lets a generation on one session go several tokens a step: it drafts what followed when the last tokens
 * came before, or what a smaller draft model says, and computes the drafts beside the token that is due. A token counts
 * only where it is the one picked, so that the text is the same as without. (A scheduler drafts on its own.)
 *
 * A draft model's token is picked as the text's own is: with the same parameters, under the same constraint and with
 * the same noise. Where both models say the same, it comes true at any temperature.
 */
#ifndef FIRN_ENGINE_DRAFTER_H
#define FIRN_ENGINE_DRAFTER_H

#include "engine/firn.h" /* which includes this file at its end */

typedef struct firn_generation firn_generation; /* engine/generation.h */
typedef struct firn_drafter firn_drafter;

typedef struct firn_drafter_options {
    size_t size;
    uint32_t n_max;          /* tokens to draft in one step, up to 15; 0: none */
    firn_model *draft_model; /* NULL: none. Of the same vocabulary; kept alive */
    uint32_t n_min;          /* tokens to draft with it in each step whether it pays or not; 0: as long as it pays */
    double p_min;            /* it drafts no token that is less likely than this, as it has it; 0: any */
} firn_drafter_options;

firn_drafter_options firn_drafter_options_default(void);

/* For generations with this model, which must outlive it, one after the other. `options` may be NULL. */
firn_status firn_drafter_create(const firn_model *model, const firn_drafter_options *options, firn_drafter **out,
                                firn_error *error);
void firn_drafter_release(firn_drafter *drafter);

/*
 * As firn_generation_advance, by one token or more. One at a time where there is guidance or contrast. Afterwards the
 * session has the text but for what was picked last.
 */
firn_status firn_drafter_advance(firn_drafter *drafter, firn_generation *generation, firn_session *session,
                                 firn_error *error);

typedef struct firn_drafter_figures {
    uint64_t n_drafted, n_accepted;             /* tokens drafted, and of them those that came true; */
    uint64_t n_model_drafted, n_model_accepted; /* of these, the draft model's */
    firn_error
        fault; /* why that drafts no more, as it failed; no text ends with it. fault.status FIRN_OK: it did not */
} firn_drafter_figures;

firn_drafter_figures firn_drafter_measure(const firn_drafter *drafter);

#endif
