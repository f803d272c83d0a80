/* SPDX-License-Identifier: Apache-2.0 */
/* The for loop and its variable `loop`. A loop's filter runs lazily, one item ahead of the body at most. */
#include "tokenizer/template_p.h"

/* Whether the loop's filter lets the item through. */
static bool passes(tok_render *render, const tok_loop *loop, tok_value item)
{
    if (loop->node->c == NULL || loop->counted)
        return true;
    tok_scope *inside = render->scope;
    tok_scope scope = {.parent = loop->scope};
    render->scope = &scope;
    tok_assign(render, loop->node->a, item);
    bool pass = tok_truth(tok_evaluate(render, loop->node->c));
    render->scope = inside;
    return pass;
}

/* Finds the next item, without going on to it. */
static bool peek(tok_render *render, tok_loop *loop)
{
    if (loop->peeked)
        return loop->has_next;
    loop->peeked = true;
    loop->has_next = false;
    while (!loop->has_next && loop->n_read < loop->n_source) {
        tok_charge(render, 1);
        loop->next = loop->source[loop->n_read++];
        loop->has_next = passes(render, loop, loop->next);
    }
    return loop->has_next;
}

static bool advance(tok_render *render, tok_loop *loop)
{
    if (!peek(render, loop))
        return false;
    loop->previous = loop->current;
    loop->current = loop->next;
    loop->peeked = false;
    loop->index0++;
    return true;
}

/* Turns of the loop in all. With a filter, all items that are left have to pass it now. */
static int64_t length(tok_render *render, tok_loop *loop)
{
    if (loop->node->c == NULL)
        return (int64_t)loop->n_source;
    if (loop->counted)
        return loop->length;
    bool pending = peek(render, loop);
    tok_value *rest = tok_allocate_array(&render->guard, loop->n_source - loop->n_read, sizeof *rest);
    size_t count = 0;
    for (; loop->n_read < loop->n_source; loop->n_read++)
        if (passes(render, loop, loop->source[loop->n_read]))
            rest[count++] = loop->source[loop->n_read];
    loop->source = rest;
    loop->n_source = count;
    loop->n_read = 0;
    loop->counted = true;
    loop->length = loop->index0 + 1 + (pending ? 1 : 0) + (int64_t)count;
    return loop->length;
}

tok_value tok_loop_attribute(tok_render *render, tok_value value, base_slice name)
{
    tok_loop *loop = value.as.loop;
    if (base_slice_is(name, "index"))
        return tok_int(loop->index0 + 1);
    if (base_slice_is(name, "index0"))
        return tok_int(loop->index0);
    if (base_slice_is(name, "first"))
        return tok_bool(loop->index0 == 0);
    if (base_slice_is(name, "last"))
        return tok_bool(!peek(render, loop));
    if (base_slice_is(name, "length"))
        return tok_int(length(render, loop));
    if (base_slice_is(name, "revindex"))
        return tok_int(length(render, loop) - loop->index0);
    if (base_slice_is(name, "revindex0"))
        return tok_int(length(render, loop) - loop->index0 - 1);
    if (base_slice_is(name, "depth"))
        return tok_int(loop->depth0 + 1);
    if (base_slice_is(name, "depth0"))
        return tok_int(loop->depth0);
    if (base_slice_is(name, "previtem"))
        return loop->index0 > 0 ? loop->previous : tok_undefined_message(render, "there is no previous item");
    if (base_slice_is(name, "nextitem"))
        return peek(render, loop) ? loop->next : tok_undefined_message(render, "there is no next item");
    return (tok_value){.type = TOK_V_MISSING};
}

void tok_run_for(tok_render *render, const tok_node *node, tok_scope *around, tok_value iterable, uint32_t depth0)
{
    tok_scope *outer = render->scope;
    tok_loop *loop = tok_allocate(&render->guard, sizeof *loop);
    tok_items items = tok_iterate(render, iterable);
    *loop = (tok_loop){
        .node = node, .scope = around, .source = items.items, .n_source = items.count, .index0 = -1, .depth0 = depth0};
    bool turned = false; /* as in Jinja, a turn that ended by break or continue does not keep `else` from running */
    while (!render->breaks && advance(render, loop)) {
        tok_scope *scope = tok_allocate(&render->guard, sizeof *scope);
        *scope = (tok_scope){.parent = around};
        render->scope = scope;
        tok_store(render, node->symbol, (tok_value){.type = TOK_V_LOOP, .as.loop = loop});
        tok_assign(render, node->a, loop->current);
        tok_run_body(render, &node->body);
        turned = turned || (!render->breaks && !render->continues);
        render->continues = false;
    }
    render->breaks = false;
    if (!turned) {
        tok_scope *scope = tok_allocate(&render->guard, sizeof *scope);
        *scope = (tok_scope){.parent = around};
        render->scope = scope;
        tok_run_body(render, &node->otherwise);
    }
    render->scope = outer;
}
