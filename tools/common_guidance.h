/* SPDX-License-Identifier: Apache-2.0 */
/* What guidance and contrast go away from, as it is given on a command line: a negative prompt, a weaker model. */
#ifndef FIRN_TOOLS_COMMON_GUIDANCE_H
#define FIRN_TOOLS_COMMON_GUIDANCE_H

#include "tools/common_chat.h"

typedef struct tool_guidance_options {
    const char *negative, *negative_file; /* prompt; NULL: none */
    const char *weaker;                   /* checkpoint; NULL: none */
} tool_guidance_options;

/* Starts as zeros; release with tool_guidance_close. */
typedef struct tool_guidance {
    tool_text negative; /* data is NULL where there is none */
    int32_t *ids;       /* [n_ids] of it */
    size_t n_ids;
    firn_model *weaker;
} tool_guidance;

/* Refuses parameters without what they need, and what has no effect on them. */
firn_status tool_guidance_check(const tool_guidance_options *options, const firn_generation_parameters *parameters,
                                firn_error *error);

/* `escapes`: as in tool_copy. To be released after a failure too. */
firn_status tool_guidance_open(const tool_guidance_options *options, int escapes, firn_context *context,
                               tool_guidance *out, firn_error *error);
void tool_guidance_close(tool_guidance *guidance);

/*
 * Makes the ids of the negative prompt, which stands in the last user message's place where the chat has a template,
 * and tells `options` of all there is.
 */
firn_status tool_guidance_apply(tool_guidance *guidance, tool_chat *chat, const firn_model *model,
                                firn_generation_options *options, firn_error *error);

#endif
