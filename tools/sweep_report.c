/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_report.h"

#include "tools/common_file.h"
#include "tools/common_json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <time.h>

enum { DIGITS = 7 };

/* ---- JSON within a script element: no byte of it may end the element ---- */

static void write_escaped(FILE *out, const char *json, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (json[i] == '<') /* stands in strings only */
            fputs("\\u003c", out);
        else
            fputc(json[i], out);
}

static void write_string(FILE *out, const char *text)
{
    char *json = NULL;
    size_t length;
    FILE *const memory = open_memstream(&json, &length);
    if (memory == NULL)
        return;
    tool_json_string(memory, text, strlen(text));
    if (fclose(memory) == 0)
        write_escaped(out, json, length);
    free(json);
}

static bool write_tree(FILE *out, const cJSON *tree)
{
    char *const json = tree != NULL ? cJSON_PrintUnformatted(tree) : NULL;
    if (json != NULL)
        write_escaped(out, json, strlen(json));
    else
        fputs("null", out);
    cJSON_free(json);
    return tree == NULL || json != NULL;
}

static void write_number(FILE *out, double value)
{
    tool_json_number(out, value, DIGITS);
}

/* ---- parts ---- */

static void write_indexes(FILE *out, const sweep_plan *plan, size_t setting)
{
    fputs("\"at\":[", out);
    for (size_t a = 0; a < plan->n_axes; a++)
        fprintf(out, "%s%u", a == 0 ? "" : ",", plan->settings[setting * plan->n_axes + a]);
    fputc(']', out);
}

static void write_axes(FILE *out, const sweep_plan *plan)
{
    fputs(",\n\"axes\":[", out);
    for (size_t a = 0; a < plan->n_axes; a++) {
        const sweep_axis *const axis = &plan->axes[a];
        fprintf(out, "%s\n{\"name\":\"%s\",\"help\":", a == 0 ? "" : ",", axis->row->name);
        write_string(out, axis->row->help);
        fputs(",\"values\":[", out);
        for (size_t v = 0; v < axis->n_values; v++) {
            fputs(v == 0 ? "" : ",", out);
            write_escaped(out, axis->values[v], strlen(axis->values[v]));
        }
        fputs("]}", out);
    }
    fputs("],\n\"measures\":[", out);
    for (int i = 0; i < SWEEP_MEASURES; i++) {
        fprintf(out, "%s{\"name\":\"%s\",\"help\":", i == 0 ? "" : ",", sweep_measure_name((sweep_measure)i));
        write_string(out, sweep_measure_help((sweep_measure)i));
        fputc('}', out);
    }
    fputs("]", out);
}

static void write_cell(FILE *out, const sweep_plan *plan, const sweep_cell *cell)
{
    fprintf(out, "{\"model\":%zu,\"prompt\":%zu,", cell->model, cell->prompt);
    write_indexes(out, plan, cell->setting);
    fprintf(out, ",\"n\":%zu,\"mean\":[", cell->n_texts);
    for (int i = 0; i < SWEEP_MEASURES; i++) {
        fputs(i == 0 ? "" : ",", out);
        write_number(out, cell->measures[i].mean);
    }
    fputs("],\"spread\":[", out);
    for (int i = 0; i < SWEEP_MEASURES; i++) {
        fputs(i == 0 ? "" : ",", out);
        write_number(out, cell->measures[i].spread);
    }
    fputs("],\"similarity\":", out);
    write_number(out, cell->similarity);
    fputs(",\"divergence\":[", out);
    for (size_t a = 0; a < plan->n_axes; a++) {
        fputs(a == 0 ? "" : ",", out);
        write_number(out, cell->divergences[a]);
    }
    double low = 0, high = 1;
    if (cell->n_judged > 0)
        sweep_wilson(cell->n_passed, cell->n_judged, &low, &high);
    fprintf(out, "],\"judged\":%zu,\"passed\":%zu,\"low\":%.7g,\"high\":%.7g}", cell->n_judged, cell->n_passed, low,
            high);
}

/* Members that all texts of a prompt and a model share, and those that all texts do. */
static const char *const input_members[] = {"checkpoint", "adapters", "n_ctx", "prompt", "messages", "prompt_ids"};
static const char *const common_members[] = {"firn", "constraint", "params", "sequence"};
enum { INPUT_MEMBERS = sizeof input_members / sizeof input_members[0] };
enum { COMMON_MEMBERS = sizeof common_members / sizeof common_members[0] };

static firn_status parse(const sweep_text *text, cJSON **record, firn_error *error)
{
    *record = cJSON_ParseWithLength(text->line.data, text->line.length);
    return *record != NULL ? FIRN_OK
                           : base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a report's text");
}

/* The first text of a model and a prompt; NULL: there is none. */
static const sweep_text *first_text(const sweep_store *store, size_t model, size_t prompt)
{
    const sweep_tasks *const tasks = store->tasks;
    for (size_t s = 0; s < tasks->plan->n_settings; s++) {
        const sweep_text *const text = store->texts[sweep_task_number(tasks, (sweep_task){model, prompt, s})];
        if (text != NULL)
            return text;
    }
    return NULL;
}

