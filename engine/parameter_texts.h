/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters that are lists: from JSON or from a flag's value to the one form in which they are stored. */
#ifndef FIRN_ENGINE_PARAMETER_TEXTS_H
#define FIRN_ENGINE_PARAMETER_TEXTS_H

#include "base/slice.h"
#include "engine/parameters.h"

/* Reads a whole JSON value. False if it is not such a list; *list may then hold anything. */
bool eng_list_from_json(const firn_parameter *row, base_slice json, firn_list *list);

/* Reads a flag's value: a JSON array, or one more entry for `list` (the first one replaces `standard`). */
bool eng_list_from_text(const firn_parameter *row, const char *text, const firn_list *standard, firn_list *list);

#endif
