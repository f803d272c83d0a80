/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations to ids, with the templates and vocabularies of published models: they are those that Python's jinja2
 * and tokenizers give (make_rendered_ids.py), whether a vocabulary comes in a folder or in a GGUF file.
 */
#include "tests/support/checkpoints.h"
#include "tests/support/engine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_FIELDS = 5 };
enum { VOCABULARY, PROMPT, MESSAGES, TOOLS, IDS };

static firn_model *open_vocabulary(firn_context *context, const char *name)
{
    char *const path = support_checkpoint(name);
    if (path == NULL)
        cr_skip("%s is not there", name);
    firn_model_options options = firn_model_options_default();
    firn_error error = {0};
    firn_model *model;
    options.vocabulary_only = true;
    cr_assert_eq(firn_model_open(context, path, &options, &model, &error), FIRN_OK, "%s", error.message);
    free(path);
    return model;
}

/* Its text, or NULL where there is none. */
static char *token_text(const firn_model *model, firn_special_token which, char text[64])
{
    const int32_t id = firn_token_special(model, which);
    const size_t length = id >= 0 ? firn_token_bytes(model, id, true, text, 63) : 0;
    cr_assert_lt(length, 64);
    text[length] = '\0';
    return id >= 0 ? text : NULL;
}

/* Cuts at tabs. The next line, or NULL after the last one. */
static char *cut_line(char *line, char *fields[N_FIELDS])
{
    char *const end = strchr(line, '\n');
    if (end == NULL)
        return NULL;
    *end = '\0';
    for (int i = 0; i < N_FIELDS; i++) {
        fields[i] = line;
        cr_assert_not_null(line);
        line = strchr(line, '\t');
        if (line != NULL)
            *line++ = '\0';
    }
    return end + 1;
}

static void expect_ids(const firn_model *model, const firn_rendered *rendered, const char *wanted, const char *name)
{
    int32_t *ids;
    size_t n_ids, n_equal = 0, n_wanted = 0;
    char *rest;
    cr_assert_eq(firn_tokenize_rendered(model, rendered, &ids, &n_ids, NULL), FIRN_OK);
    for (const char *at = wanted; *at != '\0'; at = rest, n_wanted++) {
        const long id = strtol(at, &rest, 10);
        n_equal += n_wanted < n_ids && ids[n_wanted] == id;
    }
    cr_expect(n_ids == n_wanted && n_equal == n_wanted, "%s: %zu ids, not %zu, of which %zu agree: %s", name, n_ids,
              n_wanted, n_equal, rendered->text);
    free(ids);
}

/* All lines of the vocabulary's, rendered with its template, become ids of `file`'s. */
static void check(const char *vocabulary, const char *file)
{
    char folder[64], bos[64], eos[64], *fields[N_FIELDS];
    snprintf(folder, sizeof folder, "vocabularies/%s", vocabulary);
    firn_context *const context = support_context(1, NULL);
    firn_model *const source = open_vocabulary(context, folder), *const model = open_vocabulary(context, file);
    char *const path = support_source("tests/data/tokenizer/rendered.txt"), *const lines =
                                                                                support_read_file(path, NULL);
    const struct tm now = {
        .tm_year = 126, .tm_mon = 0, .tm_mday = 31, .tm_hour = 9, .tm_min = 5, .tm_wday = 6, .tm_yday = 30};
    firn_template_input input = firn_template_input_default();
    firn_template *program;
    firn_error error = {0};
    size_t length = 0;
    int n_lines = 0;
    const char *const text = firn_model_chat_template(source, &length);
    cr_assert_eq(firn_template_compile(text, length, &program, &error), FIRN_OK, "%s: %s", vocabulary, error.message);
    input.bos = token_text(source, FIRN_TOKEN_BOS, bos);
    input.eos = token_text(source, FIRN_TOKEN_EOS, eos);
    input.now = &now;
    for (char *next, *line = lines; (next = cut_line(line, fields)) != NULL; line = next) {
        firn_rendered rendered;
        if (strcmp(fields[VOCABULARY], vocabulary) != 0)
            continue;
        input.add_generation_prompt = *fields[PROMPT] == '1';
        input.messages = fields[MESSAGES];
        input.tools = strcmp(fields[TOOLS], "null") != 0 ? fields[TOOLS] : NULL;
        cr_assert_eq(firn_template_render(program, &input, &rendered, &error), FIRN_OK, "%s: %s", vocabulary,
                     error.message);
        expect_ids(model, &rendered, fields[IDS], file);
        firn_rendered_free(&rendered);
        n_lines++;
    }
    cr_expect_geq(n_lines, 8, "%s: %d conversations", vocabulary, n_lines);
    firn_template_release(program);
    firn_model_release(source);
    firn_model_release(model);
    firn_context_release(context);
    free(path);
    free(lines);
}

#define FOLDER(name)                         \
    Test(rendered, name)                     \
    {                                        \
        check(#name, "vocabularies/" #name); \
    }

FOLDER(chatglm3)
FOLDER(command_r_plus)
FOLDER(deepseek_v3)
FOLDER(gemma3)
FOLDER(llama3_2)
FOLDER(mistral_nemo)
FOLDER(qwen2_5)

Test(rendered, qwen2_in_gguf)
{
    check("qwen2_5", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
}

Test(rendered, gemma3_in_gguf)
{
    check("gemma3", "gemma-3-270m-q4_k_m.gguf");
}
