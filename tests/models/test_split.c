/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints in several parts: one that opens as if it were whole, and what is wrong with others (row G30). */
#include "models/checkpoint.h"

#include "tests/support/refused.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

enum { PARTS = 3 };

static char folder[] = "/tmp/firn-test-XXXXXX";

static const char *part_path(unsigned number)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/tiny-%05u-of-%05u.gguf", folder, number + 1, (unsigned)PARTS);
    return path;
}

static void set_u16(gguf_builder *builder, const char *key, uint16_t value)
{
    gguf_set(builder, key, GGUF_U16, &value, sizeof value);
}

static void write_part(const gguf_builder *builder, unsigned number)
{
    gguf_buffer bytes = gguf_bytes(builder, NULL);
    FILE *const file = fopen(part_path(number), "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    fclose(file);
    free(bytes.data);
}

/* Moves the last tensors of a whole checkpoint to parts of their own: the first keeps the keys. */
static void make_parts(gguf_builder *parts[PARTS])
{
    const tiny_options options = tiny_small("llama");
    parts[0] = tiny_build(&options);
    const uint32_t n_tensors = (uint32_t)parts[0]->n_tensors;
    gguf_set(parts[0], "split.tensors.count", GGUF_I32, &n_tensors, sizeof n_tensors);
    for (unsigned p = 1; p < PARTS; p++) {
        parts[p] = gguf_create();
        for (int i = 0; i < 7; i++) {
            gguf_tensor *const last = &parts[0]->tensors[parts[0]->n_tensors - 1];
            char name[64] = "";
            memcpy(name, last->name.data, last->name.size);
            gguf_tensor *const moved = gguf_add_tensor(parts[p], name, (kern_type)last->type, last->n_dims, last->dims);
            memcpy(moved->data.data, last->data.data, last->data.size);
            gguf_remove_tensor(parts[0], name);
        }
    }
    for (unsigned p = 0; p < PARTS; p++) {
        set_u16(parts[p], "split.no", (uint16_t)p);
        set_u16(parts[p], "split.count", PARTS);
    }
}

static void write_parts(gguf_builder *parts[PARTS])
{
    cr_assert_not_null(mkdtemp(folder));
    for (unsigned p = 0; p < PARTS; p++) {
        write_part(parts[p], p);
        gguf_destroy(parts[p]);
    }
}

static void remove_parts(void)
{
    for (unsigned p = 0; p < PARTS; p++)
        unlink(part_path(p));
    rmdir(folder);
}

static void expect_refused(const char *path, firn_status status, const char *part0, const char *part1)
{
    char why[800];
    const char *const parts[REFUSED_PARTS] = {part0, part1};
    cr_expect(support_refused(path, status, parts, why), "G30: %s", why);
}

Test(split, parts_open_as_one, .fini = remove_parts)
{
    gguf_builder *parts[PARTS];
    make_parts(parts);
    write_parts(parts);
    const tiny_options options = tiny_small("llama");
    char *const whole_path = tiny_write(&options);
    mod_checkpoint *whole, *split;
    firn_error error = {0};
    cr_assert_eq(mod_checkpoint_open(whole_path, NULL, &whole, &error), FIRN_OK, "%s", error.message);
    cr_assert_eq(mod_checkpoint_open(part_path(0), NULL, &split, &error), FIRN_OK, "%s", error.message);
    cr_expect_eq(mod_checkpoint_hyperparameters(split)->n_parameters,
                 mod_checkpoint_hyperparameters(whole)->n_parameters);
    for (uint32_t layer = 0; layer < 2; layer++)
        for (unsigned role = 0; role < MOD_LAYER_ROLES; role++) {
            const mod_tensor *const a = mod_checkpoint_layer(whole, layer, role);
            const mod_tensor *const b = mod_checkpoint_layer(split, layer, role);
            cr_expect_eq(a == NULL, b == NULL);
            if (a == NULL)
                continue;
            cr_expect(base_slice_equal(a->name, b->name));
            cr_expect_arr_eq(a->data, b->data, a->bytes);
            mod_checkpoint_release_pages(split, b);
            cr_expect_arr_eq(a->data, b->data, a->bytes);
        }
    cr_expect_eq(mod_checkpoint_recheck(split, &error), FIRN_OK, "%s", error.message);
    mod_checkpoint_close(whole);
    mod_checkpoint_close(split);
    support_remove(whole_path);
}

Test(split, not_the_first_part, .fini = remove_parts)
{
    gguf_builder *parts[PARTS];
    make_parts(parts);
    write_parts(parts);
    expect_refused(part_path(1), FIRN_ERROR_FORMAT, "say part 1 of 3", "part 0 of 3 is needed");
}

Test(split, missing_part, .fini = remove_parts)
{
    gguf_builder *parts[PARTS];
    make_parts(parts);
    write_parts(parts);
    unlink(part_path(2));
    char why[800];
    const char *const named[REFUSED_PARTS] = {NULL};
    cr_expect(!support_refused(part_path(0), FIRN_ERROR_IO, named, why));
    cr_expect_not_null(strstr(why, "tiny-00003-of-00003.gguf: cannot be opened: No such file"), "%s", why);
}

Test(split, parts_out_of_order, .fini = remove_parts)
{
    gguf_builder *parts[PARTS];
    make_parts(parts);
    set_u16(parts[1], "split.no", 2);
    write_parts(parts);
    char why[800];
    const char *const named[REFUSED_PARTS] = {NULL};
    cr_expect(!support_refused(part_path(0), FIRN_ERROR_FORMAT, named, why));
    cr_expect_not_null(strstr(why, "tiny-00002-of-00003.gguf: keys"), "%s", why);
    cr_expect_not_null(strstr(why, "say part 2 of 3; part 1 of 3 is needed"), "%s", why);
}

Test(split, count_beyond_limit, .fini = remove_parts)
{
    gguf_builder *parts[PARTS];
    make_parts(parts);
    set_u16(parts[0], "split.count", 65535);
    write_parts(parts);
    expect_refused(part_path(0), FIRN_ERROR_FORMAT, "'split.count'", "is 65535; allowed are 1 to 1000");
}

Test(split, count_and_name_differ, .fini = remove_parts)
{
    gguf_builder *parts[PARTS];
    make_parts(parts);
    set_u16(parts[0], "split.count", 4);
    write_parts(parts);
    expect_refused(part_path(0), FIRN_ERROR_FORMAT, "first of 4 parts", "-00001-of-00004.gguf");
}

Test(split, total_of_tensors_differs, .fini = remove_parts)
{
    gguf_builder *parts[PARTS];
    make_parts(parts);
    gguf_remove_tensor(parts[2], "blk.0.ffn_down.weight");
    write_parts(parts);
    expect_refused(part_path(0), FIRN_ERROR_FORMAT, "'split.tensors.count' is 21", "have 20 tensors");
}

Test(split, tensor_in_two_parts, .fini = remove_parts)
{
    gguf_builder *parts[PARTS];
    make_parts(parts);
    gguf_tensor *const renamed = &parts[2]->tensors[0];
    renamed->name.size = 0;
    gguf_append(&renamed->name, "output.weight", strlen("output.weight"));
    write_parts(parts);
    expect_refused(part_path(0), FIRN_ERROR_FORMAT, "'output.weight'", "twice");
}
