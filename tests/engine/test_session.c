/* SPDX-License-Identifier: Apache-2.0 */
/* What firn.h says of contexts, models and sessions: lifetimes, errors and what they name, timelines that failures
 * leave as they were. */
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 40 };

typedef struct opened {
    firn_context *context;
    firn_model *model;
    firn_session *session;
    uint32_t n_vocab;
} opened;

static opened open_tiny(const char *architecture, uint32_t n_batch)
{
    const tiny_options options = tiny_quantised(architecture, 1);
    opened o = {.context = support_context(2, NULL)};
    o.model = support_tiny_model(o.context, &options);
    o.session = support_session(o.model, ROOM, n_batch);
    o.n_vocab = firn_model_describe(o.model).n_vocab;
    return o;
}

static void close_tiny(const opened *o)
{
    firn_session_release(o->session);
    firn_model_release(o->model);
    firn_context_release(o->context);
}

/* The logits after these ids in a session of their own. The caller frees them. */
static float *logits_after(const opened *o, const int32_t *ids, size_t n_ids)
{
    firn_session *const session = support_session(o->model, ROOM, 0);
    float *const logits = malloc(o->n_vocab * sizeof *logits);
    cr_assert_not_null(logits);
    support_append(session, ids, n_ids);
    memcpy(logits, firn_session_logits(session), o->n_vocab * sizeof *logits);
    firn_session_release(session);
    return logits;
}

/* What follows is as if what failed had never been. */
static void check_goes_on(const opened *o, const int32_t *ids, size_t length)
{
    float *const expected = logits_after(o, ids, length + 1);
    cr_assert_eq(firn_session_length(o->session), length);
    cr_assert_null(firn_session_logits(o->session));
    support_append(o->session, ids + length, 1);
    cr_assert_arr_eq(firn_session_logits(o->session), expected, o->n_vocab * sizeof *expected);
    free(expected);
}

/* ---- errors ---- */

Test(session, too_long_a_prompt_names_both_numbers)
{
    const opened o = open_tiny("llama", 0);
    int32_t ids[ROOM + 20];
    firn_error error = {0};
    support_ids(1, o.n_vocab, ids, ROOM + 20);
    support_append(o.session, ids, 7);
    cr_assert_eq(firn_session_append(o.session, ids, 53, FIRN_LOGITS_LAST, NULL, NULL, &error), FIRN_ERROR_LIMIT);
    cr_expect_not_null(strstr(error.message, "53"), "%s", error.message);
    cr_expect_not_null(strstr(error.message, "40"), "%s", error.message);
    cr_expect_eq(firn_session_length(o.session), 7u);
    cr_expect_not_null(firn_session_logits(o.session), "nothing was computed: the logits are still those of token 7");
    close_tiny(&o);
}

Test(session, a_full_context_takes_no_more)
{
    const opened o = open_tiny("qwen2", 16);
    int32_t ids[ROOM];
    firn_error error = {0};
    support_ids(1, o.n_vocab, ids, ROOM);
    support_append(o.session, ids, ROOM);
    cr_expect_eq(firn_session_context(o.session), (uint32_t)ROOM);
    cr_assert_eq(firn_session_append(o.session, ids, 1, FIRN_LOGITS_LAST, NULL, NULL, &error), FIRN_ERROR_LIMIT);
    cr_expect_eq(firn_session_length(o.session), (size_t)ROOM);
    firn_session_rewind(o.session, ROOM - 1);
    check_goes_on(&o, ids, ROOM - 1);
    close_tiny(&o);
}

