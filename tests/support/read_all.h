/* SPDX-License-Identifier: Apache-2.0 */
/* Reads all that an opened checkpoint gives, so that a sanitizer or the processor sees what lies outside it. */
#ifndef FIRN_TESTS_SUPPORT_READ_ALL_H
#define FIRN_TESTS_SUPPORT_READ_ALL_H

#include "models/checkpoint.h"

unsigned support_read_all(const mod_checkpoint *checkpoint); /* a sum of what was read */

#endif
