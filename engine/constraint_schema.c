/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/constraint_schema.h"

#include "base/memory.h"
#include "base/number.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- faults ---- */

uint32_t eng_schema_fail(eng_schema *s, uint32_t node, firn_status status, const char *format, ...)
{
    char what[300], path[160];
    va_list arguments;
    if (s->status != FIRN_OK)
        return 0;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    eng_json_path(&s->tree, node, path);
    s->status = base_fail(s->error, status, s->tree.nodes[node].offset, "schema %s: %s", path, what);
    return 0;
}

bool eng_schema_failed(const eng_schema *s)
{
    return s->status != FIRN_OK || eng_ir_failed(s->ir);
}

void eng_schema_count(eng_schema *s, uint32_t node, const char *key, bool highest, uint32_t *value)
{
    const uint32_t keyword = eng_json_member(&s->tree, node, key);
    if (keyword == 0)
        return;
    const base_json_event event = {.kind = s->tree.nodes[keyword].kind, .text = s->tree.nodes[keyword].text};
    double number;
    int64_t count;
    if (event.kind != BASE_JSON_NUMBER || !base_json_double(&event, &number) || number < 0 || number > 1e15 ||
        (double)(count = (int64_t)number) != number)
        eng_schema_fail(s, keyword, FIRN_ERROR_FORMAT, "is to be a whole number from 0");
    else if (count > ENG_LENGTH_MOST)
        eng_schema_fail(s, keyword, FIRN_ERROR_LIMIT, "%s %lld is above the limit of %d", key, (long long)count,
                        ENG_LENGTH_MOST);
    else if (highest ? (uint32_t)count < *value : (uint32_t)count > *value)
        *value = (uint32_t)count;
}

/* ---- keywords ---- */

static const char *const compiled[] = {
    "type",
    "properties",
    "required",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "minLength",
    "exclusiveMaximum",
    "maxLength",
    "items",
    "minItems",
    "prefixItems",
    "maxItems",
    "multipleOf",
    "uniqueItems",
    "patternProperties",
    "additionalProperties",
};
static const char *const annotations[] = {
    "$schema",          "$comment",        "$defs",         "definitions", "title",     "description",
    "default",          "example",         "examples",      "readOnly",    "writeOnly", "deprecated",
    "contentMediaType", "contentEncoding", "contentSchema", "$anchor",
};

static bool is_one_of(base_slice key, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (base_slice_is(key, names[i]))
            return true;
    return false;
}

/* Keywords with a value that changes nothing. */
static bool is_idle(const eng_json_node *keyword)
{
    static const char *const when_false[] = {"nullable", "$recursiveAnchor"};
    static const char *const when_true[] = {"unevaluatedProperties", "unevaluatedItems", "propertyNames"};
    if (base_slice_is(keyword->key, "minProperties") || base_slice_is(keyword->key, "minContains"))
        return base_slice_is(keyword->text, "0") && keyword->kind == BASE_JSON_NUMBER;
    return (keyword->kind == BASE_JSON_FALSE && is_one_of(keyword->key, when_false, 2)) ||
           (keyword->kind == BASE_JSON_TRUE && is_one_of(keyword->key, when_true, 3));
}

static void check_keywords(eng_schema *s, uint32_t node)
{
    for (uint32_t child = s->tree.nodes[node].child; child != 0; child = s->tree.nodes[child].next) {
        const eng_json_node *const keyword = &s->tree.nodes[child];
        const bool identity = base_slice_is(keyword->key, "$id") && node == 1;
        if (identity || is_idle(keyword) || is_one_of(keyword->key, compiled, sizeof compiled / sizeof compiled[0]) ||
            is_one_of(keyword->key, annotations, sizeof annotations / sizeof annotations[0]) ||
            (keyword->key.length > 2 && memcmp(keyword->key.data, "x-", 2) == 0))
            continue;
        eng_schema_fail(s, child, FIRN_ERROR_UNSUPPORTED, "this keyword is not supported");
    }
}

static uint32_t type_named(base_slice name)
{
    static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
    for (unsigned i = 0; i < 7; i++)
        if (base_slice_is(name, names[i]))
            return i == 3 ? ENG_TYPE_NUMBER | ENG_TYPE_INTEGER : 1u << i;
    return 0;
}

