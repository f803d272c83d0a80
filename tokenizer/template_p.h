/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the template engine, shared by template_<name>.c:
 *
 *   lexer, nodes, parse_expression, parser   source -> tokens -> tree of nodes, in the program's arena
 *   run, loop, call                          statements, expressions, variables; loops; calls
 *   value, text, dict                        values, marked text; compare, hash, iterate, look up
 *   operator, case                           arithmetic, slices, membership; upper and lower case
 *   repr, format                             str() and repr(); % and str.format
 *   json, time                               JSON in and out; strftime
 *   filter*, test, method*, global           the tables of what can be called
 *
 * A fault leaves by longjmp to the one setjmp of tok_template_compile or tok_template_render (tok_fault never
 * returns). That is safe because everything made on the way lives in the arena of the program or of the render, which
 * that function frees. So functions here return values, not statuses.
 */
#ifndef FIRN_TOKENIZER_TEMPLATE_P_H
#define FIRN_TOKENIZER_TEMPLATE_P_H

#include "base/arena.h"
#include "tokenizer/template.h"

#include <setjmp.h>

/* ---- faults and memory ---- */

typedef struct tok_guard {
    base_arena arena;
    base_slice source;
    uint32_t position; /* byte in `source` of what is being worked on: where a fault is reported */
    firn_error *error;
    firn_status status;
    jmp_buf leave;
} tok_guard;

_Noreturn __attribute__((format(printf, 3, 4))) void tok_fault(tok_guard *guard, firn_status status, const char *format,
                                                               ...);
void *tok_allocate(tok_guard *guard, size_t size);                     /* never NULL */
void *tok_allocate_array(tok_guard *guard, size_t count, size_t size); /* never NULL, cleared */

/* Appends an element to a growable array in the arena: `items` and `capacity` are updated, the new slot returned. */
void *tok_grow(tok_guard *guard, void **items, size_t count, size_t *capacity, size_t size);

/* ---- marked text ---- */

/* Immutable. `marks` has one byte for each byte of data, 1 where it came from data; NULL if all are `mark`. */
typedef struct tok_text {
    const char *data;
    const uint8_t *marks;
    uint32_t length; /* bytes */
    bool mark;
    bool markup; /* the result of safe or escape: what is joined to it gets escaped */
} tok_text;

/* ---- values ---- */

typedef enum tok_type_of_value {
    TOK_V_MISSING, /* an argument that was not given; no template sees it */
    TOK_V_UNDEFINED,
    TOK_V_NONE,
    TOK_V_BOOL,
    TOK_V_INT,
    TOK_V_FLOAT,
    TOK_V_TEXT,
    TOK_V_LIST,
    TOK_V_TUPLE,
    TOK_V_RANGE,
    TOK_V_VIEW,      /* what dict.keys(), values() and items() give */
    TOK_V_GENERATOR, /* what map, select, … give: can be gone through once */
    TOK_V_DICT,
    TOK_V_NAMESPACE,
    TOK_V_MACRO,
    TOK_V_FUNCTION,
    TOK_V_METHOD,
    TOK_V_LOOP,
    TOK_V_CYCLER,
    TOK_V_JOINER,
} tok_type_of_value;

typedef struct tok_value tok_value;
typedef struct tok_sequence tok_sequence;
typedef struct tok_dict tok_dict;
typedef struct tok_node tok_node;
typedef struct tok_scope tok_scope;
typedef struct tok_loop tok_loop;
typedef struct tok_macro tok_macro;
typedef struct tok_method tok_method;
typedef struct tok_bound tok_bound;
typedef struct tok_cycler tok_cycler;
typedef struct tok_callable tok_callable;
typedef struct tok_undefined tok_undefined;
typedef struct tok_render tok_render;

struct tok_value {
    tok_type_of_value type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        const tok_text *text;
        tok_sequence *sequence; /* LIST to GENERATOR; JOINER: its separator, then whether it was called */
        tok_dict *dict;         /* DICT, NAMESPACE */
        const tok_macro *macro;
        const tok_callable *function;
        const tok_bound *bound; /* METHOD */
        tok_loop *loop;
        tok_cycler *cycler; /* CYCLER, JOINER */
        const tok_undefined *undefined;
    } as;
};

struct tok_sequence {
    tok_value *items; /* [count] */
    size_t count;
    size_t taken;        /* GENERATOR: items already gone through */
    const char *name;    /* VIEW: "dict_items", …; GENERATOR: none; TUPLE of groupby: "group" */
    int64_t start, step; /* RANGE */
    int64_t stop;
};

