/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TGSTORE_BACKEND_H
#define TGSTORE_BACKEND_H

/*
 * What a database has to do to keep a tgstore.
 *
 * A back end exports one function, tgs_backend_entry.  It gets
 * writes as lists of operations that say exactly what becomes of each field, and
 * reads as queries; it carries them out and decides nothing else.  All checking
 * of arguments, normalising of names, defaults and rules has been done by the
 * core before.
 *
 * To add one: read capi/include/tgstore.h, then this file, then
 * backends/memory.c and what it includes, the shortest complete back end, then
 * examples/custom-backend/, one that lives outside the tree and is loaded at
 * run time; and hold it against tests/conformance/ (docs/backends.md).
 *
 * Rules for every entry
 *
 *  - Entries may be called from several threads at once.
 *  - `err` is never NULL and is cleared; fail with host->fail, which fills it in and
 *    returns the code.  Messages: one line, no secrets, what to do.
 *  - Structs begin with their size or come with a stride: a newer core may pass
 *    longer ones.  Read only what you know.  An unknown tag or flag is
 *    TGS_E_UNSUPPORTED, never ignored.
 *  - Texts and blobs are borrowed until the entry returns.  Memory that crosses
 *    this interface is never freed by the other side.
 *  - Heed the deadline and the canceller while waiting: host->check.
 *  - Modules never link libtgstore; all they need comes through `host`.
 */

#include "../tgstore.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TGS_BACKEND_ABI 1

/* One call's limits, resolved. */
typedef struct tgs_backend_call {
    size_t size;
    int64_t deadline_ns; /* CLOCK_MONOTONIC; INT64_MAX: none */
    const void *cancel;  /* for host->check */
} tgs_backend_call;

/* --- writes -------------------------------------------------------------------------
 *
 * A write is a list of operations for one session, carried out in order in one
 * atomic step: all or nothing.
 *
 *  1. Find the session's registry row by name, or make it (created = now), if any
 *     operation needs it.  If it is marked as purging: TGS_E_CONFLICT (except for
 *     TGS_OP_PURGE and TGS_OP_LEASE_RELEASE).
 *  2. Fencing.  If `token` is not 0: TGS_E_FENCED unless a live lease of the
 *     session has that token.  If it is 0: TGS_E_FENCED if a live EXCLUSIVE lease
 *     exists; the message names owner, host, pid and since when (host->fenced
 *     makes it).  TGS_OP_LEASE_ACQUIRE, _LEASE_RELEASE and _PRUNE are exempt.
 *  3. Conditions.  Of all operations, before any is applied: IF_PRESENT,
 *     IF_ABSENT, IF_VERSION.  If one does not hold and has TGS_OP_REQUIRE:
 *     TGS_E_CONFLICT with err->index = op->index, nothing is stored.  Otherwise the
 *     operation is skipped: its result is applied 0.  If it holds, but SAME_ACCOUNT
 *     does not: TGS_E_CONFLICT likewise.  "Present" means: there, and not expired.
 *  4. Apply in order; give each operation's result to host->result.
 *  5. Commit; if `durable`, not before it is safe from a power cut.
 *
 * Puts of one key that carry no condition have been merged into one where nobody can
 * tell.  Where a key still repeats (deletes, conditions, names that move, expiry), the
 * order counts. */

#define TGS_OP_PUT 1           /* any of the eight records */
#define TGS_OP_DELETE 2
#define TGS_OP_CLAIM 3         /* alone in its list, as all below but SETTLE */
#define TGS_OP_SETTLE 4        /* may stand in a list with PUT and DELETE */
#define TGS_OP_LEASE_ACQUIRE 5
#define TGS_OP_LEASE_RENEW 6
#define TGS_OP_LEASE_RELEASE 7
#define TGS_OP_PURGE 8         /* one step of a purge */
#define TGS_OP_PRUNE 9         /* one step of a prune, over all sessions: write->session is empty */

/* Flags of an operation */
#define TGS_OP_IF_PRESENT 2u  /* these four have the values of TGS_ROW_* */
#define TGS_OP_IF_ABSENT 4u
#define TGS_OP_IF_VERSION 8u  /* conversation: the stored version is row->version */
#define TGS_OP_REQUIRE 16u
#define TGS_OP_SAME_ACCOUNT 32u    /* session: CONFLICT if a user_id other than the row's is stored */
#define TGS_OP_REPLACE_ACCOUNT 64u /* session: if a user_id other than the row's is stored, delete the
                                      session's peers, usernames, phones and update states first */

