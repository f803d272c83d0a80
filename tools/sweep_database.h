/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of a sweep as an SQLite database: a table `texts` with a row for each, its measures as columns, `params` as
 * JSON (`json_extract(params, '$.temperature')`) and the whole record.
 */
#ifndef FIRN_TOOLS_SWEEP_DATABASE_H
#define FIRN_TOOLS_SWEEP_DATABASE_H

#include "tools/sweep_record.h"
#include "tools/sweep_tasks.h"

typedef struct sweep_database sweep_database;

/* A file that is there already is an error unless `resume`. */
firn_status sweep_database_open(const char *path, bool resume, const sweep_tasks *tasks, sweep_database **out,
                                firn_error *error);
void sweep_database_close(sweep_database *database); /* NULL is allowed */

/* Each text is there once this returns, whatever happens to the program later. */
firn_status sweep_database_add(sweep_database *database, size_t task, const sweep_text *text, firn_error *error);

/* Gives the record of each row. */
firn_status sweep_database_read(sweep_database *database,
                                firn_status (*take)(void *argument, const char *line, size_t length, firn_error *error),
                                void *argument, firn_error *error);

#endif
