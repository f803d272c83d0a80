/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts change no text, with any settings; where a text repeats itself they come true, where it doesn't they stop. */
#include "engine/draft.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <string.h>

enum { PROMPT = 60, ROOM = 300, TOKENS = 200 };

typedef struct fixture {
    firn_context *context;
    firn_model *model;
    int32_t prompt[PROMPT];
} fixture;

static fixture set_up(const char *architecture)
{
    tiny_options options = tiny_small(architecture);
    options.type = KERN_Q4_1;
    char *const path = tiny_write(&options);
    fixture f = {.context = support_context(2, NULL)};
    f.model = support_model(f.context, path);
    support_remove(path);
    support_ids(8, firn_model_describe(f.model).n_vocab, f.prompt, PROMPT);
    return f;
}

/* What comes, drafting up to `most` tokens a step. The caller frees it. */
static firn_generation *generate(const fixture *f, const firn_generation_parameters *parameters, firn_drafter *drafter,
                                 size_t *n_steps)
{
    firn_generation *generation;
    firn_generation_options options = firn_generation_options_default();
    options.n_logprobs = 2;
    options.n_ctx = ROOM;
    firn_session *const session = support_session(f->model, ROOM, 0);
    support_append(session, f->prompt, PROMPT);
    cr_assert_eq(firn_generation_create(f->model, parameters, &options, f->prompt, PROMPT, &generation, NULL), FIRN_OK);
    for (*n_steps = 0; firn_generation_end(generation) == FIRN_END_NOT_YET; (*n_steps)++)
        cr_assert_eq(firn_drafter_advance(drafter, generation, session, NULL), FIRN_OK);
    firn_session_release(session);
    return generation;
}

static void check_same(const firn_generation *a, const firn_generation *b)
{
    size_t n_a, n_b, a_bytes, b_bytes;
    const int32_t *const a_ids = firn_generation_ids(a, &n_a), *const b_ids = firn_generation_ids(b, &n_b);
    cr_assert_eq(n_a, n_b);
    cr_assert_arr_eq(a_ids, b_ids, n_a * sizeof *a_ids);
    cr_assert_arr_eq(firn_generation_logprobs(a, NULL, NULL), firn_generation_logprobs(b, NULL, NULL),
                     n_a * sizeof(float));
    const char *const a_text = firn_generation_text(a, &a_bytes, NULL);
    const char *const b_text = firn_generation_text(b, &b_bytes, NULL);
    cr_assert(a_bytes == b_bytes && memcmp(a_text, b_text, a_bytes) == 0);
    cr_assert_eq(firn_generation_end(a), firn_generation_end(b));
}

/* Settings of all kinds; biased ones write two tokens only. */
static firn_generation_parameters make_parameters(int number)
{
    firn_generation_parameters p = firn_generation_parameters_default();
    p.seed = (uint64_t)number;
    p.temperature = number % 3;
    p.n_predict = number % 5 == 4 ? -1 : TOKENS;
    p.ignore_eos = number % 2 == 0;
    if (number % 2 == 1)
        cr_assert_eq(firn_parameter_set(&p, "logit_bias", "[[70,30],[71,30]]", NULL), FIRN_OK);
    if (number % 4 == 3)
        cr_assert_eq(firn_parameter_set(&p, "banned_strings", "[\"CCDC\",\"DDDD\"]", NULL), FIRN_OK);
    return p;
}

static void check_family(const char *architecture)
{
    const fixture f = set_up(architecture);
    uint64_t n_accepted = 0, n_refused = 0;
    for (int i = 0; i < 20; i++) {
        const firn_generation_parameters p = make_parameters(i);
        size_t n_plain, n_drafted, n_ids;
        firn_drafter none = {0}, drafter = {.most = 1 + (uint32_t)(i * 5) % 16};
        firn_generation *const plain = generate(&f, &p, &none, &n_plain);
        firn_generation *const drafted = generate(&f, &p, &drafter, &n_drafted);
        check_same(plain, drafted);
        firn_generation_ids(plain, &n_ids);
        cr_expect_eq(none.n_drafted, 0u);
        cr_expect_leq(n_drafted, n_plain);
        n_accepted += drafter.n_accepted;
        n_refused += drafter.n_drafted - drafter.n_accepted;
        firn_generation_release(plain);
        firn_generation_release(drafted);
    }
    cr_expect(n_accepted > 50 && n_refused > 50, "%llu came true, %llu did not", (unsigned long long)n_accepted,
              (unsigned long long)n_refused);
    firn_model_release(f.model);
    firn_context_release(f.context);
}

Test(drafter, changes_no_text_llama)
{
    check_family("llama");
}

Test(drafter, changes_no_text_gemma3)
{
    check_family("gemma3");
}

/* ---- guesses ---- */

Test(drafter, guesses_what_followed)
{
    const int32_t ids[] = {9, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3};
    int32_t out[ENG_MOST_DRAFTS];
    eng_draft draft = {0};
    cr_assert_eq(eng_draft_guess(&draft, ids, 11, 15, out), 3u);
    cr_expect_arr_eq(out, ids + 4, 3 * sizeof *out);
    eng_draft_learn(&draft, 3, 3);
    cr_assert_eq(eng_draft_guess(&draft, ids, 11, 15, out), 7u, "longer, after all came true");
    cr_expect_arr_eq(out, ids + 4, 7 * sizeof *out);
    cr_expect_eq(eng_draft_guess(&draft, ids, 11, 2, out), 2u);
    cr_expect_eq(eng_draft_guess(&draft, ids, 10, 15, out), 0u, "two tokens are too few");
    cr_expect_eq(eng_draft_guess(&draft, ids, 3, 15, out), 0u);
    cr_expect_eq(eng_draft_guess(&draft, ids, 0, 15, out), 0u);
}

/* The place with the longest match, though a nearer one matches too. */
Test(drafter, prefers_the_longest_match)
{
    const int32_t ids[] = {5, 1, 2, 3, 4, 8, 1, 2, 3, 7, 5, 1, 2, 3};
    int32_t out[ENG_MOST_DRAFTS];
    eng_draft draft = {0};
    cr_assert_gt(eng_draft_guess(&draft, ids, 14, 15, out), 0u);
    cr_expect_eq(out[0], 4);
}

/* A text whose drafts never come true is drafted for less and less. */
Test(drafter, stops_where_nothing_comes_true)
{
    int32_t ids[2000], out[ENG_MOST_DRAFTS];
    eng_draft draft = {0};
    unsigned n_drafts = 0;
    for (int i = 0; i < 2000; i++)
        ids[i] = i % 3;
    for (size_t n = 10; n < 2000; n++)
        if (eng_draft_guess(&draft, ids, n, 15, out) > 0) {
            n_drafts++;
            eng_draft_learn(&draft, 3, 0);
        }
    cr_expect(n_drafts >= 10 && n_drafts <= 40, "%u", n_drafts);
}
