/* SPDX-License-Identifier: Apache-2.0 */
/* Beam search finds what trying everything finds; the best of several is the best of those that are made one by one. */
#include "engine/guidance.h"
#include "tests/support/constraints.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPT = 12, MOST_TOKENS = 8 };

static struct {
    char *path;
    firn_context *context;
    firn_model *model, *weaker;
    firn_session *session; /* has the prompt */
    uint32_t n_vocab;
    int32_t prompt[PROMPT];
} all;

static void set_up(void)
{
    const tiny_options options = tiny_small("llama");
    all.path = tiny_write(&options);
    all.context = support_context(2, NULL);
    all.model = support_model(all.context, all.path);
    tiny_options other = options;
    other.seed++;
    all.weaker = support_tiny_model(all.context, &other);
    all.n_vocab = firn_model_describe(all.model).n_vocab;
    support_ids(11, all.n_vocab, all.prompt, PROMPT);
    all.session = support_session(all.model, 0, 0);
    support_append(all.session, all.prompt, PROMPT);
}

static void tear_down(void)
{
    firn_session_release(all.session);
    firn_model_release(all.model);
    firn_model_release(all.weaker);
    firn_context_release(all.context);
    support_remove(all.path);
}

TestSuite(search, .init = set_up, .fini = tear_down);

static bool always(void *argument)
{
    (void)argument;
    return true;
}

static firn_generation *find(const firn_generation_parameters *p, const firn_generation_options *options)
{
    firn_generation *g;
    firn_error error = {0};
    cr_assert_eq(
        firn_generation_search(all.model, p, options, all.prompt, PROMPT, all.session, always, NULL, &g, &error),
        FIRN_OK, "%s", error.message);
    cr_expect_eq(firn_session_length(all.session), PROMPT);
    return g;
}

/* ---- what there is to go away from ---- */

enum { NEGATIVE = 5, WAYS = 4 };

/* Parameters and options of one of several ways to join predictions; the first is none. */
static void set_way(int way, firn_generation_parameters *p, firn_generation_options *options)
{
    if (way == 1 || way == 3) {
        p->guidance = 1.8;
        options->negative = all.prompt + 2;
        options->n_negative = NEGATIVE;
    }
    if (way >= 2) {
        p->contrast = 0.6;
        p->contrast_alpha = 0;
        options->weaker = all.weaker;
    }
}

/* Logits after a prompt and more. */
static void logits_after(firn_model *model, const int32_t *prompt, size_t n_prompt, const int32_t *ids, size_t n,
                         float *logits)
{
    firn_session *const session = support_session(model, 0, 0);
    support_append(session, prompt, n_prompt);
    if (n > 0)
        support_append(session, ids, n);
    memcpy(logits, firn_session_logits(session), all.n_vocab * sizeof *logits);
    firn_session_release(session);
}

/* What the rows of a way say together. */
static float *joined_logits(int way, const int32_t *ids, size_t n)
{
    firn_generation_parameters p = firn_generation_parameters_default();
    firn_generation_options options = firn_generation_options_default();
    float *const logits = malloc(4 * all.n_vocab * sizeof *logits);
    float *const negative = logits + all.n_vocab, *const weaker = negative + all.n_vocab,
                 *const out = weaker + all.n_vocab;
    set_way(way, &p, &options);
    logits_after(all.model, all.prompt, PROMPT, ids, n, logits);
    logits_after(all.model, all.prompt + 2, NEGATIVE, ids, n, negative);
    logits_after(all.weaker, all.prompt, PROMPT, ids, n, weaker);
    const kern_table kernels = kern_table_for(KERN_LEVEL_SCALAR);
    const eng_predictions predictions = {
        logits, p.guidance != 1 ? negative : NULL, p.contrast > 0 ? weaker : NULL, NULL, all.n_vocab, &kernels};
    eng_guide(&predictions, &p, 0, out);
    memcpy(logits, out, all.n_vocab * sizeof *logits);
    return logits;
}

/* ---- trying everything ---- */

typedef struct path {
    int32_t ids[MOST_TOKENS];
    size_t n;
    double worth;
} path;

/* log p of what the mask allows, among what it allows. */
static double logprob_among(const float *logits, const uint64_t *bits, int32_t id)
{
    double sum = 0;
    for (uint32_t i = 0; i < all.n_vocab; i++)
        if ((bits[i / 64] >> i % 64 & 1) != 0)
            sum += exp((double)logits[i] - (double)logits[id]);
    return -log(sum);
}

