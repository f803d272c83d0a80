/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_record.h"

#include "tools/common_json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_DIGITS = 5, MEASURE_DIGITS = 9 };

/* ---- writing ---- */

static void write_numbers(FILE *out, const char *name, const float *values, size_t n)
{
    fprintf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        fputs(i == 0 ? "" : ",", out);
        tool_json_number(out, (double)values[i], TOKEN_DIGITS);
    }
    fputc(']', out);
}

static void write_judgement(FILE *out, const sweep_record *r)
{
    fputs(",\"measures\":{", out);
    for (int i = 0; i < SWEEP_MEASURES; i++) {
        fprintf(out, "%s\"%s\":", i == 0 ? "" : ",", sweep_measure_name((sweep_measure)i));
        tool_json_number(out, r->measures[i], MEASURE_DIGITS);
    }
    fputs("},\"judges\":{", out);
    for (int i = 0, n = 0; i < SWEEP_JUDGES; i++)
        if (r->verdicts[i] != SWEEP_NO_VERDICT)
            fprintf(out, "%s\"%s\":%s", n++ == 0 ? "" : ",", sweep_judge_name((sweep_judge)i),
                    r->verdicts[i] == SWEEP_PASSES ? "true" : "false");
    fputc('}', out);
}

firn_status sweep_record_write(const sweep_record *record, tool_text *line, firn_error *error)
{
    *line = (tool_text){NULL, 0};
    FILE *const out = open_memstream(&line->data, &line->length);
    if (out == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a record");
    fprintf(out, "{\"key\":\"%s\",\"name\":", record->key);
    if (record->name != NULL)
        tool_json_string(out, record->name, strlen(record->name));
    else
        fputs("null", out);
    if (record->negative.data != NULL) {
        fputs(",\"negative_prompt\":", out);
        tool_json_string(out, record->negative.data, record->negative.length);
    }
    fputc(',', out);
    tool_record_members(out, &record->record);
    fputs(",\"pieces\":[", out);
    for (size_t i = 0; i < record->sample->n_ids; i++) {
        fputs(i == 0 ? "" : ",", out);
        tool_json_string(out, record->pieces[i].data, record->pieces[i].length);
    }
    fputc(']', out);
    write_numbers(out, "logprobs", record->sample->logprobs, record->sample->n_ids);
    write_numbers(out, "entropies", record->sample->entropies, record->sample->n_ids);
    write_judgement(out, record);
    fputc('}', out);
    const bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed)
        return FIRN_OK;
    free(line->data);
    *line = (tool_text){NULL, 0};
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a record");
}

/* ---- reading ---- */

void sweep_text_free(sweep_text *text)
{
    if (text == NULL)
        return;
    free(text->line.data);
    free(text->ids);
    free(text);
}

static bool take_ids(const cJSON *list, sweep_text *text)
{
    const cJSON *id;
    if (!cJSON_IsArray(list))
        return false;
    text->ids = malloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof *text->ids);
    if (text->ids == NULL)
        return false;
    cJSON_ArrayForEach(id, list)
    {
        if (!cJSON_IsNumber(id))
            return false;
        text->ids[text->n_ids++] = id->valueint;
    }
    return true;
}

static bool take_members(const cJSON *object, sweep_text *text)
{
    const cJSON *const key = cJSON_GetObjectItemCaseSensitive(object, "key"), *const measures =
                                                                                  cJSON_GetObjectItemCaseSensitive(
                                                                                      object, "measures");
    if (!cJSON_IsString(key) || strlen(key->valuestring) != SWEEP_KEY - 1 || !cJSON_IsObject(measures))
        return false;
    memcpy(text->key, key->valuestring, SWEEP_KEY);
    for (int i = 0; i < SWEEP_MEASURES; i++) {
        const cJSON *const value = cJSON_GetObjectItemCaseSensitive(measures, sweep_measure_name((sweep_measure)i));
        text->measures[i] = cJSON_IsNumber(value) ? value->valuedouble : NAN;
    }
    return take_ids(cJSON_GetObjectItemCaseSensitive(object, "ids"), text);
}

firn_status sweep_text_read(tool_text line, sweep_text **out, firn_error *error)
{
    sweep_text *const text = calloc(1, sizeof *text);
    cJSON *const object = cJSON_ParseWithLength(line.data, line.length);
    const bool good = text != NULL && object != NULL && take_members(object, text);
    *out = NULL;
    cJSON_Delete(object);
    if (!good) {
        sweep_text_free(text);
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "this is no record of a sweep: '%.40s…'", line.data);
    }
    text->line = line;
    *out = text;
    return FIRN_OK;
}
