/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of one generation parameter in a sweep. Numbers are lists of values and ranges: "0,0.3..1.5:0.3" is 0,
 * 0.3, 0.6, 0.9, 1.2 and 1.5, "1..64:*2" is 1, 2, 4, …, 64, and integers go by 1 where no step is given. Ranges are
 * counted in decimals, so that their values are those that a person would have written out. Lists, such as stop texts,
 * are given as a JSON array of their values: '[["a"],["b","c"],[]]'.
 */
#ifndef FIRN_TOOLS_SWEEP_AXES_H
#define FIRN_TOOLS_SWEEP_AXES_H

#include "engine/firn.h"

/* Start from {.row = …}, release with sweep_axis_free. */
typedef struct sweep_axis {
    const firn_parameter *row;
    char **values; /* [n_values] as firn_parameter_print writes them, which is JSON */
    size_t n_values, capacity;
    uint32_t *places; /* [2 * capacity] a hash table of the values: index + 1, or 0 */
    bool continuous;  /* a range without a step: numbers from `lowest` to `highest` are drawn from it */
    double lowest, highest;
} sweep_axis;

void sweep_axis_free(sweep_axis *axis);

/* Whether a flag's text is more than one value of the parameter, or one that only an axis can hold. */
bool sweep_is_axis(const firn_parameter *row, const char *text);

/* Adds what a flag says. Every value is checked against the parameter's bounds. */
firn_status sweep_axis_parse(sweep_axis *axis, const char *text, firn_error *error);

/*
 * Adds one value, written as on a command line or (json) as in a document, and gives its index; one that is there
 * already is found.
 */
firn_status sweep_axis_add(sweep_axis *axis, const char *text, bool json, size_t *index, firn_error *error);

#endif
