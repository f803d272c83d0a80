/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of a JSON schema within bounds, as digits. A range of whole numbers of one length is cut where its ends begin
 * to differ: below the upper end, above the lower end, and what lies between with any digits behind. Numbers with a
 * fraction have a whole part within bounds that are whole themselves.
 */
#include "engine/constraint_schema.h"

#include <math.h>
#include <stdio.h>

typedef struct bound {
    bool given, exclusive;
    int64_t value;
} bound;

enum { LARGEST_BOUND = 1000000000 };
#define LARGEST ((int64_t)LARGEST_BOUND * LARGEST_BOUND) /* 10^18: its digits, and sums with one, fit everywhere */

static uint32_t digit_range(eng_ir *ir, char first, char last)
{
    return eng_ir_character(ir, (uint32_t)first, (uint32_t)last);
}

/* The first `n_same` digits as they are, then one of a range, then any. */
static void add_case(eng_ir *ir, uint32_t choice, const char *digits, size_t n_same, char first, char last,
                     size_t n_any)
{
    if (first > last)
        return;
    const uint32_t sequence = eng_ir_node_of(ir, ENG_IR_SEQUENCE);
    eng_ir_add(ir, sequence, eng_ir_literal(ir, (base_slice){digits, n_same}));
    eng_ir_add(ir, sequence, digit_range(ir, first, last));
    if (n_any > 0)
        eng_ir_add(ir, sequence, eng_ir_repeat(ir, digit_range(ir, '0', '9'), (uint32_t)n_any, (uint32_t)n_any));
    eng_ir_add(ir, choice, sequence);
}

/* Numbers from `low` to `high`, both of `length` digits. */
static void add_same_length(eng_ir *ir, uint32_t choice, const char *low, const char *high, size_t length)
{
    size_t same = 0;
    while (same < length && low[same] == high[same])
        same++;
    eng_ir_add(ir, choice, eng_ir_literal(ir, (base_slice){low, length}));
    if (same == length)
        return;
    eng_ir_add(ir, choice, eng_ir_literal(ir, (base_slice){high, length}));
    add_case(ir, choice, low, same, (char)(low[same] + 1), (char)(high[same] - 1), length - same - 1);
    for (size_t i = same + 1; i < length; i++) {
        add_case(ir, choice, low, i, (char)(low[i] + 1), '9', length - i - 1);
        add_case(ir, choice, high, i, '0', (char)(high[i] - 1), length - i - 1);
    }
}

/* Whole numbers from `low` (at least 0) to `high`, or without end; 0 where there are none. */
static uint32_t whole_range(eng_ir *ir, int64_t low, int64_t high, bool endless)
{
    char first[24], last[24], ends[24];
    if (!endless && high < low)
        return 0;
    const uint32_t choice = eng_ir_node_of(ir, ENG_IR_CHOICE);
    const size_t n_first = (size_t)snprintf(first, sizeof first, "%lld", (long long)low);
    const size_t n_last = endless ? n_first : (size_t)snprintf(last, sizeof last, "%lld", (long long)high);
    for (size_t length = n_first; length <= n_last; length++) {
        if (length > n_first) {
            memset(first, '0', length);
            first[0] = '1';
        }
        memset(ends, '9', length);
        add_same_length(ir, choice, first, length < n_last || endless ? ends : last, length);
    }
    if (endless) {
        const uint32_t more = digit_range(ir, '1', '9');
        eng_ir_add(ir, choice,
                   eng_ir_pair(ir, ENG_IR_SEQUENCE, more,
                               eng_ir_repeat(ir, digit_range(ir, '0', '9'), (uint32_t)n_last, ENG_IR_UNBOUNDED)));
    }
    return choice;
}

static uint32_t zeros(eng_ir *ir, uint32_t low)
{
    return eng_ir_repeat(ir, eng_ir_character(ir, '0', '0'), low, ENG_IR_UNBOUNDED);
}

/* A fraction that may be left out: any, only zeros, or (then it can't be left out) not only zeros. */
typedef enum fraction { FRACTION_ANY, FRACTION_ZERO, FRACTION_ABOVE } fraction;

static uint32_t with_fraction(eng_ir *ir, uint32_t whole, fraction kind)
{
    if (whole == 0)
        return 0;
    const uint32_t part = eng_ir_node_of(ir, ENG_IR_SEQUENCE);
    eng_ir_add(ir, part, eng_ir_text(ir, "."));
    if (kind == FRACTION_ABOVE) {
        eng_ir_add(ir, part, zeros(ir, 0));
        eng_ir_add(ir, part, digit_range(ir, '1', '9'));
    }
    if (kind == FRACTION_ZERO)
        eng_ir_add(ir, part, zeros(ir, 1));
    else
        eng_ir_add(ir, part,
                   eng_ir_repeat(ir, digit_range(ir, '0', '9'), kind == FRACTION_ANY ? 1 : 0, ENG_IR_UNBOUNDED));
    return eng_ir_pair(ir, ENG_IR_SEQUENCE, whole, kind == FRACTION_ABOVE ? part : eng_ir_repeat(ir, part, 0, 1));
}

