# SPDX-License-Identifier: Apache-2.0
"""Writes of one session that are stored in one step."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from . import _lowlevel
from ._call import Canceller, Rows, as_rows, dedup_rows, runs_of, settle_rows
from ._records import QueueItem, Record, Result

if TYPE_CHECKING:
    from ._session import Session


class BatchRows:
    """What batches have that does no I/O."""

    __slots__ = ("_handle", "_session", "results")

    #: of the last commit: one a row, in the order added
    results: list[Result]

    def __init__(self, session: Session) -> None:
        self._session = session  # keeps the store open
        self._handle = _lowlevel.tgs_batch_new(session._handle)
        self.results = []

    def __len__(self) -> int:
        """Rows added so far."""
        return _lowlevel.tgs_batch_count(self._handle)

    def put(self, rows: Rows[Record]) -> None:
        """Add rows to merge: one record or many, in any mix.  As Session.put; does not block."""
        for record, group in runs_of(as_rows(rows)):
            _lowlevel.tgs_batch_put(self._handle, record, group)

    def delete(self, keys: Rows[Record]) -> None:
        """Add rows to delete by key.  As Session.delete; does not block."""
        for record, group in runs_of(as_rows(keys)):
            _lowlevel.tgs_batch_delete(self._handle, record, group)

    def add_dedup(self, keys: str | Iterable[str], ttl_ms: int | None = None, require: bool = False) -> None:
        """Add keys of something handled.  With `require` an old key fails the batch with
        ConflictError, so that nothing is handled twice.  As Session.add_dedup; does not block."""
        self.put(dedup_rows(keys, ttl_ms, require))

    def ack(self, items: Rows[QueueItem]) -> None:
        """Claimed items are done.  A stale token fails the commit with ConflictError."""
        self._settle(_lowlevel.TGS_SETTLE_ACK, settle_rows(items))

    def fail(self, items: Rows[QueueItem], error: str | None = None, delay_ms: int | None = None) -> None:
        """Claimed items failed; they are retried after `delay_ms`.  As Session.fail."""
        self._settle(_lowlevel.TGS_SETTLE_FAIL, settle_rows(items, error=error, delay_ms=delay_ms))

    def release(self, items: Rows[QueueItem]) -> None:
        """Give claimed items back at once; the attempt does not count."""
        self._settle(_lowlevel.TGS_SETTLE_RELEASE, settle_rows(items))

    def extend(self, items: Rows[QueueItem], ms: int) -> None:
        """Keep claimed items for `ms` milliseconds from the commit."""
        self._settle(_lowlevel.TGS_SETTLE_EXTEND, settle_rows(items, delay_ms=ms))

    def revive(self, ids: str | Iterable[str] | Rows[QueueItem]) -> None:
        """Make dead items ready again, with 0 attempts."""
        self._settle(_lowlevel.TGS_SETTLE_REVIVE, settle_rows(ids))

    def kill(self, items: Rows[QueueItem], error: str | None = None) -> None:
        """Claimed items are dead at once, whatever attempts are left."""
        self._settle(_lowlevel.TGS_SETTLE_KILL, settle_rows(items, error=error))

    def _settle(self, action: int, items: list[QueueItem]) -> None:
        _lowlevel.tgs_batch_settle(self._handle, action, items)

    def _commit(self, timeout_ms: int | None, cancel: Canceller | None) -> list[Result]:
        self.results = _lowlevel.tgs_batch_commit(self._handle, True, (timeout_ms, cancel))
        return self.results

    def clear(self) -> None:
        """Drop the rows.  Does not block."""
        _lowlevel.tgs_batch_clear(self._handle)


class Batch(BatchRows):
    """Collects writes of one session and stores them all or none.

    As a context manager it commits when the block ends well, and drops its rows when the block
    raises.  Adding does no I/O; a row that is refused leaves the batch as it was.  For one thread
    at a time.
    """

    __slots__ = ()

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc_type is None:
            self.commit()
        else:
            self.clear()

    def commit(self, *, timeout_ms: int | None = None, cancel: Canceller | None = None) -> list[Result]:
        """Store everything or nothing.  Blocks.

        A batch that failed may be committed again; one that succeeded is empty afterwards.

        Returns: a result for each row, in the order added.
        Raises: ConflictError (a row that is required; `index` counts in the order added),
            FencedError, TooLargeError.
        """
        return self._commit(timeout_ms, cancel)
