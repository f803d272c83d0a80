/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_interactive.h"

#include "base/clock.h"
#include "tools/common_draft.h"
#include "tools/common_system.h"
#include "tools/common_terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE = 256 }; /* prompt tokens between two looks at interruption */

typedef struct turn_stats {
    size_t n_prompt, n_reused, n_generated;
    double prompt_seconds, answer_seconds;
} turn_stats;

typedef struct talk {
    tool_chat *chat;
    firn_session *session;
    firn_generation_parameters parameters;
    firn_constraint *constraint; /* on each answer; or NULL */
    tool_guidance *guidance;
    const tool_interact_records *records;
    FILE *record_file; /* or NULL */
    firn_drafter *drafter;
    int32_t *ids;       /* [n_ids] of the session's timeline */
    size_t n_ids;       /* at most firn_session_length */
    uint64_t n_retries; /* of the last message: each has noise of its own */
    bool output_is_terminal, ended;
    turn_stats stats;
} talk;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = on_interrupt}; /* no SA_RESTART: reading a line ends */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_DFL;
    sigaction(SIGTERM, &action, NULL);
}

/* ---- an answer ---- */

/* Writes whole characters; a terminal gets none that would steer it. */
static void show(talk *t, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        if (!t->output_is_terminal || (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t')
            putchar(c);
    }
    if (fflush(stdout) != 0)
        t->ended = true; /* the reader went away */
}

/* Makes the session's timeline `ids`, computing only what it doesn't have. */
static firn_status take_prompt(talk *t, const int32_t *ids, size_t n_ids, firn_error *error)
{
    const uint32_t n_ctx = firn_session_context(t->session);
    if (n_ids >= n_ctx)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "the conversation has %zu tokens and the context holds %u; /undo or /clear, or start again "
                         "with a larger -c",
                         n_ids, n_ctx);
    size_t common = 0;
    while (common < t->n_ids && common < n_ids - 1 && t->ids[common] == ids[common])
        common++; /* the last one is computed again for its logits */
    firn_session_rewind(t->session, common);
    t->n_ids = common;
    t->stats = (turn_stats){.n_prompt = n_ids, .n_reused = common};
    firn_status status = FIRN_OK;
    const double start = base_seconds();
    while (status == FIRN_OK && t->n_ids < n_ids && !interrupted) {
        const size_t count = n_ids - t->n_ids < SLICE ? n_ids - t->n_ids : SLICE;
        status = firn_session_append(t->session, ids + t->n_ids, count, FIRN_LOGITS_LAST, NULL, NULL, error);
        if (status == FIRN_OK) {
            memcpy(t->ids + t->n_ids, ids + t->n_ids, count * sizeof *ids);
            t->n_ids += count;
        }
    }
    t->stats.prompt_seconds = base_seconds() - start;
    return status;
}

/* Shows what may be shown by now, all of it at the end. */
static void show_answer(talk *t, const firn_generation *generation, bool at_end, size_t *n_shown)
{
    size_t length, end;
    const char *const text = firn_generation_text(generation, &length, &end);
    end = at_end ? length : end;
    show(t, text + *n_shown, end - *n_shown);
    *n_shown = end;
}

static firn_status generate(talk *t, firn_generation *generation, firn_error *error)
{
    firn_status status = FIRN_OK;
    size_t n_shown = 0, n_kept = t->n_ids;
    const double start = base_seconds();
    while (status == FIRN_OK && !interrupted && !t->ended && firn_generation_end(generation) == FIRN_END_NOT_YET) {
        status = firn_drafter_advance(t->drafter, generation, t->session, error);
        show_answer(t, generation, false, &n_shown);
    }
    show_answer(t, generation, true, &n_shown);
    const int32_t *const ids = firn_generation_ids(generation, &t->stats.n_generated);
    for (size_t i = 0; i < t->stats.n_generated && n_kept < firn_session_length(t->session); i++)
        t->ids[n_kept++] = ids[i];
    t->n_ids = n_kept;
    t->stats.answer_seconds = base_seconds() - start;
    return status;
}

