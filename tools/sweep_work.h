/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of one model: which are missing, and how each becomes a record. */
#ifndef FIRN_TOOLS_SWEEP_WORK_H
#define FIRN_TOOLS_SWEEP_WORK_H

#include "tools/common_constraint.h"
#include "tools/sweep_judges.h"
#include "tools/sweep_run.h"
#include "tools/sweep_tasks.h"

typedef struct sweep_work {
    const sweep_tasks *tasks;
    const tool_chat_options *chat;
    bool raw;
    const tool_texts *paths;   /* of the tasks' models, */
    const tool_texts *weakers; /* and the checkpoints that contrast goes away from with each; NULL: none */
    sweep_run_options run;
    const tool_constraint *constraint; /* that run.constraint was made of */
    const sweep_judge_options *judge_options;
    sweep_judges *judges;
    firn_context *context;
    size_t rank, n_ranks;  /* of the missing texts, those whose number modulo n_ranks is rank are this process's */
    bool check_parameters; /* fail if any byte of the model's parameters changed */

    void *argument; /* of the functions */
    /* Whether the text is there already; `key` tells which it is. */
    bool (*has)(void *argument, size_t task, const char *key, firn_status *status, firn_error *error);
    /* Told which texts are there, a byte for each of the model's; on other ranks than 0, it has to say so. */
    firn_status (*share)(void *argument, unsigned char *there, size_t count, firn_error *error);
    /* Takes a record (free(line.data)). */
    firn_status (*take)(void *argument, size_t task, tool_text line, firn_error *error);
    /* As in sweep_feed; `fault` says which text it is. */
    firn_status (*failed)(void *argument, size_t task, const firn_error *fault, firn_error *error);
    bool (*goes_on)(void *argument, size_t n_tokens);
} sweep_work;

/* Opens model number `model` of the tasks and makes the texts that are missing. */
firn_status sweep_work_on(const sweep_work *work, size_t model, firn_error *error);

#endif
