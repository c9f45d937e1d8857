/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the memory back end share this:
 *
 *      memory.c        open and close, and the course of a write
 *      memory_rows.c   put, delete, prune, purge
 *      memory_names.c  usernames and phones that change hands
 *      memory_queue.c  claim and settle
 *      memory_lease.c  leases
 *      memory_read.c   queries
 *      memory_table.c  rows, found by key or name and walked in order
 *      memory_index.c  rows by a hash
 *
 * Each database is a registry of sessions, each session a table for every record.  A write
 * overwrites a row where it is if no order moves it, else links a new version beside it; it notes each
 * as a struct change, and ends by throwing away either what was or, if it failed, what is new. */
#ifndef BACKENDS_MEMORY_H
#define BACKENDS_MEMORY_H

#include <pthread.h>

#include "memory_table.h"

/* A session's tables: one a record, under its TGS_RECORD_* number, and those that only we know. */
#define TABLE_REGISTRY 0
#define TABLE_LEASE TGS_RECORD_SESSION_INFO /* a lease is kept in the struct that shows it */
#define TABLE_COUNT 10

/* The names of peers */
#define NAME_USERNAME 0
#define NAME_PHONE 1

/* A table's orders */
#define ORDER_KEY 0     /* the one that lists go by */
#define ORDER_EXPIRES 1 /* rows that expire */
#define ORDER_LANE 2    /* queue: unfinished items of lanes, by (lane, sequence) */
#define ORDER_LEASED 3  /* queue: leased items, by when they run out */
#define ORDER_READY 4   /* queue: what a claim may take: see memory_queue.c */

struct session {
    struct table tables[TABLE_COUNT];
};

struct registration {
    tgs_str name;
    int64_t created;
    struct session *session;
    int32_t purging;
};

/* What is stored of a peer. */
struct peer {
    tgs_peer peer;
    int64_t names_seen_at[TABLE_NAMES]; /* when its usernames, and its phone, were put last */
};

struct change {
    struct table *table;
    struct row *old, *new; /* either may be NULL; `old` is marked as gone.  Both the same: overwritten */
    size_t before;         /* of an overwritten row: where in memory->before */
};

struct memory {
    pthread_rwlock_t lock;
    struct table registry;
    int64_t number;         /* the last sequence, token or version given out: they never repeat */
    struct change *changes; /* of the running write */
    size_t n_changes, changes_capacity;
    char *before; /* a struct row_before and data for each overwritten row */
    size_t before_size, before_capacity;
};

/* The running write. */
struct step {
    struct memory *memory;
    const tgs_write *write;
    tgs_sink *sink;
    tgs_error *err;
    int64_t now;
    struct row *registered;
    struct session *session;
    bool fresh;       /* this write made the session */
    bool ended;       /* this write removes the session */
    uint32_t hash;    /* of the running put's or delete's key */
    uint8_t *skipped; /* of each operation whether its condition failed; NULL: none */
};

extern const tgs_host *memory_host;
extern struct layout memory_layouts[TABLE_COUNT];

/* --- for all parts ------------------------------------------------------------------------- */

static inline struct registration *memory_registration(const struct row *row) { return row_data(row); }

/* NULL: no such session. */
struct row *memory_find_session(const struct memory *memory, tgs_str name);

static inline struct row *memory_find(const struct table *table, const void *key) {
    return table_find(table, key, hash_key(table->layout, key));
}
static inline struct row *memory_find_any(const struct session *session, int32_t table, const void *key) {
    return memory_find(&session->tables[table], key);
}

/* The row with this key unless it is expired, which is as good as absent. */
struct row *memory_find_live(const struct session *session, int32_t record, const void *key, int64_t now);
bool memory_is_expired(const struct layout *layout, const void *data, int64_t now);

static inline int64_t memory_later(int64_t now, int64_t ms) {
    return ms > INT64_MAX - now ? INT64_MAX : now + ms;
}

/* --- for writes ----------------------------------------------------------------------------- */

static inline tgs_status memory_exhausted(const struct step *step) {
    return memory_host->fail(step->err, TGS_E_NOMEM, NULL, NULL);
}

static inline int64_t memory_next_number(struct step *step) { return ++step->memory->number; }

/* CONFLICT, naming the operation's row.  message nullable: the standard one. */
tgs_status memory_refuse(struct step *step, const tgs_op *op, const char *message);

/* Put `new` in the place of `old`, either of which may be NULL.  Takes over `new`. */
tgs_status memory_change(struct step *step, struct table *table, struct row *old, struct row *new);
/* The same with a copy of `data`, whose key has that hash ... */
tgs_status memory_insert(struct step *step, struct table *table, void *data, uint32_t hash);
/* ... or has the key of `old`, which may be overwritten.  The pointers in `data` may be changed. */
tgs_status memory_replace(struct step *step, struct table *table, struct row *old, void *data);

/* A walk through all rows of a table by key: cursor_first when it is settled. */
tgs_status memory_walk(struct step *step, struct table *table, struct cursor *cursor);

/* memory_rows.c */
tgs_status memory_put(struct step *step, const tgs_op *op);
tgs_status memory_delete(struct step *step, const tgs_op *op);
tgs_status memory_purge(struct step *step, const tgs_op *op);
tgs_status memory_prune(struct step *step, const tgs_op *op);
/* No other user_id is stored than the one in the operation's row. */
bool memory_keeps_account(const struct row *stored, const tgs_op *op);
/* A put never changes an existing row. */
static inline bool memory_is_insert_only(int32_t record) {
    return record == TGS_RECORD_DEDUP || record == TGS_RECORD_QUEUE_ITEM;
}

/* memory_names.c */
/* Take the names that the operation gives to a peer from the others.  `old`: its row, or NULL. */
tgs_status memory_take_names(struct step *step, const tgs_op *op, const struct row *old, struct peer *peer);

/* memory_queue.c */
tgs_status memory_claim(struct step *step, const tgs_op *op);
tgs_status memory_settle(struct step *step, const tgs_op *op);
/* Give a new item its number and store it in the place of an expired one, or NULL. */
tgs_status memory_enqueue(struct step *step, const tgs_op *op, struct row *old, tgs_queue_item *item);
/* After an item of the lane has gone: let the next one be claimed. */
tgs_status memory_offer_lane(struct step *step, tgs_str lane);

/* memory_lease.c */
/* FENCED, if a lease forbids the write. */
tgs_status memory_check_fence(struct step *step);
tgs_status memory_acquire_lease(struct step *step, const tgs_op *op);
tgs_status memory_renew_lease(struct step *step, const tgs_op *op);
tgs_status memory_release_lease(struct step *step, const tgs_op *op);
/* The newest live lease of at least this mode, or NULL. */
const tgs_session_info *memory_newest_lease(const struct session *session, int32_t mode, int64_t now);

/* --- for reads ------------------------------------------------------------------------------- */

/* memory_read.c: under the lock */
/* A table that must be settled before this query can be answered, or NULL. */
struct table *memory_unsettled(const struct memory *memory, const tgs_query *query);
tgs_status memory_answer(const struct memory *memory, const tgs_query *query, tgs_sink *sink, tgs_error *err);

#endif
