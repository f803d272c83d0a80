/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/constraint_automaton.h"

#include "base/memory.h"

#include <stdlib.h>

/* ---- sketches ---- */

uint32_t eng_sketch_state(eng_sketch *sketch)
{
    if (sketch->n_states >= ENG_STATES_MOST && sketch->status == FIRN_OK)
        sketch->status = base_fail(sketch->error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                                   "the constraint needs more than %d states; lower its repetitions", ENG_STATES_MOST);
    return sketch->status == FIRN_OK ? sketch->n_states++ : 0;
}

void eng_sketch_edge(eng_sketch *sketch, eng_edge edge)
{
    if (sketch->status != FIRN_OK)
        return;
    if (!base_grow(&sketch->edges, &sketch->room_edges, sketch->n_edges + 1, sizeof edge)) {
        sketch->status = base_fail(sketch->error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                                   "no memory for a constraint of %zu "
                                   "edges",
                                   sketch->n_edges);
        return;
    }
    sketch->edges[sketch->n_edges++] = edge;
}

static void nothing(eng_sketch *sketch, uint32_t from, uint32_t to)
{
    eng_sketch_edge(sketch, (eng_edge){.from = from, .target = to, .kind = ENG_EDGE_NOTHING});
}

/* ---- from trees to edges ---- */

typedef struct task {
    uint32_t node, from, to;
    bool alone; /* within what must not call rules */
} task;

typedef struct compiler {
    eng_ir *ir;
    eng_sketch sketch;
    task *tasks;
    size_t n_tasks, room_tasks;
} compiler;