uint32_t eng_schema_types(const eng_schema *s, uint32_t node)
{
    const uint32_t type = eng_json_member(&s->tree, node, "type");
    if (type == 0)
        return ENG_TYPE_ALL;
    if (s->tree.nodes[type].kind == BASE_JSON_STRING)
        return type_named(s->tree.nodes[type].text);
    uint32_t types = 0;
    for (uint32_t child = s->tree.nodes[type].child; child != 0; child = s->tree.nodes[child].next)
        types |= type_named(s->tree.nodes[child].text);
    return types;
}

static void check_types(eng_schema *s, uint32_t node)
{
    const uint32_t type = eng_json_member(&s->tree, node, "type");
    const bool list = s->tree.nodes[type].kind == BASE_JSON_ARRAY_BEGIN;
    for (uint32_t at = list ? s->tree.nodes[type].child : type; at != 0; at = list ? s->tree.nodes[at].next : 0)
        if (s->tree.nodes[at].kind != BASE_JSON_STRING || type_named(s->tree.nodes[at].text) == 0)
            eng_schema_fail(s, at, FIRN_ERROR_FORMAT,
                            "unknown type; known are null, boolean, integer, number, string, array, object");
}

uint32_t eng_schema_value_type(const eng_json_tree *tree, uint32_t value)
{
    double number;
    switch (tree->nodes[value].kind) {
    case BASE_JSON_NULL:
        return ENG_TYPE_NULL;
    case BASE_JSON_FALSE:
    case BASE_JSON_TRUE:
        return ENG_TYPE_BOOLEAN;
    case BASE_JSON_STRING:
        return ENG_TYPE_STRING;
    case BASE_JSON_ARRAY_BEGIN:
        return ENG_TYPE_ARRAY;
    case BASE_JSON_OBJECT_BEGIN:
        return ENG_TYPE_OBJECT;
    default:
        return base_parse_double(tree->nodes[value].text, &number) && number == (double)(int64_t)number
                   ? ENG_TYPE_INTEGER
                   : ENG_TYPE_NUMBER;
    }
}

/* ---- sets ---- */

static bool in_set(const eng_schema_set *set, uint32_t node, uint32_t *at)
{
    for (*at = 0; *at < set->n_parts; ++*at)
        if (set->parts[*at].node == node)
            return true;
    return false;
}

static void add_from(eng_schema *s, eng_schema_set *set, uint32_t node, uint32_t from)
{
    uint32_t at;
    if (in_set(set, node, &at)) {
        bool loop = set->parts[at].any_of || set->parts[at].one_of;
        for (uint32_t i = from; i != UINT32_MAX && !loop; i = set->parts[i].from)
            loop = i == at;
        if (loop && from != UINT32_MAX)
            eng_schema_fail(s, node, FIRN_ERROR_UNSUPPORTED, "this schema refers to itself for the same value");
        return;
    }
    if (set->n_parts == ENG_SET_MOST) {
        eng_schema_fail(s, node, FIRN_ERROR_LIMIT, "more than %d schemas hold for one value", ENG_SET_MOST);
        return;
    }
    set->parts[set->n_parts++] = (eng_schema_part){.node = node, .from = from};
}

void eng_set_add(eng_schema *s, eng_schema_set *set, uint32_t node)
{
    if (node != 0 && s->tree.nodes[node].kind != BASE_JSON_TRUE)
        add_from(s, set, node, UINT32_MAX);
}

