/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firn: text inference for open language models on CPUs. This is the public header.
 *
 *     firn_context *context;  threads and kernels
 *     firn_model   *model;    an opened checkpoint: frozen parameters, hyperparameters, vocabulary
 *     firn_session *session;  one timeline: tokens and their KV cache
 *     firn_batch   *batch;    tokens of several sessions in one step
 *     firn_sampler *sampler;  compiled generation parameters; knows logits, never a model
 *     firn_generation *generation;  a request as it is answered: a sampler, the text so far and its end
 *     firn_scheduler *scheduler;    answers many requests at once
 *
 * Ownership: what a `_create` or `_open` call gives is the caller's, and its `_release` ends that. A model keeps its
 * context alive and a session its model, so they may be released in any order. On failure the result pointer is NULL
 * and the error, if one was passed, says why. Option structures start with their own size, set by their `_default`
 * call, so that later versions may add fields.
 *
 * Threads: contexts, models and their const functions may be used from several threads at once; a session or a sampler
 * by one thread at a time. Work of one context runs on one pool: calls that compute take turns.
 */
#ifndef FIRN_H
#define FIRN_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FIRN_VERSION "0.1.0"

typedef struct firn_context firn_context;
typedef struct firn_model firn_model;
typedef struct firn_session firn_session;
typedef struct firn_batch firn_batch;
typedef struct firn_sampler firn_sampler;

/* ---- context ---- */

typedef struct firn_context_options {
    size_t size;
    uint32_t n_threads;    /* 0: as many as this process may use (affinity and cgroup limit) */
    const char *cpu_level; /* NULL: the best the CPU has; or one of those it has: "scalar", "avx2", … */
} firn_context_options;

firn_context_options firn_context_options_default(void);
firn_status firn_context_create(const firn_context_options *options, firn_context **out, firn_error *error);
void firn_context_release(firn_context *context); /* NULL is allowed, here and below */
uint32_t firn_context_threads(const firn_context *context);
const char *firn_context_cpu_level(const firn_context *context); /* the level in use */

/* ---- model ---- */

typedef struct firn_model_options {
    size_t size;
    bool check_tensors;     /* read every parameter for values that are not finite */
    bool vocabulary_only;   /* for text and tokens: opens any file with a vocabulary; sessions can't be made of it */
    const char *pack_cache; /* NULL, or a folder where packed parameters are kept, so that the next start is faster */
} firn_model_options;

firn_model_options firn_model_options_default(void);
firn_status firn_model_open(firn_context *context, const char *path, const firn_model_options *options,
                            firn_model **out, firn_error *error);
void firn_model_release(firn_model *model);

typedef struct firn_model_info {
    const char *architecture, *name; /* owned by the model */
    uint64_t n_parameters;
    uint64_t tensor_bytes; /* of the file's tensors */
    uint64_t packed_bytes; /* of the copies in kernel layout; their originals are released */
    bool from_pack_cache;  /* they were found in the cache */
    uint32_t n_layers, n_embd, n_heads, n_kv_heads, n_vocab, n_ctx_train;
} firn_model_info;
firn_model_info firn_model_describe(const firn_model *model);

/* A 64-bit hash of every parameter byte as it lies in memory now. Equal before and after any generation. */
uint64_t firn_model_hash(const firn_model *model);

/*
 * How a session keeps its keys and its values. Q8_0 takes 0.53 of the bytes of F16 and changes the text, as another
 * rounding does; docs/PERFORMANCE.md tells how much.
 */
typedef enum firn_cache_type { FIRN_CACHE_F16, FIRN_CACHE_Q8_0, FIRN_CACHE_TYPES } firn_cache_type;
typedef struct firn_cache_types {
    firn_cache_type k, v; /* of keys, of values */
} firn_cache_types;

const char *firn_cache_type_name(firn_cache_type type);                                      /* "f16", "q8_0" */
firn_status firn_cache_type_find(const char *name, firn_cache_type *out, firn_error *error); /* by its name */

/* Bytes of memory that a session with this many positions takes when all are used: 0 of a vocabulary only. */
uint64_t firn_model_session_bytes(const firn_model *model, uint32_t n_ctx, firn_cache_types types);

/* The work of appending tokens and getting the last one's logits, as the model's shapes and types demand it: none where
 * the model has a vocabulary only. */
