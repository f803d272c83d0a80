/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as CSV (RFC 4180): a row for each text, a row for each cell. */
#ifndef FIRN_TOOLS_SWEEP_CSV_H
#define FIRN_TOOLS_SWEEP_CSV_H

#include "base/slice.h"
#include "tools/sweep_record.h"
#include "tools/sweep_tasks.h"

#include <stdio.h>

/* A field in quotes where it needs them. */
void sweep_csv_field(FILE *out, base_slice field);
void sweep_csv_number(FILE *out, double value); /* nothing where it is not finite */

/* The columns: model, prompt (its number from 1), name, every axis, seed, every measure, stop, key, text. */
void sweep_csv_head(FILE *out, const sweep_tasks *tasks);
void sweep_csv_row(FILE *out, const sweep_tasks *tasks, size_t task, const sweep_text *text);

/* The value of an axis at a setting, as JSON. */
const char *sweep_axis_value(const sweep_plan *plan, size_t axis, size_t setting);

#endif