uint32_t eng_schema_call(eng_schema *s, const eng_schema_set *set)
{
    uint64_t hash = set->n_parts;
    for (uint32_t i = 0; i < set->n_parts; i++)
        hash = (hash ^ (set->parts[i].node * 4u + set->parts[i].any_of * 2u + set->parts[i].one_of)) * 0x100000001B3u;
    for (size_t k = 0; k < s->n_jobs; k++) {
        const eng_schema_job *const job = &s->jobs[k];
        bool same = job->hash == hash && job->n_parts == set->n_parts;
        for (uint32_t i = 0; i < set->n_parts && same; i++) {
            const eng_schema_part a = s->parts[job->first + i], b = set->parts[i];
            same = a.node == b.node && a.any_of == b.any_of && a.one_of == b.one_of && a.expanded == b.expanded;
        }
        if (same)
            return eng_ir_call(s->ir, job->rule);
    }
    if (eng_schema_failed(s))
        return 0;
    if (s->n_jobs == ENG_SETS_MOST)
        return eng_schema_fail(s, 1, FIRN_ERROR_LIMIT, "more than %d combinations of schemas", ENG_SETS_MOST);
    if (!base_grow(&s->jobs, &s->room_jobs, s->n_jobs + 1, sizeof *s->jobs) ||
        !base_grow(&s->parts, &s->room_parts, s->n_parts + set->n_parts, sizeof *s->parts))
        return eng_schema_fail(s, 1, FIRN_ERROR_MEMORY, "no memory");
    const uint32_t rule = eng_ir_add_rule(s->ir, (base_slice){NULL, 0}, SIZE_MAX);
    s->jobs[s->n_jobs++] = (eng_schema_job){s->n_parts, set->n_parts, rule, hash};
    if (set->n_parts > 0)
        memcpy(s->parts + s->n_parts, set->parts, set->n_parts * sizeof *set->parts);
    s->n_parts += set->n_parts;
    return eng_ir_call(s->ir, rule);
}

/* The schema that $ref names, or 0. */
static uint32_t target_of(const eng_schema *s, uint32_t node)
{
    const uint32_t reference = eng_json_member(&s->tree, node, "$ref");
    return s->tree.nodes[reference].kind == BASE_JSON_STRING ? eng_json_pointer(&s->tree, s->tree.nodes[reference].text)
                                                             : 0;
}

/* Brings what $ref and allOf name into the set. False where the set holds the schema `false`. */
static bool expand(eng_schema *s, eng_schema_set *set)
{
    for (uint32_t i = 0; i < set->n_parts && !eng_schema_failed(s); i++) {
        const uint32_t node = set->parts[i].node;
        if (s->tree.nodes[node].kind == BASE_JSON_FALSE)
            return false;
        if (s->tree.nodes[node].kind == BASE_JSON_TRUE || set->parts[i].expanded)
            continue;
        set->parts[i].expanded = true;
        if (s->tree.nodes[node].kind != BASE_JSON_OBJECT_BEGIN) {
            eng_schema_fail(s, node, FIRN_ERROR_FORMAT, "a schema is an object, true or false");
            return false;
        }
        check_keywords(s, node);
        check_types(s, node);
        const uint32_t reference = eng_json_member(&s->tree, node, "$ref"), target = target_of(s, node);
        const uint32_t all = eng_json_member(&s->tree, node, "allOf");
        if (reference != 0 && target == 0)
            eng_schema_fail(s, reference, FIRN_ERROR_UNSUPPORTED,
                            "'%.*s' is no place in this schema; other files and the network are not read",
                            s->tree.nodes[reference].text.length > 100 ? 100
                                                                       : (int)s->tree.nodes[reference].text.length,
                            s->tree.nodes[reference].text.data);
        else if (target != 0)
            add_from(s, set, target, i);
        if (all != 0 && s->tree.nodes[all].kind != BASE_JSON_ARRAY_BEGIN)
            eng_schema_fail(s, all, FIRN_ERROR_FORMAT, "is to be an array of schemas");
        for (uint32_t child = s->tree.nodes[all].child; child != 0; child = s->tree.nodes[child].next)
            add_from(s, set, child, i);
    }
    return !eng_schema_failed(s);
}

/* ---- alternatives ---- */

/* What one schema says itself, behind plain references. */
static uint32_t behind_references(const eng_schema *s, uint32_t node)
{
    for (int steps = 0; steps < 16; steps++) {
        const uint32_t target = target_of(s, node);
        if (target == 0)
            return node;
        node = target;
    }
    return node;
}

/* The values that a schema allows, where it lists them: `enum`, or the value of `const`; or 0. */
static uint32_t values_of(const eng_schema *s, uint32_t node)
{
    const uint32_t one = eng_json_member(&s->tree, node, "const");
    return one != 0 ? one : eng_json_member(&s->tree, node, "enum");
}

static uint32_t first_value(const eng_schema *s, uint32_t values)
{
    return base_slice_is(s->tree.nodes[values].key, "enum") ? s->tree.nodes[values].child : values;
}

