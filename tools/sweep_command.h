/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sweep's command line says: its flags, and the texts that they ask for. What makes no sense together is refused
 * here, before any checkpoint is opened.
 */
#ifndef FIRN_TOOLS_SWEEP_COMMAND_H
#define FIRN_TOOLS_SWEEP_COMMAND_H

#include "tools/common_arguments.h"
#include "tools/common_system.h"
#include "tools/sweep_plan.h"
#include "tools/sweep_store.h"
#include "tools/sweep_work.h"

typedef struct sweep_settings {
    tool_texts models, weakers, prompts, negatives;
    const char *positional, *file, *system_file, *cells, *preset, *summary, *html, *cpu_level, *negative_file;
    uint32_t n_threads, n_ctx, n_batch, n_parallel, limit_seconds, limit_tokens;
    firn_cache_types cache_types;
    bool raw, escapes, check_parameters, quiet, version;
    tool_help_form help;
    tool_chat_options chat;
    tool_constraint_options constraint;
    sweep_plan_options plan_options;
    sweep_judge_options judges;
    sweep_store_options store;
    tool_draft_options draft;
} sweep_settings;

/* Starts as zeros. */
typedef struct sweep_command {
    sweep_settings settings;
    sweep_plan plan;
    sweep_prompts prompts;
    tool_text system;
    tool_constraint constraint;
    char default_model[TOOL_PATH];
    tool_texts paths, weakers, names; /* of each model, with each weaker one */
    char *name_storage[TOOL_MOST_TEXTS];
    sweep_tasks tasks; /* of all these */
} sweep_command;

/* Reads the flags, and what the files that they name say of cells and parameters. Shows the help if it is asked for. */
firn_status sweep_command_parse(sweep_command *command, int argc, char **argv, firn_error *error);

/* Everything that they ask for, as tasks. */
firn_status sweep_command_prepare(sweep_command *command, firn_error *error);

void sweep_command_free(sweep_command *command); /* also after a failure */

#endif
