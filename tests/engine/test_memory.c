/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peak memory of a process (Criterion gives each test its own) that opens a real checkpoint, prefills 512 tokens and
 * decodes 16: at most 1.15 times the bytes of the file's tensors, the KV cache that was used, and 40 MB. Sanitizers
 * keep memory of their own beside it.
 */
#include "tests/support/checkpoints.h"
#include "tests/support/effort.h"
#include "tests/support/engine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { PREFILL = SUPPORT_EFFORT(512, 64), DECODE = 16, BESIDE = SUPPORT_EFFORT(40, 120) /* MB */ };

static void check_peak(const char *checkpoint)
{
    char *const path = support_checkpoint(checkpoint);
    if (path == NULL)
        cr_skip("%s is not there", checkpoint);
    firn_context *const context = support_context(2, NULL);
    firn_model *const model = support_model(context, path);
    const firn_model_info info = firn_model_describe(model);
    firn_session *const session = support_session(model, 0, 0); /* room for all that the model was trained for */
    int32_t ids[PREFILL + DECODE];
    support_ids(3, info.n_vocab, ids, PREFILL + DECODE);
    support_append(session, ids, PREFILL);
    for (int i = 0; i < DECODE; i++)
        support_append(session, ids + PREFILL + i, 1);
    const uint64_t peak = support_process_bytes("VmHWM");
    const uint64_t used = firn_model_session_bytes(model, PREFILL + DECODE, support_f16);
    const double limit = 1.15 * (double)info.tensor_bytes + (double)used + BESIDE * 1e6;
    printf("%s: peak %.1f MB, limit %.1f MB\n", checkpoint, (double)peak / 1e6, limit / 1e6);
    cr_expect_leq((double)peak, limit);
    cr_expect_geq((double)peak, 0.8 * (double)info.tensor_bytes, "the figure is of this process");
    firn_session_release(session);
    firn_model_release(model);
    firn_context_release(context);
    free(path);
}

Test(memory, smollm2)
{
    check_peak("SmolLM2-135M-Instruct.Q4_1.gguf");
}

Test(memory, gemma_3)
{
    check_peak("gemma-3-270m-q4_k_m.gguf");
}

Test(memory, qwen2_5)
{
    check_peak("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
}
