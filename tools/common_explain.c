/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_explain.h"

#include "tools/common_json.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_WIDTH = 8 };

static int width_of(const char *name)
{
    return strlen(name) < LEAST_WIDTH ? LEAST_WIDTH : (int)strlen(name);
}

static void print_head(FILE *out, const firn_explanation *e, size_t number)
{
    fprintf(out, "token %zu\n%8s %8s", number, "id", "logit");
    fprintf(out, " %*s", LEAST_WIDTH, "model");
    for (size_t s = 0; s < e->n_stages; s++)
        fprintf(out, " %*s", width_of(e->stages[s]), e->stages[s]);
    fprintf(out, " %8s\n%8s %8s %*zu", "noise", "", "left:", LEAST_WIDTH, e->n_left[0]);
    for (size_t s = 0; s < e->n_stages; s++)
        fprintf(out, " %*zu", width_of(e->stages[s]), e->n_left[s + 1]);
    fputc('\n', out);
}

static void print_row(FILE *out, const firn_explanation *e, const firn_explained_token *token)
{
    fprintf(out, "%8d %8.3f %*.3f", token->id, (double)token->logit, LEAST_WIDTH, 100 * token->probability[0]);
    for (size_t s = 0; s < e->n_stages; s++) {
        if (token->dropped_by >= 0 && (size_t)token->dropped_by <= s)
            fprintf(out, " %*s", width_of(e->stages[s]), ".");
        else
            fprintf(out, " %*.3f", width_of(e->stages[s]), 100 * token->probability[s + 1]);
    }
    fprintf(out, " %8.3f %c ", token->noise, token->id == e->winner ? '*' : ' ');
}

firn_status tool_explain(FILE *out, const firn_model *model, const firn_explanation *explanation, size_t number,
                         firn_error *error)
{
    const size_t capacity = firn_token_longest(model);
    char *const bytes = malloc(capacity + 1);
    if (bytes == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a token of %zu bytes", capacity);
    print_head(out, explanation, number);
    for (size_t t = 0; t < explanation->n_tokens; t++) {
        print_row(out, explanation, &explanation->tokens[t]);
        tool_json_string(out, bytes, firn_token_bytes(model, explanation->tokens[t].id, true, bytes, capacity));
        fputc('\n', out);
    }
    free(bytes);
    return FIRN_OK;
}
