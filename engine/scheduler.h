/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scheduler answers any number of requests at once over one frozen model: in each step, one token of every text that
 * is being decoded and parts of prompts go through the model together. What requests have in common at their beginning
 * is computed once, and kept for those to come. A request's text is what it is alone, whatever else runs, whether its
 * beginning was kept, and however often it was put off.
 *
 *     firn_scheduler_submit(scheduler, &request, &ticket, &error);   any number of times, at any time
 *     firn_scheduler_run(scheduler, &error);                         calls back with tokens and ends
 *
 * Requests of higher priority go first; those of one priority in the order they came, all at the same pace once they
 * have been let in. A request is let in when its tokens so far fit the memory. Where memory runs out, beginnings that
 * nobody uses go first, the longest unused before the others; then the last request of the lowest priority is put off:
 * its tokens stay, its keys and values are computed again later.
 *
 * Guidance and contrast give a request further timelines, which are rows of the same steps and count as its own: for
 * memory, beginnings in common, being put off and cancelled. What a weaker model adds to a step goes through that model
 * first.
 *
 * Where a text repeats itself, and where there is a draft model and that pays, several tokens of it come in a step.
 * What a draft model keeps of a text is let go before a request is put off or has to wait.
 *
 * firn_scheduler_submit and _cancel may be called from any thread, also from callbacks; the others by one thread at a
 * time, which is where callbacks come from.
 */
#ifndef FIRN_ENGINE_SCHEDULER_H
#define FIRN_ENGINE_SCHEDULER_H

#include "engine/firn.h" /* which includes this file at its end */

typedef struct firn_scheduler firn_scheduler;
typedef struct firn_generation firn_generation; /* engine/generation.h */

typedef struct firn_scheduler_options {
    size_t size;
    uint64_t memory;  /* bytes of keys and values, kept beginnings included; 0: 1 GiB, or one full context if more */
    uint32_t n_batch; /* tokens of one step; 0: 512. Never changes a text */
    uint32_t n_ctx;   /* positions of each request's timeline; 0: what the model was trained for */
    uint32_t n_draft; /* tokens drafted for a text in one step, at most (15); 0: none. Never changes a text */
    firn_cache_types cache_types; /* of all requests */

    /* As in firn_drafter_options: a draft model of the same vocabulary, which is kept alive; NULL: none */
    firn_model *draft_model;
    uint32_t n_draft_min;
    double draft_p_min;
} firn_scheduler_options;

firn_scheduler_options firn_scheduler_options_default(void);
/* Keeps the model alive. `options` may be NULL. */
firn_status firn_scheduler_create(firn_model *model, const firn_scheduler_options *options, firn_scheduler **out,
                                  firn_error *error);
void firn_scheduler_release(firn_scheduler *scheduler); /* ends requests without calling back */

typedef struct firn_request {
    size_t size;
    const int32_t *prompt; /* [n_prompt], at least one; copied */
    size_t n_prompt;
    const firn_generation_parameters *parameters; /* copied; the seed is drawn */
    /*
     * Copied, the negative prompt too; constraint and weaker model are kept alive. NULL: the default. The scheduler
     * sets n_ctx. `explain` is called from any thread, while others run.
     */
    const struct firn_generation_options *generation;
    int32_t priority; /* higher ones first */

    /* After each step that brought tokens, or in which a banned string took some back. False cancels. NULL: not told.
     */
    bool (*progress)(void *argument, const firn_generation *generation);
    /*
     * Once for each request, as the last that is heard of it: FIRN_OK (firn_generation_end says why it ended),
     * FIRN_ERROR_CANCELLED, or what went wrong. `generation` is NULL where the request had not been let in. NULL: not
     * told.
     */
    void (*ended)(void *argument, const firn_generation *generation, firn_status status, const firn_error *error);
    void *argument;
} firn_request;

firn_request firn_request_default(void);

/* *ticket (may be NULL) names the request. Refuses what could never run. */
firn_status firn_scheduler_submit(firn_scheduler *scheduler, const firn_request *request, uint64_t *ticket,
                                  firn_error *error);

/* Takes effect before the next step. Nothing happens if the request has ended. */
firn_status firn_scheduler_cancel(firn_scheduler *scheduler, uint64_t ticket, firn_error *error);

/*
 * One step. *more: requests are left. On failure of the step itself (FIRN_ERROR_NUMERIC, …) those that were in it have
 * ended with it, and the others can go on.
 */
firn_status firn_scheduler_step(firn_scheduler *scheduler, bool *more, firn_error *error);
firn_status firn_scheduler_run(firn_scheduler *scheduler, firn_error *error); /* steps until no request is left */

typedef struct firn_scheduler_figures {
    uint64_t n_steps;
    uint64_t n_tokens;                          /* that went through the model */
    uint64_t n_reused;                          /* that didn't have to: a kept beginning had them */
    uint64_t n_generated;                       /* tokens picked */
    uint64_t n_drafted, n_accepted;             /* tokens drafted, and of them those that came true; */
    uint64_t n_model_drafted, n_model_accepted; /* of these, the draft model's */
    firn_error draft_fault;                     /* as in firn_drafter_figures */
    uint64_t n_preempted;                       /* times that a request was put off */
    uint64_t n_evicted;                         /* pages of kept beginnings that were let go */
    uint32_t n_running, n_waiting;
    uint64_t bytes_in_use; /* of keys and values */
    /* of steps: in the model, picking tokens, drafting, altogether */
    double model_seconds, sampling_seconds, draft_seconds, all_seconds;
} firn_scheduler_figures;

firn_scheduler_figures firn_scheduler_measure(const firn_scheduler *scheduler);

#endif
