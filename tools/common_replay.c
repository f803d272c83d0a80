/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_replay.h"

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

firn_status tool_replay_hash(tool_record *record, char hex[2][BASE_SHA256_HEX], firn_error *error)
{
    firn_status status = tool_hash_checkpoint(record->checkpoint.data, hex[0], error);
    record->checkpoint_sha256 = (base_slice){hex[0], BASE_SHA256_HEX - 1};
    if (status != FIRN_OK || record->weaker.data == NULL)
        return status;
    record->weaker_sha256 = (base_slice){hex[1], BASE_SHA256_HEX - 1};
    return tool_hash_checkpoint(record->weaker.data, hex[1], error);
}

firn_status tool_replay_describe(tool_record *record, const firn_generation *generation, const tool_chat *chat,
                                 tool_text *messages, firn_error *error)
{
    const firn_end end = firn_generation_end(generation);
    *messages = (tool_text){NULL, 0};
    record->firn = base_slice_from(FIRN_VERSION);
    record->ids.at = firn_generation_ids(generation, &record->ids.count);
    record->text.data = firn_generation_text(generation, &record->text.length, NULL);
    record->stop = base_slice_from(end == FIRN_END_NOT_YET ? "interrupted" : firn_end_name(end));
    if (chat->program == NULL)
        return FIRN_OK;
    const firn_status status = tool_conversation_json(&chat->conversation, true, messages, error);
    record->messages = (base_slice){messages->data, messages->length};
    return status;
}

firn_status tool_replay_finish(const tool_replay_files *files, tool_record *made, const firn_generation *generation,
                               const tool_chat *chat, const firn_model *model, firn_error *error)
{
    char hex[2][BASE_SHA256_HEX];
    tool_text messages = {NULL, 0};
    if (files->record == NULL && files->replay == NULL)
        return FIRN_OK;
    firn_status status = tool_replay_hash(made, hex, error);
    if (status == FIRN_OK)
        status = tool_replay_describe(made, generation, chat, &messages, error);
    if (status == FIRN_OK && files->record != NULL)
        status = tool_record_save(files->record, made, error);
    if (status == FIRN_OK && files->replay != NULL)
        status = compare(files->replay, files->replayed, made, model, error);
    free(messages.data);
    return status;
}
