/* SPDX-License-Identifier: Apache-2.0 */
/* How much a test does: with sanitizers, where all takes ten times as long, the same ways less often. */
#ifndef FIRN_TESTS_SUPPORT_EFFORT_H
#define FIRN_TESTS_SUPPORT_EFFORT_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SUPPORT_EFFORT(all, sanitized) (sanitized)
#else
#define SUPPORT_EFFORT(all, sanitized) (all)
#endif

#endif
