/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The template engine against Python's jinja2: small cases for every part of the language, real templates, what marks
 * say, and what hostile templates run into.
 */
#include "base/clock.h"
#include "base/json.h"
#include "tests/support/checkpoints.h"
#include "tokenizer/template.h"

#include <criterion/criterion.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct tm five_past_nine = {.tm_year = 126, .tm_mon = 0, .tm_mday = 31, .tm_hour = 9, .tm_min = 5};

/* Renders with the members of a JSON object as variables. */
static firn_status render(const char *source, const char *members, tok_template_output *out, firn_error *error)
{
    const tok_template_variable tokens[] = {
        {.name = base_slice_from("bos_token"), .text = base_slice_from("<s>")},
        {.name = base_slice_from("eos_token"), .text = base_slice_from("</s>")},
    };
    const tok_template_input input = {
        .variables = tokens, .n_variables = 2, .members = base_slice_from(members), .now = &five_past_nine};
    tok_template *program;
    *out = (tok_template_output){.text = NULL};
    firn_status status = tok_template_compile(base_slice_from(source), &program, error);
    if (status == FIRN_OK)
        status = tok_template_render(program, &input, out, error);
    tok_template_destroy(program);
    return status;
}

static cJSON *load(char *path)
{
    cr_assert_not_null(path);
    char *text = support_read_file(path, NULL);
    cJSON *json = cJSON_Parse(text);
    cr_assert_not_null(json, "%s is not JSON", path);
    free(text);
    free(path);
    return json;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return tail <= length && strcmp(text + length - tail, end) == 0;
}

/* The text of the first member of an object, as written (cJSON would print 1.0 as 1). */
static char *first_member(char *path)
{
    unsigned long length;
    char *text = support_read_file(path, &length);
    base_json reader = base_json_begin((base_slice){text, length});
    base_json_event event;
    cr_assert_eq(base_json_next(&reader, &event, NULL), FIRN_OK);
    cr_assert_eq(base_json_next(&reader, &event, NULL), FIRN_OK);
    size_t from = reader.position;
    cr_assert_eq(base_json_skip(&reader, NULL), FIRN_OK);
    char *member = strndup(text + from, reader.position - from);
    free(text);
    free(path);
    return member;
}

Test(template, small_cases_are_as_in_python)
{
    cJSON *cases = load(support_source("tests/data/template_cases.json"));
    cJSON *rows = cJSON_GetObjectItem(cases, "rows"), *row;
    char *members = first_member(support_source("tests/data/template_cases.json"));
    cr_assert_geq(cJSON_GetArraySize(rows), 400);
    cJSON_ArrayForEach(row, rows)
    {
        const char *source = cJSON_GetArrayItem(row, 0)->valuestring;
        const char *wanted = cJSON_GetArrayItem(row, 1)->valuestring;
        tok_template_output out;
        firn_error error = {0};
        firn_status status = render(source, members, &out, &error);
        if (wanted != NULL) {
            cr_expect_eq(status, FIRN_OK, "%s\n%s", source, error.message);
            cr_expect(out.text != NULL && strcmp(out.text, wanted) == 0, "%s\ngives %s\nnot   %s", source, out.text,
                      wanted);
        } else {
            const char *exception = cJSON_GetArrayItem(row, 2)->valuestring;
            bool refused = strcmp(exception, "Refused") == 0;
            cr_expect_neq(status, FIRN_OK, "%s\ngives %s\nnot %s", source, out.text, exception);
            cr_expect(strncmp(error.message, "line ", 5) == 0 && strstr(error.message, ", column ") != NULL, "%s",
                      error.message);
            cr_expect_eq(status == FIRN_ERROR_ARGUMENT && strstr(source, "from_json") == NULL, refused, "%s\n%s",
                         source, error.message);
            cr_expect(!refused || ends_with(error.message, cJSON_GetArrayItem(row, 3)->valuestring), "%s",
                      error.message);
        }
        tok_template_output_free(&out);
    }
    free(members);
    cJSON_Delete(cases);
}

