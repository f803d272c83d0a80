/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/parameters.h"

#include "base/json.h"
#include "base/number.h"
#include "base/slice.h"
#include "engine/parameter_texts.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW(name, kind, value, lowest, highest, flags, aliases, help) \
    {#name, flags, aliases, help, FIRN_PARAMETER_##kind, lowest, highest, offsetof(firn_generation_parameters, name)},
static const firn_parameter rows[] = {FIRN_PARAMETER_LIST(ROW)};
#undef ROW

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

firn_generation_parameters firn_generation_parameters_default(void)
{
    return (firn_generation_parameters){.size = sizeof(firn_generation_parameters),
#define DEFAULT(name, kind, value, ...) .name = value,
                                        FIRN_PARAMETER_LIST(DEFAULT)
#undef DEFAULT
    };
}

size_t firn_parameter_count(void)
{
    return ROW_COUNT;
}

const firn_parameter *firn_parameter_at(size_t index)
{
    return &rows[index];
}

/* Whether `name` is one of the names in `list`, which commas separate. */
static bool listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    while (*list != '\0') {
        const size_t entry = strcspn(list, ",");
        if (entry == length && memcmp(list, name, length) == 0)
            return true;
        list += entry;
        list += *list == ',';
    }
    return false;
}

const firn_parameter *firn_parameter_find(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0 || listed(rows[i].flags, name) || listed(rows[i].aliases, name))
            return &rows[i];
    return NULL;
}

static bool read_number(const char *text, double *value)
{
    return base_parse_double(base_slice_from(text), value);
}

static bool read_seed(const char *text, uint64_t *seed)
{
    char *end;
    if (strcmp(text, "-1") == 0) {
        *seed = FIRN_SEED_DRAW;
        return true;
    }
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    return errno == 0 && *seed != FIRN_SEED_DRAW;
}

static bool read_switch(const char *text, bool *value)
{
    *value = listed("true,1,on,enabled", text);
    return *value || listed("false,0,off,disabled", text);
}

enum { REAL_TEXT = 32 };

