/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/firn.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>

static firn_model *open_tiny(tiny_options options)
{
    firn_context *context = NULL;
    firn_model *model = NULL;
    firn_error error = {0};
    char *const path = tiny_write(&options);
    firn_context_create(NULL, &context, &error);
    firn_model_open(context, path, NULL, &model, &error);
    cr_assert_not_null(model, "%s", error.message);
    firn_context_release(context);
    support_remove(path);
    return model;
}

Test(work, every_tensor_is_counted_but_norms_and_an_embedding_that_is_only_looked_up)
{
    tiny_options options = tiny_default("llama");
    options.tied = false;
    firn_model *const model = open_tiny(options);
    const firn_model_info info = firn_model_describe(model);
    const uint64_t embedding = 4ULL * info.n_vocab * info.n_embd;
    const uint64_t norms = 4ULL * (2 * info.n_layers + 1) * info.n_embd;
    const firn_work work = firn_model_work(model, 0, 1, support_f16);
    cr_assert_eq(work.parameter_bytes, info.tensor_bytes - embedding - norms);
    cr_assert_eq(work.integer_multiplies, 0, "F32 parameters are not multiplied as integers");
    const uint64_t attention = 2ULL * info.n_layers * info.n_heads * options.head_dim;
    cr_assert_eq(work.float_multiplies, work.parameter_bytes / 4 + attention);
    firn_model_release(model);
}

Test(work, quantised_parameters_are_multiplied_as_integers)
{
    tiny_options options = tiny_default("llama");
    options.type = options.embedding_type = KERN_Q8_0;
    firn_model *const model = open_tiny(options);
    const firn_work work = firn_model_work(model, 0, 1, support_f16);
    cr_assert_eq(work.integer_multiplies, work.parameter_bytes / 34 * 32);
    firn_model_release(model);
}

Test(work, many_tokens_cost_what_each_costs)
{
    const char *const architectures[] = {"llama", "gemma3"}; /* gemma3: a window of 8 positions in some layers */
    for (int i = 0; i < 2; i++) {
        firn_model *const model = open_tiny(tiny_default(architectures[i]));
        for (uint32_t position = 0; position < 20; position += 5) {
            const firn_work many = firn_model_work(model, position, 12, support_f16);
            firn_work sum = {0};
            for (uint32_t j = 0; j < 12; j++) {
                const firn_work one = firn_model_work(model, position + j, 1, support_f16);
                sum.cache_bytes += one.cache_bytes;
                sum.float_multiplies += one.float_multiplies;
            }
            const firn_model_info info = firn_model_describe(model);
            cr_assert_eq(many.cache_bytes, sum.cache_bytes, "%s, %u", architectures[i], position);
            cr_assert_eq(many.float_multiplies, sum.float_multiplies - 11ULL * info.n_vocab * info.n_embd,
                         "logits of the last only");
        }
        firn_model_release(model);
    }
}

Test(work, a_window_bounds_what_a_token_sees)
{
    firn_model *const model = open_tiny(tiny_default("gemma3"));
    const uint64_t at_8 = firn_model_work(model, 8, 1, support_f16).cache_bytes,
                   at_9 = firn_model_work(model, 9, 1, support_f16).cache_bytes;
    const uint64_t first = firn_model_work(model, 0, 1, support_f16).cache_bytes; /* one position in each of 3 layers */
    cr_assert_eq(at_9 - at_8, first / 3, "beyond the window, only the global layer sees one more");
    firn_model_release(model);
}
