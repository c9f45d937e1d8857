-- SPDX-License-Identifier: Apache-2.0
-- The statements of the SQLite back end, in sqlc's annotation format; generate.py turns them into C.
--
-- A parameter or result column with the name of a member of the record's struct is that member.
-- :session_id is the session's number where it is known already (in writes); else it is NULL and the
-- session is found by its name, :session, in the same statement and so in the same snapshot.
-- :now is the time of the call, :name a username or phone as it compares.  A row whose `expires` is not
-- in 0 and the future is expired.

-- ---- transactions -----------------------------------------------------------------------------

-- name: Begin :exec
BEGIN IMMEDIATE;

-- name: BeginRead :exec
BEGIN;

-- name: Commit :exec
COMMIT;

-- name: Rollback :exec
ROLLBACK;

-- name: GetCounter :one
SELECT value FROM counter;

-- name: SetCounter :exec
UPDATE counter SET value = :value;

-- ---- registry and leases ----------------------------------------------------------------------

-- name: GetSession :one
SELECT session_id, purging,
       EXISTS (SELECT 1 FROM lease WHERE lease.session_id = session.session_id)
FROM session WHERE name = :session;

-- name: AddSession :exec
INSERT INTO session (name, session_id, created, purging) VALUES (:session, :session_id, :now, 0);

-- name: MarkPurging :exec
UPDATE session SET purging = 1 WHERE name = :session;

-- name: DeleteSession :exec
DELETE FROM session WHERE name = :session;

-- name: GetLease :one
SELECT mode FROM lease WHERE session_id = :session_id AND token = :token AND expires > :now;

-- name: GetHolder :one
-- The newest live lease of at least that mode.
SELECT owner, host_name, pid, since FROM lease
WHERE session_id = :session_id AND expires > :now AND mode >= :mode ORDER BY token DESC LIMIT 1;

-- name: AddLease :exec
INSERT INTO lease (session_id, token, mode, owner, host_name, pid, since, expires)
VALUES (:session_id, :token, :mode, :owner, :host_name, :pid, :now, :expires);

-- name: RenewLease :execrows
UPDATE lease SET expires = :expires WHERE session_id = :session_id AND token = :token;

-- name: DeleteLease :execrows
DELETE FROM lease WHERE session_id = :session_id AND token = :token;

-- name: DeleteLeases :exec
DELETE FROM lease WHERE session_id = :session_id AND expires <= :now;

-- name: DeleteLeasesOfSession :exec
DELETE FROM lease WHERE session_id = :session_id;

-- ---- session_data -----------------------------------------------------------------------------

-- name: GetSessionData :one
SELECT dc, test_mode, is_bot, port, status, api_id, user_id, date, auth_key, state, api_hash, first_name,
       last_name, username, phone, address
FROM session_data
WHERE session_id = coalesce(:session_id, (SELECT session_id FROM session WHERE name = :session AND NOT purging));

-- name: PutSessionData :exec
REPLACE INTO session_data (session_id, dc, test_mode, is_bot, port, status, api_id, user_id, date, auth_key,
                           state, api_hash, first_name, last_name, username, phone, address)
VALUES (:session_id, :dc, :test_mode, :is_bot, :port, :status, :api_id, :user_id, :date, :auth_key,
        :state, :api_hash, :first_name, :last_name, :username, :phone, :address);

-- name: DeleteSessionData :execrows
DELETE FROM session_data WHERE session_id = :session_id;

-- ---- dc_auth ----------------------------------------------------------------------------------

-- name: GetDcAuth :one
SELECT dc, slot, port, salt, expires, auth_key, address FROM dc_auth
WHERE session_id = coalesce(:session_id, (SELECT session_id FROM session WHERE name = :session AND NOT purging))
  AND dc = :dc AND slot = :slot AND ifnull(expires, 0) NOT BETWEEN 1 AND :now;

-- name: ListDcAuth :many
SELECT dc, slot, port, salt, expires, auth_key, address FROM dc_auth
WHERE session_id = (SELECT session_id FROM session WHERE name = :session AND NOT purging)
  AND (dc, slot) >= (:dc, :slot) AND ifnull(expires, 0) NOT BETWEEN 1 AND :now
