/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges of texts: a regular expression, a JSON schema, a list of choices, a command, another checkpoint. A text passes
 * where every judge that says yes or no passes it.
 */
#ifndef FIRN_TOOLS_SWEEP_JUDGES_H
#define FIRN_TOOLS_SWEEP_JUDGES_H

#include "engine/firn.h"
#include "tools/common_text.h"
#include "tools/sweep_measures.h"

/* X(name): the judges that say yes or no. */
#define SWEEP_JUDGE_LIST(X) X(expect) X(schema) X(choices) X(command)

typedef enum sweep_judge {
#define SWEEP_JUDGE_ENUM(name) SWEEP_JUDGE_##name,
    SWEEP_JUDGE_LIST(SWEEP_JUDGE_ENUM)
#undef SWEEP_JUDGE_ENUM
        SWEEP_JUDGES,
} sweep_judge;

const char *sweep_judge_name(sweep_judge judge);

typedef enum sweep_verdict { SWEEP_NO_VERDICT, SWEEP_FAILS, SWEEP_PASSES } sweep_verdict;

/* What a command line says; NULL where it doesn't. */
typedef struct sweep_judge_options {
    const char *expect;  /* PCRE2: passes where it matches somewhere */
    const char *schema;  /* JSON schema, or the name of a file with one: passes where the text is JSON that fits */
    const char *choices; /* with | between: passes where the text, less white space around it, is one of them */
    const char *command; /* for sh: see sweep_judge_command.h */
    const char *model;   /* path of a checkpoint that gives judge_logprob */
} sweep_judge_options;

typedef struct sweep_judges sweep_judges;

/* The options have to outlive the judges. */
firn_status sweep_judges_open(const sweep_judge_options *options, firn_context *context, sweep_judges **out,
                              firn_error *error);
void sweep_judges_close(sweep_judges *judges); /* NULL is allowed */

typedef struct sweep_case {
    const char *expect; /* the prompt's own regular expression, before that of the options; or NULL */
    base_slice prompt;  /* as it was tokenized */
    base_slice text;
    base_slice record; /* a line of JSON, for a command */
} sweep_case;

/* Judges a text: `verdicts`, and of `measures` the judges' own. */
firn_status sweep_judges_ask(sweep_judges *judges, const sweep_case *text, sweep_verdict verdicts[SWEEP_JUDGES],
                             double measures[SWEEP_MEASURES], firn_error *error);

#endif
