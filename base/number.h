/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal text and doubles, independent of the process's locale. */
#ifndef FIRN_BASE_NUMBER_H
#define FIRN_BASE_NUMBER_H

#include "base/slice.h"

/*
 * Reads a whole text of the form [+-] digits [. digits] [e [+-] digits] (digits on one side of the point suffice),
 * rounded correctly. False if the text is anything else or longer than 400 bytes. Too large gives infinity.
 */
bool base_parse_double(base_slice text, double *value);

enum { BASE_DOUBLE_TEXT = 32 }; /* bytes that base_format_double needs at most */

/*
 * The shortest decimal text that reads back as the same double, as Python's repr writes it ("0.1", "1e-05", "100.0",
 * "inf", "nan"). Returns its length; a terminator follows.
 */
size_t base_format_double(double value, char text[BASE_DOUBLE_TEXT]);

/* snprintf of one double with "%.*f", "%.*e" or "%.*g" (`style`), always with a point. Returns what snprintf does. */
int base_print_double(char *buffer, size_t capacity, char style, int precision, double value);

#endif
