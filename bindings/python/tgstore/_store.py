# SPDX-License-Identifier: Apache-2.0
"""Stores."""

from __future__ import annotations

import enum
import os
import warnings
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from . import _lowlevel
from ._call import Canceller, Option, option_texts
from ._records import SessionInfo, Stats
from ._session import Page, Session, page_of


class Capability(enum.IntFlag):
    """What a store can do."""

    DURABLE = _lowlevel.TGS_CAP_DURABLE  #: survives the process
    SHARED = _lowlevel.TGS_CAP_SHARED  #: several processes may open it at once
    NETWORK = _lowlevel.TGS_CAP_NETWORK  #: several hosts may
    READ_ONLY = _lowlevel.TGS_CAP_READ_ONLY  #: opened for reading only
    BACKUP = _lowlevel.TGS_CAP_BACKUP  #: Store.backup works


class Store:
    """An open store.  Made by tgstore.open.

    A context manager that closes it.  May be used by many threads at once; not in a child made by
    fork, which must open its own.  A signal, such as Ctrl-C, is seen when the running call ends.
    Every method that blocks takes `timeout_ms` and `cancel`, and may raise what is said at Session.
    """

    __slots__ = ("__weakref__", "_closed", "_handle", "backend", "capabilities")

    #: the back end's name: "sqlite"
    backend: str
    capabilities: Capability

    def __init__(self, handle: _lowlevel.Handle) -> None:
        self._closed = False
        self._handle = handle
        self.backend = _lowlevel.tgs_store_backend(handle)
        self.capabilities = Capability(_lowlevel.tgs_store_capabilities(handle))

    def __repr__(self) -> str:
        return f"<tgstore.Store {self.backend}{', closed' if self._closed else ''}>"

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self, _warn: Callable[..., Any] = warnings.warn) -> None:
        # The handle closes the store itself; the arguments are there until the very end of the process.
        if not getattr(self, "_closed", True):
            _warn(f"unclosed store {self!r}", ResourceWarning, stacklevel=2, source=self)

    def close(self) -> None:
        """Close; again is no error.  Blocks.

        New calls are refused with InvalidError.  Running calls of sessions may end until the store's
        default deadline, then they are cancelled.  While a call on the store itself (sync, prune,
        backup, ...) runs in another thread, that thread closes the store when the call ends.  Use
        sync before, to learn of errors.
        """
        self._closed = True
        _lowlevel.tgs_store_close(self._handle)

    @property
    def closed(self) -> bool:
        return self._closed

    def session(self, name: str = "") -> Session:
        """The session of this name, up to 128 bytes, whether or not it exists.  Does not block."""
        return Session(self, _lowlevel.tgs_session_new(self._handle, name))

    def sync(self, *, timeout_ms: int | None = None, cancel: Canceller | None = None) -> None:
        """Wait until all that was written so far is safe from a power cut.  Blocks."""
        _lowlevel.tgs_sync(self._handle, (timeout_ms, cancel))

    def ping(self, *, timeout_ms: int | None = None, cancel: Canceller | None = None) -> None:
        """Ask the database for a sign of life.  Blocks."""
        _lowlevel.tgs_ping(self._handle, (timeout_ms, cancel))

    def sessions_page(
        self,
        after: str | None = None,
        limit: int = 1000,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Page[SessionInfo]:
        """One page of the sessions, by name in byte order.  Blocks.

        Args:
            after: the last name of the page before; None: from the start.
            limit: 1 to 4096.
        """
        rows = _lowlevel.tgs_sessions_list(self._handle, after, limit, (timeout_ms, cancel))
        return page_of(rows)

    def sessions(
        self, *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> Iterator[SessionInfo]:
        """Iterate over all sessions, by name in byte order.  Blocks whenever a page is due."""
        after: str | None = None
        while True:
            page = self.sessions_page(after, timeout_ms=timeout_ms, cancel=cancel)
            yield from page
            if not page.more:
                return
            after = page[-1].name

    def prune(
        self, peer_age_ms: int = 0, *, timeout_ms: int | None = None, cancel: Canceller | None = None
    ) -> int:
        """Remove expired rows of all sessions, in small steps that let others write.  Blocks.

        Args:
            peer_age_ms: > 0: also peers not seen for so long; 0: none.
        Returns: rows removed; after an Error see its `done`.
        """
        return _lowlevel.tgs_prune(self._handle, peer_age_ms, (timeout_ms, cancel))

    def stats(
        self,
        session: str | None = None,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Stats:
        """Count the rows of one session, or of all.  Blocks."""
        rows = _lowlevel.tgs_stats_get(self._handle, session, (timeout_ms, cancel))
        stats: Stats = _lowlevel.tgs_rows_row(rows, 0)
        return stats

    def backup(
        self,
        path: str | os.PathLike[str],
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> None:
        """Write a consistent copy of the whole database to a new file, mode 0600.  Blocks.

        Raises: UnsupportedError (no Capability.BACKUP), ConflictError (the file exists).
        """
        _lowlevel.tgs_backup(self._handle, os.fspath(path), (timeout_ms, cancel))


def open(url: str, *, cancel: Canceller | None = None, **options: Option) -> Store:
    """Open a store.  Blocks.

    Args:
        url: "memory:", "sqlite:bot.db", "sqlite:/var/lib/bot.db?mode=ro", ...; "env:NAME" takes it
            from an environment variable, "@FILE" from a file.
        options: the same as parameters in the URL, which they override: timeout_ms (the default
            deadline of calls, this one included, in milliseconds), dedup_ttl_ms, done_ttl_ms,
            dead_ttl_ms; for SQLite mode, durability, locking and max_readers.  See tgs_store_open in
            tgstore.h.
    Raises: InvalidError (an unknown or malformed option), UnsupportedError (no such back end, or a
        newer schema), UnavailableError (no such file), AuthError (permissions), CorruptError (not
        a database, or not one of ours).
    """
    return Store(_lowlevel.tgs_store_open(url, option_texts(options), (None, cancel)))


def load_backend(
    path: str | os.PathLike[str], *, timeout_ms: int | None = None, cancel: Canceller | None = None
) -> None:
    """Load a module with a back end, which then serves its URL schemes in this process.  Blocks.

    Raises: UnavailableError (can't be loaded), UnsupportedError (another ABI), ConflictError (a
        scheme is taken).
    """
    _lowlevel.tgs_backend_load(os.fspath(path), (timeout_ms, cancel))
