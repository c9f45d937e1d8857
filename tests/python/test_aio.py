# SPDX-License-Identifier: Apache-2.0
"""tgstore.aio: the same for asyncio; cancelling a task cancels its call and waits for its end."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import tgstore
from tgstore import _lowlevel, aio


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **options: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **options), 60))

    return run


def surface(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


@pytest.mark.parametrize("name", ["Store", "Session", "Batch", "Snapshot"])
def test_the_surface_is_the_same(name: str) -> None:
    here, there = getattr(aio, name), getattr(tgstore, name)
    assert surface(here) == surface(there)
    for member in surface(there):
        ours, theirs = getattr(here, member), getattr(there, member)
        if not callable(theirs) or member in ("open", "peer"):
            continue
        ours = getattr(ours, "__wrapped__", ours)
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
        assert ours.__doc__


@asynchronous
async def test_everything_once(tmp_path: Path) -> None:
    async with aio.open("memory:", threads=2) as store:
        me = store.session("main")
        await me.put_data(tgstore.SessionData(dc=2, auth_key=b"k" * 256, address="::1", port=443))
        await me.put_peers([tgstore.Peer("user", i, usernames=[f"n{i}"]) for i in range(30)])
        data = await me.data()
        assert data is not None and data.dc == 2
        assert [peer.id async for peer in me.peers("user")] == list(range(30))
        assert [peer.id async for peer in me.list(tgstore.Peer, limit=7)] == list(range(30))
        peer = await me.peer(username="N7")
        assert peer is not None and peer.id == 7
        assert await me.peer("user", 99) is None
        assert await me.add_dedup(["a", "b", "a"]) == [True, True, False]
        await me.enqueue(tgstore.QueueItem("q", payload=b"p"))
        (item,) = await me.claim("worker")
        async with me.batch() as batch:
            batch.ack(item)
            batch.put(tgstore.Kv("s", "k", value=b"v"))
            assert len(batch) == 2
        assert [result.applied for result in batch.results] == [True, True]
        assert [info.name async for info in store.sessions()] == ["main"]
        assert (await store.stats("main")).peers == 30
        snapshot = await aio.Snapshot.from_session(me)
        text = aio.Snapshot.from_text(snapshot.to_text("telethon"))
        assert await text.to_session(store.session("other")) > 0
        await text.to_file("telethon-sqlite", tmp_path / "new.session")
        with pytest.raises(tgstore.ConflictError):
            await text.to_file("telethon-sqlite", tmp_path / "new.session")
        (tmp_path / "string.txt").write_text(text.to_text("telethon"))
        async with await aio.Snapshot.from_file(tmp_path / "string.txt") as read:
            assert read.session is not None and read.session.dc == 2
        assert await me.purge() > 0
        await store.sync()
    assert store.closed
    with pytest.raises(tgstore.InvalidError):
        await me.data()


@asynchronous
async def test_a_batch_is_dropped_when_its_block_raises() -> None:
    async with aio.open("memory:") as store:
        me = store.session()
        with pytest.raises(KeyError):
            async with me.batch() as batch:
                batch.put(tgstore.Kv("s", "k"))
                raise KeyError
        assert len(batch) == 0 and await me.get_one(tgstore.Kv("s", "k")) is None


@asynchronous
async def test_writes_of_a_session_keep_their_order() -> None:
    async with aio.open("memory:") as store:
        for handles in (1, 2):
            sessions = [store.session("main") for _ in range(handles)]
            await asyncio.gather(
                *(sessions[i % handles].put(tgstore.Kv("s", "k", value=str(i).encode())) for i in range(100))
            )
            found = await sessions[0].get_one(tgstore.Kv("s", "k"))
            assert found is not None and found.value == b"99"


def ask_for_lease(session: aio.Session, **options: Any) -> Coroutine[Any, Any, aio.Session]:
    async def ask() -> aio.Session:
        return await session.acquire_lease("waiter", wait_ms=10**9, timeout_ms=-1, **options)

    return ask()


async def running(store: aio.Store, calls: int) -> None:
    """Wait until the store's threads have begun that many calls."""
    while store._threads._pool._work_queue.qsize() or len(store._threads._pool._threads) < calls:
        await asyncio.sleep(0.001)


