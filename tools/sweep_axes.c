/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_axes.h"

#include "base/json.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_VALUES = 1 << 20,
    MOST_DIGITS = 17, /* of a range's numbers */
};

void sweep_axis_free(sweep_axis *axis)
{
    for (size_t i = 0; i < axis->n_values; i++)
        free(axis->values[i]);
    free(axis->values);
    free(axis->places);
    *axis = (sweep_axis){.row = axis->row};
}

/* The place of a value in the table: its own, or the free one where it belongs. */
static uint32_t *find_place(const sweep_axis *axis, const char *value)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (const char *c = value; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    size_t at = (size_t)(hash % (2 * axis->capacity));
    while (axis->places[at] != 0 && strcmp(axis->values[axis->places[at] - 1], value) != 0)
        at = (at + 1) % (2 * axis->capacity);
    return &axis->places[at];
}

static bool make_room(sweep_axis *axis)
{
    if (axis->n_values < axis->capacity)
        return true;
    const size_t capacity = 2 * axis->capacity + 16;
    char **const values = realloc(axis->values, capacity * sizeof *values);
    if (values == NULL)
        return false;
    axis->values = values;
    uint32_t *const places = calloc(2 * capacity, sizeof *places);
    if (places == NULL)
        return false;
    free(axis->places);
    axis->places = places;
    axis->capacity = capacity;
    for (size_t i = 0; i < axis->n_values; i++)
        *find_place(axis, axis->values[i]) = (uint32_t)i + 1;
    return true;
}

firn_status sweep_axis_add(sweep_axis *axis, const char *text, bool json, size_t *index, firn_error *error)
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    char value[FIRN_PARAMETER_TEXT];
    const char *const name = axis->row->name;
    const firn_status status = json ? firn_parameter_set_json(&parameters, name, text, strlen(text), error)
                                    : firn_parameter_set(&parameters, name, text, error);
    if (status != FIRN_OK)
        return status;
    firn_parameter_print(&parameters, axis->row, value);
    if (axis->row->kind == FIRN_PARAMETER_SEED && strcmp(value, "-1") == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "%s: -1 is no seed to sweep over; give numbers, or none and one is drawn", name);
    if (axis->n_values == MOST_VALUES)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "%s has more than %d values", name, MOST_VALUES);
    uint32_t *const place = make_room(axis) ? find_place(axis, value) : NULL;
    char *const copy = place != NULL && *place == 0 ? strdup(value) : NULL;
    if (place == NULL || (*place == 0 && copy == NULL))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the values of %s", name);
    if (*place == 0) {
        axis->values[axis->n_values++] = copy;
        *place = (uint32_t)axis->n_values;
    }
    *index = *place - 1;
    return FIRN_OK;
}

/* ---- numbers ---- */

/* digits / 10^scale */
typedef struct decimal {
    int64_t digits;
    int scale;
} decimal;

static bool read_decimal(base_slice text, decimal *out)
{
    bool negative = false, point = false;
    int n_digits = 0;
    *out = (decimal){0, 0};
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.data[i];
        if (i == 0 && (c == '-' || c == '+')) {
            negative = c == '-';
        } else if (c == '.' && !point) {
            point = true;
        } else if (c >= '0' && c <= '9' && n_digits < MOST_DIGITS) {
            out->digits = 10 * out->digits + (c - '0');
            n_digits += out->digits != 0;
            out->scale += point;
        } else {
            return false;
        }
    }
    out->digits = negative ? -out->digits : out->digits;
    return text.length > (size_t)(point + (text.data[0] == '-' || text.data[0] == '+')) && out->scale <= MOST_DIGITS;
}

/* The same number with `scale` digits behind the point. */
static bool rescale(decimal *number, int scale)
{
    for (; number->scale < scale; number->scale++)
        if (__builtin_mul_overflow(number->digits, 10, &number->digits))
            return false;
    return true;
}

static void print_decimal(decimal number, char text[64])
{
    int64_t one = 1;
    for (; number.scale > 0 && number.digits % 10 == 0; number.scale--)
        number.digits /= 10;
    for (int i = 0; i < number.scale; i++)
        one *= 10;
    const uint64_t size = number.digits < 0 ? -(uint64_t)number.digits : (uint64_t)number.digits;
    const char *const sign = number.digits < 0 ? "-" : "";
    if (number.scale == 0)
        snprintf(text, 64, "%s%" PRIu64, sign, size);
    else
        snprintf(text, 64, "%s%" PRIu64 ".%0*" PRIu64, sign, size / (uint64_t)one, number.scale, size % (uint64_t)one);
}