static void later(compiler *c, task next)
{
    if (c->sketch.status != FIRN_OK)
        return;
    if (!base_grow(&c->tasks, &c->room_tasks, c->n_tasks + 1, sizeof next)) {
        c->sketch.status = base_fail(c->sketch.error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a constraint");
        return;
    }
    c->tasks[c->n_tasks++] = next;
}

/* A rule for a child that is repeated, so that its edges are made once. */
static uint32_t outlined(compiler *c, uint32_t child)
{
    const uint32_t rule = eng_ir_add_rule(c->ir, (base_slice){NULL, 0}, SIZE_MAX);
    if (eng_ir_failed(c->ir)) {
        c->sketch.status = base_fail(c->sketch.error, c->ir->error.status, FIRN_NO_OFFSET, "%s", c->ir->error.message);
        return 0;
    }
    c->ir->rules[rule].node = child;
    return rule;
}

static void compile_once(compiler *c, task t, uint32_t child, uint32_t rule)
{
    if (rule != 0)
        eng_sketch_edge(&c->sketch, (eng_edge){.from = t.from, .target = t.to, .rule = rule, .kind = ENG_EDGE_CALL});
    else
        later(c, (task){child, t.from, t.to, t.alone});
}

static void compile_repeat(compiler *c, task t)
{
    enum { COPIES_INLINE = 4 };
    const eng_ir_node node = c->ir->nodes[t.node];
    const bool endless = node.high == ENG_IR_UNBOUNDED;
    const uint32_t copies = endless ? node.low : node.high;
    const eng_ir_kind kind = c->ir->nodes[node.child].kind;
    const bool large = kind != ENG_IR_RULE && kind != ENG_IR_LITERAL;
    const uint32_t rule = large && !t.alone && copies > COPIES_INLINE ? outlined(c, node.child) : 0;
    uint32_t at = eng_sketch_state(&c->sketch);
    nothing(&c->sketch, t.from, at);
    for (uint32_t i = 0; i < copies && c->sketch.status == FIRN_OK; i++) {
        const uint32_t next = eng_sketch_state(&c->sketch);
        if (i >= node.low)
            nothing(&c->sketch, at, t.to);
        compile_once(c, (task){0, at, next, t.alone}, node.child, rule);
        at = next;
    }
    if (endless)
        compile_once(c, (task){0, at, at, t.alone}, node.child, rule);
    nothing(&c->sketch, at, t.to);
}

static void compile_sequence(compiler *c, task t)
{
    uint32_t child = c->ir->nodes[t.node].child, from = t.from;
    if (child == 0)
        nothing(&c->sketch, t.from, t.to);
    for (; child != 0 && c->sketch.status == FIRN_OK; child = c->ir->nodes[child].next) {
        const bool last = c->ir->nodes[child].next == 0;
        const uint32_t to = last ? t.to : eng_sketch_state(&c->sketch);
        later(c, (task){child, from, to, t.alone});
        from = to;
    }
}

static void compile_literal(compiler *c, task t)
{
    const eng_ir_node node = c->ir->nodes[t.node];
    uint32_t at = t.from;
    if (node.high == 0)
        nothing(&c->sketch, t.from, t.to);
    for (uint32_t i = 0; i < node.high; i++) {
        const uint8_t byte = (uint8_t)c->ir->bytes[node.low + i];
        const uint32_t next = i + 1 == node.high ? t.to : eng_sketch_state(&c->sketch);
        eng_sketch_edge(&c->sketch,
                        (eng_edge){.from = at, .target = next, .kind = ENG_EDGE_BYTE, .first = byte, .last = byte});
        at = next;
    }
}

static void compile_both(compiler *c, task t);

static void run_task(compiler *c, task t)
{
    const eng_ir_node node = c->ir->nodes[t.node];
    switch (node.kind) {
    case ENG_IR_SEQUENCE:
        compile_sequence(c, t);
        break;
    case ENG_IR_CHOICE:
        for (uint32_t child = node.child; child != 0; child = c->ir->nodes[child].next)
            later(c, (task){child, t.from, t.to, t.alone});
        break;
    case ENG_IR_LITERAL:
        compile_literal(c, t);
        break;
    case ENG_IR_CLASS:
        eng_sketch_class(&c->sketch, c->ir->ranges + node.low, node.high, node.json, t.from, t.to);
        break;
    case ENG_IR_REPEAT:
        compile_repeat(c, t);
        break;
    case ENG_IR_RULE:
        eng_sketch_edge(&c->sketch,
                        (eng_edge){.from = t.from, .target = t.to, .rule = node.low, .kind = ENG_EDGE_CALL});
        break;
    case ENG_IR_BOTH:
        compile_both(c, t);
        break;
    case ENG_IR_NONE:
    case ENG_IR_BEGIN:
    case ENG_IR_END:
        break; /* matches nothing: no edge */
    }
}

static void run_tasks(compiler *c)
{
    while (c->n_tasks > 0 && c->sketch.status == FIRN_OK)
        run_task(c, c->tasks[--c->n_tasks]);
}

/* Each side on a sketch of its own, with its own list of tasks; sides that hold ENG_IR_BOTH again nest no deeper than
 * the few levels that the schema compiler makes. */
static void compile_both(compiler *c, task t)
{
    const uint32_t first = c->ir->nodes[t.node].child, second = c->ir->nodes[first].next;
    compiler sides[2] = {{.ir = c->ir}, {.ir = c->ir}};
    for (int i = 0; i < 2 && c->sketch.status == FIRN_OK; i++) {
        sides[i].sketch.error = c->sketch.error;
        const uint32_t from = eng_sketch_state(&sides[i].sketch), to = eng_sketch_state(&sides[i].sketch);
        later(&sides[i], (task){i == 0 ? first : second, from, to, true});
        run_tasks(&sides[i]);
        c->sketch.status = sides[i].sketch.status;
    }
    if (c->sketch.status == FIRN_OK)
        eng_sketch_both(&c->sketch, &sides[0].sketch, &sides[1].sketch, t.from, t.to);
    for (int i = 0; i < 2; i++) {
        free(sides[i].sketch.edges);
        free(sides[i].tasks);
    }
}

/* ---- analysis ---- */

void eng_edges_by(const eng_edge *edges, size_t n_edges, uint32_t n_states, bool by_target, uint32_t *first,
                  uint32_t *order)
{
    memset(first, 0, (n_states + (size_t)1) * sizeof *first);
    for (size_t i = 0; i < n_edges; i++)
        first[(by_target ? edges[i].target : edges[i].from) + 1]++;
    for (uint32_t i = 0; i < n_states; i++)
        first[i + 1] += first[i];
    for (size_t i = n_edges; i-- > 0;) { /* fills each group from its end, then first[] is put right */
        const uint32_t key = by_target ? edges[i].target : edges[i].from;
        order[--first[key + 1]] = (uint32_t)i;
    }
    for (uint32_t i = 0; i < n_states; i++)
        first[i] = first[i + 1];
    first[n_states] = (uint32_t)n_edges;
}

typedef struct analysis {
    const eng_edge *edges;
    size_t n_edges;
    uint32_t n_states, n_rules;
    const uint32_t *starts;              /* [n_rules] */
    uint32_t *arriving, *arriving_first; /* edges by target */
    uint32_t *calling, *calling_first;   /* calls by rule */
    uint32_t *rule_of_start, *waiting;   /* [n_states]; the first is ENG_NO_STATE for other states */
    bool *useful, *empty;                /* [n_states] reaches its rule's end; does so reading nothing */
} analysis;

/* Marks the states from which their rule's end is reached; with `reading` false, without reading a byte. */
static void mark(const analysis *a, const uint32_t *ends, bool reading, bool *marked)
{
    size_t n_waiting = 0;
    for (uint32_t i = 0; i < a->n_rules; i++) {
        marked[ends[i]] = true;
        a->waiting[n_waiting++] = ends[i];
    }
    while (n_waiting > 0) {
        const uint32_t state = a->waiting[--n_waiting];
        for (uint32_t i = a->arriving_first[state]; i < a->arriving_first[state + 1]; i++) {
            const eng_edge *const edge = &a->edges[a->arriving[i]];
            const bool passes =
                edge->kind == ENG_EDGE_CALL ? marked[a->starts[edge->rule]] : reading || edge->kind == ENG_EDGE_NOTHING;
            if (passes && !marked[edge->from]) {
                marked[edge->from] = true;
                a->waiting[n_waiting++] = edge->from;
            }
        }
        const uint32_t rule = a->rule_of_start[state];
        for (uint32_t i = rule == ENG_NO_STATE ? 0 : a->calling_first[rule];
             rule != ENG_NO_STATE && i < a->calling_first[rule + 1]; i++) {
            const eng_edge *const edge = &a->edges[a->calling[i]];
            if (marked[edge->target] && !marked[edge->from]) {
                marked[edge->from] = true;
                a->waiting[n_waiting++] = edge->from;
            }
        }
    }
}

/* Lists the calls by the rule they call. */
static void list_calls(const analysis *a)
{
    memset(a->calling_first, 0, (a->n_rules + (size_t)1) * sizeof *a->calling_first);
    for (size_t i = 0; i < a->n_edges; i++)
        if (a->edges[i].kind == ENG_EDGE_CALL)
            a->calling_first[a->edges[i].rule + 1]++;
    for (uint32_t i = 0; i < a->n_rules; i++)
        a->calling_first[i + 1] += a->calling_first[i];
    const uint32_t all = a->calling_first[a->n_rules];
    for (size_t i = a->n_edges; i-- > 0;)
        if (a->edges[i].kind == ENG_EDGE_CALL)
            a->calling[--a->calling_first[a->edges[i].rule + 1]] = (uint32_t)i;
    for (uint32_t i = 0; i < a->n_rules; i++)
        a->calling_first[i] = a->calling_first[i + 1];
    a->calling_first[a->n_rules] = all;
}

static bool analysis_begin(analysis *a, const eng_sketch *sketch, const uint32_t *starts, uint32_t n_rules)
{
    const size_t n_states = sketch->n_states, n_edges = sketch->n_edges;
    *a = (analysis){
        .edges = sketch->edges,
        .n_edges = n_edges,
        .n_states = sketch->n_states,
        .n_rules = n_rules,
        .starts = starts,
        .arriving = malloc((n_edges + 1) * sizeof(uint32_t)),
        .arriving_first = malloc((n_states + 1) * sizeof(uint32_t)),
        .calling = malloc((n_edges + 1) * sizeof(uint32_t)),
        .calling_first = malloc(((size_t)n_rules + 1) * sizeof(uint32_t)),
        .rule_of_start = malloc((n_states + 1) * sizeof(uint32_t)),
        .waiting = malloc((n_states + 1) * sizeof(uint32_t)),
        .useful = calloc(n_states + 1, 1),
        .empty = calloc(n_states + 1, 1),
    };
    if (a->arriving == NULL || a->arriving_first == NULL || a->calling == NULL || a->calling_first == NULL ||
        a->rule_of_start == NULL || a->waiting == NULL || a->useful == NULL || a->empty == NULL)
        return false;
    memset(a->rule_of_start, 0xFF, (n_states + 1) * sizeof(uint32_t));
    for (uint32_t i = 0; i < n_rules; i++)
        a->rule_of_start[starts[i]] = i;
    eng_edges_by(a->edges, n_edges, a->n_states, true, a->arriving_first, a->arriving);
    list_calls(a);
    return true;
}

static void analysis_free(analysis *a)
{
    free(a->arriving);
    free(a->arriving_first);
    free(a->calling);
    free(a->calling_first);
    free(a->rule_of_start);
    free(a->waiting);
    free(a->useful);
    free(a->empty);
}

/*
 * Finds a rule that calls itself before anything is read. `automaton` has edges by state. The rules' first calls are
 * taken away one by one from those that nobody calls first (Kahn); what stays is a loop.
 */
static uint32_t find_left_recursion(const eng_automaton *automaton, const bool *empty, bool *in_memory)
{
    const uint32_t n_rules = automaton->n_rules;
    eng_edge *calls = NULL; /* from rule to target rule */
    size_t n_calls = 0, room = 0, n_waiting, n_free = 0;
    uint32_t *const waiting = malloc((automaton->n_states + (size_t)1) * sizeof *waiting);
    uint32_t *const seen_by = malloc((automaton->n_states + (size_t)1) * sizeof *seen_by);
    uint32_t *const callers = calloc(n_rules + (size_t)1, sizeof *callers);
    uint32_t *first = NULL, *order = NULL, found = ENG_NO_STATE;
    *in_memory = waiting != NULL && seen_by != NULL && callers != NULL;
    if (!*in_memory)
        goto done;
    memset(seen_by, 0xFF, (automaton->n_states + (size_t)1) * sizeof *seen_by);
    for (uint32_t rule = 0; rule < n_rules; rule++) {
        n_waiting = 0;
        if (automaton->starts[rule] != ENG_NO_STATE)
            waiting[n_waiting++] = automaton->starts[rule];
        while (n_waiting > 0) {
            const uint32_t state = waiting[--n_waiting];
            for (uint32_t i = automaton->first_edge[state]; i < automaton->first_edge[state + 1]; i++) {
                const eng_edge *const edge = &automaton->edges[i];
                const bool call = edge->kind == ENG_EDGE_CALL;
                *in_memory = !call || base_grow(&calls, &room, n_calls + 1, sizeof *calls);
                if (!*in_memory)
                    goto done;
                if (call) {
                    calls[n_calls++] = (eng_edge){.from = rule, .target = edge->rule};
                    callers[edge->rule]++;
                }
                const bool passes = call ? empty[automaton->starts[edge->rule]] : edge->kind == ENG_EDGE_NOTHING;
                if (passes && seen_by[edge->target] != rule) {
                    seen_by[edge->target] = rule;
                    waiting[n_waiting++] = edge->target;
                }
            }
        }
    }
    first = malloc((n_rules + (size_t)1) * sizeof *first);
    order = malloc((n_calls + 1) * sizeof *order);
    uint32_t *const uncalled = seen_by; /* n_rules <= n_states */
    *in_memory = first != NULL && order != NULL;
    if (!*in_memory)
        goto done;
    if (n_calls == 0)
        goto done;
    eng_edges_by(calls, n_calls, n_rules, false, first, order);
    for (uint32_t rule = 0; rule < n_rules; rule++)
        if (callers[rule] == 0)
            uncalled[n_free++] = rule;
    for (size_t i = 0; i < n_free; i++)
        for (uint32_t k = first[uncalled[i]]; k < first[uncalled[i] + 1]; k++)
            if (--callers[calls[order[k]].target] == 0)
                uncalled[n_free++] = calls[order[k]].target;
    for (uint32_t rule = 0; rule < n_rules && n_free < n_rules && found == ENG_NO_STATE; rule++)
        if (callers[rule] != 0)
            found = rule;
done:
    free(waiting);
    free(seen_by);
    free(callers);
    free(first);
    free(order);
    free(calls);
    return found;
}

/* ---- the finished automaton ---- */

/* Keeps edges between useful states only, by the state they leave, and skips states that only lead on. */
static bool finish_edges(const analysis *a, eng_automaton *automaton)
{
    uint32_t *const order = malloc((a->n_edges + 1) * sizeof *order);
    automaton->edges = malloc((a->n_edges + 1) * sizeof *automaton->edges);
    automaton->first_edge = malloc((a->n_states + (size_t)1) * sizeof *automaton->first_edge);
    if (order == NULL || automaton->edges == NULL || automaton->first_edge == NULL) {
        free(order);
        return false;
    }
    eng_edges_by(a->edges, a->n_edges, a->n_states, false, automaton->first_edge, order);
    size_t kept = 0;
    for (uint32_t state = 0; state < a->n_states; state++) {
        const uint32_t from = automaton->first_edge[state], to = automaton->first_edge[state + 1];
        automaton->first_edge[state] = (uint32_t)kept;
        for (uint32_t i = from; i < to; i++) {
            const eng_edge edge = a->edges[order[i]];
            if (a->useful[state] && a->useful[edge.target] &&
                (edge.kind != ENG_EDGE_CALL || a->useful[a->starts[edge.rule]]))
                automaton->edges[kept++] = edge;
        }
    }
    automaton->first_edge[a->n_states] = (uint32_t)kept;
    automaton->n_edges = kept;
    free(order);
    for (size_t i = 0; i < kept; i++) /* a long way through states that only lead on is cut short, not followed */
        for (int steps = 0; steps < 8; steps++) {
            const uint32_t target = automaton->edges[i].target, at = automaton->first_edge[target];
            if (automaton->first_edge[target + 1] - at != 1 || automaton->edges[at].kind != ENG_EDGE_NOTHING)
                break;
            automaton->edges[i].target = automaton->edges[at].target;
        }
    return true;
}

/* The state's call, where it has one and else at most an edge that reads nothing, which goes to *beside. */
static const eng_edge *only_call(const eng_automaton *automaton, uint32_t state, uint32_t *beside)
{
    const eng_edge *call = NULL;
    *beside = ENG_NO_STATE;
    for (uint32_t i = automaton->first_edge[state]; i < automaton->first_edge[state + 1]; i++) {
        const eng_edge *const edge = &automaton->edges[i];
        if (edge->kind == ENG_EDGE_CALL && call == NULL)
            call = edge;
        else if (edge->kind == ENG_EDGE_NOTHING && *beside == ENG_NO_STATE)
            *beside = edge->target;
        else
            return NULL;
    }
    return call;
}

/*
 * In a bounded repetition, such as a string's length, states count what came and are alike otherwise, until the bound
 * is near: only one of them then needs to be looked at. A repetition reads one byte at least.
 */
static bool find_alike(eng_automaton *automaton, const bool *empty)
{
    uint32_t *const left = calloc(automaton->n_states + (size_t)1, sizeof *left);
    automaton->left = left;
    automaton->alike = malloc((automaton->n_states + (size_t)1) * sizeof *automaton->alike);
    for (uint32_t state = automaton->n_states; state-- > 0 && left != NULL && automaton->alike != NULL;) {
        uint32_t beside, next_beside;
        const eng_edge *const call = only_call(automaton, state, &beside);
        automaton->alike[state] = state;
        if (call == NULL || call->target <= state || empty[automaton->starts[call->rule]])
            continue;
        const eng_edge *const next = only_call(automaton, call->target, &next_beside);
        if (next == NULL || next->rule != call->rule || next_beside != beside)
            continue;
        left[state] = left[call->target] + 1;
        if (left[state] > ENG_ALIKE_BYTES)
            automaton->alike[state] = automaton->alike[call->target];
    }
    return left != NULL && automaton->alike != NULL;
}

static void make_classes(eng_automaton *automaton)
{
    bool begins[257] = {true}; /* a byte that some edge tells from the one before it */
    for (size_t i = 0; i < automaton->n_edges; i++)
        if (automaton->edges[i].kind == ENG_EDGE_BYTE) {
            begins[automaton->edges[i].first] = true;
            begins[automaton->edges[i].last + 1] = true;
        }
    /* the cuts that the look at plain text needs: ASCII's ends, '"', '\', and UTF-8's lead and continuation bytes */
    static const uint8_t cuts[] = {0x20, 0x22, 0x23, 0x5C, 0x5D, 0x80, 0x90, 0xA0, 0xC0,
                                   0xC2, 0xE0, 0xE1, 0xED, 0xEE, 0xF0, 0xF1, 0xF4, 0xF5};
    for (size_t i = 0; i < sizeof cuts; i++)
        begins[cuts[i]] = true;
    for (unsigned byte = 0; byte < 256; byte++) {
        if (begins[byte])
            automaton->byte_of[automaton->n_classes++] = (uint8_t)byte;
        automaton->class_of[byte] = (uint8_t)(automaton->n_classes - 1);
    }
}

static firn_status finish(const eng_ir *ir, const eng_sketch *sketch, uint32_t *starts, const uint32_t *ends,
                          eng_automaton *automaton, firn_error *error)
{
    analysis a;
    firn_status status = FIRN_OK;
    bool in_memory = analysis_begin(&a, sketch, starts, automaton->n_rules);
    uint32_t looping = ENG_NO_STATE;
    automaton->n_states = sketch->n_states;
    automaton->depth = ir->depth;
    automaton->ends = calloc(automaton->n_states + (size_t)1, 1);
    if (!in_memory || automaton->ends == NULL)
        goto memory;
    mark(&a, ends, true, a.useful);
    mark(&a, ends, false, a.empty);
    if (!finish_edges(&a, automaton))
        goto memory;
    for (uint32_t i = 0; i < automaton->n_rules; i++) {
        automaton->ends[ends[i]] = true;
        if (!a.useful[starts[i]])
            starts[i] = ENG_NO_STATE;
    }
    if (starts[0] == ENG_NO_STATE) {
        status = base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                           "no text satisfies the constraint: its parts contradict each other or never end");
        goto done;
    }
    looping = find_left_recursion(automaton, a.empty, &in_memory);
    if (!in_memory)
        goto memory;
    if (!find_alike(automaton, a.empty))
        goto memory;
    if (looping != ENG_NO_STATE) {
        const eng_ir_rule *const rule = &ir->rules[looping];
        status = base_fail(error, FIRN_ERROR_UNSUPPORTED, rule->offset == SIZE_MAX ? FIRN_NO_OFFSET : rule->offset,
                           "left recursion: rule '%.*s' comes back to itself before any text; write it with * or +, or "
                           "with the recursion at the right",
                           rule->length > 100 ? 100 : (int)rule->length, ir->bytes + rule->name);
        goto done;
    }
    make_classes(automaton);
    goto done;
memory:
    status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a constraint");
done:
    analysis_free(&a);
    return status;
}

