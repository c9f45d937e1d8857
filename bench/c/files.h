/* SPDX-License-Identifier: Apache-2.0 */
/* The files of databases. */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

struct path {
    char text[4096];
};

/* A new folder below `parent`, that goes with all in it when the program ends. */
const char *files_make_folder(const char *parent);
struct path files_path(const char *folder, const char *name);
/* Remove a database with what stands beside it. */
void files_remove(const char *path);

#endif
