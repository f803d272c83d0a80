/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles any bytes as a regular expression, and generates what it allows. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/fuzz_constraint.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    support_fuzz_constraint(FIRN_CONSTRAINT_REGEX, data, size);
    return 0;
}

void fuzz_seeds(void (*add)(void *argument, const void *data, size_t size), void *argument)
{
    static const char *const seeds[] = {
        "^(?:[A-Z][a-z]{2,20}|\\d+(\\.\\d+)?)(\\s+\\w+)*$",
        "[[:alpha:]_][^\\W\\d]*\\x{1F600}|\\u00e9{3,5}?|(?P<name>a|b|(c(d(e)?)?)?)+",
        "(((a{1,20}b)?){0,30}c|.{3})*[]x-]",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        add(argument, seeds[i], strlen(seeds[i]));
}