static bool goes_on(void *argument)
{
    const talk *const t = argument;
    return !interrupted && !t->ended;
}

/* The best of several texts, which is shown when it is known. */
static firn_status search(talk *t, const firn_generation_options *options, const int32_t *ids, size_t n_ids,
                          firn_generation **generation, firn_error *error)
{
    size_t n_shown = 0;
    const double start = base_seconds();
    if (interrupted)
        return FIRN_OK;
    const firn_status status = firn_generation_search(t->chat->model, &t->parameters, options, ids, n_ids, t->session,
                                                      goes_on, t, generation, error);
    if (status != FIRN_OK)
        return status;
    show_answer(t, *generation, true, &n_shown);
    firn_generation_ids(*generation, &t->stats.n_generated);
    t->stats.answer_seconds = base_seconds() - start;
    return FIRN_OK;
}

static void say_error(const firn_error *error)
{
    fprintf(stderr, "error: %s\n", error->message);
}

/* Adds the record of an answer to the file. `made` has what it was made of. */
static void write_record(const talk *t, const firn_generation *generation, tool_record *made)
{
    firn_error error = {0};
    tool_text messages;
    const tool_record *const fixed = &t->records->fixed;
    made->checkpoint = fixed->checkpoint;
    made->checkpoint_sha256 = fixed->checkpoint_sha256;
    if (t->parameters.contrast > 0) {
        made->weaker = fixed->weaker;
        made->weaker_sha256 = fixed->weaker_sha256;
    }
    made->constraint_kind = fixed->constraint_kind;
    made->constraint = fixed->constraint;
    made->n_ctx = firn_session_context(t->session);
    made->parameters = t->parameters;
    if (tool_replay_describe(made, generation, t->chat, &messages, &error) == FIRN_OK) {
        fputc('{', t->record_file);
        tool_record_members(t->record_file, made);
        fputs("}\n", t->record_file);
        if (fflush(t->record_file) != 0)
            base_fail(&error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.200s: %s", t->records->path, strerror(errno));
    }
    if (error.status != FIRN_OK)
        say_error(&error);
    free(messages.data);
}

/* *generation is to be released, also after a failure. */
static firn_status answer_prompt(talk *t, firn_generation **generation, firn_error *error)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    tool_text prompt = {NULL, 0};
    firn_generation_options options = firn_generation_options_default();
    options.sequence = t->n_retries * (uint64_t)t->parameters.best_of; /* which takes so many */
    options.n_ctx = firn_session_context(t->session);
    options.constraint = t->constraint;
    firn_status status = tool_chat_prompt(t->chat, &prompt, &ids, &n_ids, error);
    if (status == FIRN_OK)
        status = tool_guidance_apply(t->guidance, t->chat, t->chat->model, &options, error);
    options.n_negative = t->parameters.guidance != 1 ? options.n_negative : 0; /* /set turns them on and off */
    options.weaker = t->parameters.contrast > 0 ? options.weaker : NULL;
    const bool searches = firn_generation_searches(&t->parameters);
    if (status == FIRN_OK && !searches)
        status = firn_generation_create(t->chat->model, &t->parameters, &options, ids, n_ids, generation, error);
    if (status == FIRN_OK)
        status = take_prompt(t, ids, n_ids, error);
    if (status == FIRN_OK)
        status = searches ? search(t, &options, ids, n_ids, generation, error) : generate(t, *generation, error);
    if (status == FIRN_OK && t->record_file != NULL && *generation != NULL) {
        tool_record made = {.prompt = {prompt.data, prompt.length},
                            .prompt_ids = {ids, n_ids},
                            .negative_ids = {options.negative, options.n_negative},
                            .sequence = options.sequence};
        write_record(t, *generation, &made);
    }
    free(prompt.data);
    free(ids);
    return status;
}

