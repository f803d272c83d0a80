/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What grammars, regular expressions, schemas and choice lists all become first: rules, each one tree of nodes over
 * characters. Nodes are numbers into arrays; node 0 matches nothing. Failures stick: after one, builders give node 0
 * and the reason is in `error`, so that whoever builds checks once, at the end.
 */
#ifndef FIRN_ENGINE_CONSTRAINT_IR_H
#define FIRN_ENGINE_CONSTRAINT_IR_H

#include "base/slice.h"
#include "base/status.h"

#include <stdint.h>

enum {
    ENG_IR_RULES_MOST = 200000,
    ENG_IR_NODES_MOST = 2000000,
    ENG_IR_BYTES_MOST = 16 << 20, /* of literals, names and ranges, each */
    ENG_CODE_POINT_LAST = 0x10FFFF,
};
#define ENG_IR_UNBOUNDED UINT32_MAX

typedef enum eng_ir_kind {
    ENG_IR_NONE,     /* matches nothing */
    ENG_IR_SEQUENCE, /* children one after the other; without any, the empty text */
    ENG_IR_CHOICE,   /* one of the children */
    ENG_IR_LITERAL,  /* these bytes */
    ENG_IR_CLASS,    /* one character of these ranges */
    ENG_IR_REPEAT,   /* the child, `low` to `high` times */
    ENG_IR_RULE,     /* what rule `low` matches */
    ENG_IR_BOTH,     /* what both children match; neither may refer to rules */
    ENG_IR_BEGIN,    /* ^ and $ of a regular expression, until eng_ir_anchor has replaced them */
    ENG_IR_END,
} eng_ir_kind;

typedef struct eng_ir_node {
    eng_ir_kind kind;
    bool json;           /* ENG_IR_CLASS: as JSON strings write it, '"', '\' and controls as escapes */
    uint32_t child;      /* the first, or 0 */
    uint32_t last_child; /* where the next child is added */
    uint32_t next;       /* the parent's next child, or 0 */
    uint32_t low, high;  /* see the kinds; a literal's or a class's first byte or range, and how many */
} eng_ir_node;

typedef struct eng_ir_range {
    uint32_t first, last; /* code points */
} eng_ir_range;

typedef struct eng_ir_rule {
    uint32_t node;       /* 0 until it is defined */
    size_t name, length; /* in `bytes`; none where the engine made the rule */
    size_t offset;       /* where the text names it first, or SIZE_MAX */
} eng_ir_rule;

typedef struct eng_ir {
    eng_ir_node *nodes;
    eng_ir_range *ranges;
    char *bytes;
    eng_ir_rule *rules; /* rule 0 is the whole */
    size_t n_nodes, n_ranges, n_bytes, n_rules;
    size_t room_nodes, room_ranges, room_bytes, room_rules;
    uint32_t depth; /* calls of rules that may be open at once */
    firn_error error;
} eng_ir;

firn_status eng_ir_begin(eng_ir *ir, firn_error *error);
void eng_ir_free(eng_ir *ir);
bool eng_ir_failed(const eng_ir *ir);

uint32_t eng_ir_node_of(eng_ir *ir, eng_ir_kind kind); /* for SEQUENCE, CHOICE, BOTH, BEGIN, END */
void eng_ir_add(eng_ir *ir, uint32_t parent, uint32_t child);
uint32_t eng_ir_literal(eng_ir *ir, base_slice text);
uint32_t eng_ir_text(eng_ir *ir, const char *text);
uint32_t eng_ir_repeat(eng_ir *ir, uint32_t child, uint32_t low, uint32_t high);
void eng_ir_wrap(eng_ir *ir, uint32_t node, uint32_t low, uint32_t high); /* turns it into its own repetition */
uint32_t eng_ir_call(eng_ir *ir, uint32_t rule);
uint32_t eng_ir_pair(eng_ir *ir, eng_ir_kind kind, uint32_t first, uint32_t second); /* a node with two children */

/* Sorts and joins the ranges; with `negated`, takes all other characters. */
uint32_t eng_ir_class(eng_ir *ir, const eng_ir_range *ranges, size_t n_ranges, bool negated);
uint32_t eng_ir_character(eng_ir *ir, uint32_t first, uint32_t last);

uint32_t eng_ir_add_rule(eng_ir *ir, base_slice name, size_t offset); /* its number */
void eng_ir_define(eng_ir *ir, uint32_t rule, uint32_t node);

/*
 * Replaces ^ and $ at the edges of a regular expression. With `search`, an alternative without them may have any text
 * before or after it. Fails where one stands elsewhere. Returns the node to use.
 */
uint32_t eng_ir_anchor(eng_ir *ir, uint32_t node, size_t first_node, bool search, bool json);

#endif
