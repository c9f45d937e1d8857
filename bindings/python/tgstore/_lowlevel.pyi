# SPDX-License-Identifier: Apache-2.0
"""The functions of tgstore.h under their own names; the header says what they do.

A handle is a Handle, rows are lists of records, `call` is (timeout_ms or None, Canceller or None),
and a status other than TGS_OK is an exception.  What the header calls "Out" is returned.
"""

from collections.abc import Sequence
from typing import Any, Final, final

from ._call import Canceller
from ._records import Peer, QueueItem, Record, Result

_Call = tuple[int | None, Canceller | None]
_Filter = tuple[int, int, int, str | None]  # order, kind, state, scope
_Field = tuple[str, int, int, int, int, tuple[str, ...] | None]  # the members of tgs_field
_Fields = tuple[list[_Field], int]  # and sizeof the row

@final
class Handle: ...

# Of each record: its class, and what that takes: names, how many by position, the last ones' defaults.
_Class = tuple[type[Record], tuple[str, ...], int, tuple[Any, ...]]

def bind(
    unset: object, records: dict[int, _Class], errors: dict[int, type[Any]], result: type[Result]
) -> None: ...

# --- what is not in the header: one row without handles in between, and the record that rows are of

def get_one(
    session: Handle, timeout_ms: int | None, cancel: Canceller | None, record: int, /, *key: Any
) -> Any: ...  # the key: a record, or the members of its key
def peer_by_username(
    session: Handle, timeout_ms: int | None, cancel: Canceller | None, username: str, max_age_ms: int, /
) -> Peer | None: ...
def peer_by_phone(
    session: Handle, timeout_ms: int | None, cancel: Canceller | None, phone: str, max_age_ms: int, /
) -> Peer | None: ...
def record_of(rows: Sequence[Record], /) -> int: ...  # 0: they are of several, or none

# --- library and records

def tgs_version() -> int: ...
def tgs_status_name(code: int) -> str: ...
def tgs_record_name(record: int) -> str | None: ...
def tgs_record_fields(record: int) -> _Fields | None: ...

# --- results

def tgs_rows_count(rows: Handle) -> int: ...
def tgs_rows_record(rows: Handle) -> int: ...
def tgs_rows_more(rows: Handle) -> int: ...
def tgs_rows_row(rows: Handle, i: int) -> Any: ...
def tgs_rows_data(rows: Handle) -> list[Any]: ...
def tgs_rows_free(rows: Handle | None) -> None: ...
def tgs_text_str(text: Handle) -> str | None: ...
def tgs_text_free(text: Handle | None) -> None: ...

# --- cancellers

def tgs_canceller_new() -> Handle: ...
def tgs_canceller_cancel(canceller: Handle) -> None: ...
def tgs_canceller_reset(canceller: Handle) -> None: ...
def tgs_canceller_cancelled(canceller: Handle) -> int: ...
def tgs_canceller_free(canceller: Handle | None) -> None: ...

# --- stores

def tgs_store_open(url: str | None, options: dict[str, str] | None, call: _Call | None = None) -> Handle: ...
def tgs_store_close(store: Handle | None) -> None: ...
def tgs_sync(store: Handle, call: _Call | None = None) -> None: ...
def tgs_ping(store: Handle, call: _Call | None = None) -> None: ...
def tgs_store_capabilities(store: Handle) -> int: ...
def tgs_store_backend(store: Handle) -> str: ...
def tgs_backend_load(path: str | None, call: _Call | None = None) -> None: ...
def tgs_sessions_list(store: Handle, after: str | None, limit: int, call: _Call | None = None) -> Handle: ...
def tgs_prune(store: Handle, peer_age_ms: int, call: _Call | None = None) -> int: ...
def tgs_stats_get(store: Handle, session: str | None, call: _Call | None = None) -> Handle: ...
def tgs_backup(store: Handle, path: str | None, call: _Call | None = None) -> None: ...

# --- sessions

def tgs_session_new(store: Handle, name: str | None) -> Handle: ...
def tgs_session_free(session: Handle | None) -> None: ...
def tgs_session_name(session: Handle) -> str | None: ...
def tgs_session_token(session: Handle) -> int: ...
def tgs_purge(session: Handle, call: _Call | None = None) -> int: ...

# --- the verbs; `results` says whether they are wanted

