/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

#include <criterion/criterion.h>

Test(reader, little_endian_values_in_turn)
{
    const unsigned char bytes[] = {1, 2, 3, 0x84, 8, 7, 6, 5, 4, 3, 2, 0x81, 2, 0, 0, 0, 0, 0, 0, 0, 'o', 'k'};
    base_reader reader = base_reader_from(bytes, sizeof bytes);
    cr_expect_eq(base_reader_u32(&reader), 0x84030201u);
    cr_expect_eq(base_reader_u64(&reader), 0x8102030405060708u);
    cr_expect(base_slice_is(base_reader_string(&reader), "ok"));
    cr_expect_eq(base_reader_remaining(&reader), 0);
    cr_expect(!reader.failed);
}

Test(reader, the_first_fault_stays)
{
    const unsigned char bytes[] = {1, 0, 0, 0, 2, 0};
    base_reader reader = base_reader_from(bytes, sizeof bytes);
    cr_expect_eq(base_reader_u32(&reader), 1);
    cr_expect_eq(base_reader_u64(&reader), 0);
    cr_expect(reader.failed);
    cr_expect_eq(reader.position, 4);
    cr_expect_eq(reader.wanted, 8);
    cr_expect_null(base_reader_take(&reader, 1));
    cr_expect_eq(base_reader_u32(&reader), 0);
    cr_expect_eq(reader.position, 4);
    cr_expect_eq(reader.wanted, 8);
}

Test(reader, length_of_a_string_may_be_anything)
{
    const unsigned char bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'x'};
    base_reader reader = base_reader_from(bytes, sizeof bytes);
    cr_expect_eq(base_reader_string(&reader).length, 0);
    cr_expect(reader.failed);
    cr_expect_eq(reader.position, 8);
    cr_expect_eq(reader.wanted, UINT64_MAX);
}