ORDER BY dc, slot;

-- name: PutDcAuth :exec
REPLACE INTO dc_auth (session_id, dc, slot, port, salt, expires, auth_key, address)
VALUES (:session_id, :dc, :slot, :port, :salt, :expires, :auth_key, :address);

-- name: DeleteDcAuth :execrows
DELETE FROM dc_auth WHERE session_id = :session_id AND dc = :dc AND slot = :slot;

-- name: DeleteDcAuths :execrows
DELETE FROM dc_auth WHERE session_id = :session_id;

-- name: PruneDcAuth :execrows
DELETE FROM dc_auth WHERE (session_id, dc, slot) IN
    (SELECT session_id, dc, slot FROM dc_auth WHERE expires > 0 AND expires <= :now LIMIT :limit);

-- ---- peer -------------------------------------------------------------------------------------

-- name: GetPeer :one
SELECT kind, id, access_hash, min_access_hash, photo_id, seen_at, subtype, usernames, phone, first_name,
       last_name, language, usernames_seen_at, phone_seen_at
FROM peer
WHERE session_id = coalesce(:session_id, (SELECT session_id FROM session WHERE name = :session AND NOT purging))
  AND kind = :kind AND id = :id;

-- name: GetPeerOfAnyKind :many
-- The best of the three is chosen by who asks: ORDER BY would make a table to sort them in.
SELECT p.kind, p.id, p.access_hash, p.min_access_hash, p.photo_id, p.seen_at, p.subtype, p.usernames, p.phone,
       p.first_name, p.last_name, p.language
FROM session AS s
     CROSS JOIN (SELECT 0 AS kind UNION ALL SELECT 1 UNION ALL SELECT 2) AS k
     CROSS JOIN peer AS p ON p.session_id = s.session_id AND p.kind = k.kind AND p.id = :id
WHERE s.name = :session AND NOT s.purging;

-- name: GetPeerByUsername :one
SELECT p.kind, p.id, p.access_hash, p.min_access_hash, p.photo_id, p.seen_at, p.subtype, p.usernames, p.phone,
       p.first_name, p.last_name, p.language
FROM username AS n CROSS JOIN peer AS p ON p.session_id = n.session_id AND p.kind = n.kind AND p.id = n.id
WHERE n.session_id = coalesce(:session_id, (SELECT session_id FROM session WHERE name = :session AND NOT purging))
  AND n.name = :name AND ifnull(p.usernames_seen_at, p.seen_at) >= :seen_since;

-- name: GetPeerByPhone :one
SELECT p.kind, p.id, p.access_hash, p.min_access_hash, p.photo_id, p.seen_at, p.subtype, p.usernames, p.phone,
       p.first_name, p.last_name, p.language
FROM phone AS n CROSS JOIN peer AS p ON p.session_id = n.session_id AND p.kind = n.kind AND p.id = n.id
WHERE n.session_id = coalesce(:session_id, (SELECT session_id FROM session WHERE name = :session AND NOT purging))
  AND n.name = :name AND ifnull(p.phone_seen_at, p.seen_at) >= :seen_since;

-- name: ListPeer :many
-- In two parts, since SQLite tests each row once more against (kind, id) >= (:kind, :id).
SELECT kind, id, access_hash, min_access_hash, photo_id, seen_at, subtype, usernames, phone, first_name,
       last_name, language
FROM peer
WHERE session_id = (SELECT session_id FROM session WHERE name = :session AND NOT purging)
  AND kind = :kind AND id >= :id
ORDER BY id;

-- name: ListPeerOfLaterKinds :many
SELECT kind, id, access_hash, min_access_hash, photo_id, seen_at, subtype, usernames, phone, first_name,
       last_name, language
FROM peer
WHERE session_id = (SELECT session_id FROM session WHERE name = :session AND NOT purging)
  AND kind > :kind
ORDER BY kind, id;

-- name: AddPeer :execrows
INSERT OR IGNORE INTO peer (session_id, kind, id, access_hash, min_access_hash, photo_id, seen_at, subtype,
                            usernames, phone, first_name, last_name, language, usernames_seen_at,
                            phone_seen_at)
