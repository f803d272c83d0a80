/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One test: a prompt, tokens one by one, or both, on a cache that already holds `depth` positions; or the same in
 * several sequences at once, each with a cache of its own. Only the forward passes are timed, not tokenizing or
 * sampling; which tokens they are doesn't matter, so they are made up.
 */
#ifndef FIRN_BENCH_MEASURE_H
#define FIRN_BENCH_MEASURE_H

#include "bench/options.h"
#include "bench/roofline.h"

typedef struct bench_result {
    const char *file;
    char model[128]; /* architecture and name */
    uint64_t tensor_bytes, n_parameters;
    char cpu_level[24];
    uint32_t n_batch, n_threads, n_depth, n_sequences;
    uint32_t n_best; /* logits that are wanted of each of several sequences; 0: all */
    firn_cache_types cache_types;
    bench_pair pair;
    bool startup;         /* of the program generate, from process start to the first byte of its text */
    uint64_t peak_memory; /* bytes, of that program; else 0 */
    char time[24];        /* when it began, UTC, ISO 8601 */
    firn_work work;       /* of one run */
    bench_roofline roofline;
    size_t n_samples;
    double *seconds; /* [n_samples], owned */
} bench_result;

typedef struct bench_statistics {
    double average, deviation, median, least, most;
} bench_statistics;

/* Of the samples, or of n / sample where n > 0. n_samples is at least 1. */
bench_statistics bench_summarise(const bench_result *result, double n);

/* Ascending. */
void bench_sort(double *values, size_t count);

/* Tokens of one run, of all sequences. */
uint64_t bench_tokens(const bench_result *result);

/*
 * "pp512", "tg128", "pp512+tg128", then " x8" where there are eight sequences and " @ d512" where their caches hold
 * positions before; "start".
 */
void bench_test_name(const bench_result *result, char name[64]);

void bench_note_time(char time[24]);

/* Fills pair's samples: result's file, batch, threads, depth, sequences, pair and n_samples are given. */
firn_status bench_measure(firn_model *model, bench_result *result, firn_error *error);

/* Runs build/bin/generate, which lies beside this program, n_samples times and once before. */
firn_status bench_measure_startup(bench_result *result, const bench_options *options, firn_error *error);

#endif
