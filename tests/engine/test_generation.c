/* SPDX-License-Identifier: Apache-2.0 */
/* A generation on a session is the loop that its header shows; what ends it is told; nothing depends on who runs it. */
#include "tests/support/constraints.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <string.h>

enum { PROMPT = 20, MOST = 200 };

static struct {
    char *path;
    firn_context *context;
    firn_model *model;
    uint32_t n_vocab;
    int32_t prompt[PROMPT];
} all;

static void set_up(void)
{
    const tiny_options options = tiny_small("llama");
    all.path = tiny_write(&options);
    all.context = support_context(2, NULL);
    all.model = support_model(all.context, all.path);
    all.n_vocab = firn_model_describe(all.model).n_vocab;
    support_ids(5, all.n_vocab, all.prompt, PROMPT);
}

static void tear_down(void)
{
    firn_model_release(all.model);
    firn_context_release(all.context);
    support_remove(all.path);
}

TestSuite(generation, .init = set_up, .fini = tear_down);

static firn_generation_parameters parameters_of(int32_t n_predict)
{
    firn_generation_parameters p = firn_generation_parameters_default();
    p.seed = 7;
    p.n_predict = n_predict;
    p.temperature = 2;
    return p;
}

static firn_generation *create(const firn_generation_parameters *p, const firn_generation_options *options)
{
    firn_generation *g;
    firn_error error;
    cr_assert_eq(firn_generation_create(all.model, p, options, all.prompt, PROMPT, &g, &error), FIRN_OK, "%s",
                 error.message);
    return g;
}

/* Runs to the end on a session of its own, whose tokens in the end are the generation's but for the last. */
static void run(firn_generation *g)
{
    firn_error error;
    size_t n;
    firn_session *const session = support_session(all.model, 0, 0);
    support_append(session, all.prompt, PROMPT);
    while (firn_generation_end(g) == FIRN_END_NOT_YET)
        cr_assert_eq(firn_generation_advance(g, session, &error), FIRN_OK, "%s", error.message);
    firn_generation_ids(g, &n);
    cr_expect_eq(firn_session_length(session), PROMPT + n - (n > 0));
    firn_session_release(session);
}

static void expect_same(const firn_generation *a, const firn_generation *b)
{
    size_t n_a, n_b, length_a, length_b;
    const int32_t *const ids_a = firn_generation_ids(a, &n_a), *const ids_b = firn_generation_ids(b, &n_b);
    const char *const text_a = firn_generation_text(a, &length_a, NULL);
    const char *const text_b = firn_generation_text(b, &length_b, NULL);
    cr_assert_eq(n_a, n_b);
    cr_assert_eq(length_a, length_b);
    cr_expect_arr_eq(ids_a, ids_b, n_a * sizeof *ids_a);
    cr_expect_arr_eq(text_a, text_b, length_a);
    cr_expect_eq(firn_generation_end(a), firn_generation_end(b));
}

/* ---- two generations in one batch, as a scheduler would run them ---- */

typedef struct pair {
    firn_generation *g[2];
    firn_error error;
} pair;

static bool take(void *argument, size_t entry, size_t index, const float *logits)
{
    pair *const p = argument;
    (void)index;
    return firn_generation_take(p->g[entry], logits, &p->error) == FIRN_OK;
}

static void run_batched(pair *p)
{
    firn_session *const sessions[2] = {support_session(all.model, 0, 0), support_session(all.model, 0, 0)};
    firn_batch *batch;
    cr_assert_eq(firn_batch_create(all.model, NULL, &batch, NULL), FIRN_OK);
    firn_batch_entry entries[2] = {{sessions[0], all.prompt, PROMPT, FIRN_LOGITS_LAST},
                                   {sessions[1], all.prompt, PROMPT, FIRN_LOGITS_LAST}};
    cr_assert_eq(firn_batch_append(batch, entries, 2, take, p, NULL), FIRN_OK);
    while (firn_generation_end(p->g[0]) == FIRN_END_NOT_YET) {
        firn_generation_step steps[2];
        for (int i = 0; i < 2; i++) {
            steps[i] = firn_generation_next(p->g[i]);
            firn_session_rewind(sessions[i], steps[i].n_keep);
            entries[i] = (firn_batch_entry){sessions[i], &steps[i].id, 1, FIRN_LOGITS_LAST};
        }
        cr_assert_eq(firn_batch_append(batch, entries, 2, take, p, NULL), FIRN_OK, "%s", p->error.message);
    }
    firn_batch_release(batch);
    firn_session_release(sessions[0]);
    firn_session_release(sessions[1]);
}

