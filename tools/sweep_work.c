/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_work.h"

#include "base/utf8.h"
#include "tools/common_file.h"
#include "tools/sweep_record.h"

#include <stdio.h>
#include <stdlib.h>

/* One model at work. */
typedef struct station {
    const sweep_work *work;
    const char *path, *weaker_path;
    char checkpoint_hash[BASE_SHA256_HEX], weaker_hash[BASE_SHA256_HEX];
    firn_model *model, *weaker; /* weaker: NULL where there is no contrast */
    uint32_t n_ctx;
    sweep_input *inputs; /* [prompts] */
    size_t *missing;     /* [n_missing] tasks */
    size_t n_missing, n_begun;
} station;

/* ---- keys ---- */

static void add_text(base_sha256 *hash, const char *text)
{
    base_sha256_add(hash, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

/* All that a record depends on, as a number. */
static void make_key(const station *s, const sweep_task *at, const firn_generation_parameters *parameters,
                     char key[SWEEP_KEY])
{
    const sweep_judge_options *const j = s->work->judge_options;
    const sweep_input *const input = &s->inputs[at->prompt];
    char hex[BASE_SHA256_HEX], value[FIRN_PARAMETER_TEXT];
    base_sha256 hash = base_sha256_begin();
    add_text(&hash, s->path);
    add_text(&hash, s->checkpoint_hash);
    base_sha256_add(&hash, &s->n_ctx, sizeof s->n_ctx);
    add_text(&hash, firn_cache_type_name(s->work->run.cache_types.k));
    add_text(&hash, firn_cache_type_name(s->work->run.cache_types.v));
    base_sha256_add(&hash, input->ids, input->n_ids * sizeof *input->ids);
    for (size_t i = 0; i < firn_parameter_count(); i++) {
        firn_parameter_print(parameters, firn_parameter_at(i), value);
        add_text(&hash, value);
    }
    if (input->n_negative > 0)
        base_sha256_add(&hash, input->negative_ids, input->n_negative * sizeof *input->negative_ids);
    if (s->weaker != NULL)
        add_text(&hash, s->weaker_hash);
    add_text(&hash, s->work->constraint->kind);
    add_text(&hash, s->work->constraint->text.data);
    add_text(&hash, s->work->tasks->prompts->at[at->prompt].expect);
    const char *const judges[] = {j->expect, j->schema, j->choices, j->command, j->model};
    for (size_t i = 0; i < sizeof judges / sizeof judges[0]; i++)
        add_text(&hash, judges[i]);
    base_sha256_end(&hash, hex);
    snprintf(key, SWEEP_KEY, "%.*s", SWEEP_KEY - 1, hex);
}

/* ---- records ---- */

static firn_status ask_judges(const station *s, const sweep_task *at, const sweep_record *record, double *measures,
                              sweep_verdict *verdicts, firn_error *error)
{
    const sweep_prompt *const prompt = &s->work->tasks->prompts->at[at->prompt];
    tool_text line = {NULL, 0};
    firn_status status = FIRN_OK;
    if (s->work->judge_options->command != NULL) /* what it reads is the record as it is without the judges */
        status = sweep_record_write(record, &line, error);
    const sweep_case text = {.expect = prompt->expect,
                             .prompt = record->record.prompt,
                             .text = record->record.text,
                             .record = {line.data, line.length}};
    if (status == FIRN_OK)
        status = sweep_judges_ask(s->work->judges, &text, verdicts, measures, error);
    free(line.data);
    return status;
}

/* What each token adds to the text: a character counts with the token that completes it. All in one allocation. */
static firn_status make_pieces(const station *s, const sweep_sample *sample, base_slice **pieces, firn_error *error)
{
    size_t n_bytes = 0, begun = 0, length = 0;
    for (size_t i = 0; i < sample->n_ids; i++)
        n_bytes += firn_token_bytes(s->model, sample->ids[i], false, NULL, 0);
    *pieces = malloc((sample->n_ids + 1) * sizeof **pieces + n_bytes);
    if (*pieces == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a record");
    char *const bytes = (char *)(*pieces + sample->n_ids + 1);
    for (size_t i = 0; i < sample->n_ids; i++) {
        length += firn_token_bytes(s->model, sample->ids[i], false, bytes + length, n_bytes - length);
        const bool last = i + 1 == sample->n_ids;
        const size_t end = last ? length : begun + base_utf8_whole(bytes + begun, length - begun);
        (*pieces)[i] = (base_slice){bytes + begun, end - begun};
        begun = end;
    }
    return FIRN_OK;
}

static firn_status finished(void *argument, size_t task, const sweep_sample *sample, firn_end end, firn_error *error)
{
    const station *const s = argument;
    const sweep_task at = sweep_task_at(s->work->tasks, task);
    const sweep_input *const input = &s->inputs[at.prompt];
    double measures[SWEEP_MEASURES];
    sweep_verdict verdicts[SWEEP_JUDGES] = {SWEEP_NO_VERDICT};
    char key[SWEEP_KEY];
    tool_text line = {NULL, 0};
    sweep_record r = {.key = key,
                      .name = s->work->tasks->prompts->at[at.prompt].name,
                      .sample = sample,
                      .measures = measures,
                      .verdicts = verdicts};
    r.record = (tool_record){.firn = base_slice_from(FIRN_VERSION),
                             .checkpoint = base_slice_from(s->path),
                             .checkpoint_sha256 = base_slice_from(s->checkpoint_hash),
                             .n_ctx = s->n_ctx,
                             .cache_types = s->work->run.cache_types,
                             .prompt = {input->text.data, input->text.length},
                             .messages = {input->messages.data, input->messages.length},
                             .prompt_ids = {input->ids, input->n_ids},
                             .ids = {sample->ids, sample->n_ids},
                             .text = {sample->text != NULL ? sample->text : "", sample->length},
                             .stop = base_slice_from(firn_end_name(end))};
    if (s->work->constraint->kind != NULL) {
        r.record.constraint_kind = base_slice_from(s->work->constraint->kind);
        r.record.constraint = (base_slice){s->work->constraint->text.data, s->work->constraint->text.length};
    }
    sweep_plan_parameters(s->work->tasks->plan, at.setting, &r.record.parameters);
    if (r.record.parameters.guidance != 1) {
        r.negative = s->work->tasks->prompts->at[at.prompt].negative;
        r.record.negative_ids = (tool_record_ids){input->negative_ids, input->n_negative};
    }
    if (r.record.parameters.contrast > 0) {
        r.record.weaker = base_slice_from(s->weaker_path);
        r.record.weaker_sha256 = base_slice_from(s->weaker_hash);
    }
    make_key(s, &at, &r.record.parameters, key);
    base_slice *pieces = NULL;
    firn_status status = make_pieces(s, sample, &pieces, error);
    r.pieces = pieces;
    if (status == FIRN_OK)
        status = sweep_measure_text(sample, measures, error);
    if (status == FIRN_OK)
        status = ask_judges(s, &at, &r, measures, verdicts, error);
    if (status == FIRN_OK)
        status = sweep_record_write(&r, &line, error);
    free(pieces);
    return status == FIRN_OK ? s->work->take(s->work->argument, task, line, error) : status;
}

/* ---- running ---- */

static bool next(void *argument, sweep_request *out)
{
    station *const s = argument;
    if (s->n_begun == s->n_missing)
        return false;
    out->task = s->missing[s->n_begun++];
    const sweep_task at = sweep_task_at(s->work->tasks, out->task);
    sweep_plan_parameters(s->work->tasks->plan, at.setting, &out->parameters);
    const sweep_input *const input = &s->inputs[at.prompt];
    const bool guided = out->parameters.guidance != 1, contrasted = out->parameters.contrast > 0;
    out->prompt = input->ids;
    out->n_prompt = input->n_ids;
    out->negative = input->negative_ids;
    out->n_negative = guided ? input->n_negative : 0; /* a setting without guidance has no use for it, */
    out->weaker = contrasted ? s->weaker : NULL;      /* nor one without contrast for this */
    return true;
}

static firn_status failed(void *argument, size_t task, const firn_error *fault, firn_error *error)
{
    const station *const s = argument;
    const sweep_task at = sweep_task_at(s->work->tasks, task);
    firn_error named = {0};
    base_fail(&named, fault->status, fault->offset, "prompt %zu, setting %zu: %s", at.prompt + 1, at.setting + 1,
              fault->message);
    return s->work->failed(s->work->argument, task, &named, error);
}

static bool goes_on(void *argument, size_t n_tokens)
{
    const station *const s = argument;
    return s->work->goes_on(s->work->argument, n_tokens);
}

static firn_status make_inputs(station *s, firn_error *error)
{
    const sweep_prompts *const prompts = s->work->tasks->prompts;
    s->inputs = calloc(prompts->count, sizeof *s->inputs);
    if (s->inputs == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %zu prompts", prompts->count);
    for (size_t i = 0; i < prompts->count; i++) {
        firn_error fault = {0};
        firn_status status =
            sweep_prompt_input(&prompts->at[i], s->model, s->work->chat, s->work->raw, &s->inputs[i], &fault);
        const size_t n_negative = s->inputs[i].n_negative, n = s->inputs[i].n_ids;
        const size_t longer = n > n_negative ? n : n_negative;
        if (status == FIRN_OK && longer > s->n_ctx)
            status = base_fail(&fault, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                               "%shas %zu tokens and the context holds %u; shorten it or give a larger -c",
                               longer > n ? "the negative prompt " : "", longer, s->n_ctx);
        if (status != FIRN_OK)
            return base_fail(error, status, fault.offset, "prompt %zu: %s", i + 1, fault.message);
    }
    return FIRN_OK;
}

/* Which of the model's texts this process has to make. */
static firn_status find_missing(station *s, size_t model, firn_error *error)
{
    const sweep_work *const w = s->work;
    const size_t n = w->tasks->prompts->count * w->tasks->plan->n_settings;
    size_t n_missing = 0; /* of all processes */
    firn_status status = FIRN_OK;
    unsigned char *const there = malloc(n + 1);
    s->missing = malloc((n + 1) * sizeof *s->missing);
    if (there == NULL || s->missing == NULL) {
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %zu texts", n);
        goto done;
    }
    for (size_t i = 0; i < n && status == FIRN_OK; i++) {
        const sweep_task at = sweep_task_at(w->tasks, model * n + i);
        firn_generation_parameters parameters;
        char key[SWEEP_KEY];
        sweep_plan_parameters(w->tasks->plan, at.setting, &parameters);
        make_key(s, &at, &parameters, key);
        there[i] = w->has(w->argument, model * n + i, key, &status, error);
    }
    if (status == FIRN_OK)
        status = w->share(w->argument, there, n, error);
    for (size_t i = 0; i < n && status == FIRN_OK; i++)
        if (!there[i] && n_missing++ % w->n_ranks == w->rank)
            s->missing[s->n_missing++] = model * n + i;
done:
    free(there);
    return status;
}

/* Of both models. */
static uint64_t hash_parameters(const station *s)
{
    return firn_model_hash(s->model) + (s->weaker != NULL ? 31 * firn_model_hash(s->weaker) : 0);
}

static firn_status run(station *s, firn_error *error)
{
    const sweep_work *const w = s->work;
    const sweep_feed feed = {s, next, finished, failed, goes_on};
    const uint64_t before = w->check_parameters ? hash_parameters(s) : 0;
    const firn_status status = s->n_missing > 0 ? sweep_run(s->model, &w->run, &feed, error) : FIRN_OK;
    if (status == FIRN_OK && w->check_parameters && hash_parameters(s) != before)
        return base_fail(error, FIRN_ERROR_NUMERIC, FIRN_NO_OFFSET,
                         "%.200s: the parameters changed while texts were generated", s->path);
    return status;
}

firn_status sweep_work_on(const sweep_work *work, size_t model, firn_error *error)
{
    const char *const weaker = work->weakers->at[model];
    station s = {.work = work, .path = work->paths->at[model], .weaker_path = weaker};
    firn_status status = firn_model_open(work->context, s.path, NULL, &s.model, error);
    if (status == FIRN_OK)
        status = tool_hash_checkpoint(s.path, s.checkpoint_hash, error);
    if (status == FIRN_OK && weaker != NULL)
        status = firn_model_open(work->context, weaker, NULL, &s.weaker, error);
    if (status == FIRN_OK && weaker != NULL)
        status = tool_hash_checkpoint(weaker, s.weaker_hash, error);
    if (status == FIRN_OK) {
        s.n_ctx = work->run.n_ctx != 0 ? work->run.n_ctx : firn_model_describe(s.model).n_ctx_train;
        status = make_inputs(&s, error);
    }
    if (status == FIRN_OK)
        status = find_missing(&s, model, error);
    if (status == FIRN_OK)
        status = run(&s, error);
    for (size_t i = 0; s.inputs != NULL && i < work->tasks->prompts->count; i++)
        sweep_input_free(&s.inputs[i]);
    free(s.inputs);
    free(s.missing);
    firn_model_release(s.weaker);
    firn_model_release(s.model);
    return status;
}
