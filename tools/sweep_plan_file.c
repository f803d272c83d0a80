/* SPDX-License-Identifier: Apache-2.0 */
/* Cells from a file: a JSON array of objects, one object a line, or CSV. */
#include "base/json.h"
#include "base/memory.h"
#include "tools/common_text.h"
#include "tools/sweep_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file while it is read: values are known before all axes are. */
typedef struct rows {
    sweep_plan *plan;
    size_t capacity;
    uint32_t current[SWEEP_MOST_AXES]; /* the row that is read: index + 1 into each axis, or 0 */
} rows;

static const firn_parameter *known(base_slice name, firn_error *error)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", name.length < sizeof text ? (int)name.length : 60, name.data);
    const firn_parameter *const row = text[0] == '-' ? NULL : firn_parameter_find(text);
    if (row == NULL)
        base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "there is no generation parameter '%.60s'", text);
    return row;
}

static firn_status set(rows *r, const firn_parameter *row, base_slice value, bool json, firn_error *error)
{
    char text[FIRN_PARAMETER_TEXT];
    size_t index;
    sweep_axis *const axis = sweep_plan_axis(r->plan, row);
    if (axis == NULL || r->plan->n_axes > SWEEP_MOST_AXES)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for an axis");
    if (value.length >= sizeof text)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "%s: a value of %zu bytes; at most %zu are allowed",
                         row->name, value.length, sizeof text - 1);
    memcpy(text, value.data, value.length);
    text[value.length] = '\0';
    const firn_status status = sweep_axis_add(axis, text, json, &index, error);
    const size_t column = (size_t)(axis - r->plan->axes);
    if (status != FIRN_OK)
        return status;
    if (r->current[column] != 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "%s is given twice", row->name);
    r->current[column] = (uint32_t)index + 1;
    return FIRN_OK;
}

/* Rows are kept SWEEP_MOST_AXES wide until all axes are known. */
static firn_status end_row(rows *r, firn_error *error)
{
    sweep_plan *const plan = r->plan;
    if (!base_grow(&plan->file_rows, &r->capacity, plan->n_file_rows + 1, SWEEP_MOST_AXES * sizeof *plan->file_rows))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %zu cells", plan->n_file_rows + 1);
    memcpy(plan->file_rows + plan->n_file_rows++ * SWEEP_MOST_AXES, r->current, sizeof r->current);
    memset(r->current, 0, sizeof r->current);
    return FIRN_OK;
}

/* ---- JSON ---- */

static firn_status read_members(rows *r, base_json *reader, firn_error *error)
{
    for (;;) {
        base_json_event event;
        firn_status status = base_json_next(reader, &event, error);
        if (status != FIRN_OK)
            return status;
        if (event.kind == BASE_JSON_OBJECT_END)
            return end_row(r, error);
        const firn_parameter *const row = known(event.text, error);
        base_json ahead = *reader;
        if (row == NULL)
            return FIRN_ERROR_ARGUMENT;
        status = base_json_next(&ahead, &event, error);
        if (status == FIRN_OK)
            status = base_json_skip(reader, error);
        if (status == FIRN_OK)
            status = set(r, row, (base_slice){reader->text.data + event.offset, reader->position - event.offset}, true,
                         error);
        if (status != FIRN_OK)
            return status;
    }
}

/* One JSON value: an object, or an array of them. */
static firn_status read_json(rows *r, base_slice text, firn_error *error)
{
    base_json reader = base_json_begin(text);
    base_json_event event;
    firn_status status = base_json_next(&reader, &event, error);
    const bool array = status == FIRN_OK && event.kind == BASE_JSON_ARRAY_BEGIN;
    if (array)
        status = base_json_next(&reader, &event, error);
    while (status == FIRN_OK && event.kind == BASE_JSON_OBJECT_BEGIN) {
        status = read_members(r, &reader, error);
        if (status == FIRN_OK)
            status = base_json_next(&reader, &event, error);
        if (!array)
            return status; /* nothing else may follow, which the reader sees to */
    }
    if (status == FIRN_OK && event.kind == BASE_JSON_ARRAY_END)
        return base_json_next(&reader, &event, error);
    return status != FIRN_OK ? status
                             : base_fail(error, FIRN_ERROR_FORMAT, event.offset,
                                         "a cell is an object of generation parameters, such as {\"top_k\": 40}");
}

/* ---- lines ---- */

/* Takes a line off the text, without its end. */
static base_slice next_line(base_slice *text)
{
    const char *const newline = memchr(text->data, '\n', text->length);
    base_slice line = {text->data, newline != NULL ? (size_t)(newline - text->data) : text->length};
    const size_t used = line.length + (newline != NULL);
    *text = (base_slice){text->data + used, text->length - used};
    line.length -= line.length > 0 && line.data[line.length - 1] == '\r';
    return line;
}

/* A CSV line that is read field by field. */
typedef struct csv_line {
    base_slice left;
    bool more; /* fields are left */
    bool open; /* a quote isn't closed */
} csv_line;

