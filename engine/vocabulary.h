/* SPDX-License-Identifier: Apache-2.0 */
/* From the vocabulary that a checkpoint holds to the configuration of its tokenizer. */
#ifndef FIRN_ENGINE_VOCABULARY_H
#define FIRN_ENGINE_VOCABULARY_H

#include "models/checkpoint.h"
#include "tokenizer/tokenizer.h"

/* *config points into the vocabulary. Fails where its model is of an unknown kind, which the error names. */
firn_status eng_tokenizer_config(const mod_vocabulary *vocabulary, tok_config *config, firn_error *error);

#endif
