/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LEAST_ROOM = 16 };

bool base_resize(void *array, size_t count, size_t width)
{
    size_t bytes;
    void *pointer; /* a copy of the caller's, whose type is another */
    if (!base_multiply_size(count, width, &bytes))
        return false;
    if (bytes == 0)
        return true;
    memcpy(&pointer, array, sizeof pointer);
    pointer = realloc(pointer, bytes);
    if (pointer != NULL)
        memcpy(array, &pointer, sizeof pointer);
    return pointer != NULL;
}

bool base_grow(void *array, size_t *room, size_t needed, size_t width)
{
    if (needed <= *room)
        return true;
    size_t wanted = *room > LEAST_ROOM / 2 ? 2 * *room : LEAST_ROOM;
    wanted = wanted > needed ? wanted : needed;
    if (!base_resize(array, wanted, width))
        return false;
    *room = wanted;
    return true;
}

void *base_zeros(size_t count, size_t width)
{
    size_t bytes;
    if (!base_multiply_size(count, width, &bytes) || bytes == 0)
        return NULL;
    void *const map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return map != MAP_FAILED ? map : NULL;
}

void base_zeros_free(void *zeros, size_t count, size_t width)
{
    if (zeros != NULL)
        munmap(zeros, count * width);
}
