/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/constraint_vocabulary.h"

#include "base/memory.h"
#include "base/utf8.h"

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

static bool is_plain(const firn_vocabulary *v, uint32_t id)
{
    return (eng_plain_mask(v, ENG_PLAIN_CHARACTERS)[id / 64] >> id % 64 & 1) != 0;
}

/* A token, or its end, in sorting order: the first bytes as a number decide most comparisons. */
enum { HEAD_BYTES = 8 };
typedef struct sorted_token {
    uint64_t head;
    int32_t id;
    uint32_t length : 13, skip : 13; /* bytes, and those of the token before them that are left out */
    uint32_t n_plain : 6;            /* characters that these have */
} sorted_token;

static base_slice text_of(const firn_vocabulary *v, sorted_token token)
{
    return (base_slice){eng_token_bytes(v, token.id).data + token.skip, token.length};
}

static sorted_token sorted_token_of(const firn_vocabulary *v, int32_t id, size_t n_plain, size_t skip)
{
    const base_slice all = eng_token_bytes(v, id), text = {all.data + skip, all.length - skip};
    uint64_t head = 0;
    for (size_t i = 0; i < HEAD_BYTES; i++)
        head = head << 8 | (i < text.length ? (uint8_t)text.data[i] : 0);
    return (sorted_token){head, id, (uint32_t)text.length & 0x1fff, (uint32_t)skip & 0x1fff, (uint32_t)n_plain & 0x3f};
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
static void merge_tokens(const firn_vocabulary *v, sorted_token *tokens, sorted_token *spare, size_t count)
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

/* Sorts by the first bytes, digit by digit; what is equal there stays in order. */
static void sort_by_heads(sorted_token *tokens, sorted_token *spare, size_t count)
{
    enum { PASSES = 6, BITS = 11, BINS = 1 << BITS };
    uint32_t starts[PASSES][BINS] = {{0}};
    for (size_t i = 0; i < count; i++)
        for (int pass = 0; pass < PASSES; pass++)
            starts[pass][tokens[i].head >> pass * BITS & (BINS - 1)]++;
    sorted_token *from = tokens, *to = spare;
    for (int pass = 0; pass < PASSES; pass++) {
        uint32_t sum = 0;
        for (size_t bin = 0; bin < BINS; bin++) {
            const uint32_t n = starts[pass][bin];
            starts[pass][bin] = sum;
            sum += n;
        }
        for (size_t i = 0; i < count; i++)
            to[starts[pass][from[i].head >> pass * BITS & (BINS - 1)]++] = from[i];
        sorted_token *const last = from;
        from = to;
        to = last;
    }
}

/* Sorts tokens; `spare` is as long. */
static void sort_tokens(const firn_vocabulary *v, sorted_token *tokens, sorted_token *spare, size_t count)
{
    sort_by_heads(tokens, spare, count);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && tokens[to].head == tokens[from].head;)
            to++;
        merge_tokens(v, tokens + from, spare, to - from);
    }
}

static uint8_t byte_of(const firn_vocabulary *v, sorted_token token, size_t i)
{
    return i < HEAD_BYTES ? (uint8_t)(token.head >> (8 * (HEAD_BYTES - 1 - i))) : (uint8_t)text_of(v, token).data[i];
}

/* Bytes that two tokens begin with both. */
static size_t shared_bytes(const firn_vocabulary *v, sorted_token a, sorted_token b)
{
    const size_t most = a.length < b.length ? a.length : b.length;
    size_t shared = a.head == b.head ? HEAD_BYTES : (size_t)__builtin_clzll(a.head ^ b.head) / 8;
    while (shared >= HEAD_BYTES && shared < most && byte_of(v, a, shared) == byte_of(v, b, shared))
        shared++;
    return shared < most ? shared : most;
}

