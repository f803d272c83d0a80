/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_summary.h"

#include "tools/common_file.h"
#include "tools/sweep_csv.h"

#include <math.h>
#include <stdlib.h>

void sweep_summary_free(sweep_summary *summary)
{
    free(summary->cells);
    free(summary->divergences);
    *summary = (sweep_summary){.cells = NULL};
}

/* ---- one cell ---- */

/* The tasks of a cell: its settings, which lie together in the plan's order, for one prompt or for all. */
typedef struct members {
    size_t begin, end; /* in the plan's order */
    size_t first_prompt, end_prompt;
} members;

static const sweep_text *text_of(const sweep_store *store, size_t model, size_t prompt, size_t setting)
{
    return store->texts[sweep_task_number(store->tasks, (sweep_task){model, prompt, setting})];
}

/* Mean and spread of every measure, by Welford's recurrence. */
static void add_measures(sweep_cell *cell, const sweep_text *text, double squares[SWEEP_MEASURES])
{
    for (int i = 0; i < SWEEP_MEASURES; i++) {
        sweep_statistic *const s = &cell->measures[i];
        const double x = text->measures[i];
        if (!isfinite(x))
            continue;
        const double before = x - s->mean;
        s->n++;
        s->mean += before / (double)s->n;
        squares[i] += before * (x - s->mean);
    }
    cell->n_texts++;
    cell->n_judged += isfinite(text->measures[SWEEP_passed]);
    cell->n_passed += text->measures[SWEEP_passed] == 1;
}

static firn_status measure_similarity(const sweep_store *store, sweep_cell *cell, const members *m, firn_error *error)
{
    const sweep_plan *const plan = store->tasks->plan;
    double sum = 0;
    size_t n = 0;
    for (size_t p = m->first_prompt; p < m->end_prompt; p++)
        for (size_t i = m->begin; i < m->end; i++)
            for (size_t j = i + 1; j < m->end; j++) {
                const sweep_text *const a = text_of(store, cell->model, p, plan->order[i]), *const b = text_of(
                                                                                                store, cell->model, p,
                                                                                                plan->order[j]);
                double similarity;
                if (a == NULL || b == NULL)
                    continue;
                const firn_status status = sweep_similarity(a->ids, a->n_ids, b->ids, b->n_ids, &similarity, error);
                if (status != FIRN_OK)
                    return status;
                sum += similarity;
                n++;
            }
    cell->similarity = n > 0 ? sum / (double)n : NAN;
    return FIRN_OK;
}

/* Index of the first token in which a text differs from that with the axis' value before; false: there is none. */
static bool divergence_of(const sweep_store *store, size_t task, size_t axis, size_t *neighbour, size_t *at)
{
    const sweep_plan *const plan = store->tasks->plan;
    sweep_task place = sweep_task_at(store->tasks, task);
    uint32_t indexes[SWEEP_MOST_AXES];
    memcpy(indexes, plan->settings + place.setting * plan->n_axes, plan->n_axes * sizeof indexes[0]);
    if (indexes[axis]-- == 0)
        return false;
    place.setting = sweep_plan_find(plan, indexes);
    if (place.setting == plan->n_settings)
        return false;
    *neighbour = sweep_task_number(store->tasks, place);
    const sweep_text *const a = store->texts[task], *const b = store->texts[*neighbour];
    if (a == NULL || b == NULL)
        return false;
    sweep_divergence(a->ids, a->n_ids, b->ids, b->n_ids, at);
    return true;
}

static void measure_divergence(const sweep_store *store, sweep_cell *cell, const members *m)
{
    const sweep_plan *const plan = store->tasks->plan;
    for (size_t axis = 0; axis < plan->n_axes; axis++) {
        double sum = 0;
        size_t n = 0, neighbour, at;
        for (size_t p = m->first_prompt; p < m->end_prompt; p++)
            for (size_t i = m->begin; i < m->end; i++) {
                const size_t task = sweep_task_number(store->tasks, (sweep_task){cell->model, p, plan->order[i]});
                if (axis != sweep_plan_seeds(plan) && divergence_of(store, task, axis, &neighbour, &at)) {
                    sum += (double)at;
                    n++;
                }
            }
        cell->divergences[axis] = n > 0 ? sum / (double)n : NAN;
    }
}

