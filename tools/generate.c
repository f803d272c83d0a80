/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate: answers a prompt through the checkpoint's chat template, or continues it where there is none. The text goes
 * to standard output as it comes, in whole characters; figures, progress and errors go to standard error. Redirected
 * output is exactly the text.
 *
 * Exit status: 0 when it ran to its end, also when the reader of its output went away; 1 for an error, told in one
 * line; 130 when it was interrupted, after writing what was produced and the figures.
 */
#include "base/clock.h"
#include "engine/firn.h"
#include "tools/common_arguments.h"
#include "tools/common_chat.h"
#include "tools/common_constraint.h"
#include "tools/common_context.h"
#include "tools/common_guidance.h"
#include "tools/common_interactive.h"
#include "tools/common_explain.h"
#include "tools/common_json.h"
#include "tools/common_replay.h"
#include "tools/common_signals.h"
#include "tools/common_system.h"
#include "tools/common_text.h"
#include "tools/common_tokens.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    EXIT_INTERRUPTED = 130,
    NO_LOGPROBS = UINT32_MAX >> 1, /* the flag was not given */
    MOST_LOGPROBS = 1000,
    MOST_EXPLAINED = 50,
    MOST_DRAFTS = 15,
    EXPLAINED = 10, /* candidates, where a file is wanted and no number given */
    SLICE = 512,    /* prompt tokens between two looks at interruption and progress */
};

typedef struct settings {
    const char *model, *positional, *prompt, *file, *ids, *cpu_level;
    uint32_t n_threads, n_ctx, n_batch, n_logprobs, n_draft;
    const char *preset; /* file of generation parameters */
    bool print_params;
    const char *record, *replay; /* files of records: to write, to make again */
    uint32_t row;                /* of the latter */
    tool_record replayed;
    uint32_t n_explained; /* candidates of each token; 0: none */
    const char *explain_json, *explain_html;
    bool json, display_prompt, show_prompt, raw, interactive, escapes, check_tensors, pack_cache, version;
    tool_help_form help;
    tool_chat_options chat;
    tool_constraint_options constraint;
    tool_guidance_options guidance;
    firn_generation_parameters parameters;
} settings;

typedef struct run {
    const settings *settings;
    firn_context *context;
    firn_model *model;
    firn_session *session;
    firn_generation *generation;
    firn_drafter drafter;
    tool_explanations explanations; /* for files */
    uint32_t n_vocab, n_ctx;
    bool logprobs;
    tool_text prompt; /* data is NULL where ids were given, and before a conversation is rendered */
    tool_constraint constraint;
    tool_guidance guidance;
    tool_record_ids negative_ids; /* as they were used */
    tool_chat chat;               /* has a program where the prompt is a conversation */
    int32_t *ids;                 /* [n_ids] of the prompt */
    size_t n_ids;
    size_t slice_start; /* of the prompt tokens that are being processed */
    tool_tokens tokens; /* of the prompt, for JSON */
    size_t n_processed; /* tokens of the prompt; fewer than n_ids after an interruption */
    size_t n_written;   /* bytes of what was generated */
    bool output_gone;
    double start, prompt_start, prompt_end, first_token, end; /* seconds */
} run;

/* ---- output ---- */

/* Writes to standard output at once. A reader that went away is no error, but the end. */
static firn_status put(run *r, const char *bytes, size_t length, firn_error *error)
{
    if (r->output_gone || (fwrite(bytes, 1, length, stdout) == length && fflush(stdout) == 0))
        return FIRN_OK;
    r->output_gone = true;
    if (errno == EPIPE)
        return FIRN_OK;
    return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "standard output: %s", strerror(errno));
}

/* Writes what may be shown of the text by now, all of it at the end; nothing where JSON is wanted. */
static firn_status show_text(run *r, bool at_end, firn_error *error)
{
    if (r->settings->json || r->generation == NULL)
        return FIRN_OK;
    size_t length, n_shown;
    const char *const text = firn_generation_text(r->generation, &length, &n_shown);
    const size_t end = at_end ? length : n_shown, begin = r->n_written;
    r->n_written = end > begin ? end : begin;
    return end > begin ? put(r, text + begin, end - begin, error) : FIRN_OK;
}

