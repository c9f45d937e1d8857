# SPDX-License-Identifier: Apache-2.0
"""Many threads on one store; calls that are cancelled, time out, or lose their store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

import tgstore

Wait = Callable[[Callable[[], object]], None]


def waiting_call(
    threads: ThreadPoolExecutor, session: tgstore.Session, cancel: tgstore.Canceller | None = None
) -> Future[tgstore.Session]:
    """A call that blocks in C for as long as somebody else holds the lease."""
    return threads.submit(session.acquire_lease, "waiter", wait_ms=10**9, timeout_ms=-1, cancel=cancel)


def test_other_threads_run_while_a_call_blocks(session: tgstore.Session, wait_until: Wait) -> None:
    with ThreadPoolExecutor(1) as threads:
        with session.acquire_lease("holder"):
            call = waiting_call(threads, session)
            wait_until(call.running)
            for i in range(100):  # could not, if the call held the interpreter lock
                assert session.get_one(tgstore.Kv("s", str(i))) is None
            assert not call.done()
        assert call.result(30).token > 0


def test_a_call_is_cancelled_from_another_thread(session: tgstore.Session, wait_until: Wait) -> None:
    canceller = tgstore.Canceller()
    with ThreadPoolExecutor(2) as threads, session.acquire_lease("holder"):
        calls = [waiting_call(threads, session, canceller) for _ in range(2)]
        wait_until(lambda: all(call.running() for call in calls))
        canceller.cancel()
        for call in calls:
            with pytest.raises(tgstore.CancelledError):
                call.result(30)
    assert canceller.cancelled
    with pytest.raises(tgstore.CancelledError):
        session.data(cancel=canceller)
    canceller.reset()
    assert not canceller.cancelled
    assert session.data(cancel=canceller) is None


def test_a_deadline_ends_a_call(session: tgstore.Session) -> None:
    with session.acquire_lease("holder"), pytest.raises((tgstore.BusyError, tgstore.TimeoutError)):
        session.acquire_lease("waiter", wait_ms=10**9, timeout_ms=20)


def test_close_ends_running_calls(wait_until: Wait) -> None:
    store = tgstore.open("memory:", timeout_ms=50)
    session = store.session("main")
    with ThreadPoolExecutor(1) as threads:
        session.acquire_lease("holder")
        call = waiting_call(threads, session)
        wait_until(call.running)
        store.close()
        with pytest.raises((tgstore.CancelledError, tgstore.InvalidError)):
            call.result(30)


def test_a_session_is_closed_while_a_call_runs_on_it(
    session: tgstore.Session, store: tgstore.Store, wait_until: Wait
) -> None:
    other = store.session("main")
    with ThreadPoolExecutor(1) as threads:
        with session.acquire_lease("holder"):
            call = waiting_call(threads, other)
            wait_until(call.running)
            other.close()
            with pytest.raises(tgstore.InvalidError, match="the session is closed"):
                other.data()
        assert call.result(30).token > 0


def test_close_and_calls_race() -> None:
    def use(store: tgstore.Store, session: tgstore.Session, start: threading.Barrier) -> None:
        start.wait()
        try:
            while True:
                store.ping()
                session.put(tgstore.Kv("s", "k", value=b"v" * 100))
                list(session.list(tgstore.Kv))
        except tgstore.InvalidError as error:
            assert "closed" in str(error)

    for _ in range(20):
        store = tgstore.open("memory:")
        start = threading.Barrier(5)
        with ThreadPoolExecutor(4) as threads:
            calls = [threads.submit(use, store, store.session("main"), start) for _ in range(4)]
            start.wait()
            store.close()
            for call in calls:
                call.result(30)


def test_many_threads_write_at_once(session: tgstore.Session) -> None:
    def write(thread: int) -> None:
        for i in range(100):
            session.put(tgstore.Peer("user", thread * 1000 + i, first_name=str(i)))

    with ThreadPoolExecutor(8) as threads:
        for call in [threads.submit(write, thread) for thread in range(8)]:
            call.result(60)
    assert len(list(session.peers())) == 800


@pytest.mark.parametrize("url", ["memory:", "sqlite:{}/store.db"], ids=["memory", "sqlite"])
def test_many_threads_use_one_session_at_once(url: str, tmp_path: Path) -> None:
    """No count is lost, no key won twice, no item handled twice; and nobody needs a lock of their own."""
    with tgstore.open(url.format(tmp_path)) as store:
        session = store.session("main")
        session.enqueue([tgstore.QueueItem(str(i), lane=str(i % 5)) for i in range(100)])

        def count_one() -> None:
            while True:
                row = session.get_one(tgstore.Conversation(1, 1))
                new = tgstore.Conversation(1, 1, step_number=1, flags=tgstore.IF_ABSENT | tgstore.REQUIRE)
                if row:
                    new.step_number, new.version = row.step_number + 1, row.version
                    new.flags = tgstore.IF_VERSION | tgstore.REQUIRE
                try:
                    session.put(new)
                    return
                except tgstore.ConflictError:
                    continue

        def work(thread: int) -> tuple[list[str], int]:
            handled = []
            won = 0
            for i in range(25):
                count_one()
                won += session.add_dedup([str(i)])[0]
                for item in session.claim(str(thread), limit=3):
                    with session.batch() as batch:
                        batch.put(tgstore.Kv("done", item.id, value=b""))
                        batch.ack([item])
                    handled.append(item.id)
            while items := session.claim(str(thread)):
                session.ack(items)
                handled += [item.id for item in items]
            return handled, won

        with ThreadPoolExecutor(8) as threads:
            ended = [call.result(120) for call in [threads.submit(work, thread) for thread in range(8)]]
        assert sorted(id for handled, _ in ended for id in handled) == sorted(str(i) for i in range(100))
        assert sum(won for _, won in ended) == 25
        assert session.get_one(tgstore.Conversation(1, 1)).step_number == 8 * 25  # type: ignore[union-attr]


def test_rows_may_change_while_they_are_stored(session: tgstore.Session) -> None:
    """The call reads what was there when it began, whatever other threads do to the objects."""
    rows = [tgstore.Kv("s", str(i), value=b"v" * 1000) for i in range(500)]
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for row in rows:
                row.value = bytes(500)
                row.value = b"w" * 1000

    with ThreadPoolExecutor(1) as threads:
        changing = threads.submit(change)
        for _ in range(50):
            session.put(rows)
        stop.set()
        changing.result(30)
    values = {row.value for row in session.list(tgstore.Kv)}
    assert values <= {b"v" * 1000, bytes(500), b"w" * 1000}


def test_a_batch_is_for_one_thread_at_a_time(session: tgstore.Session) -> None:
    """A second thread is refused while one commits; nothing is torn or lost."""
    batch = session.batch()
    start = threading.Barrier(2)

    def insist(call: Callable[[], object]) -> None:
        while True:
            try:
                call()
                return
            except tgstore.InvalidError as error:
                assert "in use by another thread" in str(error)

    def work(scope: str) -> None:
        start.wait()
        for i in range(100):
            row = tgstore.Kv(scope, str(i))
            insist(lambda: batch.put(row))
            insist(batch.commit)

    with ThreadPoolExecutor(2) as threads:
        for call in [threads.submit(work, scope) for scope in "ab"]:
            call.result(60)
    assert len(list(session.list(tgstore.Kv))) == 200
