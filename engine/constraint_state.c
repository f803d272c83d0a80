/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One text under a constraint. Walks the vocabulary's tries with the automaton for masks, and keeps those that took
 * long: the same point of a constraint (within a string, say) is met token after token.
 */
#include "base/memory.h"
#include "engine/constraint_configs.h"
#include "engine/constraint_vocabulary.h"

#include <stdlib.h>

enum {
    KEPT_MASK_NODES = 500,  /* a walk over more nodes is worth keeping */
    KEPT_MASKS_MOST = 2048, /* about 40 MB at 152k tokens */
    WORK_MOST = 20000000,   /* places of the automaton for one mask: about a second */
    WORK_TOKEN_MOST = 2000000,
};

struct firn_constraint_state {
    firn_constraint *constraint;
    firn_vocabulary *vocabulary;
    eng_configs configs;
    uint32_t *history; /* [n_tokens + 1] configurations; the last is where the text is */
    size_t n_tokens, room_history;
    bool ended;
    uint64_t *masks; /* [n_masks][n_words] */
    uint32_t n_masks;
    size_t room_masks; /* in words */
    uint32_t *path;    /* [longest + 1] configurations on the way to a node */
};

static uint32_t here(const firn_constraint_state *state)
{
    return state->history[state->n_tokens];
}

/* Where the bytes of a token lead. */
static uint32_t follow(firn_constraint_state *state, int32_t id)
{
    const base_slice bytes = eng_token_bytes(state->vocabulary, id);
    eng_configs *const configs = &state->configs;
    uint32_t at = here(state);
    for (size_t i = 0; i < bytes.length && at != ENG_CONFIG_DEAD; i++)
        at = eng_config_step(configs, at, configs->automaton->class_of[(uint8_t)bytes.data[i]]);
    return at;
}

/* Copies the history to fresh tables. */
static bool copy_history(eng_configs *to, const firn_constraint_state *from, uint32_t *history)
{
    for (size_t i = 0; i <= from->n_tokens; i++) {
        history[i] = i > 0 && from->history[i] == from->history[i - 1]
                         ? history[i - 1]
                         : eng_config_copy(to, &from->configs, from->history[i]);
        if (to->error.status != FIRN_OK)
            return false;
    }
    return true;
}

static firn_status create(firn_constraint *constraint, firn_vocabulary *vocabulary, size_t n_tokens,
                          firn_constraint_state **out, firn_error *error)
{
    firn_constraint_state *const state = calloc(1, sizeof *state);
    *out = NULL;
    if (state == NULL)
        goto memory;
    state->constraint = constraint;
    state->vocabulary = vocabulary;
    firn_constraint_retain(constraint);
    atomic_fetch_add(&vocabulary->references, 1);
    state->path = malloc((vocabulary->longest + 1) * sizeof *state->path);
    if (state->path == NULL ||
        !base_grow(&state->history, &state->room_history, n_tokens + 1, sizeof *state->history) ||
        !eng_configs_begin(&state->configs, &constraint->automaton))
        goto memory;
    *out = state;
    return FIRN_OK;
memory:
    firn_constraint_state_release(state);
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to follow a constraint");
}

firn_status firn_constraint_state_create(firn_constraint *constraint, firn_vocabulary *vocabulary,
                                         firn_constraint_state **out, firn_error *error)
{
    firn_status status = create(constraint, vocabulary, 0, out, error);
    if (status != FIRN_OK)
        return status;
    firn_constraint_state *const state = *out;
    eng_configs_allow(&state->configs, WORK_TOKEN_MOST);
    state->history[0] = eng_config_start(&state->configs);
    status = state->configs.error.status;
    if (status != FIRN_OK) {
        base_fail(error, status, FIRN_NO_OFFSET, "%s", state->configs.error.message);
        firn_constraint_state_release(state);
        *out = NULL;
    }
    return status;
}

firn_status firn_constraint_state_clone(const firn_constraint_state *state, firn_constraint_state **out,
                                        firn_error *error)
{
    firn_status status = create(state->constraint, state->vocabulary, state->n_tokens, out, error);
    if (status != FIRN_OK)
        return status;
    firn_constraint_state *const copy = *out;
    copy->n_tokens = state->n_tokens;
    copy->ended = state->ended;
    if (!copy_history(&copy->configs, state, copy->history)) {
        status = base_fail(error, copy->configs.error.status, FIRN_NO_OFFSET, "%s", copy->configs.error.message);
        firn_constraint_state_release(copy);
        *out = NULL;
    }
    return status;
}

