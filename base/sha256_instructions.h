/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of SHA-256 by the processor's own instructions, on x86-64 where it has them: some eight times as fast. */
#ifndef FIRN_BASE_SHA256_INSTRUCTIONS_H
#define FIRN_BASE_SHA256_INSTRUCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this processor has them. */
bool base_sha256_instructions(void);

/* Takes n_blocks blocks of 64 bytes into the state; the constants are the standard's K. */
void base_sha256_blocks(uint32_t state[8], const uint32_t constants[64], const uint8_t *blocks, size_t n_blocks);

#endif
