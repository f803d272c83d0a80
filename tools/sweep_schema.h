/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a text is JSON that fits a JSON schema (draft 2020-12). Keywords that only describe are passed over; one that
 * would constrain and isn't known here is an error when the schema is opened, never a silent pass.
 */
#ifndef FIRN_TOOLS_SWEEP_SCHEMA_H
#define FIRN_TOOLS_SWEEP_SCHEMA_H

#include "base/slice.h"
#include "tools/sweep_judges.h"

typedef struct sweep_schema sweep_schema;

/* `source` is a schema, or the name of a file with one. */
firn_status sweep_schema_open(const char *source, sweep_schema **out, firn_error *error);
void sweep_schema_close(sweep_schema *schema); /* NULL is allowed */

firn_status sweep_schema_ask(const sweep_schema *schema, base_slice text, sweep_verdict *verdict, firn_error *error);

#endif