typedef struct range {
    decimal first, last, step; /* a step of 0: none was given */
    bool factor;               /* the step multiplies */
} range;

/* Where ".." stands between two numbers; NULL: it is no range. */
static const char *find_dots(base_slice item)
{
    for (size_t i = 1; i + 1 < item.length; i++)
        if (item.data[i] == '.' && item.data[i + 1] == '.')
            return item.data + i;
    return NULL;
}

static firn_status refuse_range(const firn_parameter *row, base_slice item, const char *why, firn_error *error)
{
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "%s (%s): the range '%.*s' %s; give FIRST..LAST:STEP as in 0.2..1.4:0.2, or FIRST..LAST:*FACTOR",
                     row->name, row->flags, item.length < 60 ? (int)item.length : 60, item.data, why);
}

static firn_status read_range(const firn_parameter *row, base_slice item, const char *dots, range *out,
                              firn_error *error)
{
    const char *const end = item.data + item.length, *const colon = memchr(dots, ':', (size_t)(end - dots));
    const char *const last_end = colon != NULL ? colon : end;
    *out = (range){.step = {0, 0}};
    if (!read_decimal((base_slice){item.data, (size_t)(dots - item.data)}, &out->first) ||
        !read_decimal((base_slice){dots + 2, (size_t)(last_end - dots) - 2}, &out->last))
        return refuse_range(row, item, "has no plain numbers at its ends", error);
    if (colon != NULL) {
        const char *const step = colon + 1 + (colon + 1 < end && colon[1] == '*');
        out->factor = step == colon + 2;
        if (!read_decimal((base_slice){step, (size_t)(end - step)}, &out->step) || out->step.digits <= 0)
            return refuse_range(row, item, "has a step that is no number above 0", error);
    } else if (row->kind != FIRN_PARAMETER_REAL) {
        out->step.digits = 1;
    }
    const int scale = out->first.scale > out->last.scale ? out->first.scale : out->last.scale;
    const int most = out->factor || out->step.scale < scale ? scale : out->step.scale;
    if (!rescale(&out->first, most) || !rescale(&out->last, most) || (!out->factor && !rescale(&out->step, most)))
        return refuse_range(row, item, "has numbers with too many digits", error);
    return FIRN_OK;
}

static firn_status add_decimal(sweep_axis *axis, decimal value, firn_error *error)
{
    char text[64];
    size_t index;
    print_decimal(value, text);
    return sweep_axis_add(axis, text, false, &index, error);
}

static firn_status add_sum_range(sweep_axis *axis, const range *r, firn_error *error)
{
    const bool down = r->first.digits > r->last.digits;
    decimal value = r->first;
    int64_t width;
    if (__builtin_sub_overflow(r->last.digits, r->first.digits, &width) ||
        (down ? -width : width) / r->step.digits >= MOST_VALUES)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "%s has more than %d values", axis->row->name,
                         MOST_VALUES);
    for (;;) {
        const firn_status status = add_decimal(axis, value, error);
        if (status != FIRN_OK)
            return status;
        const int64_t left = down ? value.digits - r->last.digits : r->last.digits - value.digits;
        if (left < r->step.digits)
            return FIRN_OK;
        value.digits += down ? -r->step.digits : r->step.digits;
    }
}

static firn_status add_product_range(sweep_axis *axis, base_slice item, const range *r, firn_error *error)
{
    double factor = (double)r->step.digits, last = (double)r->last.digits, reached = (double)r->first.digits;
    for (int i = 0; i < r->step.scale; i++)
        factor /= 10;
    if (r->first.digits <= 0 || factor <= 1)
        return refuse_range(axis->row, item, "has to begin above 0 and its factor to be above 1", error);
    decimal value = r->first;
    while (reached <= last * (1 + 1e-12)) {
        const firn_status status = add_decimal(axis, value, error);
        if (status != FIRN_OK)
            return status;
        reached *= factor;
        value.scale += r->step.scale;
        for (; value.scale > r->first.scale && value.digits % 10 == 0; value.scale--)
            value.digits /= 10;
        if (__builtin_mul_overflow(value.digits, r->step.digits, &value.digits) || value.scale > MOST_DIGITS)
            return reached <= last ? refuse_range(axis->row, item, "has values with too many digits", error) : FIRN_OK;
    }
    return FIRN_OK;
}

