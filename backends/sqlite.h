/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the SQLite back end share:
 *
 *   sqlite.c             the entry, opening and closing, sync, ping, backup
 *   sqlite_file.c        is this path ours to open; making it private; schema and migration
 *   sqlite_fork.c        what a child made by fork may open
 *   sqlite_connection.c  connections, waiting within the deadline, SQLite's errors as ours, the pool
 *   sqlite_rows.c        rows as parameters and result columns, by the tables of tgs_record_fields
 *   sqlite_write.c       writes, sqlite_peer.c names of peers, sqlite_queue.c the queue
 *   sqlite_read.c        queries
 *   sql/sqlite/          schema and statements
 */
#ifndef BACKENDS_SQLITE_H
#define BACKENDS_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "builtin.h"
#include "sqlite_queries.h"

#define MAX_COLUMNS 24 /* parameters or result columns of one statement */
#define MAX_READERS 64
#define RECORDS (TGS_RECORD_STATS + 1)

extern const tgs_host *sqlite_host;

/* --- rows ------------------------------------------------------------------------------------ */

/* The beginning that all rows share. */
struct row_start {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
};

union any_row {
    struct row_start start;
    tgs_session_data session;
    tgs_dc_auth dc_auth;
    tgs_peer peer;
    tgs_update_state update_state;
    tgs_dedup dedup;
    tgs_queue_item queue_item;
    tgs_conversation conversation;
    tgs_kv kv;
    tgs_session_info session_info;
    tgs_stats stats;
};

/* What there is to know of a record. */
struct layout {
    const tgs_field *fields;
    size_t n_fields, row_size;
    uint64_t bits;                        /* of all fields */
    const tgs_field *by_bit[MAX_COLUMNS]; /* the field of bit 1 << i */
    const tgs_field *texts[MAX_COLUMNS];  /* texts, blobs and lists of texts */
    size_t n_texts;
    const tgs_field *expires; /* nullable */
    const tgs_field *ttl;     /* nullable */
};
extern struct layout sqlite_layouts[RECORDS];
/* The field of the lowest bit of `bits`, which is not 0. */
static inline const tgs_field *field_first(const struct layout *layout, uint64_t bits) {
    return layout->by_bit[__builtin_ctzll(bits)];
}
/* Once, when sqlite_host is set. */
void layouts_init(void);

static inline const void *member_in(const void *row, const tgs_field *field) {
    return (const char *)row + field->offset;
}
static inline void *member_of(void *row, const tgs_field *field) { return (char *)row + field->offset; }
void member_copy(void *row, const tgs_field *field, const void *from);
/* The same, and note that it has a value, unless it is a text or blob without one. */
void member_take(void *row, const tgs_field *field, const void *from);
bool member_same(const tgs_field *field, const void *a, const void *b);
void member_set_time(void *row, const tgs_field *field, int64_t time);

/* --- connections -------------------------------------------------------------------------------- */

enum synchronous { SYNCHRONOUS_UNKNOWN, SYNCHRONOUS_NORMAL, SYNCHRONOUS_FULL };

/* A prepared statement and what its parameters and columns stand for: the number of a field of the
 * record, or one of PARAMETER_*. */
struct statement {
    sqlite3_stmt *handle;
    const struct layout *layout;
    int n_parameters, n_columns;
    uint32_t bound; /* the parameters of members that may be other than NULL */
    int8_t parameters[MAX_COLUMNS];
    int8_t columns[MAX_COLUMNS];
};
#define PARAMETER_OTHER (-1) /* bound by its name */
#define PARAMETER_SESSION_ID (-2)
#define PARAMETER_SESSION (-3)
#define PARAMETER_NOW (-4)
#define PARAMETER_NAME (-5)
#define PARAMETER_USERNAMES_SEEN_AT (-6)
#define PARAMETER_PHONE_SEEN_AT (-7)

struct buffer {
    void *memory;
    size_t size;
};
/* Memory for at least `size` bytes, kept for the next time; what was in it may be lost.  NULL: out of memory.
 */
void *buffer_reserve(struct buffer *buffer, size_t size);
/* Overwrites it first: it may have held a secret. */
void buffer_release(struct buffer *buffer);

/* The session that the writer has written to last, if it was neither leased nor being purged: as long as
 * nobody else has written, nothing of that has changed. */
struct known_session {
    int64_t session_id; /* 0: none */
    unsigned version;   /* of the database when that was so */
    size_t name_len;
    char name[TGS_MAX_SESSION_NAME_BYTES];
};

