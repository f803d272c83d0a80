/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that one GGUF checkpoint consists of: one, or the parts NAME-00001-of-00003.gguf … that it was split into,
 * of which the first holds the keys.
 */
#ifndef FIRN_MODELS_PARTS_H
#define FIRN_MODELS_PARTS_H

#include "models/gguf.h"

typedef struct mod_part {
    char *path;
    mod_gguf file;
} mod_part;

typedef struct mod_parts {
    mod_part *parts; /* [n_parts] */
    uint32_t n_parts;
    uint64_t n_tensors; /* of all */
} mod_parts;

/* Opens the file and, if it says that it is the first of several, the others. On failure there is nothing to close. */
firn_status mod_parts_open(const char *path, mod_parts *out, firn_error *error);
void mod_parts_close(mod_parts *parts); /* of one that is all zeros as well */

#endif