/* Answers the last message. One to which nothing came is taken back. */
static void answer(talk *t)
{
    firn_error error = {0};
    firn_generation *generation = NULL;
    tool_conversation *const all = &t->chat->conversation;
    size_t length = 0;
    interrupted = 0;
    firn_status status = answer_prompt(t, &generation, &error);
    const char *const text = generation != NULL ? firn_generation_text(generation, &length, NULL) : NULL;
    if (length > 0 || status == FIRN_OK)
        show(t, "\n", 1);
    if (interrupted)
        fputs("(interrupted)\n", stderr);
    if (status == FIRN_OK && (length > 0 || !interrupted))
        status = tool_conversation_insert(all, all->count, TOOL_ASSISTANT, (base_slice){text, length}, &error);
    else
        tool_conversation_cut(all, tool_conversation_last_user(all));
    if (status != FIRN_OK)
        say_error(&error);
    firn_generation_release(generation);
    interrupted = 0;
}

static void say_to_model(talk *t, base_slice text)
{
    firn_error error = {0};
    tool_conversation *const all = &t->chat->conversation;
    t->n_retries = 0;
    if (tool_conversation_insert(all, all->count, TOOL_USER, text, &error) == FIRN_OK)
        answer(t);
    else
        say_error(&error);
}

/* ---- commands: each gets the text after its name, "" where there is none ---- */

static firn_status draw_seed(talk *t, firn_error *error)
{
    return t->parameters.seed == FIRN_SEED_DRAW ? tool_draw_seed(&t->parameters.seed, error) : FIRN_OK;
}

static firn_status set_command(talk *t, const char *argument, firn_error *error)
{
    char name[64];
    const size_t length = strcspn(argument, " =");
    if (length == 0 || length >= sizeof name || argument[length] == '\0')
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "/set wants a name and a value, as in /set temperature 0.2; /params lists them");
    memcpy(name, argument, length);
    name[length] = '\0';
    const char *const value = argument + length + strspn(argument + length, " =");
    const firn_generation_parameters before = t->parameters;
    firn_sampler *sampler = NULL; /* made only to see whether one can be: ids may be outside the vocabulary */
    firn_status status = firn_parameter_set(&t->parameters, name, value, error);
    if (status == FIRN_OK)
        status = draw_seed(t, error);
    if (status == FIRN_OK)
        status = firn_sampler_create_for(&t->parameters, t->chat->model, &sampler, error);
    firn_sampler_release(sampler);
    if (status == FIRN_OK && t->parameters.contrast > 0 && t->guidance->weaker == NULL)
        status = base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                           "contrast needs a weaker model; start again with --weaker-model and --contrast");
    if (status != FIRN_OK)
        t->parameters = before;
    return status;
}

static firn_status params_command(talk *t, const char *argument, firn_error *error)
{
    (void)argument;
    (void)error;
    for (size_t i = 0; i < firn_parameter_count(); i++) {
        char value[FIRN_PARAMETER_TEXT];
        firn_parameter_print(&t->parameters, firn_parameter_at(i), value);
        fprintf(stderr, "%-22s %-10s %s\n", firn_parameter_at(i)->name, value, firn_parameter_at(i)->help);
    }
    return FIRN_OK;
}

static firn_status seed_command(talk *t, const char *argument, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (*argument != '\0')
        status = firn_parameter_set(&t->parameters, "seed", argument, error);
    if (status == FIRN_OK)
        status = draw_seed(t, error);
    if (status == FIRN_OK)
        fprintf(stderr, "seed %llu\n", (unsigned long long)t->parameters.seed);
    return status;
}

static firn_status system_command(talk *t, const char *argument, firn_error *error)
{
    return tool_chat_set_system(t->chat, base_slice_from(argument), error);
}

static firn_status retry_command(talk *t, const char *argument, firn_error *error)
{
    tool_conversation *const all = &t->chat->conversation;
    const size_t last = tool_conversation_last_user(all);
    (void)argument;
    if (last == all->count)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "there is no message to answer again");
    tool_conversation_cut(all, last + 1);
    t->n_retries++;
    answer(t);
    return FIRN_OK;
}

