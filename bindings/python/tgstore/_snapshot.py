# SPDX-License-Identifier: Apache-2.0
"""Session strings and files."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, TypeVar

from . import _lowlevel
from ._call import Canceller, Option, option_texts
from ._records import DcAuth, Kv, Peer, SessionData, UpdateState
from ._session import Session


S = TypeVar("S", bound="SnapshotRows")


class SnapshotRows:
    """What snapshots have that does no I/O."""

    __slots__ = ("_handle",)

    def __init__(self, handle: _lowlevel.Handle) -> None:
        self._handle = handle

    def __repr__(self) -> str:
        return f"<tgstore.Snapshot {self.description}>"

    def close(self) -> None:
        """Free it; again is no error.  Does not block."""
        _lowlevel.tgs_snapshot_free(self._handle)

    @classmethod
    def from_text(cls: type[S], text: str) -> S:
        """Read a session string of any known format.  Does not block.

        Raises: InvalidError (not a session string; the message says what is wrong),
            UnsupportedError (a known format that this version can't read).
        """
        return cls(_lowlevel.tgs_snapshot_from_text(text))

    @property
    def format(self) -> str:
        """What it was read from, such as "telethon-sqlite"; "store" for a session."""
        return _lowlevel.tgs_snapshot_format(self._handle)

    @property
    def description(self) -> str:
        """One line for people: "Telethon session file, schema 7"."""
        return _lowlevel.tgs_snapshot_description(self._handle)

    @property
    def notes(self) -> list[str]:
        """What was repaired or left out on reading, a line each."""
        count = _lowlevel.tgs_snapshot_note_count(self._handle)
        return [_lowlevel.tgs_snapshot_note(self._handle, i) for i in range(count)]

    def _rows(self, record: int) -> list[Any]:
        rows = _lowlevel.tgs_snapshot_rows(self._handle, record)
        return [] if rows is None else _lowlevel.tgs_rows_data(rows)

    @property
    def session(self) -> SessionData | None:
        """The account and its main auth key."""
        return next(iter(self._rows(SessionData.record)), None)

    @property
    def dc_auths(self) -> list[DcAuth]:
        """The auth keys of other data centers."""
        return self._rows(DcAuth.record)

    @property
    def peers(self) -> list[Peer]:
        return self._rows(Peer.record)

    @property
    def update_states(self) -> list[UpdateState]:
        return self._rows(UpdateState.record)

    @property
    def kvs(self) -> list[Kv]:
        """What the format keeps that has no record of its own."""
        return self._rows(Kv.record)

    def to_text(self, format: str, **options: Option) -> str:
        """Write as a session string, which is secret.  Does not block.

        Args:
            format: "telethon", "pyrogram", "kurigram", "mtgo", ...; see tgstore.h.
            options: values for what the format needs and the snapshot lacks: api_id, user_id,
                is_bot, test_mode, dc, address, port.
        Raises: InvalidError (a needed value is missing, or does not fit), UnsupportedError (not a
            format that can be written), NotFoundError (no auth key).
        """
        text = _lowlevel.tgs_snapshot_to_text(self._handle, format, option_texts(options))
        return _lowlevel.tgs_text_str(text) or ""


class Snapshot(SnapshotRows):
    """One account's records in memory, as read from a session string, a session file or a store.

    Immutable.  It holds secrets; as a context manager, or by close, it overwrites them early.
    """

    __slots__ = ()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Snapshot:
        """Read a session file of any known format, or a file that holds a session string.  Blocks.

        The file and its folder stay byte for byte as they are.

        Raises: NotFoundError (no such file), InvalidError (not a session file), CorruptError
            (damaged), BusyError (locked for writing), AuthError (permissions), TooLargeError,
            UnsupportedError (a known format that this version can't read).
        """
        return cls(_lowlevel.tgs_snapshot_from_file(os.fspath(path), (timeout_ms, cancel)))

    @classmethod
    def from_session(
        cls,
        session: Session,
        peers: bool = True,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> Snapshot:
        """Read a session of a store; with `peers` its peers and update states too.  Blocks.

        Raises: NotFoundError (the session has no record).
        """
        return cls(_lowlevel.tgs_snapshot_from_session(session._handle, int(peers), (timeout_ms, cancel)))

    def to_file(
        self,
        format: str,
        path: str | os.PathLike[str],
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
        **options: Option,
    ) -> None:
        """Write as a new session file, mode 0600, that is there as a whole or not at all.  Blocks.

        Args:
            format: "telethon-sqlite", "pyrogram-sqlite" or "kurigram-sqlite".
            options: as in to_text.
        Raises: as to_text, and ConflictError (the file exists).
        """
        _lowlevel.tgs_snapshot_to_file(
            self._handle, format, os.fspath(path), option_texts(options), (timeout_ms, cancel)
        )

    def to_session(
        self,
        session: Session,
        replace_account: bool = False,
        *,
        timeout_ms: int | None = None,
        cancel: Canceller | None = None,
    ) -> int:
        """Merge into a session of a store.  Blocks.

        Args:
            replace_account: a session of another user_id is replaced; its peers and update states
                go.
        Returns: rows stored; after an Error see its `done`.
        Raises: ConflictError (the session belongs to another user_id).
        """
        flags = _lowlevel.TGS_ROW_REPLACE_ACCOUNT if replace_account else 0
        return _lowlevel.tgs_snapshot_to_session(self._handle, session._handle, flags, (timeout_ms, cancel))