void firn_constraint_state_release(firn_constraint_state *state)
{
    if (state == NULL)
        return;
    eng_configs_free(&state->configs);
    firn_constraint_release(state->constraint);
    firn_vocabulary_release(state->vocabulary);
    free(state->history);
    free(state->masks);
    free(state->path);
    free(state);
}

/* Where the tables have grown large, starts new ones that hold what the history needs. */
static void tidy(firn_constraint_state *state)
{
    eng_configs fresh;
    if (eng_configs_bytes(&state->configs) < ENG_CONFIG_BYTES_TIDY)
        return;
    uint32_t *const history = malloc(state->room_history * sizeof *history);
    if (eng_configs_begin(&fresh, &state->constraint->automaton) && history != NULL &&
        copy_history(&fresh, state, history)) {
        eng_configs_free(&state->configs);
        free(state->history);
        state->configs = fresh;
        state->history = history;
        state->n_masks = 0;
        return;
    }
    eng_configs_free(&fresh); /* goes on with the old tables, which have a bound of their own */
    free(history);
}

static void set_bits(const eng_trie *trie, uint32_t node, uint32_t end, uint64_t *bits)
{
    for (uint32_t i = trie->nodes[node].first; i < trie->nodes[end].first; i++)
        bits[trie->tokens[i] / 64] |= (uint64_t)1 << trie->tokens[i] % 64;
}

/*
 * Sets the bits of a trie's tokens that may follow `from`; returns how many nodes were looked at. Of plain tokens, what
 * follows a point where any plain characters may is taken whole.
 */
static size_t walk(firn_constraint_state *state, uint32_t from, const eng_trie *trie, uint64_t *bits)
{
    const uint8_t *const class_of = state->constraint->automaton.class_of;
    const bool plain = trie == &state->vocabulary->plain;
    uint32_t *const path = state->path;
    size_t looked_at = 0;
    path[0] = from;
    for (uint32_t i = 0; i < trie->n_nodes; looked_at++) {
        const eng_trie_node *const node = &trie->nodes[i];
        const uint32_t next = eng_config_step(&state->configs, path[node->depth], class_of[node->byte]);
        uint32_t end = i + 1;
        if (next == ENG_CONFIG_DEAD || (plain && eng_config_free(&state->configs, next)))
            end = node->after;
        if (next != ENG_CONFIG_DEAD)
            set_bits(trie, i, end, bits);
        path[node->depth + 1] = next;
        i = end;
    }
    return looked_at;
}

static void keep_mask(firn_constraint_state *state, uint32_t config, const uint64_t *bits)
{
    const size_t n_words = state->vocabulary->n_words;
    if (state->n_masks == KEPT_MASKS_MOST) {
        for (size_t i = 0; i < state->configs.n_configs; i++)
            state->configs.configs[i].mask = 0;
        state->n_masks = 0;
    }
    if (!base_grow(&state->masks, &state->room_masks, (state->n_masks + (size_t)1) * n_words, sizeof *bits))
        return; /* made again next time */
    memcpy(state->masks + state->n_masks * n_words, bits, n_words * sizeof *bits);
    state->configs.configs[config].mask = ++state->n_masks;
}

static bool any(const uint64_t *bits, size_t n_words)
{
    uint64_t all = 0;
    for (size_t i = 0; i < n_words; i++)
        all |= bits[i];
    return all != 0;
}

/* The tokens that may follow a configuration. */
static void mask_config(firn_constraint_state *state, uint32_t config, uint64_t *bits)
{
    const firn_vocabulary *const vocabulary = state->vocabulary;
    const size_t n_words = vocabulary->n_words;
    eng_configs *const configs = &state->configs;
    const uint32_t kept = configs->configs[config].mask;
    if (kept != 0) {
        memcpy(bits, state->masks + (kept - 1) * n_words, n_words * sizeof *bits);
        return;
    }
    size_t looked_at = 0;
    uint32_t path[ENG_PLAIN_CHARACTERS + 1] = {config}, n = 0;
    while (n < ENG_PLAIN_CHARACTERS && eng_config_plain(configs, path[n], 1)) {
        path[n + 1] = configs->configs[path[n]].plain;
        n++;
    }
    if (n == ENG_PLAIN_CHARACTERS || (n > 0 && !eng_config_reads_plain(configs, path[n]))) {
        memcpy(bits, eng_plain_mask(vocabulary, n), n_words * sizeof *bits);
        for (uint32_t i = 0; i <= n; i++)
            looked_at += walk(state, path[i], &vocabulary->rests[i], bits);
    } else {
        memset(bits, 0, n_words * sizeof *bits);
        looked_at += walk(state, config, &vocabulary->plain, bits);
        looked_at += walk(state, config, &vocabulary->other, bits);
    }
    if (configs->error.status == FIRN_OK && looked_at > KEPT_MASK_NODES)
        keep_mask(state, config, bits);
}

