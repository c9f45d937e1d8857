# SPDX-License-Identifier: Apache-2.0
"""Put merges, and only the mask decides: each member of each record."""

from __future__ import annotations

from typing import Any

import pytest
from api import Row, Session, dedup, item, key_of, kv, peer, session_data
from records import RECORDS, STORED
from samples import AUTH_KEY, FAR, KEYS, MEMBERS, MERGED, ZEROED, full_row, row_with

# The other two are stamped by a put that does not give them: test_expiry.py.
LEFT = [(record, member) for record, member in MERGED if member not in ("seen_at", "updated")]

every_member = pytest.mark.parametrize(("record", "member"), MERGED, ids=[".".join(pair) for pair in MERGED])
every_left = pytest.mark.parametrize(("record", "member"), LEFT, ids=[".".join(pair) for pair in LEFT])
every_zero = pytest.mark.parametrize(("record", "member"), ZEROED, ids=[".".join(pair) for pair in ZEROED])
every_record = pytest.mark.parametrize("record", MEMBERS)


def stored(me: Session, record: str) -> Row:
    row = me.get_one(KEYS[record])
    assert row is not None
    return Row(record, row)


def same(row: Row, expected: dict[str, Any]) -> None:
    assert {name: row.get(name, "(absent)") for name in expected} == expected


def test_samples_cover_every_member() -> None:
    """Every field of every record is merged by a case here; what puts never change is dedup and queue items."""
    for record in STORED:
        if record.name in ("dedup", "queue_item"):
            continue
        merged = {
            field.name for field in record.fields if not field.flags & {"key", "read_only", "write_only"}
        }
        assert merged - {"user_id"} == MEMBERS[record.name].keys()


@every_member
def test_bit_set_stores_the_value(me: Session, record: str, member: str) -> None:
    """Writing: bit set, it is replaced by the member's value.  Reading: bit set, there is a stored value."""
    first, second, _ = MEMBERS[record][member]
    for value in (first, second):
        me.put(row_with(record, **{member: value}))
        same(stored(me, record), {member: value})


@every_left
def test_bit_unset_leaves_the_value(me: Session, record: str, member: str) -> None:
    """Writing: bit unset, the stored value is left alone."""
    value = MEMBERS[record][member][0]
    me.put(row_with(record, **{member: value}))
    me.put(KEYS[record])
    same(stored(me, record), {member: value})


@every_zero
def test_zero_and_empty_are_values(me: Session, record: str, member: str) -> None:
    """Bit set, it is replaced by the member's value, 0 and "" included."""
    first, _, zero = MEMBERS[record][member]
    me.put(row_with(record, **{member: first}))
    me.put(row_with(record, **{member: zero}))
    same(stored(me, record), {member: zero})


@every_member
def test_null_clears(me: Session, record: str, member: str) -> None:
    """nulls: of the bits in `fields`, those to clear, so that no value is stored."""
    me.put(full_row(record))
    me.put(row_with(record, **{member: MEMBERS[record][member][0]}))
    before = stored(me, record)
    me.put(row_with(record, **{member: None}))
    after = stored(me, record)
    assert member not in after
    same(
        after,
        {
            name: value
            for name, value in before.items()
            if name not in (member, "version", "updated", "seen_at")
        },
    )


@every_record
def test_all_members_at_once(me: Session, record: str) -> None:
    """A row carries any mix of its members."""
    for which in (0, 1):
        row = full_row(record, which)
        me.put(row)
        same(stored(me, record), row)


@every_record
def test_read_gives_back_what_can_be_put(me: Session, record: str) -> None:
    """Reads set the mask the same way: what was read may be put again, and changes nothing."""
    me.put(full_row(record))
    before = stored(me, record)
    me.put(before)
    after = stored(me, record)
    after.pop("version", None)
    before.pop("version", None)
    assert after == before


@every_record
def test_new_row_has_only_what_was_given(me: Session, record: str) -> None:
    """Members that nobody gave have no stored value; the store itself sets times and versions only."""
    me.put(KEYS[record])
    own = {field.name for field in RECORDS[record].fields if "time" in field.flags} | {"version"}
    assert stored(me, record).keys() - own == KEYS[record].keys()


@every_record
def test_delete_leaves_nothing_to_merge_with(me: Session, record: str) -> None:
    """A row that was deleted and put again has nothing of the old one."""
    me.put(full_row(record))
    assert [result.applied for result in me.delete(KEYS[record])] == [True]
    assert me.get_one(KEYS[record]) is None
    me.put(KEYS[record])
    assert stored(me, record).keys() & MEMBERS[record].keys() <= {"seen_at", "created", "updated"}