/* The last peer that a prune has looked at: its next step goes on from there. */
struct prune_place {
    int64_t age_ms; /* what is pruned; 0: nothing, so begin anew */
    int64_t session_id, kind, id;
};

/* One connection, used by one thread at a time. */
struct connection {
    sqlite3 *db;
    struct store *store;
    const tgs_backend_call *call; /* the running call; NULL: neither wait nor interrupt */
    tgs_status gave_up;           /* why waiting or a statement was given up, or TGS_OK */
    enum synchronous synchronous;
    bool is_set_up;        /* the pragmas that a call needs are set */
    bool immutable;        /* opened as a file that never changes */
    bool expect_new_peers; /* the last peer put was a new one */
    struct known_session known;
    struct prune_place pruned;
    struct statement statements[QUERY_COUNT];
    struct buffer names;     /* tgs_str of the usernames read last */
    struct buffer joined;    /* the usernames written last */
    struct buffer stored;    /* texts of the stored row that the running operation changes */
    struct buffer skips;     /* of the running write: which operations are skipped */
    struct buffer sequences; /* of the running claim */
};

struct store {
    char *path; /* absolute */
    char *uri, *immutable_uri;
    bool read_only;
    bool full;      /* durability=full */
    bool exclusive; /* locking=exclusive: all calls take turns on the writer */
    int checkpoint_pages;
    size_t max_readers;

    pthread_mutex_t lock;
    pthread_cond_t writer_freed, reader_freed;
    bool writer_busy;
    size_t n_readers, n_idle;
    struct connection *writer;
    struct connection *idle[MAX_READERS];
};

/* The end of the path, for messages. */
const char *store_name(const struct store *store);

tgs_status connection_open(struct store *store, const tgs_backend_call *call, struct connection **out,
                           tgs_error *err);
void connection_close(struct connection *connection);
/* Fill in err from SQLite's result code. */
tgs_status connection_fail(struct connection *connection, int code, tgs_error *err);
tgs_status connection_execute(struct connection *connection, const char *sql, tgs_error *err);
/* First column of the first row of a statement that is not kept. */
tgs_status connection_number(struct connection *connection, const char *sql, int64_t *number, tgs_error *err);
tgs_status connection_set_synchronous(struct connection *connection, enum synchronous synchronous,
                                      tgs_error *err);

/* sqlite3_step, but waits while another connection is in the way. */
int connection_step(struct connection *connection, sqlite3_stmt *handle);
/* After that result code: is another connection in the way, and did we wait for it?  False at the deadline.
 */
bool connection_wait(struct connection *connection, int code, unsigned attempt);
/* A kept statement on rows of that record (0: of none). */
tgs_status connection_statement(struct connection *connection, enum query query, int32_t record,
                                struct statement **out, tgs_error *err);

/* Wait for the writer or a reader. */
tgs_status pool_take_writer(struct store *store, const tgs_backend_call *call, struct connection **out,
                            tgs_error *err);
tgs_status pool_take_reader(struct store *store, const tgs_backend_call *call, struct connection **out,
                            tgs_error *err);
void pool_give_back(struct connection *connection);

/* --- the file -------------------------------------------------------------------------------------- */

/* Set store->path and make the file if there is none and `create`. */
tgs_status file_prepare(struct store *store, tgs_str path, bool create, tgs_error *err);
/* The writer's first steps: check that the database is ours, then WAL mode and the newest schema. */
tgs_status file_adopt(struct connection *connection, tgs_error *err);
/* The same for a store that is only read: nothing is changed. */
tgs_status file_recognise(struct connection *connection, tgs_error *err);
/* Is there a -wal beside the database that is not empty? */
bool file_has_wal(const struct store *store);
tgs_status fail_errno(tgs_error *err, int error, const char *doing, const char *path);
/* Before the first file is opened. */
void fork_prepare(void);

/* --- a call at work ----------------------------------------------------------------------------------- */

/* When a peer's names were last put; AGE_OF_PEER: when the peer was. */
struct names_age {
    int64_t usernames, phone;
};
#define AGE_OF_PEER INT64_MIN

/* One write or read. */
struct task {
    struct connection *connection;
    tgs_error *err;
    tgs_sink *sink;
    tgs_str session;
    int64_t session_id; /* 0: unknown, or there is none */
    int64_t now;
    const tgs_write *write;
    bool plain;  /* no lease or purge, neither before nor by this write */
    bool purged; /* the session, to its end */
    int64_t counter;
    bool counter_read;
    tgs_str name;         /* of a peer, as it compares */
    struct names_age age; /* of the peer that is put */
};

