/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/checkpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* folder + middle + name, or NULL if there is no such file. */
static char *existing(const char *folder, const char *middle, const char *name)
{
    const size_t size = strlen(folder) + strlen(middle) + strlen(name) + 1;
    char *const path = malloc(size);
    if (path == NULL)
        abort();
    snprintf(path, size, "%s%s%s", folder, middle, name);
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

char *support_checkpoint(const char *file_name)
{
    const char *folder = getenv("FIRN_CHECKPOINTS");
    if (folder != NULL && *folder)
        return existing(folder, "/", file_name);
    if ((folder = getenv("XDG_CACHE_HOME")) != NULL && *folder)
        return existing(folder, "/firn/", file_name);
    folder = getenv("HOME");
    return folder != NULL ? existing(folder, "/.cache/firn/", file_name) : NULL;
}

char *support_shared(const char *path)
{
    return existing(FIRN_SOURCE_DIR, "/../shared/", path);
}

char *support_source(const char *path)
{
    return existing(FIRN_SOURCE_DIR, "/", path);
}

char *support_read_file(const char *path, unsigned long *length)
{
    FILE *const file = path != NULL ? fopen(path, "rb") : NULL;
    if (file == NULL)
        abort();
    size_t used = 0, capacity = 1 << 16;
    char *bytes = malloc(capacity);
    for (;;) {
        if (bytes == NULL)
            abort();
        used += fread(bytes + used, 1, capacity - used - 1, file);
        if (used + 1 < capacity)
            break;
        bytes = realloc(bytes, capacity *= 2);
    }
    fclose(file);
    bytes[used] = '\0';
    if (length != NULL)
        *length = used;
    return bytes;
}
