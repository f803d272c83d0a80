/* SPDX-License-Identifier: Apache-2.0 */
/* Another checkpoint as a judge: how likely it finds a text. */
#ifndef FIRN_TOOLS_SWEEP_JUDGE_MODEL_H
#define FIRN_TOOLS_SWEEP_JUDGE_MODEL_H

#include "base/slice.h"
#include "engine/firn.h"

typedef struct sweep_judge_model sweep_judge_model;

firn_status sweep_judge_model_open(firn_context *context, const char *path, sweep_judge_model **out, firn_error *error);
void sweep_judge_model_close(sweep_judge_model *judge); /* NULL is allowed */

/*
 * The mean natural-log probability, per token of this checkpoint's, of the text after the prompt; NaN where the text
 * has no token. Special tokens are recognised in the prompt only.
 */
firn_status sweep_judge_model_ask(sweep_judge_model *judge, base_slice prompt, base_slice text, double *logprob,
                                  firn_error *error);

#endif