/* Takes a field off the line; `buffer` holds what quotes enclose. False at the end of the line. */
static bool next_field(csv_line *csv, char *buffer, base_slice *field)
{
    base_slice *const line = &csv->left;
    if (!csv->more)
        return false;
    if (line->length > 0 && line->data[0] == '"') {
        size_t n = 0, i = 1;
        for (; i < line->length && (line->data[i] != '"' || (i + 1 < line->length && line->data[i + 1] == '"')); i++) {
            i += line->data[i] == '"';
            buffer[n++] = line->data[i];
        }
        csv->open = i == line->length;
        i += !csv->open;
        *field = (base_slice){buffer, n};
        *line = (base_slice){line->data + i, line->length - i};
    } else {
        const char *const comma = line->length > 0 ? memchr(line->data, ',', line->length) : NULL;
        *field = (base_slice){line->data, comma != NULL ? (size_t)(comma - line->data) : line->length};
        *line = (base_slice){line->data + field->length, line->length - field->length};
    }
    csv->more = line->length > 0 && line->data[0] == ',';
    if (csv->more)
        *line = (base_slice){line->data + 1, line->length - 1};
    return true;
}

static firn_status read_csv_line(rows *r, base_slice line, const firn_parameter **columns, size_t *n_columns,
                                 bool header, char *buffer, firn_error *error)
{
    firn_status status = FIRN_OK;
    csv_line csv = {line, true, false};
    base_slice field;
    size_t column = 0;
    for (; status == FIRN_OK && next_field(&csv, buffer, &field); column++) {
        if (csv.open)
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "a quote is not closed on its line");
        if (column == SWEEP_MOST_AXES || (!header && column == *n_columns))
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "more than %zu fields", column);
        if (header)
            columns[column] = known(field, error);
        if (columns[column] == NULL)
            return FIRN_ERROR_ARGUMENT;
        if (!header && field.length > 0) /* an empty field leaves the parameter as it is for all */
            status = set(r, columns[column], field, field.data[0] == '[', error);
    }
    if (status == FIRN_OK && csv.left.length > 0)
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "bytes behind a closing quote");
    if (header)
        *n_columns = column;
    return status == FIRN_OK && !header ? end_row(r, error) : status;
}

static firn_status read_lines(rows *r, base_slice text, char *buffer, firn_error *error)
{
    const firn_parameter *columns[SWEEP_MOST_AXES];
    size_t n_columns = 0;
    bool header = text.data[0] != '{';
    for (size_t number = 1; text.length > 0; number++) {
        firn_error fault = {0};
        firn_status status = FIRN_OK;
        const base_slice line = next_line(&text);
        if (line.length == 0)
            continue;
        if (line.data[0] == '{') {
            status = read_json(r, line, &fault);
        } else {
            status = read_csv_line(r, line, columns, &n_columns, header, buffer, &fault);
            header = false;
        }
        if (status != FIRN_OK)
            return base_fail(error, status, fault.offset, "line %zu: %s", number, fault.message);
    }
    return FIRN_OK;
}

/* ---- the whole ---- */

/* Gives each row an index for every axis: where it named none, that of the value that all others have. */
static firn_status narrow(sweep_plan *plan, firn_error *error)
{
    const size_t width = plan->n_axes;
    for (size_t a = 0; a < width; a++) {
        char value[FIRN_PARAMETER_TEXT];
        size_t index = 0;
        bool missing = false;
        for (size_t i = 0; i < plan->n_file_rows; i++)
            missing = missing || plan->file_rows[i * SWEEP_MOST_AXES + a] == 0;
        firn_parameter_print(&plan->base, plan->axes[a].row, value);
        const firn_status status = missing ? sweep_axis_add(&plan->axes[a], value, true, &index, error) : FIRN_OK;
        if (status != FIRN_OK)
            return status;
        for (size_t i = 0; i < plan->n_file_rows; i++) {
            uint32_t *const at = &plan->file_rows[i * SWEEP_MOST_AXES + a];
            *at = *at == 0 ? (uint32_t)index : *at - 1;
        }
    }
    for (size_t i = 0; i < plan->n_file_rows; i++)
        memmove(plan->file_rows + i * width, plan->file_rows + i * SWEEP_MOST_AXES, width * sizeof plan->file_rows[0]);
    plan->n_file_axes = width;
    return FIRN_OK;
}

firn_status sweep_plan_read(sweep_plan *plan, const char *path, firn_error *error)
{
    tool_text text = {NULL, 0};
    firn_error fault = {0};
    rows r = {.plan = plan};
    firn_status status = tool_read(path, &text, error);
    char *const buffer = status == FIRN_OK ? malloc(text.length + 1) : NULL;
    if (status != FIRN_OK)
        goto done;
    base_slice left = {text.data, text.length};
    for (; left.length > 0 && strchr(" \t\r\n", left.data[0]) != NULL; left.length--)
        left.data++;
    if (buffer == NULL)
        status = base_fail(&fault, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a line");
    else if (left.length == 0)
        status = base_fail(&fault, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "no cells in it");
    else if (left.data[0] == '[')
        status = read_json(&r, left, &fault);
    else
        status = read_lines(&r, left, buffer, &fault);
    if (status == FIRN_OK && plan->n_file_rows == 0)
        status = base_fail(&fault, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "no cells in it");
    if (status == FIRN_OK)
        status = narrow(plan, &fault);
    if (status != FIRN_OK)
        base_fail(error, status, fault.offset, "%.200s: %s", path, fault.message);
done:
    free(buffer);
    free(text.data);
    return status;
}