typedef struct tok_entry {
    tok_value key, value;
} tok_entry;

struct tok_dict {
    tok_entry *entries; /* [count], in order of insertion */
    size_t count, capacity;
    uint32_t *index; /* [index_size] of entry number + 1; NULL while small */
    size_t index_size;
};

/* Why a value is undefined: the message for whoever uses it. */
struct tok_undefined {
    const char *message; /* complete message, or NULL: made from the two below */
    const char *owner;   /* type of the object without that attribute, or NULL: a variable */
    tok_value name;
};

struct tok_cycler {
    tok_value *items;
    size_t count, position;
};

typedef struct tok_keyword {
    base_slice name;
    tok_value value;
} tok_keyword;

typedef struct tok_arguments {
    tok_value *positional;
    size_t n_positional;
    tok_keyword *keywords;
    size_t n_keywords;
} tok_arguments;

enum { TOK_MOST_PARAMETERS = 6 };

/*
 * A filter, test, method or global function. `parameters` lists what it takes besides its subject: names separated by
 * commas, with '?' behind those that may be left out (they arrive as TOK_V_MISSING in `p`); NULL: it reads `arguments`
 * itself.
 */
typedef tok_value (*tok_function)(tok_render *render, tok_value subject, const tok_value *p,
                                  const tok_arguments *arguments);
struct tok_callable {
    const char *name;
    tok_function call;
    const char *parameters;
};

struct tok_bound {
    const tok_callable *callable;
    tok_value subject;
};

/* ---- tree ---- */

typedef enum tok_node_kind {
    /* statements */
    TOK_N_DATA,         /* value */
    TOK_N_OUTPUT,       /* items: expressions */
    TOK_N_IF,           /* a: condition, body, otherwise */
    TOK_N_FOR,          /* a: target, b: iterable, c: filter, body, otherwise; flag: recursive */
    TOK_N_SET,          /* a: target, b: expression */
    TOK_N_SET_BLOCK,    /* a: target, b: filter chain or NULL, body */
    TOK_N_MACRO,        /* name, items: parameters (NAME nodes with a: default), body */
    TOK_N_CALL_BLOCK,   /* a: call, items: parameters, body */
    TOK_N_FILTER_BLOCK, /* a: filter chain, body */
    TOK_N_WITH,         /* items: target, value, target, …; body */
    TOK_N_SCOPE,        /* body (generation) */
    TOK_N_BREAK,
    TOK_N_CONTINUE,
    /* expressions */
    TOK_N_CONSTANT,         /* value */
    TOK_N_NAME,             /* name */
    TOK_N_ATTRIBUTE_TARGET, /* name, attribute: ns.x on the left of set */
    TOK_N_LIST,
    TOK_N_TUPLE,
    TOK_N_DICT,      /* items: key, value, … */
    TOK_N_CONDITION, /* a if b else c (c may be NULL) */
    TOK_N_OR,
    TOK_N_AND,
    TOK_N_NOT,
    TOK_N_COMPARE, /* a, items: right sides, operators in their `op` wrapper */
    TOK_N_OPERAND, /* op, a */
    TOK_N_CONCAT,  /* items */
    TOK_N_BINARY,  /* op, a, b */
    TOK_N_NEGATE,
    TOK_N_PLUS,
    TOK_N_ATTRIBUTE, /* a.attribute */
    TOK_N_ITEM,      /* a[b] */
    TOK_N_SLICE,     /* a:b:c, each may be NULL; only as the b of ITEM or in a tuple there */
    TOK_N_CALL,      /* a(items…) */
    TOK_N_FILTER,    /* a (NULL: the block's text) | callable(items…) */
    TOK_N_TEST,      /* a is callable(items…) */
    /* arguments, only in items of CALL, FILTER and TEST */
    TOK_N_KEYWORD,         /* name = a */
    TOK_N_SPREAD,          /* *a */
    TOK_N_SPREAD_KEYWORDS, /* **a */
} tok_node_kind;

typedef enum tok_operator {
    TOK_OP_ADD,
    TOK_OP_SUBTRACT,
    TOK_OP_MULTIPLY,
    TOK_OP_DIVIDE,
    TOK_OP_FLOOR_DIVIDE,
    TOK_OP_MODULO,
    TOK_OP_POWER,
    TOK_OP_EQUAL,
    TOK_OP_NOT_EQUAL,
    TOK_OP_LESS,
    TOK_OP_LESS_EQUAL,
    TOK_OP_GREATER,
    TOK_OP_GREATER_EQUAL,
    TOK_OP_IN,
    TOK_OP_NOT_IN,
} tok_operator;

