# SPDX-License-Identifier: Apache-2.0
"""The session's lease: only one program speaks for an account."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from api import Session, Store, eventually, fails, item, kv, outcome_of, peer, session_data

ROW = kv("s", "k", value=b"v")


def lost(lease: Session) -> None:
    """Wait until the lease has run out."""

    def fenced() -> bool:
        try:
            lease.put(kv("probe", "probe", value=b""))
        except Exception as failure:
            assert getattr(failure, "code", None) == "fenced", failure
            return True
        return False

    eventually(fenced)


def test_acquire_gives_a_handle_with_a_token(me: Session) -> None:
    """The handle that comes back carries a token."""
    lease = me.acquire()
    assert lease.token > 0 and lease.name == me.name and me.token == 0
    lease.put(ROW)
    assert lease.get_one(ROW)["value"] == b"v"


@pytest.mark.parametrize("held", ["exclusive", "shared"])
@pytest.mark.parametrize("wanted", ["exclusive", "shared"])
def test_who_may_hold_it_together(me: Session, held: str, wanted: str) -> None:
    """SHARED: any number of holders.  EXCLUSIVE: one holder."""
    me.acquire(mode=held)
    if held == wanted == "shared":
        me.acquire(mode=wanted)
        return
    with fails("busy"):
        me.acquire(mode=wanted)


def test_busy_names_the_holder(me: Session) -> None:
    """BUSY (held; the message names the holder): owner, host, pid."""
    me.acquire("the bot")
    with fails("busy", says=["the bot", socket.gethostname()[:20]]) as seen:
        me.acquire("another")
    assert seen[0].retryable


def test_fenced_names_the_holder(me: Session) -> None:
    """FENCED too, with a message that names the holder."""
    me.acquire("the bot")
    with fails("fenced", says=["the bot", socket.gethostname()[:20]]):
        me.put(ROW)


def test_exclusive_fences_every_write(me: Session, store: Store) -> None:
    """While a lease is EXCLUSIVE, writes through other handles are FENCED.  Reads never are."""
    me.put(ROW)
    me.put(item("i"))
    lease = me.acquire()
    other = store.session("main")
    writes = [
        lambda: other.put(kv("s", "x", value=b"")),
        lambda: other.delete(ROW),
        lambda: other.load(kv("s", "x", value=b"")),
        lambda: other.claim(),
        lambda: other.purge(),
        lambda: other.batch(kv("s", "x", value=b"")).commit(),
        lambda: other.settle("revive", item("i")),
    ]
    for write in writes:
        with fails("fenced"):
            write()
    assert other.get_one(ROW)["value"] == b"v" and len(other.list("kv")) == 1
    assert other.by_username("x") == [None] and store.stats()["kvs"] == 1
    assert lease.claim() and lease.delete(ROW)[0].applied


def test_shared_fences_nobody(me: Session) -> None:
    """SHARED: writes of others succeed."""
    lease = me.acquire(mode="shared")
    me.put(ROW)
    lease.put(ROW)


def test_other_sessions_are_not_fenced(me: Session, store: Store) -> None:
    """The lease is the session's."""
    me.acquire()
    store.session("other").put(ROW)
    store.session("other").acquire()


def test_release(me: Session) -> None:
    """Give the lease back.  Releasing a lost lease is no error."""
    lease = me.acquire()
    lease.release()
    me.put(ROW)
    with fails("fenced"):
        lease.put(ROW)
    lease.release()
    with fails("fenced"):
        lease.renew()
    assert me.acquire().token > lease.token


def test_freeing_the_handle_does_not_release(me: Session) -> None:
    """tgs_session_free does not release the lease."""
    me.acquire().free()
    with fails("fenced"):
        me.put(ROW)


def test_tokens_only_increase(store: Store) -> None:
    """Tokens only increase, across release and purge."""
    me = store.session("a")
    tokens = []
    for _ in range(3):
        lease = me.acquire()
        tokens.append(lease.token)
        lease.release()
        me.put(ROW)
        me.purge()
    assert tokens == sorted(set(tokens))


def test_renew(me: Session, store: Store) -> None:
    """Let the lease last ttl_ms from now."""
    lease = me.acquire(ttl_ms=5000)
    before = store.sessions()["main"]
    assert before["lease_expires"] - before["lease_since"] == 5000
    lease.renew(ttl_ms=3_600_000)
    assert store.sessions()["main"]["lease_expires"] >= before["lease_since"] + 3_600_000
    lease.put(ROW)


