/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TGSTORE_H
#define TGSTORE_H

/*
 * tgstore: one storage engine for Telegram (MTProto) clients.
 *
 * This file is the whole public API and the manual.  Every binding wraps it
 * and nothing else, under the same names.
 *
 * What is stored.  A store holds sessions, a session is one account's name and
 * its records.  There are eight kinds of record, each a plain struct below:
 *
 *      tgs_session_data   who the account is: dc, auth key, user
 *      tgs_dc_auth        the auth keys of other data centers
 *      tgs_peer           users, chats and channels, with their access hashes
 *      tgs_update_state   where the account and each channel stand (pts, qts, ...)
 *      tgs_dedup          keys of what has been handled
 *      tgs_queue_item     what is still to be handled: a durable queue
 *      tgs_conversation   where each conversation stands
 *      tgs_kv             anything else
 *
 * and four verbs for all of them: tgs_put (merges), tgs_get, tgs_list and
 * tgs_delete, each for many rows in one call and one step.  The rest are a few
 * specials: peers by username and phone, the queue's claim and settle, the
 * session's lease, and tgs_batch, which makes any mix of writes one step.
 *
 *      tgs_store *store;
 *      tgs_session *me;
 *      tgs_store_open(TGS_STR("sqlite:bot.db"), NULL, 0, &store, NULL, &err);
 *      tgs_session_new(store, TGS_STR("main"), &me, &err);
 *      tgs_peer peer = {.fields = TGS_PEER_ACCESS_HASH, .kind = TGS_PEER_USER,
 *                       .id = 777000, .access_hash = -5};
 *      tgs_put(me, TGS_RECORD_PEER, &peer, 1, sizeof peer, NULL, NULL, &err);
 *
 * Rules that hold for every function unless its comment says otherwise
 *
 *  Order      handle, inputs, outputs, call, error.  A length follows its
 *             pointer, and the stride of an array follows its length.
 *  NULL       pointer arguments must not be NULL, except `err`, `call` and
 *             those marked "nullable"; an array may be NULL when its length is
 *             0.  NULL is TGS_E_INVALID.  A NULL handle passed to a *_free or
 *             *_close function is a no-op; functions without a status answer
 *             0, NULL or an empty text for it.
 *  Status     TGS_OK, TGS_NOT_FOUND or a negative code.  Outputs are written
 *             only on TGS_OK; owned outputs are set to NULL otherwise, and
 *             counts marked "also set on failure" are always written.
 *  Error      `err` is the caller's memory, is cleared on entry and needs no
 *             freeing.  There is no per-thread or per-handle "last error".
 *             Any function may return INVALID, NOMEM and UNSUPPORTED, any
 *             [io] function also BUSY, TIMEOUT, CANCELLED, UNAVAILABLE, AUTH,
 *             NO_SPACE, CORRUPT and BACKEND, and any write READ_ONLY and
 *             FENCED; the comments name only what is special.
 *  Ownership  inputs are copied before the call returns.  `const T *` results
 *             are borrowed and live as long as the object they came from.
 *             `T **out` results are owned by the caller and released by the
 *             function named in their comment.  Everything reachable from a
 *             result dies with that result; a result outlives the store.
 *  Text       UTF-8 without NUL, with explicit length in bytes.  Inputs need no
 *             terminator; outputs always have one (not counted).  "" is a
 *             text like any other, and a key.
 *  Repeats    a key or a name may come several times in one call: a look-up
 *             answers each, a write applies them in order.  A call with no
 *             rows does nothing.
 *  Sizes      rows and structs may grow at their end.  `stride` and `size` are
 *             sizeof the struct as the caller was compiled.  Bytes an older
 *             library does not know must be zero, else UNSUPPORTED; members a
 *             caller does not know yet are not written.
 *  Reserved   members named `reserved` are zero, else UNSUPPORTED.
 *  Time       stored times are Unix milliseconds, 0 = never.  `date` members
 *             are Telegram's own, in seconds.  Durations end in _ms.  The clock
 *             is the database server's; the host's for SQLite and memory.  When
 *             it is set back, what waits for a time (the end of a lease, expiry,
 *             a due item) comes later by as much, never sooner.
 *  Expiry     an expired record is absent for every verb, condition and list,
 *             whether or not it has been swept yet (tgs_prune).  `expires` and
 *             `ttl_ms` say the same thing, as `due` and `delay_ms` do: a row
 *             with both is INVALID.
 *  Threads    a store, a session and a result may be used by many threads at
 *             once; a batch by one at a time.  In a child made by fork every
 *             function on an inherited store is INVALID; close and free are
 *             safe there and do no I/O.  It may open the same store anew, if no
 *             other thread was inside a call at the fork.
 *  Blocking   functions marked [io] may block, until the deadline of `call` or
 *             else of the store; all others return at once, so a binding may
 *             keep its interpreter lock around them.
 *  Secrets    no message, log line or freed memory holds an auth key, an
 *             api_hash or a password.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- version ---------------------------------------------------------------- */

#define TGS_VERSION_MAJOR 0
#define TGS_VERSION_MINOR 1
#define TGS_VERSION_PATCH 0
#define TGS_VERSION (TGS_VERSION_MAJOR * 1000000 + TGS_VERSION_MINOR * 1000 + TGS_VERSION_PATCH)

#ifndef TGS_API
#if defined(__GNUC__)
#define TGS_API __attribute__((visibility("default")))
#else
#define TGS_API
#endif
#endif

/** Version of the library that is loaded, as TGS_VERSION.  Never fails. */
TGS_API int32_t tgs_version(void);

/* --- status and error --------------------------------------------------------- */

typedef int32_t tgs_status;

#define TGS_OK 0
#define TGS_NOT_FOUND 1        /* no such thing; an outcome, the message is empty */
#define TGS_E_INVALID (-1)     /* the caller broke a rule of this file */
#define TGS_E_CONFLICT (-2)    /* a required condition did not hold; nothing was stored */
#define TGS_E_FENCED (-3)      /* another holder has the session's lease, or ours ran out */
#define TGS_E_UNSUPPORTED (-4) /* this back end, or this version, lacks it */
#define TGS_E_BUSY (-5)        /* held by somebody else for the whole deadline */
#define TGS_E_TIMEOUT (-6)     /* the deadline passed */
#define TGS_E_CANCELLED (-7)   /* the call's canceller was used */
#define TGS_E_UNAVAILABLE (-8) /* no connection, or no such file */
#define TGS_E_AUTH (-9)        /* the database refused the credentials, or the file its permissions */
#define TGS_E_READ_ONLY (-10)  /* the store was opened, or is mounted, for reading only */
#define TGS_E_NO_SPACE (-11)   /* the disk or a quota is full */
#define TGS_E_TOO_LARGE (-12)  /* beyond a limit of this file; found before any I/O */
#define TGS_E_CORRUPT (-13)    /* stored data can't be decoded */
#define TGS_E_NOMEM (-14)      /* allocation failed; nothing was changed */
#define TGS_E_BACKEND (-15)    /* anything else, and every code you do not know */

#define TGS_OUTCOME_NOT_APPLIED 0
#define TGS_OUTCOME_UNKNOWN 1     /* the connection broke between request and reply */
#define TGS_OUTCOME_NOT_DURABLE 2 /* applied, but not yet safe from a power cut */

