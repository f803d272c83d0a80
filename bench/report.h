/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results as a table for people (llama-bench's columns, then ours), or with llama-bench's field names where they fit
 * and ours beside: CSV, one JSON array, or one JSON object a line. The plot is one SVG, alone or in an HTML page.
 */
#ifndef FIRN_BENCH_REPORT_H
#define FIRN_BENCH_REPORT_H

#include "bench/measure.h"

/* All of them, when all are there; but for BENCH_JSONL, where each is written on its own. */
void bench_report(FILE *out, bench_format format, const bench_result *results, size_t count);

/* What the machine can do, alone: an object, or lines of text. */
void bench_report_roofline(FILE *out, bench_format format, const bench_roofline *rooflines, size_t count);

/* Fails if there is nothing to draw a line through: a rate at two depths, prompt lengths or numbers of sequences. */
firn_status bench_plot(const char *path, const bench_result *results, size_t count, firn_error *error);

#endif
