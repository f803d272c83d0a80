/* SPDX-License-Identifier: Apache-2.0 */
/* Grammars, regular expressions and choices: what they match, what is refused, masks against single tokens. */
#include "engine/constraint.h"
#include "tests/support/constraints.h"

#include <criterion/criterion.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static firn_vocabulary *vocabulary;

static void begin(void)
{
    vocabulary = support_byte_vocabulary();
}

static void end(void)
{
    firn_vocabulary_release(vocabulary);
}

TestSuite(constraint, .init = begin, .fini = end);

/* `texts` are separated by '|'; those behind a '!' must not match. */
static void expect(firn_constraint_kind kind, const char *source, const char *const *texts)
{
    firn_constraint *const constraint = support_compile(kind, source);
    for (; *texts != NULL; texts++) {
        const bool wanted = (*texts)[0] != '!';
        const char *const text = *texts + !wanted;
        cr_expect_eq(support_satisfies(constraint, vocabulary, text, strlen(text)), wanted, "%s %s '%s'", source,
                     wanted ? "should match" : "should not match", text);
    }
    firn_constraint_release(constraint);
}

#define GRAMMAR(source, ...) expect(FIRN_CONSTRAINT_GRAMMAR, source, (const char *const[]){__VA_ARGS__, NULL})
#define REGEX(source, ...)   expect(FIRN_CONSTRAINT_REGEX, source, (const char *const[]){__VA_ARGS__, NULL})

Test(constraint, grammar_syntax)
{
    GRAMMAR("root ::= \"yes\" | \"no\"", "yes", "no", "!", "!y", "!yesno", "!Yes");
    GRAMMAR("root ::= [a-c]+ [^a-c\\n]", "abX", "c.", "cé", "!ab", "!X", "!a\n");
    GRAMMAR("root ::= \"a\"? \"b\"* \"c\"+", "c", "abbcc", "bc", "!ab", "!aac");
    GRAMMAR("root ::= (\"a\" | \"b\" \"c\"){2,3}", "aa", "abc", "bcbca", "!a", "!aaaa");
    GRAMMAR("root ::= \"a\"{2} [0-9]{1,} \"x\"{0,1}", "aa1", "aa123x", "!a1", "!aa", "!aa1xx");
    GRAMMAR("# a comment\nroot ::= word (\" \" word)* # here too\n\nword ::=\n  [a-z]+\n", "a", "ab cd e", "!",
            "!a  b");
    GRAMMAR("root ::= \"\\x41\\u00e9\\U0001F600\\n\\t\\\\\\\"\" [\\]\\-\\^]", "A\u00e9\U0001F600\n\t\\\"]",
            "A\u00e9\U0001F600\n\t\\\"-", "A\u00e9\U0001F600\n\t\\\"^", "!A\u00e9\U0001F600\n\t\\\"a");
    GRAMMAR("root ::= (\n \"a\"\n | \"b\"\n)\n \n", "a", "b", "!ab");
    GRAMMAR("root ::= \"a\"\n  | \"b\"\n  | \"c\"\nother ::= \"d\"", "a", "b", "c", "!d");
    GRAMMAR("root ::= .", "a", "\n", "\u00e9", "\u65e5", "\U0001F600", "!", "!ab", "!\xC3", "!\xED\xA0\x80", "!\xFF");
    GRAMMAR("root ::= \"\"", "", "!a");
    GRAMMAR("root ::= \"a\" | \"\"", "", "a");
    GRAMMAR("root ::= [\u00e0-\u00ff\u4e00-\u9fff]+", "\u00e9", "\u65e5\u672c", "!a", "!\u0100", "!\ua000");
    GRAMMAR("root ::= [\\x00-\\x7f]", "a", "\x7f", "!\u00e9");
    GRAMMAR("root ::= x_1 y-2\nx_1 ::= \"x\"\ny-2 ::= \"y\"", "xy", "!x");
}

Test(constraint, grammar_recursion)
{
    GRAMMAR("root ::= \"(\" root \")\" root | \"\"", "", "()", "(())()", "((()())())", "!(", "!)(", "!(()");
    GRAMMAR("root ::= \"a\" root \"b\" | \"c\"", "c", "acb", "aaacbbb", "!aacb", "!ab");
    GRAMMAR("root ::= \"a\" root | \"b\"", "b", "aaaaaaaaaaaaab", "!a");
    GRAMMAR("root ::= x \"!\"\nx ::= y | y x\ny ::= \"a\" | \"ab\"", "a!", "aba!", "ababab!", "!b!", "!abb!");
    GRAMMAR("root ::= ((\"a\"*)*)* \"b\"", "b", "aaab", "!a");
    /* depth comes from nesting only: recursion at the right end takes none */
    firn_constraint *const constraint = support_compile(FIRN_CONSTRAINT_GRAMMAR, "root ::= [a-z] root | \"\"");
    char text[20000];
    memset(text, 'a', sizeof text);
    cr_expect(support_satisfies(constraint, vocabulary, text, sizeof text));
    firn_constraint_release(constraint);
}