typedef struct tgs_error {
    tgs_status code;
    uint8_t retryable; /* 1: the same call may succeed when repeated */
    uint8_t outcome;   /* TGS_OUTCOME_*: what became of the write */
    uint8_t reserved[2];
    int64_t index;     /* the row at fault, counted from 0, or -1 */
    char backend[16];  /* "sqlite", "redis", ... or "" for the core */
    char native[16];   /* the driver's own code as text: "SQLITE_FULL" */
    char message[208]; /* one line, no secrets, says what to do, always terminated */
} tgs_error;           /* 256 bytes for ever */

/** Fixed English name of a code, such as "not found".  Borrowed, static. */
TGS_API const char *tgs_status_name(tgs_status code);

/* --- plain data ----------------------------------------------------------------- */

typedef struct tgs_str {
    const char *ptr; /* NULL is no text, "" is an empty one */
    size_t len;      /* bytes */
} tgs_str;

typedef struct tgs_bytes {
    const uint8_t *ptr;
    size_t len;
} tgs_bytes;

#ifdef __cplusplus
#define TGS_STR(literal) (tgs_str{literal, sizeof(literal) - 1})
#else
#define TGS_STR(literal) ((tgs_str){literal, sizeof(literal) - 1})
#endif

/* Limits, the same on every back end; beyond them: TGS_E_TOO_LARGE before any I/O. */
#define TGS_MAX_ROWS 4096               /* rows in one batch, keys in one get, rows in one page */
#define TGS_MAX_BATCH_BYTES 8388608     /* texts and blobs of one batch, added up */
#define TGS_MAX_BLOB_BYTES 4194304      /* one blob, or one text that is not a key */
#define TGS_MAX_KEY_BYTES 512           /* one key text, lane, owner, username */
#define TGS_MAX_SESSION_NAME_BYTES 128  /* a session's name */

/* --- rows ------------------------------------------------------------------------
 *
 * Every row begins with the same three members:
 *
 *   fields  which members the row carries, one bit each (TGS_PEER_ACCESS_HASH, ...).
 *           Writing: bit unset, the stored value is left alone; bit set, it is
 *           replaced by the member's value, 0 and "" included.
 *           Reading: bit set, there is a stored value.  Key members have no
 *           bit and always count.
 *   nulls   writing: of the bits in `fields`, those to clear, so that no value is
 *           stored.  A text or blob with ptr NULL clears too.  Reading: 0.
 *   flags   TGS_ROW_*.
 *
 * A row has one condition at most, and REQUIRE only beside one; put of dedup keys and
 * queue items is a condition by itself.  A flag that means nothing for the record is
 * INVALID.
 *
 * Members marked "read only" are set by the store; writes ignore their bits.
 * Members marked "write only" have no value in reads.  A key is a row of which
 * only the key members and flags count.
 */

#define TGS_ROW_FOUND 1u       /* reading: the row exists.  Writing: ignored */
#define TGS_ROW_IF_PRESENT 2u  /* writing: only if the key was there before the batch */
#define TGS_ROW_IF_ABSENT 4u   /* writing: only if the key was not there before the batch */
#define TGS_ROW_IF_VERSION 8u  /* conversations: only if `version` is the stored one */
#define TGS_ROW_REQUIRE 16u    /* the whole batch fails with CONFLICT if the row's condition does not
                                  hold; without it the row is skipped and its result says applied 0 */
#define TGS_ROW_EXACT 32u      /* update states: set the positions, even to lower ones */
#define TGS_ROW_REPLACE_ACCOUNT 64u /* session: a changed user_id drops peers and update states */

/* Records */
#define TGS_RECORD_SESSION 1
#define TGS_RECORD_DC_AUTH 2
#define TGS_RECORD_PEER 3
#define TGS_RECORD_UPDATE_STATE 4
#define TGS_RECORD_DEDUP 5
#define TGS_RECORD_QUEUE_ITEM 6
#define TGS_RECORD_CONVERSATION 7
#define TGS_RECORD_KV 8
#define TGS_RECORD_SESSION_INFO 9 /* read only: tgs_sessions_list */
#define TGS_RECORD_STATS 10       /* read only: tgs_stats_get */

/* The session's own record: the account and its main auth key.  It has no key:
 * there is one in a session.  Deleting it deletes the session's dc_auth rows
 * too, and keeps the peers.  Always written durably.
 *
 * A put that changes a stored user_id is CONFLICT, since access hashes belong
 * to one account, unless it has TGS_ROW_REPLACE_ACCOUNT: then the session's
 * peers and update states are deleted in the same step.  Where no user_id is stored
 * (cleared, or the record deleted), any may be put, and the peers stay: purge a
 * session before it goes to another account. */
#define TGS_SESSION_DC 0x1u
#define TGS_SESSION_API_ID 0x2u
#define TGS_SESSION_API_HASH 0x4u
#define TGS_SESSION_TEST_MODE 0x8u
#define TGS_SESSION_AUTH_KEY 0x10u
#define TGS_SESSION_STATE 0x20u
#define TGS_SESSION_USER_ID 0x40u
#define TGS_SESSION_IS_BOT 0x80u
#define TGS_SESSION_FIRST_NAME 0x100u
#define TGS_SESSION_LAST_NAME 0x200u
#define TGS_SESSION_USERNAME 0x400u
#define TGS_SESSION_PHONE 0x800u
#define TGS_SESSION_DATE 0x1000u
#define TGS_SESSION_ADDRESS 0x2000u
#define TGS_SESSION_PORT 0x4000u
#define TGS_SESSION_STATUS 0x8000u

#define TGS_SESSION_STATUS_UNKNOWN 0
#define TGS_SESSION_STATUS_ACTIVE 1
#define TGS_SESSION_STATUS_LOGGED_OUT 2
#define TGS_SESSION_STATUS_DUPLICATED 3 /* AUTH_KEY_DUPLICATED: do not connect again */
#define TGS_SESSION_STATUS_REVOKED 4    /* AUTH_KEY_UNREGISTERED, SESSION_REVOKED */
#define TGS_SESSION_STATUS_BANNED 5     /* USER_DEACTIVATED */

typedef struct tgs_session_data {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
    int32_t dc;         /* home data center, 1 to 5, 203, ... */
    int32_t test_mode;  /* 0 or 1: Telegram's test servers */
    int32_t is_bot;     /* 0 or 1 */
    int32_t port;       /* of the data center, 0 to 65535 */
    int32_t status;     /* TGS_SESSION_STATUS_* */
    int64_t api_id;
    int64_t user_id;
    int64_t date;       /* as the client saved it, Unix seconds */
    tgs_bytes auth_key; /* 256 bytes, or 0 bytes: logged out.  Secret */
    tgs_bytes state;    /* the client's own blob */
    tgs_str api_hash;   /* Secret */
    tgs_str first_name;
    tgs_str last_name;
    tgs_str username;
    tgs_str phone;      /* digits; "+", spaces, "-", "(", ")" and "." are dropped */
    tgs_str address;    /* IPv4, IPv6 or host name of the data center */
    uint64_t reserved[4];
} tgs_session_data;

