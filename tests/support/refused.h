/* SPDX-License-Identifier: Apache-2.0 */
/* What a damaged checkpoint has to get: a status, one line that names what is needed to understand it, and soon. */
#ifndef FIRN_TESTS_SUPPORT_REFUSED_H
#define FIRN_TESTS_SUPPORT_REFUSED_H

#include "base/status.h"
#include "tests/support/effort.h"

#include <stdbool.h>

enum { REFUSED_PARTS = 4, REFUSED_MOST_MILLISECONDS = SUPPORT_EFFORT(50, 500) };

/*
 * Opens the file with its tensors checked. True if it was refused with this status within 50 ms of work (500 with
 * sanitizers), by a message that holds the file's name and all parts (up to the first NULL); else `why` says what was
 * different.
 */
bool support_refused(const char *path, firn_status status, const char *const parts[REFUSED_PARTS], char why[800]);

#endif