Test(constraint, regular_expressions)
{
    REGEX("a|bc", "a", "bc", "!b", "!abc", "!");
    REGEX("[0-9]{4}-\\d\\d-\\d{2}", "2026-11-22", "!2026-1-22", "!2026-11-222");
    REGEX("(?:ab)+?c*?", "ab", "ababcc", "!c");
    REGEX("(?P<x>a)(?<y>b)", "ab", "!a");
    REGEX("\\w+\\s\\W\\S\\D", "a_9 !xx", "!a_9 axx", "!a !x1");
    REGEX(".", "a", "\u00e9", "!\n", "!ab");
    REGEX("[^a-y]", "z", "\u00e9", "\n", "!a");
    REGEX("[]a]", "]", "a", "!b");
    REGEX("[a-]", "a", "-", "!b");
    REGEX("[\\w.-]+", "a.b-c_1", "!a b");
    REGEX("[[:alpha:]_][[:digit:][:upper:]]*", "a", "_1A", "Z9", "!9", "!aa");
    REGEX("\\x41\\x{1F600}\\u00e9\\t\\.\\*\\/", "A\U0001F600\u00e9\t.*/", "!A");
    REGEX("^a$|^b$", "a", "b", "!ab");
    REGEX("^$", "", "!a");
    REGEX("(^a|b)c", "ac", "bc", "!c");
    REGEX("", "", "!a");
    REGEX("x{2,}", "xx", "xxxxx", "!x");
    REGEX("\\ud83d\\ude00", "\U0001F600");
    REGEX("(a?){500}", "", "aaaa", "!b");
}

Test(constraint, choices)
{
    expect(FIRN_CONSTRAINT_CHOICES, "yes\nno\r\nperhaps (not)\n\n",
           (const char *const[]){"yes", "no", "perhaps (not)", "!", "!y", "!yesno", "!no\r", NULL});
}

typedef struct refusal {
    firn_constraint_kind kind;
    const char *source;
    firn_status status;
    const char *part; /* of the message */
} refusal;

static void expect_refused(const refusal *r)
{
    firn_constraint *constraint;
    firn_error error = {0};
    const clock_t start = clock();
    const firn_status status = firn_constraint_compile(r->kind, r->source, strlen(r->source), &constraint, &error);
    const double milliseconds = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC;
    cr_expect_eq(status, r->status, "%.80s: %s (%s)", r->source, firn_status_name(status), error.message);
    cr_expect_null(constraint);
    cr_expect_not_null(strstr(error.message, r->part), "%.80s: %s", r->source, error.message);
    cr_expect_lt(milliseconds, 1000, "%.80s: %g ms", r->source, milliseconds);
}

#define G FIRN_CONSTRAINT_GRAMMAR
#define R FIRN_CONSTRAINT_REGEX

