/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays, objects and lists of values of a JSON schema. Members come in the order in which the schema names them, those
 * that it does not name (where it allows any) after them.
 */
#include "engine/constraint_schema.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>

static uint32_t space(eng_schema *s)
{
    return eng_ir_call(s->ir, s->space);
}

static uint32_t comma(eng_schema *s)
{
    return eng_ir_pair(s->ir, ENG_IR_SEQUENCE, eng_ir_text(s->ir, ","), space(s));
}

/* "[" or "{", what is within, and its end. */
static uint32_t enclosed(eng_schema *s, const char *begin, uint32_t inner, const char *end)
{
    const uint32_t whole = eng_ir_node_of(s->ir, ENG_IR_SEQUENCE);
    eng_ir_add(s->ir, whole, eng_ir_text(s->ir, begin));
    eng_ir_add(s->ir, whole, space(s));
    eng_ir_add(s->ir, whole, inner);
    eng_ir_add(s->ir, whole, space(s));
    eng_ir_add(s->ir, whole, eng_ir_text(s->ir, end));
    return whole;
}

static uint32_t new_rule(eng_schema *s)
{
    return eng_ir_add_rule(s->ir, (base_slice){NULL, 0}, SIZE_MAX);
}

/* ---- arrays ---- */

static uint32_t child_at(const eng_json_tree *tree, uint32_t node, uint32_t index)
{
    uint32_t child = tree->nodes[node].child;
    while (child != 0 && index-- > 0)
        child = tree->nodes[child].next;
    return child;
}

/* The schemas of the item at `index`. */
static uint32_t item(eng_schema *s, const eng_schema_set *set, uint32_t index)
{
    eng_schema_set *const inner = calloc(1, sizeof *inner);
    if (inner == NULL)
        return eng_schema_fail(s, 1, FIRN_ERROR_MEMORY, "no memory");
    for (uint32_t i = 0; i < set->n_parts; i++) {
        const uint32_t prefix = eng_json_member(&s->tree, set->parts[i].node, "prefixItems");
        const bool first = prefix != 0 && index < s->tree.nodes[prefix].n_children;
        eng_set_add(s, inner,
                    first ? child_at(&s->tree, prefix, index) : eng_json_member(&s->tree, set->parts[i].node, "items"));
    }
    const uint32_t node = eng_schema_call(s, inner);
    free(inner);
    return node;
}

uint32_t eng_schema_array(eng_schema *s, const eng_schema_set *set)
{
    uint32_t low = 0, high = ENG_IR_UNBOUNDED, n_first = 0;
    for (uint32_t i = 0; i < set->n_parts; i++) {
        const uint32_t node = set->parts[i].node, prefix = eng_json_member(&s->tree, node, "prefixItems");
        const uint32_t unique = eng_json_member(&s->tree, node, "uniqueItems");
        eng_schema_count(s, node, "minItems", false, &low);
        eng_schema_count(s, node, "maxItems", true, &high);
        if (prefix != 0 && s->tree.nodes[prefix].kind != BASE_JSON_ARRAY_BEGIN)
            return eng_schema_fail(s, prefix, FIRN_ERROR_FORMAT, "is to be an array of schemas");
        if (s->tree.nodes[prefix].n_children > ENG_MEMBERS_MOST)
            return eng_schema_fail(s, prefix, FIRN_ERROR_LIMIT, "more than %d items", ENG_MEMBERS_MOST);
        if (prefix != 0 && s->tree.nodes[prefix].n_children > n_first)
            n_first = s->tree.nodes[prefix].n_children;
        if (unique != 0 && s->tree.nodes[unique].kind != BASE_JSON_FALSE && high > 1)
            return eng_schema_fail(s, unique, FIRN_ERROR_UNSUPPORTED, "uniqueItems is not supported");
    }
    if (low > high || eng_schema_failed(s))
        return 0;
    /* what may follow the first items, from the last of them back: the rest, or an end */
    uint32_t rest = 0;
    const uint32_t before = n_first > 0 ? n_first : 1; /* items that stand before the rest */
    if (high > before) {
        const uint32_t more = eng_ir_pair(s->ir, ENG_IR_SEQUENCE, comma(s), item(s, set, before));
        rest = eng_ir_repeat(s->ir, more, low > before ? low - before : 0,
                             high == ENG_IR_UNBOUNDED ? high : high - before);
    } else {
        rest = eng_ir_node_of(s->ir, ENG_IR_SEQUENCE);
    }
    for (uint32_t i = before < high ? before : high; i-- > 0 && !eng_schema_failed(s);) {
        const uint32_t here = eng_ir_node_of(s->ir, ENG_IR_SEQUENCE);
        if (i > 0)
            eng_ir_add(s->ir, here, comma(s));
        eng_ir_add(s->ir, here, item(s, set, i));
        eng_ir_add(s->ir, here, rest);
        rest = i >= low ? eng_ir_repeat(s->ir, here, 0, 1) : here;
    }
    return enclosed(s, "[", rest, "]");
}

