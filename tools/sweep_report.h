/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sweep as one HTML file that needs nothing else: maps, lines, the texts side by side, every record. The page itself
 * is tools/report/, which the build puts together with uPlot and cuts where the data go.
 */
#ifndef FIRN_TOOLS_SWEEP_REPORT_H
#define FIRN_TOOLS_SWEEP_REPORT_H

#include "tools/sweep_summary.h"

/* The file appears whole or not at all. */
firn_status sweep_report_save(const sweep_store *store, const sweep_summary *summary, const char *path,
                              firn_error *error);

/* The page before and after its data; made by scripts/report_page.cmake. */
extern const unsigned char sweep_page_before[], sweep_page_after[];
extern const size_t sweep_page_before_size, sweep_page_after_size;

#endif
