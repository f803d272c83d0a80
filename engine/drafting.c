/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/drafting.h"

#include "base/clock.h"
#include "base/memory.h"
#include "engine/generation_p.h"

#include <stdlib.h>

enum {
    /* tokens of a text that the draft model goes through to catch up; of those before it isn't told */
    MOST_LACKING = 512,
    LEAST_LACKING = 32, /* if it may not take longer */
};

firn_status eng_drafting_begin(eng_drafting *drafting, const firn_model *model, const firn_drafter_options *options,
                               firn_error *error)
{
    *drafting = (eng_drafting){.options = *options};
    drafting->options.n_max = options->n_max < ENG_MOST_DRAFTS ? options->n_max : ENG_MOST_DRAFTS;
    if (options->draft_model == NULL)
        return FIRN_OK;
    const firn_status status = eng_draft_model_check(model, options->draft_model, error);
    if (status == FIRN_OK)
        drafting->pace = eng_pace_begin(model, options->draft_model);
    return status;
}

void eng_drafting_end(eng_drafting *drafting)
{
    free(drafting->entries);
    free(drafting->owners);
}

/* Whether there is a draft model, which didn't fail. */
static bool has_model(const eng_drafting *d)
{
    return d->options.draft_model != NULL && d->figures.fault.status == FIRN_OK;
}

bool eng_drafting_reserve(eng_drafting *drafting, size_t n_texts)
{
    if (n_texts <= drafting->room || !has_model(drafting))
        return true;
    const size_t room = 2 * n_texts;
    if (!base_resize(&drafting->entries, room, sizeof *drafting->entries) ||
        !base_resize(&drafting->owners, room, sizeof *drafting->owners))
        return false;
    drafting->room = room;
    return true;
}

/* ---- how many ---- */

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t most_drafts(const eng_drafting *d, const eng_drafted *text)
{
    const size_t left = eng_generation_left(text->generation) - 1;
    return least(text->most, left < d->options.n_max ? (uint32_t)left : d->options.n_max);
}

/*
 * How many tokens to draft for a text beside n_drafting - 1 others; *most_lacking is how far the draft model may go
 * back to catch up with it: as far as the text's account reaches.
 */
static uint32_t choose_length(const eng_drafting *d, const eng_drafted *text, uint32_t n_drafting, size_t *most_lacking,
                              bool *trial)
{
    const uint32_t most = most_drafts(d, text), forced = least(d->options.n_min, most);
    uint32_t length = 0;
    *trial = false;
    if (eng_pace_must_measure(&d->pace) && forced == 0)
        return 0;
    const uint32_t wanted = eng_pace_length(&d->pace, &text->acceptance, d->plain, n_drafting, most, trial);
    *most_lacking = 2 * MOST_LACKING;
    while (length == 0 && wanted > 0 && *most_lacking > LEAST_LACKING) {
        *most_lacking /= 2;
        const size_t n_lacking = eng_draft_line_lacks(&text->line, text->ids, text->n_ids, *most_lacking);
        length = eng_pace_afford(&d->pace, &text->acceptance, d->plain, n_drafting, n_lacking, wanted);
    }
    if (length < forced) {
        *most_lacking = MOST_LACKING;
        *trial = false;
        return forced;
    }
    return length;
}

/* ---- catching up ---- */

static firn_status open_line(const eng_drafting *d, eng_drafted *text, firn_error *error)
{
    return text->line.session != NULL ? FIRN_OK
                                      : eng_session_create(d->options.draft_model, d->store.pages, d->store.n_ctx,
                                                           MOST_LACKING, &text->line.session, error);
}

static bool find_pages(const eng_drafting *d, firn_session *session, size_t n_more)
{
    while (!eng_session_extend(session, n_more))
        if (d->store.make_room == NULL || !d->store.make_room(d->store.argument)) {
            eng_session_cut(session, eng_session_stored(session));
            return false;
        }
    return true;
}

/* Goes through what the draft model lacks of a text but for the last token, where that is much. */
static firn_status catch_up(eng_drafting *d, eng_drafted *text, size_t n_lacking, firn_error *error)
{
    firn_session *const session = text->line.session;
    const firn_batch_entry entry = {session, session->ids + session->length, n_lacking - 1, FIRN_LOGITS_NONE, 0};
    const double start = base_seconds();
    const firn_status status = eng_batch_append(d->store.batch, &entry, 1, NULL, NULL, error);
    if (status != FIRN_OK)
        return status;
    text->seconds = base_seconds() - start;
    eng_pace_draft_took(&d->pace, (uint32_t)n_lacking - 1, text->seconds);
    if (d->store.tree != NULL)
        eng_prefix_keep(d->store.tree, session, false, &text->line.place);
    return FIRN_OK;
}