firn_status eng_automaton_compile(eng_ir *ir, eng_automaton *automaton, firn_error *error)
{
    compiler c = {.ir = ir, .sketch = {.error = error}};
    uint32_t *ends = NULL;
    size_t room_starts = 0, room_ends = 0;
    *automaton = (eng_automaton){.n_rules = 0};
    /* outlined rules join while the others are compiled */
    for (uint32_t rule = 0; rule < ir->n_rules && c.sketch.status == FIRN_OK; rule++) {
        if (!base_grow(&automaton->starts, &room_starts, rule + (size_t)1, sizeof *ends) ||
            !base_grow(&ends, &room_ends, rule + (size_t)1, sizeof *ends)) {
            c.sketch.status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a constraint");
            break;
        }
        automaton->starts[rule] = eng_sketch_state(&c.sketch);
        ends[rule] = eng_sketch_state(&c.sketch);
        automaton->n_rules = rule + 1;
        later(&c, (task){ir->rules[rule].node, automaton->starts[rule], ends[rule], false});
        run_tasks(&c);
    }
    if (c.sketch.status == FIRN_OK)
        c.sketch.status = finish(ir, &c.sketch, automaton->starts, ends, automaton, error);
    free(c.sketch.edges);
    free(c.tasks);
    free(ends);
    return c.sketch.status;
}

void eng_automaton_free(eng_automaton *automaton)
{
    free(automaton->edges);
    free(automaton->first_edge);
    free(automaton->starts);
    free(automaton->ends);
    free(automaton->left);
    free(automaton->alike);
    *automaton = (eng_automaton){.edges = NULL};
}