enum { TOK_USES_CALLER = 1, TOK_USES_KEYWORDS = 2, TOK_USES_REST = 4 }; /* flags of MACRO and CALL_BLOCK */

typedef struct tok_body {
    tok_node **nodes; /* [count] */
    size_t count;
} tok_body;

struct tok_node {
    uint8_t kind, op, flags;
    uint16_t height; /* of the expression below, so that evaluating it can't overflow the stack */
    uint32_t position;
    uint32_t symbol; /* number of `name` among the program's names */
    base_slice name; /* variable, attribute, keyword, filter or test */
    tok_node *a, *b, *c;
    tok_body items, body, otherwise;
    tok_value value;
    const tok_callable *callable; /* FILTER, TEST; NULL: unknown, a fault if it is ever reached */
};

struct tok_template {
    tok_guard guard; /* only its arena and source are used once compiled */
    tok_body body;
    base_slice *names; /* [n_names]; a symbol is an index */
    size_t n_names, names_capacity;
};

struct tok_macro {
    const tok_node *node;
    tok_scope *scope; /* where it was defined */
};

/* ---- tokens ---- */

typedef enum tok_token_kind {
    TOK_T_END, /* of the template */
    TOK_T_DATA,
    TOK_T_VARIABLE_BEGIN,
    TOK_T_VARIABLE_END,
    TOK_T_BLOCK_BEGIN,
    TOK_T_BLOCK_END,
    TOK_T_NAME,
    TOK_T_TEXT,
    TOK_T_INTEGER,
    TOK_T_FLOAT,
    TOK_T_ADD,
    TOK_T_SUBTRACT,
    TOK_T_DIVIDE,
    TOK_T_FLOOR_DIVIDE,
    TOK_T_MULTIPLY,
    TOK_T_MODULO,
    TOK_T_POWER,
    TOK_T_TILDE,
    TOK_T_LEFT_BRACKET,
    TOK_T_RIGHT_BRACKET,
    TOK_T_LEFT_PAREN,
    TOK_T_RIGHT_PAREN,
    TOK_T_LEFT_BRACE,
    TOK_T_RIGHT_BRACE,
    TOK_T_EQUAL,
    TOK_T_NOT_EQUAL,
    TOK_T_LESS,
    TOK_T_LESS_EQUAL,
    TOK_T_GREATER,
    TOK_T_GREATER_EQUAL,
    TOK_T_ASSIGN,
    TOK_T_DOT,
    TOK_T_COLON,
    TOK_T_PIPE,
    TOK_T_COMMA,
    TOK_T_SEMICOLON,
} tok_token_kind;

typedef struct tok_token {
    tok_token_kind kind;
    uint32_t position;
    base_slice text; /* as written; of DATA and TEXT: its value */
    tok_value value; /* INTEGER, FLOAT */
} tok_token;

/* Splits the source (guard->source: valid UTF-8, newlines made uniform) into tokens; the last is TOK_T_END. */
tok_token *tok_template_lex(tok_guard *guard);
void tok_template_parse(tok_template *program, const tok_token *tokens);

/* ---- one render ---- */

typedef struct tok_variable {
    uint32_t symbol;
    tok_value value;
} tok_variable;

struct tok_scope {
    tok_scope *parent;
    tok_variable *variables;
    size_t count, capacity;
};

typedef struct tok_builder tok_builder;

struct tok_render {
    tok_guard guard;
    const tok_template *program;
    const tok_template_input *input;
    tok_scope *scope;
    tok_builder *out; /* where output goes: the text, or what a macro or block collects */
    tok_dict *extra;  /* variables by name, for names that the template may or may not mention */
    uint32_t steps_left;
    uint32_t macro_depth, depth; /* macros running; nested evaluations */
    size_t text_limit;           /* bytes of any one string */
    bool breaks, continues;      /* the running loop was told so */
};

/* Counts work; a fault when the budget is spent. */
void tok_charge(tok_render *render, size_t steps);
void tok_enter(tok_render *render); /* one level of recursion over values or nodes */
void tok_leave(tok_render *render);

/* ---- template_text.c ---- */

struct tok_builder {
    tok_render *render;
    char *data;
    uint8_t *marks; /* NULL until two kinds of mark have met */
    size_t length, capacity;
    bool mark; /* of all bytes while marks is NULL */
};

tok_builder tok_build(tok_render *render);
void tok_add(tok_builder *builder, const tok_text *text, size_t from, size_t to);
void tok_add_text(tok_builder *builder, const tok_text *text);
void tok_add_bytes(tok_builder *builder, const char *bytes, size_t length, bool mark);
void tok_add_literal(tok_builder *builder, const char *text); /* the template's own, terminated */
__attribute__((format(printf, 2, 3))) void tok_add_format(tok_builder *builder, const char *format, ...);
tok_value tok_built(tok_builder *builder);

