/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generation parameters: the settings of one request. The list in parameter_list.h is the only place where a
 * parameter's names, kind, default, bounds and help stand; the structure, command-line flags, JSON fields, --help and
 * error messages are made from it. A firn_generation_parameters is a plain value: it refers to nothing and no path
 * leads from it to a model.
 */
#ifndef FIRN_ENGINE_PARAMETERS_H
#define FIRN_ENGINE_PARAMETERS_H

#include "base/status.h"
#include "engine/parameter_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIRN_SEED_DRAW UINT64_MAX /* written -1: the program draws a seed and reports it */

enum {
    FIRN_LIST_TEXT = 2048,                /* bytes of a list, with the terminator */
    FIRN_LIST_ENTRIES = 64,               /* entries of a list */
    FIRN_PARAMETER_TEXT = FIRN_LIST_TEXT, /* bytes that suffice for any value printed */
    FIRN_PARAMETER_RANGE_TEXT = 400,      /* and for any range */
};

/*
 * The kind of a value: its C type, and how it is written in text.
 *   SEED    uint64_t   -1, or an integer from 0 to 2^64 - 2
 *   COUNT   int32_t    an integer
 *   REAL    double     a decimal number
 *   SWITCH  bool       true or false; its flag takes no value and means true
 *   TEXTS   firn_list  a JSON array of strings; a flag that is given again adds one more
 *   IDS     firn_list  a JSON array of token ids; likewise
 *   BIAS    firn_list  a JSON array of [token id or text, bias], or [token id or text, bias, tokens it lasts]; likewise
 *   ORDER   firn_list  names of sampler stages
 */
typedef struct firn_list {
    char json[FIRN_LIST_TEXT]; /* an array, in one form only, so that equal lists are equal bytes up to the end */
} firn_list;

typedef uint64_t firn_type_SEED;
typedef int32_t firn_type_COUNT;
typedef double firn_type_REAL;
typedef bool firn_type_SWITCH;
typedef firn_list firn_type_TEXTS;
typedef firn_list firn_type_IDS;
typedef firn_list firn_type_BIAS;
typedef firn_list firn_type_ORDER;

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
    FIRN_PARAMETER_TEXTS,
    FIRN_PARAMETER_IDS,
    FIRN_PARAMETER_BIAS,
    FIRN_PARAMETER_ORDER,
} firn_parameter_kind;

/* One row of the list. */
typedef struct firn_parameter {
    const char *name;    /* as in JSON */
    const char *flags;   /* on the command line, separated by commas, the short one first */
    const char *aliases; /* other JSON names, separated by commas; may be empty */
    const char *help;
    firn_parameter_kind kind;
    double lowest, highest; /* both allowed; of a bias, of each */
    size_t offset;          /* in firn_generation_parameters */
} firn_parameter;

firn_generation_parameters firn_generation_parameters_default(void);

/*
 * Whether every value is within its bounds and no two contradict each other; the error names the parameter and the
 * allowed range.
 */
firn_status firn_generation_parameters_check(const firn_generation_parameters *parameters, firn_error *error);

size_t firn_parameter_count(void);
const firn_parameter *firn_parameter_at(size_t index); /* index below firn_parameter_count */

/* The row with this JSON name, alias or flag ("top_k", "max_tokens", "--top-k"), or NULL. */
const firn_parameter *firn_parameter_find(const char *name);

/*
 * Sets the parameter called `name` (as in firn_parameter_find) from a value written as on a command line: numbers as
 * in JSON, a list as a JSON array or as one more entry of it. On failure nothing changes, and the error names the
 * parameter, the value and what is allowed.
 */
firn_status firn_parameter_set(firn_generation_parameters *parameters, const char *name, const char *text,
                               firn_error *error);

/* The same from a JSON value, as it stands in a document: no number is a string, and a list replaces the old one. */
firn_status firn_parameter_set_json(firn_generation_parameters *parameters, const char *name, const char *json,
                                    size_t length, firn_error *error);

/*
 * Sets every member of a JSON object (a preset, or a request). A name that is no parameter is an error unless it is in
 * `ignored`, names separated by commas. On failure nothing changes.
 */
firn_status firn_parameters_read(firn_generation_parameters *parameters, const char *json, size_t length,
                                 const char *ignored, firn_error *error);

/*
 * Writes the value as JSON (numbers as the shortest decimal that reads back as the same; an undrawn seed is -1).
 * `text` holds FIRN_PARAMETER_TEXT bytes.
 */
void firn_parameter_print(const firn_generation_parameters *parameters, const firn_parameter *parameter, char *text);

/* Writes the allowed range for people, such as "0 to 1" or "true or false". */
void firn_parameter_range(const firn_parameter *parameter, char text[FIRN_PARAMETER_RANGE_TEXT]);

typedef struct firn_list_entry {
    char text[FIRN_LIST_TEXT]; /* terminated */
    size_t length;
    int32_t id;    /* where the entry is a token id; else -1 */
    double bias;   /* of a BIAS; may be -infinity */
    int32_t lasts; /* generated tokens for which a BIAS acts; INT32_MAX: all */
} firn_list_entry;

/* Gives the entry with this index (from 0) of a list of any kind. False at the end. */
bool firn_list_at(const firn_list *list, size_t index, firn_list_entry *entry);

#endif
