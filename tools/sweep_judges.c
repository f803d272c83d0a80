/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tools/sweep_judges.h"

#include "tools/sweep_judge_command.h"
#include "tools/sweep_judge_model.h"
#include "base/utf8.h"
#include "tools/sweep_schema.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum {
    MATCH_LIMIT = 1000000, /* steps of matching, so that no expression runs for ever */
    HEAP_LIMIT = 1 << 16,  /* KiB */
};

struct sweep_judges {
    const sweep_judge_options *options;
    pcre2_code *expect;          /* the last expression that was compiled, */
    const char *expect_source;   /* and its text */
    pcre2_match_context *limits; /* of every match */
    sweep_schema *schema;
    sweep_judge_model *model;
};

const char *sweep_judge_name(sweep_judge judge)
{
    static const char *const names[] = {
#define NAME(name) #name,
        SWEEP_JUDGE_LIST(NAME)
#undef NAME
    };
    return names[judge];
}

/* ---- regular expressions ---- */

static firn_status compile(sweep_judges *judges, const char *source, firn_error *error)
{
    int code;
    PCRE2_SIZE offset;
    PCRE2_UCHAR message[160] = "";
    if (judges->expect != NULL && strcmp(judges->expect_source, source) == 0)
        return FIRN_OK;
    pcre2_code_free(judges->expect);
    judges->expect_source = source;
    judges->expect =
        pcre2_compile((PCRE2_SPTR)source, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &offset, NULL);
    if (judges->expect != NULL)
        return FIRN_OK;
    pcre2_get_error_message(code, message, sizeof message);
    return base_fail(error, FIRN_ERROR_ARGUMENT, offset, "--expect: the regular expression '%.100s', character %zu: %s",
                     source, offset + 1, (const char *)message);
}

/* The text with U+FFFD for bytes that are no part of a character, as records have it (free()). */
static char *whole_characters(base_slice text, size_t *length)
{
    char *const out = malloc(3 * text.length + 1);
    *length = 0;
    for (size_t i = 0; out != NULL && i < text.length;) {
        uint32_t code_point;
        const size_t width = base_utf8_decode(text.data + i, text.length - i, &code_point);
        memcpy(out + *length, width > 0 ? text.data + i : "\xef\xbf\xbd", width > 0 ? width : 3);
        *length += width > 0 ? width : 3;
        i += width > 0 ? width : 1;
    }
    return out;
}

static firn_status ask_expect(sweep_judges *judges, const char *source, base_slice text, sweep_verdict *verdict,
                              firn_error *error)
{
    firn_status status = compile(judges, source, error);
    if (status != FIRN_OK)
        return status;
    size_t length;
    char *const characters = whole_characters(text, &length);
    pcre2_match_data *const data = pcre2_match_data_create_from_pattern(judges->expect, NULL);
    int matched = PCRE2_ERROR_NOMEMORY;
    if (characters != NULL && data != NULL)
        matched = pcre2_match(judges->expect, (PCRE2_SPTR)characters, length, 0, 0, data, judges->limits);
    pcre2_match_data_free(data);
    free(characters);
    if (matched < 0 && matched != PCRE2_ERROR_NOMATCH)
        return base_fail(
            error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
            "--expect: '%.100s' takes too long on a text of %zu bytes; write it so that fewer ways have to "
            "be tried",
            source, text.length);
    *verdict = matched >= 0 ? SWEEP_PASSES : SWEEP_FAILS;
    return FIRN_OK;
}

/* ---- choices ---- */

static base_slice trimmed(base_slice text)
{
    const char *const space = " \t\r\n";
    while (text.length > 0 && text.data[0] != '\0' && strchr(space, text.data[0]) != NULL)
        text = (base_slice){text.data + 1, text.length - 1};
    while (text.length > 0 && text.data[text.length - 1] != '\0' && strchr(space, text.data[text.length - 1]) != NULL)
        text.length--;
    return text;
}

static sweep_verdict ask_choices(const char *choices, base_slice text)
{
    const base_slice wanted = trimmed(text);
    for (;;) {
        const size_t length = strcspn(choices, "|");
        if (base_slice_equal(trimmed((base_slice){choices, length}), wanted))
            return SWEEP_PASSES;
        if (choices[length] == '\0')
            return SWEEP_FAILS;
        choices += length + 1;
    }
}

/* ---- all ---- */

firn_status sweep_judges_open(const sweep_judge_options *options, firn_context *context, sweep_judges **out,
                              firn_error *error)
{
    firn_status status = FIRN_OK;
    sweep_judges *const judges = calloc(1, sizeof *judges);
    *out = NULL;
    if (judges == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the judges");
    judges->options = options;
    judges->limits = pcre2_match_context_create(NULL);
    if (judges->limits == NULL) {
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the judges");
        goto done;
    }
    pcre2_set_match_limit(judges->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(judges->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(judges->limits, HEAP_LIMIT);
    if (options->expect != NULL)
        status = compile(judges, options->expect, error);
    if (status == FIRN_OK && options->schema != NULL)
        status = sweep_schema_open(options->schema, &judges->schema, error);
    if (status == FIRN_OK && options->model != NULL)
        status = sweep_judge_model_open(context, options->model, &judges->model, error);
done:
    if (status != FIRN_OK)
        sweep_judges_close(judges);
    else
        *out = judges;
    return status;
}

void sweep_judges_close(sweep_judges *judges)
{
    if (judges == NULL)
        return;
    pcre2_code_free(judges->expect);
    pcre2_match_context_free(judges->limits);
    sweep_schema_close(judges->schema);
    sweep_judge_model_close(judges->model);
    free(judges);
}

firn_status sweep_judges_ask(sweep_judges *judges, const sweep_case *text, sweep_verdict verdicts[SWEEP_JUDGES],
                             double measures[SWEEP_MEASURES], firn_error *error)
{
    const sweep_judge_options *const options = judges->options;
    const char *const expect = text->expect != NULL ? text->expect : options->expect;
    firn_status status = FIRN_OK;
    memset(verdicts, 0, SWEEP_JUDGES * sizeof *verdicts);
    if (expect != NULL)
        status = ask_expect(judges, expect, text->text, &verdicts[SWEEP_JUDGE_expect], error);
    if (status == FIRN_OK && judges->schema != NULL)
        status = sweep_schema_ask(judges->schema, text->text, &verdicts[SWEEP_JUDGE_schema], error);
    if (status == FIRN_OK && options->choices != NULL)
        verdicts[SWEEP_JUDGE_choices] = ask_choices(options->choices, text->text);
    if (status == FIRN_OK && options->command != NULL)
        status = sweep_judge_command(options->command, text->record, &verdicts[SWEEP_JUDGE_command],
                                     &measures[SWEEP_score], error);
    if (status == FIRN_OK && judges->model != NULL)
        status = sweep_judge_model_ask(judges->model, text->prompt, text->text, &measures[SWEEP_judge_logprob], error);
    for (int i = 0; i < SWEEP_JUDGES; i++)
        if (verdicts[i] == SWEEP_FAILS)
            measures[SWEEP_passed] = 0;
        else if (verdicts[i] == SWEEP_PASSES && !(measures[SWEEP_passed] == 0))
            measures[SWEEP_passed] = 1;
    return status;
}