/* One row of expected.json. */
static void check_row(const cJSON *row, const cJSON *conversations, const char *source)
{
    cJSON *variables = cJSON_Duplicate(
        cJSON_GetObjectItem(conversations, cJSON_GetObjectItem(row, "conversation")->valuestring), true);
    cJSON_AddBoolToObject(variables, "add_generation_prompt",
                          cJSON_IsTrue(cJSON_GetObjectItem(row, "add_generation_prompt")));
    char *members = cJSON_PrintUnformatted(variables);
    const char *name = cJSON_GetObjectItem(row, "template")->valuestring;
    const cJSON *text = cJSON_GetObjectItem(row, "text"), *refusal = cJSON_GetObjectItem(row, "error");
    tok_template_output out;
    firn_error error = {0};
    firn_status status = render(source, members, &out, &error);
    if (text != NULL)
        cr_expect(status == FIRN_OK && strcmp(out.text, text->valuestring) == 0, "%s: %s\n%s", name, error.message,
                  out.text);
    else
        cr_expect_neq(status, FIRN_OK, "%s is rendered", name);
    if (refusal != NULL)
        cr_expect(status == FIRN_ERROR_ARGUMENT && ends_with(error.message, refusal->valuestring), "%s: %s", name,
                  error.message);
    tok_template_output_free(&out);
    free(members);
    cJSON_Delete(variables);
}

static char *shared_template(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "templates/%s", name);
    char *found = support_shared(path);
    char *source = found != NULL ? support_read_file(found, NULL) : NULL;
    free(found);
    return source;
}

Test(template, real_templates_are_as_in_python)
{
    char *path = support_shared("templates/expected.json");
    if (path == NULL)
        cr_skip("the shared folder with real templates isn't here");
    cJSON *expected = load(path), *row;
    const cJSON *conversations = cJSON_GetObjectItem(expected, "conversations");
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(expected, "rows"))
    {
        char *source = shared_template(cJSON_GetObjectItem(row, "template")->valuestring);
        cr_assert_not_null(source);
        check_row(row, conversations, source);
        free(source);
    }
    cJSON_Delete(expected);
}

Test(template, the_generation_tag_of_real_templates_is_supported)
{
    char *source = shared_template("poolside-Laguna-XS.2.jinja");
    if (source == NULL)
        cr_skip("the shared folder with real templates isn't here");
    tok_template_output out;
    firn_error error = {0};
    cr_expect_eq(render(source, "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}", &out, &error), FIRN_OK,
                 "%s", error.message);
    cr_expect(out.text != NULL && strstr(out.text, "Hello") != NULL);
    tok_template_output_free(&out);
    free(source);
}

/* ---- marks ---- */

/* The output with what comes from data in brackets. */
static void marked(const char *source, const char *members, const char *wanted)
{
    tok_template_output out;
    firn_error error = {0};
    char text[2000];
    size_t length = 0, from = 0;
    cr_assert_eq(render(source, members, &out, &error), FIRN_OK, "%s: %s", source, error.message);
    for (size_t i = 0; i < out.n_segments; i++) {
        size_t end = out.segments[i].end;
        length +=
            (size_t)snprintf(text + length, sizeof text - length, out.segments[i].from_template ? "%.*s" : "[%.*s]",
                             (int)(end - from), out.text + from);
        from = end;
    }
    text[length] = '\0';
    cr_expect_str_eq(text, wanted, "%s gives %s, not %s", source, text, wanted);
    cr_expect_eq(from, out.length);
    tok_template_output_free(&out);
}