/* ---- objects ---- */

typedef struct member {
    base_slice key;
    bool required;
} member;

typedef struct members {
    member *list;
    size_t count, room;
} members;

static void add_member(eng_schema *s, members *all, base_slice key, bool required)
{
    for (size_t i = 0; i < all->count; i++)
        if (base_slice_equal(all->list[i].key, key)) {
            all->list[i].required |= required;
            return;
        }
    if (!base_grow(&all->list, &all->room, all->count + 1, sizeof *all->list)) {
        eng_schema_fail(s, 1, FIRN_ERROR_MEMORY, "no memory");
        return;
    }
    all->list[all->count++] = (member){key, required};
}

static void list_members(eng_schema *s, const eng_schema_set *set, members *all)
{
    for (uint32_t i = 0; i < set->n_parts; i++) {
        const uint32_t properties = eng_json_member(&s->tree, set->parts[i].node, "properties");
        if (properties != 0 && s->tree.nodes[properties].kind != BASE_JSON_OBJECT_BEGIN)
            eng_schema_fail(s, properties, FIRN_ERROR_FORMAT, "is to be an object of schemas");
        for (uint32_t child = s->tree.nodes[properties].child; child != 0; child = s->tree.nodes[child].next)
            add_member(s, all, s->tree.nodes[child].key, false);
    }
    for (uint32_t i = 0; i < set->n_parts; i++) {
        const uint32_t required = eng_json_member(&s->tree, set->parts[i].node, "required");
        if (required != 0 && s->tree.nodes[required].kind != BASE_JSON_ARRAY_BEGIN)
            eng_schema_fail(s, required, FIRN_ERROR_FORMAT, "is to be an array of names");
        for (uint32_t child = s->tree.nodes[required].child; child != 0; child = s->tree.nodes[child].next) {
            if (s->tree.nodes[child].kind != BASE_JSON_STRING)
                eng_schema_fail(s, child, FIRN_ERROR_FORMAT, "is to be a name");
            add_member(s, all, s->tree.nodes[child].text, true);
        }
    }
}

/* The schemas of a member's value; with `key` NULL, of one that no part names. */
static uint32_t member_value(eng_schema *s, const eng_schema_set *set, const base_slice *key)
{
    eng_schema_set *const inner = calloc(1, sizeof *inner);
    if (inner == NULL)
        return eng_schema_fail(s, 1, FIRN_ERROR_MEMORY, "no memory");
    for (uint32_t i = 0; i < set->n_parts; i++) {
        const uint32_t node = set->parts[i].node, properties = eng_json_member(&s->tree, node, "properties");
        const uint32_t named = key == NULL ? 0 : eng_json_find(&s->tree, properties, *key);
        eng_set_add(s, inner, named != 0 ? named : eng_json_member(&s->tree, node, "additionalProperties"));
    }
    const uint32_t value = eng_schema_call(s, inner);
    free(inner);
    return value;
}

static uint32_t pair(eng_schema *s, uint32_t key, uint32_t value)
{
    const uint32_t whole = eng_ir_node_of(s->ir, ENG_IR_SEQUENCE);
    eng_ir_add(s->ir, whole, key);
    eng_ir_add(s->ir, whole, eng_ir_text(s->ir, ":"));
    eng_ir_add(s->ir, whole, space(s));
    eng_ir_add(s->ir, whole, value);
    return whole;
}

static uint32_t quoted(eng_schema *s, base_slice text)
{
    char *const bytes = malloc(6 * text.length + 2);
    if (bytes == NULL)
        return eng_schema_fail(s, 1, FIRN_ERROR_MEMORY, "no memory");
    const uint32_t node = eng_ir_literal(s->ir, (base_slice){bytes, base_json_escape(text, bytes)});
    free(bytes);
    return node;
}

/* ---- names that are none of a list ---- */

typedef struct name_group {
    size_t from, to, depth; /* sorted names that share their first `depth` bytes */
    uint32_t rule;
} name_group;

