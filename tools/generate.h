/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of generate: generate_flags.c reads the command line into settings, generate.c runs the model as they say,
 * and generate_output.c writes what comes of it.
 */
#ifndef FIRN_TOOLS_GENERATE_H
#define FIRN_TOOLS_GENERATE_H

#include "tools/common_arguments.h"
#include "tools/common_constraint.h"
#include "tools/common_draft.h"
#include "tools/common_explain.h"
#include "tools/common_guidance.h"
#include "tools/common_replay.h"
#include "tools/common_tokens.h"

enum { GENERATE_NO_LOGPROBS = UINT32_MAX >> 1 }; /* the flag was not given */

typedef struct generate_settings {
    const char *model, *positional, *prompt, *file, *ids, *cpu_level;
    uint32_t n_threads, n_ctx, n_batch, n_logprobs;
    firn_cache_types cache_types;
    const char *preset; /* file of generation parameters */
    bool print_params;
    const char *record, *replay; /* files of records: to write, to make again */
    uint32_t row;                /* of the latter */
    tool_record replayed;
    uint32_t n_explained; /* candidates of each token; 0: none */
    const char *explain_json, *explain_html;
    bool json, display_prompt, show_prompt, raw, interactive, escapes, check_tensors, pack_cache, version;
    tool_help_form help;
    tool_chat_options chat;
    tool_constraint_options constraint;
    tool_guidance_options guidance;
    tool_draft_options draft;
    firn_generation_parameters parameters;
} generate_settings;

typedef struct generate_run {
    const generate_settings *settings;
    firn_context *context;
    firn_model *model;
    firn_session *session;
    firn_generation *generation;
    tool_draft draft;
    firn_drafter *drafter;
    tool_explanations explanations; /* for files */
    uint32_t n_vocab, n_ctx;
    bool logprobs;
    tool_text prompt; /* data is NULL where ids were given, and before a conversation is rendered */
    tool_constraint constraint;
    tool_guidance guidance;
    tool_record_ids negative_ids; /* as they were used */
    tool_chat chat;               /* has a program where the prompt is a conversation */
    int32_t *ids;                 /* [n_ids] of the prompt */
    size_t n_ids;
    size_t slice_start; /* of the prompt tokens that are being processed */
    tool_tokens tokens; /* of the prompt, for JSON */
    size_t n_processed; /* tokens of the prompt; fewer than n_ids after an interruption */
    size_t n_written;   /* bytes of what was generated */
    bool output_gone;
    double start, prompt_start, prompt_end, first_token, end; /* seconds */
} generate_run;

/* Reads the flags, and the files that they name in place of flags. What only prints, such as --help, is done. */
firn_status generate_parse(generate_settings *settings, int argc, char **argv, firn_error *error);

int generate_given_prompts(const generate_settings *settings);

/* Writes to standard output at once. A reader that went away is no error, but the end. */
firn_status generate_put(generate_run *run, const char *bytes, size_t length, firn_error *error);

/* Writes what may be shown of the text by now, all of it at the end; nothing where JSON is wanted. */
firn_status generate_show_text(generate_run *run, bool at_end, firn_error *error);

firn_status generate_show_prompt(generate_run *run, firn_error *error);
firn_status generate_print_json(generate_run *run, firn_error *error);
void generate_print_summary(const generate_run *run);
size_t generate_count(const generate_run *run); /* tokens that were generated */

#endif
