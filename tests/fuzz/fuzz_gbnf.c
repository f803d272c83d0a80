/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles any bytes as a grammar, and generates what it allows. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/fuzz_constraint.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    support_fuzz_constraint(FIRN_CONSTRAINT_GRAMMAR, data, size);
    return 0;
}

void fuzz_seeds(void (*add)(void *argument, const void *data, size_t size), void *argument)
{
    static const char *const seeds[] = {
        "root ::= object # comment\nobject ::= \"{\" (pair (\",\" pair)*)? \"}\"\npair ::= \"\\\"\" [^\"\\\\]{1,8} "
        "\"\\\":\" (object | [0-9]+)\n",
        "root ::= \"(\" root \")\" root | \"\\x41\\u00e9\" | [^a-z\\n]{2,} .?",
        "a ::= b*\nb ::= \"x\" | c+\nc ::= (\"y\" | \"z\" a){0,3}\nroot ::=\n  a \"end\"\n  | c",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        add(argument, seeds[i], strlen(seeds[i]));
}