@asynchronous
async def test_other_tasks_and_calls_run_while_one_blocks() -> None:
    async with aio.open("memory:") as store:
        me = store.session("main")
        async with me.acquire_lease("holder"):
            waiting = asyncio.create_task(ask_for_lease(me))
            await running(store, 1)
            for i in range(20):
                await me.get_one(tgstore.Kv("s", str(i)))
            assert not waiting.done()
        assert (await waiting).token > 0


@asynchronous
async def test_cancelling_a_task_ends_its_call() -> None:
    async with aio.open("memory:", threads=1) as store:
        me = store.session("main")
        async with me.acquire_lease("holder"):
            waiting = asyncio.create_task(ask_for_lease(me))
            queued = asyncio.create_task(store.ping())
            await running(store, 0)
            while not store._threads._pool._threads:
                await asyncio.sleep(0.001)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await queued  # the only thread is free again
        assert await me.data() is None


@asynchronous
async def test_a_call_that_has_not_begun_is_dropped() -> None:
    async with aio.open("memory:", threads=1) as store:
        me = store.session("main")
        async with me.acquire_lease("holder"):
            waiting = asyncio.create_task(ask_for_lease(me))
            await asyncio.sleep(0)
            queued = asyncio.create_task(me.load(tgstore.Kv("s", "k")))
            await asyncio.sleep(0)
            queued.cancel()
            with pytest.raises(asyncio.CancelledError):
                await queued
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert await me.get_one(tgstore.Kv("s", "k")) is None


@asynchronous
async def test_a_deadline_of_asyncio_ends_the_call() -> None:
    async with aio.open("memory:", threads=1) as store:
        me = store.session("main")
        async with me.acquire_lease("holder"):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ask_for_lease(me), 0.02)
        await store.ping()


@asynchronous
async def test_a_canceller_works_beside_the_task() -> None:
    async with aio.open("memory:") as store:
        me = store.session("main")
        canceller = tgstore.Canceller()
        async with me.acquire_lease("holder"):
            waiting = asyncio.create_task(ask_for_lease(me, cancel=canceller))
            await running(store, 1)
            canceller.cancel()
            with pytest.raises(tgstore.CancelledError):
                await waiting
            with pytest.raises(tgstore.CancelledError):
                await me.data(cancel=canceller)
            canceller.reset()
            await me.data(cancel=canceller)
            other = asyncio.create_task(ask_for_lease(me, cancel=canceller))
            await running(store, 1)
            other.cancel()
            with pytest.raises(asyncio.CancelledError):
                await other
            assert not canceller.cancelled and not canceller._followers


@asynchronous
async def test_closing_ends_running_calls() -> None:
    store = await aio.open("memory:", threads=1, timeout_ms=50)
    me = store.session("main")
    await me.acquire_lease("holder")
    waiting = asyncio.create_task(ask_for_lease(me))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises((tgstore.CancelledError, tgstore.InvalidError)):
        await waiting
    await store.close()


Record = list[tuple[str, bool]]  # the functions that were called, and whether in the event loop
WATCHED = ("get_one", "peer_by_username", "tgs_get", "tgs_put", "tgs_batch_commit", "tgs_list", "tgs_load")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Record:
    """What is called from here on."""
    made: Record = []
    here = threading.get_ident()

    def watch(name: str) -> None:
        function = getattr(_lowlevel, name)

        def call(*arguments: Any) -> Any:
            made.append((name, threading.get_ident() == here))
            return function(*arguments)

        monkeypatch.setattr(_lowlevel, name, call)

    for name in WATCHED:
        watch(name)
    return made


async def use(me: aio.Session) -> None:
    async with me.batch() as batch:
        batch.put(tgstore.UpdateState(pts=5))
    await me.put([tgstore.Peer("user", 1, usernames=["name"])])
    assert await me.update_state() and await me.peer("user", 1) and await me.peer(username="name")
    assert await me.get_one(tgstore.Kv("s", "k")) is None and await me.data() is None
    await me.get([tgstore.Peer("user", 1)])
    await me.page(tgstore.Peer)
    await me.load(tgstore.Kv("s", "k"))


@asynchronous
async def test_what_a_memory_store_does_in_the_loop(calls: Record) -> None:
    async with aio.open("memory:") as store:
        await use(store.session())
    assert [name for name, in_loop in calls if not in_loop] == ["tgs_list", "tgs_load"]