tgs_status task_fail(const struct task *task, int code);
/* Prepare a statement and bind what the task says (:session_id, :now, :name, ...) and the members of `row`:
 * keys always, others if their bit is in `present`. */
tgs_status task_bind(struct task *task, enum query query, int32_t record, const void *row, uint64_t present,
                     struct statement **out);
tgs_status task_bind_number(struct task *task, struct statement *statement, const char *name, int64_t value);
tgs_status task_bind_text(struct task *task, struct statement *statement, const char *name, tgs_str text);
/* The next row, if any; at the end the statement is reset. */
tgs_status task_step(struct task *task, struct statement *statement, bool *row);
/* Run to the end and reset. */
tgs_status task_finish(struct task *task, struct statement *statement);
/* task_bind and task_finish. */
tgs_status task_run(struct task *task, enum query query, int32_t record, const void *row, uint64_t present);
/* End an open transaction without a trace and without an error; it is not given up half-way.  One that fails
 * is repeated by the next user of the connection. */
void task_roll_back(struct task *task);
int64_t task_changes(const struct task *task);
void statement_reset(struct statement *statement);

/* Decode the statement's row; texts and blobs live until it is stepped or reset. */
tgs_status task_decode(struct task *task, const struct statement *statement, void *row);
/* Copy the texts of a decoded row to connection->stored, where they live until the next row is kept; but not
 * the blobs that `without` names, which are dropped. */
tgs_status task_keep(struct task *task, const struct layout *layout, void *row, uint64_t without);
/* The text of a column, ptr NULL for NULL.  The statement is reset on failure. */
tgs_status task_text(struct task *task, struct statement *statement, int column, tgs_str *text);

static inline bool text_same(tgs_str a, tgs_str b) {
    return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Give a row to the sink. */
static inline tgs_status task_give(const struct task *task, size_t slot, const void *row) {
    tgs_status status = sqlite_host->row(task->sink, slot, row);
    return status < 0 ? sqlite_host->fail(task->err, status, NULL, NULL) : status;
}

#define ALL_MEMBERS UINT64_MAX

/* now + ms, without overflow; 0 for 0 is what expiry means by "never". */
static inline int64_t time_after(int64_t now, int64_t ms) {
    return ms > INT64_MAX - now ? INT64_MAX : now + ms;
}
static inline int64_t expiry_after(int64_t now, int64_t ms) { return ms ? time_after(now, ms) : 0; }

/* Statements of one record. */
struct record_queries {
    enum query get, list, put, delete, prune;
    enum query purge; /* at most :limit rows of a session */
};
extern const struct record_queries sqlite_record_queries[RECORDS];

/* --- writing and reading -------------------------------------------------------------------------------- */

tgs_status sqlite_write(void *self, const tgs_write *write, const tgs_backend_call *call, tgs_sink *sink,
                        tgs_error *err);
tgs_status sqlite_read(void *self, const tgs_query *query, const tgs_backend_call *call, tgs_sink *sink,
                       tgs_error *err);
/* An empty commit that is safe from a power cut, and with it all before. */
tgs_status write_barrier(struct store *store, const tgs_backend_call *call, tgs_error *err);

/* Is it the session that this connection, which must be the writer, has written to last?  Within a
 * transaction. */
bool task_knows_session(const struct task *task);
/* The next number of the counter that never goes back. */
tgs_status task_next_number(struct task *task, int64_t *number);

/* Set task->age for a peer that becomes `row`; `stored` and `before` are its row and age before, or NULL. */
void peer_set_age(struct task *task, const tgs_op *op, const tgs_peer *stored, const struct names_age *before,
                  const tgs_peer *row);
/* Would a put change nothing but when the peer and its names were seen, and is that known well enough? */
bool peer_is_fresh(const struct task *task, const tgs_op *op, const tgs_peer *stored,
                   const struct names_age *age, const tgs_peer *row);
/* Names and phone of a peer that is put; `stored` is its row before, or NULL. */
tgs_status peer_put_names(struct task *task, const tgs_op *op, const tgs_peer *stored);
/* Free the names and the phone of a peer that goes. */
tgs_status peer_drop_names(struct task *task, const tgs_peer *stored);

/* What the queue adds to a put: sequence, expiry, ... */
tgs_status queue_prepare_put(struct task *task, const tgs_op *op, tgs_queue_item *item);
/* After an item of the lane has gone: let the next one be claimed. */
tgs_status queue_offer_lane(struct task *task, tgs_str lane);
tgs_status queue_claim(struct task *task, const tgs_op *op);
tgs_status queue_settle(struct task *task, const tgs_op *op);

#endif
