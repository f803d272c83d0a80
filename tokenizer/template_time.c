/* SPDX-License-Identifier: Apache-2.0 */
/* strftime with English names whatever the process's locale, on the clock that the caller gives. */
#include "tokenizer/template_p.h"

static const char *const weekdays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

static void add_number(tok_builder *builder, int value, int width, char fill)
{
    if (fill == '\0')
        tok_add_format(builder, "%d", value);
    else if (fill == ' ')
        tok_add_format(builder, "%*d", width, value);
    else
        tok_add_format(builder, "%0*d", width, value);
}

/* ISO 8601: the week belongs to the year that its Thursday lies in. */
static int iso_week(const struct tm *t, int *year)
{
    int weekday = (t->tm_wday + 6) % 7; /* Monday 0 */
    int week = (t->tm_yday - weekday + 10) / 7;
    *year = t->tm_year + 1900;
    int before = *year - 1;
    bool leap = (*year % 4 == 0 && *year % 100 != 0) || *year % 400 == 0;
    bool leap_before = (before % 4 == 0 && before % 100 != 0) || before % 400 == 0;
    if (week < 1) {
        (*year)--;
        week = (t->tm_yday + 365 + leap_before - weekday + 10) / 7;
    } else if (week == 53 && t->tm_yday - weekday + 3 >= 365 + leap) {
        (*year)++;
        week = 1;
    }
    return week;
}

static void add_name(tok_builder *builder, const char *name, bool whole)
{
    tok_add_bytes(builder, name, whole ? strlen(name) : 3, false);
}

static bool add_parts(tok_builder *builder, const struct tm *t, const char *directives);

/* Appends what one directive stands for; `fill` is '0', ' ' or, after "%-", none. False if it is unknown. */
static bool add_directive(tok_builder *builder, const struct tm *t, char directive, char fill)
{
    int hour = t->tm_hour % 12 == 0 ? 12 : t->tm_hour % 12, year;
    char space = fill == '\0' ? '\0' : ' ';
    switch (directive) {
    case 'a':
    case 'A':
        return add_name(builder, weekdays[t->tm_wday], directive == 'A'), true;
    case 'b':
    case 'h':
    case 'B':
        return add_name(builder, months[t->tm_mon], directive == 'B'), true;
    case 'C':
        return add_number(builder, (t->tm_year + 1900) / 100, 2, fill), true;
    case 'd':
        return add_number(builder, t->tm_mday, 2, fill), true;
    case 'e':
        return add_number(builder, t->tm_mday, 2, space), true;
    case 'f':
        return add_number(builder, 0, 6, '0'), true;
    case 'G':
        iso_week(t, &year);
        return add_number(builder, year, 4, fill), true;
    case 'g':
        iso_week(t, &year);
        return add_number(builder, year % 100, 2, fill), true;
    case 'H':
        return add_number(builder, t->tm_hour, 2, fill), true;
    case 'I':
        return add_number(builder, hour, 2, fill), true;
    case 'j':
        return add_number(builder, t->tm_yday + 1, 3, fill), true;
    case 'k':
        return add_number(builder, t->tm_hour, 2, space), true;
    case 'l':
        return add_number(builder, hour, 2, space), true;
    case 'M':
        return add_number(builder, t->tm_min, 2, fill), true;
    case 'm':
        return add_number(builder, t->tm_mon + 1, 2, fill), true;
    case 'n':
        return tok_add_literal(builder, "\n"), true;
    case 'p':
        return tok_add_literal(builder, t->tm_hour < 12 ? "AM" : "PM"), true;
    case 'P':
        return tok_add_literal(builder, t->tm_hour < 12 ? "am" : "pm"), true;
    case 'S':
        return add_number(builder, t->tm_sec, 2, fill), true;
    case 't':
        return tok_add_literal(builder, "\t"), true;
    case 'U':
        return add_number(builder, (t->tm_yday + 7 - t->tm_wday) / 7, 2, fill), true;
    case 'u':
        return add_number(builder, t->tm_wday == 0 ? 7 : t->tm_wday, 1, fill), true;
    case 'V':
        return add_number(builder, iso_week(t, &year), 2, fill), true;
    case 'W':
        return add_number(builder, (t->tm_yday + 7 - (t->tm_wday + 6) % 7) / 7, 2, fill), true;
    case 'w':
        return add_number(builder, t->tm_wday, 1, fill), true;
    case 'Y':
        return add_number(builder, t->tm_year + 1900, 1, fill), true;
    case 'y':
        return add_number(builder, (t->tm_year + 1900) % 100, 2, fill), true;
    case 'Z':
    case 'z':
        return true; /* the clock has no time zone */
    case '%':
        return tok_add_literal(builder, "%"), true;
    case 'c':
        return add_parts(builder, t, "a b e H:M:S Y");
    case 'D':
    case 'x':
        return add_parts(builder, t, "m/d/y");
    case 'F':
        return add_parts(builder, t, "Y-m-d");
    case 'R':
        return add_parts(builder, t, "H:M");
    case 'r':
        return add_parts(builder, t, "I:M:S p");
    case 'T':
    case 'X':
        return add_parts(builder, t, "H:M:S");
    default:
        return false;
    }
}

/* Directives and the punctuation between them. */
static bool add_parts(tok_builder *builder, const struct tm *t, const char *directives)
{
    for (; *directives != '\0'; directives++)
        if (strchr(" :/-", *directives) != NULL)
            tok_add_bytes(builder, directives, 1, false);
        else
            add_directive(builder, t, *directives, '0');
    return true;
}

/* A clock whose fields are all in range and agree; the caller gives year, month, day and time. */
static bool normalize(struct tm *t)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    if (t->tm_mon < 0 || t->tm_mon > 11 || t->tm_mday < 1 || t->tm_mday > 31 || t->tm_hour < 0 || t->tm_hour > 23 ||
        t->tm_min < 0 || t->tm_min > 59 || t->tm_sec < 0 || t->tm_sec > 60 || t->tm_year < -899 || t->tm_year > 8099)
        return false;
    int year = t->tm_year + 1900;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    t->tm_yday = before[t->tm_mon] + t->tm_mday - 1 + (leap && t->tm_mon > 1);
    int past = year - 1;
    t->tm_wday = (past * 365 + past / 4 - past / 100 + past / 400 + t->tm_yday + 1) % 7;
    return true;
}

tok_value tok_strftime(tok_render *render, const tok_text *format)
{
    if (render->input->now == NULL)
        tok_fault(&render->guard, FIRN_ERROR_ARGUMENT, "strftime_now: the caller gave no clock");
    struct tm t = *render->input->now;
    if (!normalize(&t))
        tok_fault(&render->guard, FIRN_ERROR_ARGUMENT, "strftime_now: the clock is not a date");
    tok_builder builder = tok_build(render);
    for (size_t at = 0; at < format->length; at++) {
        if (format->data[at] != '%' || at + 1 == format->length) {
            tok_add(&builder, format, at, at + 1);
            continue;
        }
        size_t from = at++;
        char fill = '0';
        if (at + 1 < format->length && (format->data[at] == '-' || format->data[at] == '_'))
            fill = format->data[at++] == '-' ? '\0' : ' ';
        if (!add_directive(&builder, &t, format->data[at], fill))
            tok_add(&builder, format, from, at + 1);
    }
    return tok_built(&builder);
}
