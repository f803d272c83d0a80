/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging of a word's symbols by priority: rank of the merge (byte-level BPE) or score of the token that comes out
 * (SentencePiece BPE), the leftmost first among equals. A binary heap keeps it O(n log n).
 */
#include "tokenizer/internal.h"

#include <stdlib.h>

static void free_word(tok_merger *merger)
{
    free(merger->text);
    free(merger->symbols);
    free(merger->heap);
}

bool tok_merger_reserve(tok_merger *merger, size_t n_symbols)
{
    if (n_symbols < merger->capacity)
        return true;
    size_t capacity = merger->capacity ? merger->capacity : 64;
    while (capacity <= n_symbols)
        capacity *= 2;
    free_word(merger);
    merger->text = malloc(capacity * 4);
    merger->symbols = malloc(capacity * sizeof *merger->symbols);
    merger->heap = malloc(capacity * 2 * sizeof *merger->heap);
    merger->capacity = capacity;
    return merger->text && merger->symbols && merger->heap;
}

void tok_merger_free(tok_merger *merger)
{
    free_word(merger);
    free(merger->pairs);
    *merger = (tok_merger){0};
}

void tok_merger_remember(tok_merger *merger, size_t n_pairs)
{
    merger->pairs = calloc(n_pairs, sizeof *merger->pairs); /* without memory for it we are slower, no more */
    merger->pair_mask = n_pairs - 1;
}

/* Maps scores to keys that rise as scores fall. */
static uint32_t key_of_score(float score)
{
    uint32_t bits;
    score += 0.0F; /* makes one zero of the two */
    memcpy(&bits, &score, sizeof bits);
    const uint32_t rising = bits & 0x80000000U ? ~bits : bits | 0x80000000U;
    return rising == 0 ? UINT32_MAX - 1 : ~rising;
}

/* Looks up what the two symbols of the text `both` make, the first being `left` bytes long. */
static tok_pair look_up(const tok_tokenizer *tokenizer, base_slice both, uint32_t left)
{
    tok_pair pair = {.key = UINT32_MAX, .id = TOK_NONE};
    if (both.length > tokenizer->longest)
        return pair;
    pair.id = tok_find_hashed(tokenizer, both, tok_hash(both.data, both.length));
    if (pair.id == TOK_NONE)
        return pair;
    if (tokenizer->config.kind == TOK_SENTENCE_BPE)
        pair.key = key_of_score(tokenizer->config.scores[pair.id]);
    else
        pair.key = *tok_merge_place(tokenizer, (uint32_t)pair.id, left) - 1;
    return pair;
}

static uint64_t ids_of(const tok_symbol *left, const tok_symbol *right)
{
    return ((uint64_t)(uint32_t)left->id << 32 | (uint32_t)right->id) + 1;
}

static tok_pair *pair_place(const tok_merger *merger, uint64_t ids)
{
    return &merger->pairs[tok_hash_mix(0, ids) & merger->pair_mask];
}

/* Finds the merge of a symbol with the next one: what two tokens make depends on nothing else, and is remembered. */
static void find_pair(const tok_tokenizer *tokenizer, tok_merger *merger, uint32_t left)
{
    tok_symbol *const symbol = &merger->symbols[left];
    symbol->pair_key = UINT32_MAX;
    if (symbol->next == merger->n_symbols)
        return;
    const tok_symbol *const right = &merger->symbols[symbol->next];
    const bool known = merger->pairs && symbol->id != TOK_NONE && right->id != TOK_NONE;
    const uint64_t ids = ids_of(symbol, right);
    tok_pair *const remembered = known ? pair_place(merger, ids) : NULL;
    tok_pair pair;
    if (remembered && remembered->ids == ids) {
        pair = *remembered;
    } else {
        const uint32_t start = symbol->start, end = merger->symbols[right->next].start;
        pair = look_up(tokenizer, (base_slice){merger->text + start, end - start}, right->start - start);
        pair.ids = ids;
        if (remembered)
            *remembered = pair;
    }
    symbol->pair_id = pair.id;
    symbol->pair_key = pair.key;
}

static uint64_t entry_of(const tok_merger *merger, uint32_t index)
{
    return (uint64_t)merger->symbols[index].pair_key << 32 | index;
}

