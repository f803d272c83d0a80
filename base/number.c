/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LONGEST_NUMBER = 400 };

static size_t skip_digits(base_slice text, size_t at)
{
    while (at < text.length && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    return at;
}

static bool is_decimal(base_slice text)
{
    size_t at = text.length > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    size_t start = at;
    at = skip_digits(text, at);
    size_t digits = at - start;
    if (at < text.length && text.data[at] == '.') {
        start = ++at;
        at = skip_digits(text, at);
        digits += at - start;
    }
    if (digits == 0)
        return false;
    if (at < text.length && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.length && (text.data[at] == '-' || text.data[at] == '+'))
            at++;
        start = at;
        at = skip_digits(text, at);
        if (at == start)
            return false;
    }
    return at == text.length;
}

bool base_parse_double(base_slice text, double *value)
{
    char copy[LONGEST_NUMBER + 8];
    const char *point = localeconv()->decimal_point;
    if (text.length > LONGEST_NUMBER || !is_decimal(text) || strlen(point) > 4)
        return false;
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] != '.') {
            copy[length++] = text.data[i];
            continue;
        }
        for (const char *c = point; *c != '\0'; c++)
            copy[length++] = *c;
    }
    copy[length] = '\0';
    *value = strtod(copy, NULL);
    return true;
}

int base_print_double(char *buffer, size_t capacity, char style, int precision, double value)
{
    const char format[] = {'%', '.', '*', style, '\0'};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int length = snprintf(buffer, capacity, format, precision, value);
#pragma GCC diagnostic pop
    const char *point = localeconv()->decimal_point;
    size_t width = strlen(point);
    char *found = length > 0 && (size_t)length < capacity && strcmp(point, ".") != 0 ? strstr(buffer, point) : NULL;
    if (found == NULL)
        return length;
    *found = '.';
    memmove(found + 1, found + width, strlen(found + width) + 1);
    return length - (int)(width - 1);
}

/* Writes digits d[0..n) with the point after `point` of them (which may lie outside the digits). */
static size_t place_point(char *text, const char *digits, int n, int point)
{
    size_t length = 0;
    if (point <= 0) {
        text[length++] = '0';
        text[length++] = '.';
        for (int i = point; i < 0; i++)
            text[length++] = '0';
    }
    for (int i = 0; i < n || i < point; i++) {
        if (i == point && i > 0)
            text[length++] = '.';
        text[length++] = i < n ? digits[i] : '0';
    }
    if (point >= n) {
        text[length++] = '.';
        text[length++] = '0';
    }
    return length;
}

size_t base_format_double(double value, char text[BASE_DOUBLE_TEXT])
{
    if (isnan(value))
        return (size_t)snprintf(text, BASE_DOUBLE_TEXT, "nan");
    if (isinf(value))
        return (size_t)snprintf(text, BASE_DOUBLE_TEXT, value < 0 ? "-inf" : "inf");
    char scientific[BASE_DOUBLE_TEXT];
    for (int precision = 0; precision <= 16; precision++) {
        int length = base_print_double(scientific, sizeof scientific, 'e', precision, value);
        double back;
        if (base_parse_double((base_slice){scientific, (size_t)length}, &back) && back == value)
            break;
    }
    /* scientific is [-]d[.ddd]e±xx */
    size_t length = 0;
    const char *at = scientific;
    if (*at == '-')
        text[length++] = *at++;
    char digits[20] = "0";
    int n = 0;
    for (; *at != 'e'; at++)
        if (*at != '.')
            digits[n++] = *at;
    int exponent = atoi(at + 1);
    if (exponent >= -4 && exponent < 16) {
        length += place_point(text + length, digits, n, exponent + 1);
        text[length] = '\0';
        return length;
    }
    text[length++] = digits[0];
    if (n > 1) {
        text[length++] = '.';
        memcpy(text + length, digits + 1, (size_t)n - 1);
        length += (size_t)n - 1;
    }
    return length + (size_t)snprintf(text + length, BASE_DOUBLE_TEXT - length, "e%+03d", exponent);
}
