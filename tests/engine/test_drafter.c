/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts change no text, with any settings; where a text repeats itself they come true, where it doesn't they stop. */
#include "engine/draft.h"
#include "engine/generation_p.h"
#include "tests/support/constraints.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <string.h>

enum { PROMPT = 60, ROOM = 300, TOKENS = 150 };

typedef struct fixture {
    firn_context *context;
    firn_model *model, *other, *shorter; /* the last two of other parameters, of which one has a context of 64 */
    firn_constraint *constraint;
    int32_t prompt[PROMPT];
} fixture;

static firn_model *open_tiny(firn_context *context, const char *architecture, uint64_t seed, uint32_t n_ctx)
{
    tiny_options options = tiny_quantised(architecture, seed);
    options.n_ctx = n_ctx;
    return support_tiny_model(context, &options);
}

static fixture set_up(const char *architecture)
{
    fixture f = {.context = support_context(2, NULL)};
    f.model = open_tiny(f.context, architecture, 1, 512);
    f.other = open_tiny(f.context, architecture, 2, 512);
    f.shorter = open_tiny(f.context, architecture, 1, 64);
    f.constraint = support_compile(FIRN_CONSTRAINT_REGEX, "([a-d]{2,5}|[0-9]+;){4,40}");
    support_ids(8, firn_model_describe(f.model).n_vocab, f.prompt, PROMPT);
    return f;
}

static void tear_down(fixture *f)
{
    firn_constraint_release(f->constraint);
    firn_model_release(f->shorter);
    firn_model_release(f->other);
    firn_model_release(f->model);
    firn_context_release(f->context);
}