/* Adds what the draft model lacks of a text to its next round, if there are pages for it and what is drafted then. */
static firn_status follow(eng_drafting *d, eng_drafted *text, size_t most_lacking, size_t *n_entries, firn_error *error)
{
    firn_status status = open_line(d, text, error);
    if (status != FIRN_OK)
        return status;
    firn_session *const session = text->line.session;
    size_t n_lacking =
        eng_draft_line_follow(&text->line, d->store.tree, text->ids, text->n_ids, most_lacking, text->wanted);
    if (n_lacking == 0 || !find_pages(d, session, n_lacking + text->wanted - 1)) {
        text->wanted = 0;
        return FIRN_OK;
    }
    if (n_lacking > LEAST_LACKING) {
        status = catch_up(d, text, n_lacking, error);
        n_lacking = 1;
    }
    d->entries[*n_entries] =
        (firn_batch_entry){session, session->ids + session->length, n_lacking, FIRN_LOGITS_LAST, 0};
    d->owners[(*n_entries)++] = text;
    return status;
}

/* ---- guessing ---- */

/* Logits after the last token of texts. */
typedef struct guesses {
    eng_drafting *drafting;
    const eng_row *rows;
    uint32_t n_rows;
} guesses;

static void guess(const guesses *g, uint32_t row)
{
    const eng_drafting *const d = g->drafting;
    eng_drafted *const text = d->owners[g->rows[row].entry];
    const eng_guess_logits given = {g->rows[row].logits, d->options.draft_model->hyperparameters->n_vocab,
                                    d->options.p_min};
    int32_t id;
    text->n_rounds++;
    if (!eng_generation_guess(text->generation, &given, text->n_drafts, &id)) {
        text->wanted = text->n_drafts;
        return;
    }
    text->ids[text->n_ids + text->n_drafts++] = id;
    if (firn_token_ends_text(text->generation->model, id))
        text->wanted = text->n_drafts;
}

static void guess_some(void *argument, uint32_t thread)
{
    const guesses *const g = argument;
    base_range range;
    while (base_pool_claim(g->drafting->options.draft_model->context->pool, thread, g->n_rows, &range))
        for (uint32_t i = range.begin; i < range.end; i++)
            guess(g, i);
}

static bool guess_all(void *argument, const eng_row *rows, uint32_t n_rows)
{
    eng_drafting *const d = argument;
    guesses g = {d, rows, n_rows};
    if (n_rows == 1)
        guess(&g, 0);
    else
        base_pool_run(d->options.draft_model->context->pool, guess_some, &g);
    return true;
}

/* A token more for each text that wants one; *n_entries: how many want another. */
static firn_status run_round(eng_drafting *d, size_t *n_entries, firn_error *error)
{
    const double start = base_seconds();
    size_t n_rows = 0, n_left = 0;
    for (size_t i = 0; i < *n_entries; i++)
        n_rows += d->entries[i].n_ids;
    const firn_status status = eng_batch_append(d->store.batch, d->entries, *n_entries, guess_all, d, error);
    if (status != FIRN_OK)
        return status;
    for (size_t i = 0; i < *n_entries; i++) {
        eng_drafted *const text = d->owners[i];
        firn_session *const session = text->line.session;
        if (text->n_drafts == text->wanted)
            continue;
        int32_t *const next = session->ids + session->length;
        *next = text->ids[text->n_ids + text->n_drafts - 1];
        d->entries[n_left] = (firn_batch_entry){session, next, 1, FIRN_LOGITS_LAST, 0};
        d->owners[n_left++] = text;
    }
    *n_entries = n_left;
    const double seconds = base_seconds() - start;
    eng_pace_draft_took(&d->pace, (uint32_t)n_rows, seconds);
    d->seconds += seconds;
    return FIRN_OK;
}

/* Gives back what the draft model has of texts, and what it drafted for them in this step. */
static void give_up(eng_drafted *const *texts, size_t n_texts)
{
    for (size_t i = 0; i < n_texts; i++) {
        eng_draft_line_stop(&texts[i]->line);
        if (texts[i]->wanted > 0 || texts[i]->n_rounds > 0)
            texts[i]->n_drafts = texts[i]->wanted = texts[i]->n_rounds = 0;
    }
}