static firn_status make_cell(const sweep_store *store, sweep_cell *cell, const members *m, firn_error *error)
{
    const sweep_plan *const plan = store->tasks->plan;
    double squares[SWEEP_MEASURES] = {0};
    for (size_t p = m->first_prompt; p < m->end_prompt; p++)
        for (size_t i = m->begin; i < m->end; i++) {
            const sweep_text *const text = text_of(store, cell->model, p, plan->order[i]);
            if (text != NULL)
                add_measures(cell, text, squares);
        }
    for (int i = 0; i < SWEEP_MEASURES; i++) {
        sweep_statistic *const s = &cell->measures[i];
        s->spread = s->n > 1 ? sqrt(squares[i] / (double)(s->n - 1)) : NAN;
        s->mean = s->n > 0 ? s->mean : NAN;
    }
    measure_divergence(store, cell, m);
    return measure_similarity(store, cell, m, error);
}

/* ---- all ---- */

firn_status sweep_summarise(const sweep_store *store, sweep_summary *out, firn_error *error)
{
    const sweep_tasks *const tasks = store->tasks;
    const sweep_plan *const plan = tasks->plan;
    const size_t n_prompts = tasks->prompts->count, groups = n_prompts + (n_prompts > 1);
    firn_status status = FIRN_OK;
    out->n_cells = tasks->models->count * groups * plan->n_cells;
    out->cells = calloc(out->n_cells, sizeof *out->cells);
    out->divergences = calloc(out->n_cells * plan->n_axes + 1, sizeof *out->divergences);
    if (out->cells == NULL || out->divergences == NULL) {
        sweep_summary_free(out);
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a summary of %zu cells",
                         out->n_cells);
    }
    for (size_t model = 0, number = 0; model < tasks->models->count; model++)
        for (size_t prompt = 0; prompt < groups; prompt++, number += plan->n_cells)
            for (size_t begin = 0, end; begin < plan->n_settings && status == FIRN_OK; begin = end) {
                const uint32_t which = plan->cells[plan->order[begin]];
                for (end = begin; end < plan->n_settings && plan->cells[plan->order[end]] == which;)
                    end++;
                sweep_cell *const cell = &out->cells[number + which];
                *cell = (sweep_cell){.model = model,
                                     .prompt = prompt,
                                     .setting = plan->order[begin],
                                     .divergences = out->divergences + (number + which) * plan->n_axes};
                const bool all = prompt == n_prompts;
                const members m = {begin, end, all ? 0 : prompt, all ? n_prompts : prompt + 1};
                status = make_cell(store, cell, &m, error);
            }
    if (status != FIRN_OK)
        sweep_summary_free(out);
    return status;
}

/* ---- CSV ---- */

static void write_row(FILE *out, const sweep_tasks *tasks, const sweep_cell *cell)
{
    const sweep_plan *const plan = tasks->plan;
    sweep_csv_field(out, base_slice_from(tasks->models->at[cell->model]));
    if (cell->prompt < tasks->prompts->count)
        fprintf(out, ",%zu", cell->prompt + 1);
    else
        fputs(",all", out);
    for (size_t a = 0; a < plan->n_axes; a++) {
        if (a == sweep_plan_seeds(plan))
            continue;
        fputc(',', out);
        sweep_csv_field(out, base_slice_from(sweep_axis_value(plan, a, cell->setting)));
    }
    fprintf(out, ",%zu", cell->n_texts);
    for (int i = 0; i < SWEEP_MEASURES; i++) {
        fputc(',', out);
        sweep_csv_number(out, cell->measures[i].mean);
        fputc(',', out);
        sweep_csv_number(out, cell->measures[i].spread);
    }
    fputc(',', out);
    sweep_csv_number(out, cell->similarity);
    double low = NAN, high = NAN;
    if (cell->n_judged > 0)
        sweep_wilson(cell->n_passed, cell->n_judged, &low, &high);
    fprintf(out, ",%zu,%zu,", cell->n_judged, cell->n_passed);
    sweep_csv_number(out, low);
    fputc(',', out);
    sweep_csv_number(out, high);
    for (size_t a = 0; a < plan->n_axes; a++) {
        if (a == sweep_plan_seeds(plan))
            continue;
        fputc(',', out);
        sweep_csv_number(out, cell->divergences[a]);
    }
    fputs("\r\n", out);
}

