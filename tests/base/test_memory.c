/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

Test(memory, an_array_keeps_what_it_held_as_it_grows)
{
    enum { COUNT = 1000 };
    uint32_t *array = NULL;
    size_t room = 0, times = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        const size_t before = room;
        cr_assert(base_grow(&array, &room, i + 1, sizeof *array));
        cr_assert_gt(room, i);
        times += room != before;
        array[i] = i;
    }
    cr_expect_lt(times, 10, "%zu moves", times);
    for (uint32_t i = 0; i < COUNT; i++)
        cr_assert_eq(array[i], i);
    cr_assert(base_resize(&array, 2, sizeof *array));
    cr_expect_eq(array[1], 1);
    free(array);
}

Test(memory, what_is_too_large_leaves_all_as_it_is)
{
    uint32_t *array = NULL;
    size_t room = 0;
    cr_assert(base_grow(&array, &room, 100, sizeof *array));
    uint32_t *const before = array;
    const size_t room_before = room;
    cr_expect_not(base_grow(&array, &room, SIZE_MAX, sizeof *array));
    cr_expect_not(base_grow(&array, &room, SIZE_MAX / 4 + 1, sizeof *array));
    cr_expect_not(base_resize(&array, SIZE_MAX / 2, 3));
    cr_expect_eq(array, before);
    cr_expect_eq(room, room_before);
    free(array);
}

Test(memory, nothing_to_hold_changes_nothing)
{
    uint32_t *array = NULL;
    cr_expect(base_resize(&array, 0, sizeof *array));
    cr_expect(base_resize(&array, 5, 0));
    cr_expect_null(array);
}

Test(memory, zeros_are_zero_and_no_more_than_there_is)
{
    enum { COUNT = 5000 };
    uint16_t *const zeros = base_zeros(COUNT, sizeof *zeros);
    cr_assert_not_null(zeros);
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(zeros[i], 0);
        zeros[i] = (uint16_t)i;
    }
    base_zeros_free(zeros, COUNT, sizeof *zeros);
    base_zeros_free(NULL, COUNT, sizeof *zeros);
    cr_expect_null(base_zeros(SIZE_MAX / 2, 3));
    cr_expect_null(base_zeros(SIZE_MAX, 1));
}
