# SPDX-License-Identifier: Apache-2.0
"""tgstore for asyncio: the same names as in tgstore.

    async with aio.open("sqlite:bot.db") as store:
        me = store.session("main")
        await me.put_peers([tgstore.Peer("user", 777000, access_hash=-5)])
        async for peer in me.peers():
            ...

What blocks there is a coroutine here, and an iterator an asynchronous one; what does not block is the
same.  A store has a few threads for its calls.  The writes of one session run one after the other, in
the order they were made; reads run beside them.

Calls that are done sooner than a thread would begin run in the event loop itself: look-ups of one row
(get_one, data, update_state, peer), which wait for nobody, and in a memory store also get and writes,
but for load and purge.  A look-up in the loop waits a millisecond at most for locks and then goes to a
thread, as the first of a store does, which opens connections; where the disk turns out to be slow the
next hundred go there, and all of them where the database is on the network.

A task that is cancelled cancels its call, waits until that has ended, and only then raises
asyncio.CancelledError; the call may have been carried out.  A deadline (asyncio.timeout) does the same.
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload
from weakref import WeakValueDictionary

from . import _session, _snapshot, _store
from ._batch import BatchRows
from ._call import Canceller, Option, R
from ._errors import BusyError, Error, TimeoutError
from ._records import LeaseMode, Peer, PeerKind, QueueState, Result, SessionInfo
from ._session import Order
from ._store import Capability

P = ParamSpec("P")
T = TypeVar("T")

# --- calls in threads


class _Threads:
    """A few threads for calls.  A child made by fork has none of its parent's, and starts its own."""

    __slots__ = ("_count", "_pid", "_pool")

    def __init__(self, count: int) -> None:
        self._count = count
        self._start()

    def _start(self) -> None:
        self._pool = ThreadPoolExecutor(self._count, "tgstore")
        self._pid = os.getpid()

    def submit(self, function: Callable[..., T], *args: Any, **options: Any) -> Future[T]:
        if self._pid != os.getpid():
            self._start()
        return self._pool.submit(function, *args, **options)

    def shutdown(self) -> None:
        """End the threads as soon as their calls have ended."""
        self._pool.shutdown(wait=False)


_threads = _Threads(8)  # for what belongs to no open store