tok_value tok_from_literal(tok_render *render, const char *text);
tok_value tok_from_bytes(tok_guard *guard, base_slice bytes, bool mark); /* bytes are not copied */
tok_value tok_part(tok_render *render, const tok_text *text, size_t from, size_t to);
tok_value tok_with_markup(tok_render *render, const tok_text *text, bool markup);
bool tok_mark_at(const tok_text *text, size_t at);
bool tok_any_mark(const tok_text *text);

size_t tok_character_length(const tok_text *text, size_t at); /* bytes of the character there, at least 1 */
uint32_t tok_character(const tok_text *text, size_t at);
size_t tok_count_characters(const tok_text *text);
size_t tok_character_offset(const tok_text *text, size_t n); /* byte where the n-th character begins, or the length */
bool tok_find_text(tok_render *render, const tok_text *text, const tok_text *part, size_t from, size_t *at);
bool tok_is_space(uint32_t code);
base_slice tok_bytes(const tok_text *text);
tok_value tok_strip(tok_render *render, const tok_text *text, const tok_text *characters, bool left, bool right);
void tok_add_escaped(tok_builder *builder, const tok_text *text); /* & < > ' " for HTML */

/* ---- template_value.c ---- */

tok_value tok_undefined_named(tok_render *render, const char *owner, tok_value name);
tok_value tok_undefined_message(tok_render *render, const char *message);
_Noreturn void tok_fault_undefined(tok_render *render, tok_value undefined);
tok_value tok_none(void);
tok_value tok_bool(bool value);
tok_value tok_int(int64_t value);
tok_value tok_float(double value);
tok_value tok_sequence_new(tok_render *render, tok_type_of_value type, size_t count); /* items are to be filled */
tok_value tok_pair(tok_render *render, tok_value first, tok_value second);

const char *tok_type_name(tok_value value); /* as Python: "str", "NoneType", … */
bool tok_truth(tok_value value);
bool tok_is_sequence(tok_value value); /* LIST, TUPLE, RANGE, VIEW or GENERATOR */
bool tok_is_number(tok_value value);   /* int, float, bool */
double tok_to_double(tok_value number);
bool tok_equal(tok_render *render, tok_value a, tok_value b);
int tok_compare(tok_render *render, tok_value a, tok_value b, const char *sign); /* <0, 0, >0; NaN: 2 */
bool tok_contains(tok_render *render, tok_value container, tok_value item);
size_t tok_length(tok_render *render, tok_value value);
bool tok_iterable(tok_value value);

/* What a for loop goes through; a generator is used up. */
typedef struct tok_items {
    const tok_value *items;
    size_t count;
} tok_items;
tok_items tok_iterate(tok_render *render, tok_value value);

tok_value tok_get_attribute(tok_render *render, tok_value object, base_slice name); /* object.name */
tok_value tok_get_item(tok_render *render, tok_value object, tok_value key);        /* object[key] */
tok_value tok_get_path(tok_render *render, tok_value object, tok_value path);       /* "a.b.0", or one int */

/* ---- template_dict.c ---- */

tok_dict *tok_dict_new(tok_guard *guard);
void tok_dict_set(tok_render *render, tok_dict *dict, tok_value key, tok_value value);
const tok_value *tok_dict_get(tok_render *render, const tok_dict *dict, tok_value key);
const tok_value *tok_dict_find(tok_render *render, const tok_dict *dict, base_slice key);

/* ---- template_operator.c ---- */

tok_value tok_binary(tok_render *render, tok_operator op, tok_value a, tok_value b);
tok_value tok_negate(tok_render *render, tok_value value);
tok_value tok_slice(tok_render *render, tok_value object, tok_value start, tok_value stop, tok_value step);

/* ---- template_repr.c ---- */

tok_value tok_str(tok_render *render, tok_value value);           /* plain text of any value */
const tok_text *tok_text_of(tok_render *render, tok_value value); /* the same; text stays as it is */
void tok_add_str(tok_builder *builder, tok_value value);
void tok_add_repr(tok_builder *builder, tok_value value);

/* ---- template_format.c, template_time.c ---- */

tok_value tok_percent(tok_render *render, const tok_text *format, tok_value values);
tok_value tok_format(tok_render *render, const tok_text *format, const tok_arguments *arguments);
tok_value tok_strftime(tok_render *render, const tok_text *format);

