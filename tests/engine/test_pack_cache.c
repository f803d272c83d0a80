/* SPDX-License-Identifier: Apache-2.0 */
/* Packed parameters in a file: the same bits, used again, and made anew where the file is anything but whole. */
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct fixture {
    char folder[64], pack[160];
    char *checkpoint;
} fixture;

static fixture begin(void)
{
    fixture f = {.folder = "/tmp/firn-packs-XXXXXX"};
    cr_assert_not_null(mkdtemp(f.folder));
    tiny_options options = tiny_default("llama");
    options.type = KERN_Q4_K;
    f.checkpoint = tiny_write(&options);
    return f;
}

/* The one file of the folder; the names of others, which shouldn't be there, count as failures. */
static void find_pack(fixture *f)
{
    DIR *const folder = opendir(f->folder);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        snprintf(f->pack, sizeof f->pack, "%s/%.80s", f->folder, entry->d_name);
    }
    closedir(folder);
    cr_assert_eq(count, 1);
    cr_assert(strstr(f->pack, ".pack") == f->pack + strlen(f->pack) - 5, "%s", f->pack);
}

static void end(fixture *f)
{
    unlink(f->pack);
    cr_assert_eq(rmdir(f->folder), 0);
    support_remove(f->checkpoint);
}

/* Opens the checkpoint with the cache, or without where `folder` is NULL; a hash of its parameters and some logits. */
static uint64_t open_and_run(const char *checkpoint, const char *folder, bool *from_cache)
{
    firn_context *const context = support_context(2, NULL);
    firn_model_options options = firn_model_options_default();
    options.pack_cache = folder;
    firn_model *model;
    firn_error error = {0};
    cr_assert_eq(firn_model_open(context, checkpoint, &options, &model, &error), FIRN_OK, "%s", error.message);
    *from_cache = firn_model_describe(model).from_pack_cache;
    cr_assert_gt(firn_model_describe(model).packed_bytes, 0);
    firn_session *const session = support_session(model, 64, 0);
    const int32_t ids[] = {5, 9, 30, 7};
    support_append(session, ids, 4);
    uint64_t hash = firn_model_hash(model);
    for (uint32_t i = 0; i < firn_model_describe(model).n_vocab; i++) {
        uint32_t bits;
        memcpy(&bits, firn_session_logits(session) + i, sizeof bits);
        hash = (hash ^ bits) * 0x9e3779b97f4a7c15u;
    }
    firn_session_release(session);
    firn_model_release(model);
    firn_context_release(context);
    return hash;
}

Test(pack_cache, the_second_start_finds_what_the_first_packed)
{
    fixture f = begin();
    bool from_cache;
    const uint64_t without = open_and_run(f.checkpoint, NULL, &from_cache);
    cr_assert(!from_cache);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(open_and_run(f.checkpoint, f.folder, &from_cache), without);
        cr_assert_eq(from_cache, i > 0);
    }
    find_pack(&f);
    end(&f);
}

static void change_byte(const char *path, off_t at)
{
    const int file = open(path, O_RDWR);
    unsigned char byte;
    cr_assert_eq(pread(file, &byte, 1, at), 1);
    byte ^= 4;
    cr_assert_eq(pwrite(file, &byte, 1, at), 1);
    close(file);
}

Test(pack_cache, a_damaged_file_is_made_anew)
{
    fixture f = begin();
    bool from_cache;
    const uint64_t whole = open_and_run(f.checkpoint, f.folder, &from_cache);
    find_pack(&f);
    struct stat status;
    cr_assert_eq(stat(f.pack, &status), 0);
    const off_t size = status.st_size;
    const off_t places[] = {0, 8, 16, 24, 32, 4096, 4096 + 777, size / 2, size - 9, size - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        change_byte(f.pack, places[i]);
        cr_assert_eq(open_and_run(f.checkpoint, f.folder, &from_cache), whole);
        cr_assert(!from_cache, "byte %ld", (long)places[i]);
        cr_assert_eq(open_and_run(f.checkpoint, f.folder, &from_cache), whole);
        cr_assert(from_cache, "byte %ld: made anew", (long)places[i]);
    }
    const off_t sizes[] = {0, 1, 4095, 4096, size / 2, size - 1, size + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_eq(truncate(f.pack, sizes[i]), 0);
        cr_assert_eq(open_and_run(f.checkpoint, f.folder, &from_cache), whole);
        cr_assert(!from_cache, "%ld bytes", (long)sizes[i]);
    }
    find_pack(&f);
    end(&f);
}

Test(pack_cache, another_checkpoint_has_another_file)
{
    fixture f = begin();
    bool from_cache;
    open_and_run(f.checkpoint, f.folder, &from_cache);
    find_pack(&f);
    char first[sizeof f.pack];
    strcpy(first, f.pack);
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = 1000000}};
    cr_assert_eq(utimensat(AT_FDCWD, f.checkpoint, times, 0), 0);
    open_and_run(f.checkpoint, f.folder, &from_cache);
    cr_assert(!from_cache, "the file was changed meanwhile, or so it says");
    unlink(first);
    find_pack(&f);
    cr_assert_str_neq(first, f.pack);
    end(&f);
}

Test(pack_cache, without_a_folder_nothing_else_changes)
{
    fixture f = begin();
    bool from_cache;
    const uint64_t without = open_and_run(f.checkpoint, NULL, &from_cache);
    cr_assert_eq(open_and_run(f.checkpoint, "/nowhere/at/all", &from_cache), without);
    cr_assert(!from_cache);
    end(&f);
}

Test(pack_cache, one_process_writes_and_none_waits)
{
    fixture f = begin();
    bool from_cache;
    const uint64_t without = open_and_run(f.checkpoint, f.folder, &from_cache);
    find_pack(&f);
    cr_assert_eq(unlink(f.pack), 0);
    char beside[sizeof f.pack + 8];
    snprintf(beside, sizeof beside, "%s.new", f.pack);
    const int other = open(beside, O_RDWR | O_CREAT, 0600); /* another process is at it */
    cr_assert_eq(flock(other, LOCK_EX), 0);
    cr_assert_eq(open_and_run(f.checkpoint, f.folder, &from_cache), without);
    cr_assert_neq(access(f.pack, F_OK), 0);
    close(other); /* it died: what it left is written over */
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            for (int j = 0; j < 5; j++)
                if (open_and_run(f.checkpoint, f.folder, &from_cache) != without)
                    _exit(1);
            _exit(0);
        }
    for (int i = 0; i < 4; i++) {
        int status = -1;
        wait(&status);
        cr_expect_eq(status, 0);
    }
    open_and_run(f.checkpoint, f.folder, &from_cache);
    cr_assert(from_cache);
    find_pack(&f);
    end(&f);
}
