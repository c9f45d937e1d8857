# SPDX-License-Identifier: Apache-2.0
"""The durable queue: ready -> leased -> done or dead."""

from __future__ import annotations

import time
from typing import Any

import pytest
from api import Row, Session, Store, dedup, eventually, fails, item, kv


def ids(rows: list[Any]) -> list[str]:
    return [row["id"] for row in rows]


def claimed(me: Session, id: str = "a", **members: Any) -> Row:
    me.put(item(id, **members))
    (row,) = me.claim()
    assert row["id"] == id
    return Row("queue_item", {"id": id, "token": row["token"]})


def state(me: Session, id: str = "a") -> str:
    return str(me.get_one(item(id))["state"])


def failed(token: Row, **members: Any) -> Row:
    return Row("queue_item", {**token, **members})


# --- enqueue and claim


def test_claim_leases_a_due_item(me: Session) -> None:
    """The claimed items, each with its token."""
    me.put(item("a", payload=b"p"))
    (row,) = me.claim(owner="worker 7", lease_ms=60000)
    assert (row["id"], row["payload"], row["state"], row["attempts"]) == ("a", b"p", "leased", 1)
    assert row["lease_owner"] == "worker 7" and row["token"] != 0
    assert row["lease_expires"] - row["updated"] == 60000
    assert me.get_one(item("a")) == row


def test_claim_of_nothing(me: Session) -> None:
    """None is not an error."""
    assert me.claim() == []
    claimed(me)
    assert me.claim() == []


@pytest.mark.parametrize("row", [item("a", payload=b"new"), dedup("k")], ids=["queue_item", "dedup"])
def test_deleted_and_put_anew_in_one_batch(me: Session, row: Row) -> None:
    """A key that repeats is applied in order: what a batch has deleted may be put again by it."""
    me.put(row)
    batch = me.batch()
    batch.delete(row)
    batch.put(row)
    assert [result.applied for result in batch.commit()] == [True, True]
    assert me.get_one(row) is not None


def test_a_claim_ends_when_its_items_hold_enough(me: Session) -> None:
    """They are fewer once what they hold has reached TGS_MAX_BATCH_BYTES."""
    for id in "abcd":
        me.put(item(id, payload=b"p" * (3 << 20)))
    assert ids(me.claim(limit=10)) == ["a", "b", "c"]
    assert state(me, "d") == "ready"
    assert ids(me.claim(limit=10)) == ["d"]


def test_claim_by_due_time_then_sequence(me: Session) -> None:
    """Items are claimed by due time, then enqueue sequence."""
    me.put(item("c", due=3), item("a", due=1), item("b2", due=2), item("b1", due=2))
    me.put(item("b0", due=2))
    assert ids(me.claim(10)) == ["a", "b2", "b1", "b0", "c"]


def test_claim_takes_the_first_ones(me: Session) -> None:
    """limit: 1 to TGS_MAX_ROWS items."""
    me.put(*(item(f"{n}") for n in range(7)))
    assert ids(me.claim(3)) == ["0", "1", "2"]
    assert ids(me.claim(3)) == ["3", "4", "5"]
    assert ids(me.claim(4096)) == ["6"]


def test_items_that_are_not_due(me: Session) -> None:
    """delay_ms: due = now + delay_ms; an item is not claimed before."""
    me.put(item("later", delay_ms=3_600_000), item("soon", delay_ms=100))
    assert eventually(lambda: ids(me.claim(10))) == ["soon"]
    assert me.get_one(item("later"))["due"] > time.time_ns() // 1_000_000


def test_due_and_delay_exclude_each_other(me: Session) -> None:
    """due: for imports; delay_ms is the other way to say it."""
    with fails("invalid", index=0):
        me.put(item("a", due=5, delay_ms=5))


def test_tokens_are_never_the_same(me: Session) -> None:
    """Claim returns a token; each claim another one."""
    me.put(item("a"), item("b"))
    tokens = [row["token"] for row in me.claim(2)]
    me.settle("release", Row("queue_item", {"id": "a", "token": tokens[0]}))
    tokens.append(me.claim()[0]["token"])
    assert len(set(tokens)) == 3 and 0 not in tokens


