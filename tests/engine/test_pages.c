/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of keys and values: forks share them and don't see each other; local layers hold no more than their window;
 * what was let go comes back with the same bits; pages are used again, and all are given back.
 */
#include "engine/batch.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 400 };

typedef struct fixture {
    firn_context *context;
    firn_model *model;
    firn_cache_types types;
    eng_pages *pages; /* of sessions of these types */
    uint32_t n_vocab;
    int32_t ids[TEXT];
    float *expected; /* [TEXT][n_vocab]: of the text in one session */
} fixture;

static bool keep(void *argument, size_t index, const float *logits)
{
    fixture *const f = argument;
    memcpy(f->expected + index * f->n_vocab, logits, f->n_vocab * sizeof *logits);
    return true;
}

static fixture set_up_types(const char *architecture, firn_cache_types types)
{
    const tiny_options options = tiny_quantised(architecture, 1);
    fixture f = {.context = support_context(2, NULL), .types = types};
    f.model = support_tiny_model(f.context, &options);
    f.pages = f.model->pages[types.k][types.v];
    f.n_vocab = firn_model_describe(f.model).n_vocab;
    f.expected = malloc(TEXT * (size_t)f.n_vocab * sizeof(float));
    cr_assert_not_null(f.expected);
    support_ids(3, f.n_vocab, f.ids, TEXT);
    firn_session *const session = support_session_of(f.model, f.types, TEXT, 0);
    cr_assert_eq(firn_session_append(session, f.ids, TEXT, FIRN_LOGITS_ALL, keep, &f, NULL), FIRN_OK);
    firn_session_release(session);
    return f;
}

static fixture set_up(const char *architecture)
{
    return set_up_types(architecture, support_f16);
}

static void tear_down(const fixture *f)
{
    cr_expect_eq(eng_pages_in_use(f->pages), 0u, "every page was given back");
    free(f->expected);
    firn_model_release(f->model);
    firn_context_release(f->context);
}

/* Appends the text up to `end`, `chunk` tokens at a time, and compares the logits after each call. */
static void go_on(const fixture *f, firn_session *session, size_t end, size_t chunk)
{
    for (size_t at = firn_session_length(session); at < end;) {
        const size_t count = end - at < chunk ? end - at : chunk;
        support_append(session, f->ids + at, count);
        at += count;
        cr_assert_arr_eq(firn_session_logits(session), f->expected + (at - 1) * f->n_vocab, f->n_vocab * sizeof(float),
                         "position %zu", at - 1);
    }
}

/* Other tokens, which leave other keys and values. */
static void go_astray(const fixture *f, firn_session *session, size_t count)
{
    int32_t ids[TEXT];
    support_ids(99, f->n_vocab, ids, count);
    support_append(session, ids, count);
}

/* ---- forks ---- */

/* At each length: parent and fork write to what was a shared page, one astray, the other on the text; then exchanged.
 */
static void check_forks(const char *architecture, firn_cache_types types)
{
    static const size_t lengths[] = {0, 1, 15, 16, 63, 64, 65, 130, 191};
    const fixture f = set_up_types(architecture, types);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int parent_strays = 0; parent_strays < 2; parent_strays++) {
            firn_session *const parent = support_session_of(f.model, f.types, TEXT, 0), *fork;
            go_on(&f, parent, 200, 50);
            cr_assert_eq(firn_session_fork(parent, lengths[i], &fork, NULL), FIRN_OK);
            cr_expect_eq(firn_session_length(fork), lengths[i]);
            cr_expect_null(firn_session_logits(fork));
            cr_expect_eq(firn_session_context(fork), (uint32_t)TEXT);
            firn_session_rewind(parent, lengths[i]);
            go_astray(&f, parent_strays ? parent : fork, 30);
            go_on(&f, parent_strays ? fork : parent, 230, 1);
            firn_session_release(parent_strays ? parent : fork);
            go_on(&f, parent_strays ? fork : parent, 260, 7);
            firn_session_release(parent_strays ? fork : parent);
        }
    tear_down(&f);
}

Test(pages, forks_do_not_see_each_other)
{
    check_forks("llama", support_f16);
}

Test(pages, forks_of_q8_0_do_not_see_each_other)
{
    check_forks("llama", support_q8_0);
    check_forks("gemma3", (firn_cache_types){FIRN_CACHE_Q8_0, FIRN_CACHE_F16});
    check_forks("gemma3", (firn_cache_types){FIRN_CACHE_F16, FIRN_CACHE_Q8_0});
}

