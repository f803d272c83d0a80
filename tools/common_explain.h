/* SPDX-License-Identifier: Apache-2.0 */
/* Why a token was picked, as a table for people. */
#ifndef FIRN_TOOLS_COMMON_EXPLAIN_H
#define FIRN_TOOLS_COMMON_EXPLAIN_H

#include "engine/firn.h"

#include <stdio.h>

/*
 * A row for each candidate: its probability in percent under the model and after each stage (how many tokens the stage
 * left stands in the head; a dot where the candidate is gone), the noise, and a mark for the winner.
 */
firn_status tool_explain(FILE *out, const firn_model *model, const firn_explanation *explanation, size_t number,
                         firn_error *error);

#endif