/* Values without their sign from `low` to `high` (not `given`: without end). */
static uint32_t sizes(eng_ir *ir, bound low, bound high, bool integer)
{
    if (integer)
        return whole_range(ir, low.value + low.exclusive, high.value - high.exclusive, !high.given);
    const uint32_t choice = eng_ir_node_of(ir, ENG_IR_CHOICE);
    if (high.given && (high.value < low.value || (high.value == low.value && (low.exclusive || high.exclusive))))
        return 0;
    if (low.exclusive && (!high.given || low.value < high.value))
        eng_ir_add(ir, choice, with_fraction(ir, whole_range(ir, low.value, low.value, false), FRACTION_ABOVE));
    eng_ir_add(
        ir, choice,
        with_fraction(ir, whole_range(ir, low.value + low.exclusive, high.value - 1, !high.given), FRACTION_ANY));
    if (high.given && !high.exclusive)
        eng_ir_add(ir, choice, with_fraction(ir, whole_range(ir, high.value, high.value, false), FRACTION_ZERO));
    return choice;
}

/* Takes a bound where it is tighter than the one there is. */
static void read_bound(eng_schema *s, uint32_t node, const char *key, bool upper, bool exclusive, bool integer,
                       bound *b)
{
    const uint32_t keyword = eng_json_member(&s->tree, node, key);
    if (keyword == 0)
        return;
    const base_json_event event = {.kind = s->tree.nodes[keyword].kind, .text = s->tree.nodes[keyword].text};
    double number;
    if (event.kind != BASE_JSON_NUMBER || !base_json_double(&event, &number)) {
        eng_schema_fail(s, keyword, FIRN_ERROR_FORMAT, "is to be a number");
        return;
    }
    double whole = number;
    if (integer && number != floor(number)) {
        whole = upper ? floor(number) : ceil(number);
        exclusive = false;
    }
    int64_t value = 0;
    if (whole != floor(whole) || !(fabs(whole) <= (double)LARGEST)) {
        eng_schema_fail(s, keyword, FIRN_ERROR_UNSUPPORTED,
                        "bounds of numbers are to be whole and at most 10^18 in size");
        return;
    }
    if (!base_json_integer(&event, &value) || number != whole)
        value = (int64_t)whole;
    const bool tighter = upper ? value < b->value : value > b->value;
    if (!b->given || tighter || (value == b->value && exclusive))
        *b = (bound){true, exclusive, value};
}

static uint32_t unbounded(eng_ir *ir, bool integer)
{
    const uint32_t number = eng_ir_node_of(ir, ENG_IR_SEQUENCE);
    eng_ir_add(ir, number, eng_ir_repeat(ir, eng_ir_text(ir, "-"), 0, 1));
    const uint32_t whole = whole_range(ir, 0, 0, true);
    eng_ir_add(ir, number, integer ? whole : with_fraction(ir, whole, FRACTION_ANY));
    if (integer)
        return number;
    const uint32_t exponent = eng_ir_node_of(ir, ENG_IR_SEQUENCE);
    static const eng_ir_range letters[] = {{'E', 'E'}, {'e', 'e'}}, signs[] = {{'+', '+'}, {'-', '-'}};
    eng_ir_add(ir, exponent, eng_ir_class(ir, letters, 2, false));
    eng_ir_add(ir, exponent, eng_ir_repeat(ir, eng_ir_class(ir, signs, 2, false), 0, 1));
    eng_ir_add(ir, exponent, eng_ir_repeat(ir, digit_range(ir, '0', '9'), 1, 2)); /* what a double can hold */
    eng_ir_add(ir, number, eng_ir_repeat(ir, exponent, 0, 1));
    return number;
}

uint32_t eng_schema_number(eng_schema *s, const eng_schema_set *set, bool integer)
{
    bound low = {.given = false}, high = {.given = false};
    for (uint32_t i = 0; i < set->n_parts; i++) {
        const uint32_t node = set->parts[i].node, multiple = eng_json_member(&s->tree, node, "multipleOf");
        if (multiple != 0 && base_slice_is(s->tree.nodes[multiple].text, "1"))
            integer = true;
        else if (multiple != 0)
            return eng_schema_fail(s, multiple, FIRN_ERROR_UNSUPPORTED, "multipleOf is not supported, but for 1");
    }
    for (uint32_t i = 0; i < set->n_parts; i++) {
        const uint32_t node = set->parts[i].node;
        read_bound(s, node, "minimum", false, false, integer, &low);
        read_bound(s, node, "exclusiveMinimum", false, true, integer, &low);
        read_bound(s, node, "maximum", true, false, integer, &high);
        read_bound(s, node, "exclusiveMaximum", true, true, integer, &high);
    }
    if (eng_schema_failed(s))
        return 0;
    if (!low.given && !high.given)
        return unbounded(s->ir, integer);
    const bound zero = {.given = true};
    const uint32_t choice = eng_ir_node_of(s->ir, ENG_IR_CHOICE);
    if (!high.given || high.value >= 0)
        eng_ir_add(s->ir, choice, sizes(s->ir, low.given && low.value >= 0 ? low : zero, high, integer));
    if (!low.given || low.value < 0) { /* below zero, by size; zero itself has no sign */
        const bound nearest =
            high.given && high.value < 0 ? (bound){true, high.exclusive, -high.value} : (bound){true, true, 0};
        const bound farthest = {low.given, low.exclusive, -low.value};
        eng_ir_add(
            s->ir, choice,
            eng_ir_pair(s->ir, ENG_IR_SEQUENCE, eng_ir_text(s->ir, "-"), sizes(s->ir, nearest, farthest, integer)));
    }
    return choice;
}