Test(constraint, refused)
{
    static const refusal rows[] = {
        {G, "", FIRN_ERROR_FORMAT, "no rule 'root'"},
        {G, "a ::= \"b\"", FIRN_ERROR_FORMAT, "no rule 'root'"},
        {G, "root ::= missing", FIRN_ERROR_FORMAT, "line 1, column 10: the rule 'missing' is not defined"},
        {G, "root ::= root \"a\" | \"b\"", FIRN_ERROR_UNSUPPORTED, "left recursion: rule 'root'"},
        {G, "root ::= a \"x\"\na ::= \"y\"? b\nb ::= a \"z\" | \"w\"", FIRN_ERROR_UNSUPPORTED,
         "left recursion: rule 'a'"},
        {G, "root ::= a\na ::= b* a \"x\" | \"y\"\nb ::= \"\" | \"b\"", FIRN_ERROR_UNSUPPORTED, "left recursion"},
        {G, "root ::= \"a\" root", FIRN_ERROR_ARGUMENT, "no text satisfies"},
        {G, "root ::= []", FIRN_ERROR_ARGUMENT, "no text satisfies"},
        {G, "root ::= \"a\"{1,1000000000}", FIRN_ERROR_LIMIT, "more than 2000 repetitions"},
        {G, "root ::= \"a\"{3,2}", FIRN_ERROR_FORMAT, "ends below"},
        {G, "root ::= \"a\"{x}", FIRN_ERROR_FORMAT, "{m,n}"},
        {G, "root ::= \"a", FIRN_ERROR_FORMAT, "line 1, column 10: the literal"},
        {G, "root ::= [a", FIRN_ERROR_FORMAT, "column 10: the class"},
        {G, "root ::= [b-a]", FIRN_ERROR_FORMAT, "ends below"},
        {G, "root ::= (\"a\"", FIRN_ERROR_FORMAT, "column 10: the '('"},
        {G, "root ::= \"a\")", FIRN_ERROR_FORMAT, "column 13: this ')'"},
        {G, "root ::= *", FIRN_ERROR_FORMAT, "nothing stands before"},
        {G, "root ::= \"\\q\"", FIRN_ERROR_FORMAT, "unknown escape"},
        {G, "root ::= \"\\", FIRN_ERROR_FORMAT, "unknown escape"},
        {G, "root ::= \"\\ud800\"", FIRN_ERROR_FORMAT, "no character of Unicode"},
        {G, "root ::= \"\xff\"", FIRN_ERROR_FORMAT, "not UTF-8"},
        {G, "root ::= <think>", FIRN_ERROR_FORMAT, "tokens in grammars"},
        {G, "root = \"a\"", FIRN_ERROR_FORMAT, "::="},
        {G, "root ::= \"a\"\nroot ::= \"b\"", FIRN_ERROR_FORMAT, "line 2, column 1: the rule 'root' is defined twice"},
        {R, "a(b", FIRN_ERROR_FORMAT, "column 2: the '('"},
        {R, "a)b", FIRN_ERROR_FORMAT, "column 2: this ')'"},
        {R, "*a", FIRN_ERROR_FORMAT, "nothing stands before"},
        {R, "a**", FIRN_ERROR_FORMAT, "repetition of a repetition"},
        {R, "(?=a)", FIRN_ERROR_UNSUPPORTED, "looking ahead"},
        {R, "(?<=x)", FIRN_ERROR_UNSUPPORTED, "looking ahead or behind"},
        {R, "(?<!x)", FIRN_ERROR_UNSUPPORTED, "looking ahead or behind"},
        {R, "(?i)a", FIRN_ERROR_UNSUPPORTED, "flags"},
        {R, "(a)\\1", FIRN_ERROR_UNSUPPORTED, "references to groups"},
        {R, "\\bx", FIRN_ERROR_UNSUPPORTED, "word boundaries"},
        {R, "\\p{L}", FIRN_ERROR_UNSUPPORTED, "Unicode property"},
        {R, "a^b", FIRN_ERROR_UNSUPPORTED, "^ or $ elsewhere"},
        {R, "(^a)*", FIRN_ERROR_UNSUPPORTED, "^ or $ elsewhere"},
        {R, "[a", FIRN_ERROR_FORMAT, "no closing ']'"},
        {R, "[z-a]", FIRN_ERROR_FORMAT, "ends below"},
        {R, "[[:letters:]]", FIRN_ERROR_UNSUPPORTED, "unknown set"},
        {R, "\\x{110000}", FIRN_ERROR_FORMAT, "no character of Unicode"},
        {R, "a{2001}", FIRN_ERROR_LIMIT, "more than 2000"},
        {R, "a{,2}", FIRN_ERROR_FORMAT, "{m,n}"},
        {R, "\\", FIRN_ERROR_FORMAT, "ends within an escape"},
        {R, "[^\\x{0}-\\x{10FFFF}]", FIRN_ERROR_ARGUMENT, "no text satisfies"},
        {FIRN_CONSTRAINT_CHOICES, "\n\n", FIRN_ERROR_ARGUMENT, "empty"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_refused(&rows[i]);
}

/* ---- large and deep ---- */

static char *repeated(const char *before, const char *part, size_t count, const char *after)
{
    char *const text = malloc(strlen(before) + strlen(part) * count + strlen(after) + 1);
    char *at = stpcpy(text, before);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, part);
    strcpy(at, after);
    return text;
}

Test(constraint, sizes_have_limits)
{
    char *text = repeated("root ::= ", "(", 60000, "");
    expect_refused(&(refusal){G, text, FIRN_ERROR_LIMIT, "more than 256 groups inside each other"});
    free(text);
    text = repeated("root ::= ", "\"aaaaaaaaaaaaaaaa\" ", 4000, "");
    expect_refused(&(refusal){G, text, FIRN_ERROR_LIMIT, "the limit is 65536"});
    free(text);
    text = repeated("", "(", 60000, "");
    expect_refused(&(refusal){R, text, FIRN_ERROR_LIMIT, "more than 256 groups"});
    free(text);
    text = repeated("", "a", 70000, "");
    expect_refused(&(refusal){R, text, FIRN_ERROR_LIMIT, "the limit is 65536"});
    free(text);
    text = repeated("root ::= \"\"", " a", 12000, "");
    expect_refused(&(refusal){G, text, FIRN_ERROR_FORMAT, "not defined"});
    free(text);
    /* repetitions of repetitions are made once each, so they stay small */
    REGEX("(((a{1,2000}b){0,2000}c){0,2000}d){0,2000}", "", "aabcd", "!ab");
}

Test(constraint, chain_of_rules)
{
    char *const text = malloc(200000), *at = text + sprintf(text, "root ::= r0\n");
    for (int i = 0; i < 3000; i++)
        at += sprintf(at, "r%d::=r%d\n", i, i + 1);
    sprintf(at, "r3000::=\"a\"\n");
    GRAMMAR(text, "a", "!b");
    at = text + sprintf(text, "root ::= r0\n");
    for (int i = 0; i < 3000; i++)
        at += sprintf(at, "r%d::=r%d \"b\"\n", i, i + 1);
    sprintf(at, "r3000::=\"a\"\n");
    /* compiles; but 3,000 calls would be open at once, and no token leads there */
    firn_constraint *const constraint = support_compile(G, text);
    firn_constraint_state *state;
    uint64_t bits[(SUPPORT_TOKENS + 63) / 64];
    firn_error error = {0};
    cr_assert_eq(firn_constraint_state_create(constraint, vocabulary, &state, NULL), FIRN_OK);
    cr_expect_eq(firn_constraint_mask(state, bits, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "nests too deep"), "%s", error.message);
    firn_constraint_state_release(state);
    firn_constraint_release(constraint);
    free(text);
}

/* ---- against the C library's regular expressions ---- */

static unsigned next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33);
}

