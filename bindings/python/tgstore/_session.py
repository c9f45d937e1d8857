# SPDX-License-Identifier: Apache-2.0
"""One account's records."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from . import _lowlevel
from ._batch import Batch
from ._call import (
    Canceller,
    R,
    Rows,
    are_new,
    as_rows,
    choice,
    dedup_rows,
    each_row,
    runs_of,
    settle_rows,
)
from ._errors import Error, invalid
from ._records import (
    LeaseMode,
    Peer,
    PeerKind,
    QueueItem,
    QueueState,
    Record,
    Result,
    SessionData,
    UpdateState,
)

if TYPE_CHECKING:
    from ._store import Store

T = TypeVar("T")
Order = Literal["key", "expires"]

_ORDERS = {"key": _lowlevel.TGS_ORDER_KEY, "expires": _lowlevel.TGS_ORDER_EXPIRES}
_CHUNK = _lowlevel.TGS_MAX_ROWS
_SESSION, _PEER, _UPDATE_STATE = SessionData.record, Peer.record, UpdateState.record


class Page(list[T], Generic[T]):
    """A list of rows that knows whether there are more after it."""

    __slots__ = ("more",)

    more: bool

    def __init__(self, rows: Iterable[T] = (), more: bool = False) -> None:
        super().__init__(rows)
        self.more = more


def page_of(rows: _lowlevel.Handle) -> Page[Any]:
    return Page(_lowlevel.tgs_rows_data(rows), bool(_lowlevel.tgs_rows_more(rows)))


class Session:
    """A store and the name of one session, and a lease if it holds one.  Made by Store.session.

    May be used by many threads at once.  Every method that blocks takes `timeout_ms`, milliseconds
    until TimeoutError or BusyError (None: the store's default; negative: no limit), and `cancel`,
    a Canceller.  Besides what is said there each may raise InvalidError for a bad argument or a
    closed store, BusyError, TimeoutError, CancelledError, UnavailableError, AuthError,
    NoSpaceError, CorruptError and BackendError; each that writes also ReadOnlyError, FencedError
    and TooLargeError.
    """

    __slots__ = ("_handle", "_store", "name")

    #: of the session
    name: str

    def __init__(self, store: Store, handle: _lowlevel.Handle) -> None:
        self._store = store  # which stays open as long as a session is used
        self._handle = handle
        self.name = _lowlevel.tgs_session_name(handle) or ""

    def __repr__(self) -> str:
        return f"<tgstore.Session {self.name!r} of {self._store!r}>"

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release the lease, if this handle has one, and close."""
        try:
            if self.token:
                self.release_lease()
        except Error:
            if exc_type is None:
                raise
        finally:
            self.close()

    def close(self) -> None:
        """Free the handle; stored records and a lease stay as they are.  Does not block."""
        _lowlevel.tgs_session_free(self._handle)

    @property
    def token(self) -> int:
        """Of the lease that this handle holds, or 0."""
        return _lowlevel.tgs_session_token(self._handle)

    # --- the verbs

    def put(
        self, rows: Rows[Record], *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> builtins.list[Result]:
        """Merge rows into the session, all or nothing.  Blocks.

        Args:
            rows: one record or many, in any mix, up to 4096.  UNSET members are left as stored,
                None clears.
        Returns: a result for each row, in order.
        Raises: ConflictError (a row with REQUIRE whose condition did not hold, a changed user_id,
            a purge going on), TooLargeError.
        """
        rows = as_rows(rows)
        record = _lowlevel.record_of(rows)
        if record:
            return _lowlevel.tgs_put(self._handle, record, rows, True, (timeout_ms, cancel))
        batch = self.batch()
        batch.put(rows)
        return batch.commit(timeout_ms=timeout_ms, cancel=cancel)

    def get(
        self, keys: Rows[R], *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> builtins.list[R | None]:
        """Look up rows by key, in one round trip for each kind of record.  Blocks.

        Args:
            keys: one record or many; only their key members count.
        Returns: a record or None for each key, in order.
        """
        keys = as_rows(keys)
        record = _lowlevel.record_of(keys)
        if record:
            rows = _lowlevel.tgs_get(self._handle, record, keys, (timeout_ms, cancel))
            return _lowlevel.tgs_rows_data(rows)
        found: builtins.list[R | None] = [None] * len(keys)
        for record in {key.record for key in keys}:
            places = [i for i, key in enumerate(keys) if key.record == record]
            wanted = [keys[i] for i in places]
            rows = _lowlevel.tgs_get(self._handle, record, wanted, (timeout_ms, cancel))
            for i, row in zip(places, _lowlevel.tgs_rows_data(rows)):
                found[i] = row
        return found

    def get_one(self, key: R, *, timeout_ms: int | None = None, cancel: Canceller | None = None) -> R | None:
        """Look up one row by key; None if there is none.  Blocks."""
        row: R | None = _lowlevel.get_one(self._handle, timeout_ms, cancel, key.record, key)
        return row

    def delete(
        self, keys: Rows[Record], *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> builtins.list[Result]:
        """Delete rows by key, all or nothing.  Blocks.

        Args:
            keys: one record or many, in any mix; only key members and flags count.
        Returns: a result for each key; applied: it was there.
        Raises: ConflictError (a row with REQUIRE).
        """
        keys = as_rows(keys)
        record = _lowlevel.record_of(keys)
        if record:
            return _lowlevel.tgs_delete(self._handle, record, keys, True, (timeout_ms, cancel))
        batch = self.batch()
        batch.delete(keys)
        return batch.commit(timeout_ms=timeout_ms, cancel=cancel)

    def load(
        self, rows: Rows[Record], *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> int:
        """Put any number of rows, in chunks that are each all or nothing.  Blocks.

        Args:
            rows: any iterable of records, in any mix; taken 4096 at a time.
            timeout_ms: for each of these chunks.
        Returns: how many were stored.  After an Error its `done` tells how many of the first rows
            are; the load may be repeated, whole or from there on.
        """
        iterator = each_row(rows)
        done = 0
        while chunk := builtins.list(islice(iterator, _CHUNK)):
            for record, group in runs_of(chunk):
                try:
                    done += _lowlevel.tgs_load(self._handle, record, group, (timeout_ms, cancel))
                except Error as error:
                    if error.index >= 0:
                        error.index += done
                    error.done = done + (error.done or 0)
                    raise
        return done

    def page(
        self,
        record: type[R],
        *,
        after: R | None = None,
        limit: int = 1000,
        kind: PeerKind | None = None,
        state: QueueState | None = None,
        scope: str | None = None,
        order: Order = "key",
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Page[R]:
        """One page of the session's rows.  Blocks.

        Args:
            record: their class.
            after: the last row of the page before; None: from the start.
            limit: 1 to 4096 rows; a page ends early at 8 MiB of texts and blobs.
            kind: peers of this kind only.
            state: queue items in this state only.
            scope: kv of this scope only; queue items of this lane only.
            order: "key" (queue items: due time, then sequence), or "expires" for conversations
                that expire, the soonest first.
        Returns: a list; its `more` tells whether it goes on.
        """
        if order not in _ORDERS:
            raise invalid(f"order can't be {order!r}; give one of {', '.join(_ORDERS)}")
        rows = _lowlevel.tgs_list(
            self._handle,
            record.record,
            after,
            (
                _ORDERS[order],
                choice(Peer.record, "kind", kind),
                choice(QueueItem.record, "state", state),
                scope,
            ),
            limit,
            (timeout_ms, cancel),
        )
        return page_of(rows)

    def list(
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
    ) -> Iterator[R]:
        """Iterate over all pages.  Arguments as in page; `limit` and `timeout_ms` are a page's.
        Blocks whenever a page is due.  Rows that are there all the time appear exactly once."""
        after: R | None = None
        while True:
            rows = self.page(
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
            yield from rows
            if not rows.more:
                return
            after = rows[-1]

    def batch(self) -> Batch:
        """An empty batch, for any mix of writes in one step.  Does not block."""
        return Batch(self)

    # --- the account

    def data(self, *, timeout_ms: int | None = None, cancel: Canceller | None = None) -> SessionData | None:
        """The session's own record.  Blocks."""
        data: SessionData | None = _lowlevel.get_one(self._handle, timeout_ms, cancel, _SESSION)
        return data

    def put_data(
        self, data: SessionData, *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> Result:
        """Merge into the session's own record, durably.  Blocks.

        Raises: ConflictError (another user_id is stored, and `data` has no REPLACE_ACCOUNT).
        """
        return self.put(data, timeout_ms=timeout_ms, cancel=cancel)[0]

    def update_state(
        self, channel_id: int = 0, *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> UpdateState | None:
        """Where the account (0) or a channel stands in the update stream.  Blocks."""
        state: UpdateState | None = _lowlevel.get_one(
            self._handle, timeout_ms, cancel, _UPDATE_STATE, channel_id
        )
        return state

    # --- peers

    def put_peers(
        self, peers: Rows[Peer], *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> builtins.list[Result]:
        """Merge peers, all or nothing.  As put.  Blocks."""
        return self.put(peers, timeout_ms=timeout_ms, cancel=cancel)

    def peers(
        self, kind: PeerKind | None = None, *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> Iterator[Peer]:
        """Iterate over all peers, by kind and id.  As list."""
        return self.list(Peer, kind=kind, timeout_ms=timeout_ms, cancel=cancel)

    @overload
    def peer(
        self,
        kind: PeerKind,
        id: int,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Peer | None: ...

    @overload
    def peer(
        self,
        *,
        username: str,
        max_age_ms: int = 0,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Peer | None: ...

    @overload
    def peer(
        self,
        *,
        phone: str,
        max_age_ms: int = 0,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Peer | None: ...

    def peer(
        self,
        kind: PeerKind | None = None,
        id: int | None = None,
        *,
        username: str | None = None,
        phone: str | None = None,
        max_age_ms: int = 0,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Peer | None:
        """Look up one peer: by kind and bare id, by username or by phone.  Blocks.

        Args:
            kind: "user", "chat" or "channel"; "any": one with a real access hash, then the newest.
            id: bare, without any mark.
            username: "@" and ASCII case do not matter.
            phone: "+", spaces and punctuation do not matter.
            max_age_ms: > 0: the name or number counts only if a put carried it within that time.
        Returns: the peer, or None.
        """
        if username is None and phone is None:
            if kind is not None and id is not None:
                peer: Peer | None = _lowlevel.get_one(self._handle, timeout_ms, cancel, _PEER, kind, id)
                return peer
        elif kind is None and id is None:
            if username is not None and phone is None:
                return _lowlevel.peer_by_username(self._handle, timeout_ms, cancel, username, max_age_ms)
            if phone is not None and username is None:
                return _lowlevel.peer_by_phone(self._handle, timeout_ms, cancel, phone, max_age_ms)
        raise TypeError("give kind and id, or username, or phone")

    def peers_by_username(
        self,
        usernames: builtins.list[str],
        max_age_ms: int = 0,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> builtins.list[Peer | None]:
        """Who has these usernames?  Blocks.  Arguments as in peer; a peer or None for each."""
        rows = _lowlevel.tgs_peers_by_username(self._handle, usernames, max_age_ms, (timeout_ms, cancel))
        return _lowlevel.tgs_rows_data(rows)

    def peers_by_phone(
        self,
        phones: builtins.list[str],
        max_age_ms: int = 0,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> builtins.list[Peer | None]:
        """Who has these phone numbers?  Blocks.  Arguments as in peer; a peer or None for each."""
        rows = _lowlevel.tgs_peers_by_phone(self._handle, phones, max_age_ms, (timeout_ms, cancel))
        return _lowlevel.tgs_rows_data(rows)

    # --- deduplication

    def add_dedup(
        self,
        keys: str | Iterable[str],
        ttl_ms: int | None = None,
        require: bool = False,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> builtins.list[bool]:
        """Note keys as handled.  Blocks.

        Args:
            keys: one key or many, each up to 512 bytes.
            ttl_ms: how long they live; None: the store's dedup_ttl_ms; 0: for ever.
            require: an old key is a ConflictError, and nothing is added.
        Returns: for each key whether it is new.
        """
        rows = dedup_rows(keys, ttl_ms, require)
        return are_new(self.put(rows, timeout_ms=timeout_ms, cancel=cancel))

    # --- the queue

    def enqueue(
        self, items: Rows[QueueItem], *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> builtins.list[Result]:
        """Add items to the queue; one whose id is there is left as it is.  Blocks.

        Returns: a result for each; applied: it was added.
        """
        return self.put(items, timeout_ms=timeout_ms, cancel=cancel)

    def claim(
        self,
        owner: str,
        limit: int = 1,
        lease_ms: int = 60000,
        lane: str | None = None,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> builtins.list[QueueItem]:
        """Lease due items to a worker.  Blocks, but does not wait for items to come.

        Args:
            owner: who takes them, for people to read.
            limit: 1 to 4096 items.
            lease_ms: how long until others may claim them.
            lane: only of this lane; None: of any or none.
        Returns: the items, each with its token.
        """
        rows = _lowlevel.tgs_queue_claim(self._handle, owner, lane, lease_ms, limit, (timeout_ms, cancel))
        return _lowlevel.tgs_rows_data(rows)

    def ack(
        self, items: Rows[QueueItem], *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> None:
        """Claimed items are done.  Blocks.  Raises: ConflictError (a token is stale)."""
        self._settle(_lowlevel.TGS_SETTLE_ACK, settle_rows(items), timeout_ms, cancel)

    def fail(
        self,
        items: Rows[QueueItem],
        error: str | None = None,
        delay_ms: int | None = None,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> None:
        """Claimed items failed: retry later, or dead after max_attempts.  Blocks.

        Args:
            error: kept as last_error.
            delay_ms: until the next attempt; None: 1 s, 2 s, 4 s, ... up to 1 h.
        Raises: ConflictError (a token is stale).
        """
        rows = settle_rows(items, error=error, delay_ms=delay_ms)
        self._settle(_lowlevel.TGS_SETTLE_FAIL, rows, timeout_ms, cancel)

    def release(
        self, items: Rows[QueueItem], *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> None:
        """Give claimed items back at once; the attempt does not count.  Blocks.
        Raises: ConflictError (a token is stale)."""
        self._settle(_lowlevel.TGS_SETTLE_RELEASE, settle_rows(items), timeout_ms, cancel)

    def extend(
        self,
        items: Rows[QueueItem],
        ms: int,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> None:
        """Keep claimed items for `ms` milliseconds from now.  Blocks.
        Raises: ConflictError (a token is stale)."""
        rows = settle_rows(items, delay_ms=ms)
        self._settle(_lowlevel.TGS_SETTLE_EXTEND, rows, timeout_ms, cancel)

    def revive(
        self,
        ids: str | Iterable[str] | Rows[QueueItem],
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> None:
        """Make dead items ready again, with 0 attempts.  Blocks.
        Raises: ConflictError (nothing to revive)."""
        self._settle(_lowlevel.TGS_SETTLE_REVIVE, settle_rows(ids), timeout_ms, cancel)

    def kill(
        self,
        items: Rows[QueueItem],
        error: str | None = None,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> None:
        """Claimed items are dead at once; `error` is kept as last_error.  Blocks.
        Raises: ConflictError (a token is stale)."""
        rows = settle_rows(items, error=error)
        self._settle(_lowlevel.TGS_SETTLE_KILL, rows, timeout_ms, cancel)

    def _settle(
        self,
        action: int,
        items: builtins.list[QueueItem],
        timeout_ms: int | None,
        cancel: Canceller | None,
    ) -> None:
        _lowlevel.tgs_queue_settle(self._handle, action, items, (timeout_ms, cancel))

    # --- the lease

    def acquire_lease(
        self,
        owner: str,
        mode: LeaseMode = "exclusive",
        ttl_ms: int = 30000,
        wait_ms: int = 0,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Session:
        """Take the session's lease, so that only one program speaks for the account.  Blocks.

        Args:
            owner: who takes it, for people to read; host, pid and time are added.
            mode: "shared", or "exclusive": writes through other handles are FencedError.
            ttl_ms: how long it lasts unless renewed.
            wait_ms: how long to wait for the holder, within the deadline; 0: not at all.
        Returns: a session that holds the lease; as a context manager it releases it at the end.
        Raises: BusyError (held; the message names the holder).
        """
        number = choice(_lowlevel.TGS_RECORD_SESSION_INFO, "lease_mode", mode)
        handle = _lowlevel.tgs_lease_acquire(
            self._handle, owner, number, ttl_ms, wait_ms, (timeout_ms, cancel)
        )
        return Session(self._store, handle)

    def renew_lease(
        self, ttl_ms: int = 30000, *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> None:
        """Let the lease last `ttl_ms` milliseconds from now.  Blocks.
        Raises: FencedError (it is lost)."""
        _lowlevel.tgs_lease_renew(self._handle, ttl_ms, (timeout_ms, cancel))

    def release_lease(self, *, timeout_ms: int | None = None, cancel: Canceller | None = None) -> None:
        """Give the lease back.  Releasing a lost one is no error.  Blocks."""
        _lowlevel.tgs_lease_release(self._handle, (timeout_ms, cancel))

    def purge(self, *, timeout_ms: int | None = None, cancel: Canceller | None = None) -> int:
        """Delete the session with all its records.  Blocks.

        Until it has ended, reads find nothing and writes are ConflictError; one that failed midway
        is ended by calling it again.

        Returns: rows removed; after an Error see its `done`.
        """
        return _lowlevel.tgs_purge(self._handle, (timeout_ms, cancel))
