-- SPDX-License-Identifier: Apache-2.0
-- Schema version 1.  The tables of the eight records have their names (the session's own record is
-- session_data) and the members of tgstore.h as columns.  NULL: no value is stored.  Times are Unix
-- milliseconds, 0 is never.  Secrets are blobs that begin with an envelope byte.
--
-- Rows are kept in the order of their key without a rowid, so that a look-up descends one tree only,
-- except where large values would blow that tree up (with values of 1 KB a put to kv took five times as
-- long).

-- The last number given out: session ids, versions, tokens and sequences.  It never goes back.
CREATE TABLE counter (value INTEGER NOT NULL) STRICT;
INSERT INTO counter (value) VALUES (0);

-- The registry.  It may name sessions that have nothing left.
CREATE TABLE session (
    name TEXT PRIMARY KEY,
    session_id INTEGER NOT NULL, -- never used again
    created INTEGER NOT NULL,
    purging INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    session_id INTEGER NOT NULL,
    token INTEGER NOT NULL,
    mode INTEGER NOT NULL,
    owner TEXT NOT NULL,
    host_name TEXT NOT NULL,
    pid INTEGER NOT NULL,
    since INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (session_id, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE session_data (
    session_id INTEGER PRIMARY KEY,
    dc INTEGER,
    test_mode INTEGER,
    is_bot INTEGER,
    port INTEGER,
    status INTEGER,
    api_id INTEGER,
    user_id INTEGER,
    date INTEGER,
    auth_key BLOB, -- secret
    state BLOB,
    api_hash BLOB, -- secret
    first_name TEXT,
    last_name TEXT,
    username TEXT,
    phone TEXT,
    address TEXT
) STRICT;

CREATE TABLE dc_auth (
    session_id INTEGER NOT NULL,
    dc INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    port INTEGER,
    salt INTEGER,
    expires INTEGER,
    auth_key BLOB, -- secret
    address TEXT,
    PRIMARY KEY (session_id, dc, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX dc_auth_expires ON dc_auth (expires) WHERE expires > 0;

-- usernames: the peer's names as shown, one a line; phone: its digits.  username and phone below hold
-- the same facts the other way round, and change in the same transaction.
-- usernames_seen_at, phone_seen_at: when the names were last put, all of a peer's at once.  NULL: at
-- seen_at.  They stand here, so that the tables by name need not be written when a peer is seen again.
CREATE TABLE peer (
    session_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    access_hash INTEGER,
    min_access_hash INTEGER,
    photo_id INTEGER,
    seen_at INTEGER,
    subtype INTEGER,
    usernames TEXT,
    phone TEXT,
    first_name TEXT,
    last_name TEXT,
    language TEXT,
    usernames_seen_at INTEGER,
    phone_seen_at INTEGER,
    PRIMARY KEY (session_id, kind, id)
) STRICT, WITHOUT ROWID;

-- The one owner of a name, by the name as it compares (ASCII lower case).
CREATE TABLE username (
    session_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (session_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE phone (
    session_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (session_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE update_state (
    session_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    pts INTEGER,
    qts INTEGER,
    date INTEGER,
    seq INTEGER,
    access_hash INTEGER,
    PRIMARY KEY (session_id, channel_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE dedup (
    session_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    created INTEGER,
    expires INTEGER,
    PRIMARY KEY (session_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX dedup_expires ON dedup (expires) WHERE expires > 0;

-- state: 0 ready, 1 leased, 2 done, 3 dead.
-- head: 1 unless an item of the same lane with a smaller sequence is ready or leased.  Only ready items
-- with head 1 stand in queue_item_ready, so that those that wait cost a claim nothing.
CREATE TABLE queue_item (
    sequence INTEGER PRIMARY KEY,
    session_id INTEGER NOT NULL,
    id TEXT NOT NULL,
    state INTEGER NOT NULL,
    head INTEGER NOT NULL,
    lane TEXT,
    attempts INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    due INTEGER NOT NULL,
    created INTEGER,
    updated INTEGER,
    lease_expires INTEGER,
    token INTEGER,
    expires INTEGER,
    lease_owner TEXT,
    last_error TEXT,
    payload BLOB
) STRICT;
CREATE UNIQUE INDEX queue_item_key ON queue_item (session_id, id);
CREATE INDEX queue_item_due ON queue_item (session_id, due, sequence);
CREATE INDEX queue_item_ready ON queue_item (session_id, due, sequence) WHERE state = 0 AND head = 1;
CREATE INDEX queue_item_leased ON queue_item (session_id, lease_expires) WHERE state = 1;
CREATE INDEX queue_item_lane ON queue_item (session_id, lane, sequence) WHERE lane IS NOT NULL AND state < 2;
CREATE INDEX queue_item_expires ON queue_item (expires) WHERE expires > 0;

CREATE TABLE conversation (
    session_id INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    thread_id INTEGER NOT NULL,
    business_connection TEXT NOT NULL,
    name_space TEXT NOT NULL,
    name TEXT,
    step TEXT,
    step_number INTEGER,
    data BLOB,
    created INTEGER,
    updated INTEGER,
    version INTEGER,
    expires INTEGER,
    PRIMARY KEY (session_id, chat_id, user_id, thread_id, business_connection, name_space)
) STRICT;
CREATE INDEX conversation_expires ON conversation
    (session_id, expires, chat_id, user_id, thread_id, business_connection, name_space) WHERE expires > 0;

CREATE TABLE kv (
    session_id INTEGER NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    expires INTEGER,
    value BLOB,
    PRIMARY KEY (session_id, scope, key)
) STRICT;
CREATE INDEX kv_expires ON kv (expires) WHERE expires > 0;
