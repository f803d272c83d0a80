/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_tokens.h"

#include "base/memory.h"
#include "tools/common_json.h"

#include <math.h>
#include <stdlib.h>

enum { LOGPROB_DIGITS = 7 };

void tool_tokens_free(tool_tokens *tokens)
{
    free(tokens->ids);
    free(tokens->logprobs);
    free(tokens->top_ids);
    free(tokens->top_logprobs);
    *tokens = (tool_tokens){0};
}

firn_status tool_tokens_add(tool_tokens *tokens, const firn_model *model, int32_t id, const float *logits,
                            firn_error *error)
{
    const size_t at = tokens->count;
    if (at == tokens->capacity) {
        const size_t capacity = at == 0 ? 64 : 2 * at;
        if (!base_resize(&tokens->ids, capacity, sizeof *tokens->ids) ||
            !base_resize(&tokens->logprobs, capacity, sizeof *tokens->logprobs) ||
            !base_resize(&tokens->top_ids, capacity, tokens->n_top * sizeof *tokens->top_ids) ||
            !base_resize(&tokens->top_logprobs, capacity, tokens->n_top * sizeof *tokens->top_logprobs))
            return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                             "no memory for the log-probabilities of %zu tokens with %u alternatives each", capacity,
                             tokens->n_top);
        tokens->capacity = capacity;
    }
    tokens->ids[at] = id;
    tokens->logprobs[at] = NAN;
    if (logits != NULL)
        tokens->logprobs[at] = firn_logprobs(model, logits, id, tokens->n_top, tokens->top_ids + at * tokens->n_top,
                                             tokens->top_logprobs + at * tokens->n_top);
    tokens->count++;
    return FIRN_OK;
}

static void write_prediction(FILE *out, const tool_predictions *tokens, size_t at)
{
    if (tokens->logprobs == NULL || isnan(tokens->logprobs[at])) {
        fputs("\"logprob\":null,\"top\":null}", out);
        return;
    }
    fputs("\"logprob\":", out);
    tool_json_number(out, (double)tokens->logprobs[at], LOGPROB_DIGITS);
    if (tokens->shaped_logprobs != NULL) {
        fputs(",\"shaped_logprob\":", out);
        tool_json_number(out, (double)tokens->shaped_logprobs[at], LOGPROB_DIGITS);
    }
    fputs(",\"top\":[", out);
    for (uint32_t i = 0; i < tokens->n_top; i++) {
        const size_t entry = at * tokens->n_top + i;
        if (tokens->top_ids[entry] < 0)
            break;
        fprintf(out, "%s{\"id\":%d,\"logprob\":", i == 0 ? "" : ",", tokens->top_ids[entry]);
        tool_json_number(out, (double)tokens->top_logprobs[entry], LOGPROB_DIGITS);
        fputc('}', out);
    }
    fputs("]}", out);
}

tool_predictions tool_tokens_predictions(const tool_tokens *tokens)
{
    return (tool_predictions){.n_top = tokens->n_top,
                              .count = tokens->count,
                              .ids = tokens->ids,
                              .logprobs = tokens->logprobs,
                              .top_ids = tokens->top_ids,
                              .top_logprobs = tokens->top_logprobs};
}

tool_predictions tool_generated_predictions(const firn_generation *generation, uint32_t n_top)
{
    tool_predictions tokens = {.n_top = n_top};
    tokens.ids = firn_generation_ids(generation, &tokens.count);
    tokens.logprobs = firn_generation_logprobs(generation, &tokens.top_ids, &tokens.top_logprobs);
    tokens.shaped_logprobs = firn_generation_shaped_logprobs(generation);
    return tokens;
}

firn_status tool_predictions_json(FILE *out, const firn_model *model, tool_predictions tokens, firn_error *error)
{
    const size_t capacity = firn_token_longest(model);
    char *const bytes = malloc(capacity + 1);
    if (bytes == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a token of %zu bytes", capacity);
    fputc('[', out);
    for (size_t i = 0; i < tokens.count; i++) {
        const size_t length = firn_token_bytes(model, tokens.ids[i], true, bytes, capacity);
        fprintf(out, "%s\n{\"id\":%d,\"text\":", i == 0 ? "" : ",", tokens.ids[i]);
        tool_json_string(out, bytes, length);
        fputs(",\"bytes\":", out);
        tool_json_bytes(out, bytes, length);
        fputc(',', out);
        write_prediction(out, &tokens, i);
    }
    fputc(']', out);
    free(bytes);
    return FIRN_OK;
}