VALUES (:session_id, :kind, :id, :access_hash, :min_access_hash, :photo_id, :seen_at, :subtype,
        :usernames, :phone, :first_name, :last_name, :language, :usernames_seen_at, :phone_seen_at);

-- name: PutPeer :exec
REPLACE INTO peer (session_id, kind, id, access_hash, min_access_hash, photo_id, seen_at, subtype,
                   usernames, phone, first_name, last_name, language, usernames_seen_at, phone_seen_at)
VALUES (:session_id, :kind, :id, :access_hash, :min_access_hash, :photo_id, :seen_at, :subtype,
        :usernames, :phone, :first_name, :last_name, :language, :usernames_seen_at, :phone_seen_at);

-- name: DeletePeer :execrows
DELETE FROM peer WHERE session_id = :session_id AND kind = :kind AND id = :id;

-- name: DeletePeers :execrows
DELETE FROM peer WHERE session_id = :session_id AND (kind, id) IN
    (SELECT kind, id FROM peer WHERE session_id = :session_id LIMIT :limit);

-- name: PeersAfter :many
-- Of all sessions, for prune.
SELECT session_id, kind, id, usernames, phone, seen_at FROM peer
WHERE (session_id, kind, id) > (:after_session_id, :after_kind, :after_id)
ORDER BY session_id, kind, id;

-- name: AddUsername :execrows
INSERT OR IGNORE INTO username (session_id, name, kind, id) VALUES (:session_id, :name, :kind, :id);

-- name: GetUsername :one
SELECT kind, id FROM username WHERE session_id = :session_id AND name = :name;

-- name: SetUsername :execrows
UPDATE username SET kind = :kind, id = :id WHERE session_id = :session_id AND name = :name;

-- name: DeleteUsername :execrows
DELETE FROM username WHERE session_id = :session_id AND name = :name;

-- name: DeleteUsernames :execrows
DELETE FROM username WHERE session_id = :session_id AND name IN
    (SELECT name FROM username WHERE session_id = :session_id LIMIT :limit);

-- name: GetPeerUsernames :one
SELECT usernames FROM peer WHERE session_id = :session_id AND kind = :kind AND id = :id;

-- name: SetPeerUsernames :exec
UPDATE peer SET usernames = :names WHERE session_id = :session_id AND kind = :kind AND id = :id;

-- name: AddPhone :execrows
INSERT OR IGNORE INTO phone (session_id, name, kind, id) VALUES (:session_id, :name, :kind, :id);

-- name: GetPhone :one
SELECT kind, id FROM phone WHERE session_id = :session_id AND name = :name;

-- name: SetPhone :execrows
UPDATE phone SET kind = :kind, id = :id WHERE session_id = :session_id AND name = :name;

-- name: DeletePhone :execrows
DELETE FROM phone WHERE session_id = :session_id AND name = :name;

-- name: DeletePhones :execrows
DELETE FROM phone WHERE session_id = :session_id AND name IN
    (SELECT name FROM phone WHERE session_id = :session_id LIMIT :limit);

-- name: ClearPeerPhone :exec
UPDATE peer SET phone = NULL WHERE session_id = :session_id AND kind = :kind AND id = :id;

-- ---- update_state -----------------------------------------------------------------------------

-- name: GetUpdateState :one
SELECT channel_id, pts, qts, date, seq, access_hash FROM update_state
WHERE session_id = coalesce(:session_id, (SELECT session_id FROM session WHERE name = :session AND NOT purging))
  AND channel_id = :channel_id;

-- name: ListUpdateState :many
SELECT channel_id, pts, qts, date, seq, access_hash FROM update_state
WHERE session_id = (SELECT session_id FROM session WHERE name = :session AND NOT purging)
  AND channel_id >= :channel_id
ORDER BY channel_id;

-- name: PutUpdateState :exec
REPLACE INTO update_state (session_id, channel_id, pts, qts, date, seq, access_hash)
VALUES (:session_id, :channel_id, :pts, :qts, :date, :seq, :access_hash);

-- name: DeleteUpdateState :execrows
DELETE FROM update_state WHERE session_id = :session_id AND channel_id = :channel_id;

