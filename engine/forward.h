/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step: a batch's columns through all layers, on all threads of the pool. Each layer is five phases with a barrier
 * after each; work within a phase is claimed in pieces. A piece is computed whole by one thread in one fixed order, so
 * that neither the number of threads, nor the way a prompt is cut into steps, nor other sessions' columns change a bit.
 */
#ifndef FIRN_ENGINE_FORWARD_H
#define FIRN_ENGINE_FORWARD_H

#include "engine/batch.h"

/*
 * Runs batch->columns (1 to n_batch of them) and writes their keys and values into their sessions. Then the final norm
 * of the needed columns, and the logits of the first ENG_HEAD_COLUMNS of them into batch->logits. Returns false if
 * a logit is not finite.
 */
bool eng_forward(firn_batch *batch);

/* Logits of needed columns [first, first + count) of the step before, count at most ENG_HEAD_COLUMNS. */
bool eng_forward_head(firn_batch *batch, uint32_t first, uint32_t count);

#endif
