/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_terminal.h"

#include "tools/common_system.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef FIRN_HAS_LIBEDIT
#include <histedit.h>
#endif

static const char first_prompt[] = "> ", next_prompt[] = ". ";

struct tool_terminal {
    bool is_terminal;
    const char *prompt;
    char *line; /* of getline */
    size_t line_capacity;
    char *message;
    size_t length, capacity;
#ifdef FIRN_HAS_LIBEDIT
    EditLine *editor; /* NULL: plain lines */
    History *history;
    bool cancelled;
    char history_path[TOOL_PATH]; /* empty: none */
#endif
};

/* Whether libedit is there and in use. */
static bool edits(const tool_terminal *terminal)
{
#ifdef FIRN_HAS_LIBEDIT
    return terminal->editor != NULL && terminal->history != NULL;
#else
    (void)terminal;
    return false;
#endif
}

/* ---- plain lines ---- */

static tool_typed read_plain(tool_terminal *terminal, const char **line, size_t *length)
{
    if (terminal->is_terminal) {
        fputs(terminal->prompt, stdout);
        fflush(stdout);
    }
    errno = 0;
    const ssize_t count = getline(&terminal->line, &terminal->line_capacity, stdin);
    if (count < 0) {
        const bool interrupted = errno == EINTR;
        clearerr(stdin);
        return interrupted ? TOOL_TYPED_NOTHING : TOOL_TYPED_END;
    }
    *line = terminal->line;
    *length = (size_t)count;
    return TOOL_TYPED_MESSAGE;
}

/* Whether a terminal has more lines already: they were pasted with this one. */
static bool more_is_waiting(const tool_terminal *terminal)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return terminal->is_terminal && !edits(terminal) && poll(&input, 1, 0) > 0 && (input.revents & POLLIN) != 0;
}

/* ---- libedit ---- */

#ifdef FIRN_HAS_LIBEDIT

static tool_terminal *terminal_of(EditLine *editor)
{
    tool_terminal *terminal = NULL;
    el_get(editor, EL_CLIENTDATA, &terminal);
    return terminal;
}

static char *show_prompt(EditLine *editor)
{
    return (char *)terminal_of(editor)->prompt;
}

/* What terminals that know bracketed paste put around it, so that its newlines are no commands. */
static unsigned char take_paste(EditLine *editor, int key)
{
    static const wchar_t end[] = L"\033[201~";
    size_t matched = 0;
    wchar_t character;
    (void)key;
    while (matched < 6 && el_wgetc(editor, &character) == 1) {
        matched = character == end[matched] ? matched + 1 : character == end[0];
        const wchar_t typed[2] = {character == L'\r' ? L'\n' : character, 0};
        const bool shown = typed[0] >= L' ' || typed[0] == L'\n' || typed[0] == L'\t';
        if (matched == 0 && shown && el_winsertstr(editor, typed) != 0)
            return CC_ERROR;
    }
    return CC_REFRESH;
}

static unsigned char cancel(EditLine *editor, int key)
{
    (void)key;
    terminal_of(editor)->cancelled = true;
    return CC_EOF;
}

static void start_editor(tool_terminal *terminal)
{
    HistEvent event;
    terminal->history = history_init();
    terminal->editor = el_init("generate", stdin, stdout, stderr);
    if (terminal->history == NULL || terminal->editor == NULL)
        return;
    EditLine *const editor = terminal->editor;
    history(terminal->history, &event, H_SETSIZE, 1000);
    history(terminal->history, &event, H_SETUNIQUE, 1);
    if (tool_history_file(terminal->history_path))
        history(terminal->history, &event, H_LOAD, terminal->history_path);
    else
        terminal->history_path[0] = '\0';
    el_set(editor, EL_CLIENTDATA, terminal);
    el_set(editor, EL_PROMPT, show_prompt);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_SIGNAL, 1); /* a terminal that changes its size, or goes away */
    el_set(editor, EL_HIST, history, terminal->history);
    el_set(editor, EL_ADDFN, "firn-paste", "take a paste of several lines", take_paste);
    el_set(editor, EL_ADDFN, "firn-cancel", "begin the message again", cancel);
    el_set(editor, EL_BIND, "\\e[200~", "firn-paste", NULL);
    el_set(editor, EL_BIND, "^C", "firn-cancel", NULL);
    el_set(editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(editor, EL_SETTY, "-d", "-isig", NULL); /* Ctrl-C is a key here */
}

