/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/constraint_vocabulary.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "engine/constraint_automaton.h"

#include <stdlib.h>

enum { LONGEST_TOKEN = 4096 };

/* Plain characters that a text begins with, at most ENG_PLAIN_CHARACTERS, and the bytes that they take. */
static size_t leading_plain(base_slice text, size_t *n_bytes)
{
    size_t n_characters = 0;
    *n_bytes = 0;
    while (*n_bytes < text.length && n_characters < ENG_PLAIN_CHARACTERS) {
        uint32_t character;
        const size_t bytes = base_utf8_decode(text.data + *n_bytes, text.length - *n_bytes, &character);
        if (bytes == 0 || character < 0x20 || character == '"' || character == '\\')
            break;
        *n_bytes += bytes;
        n_characters++;
    }
    return n_characters;
}

static bool is_plain(base_slice text)
{
    size_t n_bytes;
    leading_plain(text, &n_bytes);
    return n_bytes == text.length;
}

/* A token, or its end, in sorting order: the first bytes as a number decide most comparisons. */
typedef struct sorted_token {
    uint64_t head;
    int32_t id;
    uint32_t skip; /* bytes of the token that are left out */
} sorted_token;

static base_slice text_of(const firn_vocabulary *v, sorted_token token)
{
    const base_slice text = eng_token_bytes(v, token.id);
    return (base_slice){text.data + token.skip, text.length - token.skip};
}

static sorted_token sorted_token_of(const firn_vocabulary *v, int32_t id, size_t skip)
{
    const base_slice text = text_of(v, (sorted_token){0, id, (uint32_t)skip});
    uint64_t head = 0;
    for (size_t i = 0; i < 8; i++)
        head = head << 8 | (i < text.length ? (uint8_t)text.data[i] : 0);
    return (sorted_token){head, id, (uint32_t)skip};
}

static bool comes_after(const firn_vocabulary *v, sorted_token a, sorted_token b)
{
    if (a.head != b.head)
        return a.head > b.head;
    const base_slice x = text_of(v, a), y = text_of(v, b);
    const int order = memcmp(x.data, y.data, x.length < y.length ? x.length : y.length);
    if (order != 0 || x.length != y.length)
        return order > 0 || (order == 0 && x.length > y.length);
    return a.id > b.id;
}

/* Merge sort, which needs no recursion and no state but its arguments; `spare` is as long. */
static void sort_tokens(const firn_vocabulary *v, sorted_token *tokens, sorted_token *spare, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t from = 0; from < count; from += 2 * width) {
            const size_t middle = from + width < count ? from + width : count;
            const size_t to = from + 2 * width < count ? from + 2 * width : count;
            size_t left = from, right = middle;
            for (size_t i = from; i < to; i++) {
                const bool take_right = left == middle || (right < to && comes_after(v, tokens[left], tokens[right]));
                spare[i] = tokens[take_right ? right++ : left++];
            }
        }
        memcpy(tokens, spare, count * sizeof *tokens);
    }
}

/* A trie of sorted tokens. `open` holds the nodes on the way to the latest one, `longest` of them. */
static bool make_trie(const firn_vocabulary *v, const sorted_token *tokens, size_t count, uint32_t *open, int32_t *same,
                      eng_trie *trie)
{
    size_t n_bytes = 0, depth = 0;
    for (size_t i = 0; i < count; i++)
        n_bytes += text_of(v, tokens[i]).length;
    if (n_bytes >= UINT32_MAX)
        return false;
    trie->nodes = malloc((n_bytes + 1) * sizeof *trie->nodes);
    if (trie->nodes == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const base_slice text = text_of(v, tokens[i]);
        size_t shared = 0;
        while (shared < depth && shared < text.length && trie->nodes[open[shared]].byte == (uint8_t)text.data[shared])
            shared++;
        while (depth > shared)
            trie->nodes[open[--depth]].after = trie->n_nodes;
        for (; depth < text.length; depth++) {
            open[depth] = trie->n_nodes;
            trie->nodes[trie->n_nodes++] =
                (eng_trie_node){.token = -1, .depth = (uint16_t)depth, .byte = (uint8_t)text.data[depth]};
        }
        eng_trie_node *const last = &trie->nodes[open[depth - 1]];
        same[tokens[i].id] = last->token;
        last->token = tokens[i].id;
    }
    while (depth > 0)
        trie->nodes[open[--depth]].after = trie->n_nodes;
    eng_trie_node *const fitted = realloc(trie->nodes, (trie->n_nodes + (size_t)1) * sizeof *fitted);
    if (fitted != NULL)
        trie->nodes = fitted;
    return true;
}