static firn_status undo_command(talk *t, const char *argument, firn_error *error)
{
    tool_conversation *const all = &t->chat->conversation;
    const size_t last = tool_conversation_last_user(all);
    (void)argument;
    if (last == all->count)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "there is no message to take back");
    tool_conversation_cut(all, last);
    t->n_retries = 0;
    return FIRN_OK;
}

static firn_status clear_command(talk *t, const char *argument, firn_error *error)
{
    tool_conversation *const all = &t->chat->conversation;
    (void)argument;
    (void)error;
    tool_conversation_cut(all, all->count > 0 && all->messages[0].role == TOOL_SYSTEM);
    return FIRN_OK;
}

static firn_status save_command(talk *t, const char *argument, firn_error *error)
{
    tool_text text = {NULL, 0};
    if (*argument == '\0')
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "/save wants the name of a file");
    firn_status status = tool_conversation_json(&t->chat->conversation, true, &text, error);
    if (status != FIRN_OK)
        return status;
    FILE *const file = fopen(argument, "wb");
    const bool written =
        file != NULL && fwrite(text.data, 1, text.length, file) == text.length && fputc('\n', file) == '\n';
    if ((file != NULL && fclose(file) != 0) || !written)
        status = base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.200s: %s", argument, strerror(errno));
    free(text.data);
    return status;
}

static firn_status load_command(talk *t, const char *argument, firn_error *error)
{
    if (*argument == '\0')
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "/load wants the name of a file");
    const firn_status status = tool_conversation_read(&t->chat->conversation, argument, error);
    if (status == FIRN_OK)
        fprintf(stderr, "%zu messages\n", t->chat->conversation.count);
    return status;
}

static void print_rate(const char *what, size_t count, double seconds)
{
    fprintf(stderr, "%s%zu tokens", what, count);
    if (count > 0 && seconds > 0)
        fprintf(stderr, ", %.1f tokens/s", (double)count / seconds);
    fputc('\n', stderr);
}

static firn_status stats_command(talk *t, const char *argument, firn_error *error)
{
    const turn_stats *const s = &t->stats;
    const firn_drafter_figures drafts = firn_drafter_measure(t->drafter);
    (void)argument;
    (void)error;
    fprintf(stderr, "last prompt: %zu tokens, %zu of them from the turns before\n", s->n_prompt, s->n_reused);
    print_rate("computed:    ", s->n_prompt - s->n_reused, s->prompt_seconds);
    print_rate("generated:   ", s->n_generated, s->answer_seconds);
    fprintf(stderr, "drafted:     %llu tokens in this conversation, %llu of them came true\n",
            (unsigned long long)drafts.n_drafted, (unsigned long long)drafts.n_accepted);
    tool_draft_print_fault(&drafts.fault);
    fprintf(stderr, "context:     %zu of %u tokens, %zu messages\n", t->n_ids, firn_session_context(t->session),
            t->chat->conversation.count);
    fprintf(stderr, "peak memory: %.0f MiB\n", (double)tool_peak_memory() / (1 << 20));
    fprintf(stderr, "seed:        %llu\n", (unsigned long long)t->parameters.seed);
    return FIRN_OK;
}

static firn_status quit_command(talk *t, const char *argument, firn_error *error)
{
    (void)argument;
    (void)error;
    t->ended = true;
    return FIRN_OK;
}

static firn_status help_command(talk *t, const char *argument, firn_error *error);

static const struct {
    const char *name, *argument, *help;
    firn_status (*run)(talk *, const char *, firn_error *);
} commands[] = {
    {"/set", "NAME VALUE", "set a generation parameter, as in /set temperature 0.2", set_command},
    {"/params", "", "all generation parameters", params_command},
    {"/seed", "[N]", "show the seed or set it; -1: draw one", seed_command},
    {"/system", "[TEXT]", "set the system message; without TEXT: none", system_command},
    {"/retry", "", "another answer to the last message", retry_command},
    {"/undo", "", "take back the last message and its answer", undo_command},
    {"/clear", "", "begin again; the system message stays", clear_command},
    {"/save", "FILE", "write the conversation as JSON in OpenAI's form", save_command},
    {"/load", "FILE", "go on with a conversation from such a file", load_command},
    {"/stats", "", "tokens, rates and memory", stats_command},
    {"/help", "", "this text", help_command},
    {"/quit", "", "end; so does Ctrl-D", quit_command},
};

