# SPDX-License-Identifier: Apache-2.0
"""A batch is atomic; load takes any number of rows."""

from __future__ import annotations

from typing import Any

import pytest
from api import (
    Session,
    Store,
    conversation,
    dc_auth,
    dedup,
    fails,
    item,
    kv,
    peer,
    session_data,
    update_state,
)
from records import MAX_ROWS
from samples import AUTH_KEY


def mix(n: int = 0) -> list[Any]:
    return [
        session_data(dc=2, auth_key=AUTH_KEY),
        dc_auth(4 + n, auth_key=AUTH_KEY),
        peer("user", 1 + n, usernames=[f"n{n}"]),
        update_state(pts=1 + n),
        dedup(f"k{n}"),
        item(f"i{n}"),
        conversation(1 + n, name="n"),
        kv("s", f"k{n}", value=b"v"),
    ]


def count(me: Session) -> int:
    return sum(len(me.list(row.record)) for row in mix())


def test_any_mix_of_records(me: Session) -> None:
    """Any mix of rows of one incoming update is stored together."""
    batch = me.batch(*mix())
    assert len(batch) == 8
    assert [result.applied for result in batch.commit()] == [True] * 8
    assert count(me) == 8


def test_a_row_that_is_put_again_and_again(me: Session) -> None:
    """A key that repeats is applied in order; and if the batch fails, the row is as it was."""
    names = ["A", "B", "B", "C"]  # its texts change, stay, and change
    me.put(peer("user", 1, usernames=["name"], first_name="before"))
    failing = me.batch(*(peer("user", 1, usernames=["name"], first_name=name) for name in names))
    failing.settle("ack", item("none", token=1))
    with fails("conflict"):
        failing.commit()
    assert me.get_one(peer("user", 1))["first_name"] == "before"
    me.batch(*(peer("user", 1, usernames=["name"], first_name=name) for name in names)).commit()
    assert me.get_one(peer("user", 1))["first_name"] == "C"


@pytest.mark.parametrize("values", [b"aab", b"aba", b"abb", b"aaba"])
def test_a_key_that_repeats(me: Session, values: bytes) -> None:
    """A key that repeats is applied in order."""
    me.put(kv("s", "k", value=b"before"))
    me.put(*(kv("s", "k", value=bytes([value]), flags=["if_present"]) for value in values))
    assert me.get(kv("s", "k"))[0]["value"] == values[-1:]


def test_results_are_in_the_order_added(me: Session) -> None:
    """results: one a row, in the order added."""
    me.put(dedup("old"))
    batch = me.batch(kv("s", "k", value=b""), dedup("old"), conversation(1), dedup("new"))
    batch.delete(kv("s", "none"))
    results = batch.commit()
    assert [result.applied for result in results] == [True, False, True, True, False]
    assert [bool(result.version) for result in results] == [False, False, True, False, False]


@pytest.mark.parametrize("place", range(9))
def test_failed_batch_changes_nothing(me: Session, place: int) -> None:
    """Stored together or not at all, wherever in the batch the failing row stands."""
    rows = mix()
    rows.insert(place, kv("absent", "absent", value=b"", flags=["if_present", "require"]))
    batch = me.batch(*rows)
    with fails("conflict", index=place):
        batch.commit()
    assert count(me) == 0


def test_failed_batch_may_be_committed_again(me: Session) -> None:
    """A batch that failed may be committed again."""
    batch = me.batch(*mix(), kv("guard", "guard", value=b"2", flags=["if_present", "require"]))
    for _ in range(2):
        with fails("conflict", index=8):
            batch.commit()
    assert len(batch) == 9
    me.put(kv("guard", "guard", value=b"1"))
    batch.commit()
    assert count(me) == 9 and len(batch) == 0


def test_committed_batch_is_empty_and_may_be_used_anew(me: Session) -> None:
    """One that succeeded is empty afterwards and may be used anew."""
    batch = me.batch(kv("s", "a", value=b""))
    batch.commit()
    assert len(batch) == 0
    batch.put(kv("s", "b", value=b""))
    me.delete(kv("s", "a"))
    assert len(batch.commit()) == 1
    assert [row["key"] for row in me.list("kv")] == ["b"]


def test_empty_batch(me: Session) -> None:
    """Nothing to store is no error."""
    assert me.batch().commit() == []


def test_adding_does_no_io(me: Session) -> None:
    """Adding checks and copies, and does no I/O: nothing is seen before the commit."""
    batch = me.batch(kv("s", "a", value=b""))
    assert me.list("kv") == []
    batch.clear()
    assert len(batch) == 0 and batch.commit() == [] and me.list("kv") == []