/* What comes with these drafts, and what is told of them. The caller frees it. */
static firn_generation *generate(const fixture *f, const firn_generation_parameters *parameters, bool constrained,
                                 const firn_drafter_options *drafts, firn_drafter_figures *figures, size_t *n_steps)
{
    firn_generation *generation;
    firn_drafter *drafter;
    firn_generation_options options = firn_generation_options_default();
    options.n_logprobs = 2;
    options.n_ctx = ROOM;
    options.constraint = constrained ? f->constraint : NULL;
    firn_session *const session = support_session(f->model, ROOM, 0);
    support_append(session, f->prompt, PROMPT);
    cr_assert_eq(firn_drafter_create(f->model, drafts, &drafter, NULL), FIRN_OK);
    cr_assert_eq(firn_generation_create(f->model, parameters, &options, f->prompt, PROMPT, &generation, NULL), FIRN_OK);
    for (*n_steps = 0; firn_generation_end(generation) == FIRN_END_NOT_YET; (*n_steps)++) {
        firn_error error = {0};
        cr_assert_eq(firn_drafter_advance(drafter, generation, session, &error), FIRN_OK, "%s", error.message);
        cr_assert_eq(firn_session_length(session), firn_generation_next(generation).n_keep);
    }
    *figures = firn_drafter_measure(drafter);
    firn_drafter_release(drafter);
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

static firn_drafter_options drafts_of(uint32_t n_max, firn_model *draft_model, uint32_t n_min, double p_min)
{
    firn_drafter_options options = firn_drafter_options_default();
    options.n_max = n_max;
    options.draft_model = draft_model;
    options.n_min = n_min;
    options.p_min = p_min;
    return options;
}

enum { KINDS = 5 };

/* Drafts of several kinds with one setting against none; adds what became of them. */
static void compare(const fixture *f, int number, firn_drafter_figures sums[KINDS])
{
    const firn_generation_parameters p = make_parameters(number);
    const bool constrained = number % 10 == 6;
    const uint32_t n_max = 1 + (uint32_t)(number * 5) % 16;
    const double p_min = number % 3 == 2 ? 0.002 : 0;
    const firn_drafter_options none = drafts_of(0, NULL, 0, 0);
    const firn_drafter_options kinds[KINDS] = {
        drafts_of(n_max, NULL, 0, 0),       drafts_of(n_max, f->model, 1, p_min), drafts_of(n_max, f->other, 3, p_min),
        drafts_of(n_max, f->shorter, 8, 0), drafts_of(n_max, f->other, 0, 0), /* as it pays, however that comes out */
    };
    firn_drafter_figures figures;
    size_t n_plain, n_drafted;
    firn_generation *const plain = generate(f, &p, constrained, &none, &figures, &n_plain);
    cr_expect_eq(figures.n_drafted, 0u);
    for (int k = 0; k < KINDS; k++) {
        if (k > 0 && number % 2 != k % 2)
            continue;
        firn_generation *const drafted = generate(f, &p, constrained, &kinds[k], &figures, &n_drafted);
        check_same(plain, drafted);
        cr_expect_leq(n_drafted, n_plain);
        sums[k].n_drafted += figures.n_drafted;
        sums[k].n_accepted += figures.n_accepted;
        sums[k].n_model_drafted += figures.n_model_drafted;
        sums[k].n_model_accepted += figures.n_model_accepted;
        firn_generation_release(drafted);
    }
    firn_generation_release(plain);
}

static void check_family(const char *architecture)
{
    fixture f = set_up(architecture);
    firn_drafter_figures sums[KINDS] = {0};
    for (int i = 0; i < 20; i++)
        compare(&f, i, sums);
    cr_expect(sums[0].n_accepted > 50 && sums[0].n_drafted > sums[0].n_accepted + 50, "%llu of %llu came true",
              (unsigned long long)sums[0].n_accepted, (unsigned long long)sums[0].n_drafted);
    cr_expect_eq(sums[0].n_model_drafted, 0u);
    for (int k = 1; k < 4; k++)
        cr_expect(sums[k].n_model_accepted > 15 && sums[k].n_model_drafted > sums[k].n_model_accepted,
                  "%d: %llu of %llu came true", k, (unsigned long long)sums[k].n_model_accepted,
                  (unsigned long long)sums[k].n_model_drafted);
    tear_down(&f);
}

Test(drafter, changes_no_text_llama)
{
    check_family("llama");
}

Test(drafter, changes_no_text_gemma3)
{
    check_family("gemma3");
}

/* A model that drafts for itself is right at any temperature, under penalties, steering and constraints. */
Test(drafter, the_same_noise_makes_the_same_pick)
{
    static const char *const settings[][2] = {{"temperature", "1.5"},     {"mirostat", "2"},
                                              {"repeat_penalty", "1.4"},  {"dry_multiplier", "1"},
                                              {"adaptive_target", "0.1"}, {"seed", "9"}};
    fixture f = set_up("llama");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        for (int constrained = 0; constrained < 2; constrained++) {
            firn_generation_parameters p = firn_generation_parameters_default();
            const firn_drafter_options none = drafts_of(0, NULL, 0, 0), some = drafts_of(5, f.model, 5, 0);
            firn_drafter_figures figures;
            size_t n_plain, n_steps;
            p.seed = 3;
            p.temperature = 1;
            p.n_predict = TOKENS;
            cr_assert_eq(firn_parameter_set(&p, settings[i][0], settings[i][1], NULL), FIRN_OK);
            firn_generation *const plain = generate(&f, &p, constrained, &none, &figures, &n_plain);
            firn_generation *const drafted = generate(&f, &p, constrained, &some, &figures, &n_steps);
            check_same(plain, drafted);
            cr_expect(figures.n_model_drafted > 0);
            cr_expect_leq(figures.n_model_drafted - figures.n_model_accepted, 1u + (uint64_t)constrained,
                          "%s: %llu of %llu", settings[i][0], (unsigned long long)figures.n_model_accepted,
                          (unsigned long long)figures.n_model_drafted);
            firn_generation_release(plain);
            firn_generation_release(drafted);
        }
    tear_down(&f);
}

/* Tokens that a draft model of fewer tokens doesn't have are no guess; and guessing leaves nothing behind. */
Test(drafter, a_guess_from_fewer_logits)
{
    fixture f = set_up("llama");
    firn_generation *generation;
    firn_generation_parameters p = firn_generation_parameters_default();
    p.seed = 5;
    const uint32_t n_vocab = firn_model_describe(f.model).n_vocab, fewer = n_vocab / 3;
    firn_session *const session = support_session(f.model, ROOM, 0);
    support_append(session, f.prompt, PROMPT);
    cr_assert_eq(firn_generation_create(f.model, &p, NULL, f.prompt, PROMPT, &generation, NULL), FIRN_OK);
    const eng_guess_logits few = {firn_session_logits(session), fewer, 0}, all = {few.logits, n_vocab, 0};
    const eng_guess_logits sure = {few.logits, n_vocab, 1};
    int32_t id;
    for (uint32_t i = 0; i < 40; i++) {
        cr_assert(eng_generation_guess(generation, &few, i, &id));
        cr_assert(id >= 0 && (uint32_t)id < fewer);
    }
    eng_generation_forget(generation);
    cr_expect_not(eng_generation_guess(generation, &sure, 0, &id), "no token is certain");
    cr_assert(eng_generation_guess(generation, &all, 0, &id));
    eng_generation_forget(generation);
    size_t n_ids;
    cr_assert_eq(firn_generation_advance(generation, session, NULL), FIRN_OK);
    cr_expect_eq(firn_generation_ids(generation, &n_ids)[0], id);
    firn_generation_release(generation);
    firn_session_release(session);
    tear_down(&f);
}

/* A draft model that fails drafts no more, and the text goes on. */
Test(drafter, a_text_goes_on_without_a_model_that_fails)
{
    fixture f = set_up("llama");
    const tiny_options damage = tiny_quantised("llama", 1);
    const firn_generation_parameters p = make_parameters(0);
    const firn_drafter_options none = drafts_of(0, NULL, 0, 0);
    firn_drafter_figures figures;
    size_t n_plain, n_drafted, n_ids;
    firn_generation *const plain = generate(&f, &p, false, &none, &figures, &n_plain);
    const int32_t *const ids = firn_generation_ids(plain, &n_ids);
    cr_expect_eq(figures.fault.status, FIRN_OK);
    firn_model *const damaged = support_damaged_model(f.context, &damage, ids[TOKENS / 2]);
    const firn_drafter_options some = drafts_of(5, damaged, 5, 0);
    firn_generation *const drafted = generate(&f, &p, false, &some, &figures, &n_drafted);
    check_same(plain, drafted);
    cr_expect_eq(figures.fault.status, FIRN_ERROR_NUMERIC);
    cr_expect_not_null(strstr(figures.fault.message, "damaged"), "%s", figures.fault.message);
    cr_expect_lt(n_drafted, n_plain);
    firn_generation_release(plain);
    firn_generation_release(drafted);
    firn_model_release(damaged);
    tear_down(&f);
}

Test(drafter, refuses_another_vocabulary)
{
    fixture f = set_up("llama");
    firn_model *const gemma = open_tiny(f.context, "gemma3", 1, 512);
    const firn_drafter_options options = drafts_of(15, gemma, 0, 0);
    firn_drafter *drafter;
    firn_error error = {0};
    cr_assert_eq(firn_drafter_create(f.model, &options, &drafter, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_null(drafter);
    cr_expect_str_eq(error.message, "token 0 is \"<|endoftext|>\" in the model and \"<unk>\" in the draft model: both "
                                    "need the same vocabulary");
    firn_model_release(gemma);
    tear_down(&f);
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
