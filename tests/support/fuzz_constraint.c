/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fuzz_constraint.h"

#include "tests/support/constraints.h"

#include <stdlib.h>

static void check(firn_status status, const firn_error *error)
{
    if (status != FIRN_OK && (error->status != status || error->message[0] == '\0'))
        abort(); /* a failure without a reason */
}

/* The first token of the mask from a place on. */
static int32_t choose(const uint64_t *bits, unsigned from)
{
    for (unsigned i = 0; i < SUPPORT_TOKENS; i++) {
        const unsigned id = (from + i) % SUPPORT_TOKENS;
        if (bits[id / 64] >> id % 64 & 1)
            return (int32_t)id;
    }
    abort(); /* an empty mask that was no error */
}

void support_fuzz_constraint(firn_constraint_kind kind, const void *data, size_t size)
{
    static firn_vocabulary *vocabulary; /* one for all inputs */
    if (vocabulary == NULL)
        vocabulary = support_byte_vocabulary();
    firn_constraint *constraint;
    firn_constraint_state *state;
    uint64_t bits[(SUPPORT_TOKENS + 63) / 64];
    firn_error error = {0};
    firn_status status = firn_constraint_compile(kind, data, size, &constraint, &error);
    check(status, &error);
    if (status != FIRN_OK)
        return;
    status = firn_constraint_state_create(constraint, vocabulary, &state, &error);
    check(status, &error);
    for (unsigned step = 0; step < 12 && status == FIRN_OK; step++) {
        status = firn_constraint_mask(state, bits, &error);
        check(status, &error);
        if (status != FIRN_OK)
            break;
        const int32_t id = choose(bits, (unsigned)(size * 7 + step * 41) % SUPPORT_TOKENS);
        status = firn_constraint_accept(state, id, &error);
        if (status == FIRN_ERROR_ARGUMENT)
            abort(); /* the mask allowed it */
        check(status, &error);
        if (id == SUPPORT_END_TOKEN)
            break;
    }
    firn_constraint_state_release(state);
    firn_constraint_release(constraint);
}
