/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for each test, for cmocka's set-up and tear-down. */
#ifndef TESTS_IO_FOLDER_H
#define TESTS_IO_FOLDER_H

extern char folder[64];
extern char database[96]; /* a path in it; nothing is there */

int make_folder(void **state);
int remove_folder(void **state);
/* The path of something in it; one of eight that are in use at the same time. */
const char *in_folder(const char *name);

#endif