typedef struct expression {
    char *regex, *grammar; /* the same */
} expression;

static char *joined(const char *format, char *left, char *right)
{
    const size_t room = strlen(format) + strlen(left) + strlen(right) + 1;
    char *const text = malloc(room);
    snprintf(text, room, format, left, right);
    free(left);
    free(right);
    return text;
}

static expression combined(const char *regex, const char *grammar, expression left, expression right)
{
    return (expression){joined(regex, left.regex, right.regex), joined(grammar, left.grammar, right.grammar)};
}

static expression random_expression(uint64_t *seed, int depth)
{
    static const char *const atoms[][2] = {{"a", "\"a\""},   {"b", "\"b\""},     {"[ab]", "[ab]"},
                                           {"[^a]", "[^a]"}, {"[b-c]", "[b-c]"}, {"cb", "\"c\" \"b\""}};
    static const char *const repetitions[] = {"*", "+", "?", "{2}", "{1,3}", "{2,}"};
    const unsigned choice = depth == 0 ? 0 : next_random(seed) % 4;
    if (choice == 0) {
        const unsigned which = next_random(seed) % 6;
        return (expression){strdup(atoms[which][0]), strdup(atoms[which][1])};
    }
    const expression left = random_expression(seed, depth - 1);
    if (choice == 1) {
        const char *const repetition = repetitions[next_random(seed) % 6];
        return combined("(%s)%s", "(%s)%s", left, (expression){strdup(repetition), strdup(repetition)});
    }
    const expression right = random_expression(seed, depth - 1);
    return choice == 2 ? combined("(%s)(%s)", "(%s) (%s)", left, right) : combined("(%s|%s)", "(%s | %s)", left, right);
}