def tgs_put(
    session: Handle, record: int, rows: Sequence[Record], results: bool, call: _Call | None = None
) -> list[Result]: ...
def tgs_get(session: Handle, record: int, keys: Sequence[Record], call: _Call | None = None) -> Handle: ...
def tgs_delete(
    session: Handle, record: int, keys: Sequence[Record], results: bool, call: _Call | None = None
) -> list[Result]: ...
def tgs_list(
    session: Handle,
    record: int,
    after: Record | None,
    filter: _Filter | None,
    limit: int,
    call: _Call | None = None,
) -> Handle: ...
def tgs_load(session: Handle, record: int, rows: Sequence[Record], call: _Call | None = None) -> int: ...
def tgs_peers_by_username(
    session: Handle, usernames: Sequence[str], max_age_ms: int, call: _Call | None = None
) -> Handle: ...
def tgs_peers_by_phone(
    session: Handle, phones: Sequence[str], max_age_ms: int, call: _Call | None = None
) -> Handle: ...

# --- queue and lease

def tgs_queue_claim(
    session: Handle,
    owner: str | None,
    lane: str | None,
    lease_ms: int,
    limit: int,
    call: _Call | None = None,
) -> Handle: ...
def tgs_queue_settle(
    session: Handle, action: int, items: Sequence[QueueItem], call: _Call | None = None
) -> None: ...
def tgs_lease_acquire(
    session: Handle,
    owner: str | None,
    mode: int,
    ttl_ms: int,
    wait_ms: int,
    call: _Call | None = None,
) -> Handle: ...
def tgs_lease_renew(session: Handle, ttl_ms: int, call: _Call | None = None) -> None: ...
def tgs_lease_release(session: Handle, call: _Call | None = None) -> None: ...

# --- batches

def tgs_batch_new(session: Handle) -> Handle: ...
def tgs_batch_put(batch: Handle, record: int, rows: Sequence[Record]) -> None: ...
def tgs_batch_delete(batch: Handle, record: int, keys: Sequence[Record]) -> None: ...
def tgs_batch_settle(batch: Handle, action: int, items: Sequence[QueueItem]) -> None: ...
def tgs_batch_count(batch: Handle) -> int: ...
def tgs_batch_commit(batch: Handle, results: bool, call: _Call | None = None) -> list[Result]: ...
def tgs_batch_clear(batch: Handle) -> None: ...
def tgs_batch_free(batch: Handle | None) -> None: ...

# --- session strings and files

def tgs_snapshot_from_text(text: str | None) -> Handle: ...
def tgs_snapshot_from_file(path: str | None, call: _Call | None = None) -> Handle: ...
def tgs_snapshot_from_session(session: Handle, peers: int, call: _Call | None = None) -> Handle: ...
def tgs_snapshot_format(snapshot: Handle) -> str: ...
def tgs_snapshot_description(snapshot: Handle) -> str: ...
def tgs_snapshot_note_count(snapshot: Handle) -> int: ...
def tgs_snapshot_note(snapshot: Handle, i: int) -> str: ...
def tgs_snapshot_rows(snapshot: Handle, record: int) -> Handle | None: ...
def tgs_snapshot_to_text(snapshot: Handle, format: str | None, options: dict[str, str] | None) -> Handle: ...
def tgs_snapshot_to_file(
    snapshot: Handle,
    format: str | None,
    path: str | None,
    options: dict[str, str] | None,
    call: _Call | None = None,
) -> None: ...
def tgs_snapshot_to_session(
    snapshot: Handle, session: Handle, flags: int, call: _Call | None = None
) -> int: ...
def tgs_snapshot_free(snapshot: Handle | None) -> None: ...

# --- constants

