/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/parameters.h"

#include "base/slice.h"

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

/* Decimal notation only: strtod alone would take hexadecimal, "inf", "nan" and leading spaces. */
static bool read_number(const char *text, double *value)
{
    char *end;
    if (text[0] == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0')
        return false;
    *value = strtod(text, &end);
    return *end == '\0';
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

/* The shortest decimal that reads back as `value`. */
static void print_real(double value, char text[FIRN_PARAMETER_TEXT])
{
    for (int digits = 6; digits <= 17; digits++) { /* %g drops zeros at the end */
        snprintf(text, FIRN_PARAMETER_TEXT, "%.*g", digits, value);
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
    char lowest[FIRN_PARAMETER_TEXT], highest[FIRN_PARAMETER_TEXT];
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
    }
}

static firn_status refuse(const firn_parameter *row, const char *text, firn_error *error)
{
    char range[FIRN_PARAMETER_RANGE_TEXT];
    firn_parameter_range(row, range);
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "%s (%s): '%.60s' is not allowed; give %s", row->name,
                     row->flags, text, range);
}

firn_status firn_parameter_set(firn_generation_parameters *parameters, const char *name, const char *text,
                               firn_error *error)
{
    const firn_parameter *const row = firn_parameter_find(name);
    if (row == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "there is no generation parameter '%.60s'", name);
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
    }
    return refuse(row, text, error);
}

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
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char text[FIRN_PARAMETER_TEXT];
        firn_generation_parameters copy = *parameters;
        firn_parameter_print(parameters, &rows[i], text);
        const firn_status status = firn_parameter_set(&copy, rows[i].name, text, error);
        if (status != FIRN_OK)
            return status;
    }
    return FIRN_OK;
}