/* How many characters a text of plain ones has; 0 where there are others. */
static uint32_t count_plain(base_slice text)
{
    uint32_t n_characters = 0;
    while (text.length > 0) {
        size_t n_bytes;
        const size_t n = leading_plain(text, &n_bytes);
        if (n == 0)
            return 0;
        n_characters += (uint32_t)n;
        text = (base_slice){text.data + n_bytes, text.length - n_bytes};
    }
    return n_characters;
}

static bool make_long(firn_vocabulary *v, sorted_token *tokens, sorted_token *spare, uint32_t *open)
{
    size_t room = 0, n_others = 0;
    for (uint32_t id = 0; id < v->n_tokens; id++) {
        const base_slice text = eng_token_bytes(v, (int32_t)id);
        if (text.length <= ENG_ALIKE_BYTES)
            continue;
        v->long_mask[id / 64] |= (uint64_t)1 << id % 64;
        const uint32_t n_characters = count_plain(text);
        if (n_characters == 0)
            tokens[n_others++] = sorted_token_of(v, (int32_t)id, 0);
        else if (base_grow(&v->long_plain, &room, v->n_long_plain + 1, sizeof *v->long_plain))
            v->long_plain[v->n_long_plain++] = (eng_long_token){(int32_t)id, n_characters};
        else
            return false;
    }
    sort_tokens(v, tokens, spare, n_others);
    return make_trie(v, tokens, n_others, open, v->same_long, &v->long_other);
}

static bool make_tries(firn_vocabulary *v)
{
    sorted_token *const tokens = malloc((v->n_tokens + (size_t)1) * sizeof *tokens);
    sorted_token *const spare = malloc((v->n_tokens + (size_t)1) * sizeof *spare);
    uint32_t *const open = malloc((v->longest + 1) * sizeof *open);
    bool made = tokens != NULL && spare != NULL && open != NULL;
    for (int plain = 0; plain < 2 && made; plain++) {
        size_t count = 0;
        for (uint32_t id = 0; id < v->n_tokens; id++)
            if (v->kinds[id] == FIRN_TOKEN_TEXT && (v->plain_mask[id / 64] >> id % 64 & 1) == (uint64_t)plain)
                tokens[count++] = sorted_token_of(v, (int32_t)id, 0);
        sort_tokens(v, tokens, spare, count);
        made = make_trie(v, tokens, count, open, v->same, plain ? &v->plain : &v->other);
    }
    for (size_t n_plain = 0; n_plain <= ENG_PLAIN_CHARACTERS && made; n_plain++) {
        size_t count = 0, skip;
        for (uint32_t id = 0; id < v->n_tokens; id++)
            if (v->kinds[id] == FIRN_TOKEN_TEXT && (v->plain_mask[id / 64] >> id % 64 & 1) == 0 &&
                leading_plain(eng_token_bytes(v, (int32_t)id), &skip) == n_plain)
                tokens[count++] = sorted_token_of(v, (int32_t)id, skip);
        sort_tokens(v, tokens, spare, count);
        made = make_trie(v, tokens, count, open, v->same_rest, &v->rests[n_plain]);
    }
    made = made && make_long(v, tokens, spare, open);
    free(tokens);
    free(spare);
    free(open);
    return made;
}