/* Follows every way that the constraint allows from `now` on, and keeps the best end. */
static void try_all(int way, firn_constraint_state *state, path now, double logprob, double length_penalty, path *best)
{
    uint64_t *const bits = calloc(all.n_vocab / 64 + 1, sizeof *bits);
    float *const logits = joined_logits(way, now.ids, now.n);
    cr_assert_eq(firn_constraint_mask(state, bits, NULL), FIRN_OK);
    cr_assert(now.n < MOST_TOKENS);
    for (int32_t id = 0; id < (int32_t)all.n_vocab; id++) {
        if ((bits[id / 64] >> id % 64 & 1) == 0)
            continue;
        const double sum = logprob + logprob_among(logits, bits, id);
        path next = now;
        next.ids[next.n++] = id;
        next.worth = sum / pow((double)next.n, length_penalty);
        cr_assert_eq(firn_constraint_accept(state, id, NULL), FIRN_OK);
        if (!firn_token_ends_text(all.model, id) && !firn_constraint_must_end(state))
            try_all(way, state, next, sum, length_penalty, best);
        else if (best->n == 0 || next.worth > best->worth)
            *best = next;
        firn_constraint_rewind(state, now.n);
    }
    free(logits);
    free(bits);
}

static void expect_best(int way, firn_constraint *constraint, double length_penalty)
{
    firn_vocabulary *vocabulary;
    firn_constraint_state *state;
    path best = {.n = 0};
    cr_assert_eq(firn_model_vocabulary(all.model, &vocabulary, NULL), FIRN_OK);
    cr_assert_eq(firn_constraint_state_create(constraint, vocabulary, &state, NULL), FIRN_OK);
    try_all(way, state, (path){.n = 0}, 0, length_penalty, &best);
    firn_generation_parameters p = firn_generation_parameters_default();
    p.seed = 1;
    p.n_beams = 100; /* none of the texts is left out */
    p.length_penalty = length_penalty;
    firn_generation_options options = firn_generation_options_default();
    options.constraint = constraint;
    set_way(way, &p, &options);
    firn_generation *const g = find(&p, &options);
    size_t n;
    const int32_t *const ids = firn_generation_ids(g, &n);
    cr_assert_eq(n, best.n, "%zu and %zu tokens", n, best.n);
    cr_expect_arr_eq(ids, best.ids, n * sizeof *ids);
    firn_generation_release(g);
    firn_constraint_state_release(state);
}

Test(search, beams_find_what_trying_everything_finds)
{
    static const char *const patterns[] = {"[ab]{3}", "(a|bc|[xyz]q){1,2}", "[0-9]{1,2}"};
    for (size_t i = 0; i < 3; i++) {
        firn_constraint *const constraint = support_compile(FIRN_CONSTRAINT_REGEX, patterns[i]);
        expect_best(0, constraint, 0);
        expect_best(0, constraint, 1);
        expect_best(0, constraint, 3);
        for (int way = 1; way < WAYS; way++)
            expect_best(way, constraint, 1);
        firn_constraint_release(constraint);
    }
}

/* ---- beams ---- */

static double sum_of(const int32_t *ids, size_t n)
{
    double sum = 0;
    firn_session *const session = support_session(all.model, 0, 0);
    support_append(session, all.prompt, PROMPT);
    for (size_t i = 0; i < n; i++) {
        sum += (double)firn_logprobs(all.model, firn_session_logits(session), ids[i], 0, NULL, NULL);
        support_append(session, &ids[i], 1);
    }
    firn_session_release(session);
    return sum;
}

/* Nothing is drawn, more beams find a likelier text of the same length here, and strings that may not appear don't. */
Test(search, beams_are_deterministic)
{
    size_t n, n_again, length;
    double sums[2];
    firn_generation_parameters p = firn_generation_parameters_default();
    p.n_predict = 12;
    p.ignore_eos = true;
    for (int i = 0; i < 2; i++) {
        p.n_beams = i == 0 ? 2 : 40; /* more than the logits that a step keeps */
        p.seed = 1;
        firn_generation *const g = find(&p, NULL);
        p.seed = 2;
        firn_generation *const again = find(&p, NULL);
        const int32_t *const ids = firn_generation_ids(g, &n), *const ids_again = firn_generation_ids(again, &n_again);
        cr_assert_eq(n, 12);
        cr_assert_eq(n_again, 12);
        cr_expect_arr_eq(ids, ids_again, n * sizeof *ids);
        cr_expect_eq(firn_generation_end(g), FIRN_END_LENGTH);
        sums[i] = sum_of(ids, n);
        firn_generation_release(g);
        firn_generation_release(again);
    }
    cr_expect_geq(sums[1], sums[0]);
    cr_assert_eq(firn_parameter_set_json(&p, "banned_strings", "[\"a\",\"e\"]", 9, NULL), FIRN_OK);
    firn_generation *const without = find(&p, NULL);
    const char *const text = firn_generation_text(without, &length, NULL);
    for (size_t i = 0; i < length; i++)
        cr_expect(text[i] != 'a' && text[i] != 'e');
    firn_generation_release(without);
}

