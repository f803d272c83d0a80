/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const names[] = {
#define FIRN_STATUS_NAME(name, text) #name,
    FIRN_STATUS_LIST(FIRN_STATUS_NAME)
#undef FIRN_STATUS_NAME
};

static const char *const texts[] = {
#define FIRN_STATUS_TEXT(name, text) text,
    FIRN_STATUS_LIST(FIRN_STATUS_TEXT)
#undef FIRN_STATUS_TEXT
};

enum { STATUS_COUNT = sizeof names / sizeof names[0] };

const char *firn_status_name(firn_status status)
{
    return (unsigned)status < STATUS_COUNT ? names[status] : "FIRN_ERROR_UNKNOWN";
}

const char *firn_status_text(firn_status status)
{
    return (unsigned)status < STATUS_COUNT ? texts[status] : "unknown status";
}

firn_status base_fail(firn_error *error, firn_status status, uint64_t offset, const char *format, ...)
{
    if (error == NULL)
        return status;
    error->status = status;
    error->offset = offset;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    for (char *c = error->message; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return status;
}
