/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are written whole or not at all, and what identifies the file of a checkpoint. */
#ifndef FIRN_TOOLS_COMMON_FILE_H
#define FIRN_TOOLS_COMMON_FILE_H

#include "base/sha256.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

/* A file with another name until it is whole. Zeros: none. */
typedef struct tool_file {
    FILE *out;
    char *path, *temporary;
} tool_file;

firn_status tool_file_create(const char *path, tool_file *file, firn_error *error);

/* Gives the file its name, or takes it away where `keep` is false or not all of it could be written. */
firn_status tool_file_close(tool_file *file, bool keep, firn_error *error);

/*
 * SHA-256 of a checkpoint's file, as `sha256sum FILE` says; of one that was split into NAME-00001-of-00003.gguf …, of
 * all parts in their order. Reads all of it: 0.08 s for 100 MB where the processor has instructions for it, else 0.4 s.
 */
firn_status tool_hash_checkpoint(const char *path, char hex[BASE_SHA256_HEX], firn_error *error);

#endif
