/* SPDX-License-Identifier: Apache-2.0 */
/* Why tokens were picked: as a table for people, as JSON, and as a page that a browser shows without any network. */
#ifndef FIRN_TOOLS_COMMON_EXPLAIN_H
#define FIRN_TOOLS_COMMON_EXPLAIN_H

#include "base/slice.h"
#include "engine/firn.h"

#include <stdio.h>

/*
 * A row for each candidate: its probability in percent under the model and after each stage (how many tokens the stage
 * left stands in the head; a dot where the candidate is gone), the noise, and a mark for the winner.
 */
firn_status tool_explain(FILE *out, const firn_model *model, const firn_explanation *explanation, size_t number,
                         firn_error *error);

/* Explanations that are kept as JSON, one object a token. Start from {0}, release with tool_explanations_free. */
typedef struct tool_explanations {
    char **tokens; /* [count] */
    size_t count, capacity;
} tool_explanations;

void tool_explanations_free(tool_explanations *explanations);

/* Keeps that of a token by its number (from 1). Those from this number on, which were taken back, are forgotten. */
firn_status tool_explanations_add(tool_explanations *explanations, const firn_model *model,
                                  const firn_explanation *explanation, size_t number, firn_error *error);

/* What an explained text was made of, and it. */
typedef struct tool_explained_text {
    const firn_model *model;
    const firn_generation_parameters *parameters;
    base_slice prompt, text; /* prompt: data may be NULL */
} tool_explained_text;

/* Writes files, whole or not at all: JSON (docs/FORMATS.md), and the page. A path that is NULL: none. */
firn_status tool_explanations_save(const char *json_path, const char *html_path, const tool_explanations *explanations,
                                   const tool_explained_text *text, firn_error *error);

#endif
