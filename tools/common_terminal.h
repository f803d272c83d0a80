/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages typed by a person: with line editing, history and pastes of several lines where standard input is a terminal
 * and libedit was there at the build, else plain lines. A line that ends in a backslash goes on in the next. The
 * history is kept for the next run.
 */
#ifndef FIRN_TOOLS_COMMON_TERMINAL_H
#define FIRN_TOOLS_COMMON_TERMINAL_H

#include "tools/common_text.h"

typedef struct tool_terminal tool_terminal;

/* Takes the user's locale for characters, or else UTF-8. */
firn_status tool_terminal_open(tool_terminal **out, firn_error *error);
void tool_terminal_close(tool_terminal *terminal); /* NULL is allowed */

typedef enum tool_typed {
    TOOL_TYPED_MESSAGE,
    TOOL_TYPED_NOTHING, /* Ctrl-C */
    TOOL_TYPED_END,     /* Ctrl-D, the end of a file, or no memory */
} tool_typed;

/*
 * Reads one message, without the newline at its end. *message is the terminal's until the next call. Interrupts are
 * TOOL_TYPED_NOTHING if the program handles SIGINT without SA_RESTART.
 */
tool_typed tool_terminal_read(tool_terminal *terminal, tool_text *message);

#endif
