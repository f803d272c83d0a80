/* SPDX-License-Identifier: Apache-2.0 */
/* Opens any bytes as a checkpoint and as a vocabulary, and reads all that comes of it. */
#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz.h"
#include "tests/support/read_all.h"
#include "tests/support/tiny_checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int descriptor = -1;
    if (descriptor < 0)
        descriptor = memfd_create("input", MFD_CLOEXEC); /* one file in memory for all inputs */
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, data, size, 0) != (ssize_t)size) {
        perror("input");
        exit(1);
    }
    char path[32];
    snprintf(path, sizeof path, "/dev/fd/%d", descriptor);
    volatile unsigned sum = 0;
    mod_checkpoint *checkpoint;
    firn_error error = {0};
    if (mod_checkpoint_open(path, &(mod_open_options){.check_tensors = true}, &checkpoint, &error) == FIRN_OK)
        sum += support_read_all(checkpoint);
    else if (error.status == FIRN_OK || error.message[0] == '\0')
        abort(); /* a failure without a reason */
    mod_checkpoint_close(checkpoint);
    if (mod_checkpoint_open_vocabulary(path, &checkpoint, NULL) == FIRN_OK)
        sum += support_read_all(checkpoint);
    mod_checkpoint_close(checkpoint);
    return 0;
}

void fuzz_seeds(void (*add)(void *argument, const void *data, size_t size), void *argument)
{
    static const char *const architectures[] = {"llama", "qwen2", "gemma3"};
    for (size_t i = 0; i < sizeof architectures / sizeof architectures[0]; i++) {
        gguf_builder *const builder = tiny_build_smallest(architectures[i]);
        gguf_buffer bytes = gguf_bytes(builder, NULL);
        add(argument, bytes.data, bytes.size);
        free(bytes.data);
        gguf_destroy(builder);
    }
}