/*
 * PUT.  `row` is the record's public struct: its key members, and the members that
 * the masks name.  Each bit of the record's fields is in one mask at most:
 *
 *   set        store the row's value
 *   clear      store nothing
 *   raise      store the larger of the stored and the row's value; if the stored one was
 *              larger, result.notes has TGS_NOTE_LOWER
 *   fill       store the row's value if nothing is stored
 *   stamp      store the time of the write, ms
 *   stamp_new  the same, but only if the row is new
 *   (none)     leave what is stored; nothing, if the row is new
 *
 * A put that would change nothing but stamps and the seen_at of names may leave the row as it is, if
 * each of those times is in the past and less than `fresh_ms` old.  It counts as applied.
 *
 * A row that is expired counts as absent: it is deleted first.
 * result.notes has TGS_NOTE_NEW if the row was not there.
 *
 *   - set of *_TTL: the record's `expires` becomes now + row->ttl_ms, or 0 (never) if
 *     ttl_ms is 0.  Likewise TGS_QUEUE_ITEM_DELAY: `due` = now + delay_ms.
 *   - secrets (TGS_FIELD_SECRET) come with an envelope byte in front, and are
 *     given back with it: to the back end they are blobs, the TEXT ones too.
 *   - peer usernames: at most one peer of a session has a name.  set: the row's list, in
 *     its order, becomes the peer's; names of the list are taken from other
 *     peers' lists; each name of the list gets seen_at = the row's seen_at if
 *     that is in `set`, else now.  row->usernames holds names as they are shown,
 *     already without "@"; `folded` (below) holds them in the same order as they
 *     compare.  clear: the peer has none.  Deleting a peer drops its names.
 *   - peer phone: the same with one phone.
 *   - dedup, queue item: a row that is there when the operation's turn comes is never
 *     changed: applied 0.  (With IF_ABSENT it is the state before that counts, as always.)
 *   - queue item: sequence = the next number.  state is READY, DONE or DEAD.
 *     DONE and DEAD items expire like settled ones (done_ttl_ms, dead_ttl_ms).
 *   - conversation: every applied put stores version = the next number of a counter
 *     that never goes back, not even after delete or purge, and reports it in
 *     result.version.
 *
 * DELETE.  `row` has the key.  applied = it was there.  Deleting the session
 * record deletes the session's dc_auth rows too.
 *
 * CLAIM.  `owner`, `lane` (ptr NULL: of any or none; "": of none), `ttl_ms`, `limit`.  Of the claimable
 * items the first `limit` by (due, sequence), each given to host->row after it
 * was changed: state LEASED, attempts + 1, token = the next number, lease_owner,
 * lease_expires = now + ttl_ms, updated = now.  Claimable is an item with
 *   - state READY and due <= now, or LEASED and lease_expires <= now; and
 *   - no lane, or no item of its lane with a smaller sequence is READY or LEASED.
 * A LEASED item whose lease ran out and whose attempts >= max_attempts does not count:
 * it becomes DEAD (expires = now + dead_ttl_ms) with last_error left as it is, or
 * "the lease ran out" if there is none.  Items that wait in a lane must cost nothing.
 * When host->row returns TGS_SINK_FULL, the item counts and no more are claimed.
 *
 * SETTLE.  `action` = TGS_SETTLE_*; row has id and token.  All but REVIVE: CONFLICT with
 * err->index = op->index if the item is not LEASED with that token (a lease that
 * ran out but was not claimed again still counts as held); the whole list fails.
 * updated = now.
 *   ACK      DONE, expires = now + done_ttl_ms; payload may be dropped
 *   FAIL     last_error if in `set`; attempts >= max_attempts: DEAD, expires = now +
 *            dead_ttl_ms; else READY with due = now + delay_ms if DELAY is in `set`,
 *            else now + min(3600000, 1000 << (attempts - 1))
 *   RELEASE  READY, attempts - 1, due unchanged
 *   EXTEND   lease_expires = now + delay_ms
 *   KILL     DEAD, last_error if in `set`
 *   REVIVE   CONFLICT unless DEAD; READY, attempts 0, due = now, expires 0
 * READY and DEAD items have no token, lease_owner and lease_expires.
 * done_ttl_ms and dead_ttl_ms come with the operation; 0: expires = 0, never.
 *
 * LEASE_ACQUIRE.  `mode`, `owner`, `host_name`, `pid`, `ttl_ms`.  If a live lease is in
 * the way (any, for EXCLUSIVE; an exclusive one, for SHARED): TGS_E_BUSY, with a
 * message by host->held.  Otherwise store a lease with token = the next number,
 * since = now, expires = now + ttl_ms; report the token in result.version.
 * LEASE_RENEW.  expires = now + ttl_ms of the lease with write->token; FENCED if
 * there is none or it has run out.
 * LEASE_RELEASE.  Delete the lease with write->token; applied = it was there.
 *
 * PURGE.  First step: mark the session as purging and delete its session and dc_auth
 * rows.  Each step: delete at most `limit` rows of any record, count them in
 * result.version; when nothing is left, remove the leases, the mark and the
 * registry row, and report applied 1 (0: call again).
 *
 * PRUNE.  Delete at most `limit` expired rows, in any sessions, and if ttl_ms > 0 peers
 * (with their names) whose seen_at is more than ttl_ms ago; count them in
 * result.version; applied 1 if nothing is left, else 0 (call again).
 */