/* An auth key of a data center.  Always written durably. */
#define TGS_DC_AUTH_AUTH_KEY 0x1u
#define TGS_DC_AUTH_SALT 0x2u
#define TGS_DC_AUTH_ADDRESS 0x4u
#define TGS_DC_AUTH_PORT 0x8u
#define TGS_DC_AUTH_EXPIRES 0x10u
#define TGS_DC_AUTH_TTL 0x20u

#define TGS_DC_AUTH_PERMANENT 0
#define TGS_DC_AUTH_TEMPORARY 1

typedef struct tgs_dc_auth {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
    int32_t dc;         /* key */
    int32_t slot;       /* key: TGS_DC_AUTH_PERMANENT or _TEMPORARY */
    int32_t port;
    int64_t salt;       /* server salt */
    int64_t expires;    /* writing: for imports; clients give ttl_ms */
    int64_t ttl_ms;     /* write only: expires = now + ttl_ms; 0 = never */
    tgs_bytes auth_key; /* 256 bytes, or 0 bytes.  Secret */
    tgs_str address;
    uint64_t reserved[4];
} tgs_dc_auth;

/* A user, chat or channel, keyed by kind and bare id: user 5 and chat 5 are two
 * peers.  Get accepts kind TGS_PEER_ANY: it prefers a real access hash, then the
 * newest seen_at, then user, chat, channel.
 *
 * A zero access_hash never replaces a stored one.  A username has one owner in
 * a session: a put that carries a name takes it from whoever had it, and
 * refreshes its age.  Names compare without ASCII case; a leading "@" is
 * dropped; a name has one byte at least and no control characters.  The list given
 * replaces the peer's list; an empty one clears it; a name that comes twice counts
 * where it comes first.  Phones have one owner, too, and "" clears a peer's.
 *
 * When a peer and its names were seen is known to TGS_SEEN_AT_MS: a put that
 * would change nothing else may leave a time that is less old than that, and a
 * look-up allows for it. */
#define TGS_SEEN_AT_MS 60000
#define TGS_PEER_SUBTYPE 0x1u
#define TGS_PEER_ACCESS_HASH 0x2u
#define TGS_PEER_MIN_ACCESS_HASH 0x4u
#define TGS_PEER_USERNAMES 0x8u
#define TGS_PEER_PHONE 0x10u
#define TGS_PEER_FIRST_NAME 0x20u
#define TGS_PEER_LAST_NAME 0x40u
#define TGS_PEER_PHOTO_ID 0x80u
#define TGS_PEER_LANGUAGE 0x100u
#define TGS_PEER_SEEN_AT 0x200u

#define TGS_PEER_ANY (-1) /* in look-ups and filters only */
#define TGS_PEER_USER 0
#define TGS_PEER_CHAT 1
#define TGS_PEER_CHANNEL 2

#define TGS_PEER_SUBTYPE_NONE 0
#define TGS_PEER_SUBTYPE_BOT 1        /* of a user */
#define TGS_PEER_SUBTYPE_GROUP 2      /* of a chat: a basic group */
#define TGS_PEER_SUBTYPE_BROADCAST 3  /* of a channel, and all below */
#define TGS_PEER_SUBTYPE_SUPERGROUP 4
#define TGS_PEER_SUBTYPE_GIGAGROUP 5
#define TGS_PEER_SUBTYPE_FORUM 6
#define TGS_PEER_SUBTYPE_DIRECT 7     /* a channel's direct messages (monoforum) */
#define TGS_PEER_SUBTYPE_COMMUNITY 8

typedef struct tgs_peer {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
    int32_t kind;             /* key: TGS_PEER_USER, _CHAT, _CHANNEL */
    int64_t id;               /* key: bare id, without any mark; 0 is legal */
    int64_t access_hash;
    int64_t min_access_hash;  /* from a "min" object; never stands in for access_hash */
    int64_t photo_id;
    int64_t seen_at;          /* ms; a put without it stores the time of the put */
    int32_t subtype;          /* TGS_PEER_SUBTYPE_* */
    int32_t reserved0;
    const tgs_str *usernames; /* n_usernames of them, without "@", the first is the primary */
    size_t n_usernames;
    tgs_str phone;            /* digits, as in tgs_session_data */
    tgs_str first_name;       /* or the title of a chat or channel */
    tgs_str last_name;
    tgs_str language;
    uint64_t reserved[4];
} tgs_peer;

/* A position in the update stream: of the account (channel_id 0) or a channel.
 * Each of pts, qts, date and seq becomes max(stored, given); a lower one is
 * ignored and noted (TGS_NOTE_LOWER), unless the row has TGS_ROW_EXACT. */
#define TGS_UPDATE_STATE_PTS 0x1u
#define TGS_UPDATE_STATE_QTS 0x2u
#define TGS_UPDATE_STATE_DATE 0x4u
#define TGS_UPDATE_STATE_SEQ 0x8u
#define TGS_UPDATE_STATE_ACCESS_HASH 0x10u

typedef struct tgs_update_state {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
    int32_t reserved0;
    int64_t channel_id;  /* key: bare id, 0 = the account itself */
    int64_t pts;
    int64_t qts;
    int64_t date;        /* Unix seconds */
    int64_t seq;
    int64_t access_hash; /* of the channel; a zero never replaces a stored one */
    uint64_t reserved[4];
} tgs_update_state;

/* A key of something handled.  Put adds keys that are not there and leaves the
 * others as they are; the result's `applied` says which were new.  With
 * TGS_ROW_REQUIRE an old key fails the batch with CONFLICT.  Without expires
 * and ttl_ms a key lives for the store's dedup_ttl_ms (7 days). */
#define TGS_DEDUP_CREATED 0x1u
#define TGS_DEDUP_EXPIRES 0x2u
#define TGS_DEDUP_TTL 0x4u

typedef struct tgs_dedup {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
    int32_t reserved0;
    tgs_str key;
    int64_t created;
    int64_t expires;
    int64_t ttl_ms; /* write only */
    uint64_t reserved[4];
} tgs_dedup;

/* An item of the durable queue.  Put enqueues: an id that is there, done items
 * included, is left as it is (applied 0; with TGS_ROW_REQUIRE: CONFLICT).
 *
 *      ready -> leased (tgs_queue_claim) -> done (ack), ready (release, fail) or dead
 *
 * An item whose lease ran out is claimed again: delivery is at least once.
 * Items are claimed by due time, then enqueue sequence.  In a lane (a chat's,
 * say) items go strictly by sequence, one at a time.  Done items are kept for
 * done_ttl_ms (1 day), so that an id is not enqueued twice; dead ones for
 * dead_ttl_ms (30 days). */
