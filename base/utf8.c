/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

static bool is_scalar_value(uint32_t code_point)
{
    return code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff);
}

size_t base_utf8_decode(const char *bytes, size_t length, uint32_t *code_point)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000}; /* that needs so many bytes */

    if (length == 0)
        return 0;
    const unsigned char first = (unsigned char)bytes[0];
    if (first < 0x80) {
        *code_point = first;
        return 1;
    }
    const size_t n = first >= 0xf8 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    if (n == 0 || n > length)
        return 0;
    uint32_t value = first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (!is_continuation((unsigned char)bytes[i]))
            return 0;
        value = value << 6 | ((unsigned char)bytes[i] & 0x3fu);
    }
    if (value < smallest[n] || !is_scalar_value(value))
        return 0;
    *code_point = value;
    return n;
}

size_t base_utf8_encode(uint32_t code_point, char bytes[4])
{
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};

    if (!is_scalar_value(code_point))
        return 0;
    if (code_point < 0x80) {
        bytes[0] = (char)code_point;
        return 1;
    }
    const size_t n = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    bytes[0] = (char)(lead[n] | code_point);
    return n;
}

bool base_utf8_valid(base_slice text)
{
    uint32_t code_point;
    for (size_t at = 0; at < text.length;) {
        const size_t n = base_utf8_decode(text.data + at, text.length - at, &code_point);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

size_t base_utf8_whole(const char *bytes, size_t length)
{
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        const unsigned char c = (unsigned char)bytes[length - back];
        if (c >= 0xc2 && c <= 0xf4) { /* begins a character of 2 to 4 bytes */
            const size_t whole = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
            return back < whole ? length - back : length;
        }
        if (c < 0x80 || c > 0xbf)
            break;
    }
    return length;
}
