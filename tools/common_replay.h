/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the record of a text that was generated, and making a record's text again. */
#ifndef FIRN_TOOLS_COMMON_REPLAY_H
#define FIRN_TOOLS_COMMON_REPLAY_H

#include "tools/common_chat.h"
#include "tools/common_file.h"
#include "tools/common_record.h"

/*
 * tool_record_load, with the parameters that a replay runs with: the record's own, without the clock. What ended by the
 * clock or by hand ends by the number of its tokens, and the reason is not asked for again.
 */
firn_status tool_replay_load(const char *path, size_t number, tool_record *out, firn_error *error);

/* Copies of the prompt's text (where there is one) and ids. */
firn_status tool_replay_prompt(const tool_record *record, tool_text *text, int32_t **ids, size_t *n_ids,
                               firn_error *error);

/* Fills in the hashes of the checkpoints that a record names; `hex` holds them. */
firn_status tool_replay_hash(tool_record *record, char hex[2][BASE_SHA256_HEX], firn_error *error);

/* Fills in the version, the conversation's messages, which `messages` holds (to be freed), and what was generated. */
firn_status tool_replay_describe(tool_record *record, const firn_generation *generation, const tool_chat *chat,
                                 tool_text *messages, firn_error *error);

typedef struct tool_replay_files {
    const char *record;          /* file to be written, or NULL */
    const char *replay;          /* file of what was to be made again, or NULL */
    const tool_record *replayed; /* what it says */
} tool_replay_files;

/*
 * Writes a record and compares with one. Of `made` this fills in what the two above do. Where it is not what was to be
 * made again, fails and tells all that differs.
 */
firn_status tool_replay_finish(const tool_replay_files *files, tool_record *made, const firn_generation *generation,
                               const tool_chat *chat, const firn_model *model, firn_error *error);

#endif
