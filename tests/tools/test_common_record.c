/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_record.h"

#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int32_t prompt_ids[] = {1, 70, 71}, ids[] = {72, 73, 2};

static tool_record example(void)
{
    tool_record record = {.firn = base_slice_from("0.1.0"),
                          .checkpoint = base_slice_from("a \"folder\"/b.gguf"),
                          .checkpoint_sha256 = base_slice_from("00ff"),
                          .weaker = base_slice_from("c.gguf"),
                          .weaker_sha256 = base_slice_from("11ee"),
                          .n_ctx = 512,
                          .cache_types = {FIRN_CACHE_F16, FIRN_CACHE_Q8_0},
                          .prompt = {"a\0\n\xff", 4},
                          .messages = base_slice_from("[{\"role\":\"user\",\n\"content\":\"a\\nb\"}]"),
                          .prompt_ids = {prompt_ids, 3},
                          .constraint_kind = base_slice_from("regex"),
                          .constraint = base_slice_from("[a-z]+\\n"),
                          .parameters = firn_generation_parameters_default(),
                          .sequence = 5,
                          .ids = {ids, 3},
                          .text = base_slice_from("EF</script>"),
                          .stop = base_slice_from("end")};
    record.parameters.seed = 18446744073709551614u;
    record.parameters.temperature = 0.1;
    return record;
}

static void expect_ids(tool_record_ids a, tool_record_ids b)
{
    cr_assert_eq(a.count, b.count);
    cr_assert(memcmp(a.at, b.at, a.count * sizeof *a.at) == 0);
}

static void expect_same(const tool_record *a, const tool_record *b)
{
    cr_assert(base_slice_equal(a->firn, b->firn) && base_slice_equal(a->checkpoint, b->checkpoint));
    cr_assert(base_slice_equal(a->checkpoint_sha256, b->checkpoint_sha256) && a->n_ctx == b->n_ctx);
    cr_assert(a->cache_types.k == b->cache_types.k && a->cache_types.v == b->cache_types.v);
    cr_assert(base_slice_equal(a->weaker, b->weaker) && base_slice_equal(a->weaker_sha256, b->weaker_sha256));
    cr_assert(base_slice_equal(a->constraint_kind, b->constraint_kind));
    cr_assert(base_slice_equal(a->constraint, b->constraint) && a->sequence == b->sequence);
    cr_assert(base_slice_equal(a->text, b->text) && base_slice_equal(a->stop, b->stop));
    cr_assert(memcmp(&a->parameters, &b->parameters, sizeof a->parameters) == 0);
    expect_ids(a->prompt_ids, b->prompt_ids);
    expect_ids(a->ids, b->ids);
}

Test(common_record, what_is_saved_is_loaded)
{
    const tool_record record = example();
    tool_record loaded;
    firn_error error = {0};
    char *const path = support_temporary_file("old", 3);
    cr_assert_eq(tool_record_save(path, &record, &error), FIRN_OK, "%s", error.message);
    cr_assert_eq(tool_record_load(path, 0, &loaded, &error), FIRN_OK, "%s", error.message);
    expect_same(&loaded, &record);
    cr_assert(base_slice_equal(loaded.prompt, (base_slice){"a\0\n\xef\xbf\xbd", 6}));
    cr_assert(base_slice_is(loaded.messages, "[{\"role\":\"user\", \"content\":\"a\\nb\"}]"));
    tool_record_free(&loaded);

    const tool_record bare = {.parameters = record.parameters};
    cr_assert_eq(tool_record_save(path, &bare, &error), FIRN_OK, "%s", error.message);
    cr_assert_eq(tool_record_load(path, 1, &loaded, &error), FIRN_OK, "%s", error.message);
    cr_assert(loaded.text.data == NULL && loaded.constraint_kind.data == NULL && loaded.messages.data == NULL &&
              loaded.weaker.data == NULL);
    tool_record_free(&loaded);
    support_remove(path);
}

Test(common_record, an_error_leaves_no_file)
{
    const tool_record record = example();
    firn_error error = {0};
    cr_assert_eq(tool_record_save("/nowhere/at/all", &record, &error), FIRN_ERROR_IO);
    cr_assert(strstr(error.message, "/nowhere/at/all") != NULL, "%s", error.message);
    char folder[] = "/tmp/firn-record-XXXXXX", path[64];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a", folder);
    cr_assert_eq(rmdir(folder) + mkdir(folder, 0700) + mkdir(path, 0700), 0);
    cr_assert_eq(tool_record_save(path, &record, &error), FIRN_ERROR_IO); /* a folder has the name */
    cr_assert_eq(rmdir(path) + rmdir(folder), 0, "something was left");
}

