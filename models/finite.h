/* SPDX-License-Identifier: Apache-2.0 */
/* Looks through a tensor's parameters for values that are not finite. Reads all of the tensor. */
#ifndef FIRN_MODELS_FINITE_H
#define FIRN_MODELS_FINITE_H

#include "models/checkpoint.h"

/* `path` is for the message, which names the tensor, the block and its byte in the file. */
firn_status mod_tensor_check_finite(const mod_tensor *tensor, const char *path, firn_error *error);

#endif
