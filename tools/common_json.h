/* SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON, which is always valid UTF-8 whatever a model's bytes are. */
#ifndef FIRN_TOOLS_COMMON_JSON_H
#define FIRN_TOOLS_COMMON_JSON_H

#include "engine/firn.h"

#include <stdio.h>

/* A string in quotes; a byte that is no part of a character becomes U+FFFD. */
void tool_json_string(FILE *out, const char *bytes, size_t length);

/* An array of the bytes' values, such as [72,105]. */
void tool_json_bytes(FILE *out, const char *bytes, size_t length);

/* A number with `digits` significant digits; null if it is not finite. */
void tool_json_number(FILE *out, double value, int digits);

/* An object of all generation parameters. */
void tool_json_parameters(FILE *out, const firn_generation_parameters *parameters);

#endif
