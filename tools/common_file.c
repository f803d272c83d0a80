/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_file.h"

#include "base/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- written whole ---- */

static void forget(tool_file *file)
{
    free(file->path);
    free(file->temporary);
    *file = (tool_file){NULL, NULL, NULL};
}

firn_status tool_file_create(const char *path, tool_file *file, firn_error *error)
{
    static const char suffix[] = ".XXXXXX";
    const size_t length = strlen(path);
    *file = (tool_file){NULL, strdup(path), malloc(length + sizeof suffix)};
    if (file->path == NULL || file->temporary == NULL) {
        forget(file);
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%.200s: no memory for its name", path);
    }
    memcpy(file->temporary, path, length);
    memcpy(file->temporary + length, suffix, sizeof suffix);
    const int descriptor = mkstemp(file->temporary);
    const mode_t mask = umask(0); /* what open would have given */
    umask(mask);
    if (descriptor >= 0 && fchmod(descriptor, 0666 & ~mask) == 0)
        file->out = fdopen(descriptor, "w");
    if (file->out != NULL)
        return FIRN_OK;
    const int fault = errno;
    if (descriptor >= 0) {
        close(descriptor);
        unlink(file->temporary);
    }
    forget(file);
    return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.200s: can't be written: %s", path, strerror(fault));
}

firn_status tool_file_close(tool_file *file, bool keep, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (file->out == NULL)
        return FIRN_OK;
    bool written = fflush(file->out) == 0 && ferror(file->out) == 0 && fsync(fileno(file->out)) == 0;
    written &= fclose(file->out) == 0;
    if (keep && (!written || rename(file->temporary, file->path) != 0)) {
        keep = false;
        status = base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.200s: can't be written: %s", file->path,
                           strerror(errno));
    }
    if (!keep)
        unlink(file->temporary);
    forget(file);
    return status;
}

/* ---- the hash of a checkpoint ---- */

static firn_status add_file(base_sha256 *hash, const char *path, firn_error *error)
{
    enum { PIECE = 1 << 18 };
    firn_status status = FIRN_OK;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    char *const bytes = malloc(PIECE);
    ssize_t count = file < 0 || bytes == NULL ? -1 : 1;
    while (count > 0 && (count = read(file, bytes, PIECE)) > 0)
        base_sha256_add(hash, bytes, (size_t)count);
    if (count < 0)
        status = base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.200s: can't be read: %s", path, strerror(errno));
    free(bytes);
    if (file >= 0)
        close(file);
    return status;
}

/* Where the number of a part stands in a name that ends in -00001-of-00003.gguf, and how many parts there are; or 0. */
static unsigned parts_of(const char *path, size_t *at)
{
    static const char pattern[] = "-#####-of-#####.gguf";
    const size_t length = strlen(path), tail = sizeof pattern - 1;
    if (length < tail)
        return 0;
    for (size_t i = 0; i < tail; i++) {
        const char c = path[length - tail + i];
        if (pattern[i] == '#' ? c < '0' || c > '9' : c != pattern[i])
            return 0;
    }
    *at = length - tail + 1;
    return (unsigned)strtoul(path + length - 10, NULL, 10);
}

firn_status tool_hash_checkpoint(const char *path, char hex[BASE_SHA256_HEX], firn_error *error)
{
    base_sha256 hash = base_sha256_begin();
    size_t at;
    const unsigned n_parts = parts_of(path, &at);
    char *const name = strdup(path);
    firn_status status = FIRN_OK;
    if (name == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%.200s: no memory for its name", path);
    if (n_parts == 0)
        status = add_file(&hash, path, error);
    for (unsigned part = 1; part <= n_parts && status == FIRN_OK; part++) {
        char digits[11];
        snprintf(digits, sizeof digits, "%05u", part);
        memcpy(name + at, digits, 5);
        status = add_file(&hash, name, error);
    }
    free(name);
    base_sha256_end(&hash, hex);
    return status;
}