Test(session, bad_ids_are_named)
{
    const opened o = open_tiny("llama", 2);
    const int32_t bad[] = {-1, INT32_MIN, (int32_t)o.n_vocab, INT32_MAX};
    for (int i = 0; i < 4; i++) {
        const int32_t ids[] = {3, 4, 5, bad[i]};
        char number[16];
        firn_error error = {0};
        snprintf(number, sizeof number, "%d", bad[i]);
        cr_assert_eq(firn_session_append(o.session, ids, 4, FIRN_LOGITS_LAST, NULL, NULL, &error), FIRN_ERROR_ARGUMENT);
        cr_expect_not_null(strstr(error.message, number), "%s", error.message);
        cr_expect_not_null(strstr(error.message, "token 3"), "%s", error.message);
        cr_expect_eq(firn_session_length(o.session), 0u);
    }
    close_tiny(&o);
}

typedef struct counter {
    size_t seen, most;
} counter;

static bool cancel_after(void *argument, size_t index, const float *logits)
{
    counter *const c = argument;
    (void)logits;
    cr_assert_eq(index, c->seen);
    return ++c->seen < c->most;
}

Test(session, cancelling_leaves_the_timeline)
{
    int32_t ids[ROOM];
    for (size_t most = 1; most <= 20; most += 3) {
        const opened o = open_tiny("gemma3", 6);
        counter c = {0, most};
        support_ids(2, o.n_vocab, ids, ROOM);
        support_append(o.session, ids, 5);
        cr_assert_eq(firn_session_append(o.session, ids + 5, 20, FIRN_LOGITS_ALL, cancel_after, &c, NULL),
                     FIRN_ERROR_CANCELLED);
        cr_assert_eq(c.seen, most);
        check_goes_on(&o, ids, 5);
        close_tiny(&o);
    }
}

/* ---- timelines ---- */

Test(session, has_no_logits_without_a_last_token)
{
    const opened o = open_tiny("llama", 0);
    const int32_t ids[] = {1, 2, 3};
    cr_expect_null(firn_session_logits(o.session));
    cr_expect_eq(firn_session_length(o.session), 0u);
    support_append(o.session, ids, 0);
    cr_expect_null(firn_session_logits(o.session));
    support_append(o.session, ids, 3);
    cr_expect_not_null(firn_session_logits(o.session));
    firn_session_rewind(o.session, 3); /* nothing to cut */
    cr_expect_not_null(firn_session_logits(o.session));
    firn_session_rewind(o.session, 2);
    cr_expect_null(firn_session_logits(o.session));
    cr_expect_eq(firn_session_length(o.session), 2u);
    firn_session_rewind(o.session, 10);
    cr_expect_eq(firn_session_length(o.session), 2u);
    close_tiny(&o);
}

/* FIRN_LOGITS_NONE fills the cache and asks for no logits; what follows is the same. */
Test(session, logits_can_be_left_out)
{
    const opened o = open_tiny("gemma3", 4);
    int32_t ids[ROOM];
    counter c = {0, SIZE_MAX};
    support_ids(3, o.n_vocab, ids, ROOM);
    cr_assert_eq(firn_session_append(o.session, ids, 11, FIRN_LOGITS_NONE, cancel_after, &c, NULL), FIRN_OK);
    cr_expect_eq(c.seen, 0u);
    check_goes_on(&o, ids, 11);
    close_tiny(&o);
}

