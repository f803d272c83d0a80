/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/constraint.h"

#include "engine/constraint_compile.h"
#include "engine/constraint_configs.h"

#include <stdlib.h>

static firn_status compile_choices(eng_ir *ir, base_slice text, firn_error *error)
{
    if (text.length > ENG_SCHEMA_BYTES_MOST)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "the choices have %zu bytes, but the limit is %d",
                         text.length, ENG_SCHEMA_BYTES_MOST);
    const uint32_t choice = eng_ir_node_of(ir, ENG_IR_CHOICE);
    for (size_t from = 0, to; from < text.length; from = to + 1) {
        const char *const end = memchr(text.data + from, '\n', text.length - from);
        to = end != NULL ? (size_t)(end - text.data) : text.length;
        const size_t length = to - from - (to > from && text.data[to - 1] == '\r');
        if (length > 0)
            eng_ir_add(ir, choice, eng_ir_literal(ir, (base_slice){text.data + from, length}));
    }
    if (!eng_ir_failed(ir) && ir->nodes[choice].child == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the list of choices is empty: write one a line");
    eng_ir_define(ir, eng_ir_add_rule(ir, base_slice_from("choices"), SIZE_MAX), choice);
    return FIRN_OK;
}

static firn_status read_regex(eng_ir *ir, base_slice text, firn_error *error)
{
    const uint32_t rule = eng_ir_add_rule(ir, base_slice_from("regex"), SIZE_MAX);
    const uint32_t node = eng_parse_regex(ir, text, false, false, error);
    if (node == 0)
        return error->status;
    eng_ir_define(ir, rule, node);
    return FIRN_OK;
}

static firn_status read_constraint(eng_ir *ir, firn_constraint_kind kind, base_slice text, firn_error *error)
{
    switch (kind) {
    case FIRN_CONSTRAINT_GRAMMAR:
        return eng_compile_gbnf(ir, text, error);
    case FIRN_CONSTRAINT_SCHEMA:
        return eng_compile_schema(ir, text, error);
    case FIRN_CONSTRAINT_REGEX:
        return read_regex(ir, text, error);
    case FIRN_CONSTRAINT_CHOICES:
        return compile_choices(ir, text, error);
    }
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "%d is no kind of constraint", (int)kind);
}

firn_status firn_constraint_compile(firn_constraint_kind kind, const char *text, size_t length, firn_constraint **out,
                                    firn_error *error)
{
    firn_error own = {.status = FIRN_OK};
    eng_ir ir;
    *out = NULL;
    firn_constraint *const constraint = calloc(1, sizeof *constraint);
    firn_status status = eng_ir_begin(&ir, &own);
    if (constraint == NULL)
        status = base_fail(&own, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a constraint");
    if (status == FIRN_OK)
        status = read_constraint(&ir, kind, (base_slice){text, length}, &own);
    if (status == FIRN_OK && eng_ir_failed(&ir)) {
        own = ir.error;
        status = own.status;
    }
    if (status == FIRN_OK)
        status = eng_automaton_compile(&ir, &constraint->automaton, &own);
    eng_ir_free(&ir);
    if (status == FIRN_OK) {
        atomic_init(&constraint->references, 1);
        *out = constraint;
        return FIRN_OK;
    }
    if (constraint != NULL)
        eng_automaton_free(&constraint->automaton);
    free(constraint);
    if (error != NULL)
        *error = own;
    return status;
}

void firn_constraint_retain(firn_constraint *constraint)
{
    if (constraint != NULL)
        atomic_fetch_add(&constraint->references, 1);
}

void firn_constraint_release(firn_constraint *constraint)
{
    if (constraint == NULL || atomic_fetch_sub(&constraint->references, 1) != 1)
        return;
    eng_automaton_free(&constraint->automaton);
    free(constraint);
}