static tool_typed read_edited(tool_terminal *terminal, const char **line, size_t *length)
{
    int count = 0;
    terminal->cancelled = false;
    fputs("\033[?2004h", stdout);
    fflush(stdout);
    *line = el_gets(terminal->editor, &count);
    fputs("\033[?2004l", stdout);
    if (*line == NULL || count <= 0) {
        fputs("\n", stdout);
        fflush(stdout);
        return terminal->cancelled ? TOOL_TYPED_NOTHING : TOOL_TYPED_END;
    }
    fflush(stdout);
    *length = (size_t)count;
    return TOOL_TYPED_MESSAGE;
}

/*
 * Writes the history beside its file and puts it in its place whole, so that a kill leaves the one or the other. A
 * conversation is no worse without it: that it fails is no error.
 */
static void save_history(const tool_terminal *terminal)
{
    char path[TOOL_PATH + 8];
    HistEvent event;
    if (terminal->history_path[0] == '\0')
        return;
    snprintf(path, sizeof path, "%s.XXXXXX", terminal->history_path);
    const int descriptor = mkstemp(path); /* for the user alone */
    FILE *const file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (file == NULL) {
        if (descriptor >= 0)
            close(descriptor);
        return;
    }
    const bool written = history(terminal->history, &event, H_SAVE_FP, file) >= 0;
    if (fclose(file) != 0 || !written || rename(path, terminal->history_path) != 0)
        unlink(path);
}

static void remember(const tool_terminal *terminal)
{
    HistEvent event;
    if (!edits(terminal) || terminal->length == 0)
        return;
    history(terminal->history, &event, H_ENTER, terminal->message);
    save_history(terminal);
}

#endif

/* ---- both ---- */

firn_status tool_terminal_open(tool_terminal **out, firn_error *error)
{
    tool_terminal *const terminal = *out = calloc(1, sizeof *terminal);
    if (terminal == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the terminal");
    terminal->is_terminal = tool_is_terminal(stdin) && tool_is_terminal(stdout);
    if (setlocale(LC_CTYPE, "") == NULL || MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
#ifdef FIRN_HAS_LIBEDIT
    const char *const kind = getenv("TERM");
    if (terminal->is_terminal && kind != NULL && strcmp(kind, "dumb") != 0)
        start_editor(terminal);
#endif
    return FIRN_OK;
}

void tool_terminal_close(tool_terminal *terminal)
{
    if (terminal == NULL)
        return;
#ifdef FIRN_HAS_LIBEDIT
    if (terminal->editor != NULL)
        el_end(terminal->editor);
    if (terminal->history != NULL)
        history_end(terminal->history);
#endif
    free(terminal->line);
    free(terminal->message);
    free(terminal);
}

static tool_typed read_line(tool_terminal *terminal, const char **line, size_t *length)
{
#ifdef FIRN_HAS_LIBEDIT
    if (edits(terminal))
        return read_edited(terminal, line, length);
#endif
    return read_plain(terminal, line, length);
}

/* False: no memory. */
static bool add(tool_terminal *terminal, const char *line, size_t length)
{
    if (terminal->capacity - terminal->length <= length) {
        const size_t capacity = 2 * terminal->capacity + length + 1;
        char *const grown = realloc(terminal->message, capacity);
        if (grown == NULL)
            return false;
        terminal->message = grown;
        terminal->capacity = capacity;
    }
    memcpy(terminal->message + terminal->length, line, length);
    terminal->length += length;
    terminal->message[terminal->length] = '\0';
    return true;
}

tool_typed tool_terminal_read(tool_terminal *terminal, tool_text *message)
{
    bool goes_on = true;
    terminal->length = 0;
    terminal->prompt = first_prompt;
    while (goes_on) {
        const char *line = NULL;
        size_t length = 0;
        const tool_typed typed = read_line(terminal, &line, &length);
        if (typed != TOOL_TYPED_MESSAGE && (typed == TOOL_TYPED_NOTHING || terminal->length == 0))
            return typed;
        length -= length > 0 && line[length - 1] == '\n';
        const bool backslash = length > 0 && line[length - 1] == '\\';
        if (!add(terminal, line, length - backslash))
            return TOOL_TYPED_END;
        goes_on = typed == TOOL_TYPED_MESSAGE && (backslash || more_is_waiting(terminal));
        if (goes_on && !add(terminal, "\n", 1))
            return TOOL_TYPED_END;
        terminal->prompt = next_prompt;
    }
#ifdef FIRN_HAS_LIBEDIT
    remember(terminal);
#endif
    *message = (tool_text){terminal->message, terminal->length};
    return TOOL_TYPED_MESSAGE;
}
