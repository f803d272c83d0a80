/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tools/sweep_schema.h"

#include "base/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <pcre2.h>
#include <stdlib.h>

enum {
    MOST_DEPTH = 200, /* schemas inside each other, references included */
    MATCH_LIMIT = 1000000,
};

struct sweep_schema {
    cJSON *root;
};

/* A check on its way: the answer is `fits` unless the status says that there is none. */
typedef struct checking {
    const cJSON *root;
    int depth;
    firn_status status;
    firn_error *error;
} checking;

static bool fits(checking *c, const cJSON *schema, const cJSON *value);

static bool stop(checking *c, const char *what, const char *name)
{
    if (c->status == FIRN_OK)
        c->status = base_fail(c->error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET, "--expect-json-schema: %s '%.100s'",
                              what, name);
    return false;
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* ---- values ---- */

static bool is_type(const cJSON *value, const char *name)
{
    if (strcmp(name, "integer") == 0)
        return cJSON_IsNumber(value) && value->valuedouble == rint(value->valuedouble);
    return (strcmp(name, "null") == 0 && cJSON_IsNull(value)) ||
           (strcmp(name, "boolean") == 0 && cJSON_IsBool(value)) ||
           (strcmp(name, "number") == 0 && cJSON_IsNumber(value)) ||
           (strcmp(name, "string") == 0 && cJSON_IsString(value)) ||
           (strcmp(name, "array") == 0 && cJSON_IsArray(value)) ||
           (strcmp(name, "object") == 0 && cJSON_IsObject(value));
}

static bool fits_type(checking *c, const cJSON *rule, const cJSON *value)
{
    const cJSON *name;
    (void)c;
    if (cJSON_IsString(rule))
        return is_type(value, rule->valuestring);
    cJSON_ArrayForEach(name, rule) if (cJSON_IsString(name) && is_type(value, name->valuestring)) return true;
    return false;
}

static bool fits_enum(checking *c, const cJSON *rule, const cJSON *value)
{
    const cJSON *one;
    (void)c;
    cJSON_ArrayForEach(one, rule) if (cJSON_Compare(one, value, true)) return true;
    return false;
}

static bool fits_const(checking *c, const cJSON *rule, const cJSON *value)
{
    (void)c;
    return cJSON_Compare(rule, value, true);
}

/* A number against a limit; others are as a limit of numbers never says anything of. */
#define NUMBER_RULE(name, condition)                                            \
    static bool fits_##name(checking *c, const cJSON *rule, const cJSON *value) \
    {                                                                           \
        const double x = value->valuedouble, limit = rule->valuedouble;         \
        (void)c;                                                                \
        return !cJSON_IsNumber(value) || !cJSON_IsNumber(rule) || (condition);  \
    }
NUMBER_RULE(minimum, x >= limit)
NUMBER_RULE(maximum, x <= limit)
NUMBER_RULE(exclusive_minimum, x > limit)
NUMBER_RULE(exclusive_maximum, x < limit)
NUMBER_RULE(multiple_of, fabs(x / limit - rint(x / limit)) < 1e-9)
#undef NUMBER_RULE

/* Characters of a string, elements of an array, or members of an object. */
static double count(const cJSON *value)
{
    if (!cJSON_IsString(value))
        return cJSON_GetArraySize(value);
    double characters = 0;
    for (const char *s = value->valuestring; *s != '\0'; s++)
        characters += ((unsigned char)*s & 0xc0) != 0x80;
    return characters;
}

#define COUNT_RULE(name, is_kind, comparison)                                   \
    static bool fits_##name(checking *c, const cJSON *rule, const cJSON *value) \
    {                                                                           \
        (void)c;                                                                \
        return !is_kind(value) || count(value) comparison rule->valuedouble;    \
    }
COUNT_RULE(min_length, cJSON_IsString, >=)
COUNT_RULE(max_length, cJSON_IsString, <=)
COUNT_RULE(min_items, cJSON_IsArray, >=)
COUNT_RULE(max_items, cJSON_IsArray, <=)
COUNT_RULE(min_properties, cJSON_IsObject, >=)
COUNT_RULE(max_properties, cJSON_IsObject, <=)
#undef COUNT_RULE

static bool matches(checking *c, const char *pattern, const char *text)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_code *const compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &offset, NULL);
    if (compiled == NULL)
        return stop(c, "this pattern can't be compiled:", pattern);
    pcre2_match_data *const data = pcre2_match_data_create_from_pattern(compiled, NULL);
    pcre2_match_context *const limits = pcre2_match_context_create(NULL);
    int matched = PCRE2_ERROR_NOMEMORY;
    if (data != NULL && limits != NULL) {
        pcre2_set_match_limit(limits, MATCH_LIMIT);
        matched = pcre2_match(compiled, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0, data, limits);
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    pcre2_code_free(compiled);
    if (matched < 0 && matched != PCRE2_ERROR_NOMATCH)
        return stop(c, "this pattern takes too long:", pattern);
    return matched >= 0;
}