static uint32_t next_value(const eng_schema *s, uint32_t values, uint32_t value)
{
    return value == values ? 0 : s->tree.nodes[value].next;
}

static uint32_t all_types(const eng_schema *s, uint32_t node)
{
    const uint32_t values = values_of(s, node);
    uint32_t types = 0;
    if (s->tree.nodes[node].kind == BASE_JSON_FALSE)
        return 0;
    for (uint32_t value = values == 0 ? 0 : first_value(s, values); value != 0; value = next_value(s, values, value))
        types |= eng_schema_value_type(&s->tree, value);
    return values == 0 ? eng_schema_types(s, node) : types & eng_schema_types(s, node);
}

static bool disjoint_values(const eng_schema *s, uint32_t a, uint32_t b)
{
    const uint32_t left = values_of(s, a), right = values_of(s, b);
    if (left == 0 || right == 0)
        return false;
    for (uint32_t x = first_value(s, left); x != 0; x = next_value(s, left, x))
        for (uint32_t y = first_value(s, right); y != 0; y = next_value(s, right, y))
            if (eng_json_equal(&s->tree, x, y))
                return false;
    return true;
}

/* True if a member that `a` requires can't be in what `b` allows. */
static bool disjoint_members(const eng_schema *s, uint32_t a, uint32_t b)
{
    const uint32_t required = eng_json_member(&s->tree, a, "required"),
                   mine = eng_json_member(&s->tree, a, "properties");
    const uint32_t others = eng_json_member(&s->tree, b, "properties");
    const uint32_t additional = eng_json_member(&s->tree, b, "additionalProperties");
    const bool closed =
        s->tree.nodes[additional].kind == BASE_JSON_FALSE && eng_json_member(&s->tree, b, "patternProperties") == 0;
    for (uint32_t child = s->tree.nodes[required].child; child != 0; child = s->tree.nodes[child].next) {
        const uint32_t x = eng_json_find(&s->tree, mine, s->tree.nodes[child].text);
        const uint32_t y = eng_json_find(&s->tree, others, s->tree.nodes[child].text);
        if (y == 0 && closed)
            return true;
        if (x == 0 || y == 0)
            continue;
        const uint32_t left = behind_references(s, x), right = behind_references(s, y);
        if ((all_types(s, left) & all_types(s, right)) == 0 || disjoint_values(s, left, right))
            return true;
    }
    return false;
}

/* True if no value can satisfy both. */
static bool disjoint(const eng_schema *s, uint32_t a, uint32_t b)
{
    a = behind_references(s, a);
    b = behind_references(s, b);
    const uint32_t types = all_types(s, a) & all_types(s, b);
    if (types == 0 || disjoint_values(s, a, b))
        return true;
    return types == ENG_TYPE_OBJECT && (disjoint_members(s, a, b) || disjoint_members(s, b, a));
}

/* "One of" is "any of" where no value can satisfy two; elsewhere it is refused. */
static void check_disjoint(eng_schema *s, uint32_t branches)
{
    unsigned i = 0;
    if (s->tree.nodes[branches].n_children > ENG_BRANCHES_MOST) {
        eng_schema_fail(s, branches, FIRN_ERROR_LIMIT, "more than %d schemas", ENG_BRANCHES_MOST);
        return;
    }
    for (uint32_t a = s->tree.nodes[branches].child; a != 0; a = s->tree.nodes[a].next, i++) {
        unsigned k = i + 1;
        for (uint32_t b = s->tree.nodes[a].next; b != 0; b = s->tree.nodes[b].next, k++)
            if (!disjoint(s, a, b)) {
                eng_schema_fail(
                    s, branches, FIRN_ERROR_UNSUPPORTED,
                    "a value may satisfy both %u and %u of oneOf; tell them apart by type, or by a required "
                    "property with const, or write anyOf",
                    i, k);
                return;
            }
    }
}