#define TGS_QUEUE_ITEM_LANE 0x1u
#define TGS_QUEUE_ITEM_PAYLOAD 0x2u
#define TGS_QUEUE_ITEM_STATE 0x4u
#define TGS_QUEUE_ITEM_ATTEMPTS 0x8u
#define TGS_QUEUE_ITEM_MAX_ATTEMPTS 0x10u
#define TGS_QUEUE_ITEM_LAST_ERROR 0x20u
#define TGS_QUEUE_ITEM_CREATED 0x40u
#define TGS_QUEUE_ITEM_UPDATED 0x80u
#define TGS_QUEUE_ITEM_DUE 0x100u
#define TGS_QUEUE_ITEM_DELAY 0x200u
#define TGS_QUEUE_ITEM_SEQUENCE 0x400u
#define TGS_QUEUE_ITEM_LEASE_OWNER 0x800u
#define TGS_QUEUE_ITEM_LEASE_EXPIRES 0x1000u
#define TGS_QUEUE_ITEM_TOKEN 0x2000u
#define TGS_QUEUE_ITEM_EXPIRES 0x4000u

#define TGS_QUEUE_READY 0
#define TGS_QUEUE_LEASED 1
#define TGS_QUEUE_DONE 2
#define TGS_QUEUE_DEAD 3

typedef struct tgs_queue_item {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
    int32_t state;         /* TGS_QUEUE_*; writing: for imports, LEASED counts as READY */
    tgs_str id;            /* key */
    tgs_str lane;          /* absent or "": none */
    tgs_bytes payload;
    tgs_str last_error;
    tgs_str lease_owner;   /* read only */
    int64_t attempts;      /* claims so far; writing: for imports */
    int64_t max_attempts;  /* fails or lost leases up to which it is retried; 10 if not given */
    int64_t created;       /* writing: for imports */
    int64_t updated;       /* read only */
    int64_t due;           /* not before; writing: for imports */
    int64_t delay_ms;      /* write only: due = now + delay_ms; settle: see there */
    int64_t sequence;      /* read only: order of enqueueing */
    int64_t lease_expires; /* read only */
    int64_t token;         /* of the claim; for settle.  Read only */
    int64_t expires;       /* read only: when a done or dead item goes */
    uint64_t reserved[4];
} tgs_queue_item;

/* Where a conversation stands.  Compare-and-set: get, change, put with
 * TGS_ROW_IF_VERSION (or IF_ABSENT) and TGS_ROW_REQUIRE; the result carries the new
 * version.  Versions are opaque and never used twice, not even after a delete. */
#define TGS_CONVERSATION_NAME 0x1u
#define TGS_CONVERSATION_STEP 0x2u
#define TGS_CONVERSATION_STEP_NUMBER 0x4u
#define TGS_CONVERSATION_DATA 0x8u
#define TGS_CONVERSATION_CREATED 0x10u
#define TGS_CONVERSATION_UPDATED 0x20u
#define TGS_CONVERSATION_VERSION 0x40u
#define TGS_CONVERSATION_EXPIRES 0x80u
#define TGS_CONVERSATION_TTL 0x100u

typedef struct tgs_conversation {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
    int32_t reserved0;
    int64_t chat_id;             /* key, as the client counts chats */
    int64_t user_id;             /* key */
    int64_t thread_id;           /* key; 0 = none */
    tgs_str business_connection; /* key; NULL is "" */
    tgs_str name_space;          /* key: keeps several state machines apart; NULL is "" */
    tgs_str name;                /* of the state machine, scene or handler */
    tgs_str step;                /* a text, or ... */
    int64_t step_number;         /* ... a number: setting one clears the other; both: INVALID */
    tgs_bytes data;
    int64_t created;             /* writing: for imports */
    int64_t updated;             /* writing: for imports */
    int64_t version;             /* read only; the expected one with TGS_ROW_IF_VERSION */
    int64_t expires;             /* writing: for imports */
    int64_t ttl_ms;              /* write only: expires = now + ttl_ms; 0 = never */
    uint64_t reserved[4];
} tgs_conversation;

/* What has no record of its own.  Scopes that begin with "tgstore." are ours. */
#define TGS_KV_VALUE 0x1u
#define TGS_KV_EXPIRES 0x2u
#define TGS_KV_TTL 0x4u

typedef struct tgs_kv {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
    int32_t reserved0;
    tgs_str scope; /* key */
    tgs_str key;   /* key */
    tgs_bytes value;
    int64_t expires;
    int64_t ttl_ms; /* write only */
    uint64_t reserved[4];
} tgs_kv;

/* A session as the store knows it.  Read only. */
#define TGS_SESSION_INFO_CREATED 0x1u
#define TGS_SESSION_INFO_PURGING 0x2u
#define TGS_SESSION_INFO_LEASE_MODE 0x4u
#define TGS_SESSION_INFO_LEASE_HOLDERS 0x8u
#define TGS_SESSION_INFO_LEASE_OWNER 0x10u
#define TGS_SESSION_INFO_LEASE_HOST 0x20u
#define TGS_SESSION_INFO_LEASE_PID 0x40u
#define TGS_SESSION_INFO_LEASE_SINCE 0x80u
#define TGS_SESSION_INFO_LEASE_EXPIRES 0x100u
#define TGS_SESSION_INFO_LEASE_TOKEN 0x200u

#define TGS_LEASE_NONE 0
#define TGS_LEASE_SHARED 1    /* any number of holders; writes of others succeed */
#define TGS_LEASE_EXCLUSIVE 2 /* one holder; writes of others are FENCED */

typedef struct tgs_session_info {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
    int32_t purging;       /* 1: a purge has begun and not ended; repeat tgs_purge */
    tgs_str name;          /* key */
    int64_t created;       /* ms */
    int32_t lease_mode;    /* TGS_LEASE_*; the members below are of the newest holder */
    int32_t lease_holders; /* live holders */
    tgs_str lease_owner;
    tgs_str lease_host;
    int64_t lease_pid;
    int64_t lease_since;
    int64_t lease_expires;
    int64_t lease_token;
    uint64_t reserved[4];
} tgs_session_info;

/* Row counts.  Read only; all bits are set, but `bytes` where it is not known. */
#define TGS_STATS_ALL_COUNTS 0x7fffu
#define TGS_STATS_BYTES 0x8000u

typedef struct tgs_stats {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
    int32_t reserved0;
    int64_t sessions;      /* 0x1 */
    int64_t session_data;  /* 0x2: sessions that have their own record */
    int64_t dc_auths;      /* 0x4 */
    int64_t peers;         /* 0x8 */
    int64_t usernames;     /* 0x10 */
    int64_t phones;        /* 0x20 */
    int64_t update_states; /* 0x40 */
    int64_t dedup_keys;    /* 0x80 */
    int64_t queue_ready;   /* 0x100 */
    int64_t queue_leased;  /* 0x200: lease not run out */
    int64_t queue_done;    /* 0x400 */
    int64_t queue_dead;    /* 0x800 */
    int64_t conversations; /* 0x1000 */
    int64_t kvs;           /* 0x2000 */
    int64_t expired;       /* 0x4000: rows that tgs_prune would remove */
    int64_t bytes;         /* 0x8000: the database's size */
    uint64_t reserved[4];
} tgs_stats;

/* --- rows, described ----------------------------------------------------------------
 *
 * The same table that the library itself works by, for bindings and tools that
 * treat all records alike. */

#define TGS_TYPE_I32 1
#define TGS_TYPE_I64 2
#define TGS_TYPE_TEXT 3  /* tgs_str */
#define TGS_TYPE_BYTES 4 /* tgs_bytes */
#define TGS_TYPE_TEXTS 5 /* const tgs_str *, followed by a size_t count */

