/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_store.h"

#include "tools/sweep_csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static firn_status failed(const char *path, firn_error *error)
{
    return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.200s: %s", path, strerror(errno));
}

/* ---- an earlier run ---- */

static int compare_keys(const void *a, const void *b)
{
    const sweep_text *const *const x = a, *const *const y = b;
    return strcmp((*x)->key, (*y)->key);
}

static firn_status keep_earlier(void *argument, const char *line, size_t length, firn_error *error)
{
    sweep_store *const store = argument;
    sweep_text **const grown = realloc(store->earlier, (store->n_earlier + 1) * sizeof *grown);
    const tool_text copy = {strndup(line, length), length};
    if (grown != NULL)
        store->earlier = grown;
    if (grown == NULL || copy.data == NULL) {
        free(copy.data);
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the texts of an earlier run");
    }
    const firn_status status = sweep_text_read(copy, &store->earlier[store->n_earlier], error);
    store->n_earlier += status == FIRN_OK;
    if (status != FIRN_OK)
        free(copy.data);
    return status;
}

/* Reads a file of lines. *whole: bytes up to the end of its last whole line, after which a killed run wrote a part. */
static firn_status read_jsonl(sweep_store *store, const char *path, size_t *whole, firn_error *error)
{
    tool_text text;
    firn_status status = tool_read(path, &text, error);
    *whole = 0;
    for (size_t number = 1; status == FIRN_OK; number++) {
        firn_error fault = {0};
        const char *const end = memchr(text.data + *whole, '\n', text.length - *whole);
        if (end == NULL)
            break;
        status = keep_earlier(store, text.data + *whole, (size_t)(end - text.data) - *whole, &fault);
        if (status != FIRN_OK)
            base_fail(error, status, *whole, "%.200s: line %zu: %s", path, number, fault.message);
        *whole = (size_t)(end - text.data) + 1;
    }
    free(text.data);
    return status;
}

/* ---- opening ---- */

static firn_status open_jsonl(sweep_store *store, firn_error *error)
{
    const char *const path = store->options->jsonl;
    const bool exists = access(path, F_OK) == 0;
    size_t whole = 0;
    if (exists && !store->options->resume)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET,
                         "%.200s is there already; --resume goes on with it, or give another name", path);
    firn_status status = exists ? read_jsonl(store, path, &whole, error) : FIRN_OK;
    if (status != FIRN_OK)
        return status;
    store->jsonl = fopen(path, "ab");
    if (store->jsonl == NULL || (exists && ftruncate(fileno(store->jsonl), (off_t)whole) != 0))
        return failed(path, error);
    return FIRN_OK;
}

static firn_status open_csv(sweep_store *store, firn_error *error)
{
    const char *const path = store->options->csv;
    if (access(path, F_OK) == 0 && !store->options->resume)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET,
                         "%.200s is there already; --resume writes it anew, or give another name", path);
    store->csv = fopen(path, "wb");
    if (store->csv == NULL)
        return failed(path, error);
    sweep_csv_head(store->csv, store->tasks);
    return FIRN_OK;
}

firn_status sweep_store_open(sweep_store *store, const sweep_store_options *options, const sweep_tasks *tasks,
                             firn_error *error)
{
    firn_status status = FIRN_OK;
    *store = (sweep_store){.options = options, .tasks = tasks};
    if (options->resume && options->jsonl == NULL && options->database == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--resume needs the --jsonl or the --db of the run that it goes on with");
    store->texts = calloc(tasks->count, sizeof *store->texts);
    if (store->texts == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %zu texts", tasks->count);
    if (options->jsonl != NULL)
        status = open_jsonl(store, error);
    if (status == FIRN_OK && options->csv != NULL)
        status = open_csv(store, error);
    if (status == FIRN_OK && options->database != NULL)
        status = sweep_database_open(options->database, options->resume, tasks, &store->database, error);
    if (status == FIRN_OK && options->database != NULL && options->jsonl == NULL && options->resume)
        status = sweep_database_read(store->database, keep_earlier, store, error);
    if (store->n_earlier > 1)
        qsort(store->earlier, store->n_earlier, sizeof *store->earlier, compare_keys);
    return status;
}

firn_status sweep_store_close(sweep_store *store, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (store->jsonl != NULL && fclose(store->jsonl) != 0)
        status = failed(store->options->jsonl, error);
    if (store->csv != NULL && fclose(store->csv) != 0 && status == FIRN_OK)
        status = failed(store->options->csv, error);
    sweep_database_close(store->database);
    for (size_t i = 0; store->texts != NULL && i < store->tasks->count; i++)
        sweep_text_free(store->texts[i]);
    for (size_t i = 0; i < store->n_earlier; i++)
        sweep_text_free(store->earlier[i]);
    free(store->texts);
    free(store->earlier);
    *store = (sweep_store){.jsonl = NULL};
    return status;
}

/* ---- texts ---- */

/* Puts a text to its task, and into the files that are written from the beginning. */
static firn_status place(sweep_store *store, size_t task, sweep_text *text, firn_error *error)
{
    sweep_text_free(store->texts[task]);
    store->texts[task] = text;
    store->n_texts++;
    if (store->csv != NULL) {
        sweep_csv_row(store->csv, store->tasks, task, text);
        if (fflush(store->csv) != 0)
            return failed(store->options->csv, error);
    }
    return store->database != NULL ? sweep_database_add(store->database, task, text, error) : FIRN_OK;
}

bool sweep_store_has(sweep_store *store, size_t task, const char *key, firn_status *status, firn_error *error)
{
    size_t low = 0, high = store->n_earlier;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(store->earlier[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (store->texts[task] != NULL || low == store->n_earlier || strcmp(store->earlier[low]->key, key) != 0)
        return store->texts[task] != NULL;
    /* the same text may be wanted twice, such as by two equal prompts */
    sweep_text *text;
    const tool_text line = {strndup(store->earlier[low]->line.data, store->earlier[low]->line.length),
                            store->earlier[low]->line.length};
    *status = line.data != NULL ? sweep_text_read(line, &text, error)
                                : base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a text");
    if (*status == FIRN_OK)
        *status = place(store, task, text, error);
    else
        free(line.data);
    store->n_taken += *status == FIRN_OK;
    return true;
}

firn_status sweep_store_add(sweep_store *store, size_t task, tool_text line, firn_error *error)
{
    sweep_text *text;
    const firn_status status = sweep_text_read(line, &text, error);
    if (status != FIRN_OK) {
        free(line.data);
        return status;
    }
    if (store->jsonl != NULL) { /* one line in one write: what is there after a kill are whole lines but for the last */
        fwrite(line.data, 1, line.length, store->jsonl);
        fputc('\n', store->jsonl);
        if (fflush(store->jsonl) != 0) {
            sweep_text_free(text);
            return failed(store->options->jsonl, error);
        }
    }
    return place(store, task, text, error);
}
