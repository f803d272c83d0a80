/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged checkpoints, by the rows of the list of inputs to reject: each is a tiny valid checkpoint with one thing
 * wrong, and has to be refused within 50 ms by a message that names the file, the key or tensor, the value and the
 * limit.
 */
#include "models/checkpoint.h"

#include "tests/support/refused.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect_refused(const char *row, const char *path, firn_status status, const char *const *parts)
{
    char why[800];
    cr_expect(support_refused(path, status, parts, why), "%s: %s", row, why);
}

/* ---- header and keys ---- */

static void set_bytes(gguf_buffer *buffer, const void *bytes, size_t count)
{
    buffer->size = 0;
    gguf_append(buffer, bytes, count);
}

#define DAMAGE(name) static void name(gguf_builder *b)
#define HEADS        "llama.attention.head_count"

DAMAGE(nothing)
{
    (void)b;
}
DAMAGE(wrong_magic)
{
    memcpy(b->magic, "GGML", 4);
}
DAMAGE(version_0)
{
    b->version = 0;
}
DAMAGE(version_1)
{
    b->version = 1;
}
DAMAGE(version_future)
{
    b->version = 4;
}
DAMAGE(big_endian)
{
    b->version = 0x03000000;
}
DAMAGE(tensor_count_highest)
{
    b->extra_tensors = UINT64_MAX - b->n_tensors;
}
DAMAGE(tensor_count_one_more)
{
    b->extra_tensors = 1;
}
DAMAGE(key_count_highest)
{
    b->extra_keys = UINT64_MAX - b->n_keys;
}
DAMAGE(key_count_beyond_file)
{
    b->extra_keys = 60000;
}
DAMAGE(key_length_highest)
{
    gguf_find_key(b, HEADS)->name_length = UINT64_MAX;
}
DAMAGE(key_length_beyond_file)
{
    gguf_find_key(b, HEADS)->name_length = 10000000;
}
DAMAGE(key_longer_than_64_kb)
{
    static char name[70000];
    gguf_key *const key = gguf_find_key(b, HEADS);
    memset(name, 'a', sizeof name);
    set_bytes(&key->name, name, sizeof name);
    key->name_length = sizeof name;
}
DAMAGE(key_empty)
{
    gguf_key *const key = gguf_find_key(b, HEADS);
    key->name.size = key->name_length = 0;
}
DAMAGE(key_twice)
{
    gguf_key *const key = gguf_add_key(b, HEADS);
    key->type = GGUF_U32;
    gguf_append_u32(&key->value, 1);
}
DAMAGE(key_not_utf8)
{
    gguf_find_key(b, HEADS)->name.data[3] = 0xff;
}
DAMAGE(key_with_nul)
{
    gguf_find_key(b, HEADS)->name.data[3] = 0;
}
DAMAGE(text_not_utf8)
{
    gguf_set_text(b, "general.name", "\xc3(");
}
DAMAGE(text_with_nul)
{
    gguf_find_key(b, "general.name")->value.data[9] = 0;
}
DAMAGE(type_13)
{
    gguf_find_key(b, HEADS)->type = 13;
}
DAMAGE(array_type_13)
{
    gguf_find_key(b, "tokenizer.ggml.tokens")->value.data[0] = 13;
}
DAMAGE(text_beyond_file)
{
    memset(gguf_find_key(b, "general.name")->value.data, 0x7f, 8);
}
DAMAGE(token_beyond_file)
{
    memset(gguf_find_key(b, "tokenizer.ggml.tokens")->value.data + 12, 0x7f, 8);
}
DAMAGE(array_count_overflows)
{
    memset(gguf_find_key(b, "tokenizer.ggml.token_type")->value.data + 4, 0xff, 8);
}
DAMAGE(array_beyond_file)
{
    memset(gguf_find_key(b, "tokenizer.ggml.tokens")->value.data + 8, 0x01, 1);
}
DAMAGE(array_of_arrays)
{
    gguf_buffer value = {0};
    gguf_append_u32(&value, GGUF_ARRAY);
    gguf_append_u64(&value, 1);
    gguf_set_array(b, "general.tags", GGUF_ARRAY, 1, &value);
    free(value.data);
}
DAMAGE(arrays_1000_deep)
{
    gguf_buffer value = {0};
    for (int i = 0; i < 1000; i++) {
        gguf_append_u32(&value, GGUF_ARRAY);
        gguf_append_u64(&value, 1);
    }
    gguf_set_array(b, "general.tags", GGUF_ARRAY, 1, &value);
    free(value.data);
}
DAMAGE(bool_2)
{
    gguf_find_key(b, "tokenizer.ggml.add_bos_token")->value.data[0] = 2;
}

