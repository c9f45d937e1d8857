/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the stress program share:
 *
 *   stress.c    the rounds: starting, killing and stopping the workers
 *   worker.c    one process with its threads, and what they do next
 *   journal.c   what was asked for and what was answered, so that a kill loses nothing of it
 *   check.c     helpers of the checks that compare the journals with the store at the end
 *   counters.c  queue.c  leases.c  keys.c  peers.c  lists.c  stores.c
 *               one subject each: what a worker does there, and the rules that must have held
 */
#ifndef STRESS_H
#define STRESS_H

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tgstore.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define ONLY_NEW (TGS_ROW_IF_ABSENT | TGS_ROW_REQUIRE)

/* --- journal ------------------------------------------------------------------------------------- */

enum kind {
    COUNTED, /* counters.c */
    MOVED,
    ADDED,    /* keys.c */
    ENQUEUED, /* queue.c */
    CLAIMED,
    SETTLED,
    ACQUIRED, /* leases.c */
    RENEWED,
    RELEASED,
    WRITTEN,
    MET, /* peers.c */
    LOADED,
    OPENED, /* stores.c */
    KINDS
};

/* One call.  It is written down before the call, and once more when that has returned. */
struct event {
    uint64_t call;            /* its number, which is nobody else's; also the key of what it stores */
    int64_t begin_us, end_us; /* end 0: it has not returned, so what became of it is unknown */
    int32_t kind;
    tgs_status status;
    union {
        struct {
            int64_t counter, value, version;
        } count;
        struct {
            int64_t pts;
        } position;
        struct {
            int64_t key;
        } add;
        struct {
            int64_t lane; /* 0: none */
        } enqueue;
        struct {
            int64_t item, token, lane, sequence, claimed_ms, expires_ms; /* the store's times */
        } claim;
        struct {
            int64_t action, item, token, lane, sequence, count, delay_ms;
        } settle;
        struct {
            int64_t session, mode, token, ttl_ms; /* token 0: none */
        } lease;
        struct {
            int64_t name;
        } peer;
        struct {
            int64_t n, done;
        } load;
        struct {
            int64_t file;
        } open;
        int64_t numbers[12];
    } of;
};
_Static_assert(sizeof(struct event) == 128, "a part of a page, so that a kill can't tear it");

struct events {
    struct event *all;
    size_t n;
};

int journal_open(const char *folder, int process);
/* All calls of all processes, by number. */
struct events journal_read(const char *folder);

/* --- workers --------------------------------------------------------------------------------------- */

struct plan {
    const char *folder;
    char url[200];
    bool has_files; /* it is SQLite */
    int processes, threads;
    uint64_t seed;
    int64_t end_us;
};

struct worker {
    const struct plan *plan;
    int process, incarnation, thread;
    tgs_store *store;    /* that of the process */
    struct worker *crew; /* the threads of the process */
    int journal;
    uint64_t random, calls;
    tgs_canceller *canceller;
    tgs_call call;
    bool limited; /* the running call may be given up */
};

int64_t now_us(void);
uint64_t random_number(struct worker *w);
int64_t random_below(struct worker *w, int64_t end);
void pause_ms(int64_t ms);

/* Runs until the plan's end. */
void work(const struct plan *plan, int process, int incarnation, tgs_store *store);
tgs_store *open_store(const char *url);

/* A number of a call, which is noted as begun; then as ended. */
struct event event_new(struct worker *w, enum kind kind);
void event_begin(struct worker *w, struct event *event);
void event_end(struct worker *w, struct event *event, tgs_status status);

/* Mostly none; a short deadline or a canceller at times. */
const tgs_call *limits(struct worker *w);
/* The set of one status, for `expect`. */
#define MAY(status) (1u << -(status))
/* TGS_OK, one of `others`, or given up if that may be; anything else ends the process with a message. */
void expect(struct worker *w, const char *what, tgs_status status, const tgs_error *err, unsigned others);
_Noreturn void violated(const char *rule, ...) __attribute__((format(printf, 1, 2)));

tgs_session *open_session(tgs_store *store, const char *name);

/* Numbers as keys, 16 digits, so that both have one order. */
struct name {
    char text[20];
};
struct name name_of(uint64_t number);
uint64_t number_in(tgs_str text);
static inline tgs_str str(const char *text) { return (tgs_str){text, strlen(text)}; }

/* A kv row whose value is a number. */
tgs_kv kv_row(const char *scope, const struct name *key, const int64_t *value);
int64_t kv_value(const tgs_kv *row);

/* --- checks ------------------------------------------------------------------------------------------- */

struct check {
    const struct plan *plan;
    tgs_store *store;
    struct events events;
    unsigned faults;
};

void fault(struct check *check, const char *rule, ...) __attribute__((format(printf, 2, 3)));

/* Each row of a list, all pages. */
void each_row(tgs_store *store, const char *session, int32_t record, const char *scope,
              void (*take)(const void *row, void *context), void *context);

/* The kv rows of a scope: number of the call that stored them, and value.  By number. */
struct effect {
    uint64_t call;
    int64_t value;
};
struct effects {
    struct effect *all;
    size_t n, capacity;
};
struct effects effects_read(tgs_store *store, const char *session, const char *scope);
void effects_add(struct effects *effects, uint64_t call, int64_t value);
void effects_sort(struct effects *effects, int (*compare)(const void *a, const void *b));
int effects_by_call(const void *a, const void *b);
int effects_by_value(const void *a, const void *b);
/* Sorted by call. */
const struct effect *effects_find(const struct effects *effects, uint64_t call);
/* Every call of `kind` that `mine` (nullable) picks has its effect if it was acknowledged, none if it
 * failed, and either if it never returned; no effect is anybody else's. */
void check_effects(struct check *check, enum kind kind, bool (*mine)(const struct event *event, int64_t of),
                   int64_t of, const struct effects *effects);
bool was_applied(const struct event *event, const struct effects *effects);

int64_t conversation_step(tgs_store *store, const char *session, int64_t chat, int64_t *version);

/* The events of one kind that have not failed, by `compare`. */
struct events events_of(const struct check *check, enum kind kind,
                        int (*compare)(const void *a, const void *b));
int events_by_call(const void *a, const void *b);
static inline int order_of(int64_t a, int64_t b) { return (a > b) - (a < b); }

/* --- subjects ------------------------------------------------------------------------------------------- */

void count(struct worker *w);
void move(struct worker *w);
void counters_check(struct check *check);
/* What holds of any copy of a store: the counters are as many as the rows they count. */
void counters_compare(tgs_store *store);

void add_key(struct worker *w);
void keys_check(struct check *check);

void enqueue(struct worker *w);
void claim(struct worker *w);
void queue_check(struct check *check);
void queue_compare(tgs_store *store);

void hold_lease(struct worker *w);
void write_without_lease(struct worker *w);
void leases_check(struct check *check);

void meet(struct worker *w);
void wander(struct worker *w);
void load(struct worker *w);
void peers_check(struct check *check);

void lists_prepare(struct worker *w);
void list_pages(struct worker *w);
void put_and_delete(struct worker *w);
void write_together(struct worker *w);
void lists_check(struct check *check);

void open_and_close(struct worker *w);
void open_new_file(struct worker *w);
void back_up(struct worker *w);
void prune(struct worker *w);
void put_durably(struct worker *w);
void purge(struct worker *w);
void stores_check(struct check *check);

#endif