static bool fits_pattern(checking *c, const cJSON *rule, const cJSON *value)
{
    return !cJSON_IsString(value) || !cJSON_IsString(rule) || matches(c, rule->valuestring, value->valuestring);
}

/* ---- arrays and objects ---- */

/* Elements from the one that prefixItems ends before. */
static bool fits_items(checking *c, const cJSON *schema, const cJSON *value)
{
    const cJSON *const prefix = member(schema, "prefixItems"), *const items = member(schema, "items");
    const cJSON *rule = prefix != NULL ? prefix->child : NULL, *element;
    if (!cJSON_IsArray(value))
        return true;
    cJSON_ArrayForEach(element, value)
    {
        if (rule != NULL ? !fits(c, rule, element) : items != NULL && !fits(c, items, element))
            return false;
        rule = rule != NULL ? rule->next : NULL;
    }
    return true;
}

static bool fits_contains(checking *c, const cJSON *rule, const cJSON *value)
{
    const cJSON *element;
    if (!cJSON_IsArray(value))
        return true;
    cJSON_ArrayForEach(element, value) if (fits(c, rule, element)) return true;
    return false;
}

static bool fits_unique(checking *c, const cJSON *rule, const cJSON *value)
{
    (void)c;
    if (!cJSON_IsArray(value) || !cJSON_IsTrue(rule))
        return true;
    for (const cJSON *a = value->child; a != NULL; a = a->next)
        for (const cJSON *b = a->next; b != NULL; b = b->next)
            if (cJSON_Compare(a, b, true))
                return false;
    return true;
}

static bool fits_required(checking *c, const cJSON *rule, const cJSON *value)
{
    const cJSON *name;
    (void)c;
    if (!cJSON_IsObject(value))
        return true;
    cJSON_ArrayForEach(name, rule) if (cJSON_IsString(name) && member(value, name->valuestring) == NULL) return false;
    return true;
}

/* Members by properties, patternProperties and additionalProperties, which is for those that neither names. */
static bool fits_properties(checking *c, const cJSON *schema, const cJSON *value)
{
    const cJSON *const properties = member(schema, "properties"), *const patterns = member(schema, "patternProperties"),
                       *const others = member(schema, "additionalProperties");
    const cJSON *one, *pattern;
    if (!cJSON_IsObject(value))
        return true;
    cJSON_ArrayForEach(one, value)
    {
        const cJSON *const rule = properties != NULL ? member(properties, one->string) : NULL;
        bool named = rule != NULL;
        if (rule != NULL && !fits(c, rule, one))
            return false;
        cJSON_ArrayForEach(pattern, patterns)
        {
            if (!matches(c, pattern->string, one->string))
                continue;
            named = true;
            if (!fits(c, pattern, one))
                return false;
        }
        if (!named && others != NULL && !fits(c, others, one))
            return false;
    }
    return true;
}

static bool fits_names(checking *c, const cJSON *rule, const cJSON *value)
{
    const cJSON *one;
    if (!cJSON_IsObject(value))
        return true;
    cJSON_ArrayForEach(one, value)
    {
        cJSON *const name = cJSON_CreateString(one->string);
        const bool fit = name != NULL && fits(c, rule, name);
        cJSON_Delete(name);
        if (!fit)
            return false;
    }
    return true;
}

/* ---- combinations ---- */