@every_record
def test_repeated_key_merges_in_order(me: Session, record: str) -> None:
    """A key that repeats is applied in order."""
    members = [name for name in MEMBERS[record] if name != "step_number"][:2]
    first, second = members[0], members[-1]
    rows = [
        row_with(record, **{first: MEMBERS[record][first][0]}),
        row_with(record, **{second: MEMBERS[record][second][0]}),
        row_with(record, **{first: MEMBERS[record][first][1]}),
    ]
    results = me.put(*rows)
    assert [result.applied for result in results] == [True] * 3
    wanted = {first: MEMBERS[record][first][1]}
    if second != first:
        wanted[second] = MEMBERS[record][second][0]
    same(stored(me, record), wanted)


@every_record
def test_notes_say_what_was_new(me: Session, record: str) -> None:
    """TGS_NOTE_NEW: the key was not there before."""
    assert me.put_one(KEYS[record]).new
    assert not me.put_one(KEYS[record]).new
    me.delete(KEYS[record])
    assert me.put_one(KEYS[record]).new


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (dedup("k", created=5, expires=FAR), {"created": 5, "expires": FAR}),
        (item("i", lane="chat 5", payload=b"\0p"), {"lane": "chat 5", "payload": b"\0p", "state": "ready"}),
        (item("i", payload=b""), {"payload": b""}),
        (item("i", state="done", attempts=3), {"state": "done", "attempts": 3}),
        (item("i", state="dead", last_error="why"), {"state": "dead", "last_error": "why"}),
        (item("i", state="leased"), {"state": "ready"}),
        (item("i", max_attempts=2, created=5, due=7), {"max_attempts": 2, "created": 5, "due": 7}),
        (item("i"), {"max_attempts": 10, "attempts": 0, "state": "ready"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, Row) else "",
)
def test_insert_only_records_store_what_is_given(me: Session, row: Row, expected: dict[str, Any]) -> None:
    """dedup, queue item: what a put gives is stored; LEASED counts as READY; max_attempts is 10 if not given."""
    me.put(row)
    found = me.get_one(key_of(row))
    same(found, expected)


@pytest.mark.parametrize(
    ("first", "second"),
    [(dedup("k", created=5), dedup("k", created=6)), (item("i", payload=b"1"), item("i", payload=b"2"))],
    ids=["dedup", "queue_item"],
)
def test_insert_only_records_are_never_changed(me: Session, first: Row, second: Row) -> None:
    """Put adds keys that are not there and leaves the others as they are."""
    assert me.put_one(first).applied
    before = me.get_one(key_of(first))
    assert not me.put_one(second).applied
    assert me.get_one(key_of(first)) == before


def test_read_only_members_are_ignored(me: Session) -> None:
    """Members marked "read only" are set by the store; writes ignore their bits."""
    me.put(item("i", lease_owner="me", updated=5, sequence=99, lease_expires=FAR, token=5, expires=7))
    found = me.get_one(item("i"))
    assert not found.keys() & {"lease_owner", "lease_expires", "token"}
    assert found["updated"] > 1600000000000 and found["sequence"] != 99
    assert found.get("expires", 0) == 0


def test_get_gives_rows_in_the_order_asked(me: Session) -> None:
    """n_keys rows in the order asked; TGS_ROW_FOUND tells which exist."""
    me.put(*(kv("s", key, value=key.encode()) for key in "abc"))
    rows = me.get(*(kv("s", key) for key in ("c", "x", "a", "c", "y")))
    assert [row and row["value"] for row in rows] == [b"c", None, b"a", b"c", None]


def test_get_of_nothing(me: Session) -> None:
    """An array may be NULL when its length is 0."""
    assert me.request("get", record="peer", rows=[])["rows"] == []
    assert me.request("put", record="peer", rows=[])["results"] == []
    assert me.request("delete", record="peer", rows=[])["results"] == []


def test_delete_says_what_was_there(me: Session) -> None:
    """Delete: applied 1: it was there."""
    me.put(kv("s", "a", value=b""))
    assert [result.applied for result in me.delete(kv("s", "a"), kv("s", "b"))] == [True, False]


def test_key_takes_only_key_members(me: Session) -> None:
    """A key is a row of which only the key members and flags count."""
    me.put(peer("user", 1, first_name="A"))
    assert me.get_one(peer("user", 1, first_name="B", usernames=["x"]))["first_name"] == "A"
    assert me.delete(peer("user", 1, first_name="B"))[0].applied


def test_session_record_is_one(me: Session) -> None:
    """The session's own record has no key: there is one in a session."""
    me.put(session_data(dc=2), session_data(api_id=6))
    assert me.list("session") == [{"dc": 2, "api_id": 6}]
    assert me.get(session_data(), session_data()) == [{"dc": 2, "api_id": 6}] * 2


def test_secrets_come_back_exactly(me: Session) -> None:
    """Stored secrets carry an envelope byte that nobody sees; an empty one stays empty."""
    for auth_key in (AUTH_KEY, b"", bytes(256)):
        me.put(session_data(auth_key=auth_key, api_hash="hash"))
        assert me.get_one(session_data()) == {"auth_key": auth_key, "api_hash": "hash"}
