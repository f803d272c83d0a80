/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops that multiply bytes and add the products in registers, as fast as an instruction-set level allows: the most
 * that a kernel could reach whose data is always there. Each does 1024 * `rounds` multiply-adds and returns a sum that
 * depends on all of them.
 */
#ifndef FIRN_BENCH_INT8_H
#define FIRN_BENCH_INT8_H

#include <stdint.h>

enum { BENCH_INT8_ROUND = 1024 };

typedef int32_t (*bench_int8_loop)(uint64_t rounds);

int32_t bench_int8_avx2(uint64_t rounds);       /* four vpmaddubsw of unsigned 5-bit values before sums are widened */
int32_t bench_int8_avx512vnni(uint64_t rounds); /* vpdpbusd */

#endif
