/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_csv.h"

#include "tools/common_json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

enum { DIGITS = 9 };

void sweep_csv_field(FILE *out, base_slice field)
{
    bool plain = true;
    for (size_t i = 0; i < field.length; i++)
        plain = plain && strchr(",\"\r\n", field.data[i]) == NULL;
    if (plain) {
        fwrite(field.data, 1, field.length, out);
        return;
    }
    fputc('"', out);
    for (size_t i = 0; i < field.length; i++) {
        if (field.data[i] == '"')
            fputc('"', out);
        fputc(field.data[i], out);
    }
    fputc('"', out);
}

void sweep_csv_number(FILE *out, double value)
{
    if (isfinite(value))
        tool_json_number(out, value, DIGITS);
}

const char *sweep_axis_value(const sweep_plan *plan, size_t axis, size_t setting)
{
    return plan->axes[axis].values[plan->settings[setting * plan->n_axes + axis]];
}

void sweep_csv_head(FILE *out, const sweep_tasks *tasks)
{
    const sweep_plan *const plan = tasks->plan;
    fputs("model,prompt,name", out);
    for (size_t a = 0; a < plan->n_axes; a++)
        fprintf(out, ",%s", plan->axes[a].row->name);
    if (sweep_plan_seeds(plan) == plan->n_axes)
        fputs(",seed", out);
    for (int i = 0; i < SWEEP_MEASURES; i++)
        fprintf(out, ",%s", sweep_measure_name((sweep_measure)i));
    fputs(",stop,key,text\r\n", out);
}

static void write_member(FILE *out, const cJSON *record, const char *name)
{
    const cJSON *const member = cJSON_GetObjectItemCaseSensitive(record, name);
    fputc(',', out);
    if (cJSON_IsString(member))
        sweep_csv_field(out, base_slice_from(member->valuestring));
}

void sweep_csv_row(FILE *out, const sweep_tasks *tasks, size_t task, const sweep_text *text)
{
    const sweep_plan *const plan = tasks->plan;
    const sweep_task at = sweep_task_at(tasks, task);
    cJSON *const record = cJSON_ParseWithLength(text->line.data, text->line.length);
    sweep_csv_field(out, base_slice_from(tasks->models->at[at.model]));
    fprintf(out, ",%zu", at.prompt + 1);
    write_member(out, record, "name");
    for (size_t a = 0; a < plan->n_axes; a++) {
        fputc(',', out);
        sweep_csv_field(out, base_slice_from(sweep_axis_value(plan, a, at.setting)));
    }
    if (sweep_plan_seeds(plan) == plan->n_axes)
        fprintf(out, ",%llu", (unsigned long long)plan->base.seed);
    for (int i = 0; i < SWEEP_MEASURES; i++) {
        fputc(',', out);
        sweep_csv_number(out, text->measures[i]);
    }
    write_member(out, record, "stop");
    write_member(out, record, "key");
    write_member(out, record, "text");
    fputs("\r\n", out);
    cJSON_Delete(record);
}
