/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles and renders any bytes as chat templates: the input's parts between bytes of 0 are one template each, and
 * what begins with a byte of 1 is the data of those that follow.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/support/checkpoints.h"
#include "tokenizer/template.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static const struct tm noon = {.tm_year = 126, .tm_mday = 1, .tm_hour = 12};

static void check_output(const tok_template_output *out)
{
    size_t end = 0;
    for (size_t i = 0; i < out->n_segments; i++) {
        if (out->segments[i].end <= end)
            abort();
        end = out->segments[i].end;
    }
    if (end != out->length || out->text[out->length] != '\0')
        abort(); /* segments that don't cover the text */
}

static void run(base_slice source, base_slice members)
{
    const tok_template_input input = {.members = members, .now = &noon};
    tok_template *program;
    tok_template_output out = {.text = NULL};
    firn_error error = {0};
    if (tok_template_compile(source, &program, &error) == FIRN_OK &&
        tok_template_render(program, &input, &out, &error) == FIRN_OK)
        check_output(&out);
    else if (error.status == FIRN_OK || error.message[0] == '\0')
        abort(); /* a failure without a reason */
    tok_template_output_free(&out);
    tok_template_destroy(program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_slice members = {NULL, 0};
    for (size_t from = 0; from < size;) {
        const uint8_t *zero = memchr(data + from, 0, size - from);
        size_t to = zero != NULL ? (size_t)(zero - data) : size;
        if (data[from] == 1)
            members = (base_slice){(const char *)data + from + 1, to - from - 1};
        else
            run((base_slice){(const char *)data + from, to - from}, members);
        from = to + 1;
    }
    return 0;
}

enum { SEEDS = 16, SEED_LENGTH = 1 << 16 };

/* The templates of tests/data/template_cases.json that render, spread over the seeds, each with the data first. */
void fuzz_seeds(void (*add)(void *argument, const void *data, size_t size), void *argument)
{
    char *path = support_source("tests/data/template_cases.json"), *text = support_read_file(path, NULL);
    cJSON *cases = cJSON_Parse(text);
    char *members = cJSON_PrintUnformatted(cJSON_GetObjectItem(cases, "variables"));
    for (int seed = 0; seed < SEEDS; seed++) {
        char *bytes = calloc(1, SEED_LENGTH);
        size_t length = strlen(members) + 2;
        const cJSON *row;
        int number = 0;
        bytes[0] = 1;
        memcpy(bytes + 1, members, length - 2);
        cJSON_ArrayForEach(row, cJSON_GetObjectItem(cases, "rows"))
        {
            const char *source = cJSON_GetArrayItem(row, 0)->valuestring;
            if (cJSON_IsNull(cJSON_GetArrayItem(row, 1)) || number++ % SEEDS != seed)
                continue;
            memcpy(bytes + length, source, strlen(source) + 1);
            length += strlen(source) + 1;
        }
        add(argument, bytes, length);
        free(bytes);
    }
    cJSON_free(members);
    cJSON_Delete(cases);
    free(text);
    free(path);
}
