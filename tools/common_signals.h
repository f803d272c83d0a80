/* SPDX-License-Identifier: Apache-2.0 */
/* Signals of a program that runs a model: an interrupt is told, and a file that shrinks ends it with one line. */
#ifndef FIRN_TOOLS_COMMON_SIGNALS_H
#define FIRN_TOOLS_COMMON_SIGNALS_H

#include <stdbool.h>

/* The first SIGINT or SIGTERM is remembered, a second one ends the program; a write to a closed pipe fails. */
void tool_handle_signals(const char *program, const char *model);
bool tool_interrupted(void);

#endif
