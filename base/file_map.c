/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SHOWN = 160 };

const char *base_path_shown(const char *path)
{
    const size_t length = strlen(path);
    return length > PATH_SHOWN ? path + length - PATH_SHOWN : path;
}

static firn_status fail_errno(firn_error *error, firn_status status, const char *path, const char *what, int number)
{
    char reason[80];
    if (strerror_r(number, reason, sizeof reason) != 0)
        reason[0] = '\0';
    return base_fail(error, status, FIRN_NO_OFFSET, "%s: %s: %s", base_path_shown(path), what, reason);
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a directory"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISCHR(mode)  ? "a character device"
           : S_ISBLK(mode)  ? "a block device"
           : S_ISSOCK(mode) ? "a socket"
                            : "of an unknown kind";
}

static firn_status map_descriptor(int descriptor, const char *path, base_file_map *map, firn_error *error)
{
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        return fail_errno(error, FIRN_ERROR_IO, path, "cannot be examined", errno);
    if (!S_ISREG(info.st_mode))
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%s: is %s; name a regular file", base_path_shown(path),
                         kind_of(info.st_mode));
    if (info.st_size <= 0)
        return base_fail(error, FIRN_ERROR_FORMAT, 0, "%s: the file is empty (0 bytes)", base_path_shown(path));
    if ((uint64_t)info.st_size > SIZE_MAX)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "%s: %lld bytes are more than the address space",
                         base_path_shown(path), (long long)info.st_size);
    void *const data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (data == MAP_FAILED)
        return fail_errno(error, FIRN_ERROR_SYSTEM, path, "cannot be mapped", errno);
    *map = (base_file_map){data, (uint64_t)info.st_size, descriptor};
    return FIRN_OK;
}

firn_status base_file_map_open(const char *path, base_file_map *map, firn_error *error)
{
    *map = (base_file_map){NULL, 0, -1};
    const int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return fail_errno(error, FIRN_ERROR_IO, path, "cannot be opened", errno);
    const firn_status status = map_descriptor(descriptor, path, map, error);
    if (status != FIRN_OK)
        close(descriptor);
    return status;
}

void base_file_map_close(base_file_map *map)
{
    if (map->data == NULL)
        return;
    munmap((void *)map->data, (size_t)map->size);
    close(map->descriptor);
    *map = (base_file_map){NULL, 0, -1};
}

firn_status base_file_map_recheck(const base_file_map *map, const char *path, firn_error *error)
{
    struct stat info;
    if (fstat(map->descriptor, &info) != 0)
        return fail_errno(error, FIRN_ERROR_IO, path, "cannot be examined", errno);
    if ((uint64_t)info.st_size != map->size)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET,
                         "%s: changed while in use: it had %llu bytes and now has %lld; open it again",
                         base_path_shown(path), (unsigned long long)map->size, (long long)info.st_size);
    return FIRN_OK;
}

void base_file_map_use_large_pages(const base_file_map *map, uint64_t offset, uint64_t length)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), begin = (offset + page - 1) / page * page;
    if (offset <= map->size && length <= map->size - offset && begin < offset + length)
        (void)madvise((void *)(map->data + begin), (size_t)(offset + length - begin), MADV_HUGEPAGE);
}

void base_file_map_use_small_pages(const base_file_map *map)
{
    (void)madvise((void *)map->data, (size_t)map->size, MADV_NOHUGEPAGE);
    (void)madvise((void *)map->data, (size_t)map->size, MADV_DONTNEED);
}

void base_file_map_release(const base_file_map *map, uint64_t offset, uint64_t length)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const uint64_t begin = offset / page * page;
    if (offset <= map->size && length <= map->size - offset)
        madvise((void *)(map->data + begin), (size_t)(offset + length - begin), MADV_DONTNEED);
}