-- name: DeleteUpdateStates :execrows
DELETE FROM update_state WHERE session_id = :session_id AND channel_id IN
    (SELECT channel_id FROM update_state WHERE session_id = :session_id LIMIT :limit);

-- ---- dedup ------------------------------------------------------------------------------------

-- name: GetDedup :one
SELECT key, created, expires FROM dedup
WHERE session_id = coalesce(:session_id, (SELECT session_id FROM session WHERE name = :session AND NOT purging))
  AND key = :key AND ifnull(expires, 0) NOT BETWEEN 1 AND :now;

-- name: ListDedup :many
SELECT key, created, expires FROM dedup
WHERE session_id = (SELECT session_id FROM session WHERE name = :session AND NOT purging)
  AND key >= :key AND ifnull(expires, 0) NOT BETWEEN 1 AND :now
ORDER BY key;

-- name: PutDedup :exec
REPLACE INTO dedup (session_id, key, created, expires) VALUES (:session_id, :key, :created, :expires);

-- name: DeleteDedup :execrows
DELETE FROM dedup WHERE session_id = :session_id AND key = :key;

-- name: DeleteDedups :execrows
DELETE FROM dedup WHERE session_id = :session_id AND key IN
    (SELECT key FROM dedup WHERE session_id = :session_id LIMIT :limit);

-- name: PruneDedup :execrows
-- In this order of the columns SQLite looks each row up by its whole key.
DELETE FROM dedup WHERE (key, session_id) IN
    (SELECT key, session_id FROM dedup WHERE expires > 0 AND expires <= :now LIMIT :limit);

-- ---- queue_item -------------------------------------------------------------------------------

-- name: GetQueueItem :one
SELECT id, state, lane, payload, last_error, lease_owner, attempts, max_attempts, created, updated, due,
       sequence, lease_expires, token, expires
FROM queue_item
WHERE session_id = coalesce(:session_id, (SELECT session_id FROM session WHERE name = :session AND NOT purging))
  AND id = :id AND ifnull(expires, 0) NOT BETWEEN 1 AND :now;

-- name: FindQueueItem :one
-- The same without what may be large.
SELECT id, state, lane, last_error, attempts, max_attempts, due, sequence, lease_expires, lease_owner, token
FROM queue_item
WHERE session_id = :session_id AND id = :id AND ifnull(expires, 0) NOT BETWEEN 1 AND :now;

-- name: ListQueueItem :many
SELECT id, state, lane, payload, last_error, lease_owner, attempts, max_attempts, created, updated, due,
       sequence, lease_expires, token, expires
FROM queue_item INDEXED BY queue_item_due
WHERE session_id = (SELECT session_id FROM session WHERE name = :session AND NOT purging)
  AND (due, sequence) >= (:due, :sequence) AND ifnull(expires, 0) NOT BETWEEN 1 AND :now
  AND (:filter_state < 0 OR state = :filter_state) AND (:filter_lane IS NULL OR ifnull(lane, '') = :filter_lane)
ORDER BY due, sequence;

-- name: PutQueueItem :exec
-- A new item is the first of its lane if that has no other.
REPLACE INTO queue_item (session_id, id, state, head, lane, attempts, max_attempts, due, sequence, created,
                         updated, lease_expires, token, expires, lease_owner, last_error, payload)
VALUES (:session_id, :id, :state,
        NOT EXISTS (SELECT 1 FROM queue_item WHERE session_id = :session_id AND lane = :lane AND state < 2), :lane, :attempts, :max_attempts, :due, :sequence, :created,
        :updated, :lease_expires, :token, :expires, :lease_owner, :last_error, :payload);

-- name: SettleQueueItem :exec
UPDATE queue_item SET state = :state, attempts = :attempts, last_error = :last_error, updated = :updated,
                      lease_expires = :lease_expires, token = :token, lease_owner = :lease_owner,
                      expires = :expires
WHERE sequence = :sequence;

-- name: SetQueueItemDue :exec
UPDATE queue_item SET due = :due WHERE sequence = :sequence;

