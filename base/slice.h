/* SPDX-License-Identifier: Apache-2.0 */
/* A stretch of bytes that somebody else owns: no terminator, may hold any byte. */
#ifndef FIRN_BASE_SLICE_H
#define FIRN_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct base_slice {
    const char *data; /* not NULL unless length is 0 */
    size_t length;    /* bytes */
} base_slice;

static inline base_slice base_slice_from(const char *text)
{
    return (base_slice){text, strlen(text)};
}

static inline bool base_slice_equal(base_slice a, base_slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool base_slice_is(base_slice a, const char *text)
{
    return base_slice_equal(a, base_slice_from(text));
}

#endif