typedef struct firn_work {
    uint64_t parameter_bytes;    /* of all matrices, each once, as the checkpoint stores them */
    uint64_t cache_bytes;        /* of the keys and values that the tokens see, once for each token */
    uint64_t integer_multiplies; /* by quantised parameters; an addition goes with each */
    uint64_t float_multiplies;   /* by others, and in attention */
} firn_work;
firn_work firn_model_work(const firn_model *model, uint32_t position, uint32_t n_tokens, firn_cache_types types);

/* ---- text and tokens ---- */

enum {
    FIRN_ADD_SPECIAL = 1,   /* add what the checkpoint puts around a text */
    FIRN_PARSE_SPECIAL = 2, /* "<|im_end|>" becomes the control token; without it, it stays text */
};

/* *ids is the caller's on success (free()). */
firn_status firn_tokenize(const firn_model *model, const char *text, size_t length, unsigned flags, int32_t **ids,
                          size_t *n_ids, firn_error *error);

typedef struct firn_text {
    const char *data;
    size_t length;
} firn_text;

/*
 * The ids of several texts, each as firn_tokenize gives them, made by all threads of the model's context. Those of text
 * i are ids[starts[i]] to ids[starts[i + 1] - 1]; *ids and *starts [n_texts + 1] are the caller's on success (free()).
 * An error is that of the first text that has one.
 */
firn_status firn_tokenize_many(const firn_model *model, const firn_text *texts, size_t n_texts, unsigned flags,
                               int32_t **ids, size_t **starts, firn_error *error);

/*
 * The bytes of one token (not terminated): writes them if they fit `capacity`, and returns how many there are.
 * Control tokens have none unless `special`.
 */
size_t firn_token_bytes(const firn_model *model, int32_t id, bool special, char *buffer, size_t capacity);
size_t firn_token_longest(const firn_model *model); /* capacity that always suffices */
bool firn_token_is_control(const firn_model *model, int32_t id);
bool firn_token_ends_text(const firn_model *model, int32_t id); /* the checkpoint's end-of-text or end-of-turn */
int32_t firn_token_find(const firn_model *model, const char *text, size_t length); /* exact stored text; or -1 */

typedef enum firn_special_token { FIRN_TOKEN_BOS, FIRN_TOKEN_EOS, FIRN_TOKEN_EOT } firn_special_token;
int32_t firn_token_special(const firn_model *model, firn_special_token which); /* its id; -1: the model has none */

/* ---- conversations ---- */

#include "engine/chat.h" /* firn_template: messages to the text that a model was trained on */

/* The source of the checkpoint's own chat template, not terminated and owned by the model; NULL where it has none. */
const char *firn_model_chat_template(const firn_model *model, size_t *length);

/*
 * The ids of a rendered conversation, *ids as in firn_tokenize. Special tokens are recognised only where the template
 * wrote all of their bytes: "<|im_end|>" in a message stays text. Nothing is added at the ends.
 */
firn_status firn_tokenize_rendered(const firn_model *model, const firn_rendered *rendered, int32_t **ids, size_t *n_ids,
                                   firn_error *error);

/* ---- session ---- */

typedef struct firn_session_options {
    size_t size;
    uint32_t n_ctx;   /* positions it can hold; 0: what the model was trained for */
    uint32_t n_batch; /* prefill goes in chunks of at most this many tokens; 0: 512. Never changes a result */
    firn_cache_types cache_types;
} firn_session_options;

firn_session_options firn_session_options_default(void);
firn_status firn_session_create(firn_model *model, const firn_session_options *options, firn_session **out,
                                firn_error *error);
void firn_session_release(firn_session *session);

enum {
    FIRN_LOGITS_LAST = 0, /* logits after the last token only */
    FIRN_LOGITS_ALL = 1,  /* after every token */
    FIRN_LOGITS_NONE = 2, /* none: to fill the cache */
};

/*
 * Called by firn_session_append with logits [n_vocab] after each position asked for, in order; `index` counts the
 * call's tokens from 0. The array is the session's, valid during the call. Returning false cancels.
 */
typedef bool (*firn_logits_callback)(void *argument, size_t index, const float *logits);

/*
 * Appends tokens to the timeline. `callback` may be NULL: firn_session_logits then gives the last position's.
 * On failure (FIRN_ERROR_LIMIT: the context is full; FIRN_ERROR_NUMERIC: a logit is not a number; …) the timeline is as
 * it was before the call. Nothing is allocated, locked or logged per token once the session has run a step of that
 * width.
 */