-- name: BuryQueueItems :many
-- Items whose last attempt ran out are dead.
UPDATE queue_item SET state = 3, last_error = ifnull(last_error, 'the lease ran out'), updated = :now,
                      lease_expires = NULL, token = NULL, lease_owner = NULL, expires = :expires
WHERE session_id = :session_id AND state = 1 AND lease_expires <= :now AND attempts >= max_attempts
RETURNING lane;

-- name: ClaimableQueueItems :many
-- :lane is NULL: of any lane, or '': of those without one.
SELECT sequence FROM
    (SELECT due, sequence FROM
        (SELECT due, sequence FROM queue_item INDEXED BY queue_item_ready
         WHERE session_id = :session_id AND state = 0 AND head = 1 AND due <= :now
           AND (:lane IS NULL OR lane IS NULL)
         ORDER BY due, sequence LIMIT :limit)
     UNION ALL
     SELECT due, sequence FROM
        (SELECT due, sequence FROM queue_item INDEXED BY queue_item_leased
         WHERE session_id = :session_id AND state = 1 AND lease_expires <= :now AND head = 1
           AND (:lane IS NULL OR lane IS NULL)
         ORDER BY due, sequence LIMIT :limit))
ORDER BY due, sequence LIMIT :limit;

-- name: ClaimableQueueItemsOfLane :one
-- Only the first unfinished item of a lane can be.
SELECT sequence FROM queue_item
WHERE sequence = (SELECT min(sequence) FROM queue_item INDEXED BY queue_item_lane
                  WHERE session_id = :session_id AND lane = :lane AND state < 2)
  AND head = 1 AND iif(state = 0, due, lease_expires) <= :now AND :limit > 0;

-- name: ClaimQueueItem :one
UPDATE queue_item SET state = 1, attempts = attempts + 1, token = :token, lease_owner = :lease_owner,
                      lease_expires = :lease_expires, updated = :now
WHERE sequence = :sequence
RETURNING id, state, lane, payload, last_error, lease_owner, attempts, max_attempts, created, updated, due,
          sequence, lease_expires, token, expires;

-- name: LowerLaneHead :exec
-- Who was the first of its lane until another came before it is the second now, and waits.
UPDATE queue_item SET head = 0
WHERE sequence = (SELECT sequence FROM queue_item INDEXED BY queue_item_lane
                  WHERE session_id = :session_id AND lane = :lane AND state < 2
                  ORDER BY sequence LIMIT 1 OFFSET 1);

-- name: RaiseLaneHead :exec
UPDATE queue_item SET head = 1
WHERE sequence = (SELECT min(sequence) FROM queue_item WHERE session_id = :session_id AND lane = :lane AND state < 2)
  AND head = 0;

-- name: DeleteQueueItem :execrows
DELETE FROM queue_item WHERE session_id = :session_id AND id = :id;

-- name: DeleteQueueItems :execrows
DELETE FROM queue_item WHERE sequence IN
    (SELECT sequence FROM queue_item WHERE session_id = :session_id LIMIT :limit);

-- name: PruneQueueItem :execrows
DELETE FROM queue_item WHERE sequence IN
    (SELECT sequence FROM queue_item WHERE expires > 0 AND expires <= :now LIMIT :limit);

-- ---- conversation -----------------------------------------------------------------------------

-- name: GetConversation :one
SELECT chat_id, user_id, thread_id, business_connection, name_space, name, step, step_number, data, created,
       updated, version, expires
FROM conversation
WHERE session_id = coalesce(:session_id, (SELECT session_id FROM session WHERE name = :session AND NOT purging))
  AND chat_id = :chat_id AND user_id = :user_id AND thread_id = :thread_id
  AND business_connection = :business_connection AND name_space = :name_space
  AND ifnull(expires, 0) NOT BETWEEN 1 AND :now;

-- name: ListConversation :many
SELECT chat_id, user_id, thread_id, business_connection, name_space, name, step, step_number, data, created,
       updated, version, expires
FROM conversation
WHERE session_id = (SELECT session_id FROM session WHERE name = :session AND NOT purging)
  AND (chat_id, user_id, thread_id, business_connection, name_space) >=
      (:chat_id, :user_id, :thread_id, :business_connection, :name_space)
  AND ifnull(expires, 0) NOT BETWEEN 1 AND :now
