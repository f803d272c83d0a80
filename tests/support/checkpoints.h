/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds files that tests read and that aren't in the repository: real checkpoints, in the folder FIRN_CHECKPOINTS or
 * else the user's cache, and the project's shared folder beside the source. All paths are released with free().
 */
#ifndef FIRN_TESTS_SUPPORT_CHECKPOINTS_H
#define FIRN_TESTS_SUPPORT_CHECKPOINTS_H

/* The path of a checkpoint, or NULL where it isn't there: then the test is to be skipped. */
char *support_checkpoint(const char *file_name);

/* The path of a file in the shared folder, or NULL. */
char *support_shared(const char *path);

/* The path of a file of this repository. */
char *support_source(const char *path);

/* The file's bytes with a terminator after them, and their number in *length (may be NULL). Aborts if it can't. */
char *support_read_file(const char *path, unsigned long *length);

#endif
