/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a text may be in an automaton: a configuration is a set of (state, stack of return states). Stacks and
 * configurations are kept once each and have numbers, so that following a byte a second time is a look into a table:
 * the automaton becomes deterministic as far as it is used. Work and memory are bounded; what exceeds a bound is an
 * error that stays.
 */
#ifndef FIRN_ENGINE_CONSTRAINT_CONFIGS_H
#define FIRN_ENGINE_CONSTRAINT_CONFIGS_H

#include "engine/constraint_automaton.h"

#include <stdatomic.h>

enum {
    ENG_ITEMS_MOST = 20000,          /* of a configuration */
    ENG_CONFIG_BYTES_MOST = 1 << 28, /* of all tables of one state */
    ENG_CONFIG_BYTES_TIDY = 1 << 26, /* from here on, what is not needed is dropped between tokens */
    ENG_PLAIN_CHARACTERS = 16,       /* longest token of the plain trie */
};

/* Numbers of configurations. */
#define ENG_CONFIG_DEAD    0u
#define ENG_CONFIG_UNKNOWN UINT32_MAX

struct firn_constraint {
    atomic_uint references;
    eng_automaton automaton;
};

typedef struct eng_stack {
    uint32_t state, below, depth; /* where to return to; the stack under it, 0 being the empty one; its height */
} eng_stack;

typedef struct eng_config {
    size_t items;     /* first one, in `items` */
    uint32_t n_items; /* each state << 32 | stack, ascending */
    uint32_t row;     /* in `rows`, or ENG_CONFIG_UNKNOWN */
    uint32_t plain;   /* after any plain character: see eng_config_plain */
    uint32_t alike;   /* see eng_config_alike; ENG_CONFIG_UNKNOWN: not looked for */
    uint32_t left;    /* repetitions, where another configuration is alike */
    uint32_t loops;   /* where this one stands for others: whether plain characters lead from these to these */
    uint32_t mask;    /* kept mask + 1, or 0 */
    bool can_end;
    uint8_t free; /* 0: not looked for; 1 + whether any ENG_PLAIN_CHARACTERS may follow */
} eng_config;

typedef struct eng_configs {
    const eng_automaton *automaton;
    eng_stack *stacks;
    eng_config *configs;
    uint64_t *items;
    uint32_t *rows; /* [n_rows][n_classes] configurations */
    size_t n_stacks, n_configs, n_items, n_rows;
    size_t room_stacks, room_configs, room_items, room_rows;
    uint32_t *stack_table, *config_table; /* number + 1, or 0 */
    size_t stack_mask, config_mask;
    uint64_t *found, *waiting; /* while a configuration is made */
    size_t n_found, room_found, n_waiting, room_waiting;
    uint32_t *seen; /* [seen_mask + 1] place in `found` + 1 */
    size_t seen_mask;
    uint64_t work; /* places followed; eng_configs_allow sets the bound */
    uint64_t work_most;
    firn_error error; /* the first failure */
} eng_configs;

bool eng_configs_begin(eng_configs *c, const eng_automaton *automaton);
void eng_configs_free(eng_configs *c);
size_t eng_configs_bytes(const eng_configs *c);
void eng_configs_allow(eng_configs *c, uint64_t work); /* from now on */

uint32_t eng_config_start(eng_configs *c);
uint32_t eng_config_make_step(eng_configs *c, uint32_t config, uint8_t class); /* fills the table */

/* After a byte of this class. After a failure: ENG_CONFIG_DEAD. */
static inline uint32_t eng_config_step(eng_configs *c, uint32_t config, uint8_t class)
{
    const uint32_t row = c->configs[config].row;
    if (row != ENG_CONFIG_UNKNOWN) {
        const uint32_t next = c->rows[(size_t)row * c->automaton->n_classes + class];
        if (next != ENG_CONFIG_UNKNOWN)
            return next;
    }
    return eng_config_make_step(c, config, class);
}

/* True if any n plain characters (no '"', no '\', no control) may follow, in any order. */
bool eng_config_plain(eng_configs *c, uint32_t config, unsigned n_characters);

/* True if any ENG_PLAIN_CHARACTERS may follow. */
static inline bool eng_config_free(eng_configs *c, uint32_t config)
{
    if (c->configs[config].free == 0) {
        const bool is_free = eng_config_plain(c, config, ENG_PLAIN_CHARACTERS);
        c->configs[config].free = (uint8_t)(1 + is_free);
    }
    return c->configs[config].free == 2;
}

/* True if some plain character may follow. */
bool eng_config_reads_plain(eng_configs *c, uint32_t config);

/* One from which the next ENG_ALIKE_BYTES bytes may be the same, the same for many; maybe itself. */
uint32_t eng_config_alike(eng_configs *c, uint32_t config);

/* So many plain characters surely may follow. Known only where another configuration is alike; else 0. */
uint32_t eng_config_plain_run(eng_configs *c, uint32_t config);

/* The same configuration in other tables. */
uint32_t eng_config_copy(eng_configs *to, const eng_configs *from, uint32_t config);

#endif
