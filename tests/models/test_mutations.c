/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A valid file cut at every byte is refused, and with any one bit of its header flipped it is refused or used without a
 * crash. To be run under sanitizers.
 */
#include "models/checkpoint.h"

#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

/* As small as a checkpoint can be: eight tokens, one layer. */
static gguf_builder *build_smallest(void)
{
    tiny_options options = tiny_small("llama");
    options.n_layers = 1;
    options.tied = true;
    gguf_builder *const builder = tiny_build(&options);
    gguf_buffer tokens = {0}, types = {0};
    for (uint32_t i = 0; i < 8; i++) {
        gguf_append_string(&tokens, "abcdefgh" + i, 1);
        gguf_append_u32(&types, 1);
    }
    gguf_set_array(builder, "tokenizer.ggml.tokens", GGUF_STRING, 8, &tokens);
    gguf_set_array(builder, "tokenizer.ggml.token_type", GGUF_I32, 8, &types);
    gguf_set_array(builder, "tokenizer.ggml.merges", GGUF_STRING, 2, &tokens);
    gguf_remove_tensor(builder, "token_embd.weight");
    gguf_add_tensor(builder, "token_embd.weight", KERN_F32, 2, (uint64_t[]){32, 8});
    free(tokens.data);
    free(types.data);
    return builder;
}

static unsigned sum_bytes(const void *data, uint64_t count)
{
    unsigned sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += ((const unsigned char *)data)[i];
    return sum;
}

/* Reads all that a checkpoint gives, so that a sanitizer sees it. */
static unsigned use(const mod_checkpoint *checkpoint)
{
    const mod_vocabulary *const v = mod_checkpoint_vocabulary(checkpoint);
    unsigned sum = sum_bytes(v->chat_template.data, v->chat_template.length);
    for (uint32_t i = 0; i < v->n_tokens; i++)
        sum += sum_bytes(v->tokens[i].data, v->tokens[i].length) + (v->types != NULL ? (unsigned)v->types[i] : 0);
    for (uint32_t i = 0; i < v->n_merges; i++)
        sum += sum_bytes(v->merges[i].data, v->merges[i].length);
    for (uint64_t i = 0; i < mod_checkpoint_tensor_count(checkpoint); i++) {
        const mod_tensor *const tensor = mod_checkpoint_tensor(checkpoint, i);
        sum += sum_bytes(tensor->data, tensor->bytes);
    }
    return sum;
}

Test(mutations, every_truncation_is_refused)
{
    gguf_builder *const builder = build_smallest();
    gguf_buffer bytes = gguf_bytes(builder, NULL);
    char *const path = support_temporary_file(bytes.data, bytes.size);
    for (size_t size = bytes.size; size-- > 0;) {
        mod_checkpoint *checkpoint;
        firn_error error = {0};
        cr_assert_eq(truncate(path, (off_t)size), 0);
        const firn_status status = mod_checkpoint_open(path, NULL, &checkpoint, &error);
        cr_expect_eq(status, FIRN_ERROR_FORMAT, "%zu bytes: %s: %s", size, firn_status_name(status), error.message);
        mod_checkpoint_close(checkpoint);
    }
    support_remove(path);
    free(bytes.data);
    gguf_destroy(builder);
}

Test(mutations, no_flipped_bit_of_the_header_crashes)
{
    size_t data_begin, n_opened = 0, n_refused = 0;
    unsigned sum = 0;
    gguf_builder *const builder = build_smallest();
    gguf_buffer bytes = gguf_bytes(builder, &data_begin);
    char *const path = support_temporary_file(bytes.data, bytes.size);
    const int descriptor = open(path, O_WRONLY);
    cr_assert(descriptor >= 0);
    for (size_t bit = 0; bit < 8 * data_begin; bit++) {
        const unsigned char good = bytes.data[bit / 8], bad = (unsigned char)(good ^ 1u << bit % 8);
        mod_checkpoint *checkpoint;
        firn_error error = {0};
        cr_assert_eq(pwrite(descriptor, &bad, 1, (off_t)(bit / 8)), 1);
        const firn_status status = mod_checkpoint_open(path, NULL, &checkpoint, &error);
        cr_assert_eq(pwrite(descriptor, &good, 1, (off_t)(bit / 8)), 1);
        cr_expect_eq(status == FIRN_OK, checkpoint != NULL);
        cr_expect(status == FIRN_OK || error.message[0] != '\0');
        n_opened += status == FIRN_OK;
        n_refused += status != FIRN_OK;
        sum += status == FIRN_OK ? use(checkpoint) : 0;
        mod_checkpoint_close(checkpoint);
    }
    cr_expect_gt(n_refused, n_opened, "%zu of %zu flips went unnoticed, sum %u", n_opened, 8 * data_begin, sum);
    close(descriptor);
    support_remove(path);
    free(bytes.data);
    gguf_destroy(builder);
}
