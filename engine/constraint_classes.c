/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of characters as automata over bytes: UTF-8, and JSON strings' escapes. */
#include "engine/constraint_automaton.h"

#include "base/utf8.h"

typedef struct class_edges {
    eng_sketch *sketch;
    uint32_t from, to;
    uint32_t tails[4]; /* tails[n]: a state from which any n continuation bytes lead to `to`; 0: not made yet */
} class_edges;

static void byte_edge(eng_sketch *sketch, uint32_t from, uint32_t to, unsigned first, unsigned last)
{
    eng_sketch_edge(
        sketch,
        (eng_edge){.from = from, .target = to, .kind = ENG_EDGE_BYTE, .first = (uint8_t)first, .last = (uint8_t)last});
}

static uint32_t tail(class_edges *class, unsigned n_bytes)
{
    for (unsigned n = 1; n <= n_bytes; n++)
        if (class->tails[n] == 0) {
            class->tails[n] = eng_sketch_state(class->sketch);
            byte_edge(class->sketch, class->tails[n], n == 1 ? class->to : class->tails[n - 1], 0x80, 0xBF);
        }
    return n_bytes == 0 ? class->to : class->tails[n_bytes];
}

/* A range whose characters have the same number of bytes and, but for the first differing byte, full continuations. */
static void add_aligned(class_edges *class, uint32_t first, uint32_t last)
{
    char low[4], high[4];
    const size_t length = base_utf8_encode(first, low);
    base_utf8_encode(last, high);
    uint32_t at = class->from;
    for (size_t i = 0; i < length; i++) {
        const unsigned a = (uint8_t)low[i], b = (uint8_t)high[i];
        const unsigned left = (unsigned)(length - 1 - i);
        const uint32_t next = left == 0 || a != b ? tail(class, left) : eng_sketch_state(class->sketch);
        byte_edge(class->sketch, at, next, a, b);
        if (left == 0 || a != b)
            return;
        at = next;
    }
}

/*
 * Cuts a range where the number of bytes changes, around the surrogates, and so that each piece differs in one byte
 * and has full continuations after it.
 */
static void add_range(class_edges *class, uint32_t first, uint32_t last)
{
    static const uint32_t cuts[] = {0x7F, 0x7FF, 0xD7FF, 0xDFFF, 0xFFFF, ENG_CODE_POINT_LAST};
    while (first <= last && class->sketch->status == FIRN_OK) {
        uint32_t end = last;
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
            if (first <= cuts[i] && end > cuts[i])
                end = cuts[i];
        if (first >= 0xD800 && first <= 0xDFFF) {
            first = end + 1;
            continue;
        }
        /* continuation bytes from the last: six bits each */
        for (uint32_t mask = 0x3F; mask <= 0x3FFFF && first > 0x7F; mask = mask << 6 | 0x3F) {
            if ((first & ~mask) == (end & ~mask))
                break;
            if ((first & mask) != 0)
                end = first | mask;
            else if ((end & mask) != mask)
                end = (end & ~mask) - 1;
        }
        add_aligned(class, first, end);
        first = end + 1;
    }
}

static void add_escape(class_edges *class, uint32_t character)
{
    static const char letters[] = "\"\"\\\\b\bf\fn\nr\rt\t"; /* pairs: the letter and what it stands for */
    const uint32_t slash = eng_sketch_state(class->sketch);
    byte_edge(class->sketch, class->from, slash, '\\', '\\');
    for (size_t i = 0; i + 1 < sizeof letters - 1; i += 2)
        if ((uint32_t)letters[i + 1] == character) {
            byte_edge(class->sketch, slash, class->to, (uint8_t)letters[i], (uint8_t)letters[i]);
            return;
        }
    const char digits[] = {'u', '0', '0', (char)('0' + (character >> 4)), "0123456789abcdef"[character & 15]};
    uint32_t at = slash;
    for (size_t i = 0; i < sizeof digits; i++) {
        const uint32_t next = i + 1 < sizeof digits ? eng_sketch_state(class->sketch) : class->to;
        byte_edge(class->sketch, at, next, (uint8_t)digits[i], (uint8_t)digits[i]);
        if (digits[i] >= 'a' && digits[i] <= 'f')
            byte_edge(class->sketch, at, next, (uint8_t)(digits[i] - 32), (uint8_t)(digits[i] - 32));
        at = next;
    }
}

/* The part of a range that JSON strings write as it is, and escapes for the rest. */
static void add_json_range(class_edges *class, uint32_t first, uint32_t last)
{
    for (uint32_t character = first; character <= last && character <= '\\'; character++)
        if (character < 0x20 || character == '"' || character == '\\')
            add_escape(class, character);
    static const eng_ir_range plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, ENG_CODE_POINT_LAST}};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        const uint32_t low = first > plain[i].first ? first : plain[i].first;
        const uint32_t high = last < plain[i].last ? last : plain[i].last;
        if (low <= high)
            add_range(class, low, high);
    }
}

void eng_sketch_class(eng_sketch *sketch, const eng_ir_range *ranges, size_t n_ranges, bool json, uint32_t from,
                      uint32_t to)
{
    class_edges class = {.sketch = sketch, .from = from, .to = to};
    for (size_t i = 0; i < n_ranges; i++)
        if (json)
            add_json_range(&class, ranges[i].first, ranges[i].last);
        else
            add_range(&class, ranges[i].first, ranges[i].last);
}