static firn_status help_command(talk *t, const char *argument, firn_error *error)
{
    (void)t;
    (void)argument;
    (void)error;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(stderr, "%-8s %-11s %s\n", commands[i].name, commands[i].argument, commands[i].help);
    fputs("Ctrl-C stops an answer. A line that ends in \\ goes on in the next. A message that begins with / is written "
          "with two.\nArrow keys bring back what was typed, in earlier conversations too "
          "(~/.local/state/firn/history, or below $XDG_STATE_HOME).\n",
          stderr);
    return FIRN_OK;
}

static void run_command(talk *t, const char *line)
{
    firn_error error = {0};
    const size_t length = strcspn(line, " \n");
    const char *const argument = line + length + strspn(line + length, " \n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strlen(commands[i].name) == length && memcmp(commands[i].name, line, length) == 0) {
            if (commands[i].run(t, argument, &error) != FIRN_OK)
                say_error(&error);
            return;
        }
    }
    fprintf(stderr, "error: there is no command '%.*s'; /help lists them, and // begins a message with /\n",
            length < 40 ? (int)length : 40, line);
}

/* ---- the conversation ---- */

static void take_message(talk *t, tool_text message)
{
    while (message.length > 0 && strchr(" \t\n", message.data[message.length - 1]) != NULL)
        message.data[--message.length] = '\0';
    if (message.length == 0)
        return;
    if (message.data[0] == '/' && message.data[1] != '/')
        run_command(t, message.data);
    else
        say_to_model(t,
                     (base_slice){message.data + (message.data[0] == '/'), message.length - (message.data[0] == '/')});
}

static void greet(const talk *t)
{
    if (t->output_is_terminal)
        fprintf(stderr, "%.100s: /help lists commands, Ctrl-C stops an answer, Ctrl-D ends.\n",
                firn_model_describe(t->chat->model).name);
}

firn_status tool_interact(tool_chat *chat, firn_session *session, const firn_generation_parameters *parameters,
                          firn_constraint *constraint, tool_guidance *guidance, firn_drafter *drafter,
                          const tool_interact_records *records, firn_error *error)
{
    talk t = {.chat = chat,
              .session = session,
              .parameters = *parameters,
              .constraint = constraint,
              .guidance = guidance,
              .records = records,
              .drafter = drafter,
              .output_is_terminal = tool_is_terminal(stdout)};
    tool_terminal *terminal = NULL;
    const tool_conversation *const all = &chat->conversation;
    firn_status status = tool_terminal_open(&terminal, error);
    t.ids = calloc(firn_session_context(session), sizeof *t.ids);
    if (status == FIRN_OK && t.ids == NULL)
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %u token ids",
                           firn_session_context(session));
    if (status == FIRN_OK && records->path != NULL) {
        t.record_file = fopen(records->path, "wb");
        if (t.record_file == NULL)
            status = base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.200s: %s", records->path, strerror(errno));
    }
    if (status != FIRN_OK)
        goto done;
    handle_signals();
    greet(&t);
    if (all->count > 0 && all->messages[all->count - 1].role == TOOL_USER)
        answer(&t);
    while (!t.ended) {
        tool_text message;
        const tool_typed typed = tool_terminal_read(terminal, &message);
        if (typed == TOOL_TYPED_END)
            break;
        if (typed == TOOL_TYPED_MESSAGE)
            take_message(&t, message);
        else
            fputs("(Ctrl-D or /quit ends)\n", stderr);
    }
done:
    tool_terminal_close(terminal);
    if (t.record_file != NULL)
        fclose(t.record_file);
    free(t.ids);
    return status;
}
