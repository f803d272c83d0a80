/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_json.h"

#include "base/utf8.h"

#include <math.h>

void tool_json_string(FILE *out, const char *bytes, size_t length)
{
    fputc('"', out);
    for (size_t i = 0; i < length;) {
        uint32_t code_point;
        const size_t width = base_utf8_decode(bytes + i, length - i, &code_point);
        if (width == 0)
            fputs("\xef\xbf\xbd", out);
        else if (code_point == '"' || code_point == '\\')
            fprintf(out, "\\%c", (char)code_point);
        else if (code_point == '\n')
            fputs("\\n", out);
        else if (code_point < 0x20 || code_point == 0x7f)
            fprintf(out, "\\u%04x", code_point);
        else
            fwrite(bytes + i, 1, width, out);
        i += width == 0 ? 1 : width;
    }
    fputc('"', out);
}

void tool_json_bytes(FILE *out, const char *bytes, size_t length)
{
    fputc('[', out);
    for (size_t i = 0; i < length; i++)
        fprintf(out, "%s%u", i == 0 ? "" : ",", (unsigned char)bytes[i]);
    fputc(']', out);
}

void tool_json_number(FILE *out, double value, int digits)
{
    if (isfinite(value))
        fprintf(out, "%.*g", digits, value);
    else
        fputs("null", out);
}

void tool_json_parameters(FILE *out, const firn_generation_parameters *parameters)
{
    for (size_t i = 0; i < firn_parameter_count(); i++) {
        char value[FIRN_PARAMETER_TEXT];
        firn_parameter_print(parameters, firn_parameter_at(i), value);
        fprintf(out, "%c\"%s\":%s", i == 0 ? '{' : ',', firn_parameter_at(i)->name, value);
    }
    fputc('}', out);
}
