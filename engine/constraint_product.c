/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two automata both read. Pairs of states are made as they are reached: edges that read nothing move one side,
 * edges that read a byte move both.
 */
#include "engine/constraint_automaton.h"

#include "base/memory.h"

#include <stdlib.h>

typedef struct side {
    const eng_edge *edges;
    uint32_t *first, *order;
} side;

typedef struct product {
    eng_sketch *sketch;
    uint64_t *pairs;  /* [n_pairs] left state and right state */
    uint32_t *states; /* [n_pairs] their state in the sketch */
    size_t n_pairs, room_pairs, room_states;
    uint32_t *table; /* [mask + 1] pair + 1, or 0 */
    size_t mask;
} product;

static void fail_memory(eng_sketch *sketch)
{
    if (sketch->status == FIRN_OK)
        sketch->status = base_fail(sketch->error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a constraint");
}

static size_t slot_of(const product *p, uint64_t pair)
{
    size_t slot = (size_t)(pair * 0x9E3779B97F4A7C15u >> 20) & p->mask;
    while (p->table[slot] != 0 && p->pairs[p->table[slot] - 1] != pair)
        slot = (slot + 1) & p->mask;
    return slot;
}

static bool widen_table(product *p)
{
    const size_t size = p->table == NULL ? 1024 : 2 * (p->mask + 1);
    free(p->table);
    p->table = calloc(size, sizeof *p->table);
    if (p->table == NULL)
        return false;
    p->mask = size - 1;
    for (size_t i = 0; i < p->n_pairs; i++)
        p->table[slot_of(p, p->pairs[i])] = (uint32_t)(i + 1);
    return true;
}

/* The sketch's state for a pair; a new pair's edges are made later. */
static uint32_t state_of(product *p, uint32_t left, uint32_t right)
{
    const uint64_t pair = (uint64_t)left << 32 | right;
    if (p->sketch->status != FIRN_OK)
        return 0;
    if (2 * (p->n_pairs + 1) > p->mask && !widen_table(p)) {
        fail_memory(p->sketch);
        return 0;
    }
    const size_t slot = slot_of(p, pair);
    if (p->table[slot] != 0)
        return p->states[p->table[slot] - 1];
    if (p->n_pairs == ENG_PRODUCT_MOST) {
        p->sketch->status = base_fail(p->sketch->error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                                      "patterns, formats and lengths that hold together need more than %d states; "
                                      "lower the lengths",
                                      ENG_PRODUCT_MOST);
        return 0;
    }
    if (!base_grow(&p->pairs, &p->room_pairs, p->n_pairs + 1, sizeof *p->pairs) ||
        !base_grow(&p->states, &p->room_states, p->n_pairs + 1, sizeof *p->states)) {
        fail_memory(p->sketch);
        return 0;
    }
    p->pairs[p->n_pairs] = pair;
    p->states[p->n_pairs] = eng_sketch_state(p->sketch);
    p->table[slot] = (uint32_t)++p->n_pairs;
    return p->states[p->n_pairs - 1];
}

static void add_edges(product *p, const side *left, const side *right, size_t at)
{
    const uint32_t a = (uint32_t)(p->pairs[at] >> 32), b = (uint32_t)p->pairs[at], from = p->states[at];
    for (uint32_t i = left->first[a]; i < left->first[a + 1]; i++) {
        const eng_edge x = left->edges[left->order[i]];
        if (x.kind == ENG_EDGE_NOTHING) {
            const uint32_t target = state_of(p, x.target, b);
            eng_sketch_edge(p->sketch, (eng_edge){.from = from, .target = target, .kind = ENG_EDGE_NOTHING});
            continue;
        }
        for (uint32_t k = right->first[b]; k < right->first[b + 1]; k++) {
            const eng_edge y = right->edges[right->order[k]];
            const uint8_t first = x.first > y.first ? x.first : y.first, last = x.last < y.last ? x.last : y.last;
            if (y.kind == ENG_EDGE_BYTE && first <= last) {
                const uint32_t target = state_of(p, x.target, y.target);
                eng_sketch_edge(
                    p->sketch,
                    (eng_edge){.from = from, .target = target, .kind = ENG_EDGE_BYTE, .first = first, .last = last});
            }
        }
    }
    for (uint32_t k = right->first[b]; k < right->first[b + 1]; k++) {
        const eng_edge y = right->edges[right->order[k]];
        if (y.kind == ENG_EDGE_NOTHING) {
            const uint32_t target = state_of(p, a, y.target);
            eng_sketch_edge(p->sketch, (eng_edge){.from = from, .target = target, .kind = ENG_EDGE_NOTHING});
        }
    }
}

static bool side_begin(side *s, const eng_sketch *sketch)
{
    *s = (side){.edges = sketch->edges,
                .first = malloc((sketch->n_states + (size_t)1) * sizeof *s->first),
                .order = malloc((sketch->n_edges + 1) * sizeof *s->order)};
    if (s->first == NULL || s->order == NULL)
        return false;
    eng_edges_by(sketch->edges, sketch->n_edges, sketch->n_states, false, s->first, s->order);
    return true;
}

void eng_sketch_both(eng_sketch *sketch, const eng_sketch *left, const eng_sketch *right, uint32_t from, uint32_t to)
{
    product p = {.sketch = sketch};
    side sides[2] = {{.edges = NULL}, {.edges = NULL}};
    if (!side_begin(&sides[0], left) || !side_begin(&sides[1], right)) {
        fail_memory(sketch);
        goto done;
    }
    const uint32_t start = state_of(&p, 0, 0), end = state_of(&p, 1, 1);
    eng_sketch_edge(sketch, (eng_edge){.from = from, .target = start, .kind = ENG_EDGE_NOTHING});
    eng_sketch_edge(sketch, (eng_edge){.from = end, .target = to, .kind = ENG_EDGE_NOTHING});
    for (size_t i = 0; i < p.n_pairs && sketch->status == FIRN_OK; i++)
        add_edges(&p, &sides[0], &sides[1], i);
done:
    for (int i = 0; i < 2; i++) {
        free(sides[i].first);
        free(sides[i].order);
    }
    free(p.pairs);
    free(p.states);
    free(p.table);
}