Test(session, options)
{
    const opened o = open_tiny("llama", 0);
    firn_session *const whole = support_session(o.model, 0, 0);
    cr_expect_eq(firn_session_context(whole), firn_model_describe(o.model).n_ctx_train);
    firn_session_release(whole);
    firn_session_options options = firn_session_options_default();
    cr_expect_eq(options.size, sizeof options);
    options.n_ctx = UINT32_MAX;
    firn_session *session = o.session;
    firn_error error = {0};
    cr_expect_eq(firn_session_create(o.model, &options, &session, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_null(session);
    cr_expect_not_null(strstr(error.message, "4294967295"), "%s", error.message);
    cr_expect_eq(firn_session_create(o.model, NULL, &session, NULL), FIRN_OK);
    firn_session_release(session);
    close_tiny(&o);
}

/* ---- several in one process ---- */

/* Two models of one context and one of another, two sessions each, step by step in turn: as if each were alone. */
Test(session, sessions_and_models_do_not_see_each_other)
{
    const opened o[] = {open_tiny("llama", 0), open_tiny("gemma3", 5), open_tiny("qwen2", 1)};
    firn_session *sessions[6];
    float *expected[6];
    int32_t ids[6][ROOM];
    for (int i = 0; i < 6; i++) {
        support_ids((uint64_t)i + 20, o[i % 3].n_vocab, ids[i], ROOM);
        expected[i] = logits_after(&o[i % 3], ids[i], 24);
        sessions[i] = support_session(o[i % 3].model, ROOM, 0);
    }
    for (int step = 0; step < 8; step++)
        for (int i = 0; i < 6; i++)
            support_append(sessions[i], ids[i] + 3 * step, 3);
    for (int i = 0; i < 6; i++) {
        cr_expect_arr_eq(firn_session_logits(sessions[i]), expected[i], o[i % 3].n_vocab * sizeof(float), "%d", i);
        firn_session_release(sessions[i]);
        free(expected[i]);
    }
    for (int i = 0; i < 3; i++)
        close_tiny(&o[i]);
}

/* A session keeps its model, and a model its context. */
Test(session, released_in_any_order)
{
    static const char orders[6][4] = {"cms", "csm", "mcs", "msc", "scm", "smc"};
    const int32_t ids[] = {4, 5, 6};
    for (int i = 0; i < 6; i++) {
        const opened o = open_tiny("llama", 0);
        for (int step = 0; step < 3; step++) {
            if (strchr(orders[i], 's') >= orders[i] + step)
                support_append(o.session, ids + step, 1);
            if (orders[i][step] == 'c')
                firn_context_release(o.context);
            else if (orders[i][step] == 'm')
                firn_model_release(o.model);
            else
                firn_session_release(o.session);
        }
    }
    firn_context_release(NULL);
    firn_model_release(NULL);
    firn_session_release(NULL);
}

/* ---- damaged and unsupported checkpoints ---- */

/* A tiny checkpoint with the first bytes of a tensor changed. */
static char *write_damaged(const char *tensor, const void *bytes, size_t count)
{
    tiny_options options = tiny_small("llama");
    options.type = options.embedding_type = KERN_Q8_0;
    gguf_builder *const builder = tiny_build(&options);
    gguf_tensor *const found = gguf_find_tensor(builder, tensor);
    cr_assert_not_null(found);
    memcpy(found->data.data, bytes, count);
    char *const path = gguf_write(builder);
    gguf_destroy(builder);
    return path;
}

/* Where tensors aren't checked at opening, the first step says it. */
Test(session, weights_that_are_not_numbers_fail_the_step)
{
    static const struct {
        const char *tensor;
        uint16_t scale; /* F16 */
    } cases[] = {
        {"blk.0.attn_q.weight", 0x7e00}, {"blk.1.ffn_down.weight", 0x7e00}, {"output.weight", 0xfe00},
        {"blk.1.attn_v.weight", 0x7c00}, {"token_embd.weight", 0x7e00},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *const path = write_damaged(cases[i].tensor, &cases[i].scale, 2);
        const int32_t ids[] = {0, 1, 2, 0, 1, 0};
        for (size_t n_ids = 1; n_ids <= 6; n_ids += 5) {
            opened o = {.context = support_context(2, NULL)};
            firn_error error = {0};
            o.model = support_model(o.context, path);
            o.session = support_session(o.model, ROOM, 0);
            cr_expect_eq(firn_session_append(o.session, ids, n_ids, FIRN_LOGITS_LAST, NULL, NULL, &error),
                         FIRN_ERROR_NUMERIC, "%s", cases[i].tensor);
            cr_expect_neq(error.message[0], '\0');
            cr_expect_eq(firn_session_length(o.session), 0u);
            cr_expect_null(firn_session_logits(o.session));
            close_tiny(&o);
        }
        support_remove(path);
    }
}

Test(session, checked_tensors_are_refused_at_opening)
{
    char *const path = write_damaged("blk.1.ffn_up.weight", &(uint16_t){0x7e00}, 2);
    firn_context *const context = support_context(1, NULL);
    firn_model_options options = firn_model_options_default();
    firn_model *model;
    firn_error error = {0};
    options.check_tensors = true;
    cr_expect_neq(firn_model_open(context, path, &options, &model, &error), FIRN_OK);
    cr_expect_null(model);
    cr_expect_not_null(strstr(error.message, "blk.1.ffn_up.weight"), "%s", error.message);
    firn_context_release(context);
    support_remove(path);
}

Test(session, an_unsupported_type_names_the_tensor)
{
    static const char *const tensors[] = {"blk.0.attn_k.weight", "token_embd.weight", "output.weight"};
    firn_context *const context = support_context(1, NULL);
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        const tiny_options options = tiny_default("llama"); /* 256 wide: blocks of any type fit */
        gguf_builder *const builder = tiny_build(&options);
        const gguf_tensor *const old = gguf_find_tensor(builder, tensors[i]);
        const uint64_t dims[] = {old->dims[0], old->dims[1]};
        gguf_remove_tensor(builder, tensors[i]);
        gguf_add_tensor(builder, tensors[i], KERN_Q8_K, 2, dims);
        char *const path = gguf_write(builder);
        firn_model *model;
        firn_error error = {0};
        cr_expect_eq(firn_model_open(context, path, NULL, &model, &error), FIRN_ERROR_UNSUPPORTED, "%s", tensors[i]);
        cr_expect_null(model);
        cr_expect_not_null(strstr(error.message, tensors[i]), "%s", error.message);
        cr_expect_not_null(strstr(error.message, "Q8_K"), "%s", error.message);
        gguf_destroy(builder);
        support_remove(path);
    }
    firn_context_release(context);
}

/* ---- contexts ---- */

Test(session, contexts_say_what_they_use)
{
    firn_context_options options = firn_context_options_default();
    firn_context *context = support_context(3, "scalar");
    firn_error error = {0};
    cr_expect_eq(firn_context_threads(context), 3u);
    cr_expect_str_eq(firn_context_cpu_level(context), "scalar");
    firn_context_release(context);
    options.cpu_level = "fastest";
    cr_expect_eq(firn_context_create(&options, &context, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_null(context);
    cr_expect_not_null(strstr(error.message, "fastest"), "%s", error.message);
    cr_expect_not_null(strstr(error.message, "scalar"), "what is allowed: %s", error.message);
    options.cpu_level = NULL;
    options.n_threads = 5000;
    error = (firn_error){0};
    cr_expect_eq(firn_context_create(&options, &context, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "5000"), "%s", error.message);
    cr_expect_not_null(strstr(error.message, "1024"), "%s", error.message);
}

Test(session, models_are_described)
{
    const opened o = open_tiny("gemma3", 0);
    const firn_model_info info = firn_model_describe(o.model);
    cr_expect_str_eq(info.architecture, "gemma3");
    cr_expect_str_eq(info.name, "tiny");
    cr_expect_eq(info.n_layers, 3u);
    cr_expect_eq(info.n_embd, 32u);
    cr_expect_eq(info.n_heads, 2u);
    cr_expect_eq(info.n_kv_heads, 1u);
    cr_expect(info.packed_bytes > 0 && info.packed_bytes <= info.tensor_bytes + info.tensor_bytes / 4);
    /* F16 keys and values of 16 elements, one head, three layers, whole chunks of 64 positions */
    cr_expect_eq(firn_model_session_bytes(o.model, 65, support_f16), 2u * 3 * 16 * 128 * 2);
    close_tiny(&o);
}
