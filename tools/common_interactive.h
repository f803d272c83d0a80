/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation in the terminal: reads messages and commands ("/help"), streams answers to standard output, and says
 * everything else on standard error. Ctrl-C ends an answer, not the program. The session keeps what a turn has in
 * common with the one before, so that a turn costs its new tokens only.
 */
#ifndef FIRN_TOOLS_COMMON_INTERACTIVE_H
#define FIRN_TOOLS_COMMON_INTERACTIVE_H

#include "tools/common_guidance.h"
#include "tools/common_replay.h"

typedef struct tool_interact_records {
    const char *path;  /* file that gets a record of each answer, one a line; NULL: none */
    tool_record fixed; /* what all have: checkpoints and their hashes, the constraint */
} tool_interact_records;

/*
 * Talks until the user ends it. `session` is of the chat's model and empty. The conversation's last message is answered
 * first if it is the user's. The drafter is of the same model. Takes over SIGINT
 * and SIGTERM.
 */
firn_status tool_interact(tool_chat *chat, firn_session *session, const firn_generation_parameters *parameters,
                          firn_constraint *constraint, tool_guidance *guidance, firn_drafter *drafter,
                          const tool_interact_records *records, firn_error *error);

#endif
