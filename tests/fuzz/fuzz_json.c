/* SPDX-License-Identifier: Apache-2.0 */
/* Reads any bytes as JSON, and every string and number in it. */
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_json reader = base_json_begin((base_slice){(const char *)data, size});
    base_json_event event;
    firn_error error = {0};
    char *value = malloc(size + 1);
    firn_status status;
    if (value == NULL)
        abort();
    while ((status = base_json_next(&reader, &event, &error)) == FIRN_OK && event.kind != BASE_JSON_END) {
        int64_t integer;
        double number;
        if ((event.kind == BASE_JSON_STRING || event.kind == BASE_JSON_KEY) &&
            base_json_unescape(&event, value) > event.text.length)
            abort(); /* a string that outgrew its text */
        if (event.kind == BASE_JSON_NUMBER && base_json_integer(&event, &integer) && !base_json_double(&event, &number))
            abort(); /* an integer that is no number */
    }
    if (status != FIRN_OK && error.message[0] == '\0')
        abort(); /* a failure without a reason */
    free(value);
    return 0;
}

void fuzz_seeds(void (*add)(void *argument, const void *data, size_t size), void *argument)
{
    static const char *const seeds[] = {
        "{\"a\": [1, -2.5e+10, true, false, null, \"x\\u00e9\\ud83d\\ude00\\n\\\"\"], \"b\": {\"c\": {}}}",
        "[[[[[]]]], \"\xC3\xA9\xF0\x9F\x98\x80\", 9223372036854775807, -9223372036854775808, 1e400, 0.1]",
        " \"text\" ",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        add(argument, seeds[i], strlen(seeds[i]));
}
