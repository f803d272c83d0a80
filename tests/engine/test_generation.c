/* SPDX-License-Identifier: Apache-2.0 */
/* A generation on a session is the loop that its header shows; what ends it is told; nothing depends on who runs it. */
#include "engine/guidance.h"
#include "engine/noise.h"
#include "tests/support/constraints.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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
    size_t length, n_shown = 0;
    char shown[4096];
    while (firn_generation_end(g) == FIRN_END_NOT_YET) {
        cr_assert_eq(firn_generation_advance(g, session, &error), FIRN_OK, "%s", error.message);
        const char *const text = firn_generation_text(g, &length, &n);
        cr_assert(n >= n_shown && n <= length && n <= sizeof shown);
        cr_assert_arr_eq(text, shown, n_shown, "what was shown has changed");
        memcpy(shown, text, n);
        n_shown = n;
    }
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
    firn_batch_entry entries[2] = {{sessions[0], all.prompt, PROMPT, FIRN_LOGITS_LAST, 0},
                                   {sessions[1], all.prompt, PROMPT, FIRN_LOGITS_LAST, 0}};
    cr_assert_eq(firn_batch_append(batch, entries, 2, take, p, NULL), FIRN_OK);
    while (firn_generation_end(p->g[0]) == FIRN_END_NOT_YET) {
        firn_generation_step steps[2];
        for (int i = 0; i < 2; i++) {
            steps[i] = firn_generation_next(p->g[i]);
            firn_session_rewind(sessions[i], steps[i].n_keep);
            entries[i] = (firn_batch_entry){sessions[i], &steps[i].id, 1, FIRN_LOGITS_LAST, 0};
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
                     firn_logprobs(all.model, firn_session_logits(session), ids[i], TOP, expected_ids, expected));
        float logprob, entropy;
        firn_surprise(all.model, firn_session_logits(session), ids[i], &logprob, &entropy);
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
    firn_list_entry entry;
    for (size_t i = 0; firn_list_at(&p.banned_strings, i, &entry); i++)
        for (size_t at = 0; at + entry.length <= length; at++)
            cr_expect_neq(memcmp(generated + at, entry.text, entry.length), 0, "%.*s", (int)length, generated);
    cr_expect(end == FIRN_END_TOKEN || end == FIRN_END_CONSTRAINT, "%s: %s", text, firn_end_name(end));
    firn_constraint *const again = support_compile(kind, text);
    cr_expect(support_satisfies(again, bytes, generated, length), "%s: %.*s", text, (int)length, generated);
    firn_constraint_release(again);
    firn_vocabulary_release(bytes);
    firn_generation_release(g);
}

Test(generation, constrained_texts_satisfy)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        expect_constrained(FIRN_CONSTRAINT_REGEX, "[a-z]{2,9}|[0-9]+[xyz]", "[]", seed);
        expect_constrained(FIRN_CONSTRAINT_REGEX, "(a|b|c){30}", "[\"ab\",\"cc\"]", seed);
        expect_constrained(FIRN_CONSTRAINT_REGEX, "[a-d]{20}", "[\"a\",\"bc\",\"dbb\",\"cbdc\"]", seed);
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

/* ---- guidance and contrast ---- */

enum { NEGATIVE = 7 };

static firn_generation_options guided_options(firn_model *weaker)
{
    firn_generation_options options = firn_generation_options_default();
    options.negative = all.prompt + 3;
    options.n_negative = NEGATIVE;
    options.weaker = weaker;
    options.n_logprobs = 0;
    return options;
}

/* log p of every token, in double precision. */
static void log_softmax(const float *logits, double *out)
{
    double sum = 0;
    for (uint32_t i = 0; i < all.n_vocab; i++)
        sum += exp((double)logits[i]);
    for (uint32_t i = 0; i < all.n_vocab; i++)
        out[i] = (double)logits[i] - log(sum);
}

/* Predictions after parts of the prompt: n_rows rows of logits, and log p of their tokens. */
static void predict_rows(size_t n_rows, float *rows, double *logs)
{
    firn_session *const session = support_session(all.model, 0, 0);
    for (size_t row = 0; row < n_rows; row++) {
        support_append(session, all.prompt + row, 5);
        memcpy(rows + row * all.n_vocab, firn_session_logits(session), all.n_vocab * sizeof *rows);
        log_softmax(rows + row * all.n_vocab, logs + row * all.n_vocab);
    }
    firn_session_release(session);
}