firn_status sweep_summary_save(const sweep_summary *summary, const sweep_tasks *tasks, const char *path,
                               firn_error *error)
{
    const sweep_plan *const plan = tasks->plan;
    tool_file file;
    const firn_status status = tool_file_create(path, &file, error);
    if (status != FIRN_OK)
        return status;
    fputs("model,prompt", file.out);
    for (size_t a = 0; a < plan->n_axes; a++)
        if (a != sweep_plan_seeds(plan))
            fprintf(file.out, ",%s", plan->axes[a].row->name);
    fputs(",texts", file.out);
    for (int i = 0; i < SWEEP_MEASURES; i++)
        fprintf(file.out, ",%s,%s_spread", sweep_measure_name((sweep_measure)i), sweep_measure_name((sweep_measure)i));
    fputs(",similarity,judged,passed_count,pass_low,pass_high", file.out);
    for (size_t a = 0; a < plan->n_axes; a++)
        if (a != sweep_plan_seeds(plan))
            fprintf(file.out, ",divergence_%s", plan->axes[a].row->name);
    fputs("\r\n", file.out);
    for (size_t i = 0; i < summary->n_cells; i++)
        write_row(file.out, tasks, &summary->cells[i]);
    return tool_file_close(&file, true, error);
}

/* ---- for people ---- */

enum { SHOWN_MEASURES = 6, COLUMN = 11, NAME = 28 };

static void print_number(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, " %*.4g", COLUMN, value);
    else
        fprintf(out, " %*s", COLUMN, "-");
}

static void print_cell(FILE *out, const sweep_tasks *tasks, const sweep_cell *cell, const sweep_measure *shown)
{
    const sweep_plan *const plan = tasks->plan;
    const char *const path = tasks->models->at[cell->model], *const slash = strrchr(path, '/');
    if (tasks->models->count > 1)
        fprintf(out, "%-*.*s ", NAME, NAME, slash != NULL ? slash + 1 : path);
    if (tasks->prompts->count > 1 && cell->prompt == tasks->prompts->count)
        fputs("   all ", out);
    else if (tasks->prompts->count > 1)
        fprintf(out, "%6zu ", cell->prompt + 1);
    for (size_t a = 0; a < plan->n_axes; a++)
        if (a != sweep_plan_seeds(plan))
            fprintf(out, "%*.*s ", (int)strlen(plan->axes[a].row->name), 40, sweep_axis_value(plan, a, cell->setting));
    fprintf(out, "%5zu", cell->n_texts);
    for (int i = 0; i < SHOWN_MEASURES; i++)
        print_number(out, cell->measures[shown[i]].mean);
    print_number(out, cell->similarity);
    if (cell->n_judged > 0) {
        double low, high;
        sweep_wilson(cell->n_passed, cell->n_judged, &low, &high);
        fprintf(out, "  %3.0f %% (%.0f to %.0f)", 100.0 * (double)cell->n_passed / (double)cell->n_judged, 100 * low,
                100 * high);
    }
    fputc('\n', out);
}

void sweep_summary_print(const sweep_summary *summary, const sweep_tasks *tasks, FILE *out)
{
    static const sweep_measure shown[SHOWN_MEASURES] = {SWEEP_tokens,     SWEEP_perplexity, SWEEP_entropy,
                                                        SWEEP_distinct_2, SWEEP_repetition, SWEEP_compression};
    const sweep_plan *const plan = tasks->plan;
    bool judged = false;
    if (tasks->models->count > 1)
        fprintf(out, "%-*s ", NAME, "model");
    if (tasks->prompts->count > 1)
        fputs("prompt ", out);
    for (size_t a = 0; a < plan->n_axes; a++)
        if (a != sweep_plan_seeds(plan))
            fprintf(out, "%s ", plan->axes[a].row->name);
    fputs("texts", out);
    for (int i = 0; i < SHOWN_MEASURES; i++)
        fprintf(out, " %*s", COLUMN, sweep_measure_name(shown[i]));
    fprintf(out, " %*s", COLUMN, "similarity");
    for (size_t i = 0; i < summary->n_cells; i++)
        judged = judged || summary->cells[i].n_judged > 0;
    fputs(judged ? "  passed (95 %)\n" : "\n", out);
    for (size_t i = 0; i < summary->n_cells; i++)
        if (summary->cells[i].n_texts > 0)
            print_cell(out, tasks, &summary->cells[i], shown);
}