Test(common_record, rows)
{
    static const char rows[] = "{\"params\":{\"seed\":1},\"prompt_ids\":[1],\"ids\":[],\"mean_logprob\":-1.5}\n"
                               "{ \"ids\" : [7],\n \"note\": {\"}\": \"{[\\\"\"}, \"params\":{\"top_k\":3},"
                               "\"prompt_ids\":[2]}\n\n{\"params\":{},\"prompt_ids\":[3],\"ids\":[]}";
    char *const path = support_temporary_file(rows, sizeof rows - 1);
    tool_record loaded;
    firn_error error = {0};
    for (size_t row = 1; row <= 3; row++) {
        cr_assert_eq(tool_record_load(path, row, &loaded, &error), FIRN_OK, "%s", error.message);
        cr_assert_eq(loaded.prompt_ids.at[0], (int32_t)row);
        cr_assert_eq(loaded.parameters.top_k, row == 2 ? 3 : 40);
        tool_record_free(&loaded);
    }
    cr_assert_eq(tool_record_load(path, 0, &loaded, &error), FIRN_ERROR_ARGUMENT);
    cr_assert(strstr(error.message, path) != NULL && strstr(error.message, "--row") != NULL, "%s", error.message);
    error = (firn_error){0};
    cr_assert_eq(tool_record_load(path, 4, &loaded, &error), FIRN_ERROR_ARGUMENT);
    cr_assert(strstr(error.message, "3 records") != NULL, "%s", error.message);
    support_remove(path);
}

static void expect_refused(const char *text, const char *part)
{
    char *const path = support_temporary_file(text, strlen(text));
    tool_record loaded;
    firn_error error = {0};
    cr_assert_neq(tool_record_load(path, 0, &loaded, &error), FIRN_OK, "%s", text);
    cr_assert(strstr(error.message, path) != NULL && strstr(error.message, part) != NULL, "%s: %s", text,
              error.message);
    support_remove(path);
}

Test(common_record, bad_records)
{
    expect_refused("", "0 records");
    expect_refused("[1]", "an object");
    expect_refused("x", "line 1, column 1");
    expect_refused("{\"params\":{},\"prompt_ids\":[1]}", "\"ids\"");
    expect_refused("{\"params\":{},\"ids\":[1]}", "\"prompt_ids\"");
    expect_refused("{\"ids\":[1],\n\"ids\":[1]}", "twice");
    expect_refused("{\"ids\":[1,\n-1]}", "line 2, column 1: a token id");
    expect_refused("{\"ids\":[2147483648]}", "a token id");
    expect_refused("{\"ids\":[1.0]}", "a token id");
    expect_refused("{\"ids\":\"1\"}", "an array");
    expect_refused("{\"text\":1}", "a string");
    expect_refused("{\"n_ctx\":-1}", "a count");
    expect_refused("{\"sequence\":null}", "a count");
    expect_refused("{\"adapters\":[\"a.gguf\"]}", "adapters");
    expect_refused("{\"checkpoint\":\"a.gguf\"}", "an object");
    expect_refused("{\"params\":{\"temperature\":-1}}", "temperature");
    expect_refused("{\"params\":{\"warmth\":1}}", "warmth");
}

Test(common_record, cut_or_changed_records_are_read_safely)
{
    char *text = NULL;
    size_t length = 0;
    const tool_record record = example();
    FILE *const out = open_memstream(&text, &length);
    fputc('{', out);
    tool_record_members(out, &record);
    fputc('}', out);
    fclose(out);
    for (size_t i = 0; i < length; i++) {
        tool_record loaded;
        char *const path = support_temporary_file(text, i);
        cr_assert_neq(tool_record_load(path, 0, &loaded, NULL), FIRN_OK, "%zu bytes", i);
        support_remove(path);
        text[i] ^= 4;
        char *const changed = support_temporary_file(text, length);
        if (tool_record_load(changed, 0, &loaded, NULL) == FIRN_OK)
            tool_record_free(&loaded);
        text[i] ^= 4;
        support_remove(changed);
    }
    free(text);
}

Test(common_record, differences)
{
    const tiny_options options = tiny_small("llama");
    char *const path = tiny_write(&options), difference[TOOL_RECORD_DIFFERENCE];
    firn_context *const context = support_context(1, NULL);
    firn_model *const model = support_model(context, path);
    const tool_record wanted = example();
    static const int32_t other[] = {72, 74, 2};
    tool_record made = example();
    cr_assert_not(tool_record_differs(&wanted, &made, model, difference));
    made.stop = base_slice_from("limit");
    cr_assert(tool_record_differs(&wanted, &made, model, difference));
    cr_assert_not_null(strstr(difference, "\"limit\" and did for \"end\""), "%s", difference);
    made.text = base_slice_from("EG");
    cr_assert(tool_record_differs(&wanted, &made, model, difference));
    cr_assert_not_null(strstr(difference, "text is another"), "%s", difference);
    made.ids.count = 2;
    cr_assert(tool_record_differs(&wanted, &made, model, difference));
    cr_assert_str_eq(difference, "token 3 is none and was 2 \"<|im_end|>\"");
    made.ids = (tool_record_ids){other, 3};
    cr_assert(tool_record_differs(&wanted, &made, model, difference));
    cr_assert_str_eq(difference, "token 2 is 74 \"G\" and was 73 \"F\"");
    firn_model_release(model);
    firn_context_release(context);
    support_remove(path);
}
