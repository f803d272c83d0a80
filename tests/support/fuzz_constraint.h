/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of constraints share: compiles any bytes and walks through what they allow. */
#ifndef FIRN_TESTS_SUPPORT_FUZZ_CONSTRAINT_H
#define FIRN_TESTS_SUPPORT_FUZZ_CONSTRAINT_H

#include "engine/constraint.h"

/* Aborts where a failure has no reason, or where a token of the mask is not accepted. */
void support_fuzz_constraint(firn_constraint_kind kind, const void *data, size_t size);

#endif
