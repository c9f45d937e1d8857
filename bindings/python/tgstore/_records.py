# SPDX-License-Identifier: Apache-2.0
"""The records: plain classes with a slot for each member of the struct of the same name in tgstore.h,
which says what each member means."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, ClassVar, Final, Literal, TypeVar, Union

from . import _errors, _lowlevel

T = TypeVar("T")


class Unset(enum.Enum):
    """The type of UNSET, which stands for a member that a row does not carry."""

    UNSET = "UNSET"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET

#: A member: a value; None, which clears what is stored; or UNSET, which leaves it alone.
Opt = Union[T, None, Unset]

PeerKind = Union[Literal["user", "chat", "channel", "any"], int]
PeerSubtype = Union[
    Literal["none", "bot", "group", "broadcast", "supergroup", "gigagroup", "forum", "direct", "community"],
    int,
]
SessionStatus = Union[Literal["unknown", "active", "logged_out", "duplicated", "revoked", "banned"], int]
Slot = Union[Literal["permanent", "temporary"], int]
QueueState = Union[Literal["ready", "leased", "done", "dead"], int]
LeaseMode = Union[Literal["none", "shared", "exclusive"], int]


def _mask(value: object) -> str:
    """A secret as it may be shown."""
    return f"<secret, {len(value)}>" if isinstance(value, (str, bytes)) else "<secret>"


class Record:
    """What all records have in common.

    Key members come first and may be given by position.  All others default to ``UNSET``.  In
    writes UNSET leaves the stored value alone and None clears it; in reads UNSET is where nothing
    is stored.  Members with a fixed choice are given as the name or the number and read as the
    name.  ``flags`` is any of ``IF_PRESENT``, ``IF_ABSENT``, ``IF_VERSION``, ``REQUIRE``, ``EXACT``
    and ``REPLACE_ACCOUNT``.
    """

    __slots__ = ()

    #: TGS_RECORD_* of the class
    record: ClassVar[int]

    flags: int

    def get(self, name: str, default: Any = None) -> Any:
        """The member `name`, or `default` if it is UNSET."""
        value = getattr(self, name)
        return default if value is UNSET else value

    def __repr__(self) -> str:
        secrets = SECRETS[self.record]
        members = []
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is UNSET or (field.name == "flags" and value == 0):
                continue
            shown = _mask(value) if value and field.name in secrets else repr(value)
            members.append(shown if not field.kw_only else f"{field.name}={shown}")
        return f"{type(self).__name__}({', '.join(members)})"


@dataclasses.dataclass(slots=True, repr=False)
class SessionData(Record):
    """The session's own record: the account and its main auth key.  It has no key."""

    record = _lowlevel.TGS_RECORD_SESSION

    _: dataclasses.KW_ONLY
    dc: Opt[int] = UNSET
    test_mode: Opt[bool] = UNSET
    is_bot: Opt[bool] = UNSET
    port: Opt[int] = UNSET
    status: Opt[SessionStatus] = UNSET
    api_id: Opt[int] = UNSET
    user_id: Opt[int] = UNSET
    date: Opt[int] = UNSET
    auth_key: Opt[bytes] = UNSET
    state: Opt[bytes] = UNSET
    api_hash: Opt[str] = UNSET
    first_name: Opt[str] = UNSET
    last_name: Opt[str] = UNSET
    username: Opt[str] = UNSET
    phone: Opt[str] = UNSET
    address: Opt[str] = UNSET
    flags: int = 0


@dataclasses.dataclass(slots=True, repr=False)
class DcAuth(Record):
    """An auth key of a data center."""

    record = _lowlevel.TGS_RECORD_DC_AUTH

    dc: int
    slot: Slot = "permanent"
    _: dataclasses.KW_ONLY
    port: Opt[int] = UNSET
    salt: Opt[int] = UNSET
    expires: Opt[int] = UNSET
    ttl_ms: Opt[int] = UNSET
    auth_key: Opt[bytes] = UNSET
    address: Opt[str] = UNSET
    flags: int = 0


@dataclasses.dataclass(slots=True, repr=False)
class Peer(Record):
    """A user, chat or channel."""

    record = _lowlevel.TGS_RECORD_PEER

    kind: PeerKind
    id: int
    _: dataclasses.KW_ONLY
    access_hash: Opt[int] = UNSET
    min_access_hash: Opt[int] = UNSET
    photo_id: Opt[int] = UNSET
    seen_at: Opt[int] = UNSET
    subtype: Opt[PeerSubtype] = UNSET
    usernames: Opt[list[str]] = UNSET
    phone: Opt[str] = UNSET
    first_name: Opt[str] = UNSET
    last_name: Opt[str] = UNSET
    language: Opt[str] = UNSET
    flags: int = 0


@dataclasses.dataclass(slots=True, repr=False)
class UpdateState(Record):
    """A position in the update stream: of the account (channel_id 0) or of a channel."""

    record = _lowlevel.TGS_RECORD_UPDATE_STATE

    channel_id: int = 0
    _: dataclasses.KW_ONLY
    pts: Opt[int] = UNSET
    qts: Opt[int] = UNSET
    date: Opt[int] = UNSET
    seq: Opt[int] = UNSET
    access_hash: Opt[int] = UNSET
    flags: int = 0


@dataclasses.dataclass(slots=True, repr=False)
class Dedup(Record):
    """A key of something handled."""

    record = _lowlevel.TGS_RECORD_DEDUP

    key: str
    _: dataclasses.KW_ONLY
    created: Opt[int] = UNSET
    expires: Opt[int] = UNSET
    ttl_ms: Opt[int] = UNSET
    flags: int = 0


