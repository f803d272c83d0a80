/* SPDX-License-Identifier: Apache-2.0 */
/* Texts to look for while a text grows. */
#include "engine/firn.h"

#include <string.h>

/* The first place where `wanted` begins and goes on as far as the text does. */
static size_t first_beginning(const char *text, size_t length, size_t from, const firn_list_entry *wanted, bool *whole)
{
    for (size_t at = from; at < length; at++) {
        const size_t rest = length - at, compared = rest < wanted->length ? rest : wanted->length;
        if (memcmp(text + at, wanted->text, compared) == 0) {
            *whole = compared == wanted->length;
            return at;
        }
    }
    *whole = false;
    return length;
}

size_t firn_find_texts(const firn_list *texts, const char *text, size_t length, size_t from, bool *found)
{
    size_t first = length, first_found = length;
    firn_list_entry entry;
    for (size_t i = 0; firn_list_at(texts, i, &entry); i++) {
        bool whole;
        const size_t at = first_beginning(text, length, from, &entry, &whole);
        if (whole && at < first_found)
            first_found = at;
        first = at < first ? at : first;
    }
    *found = first_found < length;
    return *found ? first_found : first;
}