TGS_VERSION_MAJOR: Final[int]
TGS_VERSION_MINOR: Final[int]
TGS_VERSION_PATCH: Final[int]
TGS_VERSION: Final[int]
TGS_OK: Final[int]
TGS_NOT_FOUND: Final[int]
TGS_E_INVALID: Final[int]
TGS_E_CONFLICT: Final[int]
TGS_E_FENCED: Final[int]
TGS_E_UNSUPPORTED: Final[int]
TGS_E_BUSY: Final[int]
TGS_E_TIMEOUT: Final[int]
TGS_E_CANCELLED: Final[int]
TGS_E_UNAVAILABLE: Final[int]
TGS_E_AUTH: Final[int]
TGS_E_READ_ONLY: Final[int]
TGS_E_NO_SPACE: Final[int]
TGS_E_TOO_LARGE: Final[int]
TGS_E_CORRUPT: Final[int]
TGS_E_NOMEM: Final[int]
TGS_E_BACKEND: Final[int]
TGS_OUTCOME_NOT_APPLIED: Final[int]
TGS_OUTCOME_UNKNOWN: Final[int]
TGS_OUTCOME_NOT_DURABLE: Final[int]
TGS_MAX_ROWS: Final[int]
TGS_MAX_BATCH_BYTES: Final[int]
TGS_MAX_BLOB_BYTES: Final[int]
TGS_MAX_KEY_BYTES: Final[int]
TGS_MAX_SESSION_NAME_BYTES: Final[int]
TGS_ROW_FOUND: Final[int]
TGS_ROW_IF_PRESENT: Final[int]
TGS_ROW_IF_ABSENT: Final[int]
TGS_ROW_IF_VERSION: Final[int]
TGS_ROW_REQUIRE: Final[int]
TGS_ROW_EXACT: Final[int]
TGS_ROW_REPLACE_ACCOUNT: Final[int]
TGS_RECORD_SESSION: Final[int]
TGS_RECORD_DC_AUTH: Final[int]
TGS_RECORD_PEER: Final[int]
TGS_RECORD_UPDATE_STATE: Final[int]
TGS_RECORD_DEDUP: Final[int]
TGS_RECORD_QUEUE_ITEM: Final[int]
TGS_RECORD_CONVERSATION: Final[int]
TGS_RECORD_KV: Final[int]
TGS_RECORD_SESSION_INFO: Final[int]
TGS_RECORD_STATS: Final[int]
TGS_SESSION_DC: Final[int]
TGS_SESSION_API_ID: Final[int]
TGS_SESSION_API_HASH: Final[int]
TGS_SESSION_TEST_MODE: Final[int]
TGS_SESSION_AUTH_KEY: Final[int]
TGS_SESSION_STATE: Final[int]
TGS_SESSION_USER_ID: Final[int]
TGS_SESSION_IS_BOT: Final[int]
TGS_SESSION_FIRST_NAME: Final[int]
TGS_SESSION_LAST_NAME: Final[int]
TGS_SESSION_USERNAME: Final[int]
TGS_SESSION_PHONE: Final[int]
TGS_SESSION_DATE: Final[int]
TGS_SESSION_ADDRESS: Final[int]
TGS_SESSION_PORT: Final[int]
TGS_SESSION_STATUS: Final[int]
TGS_SESSION_STATUS_UNKNOWN: Final[int]
TGS_SESSION_STATUS_ACTIVE: Final[int]
TGS_SESSION_STATUS_LOGGED_OUT: Final[int]
TGS_SESSION_STATUS_DUPLICATED: Final[int]
TGS_SESSION_STATUS_REVOKED: Final[int]
TGS_SESSION_STATUS_BANNED: Final[int]
TGS_DC_AUTH_AUTH_KEY: Final[int]
TGS_DC_AUTH_SALT: Final[int]
TGS_DC_AUTH_ADDRESS: Final[int]
TGS_DC_AUTH_PORT: Final[int]
TGS_DC_AUTH_EXPIRES: Final[int]
TGS_DC_AUTH_TTL: Final[int]
TGS_DC_AUTH_PERMANENT: Final[int]
TGS_DC_AUTH_TEMPORARY: Final[int]
TGS_SEEN_AT_MS: Final[int]
TGS_PEER_SUBTYPE: Final[int]
TGS_PEER_ACCESS_HASH: Final[int]
TGS_PEER_MIN_ACCESS_HASH: Final[int]
TGS_PEER_USERNAMES: Final[int]
TGS_PEER_PHONE: Final[int]
TGS_PEER_FIRST_NAME: Final[int]
TGS_PEER_LAST_NAME: Final[int]
TGS_PEER_PHOTO_ID: Final[int]
TGS_PEER_LANGUAGE: Final[int]
TGS_PEER_SEEN_AT: Final[int]
TGS_PEER_ANY: Final[int]
TGS_PEER_USER: Final[int]
TGS_PEER_CHAT: Final[int]
TGS_PEER_CHANNEL: Final[int]
TGS_PEER_SUBTYPE_NONE: Final[int]
TGS_PEER_SUBTYPE_BOT: Final[int]
TGS_PEER_SUBTYPE_GROUP: Final[int]
TGS_PEER_SUBTYPE_BROADCAST: Final[int]
TGS_PEER_SUBTYPE_SUPERGROUP: Final[int]
TGS_PEER_SUBTYPE_GIGAGROUP: Final[int]
TGS_PEER_SUBTYPE_FORUM: Final[int]
TGS_PEER_SUBTYPE_DIRECT: Final[int]
TGS_PEER_SUBTYPE_COMMUNITY: Final[int]
TGS_UPDATE_STATE_PTS: Final[int]
TGS_UPDATE_STATE_QTS: Final[int]
TGS_UPDATE_STATE_DATE: Final[int]
TGS_UPDATE_STATE_SEQ: Final[int]
TGS_UPDATE_STATE_ACCESS_HASH: Final[int]
TGS_DEDUP_CREATED: Final[int]
TGS_DEDUP_EXPIRES: Final[int]
TGS_DEDUP_TTL: Final[int]
TGS_QUEUE_ITEM_LANE: Final[int]
TGS_QUEUE_ITEM_PAYLOAD: Final[int]
TGS_QUEUE_ITEM_STATE: Final[int]
TGS_QUEUE_ITEM_ATTEMPTS: Final[int]
TGS_QUEUE_ITEM_MAX_ATTEMPTS: Final[int]
TGS_QUEUE_ITEM_LAST_ERROR: Final[int]
TGS_QUEUE_ITEM_CREATED: Final[int]
TGS_QUEUE_ITEM_UPDATED: Final[int]
TGS_QUEUE_ITEM_DUE: Final[int]
TGS_QUEUE_ITEM_DELAY: Final[int]
TGS_QUEUE_ITEM_SEQUENCE: Final[int]
TGS_QUEUE_ITEM_LEASE_OWNER: Final[int]
TGS_QUEUE_ITEM_LEASE_EXPIRES: Final[int]
TGS_QUEUE_ITEM_TOKEN: Final[int]
TGS_QUEUE_ITEM_EXPIRES: Final[int]
TGS_QUEUE_READY: Final[int]
TGS_QUEUE_LEASED: Final[int]
TGS_QUEUE_DONE: Final[int]
TGS_QUEUE_DEAD: Final[int]
TGS_CONVERSATION_NAME: Final[int]
TGS_CONVERSATION_STEP: Final[int]
TGS_CONVERSATION_STEP_NUMBER: Final[int]
TGS_CONVERSATION_DATA: Final[int]
TGS_CONVERSATION_CREATED: Final[int]
TGS_CONVERSATION_UPDATED: Final[int]
TGS_CONVERSATION_VERSION: Final[int]
TGS_CONVERSATION_EXPIRES: Final[int]
TGS_CONVERSATION_TTL: Final[int]
TGS_KV_VALUE: Final[int]
TGS_KV_EXPIRES: Final[int]
TGS_KV_TTL: Final[int]
TGS_SESSION_INFO_CREATED: Final[int]
TGS_SESSION_INFO_PURGING: Final[int]
TGS_SESSION_INFO_LEASE_MODE: Final[int]
TGS_SESSION_INFO_LEASE_HOLDERS: Final[int]
TGS_SESSION_INFO_LEASE_OWNER: Final[int]
TGS_SESSION_INFO_LEASE_HOST: Final[int]
TGS_SESSION_INFO_LEASE_PID: Final[int]
TGS_SESSION_INFO_LEASE_SINCE: Final[int]
TGS_SESSION_INFO_LEASE_EXPIRES: Final[int]
TGS_SESSION_INFO_LEASE_TOKEN: Final[int]
TGS_LEASE_NONE: Final[int]
TGS_LEASE_SHARED: Final[int]
TGS_LEASE_EXCLUSIVE: Final[int]
TGS_STATS_ALL_COUNTS: Final[int]
TGS_STATS_BYTES: Final[int]
TGS_TYPE_I32: Final[int]
TGS_TYPE_I64: Final[int]
TGS_TYPE_TEXT: Final[int]
TGS_TYPE_BYTES: Final[int]
TGS_TYPE_TEXTS: Final[int]
TGS_FIELD_KEY: Final[int]
TGS_FIELD_READ_ONLY: Final[int]
TGS_FIELD_WRITE_ONLY: Final[int]
TGS_FIELD_SECRET: Final[int]
TGS_FIELD_BOOLEAN: Final[int]
TGS_FIELD_TIME: Final[int]
TGS_NOTE_NEW: Final[int]
TGS_NOTE_LOWER: Final[int]
TGS_CAP_DURABLE: Final[int]
TGS_CAP_SHARED: Final[int]
TGS_CAP_NETWORK: Final[int]
TGS_CAP_READ_ONLY: Final[int]
TGS_CAP_BACKUP: Final[int]
TGS_ORDER_KEY: Final[int]
TGS_ORDER_EXPIRES: Final[int]
TGS_SETTLE_ACK: Final[int]
TGS_SETTLE_FAIL: Final[int]
TGS_SETTLE_RELEASE: Final[int]
TGS_SETTLE_EXTEND: Final[int]
TGS_SETTLE_REVIVE: Final[int]
TGS_SETTLE_KILL: Final[int]
