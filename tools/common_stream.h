/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text that grows token by token, of which some must be held back: the beginning of a character, of a stop string, or
 * of a string that may not appear.
 */
#ifndef FIRN_TOOLS_COMMON_STREAM_H
#define FIRN_TOOLS_COMMON_STREAM_H

#include "engine/firn.h"

/* Starts as zeros; release with tool_stream_free. */
typedef struct tool_stream {
    char *text; /* [length], not terminated */
    size_t length, capacity;
    int32_t *ids;   /* [n_tokens] */
    size_t *starts; /* [n_tokens] where each token's bytes begin */
    size_t n_tokens, token_capacity;
    size_t clean; /* bytes that hold no banned string, nor the beginning of one */
    size_t shown; /* bytes that may be shown */
} tool_stream;

typedef enum tool_stream_event {
    TOOL_STREAM_GOES_ON,
    TOOL_STREAM_STOPS,   /* a stop string or token came; the text was cut before it */
    TOOL_STREAM_REWINDS, /* a banned string came; tokens from the one it began in were taken back */
} tool_stream_event;

void tool_stream_free(tool_stream *stream);

/* Adds a token and looks at what came of it. After a rewind, *banned is the token that may not come at its place. */
firn_status tool_stream_add(tool_stream *stream, const firn_model *model, const firn_generation_parameters *parameters,
                            int32_t id, tool_stream_event *event, int32_t *banned, firn_error *error);

#endif
