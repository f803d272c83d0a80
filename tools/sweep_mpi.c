/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_mpi.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef FIRN_HAS_MPI

#include <mpi.h>

enum { TAG_NUMBER = 1, TAG_LINE = 2, SHARED_AT_ONCE = 1 << 30 };

static firn_status failed(const char *what, firn_error *error)
{
    return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "MPI: %s failed: another rank or the network is lost",
                     what);
}

/* Open MPI, MPICH and others tell their processes in the environment that they were started by mpirun. */
static bool started_by_mpirun(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") != NULL || getenv("PMI_SIZE") != NULL || getenv("PMIX_RANK") != NULL;
}

firn_status sweep_ranks_join(sweep_ranks *ranks, firn_error *error)
{
    int rank, n, provided;
    *ranks = (sweep_ranks){.n = 1};
    if (!started_by_mpirun())
        return FIRN_OK;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN) != MPI_SUCCESS ||
        MPI_Comm_rank(MPI_COMM_WORLD, &rank) != MPI_SUCCESS || MPI_Comm_size(MPI_COMM_WORLD, &n) != MPI_SUCCESS)
        return failed("the start", error);
    *ranks = (sweep_ranks){(size_t)rank, (size_t)n, true};
    return FIRN_OK;
}

void sweep_ranks_leave(const sweep_ranks *ranks, bool in_order)
{
    if (!ranks->started)
        return;
    if (!in_order)
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    MPI_Finalize();
}

firn_status sweep_ranks_share(const sweep_ranks *ranks, void *bytes, size_t count, firn_error *error)
{
    unsigned char *at = bytes;
    while (ranks->started && count > 0) {
        const size_t part = count < SHARED_AT_ONCE ? count : SHARED_AT_ONCE;
        if (MPI_Bcast(at, (int)part, MPI_BYTE, 0, MPI_COMM_WORLD) != MPI_SUCCESS)
            return failed("sharing the plan", error);
        at += part;
        count -= part;
    }
    return FIRN_OK;
}

firn_status sweep_ranks_send(const sweep_ranks *ranks, size_t number, base_slice line, firn_error *error)
{
    const uint64_t head[2] = {number, line.length};
    (void)ranks;
    if (line.length > INT_MAX)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "a record of %zu bytes is too long for MPI",
                         line.length);
    if (MPI_Send(head, 2, MPI_UINT64_T, 0, TAG_NUMBER, MPI_COMM_WORLD) != MPI_SUCCESS ||
        (line.length > 0 &&
         MPI_Send(line.data, (int)line.length, MPI_BYTE, 0, TAG_LINE, MPI_COMM_WORLD) != MPI_SUCCESS))
        return failed("sending a record", error);
    return FIRN_OK;
}

firn_status sweep_ranks_receive(const sweep_ranks *ranks, bool *came, size_t *number, tool_text *out, firn_error *error)
{
    int flag = 0;
    uint64_t head[2];
    MPI_Status status;
    *came = false;
    *out = (tool_text){NULL, 0};
    if (!ranks->started)
        return FIRN_OK;
    if (MPI_Iprobe(MPI_ANY_SOURCE, TAG_NUMBER, MPI_COMM_WORLD, &flag, &status) != MPI_SUCCESS)
        return failed("looking for records", error);
    if (!flag)
        return FIRN_OK;
    const int from = status.MPI_SOURCE;
    if (MPI_Recv(head, 2, MPI_UINT64_T, from, TAG_NUMBER, MPI_COMM_WORLD, MPI_STATUS_IGNORE) != MPI_SUCCESS)
        return failed("receiving a record", error);
    *number = (size_t)head[0];
    *came = true;
    if (head[1] == 0)
        return FIRN_OK;
    char *const line = head[1] <= INT_MAX ? malloc((size_t)head[1] + 1) : NULL;
    if (line == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a record from rank %d", from);
    if (MPI_Recv(line, (int)head[1], MPI_BYTE, from, TAG_LINE, MPI_COMM_WORLD, MPI_STATUS_IGNORE) != MPI_SUCCESS) {
        free(line);
        return failed("receiving a record", error);
    }
    line[head[1]] = '\0';
    *out = (tool_text){line, (size_t)head[1]};
    return FIRN_OK;
}

#else

firn_status sweep_ranks_join(sweep_ranks *ranks, firn_error *error)
{
    *ranks = (sweep_ranks){.n = 1};
    if (getenv("OMPI_COMM_WORLD_SIZE") != NULL || getenv("PMI_SIZE") != NULL)
        return base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                         "mpirun started this, but it was built without MPI; install libopenmpi-dev and build again");
    return FIRN_OK;
}

void sweep_ranks_leave(const sweep_ranks *ranks, bool in_order)
{
    (void)ranks, (void)in_order;
}

firn_status sweep_ranks_share(const sweep_ranks *ranks, void *bytes, size_t count, firn_error *error)
{
    (void)ranks, (void)bytes, (void)count, (void)error;
    return FIRN_OK;
}

firn_status sweep_ranks_send(const sweep_ranks *ranks, size_t number, base_slice line, firn_error *error)
{
    (void)ranks, (void)number, (void)line, (void)error;
    return FIRN_OK;
}

firn_status sweep_ranks_receive(const sweep_ranks *ranks, bool *came, size_t *number, tool_text *out, firn_error *error)
{
    (void)ranks, (void)number, (void)error;
    *came = false;
    *out = (tool_text){NULL, 0};
    return FIRN_OK;
}

#endif