def test_enqueueing_an_id_again_changes_nothing(me: Session) -> None:
    """Enqueueing an id that is there, done included, changes nothing."""
    token = claimed(me)
    assert not me.put_one(item("a", payload=b"again")).applied
    me.settle("ack", token)
    assert not me.put_one(item("a", payload=b"again")).applied
    assert state(me) == "done" and me.claim() == []


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"lease_ms": 0}, {"lease_ms": -1}], ids=str)
def test_claim_arguments(me: Session, arguments: dict[str, int]) -> None:
    """lease_ms > 0; limit: 1 to TGS_MAX_ROWS items."""
    me.put(item("a"))
    with fails("invalid"):
        me.claim(**arguments)
    assert state(me) == "ready"


def test_claim_of_too_many(me: Session) -> None:
    """limit: 1 to TGS_MAX_ROWS items; beyond: TOO_LARGE."""
    with fails("too large"):
        me.claim(4097)


def test_sessions_have_queues_of_their_own(store: Store) -> None:
    """Every record belongs to a session."""
    store.session("a").put(item("1"))
    assert store.session("b").claim() == []
    assert ids(store.session("a").claim()) == ["1"]


# --- lanes


def test_lane_is_one_at_a_time_in_sequence(me: Session) -> None:
    """In a lane items go strictly by sequence, one at a time."""
    me.put(
        item("a1", lane="a"), item("a2", lane="a"), item("b1", lane="b"), item("free"), item("a3", lane="a")
    )
    first = me.claim(10)
    assert ids(first) == ["a1", "b1", "free"]
    assert me.claim(10) == []
    me.settle("ack", first[0])
    assert ids(me.claim(10)) == ["a2"]


def test_lane_waits_for_an_item_that_is_not_due(me: Session) -> None:
    """In a lane items go strictly by sequence: those behind one that is to be retried wait."""
    token = claimed(me, "a1", lane="a")
    me.put(item("a2", lane="a", due=1))
    me.settle("fail", failed(token, delay_ms=3_600_000))
    assert me.claim(10) == []


@pytest.mark.parametrize("action", ["ack", "kill"])
def test_lane_goes_on_after_done_and_dead(me: Session, action: str) -> None:
    """A done or dead item does not hold up its lane."""
    token = claimed(me, "a1", lane="a")
    me.put(item("a2", lane="a"))
    me.settle(action, token)
    assert ids(me.claim(10)) == ["a2"]


def test_claim_of_a_lane(me: Session) -> None:
    """lane: only of this lane; ptr NULL: of any or none."""
    me.put(item("a1", lane="a"), item("b1", lane="b"), item("free"))
    assert ids(me.claim(10, lane="b")) == ["b1"]
    assert me.claim(10, lane="c") == []
    assert ids(me.claim(10)) == ["a1", "free"]


def test_claim_of_a_lane_whose_first_is_not_due(me: Session) -> None:
    """lane: only of this lane, and only what is due."""
    me.put(item("a1", lane="a", delay_ms=3_600_000), item("a2", lane="a"))
    assert me.claim(10, lane="a") == []


def test_empty_lane_is_none(me: Session) -> None:
    """lane: absent or "": none."""
    me.put(item("1", lane=""), item("2", lane=""), item("3", lane=None))
    assert ids(me.claim(10)) == ["1", "2", "3"]
    assert not me.get_one(item("1")).get("lane")


def test_sequence_orders_a_lane_not_due(me: Session) -> None:
    """In a lane items go strictly by sequence, whatever their due times."""
    me.put(item("first", lane="a", due=9), item("second", lane="a", due=1))
    assert ids(me.claim(10)) == ["first"]


# --- settle


def test_ack(me: Session) -> None:
    """ACK: done.  Done items are kept for done_ttl_ms (1 day)."""
    token = claimed(me, payload=b"p")
    me.settle("ack", token)
    row = me.get_one(item("a"))
    assert row["state"] == "done" and not row.keys() & {"token", "lease_owner", "lease_expires"}
    assert row["expires"] - row["updated"] == 24 * 3_600_000


