/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of what made a text: with it, `generate --replay` makes the text again. It is a JSON object
 * (docs/FORMATS.md has its members); a file of records has one a line, or any other way of putting JSON objects behind
 * each other. Members that are not known are passed over, so a program may add its own.
 */
#ifndef FIRN_TOOLS_COMMON_RECORD_H
#define FIRN_TOOLS_COMMON_RECORD_H

#include "base/slice.h"
#include "engine/firn.h"

#include <stdio.h>

typedef struct tool_record_ids {
    const int32_t *at;
    size_t count;
} tool_record_ids;

/* Where data is NULL or a count 0, the record doesn't say. Slices and arrays are somebody else's, or `storage`'s. */
typedef struct tool_record {
    base_slice firn;              /* version of the program that made it */
    base_slice checkpoint;        /* path */
    base_slice checkpoint_sha256; /* as tool_hash_checkpoint of common_file.h gives it */
    base_slice weaker;            /* path of the checkpoint that contrast went away from */
    base_slice weaker_sha256;
    uint32_t n_ctx;               /* positions of the session */
    firn_cache_types cache_types; /* F16 where it doesn't say */
    base_slice prompt;            /* text that prompt_ids were made of */
    base_slice messages;          /* JSON: the conversation that the prompt was made of */
    tool_record_ids prompt_ids;
    tool_record_ids negative_ids;           /* of the negative prompt; none: the prompt's last token */
    base_slice constraint_kind, constraint; /* "grammar", … and its text */
    firn_generation_parameters parameters;  /* the seed is drawn */
    uint64_t sequence;                      /* number of the noise's sequence */
    tool_record_ids ids;                    /* tokens that were generated, also one that ended the text */
    base_slice text;                        /* what came of them */
    base_slice stop;                        /* why it ended: see docs/FORMATS.md */
    char *storage;                          /* of a record that was read */
    int32_t *id_storage;
} tool_record;

/* Writes the members, without the braces around them, on one line. */
void tool_record_members(FILE *out, const tool_record *record);

/* Writes a file with this record. The file appears whole or not at all. */
firn_status tool_record_save(const char *path, const tool_record *record, firn_error *error);

/* Reads the record with this number (from 1) of a file; 0: the only one. Release with tool_record_free. */
firn_status tool_record_load(const char *path, size_t number, tool_record *out, firn_error *error);
void tool_record_free(tool_record *record);

/*
 * Tells in `difference` the first thing that is not alike in what was asked to be made again and what was made, such as
 * a token. False if there is none. `model` is what made it.
 */
enum { TOOL_RECORD_DIFFERENCE = 400 };
bool tool_record_differs(const tool_record *wanted, const tool_record *made, const firn_model *model,
                         char difference[TOOL_RECORD_DIFFERENCE]);

#endif
