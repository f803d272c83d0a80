/* SPDX-License-Identifier: Apache-2.0 */
/* What a model opened for its vocabulary gives, and what it refuses. */
#include "tests/support/checkpoints.h"
#include "tests/support/engine.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(text, vocabulary_only)
{
    char *const path = support_checkpoint("SmolLM2-135M-Instruct.Q4_1.gguf");
    if (path == NULL)
        cr_skip("no checkpoint");
    firn_context *const context = support_context(1, NULL);
    firn_model *const whole = support_model(context, path);
    firn_model_options options = firn_model_options_default();
    options.vocabulary_only = true;
    firn_model *model;
    cr_assert_eq(firn_model_open(context, path, &options, &model, NULL), FIRN_OK);
    free(path);
    cr_expect_eq(firn_model_describe(model).n_vocab, firn_model_describe(whole).n_vocab);

    int32_t *ids, *wanted;
    size_t n_ids, n_wanted;
    const char *const text = "<|im_start|>user\nWhy is the sky blue?<|im_end|>";
    cr_assert_eq(firn_tokenize(model, text, strlen(text), FIRN_PARSE_SPECIAL, &ids, &n_ids, NULL), FIRN_OK);
    cr_assert_eq(firn_tokenize(whole, text, strlen(text), FIRN_PARSE_SPECIAL, &wanted, &n_wanted, NULL), FIRN_OK);
    cr_expect(n_ids == n_wanted && memcmp(ids, wanted, n_ids * sizeof *ids) == 0);
    cr_expect_eq(ids[n_ids - 1], firn_token_special(model, FIRN_TOKEN_EOS));
    cr_expect_eq(firn_token_find(model, "<|im_end|>", 10), ids[n_ids - 1]);
    cr_expect_eq(firn_token_find(model, "<|im_en", 7), -1);
    cr_expect(firn_token_is_control(model, ids[0]) && !firn_token_is_control(model, ids[1]));
    size_t length = 0;
    cr_expect(firn_model_chat_template(model, &length) != NULL && length > 100);

    firn_session *session;
    firn_batch *batch;
    firn_error error = {0};
    cr_expect_eq(firn_session_create(model, NULL, &session, &error), FIRN_ERROR_ARGUMENT);
    cr_expect(session == NULL && strstr(error.message, "vocabulary") != NULL);
    cr_expect_eq(firn_batch_create(model, NULL, &batch, NULL), FIRN_ERROR_ARGUMENT);
    cr_expect_null(batch);
    const firn_work work = firn_model_work(model, 0, 5, support_f16);
    cr_expect(work.parameter_bytes == 0 && work.cache_bytes == 0);
    cr_expect(work.integer_multiplies == 0 && work.float_multiplies == 0);
    cr_expect_eq(firn_model_session_bytes(model, 100, support_f16), 0);
    free(ids);
    free(wanted);
    firn_model_release(model);
    firn_model_release(whole);
    firn_context_release(context);
}