/* ---- tensors ---- */

#define QUERY "blk.0.attn_q.weight"

DAMAGE(name_of_64_bytes)
{
    char name[64];
    memset(name, 'n', sizeof name);
    set_bytes(&gguf_find_tensor(b, QUERY)->name, name, sizeof name);
}
DAMAGE(name_empty)
{
    gguf_find_tensor(b, QUERY)->name.size = 0;
}
DAMAGE(name_twice)
{
    set_bytes(&gguf_find_tensor(b, QUERY)->name, "blk.1.attn_q.weight", strlen("blk.1.attn_q.weight"));
}
DAMAGE(dimensions_0)
{
    gguf_find_tensor(b, QUERY)->n_dims = 0;
}
DAMAGE(dimensions_5)
{
    gguf_find_tensor(b, QUERY)->n_dims = 5;
}
DAMAGE(dimension_is_0)
{
    gguf_find_tensor(b, QUERY)->dims[1] = 0;
}
DAMAGE(dimension_negative)
{
    gguf_find_tensor(b, QUERY)->dims[0] = (uint64_t)-32;
}
DAMAGE(dimension_2_42)
{
    gguf_tensor *const tensor = gguf_find_tensor(b, QUERY);
    tensor->n_dims = 3;
    tensor->dims[0] = tensor->dims[1] = ((uint64_t)1 << 42) + 1;
    tensor->dims[2] = (uint64_t)1 << 42;
}
DAMAGE(two_of_2_63)
{
    gguf_find_tensor(b, QUERY)->dims[0] = INT64_MAX - 63;
    gguf_find_tensor(b, QUERY)->dims[1] = 1;
    gguf_find_tensor(b, "blk.1.attn_q.weight")->dims[0] = INT64_MAX - 63;
    gguf_find_tensor(b, "blk.1.attn_q.weight")->dims[1] = 1;
}
DAMAGE(row_is_no_multiple_of_a_block)
{
    gguf_find_tensor(b, QUERY)->dims[0] = 33;
    gguf_find_tensor(b, QUERY)->type = KERN_Q8_0;
}
DAMAGE(type_unknown)
{
    gguf_find_tensor(b, QUERY)->type = KERN_TYPE_LIMIT;
}
DAMAGE(type_removed)
{
    gguf_find_tensor(b, QUERY)->type = 4;
}
DAMAGE(size_wraps_when_padded)
{
    /* 2^64 - 4 bytes */
    gguf_tensor *const tensor = gguf_find_tensor(b, QUERY);
    tensor->n_dims = 1;
    tensor->dims[0] = ((uint64_t)1 << 62) - 1;
}
DAMAGE(offset_not_aligned)
{
    gguf_find_tensor(b, QUERY)->offset = 5;
}
DAMAGE(offset_overlaps)
{
    gguf_find_tensor(b, QUERY)->offset = 32;
}
DAMAGE(offset_leaves_hole)
{
    gguf_find_tensor(b, QUERY)->offset = 1 << 20;
}
DAMAGE(offset_decreases)
{
    gguf_find_tensor(b, "output.weight")->offset = 0;
}
DAMAGE(last_tensor_beyond_file)
{
    gguf_find_tensor(b, "output.weight")->data.size -= 32;
}
DAMAGE(shape_differs)
{
    gguf_find_tensor(b, QUERY)->dims[0] = 16;
    gguf_find_tensor(b, QUERY)->dims[1] = 64;
}
DAMAGE(vocabulary_is_no_embedding_rows)
{
    gguf_remove_tensor(b, "output.weight");
    gguf_remove_tensor(b, "token_embd.weight");
    gguf_add_tensor(b, "token_embd.weight", KERN_F32, 2, (uint64_t[]){32, 300});
}
DAMAGE(norm_is_f16)
{
    gguf_find_tensor(b, "output_norm.weight")->type = KERN_F16;
    gguf_find_tensor(b, "output_norm.weight")->data.size /= 2;
}
DAMAGE(tensor_missing)
{
    gguf_remove_tensor(b, QUERY);
}
DAMAGE(tensor_extra)
{
    gguf_add_tensor(b, "blk.0.attn_q_norm.weight", KERN_F32, 1, (uint64_t[]){16});
}
DAMAGE(tensor_of_a_layer_too_many)
{
    gguf_add_tensor(b, "blk.2.attn_norm.weight", KERN_F32, 1, (uint64_t[]){32});
}