#define TGS_FIELD_KEY 1u        /* part of the key; has no bit */
#define TGS_FIELD_READ_ONLY 2u
#define TGS_FIELD_WRITE_ONLY 4u
#define TGS_FIELD_SECRET 8u     /* show it masked */
#define TGS_FIELD_BOOLEAN 16u   /* 0 or 1 */
#define TGS_FIELD_TIME 32u      /* Unix milliseconds */

typedef struct tgs_field {
    const char *name;           /* the member's name, in every language */
    int32_t type;               /* TGS_TYPE_* */
    uint32_t flags;             /* TGS_FIELD_*; bits above 0xffff are the library's own */
    uint64_t bit;               /* in `fields`; 0 for keys */
    size_t offset;              /* in the row */
    const char *const *choices; /* nullable: names of the values 0, 1, ..., then NULL */
    uint64_t reserved[2];
} tgs_field;

/** Name of a record, as in SQL, JSON and bindings: "peer".  NULL if there is no
 *  such record.  Borrowed, static. */
TGS_API const char *tgs_record_name(int32_t record);

/** The fields of a record in struct order, keys included.
 *
 *  Out:  n         how many; nullable
 *        row_size  sizeof the row in this library; nullable
 *  NULL if there is no such record.  Borrowed, static. */
TGS_API const tgs_field *tgs_record_fields(int32_t record, size_t *n, size_t *row_size);

/* --- results ------------------------------------------------------------------------ */

/* Rows of one record, immutable, in one piece of memory. */
typedef struct tgs_rows tgs_rows;

/** How many rows.  0 for NULL. */
TGS_API size_t tgs_rows_count(const tgs_rows *rows);
/** TGS_RECORD_* of the rows. */
TGS_API int32_t tgs_rows_record(const tgs_rows *rows);
/** 1 if the list goes on after the last row, 0 if it ends there. */
TGS_API int32_t tgs_rows_more(const tgs_rows *rows);
/** Copy row i into `row`, `size` bytes of a struct of the rows' record.  Texts and
 *  blobs are borrowed from `rows`.  Errors: INVALID (no such row, or not that struct's size). */
TGS_API tgs_status tgs_rows_row(const tgs_rows *rows, size_t i, void *row, size_t size);
/** The rows themselves, `stride` bytes apart, for bindings.  Borrowed. */
TGS_API const void *tgs_rows_data(const tgs_rows *rows, size_t *stride);
/** Free; secrets are overwritten first.  `rows` nullable. */
TGS_API void tgs_rows_free(tgs_rows *rows);

/* A piece of text that the library made.  Secret texts are overwritten on free. */
typedef struct tgs_text tgs_text;
TGS_API tgs_str tgs_text_str(const tgs_text *text); /* borrowed */
TGS_API void tgs_text_free(tgs_text *text);         /* nullable */

/* What became of one written row. */
#define TGS_NOTE_NEW 1u   /* the key was not there before */
#define TGS_NOTE_LOWER 2u /* a position was lower than the stored one, and ignored */

typedef struct tgs_result {
    int32_t applied; /* 1: stored, deleted or settled.  0: skipped */
    uint32_t notes;  /* TGS_NOTE_* */
    int64_t version; /* conversations: the new version, or 0 */
    uint64_t reserved[2];
} tgs_result; /* 32 bytes for ever */

/* --- one call's limits ------------------------------------------------------------------ */

/* Thread-safe and sticky: once cancelled, calls that carry it return CANCELLED,
 * until it is reset.  Must outlive the calls that carry it. */
typedef struct tgs_canceller tgs_canceller;

/** Out:  out  free with tgs_canceller_free */
TGS_API tgs_status tgs_canceller_new(tgs_canceller **out, tgs_error *err);
/** May be called from any thread and from a signal handler. */
TGS_API void tgs_canceller_cancel(tgs_canceller *canceller);
TGS_API void tgs_canceller_reset(tgs_canceller *canceller);
TGS_API int32_t tgs_canceller_cancelled(const tgs_canceller *canceller);
TGS_API void tgs_canceller_free(tgs_canceller *canceller); /* nullable */

typedef struct tgs_call {
    size_t size;           /* sizeof(tgs_call) as the caller was compiled */
    int64_t timeout_ms;    /* 0: the store's default; negative: no limit */
    tgs_canceller *cancel; /* nullable */
    uint64_t reserved[4];
} tgs_call;

/* --- memory -------------------------------------------------------------------------------- */

/* Where the library takes its memory from, in place of malloc, realloc and free.  The
 * functions are called from any thread, several at once, and by close and free in a child
 * made by fork, too.  They must not call tgstore.  `size` is never 0, `memory` never NULL. */
typedef struct tgs_allocator {
    size_t size;   /* sizeof(tgs_allocator) as the caller was compiled */
    void *context; /* for the functions; nullable */
    /* `size` bytes, aligned for every type, as malloc's are.  NULL: out of memory */
    void *(*alloc)(void *context, size_t size);
    /* As realloc: with the old content, maybe elsewhere.  NULL: `memory` stays as it was */
    void *(*resize)(void *context, void *memory, size_t size);
    void (*release)(void *context, void *memory);
    uint64_t reserved[4];
} tgs_allocator;

/** Take all memory from this allocator, in the whole process and for good.  Call it once, before
 *  any other function and before there are threads that do.  A program only: libraries and
 *  bindings can't know who else uses tgstore.
 *
 *  What a back end's driver takes is not part of it: for SQLite there is
 *  sqlite3_config(SQLITE_CONFIG_MALLOC, ...).
 *
 *  In:   allocator  copied; `context` must live as long as the process
 *  Errors: INVALID (too late: an allocator is set, or memory was taken already) */
TGS_API tgs_status tgs_allocator_set(const tgs_allocator *allocator, tgs_error *err);

/* --- store --------------------------------------------------------------------------------- */

typedef struct tgs_store tgs_store;

typedef struct tgs_option {
    tgs_str key, value;
} tgs_option;

/** Open a store.  [io]
 *
 *  In:   url      "memory:", "sqlite:bot.db", "sqlite:/var/lib/bot.db?mode=ro",
 *                 "postgresql://...", ...; "env:NAME" takes the URL from an
 *                 environment variable, "@FILE" from a file.  In paths and
 *                 values "%41" is "A".
 *        options  the same as parameters after "?" in the URL, which they
 *                 override; nullable if n_options is 0.  Unknown or malformed
 *                 ones are INVALID.  For every back end:
 *          timeout_ms       deadline of calls that give none (10000; -1: none)
 *          dedup_ttl_ms     life of a dedup key (604800000: 7 days; 0: for ever)
 *          done_ttl_ms      life of a done queue item (86400000: 1 day)
 *          dead_ttl_ms      life of a dead queue item (2592000000: 30 days)
 *                 SQLite:
 *          mode             rwc (default), rw: do not create the file, ro: only read
 *          durability       what survives a power cut.  full: every call that
 *                           has returned.  normal (default): auth keys, and all
 *                           up to the last of them, tgs_sync or checkpoint
 *                           (about 16 MB of writes).  relaxed: the same, and
 *                           checkpoints come rarely (64 MB).  A killed process
 *                           loses nothing in any of them
 *          locking          shared (default): any number of processes, and calls
 *                           that read go beside the one that writes.
 *                           exclusive: for this process alone until it closes;
 *                           calls take turns, and take half the time, since none
 *                           has to lock the file.  Where memory can't be shared
 *                           through a file, it is the only way
 *          max_readers      connections for reading at most (4); one if exclusive
 *  Out:  out      close with tgs_store_close
 *  Errors: UNSUPPORTED (no such back end; a newer schema), UNAVAILABLE (no such
 *          file with mode rw or ro), AUTH (permissions), CORRUPT (not a
 *          database, or not one of ours) */
