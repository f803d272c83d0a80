/* SPDX-License-Identifier: Apache-2.0 */
/* A command as a judge: what people already have to say whether a text is good, such as a compiler or a test. */
#ifndef FIRN_TOOLS_SWEEP_JUDGE_COMMAND_H
#define FIRN_TOOLS_SWEEP_JUDGE_COMMAND_H

#include "tools/sweep_judges.h"

enum { SWEEP_COMMAND_SECONDS = 60 };

/*
 * Runs `sh -c command` with the record on standard input. Exit status 0 passes the text and 1 fails it; anything else
 * is an error, and so is a command that runs for more than SWEEP_COMMAND_SECONDS. If the first line that it writes is a
 * number, that is *score.
 */
firn_status sweep_judge_command(const char *command, base_slice record, sweep_verdict *verdict, double *score,
                                firn_error *error);

#endif
