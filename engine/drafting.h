/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drafts for texts that are decoded, one or many: what followed when a text's last tokens came before, or what a draft
 * model says. They are rows of the step beside the tokens that are due, and count only where the token picked is the
 * one drafted, so that they change no text. Those of the draft model are made for all texts together.
 */
#ifndef FIRN_ENGINE_DRAFTING_H
#define FIRN_ENGINE_DRAFTING_H

#include "engine/batch.h"
#include "engine/draft.h"
#include "engine/draft_line.h"
#include "engine/draft_pace.h"

/* A text. Zero at first; what was learned stays while it waits. */
typedef struct eng_drafted {
    eng_draft repeats;         /* of its own words */
    eng_draft_line line;       /* in the draft model */
    eng_acceptance acceptance; /* of what that drafts */

    /* of the step, set by the caller */
    firn_generation *generation;
    int32_t *ids; /* [n_ids + most] the timeline with the token that is due, and room behind it */
    size_t n_ids;
    uint32_t most;   /* tokens that may be drafted */
    uint32_t n_true; /* when it is over: drafts that came true */

    /* of the step, made here: ids[n_ids, n_ids + n_drafts) */
    uint32_t n_drafts;
    uint32_t wanted;   /* of the draft model; 0: none, or the drafts are repeats */
    uint32_t n_rounds; /* that the draft model made for it */
    double seconds;    /* that it took to catch up with it alone */
} eng_drafted;

/* Where texts have their timelines in the draft model. */
typedef struct eng_draft_store {
    eng_pages *pages;
    eng_prefix_tree *tree; /* beginnings that texts have in common; NULL: none are kept */
    firn_batch *batch;     /* of the draft model */
    uint32_t n_ctx;        /* positions of a timeline */

    /* Lets go a page of something else; false: there is none. NULL: pages have no limit. */
    bool (*make_room)(void *argument);
    void *argument;
} eng_draft_store;

typedef struct eng_drafting {
    firn_drafter_options options;
    eng_draft_store store; /* where there is a draft model */
    eng_pace pace;
    eng_plain_step plain; /* the current step, as it would be without drafts of the draft model; */
    double seconds;       /* that it took to make these for all texts together */
    firn_drafter_figures figures;

    firn_batch_entry *entries; /* [room] of the draft model's next round, */
    eng_drafted **owners;      /* [room] and whose they are */
    size_t room;
} eng_drafting;

/* `options` as they were given; checks that the draft model is one for this model. */
firn_status eng_drafting_begin(eng_drafting *drafting, const firn_model *model, const firn_drafter_options *options,
                               firn_error *error);
void eng_drafting_end(eng_drafting *drafting); /* not the store */

bool eng_drafting_reserve(eng_drafting *drafting, size_t n_texts);

/*
 * Drafts for a step in which n_rows go through the model anyway, one for each of these texts at least: `room` tokens at
 * most. `alone`: no prompts are in it, so that the draft model may draft. Where that fails it drafts no more, and the
 * texts go on without: drafts are only guesses.
 */
void eng_drafting_make(eng_drafting *drafting, eng_drafted *const *texts, size_t n_texts, eng_plain_step plain,
                       uint32_t room, bool alone);

/*
 * Takes the logits after row `index` of a text: 0 is that of the token that is due, i that of draft i. True: the token
 * picked is the next draft, and the logits after that count as well.
 */
bool eng_drafted_take(eng_drafted *text, firn_generation *generation, uint32_t index, const float *logits,
                      firn_status *status, firn_error *error);

/* The step took so long in the model. Learns from it, where it is a step of decoding alone. */
void eng_drafting_learn(eng_drafting *drafting, eng_drafted *const *texts, size_t n_texts, bool alone, double seconds);

#endif