TGS_API tgs_status tgs_store_open(tgs_str url, const tgs_option *options, size_t n_options, tgs_store **out,
                                  const tgs_call *call, tgs_error *err);

/** Close.  New calls are refused (INVALID), running ones may end until the
 *  store's default deadline, then they are CANCELLED; then all is released.
 *  Sessions, batches and results may be freed before or after; calls on them
 *  are INVALID.  Only `store` itself must not be used again.  Use tgs_sync
 *  before, to learn of errors.  `store` nullable.  [io] */
TGS_API void tgs_store_close(tgs_store *store);

/** Wait until all that was written so far is safe from a power cut.  [io] */
TGS_API tgs_status tgs_sync(tgs_store *store, const tgs_call *call, tgs_error *err);

/** Ask the database for a sign of life.  [io] */
TGS_API tgs_status tgs_ping(tgs_store *store, const tgs_call *call, tgs_error *err);

#define TGS_CAP_DURABLE 0x1u   /* survives the process */
#define TGS_CAP_SHARED 0x2u    /* several processes may open it at once */
#define TGS_CAP_NETWORK 0x4u   /* several hosts may */
#define TGS_CAP_READ_ONLY 0x8u /* opened for reading only */
#define TGS_CAP_BACKUP 0x10u   /* tgs_backup works */

/** TGS_CAP_* bits.  Never fails. */
TGS_API uint64_t tgs_store_capabilities(const tgs_store *store);
/** The back end's name: "sqlite".  Borrowed, static. */
TGS_API const char *tgs_store_backend(const tgs_store *store);

/** Load a module with a back end, which then serves its URL schemes in this
 *  process, for good.  See tgstore/backend.h.  Without this call a URL
 *  "name:..." looks for the module tgstore-name.so in the folders of
 *  TGSTORE_MODULE_PATH (colon-separated), the folder tgstore/ beside this
 *  library, and the configured module folder.  [io]
 *
 *  In:   path  of the shared object
 *  Errors: UNAVAILABLE (can't be loaded; message says why), UNSUPPORTED (another
 *          ABI), CONFLICT (a scheme is taken by another module) */
TGS_API tgs_status tgs_backend_load(tgs_str path, const tgs_call *call, tgs_error *err);

/** The sessions of a store, by name in byte order, a page at a time.  [io]
 *
 *  In:   after   the last name of the page before; ptr NULL: from the start
 *        limit   1 to TGS_MAX_ROWS rows
 *  Out:  out     rows of tgs_session_info; free with tgs_rows_free */
TGS_API tgs_status tgs_sessions_list(tgs_store *store, tgs_str after, size_t limit, tgs_rows **out,
                                     const tgs_call *call, tgs_error *err);

/** Remove expired rows of all sessions, in small steps that let others write.  [io]
 *
 *  In:   peer_age_ms  > 0: also remove peers not seen for so long; 0: none
 *  Out:  removed      rows; nullable.  Also set when the call fails midway */
TGS_API tgs_status tgs_prune(tgs_store *store, int64_t peer_age_ms, uint64_t *removed, const tgs_call *call,
                             tgs_error *err);

/** Count rows.  [io]
 *
 *  In:   session  a session's name, or ptr NULL: all sessions; one that does not exist
 *                 has 0 of everything
 *  Out:  out      one row of tgs_stats; free with tgs_rows_free */
TGS_API tgs_status tgs_stats_get(tgs_store *store, tgs_str session, tgs_rows **out, const tgs_call *call,
                                 tgs_error *err);

/** Write a consistent copy of the whole database to a new file, mode 0600, that is
 *  there as a whole or not at all, while others go on; when it returns, the copy is safe from a power cut.  (Of a SQLite
 *  store that is open, the file alone is an older state: the rest is in its -wal.)  [io]
 *
 *  Errors: UNSUPPORTED (no TGS_CAP_BACKUP), CONFLICT (the file exists) */
TGS_API tgs_status tgs_backup(tgs_store *store, tgs_str path, const tgs_call *call, tgs_error *err);

/* --- session ------------------------------------------------------------------------------- */

/* A store and one session's name, checked once, and the lease token if it holds
 * one.  Immutable, made and freed without I/O, before or after the store. */
typedef struct tgs_session tgs_session;

/** In:   name  up to TGS_MAX_SESSION_NAME_BYTES; "" is a name
 *  Out:  out   free with tgs_session_free */
TGS_API tgs_status tgs_session_new(tgs_store *store, tgs_str name, tgs_session **out, tgs_error *err);
TGS_API void tgs_session_free(tgs_session *session); /* nullable */
TGS_API tgs_str tgs_session_name(const tgs_session *session); /* borrowed */
/** The lease token, or 0. */
TGS_API int64_t tgs_session_token(const tgs_session *session);

/** Delete a session with all its records: first its auth keys, then the rest in
 *  steps.  Until it has ended, reads find nothing and writes are CONFLICT; one
 *  that failed midway is ended by calling it again.  [io]
 *
 *  Out:  removed  rows; nullable.  Also set when the call fails midway */
TGS_API tgs_status tgs_purge(tgs_session *session, uint64_t *removed, const tgs_call *call, tgs_error *err);

/* --- the four verbs --------------------------------------------------------------------------- */

/** Merge rows into the session, all or nothing.  [io]
 *
 *  A key that repeats is applied in order.  See the records for what a put means
 *  there; for all of them the conditions of TGS_ROW_* hold.
 *
 *  In:   record   TGS_RECORD_SESSION to _KV
 *        rows     n_rows structs of that record
 *        stride   sizeof the struct
 *  Out:  results  n_rows of them; nullable
 *  Errors: CONFLICT (a row with TGS_ROW_REQUIRE, or a changed user_id: err->index tells
 *          the row; or a purge going on), TOO_LARGE */
TGS_API tgs_status tgs_put(tgs_session *session, int32_t record, const void *rows, size_t n_rows, size_t stride,
                           tgs_result *results, const tgs_call *call, tgs_error *err);

/** Look up rows by key, in one round trip.  [io]
 *
 *  In:   keys  n_keys structs of that record
 *  Out:  out   n_keys rows in the order asked; `flags & TGS_ROW_FOUND` tells which
 *              exist, the others carry their key only.  Free with tgs_rows_free */
TGS_API tgs_status tgs_get(tgs_session *session, int32_t record, const void *keys, size_t n_keys, size_t stride,
                           tgs_rows **out, const tgs_call *call, tgs_error *err);