Test(constraint, same_as_the_c_library, .timeout = 60)
{
    uint64_t seed = 1;
    for (int i = 0; i < 150; i++) {
        char whole[2000];
        regex_t oracle;
        const expression random = random_expression(&seed, 3);
        snprintf(whole, sizeof whole, "^(%s)$", random.regex);
        cr_assert_eq(regcomp(&oracle, whole, REG_EXTENDED | REG_NOSUB), 0);
        firn_constraint *const a = support_compile(R, random.regex);
        snprintf(whole, sizeof whole, "root ::= %s", random.grammar);
        firn_constraint *const b = support_compile(G, whole);
        for (unsigned number = 0; number < 364; number++) { /* all texts of at most five of a, b, c */
            char text[8] = "";
            size_t length = 0;
            for (unsigned rest = number; rest > 0; rest = (rest - 1) / 3)
                text[length++] = (char)('a' + (rest - 1) % 3);
            text[length] = '\0';
            const bool wanted = regexec(&oracle, text, 0, NULL, 0) == 0;
            cr_assert_eq(support_satisfies(a, vocabulary, text, length), wanted, "%s on '%s'", random.regex, text);
            cr_assert_eq(support_satisfies(b, vocabulary, text, length), wanted, "%s on '%s'", whole, text);
        }
        regfree(&oracle);
        free(random.regex);
        free(random.grammar);
        firn_constraint_release(a);
        firn_constraint_release(b);
    }
}

/* ---- states ---- */

static bool allowed(const uint64_t *bits, int32_t id)
{
    return bits[id / 64] >> id % 64 & 1;
}

/* Walks through random tokens; at each step the mask must be exactly the tokens that a clone accepts. */
static void check_masks(firn_constraint_kind kind, const char *source, uint64_t seed)
{
    firn_constraint *const constraint = support_compile(kind, source);
    firn_constraint_state *state, *copy;
    uint64_t bits[(SUPPORT_TOKENS + 63) / 64];
    cr_assert_eq(firn_constraint_state_create(constraint, vocabulary, &state, NULL), FIRN_OK);
    for (int step = 0; step < 25; step++) {
        int32_t possible[SUPPORT_TOKENS];
        unsigned n_possible = 0;
        cr_assert_eq(firn_constraint_mask(state, bits, NULL), FIRN_OK, "%s", source);
        cr_assert_eq(firn_constraint_state_clone(state, &copy, NULL), FIRN_OK);
        for (int32_t id = 0; id < SUPPORT_TOKENS; id++) {
            const bool accepted = firn_constraint_accept(copy, id, NULL) == FIRN_OK;
            cr_assert_eq(accepted, allowed(bits, id), "%s: token %d after %d", source, id, step);
            firn_constraint_rewind(copy, (size_t)step);
            if (accepted)
                possible[n_possible++] = id;
        }
        firn_constraint_state_release(copy);
        const int32_t id = possible[next_random(&seed) % n_possible];
        cr_assert_eq(firn_constraint_accept(state, id, NULL), FIRN_OK);
        if (id == SUPPORT_END_TOKEN) {
            cr_expect_eq(firn_constraint_mask(state, bits, NULL), FIRN_ERROR_ARGUMENT);
            break;
        }
    }
    firn_constraint_state_release(state);
    firn_constraint_release(constraint);
}

Test(constraint, masks_are_what_is_accepted)
{
    for (uint64_t seed = 1; seed < 9; seed++) {
        check_masks(R, "[a-c]*|(ab|abc)+ [^\"]{3,30}", seed);
        check_masks(R, "\"([^\"\\\\\\x00-\\x1f]|\\\\[\"\\\\n])*\"", seed);
        check_masks(R, "\"[^\"\\\\\\x00-\\x1f]{0,20}\"", seed);
        check_masks(R, "\"[^\"\\\\\\x00-\\x1f]{0,90}\"", seed);
        check_masks(R, "\"([^\"\\\\\\x00-\\x1f]|\\\\[\"\\\\n]){60,150}\" *", seed);
        check_masks(R, "[a ]{100}x|[ab]{40,80}\"?", seed);
        check_masks(R, "([ab]?c?){60}", seed);
        check_masks(R, "([ab]{0,50}){0,70}|( {3}){50}", seed);
        check_masks(FIRN_CONSTRAINT_SCHEMA, "{\"type\": \"string\", \"minLength\": 45, \"maxLength\": 120}", seed);
        check_masks(R, "(.|\\n)*", seed);
        check_masks(G, "root ::= \"(\" root \")\" root | \"a\"*", seed);
        check_masks(G, "root ::= \"{\" (\"\\\"\" [^\"]* \"\\\": \" root)? \"}\" | \"[]\" | [0-9]+", seed);
    }
}

