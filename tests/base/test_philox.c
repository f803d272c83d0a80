/* SPDX-License-Identifier: Apache-2.0 */
/* The known answers are those that Random123 publishes for philox4x32 with 10 rounds. */
#include "base/philox.h"

#include <criterion/criterion.h>

static void expect(base_philox_block counter, uint64_t key, base_philox_block answer)
{
    const base_philox_block block = base_philox(counter, key);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(block.word[i], answer.word[i], "word %d: %08x", i, block.word[i]);
}

Test(philox, known_answers)
{
    expect((base_philox_block){{0, 0, 0, 0}}, 0, (base_philox_block){{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
    expect((base_philox_block){{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}}, 0xffffffffffffffff,
           (base_philox_block){{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
    expect((base_philox_block){{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0x299f31d0a4093822,
           (base_philox_block){{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}
