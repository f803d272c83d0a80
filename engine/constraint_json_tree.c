/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON text as a tree, for schemas: read without recursion, at most BASE_JSON_DEPTH deep. */
#include "engine/constraint_schema.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t add_node(eng_json_tree *tree, eng_json_node node)
{
    if (!base_grow(&tree->nodes, &tree->room, tree->n_nodes + 1, sizeof node))
        return 0;
    const uint32_t number = (uint32_t)tree->n_nodes++;
    tree->nodes[number] = node;
    if (node.parent != 0) {
        eng_json_node *const parent = &tree->nodes[node.parent];
        if (parent->last_child == 0)
            parent->child = number;
        else
            tree->nodes[parent->last_child].next = number;
        parent->last_child = number;
        parent->n_children++;
    }
    return number;
}

/* A string's value; in the arena where it has escapes. */
static bool value_of(eng_json_tree *tree, const base_json_event *event, base_slice *value)
{
    *value = event->text;
    if (!event->escaped)
        return true;
    char *const bytes = base_arena_allocate(&tree->arena, event->text.length);
    if (bytes == NULL)
        return false;
    *value = (base_slice){bytes, base_json_unescape(event, bytes)};
    return true;
}

static firn_status read_tree(eng_json_tree *tree, firn_error *error)
{
    base_json reader = base_json_begin(tree->source);
    base_json_event event;
    base_slice key = {NULL, 0};
    uint32_t open = 0;
    firn_status status;
    while ((status = base_json_next(&reader, &event, error)) == FIRN_OK && event.kind != BASE_JSON_END) {
        if (event.kind == BASE_JSON_ARRAY_END || event.kind == BASE_JSON_OBJECT_END) {
            eng_json_node *const node = &tree->nodes[open];
            node->text.length = event.offset + 1 - node->offset;
            open = node->parent;
            continue;
        }
        eng_json_node node = {
            .kind = event.kind, .key = key, .text = event.text, .parent = open, .offset = event.offset};
        if (event.kind == BASE_JSON_KEY) {
            if (!value_of(tree, &event, &key))
                goto memory;
            if (open != 0 && tree->nodes[open].n_children == ENG_MEMBERS_MOST)
                return eng_text_fault(tree->source, event.offset, FIRN_ERROR_LIMIT, error,
                                      "more than %d members of one object", ENG_MEMBERS_MOST);
            if (eng_json_find(tree, open, key) != 0)
                return eng_text_fault(tree->source, event.offset, FIRN_ERROR_FORMAT, error,
                                      "the key '%.*s' comes twice", key.length > 100 ? 100 : (int)key.length, key.data);
            continue;
        }
        if (event.kind == BASE_JSON_STRING && !value_of(tree, &event, &node.text))
            goto memory;
        if (event.kind == BASE_JSON_ARRAY_BEGIN || event.kind == BASE_JSON_OBJECT_BEGIN)
            node.text = (base_slice){tree->source.data + event.offset, 0}; /* its end comes later */
        const uint32_t number = add_node(tree, node);
        if (number == 0)
            goto memory;
        if (event.kind == BASE_JSON_ARRAY_BEGIN || event.kind == BASE_JSON_OBJECT_BEGIN)
            open = number;
        key = (base_slice){NULL, 0};
    }
    return status;
memory:
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a schema of %zu bytes",
                     tree->source.length);
}

firn_status eng_json_read(eng_json_tree *tree, base_slice text, firn_error *error)
{
    *tree = (eng_json_tree){.source = text, .arena = {.limit = 2 * text.length + 4096}};
    if (!base_grow(&tree->nodes, &tree->room, 1, sizeof *tree->nodes))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a schema");
    tree->nodes[tree->n_nodes++] = (eng_json_node){.kind = BASE_JSON_END};
    return read_tree(tree, error);
}

void eng_json_free(eng_json_tree *tree)
{
    free(tree->nodes);
    base_arena_free(&tree->arena);
    *tree = (eng_json_tree){.nodes = NULL};
}

uint32_t eng_json_find(const eng_json_tree *tree, uint32_t node, base_slice key)
{
    if (tree->nodes[node].kind != BASE_JSON_OBJECT_BEGIN)
        return 0;
    uint32_t child = tree->nodes[node].child;
    while (child != 0 && !base_slice_equal(tree->nodes[child].key, key))
        child = tree->nodes[child].next;
    return child;
}

