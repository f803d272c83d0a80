/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to measure: the command line of bench, with llama-bench's option names. A list is "a,b", a range
 * "first-last", "first-last+step" or "first-last*factor"; an option may be given several times.
 */
#ifndef FIRN_BENCH_OPTIONS_H
#define FIRN_BENCH_OPTIONS_H

#include "tools/common_arguments.h"

enum { BENCH_VALUES = 64 };

typedef struct bench_values {
    size_t count;
    uint32_t at[BENCH_VALUES];
} bench_values;

/* Adds all values of a list of numbers and ranges, each from `lowest` to `highest`. `flag` is for messages. */
firn_status bench_values_add(bench_values *values, const char *flag, const char *text, uint32_t lowest,
                             uint32_t highest, firn_error *error);

/* A prompt of n_prompt tokens, then n_gen tokens one by one; either may be 0. */
typedef struct bench_pair {
    uint32_t n_prompt, n_gen;
} bench_pair;

typedef enum bench_format { BENCH_MARKDOWN, BENCH_CSV, BENCH_JSON, BENCH_JSONL } bench_format;

typedef struct bench_options {
    tool_texts models;
    size_t n_pairs;
    bench_pair pairs[3 * BENCH_VALUES]; /* each prompt length, each number of tokens to generate, then -pg's */
    bench_values depths, batches, threads, sequences;
    bench_values cache_k, cache_v; /* firn_cache_type */
    uint32_t repetitions, delay_s, n_best;
    const char *cpu_level; /* or NULL */
    bench_format format;
    const char *plot; /* or NULL: the file to draw to */
    bool progress, pack_cache, startup, roofline;
    tool_help_form help;
} bench_options;

firn_status bench_options_parse(int argc, char *const *argv, bench_options *options, firn_error *error);
void bench_options_help(tool_help_form form, FILE *out);

#endif
