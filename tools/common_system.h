/* SPDX-License-Identifier: Apache-2.0 */
/* What programs ask of the system they run on. */
#ifndef FIRN_TOOLS_COMMON_SYSTEM_H
#define FIRN_TOOLS_COMMON_SYSTEM_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

uint64_t tool_peak_memory(void); /* most bytes that were resident at once, the checkpoint's mapped pages included */

/* A seed from the system's randomness. Below 2^53, so that it survives JSON readers that keep numbers as doubles. */
firn_status tool_draw_seed(uint64_t *seed, firn_error *error);

bool tool_is_terminal(FILE *file);
bool tool_wants_colour(FILE *file); /* a terminal that isn't dumb, and NO_COLOR unset or empty */

enum { TOOL_PATH = 4096 };

/*
 * The default checkpoint's place in the user's cache folder: $XDG_CACHE_HOME/firn, else ~/.cache/firn. An error if it
 * isn't there, which says how to get it.
 */
firn_status tool_default_checkpoint(char path[TOOL_PATH], firn_error *error);

/* The folder for packed parameters beside it; makes it where it isn't there. */
firn_status tool_pack_cache(char path[TOOL_PATH], firn_error *error);

/*
 * The file for messages typed in earlier runs: $XDG_STATE_HOME/firn/history, else ~/.local/state/firn/history. Makes
 * its folder if it can; false where no place is known.
 */
bool tool_history_file(char path[TOOL_PATH]);

#endif
