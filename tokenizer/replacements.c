/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/replacements.h"

#include "tokenizer/unicode.h"

/*
 * The table is a double array of 32-bit units, a trie over bytes: the unit of a node holds its label (bits 0-7 and 31),
 * whether a text ends there (8), and the distance to its children (10-30, times 256 if bit 9). Where a text ends, its
 * first child's unit holds the offset of the replacement, which a zero ends.
 */
firn_status tok_replacements_read(base_slice map, tok_replacements *out, firn_error *error)
{
    *out = (tok_replacements){0};
    if (map.length == 0)
        return FIRN_OK;
    uint32_t bytes = 0;
    if (map.length >= 4)
        memcpy(&bytes, map.data, 4);
    if (map.length < 4 || bytes % 4 != 0 || bytes > map.length - 4)
        return base_fail(error, FIRN_ERROR_FORMAT, 0,
                         "vocabulary: the table of replacements has %zu bytes, fewer than its header's %u, or no "
                         "whole units",
                         map.length, bytes);
    out->units = map.data + 4;
    out->n_units = bytes / 4;
    out->texts = (base_slice){map.data + 4 + bytes, map.length - 4 - bytes};
    if (out->texts.length == 0 || out->texts.data[out->texts.length - 1] != '\0')
        return base_fail(error, FIRN_ERROR_FORMAT, map.length,
                         "vocabulary: the last replacement text in the table has no end");
    return FIRN_OK;
}

/* The bytes at the start of `text` that are replaced, and their replacement; 0: none are. */
static size_t find_replacement(const tok_replacements *map, base_slice text, base_slice *replacement)
{
    size_t matched = 0;
    uint32_t node = 0, unit;
    for (size_t i = 0; i <= text.length && node < map->n_units; i++) {
        memcpy(&unit, map->units + (size_t)node * 4, 4);
        if (i > 0 && (unit & 0x800000FFU) != (unsigned char)text.data[i - 1])
            break;
        const uint32_t children = node ^ (unit >> 10) << ((unit & 1U << 9) >> 6);
        if ((unit >> 8 & 1) != 0 && children < map->n_units) {
            uint32_t offset;
            memcpy(&offset, map->units + (size_t)children * 4, 4);
            offset &= 0x7FFFFFFFU;
            if (i > 0 && offset < map->texts.length) {
                matched = i;
                *replacement = base_slice_from(map->texts.data + offset);
            }
        }
        if (i == text.length || text.data[i] == '\0')
            break;
        node = children ^ (unsigned char)text.data[i];
    }
    return matched;
}

size_t tok_replacement_at(const tok_replacements *map, base_slice text, base_slice *replacement)
{
    const size_t used = find_replacement(map, text, replacement);
    if (used > 0)
        return used;
    const tok_character c = tok_character_at(text.data, text.data + text.length);
    const bool broken = c.length == 1 && c.code >= 0x80;
    *replacement = broken ? base_slice_from("\xEF\xBF\xBD") : (base_slice){text.data, c.length};
    return c.length;
}
