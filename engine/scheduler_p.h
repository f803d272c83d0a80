/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler's files share. A lane is what the scheduler has of one model: its own, and each weaker one that a
 * request's contrast goes away from. A request has a timeline for each row of its generation (engine/generation.h), in
 * the lane of the row's model: one mostly, up to three with guidance and contrast.
 *
 * A timeline wants ids[0, n_ids) in its session, and the logits after it. What the session lacks of it is appended step
 * by step: a prompt, one token, or all after the request was put off. The last token goes in for all timelines of a
 * request in one step, so that their logits come together.
 */
#ifndef FIRN_ENGINE_SCHEDULER_P_H
#define FIRN_ENGINE_SCHEDULER_P_H

#include "engine/batch.h"
#include "engine/drafting.h"
#include "engine/prefix_tree.h"

typedef struct eng_timeline {
    firn_model *model;     /* a weaker one is retained */
    struct eng_lane *lane; /* NULL: never let in */
    int32_t *ids;          /* room for the longest that it can have, and drafts */
    size_t n_ids, n_prompt;
    firn_session *session; /* NULL: the request waits */
    eng_prefix_place place;
    bool prompt_kept;    /* as a beginning for others */
    bool followed;       /* it has taken what the request's first timeline computed of their common beginning */
    uint32_t n_rows;     /* tokens that it appends in the current step */
    const float *logits; /* that came in it; NULL: none yet */
} eng_timeline;

typedef struct eng_request {
    struct eng_request *next; /* in the inbox, or waiting */
    uint64_t ticket;
    firn_request given; /* what it points to is copied: to the timelines, and here */
    firn_generation_parameters parameters;
    firn_generation_options options;
    eng_timeline timelines[FIRN_GENERATION_ROWS];
    size_t n_timelines;
    bool cancelled;

    /* from when it is let in; also while it is put off */
    firn_generation *generation;
    float *held; /* [n_timelines - 1][n_vocab] logits of the step that come before the others; NULL with one timeline */
    eng_drafted drafted;

    /* what it waits for: a timeline of another request, until that has so many tokens, with which one of its own begins
     */
    uint64_t leader;
    size_t leader_timeline, leader_tokens;

    /* of the current step */
    uint32_t n_taken; /* logits that it took */
    bool settled;     /* takes no more */
    firn_status status;
    firn_error error;
} eng_request;

/* Whose an entry of a step is. */
typedef struct eng_entry_owner {
    eng_request *request;
    size_t timeline;
} eng_entry_owner;

typedef struct eng_lane {
    firn_model *model;
    eng_pages *pages;
    eng_prefix_tree *tree;
    firn_batch *batch;
    firn_batch_entry *entries; /* [room] of the step, */
    eng_entry_owner *owners;   /* [room] and whose they are */
    size_t n_entries, room;
} eng_lane;

/* What comes from other threads. */
typedef struct eng_inbox {
    atomic_flag lock;
    eng_request *first, **last;
    uint64_t n_tickets;
    uint64_t *cancelled; /* tickets */
    size_t n_cancelled, room;
} eng_inbox;

struct firn_scheduler {
    firn_model *model;
    firn_scheduler_options options; /* zeros replaced */
    eng_budget budget;
    eng_lane **lanes; /* [n_lanes], the model's first */
    size_t n_lanes;
    eng_inbox inbox;
    eng_request *waiting; /* in the order of their turns */

    eng_request **running; /* in the order of their turns: the last is put off first */
    eng_request **stepped; /* [room] those that the step has entries of */
    size_t n_running, n_stepped, room;
    eng_drafting drafting;
    eng_drafted **drafted; /* [n_drafted, room] those that the step may have drafts for */
    size_t n_drafted;
    bool decodes_only; /* the step has no prompts, and no text begins with a known one */
    size_t turn;       /* the running request that decodes first, where not all can */
    firn_scheduler_figures figures;
};

/* ---- timelines and lanes: scheduler_timelines.c ---- */

/* The lane of a model; makes it where there is none yet. */
firn_status eng_scheduler_lane(firn_scheduler *scheduler, firn_model *model, eng_lane **out, firn_error *error);
void eng_scheduler_free_lanes(firn_scheduler *scheduler);
bool eng_lane_reserve(eng_lane *lane, size_t n_entries);

/* Lets go a kept beginning, of this lane or else of another. False: there is none that isn't in use. */
bool eng_scheduler_evict(firn_scheduler *scheduler, const eng_lane *first);

/* Sets up drafts, as the options say. */
firn_status eng_scheduler_begin_drafts(firn_scheduler *scheduler, const firn_scheduler_options *options,
                                       firn_error *error);
/* Lets go what the draft model keeps of a running request, the last first. False: it keeps of none. */
bool eng_scheduler_let_go_draft(firn_scheduler *scheduler);

/* How many ids at the beginnings of two timelines are equal, up to `most`. */
size_t eng_count_equal(const int32_t *a, const int32_t *b, size_t most);

/* Tokens that a running request's timeline lacks in its session. */
static inline size_t eng_timeline_lacks(const eng_timeline *timeline)
{
    return timeline->n_ids - timeline->session->cached;
}

/* Whether a running request lacks the last token of each timeline only. */
bool eng_request_decodes(const eng_request *request);
/* Tokens that it lacks in all, and (may be NULL) timelines that lack more than the last one. */
size_t eng_request_lacks(const eng_request *request, size_t *n_prompts);

/* Makes the timelines, as the parameters and options of the request want them. */
firn_status eng_request_begin(const firn_scheduler *scheduler, eng_request *request, firn_error *error);
/* Gives them sessions with what is kept of their beginnings. To be stripped after a failure too. */
firn_status eng_request_equip(firn_scheduler *scheduler, eng_request *request, firn_error *error);
void eng_request_strip(eng_request *request);
/* Whether the timeline should wait for the request's first one to compute what both begin with; takes it, once it is.
 */
bool eng_request_follows(firn_scheduler *scheduler, eng_request *request, size_t timeline);
/* Pages for the rows of the step. False: there are too few, and those that it took went back. */
bool eng_request_extend(eng_request *request);
/* Whether it has them already. */
bool eng_request_has_room(const eng_request *request);
/* Sets the timelines that the generation wants next. */
void eng_request_move_on(eng_request *request);
void eng_request_free(eng_request *request);

/* ---- who runs: scheduler_queue.c ---- */

/* Takes in what was submitted, and marks what was cancelled. */
void eng_scheduler_empty_inbox(firn_scheduler *scheduler);
bool eng_scheduler_inbox_is_empty(firn_scheduler *scheduler);
void eng_scheduler_wait(firn_scheduler *scheduler, eng_request *request); /* in its place */

/* Lets in waiting requests as far as memory reaches and the next step has use for them. */
void eng_scheduler_admit(firn_scheduler *scheduler);

/* Gives back what a running request holds, and keeps what it computed for it or others; it runs no more. */
void eng_scheduler_stop(firn_scheduler *scheduler, eng_request *request);

/* Tells the end of a request that is in no queue, and frees it. */
void eng_scheduler_end(eng_request *request, firn_status status, const firn_error *error);

#endif