/* The rows' predictions joined as the papers say. */
Test(generation, guidance_and_contrast_are_what_the_papers_say)
{
    firn_generation_parameters p = parameters_of(1);
    p.guidance = 1.7;
    p.contrast = 0.4;
    p.contrast_alpha = 0.2;
    float *const rows = malloc(4 * all.n_vocab * sizeof *rows), *const out = rows + 3 * all.n_vocab;
    double *const logs = malloc(3 * all.n_vocab * sizeof *logs);
    predict_rows(3, rows, logs);
    const kern_table kernels = kern_table_for(KERN_LEVEL_SCALAR);
    const eng_predictions predictions = {rows, rows + all.n_vocab, rows + 2 * all.n_vocab, NULL, all.n_vocab, &kernels};
    eng_guide(&predictions, &p, p.contrast_alpha, out);
    double highest = -INFINITY;
    for (uint32_t i = 0; i < all.n_vocab; i++)
        highest = logs[i] > highest ? logs[i] : highest;
    size_t n_dropped = 0;
    for (uint32_t i = 0; i < all.n_vocab; i++) {
        const double model = logs[i], negative = logs[all.n_vocab + i], weaker = logs[2 * all.n_vocab + i];
        const double guided = negative + 1.7 * (model - negative) + 0.4 * (model - weaker);
        const double constant = (double)rows[0] - logs[0]; /* between logits and their log-softmax */
        const bool dropped = model < highest + log(0.2);
        n_dropped += dropped;
        if (dropped)
            cr_assert_eq(out[i], -INFINITY, "%u", i);
        else
            cr_assert_float_eq((double)out[i], guided + constant, 1e-4, "%u", i);
    }
    cr_expect(n_dropped > 0 && n_dropped < all.n_vocab);
    free(rows);
    free(logs);
}

/* Rows in a batch, with strings that take tokens back, and each row on a session of its own: the same text. */
Test(generation, guided_rows_are_the_same_in_a_batch_and_alone)
{
    firn_model *const weaker = support_model(all.context, all.path);
    firn_generation_options options = guided_options(weaker);
    firn_generation_parameters p = parameters_of(40);
    p.ignore_eos = true;
    p.guidance = 2.5;
    p.contrast = 0.3;
    p.contrast_alpha = 0;
    cr_assert_eq(firn_parameter_set_json(&p, "banned_strings", "[\"a\",\"e\"]", 9, NULL), FIRN_OK);
    firn_generation *const batched = create(&p, &options), *const alone = create(&p, &options);
    run(batched);
    cr_assert_eq(firn_generation_rows(alone), 3);
    firn_session *const sessions[3] = {support_session(all.model, 0, 0), support_session(all.model, 0, 0),
                                       support_session(weaker, 0, 0)};
    support_append(sessions[0], all.prompt, PROMPT);
    for (size_t row = 1; row < 3; row++) {
        size_t n;
        const int32_t *const prompt = firn_generation_prompt_of(alone, row, &n);
        cr_assert_eq(n, row == 1 ? NEGATIVE : PROMPT);
        cr_assert_eq(firn_generation_model_of(alone, row), row == 1 ? all.model : weaker);
        support_append(sessions[row], prompt, n);
    }
    for (bool begun = false; firn_generation_end(alone) == FIRN_END_NOT_YET; begun = true) {
        const float *logits[3];
        for (size_t row = 0; row < 3; row++) {
            const firn_generation_step step = firn_generation_next_of(alone, row);
            if (begun) {
                firn_session_rewind(sessions[row], step.n_keep);
                support_append(sessions[row], &step.id, 1);
            }
            logits[row] = firn_session_logits(sessions[row]);
        }
        cr_assert_eq(firn_generation_take_rows(alone, logits, NULL), FIRN_OK);
    }
    expect_same(batched, alone);
    for (size_t row = 0; row < 3; row++)
        firn_session_release(sessions[row]);
    firn_generation_release(batched);
    firn_generation_release(alone);
    firn_model_release(weaker);
}

