/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pack_cache.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file is a header, the data, and a checksum of each piece of it. The header has a checksum of header and checksums.
 */
enum { HEADER_BYTES = 4096, PIECE = 1 << 20, PATH_ROOM = 64 };

static const char magic[8] = "firnpack";

typedef struct pack_header {
    char magic[8];
    uint64_t layout, key, bytes, checksum;
} pack_header;

/* Of bytes in pieces of 8. Each step can be undone, so that one changed word always changes the result. */
static uint64_t checksum(uint64_t seed, const uint8_t *bytes, uint64_t count)
{
    uint64_t lanes[4] = {seed, 1, 2, 3};
    for (uint64_t i = 0; i < count; i += 8) {
        uint64_t *const lane = &lanes[i / 8 % 4], word;
        memcpy(&word, bytes + i, 8);
        *lane = (*lane ^ word) * 0x9e3779b97f4a7c15u;
        *lane ^= *lane >> 32;
    }
    for (int i = 1; i < 4; i++)
        lanes[0] = (lanes[0] ^ lanes[i]) * 0x9e3779b97f4a7c15u;
    return lanes[0] ^ lanes[0] >> 32;
}

static uint64_t count_pieces(const eng_pack_cache *cache)
{
    return (cache->bytes + PIECE - 1) / PIECE;
}

static uint64_t piece_checksum(const eng_pack_cache *cache, const uint8_t *data, uint64_t piece)
{
    const uint64_t begin = piece * PIECE, left = cache->bytes - begin;
    return checksum(piece, data + begin, left < PIECE ? left : PIECE);
}

static pack_header make_header(const eng_pack_cache *cache, const uint8_t *checksums)
{
    pack_header header = {.layout = ENG_PACK_LAYOUT, .key = cache->key, .bytes = cache->bytes};
    memcpy(header.magic, magic, sizeof magic);
    header.checksum =
        checksum(checksum(0, (const uint8_t *)&header, sizeof header), checksums, 8 * count_pieces(cache));
    return header;
}

static uint64_t file_bytes(const eng_pack_cache *cache)
{
    return HEADER_BYTES + cache->bytes + 8 * count_pieces(cache);
}

const uint8_t *eng_pack_cache_data(const eng_pack_cache *cache)
{
    return cache->map + HEADER_BYTES;
}

static const uint8_t *checksums_of(const eng_pack_cache *cache)
{
    return eng_pack_cache_data(cache) + cache->bytes;
}

void eng_pack_cache_open(eng_pack_cache *cache, const char *folder, uint64_t identity, uint64_t bytes)
{
    const size_t room = strlen(folder) + PATH_ROOM;
    *cache = (eng_pack_cache){.path = malloc(room), .key = identity, .bytes = bytes};
    if (cache->path == NULL)
        return;
    snprintf(cache->path, room, "%s/%016" PRIx64 "-%d.pack", folder, cache->key, ENG_PACK_LAYOUT);
    const int file = open(cache->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (file < 0)
        return;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && (uint64_t)status.st_size == file_bytes(cache)) {
        void *const map = mmap(NULL, (size_t)file_bytes(cache), PROT_READ, MAP_SHARED, file, 0);
        if (map != MAP_FAILED) {
            cache->map = map;
            cache->map_bytes = (size_t)file_bytes(cache);
        }
    }
    close(file);
    if (cache->map == NULL)
        return;
    const pack_header header = make_header(cache, checksums_of(cache));
    if (memcmp(cache->map, &header, sizeof header) != 0)
        eng_pack_cache_unmap(cache);
}

void eng_pack_cache_check(eng_pack_cache *cache, base_pool *pool, uint32_t thread)
{
    base_range range;
    while (base_pool_claim(pool, thread, (uint32_t)count_pieces(cache), &range)) {
        for (uint32_t piece = range.begin; piece < range.end; piece++) {
            const uint64_t found = piece_checksum(cache, eng_pack_cache_data(cache), piece);
            if (memcmp(&found, checksums_of(cache) + 8 * (size_t)piece, sizeof found) != 0)
                atomic_store(&cache->damaged, true);
        }
    }
}

static bool write_all(int file, const void *bytes, size_t count)
{
    for (const uint8_t *at = bytes; count > 0;) {
        const ssize_t written = write(file, at, count);
        if (written <= 0)
            return false;
        at += written;
        count -= (size_t)written;
    }
    return true;
}

static bool write_file(const eng_pack_cache *cache, int file, const uint8_t *data)
{
    uint64_t *const checksums = calloc(count_pieces(cache) + 1, sizeof *checksums);
    uint8_t *const front = calloc(1, HEADER_BYTES);
    bool written = false;
    if (checksums == NULL || front == NULL)
        goto done;
    for (uint64_t piece = 0; piece < count_pieces(cache); piece++)
        checksums[piece] = piece_checksum(cache, data, piece);
    const pack_header header = make_header(cache, (const uint8_t *)checksums);
    memcpy(front, &header, sizeof header);
    written = ftruncate(file, 0) == 0 && write_all(file, front, HEADER_BYTES) &&
              write_all(file, data, (size_t)cache->bytes) && write_all(file, checksums, 8 * count_pieces(cache));
done:
    free(checksums);
    free(front);
    return written;
}

/* Whether the open file is still what the path names: another process may have renamed it meanwhile. */
static bool is_named(int file, const char *path)
{
    struct stat of_file, of_path;
    return fstat(file, &of_file) == 0 && stat(path, &of_path) == 0 && of_file.st_ino == of_path.st_ino &&
           of_file.st_dev == of_path.st_dev;
}

void eng_pack_cache_write(const eng_pack_cache *cache, const uint8_t *data)
{
    if (cache->path == NULL)
        return;
    const size_t room = strlen(cache->path) + sizeof ".new";
    char *const beside = malloc(room);
    if (beside == NULL)
        return;
    snprintf(beside, room, "%s.new", cache->path);
    const int file = open(beside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    /* the lock is held until the file has its name; who waits for none leaves the work to its holder */
    if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0 && is_named(file, beside) &&
        (!write_file(cache, file, data) || rename(beside, cache->path) != 0))
        unlink(beside);
    if (file >= 0)
        close(file);
    free(beside);
}

void eng_pack_cache_unmap(eng_pack_cache *cache)
{
    if (cache->map != NULL)
        munmap(cache->map, cache->map_bytes);
    cache->map = NULL;
}
