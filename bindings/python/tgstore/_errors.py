# SPDX-License-Identifier: Apache-2.0
"""Exceptions: one class for each status of the library."""

from __future__ import annotations

from . import _lowlevel


class Error(Exception):
    """A call failed.

    Attributes:
        code: the status, one of ``tgstore._lowlevel.TGS_E_*``.
        retryable: whether the same call may succeed when repeated.
        outcome: what became of the write: ``OUTCOME_NOT_APPLIED``, ``OUTCOME_UNKNOWN`` (the
            connection broke between request and reply) or ``OUTCOME_NOT_DURABLE``.
        index: the row at fault, counted from 0, or -1.
        backend: ``"sqlite"``, ``"memory"``, ... or ``""`` if the database was not involved.
        native: the database's own code as text, such as ``"SQLITE_FULL"``.
        message: one line without secrets that says what to do.
        done: rows stored, or removed, before a load, prune or purge failed; else None.
    """

    code: int
    retryable: bool
    outcome: int
    index: int
    backend: str
    native: str
    message: str
    done: int | None

    def __init__(
        self,
        code: int,
        retryable: bool = False,
        outcome: int = 0,
        index: int = -1,
        backend: str = "",
        native: str = "",
        message: str = "",
    ) -> None:
        super().__init__(code, retryable, outcome, index, backend, native, message)
        self.code = code
        self.retryable = retryable
        self.outcome = outcome
        self.index = index
        self.backend = backend
        self.native = native
        self.message = message
        self.done = None

    def __str__(self) -> str:
        return self.message


class NotFoundError(Error):
    """There is no such thing."""


class InvalidError(Error, ValueError):
    """An argument breaks a rule."""


class ConflictError(Error):
    """A required condition did not hold; nothing was stored."""


class FencedError(Error):
    """Another holder has the session's lease, or ours ran out."""


class UnsupportedError(Error):
    """This back end, or this version, lacks it."""


class BusyError(Error):
    """Held by somebody else for the whole deadline."""


class TimeoutError(Error):
    """The deadline passed."""


class CancelledError(Error):
    """The call's canceller was used."""


class UnavailableError(Error):
    """No connection, or no such file."""


class AuthError(Error):
    """The database refused the credentials, or the file its permissions."""


class ReadOnlyError(Error):
    """The store was opened, or is mounted, for reading only."""


class NoSpaceError(Error):
    """The disk or a quota is full."""


class TooLargeError(Error):
    """Beyond a limit; found before anything was written."""


class CorruptError(Error):
    """Stored data can't be decoded."""


class NoMemoryError(Error, MemoryError):
    """An allocation failed; nothing was changed."""


class BackendError(Error):
    """The database failed in a way that has no class of its own."""


BY_CODE: dict[int, type[Error]] = {
    _lowlevel.TGS_NOT_FOUND: NotFoundError,
    _lowlevel.TGS_E_INVALID: InvalidError,
    _lowlevel.TGS_E_CONFLICT: ConflictError,
    _lowlevel.TGS_E_FENCED: FencedError,
    _lowlevel.TGS_E_UNSUPPORTED: UnsupportedError,
    _lowlevel.TGS_E_BUSY: BusyError,
    _lowlevel.TGS_E_TIMEOUT: TimeoutError,
    _lowlevel.TGS_E_CANCELLED: CancelledError,
    _lowlevel.TGS_E_UNAVAILABLE: UnavailableError,
    _lowlevel.TGS_E_AUTH: AuthError,
    _lowlevel.TGS_E_READ_ONLY: ReadOnlyError,
    _lowlevel.TGS_E_NO_SPACE: NoSpaceError,
    _lowlevel.TGS_E_TOO_LARGE: TooLargeError,
    _lowlevel.TGS_E_CORRUPT: CorruptError,
    _lowlevel.TGS_E_NOMEM: NoMemoryError,
    _lowlevel.TGS_E_BACKEND: BackendError,
}


def invalid(message: str) -> InvalidError:
    """An InvalidError that the package itself raises."""
    return InvalidError(_lowlevel.TGS_E_INVALID, message=message)
