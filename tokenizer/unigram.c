/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unigram vocabularies of SentencePiece: the text is normalised by the checkpoint's table of replacements, then cut
 * so that the sum of the tokens' scores, which are log probabilities, is the greatest (Viterbi).
 */
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

#include <float.h>
#include <stdlib.h>

/*
 * The table is a double array of 32-bit units, a trie over bytes: the unit of a node holds its label (bits 0-7 and 31),
 * whether a text ends there (8), and the distance to its children (10-30, times 256 if bit 9). Where a text ends, its
 * first child's unit holds the offset of the replacement, which a zero ends.
 */
firn_status tok_replacements_read(base_slice map, tok_replacements *out, firn_error *error)
{
    *out = (tok_replacements){0};
    if (map.length == 0)
        return FIRN_OK;
    uint32_t bytes = 0;
    if (map.length >= 4)
        memcpy(&bytes, map.data, 4);
    if (map.length < 4 || bytes % 4 != 0 || bytes > map.length - 4)
        return base_fail(error, FIRN_ERROR_FORMAT, 0,
                         "vocabulary: the table of replacements has %zu bytes, fewer than its header's %u, or no "
                         "whole units",
                         map.length, bytes);
    out->units = map.data + 4;
    out->n_units = bytes / 4;
    out->texts = (base_slice){map.data + 4 + bytes, map.length - 4 - bytes};
    if (out->texts.length == 0 || out->texts.data[out->texts.length - 1] != '\0')
        return base_fail(error, FIRN_ERROR_FORMAT, map.length,
                         "vocabulary: the last replacement text in the table has no end");
    return FIRN_OK;
}

/* The bytes at the start of `text` that are replaced, and their replacement; 0: none are. */
static size_t find_replacement(const tok_replacements *map, base_slice text, base_slice *replacement)
{
    size_t matched = 0;
    uint32_t node = 0, unit;
    for (size_t i = 0; i <= text.length && node < map->n_units; i++) {
        memcpy(&unit, map->units + (size_t)node * 4, 4);
        if (i > 0 && (unit & 0x800000FFU) != (unsigned char)text.data[i - 1])
            break;
        const uint32_t children = node ^ (unit >> 10) << ((unit & 1U << 9) >> 6);
        if ((unit >> 8 & 1) != 0 && children < map->n_units) {
            uint32_t offset;
            memcpy(&offset, map->units + (size_t)children * 4, 4);
            offset &= 0x7FFFFFFFU;
            if (i > 0 && offset < map->texts.length) {
                matched = i;
                *replacement = base_slice_from(map->texts.data + offset);
            }
        }
        if (i == text.length || text.data[i] == '\0')
            break;
        node = children ^ (unsigned char)text.data[i];
    }
    return matched;
}

typedef struct normalised {
    char *text;
    size_t length, capacity;
    bool begun, in_word; /* a word has begun; the last byte is one's */
} normalised;

static bool append(normalised *out, const char *text, size_t length)
{
    if (out->length + length > out->capacity) {
        const size_t capacity = 2 * (out->length + length);
        char *const grown = capacity < UINT32_MAX ? realloc(out->text, capacity) : NULL;
        if (!grown)
            return false;
        out->text = grown;
        out->capacity = capacity;
    }
    memcpy(out->text + out->length, text, length);
    out->length += length;
    return true;
}

/* Appends bytes with spaces as their symbol: one before the first word, and, if extra ones go, one before each. */
static bool append_spaced(const tok_tokenizer *tokenizer, normalised *out, base_slice piece)
{
    const bool remove = tokenizer->config.remove_extra_spaces;
    for (size_t i = 0; i < piece.length; i++) {
        const bool space = piece.data[i] == ' ';
        const bool wanted = out->begun ? remove : tokenizer->config.add_space_prefix;
        const bool begins = !space && !out->in_word;
        if (((begins && wanted) || (space && !remove)) && !append(out, TOK_SPACE_SYMBOL, 3))
            return false;
        if (!space && !append(out, &piece.data[i], 1))
            return false;
        out->begun = out->begun || begins;
        out->in_word = !space;
    }
    return true;
}

static bool normalise(const tok_tokenizer *tokenizer, base_slice text, normalised *out)
{
    for (size_t i = 0; i < text.length;) {
        const base_slice rest = {text.data + i, text.length - i};
        base_slice piece = {0};
        size_t used = find_replacement(&tokenizer->replacements, rest, &piece);
        if (used == 0) {
            const tok_character c = tok_character_at(rest.data, rest.data + rest.length);
            used = c.length;
            piece = c.length == 1 && c.code >= 0x80 ? base_slice_from("\xEF\xBF\xBD") : (base_slice){rest.data, used};
        }
        if (!append_spaced(tokenizer, out, piece))
            return false;
        i += used;
    }
    return true;
}

/* The best way to a place in the text: its last token and where that begins. */
typedef struct step {
    double score;
    int32_t id; /* TOK_NONE: a character that no token has */
    uint32_t start;
} step;

static void improve(step *to, double score, int32_t id, size_t start)
{
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
            improve(&steps[at + length], steps[at].score + score, id, at);
            whole = whole || length == character;
        }
        if (!whole)
            improve(&steps[at + character], steps[at].score + tokenizer->unknown_score, TOK_NONE, at);
        at += character;
    }
}

bool tok_unigram_encode(const tok_tokenizer *tokenizer, base_slice text, bool (*push)(void *, int32_t, base_slice),
                        void *receiver)
{
    normalised out = {0};
    step *steps = NULL;
    bool done = normalise(tokenizer, text, &out);
    if (done && out.length > 0)
        done = (steps = malloc((out.length + 1) * sizeof *steps)) != NULL;
    if (done && out.length > 0) {
        find_best_steps(tokenizer, (base_slice){out.text, out.length}, steps);
        /* Turns the links around, so that steps[i].start is where the token that begins at i ends. */
        uint32_t end = (uint32_t)out.length, next = end;
        int32_t id = TOK_NONE;
        while (end > 0) {
            const step last = steps[end];
            steps[end].start = next;
            steps[end].id = id;
            id = last.id;
            next = end;
            end = last.start;
        }
        steps[0] = (step){.id = id, .start = next};
        for (uint32_t at = 0; done && at < out.length; at = steps[at].start)
            done = push(receiver, steps[at].id, (base_slice){out.text + at, steps[at].start - at});
    }
    free(steps);
    free(out.text);
    return done;
}
