/* SPDX-License-Identifier: Apache-2.0 */
/* A furnished store, and what one call is given and gives. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <sqlite3.h>
#include <stdbool.h>

#include "tgstore.h"

/* A back end, and how it is opened. */
struct setting {
    const char *name;
    const char *parameters; /* of the URL */
    bool sqlite, exclusive, read_only;
};

/* Is the world's store open, and has it been read and written? */
enum warmth { CLOSED, COLD, WARM };

#define MAX_RESULTS 32

struct world {
    const struct setting *setting;
    const char *argument;                            /* of the operation */
    char path[96], out[96], text_file[96], url[160]; /* the store's; a file to make, or with text in it */
    enum warmth warmth;
    sqlite3 *observer; /* of the same database, past the library; opened when it is needed */
    tgs_store *store;
    tgs_session *session; /* "main" */
    /* made by the operation's `prepare` */
    tgs_session *leased;
    tgs_batch *batch;
    tgs_snapshot *snapshot;
    tgs_text *text;
    tgs_rows *old_rows;
    tgs_canceller *old_canceller;
    int64_t token; /* of the claimed item */
    /* given by the call */
    tgs_store *opened;
    tgs_session *made_session;
    tgs_batch *made_batch;
    tgs_rows *rows;
    tgs_snapshot *read;
    tgs_text *written;
    tgs_canceller *canceller;
    tgs_result results[MAX_RESULTS];
    uint64_t done;
};

/* A folder for the files of all worlds, and the databases that they begin with. */
void worlds_begin(void);
void worlds_end(void);

/* Open a world with the same contents as any other of that setting. */
void world_open(struct world *world, const struct setting *setting, const char *argument, enum warmth warmth);
void world_close(struct world *world);

/* What a call that fails must leave as it is: the contents, the files, the batch.  Free with free, as the
 * next. */
char *world_state(struct world *world);
/* What the call gave; without what no two runs have alike. */
char *world_outputs(const struct world *world);
/* What it has made of the contents; likewise. */
char *world_contents(const struct world *world);

/* Free what the call gave, and mark the places for what it may give. */
void world_reset_outputs(struct world *world);
/* NULL, or what a call that failed has written to all the same. */
const char *world_touched_output(const struct world *world);

/* The test is over unless this is so. */
void must(bool done, const char *what);
void must_succeed(tgs_status status, const tgs_error *err);

tgs_str text_of(const char *text);

#endif