@pytest.mark.slow
def test_a_lease_that_ran_out(me: Session) -> None:
    """Each write checks in the same step that the lease is still held, else FENCED."""
    lease = me.acquire("first", ttl_ms=100)
    lost(lease)
    with fails("fenced"):
        lease.renew()
    me.put(ROW)
    second = me.acquire("second")
    assert second.token > lease.token
    with fails("fenced", says=["second"]):
        lease.put(ROW)
    lease.release()
    second.put(ROW)


@pytest.mark.slow
def test_fenced_batch_stores_nothing(me: Session) -> None:
    """A write through it checks the token in the same atomic step."""
    lease = me.acquire(ttl_ms=100)
    batch = lease.batch(peer("user", 1), session_data(dc=2))
    lost(lease)
    with fails("fenced"):
        batch.commit()
    assert me.get_one(peer("user", 1)) is None and me.list("session") == []


def test_lease_is_in_the_session_list(me: Session, store: Store) -> None:
    """Sessions that have a live lease are listed, with the newest holder."""
    first = me.acquire("first", mode="shared")
    second = me.acquire("second", mode="shared")
    row = store.sessions()["main"]
    assert (row["lease_mode"], row["lease_holders"], row["lease_owner"]) == ("shared", 2, "second")
    assert row["lease_token"] == second.token and row["lease_host"] == socket.gethostname()
    assert row["lease_pid"] > 0 and row["lease_expires"] > row["lease_since"] > 1600000000000
    second.release()
    assert store.sessions()["main"]["lease_token"] == first.token
    first.release()
    assert store.sessions() == {}


@pytest.mark.needs("threads")
def test_waiting_for_the_holder(me: Session) -> None:
    """wait_ms: how long to wait for the holder, within the deadline."""
    lease = me.acquire("first")
    waiting = me.start("acquire", owner="second", wait_ms=20000, timeout_ms=20000)
    with fails("busy"):
        me.acquire("third", wait_ms=100)
    assert not waiting.done()
    lease.release()
    assert outcome_of(waiting)["token"] > lease.token


@pytest.mark.slow
def test_waiting_for_a_holder_that_died(me: Session) -> None:
    """A lease that runs out is given to the one who waits."""
    me.acquire("first", ttl_ms=200)
    assert me.acquire("second", wait_ms=20000, timeout_ms=20000).token > 0


def test_waiting_ends_at_the_deadline(me: Session) -> None:
    """... within the deadline."""
    me.acquire()
    with fails("busy"):
        me.acquire(wait_ms=60000, timeout_ms=150)


@pytest.mark.parametrize(
    "arguments",
    [{"ttl_ms": 0}, {"ttl_ms": -1}, {"wait_ms": -1}, {"mode": "none"}],
    ids=str,
)
def test_acquire_arguments(me: Session, arguments: dict[str, Any]) -> None:
    """mode: SHARED or EXCLUSIVE; ttl_ms > 0; wait_ms not negative."""
    with fails("invalid"):
        me.acquire(**arguments)


@pytest.mark.parametrize("ttl_ms", [0, -1])
def test_renew_arguments(me: Session, ttl_ms: int) -> None:
    """ttl_ms > 0."""
    lease = me.acquire()
    with fails("invalid"):
        lease.renew(ttl_ms=ttl_ms)


def test_lease_calls_without_a_lease(me: Session) -> None:
    """A handle without a token holds no lease: renew and release are a mistake."""
    for call in (me.renew, me.release):
        with fails("invalid"):
            call()


def test_purge_by_the_holder(me: Session, store: Store) -> None:
    """The holder may purge; with the session goes its lease."""
    lease = me.acquire()
    lease.put(ROW)
    lease.purge()
    assert store.sessions() == {}
    me.put(ROW)


def test_prune_is_not_fenced(me: Session, store: Store) -> None:
    """tgs_prune is about all sessions: it passes by those that are held, and never fails for them."""
    me.put(kv("s", "old", expires=1))
    me.acquire()
    store.session("other").put(kv("s", "old", expires=1))
    store.prune()
    assert store.stats("other")["expired"] == 0


def test_lease_handles_look_like_others(me: Session) -> None:
    """The handle that comes back is a session handle: its batches are fenced too."""
    lease = me.acquire()
    assert lease.batch(ROW).commit()[0].applied
    lease.load(ROW)