Test(pages, forks_with_windows_do_not_see_each_other)
{
    check_forks("gemma3", support_f16);
}

/* 64 forks of 200 tokens take their own last page, and no more. */
Test(pages, forks_share_what_they_have_in_common)
{
    enum { FORKS = 64 };
    const fixture f = set_up("llama");
    const uint64_t page = eng_page_bytes(f.pages, ENG_GLOBAL);
    firn_session *const parent = support_session_of(f.model, f.types, TEXT, 0), *forks[FORKS];
    go_on(&f, parent, 200, TEXT);
    cr_expect_eq(eng_pages_in_use(f.pages), 4 * page);
    for (int i = 0; i < FORKS; i++)
        cr_assert_eq(firn_session_fork(parent, SIZE_MAX, &forks[i], NULL), FIRN_OK);
    cr_expect_eq(eng_pages_in_use(f.pages), 4 * page);
    for (int i = 0; i < FORKS; i++)
        go_on(&f, forks[i], 201, 1);
    cr_expect_eq(eng_pages_in_use(f.pages), (4 + FORKS) * page);
    firn_session_release(parent);
    cr_expect_eq(eng_pages_in_use(f.pages), (3 + FORKS) * page);
    for (int i = 0; i < FORKS; i++) {
        go_on(&f, forks[i], 202, 1);
        firn_session_release(forks[i]);
    }
    tear_down(&f);
}

/* ---- windows ---- */

Test(pages, local_layers_hold_their_window)
{
    const fixture f = set_up("gemma3");
    const uint64_t global = eng_page_bytes(f.pages, ENG_GLOBAL);
    const uint64_t local = eng_page_bytes(f.pages, ENG_LOCAL);
    cr_assert_eq(local, 2 * global, "two layers of three");
    firn_session *const session = support_session_of(f.model, f.types, TEXT, 16);
    uint64_t most = 0;
    for (size_t end = 1; end <= TEXT; end++) {
        go_on(&f, session, end, 1);
        const uint64_t held = eng_pages_in_use(f.pages) - (end + 63) / 64 * global;
        most = held > most ? held : most;
    }
    cr_expect_eq(most, 4 * local, "a window of 8 and 128 positions to go back to: %llu", (unsigned long long)most);
    firn_session_release(session);
    tear_down(&f);
}

/* Going back, near and far, and coming again. */
Test(pages, what_was_let_go_is_computed_again)
{
    static const size_t lengths[] = {399, 380, 330, 256, 255, 200, 120, 64, 9, 8, 1, 0};
    const fixture f = set_up("gemma3");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t chunk = 1; chunk <= 64; chunk += 63) {
            firn_session *const session = support_session_of(f.model, f.types, TEXT, 40), *fork;
            go_on(&f, session, TEXT, TEXT);
            cr_assert_eq(firn_session_fork(session, lengths[i], &fork, NULL), FIRN_OK);
            firn_session_rewind(session, lengths[i]);
            go_on(&f, session, TEXT, chunk);
            firn_session_release(session);
            go_on(&f, fork, TEXT, chunk);
            firn_session_release(fork);
        }
    tear_down(&f);
}

static bool cancel(void *argument, size_t index, const float *logits)
{
    (void)argument, (void)logits;
    return index < 300;
}

/* A call that lets windows go, and then fails, leaves the timeline as it was. */
Test(pages, a_failure_after_windows_were_let_go)
{
    const fixture f = set_up("gemma3");
    firn_session *const session = support_session_of(f.model, f.types, TEXT, 32);
    go_on(&f, session, 50, 50);
    cr_assert_eq(firn_session_append(session, f.ids, 340, FIRN_LOGITS_ALL, cancel, NULL, NULL), FIRN_ERROR_CANCELLED);
    cr_expect_eq(firn_session_length(session), 50u);
    go_on(&f, session, TEXT, 10);
    firn_session_release(session);
    tear_down(&f);
}

/* ---- the store ---- */

Test(pages, q8_0_takes_half_the_bytes)
{
    const fixture f = set_up("llama");
    /* heads of 16: a byte for each element, and a scale */
    cr_expect_eq(firn_model_session_bytes(f.model, 64, support_f16),
                 2u * 64 * 2 * 16 * firn_model_describe(f.model).n_layers);
    cr_expect_eq(firn_model_session_bytes(f.model, 64, support_q8_0),
                 2u * 64 * (16 + 2) * firn_model_describe(f.model).n_layers);
    firn_session_options options = firn_session_options_default();
    firn_session *session;
    firn_error error = {0};
    options.cache_types.v = FIRN_CACHE_TYPES;
    cr_expect_eq(firn_session_create(f.model, &options, &session, &error), FIRN_ERROR_ARGUMENT);
    tear_down(&f);
}