/* ---- values ---- */

DAMAGE(weight_nan)
{
    memset(gguf_find_tensor(b, QUERY)->data.data + 64, 0xff, 4);
}
DAMAGE(norm_infinite)
{
    memcpy(gguf_find_tensor(b, "output_norm.weight")->data.data, &(float){-INFINITY}, 4);
}

typedef struct bad_file {
    const char *row;
    void (*damage)(gguf_builder *b);
    firn_status status;
    const char *parts[4]; /* of the message */
    size_t keep;          /* bytes of the file; 0: all */
} bad_file;

#define FORMAT      FIRN_ERROR_FORMAT
#define UNSUPPORTED FIRN_ERROR_UNSUPPORTED

static const bad_file bad_files[] = {
    {"G1", nothing, FORMAT, {"1 bytes", "header of 24"}, 1},
    {"G1", nothing, FORMAT, {"3 bytes", "header of 24"}, 3},
    {"G1", nothing, FORMAT, {"4 bytes", "header of 24"}, 4},
    {"G1", nothing, FORMAT, {"23 bytes", "header of 24"}, 23},
    {"G2", wrong_magic, FORMAT, {"not a GGUF file", "47 47 4d 4c"}, 0},
    {"G3", version_0, FORMAT, {"version 0", "2 and 3"}, 0},
    {"G3", version_1, UNSUPPORTED, {"version 1", "2 and 3"}, 0},
    {"G3", version_future, UNSUPPORTED, {"version 4", "2 and 3"}, 0},
    {"G4", big_endian, UNSUPPORTED, {"big-endian", "0x03000000"}, 0},
    {"G5", tensor_count_highest, FORMAT, {"18446744073709551615 tensors", "at most 131072"}, 0},
    {"G5", tensor_count_one_more, FORMAT, {"tensor"}, 0},
    {"G6", key_count_highest, FORMAT, {"18446744073709551615 keys", "at most 65536"}, 0},
    {"G6", key_count_beyond_file, FORMAT, {"keys", "fit the"}, 0},
    {"G7", key_length_highest, FORMAT, {"key 6", "18446744073709551615 bytes wanted", "are left"}, 0},
    {"G7", key_length_beyond_file, FORMAT, {"key 6", "10000000 bytes wanted", "are left"}, 0},
    {"G7", key_longer_than_64_kb, FORMAT, {"key 6", "70000 bytes", "1 to 65535"}, 0},
    {"G8", key_empty, FORMAT, {"key 6", "0 bytes", "1 to 65535"}, 0},
    {"G9", key_twice, FORMAT, {"'" HEADS "'", "twice"}, 0},
    {"G10", key_not_utf8, FORMAT, {"key 6", "UTF-8"}, 0},
    {"G10", key_with_nul, FORMAT, {"key 6", "NUL"}, 0},
    {"G10", text_not_utf8, FORMAT, {"'general.name'", "UTF-8"}, 0},
    {"G10", text_with_nul, FORMAT, {"'general.name'", "NUL"}, 0},
    {"G11", type_13, FORMAT, {"'" HEADS "'", "type 13", "0 to 12"}, 0},
    {"G11", array_type_13, FORMAT, {"'tokenizer.ggml.tokens'", "type 13", "0 to 12"}, 0},
    {"G12", text_beyond_file, FORMAT, {"string", "9187201950435737471 bytes wanted", "are left"}, 0},
    {"G12", token_beyond_file, FORMAT, {"strings", "9187201950435737471 bytes wanted", "are left"}, 0},
    {"G13", array_count_overflows, FORMAT, {"'tokenizer.ggml.token_type'", "18446744073709551615 elements"}, 0},
    {"G13", array_beyond_file, FORMAT, {"'tokenizer.ggml.tokens'", "4294967579 elements", "at most"}, 0},
    {"G14", array_of_arrays, UNSUPPORTED, {"'general.tags'", "array of arrays", "one level"}, 0},
    {"G14", arrays_1000_deep, UNSUPPORTED, {"'general.tags'", "array of arrays", "one level"}, 0},
    {"G15", bool_2, FORMAT, {"'tokenizer.ggml.add_bos_token'", "value 2", "0 and 1"}, 0},
    {"T10", vocabulary_is_no_embedding_rows, FORMAT, {"'token_embd.weight'", "[300]", "n_vocab = 283"}, 0},
    {"G19", name_of_64_bytes, FORMAT, {"tensor 2", "64 bytes", "1 to 63"}, 0},
    {"G19", name_empty, FORMAT, {"tensor 2", "0 bytes", "1 to 63"}, 0},
    {"G19", name_twice, FORMAT, {"'blk.1.attn_q.weight'", "twice"}, 0},
    {"G20", dimensions_0, FORMAT, {"'" QUERY "'", "0 dimensions", "1 to 4"}, 0},
    {"G20", dimensions_5, FORMAT, {"'" QUERY "'", "5 dimensions", "1 to 4"}, 0},
    {"G21", dimension_is_0, FORMAT, {"'" QUERY "'", "0 elements", "1 to 2^63-1"}, 0},
    {"G21", dimension_negative, FORMAT, {"'" QUERY "'", "18446744073709551584 elements", "1 to 2^63-1"}, 0},
    {"G22", dimension_2_42, FORMAT, {"'" QUERY "'", "[4398046511105]", "larger than the file"}, 0},
    {"G22", two_of_2_63, FORMAT, {"'" QUERY "'", "[9223372036854775744]", "larger than the file"}, 0},
    {"G23", row_is_no_multiple_of_a_block, FORMAT, {"'" QUERY "'", "33 elements", "Q8_0", "multiple of 32"}, 0},
    {"G24", type_unknown, UNSUPPORTED, {"'" QUERY "'", "type 41", "0 to 40"}, 0},
    {"G24", type_removed, UNSUPPORTED, {"'" QUERY "'", "type 4,", "removed"}, 0},
    {"G25", size_wraps_when_padded, FORMAT, {"'" QUERY "'", "[4611686018427387903]", "larger than the file"}, 0},
    {"G26", offset_not_aligned, FORMAT, {"'" QUERY "'", "offset 5 ", "not aligned", "has to be"}, 0},
    {"G26", offset_overlaps, FORMAT, {"'" QUERY "'", "offset 32 ", "overlaps", "has to be"}, 0},
    {"G26", offset_leaves_hole, FORMAT, {"'" QUERY "'", "offset 1048576 ", "hole", "has to be"}, 0},
    {"G26", offset_decreases, FORMAT, {"'output.weight'", "offset 0 ", "overlaps", "has to be"}, 0},
    {"G27", last_tensor_beyond_file, FORMAT, {"'output.weight'", "36224 bytes", "of a file of"}, 0},
    {"G28", shape_differs, FORMAT, {"'" QUERY "'", "[16][64]", "n_embd = 32", "n_heads*head_dim = 32"}, 0},
    {"G28", norm_is_f16, UNSUPPORTED, {"'output_norm.weight'", "F16", "has to be F32"}, 0},
    {"G29", tensor_missing, FORMAT, {"'" QUERY "'", "missing", "llama"}, 0},
    {"G29", tensor_extra, UNSUPPORTED, {"'blk.0.attn_q_norm.weight'", "llama"}, 0},
    {"G29", tensor_of_a_layer_too_many, UNSUPPORTED, {"'blk.2.attn_norm.weight'", "2 layers"}, 0},
    {"G31", weight_nan, FIRN_ERROR_NUMERIC, {"'" QUERY "'", "F32", "block 16 of 1024"}, 0},
    {"G31", norm_infinite, FIRN_ERROR_NUMERIC, {"'output_norm.weight'", "F32", "block 0 of 32"}, 0},
};