/* The best of several that are made one by one. */
static void expect_best_of(int way)
{
    enum { SEVERAL = 5 };
    size_t n, n_best = 0;
    int32_t best[MOST_TOKENS * 4];
    double best_worth = -INFINITY;
    firn_generation_parameters p = firn_generation_parameters_default();
    firn_generation_options options = firn_generation_options_default();
    p.n_predict = 20;
    p.seed = 3;
    p.temperature = 2;
    set_way(way, &p, &options);
    for (uint64_t i = 0; i < SEVERAL; i++) {
        firn_generation *g;
        options.sequence = i;
        cr_assert_eq(firn_generation_create(all.model, &p, &options, all.prompt, PROMPT, &g, NULL), FIRN_OK);
        firn_session *const session = support_session(all.model, 0, 0);
        support_append(session, all.prompt, PROMPT);
        while (firn_generation_end(g) == FIRN_END_NOT_YET)
            cr_assert_eq(firn_generation_advance(g, session, NULL), FIRN_OK);
        const int32_t *const ids = firn_generation_ids(g, &n);
        const double worth = sum_of(ids, n) / (double)n;
        if (worth > best_worth) {
            best_worth = worth;
            n_best = n;
            memcpy(best, ids, n * sizeof *ids);
        }
        firn_session_release(session);
        firn_generation_release(g);
    }
    p.best_of = SEVERAL;
    options.sequence = 0;
    firn_generation *const g = find(&p, &options);
    const int32_t *const ids = firn_generation_ids(g, &n);
    cr_assert_eq(n, n_best);
    cr_expect_arr_eq(ids, best, n * sizeof *ids, "way %d", way);
    firn_generation_release(g);
}

Test(search, best_of_is_the_best_of_those_made_alone)
{
    for (int way = 0; way < WAYS; way++)
        expect_best_of(way);
}

/* ---- what is told of the best ---- */

typedef struct told {
    int32_t ids[MOST_TOKENS * 4];
    size_t n;
    bool beams;
} told;

static firn_status take_explanation(void *argument, size_t number, const firn_explanation *e, firn_error *error)
{
    told *const t = argument;
    double best = -INFINITY;
    int32_t likeliest = -1;
    (void)error;
    t->ids[number - 1] = e->winner;
    t->n = number;
    for (size_t i = 0; i < e->n_tokens; i++) {
        const double share = e->tokens[i].probability[e->n_stages];
        cr_expect((e->tokens[i].noise == 0) == t->beams);
        if (e->tokens[i].dropped_by < 0 && log(share) + e->tokens[i].noise > best) {
            best = log(share) + e->tokens[i].noise;
            likeliest = e->tokens[i].id;
        }
    }
    cr_expect(t->beams || likeliest == e->winner);
    return FIRN_OK;
}

/* Log-probabilities are those of the text under the model, explanations those of its tokens, and nothing changes it. */
static void expect_told(int way, bool beams)
{
    enum { TOP = 3 };
    told seen = {.beams = beams};
    size_t n, n_plain;
    const int32_t *top_ids;
    const float *top_logprobs;
    firn_generation_parameters p = firn_generation_parameters_default();
    firn_generation_options options = firn_generation_options_default();
    p.n_predict = 10;
    p.seed = 5;
    p.temperature = 1.5;
    if (beams)
        p.n_beams = 4;
    else
        p.best_of = 4;
    cr_assert_eq(firn_parameter_set_json(&p, "banned_strings", "[\"a\",\"e\"]", 9, NULL), FIRN_OK);
    set_way(way, &p, &options);
    firn_generation *const plain = find(&p, &options);
    options.n_logprobs = TOP;
    options.entropies = true;
    options.explain = take_explanation;
    options.explain_argument = &seen;
    options.n_explained = 6;
    firn_generation *const g = find(&p, &options);
    const int32_t *const ids = firn_generation_ids(g, &n), *const plain_ids = firn_generation_ids(plain, &n_plain);
    cr_assert_eq(n, n_plain);
    cr_assert_eq(n, seen.n);
    cr_expect_arr_eq(ids, plain_ids, n * sizeof *ids);
    cr_expect_arr_eq(ids, seen.ids, n * sizeof *ids);
    cr_expect_eq(firn_generation_end(g), firn_generation_end(plain));
    cr_expect_null(firn_generation_logprobs(plain, NULL, NULL));
    const float *const logprobs = firn_generation_logprobs(g, &top_ids, &top_logprobs);
    for (size_t i = 0; i < n; i++) {
        float *const logits = joined_logits(0, ids, i), top[TOP];
        int32_t tops[TOP];
        cr_expect_eq(logprobs[i], firn_logprobs(all.model, logits, ids[i], TOP, tops, top));
        cr_expect_arr_eq(top_ids + i * TOP, tops, sizeof tops);
        cr_expect_arr_eq(top_logprobs + i * TOP, top, sizeof top);
        cr_expect(firn_generation_shaped_logprobs(g)[i] <= 0 && firn_generation_entropies(g)[i] > 0);
        free(logits);
    }
    firn_generation_release(plain);
    firn_generation_release(g);
}