Test(pages, a_budget_is_kept)
{
    const fixture f = set_up("llama");
    eng_pages *store;
    firn_session *session;
    firn_error error = {0};
    const uint64_t page = eng_page_bytes(f.pages, ENG_GLOBAL);
    eng_budget budget = {.most = 3 * page};
    cr_assert_eq(eng_pages_create(f.model, support_f16, &budget, &store, NULL), FIRN_OK);
    cr_assert_eq(eng_session_create(f.model, store, TEXT, 64, &session, NULL), FIRN_OK);
    go_on(&f, session, 60, 60);
    cr_expect_eq(firn_session_append(session, f.ids, 200, FIRN_LOGITS_LAST, NULL, NULL, &error), FIRN_ERROR_MEMORY);
    cr_expect_not_null(strstr(error.message, "keys and values"), "%s", error.message);
    cr_expect_eq(eng_pages_in_use(store), page, "what was taken for the call went back");
    go_on(&f, session, 3 * 64, 20);
    cr_expect_eq(firn_session_append(session, f.ids, 1, FIRN_LOGITS_LAST, NULL, NULL, NULL), FIRN_ERROR_MEMORY);
    firn_session_rewind(session, 100);
    go_on(&f, session, 3 * 64, 64);
    firn_session_release(session);
    cr_expect_eq(eng_pages_in_use(store), 0u);
    cr_expect_eq(atomic_load(&budget.in_use), 0u);
    eng_pages_destroy(store);
    tear_down(&f);
}

/* Two stores under one budget: what one has in use, the other can't have. */
Test(pages, a_budget_of_two_stores)
{
    const fixture f = set_up("llama");
    eng_pages *stores[2];
    eng_budget budget = {.most = 3 * eng_page_bytes(f.pages, ENG_GLOBAL)};
    for (int i = 0; i < 2; i++)
        cr_assert_eq(eng_pages_create(f.model, support_f16, &budget, &stores[i], NULL), FIRN_OK);
    eng_page *const first = eng_page_take(stores[0], ENG_GLOBAL), *const second = eng_page_take(stores[0], ENG_GLOBAL),
                    *third = eng_page_take(stores[1], ENG_GLOBAL);
    cr_assert(first != NULL && second != NULL && third != NULL);
    cr_expect_null(eng_page_take(stores[1], ENG_GLOBAL));
    eng_page_release(stores[0], ENG_GLOBAL, first);
    eng_page_release(stores[1], ENG_GLOBAL, third);
    third = eng_page_take(stores[1], ENG_GLOBAL);
    cr_expect_not_null(third);
    eng_page_release(stores[1], ENG_GLOBAL, third);
    eng_page_release(stores[0], ENG_GLOBAL, second);
    cr_expect_eq(atomic_load(&budget.in_use), 0u);
    for (int i = 0; i < 2; i++)
        eng_pages_destroy(stores[i]);
    tear_down(&f);
}

/* More pages than a piece of memory has; all different, and used again. */
Test(pages, memory_is_used_again)
{
    enum { PAGES = 200 };
    const fixture f = set_up("llama");
    eng_page *pages[PAGES];
    uint8_t *data[PAGES];
    const size_t n = eng_page_bytes(f.pages, ENG_GLOBAL);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < PAGES; i++) {
            pages[i] = eng_page_take(f.pages, ENG_GLOBAL);
            cr_assert_not_null(pages[i]);
            pages[i]->data[0] = pages[i]->data[n - 1] = (uint8_t)(i + 1);
            if (round == 0)
                data[i] = pages[i]->data;
        }
        for (int i = 0; i < PAGES; i++) {
            cr_assert(pages[i]->data[0] == i + 1 && pages[i]->data[n - 1] == i + 1, "page %d is its own", i);
            cr_expect(round == 0 || pages[i]->data == data[PAGES - 1 - i], "the last given back is the first taken");
            eng_page_release(f.pages, ENG_GLOBAL, pages[i]);
        }
    }
    eng_pages_trim(f.pages);
    tear_down(&f);
}
