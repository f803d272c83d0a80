/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sweep on many machines: each process (rank) that mpirun starts makes a part of the texts and gives their records
 * to rank 0, which writes them. Built without MPI, or started without mpirun, there is one rank. A rank that is lost
 * ends all of them, by mpirun's doing; what rank 0 has received by then is kept.
 */
#ifndef FIRN_TOOLS_SWEEP_MPI_H
#define FIRN_TOOLS_SWEEP_MPI_H

#include "tools/common_text.h"

#include <stdbool.h>

/* Zeros but n = 1: no MPI. */
typedef struct sweep_ranks {
    size_t rank, n;
    bool started; /* MPI is in use */
} sweep_ranks;

/* Joins the other ranks where mpirun started this process. */
firn_status sweep_ranks_join(sweep_ranks *ranks, firn_error *error);

/* Ends it. In good order all ranks wait for each other; else (an error here) this rank ends the others too. */
void sweep_ranks_leave(const sweep_ranks *ranks, bool in_order);

/* All ranks get rank 0's bytes. */
firn_status sweep_ranks_share(const sweep_ranks *ranks, void *bytes, size_t count, firn_error *error);

/* To rank 0: a record, or (no data) that this rank has made its part of a model's texts, `number` of which failed. */
firn_status sweep_ranks_send(const sweep_ranks *ranks, size_t number, base_slice line, firn_error *error);

/* On rank 0: what has come, if anything; *out is the caller's (free()), its data NULL where a rank is done. */
firn_status sweep_ranks_receive(const sweep_ranks *ranks, bool *came, size_t *number, tool_text *out,
                                firn_error *error);

#endif
