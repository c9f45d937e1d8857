# SPDX-License-Identifier: Apache-2.0
"""Where a hostile reader of the header would ask: and what if ... ?  Each case is a sentence of it."""

from __future__ import annotations

from typing import Any

import pytest
from api import Row, Session, Store, conversation, dc_auth, dedup, fails, item, kv, peer, session_data
from samples import AUTH_KEY


def ids(rows: list[Any]) -> list[Any]:
    return [row["id"] for row in rows]


# --- repeats


def test_keys_may_repeat_in_a_look_up(me: Session) -> None:
    """Repeats: a look-up answers each."""
    me.put(kv("s", "a", value=b"1"))
    assert [row and row["value"] for row in me.get(kv("s", "a"), kv("s", "b"), kv("s", "a"), kv("s", "b"))] == [
        b"1",
        None,
        b"1",
        None,
    ]


def test_names_may_repeat_in_a_look_up(me: Session) -> None:
    """Repeats: a look-up answers each, however it is written."""
    me.put(peer("user", 1, usernames=["name"], phone="42"))
    assert ids(me.by_username("name", "@NAME", "Name")) == [1, 1, 1]
    assert ids(me.by_phone("42", "+4 2")) == [1, 1]


def test_items_that_repeat_in_a_settle(me: Session) -> None:
    """Repeats: a write applies them in order; so the second ack of one claim is stale."""
    me.put(item("a"))
    (claimed,) = me.claim()
    with fails("conflict", index=1):
        me.settle("ack", claimed, claimed)
    assert me.get_one(item("a"))["state"] == "leased"


# --- nothing, and empty texts


def test_a_write_of_nothing(me: Session, store: Store) -> None:
    """A write of no rows does nothing: it does not make the session, nor wait for its lease."""
    assert me.batch().commit() == []
    holder = me.acquire()
    assert me.batch().commit() == []
    holder.release()
    assert list(store.sessions()) == []


@pytest.mark.parametrize(
    "row",
    [dedup(""), item(""), kv("", ""), kv("s", ""), kv("", "k")],
    ids=lambda row: f"{row.record}-{'-'.join(str(value) for value in row.values())}",
)
def test_empty_texts_are_keys(me: Session, row: Row) -> None:
    """ "" is a text like any other, and a key."""
    assert [result.new for result in me.put(row)] == [True]
    assert me.get_one(row) is not None
    assert [result.applied for result in me.delete(row)] == [True]


def test_an_empty_owner(me: Session) -> None:
    """ "" is a text like any other: an owner without a name."""
    me.put(item("a"))
    assert me.claim(owner="")[0]["lease_owner"] == ""
    me.acquire(owner="").release()


def test_an_empty_phone_of_the_account(me: Session) -> None:
    """Bit set, it is replaced by the member's value, "" included: only a peer's phone is cleared by that."""
    me.put(session_data(phone="+42", username="@Name"))
    assert me.get_one(session_data())["username"] == "Name"
    me.put(session_data(phone="", username=""))
    assert (me.get_one(session_data())["phone"], me.get_one(session_data())["username"]) == ("", "")


# --- conditions


@pytest.mark.parametrize("row", [kv("s", "k"), peer("user", 1), conversation(1)], ids=lambda row: row.record)
def test_require_without_a_condition(me: Session, row: Row) -> None:
    """REQUIRE only beside a condition."""
    with fails("invalid", index=0):
        me.put(Row(row.record, {**row, "flags": ["require"]}))
    with fails("invalid", index=0):
        me.delete(Row(row.record, {**row, "flags": ["require"]}))


# --- names


@pytest.mark.parametrize("bad", ["", "@", "a\nb"])
def test_a_username_that_nobody_can_have(me: Session, bad: str) -> None:
    """Errors: INVALID (a name that no put could store), which is not "not found"."""
    with fails("invalid", index=1):
        me.by_username("good", bad)


@pytest.mark.parametrize("bad", ["", "abc", "+"])
def test_a_phone_that_nobody_can_have(me: Session, bad: str) -> None:
    """Errors: INVALID (a name that no put could store), which is not "not found"."""
    with fails("invalid", index=1):
        me.by_phone("42", bad)


# --- the queue


def test_claim_of_items_without_a_lane(me: Session) -> None:
    """lane: "": only of none."""
    me.put(item("laned", lane="a"), item("free"))
    assert ids(me.claim(10, lane="")) == ["free"]
    assert ids(me.claim(10)) == ["laned"]


def test_list_of_items_without_a_lane(me: Session) -> None:
    """scope: queue: of this lane; "": of none."""
    me.put(item("laned", lane="a"), item("free"))
    assert ids(me.list("queue_item", scope="")) == ["free"]


def test_a_leased_item_may_be_deleted(me: Session) -> None:
    """An item may be deleted whatever its state; what is claimed of it is stale then."""
    me.put(item("a", lane="l"), item("b", lane="l"))
    (claimed,) = me.claim(10)
    assert [result.applied for result in me.delete(item("a"))] == [True]
    with fails("conflict", index=0):
        me.settle("ack", claimed)
    assert ids(me.claim(10)) == ["b"]


# --- leases


def test_the_same_owner_twice(me: Session) -> None:
    """owner: for people to read: one who asks again is another holder."""
    me.acquire(owner="me")
    with fails("busy"):
        me.acquire(owner="me")


def test_a_lease_through_a_leased_handle(me: Session) -> None:
    """A handle that has a lease may ask for another one, as any other handle; it keeps its own token."""
    first = me.acquire(mode="shared")
    second = first.acquire(mode="shared")
    second.release()
    first.put(kv("s", "k", value=b""))
    with fails("fenced"):
        second.put(kv("s", "k", value=b""))


# --- lists


def test_after_a_row_that_was_never_there(me: Session) -> None:
    """after: only its key counts; it need not be there, nor ever have been."""
    me.put(peer("user", 1), peer("user", 3), peer("chat", 1))
    assert ids(me.page("peer", peer("user", 2))) == [3, 1]
    assert ids(me.page("peer", peer("channel", -9))) == []


def test_after_by_expiry(me: Session) -> None:
    """after: by TGS_ORDER_EXPIRES its `expires` counts, too."""
    me.put(conversation(1, ttl_ms=90_000), conversation(2, ttl_ms=50_000), conversation(3, ttl_ms=70_000))
    first = me.page("conversation", order="expires", limit=1)
    assert [row["chat_id"] for row in first] == [2]
    rest = me.page("conversation", first[0], order="expires")
    assert [row["chat_id"] for row in rest] == [3, 1]


# --- what is not there


def test_stats_of_a_session_that_is_not_there(store: Store) -> None:
    """A session that does not exist has 0 of everything."""
    counts = store.stats("nobody")
    assert {name for name, value in counts.items() if value} <= {"bytes"}
    assert list(store.sessions()) == []


def test_the_account_is_deleted_with_its_keys_and_counted_once(me: Session) -> None:
    """Deleting the session's own record deletes its dc_auth rows, too; the result is about the record itself."""
    me.put(dc_auth(2, auth_key=AUTH_KEY))
    assert [result.applied for result in me.delete(session_data())] == [False]
    assert me.list("dc_auth") == []
