# SPDX-License-Identifier: Apache-2.0
"""Deadlines, cancelling, closing, forking: one call's limits and a handle's life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from api import Canceller, Session, Store, fails, item, kv, outcome_of, peer
from driver import Failure

ROW = kv("s", "k", value=b"v")

READS: dict[str, Callable[..., Any]] = {
    "get": lambda store, me, **call: me.get(ROW, **call),
    "list": lambda store, me, **call: me.page("kv", **call),
    "by_username": lambda store, me, **call: me.by_username("a", **call),
    "by_phone": lambda store, me, **call: me.by_phone("42", **call),
    "sessions": lambda store, me, **call: store.sessions_page(**call),
    "stats": lambda store, me, **call: store.stats(**call),
    "ping": lambda store, me, **call: store.ping(**call),
}
WRITES: dict[str, Callable[..., Any]] = {
    "put": lambda store, me, **call: me.put(ROW, **call),
    "delete": lambda store, me, **call: me.delete(ROW, **call),
    "load": lambda store, me, **call: me.load(ROW, **call),
    "claim": lambda store, me, **call: me.claim(**call),
    "settle": lambda store, me, **call: me.settle("revive", item("i"), **call),
    "acquire": lambda store, me, **call: me.acquire(mode="shared", **call),
    "commit": lambda store, me, **call: me.batch(ROW).commit(**call),
    "purge": lambda store, me, **call: me.purge(**call),
    "prune": lambda store, me, **call: store.prune(**call),
    "sync": lambda store, me, **call: store.sync(**call),
}
BLOCKING = {**READS, **WRITES}
every = pytest.mark.parametrize("name", BLOCKING)


# --- cancel


@every
def test_cancelled_call(store: Store, me: Session, name: str) -> None:
    """Once cancelled, calls that carry it return CANCELLED, and change nothing."""
    me.put(kv("s", "before", value=b""))
    me.put(item("i", state="dead"))
    canceller = Canceller(store.driver)
    canceller.cancel()
    with fails("cancelled") as seen:
        BLOCKING[name](store, me, cancel=canceller.handle)
    assert not seen[0].retryable
    assert [row["key"] for row in me.list("kv")] == ["before"]
    assert me.get_one(item("i"))["state"] == "dead"


def test_cancellers_are_sticky_and_reusable(store: Store, me: Session) -> None:
    """Thread-safe and sticky: until it is reset."""
    canceller = Canceller(store.driver)
    assert not canceller.cancelled
    me.put(ROW, cancel=canceller.handle)
    canceller.cancel()
    canceller.cancel()
    assert canceller.cancelled
    for _ in range(2):
        with fails("cancelled"):
            me.put(ROW, cancel=canceller.handle)
    me.put(ROW)
    canceller.reset()
    assert not canceller.cancelled
    me.put(ROW, cancel=canceller.handle)


@pytest.mark.needs("threads")
def test_cancel_while_waiting(store: Store, me: Session) -> None:
    """A call that waits ends as soon as its canceller is used."""
    me.acquire()
    canceller = Canceller(store.driver)
    waiting = me.start("acquire", owner="second", wait_ms=60000, timeout_ms=60000, cancel=canceller.handle)
    with fails("busy"):
        me.acquire(wait_ms=50)
    assert not waiting.done()
    canceller.cancel()
    with fails("cancelled"):
        outcome_of(waiting, within=20)


# --- deadlines


@pytest.mark.parametrize("timeout_ms", [-1, 0, 60000])
def test_timeouts(store: Store, me: Session, timeout_ms: int) -> None:
    """timeout_ms: 0: the store's default; negative: no limit."""
    for call in BLOCKING.values():
        try:
            call(store, me, timeout_ms=timeout_ms)
        except Failure as failure:
            assert failure.code == "conflict", "there is nothing to revive"


def test_the_stores_default_is_an_option(backend: Any) -> None:
    """timeout_ms: deadline of calls that give none."""
    me = backend.open(timeout_ms=150).session()
    me.acquire()
    with fails("busy"):
        me.acquire(wait_ms=3_600_000)


# --- close


# The others take the store itself, which must not be used again.
OF_A_SESSION = [name for name in BLOCKING if name not in ("sessions", "stats", "ping", "prune", "sync")]


@pytest.mark.parametrize("name", OF_A_SESSION)
def test_calls_after_close(store: Store, me: Session, name: str) -> None:
    """Sessions, batches may be freed before or after; calls on them are INVALID."""
    batch = me.batch(ROW)
    store.close()
    with fails("invalid", says=["clos"]):
        BLOCKING[name](store, me)
    with fails("invalid", says=["clos"]):
        batch.commit()


