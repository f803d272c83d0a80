/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unigram vocabularies of SentencePiece: the text is normalised by the checkpoint's table of replacements, then cut
 * so that the sum of the tokens' scores, which are log probabilities, is the greatest (Viterbi).
 */
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

#include <float.h>
#include <stdlib.h>

/* What has been written so far. */
typedef struct spacing {
    bool begun, in_word; /* a word has begun; the last byte is one's */
} spacing;

/* Appends bytes with spaces as their symbol: one before the first word, and, if extra ones go, one before each. */
static bool append_spaced(const tok_tokenizer *tokenizer, spacing *state, tok_buffer *out, base_slice piece)
{
    const bool remove = tokenizer->config.remove_extra_spaces;
    for (size_t i = 0; i < piece.length; i++) {
        const bool space = piece.data[i] == ' ';
        const bool wanted = state->begun ? remove : tokenizer->config.add_space_prefix;
        const bool begins = !space && !state->in_word;
        if (((begins && wanted) || (space && !remove)) && !tok_append(out, TOK_SPACE_SYMBOL, 3))
            return false;
        if (!space && !tok_append(out, &piece.data[i], 1))
            return false;
        state->begun = state->begun || begins;
        state->in_word = !space;
    }
    return true;
}

bool tok_normalise_sentence(const tok_tokenizer *tokenizer, base_slice text, tok_buffer *out)
{
    spacing state = {0};
    while (text.length > 0) {
        base_slice piece;
        const size_t used = tok_replacement_at(&tokenizer->replacements, text, &piece);
        if (!append_spaced(tokenizer, &state, out, piece))
            return false;
        text = (base_slice){text.data + used, text.length - used};
    }
    /* and none that the text itself wrote as the symbol */
    while (tokenizer->config.remove_extra_spaces && out->length >= 3 &&
           memcmp(out->data + out->length - 3, TOK_SPACE_SYMBOL, 3) == 0)
        out->length -= 3;
    return true;
}

/* The best way to a place in the text: its last token and where that begins. */
typedef struct step {
    double score;
    int32_t id; /* TOK_NONE: a character that no token has */
    uint32_t start;
} step;

/* SentencePiece adds up in single precision, which decides between ways that are as good; other libraries don't. */
static void improve(const tok_tokenizer *tokenizer, step *to, double sum, int32_t id, size_t start)
{
    const double score = tokenizer->pipeline ? sum : (double)(float)sum;
    if (score > to->score)
        *to = (step){score, id, (uint32_t)start};
}

/* Fills steps[1] to steps[length]. */
static void find_best_steps(const tok_tokenizer *tokenizer, base_slice text, step *steps)
{
    for (size_t i = 1; i <= text.length; i++)
        steps[i] = (step){.score = -DBL_MAX, .id = TOK_NONE};
    steps[0] = (step){.id = TOK_NONE};
    const char *const end = text.data + text.length;
    for (size_t at = 0; at < text.length;) {
        const uint32_t character = tok_character_at(text.data + at, end).length;
        const uint64_t *const lengths = tokenizer->lengths[(unsigned char)text.data[at]];
        bool whole = false;
        for (size_t length = 1; length <= TOK_LONGEST_SPECIAL && length <= text.length - at; length++) {
            if (!tok_set_has(lengths, (unsigned)length))
                continue;
            const int32_t id = tok_find(tokenizer, (base_slice){text.data + at, length});
            if (id == TOK_NONE)
                continue;
            const tok_type type = tok_type_of(tokenizer, (uint32_t)id);
            if (type == TOK_TYPE_CONTROL || type == TOK_TYPE_UNKNOWN || type == TOK_TYPE_BYTE)
                continue;
            const double score = type == TOK_TYPE_USER_DEFINED ? 0.0 : (double)tokenizer->config.scores[id];
            improve(tokenizer, &steps[at + length], steps[at].score + score, id, at);
            whole = whole || length == character;
        }
        if (!whole)
            improve(tokenizer, &steps[at + character], steps[at].score + tokenizer->unknown_score, TOK_NONE, at);
        at += character;
    }
}

bool tok_unigram_encode(const tok_tokenizer *tokenizer, base_slice text, bool (*push)(void *, int32_t, base_slice),
                        void *receiver)
{
    if (text.length == 0)
        return true;
    step *const steps = malloc((text.length + 1) * sizeof *steps);
    bool done = steps != NULL;
    if (done)
        find_best_steps(tokenizer, text, steps);
    /* Turns the links around, so that steps[i].start is where the token that begins at i ends. */
    uint32_t end = done ? (uint32_t)text.length : 0, next = end;
    int32_t id = TOK_NONE;
    while (end > 0) {
        const step last = steps[end];
        steps[end].start = next;
        steps[end].id = id;
        id = last.id;
        next = end;
        end = last.start;
    }
    if (done)
        steps[0] = (step){.id = id, .start = next};
    for (uint32_t at = 0; done && at < text.length; at = steps[at].start)
        done = push(receiver, steps[at].id, (base_slice){text.data + at, steps[at].start - at});
    free(steps);
    return done;
}