@dataclasses.dataclass(slots=True, repr=False)
class QueueItem(Record):
    """An item of the durable queue."""

    record = _lowlevel.TGS_RECORD_QUEUE_ITEM

    id: str
    _: dataclasses.KW_ONLY
    state: Opt[QueueState] = UNSET
    lane: Opt[str] = UNSET
    payload: Opt[bytes] = UNSET
    last_error: Opt[str] = UNSET
    lease_owner: Opt[str] = UNSET
    attempts: Opt[int] = UNSET
    max_attempts: Opt[int] = UNSET
    created: Opt[int] = UNSET
    updated: Opt[int] = UNSET
    due: Opt[int] = UNSET
    delay_ms: Opt[int] = UNSET
    sequence: Opt[int] = UNSET
    lease_expires: Opt[int] = UNSET
    token: Opt[int] = UNSET
    expires: Opt[int] = UNSET
    flags: int = 0


@dataclasses.dataclass(slots=True, repr=False)
class Conversation(Record):
    """Where a conversation stands.  A number given as `step` is stored, and read, as `step_number`."""

    record = _lowlevel.TGS_RECORD_CONVERSATION

    chat_id: int
    user_id: int
    thread_id: int = 0
    business_connection: str = ""
    name_space: str = ""
    _: dataclasses.KW_ONLY
    name: Opt[str] = UNSET
    step: Opt[Union[str, int]] = UNSET
    step_number: Opt[int] = UNSET
    data: Opt[bytes] = UNSET
    created: Opt[int] = UNSET
    updated: Opt[int] = UNSET
    version: Opt[int] = UNSET
    expires: Opt[int] = UNSET
    ttl_ms: Opt[int] = UNSET
    flags: int = 0


@dataclasses.dataclass(slots=True, repr=False)
class Kv(Record):
    """What has no record of its own."""

    record = _lowlevel.TGS_RECORD_KV

    scope: str
    key: str
    _: dataclasses.KW_ONLY
    value: Opt[bytes] = UNSET
    expires: Opt[int] = UNSET
    ttl_ms: Opt[int] = UNSET
    flags: int = 0


@dataclasses.dataclass(slots=True, repr=False)
class SessionInfo(Record):
    """A session as the store knows it.  Read only."""

    record = _lowlevel.TGS_RECORD_SESSION_INFO

    name: str
    _: dataclasses.KW_ONLY
    purging: bool | Unset = UNSET
    created: int | Unset = UNSET
    lease_mode: LeaseMode | Unset = UNSET
    lease_holders: int | Unset = UNSET
    lease_owner: str | Unset = UNSET
    lease_host: str | Unset = UNSET
    lease_pid: int | Unset = UNSET
    lease_since: int | Unset = UNSET
    lease_expires: int | Unset = UNSET
    lease_token: int | Unset = UNSET
    flags: int = 0


@dataclasses.dataclass(slots=True, repr=False)
class Stats(Record):
    """Row counts; `bytes` is UNSET where the database's size is not known.  Read only."""

    record = _lowlevel.TGS_RECORD_STATS

    _: dataclasses.KW_ONLY
    sessions: int = 0
    session_data: int = 0
    dc_auths: int = 0
    peers: int = 0
    usernames: int = 0
    phones: int = 0
    update_states: int = 0
    dedup_keys: int = 0
    queue_ready: int = 0
    queue_leased: int = 0
    queue_done: int = 0
    queue_dead: int = 0
    conversations: int = 0
    kvs: int = 0
    expired: int = 0
    bytes: int | Unset = UNSET
    flags: int = 0


@dataclasses.dataclass(slots=True, frozen=True)
class Result:
    """What became of one written row.

    Attributes:
        applied: whether it was stored, deleted or settled; False: skipped, its condition did not hold.
        notes: ``NOTE_NEW`` and ``NOTE_LOWER`` bits.
        version: of a conversation: the new version, else 0.
    """

    applied: bool
    notes: int = 0
    version: int = 0

    @property
    def new(self) -> bool:
        """The key was not there before."""
        return bool(self.notes & _lowlevel.TGS_NOTE_NEW)

    @property
    def lower(self) -> bool:
        """A position was lower than the stored one, and ignored."""
        return bool(self.notes & _lowlevel.TGS_NOTE_LOWER)


CLASSES: dict[int, type[Record]] = {
    cls.record: cls
    for cls in (
        SessionData,
        DcAuth,
        Peer,
        UpdateState,
        Dedup,
        QueueItem,
        Conversation,
        Kv,
        SessionInfo,
        Stats,
    )
}

#: Of each record: the names of its secret members, and the choices of members that have some.
SECRETS: dict[int, frozenset[str]] = {}
CHOICES: dict[tuple[int, str], tuple[str, ...]] = {}


def _describe(record: int) -> None:
    description = _lowlevel.tgs_record_fields(record)
    assert description is not None
    fields = description[0]
    SECRETS[record] = frozenset(name for name, _, flags, *_ in fields if flags & _lowlevel.TGS_FIELD_SECRET)
    for name, _, _, _, _, choices in fields:
        if choices is not None:
            CHOICES[record, name] = choices


def _parameters(cls: type[Any]) -> tuple[type[Record], tuple[str, ...], int, tuple[Any, ...]]:
    """What calling a class takes: names, how many of them by position, and the defaults of the last."""
    fields = dataclasses.fields(cls)
    defaults = tuple(field.default for field in fields if field.default is not dataclasses.MISSING)
    positional = sum(not field.kw_only for field in fields)
    return cls, tuple(field.name for field in fields), positional, defaults


for _record in CLASSES:
    _describe(_record)
_lowlevel.bind(
    UNSET, {record: _parameters(cls) for record, cls in CLASSES.items()}, _errors.BY_CODE, Result
)
