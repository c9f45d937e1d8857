# SPDX-License-Identifier: Apache-2.0
"""tgstore: one storage engine for Telegram (MTProto) clients.

    with tgstore.open("sqlite:bot.db") as store:
        me = store.session("main")
        me.put_peers([tgstore.Peer("user", 777000, access_hash=-5, usernames=["telegram"])])
        me.peer(username="Telegram").access_hash

``tgstore.aio`` has the same for asyncio.  ``tgstore._lowlevel`` is the C library function by function,
and ``tgstore.h`` its manual.
"""

from __future__ import annotations

from typing import Final

from . import _lowlevel
from ._batch import Batch
from ._call import Canceller
from ._errors import (
    AuthError,
    BackendError,
    BusyError,
    CancelledError,
    ConflictError,
    CorruptError,
    Error,
    FencedError,
    InvalidError,
    NoMemoryError,
    NoSpaceError,
    NotFoundError,
    ReadOnlyError,
    TimeoutError,
    TooLargeError,
    UnavailableError,
    UnsupportedError,
)
from ._records import (
    UNSET,
    Conversation,
    DcAuth,
    Dedup,
    Kv,
    Opt,
    Peer,
    QueueItem,
    Record,
    Result,
    SessionData,
    SessionInfo,
    Stats,
    Unset,
    UpdateState,
)
from ._session import Page, Session
from ._snapshot import Snapshot
from ._store import Capability, Store, load_backend, open

IF_PRESENT: Final = _lowlevel.TGS_ROW_IF_PRESENT
IF_ABSENT: Final = _lowlevel.TGS_ROW_IF_ABSENT
IF_VERSION: Final = _lowlevel.TGS_ROW_IF_VERSION
REQUIRE: Final = _lowlevel.TGS_ROW_REQUIRE
EXACT: Final = _lowlevel.TGS_ROW_EXACT
REPLACE_ACCOUNT: Final = _lowlevel.TGS_ROW_REPLACE_ACCOUNT

NOTE_NEW: Final = _lowlevel.TGS_NOTE_NEW
NOTE_LOWER: Final = _lowlevel.TGS_NOTE_LOWER

OUTCOME_NOT_APPLIED: Final = _lowlevel.TGS_OUTCOME_NOT_APPLIED
OUTCOME_UNKNOWN: Final = _lowlevel.TGS_OUTCOME_UNKNOWN
OUTCOME_NOT_DURABLE: Final = _lowlevel.TGS_OUTCOME_NOT_DURABLE


def _version_text(version: int) -> str:
    return f"{version // 1000000}.{version // 1000 % 1000}.{version % 1000}"


__version__: Final = _version_text(_lowlevel.tgs_version())

__all__ = [
    "EXACT",
    "IF_ABSENT",
    "IF_PRESENT",
    "IF_VERSION",
    "NOTE_LOWER",
    "NOTE_NEW",
    "OUTCOME_NOT_APPLIED",
    "OUTCOME_NOT_DURABLE",
    "OUTCOME_UNKNOWN",
    "REPLACE_ACCOUNT",
    "REQUIRE",
    "UNSET",
    "AuthError",
    "BackendError",
    "Batch",
    "BusyError",
    "CancelledError",
    "Canceller",
    "Capability",
    "ConflictError",
    "Conversation",
    "CorruptError",
    "DcAuth",
    "Dedup",
    "Error",
    "FencedError",
    "InvalidError",
    "Kv",
    "NoMemoryError",
    "NoSpaceError",
    "NotFoundError",
    "Opt",
    "Page",
    "Peer",
    "QueueItem",
    "ReadOnlyError",
    "Record",
    "Result",
    "Session",
    "SessionData",
    "SessionInfo",
    "Snapshot",
    "Stats",
    "Store",
    "TimeoutError",
    "TooLargeError",
    "UnavailableError",
    "UnsupportedError",
    "Unset",
    "UpdateState",
    "load_backend",
    "open",
]
