/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/template_p.h"

#include "base/json.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { PROGRAM_MEMORY = 64 * 1024 * 1024, RENDER_MEMORY = 256 * 1024 * 1024 };

/* ---- faults and memory ---- */

_Noreturn void tok_fault(tok_guard *guard, firn_status status, const char *format, ...)
{
    char message[400];
    size_t line, column;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    base_line_column(guard->source, guard->position, &line, &column);
    guard->status = base_fail(guard->error, status, guard->position, "line %zu, column %zu: %s", line, column, message);
    longjmp(guard->leave, 1);
}

void *tok_allocate(tok_guard *guard, size_t size)
{
    void *piece = base_arena_allocate(&guard->arena, size);
    if (piece != NULL)
        return piece;
    if (base_arena_at_limit(&guard->arena, size))
        tok_fault(guard, FIRN_ERROR_LIMIT, "the template uses more than %zu bytes of memory", guard->arena.limit);
    tok_fault(guard, FIRN_ERROR_MEMORY, "no memory for %zu bytes", size);
}

void *tok_allocate_array(tok_guard *guard, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        total = SIZE_MAX;
    void *array = tok_allocate(guard, total);
    memset(array, 0, total);
    return array;
}

void *tok_grow(tok_guard *guard, void **items, size_t count, size_t *capacity, size_t size)
{
    if (count == *capacity) {
        size_t wider = count == 0 ? 4 : 2 * count;
        if (!base_arena_extend(&guard->arena, *items, *capacity * size, wider * size)) {
            void *moved = tok_allocate(guard, wider * size);
            if (count > 0)
                memcpy(moved, *items, count * size);
            *items = moved;
        }
        *capacity = wider;
    }
    return (char *)*items + count * size;
}

void tok_charge(tok_render *render, size_t steps)
{
    if (steps > render->steps_left)
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "the template takes more than %d steps", TOK_TEMPLATE_STEPS);
    render->steps_left -= (uint32_t)steps;
}

enum { MOST_NESTED = 2000 }; /* evaluations inside each other, so that the stack suffices */

void tok_enter(tok_render *render)
{
    if (render->depth == MOST_NESTED)
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "values or calls lie more than %d deep inside each other",
                  MOST_NESTED);
    render->depth++;
}

void tok_leave(tok_render *render)
{
    render->depth--;
}

/* ---- compile ---- */

/* A copy of the source with every kind of newline made '\n', and without one newline at its end. */
static void copy_source(tok_guard *guard, base_slice source)
{
    char *copy = tok_allocate(guard, source.length + 1);
    size_t length = 0;
    for (size_t i = 0; i < source.length; i++) {
        bool carriage = source.data[i] == '\r';
        copy[length++] = carriage ? '\n' : source.data[i];
        if (carriage && i + 1 < source.length && source.data[i + 1] == '\n')
            i++;
    }
    if (length > 0 && copy[length - 1] == '\n')
        length--;
    guard->source = (base_slice){copy, length};
}

firn_status tok_template_compile(base_slice source, tok_template **out, firn_error *error)
{
    *out = NULL;
    if (source.length > TOK_TEMPLATE_SIZE)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "the template has %zu bytes; at most %d are allowed",
                         source.length, TOK_TEMPLATE_SIZE);
    if (!base_utf8_valid(source))
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "the template is not valid UTF-8");
    tok_template *program = calloc(1, sizeof *program);
    if (program == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to compile a template");
    program->guard = (tok_guard){.arena = {.limit = PROGRAM_MEMORY}, .error = error};
    if (setjmp(program->guard.leave) != 0) {
        firn_status status = program->guard.status;
        tok_template_destroy(program);
        return status;
    }
    copy_source(&program->guard, source);
    tok_template_parse(program, tok_template_lex(&program->guard));
    program->guard.error = NULL;
    *out = program;
    return FIRN_OK;
}

void tok_template_destroy(tok_template *program)
{
    if (program == NULL)
        return;
    base_arena_free(&program->guard.arena);
    free(program);
}

/* ---- render ---- */

static size_t input_size(const tok_template_input *input)
{
    size_t size = input->members.length;
    for (size_t i = 0; i < input->n_variables; i++)
        size += input->variables[i].json.length + input->variables[i].text.length;
    return size;
}

static void define(tok_render *render, base_slice name, tok_value value)
{
    tok_dict_set(render, render->extra, tok_from_bytes(&render->guard, name, false), value);
}

static void define_inputs(tok_render *render)
{
    const tok_template_input *input = render->input;
    if (input->members.length > 0) {
        tok_value members = tok_from_json(render, input->members, true);
        if (members.type != TOK_V_DICT)
            tok_fault(&render->guard, FIRN_ERROR_ARGUMENT, "the template's variables have to be one JSON object");
        for (size_t i = 0; i < members.as.dict->count; i++)
            define(render, tok_bytes(members.as.dict->entries[i].key.as.text), members.as.dict->entries[i].value);
    }
    for (size_t i = 0; i < input->n_variables; i++) {
        const tok_template_variable *variable = &input->variables[i];
        define(render, variable->name,
               variable->json.data != NULL ? tok_from_json(render, variable->json, true)
                                           : tok_from_bytes(&render->guard, variable->text, false));
    }
}

static size_t count_segments(const tok_builder *text)
{
    size_t count = text->length > 0;
    for (size_t i = 1; text->marks != NULL && i < text->length; i++)
        count += text->marks[i] != text->marks[i - 1];
    return count;
}

static bool copy_output(const tok_builder *text, tok_template_output *out)
{
    size_t count = count_segments(text);
    *out = (tok_template_output){
        .text = malloc(text->length + 1), .length = text->length, .segments = calloc(count + 1, sizeof *out->segments)};
    if (out->text == NULL || out->segments == NULL) {
        tok_template_output_free(out);
        return false;
    }
    if (text->length > 0)
        memcpy(out->text, text->data, text->length);
    out->text[text->length] = '\0';
    for (size_t i = 0; i < text->length; i++) {
        bool mark = text->marks != NULL ? text->marks[i] != 0 : text->mark;
        if (i + 1 == text->length || (text->marks != NULL && text->marks[i + 1] != text->marks[i]))
            out->segments[out->n_segments++] = (tok_template_segment){.end = i + 1, .from_template = !mark};
    }
    return true;
}

firn_status tok_template_render(const tok_template *program, const tok_template_input *input, tok_template_output *out,
                                firn_error *error)
{
    *out = (tok_template_output){.text = NULL};
    tok_render *render = calloc(1, sizeof *render);
    if (render == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to render a template");
    size_t size = input_size(input);
    *render = (tok_render){
        .guard = {.arena = {.limit = RENDER_MEMORY + 64 * size}, .source = program->guard.source, .error = error},
        .program = program,
        .input = input,
        .steps_left = UINT32_MAX, /* reading the data takes none of the template's steps */
        .text_limit = TOK_TEMPLATE_OUTPUT + size};
    if (setjmp(render->guard.leave) == 0) {
        render->extra = tok_dict_new(&render->guard);
        define_inputs(render);
        render->steps_left = TOK_TEMPLATE_STEPS;
        tok_builder text = tok_build(render);
        render->out = &text;
        tok_run_program(render);
        if (!copy_output(&text, out))
            tok_fault(&render->guard, FIRN_ERROR_MEMORY, "no memory for the output");
    }
    firn_status status = render->guard.status;
    base_arena_free(&render->guard.arena);
    free(render);
    return status;
}

void tok_template_output_free(tok_template_output *output)
{
    free(output->text);
    free(output->segments);
    *output = (tok_template_output){.text = NULL};
}