Test(search, the_best_text_is_told_of)
{
    for (int way = 0; way < WAYS; way++) {
        expect_told(way, true);
        expect_told(way, false);
    }
}

/* A search that is stopped gives the best so far, and tells of that. */
static bool twice(void *argument)
{
    int *const times = argument;
    return ++*times < 3;
}

Test(search, a_search_that_is_stopped_gives_what_there_is)
{
    for (int beams = 0; beams < 2; beams++) {
        told seen = {.beams = beams == 1};
        firn_generation *g;
        int times = 0;
        size_t n;
        firn_generation_parameters p = firn_generation_parameters_default();
        firn_generation_options options = firn_generation_options_default();
        p.seed = 5;
        p.ignore_eos = true;
        p.n_beams = beams == 1 ? 3 : 1;
        p.best_of = beams == 1 ? 1 : 3;
        options.explain = take_explanation;
        options.explain_argument = &seen;
        options.n_explained = 2;
        cr_assert_eq(
            firn_generation_search(all.model, &p, &options, all.prompt, PROMPT, all.session, twice, &times, &g, NULL),
            FIRN_OK);
        const int32_t *const ids = firn_generation_ids(g, &n);
        cr_assert_eq(n, 3);
        cr_assert_eq(seen.n, 3);
        cr_expect_arr_eq(ids, seen.ids, n * sizeof *ids);
        cr_expect_eq(firn_generation_end(g), FIRN_END_NOT_YET);
        firn_generation_release(g);
    }
}

Test(search, what_does_not_go_together_is_refused)
{
    firn_generation *g;
    firn_generation_parameters p = firn_generation_parameters_default();
    firn_generation_options options = firn_generation_options_default();
    p.n_beams = 2;
    cr_expect_eq(firn_generation_create(all.model, &p, NULL, all.prompt, PROMPT, &g, NULL), FIRN_ERROR_UNSUPPORTED);
    options.weaker = all.weaker; /* and no contrast */
    cr_expect_eq(
        firn_generation_search(all.model, &p, &options, all.prompt, PROMPT, all.session, always, NULL, &g, NULL),
        FIRN_ERROR_ARGUMENT);
    cr_expect_null(g);
    static const char *const drawn[] = {"mirostat", "xtc_probability", "adaptive_target"};
    for (size_t i = 0; i < 3; i++) {
        firn_error error = {0};
        firn_generation_parameters other = p;
        cr_assert_eq(firn_parameter_set(&other, drawn[i], "1", NULL), FIRN_OK);
        cr_expect_eq(firn_generation_parameters_check(&other, &error), FIRN_ERROR_ARGUMENT);
        cr_expect(strstr(error.message, drawn[i]) != NULL && strstr(error.message, "n_beams") != NULL, "%s",
                  error.message);
    }
    p.best_of = 2;
    cr_expect_eq(firn_generation_parameters_check(&p, NULL), FIRN_ERROR_ARGUMENT);
    p.n_beams = 1;
    cr_expect_eq(firn_generation_parameters_check(&p, NULL), FIRN_OK);
    /* no text can go on */
    p = firn_generation_parameters_default();
    p.seed = 1;
    p.n_beams = 3;
    options = firn_generation_options_default();
    options.constraint = support_compile(FIRN_CONSTRAINT_CHOICES, "abc");
    cr_assert_eq(firn_parameter_set(&p, "banned_strings", "[\"b\"]", NULL), FIRN_OK);
    cr_expect_eq(
        firn_generation_search(all.model, &p, &options, all.prompt, PROMPT, all.session, always, NULL, &g, NULL),
        FIRN_ERROR_NUMERIC);
    cr_expect_null(g);
    firn_constraint_release(options.constraint);
}
