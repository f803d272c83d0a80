/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A regular file mapped for reading only. The descriptor is opened for reading and the map is shared, so the system
 * refuses to make its pages writable even if asked. Nothing else than a regular file is accepted, and opening never
 * waits (a FIFO would).
 *
 * If the file becomes shorter while it is mapped, a read beyond its new end raises SIGBUS: base_file_map_recheck tells
 * of a change that happened, and programs that want to end cleanly handle the signal.
 */
#ifndef FIRN_BASE_FILE_MAP_H
#define FIRN_BASE_FILE_MAP_H

#include "base/status.h"

#include <stdint.h>

typedef struct base_file_map {
    const unsigned char *data; /* [size]; NULL: nothing is mapped */
    uint64_t size;             /* bytes, at least 1 */
    int descriptor;
} base_file_map;

/* On failure the map is empty and `error` names the file. */
firn_status base_file_map_open(const char *path, base_file_map *map, firn_error *error);
void base_file_map_close(base_file_map *map); /* of an empty map ({0}) as well */

/* Fails if the file's size is no longer that of the map. `path` is only for the message. */
firn_status base_file_map_recheck(const base_file_map *map, const char *path, firn_error *error);

/*
 * A part of the file is read into and mapped in large pages where the system has them: a tenth of the faults and faster
 * reads, but whoever reads one byte has all of its large page in memory. Maps have small pages at first.
 */
void base_file_map_use_large_pages(const base_file_map *map, uint64_t offset, uint64_t length);

/* All of the file in small pages from now on; drops those that are mapped. */
void base_file_map_use_small_pages(const base_file_map *map);

/* Drops the pages that the range touches from this process's memory; they come back from the file when read. */
void base_file_map_release(const base_file_map *map, uint64_t offset, uint64_t length);

/* The end of a path, short enough for a message. */
const char *base_path_shown(const char *path);

#endif
