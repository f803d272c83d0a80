/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

Test(arena, pieces_are_aligned_and_do_not_overlap)
{
    base_arena arena = {.limit = 1 << 20};
    unsigned char *pieces[200];
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = base_arena_allocate(&arena, i + 1);
        cr_assert_not_null(pieces[i]);
        cr_expect_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)i, i + 1);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t k = 0; k <= i; k++)
            cr_assert_eq(pieces[i][k], (unsigned char)i);
    base_arena_free(&arena);
}

Test(arena, the_limit_holds)
{
    base_arena arena = {.limit = 1000};
    cr_expect_null(base_arena_allocate(&arena, 1001));
    cr_expect_null(base_arena_allocate(&arena, SIZE_MAX));
    cr_expect_not_null(base_arena_allocate(&arena, 900));
    cr_expect(base_arena_at_limit(&arena, 200));
    cr_expect_null(base_arena_allocate(&arena, 200));
    cr_expect_not_null(base_arena_allocate(&arena, 16));
    base_arena_free(&arena);
    cr_expect_not_null(base_arena_allocate(&arena, 900));
    base_arena_free(&arena);
}

Test(arena, only_the_latest_piece_can_grow_in_place)
{
    base_arena arena = {.limit = 1 << 20};
    char *first = base_arena_allocate(&arena, 32);
    memset(first, 7, 32);
    cr_expect(base_arena_extend(&arena, first, 32, 640));
    memset(first + 32, 8, 608);
    cr_expect_eq(first[31], 7);
    char *second = base_arena_allocate(&arena, 16);
    cr_expect(second >= first + 640);
    cr_expect(!base_arena_extend(&arena, first, 640, 1000));
    cr_expect(!base_arena_extend(&arena, second, 16, 1 << 19));
    cr_expect(!base_arena_extend(&arena, second, 16, 2 << 20));
    cr_expect(!base_arena_extend(&arena, NULL, 0, 16));
    base_arena_free(&arena);
}
