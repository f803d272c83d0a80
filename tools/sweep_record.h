/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text of a sweep as a record: what tool_record holds, so that generate --replay makes it again, and "key" (which
 * text of which sweep it is), "name" of the prompt, "negative_prompt", "pieces" of the text, "logprobs" and
 * "entropies", one for each token, "measures", and "judges". One line of JSON is the only form in which texts travel:
 * from rank to rank, into files, out of them and into reports.
 */
#ifndef FIRN_TOOLS_SWEEP_RECORD_H
#define FIRN_TOOLS_SWEEP_RECORD_H

#include "tools/common_record.h"
#include "tools/sweep_judges.h"
#include "tools/sweep_measures.h"

enum { SWEEP_KEY = 33 }; /* 32 digits and a terminator */

typedef struct sweep_record {
    tool_record record;
    const char *key, *name; /* name: may be NULL */
    tool_text negative;     /* prompt; data is NULL where guidance goes away from none */
    const sweep_sample *sample;
    const base_slice *pieces;      /* [sample->n_ids] what each token adds to the text, in whole characters */
    const double *measures;        /* [SWEEP_MEASURES] */
    const sweep_verdict *verdicts; /* [SWEEP_JUDGES] */
} sweep_record;

/* The line, without its end (free()). */
firn_status sweep_record_write(const sweep_record *record, tool_text *line, firn_error *error);

/* What is kept of a line. Release with sweep_text_free. */
typedef struct sweep_text {
    tool_text line;
    char key[SWEEP_KEY];
    int32_t *ids; /* [n_ids] */
    size_t n_ids;
    double measures[SWEEP_MEASURES]; /* NaN where there is none */
} sweep_text;

/* Reads a line; it becomes the text's on success only. */
firn_status sweep_text_read(tool_text line, sweep_text **out, firn_error *error);
void sweep_text_free(sweep_text *text);

#endif
