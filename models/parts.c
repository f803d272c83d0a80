/* SPDX-License-Identifier: Apache-2.0 */
#include "models/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PARTS_HIGHEST = 1000,
    SUFFIX_BYTES = sizeof "-00001-of-00003.gguf" - 1,
};

static firn_status open_part(mod_part *part, const char *path, firn_error *error)
{
    part->path = strdup(path);
    if (part->path == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory to open it", base_path_shown(path));
    return mod_gguf_open(part->path, &part->file, error);
}

/* That a file of several is the one that its place in the list wants. */
static firn_status check_part(const mod_gguf *file, int64_t number, int64_t count, firn_error *error)
{
    int64_t its_number, its_count;
    firn_status status = mod_gguf_integer(file, "split.no", MOD_REQUIRED, 0, PARTS_HIGHEST - 1, &its_number, error);
    if (status == FIRN_OK)
        status = mod_gguf_integer(file, "split.count", MOD_REQUIRED, 1, PARTS_HIGHEST, &its_count, error);
    if (status == FIRN_OK && (its_number != number || its_count != count))
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "%s: keys 'split.no' and 'split.count' say part %" PRId64 " of %" PRId64 "; part %" PRId64
                         " of %" PRId64 " is needed here (parts are counted from 0)",
                         file->path, its_number, its_count, number, count);
    return status;
}

/* The path of a part, counted from 1: `first` has to end in "-00001-of-COUNT.gguf". The result is the caller's to free.
 */
static firn_status part_path(const char *first, uint16_t number, uint16_t count, char **path, firn_error *error)
{
    char suffix[SUFFIX_BYTES + 1];
    const size_t length = strlen(first);
    snprintf(suffix, sizeof suffix, "-00001-of-%05" PRIu16 ".gguf", count);
    if (length < SUFFIX_BYTES || strcmp(first + length - SUFFIX_BYTES, suffix) != 0)
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "%s: is the first of %" PRIu16 " parts (key 'split.count'), so its name has to end in '%s'",
                         base_path_shown(first), count, suffix);
    *path = strdup(first);
    if (*path == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory to open it", base_path_shown(first));
    snprintf(*path + length - SUFFIX_BYTES, SUFFIX_BYTES + 1, "-%05" PRIu16 "-of-%05" PRIu16 ".gguf", number, count);
    return FIRN_OK;
}

/* Parts after the first. */
static firn_status open_others(mod_parts *parts, uint32_t count, firn_error *error)
{
    const char *const first = parts->parts[0].path;
    while (parts->n_parts < count) {
        char *path = NULL;
        mod_part *const part = &parts->parts[parts->n_parts];
        firn_status status = part_path(first, (uint16_t)(parts->n_parts + 1), (uint16_t)count, &path, error);
        if (status == FIRN_OK) {
            parts->n_parts++;
            status = open_part(part, path, error);
        }
        free(path);
        if (status == FIRN_OK)
            status = check_part(&part->file, parts->n_parts - 1, count, error);
        if (status != FIRN_OK)
            return status;
        parts->n_tensors += part->file.n_tensors;
    }
    return FIRN_OK;
}

static firn_status open_split(mod_parts *parts, uint32_t count, firn_error *error)
{
    int64_t n_tensors;
    firn_status status = check_part(&parts->parts[0].file, 0, count, error);
    if (status == FIRN_OK)
        status = mod_gguf_integer(&parts->parts[0].file, "split.tensors.count", MOD_REQUIRED, 0, INT32_MAX, &n_tensors,
                                  error);
    if (status != FIRN_OK)
        return status;
    mod_part *const grown = realloc(parts->parts, count * sizeof *grown);
    if (grown == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory for %" PRIu32 " parts",
                         parts->parts[0].file.path, count);
    memset(grown + 1, 0, (count - 1) * sizeof *grown);
    parts->parts = grown;
    status = open_others(parts, count, error);
    if (status == FIRN_OK && parts->n_tensors != (uint64_t)n_tensors)
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "%s: key 'split.tensors.count' is %" PRId64 "; its %" PRIu32 " parts have %" PRIu64 " tensors",
                         parts->parts[0].file.path, n_tensors, count, parts->n_tensors);
    return status;
}

firn_status mod_parts_open(const char *path, mod_parts *out, firn_error *error)
{
    int64_t count = 1;
    *out = (mod_parts){.parts = calloc(1, sizeof *out->parts), .n_parts = 1};
    if (out->parts == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory to open it", base_path_shown(path));
    firn_status status = open_part(&out->parts[0], path, error);
    if (status == FIRN_OK) {
        out->n_tensors = out->parts[0].file.n_tensors;
        status = mod_gguf_integer(&out->parts[0].file, "split.count", MOD_OPTIONAL, 1, PARTS_HIGHEST, &count, error);
    }
    if (status == FIRN_OK && count > 1)
        status = open_split(out, (uint32_t)count, error);
    if (status != FIRN_OK)
        mod_parts_close(out);
    return status;
}

void mod_parts_close(mod_parts *parts)
{
    for (uint32_t i = 0; parts->parts != NULL && i < parts->n_parts; i++) {
        mod_gguf_close(&parts->parts[i].file);
        free(parts->parts[i].path);
    }
    free(parts->parts);
    *parts = (mod_parts){NULL, 0, 0};
}