static int count_fitting(checking *c, const cJSON *rules, const cJSON *value)
{
    int fitting = 0;
    const cJSON *rule;
    cJSON_ArrayForEach(rule, rules) fitting += fits(c, rule, value);
    return fitting;
}

static bool fits_all_of(checking *c, const cJSON *rule, const cJSON *value)
{
    return count_fitting(c, rule, value) == cJSON_GetArraySize(rule);
}

static bool fits_any_of(checking *c, const cJSON *rule, const cJSON *value)
{
    return count_fitting(c, rule, value) > 0;
}

static bool fits_one_of(checking *c, const cJSON *rule, const cJSON *value)
{
    return count_fitting(c, rule, value) == 1;
}

static bool fits_not(checking *c, const cJSON *rule, const cJSON *value)
{
    return !fits(c, rule, value);
}

/* "#", or "#/a/b" with ~0 for ~ and ~1 for / in names. */
static const cJSON *find_reference(const cJSON *root, const char *reference)
{
    if (reference[0] != '#' || (reference[1] != '/' && reference[1] != '\0'))
        return NULL;
    for (reference++; *reference == '/' && root != NULL;) {
        char name[128];
        size_t length = 0;
        for (reference++; *reference != '/' && *reference != '\0' && length < sizeof name - 1; reference++) {
            const bool escaped = reference[0] == '~' && (reference[1] == '0' || reference[1] == '1');
            reference += escaped;
            name[length++] = !escaped ? *reference : *reference == '0' ? '~' : '/';
        }
        name[length] = '\0';
        root = cJSON_IsArray(root) ? cJSON_GetArrayItem(root, atoi(name)) : member(root, name);
    }
    return root;
}

static bool fits_reference(checking *c, const cJSON *rule, const cJSON *value)
{
    const cJSON *const target = cJSON_IsString(rule) ? find_reference(c->root, rule->valuestring) : NULL;
    return target != NULL ? fits(c, target, value)
                          : stop(c, "only references within the schema are known, not", rule->valuestring);
}

/* ---- keywords ---- */

typedef struct keyword {
    const char *name;
    bool (*fits)(checking *c, const cJSON *rule, const cJSON *value); /* NULL: describes, or is another's business */
    bool whole;                                                       /* `fits` is given the schema around the rule */
    char holds; /* 's' a schema, 'a' an array of schemas, 'm' members that are schemas, '-' other things */
} keyword;

static const keyword keywords[] = {
    {"type", fits_type, false, '-'},
    {"enum", fits_enum, false, '-'},
    {"const", fits_const, false, '-'},
    {"minimum", fits_minimum, false, '-'},
    {"maximum", fits_maximum, false, '-'},
    {"exclusiveMinimum", fits_exclusive_minimum, false, '-'},
    {"exclusiveMaximum", fits_exclusive_maximum, false, '-'},
    {"multipleOf", fits_multiple_of, false, '-'},
    {"minLength", fits_min_length, false, '-'},
    {"maxLength", fits_max_length, false, '-'},
    {"pattern", fits_pattern, false, '-'},
    {"minItems", fits_min_items, false, '-'},
    {"maxItems", fits_max_items, false, '-'},
    {"uniqueItems", fits_unique, false, '-'},
    {"items", fits_items, true, 's'},
    {"prefixItems", fits_items, true, 'a'},
    {"contains", fits_contains, false, 's'},
    {"minProperties", fits_min_properties, false, '-'},
    {"maxProperties", fits_max_properties, false, '-'},
    {"required", fits_required, false, '-'},
    {"properties", fits_properties, true, 'm'},
    {"patternProperties", fits_properties, true, 'm'},
    {"additionalProperties", fits_properties, true, 's'},
    {"propertyNames", fits_names, false, 's'},
    {"allOf", fits_all_of, false, 'a'},
    {"anyOf", fits_any_of, false, 'a'},
    {"oneOf", fits_one_of, false, 'a'},
    {"not", fits_not, false, 's'},
    {"$ref", fits_reference, false, '-'},
    {"$defs", NULL, false, 'm'},
    {"definitions", NULL, false, 'm'},
    {"$schema", NULL, false, '-'},
    {"$id", NULL, false, '-'},
    {"$comment", NULL, false, '-'},
    {"title", NULL, false, '-'},
    {"description", NULL, false, '-'},
    {"default", NULL, false, '-'},
    {"examples", NULL, false, '-'},
    {"deprecated", NULL, false, '-'},
    {"readOnly", NULL, false, '-'},
    {"writeOnly", NULL, false, '-'},
    {"format", NULL, false, '-'},
};