/** Delete rows by key, all or nothing.  [io]
 *
 *  In:   keys     n_keys structs of that record; conditions count
 *  Out:  results  n_keys of them; applied 1: it was there.  Nullable */
TGS_API tgs_status tgs_delete(tgs_session *session, int32_t record, const void *keys, size_t n_keys, size_t stride,
                              tgs_result *results, const tgs_call *call, tgs_error *err);

#define TGS_ORDER_KEY 0     /* peers: kind, then signed id; texts by bytes.  Queue: due, then sequence */
#define TGS_ORDER_EXPIRES 1 /* conversations that expire, the soonest first */

typedef struct tgs_filter {
    size_t size;   /* sizeof(tgs_filter) as the caller was compiled */
    int32_t order; /* TGS_ORDER_* */
    int32_t kind;  /* peers: TGS_PEER_*; TGS_PEER_ANY: all */
    int32_t state; /* queue: TGS_QUEUE_*; -1: all */
    int32_t reserved0;
    tgs_str scope; /* kv: of this scope; queue: of this lane, "": of none; ptr NULL: all */
    uint64_t reserved[4];
} tgs_filter;

/** One page of a session's rows.  [io]
 *
 *  Rows that are there all the time appear exactly once, whatever else changes; but a
 *  queue item moves when its due time does.
 *
 *  In:   after   the last row of the page before, or NULL: from the start.  Its key
 *                counts (the queue: due and sequence, too; by expiry: expires, too), and
 *                it need not be there any more
 *        stride  sizeof the struct of `record`; 0 if `after` is NULL
 *        filter  nullable: all rows by key
 *        limit   1 to TGS_MAX_ROWS rows; a page ends before it grows past
 *                TGS_MAX_BATCH_BYTES, but has one row at least
 *  Out:  out     free with tgs_rows_free; tgs_rows_more tells if there is more */
TGS_API tgs_status tgs_list(tgs_session *session, int32_t record, const void *after, size_t stride,
                            const tgs_filter *filter, size_t limit, tgs_rows **out, const tgs_call *call,
                            tgs_error *err);

/** Put any number of rows, in chunks that are each all or nothing.  May be repeated
 *  after a failure, whole or from row `done` on.  [io]
 *
 *  Out:  done  rows stored for good, counted from the first; also set on failure.
 *              Nullable */
TGS_API tgs_status tgs_load(tgs_session *session, int32_t record, const void *rows, size_t n_rows, size_t stride,
                            uint64_t *done, const tgs_call *call, tgs_error *err);

/* --- peers ------------------------------------------------------------------------------------ */

/** Who has these usernames ("@" and case do not matter)?  [io]
 *
 *  In:   max_age_ms  > 0: a name counts only if a put carried it within that time,
 *                    or up to TGS_SEEN_AT_MS before
 *  Out:  out         n_usernames rows of tgs_peer in the order asked; TGS_ROW_FOUND
 *                    tells which exist.  Free with tgs_rows_free
 *  Errors: INVALID (a name that no put could store: err->index tells which) */
TGS_API tgs_status tgs_peers_by_username(tgs_session *session, const tgs_str *usernames, size_t n_usernames,
                                         int64_t max_age_ms, tgs_rows **out, const tgs_call *call, tgs_error *err);

/** The same by phone number. */
TGS_API tgs_status tgs_peers_by_phone(tgs_session *session, const tgs_str *phones, size_t n_phones,
                                      int64_t max_age_ms, tgs_rows **out, const tgs_call *call, tgs_error *err);

/* --- queue ------------------------------------------------------------------------------------ */

/** Lease due items to a worker.  [io]
 *
 *  In:   owner     who takes them, for people to read
 *        lane      only of this lane; "": only of none; ptr NULL: of any or none
 *        lease_ms  how long until others may claim them, > 0
 *        limit     1 to TGS_MAX_ROWS items; they are fewer once what they hold has
 *                  reached TGS_MAX_BATCH_BYTES
 *  Out:  out       the claimed items, each with its token; none is not an error.
 *                  Free with tgs_rows_free */
TGS_API tgs_status tgs_queue_claim(tgs_session *session, tgs_str owner, tgs_str lane, int64_t lease_ms, size_t limit,
                                   tgs_rows **out, const tgs_call *call, tgs_error *err);

#define TGS_SETTLE_ACK 1     /* done */
#define TGS_SETTLE_FAIL 2    /* retry later, or dead after max_attempts; last_error is kept */
#define TGS_SETTLE_RELEASE 3 /* give back at once; the attempt does not count */
#define TGS_SETTLE_EXTEND 4  /* renew the lease for delay_ms from now */
#define TGS_SETTLE_REVIVE 5  /* a dead item becomes ready with 0 attempts; needs no token */
#define TGS_SETTLE_KILL 6    /* dead at once; last_error is kept */

/** Tell what became of claimed items, all or nothing.  [io]
 *
 *  In:   action  TGS_SETTLE_*
 *        items   n_items rows: id and token as claimed; FAIL, KILL: last_error (with
 *                its bit); FAIL: delay_ms (with its bit) until the next attempt,
 *                else 1 s, 2 s, 4 s, ... up to 1 h; EXTEND: delay_ms (with its bit)
 *  A lease that ran out counts as held until the item is claimed again.
 *
 *  Errors: CONFLICT (a token is stale, or nothing to revive: err->index tells the row) */
TGS_API tgs_status tgs_queue_settle(tgs_session *session, int32_t action, const tgs_queue_item *items, size_t n_items,
                                    size_t stride, const tgs_call *call, tgs_error *err);

/* --- lease ------------------------------------------------------------------------------------ */

/** Take the session's lease, so that only one program speaks for the account.  [io]
 *
 *  The handle that comes back carries a token; each write through it checks in
 *  the same step that the lease is still held, else FENCED.  Tokens only
 *  increase.  While a lease is EXCLUSIVE, writes through other handles are
 *  FENCED too, with a message that names the holder.  Reads never are.
 *
 *  In:   owner    who takes it, for people to read; host, pid and time are added.
 *                 One who asks again is another holder
 *        mode     TGS_LEASE_SHARED or TGS_LEASE_EXCLUSIVE
 *        ttl_ms   how long it lasts unless renewed, > 0
 *        wait_ms  how long to wait for the holder, within the deadline; 0: not at all
 *  Out:  out      free with tgs_session_free, which does not release the lease
 *  Errors: BUSY (held; the message names the holder) */
TGS_API tgs_status tgs_lease_acquire(tgs_session *session, tgs_str owner, int32_t mode, int64_t ttl_ms,
                                     int64_t wait_ms, tgs_session **out, const tgs_call *call, tgs_error *err);

/** Let the lease last ttl_ms from now.  Errors: FENCED (it is lost).  [io] */
TGS_API tgs_status tgs_lease_renew(tgs_session *session, int64_t ttl_ms, const tgs_call *call, tgs_error *err);

/** Give the lease back.  Releasing a lost lease is no error.  [io] */
TGS_API tgs_status tgs_lease_release(tgs_session *session, const tgs_call *call, tgs_error *err);

/* --- batch ------------------------------------------------------------------------------------ */