@pytest.mark.parametrize("action", ["ack", "fail", "release", "extend", "kill"])
def test_stale_tokens_are_conflict(me: Session, action: str) -> None:
    """CONFLICT (a token is stale: err->index tells the row)."""
    stale = failed(claimed(me), delay_ms=1000)
    me.settle("release", stale)
    me.put(item("b"))
    tokens = {
        row["id"]: Row("queue_item", {"id": row["id"], "token": row["token"], "delay_ms": 1000})
        for row in me.claim(2)
    }
    with fails("conflict", index=1):
        me.settle(action, tokens["b"], stale)
    assert state(me, "a") == state(me, "b") == "leased"
    with fails("conflict", index=0):
        me.settle(action, Row("queue_item", {"id": "unknown", "token": 1, "delay_ms": 1000}))
    me.settle(action, tokens["a"], tokens["b"])


@pytest.mark.parametrize("action", ["ack", "fail", "release", "extend", "kill"])
def test_settling_twice_is_conflict(me: Session, action: str) -> None:
    """An item that is not leased any more has no token."""
    token = failed(claimed(me), delay_ms=1000)
    me.settle("ack", token)
    with fails("conflict", index=0):
        me.settle(action, token)
    assert state(me) == "done"


def test_settle_is_all_or_nothing(me: Session) -> None:
    """Tell what became of claimed items, all or nothing."""
    me.put(item("a"), item("b"))
    a, b = me.claim(2)
    with fails("conflict", index=2):
        me.settle("ack", a, b, Row("queue_item", {"id": "a", "token": 987654321}))
    assert [state(me, id) for id in "ab"] == ["leased", "leased"]


def test_fail_backs_off(me: Session) -> None:
    """FAIL: retry later; 1 s, 2 s, 4 s, ... up to 1 h; last_error is kept."""
    for attempts, seconds in [(0, 1), (1, 2), (2, 4), (5, 32), (12, 3600), (70, 3600)]:
        id = f"i{attempts}"
        token = claimed(me, id, attempts=attempts, max_attempts=100)
        me.settle("fail", failed(token, last_error="server said no"))
        row = me.get_one(item(id))
        assert (row["state"], row["last_error"], row["attempts"]) == ("ready", "server said no", attempts + 1)
        assert not row.keys() & {"token", "lease_owner", "lease_expires"}
        assert row["due"] - row["updated"] == seconds * 1000


def test_fail_with_a_delay(me: Session) -> None:
    """FAIL: delay_ms (with its bit) until the next attempt."""
    token = claimed(me)
    me.settle("fail", failed(token, delay_ms=0))
    (row,) = me.claim()
    assert row["attempts"] == 2 and "last_error" not in row
    me.settle("fail", failed(row, delay_ms=3_600_000))
    assert me.claim() == []


def test_fail_leaves_the_last_error(me: Session) -> None:
    """last_error (with its bit): without it the one before stays."""
    token = claimed(me)
    me.settle("fail", failed(token, delay_ms=0, last_error="first"))
    token = me.claim()[0]
    me.settle("fail", Row("queue_item", {"id": "a", "token": token["token"], "delay_ms": 0}))
    assert me.get_one(item("a"))["last_error"] == "first"


def test_dead_after_the_last_attempt(me: Session) -> None:
    """FAIL: dead after max_attempts; dead ones are kept for dead_ttl_ms (30 days)."""
    me.put(item("a", max_attempts=2))
    for expected in ("ready", "dead"):
        (row,) = me.claim()
        me.settle(
            "fail", failed(Row("queue_item", {"id": "a", "token": row["token"]}), delay_ms=0, last_error="no")
        )
        assert state(me) == expected
    row = me.get_one(item("a"))
    assert (row["attempts"], row["last_error"]) == (2, "no")
    assert row["expires"] - row["updated"] == 30 * 24 * 3_600_000
    assert me.claim() == [] and ids(me.list("queue_item", state="dead")) == ["a"]