/* Drafts with the draft model for texts that have none. */
static void draft_by_model(eng_drafting *d, eng_drafted *const *texts, size_t n_texts, uint32_t room)
{
    uint32_t n_drafting = 0;
    size_t n_entries = 0, n_caught_up = 0, most_lacking;
    firn_error *const fault = &d->figures.fault;
    firn_status status = FIRN_OK;
    bool trial;
    for (size_t i = 0; i < n_texts; i++)
        n_drafting += texts[i]->n_drafts == 0 && choose_length(d, texts[i], 1, &most_lacking, &trial) > 0;
    for (size_t i = 0; i < n_texts && n_drafting > 0 && status == FIRN_OK; i++) {
        eng_drafted *const text = texts[i];
        if (text->n_drafts > 0 || n_caught_up > MOST_LACKING)
            continue;
        text->wanted = least(choose_length(d, text, n_drafting, &most_lacking, &trial), room);
        if (text->wanted == 0)
            continue;
        if (trial)
            eng_pace_forget(&text->acceptance);
        n_caught_up += eng_draft_line_lacks(&text->line, text->ids, text->n_ids, most_lacking);
        room -= text->wanted;
        status = follow(d, text, most_lacking, &n_entries, fault);
    }
    while (n_entries > 0 && status == FIRN_OK)
        status = run_round(d, &n_entries, fault);
    for (size_t i = 0; i < n_texts; i++)
        if (texts[i]->n_rounds > 0)
            eng_generation_forget(texts[i]->generation);
    if (status != FIRN_OK)
        give_up(texts, n_texts);
}

void eng_drafting_make(eng_drafting *drafting, eng_drafted *const *texts, size_t n_texts, eng_plain_step plain,
                       uint32_t room, bool alone)
{
    eng_drafting *const d = drafting;
    d->plain = plain;
    d->seconds = 0;
    for (size_t i = 0; i < n_texts; i++) {
        eng_drafted *const text = texts[i];
        text->n_true = text->n_rounds = text->wanted = 0;
        text->seconds = 0;
        text->n_drafts = eng_draft_guess(&text->repeats, text->ids, text->n_ids, least(most_drafts(d, text), room),
                                         text->ids + text->n_ids);
        room -= text->n_drafts;
        d->plain.n_rows += text->n_drafts;
    }
    if (has_model(d) && alone)
        draft_by_model(d, texts, n_texts, room);
    else if (d->figures.fault.status != FIRN_OK) /* also of those who were not in that step */
        give_up(texts, n_texts);
}

/* ---- taking ---- */

bool eng_drafted_take(eng_drafted *text, firn_generation *generation, uint32_t index, const float *logits,
                      firn_status *status, firn_error *error)
{
    *status = firn_generation_take(generation, logits, error);
    if (*status != FIRN_OK || index == text->n_drafts || firn_generation_end(generation) != FIRN_END_NOT_YET)
        return false;
    const firn_generation_step next = firn_generation_next(generation);
    const bool drafted = next.n_keep == text->n_ids + index && next.id == text->ids[next.n_keep];
    text->n_true += drafted;
    return drafted;
}

/* ---- learning ---- */

static void learn_one(eng_drafting *d, eng_drafted *text)
{
    if (text->n_drafts == 0)
        return;
    d->figures.n_drafted += text->n_drafts;
    d->figures.n_accepted += text->n_true;
    if (text->n_rounds == 0) {
        eng_draft_learn(&text->repeats, text->n_drafts, text->n_true);
        return;
    }
    eng_pace_learn(&d->pace, &text->acceptance, text->n_drafts, text->n_true);
    d->figures.n_model_drafted += text->n_drafts;
    d->figures.n_model_accepted += text->n_true;
}

void eng_drafting_learn(eng_drafting *drafting, eng_drafted *const *texts, size_t n_texts, bool alone, double seconds)
{
    eng_drafting *const d = drafting;
    uint32_t n_drafts = 0, n_rounds = 0;
    for (size_t i = 0; i < n_texts; i++) {
        learn_one(d, texts[i]);
        n_drafts += texts[i]->n_rounds > 0 ? texts[i]->n_drafts : 0;
        n_rounds += texts[i]->n_rounds;
    }
    if (!has_model(d) || !alone)
        return;
    const double together = d->seconds + (n_drafts > 0 ? seconds - eng_pace_plain_seconds(&d->pace, d->plain) : 0);
    for (size_t i = 0; i < n_texts; i++) {
        eng_drafted *const text = texts[i];
        const double share = n_rounds > 0 ? (double)text->n_rounds / n_rounds : 0;
        eng_pace_charge(&d->pace, &text->acceptance, d->plain, text->seconds + share * together,
                        text->n_rounds > 0 ? text->n_true : 0);
    }
    eng_pace_model_took(&d->pace, d->plain.n_rows + n_drafts, n_drafts, seconds);
}