/* A trie of sorted tokens. `open` holds the nodes on the way to the latest one, `longest` of them. */
static bool make_trie(const firn_vocabulary *v, const sorted_token *tokens, size_t count, uint32_t *open,
                      eng_trie *trie)
{
    size_t n_bytes = 0, depth = 0;
    for (size_t i = 0; i < count; i++)
        n_bytes += tokens[i].length;
    if (n_bytes >= UINT32_MAX)
        return false;
    trie->nodes = malloc((n_bytes + 1) * sizeof *trie->nodes);
    trie->tokens = malloc((count + 1) * sizeof *trie->tokens);
    if (trie->nodes == NULL || trie->tokens == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const size_t shared = i > 0 ? shared_bytes(v, tokens[i - 1], tokens[i]) : 0;
        while (depth > shared)
            trie->nodes[open[--depth]].after = trie->n_nodes;
        for (; depth < tokens[i].length; depth++) {
            open[depth] = trie->n_nodes;
            trie->nodes[trie->n_nodes++] =
                (eng_trie_node){.first = (uint32_t)i, .depth = (uint16_t)depth, .byte = byte_of(v, tokens[i], depth)};
        }
        trie->tokens[i] = tokens[i].id;
    }
    while (depth > 0)
        trie->nodes[open[--depth]].after = trie->n_nodes;
    trie->nodes[trie->n_nodes] = (eng_trie_node){.first = (uint32_t)count};
    eng_trie_node *const fitted = realloc(trie->nodes, (trie->n_nodes + (size_t)1) * sizeof *fitted);
    trie->nodes = fitted != NULL ? fitted : trie->nodes;
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
            tokens[n_others++] = sorted_token_of(v, (int32_t)id, 0, 0);
        else if (base_grow(&v->long_plain, &room, v->n_long_plain + 1, sizeof *v->long_plain))
            v->long_plain[v->n_long_plain++] = (eng_long_token){(int32_t)id, n_characters};
        else
            return false;
    }
    sort_tokens(v, tokens, spare, n_others);
    return make_trie(v, tokens, n_others, open, &v->long_other);
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
            if (v->kinds[id] == FIRN_TOKEN_TEXT && is_plain(v, id) == (plain == 1))
                tokens[count++] = sorted_token_of(v, (int32_t)id, 0, 0);
        sort_tokens(v, tokens, spare, count);
        made = make_trie(v, tokens, count, open, plain ? &v->plain : &v->other);
    }
    const size_t n_other = made ? v->other.nodes[v->other.n_nodes].first : 0;
    for (size_t i = 0; i < n_other; i++) {
        size_t skip;
        const size_t n_plain = leading_plain(eng_token_bytes(v, v->other.tokens[i]), &skip);
        tokens[i] = sorted_token_of(v, v->other.tokens[i], n_plain, skip);
    }
    if (made)
        sort_tokens(v, tokens, spare, n_other);
    for (size_t n_plain = 0; n_plain <= ENG_PLAIN_CHARACTERS && made; n_plain++) {
        size_t count = 0;
        for (size_t i = 0; i < n_other; i++)
            if (tokens[i].n_plain == n_plain)
                spare[count++] = tokens[i];
        made = make_trie(v, spare, count, open, &v->rests[n_plain]);
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
    size_t n_bytes;
    const size_t n_characters = leading_plain((base_slice){bytes, length}, &n_bytes);
    if (n_bytes == length)
        eng_plain_mask(v, n_characters)[id / 64] |= (uint64_t)1 << id % 64;
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
    v->long_mask = calloc(v->n_words + (size_t)1, sizeof *v->long_mask);
    v->plain_masks = calloc((v->n_words + (size_t)1) * (ENG_PLAIN_CHARACTERS + 1), sizeof *v->plain_masks);
    v->end_mask = calloc(v->n_words + (size_t)1, sizeof *v->end_mask);
    if (v->offsets == NULL || v->kinds == NULL || v->long_mask == NULL || v->plain_masks == NULL || v->end_mask == NULL)
        goto memory;
    for (uint32_t id = 0; id < n_tokens && status == FIRN_OK; id++)
        status = add_token(v, (int32_t)id, token, argument, &room, error);
    if (status != FIRN_OK)
        goto done;
    for (uint32_t i = v->n_words; i < (ENG_PLAIN_CHARACTERS + 1) * v->n_words; i++)
        v->plain_masks[i] |= v->plain_masks[i - v->n_words]; /* of so many characters, then of at most so many */
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

static void free_trie(eng_trie *trie)
{
    free(trie->nodes);
    free(trie->tokens);
}

void firn_vocabulary_release(firn_vocabulary *v)
{
    if (v == NULL || atomic_fetch_sub(&v->references, 1) != 1)
        return;
    free(v->bytes);
    free(v->offsets);
    free(v->kinds);
    free(v->long_mask);
    free(v->long_plain);
    free_trie(&v->long_other);
    for (size_t i = 0; i <= ENG_PLAIN_CHARACTERS; i++)
        free_trie(&v->rests[i]);
    free_trie(&v->plain);
    free_trie(&v->other);
    free(v->plain_masks);
    free(v->end_mask);
    free(v);
}