static int compare_members(const void *left, const void *right)
{
    const base_slice a = ((const member *)left)->key, b = ((const member *)right)->key;
    const size_t shorter = a.length < b.length ? a.length : b.length;
    const int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static uint32_t json_class(eng_schema *s, const eng_ir_range *ranges, size_t count, bool negated)
{
    const uint32_t node = eng_ir_class(s->ir, ranges, count, negated);
    if (!eng_ir_failed(s->ir))
        s->ir->nodes[node].json = true;
    return node;
}

/* One level of the trie: names that go on with a character leave the others at the next rule. */
static bool split_group(eng_schema *s, const member *names, name_group group, name_group *waiting, size_t *n_waiting,
                        eng_ir_range *taken)
{
    const uint32_t choice = eng_ir_node_of(s->ir, ENG_IR_CHOICE);
    size_t n_taken = 0, at = group.from;
    const bool is_name = names[at].key.length == group.depth;
    if (!is_name)
        eng_ir_add(s->ir, choice, eng_ir_node_of(s->ir, ENG_IR_SEQUENCE));
    at += is_name;
    while (at < group.to) {
        const base_slice key = names[at].key;
        uint32_t character;
        const size_t bytes = base_utf8_decode(key.data + group.depth, key.length - group.depth, &character);
        size_t to = at + 1;
        if (bytes == 0)
            return false;
        while (to < group.to && names[to].key.length >= group.depth + bytes &&
               memcmp(names[to].key.data + group.depth, key.data + group.depth, bytes) == 0)
            to++;
        const name_group next = {at, to, group.depth + bytes, new_rule(s)};
        waiting[(*n_waiting)++] = next;
        taken[n_taken++] = (eng_ir_range){character, character};
        eng_ir_add(s->ir, choice,
                   eng_ir_pair(s->ir, ENG_IR_SEQUENCE, json_class(s, &taken[n_taken - 1], 1, false),
                               eng_ir_call(s->ir, next.rule)));
        at = to;
    }
    eng_ir_add(s->ir, choice,
               eng_ir_pair(s->ir, ENG_IR_SEQUENCE, json_class(s, taken, n_taken, true), eng_ir_call(s->ir, s->text)));
    eng_ir_define(s->ir, group.rule, choice);
    return !eng_ir_failed(s->ir);
}

/* Any name but these, written in one way only, so that an escape can't smuggle one in. */
static uint32_t other_name(eng_schema *s, const members *all)
{
    const uint32_t string = eng_ir_node_of(s->ir, ENG_IR_SEQUENCE), rule = all->count == 0 ? s->text : new_rule(s);
    member *const names = malloc((all->count + 1) * sizeof *names);
    /* each group waits once and has at least one name, at most as many levels as that name's characters */
    size_t n_waiting = 0, n_levels = 1;
    for (size_t i = 0; i < all->count; i++)
        n_levels += all->list[i].key.length;
    name_group *const waiting = malloc((n_levels + all->count) * sizeof *waiting);
    eng_ir_range *const taken = malloc((all->count + 1) * sizeof *taken);
    if (names == NULL || waiting == NULL || taken == NULL) {
        eng_schema_fail(s, 1, FIRN_ERROR_MEMORY, "no memory");
    } else if (all->count > 0) {
        memcpy(names, all->list, all->count * sizeof *names);
        qsort(names, all->count, sizeof *names, compare_members);
        waiting[n_waiting++] = (name_group){0, all->count, 0, rule};
        while (n_waiting > 0) {
            const name_group group = waiting[--n_waiting];
            if (!split_group(s, names, group, waiting, &n_waiting, taken))
                break;
        }
    }
    free(names);
    free(waiting);
    free(taken);
    eng_ir_add(s->ir, string, eng_ir_text(s->ir, "\""));
    eng_ir_add(s->ir, string, eng_ir_call(s->ir, rule));
    eng_ir_add(s->ir, string, eng_ir_text(s->ir, "\""));
    return string;
}

/*
 * patternProperties, where all members are of one pattern: nothing else is allowed or named. Returns the name's node;
 * *value is the pattern's schema.
 */
static uint32_t pattern_name(eng_schema *s, const eng_schema_set *set, const members *all, uint32_t patterns,
                             uint32_t *value)
{
    const uint32_t node = s->tree.nodes[patterns].parent, only = s->tree.nodes[patterns].child;
    const uint32_t additional = eng_json_member(&s->tree, node, "additionalProperties");
    firn_error error = {.status = FIRN_OK};
    for (uint32_t i = 0; i < set->n_parts; i++) /* parts that say nothing of members don't matter */
        if (set->parts[i].node != node && (eng_json_member(&s->tree, set->parts[i].node, "additionalProperties") != 0 ||
                                           eng_json_member(&s->tree, set->parts[i].node, "patternProperties") != 0))
            return eng_schema_fail(s, patterns, FIRN_ERROR_UNSUPPORTED,
                                   "patternProperties together with other schemas is not supported");
    if (all->count > 0 || s->tree.nodes[patterns].n_children != 1 || additional == 0 ||
        s->tree.nodes[additional].kind != BASE_JSON_FALSE)
        return eng_schema_fail(s, patterns, FIRN_ERROR_UNSUPPORTED,
                               "patternProperties is supported with one pattern, without properties or required, and "
                               "with \"additionalProperties\": false");
    const uint32_t pattern = eng_parse_regex(s->ir, s->tree.nodes[only].key, true, true, &error);
    if (pattern == 0)
        return eng_schema_fail(s, only, error.status, "%s", error.message);
    eng_schema_set *const inner = calloc(1, sizeof *inner);
    if (inner == NULL)
        return eng_schema_fail(s, 1, FIRN_ERROR_MEMORY, "no memory");
    eng_set_add(s, inner, only);
    *value = eng_schema_call(s, inner);
    free(inner);
    const uint32_t string = eng_ir_node_of(s->ir, ENG_IR_SEQUENCE);
    eng_ir_add(s->ir, string, eng_ir_text(s->ir, "\""));
    eng_ir_add(s->ir, string, pattern);
    eng_ir_add(s->ir, string, eng_ir_text(s->ir, "\""));
    return string;
}

/* The members behind those that are named: none, or any with the schemas of additionalProperties. A rule. */
static uint32_t other_pair(eng_schema *s, const eng_schema_set *set, const members *all)
{
    uint32_t patterns = 0, value = 0, name;
    for (uint32_t i = 0; i < set->n_parts && patterns == 0; i++) {
        patterns = eng_json_member(&s->tree, set->parts[i].node, "patternProperties");
        if (s->tree.nodes[patterns].n_children == 0)
            patterns = 0;
    }
    if (patterns != 0) {
        name = pattern_name(s, set, all, patterns, &value);
    } else {
        name = other_name(s, all);
        value = member_value(s, set, NULL);
    }
    const uint32_t rule = new_rule(s);
    eng_ir_define(s->ir, rule, pair(s, name, value));
    return rule;
}

/*
 * From the last member back, two rules each: what follows where no member stands before (`fresh`), and where one does.
 */
static uint32_t all_members(eng_schema *s, const eng_schema_set *set, const members *all)
{
    const uint32_t other = other_pair(s, set, all);
    uint32_t fresh = new_rule(s), after = new_rule(s);
    const uint32_t more = eng_ir_repeat(s->ir, eng_ir_pair(s->ir, ENG_IR_SEQUENCE, comma(s), eng_ir_call(s->ir, other)),
                                        0, ENG_IR_UNBOUNDED);
    eng_ir_define(s->ir, after, more);
    eng_ir_define(
        s->ir, fresh,
        eng_ir_repeat(s->ir, eng_ir_pair(s->ir, ENG_IR_SEQUENCE, eng_ir_call(s->ir, other), eng_ir_call(s->ir, after)),
                      0, 1));
    for (size_t i = all->count; i-- > 0 && !eng_schema_failed(s);) {
        const uint32_t whole = new_rule(s), first = new_rule(s), later = new_rule(s);
        eng_ir_define(s->ir, whole, pair(s, quoted(s, all->list[i].key), member_value(s, set, &all->list[i].key)));
        const uint32_t a = eng_ir_node_of(s->ir, ENG_IR_CHOICE), b = eng_ir_node_of(s->ir, ENG_IR_CHOICE);
        eng_ir_add(s->ir, a, eng_ir_pair(s->ir, ENG_IR_SEQUENCE, eng_ir_call(s->ir, whole), eng_ir_call(s->ir, after)));
        const uint32_t behind = eng_ir_pair(s->ir, ENG_IR_SEQUENCE, comma(s), eng_ir_call(s->ir, whole));
        eng_ir_add(s->ir, behind, eng_ir_call(s->ir, after));
        eng_ir_add(s->ir, b, behind);
        if (!all->list[i].required) {
            eng_ir_add(s->ir, a, eng_ir_call(s->ir, fresh));
            eng_ir_add(s->ir, b, eng_ir_call(s->ir, after));
        }
        eng_ir_define(s->ir, first, a);
        eng_ir_define(s->ir, later, b);
        fresh = first;
        after = later;
    }
    return eng_ir_call(s->ir, fresh);
}

uint32_t eng_schema_object(eng_schema *s, const eng_schema_set *set)
{
    members all = {.list = NULL};
    list_members(s, set, &all);
    const uint32_t inner = eng_schema_failed(s) ? 0 : all_members(s, set, &all);
    free(all.list);
    return enclosed(s, "{", inner, "}");
}

/* ---- values that are listed ---- */

/* True where the value satisfies the part's own keywords; those that can't be looked at here are refused. */
static bool value_fits(eng_schema *s, uint32_t node, uint32_t value)
{
    static const struct {
        uint32_t types;
        const char *key;
    } others[] = {
        {ENG_TYPE_STRING, "pattern"},
        {ENG_TYPE_STRING, "format"},
        {ENG_TYPE_STRING, "minLength"},
        {ENG_TYPE_STRING, "maxLength"},
        {ENG_TYPE_NUMBER, "minimum"},
        {ENG_TYPE_NUMBER, "maximum"},
        {ENG_TYPE_NUMBER, "exclusiveMinimum"},
        {ENG_TYPE_NUMBER, "exclusiveMaximum"},
        {ENG_TYPE_NUMBER, "multipleOf"},
        {ENG_TYPE_ARRAY, "items"},
        {ENG_TYPE_ARRAY, "prefixItems"},
        {ENG_TYPE_ARRAY, "minItems"},
        {ENG_TYPE_ARRAY, "maxItems"},
        {ENG_TYPE_ARRAY, "uniqueItems"},
        {ENG_TYPE_OBJECT, "properties"},
        {ENG_TYPE_OBJECT, "required"},
        {ENG_TYPE_OBJECT, "additionalProperties"},
        {ENG_TYPE_OBJECT, "patternProperties"},
    };
    const uint32_t type = eng_schema_value_type(&s->tree, value);
    const uint32_t known = eng_json_member(&s->tree, node, "enum"), same = eng_json_member(&s->tree, node, "const");
    if ((type & eng_schema_types(s, node)) == 0 || (same != 0 && !eng_json_equal(&s->tree, same, value)))
        return false;
    bool listed = known == 0 || known == s->tree.nodes[value].parent;
    for (uint32_t child = s->tree.nodes[known].child; child != 0 && !listed; child = s->tree.nodes[child].next)
        listed = eng_json_equal(&s->tree, child, value);
    if (!listed)
        return false;
    const uint32_t shape = type == ENG_TYPE_INTEGER ? ENG_TYPE_NUMBER : type;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const uint32_t keyword = eng_json_member(&s->tree, node, others[i].key);
        if (keyword != 0 && (others[i].types & shape) != 0) {
            eng_schema_fail(s, keyword, FIRN_ERROR_UNSUPPORTED, "is not supported together with enum or const");
            return false;
        }
    }
    return true;
}