def test_renew_and_release_after_close(store: Store, me: Session) -> None:
    """Calls on sessions of a closed store are INVALID."""
    lease = me.acquire()
    store.close()
    for call in (lease.renew, lease.release):
        with fails("invalid"):
            call()


def test_freeing_after_close(store: Store, me: Session) -> None:
    """Sessions, batches and results may be freed before or after."""
    me.put(ROW)
    batch = me.batch(ROW)
    rows = me.request("get", record="kv", rows=[{"scope": "s", "key": "k"}], keep=True)["handle"]
    store.close()
    store.driver.request("free", handle=rows)
    store.driver.request("free", handle=batch.handle)
    me.free()


def test_results_outlive_the_store(store: Store, me: Session) -> None:
    """A result outlives the store."""
    me.put(peer("user", 1, usernames=["a"], first_name="A" * 5000))
    rows = me.request("get", record="peer", rows=[{"kind": "user", "id": 1}], keep=True)["handle"]
    me.delete(peer("user", 1))
    me.free()
    store.close()
    (row,) = store.driver.request("rows", rows=rows)["rows"]
    assert (row["usernames"], row["first_name"]) == (["a"], "A" * 5000)


@pytest.mark.needs("threads")
def test_close_while_another_thread_waits(backend: Any) -> None:
    """Running ones may end until the store's default deadline, then they are CANCELLED."""
    store = backend.open(timeout_ms=300)
    me = store.session()
    me.acquire()
    waiting = me.start("acquire", owner="second", wait_ms=3_600_000, timeout_ms=-1)
    with fails("busy"):
        me.acquire(wait_ms=50, timeout_ms=50)
    closing = store.start_close()
    with fails("cancelled"):
        outcome_of(waiting)
    outcome_of(closing)
    with fails("invalid"):
        me.put(ROW)


@pytest.mark.needs("threads")
def test_close_among_running_calls(store: Store) -> None:
    """A handle closed while another thread is inside a call: each call ends well or is INVALID or CANCELLED."""
    sessions = [store.session(f"{n}") for n in range(8)]
    calls = [me.start("put", *(kv("s", f"{i}", value=b"x" * 100) for i in range(200))) for me in sessions]
    closing = store.start_close()
    calls += [me.start("get", ROW) for me in sessions]
    outcome_of(closing)
    for call in calls:
        try:
            outcome_of(call)
        except Failure as failure:
            assert failure.code in ("invalid", "cancelled"), failure


def test_two_stores_are_apart(backend: Any) -> None:
    """Closing one store leaves another one open."""
    first, second = backend.open(), backend.open()
    me = second.session()
    first.close()
    me.put(ROW)
    assert me.get_one(ROW) is not None


# --- fork


@pytest.mark.needs("fork")
@pytest.mark.parametrize("op", ["put", "get", "list", "claim", "purge", "acquire"])
def test_calls_in_a_forked_child(me: Session, op: str) -> None:
    """In a child made by fork every function on an inherited store is INVALID."""
    arguments: dict[str, dict[str, Any]] = {
        "put": {"record": "kv", "rows": [{"scope": "s", "key": "child"}]},
        "get": {"record": "kv", "rows": [{"scope": "s", "key": "k"}]},
        "list": {"record": "kv"},
        "claim": {"owner": "child"},
        "acquire": {"owner": "child"},
    }
    me.put(ROW)
    with fails("invalid", says=["fork"]):
        me.request(op, fork=True, **arguments.get(op, {}))
    assert [row["key"] for row in me.list("kv")] == ["k"]


@pytest.mark.needs("fork")
@pytest.mark.parametrize("op", ["sync", "ping", "sessions", "stats", "prune"])
def test_store_calls_in_a_forked_child(store: Store, op: str) -> None:
    """In a child made by fork every function on an inherited store is INVALID."""
    with fails("invalid", says=["fork"]):
        store.request(op, fork=True)


@pytest.mark.needs("fork")
def test_close_in_a_forked_child(store: Store, me: Session) -> None:
    """close and free are safe there and do no I/O: the parent goes on as before."""
    me.put(ROW)
    batch = me.batch(ROW)
    for handle in (store.handle, me.handle, batch.handle):
        store.driver.request("free", handle=handle, fork=True)
    batch.commit()
    assert me.get_one(ROW)["value"] == b"v"
    me.put(kv("s", "after", value=b""))


@pytest.mark.needs("threads")
def test_a_store_is_used_by_many_threads(store: Store) -> None:
    """A store, a session and a result may be used by many threads at once."""
    me = store.session("main")
    calls = [me.start("put", kv("s", f"{n}", value=b"x"), kv("t", f"{n}", value=b"x")) for n in range(40)]
    calls += [me.start("get", ROW) for _ in range(40)]
    for call in calls:
        outcome_of(call)
    assert len(me.list("kv")) == 80
