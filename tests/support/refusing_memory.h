/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocations that fail on purpose. For the one source file of a program whose name contains out_of_memory: there the
 * linker sends allocations through the functions below (tests/CMakeLists.txt names them).
 */
#ifndef FIRN_TESTS_SUPPORT_REFUSING_MEMORY_H
#define FIRN_TESTS_SUPPORT_REFUSING_MEMORY_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_mmap(void *address, size_t length, int access, int flags, int file, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_mmap(void *address, size_t length, int access, int flags, int file, off_t offset);
char *__wrap_strdup(const char *text);

static atomic_bool counting; /* allocations of the code under test, on any thread */
static bool counting_maps;   /* and its memory maps */
static atomic_uint seen;     /* so far */
static unsigned failing;     /* the number of the first that fails, 0: none */
static bool and_all_after;

static bool fails(void)
{
    if (!atomic_load(&counting))
        return false;
    const unsigned number = atomic_fetch_add(&seen, 1) + 1;
    return failing != 0 && (and_all_after ? number >= failing : number == failing);
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

void *__wrap_mmap(void *address, size_t length, int access, int flags, int file, off_t offset)
{
    if (!counting_maps || !fails())
        return __real_mmap(address, length, access, flags, file, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

char *__wrap_strdup(const char *text)
{
    char *const copy = __wrap_malloc(strlen(text) + 1);
    return copy == NULL ? NULL : strcpy(copy, text);
}

#endif
