/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which settings a sweep runs: generation parameters that all share, axes of those that differ, and a list of settings,
 * each an index into every axis. Settings that differ in their seed only are one cell.
 */
#ifndef FIRN_TOOLS_SWEEP_PLAN_H
#define FIRN_TOOLS_SWEEP_PLAN_H

#include "tools/sweep_axes.h"

enum { SWEEP_MOST_AXES = 64 }; /* each parameter is one at most */

/* Start with sweep_plan_begin, release with sweep_plan_free. */
typedef struct sweep_plan {
    firn_generation_parameters base;
    sweep_axis *axes; /* [n_axes] in the order they were given; one of seeds last */
    size_t n_axes;
    size_t n_file_axes;  /* of which the first came from a file: their values go together as its rows say */
    uint32_t *file_rows; /* [n_file_rows][n_file_axes] */
    size_t n_file_rows;
    uint32_t *settings; /* [n_settings][n_axes] */
    uint32_t *cells;    /* [n_settings] the setting's cell: cells count from 0 as they come */
    uint32_t *order;    /* [n_settings] settings by ascending indexes, that of seeds last: cells lie together */
    size_t n_settings, n_cells;
} sweep_plan;

typedef struct sweep_plan_options {
    bool zip;             /* axes go along together instead of crosswise */
    uint32_t n_random;    /* so many cells of all are drawn; 0: all are run */
    uint32_t random_seed; /* that decides which */
} sweep_plan_options;

void sweep_plan_begin(sweep_plan *plan);
void sweep_plan_free(sweep_plan *plan);

/* What a flag says: one value for all settings, or an axis. `argument` is the plan; see tool_command. */
firn_status sweep_plan_set(void *argument, const firn_parameter *row, const char *text, firn_error *error);

/*
 * Reads cells from a file, before any flag: a JSON array of objects, one object a line, or CSV with parameters' names
 * in its first line.
 */
firn_status sweep_plan_read(sweep_plan *plan, const char *path, firn_error *error);

/* Makes the settings of all that was given, checks each, and draws a seed if none is given. */
firn_status sweep_plan_finish(sweep_plan *plan, const sweep_plan_options *options, firn_error *error);

/* The generation parameters of a setting. */
void sweep_plan_parameters(const sweep_plan *plan, size_t setting, firn_generation_parameters *out);

/* The axis of seeds, or n_axes. */
size_t sweep_plan_seeds(const sweep_plan *plan);

/* The axis of this parameter; a new one with no value where there was none. NULL: no memory. */
sweep_axis *sweep_plan_axis(sweep_plan *plan, const firn_parameter *row);

/* The setting with these indexes into all axes, or n_settings. */
size_t sweep_plan_find(const sweep_plan *plan, const uint32_t *indexes);

#endif
