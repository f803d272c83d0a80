/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate: answers a prompt through the checkpoint's chat template, or continues it where there is none. The text goes
 * to standard output as it comes, in whole characters; figures, progress and errors go to standard error. Redirected
 * output is exactly the text.
 *
 * Exit status: 0 when it ran to its end, also when the reader of its output went away; 1 for an error, told in one
 * line; 130 when it was interrupted, after writing what was produced and the figures.
 */
#include "tools/generate.h"

#include "base/clock.h"
#include "tools/common_context.h"
#include "tools/common_interactive.h"
#include "tools/common_signals.h"
#include "tools/common_system.h"

#include <stdlib.h>
#include <string.h>

enum {
    EXIT_INTERRUPTED = 130,
    SLICE = 512, /* prompt tokens between two looks at interruption and progress */
};

/* ---- the prompt ---- */

/* Takes the prompt's text or ids from the one place that was named, else from standard input. */
static firn_status take_prompt(generate_run *r, firn_error *error)
{
    const generate_settings *const s = r->settings;
    if (generate_given_prompts(s) > 1)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "more than one prompt; give one of PROMPT, -p, -f and --ids");
    if (s->replay != NULL)
        return tool_replay_prompt(&s->replayed, &r->prompt, &r->ids, &r->n_ids, error);
    if (s->ids != NULL)
        return tool_read_ids(s->ids, &r->ids, &r->n_ids, error);
    if (s->prompt != NULL || s->positional != NULL)
        return tool_copy(s->prompt != NULL ? s->prompt : s->positional, s->escapes, &r->prompt, error);
    if (s->file == NULL && (s->chat.messages != NULL || s->interactive))
        return FIRN_OK;
    if (s->file == NULL && tool_is_terminal(stdin))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "no prompt; give it as an argument, with -f FILE or on standard input (--help tells more)");
    const bool standard_input = s->file == NULL || strcmp(s->file, "-") == 0;
    const firn_status status = tool_read(standard_input ? NULL : s->file, &r->prompt, error);
    if (status == FIRN_OK)
        r->prompt.length = tool_without_newline(&r->prompt).length;
    return status;
}

/*
 * Whether the prompt is continued as it is. With log-probabilities it is, unless a conversation is asked for: they
 * measure a text, which a template would change.
 */
static bool is_raw(const generate_settings *s)
{
    return s->raw || s->ids != NULL || s->replay != NULL ||
           (s->n_logprobs != GENERATE_NO_LOGPROBS && !tool_chat_asked(&s->chat));
}