static firn_status add_item(sweep_axis *axis, base_slice item, firn_error *error)
{
    const firn_parameter *const row = axis->row;
    const char *const dots = find_dots(item);
    if (axis->continuous)
        return refuse_range(row, item, "stands beside a range without a step", error);
    if (dots == NULL) {
        char text[FIRN_PARAMETER_TEXT];
        size_t index;
        snprintf(text, sizeof text, "%.*s", item.length < sizeof text ? (int)item.length : (int)sizeof text - 1,
                 item.data);
        return sweep_axis_add(axis, text, false, &index, error);
    }
    range r;
    const firn_status status = read_range(row, item, dots, &r, error);
    if (status != FIRN_OK)
        return status;
    if (r.step.digits == 0) {
        if (axis->n_values > 0)
            return refuse_range(row, item, "has no step and stands beside other values", error);
        axis->continuous = true;
        if (!base_parse_double((base_slice){item.data, (size_t)(dots - item.data)}, &axis->lowest) ||
            !base_parse_double((base_slice){dots + 2, item.length - (size_t)(dots + 2 - item.data)}, &axis->highest) ||
            axis->lowest < row->lowest || axis->highest > row->highest || axis->lowest >= axis->highest)
            return refuse_range(row, item, "is empty or outside what the parameter allows", error);
        return FIRN_OK;
    }
    return r.factor ? add_product_range(axis, item, &r, error) : add_sum_range(axis, &r, error);
}

/* ---- lists ---- */

static bool is_list(const firn_parameter *row)
{
    return row->kind == FIRN_PARAMETER_TEXTS || row->kind == FIRN_PARAMETER_IDS || row->kind == FIRN_PARAMETER_BIAS;
}

/* How many arrays a text opens before anything else comes. */
static size_t opening_arrays(const char *text)
{
    size_t depth = 0;
    for (; *text == '[' || *text == ' '; text++)
        depth += *text == '[';
    return *text == ']' && depth > 0 ? depth + 1 : depth; /* an empty array has the depth that it could have */
}

/* Whether a text is an array of a parameter's values, each of which is an array as well. */
static bool is_array_of_lists(const firn_parameter *row, const char *text)
{
    const size_t depth = opening_arrays(text), of_a_value = row->kind == FIRN_PARAMETER_BIAS ? 2 : 1;
    return text[0] == '[' && strcmp(text, "[]") != 0 && depth > of_a_value;
}

static firn_status add_lists(sweep_axis *axis, const char *text, firn_error *error)
{
    base_json reader = base_json_begin(base_slice_from(text));
    base_json_event event;
    firn_status status = base_json_next(&reader, &event, error); /* the array */
    while (status == FIRN_OK) {
        base_json ahead = reader;
        char value[FIRN_PARAMETER_TEXT];
        size_t index;
        status = base_json_next(&ahead, &event, error);
        if (status != FIRN_OK || event.kind == BASE_JSON_ARRAY_END)
            return status;
        status = base_json_skip(&reader, error);
        if (status != FIRN_OK)
            return status;
        const size_t length = reader.position - event.offset;
        if (length >= sizeof value)
            return base_fail(error, FIRN_ERROR_LIMIT, event.offset, "%s: a value of %zu bytes; at most %zu are allowed",
                             axis->row->name, length, sizeof value - 1);
        memcpy(value, text + event.offset, length);
        value[length] = '\0';
        status = sweep_axis_add(axis, value, true, &index, error);
    }
    return status;
}

/* ---- flags ---- */

bool sweep_is_axis(const firn_parameter *row, const char *text)
{
    if (is_list(row))
        return is_array_of_lists(row, text);
    if (row->kind == FIRN_PARAMETER_ORDER && text[0] == '[')
        return is_array_of_lists(row, text);
    return strchr(text, ',') != NULL || (row->kind != FIRN_PARAMETER_ORDER && strstr(text, "..") != NULL);
}

firn_status sweep_axis_parse(sweep_axis *axis, const char *text, firn_error *error)
{
    if (is_list(axis->row) || text[0] == '[') {
        firn_error fault = {0};
        const firn_status status = add_lists(axis, text, &fault);
        return status == FIRN_OK ? FIRN_OK
                                 : base_fail(error, status, fault.offset, "%s (%s): %s", axis->row->name,
                                             axis->row->flags, fault.message);
    }
    for (;;) {
        const size_t length = strcspn(text, ",");
        const firn_status status = add_item(axis, (base_slice){text, length}, error);
        if (status != FIRN_OK || text[length] == '\0')
            return status;
        text += length + 1;
    }
}
