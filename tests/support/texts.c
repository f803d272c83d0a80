/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/texts.h"

#include "base/json.h"
#include "tests/support/checkpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW = 6 /* bytes: count, hash */ };

char *support_tokenizer_data(const char *name)
{
    char relative[120];
    snprintf(relative, sizeof relative, "tests/data/tokenizer/%s", name);
    char *const path = support_source(relative);
    if (path == NULL)
        abort();
    return path;
}

static char *read_data(const char *name, unsigned long *length)
{
    char *const path = support_tokenizer_data(name);
    char *const bytes = support_read_file(path, length);
    free(path);
    return bytes;
}

support_texts *support_texts_read(const char *rows)
{
    unsigned long length;
    base_json_event event;
    size_t used = 0, count = 0;
    support_texts *const texts = calloc(1, sizeof *texts);
    if (texts == NULL)
        abort();
    char *const json = read_data("real/strings.json", &length);
    texts->json = (base_slice){json, length};
    texts->bytes = malloc(length);
    base_json reader = base_json_begin(texts->json);
    if (texts->bytes == NULL || base_json_next(&reader, &event, NULL) != FIRN_OK)
        abort();
    for (; base_json_next(&reader, &event, NULL) == FIRN_OK && event.kind == BASE_JSON_STRING; count++) {
        if (count == SUPPORT_TEXTS)
            abort();
        char *const text = texts->bytes + used;
        texts->at[count] = (base_slice){text, base_json_unescape(&event, text)};
        used += texts->at[count].length;
    }
    if (count != SUPPORT_TEXTS)
        abort();
    if (rows != NULL) {
        texts->rows = read_data(rows, &length);
        if (length != SUPPORT_TEXTS * ROW)
            abort();
    }
    return texts;
}

void support_texts_free(support_texts *texts)
{
    free((char *)texts->json.data);
    free(texts->rows);
    free(texts->bytes);
    free(texts);
}

bool support_texts_match(const support_texts *texts, size_t number, const tok_ids *ids)
{
    uint32_t expected, hash = 0x811C9DC5U; /* FNV-1a over the ids, little-endian */
    uint16_t count;
    memcpy(&count, texts->rows + number * ROW, sizeof count);
    memcpy(&expected, texts->rows + number * ROW + sizeof count, sizeof expected);
    for (size_t i = 0; i < ids->count; i++)
        for (unsigned shift = 0; shift < 32; shift += 8)
            hash = (hash ^ ((uint32_t)ids->ids[i] >> shift & 0xFF)) * 0x01000193U;
    return ids->count == count && hash == expected;
}
