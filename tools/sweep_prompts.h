/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prompts of a sweep: from the command line, or one a line in files. A line that begins with '{' is JSON, with
 * "prompt" (a text) or "messages" (a conversation, maybe with "tools"), and maybe "name", "expect" (a regular
 * expression that texts of this prompt are judged by) and "negative_prompt" (what guidance goes away from).
 */
#ifndef FIRN_TOOLS_SWEEP_PROMPTS_H
#define FIRN_TOOLS_SWEEP_PROMPTS_H

#include "tools/common_chat.h"

typedef struct sweep_prompt {
    tool_text text; /* data is NULL where there are messages only */
    char *messages; /* JSON: an array, or an object with it and tools; or NULL */
    char *name, *expect;
    tool_text negative; /* prompt; data is NULL where there is none */
} sweep_prompt;

/* Start from {0}, release with sweep_prompts_free. */
typedef struct sweep_prompts {
    sweep_prompt *at;
    size_t count;
} sweep_prompts;

void sweep_prompts_free(sweep_prompts *prompts);

/* Adds one, with escapes as generate's -p has them where they are wanted; NULL: what --messages says is all. */
firn_status sweep_prompts_add(sweep_prompts *prompts, const char *text, bool escapes, firn_error *error);

/* Adds those in a file; NULL: standard input. Lines without a character are passed over. */
firn_status sweep_prompts_read(sweep_prompts *prompts, const char *path, firn_error *error);

/* Each prompt that has no negative prompt of its own goes with each of these. */
firn_status sweep_prompts_cross(sweep_prompts *prompts, const tool_text *negatives, size_t count, firn_error *error);

/* A prompt for one model. Release with sweep_input_free. */
typedef struct sweep_input {
    int32_t *ids; /* [n_ids] */
    size_t n_ids;
    int32_t *negative_ids; /* [n_negative] of the negative prompt; NULL: none */
    size_t n_negative;
    tool_text text;     /* that the ids were made of: rendered, where there is a chat template */
    tool_text messages; /* JSON; data is NULL where the prompt is no conversation */
} sweep_input;

/* As generate makes ids of a prompt. `raw`: without a chat template. */
firn_status sweep_prompt_input(const sweep_prompt *prompt, firn_model *model, const tool_chat_options *chat, bool raw,
                               sweep_input *out, firn_error *error);
void sweep_input_free(sweep_input *input);

#endif