static firn_status write_inputs(FILE *out, const sweep_store *store, firn_error *error)
{
    const size_t n_prompts = store->tasks->prompts->count, n = store->tasks->models->count * n_prompts;
    firn_status status = FIRN_OK;
    fputs(",\n\"inputs\":[", out);
    for (size_t i = 0; i < n && status == FIRN_OK; i++) {
        const sweep_text *const text = first_text(store, i / n_prompts, i % n_prompts);
        cJSON *record = NULL;
        if (text != NULL)
            status = parse(text, &record, error);
        fputs(i == 0 ? "{" : ",{", out);
        for (int m = 0; m < INPUT_MEMBERS && record != NULL; m++) {
            fprintf(out, "%s\"%s\":", m == 0 ? "" : ",", input_members[m]);
            write_tree(out, cJSON_GetObjectItemCaseSensitive(record, input_members[m]));
        }
        fputc('}', out);
        cJSON_Delete(record);
    }
    fputc(']', out);
    return status;
}

static firn_status write_texts(FILE *out, const sweep_store *store, firn_error *error)
{
    const sweep_tasks *const tasks = store->tasks;
    firn_status status = FIRN_OK;
    fputs(",\n\"texts\":[", out);
    for (size_t task = 0, n = 0; task < tasks->count && status == FIRN_OK; task++) {
        const sweep_task at = sweep_task_at(tasks, task);
        cJSON *record;
        if (store->texts[task] == NULL)
            continue;
        status = parse(store->texts[task], &record, error);
        if (status != FIRN_OK)
            break;
        for (int m = 0; m < INPUT_MEMBERS; m++)
            cJSON_DeleteItemFromObjectCaseSensitive(record, input_members[m]);
        for (int m = 0; m < COMMON_MEMBERS; m++)
            cJSON_DeleteItemFromObjectCaseSensitive(record, common_members[m]);
        fprintf(out, "%s\n{\"model\":%zu,\"prompt\":%zu,", n++ == 0 ? "" : ",", at.model, at.prompt);
        write_indexes(out, tasks->plan, at.setting);
        fputs(",\"record\":", out);
        if (!write_tree(out, record))
            status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a report's text");
        fputc('}', out);
        cJSON_Delete(record);
    }
    fputs("]", out);
    return status;
}

static void write_names(FILE *out, const sweep_tasks *tasks)
{
    fputs("\"models\":[", out);
    for (size_t m = 0; m < tasks->models->count; m++) {
        fputs(m == 0 ? "" : ",", out);
        write_string(out, tasks->models->at[m]);
    }
    fputs("],\n\"prompts\":[", out);
    for (size_t p = 0; p < tasks->prompts->count; p++) {
        const char *const name = tasks->prompts->at[p].name;
        fputs(p == 0 ? "{\"name\":" : ",{\"name\":", out);
        if (name != NULL)
            write_string(out, name);
        else
            fputs("null", out);
        fputc('}', out);
    }
    fputs("]", out);
}

static firn_status write_data(FILE *out, const sweep_store *store, const sweep_summary *summary, firn_error *error)
{
    const sweep_tasks *const tasks = store->tasks;
    char date[32] = "";
    struct tm now;
    const time_t seconds = time(NULL);
    char *parameters = NULL;
    size_t length = 0;
    if (gmtime_r(&seconds, &now) != NULL)
        strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", &now);
    fprintf(out, "{\"firn\":\"%s\",\"date\":\"%s\",\"n_texts\":%zu,", FIRN_VERSION, date, tasks->count);
    write_names(out, tasks);
    FILE *const memory = open_memstream(&parameters, &length);
    if (memory == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a report");
    tool_json_parameters(memory, &tasks->plan->base);
    fputs(",\n\"params\":", out);
    if (fclose(memory) == 0)
        write_escaped(out, parameters, length);
    free(parameters);
    cJSON *record = NULL;
    firn_status status = FIRN_OK;
    for (size_t task = 0; task < tasks->count && record == NULL && status == FIRN_OK; task++)
        if (store->texts[task] != NULL)
            status = parse(store->texts[task], &record, error);
    fputs(",\n\"constraint\":", out);
    write_tree(out, record != NULL ? cJSON_GetObjectItemCaseSensitive(record, "constraint") : NULL);
    cJSON_Delete(record);
    write_axes(out, tasks->plan);
    fputs(",\n\"cells\":[", out);
    for (size_t i = 0, n = 0; i < summary->n_cells; i++)
        if (summary->cells[i].n_texts > 0) {
            fputs(n++ == 0 ? "\n" : ",\n", out);
            write_cell(out, tasks->plan, &summary->cells[i]);
        }
    fputs("]", out);
    if (status == FIRN_OK)
        status = write_inputs(out, store, error);
    if (status == FIRN_OK)
        status = write_texts(out, store, error);
    fputs("}", out);
    return status;
}

firn_status sweep_report_save(const sweep_store *store, const sweep_summary *summary, const char *path,
                              firn_error *error)
{
    tool_file file;
    firn_status status = tool_file_create(path, &file, error);
    if (status != FIRN_OK)
        return status;
    fwrite(sweep_page_before, 1, sweep_page_before_size, file.out);
    status = write_data(file.out, store, summary, error);
    fwrite(sweep_page_after, 1, sweep_page_after_size, file.out);
    const firn_status closed = tool_file_close(&file, status == FIRN_OK, status == FIRN_OK ? error : NULL);
    return status == FIRN_OK ? closed : status;
}