/* What a refusal says, the same on every back end; for conditions NULL, the standard message. */
#define TGS_MESSAGE_PURGING "the session is being purged; end that by purging it again"
#define TGS_MESSAGE_OTHER_ACCOUNT                                                                  \
    "the session belongs to another user_id; use another session, or replace the account"
#define TGS_MESSAGE_STALE_CLAIM                                                                    \
    "the item is not leased with that token: another worker has it, or it was settled"
#define TGS_MESSAGE_NOT_DEAD "there is no dead item with that id, so nothing to revive"

typedef struct tgs_op {
    int32_t tag;        /* TGS_OP_* */
    int32_t record;     /* PUT, DELETE: TGS_RECORD_SESSION to _KV */
    uint32_t flags;
    int32_t action;     /* SETTLE: TGS_SETTLE_*; LEASE_ACQUIRE: TGS_LEASE_* */
    uint64_t set, clear, raise, fill, stamp, stamp_new;
    const void *row;    /* PUT, DELETE, SETTLE: the record's struct */
    const tgs_str *folded; /* peer: n_usernames names as they compare */
    size_t index;       /* the caller's row: for err->index and host->result */
    size_t limit;       /* CLAIM, PURGE, PRUNE */
    int64_t ttl_ms;     /* CLAIM, LEASE_*, PRUNE */
    int64_t done_ttl_ms, dead_ttl_ms; /* PUT of queue items, CLAIM, SETTLE */
    int64_t pid;        /* LEASE_ACQUIRE */
    tgs_str owner;      /* CLAIM, LEASE_ACQUIRE */
    tgs_str lane;       /* CLAIM */
    tgs_str host_name;  /* LEASE_ACQUIRE */
    int64_t fresh_ms;   /* PUT of peers */
} tgs_op;

typedef struct tgs_write {
    size_t size;
    tgs_str session;
    int64_t token;      /* of the lease held, or 0 */
    int32_t durable;    /* 1: must be safe from a power cut on return */
    int32_t results;    /* 1: somebody looks at the results; 0: TGS_NOTE_* may be left out */
    const tgs_op *ops;
    size_t n_ops;       /* never 0 */
    size_t stride;      /* sizeof(tgs_op) of the core */
} tgs_write;

/* --- reads --------------------------------------------------------------------------
 *
 * A query is answered from one state of the database, by calls of host->row.
 * Rows have `fields` set for the members that have a stored value, key members,
 * and flags 0.  Expired rows, and all rows of a session that is unknown or marked
 * as purging, do not exist.
 *
 * GET.  keys: n_keys structs of `record`, `stride` bytes apart; row i, if it exists, is given
 * with slot i, after which keys[i] may have changed.  A peer key with kind TGS_PEER_ANY means the best of the peers with
 * that id: one with an access_hash other than 0 first, then the largest seen_at, then
 * the smallest kind.
 * LIST.  Rows after `after` (NULL: from the start) in the filter's order, `limit` at most,
 * slots 0, 1, ...  When host->row returns TGS_SINK_FULL, stop and return TGS_OK.
 *   by key: session, dc_auth (dc, slot), peer (kind, id), update state (id), dedup (key),
 *   queue item (due, sequence), conversation (chat, user, thread, business
 *   connection, name space), kv (scope, key).  Numbers signed, texts by bytes.
 *   TGS_ORDER_EXPIRES: conversations with expires > 0, by (expires, key).
 *   `after` has all members of that order.
 * PEER_BY_USERNAME, PEER_BY_PHONE.  texts: n_texts folded names or digits; the owner, if
 * any, with slot i; with max_age_ms > 0 only if the name's seen_at is no
 * longer ago.
 * SESSIONS.  tgs_session_info rows of the sessions that have a record, a live lease or
 * the purge mark, with names after texts[0] (n_texts 0: from the start), by bytes.
 * STATS.  One tgs_stats row, of `session` or, if its ptr is NULL, of all.
 */
#define TGS_QUERY_GET 1
#define TGS_QUERY_LIST 2
#define TGS_QUERY_PEER_BY_USERNAME 3
#define TGS_QUERY_PEER_BY_PHONE 4
#define TGS_QUERY_SESSIONS 5
#define TGS_QUERY_STATS 6

