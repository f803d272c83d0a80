/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction-set levels that kernels are written for. A level is used only if the processor and the operating
 * system have all of it; a caller can ask to stay below, never to go above.
 */
#ifndef FIRN_KERNELS_CPU_H
#define FIRN_KERNELS_CPU_H

#include <stdbool.h>

/* In rising order of preference within one architecture. */
typedef enum kern_level {
    KERN_LEVEL_SCALAR,
    KERN_LEVEL_AVX2,       /* AVX2, FMA, F16C */
    KERN_LEVEL_AVXVNNI,    /* AVX2 and AVX-VNNI */
    KERN_LEVEL_AVX512,     /* AVX2 and AVX-512 F, BW, DQ, VL */
    KERN_LEVEL_AVX512VNNI, /* and AVX-512 VNNI */
    KERN_LEVEL_NEON,       /* 64-bit ARM */
    KERN_LEVEL_DOTPROD,    /* and int8 dot products */
    KERN_LEVEL_I8MM,       /* and int8 matrix products */
    KERN_LEVELS
} kern_level;

/* "scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "neon", "dotprod", "i8mm". */
const char *kern_level_name(kern_level level);

/* Finds a level by name; false where there is none. */
bool kern_level_find(const char *name, kern_level *level);

/* Whether this machine has all of the level. */
bool kern_level_available(kern_level level);

/* The highest level this machine has. */
kern_level kern_level_detect(void);

#endif