/* The shortest decimal that reads back as `value`. */
static void print_real(double value, char text[REAL_TEXT])
{
    for (int digits = 6; digits <= 17; digits++) { /* %g drops zeros at the end */
        snprintf(text, REAL_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

static bool within(const firn_parameter *row, double value)
{
    return value >= row->lowest && value <= row->highest; /* false for NaN */
}

void firn_parameter_range(const firn_parameter *parameter, char text[FIRN_PARAMETER_RANGE_TEXT])
{
    char lowest[REAL_TEXT], highest[REAL_TEXT];
    const size_t capacity = FIRN_PARAMETER_RANGE_TEXT;
    switch (parameter->kind) {
    case FIRN_PARAMETER_SWITCH:
        snprintf(text, capacity, "true or false");
        break;
    case FIRN_PARAMETER_SEED:
        snprintf(text, capacity, "-1, or an integer from 0 to %" PRIu64, FIRN_SEED_DRAW - 1);
        break;
    case FIRN_PARAMETER_COUNT:
        snprintf(text, capacity, "an integer from %.0f to %.0f", parameter->lowest, parameter->highest);
        break;
    case FIRN_PARAMETER_REAL:
        print_real(parameter->lowest, lowest);
        print_real(parameter->highest, highest);
        snprintf(text, capacity, "a number from %s to %s", lowest, highest);
        break;
    case FIRN_PARAMETER_TEXTS:
        snprintf(text, capacity, "a text that isn't empty, or a JSON array of them (at most %d, %d bytes)",
                 FIRN_LIST_ENTRIES, FIRN_LIST_TEXT - 1);
        break;
    case FIRN_PARAMETER_IDS:
        snprintf(text, capacity, "a token id, or a JSON array of them (at most %d)", FIRN_LIST_ENTRIES);
        break;
    case FIRN_PARAMETER_BIAS:
        snprintf(text, capacity,
                 "ID+X, TEXT-X or TEXT-inf with X up to %.0f, or a JSON array of [ID or TEXT, X or false] (at most %d)",
                 parameter->highest, FIRN_LIST_ENTRIES);
        break;
    case FIRN_PARAMETER_ORDER:
#define NAME_AND_LETTER(name, letter, other) #name " (" #letter "), "
        snprintf(text, capacity, "letters or names of stages, with ; between, each at most once: %.*s",
                 (int)sizeof(FIRN_STAGE_LIST(NAME_AND_LETTER)) - 3, FIRN_STAGE_LIST(NAME_AND_LETTER));
#undef NAME_AND_LETTER
        break;
    }
}

/* ---- setting ---- */

static firn_status refuse(const firn_parameter *row, const char *text, firn_error *error)
{
    char range[FIRN_PARAMETER_RANGE_TEXT];
    firn_parameter_range(row, range);
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "%s (%s): '%.60s' is not allowed; give %s", row->name,
                     row->flags, text, range);
}

static firn_status unknown(const char *name, firn_error *error)
{
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "there is no generation parameter '%.60s'", name);
}

static bool is_list(const firn_parameter *row)
{
    return row->kind >= FIRN_PARAMETER_TEXTS;
}

static firn_status set_list(firn_generation_parameters *parameters, const firn_parameter *row, const char *text,
                            firn_error *error)
{
    const firn_generation_parameters standard = firn_generation_parameters_default();
    firn_list list;
    memcpy(&list, (const char *)parameters + row->offset, sizeof list);
    if (!eng_list_from_text(row, text, (const firn_list *)(const void *)((const char *)&standard + row->offset), &list))
        return refuse(row, text, error);
    memcpy((char *)parameters + row->offset, &list, sizeof list);
    return FIRN_OK;
}

firn_status firn_parameter_set(firn_generation_parameters *parameters, const char *name, const char *text,
                               firn_error *error)
{
    const firn_parameter *const row = firn_parameter_find(name);
    if (row == NULL)
        return unknown(name, error);
    char *const member = (char *)parameters + row->offset;
    uint64_t seed;
    double number;
    bool on;
    switch (row->kind) {
    case FIRN_PARAMETER_SEED:
        if (!read_seed(text, &seed))
            return refuse(row, text, error);
        memcpy(member, &seed, sizeof seed);
        return FIRN_OK;
    case FIRN_PARAMETER_COUNT:
        if (!read_number(text, &number) || !within(row, number) || number != rint(number))
            return refuse(row, text, error);
        memcpy(member, &(int32_t){(int32_t)number}, sizeof(int32_t));
        return FIRN_OK;
    case FIRN_PARAMETER_REAL:
        if (!read_number(text, &number) || !within(row, number))
            return refuse(row, text, error);
        memcpy(member, &number, sizeof number);
        return FIRN_OK;
    case FIRN_PARAMETER_SWITCH:
        if (!read_switch(text, &on))
            return refuse(row, text, error);
        memcpy(member, &on, sizeof on);
        return FIRN_OK;
    case FIRN_PARAMETER_TEXTS:
    case FIRN_PARAMETER_IDS:
    case FIRN_PARAMETER_BIAS:
    case FIRN_PARAMETER_ORDER:
        return set_list(parameters, row, text, error);
    }
    return refuse(row, text, error);
}

firn_status firn_parameter_set_json(firn_generation_parameters *parameters, const char *name, const char *json,
                                    size_t length, firn_error *error)
{
    const firn_parameter *const row = firn_parameter_find(name);
    char text[FIRN_PARAMETER_TEXT];
    if (row == NULL)
        return unknown(name, error);
    snprintf(text, sizeof text, "%.*s", length < sizeof text ? (int)length : (int)sizeof text - 1, json);
    if (is_list(row)) {
        firn_list list;
        if (!eng_list_from_json(row, (base_slice){json, length}, &list))
            return refuse(row, text, error);
        memcpy((char *)parameters + row->offset, &list, sizeof list);
        return FIRN_OK;
    }
    const bool truth = strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    if (length >= sizeof text || (row->kind == FIRN_PARAMETER_SWITCH) != truth)
        return refuse(row, text, error);
    return firn_parameter_set(parameters, name, text, error);
}

/* ---- a JSON object ---- */

/* The value behind a key: where it begins and how long it is. */
static firn_status next_value(base_json *reader, base_slice *value, firn_error *error)
{
    base_json ahead = *reader;
    base_json_event event;
    firn_status status = base_json_next(&ahead, &event, error);
    if (status == FIRN_OK)
        status = base_json_skip(reader, error);
    *value = (base_slice){reader->text.data + event.offset, reader->position - event.offset};
    return status;
}

firn_status firn_parameters_read(firn_generation_parameters *parameters, const char *json, size_t length,
                                 const char *ignored, firn_error *error)
{
    firn_generation_parameters read = *parameters;
    uint64_t seen = 0; /* a bit a row */
    _Static_assert(ROW_COUNT <= 64, "a bit a row");
    base_json reader = base_json_begin((base_slice){json, length});
    base_json_event event;
    firn_status status = base_json_next(&reader, &event, error);
    if (status == FIRN_OK && event.kind != BASE_JSON_OBJECT_BEGIN)
        return base_fail(error, FIRN_ERROR_ARGUMENT, event.offset, "parameters have to be a JSON object");
    while (status == FIRN_OK) {
        char name[64];
        base_slice value;
        status = base_json_next(&reader, &event, error);
        if (status != FIRN_OK || event.kind != BASE_JSON_KEY)
            break;
        snprintf(name, sizeof name, "%.*s", event.text.length < sizeof name ? (int)event.text.length : 60,
                 event.text.data);
        const firn_parameter *const row = name[0] == '-' ? NULL : firn_parameter_find(name);
        status = next_value(&reader, &value, error);
        if (status != FIRN_OK || (row == NULL && listed(ignored, name)))
            continue;
        if (row == NULL)
            return unknown(name, error);
        if ((seen >> (row - rows) & 1) != 0)
            return base_fail(error, FIRN_ERROR_ARGUMENT, event.offset, "%s is given twice", row->name);
        seen |= (uint64_t)1 << (row - rows);
        status = firn_parameter_set_json(&read, name, value.data, value.length, error);
    }
    if (status == FIRN_OK)
        status = base_json_next(&reader, &event, error); /* nothing may follow */
    if (status == FIRN_OK)
        *parameters = read;
    return status;
}

/* ---- printing and checking ---- */

void firn_parameter_print(const firn_generation_parameters *parameters, const firn_parameter *parameter, char *text)
{
    const char *const member = (const char *)parameters + parameter->offset;
    uint64_t seed;
    int32_t count;
    double real;
    bool on;
    switch (parameter->kind) {
    case FIRN_PARAMETER_SEED:
        memcpy(&seed, member, sizeof seed);
        if (seed == FIRN_SEED_DRAW)
            snprintf(text, FIRN_PARAMETER_TEXT, "-1");
        else
            snprintf(text, FIRN_PARAMETER_TEXT, "%" PRIu64, seed);
        break;
    case FIRN_PARAMETER_COUNT:
        memcpy(&count, member, sizeof count);
        snprintf(text, FIRN_PARAMETER_TEXT, "%" PRId32, count);
        break;
    case FIRN_PARAMETER_REAL:
        memcpy(&real, member, sizeof real);
        print_real(real, text);
        break;
    case FIRN_PARAMETER_SWITCH:
        memcpy(&on, member, sizeof on);
        snprintf(text, FIRN_PARAMETER_TEXT, "%s", on ? "true" : "false");
        break;
    case FIRN_PARAMETER_TEXTS:
    case FIRN_PARAMETER_IDS:
    case FIRN_PARAMETER_BIAS:
    case FIRN_PARAMETER_ORDER:
        snprintf(text, FIRN_PARAMETER_TEXT, "%.*s", FIRN_LIST_TEXT - 1, member);
        break;
    }
}

firn_status firn_generation_parameters_check(const firn_generation_parameters *parameters, firn_error *error)
{
    if (parameters->size != sizeof *parameters)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "generation parameters of %zu bytes, where this version has %zu; start from "
                         "firn_generation_parameters_default()",
                         parameters->size, sizeof *parameters);
    /* what can be printed and read back is allowed, and nothing else */
    firn_generation_parameters copy = *parameters;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char text[FIRN_PARAMETER_TEXT];
        firn_parameter_print(parameters, &rows[i], text);
        const firn_status status = firn_parameter_set_json(&copy, rows[i].name, text, strlen(text), error);
        if (status != FIRN_OK)
            return status;
    }
    if (parameters->n_predict >= 0 && parameters->min_tokens > parameters->n_predict)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "min_tokens (--min-tokens) %d and n_predict (-n) %d contradict each other; give min_tokens "
                         "from 0 to n_predict",
                         parameters->min_tokens, parameters->n_predict);
    if (parameters->n_beams > 1 && parameters->best_of > 1)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "n_beams (--beams) %d and best_of (--best-of) %d don't go together; set one of them to 1",
                         parameters->n_beams, parameters->best_of);
    const char *const drawn = parameters->mirostat != 0          ? "mirostat (--mirostat)"
                              : parameters->adaptive_target >= 0 ? "adaptive_target (--adaptive-target)"
                              : parameters->xtc_probability > 0  ? "xtc_probability (--xtc-probability)"
                                                                 : NULL;
    if (parameters->n_beams > 1 && drawn != NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "%s acts on how tokens are drawn, and n_beams (--beams) %d draws none; leave one of them out",
                         drawn, parameters->n_beams);
    return FIRN_OK;
}
