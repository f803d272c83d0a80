/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_database.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 10000 }; /* for another program that reads or writes the file */

struct sweep_database {
    const char *path;
    const sweep_tasks *tasks;
    sqlite3 *handle;
    sqlite3_stmt *insert;
};

static const char create_table[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                                   "CREATE TABLE IF NOT EXISTS texts (key TEXT PRIMARY KEY, model TEXT, prompt INTEGER,"
#define COLUMN(name, what) #name " REAL,"
    SWEEP_MEASURE_LIST(COLUMN)
#undef COLUMN
        "name TEXT, stop TEXT, text TEXT, params TEXT, record TEXT NOT NULL)";

/* ?1 is the record, from which SQLite itself takes what is text; measures come from ?5 on. */
static const char insert_row[] = "INSERT OR REPLACE INTO texts (key, model, prompt, record, name, stop, text, params"
#define COLUMN(name, what) ", " #name
    SWEEP_MEASURE_LIST(COLUMN)
#undef COLUMN
        ") VALUES (?2, ?3, ?4, ?1, json_extract(?1, '$.name'), json_extract(?1, '$.stop'), json_extract(?1, '$.text'),"
        " json_extract(?1, '$.params')"
#define COLUMN(name, what) ", ?"
    SWEEP_MEASURE_LIST(COLUMN)
#undef COLUMN
        ")";

static firn_status failed(const sweep_database *d, firn_error *error)
{
    return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.200s: %s", d->path, sqlite3_errmsg(d->handle));
}

void sweep_database_close(sweep_database *database)
{
    if (database == NULL)
        return;
    sqlite3_finalize(database->insert);
    sqlite3_close(database->handle);
    free(database);
}

firn_status sweep_database_open(const char *path, bool resume, const sweep_tasks *tasks, sweep_database **out,
                                firn_error *error)
{
    *out = NULL;
    if (access(path, F_OK) == 0 && !resume)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET,
                         "%.200s is there already; --resume goes on with it, or give another name", path);
    sweep_database *const d = calloc(1, sizeof *d);
    if (d == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a database");
    d->path = path;
    d->tasks = tasks;
    firn_status status = FIRN_OK;
    if (sqlite3_open(path, &d->handle) != SQLITE_OK || sqlite3_busy_timeout(d->handle, WAIT_MS) != SQLITE_OK ||
        sqlite3_exec(d->handle, create_table, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(d->handle, insert_row, -1, &d->insert, NULL) != SQLITE_OK)
        status = failed(d, error);
    if (status == FIRN_OK)
        *out = d;
    else
        sweep_database_close(d);
    return status;
}

firn_status sweep_database_add(sweep_database *database, size_t task, const sweep_text *text, firn_error *error)
{
    sqlite3_stmt *const insert = database->insert;
    const sweep_task at = sweep_task_at(database->tasks, task);
    const char *const model = database->tasks->models->at[at.model];
    int result = sqlite3_bind_text64(insert, 1, text->line.data, text->line.length, SQLITE_STATIC, SQLITE_UTF8);
    if (result == SQLITE_OK)
        result = sqlite3_bind_text(insert, 2, text->key, -1, SQLITE_STATIC);
    if (result == SQLITE_OK)
        result = sqlite3_bind_text(insert, 3, model, -1, SQLITE_STATIC);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(insert, 4, (sqlite3_int64)at.prompt + 1);
    for (int i = 0; i < SWEEP_MEASURES && result == SQLITE_OK; i++)
        result = isfinite(text->measures[i]) ? sqlite3_bind_double(insert, 5 + i, text->measures[i])
                                             : sqlite3_bind_null(insert, 5 + i);
    if (result == SQLITE_OK)
        result = sqlite3_step(insert);
    const firn_status status = result == SQLITE_DONE ? FIRN_OK : failed(database, error);
    sqlite3_reset(insert);
    return status;
}

firn_status sweep_database_read(sweep_database *database,
                                firn_status (*take)(void *argument, const char *line, size_t length, firn_error *error),
                                void *argument, firn_error *error)
{
    sqlite3_stmt *select = NULL;
    firn_status status = FIRN_OK;
    int result = sqlite3_prepare_v2(database->handle, "SELECT record FROM texts", -1, &select, NULL);
    if (result != SQLITE_OK)
        return failed(database, error);
    while (status == FIRN_OK && (result = sqlite3_step(select)) == SQLITE_ROW)
        status = take(argument, (const char *)sqlite3_column_text(select, 0), (size_t)sqlite3_column_bytes(select, 0),
                      error);
    if (status == FIRN_OK && result != SQLITE_DONE)
        status = failed(database, error);
    sqlite3_finalize(select);
    return status;
}
