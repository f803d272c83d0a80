/* SPDX-License-Identifier: Apache-2.0 */
/* Size arithmetic that says when it would overflow. Every size that depends on a file or a request goes through it. */
#ifndef FIRN_BASE_CHECKED_H
#define FIRN_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each stores the result and returns true, or returns false on overflow (the result is then not to be used). */
static inline bool base_add_u64(uint64_t a, uint64_t b, uint64_t *result)
{
    return !__builtin_add_overflow(a, b, result);
}

static inline bool base_multiply_u64(uint64_t a, uint64_t b, uint64_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

static inline bool base_multiply_size(size_t a, size_t b, size_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

/* Rounds up to a multiple of `alignment`, a power of two. */
static inline bool base_align_u64(uint64_t value, uint64_t alignment, uint64_t *result)
{
    if (!base_add_u64(value, alignment - 1, result))
        return false;
    *result &= ~(alignment - 1);
    return true;
}

#endif
