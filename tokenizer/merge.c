/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging of a word's symbols by priority: rank of the merge (byte-level BPE) or score of the token that comes out
 * (SentencePiece BPE), the leftmost first among equals. A binary heap keeps it O(n log n).
 */
#include "tokenizer/internal.h"

#include <stdlib.h>

bool tok_merger_reserve(tok_merger *merger, size_t n_symbols)
{
    if (n_symbols < merger->capacity)
        return true;
    size_t capacity = merger->capacity ? merger->capacity : 64;
    while (capacity <= n_symbols)
        capacity *= 2;
    tok_merger_free(merger);
    merger->text = malloc(capacity * 4);
    merger->symbols = malloc(capacity * sizeof *merger->symbols);
    merger->heap = malloc(capacity * 2 * sizeof *merger->heap);
    merger->capacity = capacity;
    return merger->text && merger->symbols && merger->heap;
}

void tok_merger_free(tok_merger *merger)
{
    free(merger->text);
    free(merger->symbols);
    free(merger->heap);
    *merger = (tok_merger){0};
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

/* Looks up the merge of a symbol with the next one, and puts it on the heap. */
static void find_pair(const tok_tokenizer *tokenizer, tok_merger *merger, uint32_t left, size_t *heap_count)
{
    tok_symbol *const symbol = &merger->symbols[left];
    symbol->pair_key = UINT32_MAX;
    if (symbol->next == merger->n_symbols)
        return;
    const uint32_t middle = merger->symbols[symbol->next].start;
    const uint32_t end = merger->symbols[merger->symbols[symbol->next].next].start;
    if (end - symbol->start > tokenizer->longest)
        return;
    const base_slice both = {merger->text + symbol->start, end - symbol->start};
    symbol->pair_id = tok_find_hashed(tokenizer, both, tok_hash(both.data, both.length));
    if (symbol->pair_id == TOK_NONE)
        return;
    if (tokenizer->config.kind == TOK_SENTENCE_BPE)
        symbol->pair_key = key_of_score(tokenizer->config.scores[symbol->pair_id]);
    else
        symbol->pair_key = *tok_merge_place(tokenizer, (uint32_t)symbol->pair_id, middle - symbol->start) - 1;
    if (symbol->pair_key == UINT32_MAX)
        return;
    uint64_t *const heap = merger->heap;
    const uint64_t entry = (uint64_t)symbol->pair_key << 32 | left;
    size_t at = (*heap_count)++;
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

void tok_merge(const tok_tokenizer *tokenizer, tok_merger *merger)
{
    tok_symbol *const symbols = merger->symbols;
    const uint32_t n = merger->n_symbols;
    size_t heap_count = 0;
    symbols[n].start = merger->text_length;
    for (uint32_t i = 0; i < n; i++) {
        symbols[i].previous = i - 1; /* UINT32_MAX for the first */
        symbols[i].next = i + 1;
    }
    for (uint32_t i = 0; i < n; i++)
        find_pair(tokenizer, merger, i, &heap_count);
    while (heap_count > 0) {
        const uint64_t entry = heap_pop(merger->heap, &heap_count);
        const uint32_t left = (uint32_t)entry;
        if (symbols[left].pair_key != (uint32_t)(entry >> 32))
            continue; /* it or its neighbour has been merged with another since */
        const uint32_t right = symbols[left].next;
        symbols[left].id = symbols[left].pair_id;
        symbols[left].next = symbols[right].next;
        symbols[right].pair_key = UINT32_MAX;
        if (symbols[left].next < n)
            symbols[symbols[left].next].previous = left;
        find_pair(tokenizer, merger, left, &heap_count);
        if (symbols[left].previous < n)
            find_pair(tokenizer, merger, symbols[left].previous, &heap_count);
    }
}