@asynchronous
async def test_what_is_on_the_disk_is_looked_up_in_the_loop(calls: Record, tmp_path: Path) -> None:
    async with aio.open(f"sqlite:{tmp_path}/store.db") as store:
        await use(store.session())
    assert [name for name, in_loop in calls if in_loop] == [
        "get_one",  # but not the first, of the update state
        "peer_by_username",
        "get_one",
        "get_one",
    ]


@asynchronous
async def test_first_look_ups_at_once_go_to_threads(calls: Record, tmp_path: Path) -> None:
    async with aio.open(f"sqlite:{tmp_path}/store.db") as store:
        await asyncio.gather(*(store.session().data() for _ in range(5)))
        await store.session().data()
    assert calls == [("get_one", False)] * 5 + [("get_one", True)]


@asynchronous
async def test_a_look_up_that_would_wait_goes_to_a_thread(
    calls: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With locking=exclusive a look-up waits for a write."""
    monkeypatch.setattr(aio, "_SLOW_SECONDS", 60)
    async with aio.open(f"sqlite:{tmp_path}/store.db", locking="exclusive") as store:
        me = store.session()
        await me.data()
        calls.clear()
        rows = [tgstore.Kv("s", str(i), value=bytes(1000)) for i in range(4000)]
        while ("get_one", False) not in calls:
            loading = asyncio.create_task(me.load(rows))
            while not loading.done():
                await me.data(timeout_ms=-1)
                await asyncio.sleep(0)
            await loading


@asynchronous
async def test_where_look_ups_are_slow_threads_take_over(
    calls: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(aio, "_AFTER_SLOW", 3)
    async with aio.open(f"sqlite:{tmp_path}/store.db") as store:
        for limit in (60, 0, 60, 60, 60, 60):
            monkeypatch.setattr(aio, "_SLOW_SECONDS", limit)
            await store.session(str(limit)).data()
    assert [in_loop for _, in_loop in calls] == [False, True, False, False, False, True]


@asynchronous
async def test_calls_in_the_loop_let_other_tasks_run() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def forever(me: aio.Session) -> None:
        while True:
            await me.put(tgstore.Kv("s", "k"))

    async with aio.open("memory:") as store:
        me = store.session()
        counting = asyncio.create_task(count())
        for _ in range(640):
            await me.data()
        assert turns == 10
        counting.cancel()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(forever(me), 0.02)


@asynchronous
async def test_errors_are_the_same() -> None:
    with pytest.raises(tgstore.UnsupportedError):
        await aio.open("nothing:")
    with pytest.raises(tgstore.UnavailableError):
        await aio.load_backend("/nowhere/tgstore-nothing.so")
    async with aio.open("memory:") as store:
        with pytest.raises(TypeError):
            await store.session().put(5)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_forgotten_store_leaves_no_threads(wait_until: Callable[[Callable[[], object]], None]) -> None:
    async def forget() -> list[Any]:
        store = await aio.open("memory:")
        await store.ping()
        return list(store._threads._pool._threads)

    threads = asyncio.run(forget())
    gc.collect()
    wait_until(lambda: not any(thread.is_alive() for thread in threads))


def test_exit_with_a_forgotten_store(run_python: Callable[..., str]) -> None:
    program = """
import asyncio
from tgstore import aio
async def main():
    global store
    store = await aio.open("memory:")
    await store.session("main").data()
asyncio.run(main())
"""
    run_python(program, "-W", "ignore::ResourceWarning")


def test_fork(run_python: Callable[..., str]) -> None:
    program = """
import asyncio, os, tgstore
from tgstore import aio

async def parent():
    global store
    store = await aio.open("memory:")
    await store.ping()

async def child():
    try:
        await store.ping()
    except tgstore.InvalidError as error:
        assert "fork" in str(error)
    else:
        os._exit(3)
    async with aio.open("memory:") as own:
        await own.ping()

asyncio.run(parent())
process = os.fork()
asyncio.run(child() if process == 0 else store.close())
if process == 0:
    raise SystemExit(0)
assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
"""
    run_python(program, "-W", "ignore::DeprecationWarning", "-W", "ignore::ResourceWarning")