/* To go away from oneself leads nowhere. */
Test(generation, guidance_away_from_the_same_changes_nothing)
{
    firn_generation_options options = guided_options(all.model);
    firn_generation_parameters p = parameters_of(40);
    firn_generation *const plain = create(&p, NULL);
    p.guidance = 3;
    p.contrast = 2;
    p.contrast_alpha = 0;
    options.negative = all.prompt;
    options.n_negative = PROMPT;
    firn_generation *const guided = create(&p, &options);
    run(plain);
    run(guided);
    expect_same(plain, guided);
    options.negative++;
    options.n_negative--;
    firn_generation *const other = create(&p, &options);
    run(other);
    size_t n;
    const int32_t *const ids = firn_generation_ids(plain, &n), *const others = firn_generation_ids(other, &n);
    cr_expect_neq(memcmp(ids, others, n * sizeof *ids), 0);
    firn_generation_release(plain);
    firn_generation_release(guided);
    firn_generation_release(other);
}

/* The largest of guided log-probability + noise, by the papers' formula and in double precision. */
static int32_t guided_winner(const double *model, const double *negative, double guidance, uint64_t sequence)
{
    const eng_noise noise = eng_noise_at(7, sequence, PROMPT);
    double best = -INFINITY;
    int32_t winner = -1;
    for (uint32_t i = 0; i < all.n_vocab; i++) {
        const double score = negative[i] + guidance * (model[i] - negative[i]) + eng_gumbel(&noise, (int32_t)i);
        winner = score > best ? (int32_t)i : winner;
        best = score > best ? score : best;
    }
    return winner;
}

/* The noise stays as it is under any scale: a little more changes a token only where another one wins. */
Test(generation, coupled_over_guidance)
{
    enum { PICKS = 500 };
    static const double scales[2] = {1.5, 1.55};
    firn_generation_parameters p = parameters_of(1);
    firn_generation_options options = guided_options(NULL);
    float *const rows = malloc(2 * all.n_vocab * sizeof *rows);
    double *const logs = malloc(2 * all.n_vocab * sizeof *logs);
    predict_rows(2, rows, logs);
    p.temperature = 1;
    p.top_k = 0;
    p.top_p = 1;
    p.min_p = 0;
    int changed = 0;
    for (uint64_t sequence = 0; sequence < PICKS; sequence++) {
        int32_t picked[2];
        size_t n;
        options.sequence = sequence;
        for (int i = 0; i < 2; i++) {
            p.guidance = scales[i];
            firn_generation *const g = create(&p, &options);
            cr_assert_eq(firn_generation_take_rows(g, (const float *const[]){rows, rows + all.n_vocab}, NULL), FIRN_OK);
            picked[i] = firn_generation_ids(g, &n)[0];
            cr_assert_eq(picked[i], guided_winner(logs, logs + all.n_vocab, scales[i], sequence));
            firn_generation_release(g);
        }
        changed += picked[0] != picked[1];
    }
    cr_assert(changed > 0 && changed < PICKS / 5, "%d picks changed", changed);
    free(rows);
    free(logs);
}

/* ---- explanations ---- */

typedef struct seen_edits {
    const char *first, *second;     /* the stages before the sampler's */
    firn_constraint_state *allowed; /* follows the text */
    size_t n_tokens, n_dropped[2];
} seen_edits;

/* All tokens are told of: those that a stage dropped are those that it must. */
static firn_status see_edits(void *argument, size_t number, const firn_explanation *e, firn_error *error)
{
    seen_edits *const seen = argument;
    uint64_t *const bits = calloc(all.n_vocab / 64 + 1, sizeof *bits);
    double sum[3] = {0};
    size_t n_allowed = 0;
    (void)error;
    cr_assert_eq(number, ++seen->n_tokens);
    cr_assert_str_eq(e->stages[0], seen->first);
    cr_assert_str_eq(e->stages[1], seen->second);
    cr_assert_str_eq(e->stages[2], "logit_bias");
    cr_assert(e->n_tokens == all.n_vocab && e->n_left[0] == all.n_vocab);
    cr_assert_eq(firn_constraint_mask(seen->allowed, bits, NULL), FIRN_OK);
    for (size_t t = 0; t < e->n_tokens; t++) {
        const firn_explained_token *const token = &e->tokens[t];
        const bool allowed = (bits[token->id / 64] >> token->id % 64 & 1) != 0;
        cr_assert(allowed ? token->dropped_by != 1 : token->dropped_by == 0 || token->dropped_by == 1, "%d", token->id);
        cr_assert(token->id != e->winner || token->dropped_by < 0);
        n_allowed += allowed && token->dropped_by != 0;
        for (int32_t column = 0; column < 3; column++)
            sum[column] += token->probability[column];
        if (token->dropped_by == 0 || token->dropped_by == 1)
            seen->n_dropped[token->dropped_by]++;
    }
    cr_assert_eq(e->n_left[2], n_allowed);
    for (int column = 0; column < 3; column++)
        cr_assert_float_eq(sum[column], 1, 1e-5, "column %d: %g", column, sum[column]);
    cr_assert_eq(firn_constraint_accept(seen->allowed, e->winner, NULL), FIRN_OK);
    free(bits);
    return FIRN_OK;
}

