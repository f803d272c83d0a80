/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine can do with a number of threads: bytes read from memory, float32 operations in OpenBLAS's sgemm,
 * operations on bytes in registers. A multiply-add is two operations. Each is the best of many short runs: a limit,
 * not an average.
 */
#ifndef FIRN_BENCH_ROOFLINE_H
#define FIRN_BENCH_ROOFLINE_H

#include "engine/firn.h"

typedef struct bench_roofline {
    uint32_t n_threads; /* 0: not measured */
    double read_bytes;  /* a second */
    double float_operations, int8_operations;
    double median_read_bytes; /* what to expect, where other machines share the memory */
} bench_roofline;

firn_status bench_roofline_measure(uint32_t n_threads, bench_roofline *out, firn_error *error);

/* The shortest time in which the machine could do the work, in seconds; *memory: whether reading takes that long. */
double bench_roofline_seconds(const bench_roofline *roofline, const firn_work *work, bool *memory);

#endif