Test(bad_files, each_is_refused)
{
    const tiny_options options = tiny_small("llama");
    for (size_t i = 0; i < sizeof bad_files / sizeof bad_files[0]; i++) {
        const bad_file *const bad = &bad_files[i];
        gguf_builder *const builder = tiny_build(&options);
        bad->damage(builder);
        gguf_buffer bytes = gguf_bytes(builder, NULL);
        char *const path = support_temporary_file(bytes.data, bad->keep != 0 ? bad->keep : bytes.size);
        expect_refused(bad->row, path, bad->status, bad->parts);
        support_remove(path);
        free(bytes.data);
        gguf_destroy(builder);
    }
}

/* The same checkpoint without damage opens: so it is the damage that is refused. */
Test(bad_files, undamaged_opens)
{
    const tiny_options options = tiny_small("llama");
    char *const path = tiny_write(&options);
    mod_checkpoint *checkpoint;
    firn_error error = {0};
    cr_expect_eq(mod_checkpoint_open(path, &(mod_open_options){.check_tensors = true}, &checkpoint, &error), FIRN_OK,
                 "%s", error.message);
    mod_checkpoint_close(checkpoint);
    support_remove(path);
}

/* Damage to values goes unnoticed unless it is asked for, since looking for it reads the whole file. */
Test(bad_files, values_are_checked_only_when_asked)
{
    const tiny_options options = tiny_small("llama");
    gguf_builder *const builder = tiny_build(&options);
    weight_nan(builder);
    char *const path = gguf_write(builder);
    mod_checkpoint *checkpoint;
    cr_expect_eq(mod_checkpoint_open(path, NULL, &checkpoint, NULL), FIRN_OK);
    mod_checkpoint_close(checkpoint);
    support_remove(path);
    gguf_destroy(builder);
}