/* ---- template_json.c ---- */

tok_value tok_from_json(tok_render *render, base_slice json, bool mark);
tok_value tok_to_json(tok_render *render, tok_value value, const tok_value *p);

/* ---- template_case.c ---- */

typedef enum tok_case { TOK_UPPER, TOK_LOWER, TOK_TITLE, TOK_CAPITALIZE, TOK_SWAP } tok_case;
tok_value tok_change_case(tok_render *render, const tok_text *text, tok_case change);
enum {
    TOK_IS_UPPER = 1,
    TOK_IS_LOWER = 2,
    TOK_IS_LETTER = 4,
    TOK_IS_DECIMAL = 8,
    TOK_IS_NUMERIC = 16,
    TOK_IS_DIGIT = 32,
    TOK_IS_PRINTABLE = 64,
    TOK_IS_TITLE = 128,
};
unsigned tok_character_class(uint32_t code);
bool tok_all_lower(const tok_text *text); /* as str.islower() */
bool tok_all_upper(const tok_text *text);

/* ---- template_run.c ---- */

void tok_run_program(tok_render *render);
tok_value tok_collect(tok_render *render, const tok_body *body); /* what the statements write, as text */
void tok_run_body(tok_render *render, const tok_body *body);
void tok_assign(tok_render *render, const tok_node *target, tok_value value);
void tok_store(tok_render *render, uint32_t symbol, tok_value value);
tok_value tok_look_up(tok_render *render, const tok_node *name);

/* ---- template_evaluate.c ---- */

tok_value tok_evaluate(tok_render *render, const tok_node *node);
tok_value tok_evaluate_filters(tok_render *render, const tok_node *node, tok_value subject); /* of a block */
tok_value tok_call_with(tok_render *render, const tok_node *call, tok_value caller);         /* of a call block */

/* ---- template_call.c ---- */

tok_value tok_call(tok_render *render, tok_value callee, const tok_arguments *arguments);
tok_value tok_call_native(tok_render *render, const tok_callable *callable, tok_value subject,
                          const tok_arguments *arguments);

/* ---- template_loop.c ---- */

/* What `loop` is in a template. */
struct tok_loop {
    const tok_node *node;
    tok_scope *scope; /* around the loop */
    const tok_value *source;
    size_t n_source, n_read; /* items given, and how many of them the filter has seen */
    tok_value previous, current, next;
    bool has_next, peeked;
    bool counted; /* all items have passed the filter, and their number is known */
    int64_t length;
    int64_t index0;
    uint32_t depth0;
    const tok_value *changed;
    size_t n_changed;
    bool was_changed;
};

void tok_run_for(tok_render *render, const tok_node *node, tok_scope *around, tok_value iterable, uint32_t depth0);
tok_value tok_loop_attribute(tok_render *render, tok_value loop, base_slice name);

/* ---- template_filter_list.c ---- */

/* Sorts what `list` holds by a key (NULL: itself), stably, into a new list. */
typedef tok_value (*tok_key_function)(tok_render *render, tok_value item, const void *context);
tok_value tok_sort(tok_render *render, tok_value list, tok_key_function key, const void *context, bool reverse);
tok_value tok_first_of_pair(tok_render *render, tok_value item, const void *context);

extern const tok_callable tok_list_filters[];
extern const size_t tok_n_list_filters;
extern const tok_callable tok_number_filters[]; /* template_filter_number.c */
extern const size_t tok_n_number_filters;
extern const tok_callable tok_text_methods[]; /* template_method_text.c */
extern const size_t tok_n_text_methods;

/* ---- tables ---- */

/* Reads optional arguments. */
int64_t tok_integer_argument(tok_render *render, tok_value value, int64_t standard);
const tok_text *tok_text_argument(tok_render *render, tok_value value, const char *standard);

/* Operations that are both filters and methods. */
tok_value tok_replace(tok_render *render, const tok_text *text, const tok_text *old, const tok_text *new_text,
                      int64_t count);
tok_value tok_center(tok_render *render, const tok_text *text, int64_t width, const tok_text *fill, char align);
tok_value tok_split_lines(tok_render *render, const tok_text *text, bool keep_ends);
tok_value tok_make_dict(tok_render *render, const tok_arguments *arguments);

const tok_callable *tok_find_filter(base_slice name);
const tok_callable *tok_find_test(base_slice name);
const tok_callable *tok_find_method(tok_type_of_value type, base_slice name);
const tok_callable *tok_find_global(base_slice name);
const tok_callable *tok_find_in(const tok_callable *table, size_t count, base_slice name);

#endif