typedef struct tgs_query {
    size_t size;
    int32_t tag;    /* TGS_QUERY_* */
    int32_t record; /* GET, LIST */
    tgs_str session;
    const void *keys; /* GET */
    size_t n_keys;
    size_t stride;
    const tgs_str *texts;
    size_t n_texts;
    const void *after;        /* LIST; nullable */
    const tgs_filter *filter; /* LIST; never NULL */
    size_t limit;             /* LIST, SESSIONS */
    int64_t max_age_ms;
} tgs_query;

/* --- what the core offers ---------------------------------------------------------------- */

typedef struct tgs_sink tgs_sink; /* takes rows and results; the core's */

#define TGS_SINK_FULL 2 /* host->row: taken or not, the page is complete; stop and return TGS_OK */

/* A lease in the way, for messages. */
typedef struct tgs_holder {
    size_t size;
    int64_t token; /* of the call; 0: none */
    tgs_str owner, host_name;
    int64_t pid, since; /* ms */
} tgs_holder;

/* No varargs, so that any language can call it. */
typedef struct tgs_host {
    size_t size;
    void *(*alloc)(size_t size);                 /* NULL when out of memory */
    void *(*resize)(void *memory, size_t size);  /* like realloc */
    void (*release)(void *memory);               /* nullable */
    /* TGS_OK, or TGS_E_TIMEOUT or TGS_E_CANCELLED: then give up.  Cheap. */
    tgs_status (*check)(const tgs_backend_call *call);
    /* Fill in err (native and message nullable: a standard one) and return `code`. */
    tgs_status (*fail)(tgs_error *err, tgs_status code, const char *native, const char *message);
    tgs_status (*fenced)(tgs_error *err, const tgs_holder *holder); /* returns TGS_E_FENCED */
    tgs_status (*held)(tgs_error *err, const tgs_holder *holder);   /* returns TGS_E_BUSY */
    /* Copy a row into the result.  `row` is the struct of the query's record (CLAIM: a queue
     * item).  TGS_OK, TGS_SINK_FULL, or TGS_E_NOMEM or _CORRUPT to return after host->fail. */
    tgs_status (*row)(tgs_sink *sink, size_t slot, const void *row);
    void (*result)(tgs_sink *sink, size_t index, int32_t applied, uint32_t notes, int64_t version);
    int64_t (*now_ms)(void);       /* the host's wall clock */
    int64_t (*monotonic_ns)(void);
    /* The table of tgs_record_fields, for back ends that treat all records alike. */
    const tgs_field *(*fields)(int32_t record, size_t *n, size_t *row_size);
} tgs_host;

/* --- the back end -------------------------------------------------------------------------- */

typedef struct tgs_backend_open {
    size_t size;
    tgs_str scheme; /* "sqlite" */
    tgs_str target; /* what follows "scheme:" up to "?", as given */
    tgs_str path;   /* the same with %XX decoded; terminated; never has a NUL inside */
    const tgs_option *options; /* parameters and options the core does not know, decoded */
    size_t n_options;          /* unknown ones: TGS_E_INVALID, naming the key */
} tgs_backend_open;

typedef struct tgs_backend {
    size_t size;                /* sizeof(tgs_backend) where this was compiled */
    const char *name;           /* up to 15 bytes */
    const char *const *schemes; /* "redis", "rediss", ..., NULL */

    tgs_status (*open)(const tgs_backend_open *open, const tgs_backend_call *call, void **self,
                       uint64_t *capabilities, tgs_error *err);
    /* Release everything; no call is running.  In a forked child: abandon, do no I/O. */
    void (*close)(void *self, int32_t forked);

    tgs_status (*write)(void *self, const tgs_write *write, const tgs_backend_call *call, tgs_sink *sink,
                        tgs_error *err);
    tgs_status (*read)(void *self, const tgs_query *query, const tgs_backend_call *call, tgs_sink *sink,
                       tgs_error *err);

    /* Optional: NULL makes tgs_sync and tgs_ping succeed, tgs_backup UNSUPPORTED. */
    tgs_status (*sync)(void *self, const tgs_backend_call *call, tgs_error *err);
    tgs_status (*ping)(void *self, const tgs_backend_call *call, tgs_error *err);
    tgs_status (*backup)(void *self, tgs_str path, const tgs_backend_call *call, tgs_error *err);

    /* 1: a key that repeats in a write costs no more than two keys do.  0: the core merges such puts into
     * one, where nobody can tell; so each key comes once, as a rule. */
    int32_t repeats;
    int32_t reserved0;
} tgs_backend;

/** The one function a module exports: its static description, or NULL when it can't
 *  serve this ABI.  `host` lives for ever. */
TGS_API const tgs_backend *tgs_backend_entry(uint32_t abi, const tgs_host *host);
typedef const tgs_backend *(*tgs_backend_entry_function)(uint32_t abi, const tgs_host *host);

#ifdef __cplusplus
}
#endif
#endif /* TGSTORE_BACKEND_H */