uint32_t eng_schema_enum(eng_schema *s, const eng_schema_set *set, uint32_t values)
{
    const uint32_t choice = eng_ir_node_of(s->ir, ENG_IR_CHOICE);
    const bool list = base_slice_is(s->tree.nodes[values].key, "enum");
    if (list && s->tree.nodes[values].kind != BASE_JSON_ARRAY_BEGIN)
        return eng_schema_fail(s, values, FIRN_ERROR_FORMAT, "is to be an array of values");
    if (list && s->tree.nodes[values].n_children > ENG_VALUES_MOST)
        return eng_schema_fail(s, values, FIRN_ERROR_LIMIT, "more than %d values", ENG_VALUES_MOST);
    for (uint32_t value = list ? s->tree.nodes[values].child : values; value != 0 && !eng_schema_failed(s);
         value = list ? s->tree.nodes[value].next : 0) {
        bool fits = true;
        for (uint32_t i = 0; i < set->n_parts && fits; i++)
            fits = value_fits(s, set->parts[i].node, value);
        if (fits)
            eng_ir_add(s->ir, choice,
                       s->tree.nodes[value].kind == BASE_JSON_STRING
                           ? quoted(s, s->tree.nodes[value].text)
                           : eng_ir_literal(s->ir, s->tree.nodes[value].text));
    }
    return choice;
}
