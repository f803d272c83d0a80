/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file_map.h"

#include "tests/support/gguf_writer.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BYTES = 100000 };

static char *make_file(unsigned char bytes[BYTES])
{
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    return support_temporary_file(bytes, BYTES);
}

Test(file_map, shows_the_files_bytes)
{
    static unsigned char bytes[BYTES];
    char *const path = make_file(bytes);
    base_file_map map;
    firn_error error = {0};
    cr_assert_eq(base_file_map_open(path, &map, &error), FIRN_OK, "%s", error.message);
    cr_expect_eq(map.size, BYTES);
    cr_expect_arr_eq(map.data, bytes, BYTES);
    base_file_map_release(&map, 100, BYTES - 200);
    cr_expect_arr_eq(map.data, bytes, BYTES);
    base_file_map_use_large_pages(&map, 100, BYTES - 100);
    cr_expect_arr_eq(map.data, bytes, BYTES);
    base_file_map_use_small_pages(&map);
    cr_expect_arr_eq(map.data, bytes, BYTES);
    cr_expect_eq(base_file_map_recheck(&map, path, NULL), FIRN_OK);
    base_file_map_close(&map);
    cr_expect_null(map.data);
    base_file_map_close(&map);
    support_remove(path);
}

/* The system itself refuses to make the pages writable. */
Test(file_map, can_not_be_made_writable)
{
    static unsigned char bytes[BYTES];
    char *const path = make_file(bytes);
    base_file_map map;
    cr_assert_eq(base_file_map_open(path, &map, NULL), FIRN_OK);
    cr_expect_neq(mprotect((void *)map.data, 4096, PROT_READ | PROT_WRITE), 0);
    base_file_map_close(&map);
    support_remove(path);
}

Test(file_map, a_write_faults, .signal = SIGSEGV)
{
    static unsigned char bytes[BYTES];
    char *const path = make_file(bytes);
    base_file_map map;
    const firn_status status = base_file_map_open(path, &map, NULL);
    support_remove(path);
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would take it */
    if (status == FIRN_OK)
        *(volatile unsigned char *)map.data = 1;
}

Test(file_map, a_change_of_size_is_told)
{
    static unsigned char bytes[BYTES];
    char *const path = make_file(bytes);
    base_file_map map;
    firn_error error = {0};
    cr_assert_eq(base_file_map_open(path, &map, NULL), FIRN_OK);
    cr_assert_eq(truncate(path, BYTES + 1), 0);
    cr_expect_eq(base_file_map_recheck(&map, path, &error), FIRN_ERROR_IO);
    cr_expect_not_null(strstr(error.message, "had 100000 bytes and now has 100001"), "%s", error.message);
    base_file_map_close(&map);
    support_remove(path);
}