static firn_status add_token(firn_vocabulary *v, int32_t id, firn_token_callback token, void *argument, size_t *room,
                             firn_error *error)
{
    const char *bytes = NULL;
    size_t length = 0, at = v->offsets[id];
    firn_token_kind kind = token(argument, id, &bytes, &length);
    if (kind != FIRN_TOKEN_TEXT || length == 0) {
        if (kind == FIRN_TOKEN_ENDS)
            v->end_mask[id / 64] |= (uint64_t)1 << id % 64;
        v->kinds[id] = (uint8_t)(kind == FIRN_TOKEN_TEXT ? FIRN_TOKEN_NEVER : kind);
        v->offsets[id + 1] = at;
        return FIRN_OK;
    }
    if (length > LONGEST_TOKEN)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "token %d has %zu bytes, but the limit is %d", id,
                         length, LONGEST_TOKEN);
    if (!base_grow(&v->bytes, room, at + length, 1))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the tokens' bytes");
    memcpy(v->bytes + at, bytes, length);
    v->kinds[id] = FIRN_TOKEN_TEXT;
    v->offsets[id + 1] = at + length;
    if (length > v->longest)
        v->longest = length;
    if (is_plain((base_slice){bytes, length}))
        v->plain_mask[id / 64] |= (uint64_t)1 << id % 64;
    return FIRN_OK;
}

firn_status firn_vocabulary_create(uint32_t n_tokens, firn_token_callback token, void *argument, firn_vocabulary **out,
                                   firn_error *error)
{
    firn_status status = FIRN_OK;
    size_t room = 0;
    *out = NULL;
    if (n_tokens > INT32_MAX)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "%u tokens, but there can be %d", n_tokens,
                         INT32_MAX);
    firn_vocabulary *v = calloc(1, sizeof *v);
    if (v == NULL)
        goto memory;
    atomic_init(&v->references, 1);
    v->n_tokens = n_tokens;
    v->n_words = n_tokens / 64 + (n_tokens % 64 != 0);
    v->offsets = calloc(n_tokens + (size_t)1, sizeof *v->offsets);
    v->kinds = calloc(n_tokens + (size_t)1, 1);
    v->same = malloc((n_tokens + (size_t)1) * sizeof *v->same);
    v->same_rest = malloc((n_tokens + (size_t)1) * sizeof *v->same_rest);
    v->same_long = malloc((n_tokens + (size_t)1) * sizeof *v->same_long);
    v->long_mask = calloc(v->n_words + (size_t)1, sizeof *v->long_mask);
    v->plain_mask = calloc(v->n_words + (size_t)1, sizeof *v->plain_mask);
    v->end_mask = calloc(v->n_words + (size_t)1, sizeof *v->end_mask);
    if (v->offsets == NULL || v->kinds == NULL || v->same == NULL || v->same_rest == NULL || v->same_long == NULL ||
        v->long_mask == NULL || v->plain_mask == NULL || v->end_mask == NULL)
        goto memory;
    for (uint32_t id = 0; id < n_tokens && status == FIRN_OK; id++)
        status = add_token(v, (int32_t)id, token, argument, &room, error);
    if (status != FIRN_OK)
        goto done;
    if (make_tries(v)) {
        *out = v;
        return FIRN_OK;
    }
memory:
    status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a vocabulary of %u tokens", n_tokens);
done:
    firn_vocabulary_release(v);
    return status;
}

void firn_vocabulary_release(firn_vocabulary *v)
{
    if (v == NULL || atomic_fetch_sub(&v->references, 1) != 1)
        return;
    free(v->bytes);
    free(v->offsets);
    free(v->kinds);
    free(v->same);
    free(v->same_rest);
    free(v->same_long);
    free(v->long_mask);
    free(v->long_plain);
    free(v->long_other.nodes);
    for (size_t i = 0; i <= ENG_PLAIN_CHARACTERS; i++)
        free(v->rests[i].nodes);
    free(v->plain.nodes);
    free(v->other.nodes);
    free(v->plain_mask);
    free(v->end_mask);
    free(v);
}
