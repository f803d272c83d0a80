/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_judges.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* What the judges say of a text: a character a judge, '+', '-' or '.'; or the error. */
static const char *ask(const sweep_judge_options *options, const char *expect, base_slice text, double *measures)
{
    static char out[512];
    sweep_judges *judges;
    sweep_verdict verdicts[SWEEP_JUDGES];
    firn_error error = {0};
    const sweep_case one = {.expect = expect, .prompt = {"a", 1}, .text = text, .record = {"{\"record\":1}", 12}};
    measures[SWEEP_passed] = measures[SWEEP_score] = NAN;
    firn_status status = sweep_judges_open(options, NULL, &judges, &error);
    if (status == FIRN_OK)
        status = sweep_judges_ask(judges, &one, verdicts, measures, &error);
    sweep_judges_close(judges);
    if (status != FIRN_OK)
        snprintf(out, sizeof out, "%s", error.message);
    else
        for (int i = 0; i <= SWEEP_JUDGES; i++)
            out[i] = "\0.-+"[i < SWEEP_JUDGES ? verdicts[i] + 1 : 0];
    return out;
}

static const char *say(const sweep_judge_options *options, const char *text)
{
    double measures[SWEEP_MEASURES];
    return ask(options, NULL, base_slice_from(text), measures);
}

/* As the program does: a command may end before it has read the text. */
static void ignore_closed_pipes(void)
{
    signal(SIGPIPE, SIG_IGN);
}

TestSuite(sweep_judges, .init = ignore_closed_pipes);

Test(sweep_judges, expressions)
{
    const sweep_judge_options options = {.expect = "^b+$|\\p{Lu}"};
    double measures[SWEEP_MEASURES];
    cr_expect_str_eq(say(&options, "bbb"), "+...");
    cr_expect_str_eq(say(&options, "x\xc3\x84"), "+..."); /* a capital letter beyond ASCII */
    cr_expect_str_eq(say(&options, "bbbx"), "-...");
    cr_expect_str_eq(ask(&options, "^$", base_slice_from("bbb"), measures), "-..."); /* the prompt's own goes before */
    cr_expect_eq(measures[SWEEP_passed], 0);
    cr_expect_str_eq(ask(&options, NULL, (base_slice){"\xff\0B", 3}, measures), "+...");
    cr_expect_eq(measures[SWEEP_passed], 1);
    cr_expect_str_eq(ask(&(sweep_judge_options){0}, NULL, base_slice_from("x"), measures), "....");
    cr_expect(isnan(measures[SWEEP_passed]));
    const char *const told =
        say(&(sweep_judge_options){.expect = "^(a+)+$"}, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    cr_expect(strstr(told, "takes too long") != NULL, "%s", told);
    cr_expect(strstr(say(&(sweep_judge_options){.expect = "[z"}, ""), "character 3") != NULL);
}

Test(sweep_judges, choices)
{
    const sweep_judge_options options = {.choices = "yes|no, thanks|"};
    cr_expect_str_eq(say(&options, " yes\n"), "..+.");
    cr_expect_str_eq(say(&options, "no, thanks"), "..+.");
    cr_expect_str_eq(say(&options, ""), "..+.");
    cr_expect_str_eq(say(&options, "Yes"), "..-.");
    cr_expect_str_eq(say(&options, "yes|no, thanks"), "..-.");
}

Test(sweep_judges, commands)
{
    double measures[SWEEP_MEASURES];
    cr_expect_str_eq(
        ask(&(sweep_judge_options){.command = "grep -q record && echo 0.25"}, NULL, base_slice_from(""), measures),
        "...+");
    cr_expect_eq(measures[SWEEP_score], 0.25);
    cr_expect_str_eq(
        ask(&(sweep_judge_options){.command = "echo 1; echo 2; false"}, NULL, base_slice_from(""), measures), "...-");
    cr_expect(measures[SWEEP_score] == 1 && measures[SWEEP_passed] == 0);
    cr_expect_str_eq(ask(&(sweep_judge_options){.command = "echo no number"}, NULL, base_slice_from(""), measures),
                     "...+");
    cr_expect(isnan(measures[SWEEP_score]));
    const char *const wrong[] = {"exit 2", "no-such-command", "kill -9 $$"};
    for (int i = 0; i < 3; i++) {
        const char *const told = say(&(sweep_judge_options){.command = wrong[i]}, "");
        cr_expect(strstr(told, wrong[i]) != NULL && strstr(told, "ended with") != NULL, "%s", told);
    }
}

Test(sweep_judges, all_have_to_pass)
{
    const sweep_judge_options options = {.expect = "y", .choices = "yes|no", .schema = "{}", .command = "true"};
    double measures[SWEEP_MEASURES];
    cr_expect_str_eq(ask(&options, NULL, base_slice_from("yes"), measures), "+-++");
    cr_expect_eq(measures[SWEEP_passed], 0);
    const sweep_judge_options both = {.expect = "y", .choices = "yes|no"};
    cr_expect_str_eq(ask(&both, NULL, base_slice_from("yes"), measures), "+.+.");
    cr_expect_eq(measures[SWEEP_passed], 1);
    cr_expect_str_eq(ask(&both, NULL, base_slice_from("no"), measures), "-.+.");
    cr_expect_eq(measures[SWEEP_passed], 0);
}
