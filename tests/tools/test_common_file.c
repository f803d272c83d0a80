/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_file.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct folder {
    char path[32], file[80];
} folder;

static folder make_folder(const char *name)
{
    folder f = {"/tmp/firn-file-XXXXXX", ""};
    cr_assert_not_null(mkdtemp(f.path));
    snprintf(f.file, sizeof f.file, "%s/%s", f.path, name);
    return f;
}

static void write_text(const char *path, const char *text)
{
    FILE *const out = fopen(path, "w");
    cr_assert(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
}

Test(common_file, appears_whole_or_not_at_all)
{
    folder f = make_folder("a");
    tool_file file;
    firn_error error = {0};
    cr_assert_eq(tool_file_create(f.file, &file, &error), FIRN_OK, "%s", error.message);
    fputs("first", file.out);
    cr_assert_neq(access(f.file, F_OK), 0);
    cr_assert_eq(tool_file_close(&file, false, &error), FIRN_OK);
    cr_assert_neq(access(f.file, F_OK), 0);
    cr_assert_eq(tool_file_create(f.file, &file, &error), FIRN_OK);
    fputs("second", file.out);
    cr_assert_eq(tool_file_close(&file, true, &error), FIRN_OK, "%s", error.message);
    cr_assert_null(file.out);
    struct stat info;
    const mode_t mask = umask(0);
    umask(mask);
    cr_assert(stat(f.file, &info) == 0 && info.st_size == 6 && (info.st_mode & 0777) == (0666 & ~mask));
    unlink(f.file);
    cr_assert_eq(rmdir(f.path), 0, "something was left");
    cr_assert_eq(tool_file_create(f.file, &file, &error), FIRN_ERROR_IO);
    cr_assert(strstr(error.message, f.file) != NULL && file.out == NULL, "%s", error.message);
}

Test(common_file, hash_of_all_parts)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    folder f = make_folder("m-00001-of-00002.gguf");
    char second[80], hex[BASE_SHA256_HEX];
    firn_error error = {0};
    snprintf(second, sizeof second, "%s/m-00002-of-00002.gguf", f.path);
    write_text(f.file, "ab");
    cr_assert_eq(tool_hash_checkpoint(f.file, hex, &error), FIRN_ERROR_IO);
    cr_assert_not_null(strstr(error.message, second), "%s", error.message);
    write_text(second, "c");
    cr_assert_eq(tool_hash_checkpoint(f.file, hex, &error), FIRN_OK);
    cr_assert_str_eq(hex, abc);
    unlink(second);
    unlink(f.file);
    snprintf(f.file, sizeof f.file, "%s/a", f.path);
    write_text(f.file, "abc");
    cr_assert_eq(tool_hash_checkpoint(f.file, hex, &error), FIRN_OK);
    cr_assert_str_eq(hex, abc);
    unlink(f.file);
    cr_assert_eq(tool_hash_checkpoint(f.path, hex, &error), FIRN_ERROR_IO); /* a folder */
    rmdir(f.path);
}