static firn_status show_prompt(run *r, firn_error *error)
{
    firn_status status = FIRN_OK;
    const bool colour = tool_wants_colour(stdout);
    if (colour)
        fputs("\033[2m", stdout);
    if (r->prompt.data != NULL)
        status = put(r, r->prompt.data, r->prompt.length, error);
    char *const bytes = malloc(firn_token_longest(r->model) + 1);
    if (bytes == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a token");
    for (size_t i = 0; r->prompt.data == NULL && i < r->n_ids && status == FIRN_OK; i++)
        status =
            put(r, bytes, firn_token_bytes(r->model, r->ids[i], false, bytes, firn_token_longest(r->model)), error);
    free(bytes);
    return status == FIRN_OK && colour ? put(r, "\033[0m", 4, error) : status;
}

static double rate(size_t count, double seconds)
{
    return count == 0 || seconds <= 0 ? NAN : (double)count / seconds;
}

static size_t n_generated(const run *r)
{
    size_t n = 0;
    if (r->generation != NULL)
        firn_generation_ids(r->generation, &n);
    return n;
}

/* Tokens a second, after the first. */
static double decode_rate(const run *r)
{
    const size_t n = n_generated(r);
    return rate(n > 0 ? n - 1 : 0, r->end - r->first_token);
}

static void print_rate(const char *what, size_t count, double per_second)
{
    fprintf(stderr, "%s%zu token%s", what, count, count == 1 ? "" : "s");
    if (isfinite(per_second))
        fprintf(stderr, ", %.1f tokens/s", per_second);
    fputc('\n', stderr);
}

static void print_summary(const run *r)
{
    const bool colour = tool_wants_colour(stderr);
    fputs(colour ? "\n\033[2m" : "\n", stderr);
    print_rate("prompt:      ", r->n_processed, rate(r->n_processed, r->prompt_end - r->prompt_start));
    print_rate("generated:   ", n_generated(r), decode_rate(r));
    if (n_generated(r) > 0)
        fprintf(stderr, "first token: %.0f ms after the start\n", 1e3 * (r->first_token - r->start));
    fprintf(stderr, "peak memory: %.0f MiB\n", (double)tool_peak_memory() / (1 << 20));
    fprintf(stderr, "seed:        %llu\n", (unsigned long long)r->settings->parameters.seed);
    fputs(colour ? "\033[0m" : "", stderr);
}

static void print_timing(const char *name, double value)
{
    printf(",\"%s\":", name);
    tool_json_number(stdout, value, 7);
}

static firn_status print_json(run *r, firn_error *error)
{
    fputs("{\"prompt\":", stdout);
    firn_status status = tool_predictions_json(stdout, r->model, tool_tokens_predictions(&r->tokens), error);
    if (status != FIRN_OK)
        return status;
    fputs(",\n\"generated\":", stdout);
    status = tool_predictions_json(stdout, r->model, tool_generated_predictions(r->generation, r->tokens.n_top), error);
    if (status != FIRN_OK)
        return status;
    fputs(",\n\"text\":", stdout);
    size_t length;
    const char *const text = firn_generation_text(r->generation, &length, NULL);
    tool_json_string(stdout, text, length);
    fputs(",\n\"params\":", stdout);
    tool_json_parameters(stdout, &r->settings->parameters);
    const double prompt_seconds = r->prompt_end - r->prompt_start, seconds = r->end - r->first_token;
    printf(",\n\"timings\":{\"prompt_n\":%zu", r->n_processed);
    print_timing("prompt_ms", 1e3 * prompt_seconds);
    print_timing("prompt_per_second", rate(r->n_processed, prompt_seconds));
    printf(",\"predicted_n\":%zu", n_generated(r));
    print_timing("predicted_ms", 1e3 * seconds);
    print_timing("predicted_per_second", decode_rate(r));
    print_timing("load_ms", 1e3 * (r->prompt_start - r->start));
    print_timing("first_token_ms", n_generated(r) > 0 ? 1e3 * (r->first_token - r->start) : NAN);
    printf(",\"peak_memory_bytes\":%llu}}\n", (unsigned long long)tool_peak_memory());
    return put(r, "", 0, error);
}

/* ---- the prompt ---- */

static int given_prompts(const settings *s)
{
    return (s->positional != NULL) + (s->prompt != NULL) + (s->file != NULL) + (s->ids != NULL);
}

/* Takes the prompt's text or ids from the one place that was named, else from standard input. */
static firn_status take_prompt(run *r, firn_error *error)
{
    const settings *const s = r->settings;
    if (given_prompts(s) > 1)
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
static bool is_raw(const settings *s)
{
    return s->raw || s->ids != NULL || s->replay != NULL ||
           (s->n_logprobs != NO_LOGPROBS && !tool_chat_asked(&s->chat));
}

/* Opens the conversation, if the prompt is to be one, and makes the prompt its last message. */
static firn_status begin_chat(run *r, firn_error *error)
{
    const settings *const s = r->settings;
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
static firn_status prepare_ids(run *r, firn_error *error)
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
    run *const r = argument;
    if (r->settings->explain_json != NULL || r->settings->explain_html != NULL)
        return tool_explanations_add(&r->explanations, r->model, explanation, number, error);
    return tool_explain(stderr, r->model, explanation, number, error);
}

static firn_status save_explanations(const run *r, firn_error *error)
{
    const settings *const s = r->settings;
    tool_explained_text text = {r->model, &s->parameters, {r->prompt.data, r->prompt.length}, {NULL, 0}};
    text.text.data = firn_generation_text(r->generation, &text.text.length, NULL);
    return tool_explanations_save(s->explain_json, s->explain_html, &r->explanations, &text, error);
}

static bool goes_on(void *argument)
{
    const run *const r = argument;
    return !tool_interrupted() && !r->output_gone;
}

/* Puts the best of several texts in the place of a generation that has none. */
static firn_status search(run *r, const firn_generation_options *options, firn_error *error)
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

static firn_status create_generation(run *r, firn_error *error)
{
    firn_generation_options options = firn_generation_options_default();
    const tool_record *const replayed = &r->settings->replayed;
    firn_status status = tool_guidance_apply(&r->guidance, &r->chat, r->model, &options, error);
    if (status != FIRN_OK)
        return status;
    if (replayed->negative_ids.count > 0) {
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

static firn_status open_everything(run *r, const char *path, firn_error *error)
{
    const settings *const s = r->settings;
    firn_model_options model_options = firn_model_options_default();
    model_options.check_tensors = s->check_tensors;
    firn_session_options session_options = firn_session_options_default();
    session_options.n_ctx = s->n_ctx;
    session_options.n_batch = s->n_batch;

    firn_status status = tool_context_create(s->n_threads, s->cpu_level, &r->context, error);
    if (status == FIRN_OK)
        status = tool_model_open(r->context, path, model_options, s->pack_cache, &r->model, error);
    if (status == FIRN_OK)
        status = tool_guidance_open(&s->guidance, s->escapes, r->context, &r->guidance, error);
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
    run *run;
    firn_error *error;
    firn_status status;
} prompt_logprobs;

/* Keeps the prediction of the prompt's next token. */
static bool keep_prompt_logprob(void *argument, size_t index, const float *logits)
{
    prompt_logprobs *const state = argument;
    run *const r = state->run;
    const size_t next = r->slice_start + index + 1;
    if (next < r->n_ids)
        state->status = tool_tokens_add(&r->tokens, r->ids[next], logits, r->n_vocab, state->error);
    return state->status == FIRN_OK && !tool_interrupted();
}

static void show_progress(const run *r, size_t done)
{
    if (r->n_ids > SLICE && tool_is_terminal(stderr))
        fprintf(stderr, done < r->n_ids ? "\rprompt: %zu of %zu tokens" : "\r\033[K", done, r->n_ids);
}

/* Runs the prompt through the model, in slices so that it can be interrupted. */
static firn_status process_prompt(run *r, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (r->settings->json)
        status = tool_tokens_add(&r->tokens, r->ids[0], NULL, r->n_vocab, error);
    for (size_t i = 1; i < r->n_ids && r->settings->json && !r->logprobs && status == FIRN_OK; i++)
        status = tool_tokens_add(&r->tokens, r->ids[i], NULL, r->n_vocab, error);
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

static firn_status generate(run *r, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (firn_generation_searches(&r->settings->parameters)) {
        status = create_generation(r, error);
        r->first_token = r->end = base_seconds();
        return status;
    }
    r->drafter.most = r->settings->n_draft;
    while (status == FIRN_OK && firn_generation_end(r->generation) == FIRN_END_NOT_YET && goes_on(r)) {
        const bool first = n_generated(r) == 0;
        status = firn_drafter_advance(&r->drafter, r->generation, r->session, error);
        if (status == FIRN_OK)
            status = show_text(r, false, error);
        r->end = base_seconds();
        if (first)
            r->first_token = r->end;
    }
    return status;
}

/* A prompt that is continued is shown unless told otherwise, one that is answered only if asked for. */
static bool wants_prompt(const run *r)
{
    const settings *const s = r->settings;
    return !s->json && s->display_prompt && (r->chat.program == NULL || s->show_prompt);
}

static firn_status interact(run *r, firn_error *error)
{
    if (r->chat.program == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "the checkpoint has no chat template, which -i needs; name one with --chat-template");
    return tool_interact(&r->chat, r->session, &r->settings->parameters, r->constraint.compiled, &r->guidance, error);
}

/* Writes the record that is wanted, and compares with the one that was to be made again. */
static firn_status finish_record(const run *r, const char *path, firn_error *error)
{
    const settings *const s = r->settings;
    const tool_replay_files files = {s->record, s->replay, &s->replayed};
    tool_record made = {.checkpoint = base_slice_from(path),
                        .n_ctx = r->n_ctx,
                        .prompt = {r->prompt.data, r->prompt.length},
                        .messages = s->replayed.messages,
                        .prompt_ids = {r->ids, r->n_ids},
                        .negative_ids = r->negative_ids,
                        .constraint = {r->constraint.text.data, r->constraint.text.length},
                        .parameters = s->parameters,
                        .sequence = s->replayed.sequence};
    if (r->constraint.kind != NULL)
        made.constraint_kind = base_slice_from(r->constraint.kind);
    return tool_replay_finish(&files, &made, r->generation, &r->chat, r->model, error);
}

static firn_status run_all(run *r, const char *path, firn_error *error)
{
    firn_status status = open_everything(r, path, error);
    if (status == FIRN_OK && r->settings->interactive)
        return interact(r, error);
    if (status == FIRN_OK && wants_prompt(r))
        status = show_prompt(r, error);
    if (status != FIRN_OK)
        return status;
    r->prompt_start = base_seconds();
    status = process_prompt(r, error);
    r->prompt_end = r->first_token = r->end = base_seconds();
    r->n_processed = firn_session_length(r->session);
    if (status == FIRN_OK && !tool_interrupted())
        status = generate(r, error);
    if (r->settings->json && status == FIRN_OK)
        status = print_json(r, error);
    show_text(r, true, error);
    if (!r->settings->json && tool_is_terminal(stdout))
        put(r, "\n", 1, error);
    if (status == FIRN_OK)
        status = save_explanations(r, error);
    return status == FIRN_OK ? finish_record(r, path, error) : status;
}

/* ---- the command line ---- */

/* What a preset or a record says goes where flags would put it. */
static firn_status read_files(const settings *s, settings *out, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (s->preset != NULL)
        status = tool_read_parameters(s->preset, &out->parameters, error);
    if (s->replay == NULL || status != FIRN_OK)
        return status;
    status = tool_replay_load(s->replay, s->row, &out->replayed, error);
    out->parameters = out->replayed.parameters;
    out->n_ctx = out->replayed.n_ctx;
    out->model = out->replayed.checkpoint.data;
    out->display_prompt = out->replayed.messages.data == NULL;
    return status;
}

/* Flags that contradict each other. */
static firn_status check_flags(const settings *s, firn_error *error)
{
    if (s->n_logprobs != NO_LOGPROBS && !s->json)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "--logprobs needs --json");
    if ((s->raw || s->ids != NULL) && (s->interactive || tool_chat_asked(&s->chat)))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--raw and --ids take no -i, system message, conversation or chat template");
    if (s->interactive && (s->record != NULL || s->replay != NULL || s->n_explained > 0))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "-i takes no --record, --replay or --explain");
    if (s->replay != NULL && (s->preset != NULL || tool_chat_asked(&s->chat) || given_prompts(s) > 0))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--replay has the prompt and all parameters; it takes no prompt, conversation or --params");
    if (s->guidance.weaker != NULL && (s->record != NULL || s->replay != NULL))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "a record holds no weaker model");
    if (s->replay != NULL && (s->guidance.negative != NULL || s->guidance.negative_file != NULL))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "--replay has the negative prompt");
    if (s->interactive && s->json)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "-i writes no JSON; /save in it does");
    return FIRN_OK;
}