Test(constraint, rewind_and_length)
{
    firn_constraint *const constraint = support_compile(G, "root ::= \"ab\" [0-9]*");
    firn_constraint_state *state;
    cr_assert_eq(firn_constraint_state_create(constraint, vocabulary, &state, NULL), FIRN_OK);
    cr_expect_not(firn_constraint_can_end(state));
    cr_expect_eq(firn_constraint_accept(state, 'b', NULL), FIRN_ERROR_ARGUMENT);
    cr_expect_eq(firn_constraint_accept(state, 'a', NULL), FIRN_OK);
    cr_expect_eq(firn_constraint_accept(state, SUPPORT_END_TOKEN, NULL), FIRN_ERROR_ARGUMENT);
    cr_expect_eq(firn_constraint_accept(state, 'b', NULL), FIRN_OK);
    cr_expect(firn_constraint_can_end(state));
    cr_expect_not(firn_constraint_must_end(state));
    cr_expect_eq(firn_constraint_accept(state, '7', NULL), FIRN_OK);
    cr_expect_eq(firn_constraint_accept(state, SUPPORT_END_TOKEN, NULL), FIRN_OK);
    cr_expect_eq(firn_constraint_length(state), 4);
    cr_expect_eq(firn_constraint_accept(state, SUPPORT_END_TOKEN, NULL), FIRN_ERROR_ARGUMENT);
    firn_constraint_rewind(state, 1);
    cr_expect_eq(firn_constraint_accept(state, 'b', NULL), FIRN_OK);
    cr_expect_eq(firn_constraint_accept(state, -1, NULL), FIRN_ERROR_ARGUMENT);
    cr_expect_eq(firn_constraint_accept(state, SUPPORT_TOKENS, NULL), FIRN_ERROR_ARGUMENT);
    cr_expect_eq(firn_constraint_accept(state, SUPPORT_CONTROL_TOKEN, NULL), FIRN_ERROR_ARGUMENT);
    firn_constraint_rewind(state, 0);
    cr_expect_eq(firn_constraint_length(state), 0);
    cr_expect_not(firn_constraint_can_end(state));
    firn_constraint_state_release(state);
    firn_constraint_release(constraint);
}

static firn_token_kind only_a(void *argument, int32_t id, const char **bytes, size_t *length)
{
    (void)argument;
    (void)id;
    *bytes = "a";
    *length = 1;
    return FIRN_TOKEN_TEXT;
}

/* Where no token leads on, and where the text could only end but nothing ends it: errors, not silence. */
Test(constraint, no_token_left_is_an_error)
{
    firn_vocabulary *poor;
    firn_constraint_state *state;
    uint64_t bits[1] = {~(uint64_t)0};
    firn_error error = {0};
    firn_constraint *const constraint = support_compile(G, "root ::= \"a\" \"b\"");
    cr_assert_eq(firn_vocabulary_create(2, only_a, NULL, &poor, NULL), FIRN_OK);
    cr_assert_eq(firn_constraint_state_create(constraint, poor, &state, NULL), FIRN_OK);
    cr_expect_eq(firn_constraint_mask(state, bits, &error), FIRN_OK);
    cr_expect_eq(bits[0], 3, "both tokens have the bytes");
    cr_expect_eq(firn_constraint_accept(state, 1, NULL), FIRN_OK);
    cr_expect_eq(firn_constraint_mask(state, bits, &error), FIRN_ERROR_ARGUMENT);
    cr_expect_eq(bits[0], 0);
    cr_expect_not_null(strstr(error.message, "no token of the vocabulary"), "%s", error.message);
    firn_constraint_state_release(state);
    firn_constraint_release(constraint);
    firn_vocabulary_release(poor);
}

/* Where the number of ways doubles with each byte, following ends with an error soon. */
Test(constraint, too_ambiguous_is_an_error)
{
    firn_constraint *const constraint =
        support_compile(G, "root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"a\" root \"d\" | \"\"");
    firn_constraint_state *state;
    firn_error error = {0};
    cr_assert_eq(firn_constraint_state_create(constraint, vocabulary, &state, NULL), FIRN_OK);
    firn_status status = FIRN_OK;
    const clock_t start = clock();
    for (int i = 0; i < 100 && status == FIRN_OK; i++)
        status = firn_constraint_accept(state, 'a', &error);
    cr_expect_eq(status, FIRN_ERROR_LIMIT);
    cr_expect_not_null(strstr(error.message, "too ambiguous"), "%s", error.message);
    cr_expect_lt((double)(clock() - start) / CLOCKS_PER_SEC, 2);
    firn_constraint_state_release(state);
    firn_constraint_release(constraint);
}
