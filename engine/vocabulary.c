/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/vocabulary.h"

/* What the kinds of vocabularies are called in GGUF, and in a tokenizer.json. */
static const struct {
    const char *name;
    bool described;
    tok_kind kind;
} kinds[] = {
    {"gpt2", false, TOK_BYTE_BPE},      {"llama", false, TOK_SENTENCE_BPE}, {"t5", false, TOK_UNIGRAM},
    {"bert", false, TOK_WORDPIECE},     {"BPE", true, TOK_BYTE_BPE},        {"Unigram", true, TOK_UNIGRAM},
    {"WordPiece", true, TOK_WORDPIECE},
};

_Static_assert((int)MOD_ADDED_CONTROL == (int)TOK_ADDED_CONTROL &&
                   (int)MOD_ADDED_LEFT_SPACE == (int)TOK_ADDED_LEFT_SPACE &&
                   (int)MOD_ADDED_RIGHT_SPACE == (int)TOK_ADDED_RIGHT_SPACE &&
                   (int)MOD_ADDED_SINGLE_WORD == (int)TOK_ADDED_SINGLE_WORD &&
                   (int)MOD_ADDED_NORMALISED == (int)TOK_ADDED_NORMALISED,
               "flags are handed over as they are");

/* GGUF says nothing of the steps around BERT's WordPiece, and writes U+2581 before tokens that begin a word. */
static void describe_bert(tok_config *config)
{
    config->described = true;
    config->normaliser = base_slice_from("{\"type\": \"BertNormalizer\"}");
    config->pretokeniser = base_slice_from("{\"type\": \"BertPreTokenizer\"}");
    config->decoder = base_slice_from("{\"type\": \"Metaspace\", \"replacement\": \"\\u2581\"}");
    config->word_prefix = base_slice_from("\xE2\x96\x81");
}

firn_status eng_tokenizer_config(const mod_vocabulary *vocabulary, tok_config *config, firn_error *error)
{
    const mod_vocabulary *const v = vocabulary;
    *config = (tok_config){
        .pre = v->pre,
        .tokens = v->tokens,
        .scores = v->scores,
        .types = v->types,
        .n_tokens = v->n_tokens,
        .merges = v->merges,
        .merge_rights = v->merge_rights,
        .n_merges = v->n_merges,
        .bos = v->bos,
        .eos = v->eos,
        .eot = v->eot,
        .unknown = v->unknown,
        .padding = v->padding,
        .add_bos = v->add_bos,
        .add_eos = v->add_eos,
        .add_space_prefix = v->add_space_prefix,
        .remove_extra_spaces = v->remove_extra_spaces,
        .replacements = v->replacements,
        .added_ids = v->added_ids,
        .added_flags = v->added_flags,
        .n_added = v->n_added,
        .described = v->described,
        .normaliser = v->normaliser,
        .pretokeniser = v->pretokeniser,
        .decoder = v->decoder,
        .byte_fallback = v->byte_fallback,
        .fuse_unknown = v->fuse_unknown,
        .ignore_merges = v->ignore_merges,
        .continuing_prefix = v->continuing_prefix,
        .word_suffix = v->word_suffix,
        .longest_word = v->longest_word,
        .before = v->before,
        .after = v->after,
        .n_before = v->n_before,
        .n_after = v->n_after,
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!base_slice_is(v->model, kinds[i].name) || v->described != kinds[i].described)
            continue;
        config->kind = kinds[i].kind;
        if (kinds[i].kind == TOK_WORDPIECE && !v->described)
            describe_bert(config);
        return FIRN_OK;
    }
    return base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                     "vocabularies of the kind '%.*s' are not supported; GGUF's gpt2, llama, t5 and bert are",
                     (int)(v->model.length < 64 ? v->model.length : 64), v->model.length > 0 ? v->model.data : "");
}
