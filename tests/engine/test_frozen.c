/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters are frozen: no page that holds one can be written, a write faults, and a hash of all of them is what it
 * was after generating with all kinds of generation parameters.
 */
#include "engine/model.h"
#include "tests/support/checkpoints.h"
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct opened {
    firn_context *context;
    firn_model *model;
} opened;

static opened open_tiny(kern_type type)
{
    tiny_options options = tiny_default("llama");
    options.type = options.embedding_type = type;
    char *const path = tiny_write(&options);
    opened o = {.context = support_context(2, NULL)};
    o.model = support_model(o.context, path);
    support_remove(path); /* its pages stay mapped */
    return o;
}

static void close_tiny(const opened *o)
{
    firn_model_release(o->model);
    firn_context_release(o->context);
}

/* ---- writes fault ---- */

/* The process ends here by the signal, also where a sanitizer would catch it. */
static void write_to(const void *memory)
{
    signal(SIGSEGV, SIG_DFL);
    *(volatile uint8_t *)(uintptr_t)memory ^= 1;
}

/* A norm's gain, used where the file is mapped. */
Test(frozen, write_to_the_map_faults, .signal = SIGSEGV)
{
    const opened o = open_tiny(KERN_Q4_K);
    write_to(o.model->layers[1].ffn_norm);
}

/* A matrix in kernel layout. */
Test(frozen, write_to_the_packed_copy_faults, .signal = SIGSEGV)
{
    const opened o = open_tiny(KERN_Q4_K);
    cr_assert(o.model->layers[1].down.data >= o.model->arena);
    cr_assert(o.model->layers[1].down.data < o.model->arena + o.model->arena_bytes);
    write_to(o.model->layers[1].down.data);
}

/* A matrix that kernels read in place. */
Test(frozen, write_to_weights_in_place_faults, .signal = SIGSEGV)
{
    const opened o = open_tiny(KERN_Q8_0);
    write_to(o.model->output.data);
}

/* Whether all pages of [begin, begin + bytes) are mapped readable and not writable, by the system's own account. */
static bool is_sealed(const void *memory, size_t bytes)
{
    const uintptr_t end = (uintptr_t)memory + bytes;
    uintptr_t covered = (uintptr_t)memory;
    FILE *const maps = fopen("/proc/self/maps", "r");
    char line[512], access[5];
    unsigned long from, to;
    cr_assert_not_null(maps);
    while (covered < end && fgets(line, sizeof line, maps) != NULL) /* in rising order */
        if (sscanf(line, "%lx-%lx %4s", &from, &to, access) == 3 && from <= covered && covered < to) {
            if (access[0] != 'r' || access[1] != '-')
                break;
            covered = to;
        }
    fclose(maps);
    return covered >= end;
}

static void check_sealed(const firn_model *model)
{
    static const char writable[] = "x";
    char on_stack[2] = "x";
    cr_expect(is_sealed(writable, sizeof writable), "constants are sealed");
    cr_expect_not(is_sealed(on_stack, sizeof on_stack), "the stack is not");
    cr_expect(is_sealed(model->arena, model->arena_bytes));
    cr_expect(is_sealed(model->output.data, kern_tiles(&model->output) * model->output.tile_bytes));
    for (uint64_t i = 0; i < mod_checkpoint_tensor_count(model->checkpoint); i++) {
        const mod_tensor *const tensor = mod_checkpoint_tensor(model->checkpoint, i);
        cr_expect(is_sealed(tensor->data, tensor->bytes), "%.*s", (int)tensor->name.length, tensor->name.data);
    }
    for (uint32_t i = 0; i < model->hyperparameters->n_layers; i++) {
        const eng_layer *const l = &model->layers[i];
        const kern_matrix *const matrices[] = {&l->q, &l->k, &l->v, &l->attention_output, &l->gate, &l->up, &l->down};
        for (size_t m = 0; m < sizeof matrices / sizeof *matrices; m++)
            cr_expect(is_sealed(matrices[m]->data, kern_tiles(matrices[m]) * matrices[m]->tile_bytes));
    }
}