/* Where the bits are those of a configuration that is alike: longer tokens see what is not. */
static void mask_long(firn_constraint_state *state, uint64_t *bits)
{
    const firn_vocabulary *const vocabulary = state->vocabulary;
    const uint32_t plain_run = eng_config_plain_run(&state->configs, here(state));
    for (size_t i = 0; i < vocabulary->n_words; i++)
        bits[i] &= ~vocabulary->long_mask[i];
    for (size_t i = 0; i < vocabulary->n_long_plain; i++) {
        const eng_long_token token = vocabulary->long_plain[i];
        if (token.n_characters <= plain_run || follow(state, token.id) != ENG_CONFIG_DEAD)
            bits[token.id / 64] |= (uint64_t)1 << token.id % 64;
    }
    walk(state, here(state), &vocabulary->long_other, bits);
}

/* The tokens of text that may follow. */
static firn_status mask_text(firn_constraint_state *state, uint64_t *bits, firn_error *error)
{
    eng_configs *const configs = &state->configs;
    eng_configs_allow(configs, WORK_MOST);
    const uint32_t alike = eng_config_alike(configs, here(state));
    mask_config(state, alike, bits);
    if (alike != here(state))
        mask_long(state, bits);
    if (configs->error.status != FIRN_OK)
        return base_fail(error, configs->error.status, FIRN_NO_OFFSET, "%s", configs->error.message);
    return FIRN_OK;
}

firn_status firn_constraint_mask(firn_constraint_state *state, uint64_t *bits, firn_error *error)
{
    const size_t n_words = state->vocabulary->n_words;
    if (state->ended) {
        memset(bits, 0, n_words * sizeof *bits);
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the text under the constraint has ended");
    }
    const firn_status status = mask_text(state, bits, error);
    if (status != FIRN_OK) {
        memset(bits, 0, n_words * sizeof *bits);
        return status;
    }
    if (firn_constraint_can_end(state))
        for (size_t i = 0; i < n_words; i++)
            bits[i] |= state->vocabulary->end_mask[i];
    if (any(bits, n_words))
        return FIRN_OK;
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "no token of the vocabulary continues the text as the constraint wants after %zu tokens: its "
                     "characters or its end have no token, or it nests too deep",
                     state->n_tokens);
}

firn_status firn_constraint_accept(firn_constraint_state *state, int32_t id, firn_error *error)
{
    const firn_vocabulary *const vocabulary = state->vocabulary;
    eng_configs *const configs = &state->configs;
    if (id < 0 || (uint32_t)id >= vocabulary->n_tokens)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "token %d is none of the vocabulary's %u", id,
                         vocabulary->n_tokens);
    if (!base_grow(&state->history, &state->room_history, state->n_tokens + 2, sizeof *state->history))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to follow a constraint");
    uint32_t at = state->ended ? ENG_CONFIG_DEAD : here(state);
    const bool ends = vocabulary->kinds[id] == FIRN_TOKEN_ENDS;
    eng_configs_allow(configs, WORK_TOKEN_MOST);
    if (ends ? !firn_constraint_can_end(state) : eng_token_bytes(vocabulary, id).length == 0)
        at = ENG_CONFIG_DEAD;
    if (at != ENG_CONFIG_DEAD)
        at = follow(state, id);
    if (configs->error.status != FIRN_OK)
        return base_fail(error, configs->error.status, FIRN_NO_OFFSET, "%s", configs->error.message);
    if (at == ENG_CONFIG_DEAD)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "token %d is not what the constraint allows after %zu tokens", id, state->n_tokens);
    state->history[++state->n_tokens] = at;
    state->ended = ends;
    tidy(state);
    return FIRN_OK;
}

bool firn_constraint_can_end(const firn_constraint_state *state)
{
    return state->configs.configs[here(state)].can_end;
}

bool firn_constraint_must_end(const firn_constraint_state *state)
{
    const eng_config *const config = &state->configs.configs[here(state)];
    return config->can_end && config->n_items == 0;
}

size_t firn_constraint_length(const firn_constraint_state *state)
{
    return state->n_tokens;
}

void firn_constraint_rewind(firn_constraint_state *state, size_t n_keep)
{
    if (n_keep < state->n_tokens) {
        state->n_tokens = n_keep;
        state->ended = false;
    }
}