/* Opens the conversation, if the prompt is to be one, and makes the prompt its last message. */
static firn_status begin_chat(generate_run *r, firn_error *error)
{
    const generate_settings *const s = r->settings;
    tool_conversation *const all = &r->chat.conversation;
    const base_slice text = {r->prompt.data, r->prompt.length};
    const firn_status status = is_raw(s) ? FIRN_OK : tool_chat_open(&r->chat, r->model, &s->chat, error);
    if (status != FIRN_OK || r->chat.program == NULL || text.data == NULL)
        return status;
    if (text.length == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the prompt is empty");
    return tool_conversation_insert(all, all->count, TOOL_USER, text, error);
}

/* Turns the prompt into ids that the model and the context can take. */
static firn_status prepare_ids(generate_run *r, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (r->chat.program != NULL) {
        free(r->prompt.data);
        r->prompt = (tool_text){NULL, 0};
        status = tool_chat_prompt(&r->chat, &r->prompt, &r->ids, &r->n_ids, error);
    } else if (r->ids == NULL) {
        status = firn_tokenize(r->model, r->prompt.data, r->prompt.length, FIRN_ADD_SPECIAL | FIRN_PARSE_SPECIAL,
                               &r->ids, &r->n_ids, error);
    }
    if (status == FIRN_OK)
        status = tool_check_ids(r->ids, r->n_ids, r->n_vocab, error);
    if (status != FIRN_OK)
        return status;
    if (r->n_ids == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the prompt is empty");
    if (r->n_ids > r->n_ctx)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "the prompt has %zu tokens and the context holds %u; shorten it or give a larger -c", r->n_ids,
                         r->n_ctx);
    return FIRN_OK;
}

/* ---- running ---- */

static firn_status explain(void *argument, size_t number, const firn_explanation *explanation, firn_error *error)
{
    generate_run *const r = argument;
    if (r->settings->explain_json != NULL || r->settings->explain_html != NULL)
        return tool_explanations_add(&r->explanations, r->model, explanation, number, error);
    return tool_explain(stderr, r->model, explanation, number, error);
}

static firn_status save_explanations(const generate_run *r, firn_error *error)
{
    const generate_settings *const s = r->settings;
    tool_explained_text text = {r->model, &s->parameters, {r->prompt.data, r->prompt.length}, {NULL, 0}};
    text.text.data = firn_generation_text(r->generation, &text.text.length, NULL);
    return tool_explanations_save(s->explain_json, s->explain_html, &r->explanations, &text, error);
}

static bool goes_on(void *argument)
{
    const generate_run *const r = argument;
    return !tool_interrupted() && !r->output_gone;
}

/* Puts the best of several texts in the place of a generation that has none. */
static firn_status search(generate_run *r, const firn_generation_options *options, firn_error *error)
{
    firn_generation *best;
    const firn_status status = firn_generation_search(r->model, &r->settings->parameters, options, r->ids, r->n_ids,
                                                      r->session, goes_on, r, &best, error);
    if (status == FIRN_OK) {
        firn_generation_release(r->generation);
        r->generation = best;
    }
    return status;
}

static firn_status create_generation(generate_run *r, firn_error *error)
{
    firn_generation_options options = firn_generation_options_default();
    const tool_record *const replayed = &r->settings->replayed;
    firn_status status = tool_guidance_apply(&r->guidance, &r->chat, r->model, &options, error);
    if (status != FIRN_OK)
        return status;
    if (replayed->negative_ids.count > 0 && r->settings->parameters.guidance != 1) {
        options.negative = replayed->negative_ids.at;
        options.n_negative = replayed->negative_ids.count;
    }
    options.n_ctx = r->n_ctx;
    options.sequence = replayed->sequence;
    options.n_logprobs = r->logprobs ? (int32_t)r->tokens.n_top : -1;
    options.constraint = r->constraint.compiled;
    options.explain = r->settings->n_explained > 0 ? explain : NULL;
    options.explain_argument = r;
    options.n_explained = r->settings->n_explained;
    r->negative_ids = (tool_record_ids){options.negative, options.n_negative};
    firn_generation_parameters parameters = r->settings->parameters;
    if (firn_generation_searches(&parameters) && r->generation != NULL)
        return search(r, &options, error);
    parameters.n_beams = parameters.best_of = 1;
    return firn_generation_create(r->model, &parameters, &options, r->ids, r->n_ids, &r->generation, error);
}

static firn_status open_everything(generate_run *r, const char *path, firn_error *error)
{
    const generate_settings *const s = r->settings;
    firn_model_options model_options = firn_model_options_default();
    model_options.check_tensors = s->check_tensors;
    firn_session_options session_options = firn_session_options_default();
    session_options.n_ctx = s->n_ctx;
    session_options.n_batch = s->n_batch;
    session_options.cache_types = s->cache_types;

    firn_status status = tool_draft_check(&s->draft, path, error);
    if (status == FIRN_OK)
        status = tool_context_create(s->n_threads, s->cpu_level, &r->context, error);
    if (status == FIRN_OK)
        status = tool_model_open(r->context, path, model_options, s->pack_cache, &r->model, error);
    if (status == FIRN_OK)
        status = tool_guidance_open(&s->guidance, s->escapes, r->context, &r->guidance, error);
    if (status == FIRN_OK)
        status =
            tool_draft_open(&s->draft, tool_draft_helps(&s->parameters), r->context, s->pack_cache, &r->draft, error);
    if (status == FIRN_OK)
        status = tool_draft_create(&r->draft, r->model, &r->drafter, error);
    if (status != FIRN_OK)
        return status;
    const firn_model_info info = firn_model_describe(r->model);
    r->n_vocab = info.n_vocab;
    r->n_ctx = s->n_ctx != 0 ? s->n_ctx : info.n_ctx_train;
    status = begin_chat(r, error);
    if (status == FIRN_OK && !s->interactive)
        status = prepare_ids(r, error);
    if (status == FIRN_OK)
        status = firn_session_create(r->model, &session_options, &r->session, error);
    if (status == FIRN_OK && !s->interactive)
        status = create_generation(r, error);
    return status;
}

typedef struct prompt_logprobs {
    generate_run *run;
    firn_error *error;
    firn_status status;
} prompt_logprobs;

/* Keeps the prediction of the prompt's next token. */
static bool keep_prompt_logprob(void *argument, size_t index, const float *logits)
{
    prompt_logprobs *const state = argument;
    generate_run *const r = state->run;
    const size_t next = r->slice_start + index + 1;
    if (next < r->n_ids)
        state->status = tool_tokens_add(&r->tokens, r->model, r->ids[next], logits, state->error);
    return state->status == FIRN_OK && !tool_interrupted();
}

static void show_progress(const generate_run *r, size_t done)
{
    if (r->n_ids > SLICE && tool_is_terminal(stderr))
        fprintf(stderr, done < r->n_ids ? "\rprompt: %zu of %zu tokens" : "\r\033[K", done, r->n_ids);
}

/* Runs the prompt through the model, in slices so that it can be interrupted. */
static firn_status process_prompt(generate_run *r, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (r->settings->json)
        status = tool_tokens_add(&r->tokens, r->model, r->ids[0], NULL, error);
    for (size_t i = 1; i < r->n_ids && r->settings->json && !r->logprobs && status == FIRN_OK; i++)
        status = tool_tokens_add(&r->tokens, r->model, r->ids[i], NULL, error);
    const size_t slice = r->settings->n_batch > SLICE ? r->settings->n_batch : SLICE;
    for (size_t done = 0; done < r->n_ids && status == FIRN_OK && !tool_interrupted();) {
        const size_t count = r->n_ids - done < slice ? r->n_ids - done : slice;
        prompt_logprobs state = {r, error, FIRN_OK};
        r->slice_start = done;
        show_progress(r, done);
        status = firn_session_append(r->session, r->ids + done, count, r->logprobs ? FIRN_LOGITS_ALL : FIRN_LOGITS_LAST,
                                     r->logprobs ? keep_prompt_logprob : NULL, &state, error);
        if (status == FIRN_ERROR_CANCELLED)
            status = state.status; /* FIRN_OK when it was the user who did */
        done += count;
        show_progress(r, done);
    }
    return status;
}

static firn_status generate(generate_run *r, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (firn_generation_searches(&r->settings->parameters)) {
        status = create_generation(r, error);
        r->first_token = r->end = base_seconds();
        return status;
    }
    while (status == FIRN_OK && firn_generation_end(r->generation) == FIRN_END_NOT_YET && goes_on(r)) {
        const bool first = generate_count(r) == 0;
        status = firn_drafter_advance(r->drafter, r->generation, r->session, error);
        if (status == FIRN_OK)
            status = generate_show_text(r, false, error);
        r->end = base_seconds();
        if (first)
            r->first_token = r->end;
    }
    return status;
}

/* A prompt that is continued is shown unless told otherwise, one that is answered only if asked for. */
static bool wants_prompt(const generate_run *r)
{
    const generate_settings *const s = r->settings;
    return !s->json && s->display_prompt && (r->chat.program == NULL || s->show_prompt);
}

/* What a record holds beside the prompt and the text. */
static tool_record record_of(const generate_run *r, const char *path)
{
    const generate_settings *const s = r->settings;
    tool_record record = {.checkpoint = base_slice_from(path),
                          .n_ctx = r->n_ctx,
                          .cache_types = s->cache_types,
                          .messages = s->replayed.messages,
                          .negative_ids = r->negative_ids,
                          .constraint = {r->constraint.text.data, r->constraint.text.length},
                          .parameters = s->parameters,
                          .sequence = s->replayed.sequence};
    if (s->guidance.weaker != NULL)
        record.weaker = base_slice_from(s->guidance.weaker);
    if (r->constraint.kind != NULL)
        record.constraint_kind = base_slice_from(r->constraint.kind);
    return record;
}

static firn_status interact(generate_run *r, const char *path, firn_error *error)
{
    char hex[2][BASE_SHA256_HEX];
    tool_interact_records records = {r->settings->record, record_of(r, path)};
    if (r->chat.program == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "the checkpoint has no chat template, which -i needs; name one with --chat-template");
    const firn_status status = records.path != NULL ? tool_replay_hash(&records.fixed, hex, error) : FIRN_OK;
    return status == FIRN_OK ? tool_interact(&r->chat, r->session, &r->settings->parameters, r->constraint.compiled,
                                             &r->guidance, r->drafter, &records, error)
                             : status;
}

/* Writes the record that is wanted, and compares with the one that was to be made again. */
static firn_status finish_record(const generate_run *r, const char *path, firn_error *error)
{
    const generate_settings *const s = r->settings;
    const tool_replay_files files = {s->record, s->replay, &s->replayed};
    tool_record made = record_of(r, path);
    made.prompt = (base_slice){r->prompt.data, r->prompt.length};
    made.prompt_ids = (tool_record_ids){r->ids, r->n_ids};
    return tool_replay_finish(&files, &made, r->generation, &r->chat, r->model, error);
}

static firn_status run_all(generate_run *r, const char *path, firn_error *error)
{
    firn_status status = open_everything(r, path, error);
    if (status == FIRN_OK && r->settings->interactive)
        return interact(r, path, error);
    if (status == FIRN_OK && wants_prompt(r))
        status = generate_show_prompt(r, error);
    if (status != FIRN_OK)
        return status;
    r->prompt_start = base_seconds();
    status = process_prompt(r, error);
    r->prompt_end = r->first_token = r->end = base_seconds();
    r->n_processed = firn_session_length(r->session);
    if (status == FIRN_OK && !tool_interrupted())
        status = generate(r, error);
    if (r->settings->json && status == FIRN_OK)
        status = generate_print_json(r, error);
    generate_show_text(r, true, error);
    if (!r->settings->json && tool_is_terminal(stdout))
        generate_put(r, "\n", 1, error);
    if (status == FIRN_OK)
        status = save_explanations(r, error);
    return status == FIRN_OK ? finish_record(r, path, error) : status;
}

/* ---- the program ---- */

int main(int argc, char **argv)
{
    generate_settings s;
    firn_error error = {0};
    char default_path[TOOL_PATH];
    generate_run r = {.settings = &s, .start = base_seconds()};
    firn_status status = generate_parse(&s, argc, argv, &error);
    if (status == FIRN_OK && s.version)
        puts("firn " FIRN_VERSION);
    if (status == FIRN_OK && (s.help || s.version || s.print_params))
        return EXIT_SUCCESS;
    if (status == FIRN_OK && s.model == NULL) {
        status = tool_default_checkpoint(default_path, &error);
        s.model = default_path;
    }
    if (status == FIRN_OK)
        status = take_prompt(&r, &error);
    if (status == FIRN_OK)
        status = tool_constraint_open(&s.constraint, &r.constraint, &error);
    if (status == FIRN_OK && r.constraint.kind == NULL && s.replayed.constraint_kind.data != NULL)
        status = tool_constraint_open_as(s.replayed.constraint_kind.data, s.replayed.constraint, &r.constraint, &error);
    if (status == FIRN_OK) {
        tool_handle_signals("generate", s.model);
        r.logprobs = s.n_logprobs != GENERATE_NO_LOGPROBS;
        r.tokens.n_top = r.logprobs ? s.n_logprobs : 0;
        status = run_all(&r, s.model, &error);
    }
    if (status == FIRN_OK && !s.interactive)
        generate_print_summary(&r);
    if (status != FIRN_OK)
        fprintf(stderr, "generate: error: %s\n", error.message);
    tool_chat_close(&r.chat);
    tool_constraint_close(&r.constraint);
    tool_guidance_close(&r.guidance);
    tool_record_free(&s.replayed);
    firn_generation_release(r.generation);
    firn_drafter_release(r.drafter);
    tool_draft_close(&r.draft);
    firn_session_release(r.session);
    firn_model_release(r.model);
    firn_context_release(r.context);
    tool_explanations_free(&r.explanations);
    tool_tokens_free(&r.tokens);
    free(r.prompt.data);
    free(r.ids);
    return status != FIRN_OK ? EXIT_FAILURE : tool_interrupted() ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}
