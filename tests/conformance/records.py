# SPDX-License-Identifier: Apache-2.0
"""What the contract says about the members of each record, for the cases that treat all records alike.

Stated here a second time on purpose: test_description.py holds a library's own description against it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    name: str
    type: str  # i32, i64, text, bytes or texts
    flags: frozenset[str]  # key, read_only, write_only, secret, boolean, time
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    name: str
    number: int
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    @property
    def keys(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if "key" in field.flags)


STATUS_NAMES = {
    0: "ok",
    1: "not found",
    -1: "invalid",
    -2: "conflict",
    -3: "fenced",
    -4: "unsupported",
    -5: "busy",
    -6: "timeout",
    -7: "cancelled",
    -8: "unavailable",
    -9: "auth",
    -10: "read only",
    -11: "no space",
    -12: "too large",
    -13: "corrupt",
    -14: "no memory",
    -15: "backend",
}

STATUSES = ("unknown", "active", "logged_out", "duplicated", "revoked", "banned")
SLOTS = ("permanent", "temporary")
KINDS = ("user", "chat", "channel")
SUBTYPES = ("none", "bot", "group", "broadcast", "supergroup", "gigagroup", "forum", "direct", "community")
STATES = ("ready", "leased", "done", "dead")
LEASE_MODES = ("none", "shared", "exclusive")


def _record(name: str, number: int, description: str, **choices: tuple[str, ...]) -> Record:
    """A line a member: name, type, flags."""
    fields = []
    for line in description.strip().splitlines():
        member, kind, *flags = line.split()
        fields.append(Field(member, kind, frozenset(flags), choices.get(member, ())))
    return Record(name, number, tuple(fields))


_ALL = (
    _record(
        "session",
        1,
        """
        dc i32
        test_mode i32 boolean
        is_bot i32 boolean
        port i32
        status i32
        api_id i64
        user_id i64
        date i64
        auth_key bytes secret
        state bytes
        api_hash text secret
        first_name text
        last_name text
        username text
        phone text
        address text
        """,
        status=STATUSES,
    ),
    _record(
        "dc_auth",
        2,
        """
        dc i32 key
        slot i32 key
        port i32
        salt i64
        expires i64 time
        ttl_ms i64 write_only
        auth_key bytes secret
        address text
        """,
        slot=SLOTS,
    ),
    _record(
        "peer",
        3,
        """
        kind i32 key
        id i64 key
        access_hash i64
        min_access_hash i64
        photo_id i64
        seen_at i64 time
        subtype i32
        usernames texts
        phone text
        first_name text
        last_name text
        language text
        """,
        kind=KINDS,
        subtype=SUBTYPES,
    ),
    _record(
        "update_state",
        4,
        """
        channel_id i64 key
        pts i64
        qts i64
        date i64
        seq i64
        access_hash i64
        """,
    ),
    _record(
        "dedup",
        5,
        """
        key text key
        created i64 time
        expires i64 time
        ttl_ms i64 write_only
        """,
    ),
    _record(
        "queue_item",
        6,
        """
        state i32
        id text key
        lane text
        payload bytes
        last_error text
        lease_owner text read_only
        attempts i64
        max_attempts i64
        created i64 time
        updated i64 read_only time
        due i64 time
        delay_ms i64 write_only
        sequence i64 read_only
        lease_expires i64 read_only time
        token i64 read_only
        expires i64 read_only time
        """,
        state=STATES,
    ),
    _record(
        "conversation",
        7,
        """
        chat_id i64 key
        user_id i64 key
        thread_id i64 key
        business_connection text key
        name_space text key
        name text
        step text
        step_number i64
        data bytes
        created i64 time
        updated i64 time
        version i64 read_only
        expires i64 time
        ttl_ms i64 write_only
        """,
    ),
    _record(
        "kv",
        8,
        """
        scope text key
        key text key
        value bytes
        expires i64 time
        ttl_ms i64 write_only
        """,
    ),
    _record(
        "session_info",
        9,
        """
        purging i32 read_only boolean
        name text key
        created i64 read_only time
        lease_mode i32 read_only
        lease_holders i32 read_only
        lease_owner text read_only
        lease_host text read_only
        lease_pid i64 read_only
        lease_since i64 read_only time
        lease_expires i64 read_only time
        lease_token i64 read_only
        """,
        lease_mode=LEASE_MODES,
    ),
    _record(
        "stats",
        10,
        "\n".join(
            f"{count} i64 read_only"
            for count in (
                "sessions session_data dc_auths peers usernames phones update_states dedup_keys queue_ready "
                "queue_leased queue_done queue_dead conversations kvs expired bytes"
            ).split()
        ),
    ),
)

RECORDS: dict[str, Record] = {record.name: record for record in _ALL}
STORED = tuple(record for record in _ALL if record.number <= 8)

MAX_ROWS = 4096
MAX_BATCH_BYTES = 8 << 20
MAX_BLOB_BYTES = 4 << 20
MAX_KEY_BYTES = 512
MAX_SESSION_NAME_BYTES = 128
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
