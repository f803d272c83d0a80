/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of a sweep that are there: in memory, and as they come in files: JSON lines, CSV, a database. What an
 * earlier run of the same sweep left is taken up again; whatever ended that run, all but the text that was being
 * written is there.
 */
#ifndef FIRN_TOOLS_SWEEP_STORE_H
#define FIRN_TOOLS_SWEEP_STORE_H

#include "tools/sweep_database.h"
#include "tools/sweep_record.h"
#include "tools/sweep_tasks.h"

#include <stdio.h>

typedef struct sweep_store_options {
    const char *jsonl, *csv, *database; /* paths, or NULL */
    bool resume;
} sweep_store_options;

/* Start from {0}, release with sweep_store_close. */
typedef struct sweep_store {
    const sweep_store_options *options;
    const sweep_tasks *tasks;
    sweep_text **texts;   /* [tasks->count] NULL: not there */
    size_t n_texts;       /* that are there */
    sweep_text **earlier; /* [n_earlier] of an earlier run, by key; NULL where they found their task */
    size_t n_earlier, n_taken;
    FILE *jsonl, *csv;
    sweep_database *database;
} sweep_store;

firn_status sweep_store_open(sweep_store *store, const sweep_store_options *options, const sweep_tasks *tasks,
                             firn_error *error);
/* Fails where not everything could be written. */
firn_status sweep_store_close(sweep_store *store, firn_error *error);

/* Whether an earlier run left this task's text; if so it is taken up. */
bool sweep_store_has(sweep_store *store, size_t task, const char *key, firn_status *status, firn_error *error);

/* Adds a text, whose line becomes the store's, and writes it to every file. */
firn_status sweep_store_add(sweep_store *store, size_t task, tool_text line, firn_error *error);

#endif