uint32_t eng_json_member(const eng_json_tree *tree, uint32_t node, const char *key)
{
    return eng_json_find(tree, node, base_slice_from(key));
}

static bool same_number(base_slice a, base_slice b)
{
    const base_json_event x = {.kind = BASE_JSON_NUMBER, .text = a}, y = {.kind = BASE_JSON_NUMBER, .text = b};
    double first, second;
    return base_slice_equal(a, b) || (base_json_double(&x, &first) && base_json_double(&y, &second) && first == second);
}

/* Compares scalars by value and others by shape; walks both trees in step. */
bool eng_json_equal(const eng_json_tree *tree, uint32_t a, uint32_t b)
{
    const uint32_t top = a;
    for (;;) {
        const eng_json_node *x = &tree->nodes[a], *y = &tree->nodes[b];
        if (x->kind != y->kind || x->n_children != y->n_children)
            return false;
        if ((x->kind == BASE_JSON_STRING && !base_slice_equal(x->text, y->text)) ||
            (x->kind == BASE_JSON_NUMBER && !same_number(x->text, y->text)))
            return false;
        if (a != top && !base_slice_equal(x->key, y->key))
            return false; /* members in another order count as different, which only refuses more */
        if (x->child != 0) {
            a = x->child;
            b = y->child;
            continue;
        }
        while (a != top && tree->nodes[a].next == 0) {
            a = tree->nodes[a].parent;
            b = tree->nodes[b].parent;
        }
        if (a == top)
            return true;
        a = tree->nodes[a].next;
        b = tree->nodes[b].next;
    }
}

void eng_json_path(const eng_json_tree *tree, uint32_t node, char path[160])
{
    char *at = path + 159;
    *at = '\0';
    for (; node > 1; node = tree->nodes[node].parent) {
        const eng_json_node *const parent = &tree->nodes[tree->nodes[node].parent];
        char number[16];
        base_slice name = tree->nodes[node].key;
        if (parent->kind == BASE_JSON_ARRAY_BEGIN) {
            unsigned index = 0;
            for (uint32_t child = parent->child; child != node; child = tree->nodes[child].next)
                index++;
            name = (base_slice){number, (size_t)snprintf(number, sizeof number, "%u", index)};
        }
        if (name.length + 8 > (size_t)(at - path)) { /* too long: its beginning is left out */
            at -= 4;
            memcpy(at, "/...", 4);
            break;
        }
        at -= name.length;
        if (name.length > 0)
            memcpy(at, name.data, name.length);
        *--at = '/';
    }
    *--at = '#';
    memmove(path, at, strlen(at) + 1);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One part of a pointer, with ~0, ~1 and %XX undone, compared with a key. */
static bool part_is(base_slice part, base_slice key)
{
    size_t at = 0;
    for (size_t i = 0; i < part.length; i++, at++) {
        char c = part.data[i];
        if (c == '~' && i + 1 < part.length && (part.data[i + 1] == '0' || part.data[i + 1] == '1'))
            c = part.data[++i] == '0' ? '~' : '/';
        else if (c == '%' && i + 2 < part.length && hex_digit(part.data[i + 1]) >= 0 &&
                 hex_digit(part.data[i + 2]) >= 0) {
            c = (char)(hex_digit(part.data[i + 1]) << 4 | hex_digit(part.data[i + 2]));
            i += 2;
        }
        if (at >= key.length || key.data[at] != c)
            return false;
    }
    return at == key.length;
}

uint32_t eng_json_pointer(const eng_json_tree *tree, base_slice reference)
{
    if (reference.length == 0 || reference.data[0] != '#')
        return 0;
    uint32_t node = 1;
    for (size_t at = 1; at < reference.length && node != 0;) {
        if (reference.data[at] != '/')
            return 0;
        size_t end = ++at;
        while (end < reference.length && reference.data[end] != '/')
            end++;
        const base_slice part = {reference.data + at, end - at};
        unsigned index = 0;
        const bool array = tree->nodes[node].kind == BASE_JSON_ARRAY_BEGIN;
        uint32_t child = tree->nodes[node].child;
        for (; child != 0; child = tree->nodes[child].next, index++) {
            char number[16];
            const int length = snprintf(number, sizeof number, "%u", index);
            if (array ? base_slice_equal(part, (base_slice){number, (size_t)length})
                      : part_is(part, tree->nodes[child].key))
                break;
        }
        node = child;
        at = end;
    }
    return node;
}
