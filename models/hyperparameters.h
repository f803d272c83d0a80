/* SPDX-License-Identifier: Apache-2.0 */
/* Hyperparameters and vocabulary, read from the keys of a GGUF file and checked. */
#ifndef FIRN_MODELS_HYPERPARAMETERS_H
#define FIRN_MODELS_HYPERPARAMETERS_H

#include "models/families.h"
#include "models/gguf.h"

/* Fills all but n_vocab, n_parameters and tensor_bytes. `n_tensors` of the file bound the layers it can have. */
firn_status mod_hyperparameters_read(const mod_gguf *file, uint64_t n_tensors, const mod_family **family,
                                     mod_hyperparameters *out, firn_error *error);

/*
 * On success `out` points into `file`, but for scores and types: those are copies (the file may hold them at odd
 * addresses). All is freed with mod_vocabulary_free, which takes one that is all zeros as well.
 */
firn_status mod_vocabulary_read(const mod_gguf *file, mod_vocabulary *out, firn_error *error);

/* The same from a Hugging Face folder. */
firn_status mod_hf_vocabulary_read(const char *folder, mod_vocabulary *out, firn_error *error);

/* Of a SentencePiece file, into a vocabulary that has nothing yet but ids of -1. */
firn_status mod_sentencepiece_read(const char *path, mod_vocabulary *out, firn_error *error);

/* The token that ends a turn, by its usual texts, or -1. */
int32_t mod_find_end_of_turn(const mod_vocabulary *vocabulary);
void mod_vocabulary_free(mod_vocabulary *vocabulary);

#endif
