/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without a fuzzer.
 *
 *     fuzz_plain_NAME               the seeds, and 20,000 mutations (always the same ones): the test
 *     fuzz_plain_NAME -n N [-s S]   the seeds, and N mutations made from seed S
 *     fuzz_plain_NAME FILE...       these inputs, such as one that crashed
 *     fuzz_plain_NAME -w FOLDER     writes the seeds there, as a corpus to start a fuzzer from
 *
 * Prints the number of the mutation that is running if the target ends the program.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/support/checkpoints.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEDS_HIGHEST = 16, MUTATIONS = 20000, STACKED_HIGHEST = 6, GROWTH_HIGHEST = 4096 };

typedef struct corpus {
    unsigned char *data[SEEDS_HIGHEST];
    size_t sizes[SEEDS_HIGHEST];
    size_t count;
} corpus;

static volatile uint64_t running; /* number of the mutation */

static void add_seed(void *argument, const void *data, size_t size)
{
    corpus *const seeds = argument;
    unsigned char *const copy = malloc(size + 1);
    if (copy == NULL || seeds->count == SEEDS_HIGHEST)
        abort();
    memcpy(copy, data, size);
    seeds->data[seeds->count] = copy;
    seeds->sizes[seeds->count++] = size;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * 0x2545f4914f6cdd1du >> 11;
}

/* Numbers on which readers have failed. */
static uint64_t choose_number(uint64_t *state, size_t size)
{
    const uint64_t numbers[] = {0,
                                1,
                                7,
                                8,
                                9,
                                13,
                                size - 1,
                                size,
                                size + 1,
                                INT32_MAX,
                                0x80000000u,
                                UINT32_MAX,
                                INT64_MAX,
                                (uint64_t)1 << 63,
                                UINT64_MAX,
                                UINT64_MAX - 3,
                                UINT64_MAX / 16 + 1};
    return numbers[next_random(state) % (sizeof numbers / sizeof numbers[0])];
}

/* Changes the input in place, in one way; the buffer has room for GROWTH_HIGHEST more bytes. */
static size_t mutate_once(unsigned char *data, size_t size, size_t room, uint64_t *state)
{
    if (size < 16)
        return size;
    /* headers come first, and are what is parsed: three of four changes go to the first third */
    const size_t reach = next_random(state) % 4 != 0 ? size / 3 + 1 : size;
    const size_t at = next_random(state) % reach;
    const size_t length = next_random(state) % 64 + 1;
    const size_t held = length < size - at ? length : size - at;
    const uint64_t number = choose_number(state, size);
    switch (next_random(state) % 7) {
    case 0:
        data[at] ^= (unsigned char)(1u << next_random(state) % 8);
        return size;
    case 1:
        data[at] = (unsigned char)next_random(state);
        return size;
    case 2:
        memcpy(data + at, &number, held < 4 ? held : 4);
        return size;
    case 3:
        memcpy(data + at, &number, held < 8 ? held : 8);
        return size;
    case 4: /* a stretch goes */
        memmove(data + at, data + at + held, size - at - held);
        return size - held;
    case 5: /* a stretch is doubled */
        if (size + held > room)
            return size;
        memmove(data + at + held, data + at, size - at);
        return size + held;
    default:
        return next_random(state) % 8 == 0 ? at : size;
    }
}

static void run_mutations(const corpus *seeds, uint64_t count, uint64_t seed)
{
    for (running = 1; running <= count; running++) {
        uint64_t state = (seed * 0x9e3779b97f4a7c15u + running) | 1;
        for (int i = 0; i < 4; i++)
            next_random(&state);
        const size_t which = next_random(&state) % seeds->count;
        const size_t room = seeds->sizes[which] + GROWTH_HIGHEST;
        unsigned char *const data = malloc(room);
        if (data == NULL)
            abort();
        size_t size = seeds->sizes[which];
        memcpy(data, seeds->data[which], size);
        for (uint64_t n = next_random(&state) % STACKED_HIGHEST + 1; n > 0; n--)
            size = mutate_once(data, size, room, &state);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
}

static void tell_mutation(int number)
{
    char line[64];
    const int length = snprintf(line, sizeof line, "\nfailed in mutation %llu\n", (unsigned long long)running);
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        _exit(1);
    signal(number, SIG_DFL);
    raise(number);
}

static int write_seeds(const corpus *seeds, const char *folder)
{
    for (size_t i = 0; i < seeds->count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/seed-%zu", folder, i);
        FILE *const file = fopen(path, "wb");
        if (file == NULL || fwrite(seeds->data[i], 1, seeds->sizes[i], file) != seeds->sizes[i] || fclose(file) != 0) {
            perror(path);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    corpus seeds = {.count = 0};
    uint64_t count = MUTATIONS, seed = 1;
    const char *folder = NULL;
    for (int option; (option = getopt(argc, argv, "n:s:w:")) != -1;) {
        if (option == 'n')
            count = strtoull(optarg, NULL, 10);
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'w')
            folder = optarg;
        else
            return 2;
    }
    fuzz_seeds(add_seed, &seeds);
    signal(SIGABRT, tell_mutation);
    int result = 0;
    if (folder != NULL)
        result = write_seeds(&seeds, folder);
    else if (optind < argc)
        for (int i = optind; i < argc; i++) {
            unsigned long length;
            char *const input = support_read_file(argv[i], &length);
            LLVMFuzzerTestOneInput((const uint8_t *)input, length);
            free(input);
        }
    else {
        for (size_t i = 0; i < seeds.count; i++)
            LLVMFuzzerTestOneInput(seeds.data[i], seeds.sizes[i]);
        run_mutations(&seeds, count, seed);
    }
    while (seeds.count > 0)
        free(seeds.data[--seeds.count]);
    return result;
}
