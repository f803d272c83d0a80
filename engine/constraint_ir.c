/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/constraint_ir.h"

#include "base/memory.h"

#include <stdlib.h>

static bool grow(eng_ir *ir, void *array, size_t *room, size_t needed, size_t element, size_t most)
{
    if (eng_ir_failed(ir))
        return false;
    if (needed > most)
        base_fail(&ir->error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                  "the constraint needs more than %zu parts; make it smaller, or its repetitions", most);
    else if (!base_grow(array, room, needed, element))
        base_fail(&ir->error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a constraint of %zu parts", needed);
    return !eng_ir_failed(ir);
}

bool eng_ir_failed(const eng_ir *ir)
{
    return ir->error.status != FIRN_OK;
}

static uint32_t add_node(eng_ir *ir, eng_ir_node node)
{
    if (!grow(ir, &ir->nodes, &ir->room_nodes, ir->n_nodes + 1, sizeof *ir->nodes, ENG_IR_NODES_MOST))
        return 0;
    ir->nodes[ir->n_nodes] = node;
    return (uint32_t)ir->n_nodes++;
}

firn_status eng_ir_begin(eng_ir *ir, firn_error *error)
{
    *ir = (eng_ir){.depth = 1000};
    add_node(ir, (eng_ir_node){.kind = ENG_IR_NONE});
    if (eng_ir_failed(ir) && error != NULL)
        *error = ir->error;
    return ir->error.status;
}

void eng_ir_free(eng_ir *ir)
{
    free(ir->nodes);
    free(ir->ranges);
    free(ir->bytes);
    free(ir->rules);
    *ir = (eng_ir){.nodes = NULL};
}

uint32_t eng_ir_node_of(eng_ir *ir, eng_ir_kind kind)
{
    return add_node(ir, (eng_ir_node){.kind = kind});
}

void eng_ir_add(eng_ir *ir, uint32_t parent, uint32_t child)
{
    if (eng_ir_failed(ir))
        return;
    if (child == 0) /* shared, so it can't be in a list */
        child = add_node(ir, (eng_ir_node){.kind = ENG_IR_NONE});
    if (eng_ir_failed(ir))
        return;
    eng_ir_node *const node = &ir->nodes[parent];
    if (node->last_child == 0)
        node->child = child;
    else
        ir->nodes[node->last_child].next = child;
    node->last_child = child;
}

static size_t add_bytes(eng_ir *ir, base_slice text)
{
    const size_t at = ir->n_bytes;
    if (text.length > ENG_IR_BYTES_MOST ||
        !grow(ir, &ir->bytes, &ir->room_bytes, at + text.length, 1, ENG_IR_BYTES_MOST))
        return 0;
    if (text.length > 0)
        memcpy(ir->bytes + at, text.data, text.length);
    ir->n_bytes += text.length;
    return at;
}

uint32_t eng_ir_literal(eng_ir *ir, base_slice text)
{
    const size_t at = add_bytes(ir, text);
    return add_node(ir, (eng_ir_node){.kind = ENG_IR_LITERAL, .low = (uint32_t)at, .high = (uint32_t)text.length});
}

uint32_t eng_ir_text(eng_ir *ir, const char *text)
{
    return eng_ir_literal(ir, base_slice_from(text));
}

uint32_t eng_ir_repeat(eng_ir *ir, uint32_t child, uint32_t low, uint32_t high)
{
    const uint32_t node = add_node(ir, (eng_ir_node){.kind = ENG_IR_REPEAT, .low = low, .high = high});
    eng_ir_add(ir, node, child);
    return node;
}

/* A copy of the node that has no parent yet; the node itself is to be written anew. */
static uint32_t move_node(eng_ir *ir, uint32_t node)
{
    if (eng_ir_failed(ir))
        return 0;
    eng_ir_node copy = ir->nodes[node];
    copy.next = 0;
    return add_node(ir, copy);
}

void eng_ir_wrap(eng_ir *ir, uint32_t node, uint32_t low, uint32_t high)
{
    const uint32_t inner = move_node(ir, node);
    if (eng_ir_failed(ir))
        return;
    const uint32_t next = ir->nodes[node].next;
    ir->nodes[node] = (eng_ir_node){.kind = ENG_IR_REPEAT, .next = next, .low = low, .high = high};
    eng_ir_add(ir, node, inner);
}

uint32_t eng_ir_call(eng_ir *ir, uint32_t rule)
{
    return add_node(ir, (eng_ir_node){.kind = ENG_IR_RULE, .low = rule});
}

uint32_t eng_ir_pair(eng_ir *ir, eng_ir_kind kind, uint32_t first, uint32_t second)
{
    const uint32_t node = eng_ir_node_of(ir, kind);
    eng_ir_add(ir, node, first);
    eng_ir_add(ir, node, second);
    return node;
}

static int compare_ranges(const void *left, const void *right)
{
    const eng_ir_range *const a = left, *const b = right;
    return a->first < b->first ? -1 : a->first > b->first;
}

static bool add_range(eng_ir *ir, uint32_t first, uint32_t last)
{
    if (!grow(ir, &ir->ranges, &ir->room_ranges, ir->n_ranges + 1, sizeof *ir->ranges,
              ENG_IR_BYTES_MOST / sizeof *ir->ranges))
        return false;
    ir->ranges[ir->n_ranges++] = (eng_ir_range){first, last};
    return true;
}

uint32_t eng_ir_class(eng_ir *ir, const eng_ir_range *ranges, size_t n_ranges, bool negated)
{
    const size_t at = ir->n_ranges;
    for (size_t i = 0; i < n_ranges; i++)
        if (!add_range(ir, ranges[i].first, ranges[i].last))
            return 0;
    if (n_ranges > 1)
        qsort(ir->ranges + at, n_ranges, sizeof *ir->ranges, compare_ranges);
    size_t kept = at;
    for (size_t i = at; i < at + n_ranges; i++) {
        eng_ir_range *const before = kept > at ? &ir->ranges[kept - 1] : NULL;
        if (before == NULL || ir->ranges[i].first > before->last + 1)
            ir->ranges[kept++] = ir->ranges[i];
        else if (ir->ranges[i].last > before->last)
            before->last = ir->ranges[i].last;
    }
    ir->n_ranges = kept;
    if (negated) {
        /* one more range than before at most: what lies before, between and after */
        uint32_t from = 0;
        if (!add_range(ir, 0, 0))
            return 0;
        ir->n_ranges = at;
        for (size_t i = at; i < kept; i++) {
            const eng_ir_range taken = ir->ranges[i];
            if (taken.first > from)
                ir->ranges[ir->n_ranges++] = (eng_ir_range){from, taken.first - 1};
            from = taken.last + 1;
        }
        if (from <= ENG_CODE_POINT_LAST)
            ir->ranges[ir->n_ranges++] = (eng_ir_range){from, ENG_CODE_POINT_LAST};
    }
    return add_node(ir,
                    (eng_ir_node){.kind = ENG_IR_CLASS, .low = (uint32_t)at, .high = (uint32_t)(ir->n_ranges - at)});
}

uint32_t eng_ir_character(eng_ir *ir, uint32_t first, uint32_t last)
{
    return eng_ir_class(ir, &(eng_ir_range){first, last}, 1, false);
}

uint32_t eng_ir_add_rule(eng_ir *ir, base_slice name, size_t offset)
{
    const size_t at = add_bytes(ir, name);
    if (!grow(ir, &ir->rules, &ir->room_rules, ir->n_rules + 1, sizeof *ir->rules, ENG_IR_RULES_MOST))
        return 0;
    ir->rules[ir->n_rules] = (eng_ir_rule){.name = at, .length = name.length, .offset = offset};
    return (uint32_t)ir->n_rules++;
}

void eng_ir_define(eng_ir *ir, uint32_t rule, uint32_t node)
{
    if (!eng_ir_failed(ir))
        ir->rules[rule].node = node;
}

/* ---- anchors ---- */

/* Puts any text before (or after) what `node` matches; the node keeps its number, for its parent's sake. */
static void widen(eng_ir *ir, uint32_t node, bool before, bool json)
{
    const uint32_t character = eng_ir_character(ir, 0, ENG_CODE_POINT_LAST);
    if (!eng_ir_failed(ir))
        ir->nodes[character].json = json;
    const uint32_t any = eng_ir_repeat(ir, character, 0, ENG_IR_UNBOUNDED);
    const uint32_t inner = move_node(ir, node);
    if (eng_ir_failed(ir))
        return;
    const uint32_t next = ir->nodes[node].next;
    ir->nodes[node] = (eng_ir_node){.kind = ENG_IR_SEQUENCE, .next = next};
    eng_ir_add(ir, node, before ? any : inner);
    eng_ir_add(ir, node, before ? inner : any);
}

/* Follows the alternatives' first (or last) parts and replaces the anchors there. `waiting` has room for all nodes. */
static void anchor_side(eng_ir *ir, uint32_t root, bool before, bool search, bool json, uint32_t *waiting)
{
    size_t n_waiting = 0;
    waiting[n_waiting++] = root;
    while (n_waiting > 0 && !eng_ir_failed(ir)) {
        const uint32_t at = waiting[--n_waiting];
        eng_ir_node *const node = &ir->nodes[at];
        if (node->kind == (before ? ENG_IR_BEGIN : ENG_IR_END))
            node->kind = ENG_IR_SEQUENCE;
        else if (node->kind == ENG_IR_CHOICE)
            for (uint32_t child = node->child; child != 0; child = ir->nodes[child].next)
                waiting[n_waiting++] = child;
        else if (node->kind == ENG_IR_SEQUENCE && node->child != 0)
            waiting[n_waiting++] = before ? node->child : node->last_child;
        else if (search)
            widen(ir, at, before, json);
    }
}

uint32_t eng_ir_anchor(eng_ir *ir, uint32_t node, size_t first_node, bool search, bool json)
{
    if (eng_ir_failed(ir))
        return 0;
    uint32_t *const waiting = malloc(2 * ir->n_nodes * sizeof *waiting);
    if (waiting == NULL) {
        base_fail(&ir->error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a constraint");
        return 0;
    }
    /* a part that is only "^" or "$" is first and last at once: each side takes its own */
    const uint32_t whole = eng_ir_node_of(ir, ENG_IR_SEQUENCE);
    eng_ir_add(ir, whole, node);
    anchor_side(ir, node, true, search, json, waiting);
    anchor_side(ir, node, false, search, json, waiting);
    free(waiting);
    for (size_t i = first_node; i < ir->n_nodes && !eng_ir_failed(ir); i++)
        if (ir->nodes[i].kind == ENG_IR_BEGIN || ir->nodes[i].kind == ENG_IR_END)
            base_fail(&ir->error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                      "the regular expression has ^ or $ elsewhere than at the edges of its alternatives");
    return whole;
}