def test_release_gives_back_at_once(me: Session) -> None:
    """RELEASE: give back at once; the attempt does not count."""
    token = claimed(me, due=5)
    me.settle("release", token)
    row = me.get_one(item("a"))
    assert (row["state"], row["attempts"], row["due"]) == ("ready", 0, 5)
    assert me.claim()[0]["attempts"] == 1


def test_extend_renews_the_lease(me: Session) -> None:
    """EXTEND: renew the lease for delay_ms from now."""
    me.put(item("a"))
    (row,) = me.claim(lease_ms=1000)
    me.settle("extend", failed(Row("queue_item", {"id": "a", "token": row["token"]}), delay_ms=3_600_000))
    later = me.get_one(item("a"))
    assert later["lease_expires"] - later["updated"] == 3_600_000 and later["token"] == row["token"]


def test_kill(me: Session) -> None:
    """KILL: dead at once; last_error is kept."""
    token = claimed(me)
    me.settle("kill", failed(token, last_error="poison"))
    row = me.get_one(item("a"))
    assert (row["state"], row["last_error"]) == ("dead", "poison") and row["expires"] > 0


def test_revive(me: Session) -> None:
    """REVIVE: a dead item becomes ready with 0 attempts; needs no token."""
    me.settle("kill", claimed(me, payload=b"p"))
    me.settle("revive", item("a"))
    row = me.get_one(item("a"))
    assert (row["state"], row["attempts"], row.get("expires", 0)) == ("ready", 0, 0)
    assert me.claim()[0]["payload"] == b"p"


@pytest.mark.parametrize("prepared", ["ready", "leased", "done", "unknown"])
def test_nothing_to_revive(me: Session, prepared: str) -> None:
    """CONFLICT (nothing to revive: err->index tells the row)."""
    if prepared != "unknown":
        me.put(item("a", state="done" if prepared == "done" else "ready"))
    if prepared == "leased":
        me.claim()
    me.put(item("dead", state="dead"))
    with fails("conflict", index=1):
        me.settle("revive", item("dead"), item("a"))
    assert state(me, "dead") == "dead"


def test_ack_with_its_effect_in_one_batch(me: Session) -> None:
    """Ack goes into a batch, so that an effect and its acknowledgement are one step."""
    token = claimed(me)
    batch = me.batch(kv("effects", "a", value=b"done")).settle("ack", token)
    assert len(batch) == 2
    assert [result.applied for result in batch.commit()] == [True, True]
    assert state(me) == "done" and me.get_one(kv("effects", "a"))["value"] == b"done"


def test_stale_ack_stores_no_effect(me: Session) -> None:
    """CONFLICT: the whole batch is not stored."""
    token = claimed(me)
    me.settle("release", token)
    batch = me.batch(kv("effects", "a", value=b"done")).settle("ack", token)
    with fails("conflict", index=1):
        batch.commit()
    assert me.get_one(kv("effects", "a")) is None


def test_all_actions_in_one_batch(me: Session) -> None:
    """A batch takes any mix of settles."""
    me.put(item("dead", state="dead"), *(item(id) for id in "abcde"))
    a, b, c, d, e = (Row("queue_item", {"id": row["id"], "token": row["token"]}) for row in me.claim(5))
    batch = me.batch(item("new"))
    batch.settle("ack", a).settle("fail", failed(b, delay_ms=0)).settle("release", c).settle("kill", d)
    batch.settle("extend", failed(e, delay_ms=5000)).settle("revive", item("dead"))
    batch.commit()
    states = {row["id"]: row["state"] for row in me.list("queue_item")}
    assert states == {
        "a": "done",
        "b": "ready",
        "c": "ready",
        "d": "dead",
        "e": "leased",
        "dead": "ready",
        "new": "ready",
    }


# --- leases that run out


@pytest.mark.slow
def test_lease_that_ran_out_is_claimed_again(me: Session) -> None:
    """An item whose lease ran out is claimed again: delivery is at least once."""
    me.put(item("a"))
    (first,) = me.claim(lease_ms=50)
    (second,) = eventually(lambda: me.claim(owner="other"))
    assert (second["id"], second["attempts"], second["lease_owner"]) == ("a", 2, "other")
    with fails("conflict", index=0):
        me.settle("ack", first)
    me.settle("ack", second)


