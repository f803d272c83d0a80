/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "tools/common_explain.h"
#include "tools/common_file.h"
#include "tools/common_json.h"

#include <stdlib.h>

static firn_status no_memory(firn_error *error)
{
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the explanation of a token");
}

static void forget_from(tool_explanations *explanations, size_t count)
{
    while (explanations->count > count)
        free(explanations->tokens[--explanations->count]);
}

void tool_explanations_free(tool_explanations *explanations)
{
    forget_from(explanations, 0);
    free(explanations->tokens);
    *explanations = (tool_explanations){NULL, 0, 0};
}

/* ---- a token ---- */

static void write_text(FILE *out, const char *name, const firn_model *model, int32_t id, bool special, char *bytes,
                       size_t capacity)
{
    fprintf(out, ",\"%s\":", name);
    tool_json_string(out, bytes, firn_token_bytes(model, id, special, bytes, capacity));
}

static void write_probabilities(FILE *out, const firn_explanation *e, const firn_explained_token *token)
{
    const size_t dropped = token->dropped_by < 0 ? e->n_stages : (size_t)token->dropped_by;
    fputs(",\"probability\":[", out);
    for (size_t s = 0; s <= dropped; s++) { /* none from the stage on that dropped it */
        fputs(s == 0 ? "" : ",", out);
        tool_json_number(out, token->probability[s], 6);
    }
    fputc(']', out);
}

static void write_token(FILE *out, const firn_model *model, const firn_explanation *e, char *bytes, size_t capacity)
{
    fprintf(out, "{\"id\":%d", e->winner);
    write_text(out, "text", model, e->winner, true, bytes, capacity);
    write_text(out, "shown", model, e->winner, false, bytes, capacity);
    fputs(",\"stages\":[", out);
    for (size_t s = 0; s < e->n_stages; s++)
        fprintf(out, "%s\"%s\"", s == 0 ? "" : ",", e->stages[s]);
    fputs("],\"left\":[", out);
    for (size_t s = 0; s <= e->n_stages; s++)
        fprintf(out, "%s%zu", s == 0 ? "" : ",", e->n_left[s]);
    fputs("],\"candidates\":[", out);
    for (size_t t = 0; t < e->n_tokens; t++) {
        const firn_explained_token *const token = &e->tokens[t];
        fprintf(out, "%s{\"id\":%d", t == 0 ? "" : ",", token->id);
        write_text(out, "text", model, token->id, true, bytes, capacity);
        fputs(",\"logit\":", out);
        tool_json_number(out, (double)token->logit, 9);
        write_probabilities(out, e, token);
        if (token->dropped_by >= 0)
            fprintf(out, ",\"dropped_by\":\"%s\"", e->stages[token->dropped_by]);
        else
            fputs(",\"dropped_by\":null", out);
        fputs(",\"noise\":", out);
        tool_json_number(out, token->noise, 9);
        fputc('}', out);
    }
    fputs("]}", out);
}

firn_status tool_explanations_add(tool_explanations *explanations, const firn_model *model,
                                  const firn_explanation *explanation, size_t number, firn_error *error)
{
    const size_t longest = firn_token_longest(model);
    char *json = NULL, *bytes = NULL;
    size_t length;
    forget_from(explanations, number - 1);
    if (!base_grow(&explanations->tokens, &explanations->capacity, explanations->count + 1,
                   sizeof *explanations->tokens))
        return no_memory(error);
    bytes = malloc(longest + 1);
    FILE *const out = bytes != NULL ? open_memstream(&json, &length) : NULL;
    if (out != NULL)
        write_token(out, model, explanation, bytes, longest);
    free(bytes);
    if (out == NULL || fclose(out) != 0) {
        free(json);
        return no_memory(error);
    }
    explanations->tokens[explanations->count++] = json;
    return FIRN_OK;
}

/* ---- a text ---- */

static void write_all(FILE *out, const tool_explanations *explanations, const tool_explained_text *text)
{
    const firn_model_info info = firn_model_describe(text->model);
    fputs("{\"firn\":\"" FIRN_VERSION "\",\"model\":", out);
    tool_json_string(out, info.name, strlen(info.name));
    fputs(",\n\"prompt\":", out);
    if (text->prompt.data != NULL)
        tool_json_string(out, text->prompt.data, text->prompt.length);
    else
        fputs("null", out);
    fputs(",\n\"params\":", out);
    tool_json_parameters(out, text->parameters);
    fputs(",\n\"text\":", out);
    tool_json_string(out, text->text.data, text->text.length);
    fputs(",\n\"tokens\":[", out);
    for (size_t i = 0; i < explanations->count; i++)
        fprintf(out, "%s%s", i == 0 ? "" : ",\n", explanations->tokens[i]);
    fputs("]}", out);
}

static firn_status save_json(const char *path, const tool_explanations *explanations, const tool_explained_text *text,
                             firn_error *error)
{
    tool_file file;
    const firn_status status = tool_file_create(path, &file, error);
    if (status != FIRN_OK)
        return status;
    write_all(file.out, explanations, text);
    fputc('\n', file.out);
    return tool_file_close(&file, true, error);
}

extern const char tool_page_explain[];
extern const size_t tool_page_explain_length;

static firn_status save_html(const char *path, const tool_explanations *explanations, const tool_explained_text *text,
                             firn_error *error)
{
    static const char mark[] = "@DATA@";
    const char *const at = strstr(tool_page_explain, mark), *const rest = at + strlen(mark);
    char *json = NULL;
    size_t length;
    tool_file file;
    FILE *const out = open_memstream(&json, &length);
    if (out != NULL)
        write_all(out, explanations, text);
    if (out == NULL || fclose(out) != 0) {
        free(json);
        return no_memory(error);
    }
    const firn_status status = tool_file_create(path, &file, error);
    if (status == FIRN_OK) {
        fwrite(tool_page_explain, 1, (size_t)(at - tool_page_explain), file.out);
        for (size_t i = 0; i < length; i++) /* no token can end the element that it stands in, or begin a comment */
            if (json[i] == '<')
                fputs("\\u003c", file.out);
            else
                fputc(json[i], file.out);
        fwrite(rest, 1, (size_t)(tool_page_explain + tool_page_explain_length - rest), file.out);
    }
    free(json);
    return status == FIRN_OK ? tool_file_close(&file, true, error) : status;
}

firn_status tool_explanations_save(const char *json_path, const char *html_path, const tool_explanations *explanations,
                                   const tool_explained_text *text, firn_error *error)
{
    const firn_status status = json_path != NULL ? save_json(json_path, explanations, text, error) : FIRN_OK;
    return status == FIRN_OK && html_path != NULL ? save_html(html_path, explanations, text, error) : status;
}