/* G31: numbers of blocks of every type, by the bytes that make one infinite or not a number. */
static const struct {
    kern_type type;
    uint8_t byte, value, other_byte, other_value; /* in an otherwise zero block */
} bad_numbers[] = {
    {KERN_F32, 3, 0x7f, 2, 0x80},  {KERN_F16, 1, 0x7c, 0, 0},    {KERN_BF16, 1, 0x7f, 0, 0x80},
    {KERN_F64, 7, 0x7f, 6, 0xf0},  {KERN_Q4_0, 1, 0x7c, 0, 0},   {KERN_Q4_1, 1, 0xfc, 0, 0},
    {KERN_Q4_1, 3, 0x7e, 0, 0},    {KERN_Q5_0, 1, 0x7c, 0, 1},   {KERN_Q5_1, 3, 0x7c, 0, 0},
    {KERN_Q8_0, 1, 0x7c, 0, 0},    {KERN_Q8_1, 3, 0x7c, 0, 0},   {KERN_Q2_K, 83, 0x7c, 0, 0},
    {KERN_Q3_K, 109, 0x7c, 0, 0},  {KERN_Q4_K, 1, 0x7c, 0, 0},   {KERN_Q4_K, 3, 0x7c, 0, 0},
    {KERN_Q5_K, 3, 0x7c, 0, 0},    {KERN_Q6_K, 209, 0x7c, 0, 0}, {KERN_Q8_K, 3, 0x7f, 2, 0x80},
    {KERN_IQ2_XXS, 1, 0x7c, 0, 0}, {KERN_IQ4_NL, 1, 0x7c, 0, 0}, {KERN_IQ1_M, 55, 0x70, 53, 0xc0},
    {KERN_TQ1_0, 53, 0x7c, 0, 0},  {KERN_TQ2_0, 65, 0x7c, 0, 0},
};

