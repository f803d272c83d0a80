/* SPDX-License-Identifier: Apache-2.0 */
/* All texts of a sweep, numbered: every setting of the plan, for every prompt, for every model. */
#ifndef FIRN_TOOLS_SWEEP_TASKS_H
#define FIRN_TOOLS_SWEEP_TASKS_H

#include "tools/common_arguments.h"
#include "tools/sweep_plan.h"
#include "tools/sweep_prompts.h"

typedef struct sweep_tasks {
    const sweep_plan *plan;
    const sweep_prompts *prompts;
    const tool_texts *models; /* what they are called: paths, or more where there are several weaker ones */
    size_t count;             /* models * prompts * settings */
} sweep_tasks;

typedef struct sweep_task {
    size_t model, prompt, setting;
} sweep_task;

static inline sweep_task sweep_task_at(const sweep_tasks *tasks, size_t number)
{
    const size_t n_settings = tasks->plan->n_settings, n_prompts = tasks->prompts->count;
    return (sweep_task){number / n_settings / n_prompts, number / n_settings % n_prompts, number % n_settings};
}

static inline size_t sweep_task_number(const sweep_tasks *tasks, sweep_task task)
{
    return (task.model * tasks->prompts->count + task.prompt) * tasks->plan->n_settings + task.setting;
}

#endif
