/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_replay.h"

#include "tools/common_file.h"

#include <stdlib.h>

enum { DIFFERENCE = 120 }; /* bytes that tell of a checkpoint */

firn_status tool_replay_load(const char *path, size_t number, tool_record *out, firn_error *error)
{
    const firn_status status = tool_record_load(path, number, out, error);
    out->parameters.t_max_predict_ms = 0;
    if (base_slice_is(out->stop, "time") || base_slice_is(out->stop, "interrupted")) {
        out->parameters.n_predict = (int32_t)out->ids.count;
        out->parameters.min_tokens = 0;
        out->stop = (base_slice){NULL, 0};
    }
    return status;
}

firn_status tool_replay_prompt(const tool_record *record, tool_text *text, int32_t **ids, size_t *n_ids,
                               firn_error *error)
{
    const size_t bytes = record->prompt_ids.count * sizeof **ids;
    *n_ids = record->prompt_ids.count;
    *ids = malloc(bytes + 1);
    if (record->prompt.data != NULL)
        *text = (tool_text){malloc(record->prompt.length + 1), record->prompt.length};
    if (*ids == NULL || (record->prompt.data != NULL && text->data == NULL))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a prompt of %zu tokens", *n_ids);
    memcpy(*ids, record->prompt_ids.at, bytes);
    if (text->data != NULL)
        memcpy(text->data, record->prompt.data, text->length + 1);
    return FIRN_OK;
}

/* Tells of a checkpoint that is not the one of the record. */
static bool other_checkpoint(const char *name, base_slice wanted, base_slice made, char text[DIFFERENCE])
{
    text[0] = '\0';
    if (wanted.data == NULL || base_slice_equal(wanted, made))
        return false;
    snprintf(text, DIFFERENCE, "; the %s is another (SHA-256 %.12s…, was %.12s…)", name,
             made.data != NULL ? made.data : "none", wanted.data);
    return true;
}

static firn_status compare(const char *path, const tool_record *wanted, const tool_record *made,
                           const firn_model *model, firn_error *error)
{
    char difference[TOOL_RECORD_DIFFERENCE], checkpoint[DIFFERENCE], weaker[DIFFERENCE], version[80] = "";
    const bool other_text = tool_record_differs(wanted, made, model, difference);
    const bool other = other_checkpoint("checkpoint", wanted->checkpoint_sha256, made->checkpoint_sha256, checkpoint) |
                       other_checkpoint("weaker checkpoint", wanted->weaker_sha256, made->weaker_sha256, weaker);
    if (!other_text && !other)
        return FIRN_OK;
    if (wanted->firn.data != NULL && !base_slice_equal(wanted->firn, made->firn))
        snprintf(version, sizeof version, "; this is firn " FIRN_VERSION ", it was %.20s", wanted->firn.data);
    return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "%.120s: %s%s%s%s", path,
                     other_text ? difference : "the text is the same", checkpoint, weaker, version);
}

firn_status tool_replay_finish(const tool_replay_files *files, tool_record *made, const firn_generation *generation,
                               const tool_chat *chat, const firn_model *model, firn_error *error)
{
    const firn_end end = firn_generation_end(generation);
    char hash[BASE_SHA256_HEX], weaker_hash[BASE_SHA256_HEX];
    tool_text messages = {NULL, 0};
    if (files->record == NULL && files->replay == NULL)
        return FIRN_OK;
    firn_status status = tool_hash_checkpoint(made->checkpoint.data, hash, error);
    if (status == FIRN_OK && made->weaker.data != NULL) {
        status = tool_hash_checkpoint(made->weaker.data, weaker_hash, error);
        made->weaker_sha256 = base_slice_from(weaker_hash);
    }
    if (status == FIRN_OK && chat->program != NULL) {
        status = tool_conversation_json(&chat->conversation, true, &messages, error);
        made->messages = (base_slice){messages.data, messages.length};
    }
    made->firn = base_slice_from(FIRN_VERSION);
    made->checkpoint_sha256 = base_slice_from(hash);
    made->ids.at = firn_generation_ids(generation, &made->ids.count);
    made->text.data = firn_generation_text(generation, &made->text.length, NULL);
    made->stop = base_slice_from(end == FIRN_END_NOT_YET ? "interrupted" : firn_end_name(end));
    if (status == FIRN_OK && files->record != NULL)
        status = tool_record_save(files->record, made, error);
    if (status == FIRN_OK && files->replay != NULL)
        status = compare(files->replay, files->replayed, made, model, error);
    free(messages.data);
    return status;
}
