/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_signals.h"

#include "tools/common_system.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static char file_shrank[TOOL_PATH + 128];

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Reading a mapped page that the file no longer has. */
static void on_bus_error(int number)
{
    (void)number;
    const ssize_t written = write(STDERR_FILENO, file_shrank, strlen(file_shrank));
    _exit(written < 0 ? EXIT_FAILURE : 1);
}

void tool_handle_signals(const char *program, const char *model)
{
    struct sigaction action = {.sa_flags = (int)SA_RESETHAND};
    snprintf(file_shrank, sizeof file_shrank,
             "%s: error: %s: the file was cut short or its disk failed while it was in use\n", program, model);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = on_bus_error;
    sigaction(SIGBUS, &action, NULL);
    action.sa_handler = SIG_IGN; /* a write to a closed pipe fails instead */
    sigaction(SIGPIPE, &action, NULL);
}

bool tool_interrupted(void)
{
    return interrupted != 0;
}
