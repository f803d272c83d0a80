/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>

static void expect(double value, const char *wanted)
{
    char text[BASE_DOUBLE_TEXT];
    size_t length = base_format_double(value, text);
    cr_expect_str_eq(text, wanted);
    cr_expect_eq(length, strlen(wanted));
}

Test(number, formats_as_python_does)
{
    expect(0.0, "0.0");
    expect(-0.0, "-0.0");
    expect(1.0, "1.0");
    expect(100.0, "100.0");
    expect(0.1, "0.1");
    expect(0.1 + 0.2, "0.30000000000000004");
    expect(1e15, "1000000000000000.0");
    expect(1e16, "1e+16");
    expect(123456789012345680.0, "1.2345678901234568e+17");
    expect(0.0001, "0.0001");
    expect(0.00001, "1e-05");
    expect(5e-324, "5e-324");
    expect(1.7976931348623157e308, "1.7976931348623157e+308");
    expect(-2.5, "-2.5");
    expect(INFINITY, "inf");
    expect(-INFINITY, "-inf");
    expect(NAN, "nan");
}

Test(number, what_is_formatted_reads_back_equal)
{
    uint64_t state = 88172645463325252U;
    for (int i = 0; i < 20000; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        double value, back;
        memcpy(&value, &state, sizeof value);
        if (isnan(value) || isinf(value))
            continue;
        char text[BASE_DOUBLE_TEXT];
        size_t length = base_format_double(value, text);
        cr_assert(base_parse_double((base_slice){text, length}, &back) && back == value, "%s", text);
    }
}

Test(number, refuses_what_is_not_decimal)
{
    static const char *const bad[] = {"",    "+",  ".",  "e5",  "1e",  "1e+",  "0x10",
                                      "1,5", " 1", "1 ", "inf", "nan", "1.2.3"};
    double value;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect(!base_parse_double(base_slice_from(bad[i]), &value), "'%s'", bad[i]);
    static const char *const good[] = {"1", "-1.", ".5", "+1e5", "1E-5"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(base_parse_double(base_slice_from(good[i]), &value), "'%s'", good[i]);
    char digits[500];
    memset(digits, '1', sizeof digits);
    cr_expect(!base_parse_double((base_slice){digits, sizeof digits}, &value));
}

Test(number, prints_with_a_precision)
{
    char text[64];
    cr_expect_eq(base_print_double(text, sizeof text, 'f', 2, 3.14159), 4);
    cr_expect_str_eq(text, "3.14");
    base_print_double(text, sizeof text, 'e', 3, 12345.678);
    cr_expect_str_eq(text, "1.235e+04");
}