async def _end(call: Future[Any]) -> None:
    """Wait until a call has ended, however often the waiting task is cancelled."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    call.add_done_callback(lambda _: loop.call_soon_threadsafe(ended.set))
    while not ended.is_set():
        try:
            await ended.wait()
        except asyncio.CancelledError:
            continue


async def _run(threads: _Threads, function: Callable[..., T], *args: Any, **options: Any) -> T:
    """Call in a thread; cancelling the task cancels the call."""
    own = Canceller()
    cancel: Canceller | None = options.pop("cancel", None)
    if cancel is not None:
        cancel._add_follower(own)
    try:
        call = threads.submit(function, *args, cancel=own, **options)
        try:
            return await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            if not call.cancel():
                own.cancel()
                await _end(call)
            raise
    finally:
        if cancel is not None:
            cancel._remove_follower(own)


# --- calls in the event loop

_WAIT_MS = 1  # how long a look-up may wait there
_SLOW_SECONDS = 0.005  # after one that took longer ...
_AFTER_SLOW = 100  # ... so many go to the threads
_TURN = 64  # one in so many calls lets other tasks run


class _InLoop:
    """Which calls of a store may run in the event loop, without a thread."""

    __slots__ = ("_calls", "_threaded", "all")

    #: short calls of any kind, not look-ups alone
    all: bool

    def __init__(self, capabilities: Capability) -> None:
        self.all = not capabilities & (Capability.DURABLE | Capability.SHARED | Capability.NETWORK)
        self._calls = 0
        # how many look-ups are to run in threads before one is tried in the loop
        self._threaded: float = 0 if self.all else math.inf if capabilities & Capability.NETWORK else 1

    def _turn_is_due(self) -> bool:
        """Whether other tasks have waited long enough: a call in the loop lets none of them run."""
        self._calls += 1
        return self._calls % _TURN == 0

    async def call(self, function: Callable[..., T], *args: Any, **options: Any) -> T:
        if self._turn_is_due():
            await asyncio.sleep(0)
        return function(*args, **options)

    async def look_up(self, threads: _Threads, function: Callable[..., T], *args: Any, **options: Any) -> T:
        if not self._threaded:
            if self._turn_is_due():
                await asyncio.sleep(0)
            start = time.perf_counter()
            try:
                return function(*args, **{**options, "timeout_ms": _WAIT_MS})
            except (BusyError, TimeoutError):
                pass
            finally:
                if time.perf_counter() - start > _SLOW_SECONDS:
                    self._threaded = _AFTER_SLOW
        found = await _run(threads, function, *args, **options)
        self._threaded = max(0, self._threaded - 1)
        return found


class _Managed(Protocol):
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


M = TypeVar("M", bound=_Managed)


class _Pending(Generic[M]):
    """What `await` gives, and `async with` opens and closes."""

    __slots__ = ("_coming", "_here")

    def __init__(self, coming: Coroutine[Any, Any, M]) -> None:
        self._coming = coming

    def __await__(self) -> Generator[Any, Any, M]:
        return self._coming.__await__()

    async def __aenter__(self) -> M:
        self._here = await self._coming
        return self._here

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._here.__aexit__(exc_type, exc, traceback)


def _store_call(
    method: Callable[Concatenate[_store.Store, P], T],
) -> Callable[Concatenate[Store, P], Coroutine[Any, Any, T]]:
    @functools.wraps(method)
    async def call(self: Store, /, *args: P.args, **options: P.kwargs) -> T:
        return await _run(self._threads, method, self._sync, *args, **options)

    return call


def _long(
    method: Callable[Concatenate[_session.Session, P], T],
) -> Callable[Concatenate[Session, P], Coroutine[Any, Any, T]]:
    """A call that may wait, or take long."""

    @functools.wraps(method)
    async def call(self: Session, /, *args: P.args, **options: P.kwargs) -> T:
        return await _run(self._store._threads, method, self._sync, *args, **options)

    return call


def _read(
    method: Callable[Concatenate[_session.Session, P], T],
) -> Callable[Concatenate[Session, P], Coroutine[Any, Any, T]]:
    @functools.wraps(method)
    async def call(self: Session, /, *args: P.args, **options: P.kwargs) -> T:
        return await self._store._short(method, self._sync, *args, **options)

    return call


def _look_up(
    method: Callable[Concatenate[_session.Session, P], T],
) -> Callable[Concatenate[Session, P], Coroutine[Any, Any, T]]:
    """A read of one row."""

    @functools.wraps(method)
    async def call(self: Session, /, *args: P.args, **options: P.kwargs) -> T:
        store = self._store
        return await store._in_loop.look_up(store._threads, method, self._sync, *args, **options)

    return call


def _write(
    method: Callable[Concatenate[_session.Session, P], T],
) -> Callable[Concatenate[Session, P], Coroutine[Any, Any, T]]:
    @functools.wraps(method)
    async def call(self: Session, /, *args: P.args, **options: P.kwargs) -> T:
        async with self._writing:
            return await self._store._short(method, self._sync, *args, **options)

    return call


def _long_write(
    method: Callable[Concatenate[_session.Session, P], T],
) -> Callable[Concatenate[Session, P], Coroutine[Any, Any, T]]:
    @functools.wraps(method)
    async def call(self: Session, /, *args: P.args, **options: P.kwargs) -> T:
        async with self._writing:
            return await _run(self._store._threads, method, self._sync, *args, **options)

    return call


# --- the classes


class Batch(BatchRows):
    """Collects writes of one session and stores them all or none.

    As an asynchronous context manager it commits when the block ends well, and drops its rows when
    the block raises.  Adding rows does not block, and is not awaited.
    """

    __slots__ = ("_owner",)

    def __init__(self, session: Session) -> None:
        super().__init__(session._sync)
        self._owner = session

    async def __aenter__(self) -> Batch:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc_type is None:
            await self.commit()
        else:
            self.clear()

    async def commit(self, *, timeout_ms: int | None = None, cancel: Canceller | None = None) -> list[Result]:
        """Store everything or nothing.  As tgstore.Batch.commit."""
        async with self._owner._writing:
            return await self._owner._store._short(self._commit, timeout_ms=timeout_ms, cancel=cancel)


class Session:
    """A store and the name of one session, and a lease if it holds one.  Made by Store.session.

    For one event loop.  See tgstore.Session.
    """

    __slots__ = ("_store", "_sync", "_writing")

    def __init__(self, store: Store, sync: _session.Session) -> None:
        self._store = store
        self._sync = sync
        self._writing = store._lock(sync.name)

    def __repr__(self) -> str:
        return f"<tgstore.aio.Session {self.name!r} of {self._store!r}>"

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release the lease, if this handle has one, and close."""
        try:
            if self.token:
                await self.release_lease()
        except Error:
            if exc_type is None:
                raise
        finally:
            self.close()

    @property
    def name(self) -> str:
        return self._sync.name

    @property
    def token(self) -> int:
        """Of the lease that this handle holds, or 0."""
        return self._sync.token

    def close(self) -> None:
        """Free the handle; stored records and a lease stay as they are.  Does not block."""
        self._sync.close()

    def batch(self) -> Batch:
        """An empty batch, for any mix of writes in one step.  Does not block."""
        return Batch(self)

    put = _write(_session.Session.put)
    get = _read(_session.Session.get)
    get_one = _look_up(_session.Session.get_one)
    delete = _write(_session.Session.delete)
    load = _long_write(_session.Session.load)
    page = _long(_session.Session.page)
    data = _look_up(_session.Session.data)
    put_data = _write(_session.Session.put_data)
    update_state = _look_up(_session.Session.update_state)
    put_peers = _write(_session.Session.put_peers)
    peers_by_username = _read(_session.Session.peers_by_username)
    peers_by_phone = _read(_session.Session.peers_by_phone)
    add_dedup = _write(_session.Session.add_dedup)
    enqueue = _write(_session.Session.enqueue)
    claim = _write(_session.Session.claim)
    ack = _write(_session.Session.ack)
    fail = _write(_session.Session.fail)
    release = _write(_session.Session.release)
    extend = _write(_session.Session.extend)
    revive = _write(_session.Session.revive)
    kill = _write(_session.Session.kill)
    purge = _long_write(_session.Session.purge)
    # not in the row of the writes: a lease is waited for, and must be renewed while a load goes on
    _acquire_lease = _long(_session.Session.acquire_lease)
    renew_lease = _long(_session.Session.renew_lease)
    release_lease = _long(_session.Session.release_lease)

    async def list(
        self,
        record: type[R],
        *,
        limit: int = 1000,
        kind: PeerKind | None = None,
        state: QueueState | None = None,
        scope: str | None = None,
        order: Order = "key",
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> AsyncIterator[R]:
        """Iterate over all pages.  As tgstore.Session.list."""
        after: R | None = None
        while True:
            rows = await self.page(
                record,
                after=after,
                limit=limit,
                kind=kind,
                state=state,
                scope=scope,
                order=order,
                timeout_ms=timeout_ms,
                cancel=cancel,
            )
            for row in rows:
                yield row
            if not rows.more:
                return
            after = rows[-1]

    def peers(
        self, kind: PeerKind | None = None, *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> AsyncIterator[Peer]:
        """Iterate over all peers, by kind and id.  As list."""
        return self.list(Peer, kind=kind, timeout_ms=timeout_ms, cancel=cancel)

    @overload
    async def peer(
        self,
        kind: PeerKind,
        id: int,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Peer | None: ...

    @overload
    async def peer(
        self,
        *,
        username: str,
        max_age_ms: int = 0,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Peer | None: ...

    @overload
    async def peer(
        self,
        *,
        phone: str,
        max_age_ms: int = 0,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Peer | None: ...

    async def peer(self, *args: Any, **options: Any) -> Peer | None:
        """Look up one peer: by kind and bare id, by username or by phone.  As tgstore.Session.peer."""
        store = self._store
        return await store._in_loop.look_up(store._threads, self._sync.peer, *args, **options)

    def acquire_lease(
        self,
        owner: str,
        mode: LeaseMode = "exclusive",
        ttl_ms: int = 30000,
        wait_ms: int = 0,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> _Pending[Session]:
        """Take the session's lease.  As tgstore.Session.acquire_lease.

        To be awaited, or opened by `async with`, which releases it at the end.  A task that is
        cancelled here may have taken it; then it runs out after `ttl_ms`.
        """

        async def acquire() -> Session:
            leased = await self._acquire_lease(
                owner, mode, ttl_ms, wait_ms, timeout_ms=timeout_ms, cancel=cancel
            )
            return Session(self._store, leased)

        return _Pending(acquire())


class Store:
    """An open store.  Made by tgstore.aio.open.  For one event loop.  See tgstore.Store."""

    __slots__ = ("__weakref__", "_in_loop", "_locks", "_sync", "_threads")

    def __init__(self, sync: _store.Store, threads: int) -> None:
        self._sync = sync
        self._threads = _Threads(threads)
        self._in_loop = _InLoop(sync.capabilities)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __repr__(self) -> str:
        return repr(self._sync).replace("tgstore.", "tgstore.aio.", 1)

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _short(self, function: Callable[..., T], *args: Any, **options: Any) -> T:
        """A call that takes no longer than its rows, and waits only where others use the database."""
        if self._in_loop.all:
            return await self._in_loop.call(function, *args, **options)
        return await _run(self._threads, function, *args, **options)

    def _lock(self, name: str) -> asyncio.Lock:
        """What the writes of a session wait in line for."""
        return self._locks.setdefault(name, asyncio.Lock())

    @property
    def backend(self) -> str:
        """The back end's name: "sqlite"."""
        return self._sync.backend

    @property
    def capabilities(self) -> Capability:
        return self._sync.capabilities

    @property
    def closed(self) -> bool:
        return self._sync.closed

    async def close(self) -> None:
        """Close; again is no error.  As tgstore.Store.close."""
        call = _threads.submit(self._sync.close)  # not behind the calls that it is to end
        if self._threads is not _threads:
            self._threads.shutdown()
            self._threads = _threads  # where later calls learn that it is closed
        try:
            await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            await _end(call)
            raise

    def session(self, name: str = "") -> Session:
        """The session of this name, whether or not it exists.  Does not block."""
        return Session(self, self._sync.session(name))

    sync = _store_call(_store.Store.sync)
    ping = _store_call(_store.Store.ping)
    sessions_page = _store_call(_store.Store.sessions_page)
    prune = _store_call(_store.Store.prune)
    stats = _store_call(_store.Store.stats)
    backup = _store_call(_store.Store.backup)

    async def sessions(
        self, *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> AsyncIterator[SessionInfo]:
        """Iterate over all sessions, by name in byte order."""
        after: str | None = None
        while True:
            page = await self.sessions_page(after, timeout_ms=timeout_ms, cancel=cancel)
            for info in page:
                yield info
            if not page.more:
                return
            after = page[-1].name


class Snapshot(_snapshot.SnapshotRows):
    """One account's records in memory, as read from a session string, a session file or a store.

    See tgstore.Snapshot.
    """

    __slots__ = ()

    async def __aenter__(self) -> Snapshot:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @classmethod
    async def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Snapshot:
        """Read a session file of any known format.  As tgstore.Snapshot.from_file."""
        read = _snapshot.Snapshot.from_file
        return cls((await _run(_threads, read, path, timeout_ms=timeout_ms, cancel=cancel))._handle)

    @classmethod
    async def from_session(
        cls,
        session: Session,
        peers: bool = True,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Snapshot:
        """Read a session of a store.  As tgstore.Snapshot.from_session."""
        snapshot = await _run(
            session._store._threads,
            _snapshot.Snapshot.from_session,
            session._sync,
            peers,
            timeout_ms=timeout_ms,
            cancel=cancel,
        )
        return cls(snapshot._handle)

    async def to_file(
        self,
        format: str,
        path: str | os.PathLike[str],
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
        **options: Option,
    ) -> None:
        """Write as a new session file.  As tgstore.Snapshot.to_file."""
        write = _snapshot.Snapshot(self._handle).to_file
        await _run(_threads, write, format, path, timeout_ms=timeout_ms, cancel=cancel, **options)

    async def to_session(
        self,
        session: Session,
        replace_account: bool = False,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> int:
        """Merge into a session of a store.  As tgstore.Snapshot.to_session."""
        async with session._writing:
            return await _run(
                session._store._threads,
                _snapshot.Snapshot(self._handle).to_session,
                session._sync,
                replace_account,
                timeout_ms=timeout_ms,
                cancel=cancel,
            )


def open(
    url: str, *, threads: int = 8, cancel: Canceller | None = None, **options: Option
) -> _Pending[Store]:
    """Open a store.  To be awaited, or opened by `async with`, which closes it at the end.

    Args:
        threads: how many calls may run at once.
        url, options: as for tgstore.open.
    """

    async def opened() -> Store:
        return Store(await _run(_threads, _store.open, url, cancel=cancel, **options), threads)

    return _Pending(opened())


async def load_backend(
    path: str | os.PathLike[str], *, timeout_ms: int | None = None, cancel: Canceller | None = None
) -> None:
    """Load a module with a back end.  As tgstore.load_backend."""
    await _run(_threads, _store.load_backend, path, timeout_ms=timeout_ms, cancel=cancel)
