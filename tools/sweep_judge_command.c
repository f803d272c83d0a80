/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_judge_command.h"

#include "base/clock.h"
#include "base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_LINE = 256 };

typedef struct conversation {
    int to, from; /* ends of pipes; -1: closed */
    base_slice left;
    char line[FIRST_LINE];
    size_t length;
    bool line_ended;
} conversation;

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

/* Keeps of what the command writes its first line. */
static void keep(conversation *c, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count && !c->line_ended; i++) {
        c->line_ended = bytes[i] == '\n';
        if (!c->line_ended && c->length < sizeof c->line)
            c->line[c->length++] = bytes[i];
    }
}

/* Writes the record and reads what comes, until the command closes its output or the time is over. */
static bool talk(conversation *c, double end)
{
    while (c->from >= 0) {
        struct pollfd ends[2] = {{.fd = c->from, .events = POLLIN}, {.fd = c->to, .events = POLLOUT}};
        const double left = end - base_seconds();
        if (left <= 0)
            return false;
        if (poll(ends, 2, (int)(1e3 * left) + 1) < 0 && errno != EINTR)
            return false;
        if ((ends[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            char bytes[4096];
            const ssize_t count = read(c->from, bytes, sizeof bytes);
            if (count > 0)
                keep(c, bytes, (size_t)count);
            else if (count == 0 || errno != EINTR)
                close_end(&c->from);
        }
        if ((ends[1].revents & (POLLOUT | POLLERR)) != 0) {
            const ssize_t count = write(c->to, c->left.data, c->left.length);
            if (count > 0)
                c->left = (base_slice){c->left.data + count, c->left.length - (size_t)count};
            if (c->left.length == 0 || (count < 0 && errno != EINTR && errno != EAGAIN))
                close_end(&c->to); /* it need not read all of it */
        }
    }
    return true;
}

/* Waits for the command, which has closed its output, for as long as it may run. */
static bool reap(pid_t child, double end, int *result)
{
    for (;;) {
        const pid_t reaped = waitpid(child, result, WNOHANG);
        if (reaped == child)
            return true;
        if (reaped < 0 && errno != EINTR)
            return false;
        if (base_seconds() > end)
            return false;
        poll(NULL, 0, 1);
    }
}

static pid_t start(const char *command, int to[2], int from[2])
{
    const pid_t child = fork();
    if (child != 0)
        return child;
    setpgid(0, 0); /* so that all of it can be ended, and Ctrl-C is the sweep's alone */
    signal(SIGPIPE, SIG_DFL);
    if (dup2(to[0], STDIN_FILENO) >= 0 && dup2(from[1], STDOUT_FILENO) >= 0) {
        close(to[0]), close(to[1]), close(from[0]), close(from[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    }
    _exit(127);
}

static firn_status judge(const char *command, const conversation *c, bool ended, int result, sweep_verdict *verdict,
                         double *score, firn_error *error)
{
    if (!ended)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "--judge: '%.100s' ran for more than %d s", command,
                         SWEEP_COMMAND_SECONDS);
    if (!WIFEXITED(result) || WEXITSTATUS(result) > 1)
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET,
                         "--judge: '%.100s' ended with %s %d; 0 passes a text and 1 fails it", command,
                         WIFEXITED(result) ? "exit status" : "signal",
                         WIFEXITED(result) ? WEXITSTATUS(result) : WTERMSIG(result));
    *verdict = WEXITSTATUS(result) == 0 ? SWEEP_PASSES : SWEEP_FAILS;
    if (!base_parse_double((base_slice){c->line, c->length}, score))
        *score = NAN;
    return FIRN_OK;
}

firn_status sweep_judge_command(const char *command, base_slice record, sweep_verdict *verdict, double *score,
                                firn_error *error)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1}, result = 0;
    const double end = base_seconds() + SWEEP_COMMAND_SECONDS;
    if (pipe(to) != 0 || pipe(from) != 0) {
        close_end(&to[0]), close_end(&to[1]);
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "--judge: no pipe could be had: %s",
                         strerror(errno));
    }
    fcntl(to[1], F_SETFL, O_NONBLOCK);
    const pid_t child = start(command, to, from);
    close_end(&to[0]), close_end(&from[1]);
    conversation c = {.to = to[1], .from = from[0], .left = record};
    bool ended = child > 0 && talk(&c, end);
    close_end(&c.to), close_end(&c.from);
    if (child < 0)
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "--judge: '%.100s' could not be started: %s",
                         command, strerror(errno));
    ended = ended && reap(child, end, &result);
    if (!ended) {
        kill(-child, SIGKILL);
        waitpid(child, &result, 0);
    }
    return judge(command, &c, ended, result, verdict, score, error);
}
