/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target: a file fuzz_NAME.c with these two functions. The first has the name and meaning that libFuzzer, AFL++
 * and others know. Built with replay.c it is a test that needs no fuzzer: it runs the seeds and many mutations of them.
 */
#ifndef FIRN_TESTS_FUZZ_FUZZ_H
#define FIRN_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Calls `add` with each seed, a valid input. */
void fuzz_seeds(void (*add)(void *argument, const void *data, size_t size), void *argument);

#endif