static firn_status parse(settings *s, int argc, char **argv, firn_error *error)
{
    const settings initial = {.n_logprobs = NO_LOGPROBS,
                              .n_draft = MOST_DRAFTS,
                              .display_prompt = true,
                              .escapes = true,
                              .parameters = firn_generation_parameters_default()};
    *s = initial;
    const tool_option options[] = {
        {"-m,--model", "FILE", TOOL_TEXT, &s->model, 0, "checkpoint; default: SmolLM2-135M-Instruct in the cache"},
        {"-p,--prompt", "TEXT", TOOL_TEXT, &s->prompt, 0, "the prompt, like PROMPT"},
        {"-f,--file", "FILE", TOOL_TEXT, &s->file, 0, "prompt from a file, less its last newline; - : standard input"},
        {"--ids", "1,2,3", TOOL_TEXT, &s->ids, 0, "token ids as the prompt, taken as they are"},
        {"-e,--escape", NULL, TOOL_ON, &s->escapes, 0, "\\n, \\t, \\xHH, … in PROMPT and -p are escapes (the default)"},
        {"--no-escape", NULL, TOOL_OFF, &s->escapes, 0, "take PROMPT and -p as they are"},
        {"-t,--threads", "N", TOOL_COUNT, &s->n_threads, 1024, "threads; 0: as many as this process may use"},
        {"-c,--ctx-size", "N", TOOL_COUNT, &s->n_ctx, INT32_MAX,
         "tokens of context; 0: what the model was trained for"},
        {"--spec-draft-n-max", "N", TOOL_COUNT, &s->n_draft, MOST_DRAFTS,
         "most tokens that are drafted in one step where a text repeats itself; changes no result; 0: none (15)"},
        {"-b,--batch-size", "N", TOOL_COUNT, &s->n_batch, 1 << 20,
         "prompt tokens in one step; changes no result; 0: 512"},
        {"--cpu", "LEVEL", TOOL_TEXT, &s->cpu_level, 0, "instruction-set level: scalar, avx2, … ($FIRN_CPU_LEVEL)"},
        {"--check-tensors", NULL, TOOL_ON, &s->check_tensors, 0, "look for parameters that are not finite"},
        {"--pack-cache", NULL, TOOL_ON, &s->pack_cache, 0, "keep packed parameters, so that the next start is faster"},
        {"--json", NULL, TOOL_ON, &s->json, 0, "one JSON object at the end instead of text"},
        {"--logprobs", "N", TOOL_COUNT, &s->n_logprobs, MOST_LOGPROBS,
         "with --json: log-probabilities, and N alternatives; a text prompt is taken as with --raw"},
        {"-i,--interactive,-cnv,--conversation", NULL, TOOL_ON, &s->interactive, 0,
         "talk in the terminal; /help there; what was typed is kept in ~/.local/state/firn/history"},
        {"--raw,-no-cnv,--no-conversation", NULL, TOOL_ON, &s->raw, 0,
         "continue the prompt as it is; default: answer it, where it is text and there is a chat template"},
        {"-sys,--system-prompt", "TEXT", TOOL_TEXT, &s->chat.system, 0, "the system message, taken as it is"},
        {"-sysf,--system-prompt-file", "FILE", TOOL_TEXT, &s->chat.system_file, 0, "the system message from a file"},
        {"--messages", "FILE", TOOL_TEXT, &s->chat.messages, 0,
         "a conversation, JSON in OpenAI's form, maybe with tools; the prompt, if any, is its last message"},
        TOOL_TEMPLATE_OPTIONS(s->chat),
        {"--show-prompt", NULL, TOOL_ON, &s->show_prompt, 0, "write the rendered prompt before an answer"},
        {"--no-display-prompt", NULL, TOOL_OFF, &s->display_prompt, 0, "write only what is generated"},
        TOOL_CONSTRAINT_OPTIONS(s->constraint),
        {"--negative-prompt,--cfg-negative-prompt", "TEXT", TOOL_TEXT, &s->guidance.negative, 0,
         "what --guidance goes away from, in the prompt's place; without it: the prompt's last token"},
        {"--negative-prompt-file,--cfg-negative-prompt-file", "FILE", TOOL_TEXT, &s->guidance.negative_file, 0,
         "the same from a file"},
        {"--weaker-model,--amateur-model", "FILE", TOOL_TEXT, &s->guidance.weaker, 0,
         "checkpoint of the same vocabulary that --contrast goes away from"},
        {"--explain", "N", TOOL_COUNT, &s->n_explained, MOST_EXPLAINED,
         "for each token, tell on standard error what became of the N likeliest candidates"},
        {"--explain-json", "FILE", TOOL_TEXT, &s->explain_json, 0,
         "the same as JSON, to a file instead; without --explain, of 10 candidates"},
        {"--explain-html", "FILE", TOOL_TEXT, &s->explain_html, 0, "the same as a page to look through in a browser"},
        {"--params", "FILE", TOOL_TEXT, &s->preset, 0,
         "generation parameters from a JSON object, as --print-params writes it; flags go before it"},
        {"--record", "FILE", TOOL_TEXT, &s->record, 0,
         "write all that made the text, and the text, as JSON (docs/FORMATS.md)"},
        {"--replay", "FILE", TOOL_TEXT, &s->replay, 0,
         "make a record's text again, or say what differs (exit status 1); flags go before it"},
        {"--row", "N", TOOL_COUNT, &s->row, INT32_MAX, "which record of the file, from 1; needed where it has several"},
        {"--print-params", NULL, TOOL_ON, &s->print_params, 0, "write all generation parameters as JSON, and end"},
        TOOL_HELP_OPTION(&s->help),
        {"--version", NULL, TOOL_ON, &s->version, 0, "the version"},
    };
    const tool_command command = {"generate",     "Answers a prompt, or continues it.",
                                  options,        sizeof options / sizeof options[0],
                                  &s->parameters, "PROMPT",
                                  &s->positional};
    firn_status status = tool_parse(&command, argc, argv, error);
    if (status == FIRN_OK && (s->preset != NULL || s->replay != NULL)) {
        settings from = initial;
        status = read_files(s, &from, error);
        *s = from; /* flags act on what the files say, wherever they stand */
        if (status == FIRN_OK)
            status = tool_parse(&command, argc, argv, error);
    }
    if ((s->explain_json != NULL || s->explain_html != NULL) && s->n_explained == 0)
        s->n_explained = EXPLAINED;
    if (status == FIRN_OK)
        status = firn_generation_parameters_check(&s->parameters, error);
    if (status != FIRN_OK)
        return status;
    if (s->help)
        tool_help(&command, s->help, stdout);
    if (s->print_params) {
        tool_json_parameters(stdout, &s->parameters);
        putchar('\n');
    }
    status = check_flags(s, error);
    if (status == FIRN_OK && s->parameters.seed == FIRN_SEED_DRAW)
        return tool_draw_seed(&s->parameters.seed, error);
    return status;
}

