/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler's files share: requests, and the queues they stand in. */
#ifndef FIRN_ENGINE_SCHEDULER_P_H
#define FIRN_ENGINE_SCHEDULER_P_H

#include "engine/batch.h"
#include "engine/draft.h"
#include "engine/prefix_tree.h"

/*
 * A request wants its timeline, ids[0, n_ids), in its session, and the logits after it. What the session lacks of it is
 * appended step by step: a prompt, one token, or all after the request was put off.
 */
typedef struct eng_request {
    struct eng_request *next; /* in the inbox, or waiting */
    uint64_t ticket;
    firn_request given; /* what it points to is copied: to ids, and here */
    firn_generation_parameters parameters;
    firn_generation_options options;
    int32_t *ids; /* room for the longest timeline it can have, and drafts */
    size_t n_ids, n_prompt;
    bool cancelled;

    /* while let in; the generation stays when it is put off */
    firn_generation *generation;
    firn_session *session; /* NULL: waiting */
    eng_prefix_place place;
    bool prompt_kept; /* as a beginning for others */
    eng_draft draft;

    /* what it waits for: another request, until that has computed so many tokens that both begin with */
    uint64_t leader;
    size_t leader_tokens;

    /* of the current step */
    uint32_t n_rows;     /* tokens that it appends, */
    uint32_t n_drafts;   /* the last of which are drafted: ids from n_ids on */
    uint32_t n_accepted; /* of these */
    uint32_t n_taken;    /* logits that it took */
    bool settled;        /* takes no more */
    firn_status status;
    firn_error error;
} eng_request;

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
    eng_pages *pages;
    eng_prefix_tree *tree;
    firn_batch *batch;
    eng_inbox inbox;
    eng_request *waiting; /* in the order of their turns */

    eng_request **running; /* in the order of their turns: the last is put off first */
    size_t n_running, room;
    size_t turn;               /* the running request that decodes first, where not all can */
    firn_batch_entry *entries; /* [room] of the step, */
    eng_request **of_entry;    /* [room] and whose they are */
    size_t n_entries;
    firn_scheduler_figures figures;
};

/* Tokens that a running request's session lacks. */
static inline size_t eng_request_lacks(const eng_request *request)
{
    return request->n_ids - request->session->cached;
}

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
void eng_request_free(eng_request *request);

#endif
