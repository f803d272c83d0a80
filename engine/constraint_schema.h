/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the JSON schema compiler. A schema is read into a tree. What is compiled into a rule is always a *set*
 * of schemas that all hold (allOf, $ref and keywords beside them make sets of more than one); each set is compiled
 * once, and sets wait in a list, so that no depth of a schema is a depth of calls.
 */
#ifndef FIRN_ENGINE_CONSTRAINT_SCHEMA_H
#define FIRN_ENGINE_CONSTRAINT_SCHEMA_H

#include "base/arena.h"
#include "base/json.h"
#include "engine/constraint_compile.h"

/* ---- the tree ---- */

typedef struct eng_json_node {
    base_json_kind kind;          /* a value's; arrays and objects as their BEGIN */
    base_slice key, text;         /* its member's name; a string's value, or other values as written */
    uint32_t child, next, parent; /* node numbers, or 0: node 0 is none */
    uint32_t last_child, n_children;
    size_t offset;
} eng_json_node;

typedef struct eng_json_tree {
    eng_json_node *nodes; /* the whole is node 1 */
    size_t n_nodes, room;
    base_arena arena; /* unescaped strings */
    base_slice source;
} eng_json_tree;

firn_status eng_json_read(eng_json_tree *tree, base_slice text, firn_error *error);
void eng_json_free(eng_json_tree *tree);
uint32_t eng_json_member(const eng_json_tree *tree, uint32_t node, const char *key); /* or 0 */
uint32_t eng_json_find(const eng_json_tree *tree, uint32_t node, base_slice key);
bool eng_json_equal(const eng_json_tree *tree, uint32_t a, uint32_t b);
/* Where a node is: "#/properties/name". */
void eng_json_path(const eng_json_tree *tree, uint32_t node, char path[160]);
/* The node that a reference within the same text names ("#/$defs/x"), or 0. */
uint32_t eng_json_pointer(const eng_json_tree *tree, base_slice reference);

/* ---- the compiler ---- */

enum {
    ENG_SET_MOST = 64,
    ENG_SETS_MOST = 10000,
    ENG_MEMBERS_MOST = 4096,
    ENG_VALUES_MOST = 10000,
    ENG_BRANCHES_MOST = 512
};

/* Types as bits. */
enum {
    ENG_TYPE_NULL = 1,
    ENG_TYPE_BOOLEAN = 2,
    ENG_TYPE_INTEGER = 4,
    ENG_TYPE_NUMBER = 8, /* all numbers; sets with this bit have ENG_TYPE_INTEGER too */
    ENG_TYPE_STRING = 16,
    ENG_TYPE_ARRAY = 32,
    ENG_TYPE_OBJECT = 64,
    ENG_TYPE_ALL = 127,
};

/* Schemas that all hold. */
typedef struct eng_schema_part {
    uint32_t node;
    bool expanded;       /* its $ref and allOf are in the set */
    bool any_of, one_of; /* one of its branches is in the set */
    uint32_t from;       /* place of the part that brought it, while expanding */
} eng_schema_part;

typedef struct eng_schema_set {
    eng_schema_part parts[ENG_SET_MOST];
    uint32_t n_parts;
} eng_schema_set;

typedef struct eng_schema_job {
    size_t first; /* of its nodes in `nodes` */
    uint32_t n_parts, rule;
    uint64_t hash;
} eng_schema_job;

typedef struct eng_schema {
    eng_ir *ir;
    eng_json_tree tree;
    eng_schema_job *jobs;
    eng_schema_part *parts;
    size_t n_jobs, room_jobs, n_parts, room_parts;
    uint32_t space, character, text; /* rules: white space, a string's character, a string's canonical characters */
    firn_error *error;
    firn_status status; /* the first failure */
} eng_schema;

/* The failure stays in s->status. Returns 0, a node that matches nothing. */
__attribute__((format(printf, 4, 5))) uint32_t eng_schema_fail(eng_schema *s, uint32_t node, firn_status status,
                                                               const char *format, ...);
bool eng_schema_failed(const eng_schema *s);
void eng_set_add(eng_schema *s, eng_schema_set *set, uint32_t node); /* node 0 is any value */
uint32_t eng_schema_call(eng_schema *s, const eng_schema_set *set);  /* a node that calls the set's rule */
uint32_t eng_schema_types(const eng_schema *s, uint32_t node);       /* of one schema's own keywords */
uint32_t eng_schema_value_type(const eng_json_tree *tree, uint32_t value);

/* A keyword that is a count of at most ENG_LENGTH_MOST; *value stays where the keyword is not there. */
void eng_schema_count(eng_schema *s, uint32_t node, const char *key, bool highest, uint32_t *value);

/* Nodes for the values of one type that satisfy a set. */
uint32_t eng_schema_string(eng_schema *s, const eng_schema_set *set);
uint32_t eng_schema_number(eng_schema *s, const eng_schema_set *set, bool integer);
uint32_t eng_schema_array(eng_schema *s, const eng_schema_set *set);
uint32_t eng_schema_object(eng_schema *s, const eng_schema_set *set);
uint32_t eng_schema_enum(eng_schema *s, const eng_schema_set *set, uint32_t values);

#endif
