# SPDX-License-Identifier: Apache-2.0
"""Rows that are written only if something holds (DESIGN: conditions)."""

from __future__ import annotations

import pytest
from api import Row, Session, conversation, dedup, fails, item, kv, peer, session_data
from samples import KEYS, MEMBERS, row_with

every_record = pytest.mark.parametrize("record", MEMBERS)


def sample(record: str, which: int, *flags: str) -> Row:
    member = next(iter(MEMBERS[record]))
    return row_with(record, **{member: MEMBERS[record][member][which]}, flags=list(flags))


def value(me: Session, record: str) -> object:
    row = me.get_one(KEYS[record])
    return row and row[next(iter(MEMBERS[record]))]


@every_record
def test_if_present(me: Session, record: str) -> None:
    """TGS_ROW_IF_PRESENT: only if the key was there before the batch; else applied 0."""
    first, second, _ = next(iter(MEMBERS[record].values()))
    assert not me.put_one(sample(record, 0, "if_present")).applied
    assert me.get_one(KEYS[record]) is None
    me.put(sample(record, 0))
    assert value(me, record) == first
    assert me.put_one(sample(record, 1, "if_present")).applied
    assert value(me, record) == second


@every_record
def test_if_absent(me: Session, record: str) -> None:
    """TGS_ROW_IF_ABSENT: only if the key was not there before the batch; else applied 0."""
    first = next(iter(MEMBERS[record].values()))[0]
    assert me.put_one(sample(record, 0, "if_absent")).applied
    assert not me.put_one(sample(record, 1, "if_absent")).applied
    assert value(me, record) == first


@every_record
def test_require_fails_the_whole_batch(me: Session, record: str) -> None:
    """TGS_ROW_REQUIRE: the whole batch fails with CONFLICT if the row's condition does not hold."""
    batch = me.batch(
        kv("s", "other", value=b"x"), peer("chat", 1), sample(record, 0, "if_present", "require")
    )
    with fails("conflict", index=2):
        batch.commit()
    assert me.get_one(kv("s", "other")) is None
    assert me.get_one(peer("chat", 1)) is None
    assert me.get_one(KEYS[record]) is None


@every_record
def test_require_that_holds(me: Session, record: str) -> None:
    """A required condition that holds stores the row."""
    assert me.put_one(sample(record, 0, "if_absent", "require")).applied
    assert me.put_one(sample(record, 1, "if_present", "require")).applied
    with fails("conflict", index=0):
        me.put(sample(record, 0, "if_absent", "require"))


@every_record
def test_delete_with_conditions(me: Session, record: str) -> None:
    """Delete: conditions count."""
    gone = Row(record, {**KEYS[record], "flags": ["if_present", "require"]})
    with fails("conflict", index=0):
        me.delete(gone)
    me.put(sample(record, 0))
    assert me.delete(gone)[0].applied
    assert me.get_one(KEYS[record]) is None


def test_failed_row_does_not_hinder_others(me: Session) -> None:
    """Without REQUIRE the row is skipped and its result says applied 0."""
    me.put(kv("s", "b", value=b"old"))
    results = me.put(
        kv("s", "a", value=b"1"),
        kv("s", "b", value=b"2", flags=["if_absent"]),
        kv("s", "c", value=b"3", flags=["if_present"]),
        kv("s", "d", value=b"4"),
    )
    assert [result.applied for result in results] == [True, False, False, True]
    assert {row["key"]: row["value"] for row in me.list("kv")} == {"a": b"1", "b": b"old", "d": b"4"}


def test_index_names_the_first_that_fails(me: Session) -> None:
    """The whole batch fails CONFLICT and names the row's index."""
    me.put(kv("s", "there", value=b""))
    with fails("conflict", index=3):
        me.put(
            kv("s", "a", value=b""),
            kv("s", "there", value=b"", flags=["if_absent"]),
            kv("s", "there", value=b"", flags=["if_present", "require"]),
            kv("s", "b", value=b"", flags=["if_present", "require"]),
        )


def test_conditions_see_the_state_before_the_batch(me: Session) -> None:
    """Conditions see the state before the batch."""
    results = me.put(
        kv("s", "new", value=b"1"),
        kv("s", "new", value=b"2", flags=["if_present"]),
        kv("s", "new", value=b"3", flags=["if_absent"]),
    )
    assert [result.applied for result in results] == [True, False, True]
    assert me.get_one(kv("s", "new"))["value"] == b"3"