static const keyword *find_keyword(const char *name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (strcmp(keywords[i].name, name) == 0)
            return &keywords[i];
    return NULL;
}

static bool fits(checking *c, const cJSON *schema, const cJSON *value)
{
    const cJSON *rule;
    bool result = true;
    if (cJSON_IsBool(schema))
        return cJSON_IsTrue(schema);
    if (c->status != FIRN_OK || ++c->depth > MOST_DEPTH)
        return stop(c, "schemas lie too deep inside each other at", schema->string != NULL ? schema->string : "#");
    cJSON_ArrayForEach(rule, schema)
    {
        const keyword *const known = find_keyword(rule->string);
        if (known != NULL && known->fits != NULL && !known->fits(c, known->whole ? schema : rule, value)) {
            result = false;
            break;
        }
    }
    c->depth--;
    return result;
}

/* Every keyword of a schema and of those in it has to be known. */
static bool check(checking *c, const cJSON *schema)
{
    const cJSON *rule, *inner;
    if (cJSON_IsBool(schema))
        return true;
    if (!cJSON_IsObject(schema))
        return stop(c, "a schema is an object, true or false, not what stands at",
                    schema->string != NULL ? schema->string : "#");
    if (++c->depth > MOST_DEPTH)
        return stop(c, "schemas lie too deep inside each other at", schema->string != NULL ? schema->string : "#");
    cJSON_ArrayForEach(rule, schema)
    {
        const keyword *const known = find_keyword(rule->string);
        if (known == NULL)
            return stop(c, "this keyword is not supported:", rule->string);
        if (known->holds == 's' && !check(c, rule))
            return false;
        if (known->holds == 'a' || known->holds == 'm')
            cJSON_ArrayForEach(inner, rule) if (!check(c, inner)) return false;
    }
    c->depth--;
    return true;
}

/* ---- the whole ---- */

void sweep_schema_close(sweep_schema *schema)
{
    if (schema == NULL)
        return;
    cJSON_Delete(schema->root);
    free(schema);
}

firn_status sweep_schema_open(const char *source, sweep_schema **out, firn_error *error)
{
    tool_text text = {NULL, 0};
    const char *at = source + strspn(source, " \t\r\n");
    firn_status status = FIRN_OK;
    sweep_schema *const schema = calloc(1, sizeof *schema);
    *out = NULL;
    if (schema == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a schema");
    if (*at != '{') {
        status = tool_read(source, &text, error);
        at = text.data;
    }
    if (status == FIRN_OK) {
        schema->root = cJSON_Parse(at);
        checking c = {.root = schema->root, .error = error};
        if (schema->root == NULL)
            status = base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "--expect-json-schema: '%.100s' is no JSON",
                               source);
        else if (!check(&c, schema->root))
            status = c.status;
    }
    free(text.data);
    if (status != FIRN_OK)
        sweep_schema_close(schema);
    else
        *out = schema;
    return status;
}

/* Whether a text is JSON, and nothing but. */
static bool is_json(base_slice text)
{
    base_json reader = base_json_begin(text);
    base_json_event event;
    firn_status status;
    do {
        status = base_json_next(&reader, &event, NULL);
    } while (status == FIRN_OK && event.kind != BASE_JSON_END);
    return status == FIRN_OK;
}

firn_status sweep_schema_ask(const sweep_schema *schema, base_slice text, sweep_verdict *verdict, firn_error *error)
{
    *verdict = SWEEP_FAILS;
    if (!is_json(text))
        return FIRN_OK;
    cJSON *const value = cJSON_ParseWithLength(text.data, text.length);
    if (value == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to judge a text");
    checking c = {.root = schema->root, .error = error};
    *verdict = fits(&c, schema->root, value) ? SWEEP_PASSES : SWEEP_FAILS;
    cJSON_Delete(value);
    return c.status;
}
