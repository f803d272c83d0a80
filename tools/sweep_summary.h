/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the texts say together: of each cell, over its seeds, and of its texts beside those of the neighbouring cells.
 * Noise is the same for the same seed, so where a text first differs from its neighbour's, it is the setting's doing.
 */
#ifndef FIRN_TOOLS_SWEEP_SUMMARY_H
#define FIRN_TOOLS_SWEEP_SUMMARY_H

#include "tools/sweep_store.h"

typedef struct sweep_statistic {
    size_t n;            /* texts that have the measure */
    double mean, spread; /* spread: standard deviation of a sample; NaN below two */
} sweep_statistic;

typedef struct sweep_cell {
    size_t model, prompt; /* prompt: the number of prompts, where all of them are taken together */
    size_t setting;       /* the first of the cell */
    size_t n_texts;
    sweep_statistic measures[SWEEP_MEASURES];
    double similarity; /* mean over all pairs of texts of one prompt; NaN where there is none */
    size_t n_judged, n_passed;
    double *divergences; /* [axes] mean index of the first token that differs from the text with the axis' value before;
                            a text that doesn't differ counts with its length. NaN: there is no neighbour */
} sweep_cell;

typedef struct sweep_summary {
    sweep_cell *cells; /* [n_cells] */
    size_t n_cells;
    double *divergences; /* of all cells */
} sweep_summary;

/* Release with sweep_summary_free. */
firn_status sweep_summarise(const sweep_store *store, sweep_summary *out, firn_error *error);
void sweep_summary_free(sweep_summary *summary);

/* A row for each cell. The file appears whole or not at all. */
firn_status sweep_summary_save(const sweep_summary *summary, const sweep_tasks *tasks, const char *path,
                               firn_error *error);

/* The same for people: axes and the measures that say most. */
void sweep_summary_print(const sweep_summary *summary, const sweep_tasks *tasks, FILE *out);

#endif
