# SPDX-License-Identifier: Apache-2.0
"""Random operations, as data: what Hypothesis makes, shortens and prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from api import Row
from hypothesis import strategies as st

FAR = 4102444800000  # the year 2100, in ms
SESSIONS = ("a", "b")


@dataclass(frozen=True)
class Put:
    session: str
    rows: list[Row]


@dataclass(frozen=True)
class Delete:
    session: str
    rows: list[Row]


@dataclass(frozen=True)
class Settle:
    """Of what was claimed before: `claims` count back from the last."""

    session: str
    action: str
    claims: list[int]


@dataclass(frozen=True)
class Revive:
    session: str
    ids: list[str]


@dataclass(frozen=True)
class Batch:
    session: str
    parts: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Claim:
    session: str
    limit: int
    lane: str | None


@dataclass(frozen=True)
class Get:
    session: str
    rows: list[Row]


@dataclass(frozen=True)
class List:
    session: str
    record: str
    limit: int
    filters: dict[str, Any]


@dataclass(frozen=True)
class LookUp:
    session: str
    usernames: list[str]
    phones: list[str]


@dataclass(frozen=True)
class Acquire:
    session: str
    mode: str


@dataclass(frozen=True)
class Release:
    lease: int


@dataclass(frozen=True)
class PutByHolder:
    lease: int
    rows: list[Row]


@dataclass(frozen=True)
class Purge:
    session: str


@dataclass(frozen=True)
class Prune:
    peer_age_ms: int


@dataclass(frozen=True)
class Stats:
    session: str | None


# --- rows

blobs = st.sampled_from([None, b"", b"\0", b"blob"])
texts = st.sampled_from([None, "", "x", "é"])
numbers = st.sampled_from([None, 0, 5, -7, (1 << 63) - 1])
hashes = st.sampled_from([None, 0, 5, -7])
names = st.sampled_from(["alice", "ALICE", "@bob", "bob", "carol"])
phones = st.sampled_from(["42", "+4 3"])
ids = st.sampled_from([-1, 5])
expiries = st.sampled_from([{}, {}, {"expires": 1}, {"expires": FAR}, {"ttl_ms": 0}, {"ttl_ms": None}])
conditions = st.sampled_from(
    [[], [], [], [], ["if_present"], ["if_absent"], ["if_present", "require"], ["if_absent", "require"]]
)
requires = st.sampled_from([[], [], [], ["require"]])
VERSION = "version"  # stands for one that the store gave out before: an index into those


def rows(record: str, keys: Any, members: Any, flags: Any = conditions) -> st.SearchStrategy[Row]:
    return st.builds(
        lambda key, rest, flag: Row(record, {**key, **rest, **({"flags": flag} if flag else {})}),
        keys,
        members,
        flags,
    )


def optional(**members: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


def together(*parts: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(
        lambda dicts: {name: value for part in dicts for name, value in part.items()}
    )


def keyed(**members: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(members)


KEYS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "session": keyed(),
    "dc_auth": keyed(dc=st.sampled_from([1, 2]), slot=st.sampled_from(["permanent", "temporary"])),
    "peer": keyed(kind=st.sampled_from(["user", "chat", "channel"]), id=ids),
    "update_state": keyed(channel_id=ids),
    "dedup": keyed(key=st.sampled_from(["a", "b", "c"])),
    "queue_item": keyed(id=st.sampled_from(["a", "b", "c", "d", "e"])),
    "conversation": keyed(
        chat_id=ids,
        user_id=st.just(0),
        thread_id=st.just(0),
        business_connection=st.just(""),
        name_space=st.just(""),
    ),
    "kv": keyed(scope=st.sampled_from(["", "s"]), key=st.sampled_from(["a", "b", "é"])),
}
MEMBERS: dict[str, Any] = {
    "session": optional(
        dc=st.sampled_from([None, 2]),
        user_id=st.sampled_from([1, 2]),
        auth_key=st.sampled_from([None, b"", bytes(256)]),
        phone=texts.filter(lambda text: text in (None, "")),
    ),
    "dc_auth": together(optional(salt=numbers, address=texts), expiries),
    "peer": optional(
        access_hash=hashes,
        min_access_hash=hashes,
        usernames=st.none() | st.lists(names, max_size=3),
        phone=st.none() | st.just("") | phones,
        first_name=texts,
        subtype=st.sampled_from([None, "bot"]),
        seen_at=st.sampled_from([0, 1, 2]),
    ),
    "update_state": optional(pts=numbers, qts=numbers, access_hash=hashes),
    "dedup": together(optional(created=st.just(5)), expiries),
    "queue_item": optional(
        lane=st.sampled_from(["", "l"]),
        payload=blobs,
        due=st.sampled_from([1, 2, FAR]),
        state=st.sampled_from(["ready", "ready", "done", "dead"]),
        max_attempts=st.sampled_from([1, 2]),
    ),
    "conversation": together(
        st.one_of(optional(step=texts, name=texts), optional(step_number=numbers, data=blobs)), expiries
    ),
    "kv": together(optional(value=blobs), expiries),
}
FLAGS: dict[str, Any] = {
    "session": st.sampled_from([[], ["replace_account"], ["if_present"], ["if_absent", "require"]]),
    "update_state": st.sampled_from([[], [], ["exact"], ["if_present"], ["if_absent", "exact", "require"]]),
    "dedup": requires,
    "queue_item": requires,
}


def versioned(row: Row, index: int) -> Row:
    return Row(row.record, {**row, VERSION: index, "flags": ["if_version", "require"]})


def puts(record: str) -> st.SearchStrategy[list[Row]]:
    row = rows(record, KEYS[record], MEMBERS[record], FLAGS.get(record, conditions))
    if record == "conversation":
        row = row | st.builds(versioned, row, st.integers(0, 2))
    return st.lists(row, min_size=1, max_size=4)


def keys(record: str, flags: Any = conditions) -> st.SearchStrategy[list[Row]]:
    return st.lists(rows(record, KEYS[record], st.just({}), flags), min_size=1, max_size=4)


# --- operations

sessions = st.sampled_from(["a", "a", "a", "b"])
every_record = st.sampled_from(list(KEYS))
any_peer = st.builds(lambda id: Row("peer", {"kind": "any", "id": id}), ids)
claims = st.lists(st.integers(0, 3), min_size=1, max_size=2)

# Peers and conversations have the most rules.
put = st.builds(Put, sessions, st.one_of(every_record.flatmap(puts), puts("peer"), puts("conversation")))
delete = st.builds(Delete, sessions, every_record.flatmap(keys))
settle = st.builds(Settle, sessions, st.sampled_from(["ack", "fail", "release", "extend", "kill"]), claims)
revive = st.builds(Revive, sessions, st.lists(st.sampled_from("abcde"), min_size=1, max_size=2))
filters: dict[str, Any] = {
    "peer": st.sampled_from([{}, {"kind": "user"}, {"kind": "channel"}]),
    "queue_item": st.sampled_from([{}, {"state": "ready"}, {"state": "dead"}, {"scope": "l"}]),
    "conversation": st.sampled_from([{}, {"order": "expires"}]),
    "kv": st.sampled_from([{}, {"scope": ""}, {"scope": "s"}]),
}
lists = every_record.flatmap(
    lambda record: st.builds(
        List, sessions, st.just(record), st.integers(1, 5), filters.get(record, st.just({}))
    )
)

operations = st.one_of(
    put,
    put,
    put,
    delete,
    settle,
    revive,
    st.builds(Batch, sessions, st.lists(st.one_of(put, put, delete, settle, revive), max_size=4)),
    st.builds(Claim, sessions, st.integers(1, 3), st.sampled_from([None, None, "l"])),
    st.builds(Get, sessions, every_record.flatmap(lambda record: keys(record, st.just([])))),
    st.builds(Get, sessions, st.lists(any_peer, min_size=1, max_size=3)),
    lists,
    st.builds(LookUp, sessions, st.lists(names, max_size=3), st.lists(phones, max_size=2)),
    st.builds(Acquire, sessions, st.sampled_from(["shared", "shared", "shared", "exclusive"])),
    st.builds(Release, st.integers(0, 2)),
    st.builds(PutByHolder, st.integers(0, 2), every_record.flatmap(puts)),
    st.builds(Purge, sessions),
    st.builds(Prune, st.sampled_from([0, 1000])),
    st.builds(Stats, st.sampled_from([None, *SESSIONS])),
)
