/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads little-endian values from bytes of untrusted content. A read past the end gives zeros, and the reader remembers
 * where the first one was: a caller may read several fields and check once. After a fault every read gives zeros.
 */
#ifndef FIRN_BASE_READER_H
#define FIRN_BASE_READER_H

#include "base/slice.h"

#include <stdint.h>

typedef struct base_reader {
    const unsigned char *data; /* [size] */
    uint64_t size;
    uint64_t position; /* of the next read, or of the first fault; at most size */
    bool failed;
    uint64_t wanted; /* bytes that the faulty read asked for */
} base_reader;

static inline base_reader base_reader_from(const void *data, uint64_t size)
{
    return (base_reader){.data = data, .size = size};
}

static inline uint64_t base_reader_remaining(const base_reader *reader)
{
    return reader->size - reader->position;
}

/* The next `count` bytes, which the caller must not change; NULL past the end. */
static inline const unsigned char *base_reader_take(base_reader *reader, uint64_t count)
{
    if (reader->failed || count > base_reader_remaining(reader)) {
        if (!reader->failed)
            reader->wanted = count;
        reader->failed = true;
        return NULL;
    }
    const unsigned char *const bytes = reader->data + reader->position;
    reader->position += count;
    return bytes;
}

static inline uint32_t base_reader_u32(base_reader *reader)
{
    const unsigned char *const b = base_reader_take(reader, 4);
    return b == NULL ? 0 : (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t base_reader_u64(base_reader *reader)
{
    const unsigned char *const b = base_reader_take(reader, 8);
    uint64_t value = 0;
    for (int i = 7; b != NULL && i >= 0; i--)
        value = value << 8 | b[i];
    return value;
}

/* A string that is stored as its length in 8 bytes and then its bytes; empty past the end. */
static inline base_slice base_reader_string(base_reader *reader)
{
    const uint64_t length = base_reader_u64(reader);
    const unsigned char *const bytes = base_reader_take(reader, length);
    return bytes == NULL ? (base_slice){NULL, 0} : (base_slice){(const char *)bytes, (size_t)length};
}

#endif