ORDER BY chat_id, user_id, thread_id, business_connection, name_space;

-- name: ListConversationByExpiry :many
SELECT chat_id, user_id, thread_id, business_connection, name_space, name, step, step_number, data, created,
       updated, version, expires
FROM conversation INDEXED BY conversation_expires
WHERE session_id = (SELECT session_id FROM session WHERE name = :session AND NOT purging)
  AND (expires, chat_id, user_id, thread_id, business_connection, name_space) >=
      (:expires, :chat_id, :user_id, :thread_id, :business_connection, :name_space)
  AND expires > 0 AND expires > :now
ORDER BY expires, chat_id, user_id, thread_id, business_connection, name_space;

-- name: PutConversation :exec
REPLACE INTO conversation (session_id, chat_id, user_id, thread_id, business_connection, name_space, name, step,
                           step_number, data, created, updated, version, expires)
VALUES (:session_id, :chat_id, :user_id, :thread_id, :business_connection, :name_space, :name, :step,
        :step_number, :data, :created, :updated, :version, :expires);

-- name: DeleteConversation :execrows
DELETE FROM conversation
WHERE session_id = :session_id AND chat_id = :chat_id AND user_id = :user_id AND thread_id = :thread_id
  AND business_connection = :business_connection AND name_space = :name_space;

-- name: DeleteConversations :execrows
DELETE FROM conversation WHERE rowid IN
    (SELECT rowid FROM conversation WHERE session_id = :session_id LIMIT :limit);

-- name: PruneConversation :execrows
DELETE FROM conversation WHERE rowid IN
    (SELECT rowid FROM conversation
     WHERE session_id IN (SELECT session_id FROM session) AND expires > 0 AND expires <= :now LIMIT :limit);

-- ---- kv ---------------------------------------------------------------------------------------

-- name: GetKv :one
SELECT scope, key, value, expires FROM kv
WHERE session_id = coalesce(:session_id, (SELECT session_id FROM session WHERE name = :session AND NOT purging))
  AND scope = :scope AND key = :key AND ifnull(expires, 0) NOT BETWEEN 1 AND :now;

-- name: ListKv :many
SELECT scope, key, value, expires FROM kv
WHERE session_id = (SELECT session_id FROM session WHERE name = :session AND NOT purging)
  AND scope = :scope AND key >= :key AND ifnull(expires, 0) NOT BETWEEN 1 AND :now
ORDER BY key;

-- name: ListKvOfLaterScopes :many
SELECT scope, key, value, expires FROM kv
WHERE session_id = (SELECT session_id FROM session WHERE name = :session AND NOT purging)
  AND scope > :scope AND ifnull(expires, 0) NOT BETWEEN 1 AND :now
ORDER BY scope, key;

-- name: PutKv :exec
REPLACE INTO kv (session_id, scope, key, value, expires) VALUES (:session_id, :scope, :key, :value, :expires);

-- name: DeleteKv :execrows
DELETE FROM kv WHERE session_id = :session_id AND scope = :scope AND key = :key;

-- name: DeleteKvs :execrows
DELETE FROM kv WHERE rowid IN
    (SELECT rowid FROM kv WHERE session_id = :session_id LIMIT :limit);

-- name: PruneKv :execrows
DELETE FROM kv WHERE rowid IN
    (SELECT rowid FROM kv WHERE expires > 0 AND expires <= :now LIMIT :limit);

-- ---- the store --------------------------------------------------------------------------------

-- name: ListSessions :many
-- Those that have a record, a live lease or the purge mark, with the newest of their live leases.
SELECT name, created, purging,
       (SELECT count(*) FROM lease AS l WHERE l.session_id = s.session_id AND l.expires > :now) AS lease_holders,
       ifnull(h.mode, 0) AS lease_mode, h.owner AS lease_owner, h.host_name AS lease_host, h.pid AS lease_pid,
       h.since AS lease_since, h.expires AS lease_expires, h.token AS lease_token
FROM session AS s LEFT JOIN lease AS h ON h.session_id = s.session_id AND h.token =
    (SELECT max(token) FROM lease AS l WHERE l.session_id = s.session_id AND l.expires > :now)
