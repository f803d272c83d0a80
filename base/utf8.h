/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF. Works on bytes that may be
 * anything and never reads past the length given.
 */
#ifndef FIRN_BASE_UTF8_H
#define FIRN_BASE_UTF8_H

#include "base/slice.h"

#include <stdint.h>

/*
 * Bytes (1 to 4) of the character that `bytes` begins with, and its code point; 0 if there is no whole, well-formed
 * character in the `length` bytes.
 */
size_t base_utf8_decode(const char *bytes, size_t length, uint32_t *code_point);

/* Writes the character and returns its bytes (1 to 4); 0 if it is a surrogate or above U+10FFFF. */
size_t base_utf8_encode(uint32_t code_point, char bytes[4]);

bool base_utf8_valid(base_slice text);

/* How many of the bytes end in whole characters: all but the beginning of a character that may yet be completed. */
size_t base_utf8_whole(const char *bytes, size_t length);

#endif