firn_status firn_session_append(firn_session *session, const int32_t *ids, size_t n_ids, unsigned logits,
                                firn_logits_callback callback, void *argument, firn_error *error);

/* Logits [n_vocab] after the last token; valid until the session is next changed. NULL in an empty session. */
const float *firn_session_logits(const firn_session *session);

/* Cuts the timeline to its first `n_keep` tokens (at most its length). What follows is as if the rest had never been.
 */
void firn_session_rewind(firn_session *session, size_t n_keep);

/*
 * A session with the first n_keep tokens (at most its length) of another, from where each goes its own way. They share
 * the memory of what they have in common.
 */
firn_status firn_session_fork(const firn_session *session, size_t n_keep, firn_session **out, firn_error *error);

size_t firn_session_length(const firn_session *session);
uint32_t firn_session_context(const firn_session *session); /* positions it can hold */
firn_cache_types firn_session_cache_types(const firn_session *session);

/* ---- several sessions in one step ---- */

typedef struct firn_batch_options {
    size_t size;
    uint32_t n_batch; /* tokens of one step, over all sessions; 0: 512. Never changes a result */
} firn_batch_options;

firn_batch_options firn_batch_options_default(void);

/* Makes the buffers of a step. A batch keeps its model alive; its sessions only have to live during a call. */
firn_status firn_batch_create(firn_model *model, const firn_batch_options *options, firn_batch **out,
                              firn_error *error);
void firn_batch_release(firn_batch *batch);

typedef struct firn_batch_entry {
    firn_session *session; /* of the batch's model; each at most once in a call */
    const int32_t *ids;    /* [n_ids] tokens to append */
    size_t n_ids;
    unsigned logits; /* FIRN_LOGITS_LAST, _ALL or _NONE */
    /* only so many highest logits are wanted: others may be -infinity, which is faster, but with several entries the
     * model then keeps a second copy of its head. 0: all */
    uint32_t n_best;
} firn_batch_entry;

enum { FIRN_MOST_BEST = 256 }; /* where more are wanted, all are computed */

/* As firn_logits_callback, with the number of the entry. */
typedef bool (*firn_batch_callback)(void *argument, size_t entry, size_t index, const float *logits);

/*
 * Appends to each entry's session as firn_session_append would, with the same bits, reading the weights once for all.
 * Logits are given to the callback only: firn_session_logits is NULL afterwards. On failure every timeline is as it
 * was.
 */
firn_status firn_batch_append(firn_batch *batch, const firn_batch_entry *entries, size_t n_entries,
                              firn_batch_callback callback, void *argument, firn_error *error);

/* ---- generation parameters and sampler ---- */

#include "engine/parameters.h" /* firn_generation_parameters, their table, defaults and checks */

/*
 * firn_sampler_create_for knows the model's tokens; the other doesn't, and refuses parameters that name texts or need
 * to know which tokens end a text.
 */
firn_status firn_sampler_create_for(const firn_generation_parameters *parameters, const firn_model *model,
                                    firn_sampler **out, firn_error *error);
firn_status firn_sampler_create(const firn_generation_parameters *parameters, uint32_t n_vocab, firn_sampler **out,
                                firn_error *error);
void firn_sampler_release(firn_sampler *sampler);

/*
 * What came so far, which penalties and the like depend on: tokens of the prompt, then one call for each token that was
 * generated. firn_sampler_reserve makes room for `n_tokens` in all, so that accepting allocates nothing.
 */
firn_status firn_sampler_reserve(firn_sampler *sampler, size_t n_tokens, firn_error *error);
firn_status firn_sampler_prompt(firn_sampler *sampler, const int32_t *ids, size_t n_ids, firn_error *error);
firn_status firn_sampler_accept(firn_sampler *sampler, int32_t id, firn_error *error);

/* Forgets all but the first n_keep tokens, as if the rest had never come; 0: as new. */
void firn_sampler_rewind(firn_sampler *sampler, size_t n_keep);

/* The token never comes at this place: for a caller who went back to take another way. Going further back ends it. */
firn_status firn_sampler_ban(firn_sampler *sampler, int32_t id, firn_error *error);