static seen_edits explain_edits(const firn_generation_parameters *p, firn_generation_options options, const char *first)
{
    firn_vocabulary *vocabulary;
    seen_edits seen = {.first = first, .second = "constraint"};
    options.constraint = support_compile(FIRN_CONSTRAINT_REGEX, "[a-d]{6}");
    options.explain = see_edits;
    options.explain_argument = &seen;
    options.n_explained = all.n_vocab;
    cr_assert_eq(firn_model_vocabulary(all.model, &vocabulary, NULL), FIRN_OK);
    cr_assert_eq(firn_constraint_state_create(options.constraint, vocabulary, &seen.allowed, NULL), FIRN_OK);
    firn_generation *const explained = create(p, &options);
    options.explain = NULL;
    firn_generation *const plain = create(p, &options);
    run(explained);
    run(plain);
    expect_same(explained, plain);
    cr_expect(seen.n_tokens > 0 && seen.n_dropped[1] > 0);
    firn_constraint_state_release(seen.allowed);
    firn_constraint_release(options.constraint);
    firn_generation_release(explained);
    firn_generation_release(plain);
    return seen;
}

Test(generation, explanations_tell_what_guidance_and_a_constraint_did)
{
    firn_generation_parameters p = parameters_of(-1);
    firn_generation_options options = guided_options(NULL);
    p.guidance = 1.5;
    cr_expect_eq(explain_edits(&p, options, "guidance").n_dropped[0], 0);
    options.weaker = support_model(all.context, all.path);
    p.contrast = 0.5;
    p.contrast_alpha = 1e-4;
    explain_edits(&p, options, "guidance+contrast");
    p.guidance = 1;
    options.n_negative = 0;
    explain_edits(&p, options, "contrast");
    firn_model_release(options.weaker);
}

/* Where contrast leaves only what may not come, something else does. */
Test(generation, contrast_and_bans_leave_a_token)
{
    firn_generation_parameters p = parameters_of(1);
    firn_generation_options options = firn_generation_options_default();
    char bias[80];
    size_t n;
    options.weaker = all.model;
    p.contrast = 1;
    p.contrast_alpha = 1;
    firn_generation *const plain = create(&p, &options);
    run(plain);
    const int32_t id = firn_generation_ids(plain, &n)[0];
    snprintf(bias, sizeof bias, "[[%d,false]]", id);
    cr_assert_eq(firn_parameter_set(&p, "logit_bias", bias, NULL), FIRN_OK);
    firn_generation *const banned = create(&p, &options);
    run(banned);
    cr_expect_neq(firn_generation_ids(banned, &n)[0], id);
    cr_expect_eq(n, 1);
    firn_generation_release(plain);
    firn_generation_release(banned);
}

static void expect_refused(const firn_generation_parameters *p, const firn_generation_options *options,
                           const char *part)
{
    firn_error error = {0};
    firn_generation *g;
    cr_expect_eq(firn_generation_create(all.model, p, options, all.prompt, PROMPT, &g, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_null(g);
    cr_expect_not_null(strstr(error.message, part), "%s", error.message);
}

Test(generation, rows_that_do_not_go_together_are_refused)
{
    const tiny_options tiny = tiny_small("gemma3");
    firn_model *const other = support_tiny_model(all.context, &tiny);
    firn_generation_options options = guided_options(NULL);
    firn_generation_parameters p = parameters_of(1);
    expect_refused(&p, &options, "--guidance");
    options.n_negative = 0;
    p.contrast = 1;
    expect_refused(&p, &options, "--weaker-model");
    options.weaker = other;
    expect_refused(&p, &options, "the same vocabulary");
    p.contrast = 0;
    expect_refused(&p, &options, "--contrast");
    options.weaker = NULL;
    p.guidance = 2;
    firn_generation *const g = create(&p, &options);
    cr_expect_eq(firn_generation_take(g, NULL, NULL), FIRN_ERROR_UNSUPPORTED);
    firn_generation_release(g);
    firn_model_release(other);
}
