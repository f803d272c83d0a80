/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/generation_text.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>

void eng_answer_free(eng_answer *answer)
{
    free(answer->text);
    free(answer->ids);
    free(answer->starts);
    *answer = (eng_answer){0};
}

bool eng_answer_reserve(eng_answer *answer, size_t n_tokens, size_t n_bytes)
{
    if (n_bytes > answer->capacity) {
        if (!base_resize(&answer->text, n_bytes, 1))
            return false;
        answer->capacity = n_bytes;
    }
    if (n_tokens > answer->token_capacity) {
        if (!base_resize(&answer->ids, n_tokens, sizeof *answer->ids) ||
            !base_resize(&answer->starts, n_tokens, sizeof *answer->starts))
            return false;
        answer->token_capacity = n_tokens;
    }
    return true;
}

/* The token that the byte belongs to. */
static size_t token_at(const eng_answer *answer, size_t byte)
{
    size_t token = answer->n_tokens;
    while (token > 0 && answer->starts[token - 1] > byte)
        token--;
    return token > 0 ? token - 1 : 0;
}

static bool is_stop_id(const firn_generation_parameters *parameters, int32_t id)
{
    firn_list_entry entry;
    for (size_t i = 0; firn_list_at(&parameters->stop_token_ids, i, &entry); i++)
        if (entry.id == id)
            return true;
    return false;
}

static void take_back(eng_answer *answer, size_t token)
{
    answer->n_tokens = token;
    answer->length = answer->starts[token];
}

void eng_answer_rewind(eng_answer *answer, size_t n_keep)
{
    if (n_keep < answer->n_tokens)
        take_back(answer, n_keep);
    answer->clean = answer->shown = 0; /* found again with the next token */
}

/*
 * Where the part ends that nothing can be taken back of. A banned string may begin at `from`; the tokens from there on
 * may be taken back, and then what comes instead may make one of the bytes before them.
 */
static size_t end_of_clean(const eng_answer *answer, const firn_generation_parameters *parameters, size_t from)
{
    size_t end = answer->length;
    bool found;
    while (from < end) {
        end = answer->starts[token_at(answer, from)];
        from = firn_find_texts(&parameters->banned_strings, answer->text, end, answer->clean, &found);
    }
    return end;
}

/* Looks at what the newest bytes came to. */
static eng_answer_event look(eng_answer *answer, const firn_generation_parameters *parameters, int32_t *banned)
{
    bool found;
    const size_t from =
        firn_find_texts(&parameters->banned_strings, answer->text, answer->length, answer->clean, &found);
    if (found) {
        const size_t token = token_at(answer, from);
        *banned = answer->ids[token];
        take_back(answer, token);
        return ENG_ANSWER_REWINDS;
    }
    answer->clean = end_of_clean(answer, parameters, from);
    size_t shown = firn_find_texts(&parameters->stop, answer->text, answer->length, answer->shown, &found);
    if (found) {
        answer->length = answer->shown = shown;
        return ENG_ANSWER_STOPS;
    }
    shown = shown < answer->clean ? shown : answer->clean;
    const size_t whole = base_utf8_whole(answer->text, shown);
    answer->shown = whole > answer->shown ? whole : answer->shown;
    return ENG_ANSWER_GOES_ON;
}

firn_status eng_answer_add(eng_answer *answer, const firn_model *model, const firn_generation_parameters *parameters,
                           int32_t id, eng_answer_event *event, int32_t *banned, firn_error *error)
{
    const size_t longest = firn_token_longest(model);
    const bool full = answer->n_tokens == answer->token_capacity || answer->capacity - answer->length < longest;
    if (full && !eng_answer_reserve(answer, 2 * answer->n_tokens + 64, 2 * answer->length + longest))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a text of %zu bytes", answer->length);
    answer->ids[answer->n_tokens] = id;
    answer->starts[answer->n_tokens++] = answer->length;
    if (is_stop_id(parameters, id)) {
        *event = ENG_ANSWER_STOPS;
        return FIRN_OK;
    }
    if (!firn_token_ends_text(model, id))
        answer->length +=
            firn_token_bytes(model, id, false, answer->text + answer->length, answer->capacity - answer->length);
    *event = look(answer, parameters, banned);
    return FIRN_OK;
}