/* The first part with branches that are not in the set yet becomes a choice. 0 if there is none. */
static uint32_t branch(eng_schema *s, eng_schema_set *set)
{
    for (uint32_t i = 0; i < set->n_parts; i++)
        for (int one = 0; one < 2; one++) {
            bool *const taken = one ? &set->parts[i].one_of : &set->parts[i].any_of;
            const uint32_t branches = eng_json_member(&s->tree, set->parts[i].node, one ? "oneOf" : "anyOf");
            if (branches == 0 || *taken)
                continue;
            *taken = true;
            if (s->tree.nodes[branches].kind != BASE_JSON_ARRAY_BEGIN || s->tree.nodes[branches].child == 0)
                return eng_schema_fail(s, branches, FIRN_ERROR_FORMAT, "is to be an array of schemas");
            if (one)
                check_disjoint(s, branches);
            const uint32_t choice = eng_ir_node_of(s->ir, ENG_IR_CHOICE), n_parts = set->n_parts;
            for (uint32_t child = s->tree.nodes[branches].child; child != 0 && !eng_schema_failed(s);
                 child = s->tree.nodes[child].next) {
                eng_set_add(s, set, child);
                eng_ir_add(s->ir, choice, eng_schema_call(s, set));
                set->n_parts = n_parts;
            }
            return choice;
        }
    return 0;
}

/* ---- values ---- */

static uint32_t any_type(eng_schema *s, const eng_schema_set *set)
{
    uint32_t types = ENG_TYPE_ALL, values = 0;
    for (uint32_t i = 0; i < set->n_parts; i++) {
        types &= eng_schema_types(s, set->parts[i].node);
        if (values == 0)
            values = values_of(s, set->parts[i].node);
    }
    if (values != 0)
        return eng_schema_enum(s, set, values);
    const uint32_t choice = eng_ir_node_of(s->ir, ENG_IR_CHOICE);
    if ((types & ENG_TYPE_NULL) != 0)
        eng_ir_add(s->ir, choice, eng_ir_text(s->ir, "null"));
    if ((types & ENG_TYPE_BOOLEAN) != 0) {
        eng_ir_add(s->ir, choice, eng_ir_text(s->ir, "true"));
        eng_ir_add(s->ir, choice, eng_ir_text(s->ir, "false"));
    }
    if ((types & ENG_TYPE_INTEGER) != 0)
        eng_ir_add(s->ir, choice, eng_schema_number(s, set, (types & ENG_TYPE_NUMBER) == 0));
    if ((types & ENG_TYPE_STRING) != 0)
        eng_ir_add(s->ir, choice, eng_schema_string(s, set));
    if ((types & ENG_TYPE_ARRAY) != 0)
        eng_ir_add(s->ir, choice, eng_schema_array(s, set));
    if ((types & ENG_TYPE_OBJECT) != 0)
        eng_ir_add(s->ir, choice, eng_schema_object(s, set));
    return choice;
}

static void run_job(eng_schema *s, size_t number)
{
    const eng_schema_job job = s->jobs[number];
    eng_schema_set *const set = calloc(1, sizeof *set);
    if (set == NULL) {
        eng_schema_fail(s, 1, FIRN_ERROR_MEMORY, "no memory");
        return;
    }
    set->n_parts = job.n_parts;
    if (job.n_parts > 0)
        memcpy(set->parts, s->parts + job.first, job.n_parts * sizeof *set->parts);
    uint32_t node = 0;
    if (expand(s, set)) {
        node = branch(s, set);
        if (node == 0 && !eng_schema_failed(s))
            node = any_type(s, set);
    }
    eng_ir_define(s->ir, job.rule, node);
    free(set);
}

/* ---- rules that all schemas share ---- */

/* Nothing, a space, or a line end with up to 20 spaces or tabs: bounded, so that a text can't go on with white space.
 */
static void define_space(eng_schema *s)
{
    static const eng_ir_range indent[] = {{'\t', '\t'}, {' ', ' '}};
    const uint32_t choice = eng_ir_node_of(s->ir, ENG_IR_CHOICE);
    eng_ir_add(s->ir, choice, eng_ir_node_of(s->ir, ENG_IR_SEQUENCE));
    eng_ir_add(s->ir, choice, eng_ir_text(s->ir, " "));
    eng_ir_add(s->ir, choice,
               eng_ir_pair(s->ir, ENG_IR_SEQUENCE, eng_ir_text(s->ir, "\n"),
                           eng_ir_repeat(s->ir, eng_ir_class(s->ir, indent, 2, false), 0, 20)));
    eng_ir_define(s->ir, s->space, choice);
}