/* Merges a symbol with the next one. */
static void merge_pair(const tok_tokenizer *tokenizer, tok_merger *merger, uint32_t left)
{
    tok_symbol *const symbols = merger->symbols;
    const uint32_t right = symbols[left].next;
    symbols[left].id = symbols[left].pair_id;
    symbols[left].next = symbols[right].next;
    symbols[right].pair_key = UINT32_MAX;
    if (symbols[left].next < merger->n_symbols)
        symbols[symbols[left].next].previous = left;
    find_pair(tokenizer, merger, left);
    if (symbols[left].previous < merger->n_symbols)
        find_pair(tokenizer, merger, symbols[left].previous);
}

static void heap_push(uint64_t *heap, size_t *count, uint64_t entry)
{
    if (entry >> 32 == UINT32_MAX)
        return;
    size_t at = (*count)++;
    for (; at > 0 && heap[(at - 1) / 2] > entry; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = entry;
}

static uint64_t heap_pop(uint64_t *heap, size_t *count)
{
    const uint64_t least = heap[0];
    const uint64_t entry = heap[--*count];
    size_t at = 0;
    for (size_t child = 1; child < *count; child = 2 * at + 1) {
        if (child + 1 < *count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= entry)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = entry;
    return least;
}

static void merge_many(const tok_tokenizer *tokenizer, tok_merger *merger)
{
    uint64_t *const heap = merger->heap;
    size_t count = 0;
    for (uint32_t i = 0; i < merger->n_symbols; i++)
        heap_push(heap, &count, entry_of(merger, i));
    while (count > 0) {
        const uint64_t entry = heap_pop(heap, &count);
        const uint32_t left = (uint32_t)entry;
        if (entry != entry_of(merger, left))
            continue; /* it or its neighbour has been merged with another since */
        merge_pair(tokenizer, merger, left);
        heap_push(heap, &count, entry_of(merger, left));
        if (merger->symbols[left].previous < merger->n_symbols)
            heap_push(heap, &count, entry_of(merger, merger->symbols[left].previous));
    }
}

/* Of so few symbols the least entry is found more quickly by looking at all of them. */
enum { FEW = 64 };

static void merge_few(const tok_tokenizer *tokenizer, tok_merger *merger)
{
    uint64_t entries[FEW + 3];
    const uint32_t n = merger->n_symbols;
    for (uint32_t i = 0; i < n; i++)
        entries[i] = entry_of(merger, i);
    entries[n] = entries[n + 1] = entries[n + 2] = UINT64_MAX;
    for (;;) {
        uint64_t least[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
        for (uint32_t i = 0; i < n; i += 4) {
            for (uint32_t lane = 0; lane < 4; lane++)
                least[lane] = entries[i + lane] < least[lane] ? entries[i + lane] : least[lane];
        }
        const uint64_t even = least[0] < least[2] ? least[0] : least[2];
        const uint64_t odd = least[1] < least[3] ? least[1] : least[3];
        const uint64_t entry = even < odd ? even : odd;
        if (entry >> 32 == UINT32_MAX)
            return;
        const uint32_t left = (uint32_t)entry;
        entries[merger->symbols[left].next] = UINT64_MAX;
        merge_pair(tokenizer, merger, left);
        entries[left] = entry_of(merger, left);
        if (merger->symbols[left].previous < n)
            entries[merger->symbols[left].previous] = entry_of(merger, merger->symbols[left].previous);
    }
}

void tok_merge(const tok_tokenizer *tokenizer, tok_merger *merger)
{
    tok_symbol *const symbols = merger->symbols;
    const uint32_t n = merger->n_symbols;
    symbols[n].start = merger->text_length;
    for (uint32_t i = 0; i < n; i++) {
        symbols[i].previous = i - 1; /* UINT32_MAX for the first */
        symbols[i].next = i + 1;
    }
    for (uint32_t i = 0; merger->pairs && i + 1 < n; i++)
        __builtin_prefetch(pair_place(merger, ids_of(&symbols[i], &symbols[i + 1])));
    for (uint32_t i = 0; i < n; i++)
        find_pair(tokenizer, merger, i);
    if (n <= FEW)
        merge_few(tokenizer, merger);
    else
        merge_many(tokenizer, merger);
}
