/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) of bytes that come in any pieces. */
#ifndef FIRN_BASE_SHA256_H
#define FIRN_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BASE_SHA256_HEX = 65 }; /* 64 digits and a terminator */

typedef struct base_sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
    bool instructions; /* of the processor are used; may be set to false before bytes are added */
} base_sha256;

base_sha256 base_sha256_begin(void);
void base_sha256_add(base_sha256 *hash, const void *bytes, size_t length);
void base_sha256_end(base_sha256 *hash, char hex[BASE_SHA256_HEX]); /* in lower case; the hash is used up */

#endif
