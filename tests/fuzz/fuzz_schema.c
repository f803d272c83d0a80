/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles any bytes as a JSON schema, and generates what it allows. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/fuzz_constraint.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    support_fuzz_constraint(FIRN_CONSTRAINT_SCHEMA, data, size);
    return 0;
}

void fuzz_seeds(void (*add)(void *argument, const void *data, size_t size), void *argument)
{
    static const char *const seeds[] = {
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":-5,\"maximum\":123},\"b\":"
        "{\"$ref\":\"#/$defs/c\"}},\"required\":[\"a\"],\"additionalProperties\":{\"const\":1},\"$defs\":{\"c\":"
        "{\"enum\":[1,\"x\",null,[2]]}}}",
        "{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^[a-z]{2,5}$\",\"maxLength\":4},{\"type\":\"array\",\"items\":"
        "{\"$ref\":\"#\"},\"minItems\":1,\"maxItems\":3}]}",
        "{\"allOf\":[{\"type\":[\"number\",\"null\"],\"exclusiveMinimum\":0},{\"maximum\":100}]}",
        "{\"oneOf\":[{\"type\":\"string\",\"format\":\"date-time\"},{\"type\":\"array\",\"prefixItems\":[{},true],"
        "\"items\":false},{\"type\":\"object\",\"patternProperties\":{\"^x\":{}},\"additionalProperties\":false}]}",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        add(argument, seeds[i], strlen(seeds[i]));
}
