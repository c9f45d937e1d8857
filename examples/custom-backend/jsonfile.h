/* SPDX-License-Identifier: Apache-2.0 */
/* A tgstore back end that keeps its database in a JSON file:
 *
 *      jsonfile.c   open and close; the file: lock, load, save
 *      rows.c       a record's struct as a JSON object and back, keys, orders
 *      write.c      the operations of a write
 *      queue.c      those on the queue
 *      read.c       the queries
 *
 * The file is one object:
 *
 *      {"format": "tgstore-jsonfile", "version": 1, "number": 7, "sessions": {"main": {
 *          "created": 1700000000000,
 *          "leases": {"3": {"mode": 1, "owner": "me", ...}},
 *          "username": {"telegram": {"kind": 0, "id": 777000, "seen_at": 1700000000000}}, "phone": {},
 *          "peer": {"[0,777000]": {"kind": 0, "id": 777000, "access_hash": -5}}, ...}}}
 *
 * A member that has no stored value is missing.  Blobs and secrets are base64.  A write changes
 * the tree in memory and then replaces the file; when it fails, the tree is thrown away and read
 * again, so no change needs to be undone. */
#ifndef JSONFILE_H
#define JSONFILE_H

#include <json-c/json.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <tgstore/backend.h>

struct jsonfile {
    char *path, *new_path, *folder;
    int lock;              /* of the file beside it that writers lock */
    pthread_mutex_t mutex; /* guards what follows */
    json_object *tree;     /* what the file held when it was last read or written, or NULL */
    struct stat seen;      /* the file it was read from */
};

/* One call. */
struct run {
    struct jsonfile *db;
    const tgs_backend_call *call;
    tgs_sink *sink;
    tgs_error *err;
    int64_t now;
    const tgs_write *write; /* NULL in a read */
    json_object *session;
    bool changed;
    bool no_memory;        /* something could not be allocated: the call fails at its end */
    struct memory *memory; /* released at the end of the call */
};

extern const tgs_host *host;
extern const char *const record_names[]; /* by TGS_RECORD_*, session to kv */

/* --- memory of a call: NULL and run->no_memory when there is none */
void *run_alloc(struct run *run, size_t size);
/* A terminated copy. */
const char *run_text(struct run *run, tgs_str text);
tgs_status no_memory(struct run *run);
void run_release(struct run *run);

/* --- rows.c */
/* Overwrite a value that is about to be freed: it may hold an auth key. */
void wipe(json_object *value);
/* NULL if it is missing or not an object. */
json_object *get_object(const json_object *parent, const char *name);
int64_t get_number(const json_object *object, const char *name); /* 0 if it is missing */
bool has_member(const json_object *object, const char *name);
tgs_str get_text(const json_object *object, const char *name); /* ptr NULL if it is missing */
/* The object under a name, made if it is missing.  One that is empty need not be saved. */
json_object *make_object(struct run *run, json_object *parent, const char *name);
/* These note run->changed.  set_member takes over the value. */
void set_member(struct run *run, json_object *object, const char *name, json_object *value);
void set_number(struct run *run, json_object *object, const char *name, int64_t value);
void set_text(struct run *run, json_object *object, const char *name, tgs_str text);
void drop_member(struct run *run, json_object *object, const char *name);

const tgs_field *find_field(int32_t record, const char *name);
/* A member of a struct as JSON. */
json_object *member_to_json(struct run *run, const tgs_field *field, const void *row);
/* A new object with the key members of a struct. */
json_object *key_members(struct run *run, int32_t record, const void *row);
/* The name under which a row stands in its table. */
const char *key_text(struct run *run, int32_t record, const void *row);
bool is_expired(const struct run *run, const json_object *row);
/* Give a row to the core. */
tgs_status give_row(struct run *run, int32_t record, size_t slot, const json_object *row);

/* Members to compare by, the first one first. */
struct order {
    const char *names[8];
};
struct order order_of(int32_t record, int32_t tgs_order);
int compare_rows(const struct order *order, const json_object *a, const json_object *b);
/* The rows of a table, sorted. */
json_object **sorted_rows(struct run *run, const json_object *table, const struct order *order, size_t *n);

/* --- jsonfile.c */
int64_t later(int64_t now, int64_t ms);
int64_t next_number(struct run *run); /* never given out before */
/* The newest live lease of at least this mode, or NULL. */
const json_object *newest_lease(const json_object *session, int32_t mode, int64_t now);

/* --- write.c */
tgs_status apply_write(struct run *run);
tgs_status refuse(struct run *run, const tgs_op *op, const char *message);
void report(struct run *run, const tgs_op *op, bool applied, uint32_t notes, int64_t version);

/* --- queue.c */
/* Complete a new item. */
void enqueue(struct run *run, const tgs_op *op, json_object *item);
tgs_status claim(struct run *run, const tgs_op *op);
tgs_status settle(struct run *run, const tgs_op *op);

/* --- read.c */
tgs_status answer_query(struct run *run, const tgs_query *query);

#endif