Test(generation, batched_is_the_same_as_alone)
{
    firn_generation_parameters p = parameters_of(60);
    p.ignore_eos = true;
    size_t length;
    cr_assert_eq(firn_parameter_set_json(&p, "banned_strings", "[\"a\",\"e\"]", 9, NULL), FIRN_OK);
    firn_generation *const banning = create(&p, NULL);
    run(banning);
    const char *const other = firn_generation_text(banning, &length, NULL);
    for (size_t i = 0; i < length; i++)
        cr_expect(other[i] != 'a' && other[i] != 'e');
    pair both = {{create(&p, NULL), create(&p, NULL)}, {0}};
    run_batched(&both);
    expect_same(both.g[0], banning);
    expect_same(both.g[1], banning);
    for (int i = 0; i < 2; i++)
        firn_generation_release(both.g[i]);
    firn_generation_release(banning);
}

/* ---- ends ---- */

static firn_end end_of(const firn_generation_parameters *p, uint32_t n_ctx, size_t *n)
{
    firn_generation_options options = firn_generation_options_default();
    options.n_ctx = n_ctx;
    firn_generation *const g = create(p, &options);
    size_t length, n_shown;
    run(g);
    firn_generation_ids(g, n);
    firn_generation_text(g, &length, &n_shown);
    cr_expect_eq(length, n_shown);
    const firn_end end = firn_generation_end(g);
    firn_generation_release(g);
    return end;
}

Test(generation, ends_are_told)
{
    size_t n;
    firn_generation_parameters p = parameters_of(0);
    cr_expect_eq(end_of(&p, 0, &n), FIRN_END_LENGTH);
    cr_expect_eq(n, 0);
    p = parameters_of(9);
    p.ignore_eos = true;
    cr_expect_eq(end_of(&p, 0, &n), FIRN_END_LENGTH);
    cr_expect_eq(n, 9);
    p.n_predict = -1;
    cr_expect_eq(end_of(&p, PROMPT + 9, &n), FIRN_END_CONTEXT);
    cr_expect_eq(n, 10); /* the last one needs no position */
    p.t_max_predict_ms = 1;
    cr_expect_eq(end_of(&p, 0, &n), FIRN_END_TIME);
    p = parameters_of(-1);
    cr_assert_eq(firn_parameter_set(&p, "logit_bias", "2+1000", NULL), FIRN_OK); /* <|im_end|> */
    p.min_tokens = 4;
    cr_expect_eq(end_of(&p, 0, &n), FIRN_END_TOKEN);
    cr_expect_eq(n, 5);
    cr_assert_eq(firn_parameter_set(&p, "stop_token_ids", "[2]", NULL), FIRN_OK);
    cr_expect_eq(end_of(&p, 0, &n), FIRN_END_STOP);
}

Test(generation, log_probabilities_are_those_of_the_model)
{
    enum { N = 12, TOP = 3 };
    firn_generation_parameters p = parameters_of(N);
    p.ignore_eos = true;
    firn_generation_options options = firn_generation_options_default();
    options.n_logprobs = TOP;
    options.entropies = true;
    firn_generation *const g = create(&p, &options);
    run(g);
    size_t n;
    const int32_t *const ids = firn_generation_ids(g, &n), *top_ids;
    const float *top, *const logprobs = firn_generation_logprobs(g, &top_ids, &top);
    cr_assert_eq(n, N);
    const float last = logprobs[N - 1];
    firn_session *const session = support_session(all.model, 0, 0);
    support_append(session, all.prompt, PROMPT);
    for (size_t i = 0; i < n; i++) {
        int32_t expected_ids[TOP];
        float expected[TOP];
        cr_expect_eq(logprobs[i],
                     firn_logprobs(firn_session_logits(session), all.n_vocab, ids[i], TOP, expected_ids, expected));
        float logprob, entropy;
        firn_surprise(firn_session_logits(session), all.n_vocab, ids[i], &logprob, &entropy);
        cr_expect_eq(firn_generation_entropies(g)[i], entropy);
        cr_expect_eq(logprobs[i], logprob);
        cr_expect_arr_eq(top_ids + i * TOP, expected_ids, sizeof expected_ids);
        cr_expect_arr_eq(top + i * TOP, expected, sizeof expected);
        support_append(session, &ids[i], 1);
    }
    firn_session_release(session);
    firn_generation_release(g);
    options.n_logprobs = 0;
    firn_generation *const same = create(&p, &options);
    run(same);
    cr_expect_eq(firn_generation_logprobs(same, NULL, NULL)[N - 1], last);
    firn_generation_release(same);
}