/* Four hexadecimal digits that begin with a digit of `first` and one of `second`. */
static uint32_t hex4(eng_schema *s, const eng_ir_range *first, size_t n_first, const eng_ir_range *second,
                     size_t n_second)
{
    static const eng_ir_range hex[] = {{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
    const uint32_t digits = eng_ir_node_of(s->ir, ENG_IR_SEQUENCE);
    eng_ir_add(s->ir, digits, eng_ir_text(s->ir, "\\u"));
    eng_ir_add(s->ir, digits, eng_ir_class(s->ir, first, n_first, false));
    eng_ir_add(s->ir, digits, eng_ir_class(s->ir, second, n_second, false));
    eng_ir_add(s->ir, digits, eng_ir_repeat(s->ir, eng_ir_class(s->ir, hex, 3, false), 2, 2));
    return digits;
}

/* A character in any way that JSON allows: as it is, or escaped; surrogates in pairs only. */
static void define_characters(eng_schema *s)
{
    static const eng_ir_range not_d[] = {{'0', '9'}, {'A', 'C'}, {'E', 'F'}, {'a', 'c'}, {'e', 'f'}};
    static const eng_ir_range d[] = {{'D', 'D'}, {'d', 'd'}}, hex[] = {{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
    static const eng_ir_range low7[] = {{'0', '7'}}, high[] = {{'8', '9'}, {'A', 'B'}, {'a', 'b'}};
    static const eng_ir_range low[] = {{'C', 'F'}, {'c', 'f'}};
    const uint32_t choice = eng_ir_node_of(s->ir, ENG_IR_CHOICE);
    const uint32_t plain = eng_ir_character(s->ir, 0, ENG_CODE_POINT_LAST);
    const uint32_t canonical = eng_ir_character(s->ir, 0, ENG_CODE_POINT_LAST);
    if (eng_ir_failed(s->ir))
        return;
    s->ir->nodes[plain].json = s->ir->nodes[canonical].json = true;
    eng_ir_add(s->ir, choice, plain);
    eng_ir_add(s->ir, choice, eng_ir_text(s->ir, "\\/"));
    eng_ir_add(s->ir, choice, hex4(s, not_d, 5, hex, 3));
    eng_ir_add(s->ir, choice, hex4(s, d, 2, low7, 1));
    eng_ir_add(s->ir, choice, eng_ir_pair(s->ir, ENG_IR_SEQUENCE, hex4(s, d, 2, high, 3), hex4(s, d, 2, low, 2)));
    eng_ir_define(s->ir, s->character, choice);
    eng_ir_define(s->ir, s->text, eng_ir_repeat(s->ir, canonical, 0, ENG_IR_UNBOUNDED));
}

firn_status eng_compile_schema(eng_ir *ir, base_slice text, firn_error *error)
{
    eng_schema s = {.ir = ir, .error = error};
    if (text.length > ENG_SCHEMA_BYTES_MOST)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "the schema has %zu bytes, but the limit is %d",
                         text.length, ENG_SCHEMA_BYTES_MOST);
    s.status = eng_json_read(&s.tree, text, error);
    if (s.status == FIRN_OK) {
        eng_schema_set *const whole = calloc(1, sizeof *whole);
        const uint32_t root = eng_ir_add_rule(ir, base_slice_from("schema"), SIZE_MAX);
        s.space = eng_ir_add_rule(ir, base_slice_from("space"), SIZE_MAX);
        s.character = eng_ir_add_rule(ir, base_slice_from("character"), SIZE_MAX);
        s.text = eng_ir_add_rule(ir, base_slice_from("text"), SIZE_MAX);
        define_space(&s);
        define_characters(&s);
        if (whole != NULL) {
            eng_set_add(&s, whole, 1);
            eng_ir_define(ir, root, eng_schema_call(&s, whole));
        } else {
            eng_schema_fail(&s, 1, FIRN_ERROR_MEMORY, "no memory");
        }
        free(whole);
        for (size_t i = 0; i < s.n_jobs && !eng_schema_failed(&s); i++)
            run_job(&s, i);
        ir->depth = BASE_JSON_DEPTH - 16; /* an array takes one, an object two: no deeper than JSON readers take */
    }
    eng_json_free(&s.tree);
    free(s.jobs);
    free(s.parts);
    return s.status;
}
