/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints in several parts: one that opens as if it were whole, and what is wrong with others (row G30). */
#include "models/checkpoint.h"

#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

enum { PARTS = 3 };

static char folder[32];

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

/* Makes the parts, damages one of them (or not: NULL), and writes them to a new folder. */
static void write_parts(void (*damage)(gguf_builder *parts[PARTS]))
{
    gguf_builder *parts[PARTS];
    make_parts(parts);
    if (damage != NULL)
        damage(parts);
    strcpy(folder, "/tmp/firn-test-XXXXXX");
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

Test(split, parts_open_as_one, .fini = remove_parts)
{
    write_parts(NULL);
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

static void third_is_second(gguf_builder *parts[PARTS])
{
    set_u16(parts[1], "split.no", 2);
}

static void too_many(gguf_builder *parts[PARTS])
{
    set_u16(parts[0], "split.count", 65535);
}

static void one_more_than_the_name_says(gguf_builder *parts[PARTS])
{
    set_u16(parts[0], "split.count", 4);
}

static void parts_disagree(gguf_builder *parts[PARTS])
{
    set_u16(parts[2], "split.count", 2);
}

static void number_missing(gguf_builder *parts[PARTS])
{
    gguf_remove_key(parts[2], "split.no");
}

static void tensor_missing(gguf_builder *parts[PARTS])
{
    gguf_remove_tensor(parts[2], "blk.0.ffn_down.weight");
}

static void tensor_twice(gguf_builder *parts[PARTS])
{
    gguf_buffer *const name = &parts[2]->tensors[0].name;
    name->size = 0;
    gguf_append(name, "output.weight", strlen("output.weight"));
}

static const struct {
    void (*damage)(gguf_builder *parts[PARTS]);
    unsigned opened;      /* number of the part */
    const char *parts[2]; /* of the message */
} bad[] = {
    {NULL, 1, {"tiny-00002-of-00003.gguf: keys", "say part 1 of 3; part 0 of 3 is needed"}},
    {third_is_second, 0, {"tiny-00002-of-00003.gguf: keys", "say part 2 of 3; part 1 of 3 is needed"}},
    {parts_disagree, 0, {"tiny-00003-of-00003.gguf: keys", "say part 2 of 2; part 2 of 3 is needed"}},
    {number_missing, 0, {"tiny-00003-of-00003.gguf: key", "'split.no' is missing"}},
    {too_many, 0, {"'split.count'", "is 65535; allowed are 1 to 1000"}},
    {one_more_than_the_name_says, 0, {"first of 4 parts", "-00001-of-00004.gguf"}},
    {tensor_missing, 0, {"'split.tensors.count' is 21", "have 20 tensors"}},
    {tensor_twice, 0, {"'output.weight'", "twice"}},
};

static void expect_refused(unsigned opened, firn_status status, const char *const parts[2])
{
    mod_checkpoint *checkpoint;
    firn_error error = {0};
    cr_expect_eq(mod_checkpoint_open(part_path(opened), NULL, &checkpoint, &error), status, "%s", error.message);
    cr_expect_null(checkpoint);
    for (size_t i = 0; i < 2; i++)
        cr_expect_not_null(strstr(error.message, parts[i]), "no '%s' in: %s", parts[i], error.message);
}

Test(split, G30_inconsistent_parts)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_parts(bad[i].damage);
        expect_refused(bad[i].opened, FIRN_ERROR_FORMAT, bad[i].parts);
        remove_parts();
    }
}

Test(split, G30_missing_part)
{
    write_parts(NULL);
    unlink(part_path(2));
    expect_refused(0, FIRN_ERROR_IO, (const char *[2]){"tiny-00003-of-00003.gguf: cannot be opened", "No such file"});
    remove_parts();
}
