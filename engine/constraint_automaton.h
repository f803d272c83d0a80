/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled form of a constraint: one nondeterministic automaton over bytes a rule, with edges that read a byte,
 * read nothing, or call another rule. Immutable. States from which no end can be reached are gone, and no rule calls
 * itself before it has read a byte, so following edges that read nothing always ends.
 */
#ifndef FIRN_ENGINE_CONSTRAINT_AUTOMATON_H
#define FIRN_ENGINE_CONSTRAINT_AUTOMATON_H

#include "engine/constraint_ir.h"

enum { ENG_STATES_MOST = 2000000, ENG_PRODUCT_MOST = 400000, ENG_ALIKE_BYTES = 32 };

typedef enum eng_edge_kind {
    ENG_EDGE_BYTE,    /* reads a byte from `first` to `last` */
    ENG_EDGE_NOTHING, /* reads nothing */
    ENG_EDGE_CALL,    /* reads what `rule` matches */
} eng_edge_kind;

typedef struct eng_edge {
    uint32_t from, target; /* states; a call's target is where it returns to */
    uint32_t rule;
    uint8_t kind, first, last;
} eng_edge;

typedef struct eng_automaton {
    eng_edge *edges;      /* [n_edges] by `from` */
    uint32_t *first_edge; /* [n_states + 1] */
    uint32_t *starts;     /* [n_rules], or ENG_NO_STATE where a rule matches nothing */
    bool *ends;           /* [n_states] the last state of a rule: it has no edges */
    /*
     * [n_states] Where a bounded repetition is counted: how many states behind this one differ in the count only; and
     * the one of them that stands for it while more than ENG_ALIKE_BYTES are left. Others: 0, and itself.
     */
    uint32_t *left, *alike;
    uint32_t n_states, n_rules;
    size_t n_edges;
    uint32_t n_classes;    /* bytes that no edge tells apart are in one class */
    uint8_t class_of[256]; /* of a byte */
    uint8_t byte_of[256];  /* one byte of a class */
    uint32_t depth;        /* calls that may be open at once */
} eng_automaton;

#define ENG_NO_STATE UINT32_MAX

/* States and edges while they are made. */
typedef struct eng_sketch {
    eng_edge *edges;
    size_t n_edges, room_edges;
    uint32_t n_states;
    firn_error *error;
    firn_status status; /* the first failure */
} eng_sketch;

uint32_t eng_sketch_state(eng_sketch *sketch);
void eng_sketch_edge(eng_sketch *sketch, eng_edge edge);

/* The characters of a class between two states, as UTF-8 or as JSON strings write them. */
void eng_sketch_class(eng_sketch *sketch, const eng_ir_range *ranges, size_t n_ranges, bool json, uint32_t from,
                      uint32_t to);

/* What two sketches without calls both read, from `start` 0 to state 1 of each; added to `sketch` between two states.
 */
void eng_sketch_both(eng_sketch *sketch, const eng_sketch *left, const eng_sketch *right, uint32_t from, uint32_t to);

/* Sorts edges by the state they leave, counting: first[n_states + 1], order[n_edges] of edge numbers. */
void eng_edges_by(const eng_edge *edges, size_t n_edges, uint32_t n_states, bool by_target, uint32_t *first,
                  uint32_t *order);

/* All of *automaton is the caller's, also after a failure: eng_automaton_free. The IR may get more rules. */
firn_status eng_automaton_compile(eng_ir *ir, eng_automaton *automaton, firn_error *error);
void eng_automaton_free(eng_automaton *automaton);

#endif