@pytest.mark.slow
def test_lease_that_ran_out_still_counts_until_claimed(me: Session) -> None:
    """A lease that ran out but was not claimed again still counts as held."""
    me.put(item("a"))
    (row,) = me.claim(lease_ms=1)
    eventually(lambda: time.time_ns() // 1_000_000 > row["lease_expires"] + 5)
    me.settle("ack", row)
    assert state(me) == "done"


@pytest.mark.slow
def test_lost_leases_count_as_attempts(me: Session) -> None:
    """max_attempts: fails or lost leases up to which it is retried; then dead, with the reason."""
    me.put(item("a", max_attempts=1))
    assert me.claim(lease_ms=1)
    eventually(lambda: me.claim() == [] and state(me) == "dead")
    row = me.get_one(item("a"))
    assert row["last_error"] == "the lease ran out" and row["expires"] > 0
    me.settle("revive", item("a"))
    assert me.claim()[0]["attempts"] == 1


# --- lives of done and dead items


def test_done_and_dead_expire(backend: Any) -> None:
    """done_ttl_ms, dead_ttl_ms: then an item is gone, and its id may be enqueued again."""
    me = backend.open(done_ttl_ms=1, dead_ttl_ms=1).session()
    me.settle("ack", claimed(me, "a"))
    me.settle("kill", claimed(me, "b"))
    eventually(lambda: me.get(item("a"), item("b")) == [None, None])
    assert me.list("queue_item") == []
    assert me.put_one(item("a", flags=["require"])).applied
    with fails("conflict", index=0):
        me.settle("revive", item("b"))


def test_done_and_dead_for_ever(backend: Any) -> None:
    """A life of 0 is for ever."""
    me = backend.open(done_ttl_ms=0, dead_ttl_ms=0).session()
    me.settle("ack", claimed(me, "a"))
    me.settle("kill", claimed(me, "b"))
    assert [row.get("expires", 0) for row in me.get(item("a"), item("b"))] == [0, 0]


def test_attempts_that_can_not_be_counted_on(me: Session) -> None:
    """An import with attempts that no claim could add one to is refused, before it blocks the queue."""
    with fails("invalid", index=0):
        me.put(item("a", attempts=(1 << 63) - 1))
    claimed(me, "b", attempts=(1 << 63) - 2)
    assert me.get_one(item("b"))["attempts"] == (1 << 63) - 1


@pytest.mark.parametrize("bad", ["0", "-1", "x"])
def test_max_attempts_is_at_least_one(me: Session, bad: str) -> None:
    """An item that may never be tried is a mistake."""
    with fails("invalid", index=0):
        me.put(item("a", max_attempts=int(bad) if bad != "x" else -(1 << 63)))


# --- lists


def test_list_by_due_then_sequence(me: Session) -> None:
    """Queue: due, then sequence."""
    me.put(item("z", due=1), item("y", due=3), item("x", due=2), item("w", due=2))
    assert ids(me.list("queue_item")) == ["z", "x", "w", "y"]
    assert [ids(page) for page in me.pages("queue_item", 2)] == [["z", "x"], ["w", "y"]]


def test_list_by_state_and_lane(me: Session) -> None:
    """state: TGS_QUEUE_*; -1: all.  scope: of this lane."""
    me.put(
        item("done", state="done", lane="a"),
        item("dead", state="dead"),
        item("1", lane="a"),
        item("2", lane="b"),
    )
    (leased,) = me.claim(lane="b")
    assert leased["id"] == "2"
    for wanted, expected in {"ready": ["1"], "leased": ["2"], "done": ["done"], "dead": ["dead"]}.items():
        assert ids(me.list("queue_item", state=wanted)) == expected
    assert ids(me.list("queue_item", scope="a")) == ["done", "1"]
    assert ids(me.list("queue_item", scope="a", state="ready")) == ["1"]
    assert len(me.list("queue_item")) == 4