Test(frozen, every_page_of_parameters_is_read_only)
{
    static const kern_type types[] = {KERN_F32, KERN_BF16, KERN_Q4_K, KERN_Q8_0};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const opened o = open_tiny(types[i]);
        check_sealed(o.model);
        close_tiny(&o);
    }
}

/* ---- the hash ---- */

/* A generation of `count` tokens from a prompt of one. */
static void generate(firn_session *session, uint32_t n_vocab, const firn_generation_parameters *parameters,
                     size_t count)
{
    firn_sampler *sampler;
    cr_assert_eq(firn_sampler_create(parameters, n_vocab, &sampler, NULL), FIRN_OK);
    firn_session_rewind(session, 0);
    int32_t id = 1;
    for (size_t i = 0; i < count; i++) {
        support_append(session, &id, 1);
        id = firn_sampler_pick(sampler, firn_session_logits(session), 0, firn_session_length(session));
        cr_assert_geq(id, 0);
    }
    firn_sampler_release(sampler);
}

static void generate_with_many_parameters(firn_model *model, size_t count)
{
    static const double temperatures[] = {0, 0.3, 1, 50}, top_ps[] = {0.1, 0.9, 1}, min_ps[] = {0, 0.2};
    static const int32_t top_ks[] = {0, 1, 40};
    const uint32_t n_vocab = firn_model_describe(model).n_vocab;
    firn_session *const session = support_session(model, 64, 0);
    for (unsigned i = 0; i < 24; i++) {
        firn_generation_parameters parameters = firn_generation_parameters_default();
        parameters.seed = i;
        parameters.temperature = temperatures[i % 4];
        parameters.top_k = top_ks[i / 2 % 3];
        parameters.top_p = top_ps[i % 3];
        parameters.min_p = min_ps[i / 3 % 2];
        generate(session, n_vocab, &parameters, count);
    }
    firn_session_release(session);
}

Test(frozen, generating_changes_no_parameter)
{
    static const kern_type types[] = {KERN_F16, KERN_Q4_1, KERN_Q6_K, KERN_Q8_0};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const opened o = open_tiny(types[i]);
        const uint64_t before = firn_model_hash(o.model);
        generate_with_many_parameters(o.model, 20);
        cr_assert_eq(firn_model_hash(o.model), before);
        close_tiny(&o);
    }
}

Test(frozen, generating_changes_no_parameter_of_smollm2)
{
    char *const path = support_checkpoint("SmolLM2-135M-Instruct.Q4_1.gguf");
    if (path == NULL)
        cr_skip("SmolLM2-135M-Instruct.Q4_1.gguf is not there");
    firn_context *const context = support_context(2, NULL);
    firn_model *const model = support_model(context, path);
    const uint64_t before = firn_model_hash(model);
    generate_with_many_parameters(model, 2);
    cr_assert_eq(firn_model_hash(model), before);
    firn_model_release(model);
    firn_context_release(context);
    free(path);
}

/* One bit of one tensor of the file, whichever, is another hash. */
Test(frozen, the_hash_covers_every_tensor)
{
    tiny_options options = tiny_small("gemma3");
    options.type = KERN_Q4_1;
    gguf_builder *const builder = tiny_build(&options);
    firn_context *const context = support_context(1, NULL);
    uint64_t first = 0;
    for (size_t changed = 0; changed <= builder->n_tensors; changed++) {
        unsigned char *const last =
            changed > 0 ? builder->tensors[changed - 1].data.data + builder->tensors[changed - 1].data.size - 1 : NULL;
        if (last != NULL)
            *last ^= 1;
        char *const path = gguf_write(builder);
        firn_model *const model = support_model(context, path);
        if (last == NULL)
            first = firn_model_hash(model);
        else
            cr_expect_neq(firn_model_hash(model), first, "tensor %zu", changed - 1);
        if (last != NULL)
            *last ^= 1;
        firn_model_release(model);
        support_remove(path);
    }
    gguf_destroy(builder);
    firn_context_release(context);
}