Test(generation, an_empty_prompt_is_refused)
{
    firn_generation *g;
    const firn_generation_parameters p = parameters_of(1);
    cr_expect_eq(firn_generation_create(all.model, &p, NULL, all.prompt, 0, &g, NULL), FIRN_ERROR_ARGUMENT);
    cr_expect_null(g);
}

/* ---- constraints ---- */

/* True if the text is whole under the constraint, asked byte by byte of another vocabulary. */
static void expect_constrained(firn_constraint_kind kind, const char *text, const char *banned, uint64_t seed)
{
    firn_constraint *const constraint = support_compile(kind, text);
    firn_vocabulary *const bytes = support_byte_vocabulary();
    firn_generation_parameters p = parameters_of(-1);
    p.seed = seed;
    p.ignore_eos = seed % 2 == 0;
    cr_assert_eq(firn_parameter_set(&p, "banned_strings", banned, NULL), FIRN_OK);
    firn_generation_options options = firn_generation_options_default();
    options.constraint = constraint;
    firn_generation *const g = create(&p, &options);
    firn_constraint_release(constraint); /* kept alive */
    run(g);
    size_t length;
    const char *const generated = firn_generation_text(g, &length, NULL);
    const firn_end end = firn_generation_end(g);
    cr_expect(end == FIRN_END_TOKEN || end == FIRN_END_CONSTRAINT, "%s: %s", text, firn_end_name(end));
    firn_constraint *const again = support_compile(kind, text);
    cr_expect(support_satisfies(again, bytes, generated, length), "%s: %.*s", text, (int)length, generated);
    firn_constraint_release(again);
    firn_vocabulary_release(bytes);
    firn_generation_release(g);
}

Test(generation, constrained_texts_satisfy)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        expect_constrained(FIRN_CONSTRAINT_REGEX, "[a-z]{2,9}|[0-9]+[xyz]", "[]", seed);
        expect_constrained(FIRN_CONSTRAINT_REGEX, "(a|b|c){30}", "[\"ab\",\"cc\"]", seed);
        expect_constrained(FIRN_CONSTRAINT_CHOICES, "one\ntwo\nthree\n", "[\"tw\"]", seed);
        expect_constrained(FIRN_CONSTRAINT_GRAMMAR, "root ::= \"(\" root? \")\" | [a-c]", "[]", seed);
        expect_constrained(FIRN_CONSTRAINT_SCHEMA,
                           "{\"type\": \"object\", \"required\": [\"a\"], \"additionalProperties\": false,"
                           " \"properties\": {\"a\": {\"type\": \"string\", \"maxLength\": 9}}}",
                           "[]", seed);
    }
}

Test(generation, a_constraint_that_can_not_be_satisfied_is_an_error)
{
    firn_error error = {0};
    firn_generation_parameters p = parameters_of(-1);
    cr_assert_eq(firn_parameter_set(&p, "banned_strings", "[\"b\"]", NULL), FIRN_OK);
    firn_generation_options options = firn_generation_options_default();
    options.constraint = support_compile(FIRN_CONSTRAINT_CHOICES, "abc");
    firn_generation *const g = create(&p, &options);
    firn_session *const session = support_session(all.model, 0, 0);
    support_append(session, all.prompt, PROMPT);
    firn_status status = FIRN_OK;
    while (status == FIRN_OK && firn_generation_end(g) == FIRN_END_NOT_YET)
        status = firn_generation_advance(g, session, &error);
    cr_expect_eq(status, FIRN_ERROR_NUMERIC);
    cr_expect_not_null(strstr(error.message, "the constraint allows"), "%s", error.message);
    firn_constraint_release(options.constraint);
    firn_session_release(session);
    firn_generation_release(g);
}

Test(generation, a_constraint_that_allows_only_nothing_ends_at_once)
{
    size_t n;
    const firn_generation_parameters p = parameters_of(-1);
    firn_generation_options options = firn_generation_options_default();
    options.constraint = support_compile(FIRN_CONSTRAINT_REGEX, "");
    firn_generation *const g = create(&p, &options);
    cr_expect_eq(firn_generation_end(g), FIRN_END_CONSTRAINT);
    firn_generation_ids(g, &n);
    cr_expect_eq(n, 0);
    firn_constraint_release(options.constraint);
    firn_generation_release(g);
}
