/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generation parameters: the settings of one request. The list below is the only place where a parameter's names,
 * kind, default, bounds and help stand; the structure, command-line flags, JSON fields, --help and error messages are
 * made from it. A firn_generation_parameters is a plain value: it refers to nothing and no path leads from it to a
 * model.
 */
#ifndef FIRN_ENGINE_PARAMETERS_H
#define FIRN_ENGINE_PARAMETERS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIRN_SEED_DRAW UINT64_MAX /* written -1: the program draws a seed and reports it */

/*
 * The kind of a value: its C type, and how it is written in text.
 *   SEED    uint64_t  -1, or an integer from 0 to 2^64 - 2
 *   COUNT   int32_t   an integer
 *   REAL    double    a decimal number
 *   SWITCH  bool      true or false; its flag takes no value and means true
 */
typedef uint64_t firn_type_SEED;
typedef int32_t firn_type_COUNT;
typedef double firn_type_REAL;
typedef bool firn_type_SWITCH;

/* X(name, kind, default, lowest, highest, flags, other JSON names, help); commas separate flags and names */
#define FIRN_PARAMETER_LIST(X)                                                                                       \
    X(seed, SEED, FIRN_SEED_DRAW, -1, 18446744073709551614.0, "-s,--seed", "",                                       \
      "noise is a function of it: same seed, same text; -1: drawn and reported")                                     \
    X(temperature, REAL, 0.80, 0, 1000, "--temp,--temperature", "temp",                                              \
      "how strong the noise is; 0: always the likeliest token")                                                      \
    X(top_k, COUNT, 40, 0, INT32_MAX, "--top-k", "", "keep the X likeliest tokens; 0: all")                          \
    X(top_p, REAL, 0.95, 0, 1, "--top-p", "", "keep the likeliest tokens that together reach probability X; 1: all") \
    X(min_p, REAL, 0.05, 0, 1, "--min-p", "", "keep tokens at least X times as likely as the likeliest; 0: all")     \
    X(n_predict, COUNT, -1, -1, INT32_MAX, "-n,--predict,--n-predict", "max_tokens,max_completion_tokens",           \
      "tokens to generate; -1: until the text ends or the context is full")                                          \
    X(ignore_eos, SWITCH, false, 0, 1, "--ignore-eos", "", "go on after the token that ends the text")

typedef struct firn_generation_parameters {
    size_t size; /* of this structure, set by firn_generation_parameters_default */
#define FIRN_PARAMETER_MEMBER(name, kind, ...) firn_type_##kind name;
    FIRN_PARAMETER_LIST(FIRN_PARAMETER_MEMBER)
#undef FIRN_PARAMETER_MEMBER
} firn_generation_parameters;

typedef enum firn_parameter_kind {
    FIRN_PARAMETER_SEED,
    FIRN_PARAMETER_COUNT,
    FIRN_PARAMETER_REAL,
    FIRN_PARAMETER_SWITCH,
} firn_parameter_kind;

/* One row of the list. */
typedef struct firn_parameter {
    const char *name;    /* as in JSON */
    const char *flags;   /* on the command line, separated by commas, the short one first */
    const char *aliases; /* other JSON names, separated by commas; may be empty */
    const char *help;
    firn_parameter_kind kind;
    double lowest, highest; /* both allowed */
    size_t offset;          /* in firn_generation_parameters */
} firn_parameter;

/* Bytes that suffice for any value and any range printed, with the terminator. */
enum { FIRN_PARAMETER_TEXT = 32, FIRN_PARAMETER_RANGE_TEXT = 96 };

firn_generation_parameters firn_generation_parameters_default(void);

/* Whether every value is within its bounds; the error names the parameter and the allowed range. */
firn_status firn_generation_parameters_check(const firn_generation_parameters *parameters, firn_error *error);

size_t firn_parameter_count(void);
const firn_parameter *firn_parameter_at(size_t index); /* index below firn_parameter_count */

/* The row with this JSON name, alias or flag ("top_k", "max_tokens", "--top-k"), or NULL. */
const firn_parameter *firn_parameter_find(const char *name);

/*
 * Sets the parameter called `name` (as in firn_parameter_find) from a value written as in JSON or on a command line.
 * On failure nothing changes, and the error names the parameter, the value and what is allowed.
 */
firn_status firn_parameter_set(firn_generation_parameters *parameters, const char *name, const char *text,
                               firn_error *error);

/*
 * Writes the value as JSON (the shortest decimal that reads back as the same number; an undrawn seed is -1).
 * `text` holds FIRN_PARAMETER_TEXT bytes.
 */
void firn_parameter_print(const firn_generation_parameters *parameters, const firn_parameter *parameter, char *text);

/* Writes the allowed range for people, such as "0 to 1" or "true or false". */
void firn_parameter_range(const firn_parameter *parameter, char text[FIRN_PARAMETER_RANGE_TEXT]);

#endif
