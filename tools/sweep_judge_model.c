/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_judge_model.h"

#include <math.h>
#include <stdlib.h>

struct sweep_judge_model {
    firn_model *model;
    firn_session *session;
    const int32_t *ids; /* [n_ids] the text's, while it is judged */
    size_t n_ids;
    double sum;
};

firn_status sweep_judge_model_open(firn_context *context, const char *path, sweep_judge_model **out, firn_error *error)
{
    sweep_judge_model *const judge = calloc(1, sizeof *judge);
    *out = NULL;
    if (judge == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the judges");
    firn_status status = firn_model_open(context, path, NULL, &judge->model, error);
    if (status == FIRN_OK)
        status = firn_session_create(judge->model, NULL, &judge->session, error);
    if (status == FIRN_OK)
        *out = judge;
    else
        sweep_judge_model_close(judge);
    return status;
}

void sweep_judge_model_close(sweep_judge_model *judge)
{
    if (judge == NULL)
        return;
    firn_session_release(judge->session);
    firn_model_release(judge->model);
    free(judge);
}

/* Logits after the prompt's last token, or after token `index` - 1 of the text. */
static bool add(void *argument, size_t index, const float *logits)
{
    sweep_judge_model *const judge = argument;
    if (index < judge->n_ids)
        judge->sum += (double)firn_logprobs(judge->model, logits, judge->ids[index], 0, NULL, NULL);
    return true;
}

firn_status sweep_judge_model_ask(sweep_judge_model *judge, base_slice prompt, base_slice text, double *logprob,
                                  firn_error *error)
{
    int32_t *before = NULL, *ids = NULL;
    size_t n_before = 0, n_ids = 0;
    *logprob = NAN;
    firn_status status = firn_tokenize(judge->model, prompt.data, prompt.length, FIRN_ADD_SPECIAL | FIRN_PARSE_SPECIAL,
                                       &before, &n_before, error);
    if (status == FIRN_OK)
        status = firn_tokenize(judge->model, text.data, text.length, 0, &ids, &n_ids, error);
    if (status != FIRN_OK || n_ids == 0 || n_before == 0)
        goto done;
    judge->ids = ids;
    judge->n_ids = n_ids;
    judge->sum = 0;
    firn_session_rewind(judge->session, 0);
    status = firn_session_append(judge->session, before, n_before - 1, FIRN_LOGITS_NONE, NULL, NULL, error);
    if (status == FIRN_OK)
        status = firn_session_append(judge->session, &before[n_before - 1], 1, FIRN_LOGITS_LAST, add, judge, error);
    judge->ids++;
    judge->n_ids--;
    if (status == FIRN_OK)
        status = firn_session_append(judge->session, ids, n_ids - 1, FIRN_LOGITS_ALL, add, judge, error);
    if (status == FIRN_OK)
        *logprob = judge->sum / (double)n_ids;
done:
    free(before);
    free(ids);
    return status;
}