def test_conditions_do_not_see_a_delete_of_the_same_batch(me: Session) -> None:
    """The key was there before the batch, whatever the batch itself deletes."""
    me.put(kv("s", "a", value=b"old"))
    batch = me.batch()
    batch.delete(kv("s", "a"))
    batch.put(kv("s", "a", value=b"new", flags=["if_present", "require"]))
    assert [result.applied for result in batch.commit()] == [True, True]
    assert me.get_one(kv("s", "a"))["value"] == b"new"


def test_same_conditional_row_twice(me: Session) -> None:
    """Both see the state before the batch: the first two are applied in order, the last is skipped."""
    results = me.put(
        peer("user", 1, first_name="a", flags=["if_absent"]),
        peer("user", 1, last_name="b", flags=["if_absent"]),
        peer("user", 1, first_name="c", flags=["if_present"]),
    )
    assert [result.applied for result in results] == [True, True, False]
    row = me.get_one(peer("user", 1))
    assert (row["first_name"], row["last_name"]) == ("a", "b")


def test_delete_then_put_in_one_batch(me: Session) -> None:
    """A key that repeats is applied in order: what was deleted is not merged with."""
    me.put(peer("user", 1, first_name="old", last_name="old", usernames=["old"]))
    batch = me.batch()
    batch.delete(peer("user", 1))
    batch.put(peer("user", 1, first_name="new"))
    assert [result.applied for result in batch.commit()] == [True, True]
    row = me.get_one(peer("user", 1))
    assert row["first_name"] == "new" and "last_name" not in row and not row.get("usernames")
    assert me.by_username("old") == [None]


def test_put_then_delete_in_one_batch(me: Session) -> None:
    """A key that repeats is applied in order: the delete finds what the put stored."""
    batch = me.batch()
    batch.put(kv("s", "a", value=b""), kv("s", "b", value=b""))
    batch.delete(kv("s", "a"))
    assert [result.applied for result in batch.commit()] == [True, True, True]
    assert [row["key"] for row in me.list("kv")] == ["b"]


def test_put_delete_put_in_one_batch(me: Session) -> None:
    """A key that repeats is applied in order, any number of times."""
    batch = me.batch()
    batch.put(kv("s", "a", value=b"1")).delete(kv("s", "a")).put(kv("s", "a", value=b"2"))
    batch.delete(kv("s", "a")).delete(kv("s", "a")).put(kv("s", "a", expires=0))
    assert [result.applied for result in batch.commit()] == [True, True, True, True, False, True]
    assert "value" not in me.get_one(kv("s", "a"))


def test_dedup_guards_a_batch(me: Session) -> None:
    """With TGS_ROW_REQUIRE an old key fails the batch with CONFLICT."""
    batch = me.batch(dedup("update 5", flags=["require"]), kv("effects", "5", value=b"done"))
    batch.commit()
    batch.put(kv("effects", "6", value=b"twice"), dedup("update 5", flags=["require"]))
    with fails("conflict", index=1):
        batch.commit()
    assert me.get_one(kv("effects", "6")) is None


def test_queue_item_with_require(me: Session) -> None:
    """Put enqueues: an id that is there is applied 0; with TGS_ROW_REQUIRE: CONFLICT."""
    assert me.put_one(item("a", flags=["require"])).applied
    with fails("conflict", index=1):
        me.put(item("b"), item("a", flags=["require"]))
    assert me.get_one(item("b")) is None


@pytest.mark.parametrize(
    "row",
    [
        kv("s", "a", flags=["if_version"], value=b""),
        kv("s", "a", flags=["exact"], value=b""),
        peer("user", 1, flags=["replace_account"]),
        dedup("a", flags=["if_present"]),
        item("a", flags=["if_present"]),
        session_data(flags=["exact"]),
        conversation(1, flags=["exact"]),
    ],
    ids=lambda row: f"{row.record}-{row['flags'][0]}",
)
def test_flag_that_the_record_does_not_have(me: Session, row: Row) -> None:
    """A flag that means nothing for a record is an error, not a silent no-op."""
    with fails("invalid", index=0):
        me.put(row)
    assert me.list(row.record) == []


def test_require_without_a_condition(me: Session) -> None:
    """TGS_ROW_REQUIRE is about the row's condition; where there is none it is an error."""
    with fails("invalid", index=0):
        me.put(kv("s", "a", flags=["require"], value=b""))
    assert me.list("kv") == []


def test_present_and_absent_exclude_each_other(me: Session) -> None:
    """A row that asks for both can never be stored: it is skipped, or refused as a whole."""
    row = kv("s", "a", value=b"", flags=["if_present", "if_absent"])
    with fails("invalid", index=0):
        me.put(row)
