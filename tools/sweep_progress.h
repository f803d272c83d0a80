/* SPDX-License-Identifier: Apache-2.0 */
/* How far a sweep is: a bar on a terminal, redrawn a few times a second, with the time that is left. */
#ifndef FIRN_TOOLS_SWEEP_PROGRESS_H
#define FIRN_TOOLS_SWEEP_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sweep_progress {
    size_t n_texts, n_done, n_taken; /* of all; done now; taken from an earlier run */
    size_t n_tokens;                 /* generated now */
    size_t n_tokens_done;            /* of texts that are done */
    int expected;                    /* tokens of a text before any is done */
    double start, drawn;             /* seconds */
    bool terminal;
} sweep_progress;

sweep_progress sweep_progress_begin(size_t n_texts, int expected_tokens);

/* Draws, if it is time to. */
void sweep_progress_show(sweep_progress *progress);

/* Takes the bar away. */
void sweep_progress_end(const sweep_progress *progress);

#endif
