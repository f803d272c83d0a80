/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A valid file cut at every byte is refused, and with any one bit of its header flipped it is refused or used without a
 * crash. To be run under sanitizers.
 */
#include "tests/support/read_all.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

Test(mutations, every_truncation_is_refused)
{
    gguf_builder *const builder = tiny_build_smallest("llama");
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
    gguf_builder *const builder = tiny_build_smallest("llama");
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
        sum += status == FIRN_OK ? support_read_all(checkpoint) : 0;
        mod_checkpoint_close(checkpoint);
    }
    cr_expect_gt(n_refused, n_opened, "%zu of %zu flips went unnoticed, sum %u", n_opened, 8 * data_begin, sum);
    close(descriptor);
    support_remove(path);
    free(bytes.data);
    gguf_destroy(builder);
}
