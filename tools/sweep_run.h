/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generates many texts with one model, as many at once as allowed; what prompts have in common is computed once. What a
 * text is depends on its request only, not on those beside it.
 */
#ifndef FIRN_TOOLS_SWEEP_RUN_H
#define FIRN_TOOLS_SWEEP_RUN_H

#include "tools/common_draft.h"
#include "tools/sweep_measures.h"

typedef struct sweep_request {
    size_t task;                           /* the caller's number */
    firn_generation_parameters parameters; /* the seed is drawn */
    const int32_t *prompt;                 /* [n_prompt], alive until the text is finished */
    size_t n_prompt;
    const int32_t *negative; /* [n_negative] likewise, of the negative prompt; 0: none */
    size_t n_negative;
    firn_model *weaker; /* where there is contrast */
} sweep_request;

/* Where requests come from and texts go. */
typedef struct sweep_feed {
    void *argument;
    /* Gives the next request; false: there is none. */
    bool (*next)(void *argument, sweep_request *out);
    /* Takes a text that has ended, and why. What it points at is gone after the call. */
    firn_status (*finished)(void *argument, size_t task, const sweep_sample *sample, firn_end end, firn_error *error);
    /* Takes what was wrong with a text that can't be; anything but FIRN_OK ends the run with it. */
    firn_status (*failed)(void *argument, size_t task, const firn_error *fault, firn_error *error);
    /* Told after each step how many tokens it generated. False: those in flight are dropped and nothing more is begun.
     */
    bool (*goes_on)(void *argument, size_t n_tokens);
} sweep_feed;

typedef struct sweep_run_options {
    uint32_t n_parallel; /* texts at once, at least 1 */
    uint32_t n_ctx;      /* positions of a text; 0: what the model was trained for */
    uint32_t n_batch;    /* tokens of one step; 0: 512 */
    firn_cache_types cache_types;
    firn_constraint *constraint; /* on every text, or NULL */
    tool_draft draft;
    firn_drafter_figures *drafted; /* is added to */
} sweep_run_options;

firn_status sweep_run(firn_model *model, const sweep_run_options *options, const sweep_feed *feed, firn_error *error);

#endif