/*
 * Picks the token that follows `position` tokens of sequence `sequence`. The same arguments, parameters, tokens so far
 * and logits give the same token everywhere. `logits` [n_vocab] are only read. Returns the id, or -1 if no token is
 * left that may come.
 */
int32_t firn_sampler_pick(firn_sampler *sampler, const float *logits, uint64_t sequence, uint64_t position);

/*
 * How many of the highest logits the next pick depends on (firn_batch_entry.n_best): with all others at -infinity it
 * is the same. 0: on all of them.
 */
uint32_t firn_sampler_needs(const firn_sampler *sampler);

/* As firn_logprobs, but of the distribution that the last pick was drawn from: after all shaping. */
float firn_sampler_logprobs(const firn_sampler *sampler, int32_t id, uint32_t n_top, int32_t *top_ids,
                            float *top_logprobs);

enum { FIRN_SAMPLER_STAGES = 16, FIRN_EXPLAINED_EDITS = 2 }; /* at most */
enum { FIRN_EXPLAINED_STAGES = FIRN_EXPLAINED_EDITS + FIRN_SAMPLER_STAGES };

typedef struct firn_explained_token {
    int32_t id;
    int32_t dropped_by; /* index of a stage, or -1 */
    float logit;
    double noise; /* Gumbel: the largest of log-probability + noise wins; 0 where the sampler didn't pick */
    double probability[FIRN_EXPLAINED_STAGES + 1]; /* under the model, then after each stage */
} firn_explained_token;

/* What happened to logits before a sampler got them: a stage's name, and the logits [n_vocab] before it. */
typedef struct firn_explained_edit {
    const char *name;
    const float *before;
} firn_explained_edit;

typedef struct firn_explanation {
    firn_explained_edit edits[FIRN_EXPLAINED_EDITS]; /* the caller's, in order: they become the first stages */
    size_t n_edits;
    const int32_t *chosen; /* the caller's: what comes instead of the sampler's pick, where there is one; or NULL */
    size_t n_stages, n_tokens;
    const char *stages[FIRN_EXPLAINED_STAGES];
    size_t n_left[FIRN_EXPLAINED_STAGES + 1]; /* tokens: at first, then after each stage */
    int32_t winner;
    firn_explained_token *tokens; /* [n_tokens] the likeliest under the model; where the winner is not of them it is the
                                     last. The caller gives the array and how many it holds */
} firn_explanation;

/* Picks like firn_sampler_pick and tells how; returns the winner. Slow. */
int32_t firn_sampler_explain(firn_sampler *sampler, const float *logits, uint64_t sequence, uint64_t position,
                             firn_explanation *explanation);

/*
 * Looks for the texts of a list (stop, banned_strings) in text[from .. length). *found: one is there, and the result is
 * where the first begins. Else the result is where bytes begin that may yet become one: `length` if there are none.
 */
size_t firn_find_texts(const firn_list *texts, const char *text, size_t length, size_t from, bool *found);

/*
 * Natural-log probabilities under the model itself, which gave the logits [n_vocab], before any shaping: of `id`, and
 * of the `n_top` likeliest tokens (descending; equal ones by ascending id). `top_ids` and `top_logprobs` hold n_top
 * entries. Returns that of `id` (0 if id is -1).
 */
float firn_logprobs(const firn_model *model, const float *logits, int32_t id, uint32_t n_top, int32_t *top_ids,
                    float *top_logprobs);

/* The same of `id` alone, and the entropy of the model's whole distribution in nats, both in one pass. */
void firn_surprise(const firn_model *model, const float *logits, int32_t id, float *logprob, float *entropy);

/* ---- constraints on generated text ---- */

#include "engine/constraint.h" /* firn_constraint: grammars, JSON schemas, regular expressions, choices */

/* The model's tokens for constraints, owned by the model: made by the first call, which takes some milliseconds. */
firn_status firn_model_vocabulary(firn_model *model, firn_vocabulary **out, firn_error *error);

/* ---- a request as it is answered ---- */

#include "engine/generation.h" /* firn_generation: logits to tokens, and these to a text and its end */

/* ---- many requests ---- */

#include "engine/scheduler.h" /* firn_scheduler: answers them together */
#include "engine/drafter.h"   /* firn_drafter: several tokens in one step, for one of them */

#ifdef __cplusplus
}
#endif

#endif
