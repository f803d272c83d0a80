/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The weight types that a checkpoint may name, with the geometry of a block. Numbers are those of the GGUF format
 * (ggml's `enum ggml_type`); gaps are types that the format has removed.
 */
#ifndef FIRN_KERNELS_TYPES_H
#define FIRN_KERNELS_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* X(name, GGUF number, elements of a block, bytes of a block) */
#define KERN_TYPE_LIST(X)   \
    X(F32, 0, 1, 4)         \
    X(F16, 1, 1, 2)         \
    X(Q4_0, 2, 32, 18)      \
    X(Q4_1, 3, 32, 20)      \
    X(Q5_0, 6, 32, 22)      \
    X(Q5_1, 7, 32, 24)      \
    X(Q8_0, 8, 32, 34)      \
    X(Q8_1, 9, 32, 36)      \
    X(Q2_K, 10, 256, 84)    \
    X(Q3_K, 11, 256, 110)   \
    X(Q4_K, 12, 256, 144)   \
    X(Q5_K, 13, 256, 176)   \
    X(Q6_K, 14, 256, 210)   \
    X(Q8_K, 15, 256, 292)   \
    X(IQ2_XXS, 16, 256, 66) \
    X(IQ2_XS, 17, 256, 74)  \
    X(IQ3_XXS, 18, 256, 98) \
    X(IQ1_S, 19, 256, 50)   \
    X(IQ4_NL, 20, 32, 18)   \
    X(IQ3_S, 21, 256, 110)  \
    X(IQ2_S, 22, 256, 82)   \
    X(IQ4_XS, 23, 256, 136) \
    X(I8, 24, 1, 1)         \
    X(I16, 25, 1, 2)        \
    X(I32, 26, 1, 4)        \
    X(I64, 27, 1, 8)        \
    X(F64, 28, 1, 8)        \
    X(IQ1_M, 29, 256, 56)   \
    X(BF16, 30, 1, 2)       \
    X(TQ1_0, 34, 256, 54)   \
    X(TQ2_0, 35, 256, 66)   \
    X(MXFP4, 39, 32, 17)    \
    X(NVFP4, 40, 64, 36)

typedef enum kern_type {
#define KERN_TYPE_ENUM(name, number, elements, bytes) KERN_##name = number,
    KERN_TYPE_LIST(KERN_TYPE_ENUM)
#undef KERN_TYPE_ENUM
        KERN_TYPE_LIMIT = 41 /* one more than the largest number */
} kern_type;

typedef struct kern_type_info {
    const char *name;        /* NULL where the format has no such type */
    uint32_t block_elements; /* weights in a block */
    uint32_t block_bytes;
} kern_type_info;

/* The geometry of type `number`, or NULL where there is none (unknown or removed). */
const kern_type_info *kern_type_find(uint32_t number);

#endif