int main(int argc, char **argv)
{
    settings s;
    firn_error error = {0};
    char default_path[TOOL_PATH];
    run r = {.settings = &s, .start = base_seconds()};
    firn_status status = parse(&s, argc, argv, &error);
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
        status = s.replayed.constraint_kind.data == NULL
                     ? tool_constraint_open(&s.constraint, &r.constraint, &error)
                     : tool_constraint_open_as(s.replayed.constraint_kind.data, s.replayed.constraint, &r.constraint,
                                               &error);
    if (status == FIRN_OK) {
        tool_handle_signals("generate", s.model);
        r.logprobs = s.n_logprobs != NO_LOGPROBS;
        r.tokens.n_top = r.logprobs ? s.n_logprobs : 0;
        status = run_all(&r, s.model, &error);
    }
    if (status == FIRN_OK && !s.interactive)
        print_summary(&r);
    if (status != FIRN_OK)
        fprintf(stderr, "generate: error: %s\n", error.message);
    tool_chat_close(&r.chat);
    tool_constraint_close(&r.constraint);
    tool_guidance_close(&r.guidance);
    tool_record_free(&s.replayed);
    firn_generation_release(r.generation);
    firn_session_release(r.session);
    firn_model_release(r.model);
    firn_context_release(r.context);
    tool_explanations_free(&r.explanations);
    tool_tokens_free(&r.tokens);
    free(r.prompt.data);
    free(r.ids);
    return status != FIRN_OK ? EXIT_FAILURE : tool_interrupted() ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}