Test(bad_files, G31_numbers_that_are_not_finite)
{
    static const char name[] = "blk.1.ffn_up.weight";
    const tiny_options options = tiny_default("llama");
    for (size_t i = 0; i < sizeof bad_numbers / sizeof bad_numbers[0]; i++) {
        gguf_builder *const builder = tiny_build(&options);
        gguf_remove_tensor(builder, name);
        gguf_tensor *const tensor = gguf_add_tensor(builder, name, bad_numbers[i].type, 2, (uint64_t[]){256, 512});
        const kern_type_info *const info = kern_type_find(tensor->type);
        unsigned char *const block = tensor->data.data + 3 * info->block_bytes;
        block[bad_numbers[i].other_byte] = bad_numbers[i].other_value;
        block[bad_numbers[i].byte] = bad_numbers[i].value;
        char *const path = gguf_write(builder);
        expect_refused("G31", path, FIRN_ERROR_NUMERIC,
                       (const char *[REFUSED_PARTS]){"'blk.1.ffn_up.weight'", info->name, "not finite in block 3 of"});
        block[bad_numbers[i].byte] = 0;
        char *const good_path = gguf_write(builder);
        mod_checkpoint *checkpoint;
        cr_expect_eq(mod_checkpoint_open(good_path, &(mod_open_options){.check_tensors = true}, &checkpoint, NULL),
                     FIRN_OK, "%s", info->name);
        mod_checkpoint_close(checkpoint);
        support_remove(path);
        support_remove(good_path);
        gguf_destroy(builder);
    }
}

/* ---- files that are none ---- */

Test(bad_files, G33_not_a_regular_file)
{
    char folder[] = "/tmp/firn-test-XXXXXX";
    char path[64], other[64];
    cr_assert_not_null(mkdtemp(folder));
    expect_refused("G33", folder, FIRN_ERROR_IO, (const char *const[4]){"is a directory", "regular file"});

    snprintf(path, sizeof path, "%s/fifo", folder);
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_refused("G33", path, FIRN_ERROR_IO, (const char *const[4]){"is a FIFO", "regular file"});
    unlink(path);

    expect_refused("G33", "/dev/zero", FIRN_ERROR_IO, (const char *const[4]){"is a character device"});

    snprintf(path, sizeof path, "%s/loop-a", folder);
    snprintf(other, sizeof other, "%s/loop-b", folder);
    cr_assert_eq(symlink(other, path), 0);
    cr_assert_eq(symlink(path, other), 0);
    expect_refused("G33", path, FIRN_ERROR_IO, (const char *const[4]){"cannot be opened", "symbolic links"});
    unlink(path);
    unlink(other);

    expect_refused("G33", path, FIRN_ERROR_IO, (const char *const[4]){"cannot be opened", "No such file"});

    char *const empty = support_temporary_file("", 0);
    expect_refused("G1", empty, FIRN_ERROR_FORMAT, (const char *const[4]){"empty", "0 bytes"});
    support_remove(empty);
    rmdir(folder);
}

Test(bad_files, G32_file_that_shrinks_is_noticed)
{
    const tiny_options options = tiny_small("llama");
    char *const path = tiny_write(&options);
    mod_checkpoint *checkpoint;
    firn_error error = {0};
    cr_assert_eq(mod_checkpoint_open(path, NULL, &checkpoint, NULL), FIRN_OK);
    cr_expect_eq(mod_checkpoint_recheck(checkpoint, NULL), FIRN_OK);
    cr_assert_eq(truncate(path, 4096), 0);
    cr_expect_eq(mod_checkpoint_recheck(checkpoint, &error), FIRN_ERROR_IO);
    cr_expect_not_null(strstr(error.message, strrchr(path, '/') + 1), "%s", error.message);
    cr_expect_not_null(strstr(error.message, "now has 4096"), "%s", error.message);
    mod_checkpoint_close(checkpoint);
    support_remove(path);
}

/* A message stays one line of plain characters, whatever the file's name holds. */
Test(bad_files, long_path_still_has_room_for_the_reason)
{
    char path[3000];
    firn_error error = {0};
    mod_checkpoint *checkpoint;
    memset(path, 'd', sizeof path);
    for (size_t i = 0; i < sizeof path; i += 100)
        path[i] = '/';
    path[sizeof path - 1] = '\0';
    cr_expect_eq(mod_checkpoint_open(path, NULL, &checkpoint, &error), FIRN_ERROR_IO);
    cr_expect_not_null(strstr(error.message, "No such file"), "%s", error.message);
}
