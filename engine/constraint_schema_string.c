/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of a JSON schema: lengths, patterns, formats. Lengths count characters, as the standard does. */
#include "engine/constraint_schema.h"

/* Years from 0001 on (0000 is none to many a reader), and those of them that have a 29 February. */
#define YEAR "(?:\\d{3}[1-9]|\\d\\d[1-9]0|\\d[1-9]00|[1-9]000)"
#define LEAP "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
#define DATE                                                                                                    \
    "(" YEAR "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]" \
    "|1\\d|2[0-8]))|" LEAP "-02-29)"
#define TIME  "((?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d))"
#define OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define H16   "[0-9A-Fa-f]{1,4}"

static const struct {
    const char *name, *pattern;
} formats[] = {
    {"date", DATE},
    {"time", TIME},
    {"date-time", DATE "[Tt]" TIME},
    {"duration",
     "P(?:\\d+W|\\d+Y(?:\\d+M(?:\\d+D)?)?|\\d+M(?:\\d+D)?|\\d+D|"
     "(?:\\d+Y(?:\\d+M(?:\\d+D)?)?|\\d+M(?:\\d+D)?|\\d+D)?T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S))"},
    {"email", "[A-Za-z0-9_+-]+(?:\\.[A-Za-z0-9_+-]+)*@" LABEL "(?:\\." LABEL ")+"},
    {"hostname", LABEL "(?:\\." LABEL "){0,3}"},
    {"ipv4", OCTET "(?:\\." OCTET "){3}"},
    {"ipv6", "(?:(?:" H16 ":){7}" H16 "|::(?:" H16 "(?::" H16 "){0,5})?|" H16 "::(?:" H16 "(?::" H16 "){0,4})?|" H16
             ":" H16 "::(?:" H16 "(?::" H16 "){0,3})?)"},
    {"uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"},
    {"uri", "[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9.-]+(?::\\d{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*"
            "(?:\\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?(?:#[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?"},
};

static uint32_t parse(eng_schema *s, uint32_t node, base_slice pattern, bool search)
{
    firn_error error = {.status = FIRN_OK};
    const uint32_t parsed = eng_parse_regex(s->ir, pattern, search, true, &error);
    if (parsed == 0)
        eng_schema_fail(s, node, error.status, "%s", error.message);
    return parsed;
}

static uint32_t format_pattern(eng_schema *s, uint32_t node)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (base_slice_is(s->tree.nodes[node].text, formats[i].name))
            return parse(s, node, base_slice_from(formats[i].pattern), false);
    return eng_schema_fail(s, node, FIRN_ERROR_UNSUPPORTED,
                           "this format is not supported; known are date, time, date-time, duration, email, hostname, "
                           "ipv4, ipv6, uuid, uri");
}

uint32_t eng_schema_string(eng_schema *s, const eng_schema_set *set)
{
    enum { PATTERNS_MOST = 8 };
    uint32_t low = 0, high = ENG_IR_UNBOUNDED, inner = 0, n_patterns = 0;
    for (uint32_t i = 0; i < set->n_parts; i++) {
        const uint32_t node = set->parts[i].node;
        const uint32_t keywords[] = {eng_json_member(&s->tree, node, "pattern"),
                                     eng_json_member(&s->tree, node, "format")};
        eng_schema_count(s, node, "minLength", false, &low);
        eng_schema_count(s, node, "maxLength", true, &high);
        for (int k = 0; k < 2; k++) {
            if (keywords[k] == 0 || eng_schema_failed(s))
                continue;
            const base_slice text = s->tree.nodes[keywords[k]].text;
            if (s->tree.nodes[keywords[k]].kind != BASE_JSON_STRING)
                return eng_schema_fail(s, keywords[k], FIRN_ERROR_FORMAT, "is to be a string");
            if (++n_patterns > PATTERNS_MOST)
                return eng_schema_fail(s, keywords[k], FIRN_ERROR_LIMIT, "more than %d patterns that all hold",
                                       PATTERNS_MOST);
            const uint32_t next = k == 0 ? parse(s, keywords[k], text, true) : format_pattern(s, keywords[k]);
            inner = inner == 0 ? next : eng_ir_pair(s->ir, ENG_IR_BOTH, inner, next);
        }
    }
    if (low > high || eng_schema_failed(s))
        return 0;
    const bool free_length = low == 0 && high == ENG_IR_UNBOUNDED;
    if (inner == 0) {
        inner = eng_ir_repeat(s->ir, eng_ir_call(s->ir, s->character), low, high);
    } else if (!free_length) {
        const uint32_t any = eng_ir_character(s->ir, 0, ENG_CODE_POINT_LAST);
        if (!eng_ir_failed(s->ir))
            s->ir->nodes[any].json = true;
        inner = eng_ir_pair(s->ir, ENG_IR_BOTH, inner, eng_ir_repeat(s->ir, any, low, high));
    }
    const uint32_t string = eng_ir_node_of(s->ir, ENG_IR_SEQUENCE);
    eng_ir_add(s->ir, string, eng_ir_text(s->ir, "\""));
    eng_ir_add(s->ir, string, inner);
    eng_ir_add(s->ir, string, eng_ir_text(s->ir, "\""));
    return string;
}
