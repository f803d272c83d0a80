/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the engine share: contexts, models and sessions that end the program where they can't be had. */
#ifndef FIRN_TESTS_SUPPORT_ENGINE_H
#define FIRN_TESTS_SUPPORT_ENGINE_H

#include "engine/firn.h"
#include "tests/support/tiny_checkpoint.h"

/* `level` may be NULL: the best there is. */
firn_context *support_context(uint32_t n_threads, const char *level);
firn_model *support_model(firn_context *context, const char *path);
firn_model *support_tiny_model(firn_context *context, const tiny_options *options); /* its file is gone again */

/* The same with an embedding of a token that is not a number: a step with that token in it fails. */
firn_model *support_damaged_model(firn_context *context, const tiny_options *options, int32_t id);

static const firn_cache_types support_f16 = {FIRN_CACHE_F16, FIRN_CACHE_F16};
static const firn_cache_types support_q8_0 = {FIRN_CACHE_Q8_0, FIRN_CACHE_Q8_0};

/* Keys and values as F16. 0 for n_ctx and n_batch: as firn_session_options says. */
firn_session *support_session(firn_model *model, uint32_t n_ctx, uint32_t n_batch);
firn_session *support_session_of(firn_model *model, firn_cache_types types, uint32_t n_ctx, uint32_t n_batch);

/* Appends without a callback: logits of the last token only. */
void support_append(firn_session *session, const int32_t *ids, size_t n_ids);

/* Ids below n_vocab that mean nothing; the same for the same seed. */
void support_ids(uint64_t seed, uint32_t n_vocab, int32_t *ids, size_t n_ids);

/* A line such as "VmHWM:    1234 kB" of /proc/self/status, in bytes. */
uint64_t support_process_bytes(const char *field);

#endif
