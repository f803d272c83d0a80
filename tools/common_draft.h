/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts as they are asked for on a command line: how many, and a draft model. */
#ifndef FIRN_TOOLS_COMMON_DRAFT_H
#define FIRN_TOOLS_COMMON_DRAFT_H

#include "engine/firn.h"

enum { TOOL_MOST_DRAFTS = 15 };

typedef struct tool_draft_options {
    const char *model, *p_min; /* checkpoint, probability; NULL: none */
    uint32_t n_max, n_min;
} tool_draft_options;

/* Rows of a program's options; d is a tool_draft_options *. */
#define TOOL_DRAFT_OPTIONS(d, n_max_default)                                                                     \
    {"--spec-draft-n-max,--draft-max",                                                                           \
     "N",                                                                                                        \
     TOOL_COUNT,                                                                                                 \
     &(d)->n_max,                                                                                                \
     TOOL_MOST_DRAFTS,                                                                                           \
     "most tokens that are drafted in one step, where a text repeats itself or with -md; changes no result; 0: " \
     "none (" n_max_default ")"},                                                                                \
        {"-md,--model-draft,--spec-draft-model",                                                                 \
         "FILE",                                                                                                 \
         TOOL_TEXT,                                                                                              \
         &(d)->model,                                                                                            \
         0,                                                                                                      \
         "small checkpoint of the same vocabulary that drafts tokens where that pays; changes no result"},       \
        {"--spec-draft-n-min,--draft-min",                                                                       \
         "N",                                                                                                    \
         TOOL_COUNT,                                                                                             \
         &(d)->n_min,                                                                                            \
         TOOL_MOST_DRAFTS,                                                                                       \
         "with -md: tokens to draft in each step, whether it pays or not; 0: as many as pay (0)"},               \
    {                                                                                                            \
        "--spec-draft-p-min,--draft-p-min", "P", TOOL_TEXT, &(d)->p_min, 0,                                      \
            "with -md: draft no token that the draft model thinks less likely than this, from 0 to 1 (0)"        \
    }

/* What was asked for, opened. Starts as zeros. */
typedef struct tool_draft {
    firn_model *model; /* NULL: none */
    uint32_t n_max, n_min;
    double p_min;
} tool_draft;

/* Whether a draft model has something to do where parameters are these. */
bool tool_draft_helps(const firn_generation_parameters *parameters);

/* Fails where it is the model at this path itself. */
firn_status tool_draft_check(const tool_draft_options *options, const char *model_path, firn_error *error);

/* Fails where other options leave a draft model nothing to do, or it doesn't `help` for other reasons. */
firn_status tool_draft_open(const tool_draft_options *options, bool helps, firn_context *context, bool pack_cache,
                            tool_draft *out, firn_error *error);
void tool_draft_close(tool_draft *draft);

/* Says on standard error why a draft model drafted no more, if it failed. */
void tool_draft_print_fault(const firn_error *fault);

/* For texts of one timeline. */
firn_status tool_draft_create(const tool_draft *draft, const firn_model *model, firn_drafter **out, firn_error *error);

#endif
