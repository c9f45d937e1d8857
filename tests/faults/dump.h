/* SPDX-License-Identifier: Apache-2.0 */
/* All that a store holds, as text to compare. */
#ifndef TESTS_DUMP_H
#define TESTS_DUMP_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>

#include "tgstore.h"

/* All that the interface tells of a store: its sessions, their rows, and the counts.  `exact`: also times,
 * which no two runs have alike, and numbers that only increase, of which a call that fails may use up some.
 * Free with free. */
char *dump_store(tgs_store *store, bool exact);

void dump_rows(FILE *out, const tgs_rows *rows, bool exact);
void dump_snapshot(FILE *out, const tgs_snapshot *snapshot);

/* Every row of every table of a SQLite database, past the library. */
char *dump_database(sqlite3 *db);
char *dump_database_file(const char *path);

/* The names of the files in a folder. */
char *dump_folder(const char *path);

#endif
