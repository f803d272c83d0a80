/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function says when it fails: a status, and for people a sentence with the place of the fault.
 * The list below is the only one: enum, names and texts are made from it.
 */
#ifndef FIRN_BASE_STATUS_H
#define FIRN_BASE_STATUS_H

#include <stdint.h>

#define FIRN_STATUS_LIST(X)                                                     \
    X(FIRN_OK, "no error")                                                      \
    X(FIRN_ERROR_ARGUMENT, "an argument is outside what the call allows")       \
    X(FIRN_ERROR_MEMORY, "memory could not be had")                             \
    X(FIRN_ERROR_IO, "a file could not be opened, read or written")             \
    X(FIRN_ERROR_FORMAT, "a file is damaged or is not of the format it claims") \
    X(FIRN_ERROR_UNSUPPORTED, "a feature of the file is not supported")         \
    X(FIRN_ERROR_LIMIT, "a limit is exceeded")                                  \
    X(FIRN_ERROR_NUMERIC, "a computation met a value that is not a number")     \
    X(FIRN_ERROR_CANCELLED, "the caller asked to stop")                         \
    X(FIRN_ERROR_SYSTEM, "the operating system refused a thread or a mapping")

typedef enum firn_status {
#define FIRN_STATUS_ENUM(name, text) name,
    FIRN_STATUS_LIST(FIRN_STATUS_ENUM)
#undef FIRN_STATUS_ENUM
} firn_status;

#define FIRN_NO_OFFSET UINT64_MAX

/* Owned by the caller, who may pass NULL where a function takes one. Filled only on failure; the first fault stays. */
typedef struct firn_error {
    firn_status status;
    uint64_t offset;   /* byte in the file or text where the fault is, or FIRN_NO_OFFSET */
    char message[496]; /* one line, no newline at the end: what is wrong, where, the value, the limit, what to do */
} firn_error;

/* The enumerator's name, such as "FIRN_ERROR_FORMAT", and its text. Never NULL. */
const char *firn_status_name(firn_status status);
const char *firn_status_text(firn_status status);

/*
 * Fills `error` (may be NULL) from a printf format and returns `status`, so that a caller can write
 * `return base_fail(error, FIRN_ERROR_FORMAT, offset, "...")`. Control characters that came from a file are shown
 * as '?', so that a damaged file can't write to the terminal.
 */
__attribute__((format(printf, 4, 5))) firn_status base_fail(firn_error *error, firn_status status, uint64_t offset,
                                                            const char *format, ...);

#endif
