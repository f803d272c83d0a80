/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays that grow: `array` is the address of the caller's pointer, which is left as it is where there is no memory.
 * And large arrays of which little may be used.
 */
#ifndef FIRN_BASE_MEMORY_H
#define FIRN_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Makes *array hold `count` elements of `width` bytes; with no bytes to hold, nothing changes. False: no memory. */
bool base_resize(void *array, size_t count, size_t width);

/* Makes *array, which holds *room elements, hold `needed` at least, and twice as many as before. False: no memory. */
bool base_grow(void *array, size_t *room, size_t needed, size_t width);

/*
 * `count` elements of `width` bytes, all zero, aligned as a page is. Only what is touched costs memory or time, where
 * calloc may clear what was in use before. NULL: no memory.
 */
void *base_zeros(size_t count, size_t width);
void base_zeros_free(void *zeros, size_t count, size_t width); /* as they were asked for; NULL is allowed */

#endif