def test_refused_row_leaves_the_batch_as_it_was(me: Session) -> None:
    """A row that is refused leaves the batch as it was."""
    batch = me.batch(kv("s", "a", value=b""))
    with fails("invalid", index=1):
        batch.put(kv("s", "b", value=b""), kv("s", "c", expires=-1))
    assert len(batch) == 1
    batch.put(kv("s", "d", value=b""))
    assert len(batch.commit()) == 2
    assert [row["key"] for row in me.list("kv")] == ["a", "d"]


def test_every_put_is_a_batch(me: Session) -> None:
    """Every write call is a batch: all or nothing."""
    with fails("conflict", index=2):
        me.put(
            kv("s", "a", value=b""),
            kv("s", "b", value=b""),
            kv("s", "c", value=b"", flags=["if_present", "require"]),
        )
    assert me.list("kv") == []
    with fails("invalid", index=1):
        me.put(kv("s", "a", value=b""), kv("s", "b", expires=-1))
    assert me.list("kv") == []


def test_two_batches_of_one_session(me: Session) -> None:
    """Each batch is a step of its own."""
    first, second = me.batch(kv("s", "k", value=b"1")), me.batch(kv("s", "k", value=b"2"))
    second.commit()
    first.commit()
    assert me.get_one(kv("s", "k"))["value"] == b"1"


# --- load


@pytest.mark.parametrize("n", [0, 1, MAX_ROWS, MAX_ROWS + 1, 3 * MAX_ROWS])
def test_load_takes_any_number(me: Session, n: int) -> None:
    """Put any number of rows, in chunks; done: rows stored for good."""
    if n == 0:
        assert me.request("load", record="kv", rows=[])["count"] == 0
        return
    assert me.load(*(update_state(id, pts=id) for id in range(n))) == n
    assert len(me.list("update_state", limit=MAX_ROWS)) == n


def test_load_may_be_repeated(me: Session) -> None:
    """May be repeated after a failure, whole or from row `done` on."""
    rows = [peer("user", n, usernames=[f"u{n}"], access_hash=n + 1) for n in range(10)]
    for _ in range(2):
        assert me.load(*rows) == 10
    assert len(me.list("peer")) == 10
    for _ in range(2):
        assert me.load(item("a"), item("a"), item("b")) == 3
    assert len(me.list("queue_item")) == 2


@pytest.mark.slow
def test_load_splits_by_bytes(me: Session) -> None:
    """Any number of rows, of any size that a row may have."""
    rows = [kv("s", f"{n}", value=bytes([n]) * (3 << 20)) for n in range(5)]
    assert me.load(*rows) == 5
    assert [row["value"][0] for row in me.list("kv")] == list(range(5))


def test_load_says_how_far_it_came(me: Session) -> None:
    """done: also set on failure.  Chunks are each all or nothing; a row at fault has its own index."""
    rows = [kv("s", f"{n:05}", value=b"") for n in range(2 * MAX_ROWS)]
    rows[MAX_ROWS + 7] = kv("guard", "guard", value=b"", flags=["if_present", "require"])
    with fails("conflict", index=MAX_ROWS + 7) as seen:
        me.load(*rows)
    done = seen[0].count
    assert done is not None and done <= MAX_ROWS + 7
    assert len(me.list("kv", limit=MAX_ROWS)) == done


def test_load_names_the_row_that_it_refuses(me: Session) -> None:
    """A row at fault has its own index, in the error and in the message."""
    rows = [kv("s", f"{n:05}", value=b"") for n in range(MAX_ROWS)]
    rows[MAX_ROWS - 7] = kv("s", "x" * 513, value=b"")
    with fails("too large", index=MAX_ROWS - 7) as seen:
        me.load(*rows)
    assert f"row {MAX_ROWS - 7}:" in str(seen[0])


def test_load_takes_conditions(me: Session) -> None:
    """A load is puts: conditions hold for its rows, too."""
    me.put(kv("s", "a", value=b"old"))
    assert me.load(kv("s", "a", value=b"new", flags=["if_absent"]), kv("s", "b", value=b"new")) == 2
    assert [row["value"] for row in me.list("kv")] == [b"old", b"new"]


def test_handles_share_the_store(store: Store) -> None:
    """Two handles on one session see the same rows."""
    store.session("a").put(kv("s", "k", value=b"v"))
    assert store.session("a").get_one(kv("s", "k"))["value"] == b"v"