WHERE s.name >= :name
  AND (purging OR h.token IS NOT NULL
       OR EXISTS (SELECT 1 FROM session_data AS r WHERE r.session_id = s.session_id)
       OR EXISTS (SELECT 1 FROM peer AS r WHERE r.session_id = s.session_id)
       OR EXISTS (SELECT 1 FROM update_state AS r WHERE r.session_id = s.session_id)
       OR EXISTS (SELECT 1 FROM dc_auth AS r
                  WHERE r.session_id = s.session_id AND ifnull(r.expires, 0) NOT BETWEEN 1 AND :now)
       OR EXISTS (SELECT 1 FROM conversation AS r
                  WHERE r.session_id = s.session_id AND ifnull(r.expires, 0) NOT BETWEEN 1 AND :now)
       OR EXISTS (SELECT 1 FROM queue_item AS r
                  WHERE r.session_id = s.session_id AND ifnull(r.expires, 0) NOT BETWEEN 1 AND :now)
       OR EXISTS (SELECT 1 FROM kv AS r
                  WHERE r.session_id = s.session_id AND ifnull(r.expires, 0) NOT BETWEEN 1 AND :now)
       OR EXISTS (SELECT 1 FROM dedup AS r
                  WHERE r.session_id = s.session_id AND ifnull(r.expires, 0) NOT BETWEEN 1 AND :now))
ORDER BY s.name;

-- name: GetStats :one
-- Of one session, or of all if :session is NULL.
WITH s AS MATERIALIZED (SELECT session_id FROM session WHERE NOT purging AND (:session IS NULL OR name = :session))
SELECT (SELECT count(*) FROM session_data WHERE session_id IN s) AS session_data,
       (SELECT count(*) FROM dc_auth
        WHERE session_id IN s AND ifnull(expires, 0) NOT BETWEEN 1 AND :now) AS dc_auths,
       (SELECT count(*) FROM peer WHERE session_id IN s) AS peers,
       (SELECT count(*) FROM username WHERE session_id IN s) AS usernames,
       (SELECT count(*) FROM phone WHERE session_id IN s) AS phones,
       (SELECT count(*) FROM update_state WHERE session_id IN s) AS update_states,
       (SELECT count(*) FROM dedup
        WHERE session_id IN s AND ifnull(expires, 0) NOT BETWEEN 1 AND :now) AS dedup_keys,
       (SELECT count(*) FROM queue_item
        WHERE session_id IN s AND (state = 0 OR state = 1 AND lease_expires <= :now)) AS queue_ready,
       (SELECT count(*) FROM queue_item
        WHERE session_id IN s AND state = 1 AND lease_expires > :now) AS queue_leased,
       (SELECT count(*) FROM queue_item
        WHERE session_id IN s AND state = 2 AND ifnull(expires, 0) NOT BETWEEN 1 AND :now) AS queue_done,
       (SELECT count(*) FROM queue_item
        WHERE session_id IN s AND state = 3 AND ifnull(expires, 0) NOT BETWEEN 1 AND :now) AS queue_dead,
       (SELECT count(*) FROM conversation
        WHERE session_id IN s AND ifnull(expires, 0) NOT BETWEEN 1 AND :now) AS conversations,
       (SELECT count(*) FROM kv
        WHERE session_id IN s AND ifnull(expires, 0) NOT BETWEEN 1 AND :now) AS kvs,
       (SELECT count(*) FROM dc_auth WHERE expires > 0 AND expires <= :now AND session_id IN s) +
       (SELECT count(*) FROM dedup WHERE expires > 0 AND expires <= :now AND session_id IN s) +
       (SELECT count(*) FROM queue_item WHERE expires > 0 AND expires <= :now AND session_id IN s) +
       (SELECT count(*) FROM conversation WHERE expires > 0 AND expires <= :now AND session_id IN s) +
       (SELECT count(*) FROM kv WHERE expires > 0 AND expires <= :now AND session_id IN s) AS expired,
       iif(:session IS NULL, (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size), NULL) AS bytes;

-- name: Backup :exec
VACUUM INTO :path;