/* Writes of one session, collected and then stored in one step.  Adding checks and
 * copies, and does no I/O.  A row that is refused leaves the batch as it was. */
typedef struct tgs_batch tgs_batch;

/** Out:  out  free with tgs_batch_free */
TGS_API tgs_status tgs_batch_new(tgs_session *session, tgs_batch **out, tgs_error *err);
/** Arguments as in tgs_put, tgs_delete and tgs_queue_settle. */
TGS_API tgs_status tgs_batch_put(tgs_batch *batch, int32_t record, const void *rows, size_t n_rows, size_t stride,
                                 tgs_error *err);
TGS_API tgs_status tgs_batch_delete(tgs_batch *batch, int32_t record, const void *keys, size_t n_keys, size_t stride,
                                    tgs_error *err);
TGS_API tgs_status tgs_batch_settle(tgs_batch *batch, int32_t action, const tgs_queue_item *items, size_t n_items,
                                    size_t stride, tgs_error *err);
/** Rows added so far. */
TGS_API size_t tgs_batch_count(const tgs_batch *batch);
/** Store everything or nothing.  A batch that failed may be committed again; one
 *  that succeeded is empty afterwards and may be used anew.  [io]
 *
 *  Out:  results    one a row, in the order added; nullable
 *  In:   n_results  tgs_batch_count, or 0 with NULL
 *  Errors: as tgs_put; err->index counts the batch's rows in the order added */
TGS_API tgs_status tgs_batch_commit(tgs_batch *batch, tgs_result *results, size_t n_results, const tgs_call *call,
                                    tgs_error *err);
/** Drop the rows. */
TGS_API void tgs_batch_clear(tgs_batch *batch);
TGS_API void tgs_batch_free(tgs_batch *batch); /* nullable */

/* --- session strings and files --------------------------------------------------------------------
 *
 * A snapshot is one account's records in memory, as read from a session string, a
 * session file or a store.  Immutable.  It holds secrets.
 *
 *      format            what it is                                        read  written
 *      telethon          Telethon StringSession, IPv4 and IPv6             yes   yes
 *      pyrogram          Pyrogram session string, 362 characters           yes   yes
 *      pyrogram-old-64   the same before 2.0, 356 characters               yes   yes
 *      pyrogram-old-32   the same before 1.3, 351 characters               yes   yes
 *      kurigram          Kurigram's, the same as pyrogram                  yes   yes
 *      mtgo              mtgo-labs/storage sqlite export, 364 characters   yes   yes
 *      mtgo-2            mtgo before v0.16, Telethon's with api_id         yes   yes
 *      gramjs            GramJS and teleproto StringSession                yes   no
 *      telethon-sqlite   Telethon .session file, schema 1 to 8             yes   7
 *      pyrogram-sqlite   .session file of Pyrogram and its forks           yes   3
 *      kurigram-sqlite   Kurigram's; read as pyrogram-sqlite               yes   7
 *      pyrogram-json     Pyrogram before 0.15                              yes   no
 *
 * Reading a file leaves it and its folder byte for byte as they were, sees the
 * committed rows of a -wal beside it, rolls back a hot -journal in memory, and
 * takes no lock but SQLite's shared one while it reads. */
typedef struct tgs_snapshot tgs_snapshot;

/** Read a session string of any known format.  White space around it is ignored.
 *
 *  Out:  out  free with tgs_snapshot_free
 *  Errors: INVALID (not a session string; the message says what is wrong),
 *          UNSUPPORTED (a known format that this version can't read) */
TGS_API tgs_status tgs_snapshot_from_text(tgs_str text, tgs_snapshot **out, tgs_error *err);

/** Read a session file of any known format, or a file that holds a session string.  [io]
 *
 *  Errors: NOT_FOUND (no such file), INVALID (not a session file), CORRUPT
 *          (damaged), BUSY (locked for writing), AUTH (permissions), TOO_LARGE,
 *          UNSUPPORTED (a known format that this version can't read) */
TGS_API tgs_status tgs_snapshot_from_file(tgs_str path, tgs_snapshot **out, const tgs_call *call, tgs_error *err);

/** Read a session of a store: its own record, dc_auth, kv, and with `peers` 1 its peers
 *  and update states too.  [io]  Errors: NOT_FOUND (the session has no record) */
TGS_API tgs_status tgs_snapshot_from_session(tgs_session *session, int32_t peers, tgs_snapshot **out,
                                             const tgs_call *call, tgs_error *err);

/** The format it was read from, such as "telethon-sqlite"; "store" for a session.  Borrowed. */
TGS_API const char *tgs_snapshot_format(const tgs_snapshot *snapshot);
/** One line for people: "Telethon session file, schema 7".  Borrowed. */
TGS_API const char *tgs_snapshot_description(const tgs_snapshot *snapshot);
/** What was repaired or left out on reading, a line each.  Borrowed. */
TGS_API size_t tgs_snapshot_note_count(const tgs_snapshot *snapshot);
TGS_API const char *tgs_snapshot_note(const tgs_snapshot *snapshot, size_t i);
/** The rows of one record, TGS_RECORD_SESSION (one row), _DC_AUTH, _PEER, _UPDATE_STATE or
 *  _KV; NULL for others.  Borrowed: do not free. */
TGS_API const tgs_rows *tgs_snapshot_rows(const tgs_snapshot *snapshot, int32_t record);

/** Write as a session string.
 *
 *  In:   format   of the table above
 *        options  nullable if 0: values for what the format needs and the snapshot
 *                 lacks: api_id, user_id, is_bot, test_mode, dc, address, port
 *  Out:  out      secret; free with tgs_text_free
 *  Errors: INVALID (a needed value is missing, or does not fit: the message names it),
 *          UNSUPPORTED (not a format that can be written), NOT_FOUND (no auth key) */
TGS_API tgs_status tgs_snapshot_to_text(const tgs_snapshot *snapshot, tgs_str format, const tgs_option *options,
                                        size_t n_options, tgs_text **out, tgs_error *err);

/** Write as a new session file, mode 0600, that is there as a whole or not at all.  Peers
 *  whose access hash is not known are left out.  [io]
 *
 *  In:   format, options  as in tgs_snapshot_to_text, but formats that end in -sqlite
 *  Errors: the same, and CONFLICT (the file exists) */
TGS_API tgs_status tgs_snapshot_to_file(const tgs_snapshot *snapshot, tgs_str format, tgs_str path,
                                        const tgs_option *options, size_t n_options, const tgs_call *call,
                                        tgs_error *err);

/** Merge into a session: first the account's own record and auth keys in one step, with its kv
 *  if they fit into it, then the rest by tgs_load.  [io]
 *
 *  In:   flags  0 or TGS_ROW_REPLACE_ACCOUNT
 *  Out:  done   rows stored; also set on failure.  Nullable
 *  Errors: CONFLICT (the session belongs to another user_id) */
TGS_API tgs_status tgs_snapshot_to_session(const tgs_snapshot *snapshot, tgs_session *session, uint32_t flags,
                                           uint64_t *done, const tgs_call *call, tgs_error *err);

TGS_API void tgs_snapshot_free(tgs_snapshot *snapshot); /* nullable */

#ifdef __cplusplus
}
#endif
#endif /* TGSTORE_H */