Test(template, data_keeps_its_mark_through_every_operation)
{
    static const char data[] = "{\"u\": \" <|im_end|>ab \", \"l\": [\"x\", \"y\"], \"d\": {\"k\": \"v\"}, \"n\": 5}";
    static const struct {
        const char *source, *wanted;
    } cases[] = {
        {"a{{ u }}b", "a[ <|im_end|>ab ]b"},
        {"{{ '<' + u.strip() + '>' }}", "<[<|im_end|>ab]>"},
        {"{{ '<' ~ u|trim ~ '>' }}", "<[<|im_end|>ab]>"},
        {"{{ (u|trim)[:5] }}{{ ('x' ~ u)[1:3] }}", "[<|im_ <]"},
        {"{{ ('x' + u|trim + 'y')[::-1] }}", "y[ba>|dne_mi|<]x"},
        {"{{ (u|trim)|upper }}{{ u.strip()|title }}{{ u.strip().capitalize() }}",
         "[<|IM_END|>AB<|im_end|>ab<|im_end|>ab]"},
        {"{{ 'a-b'.replace('-', l[0]) }}", "a[x]b"},
        {"{{ l[0].replace('x', '<|e|>') }}", "<|e|>"},
        {"{{ (l[0] * 3) ~ 'z' * 2 }}", "[xxx]zz"},
        {"{{ l|join('-') }}", "[x]-[y]"},
        {"{{ '-'.join(l) }}", "[x]-[y]"},
        {"{{ l|tojson }}", "\"[x]\", \"[y]\""},
        {"{{ d }}", "{'[k]': '[v]'}"},
        {"{{ '%s=%s' % (l[0], 'q') }}{{ '{}:{}'.format('q', l[1]) }}", "[x]=qq:[y]"},
        {"{{ '%5s|%-3s|' % (l[0], l[1]) }}", "    [x]|[y]  |"},
        {"{% set b %}<{{ l[0] }}>{% endset %}{{ b }}{{ b|upper }}", "<[x]><[X]>"},
        {"{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(l[0]) }}{{ m('t') }}", "<[x]><t>"},
        {"{% set ns = namespace(t='') %}{% for i in l %}{% set ns.t = ns.t + '|' + i %}{% endfor %}{{ ns.t }}",
         "|[x]|[y]"},
        {"{% for c in 'ab' ~ l[0] %}{{ c }}.{% endfor %}", "a.b.[x]."},
        {"{{ ('k,' ~ l[0]).split(',') }}", "['k', '[x]']"},
        {"{{ (u ~ '\\nz')|indent(1, true) }}", " [ <|im_end|>ab ]\n z"},
        {"{{ u|trim|e }}", "[&lt;|im_end|&gt;ab]"},
        {"{{ u|trim|first ~ u|trim|last }}{{ l|last }}{{ l|map('upper')|join }}", "[<byXY]"},
        {"{{ ('[\"' ~ l[0] ~ '\"]')|from_json|first }}{{ '[\"t\"]'|from_json|first }}", "[x]t"},
        {"{{ l[0]|center(3) }}{{ l[0].ljust(2, '.') }}|{{ u|trim|truncate(4, true, '', 0) }}", " [x] [x].|[<|im]"},
        {"{{ u|replace('<|im_end|>', '')|trim }}{{ n }}", "[ab]5"},
        {"{% for k, v in d|items %}{{ k }}{{ v }}{% endfor %}{{ d|dictsort|first|first }}", "[kvk]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char wanted[300];
        snprintf(wanted, sizeof wanted, "%s", cases[i].wanted);
        if (strcmp(cases[i].source, "{{ l|tojson }}") == 0)
            snprintf(wanted, sizeof wanted, "[\"[x]\", \"[y]\"]");
        marked(cases[i].source, data, wanted);
    }
    marked("{{ l }}", data, "['[x]', '[y]']");
}

Test(template, names_of_roles_are_the_templates_own)
{
    marked("{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}",
           "{\"messages\": [{\"role\": \"user\", \"content\": \"user\"}, {\"role\": \"im_end\", \"content\": \"x\"}]}",
           "<|user|>[user]<|[im_end]|>[x]");
    marked("{{ bos_token }}{{ eos_token }}", "{}", "<s></s>");
}

/* ---- errors and limits ---- */

static void fails(const char *source, firn_status wanted, const char *part)
{
    tok_template_output out;
    firn_error error = {0};
    double start = base_seconds();
    firn_status status = render(source, "{\"u\": \"abc\", \"l\": [1, 2]}", &out, &error);
    cr_expect_eq(status, wanted, "%.80s: %s", source, error.message);
    cr_expect(strstr(error.message, part) != NULL, "%.80s: %s", source, error.message);
    cr_expect_null(out.text);
    cr_expect_lt(base_seconds() - start, 5.0, "%.80s", source);
    tok_template_output_free(&out);
}

Test(template, errors_name_line_and_column)
{
    fails("a\n\n  {% if x %}\n{{ 1 +* 2 }}{% endif %}", FIRN_ERROR_FORMAT, "line 4, column 7: '*'");
    fails("é{{ u|nope }}", FIRN_ERROR_FORMAT, "line 1, column 7: No filter named 'nope'");
    fails("x\r\ny {{ u.z.q }}", FIRN_ERROR_FORMAT, "line 2, column 9: 'str object' has no attribute 'z'");
    fails("{{ 'abc\n }}", FIRN_ERROR_FORMAT, "line 1, column 4: the string has no end");
    fails("{% for x in l %}\n", FIRN_ERROR_FORMAT, "the template ends before 'endfor'");
    fails("{{ u", FIRN_ERROR_FORMAT, "line 1, column 1: the expression has no end");
    fails("\n{# x", FIRN_ERROR_FORMAT, "line 2, column 1: the comment has no end");
    fails("{% include 'x' %}", FIRN_ERROR_UNSUPPORTED, "line 1, column 4: the tag 'include'");
    fails("{{ u.__class__ }}", FIRN_ERROR_FORMAT, "unsafe");
    fails("{{ u['__class__'] }}", FIRN_ERROR_FORMAT, "unsafe");
    fails("{{ u|attr('upper') }}", FIRN_ERROR_FORMAT, "No filter named 'attr'");
    fails("{{ l.append(3) }}", FIRN_ERROR_FORMAT, "access to attribute 'append' of 'list' object is unsafe");
    fails("{{ raise_exception('no ' ~ u) }}", FIRN_ERROR_ARGUMENT, "line 1, column 19: no abc");
    fails("\xff", FIRN_ERROR_FORMAT, "UTF-8");
}

Test(template, budgets_end_what_would_not_end)
{
    fails("{% macro x() %}{{ x() }}{% endmacro %}{{ x() }}", FIRN_ERROR_LIMIT, "macros or recursive loops");
    fails("{% for x in [[]] recursive %}{{ loop([[]]) }}{% endfor %}", FIRN_ERROR_LIMIT, "macros or recursive loops");
    fails("{{ range(10**9) }}", FIRN_ERROR_LIMIT, "Range too big");
    fails("{{ range(0, 10**18, 3) }}", FIRN_ERROR_LIMIT, "Range too big");
    fails("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", FIRN_ERROR_LIMIT, "steps");
    fails("{% for a in range(9999) %}{% for b in range(9999) if false %}{% endfor %}{% endfor %}", FIRN_ERROR_LIMIT,
          "steps");
    fails("{{ 'a' * 10**9 }}", FIRN_ERROR_LIMIT, "the limit of output");
    fails("{{ [1] * 10**9 }}", FIRN_ERROR_LIMIT, "a list would have more than");
    fails("{% set ns = namespace(s='aaaa') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
          FIRN_ERROR_LIMIT, "");
    fails("{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
          FIRN_ERROR_LIMIT, "");
    fails("{% for i in range(9999) %}{{ 'a' * 1000 }}{% endfor %}", FIRN_ERROR_LIMIT, "the limit of output");
    fails("{% set s = 'a' * 900000 %}{% for i in range(9999) %}{% set t = s ~ i %}{% endfor %}", FIRN_ERROR_LIMIT, "");
    fails("{% set s = 'a' * 900000 %}{% for i in range(9999) %}{% set t = (s ~ 'b').find('ab' * 9999) %}{% endfor %}",
          FIRN_ERROR_LIMIT, "");
    fails("{{ '%0999999999d' % 1 }}", FIRN_ERROR_LIMIT, "too large");
    fails("{{ '{:999999999}'.format(1) }}", FIRN_ERROR_LIMIT, "too large");
    fails("{{ 'a'.center(10**12) }}", FIRN_ERROR_LIMIT, "the limit of output");
    fails("{{ 'a'|indent(10**12) }}", FIRN_ERROR_LIMIT, "the limit of output");
    fails("{{ l|tojson(indent=10**12) }}", FIRN_ERROR_LIMIT, "too large");
    fails("{{ l|batch(10**12, 0)|list }}", FIRN_ERROR_LIMIT, "steps");
    fails("{{ l|slice(10**12)|list }}", FIRN_ERROR_LIMIT, "steps");
    fails("{{ 10 ** 19 }}", FIRN_ERROR_LIMIT, "64-bit");
    fails("{{ 9223372036854775807 + 1 }}", FIRN_ERROR_LIMIT, "64-bit");
    fails("{{ 99999999999999999999 }}", FIRN_ERROR_FORMAT, "64-bit");
    fails("{% set n = namespace() %}{% set n.n = n %}{{ n }}", FIRN_ERROR_LIMIT, "deep inside each other");
    fails("{% set n = namespace() %}{% set n.n = [n] %}{{ n.n|tojson }}", FIRN_ERROR_FORMAT, "not JSON");
    fails("{% set n = namespace(l=[]) %}{% for i in range(9999) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}",
          FIRN_ERROR_LIMIT, "deep inside each other");
    fails("{% set n = namespace(l=[], m=[]) %}{% for i in range(9999) %}{% set n.l = [n.l] %}{% set n.m = [n.m] %}"
          "{% endfor %}{{ n.l == n.m }}",
          FIRN_ERROR_LIMIT, "deep inside each other");
}

/* `before`, n times `part`, `after`: what it fails with. */
static void repeated(const char *before, const char *part, size_t n, const char *after, const char *wanted)
{
    size_t width = strlen(part), length = strlen(before);
    char *source = malloc(length + n * width + strlen(after) + 1);
    strcpy(source, before);
    for (size_t i = 0; i < n; i++, length += width)
        memcpy(source + length, part, width);
    strcpy(source + length, after);
    fails(source, FIRN_ERROR_LIMIT, wanted);
    free(source);
}

Test(template, deep_templates_are_refused)
{
    repeated("{{ ", "(", 30000, "", "deep inside each other");
    repeated("{{ ", "[", 30000, "", "deep inside each other");
    repeated("{{ ", "not ", 15000, "1 }}", "deep inside each other");
    repeated("{{ ", "- ", 30000, "1 }}", "deep inside each other");
    repeated("{{ ", "1 if 1 else ", 5000, "1 }}", "deep inside each other");
    repeated("", "{% if 1 %}", 6000, "", "deep inside each other");
    repeated("", "{% for x in l %}", 4000, "", "deep inside each other");
    repeated("{{ 1", "+1", 30000, " }}", "operations that depend");
    repeated("{{ u", ".x", 30000, " }}", "operations that depend");
    repeated("{{ u", "|e", 30000, " }}", "operations that depend");
    repeated("{{ u", "()", 30000, " }}", "operations that depend");
    repeated("{{ f(", "f(", 20000, "", "deep inside each other");
    repeated("", "x", 70000, "", "at most 65536");
    repeated("{% set ", "(", 30000, "", "deep inside each other");
    repeated("{% for ", "(", 30000, "", "deep inside each other");
}

Test(template, long_but_shallow_templates_are_fine)
{
    char *source = malloc(65536 + 1), *at = source;
    at += sprintf(at, "{%% if 0 %%}");
    for (int i = 0; i < 2000; i++)
        at += sprintf(at, "{%% elif u == '%d' %%}", i);
    at += sprintf(at, "{%% else %%}last{%% endif %%}{{ ''");
    for (int i = 0; i < 300; i++)
        at += sprintf(at, " + 'a'");
    at += sprintf(at, " }}{{ 'b'");
    for (int i = 0; i < 2000; i++)
        at += sprintf(at, "~'b'");
    sprintf(at, "}}");
    tok_template_output out;
    firn_error error = {0};
    cr_assert_eq(render(source, "{}", &out, &error), FIRN_OK, "%s", error.message);
    cr_expect_eq(out.length, 4 + 300 + 2001);
    tok_template_output_free(&out);
    free(source);
}

Test(template, data_that_is_no_json_object_is_refused)
{
    static const char *const bad[] = {"[1]", "{", "{\"a\": 01}", "{\"a\": 123456789012345678901234567890}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tok_template_output out;
        firn_error error = {0};
        cr_expect_neq(render("x", bad[i], &out, &error), FIRN_OK, "%s", bad[i]);
        tok_template_output_free(&out);
    }
}

Test(template, large_data_passes)
{
    size_t size = 3 << 20;
    char *members = malloc(size + 64);
    size_t length = (size_t)sprintf(members, "{\"u\": \"");
    memset(members + length, 'x', size);
    strcpy(members + length + size, "\"}");
    tok_template_output out;
    firn_error error = {0};
    cr_expect_eq(render("<{{ u|trim }}>", members, &out, &error), FIRN_OK, "%s", error.message);
    cr_expect_eq(out.length, size + 2);
    tok_template_output_free(&out);
    free(members);
}

Test(template, without_a_clock_the_time_is_refused)
{
    tok_template *program;
    tok_template_output out;
    firn_error error = {0};
    const tok_template_input input = {.variables = NULL};
    cr_assert_eq(tok_template_compile(base_slice_from("{{ strftime_now('%Y') }}"), &program, &error), FIRN_OK);
    cr_expect_eq(tok_template_render(program, &input, &out, &error), FIRN_ERROR_ARGUMENT);
    cr_expect(strstr(error.message, "clock") != NULL, "%s", error.message);
    tok_template_destroy(program);
}

Test(template, ten_messages_render_in_under_a_millisecond)
{
    static const char source[] =
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
        "'\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    char members[4096];
    size_t length = (size_t)sprintf(members, "{\"messages\": [");
    for (int i = 0; i < 10; i++)
        length +=
            (size_t)sprintf(members + length, "%s{\"role\": \"user\", \"content\": \"A message of some words, %d.\"}",
                            i > 0 ? "," : "", i);
    sprintf(members + length, "]}");
    tok_template *program;
    firn_error error = {0};
    cr_assert_eq(tok_template_compile(base_slice_from(source), &program, &error), FIRN_OK, "%s", error.message);
    const tok_template_input input = {.members = base_slice_from(members)};
    double best = 1;
    for (int i = 0; i < 20; i++) {
        tok_template_output out;
        double start = base_seconds();
        cr_assert_eq(tok_template_render(program, &input, &out, &error), FIRN_OK, "%s", error.message);
        double taken = base_seconds() - start;
        best = taken < best ? taken : best;
        tok_template_output_free(&out);
    }
    tok_template_destroy(program);
    cr_log_info("ten messages: %.0f microseconds", best * 1e6);
#if !defined(__SANITIZE_ADDRESS__)
    cr_expect_lt(best, 1e-3);
#endif
}
