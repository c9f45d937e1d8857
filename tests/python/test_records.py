# SPDX-License-Identifier: Apache-2.0
"""Records: what is given, what is stored, what comes back."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import tgstore
from tgstore import _lowlevel, _records

SECRET = bytes(range(256))
MAX = 2**63 - 1
FULL = [
    tgstore.SessionData(
        dc=2,
        test_mode=False,
        is_bot=True,
        port=443,
        status="active",
        api_id=6,
        user_id=MAX,
        date=1,
        auth_key=SECRET,
        state=b"\0\1",
        api_hash="0123456789abcdef",
        first_name="Ünï",
        last_name="",
        username="me",
        phone="123",
        address="::1",
    ),
    tgstore.DcAuth(4, "temporary", port=80, salt=-1, auth_key=SECRET, address="host"),
    tgstore.Peer(
        "channel",
        -MAX - 1,
        access_hash=MAX,
        min_access_hash=-5,
        photo_id=0,
        seen_at=1,
        subtype="forum",
        usernames=["First", "second"],
        phone="1",
        first_name="\U0001f600",
        last_name="x" * 1000,
        language="de",
    ),
    tgstore.UpdateState(5, pts=1, qts=2, date=3, seq=4, access_hash=5),
    tgstore.Dedup("key", created=1),
    tgstore.QueueItem("id", lane="lane", payload=b"", max_attempts=3),
    tgstore.Conversation(1, 2, 3, "bc", "ns", name="n", step="s", data=b"d"),
    tgstore.Kv("scope", "key", value=b"v" * 100000),
]


def members(record: tgstore.Record) -> dict[str, Any]:
    return {
        field.name: getattr(record, field.name)
        for field in dataclasses.fields(record)  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("cls", _records.CLASSES.values())
def test_a_class_has_the_members_of_its_struct(cls: type[tgstore.Record]) -> None:
    described = _lowlevel.tgs_record_fields(cls.record)
    assert described is not None
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    assert sorted(names) == sorted([name for name, *_ in described[0]] + ["flags"])
    keys = [name for name, _, flags, *_ in described[0] if flags & _lowlevel.TGS_FIELD_KEY]
    positional = [field.name for field in dataclasses.fields(cls) if not field.kw_only]  # type: ignore[arg-type]
    assert positional == keys
    assert not hasattr(cls, "__dict__") or "__dict__" not in cls.__slots__


@pytest.mark.parametrize("row", FULL, ids=lambda row: type(row).__name__)
def test_what_is_put_comes_back(session: tgstore.Session, row: tgstore.Record) -> None:
    assert session.put(row) == [tgstore.Result(True, tgstore.NOTE_NEW, _any_version(row, session))]
    found = session.get_one(row)
    assert found is not None
    for name, value in members(row).items():
        if value is not tgstore.UNSET:
            assert getattr(found, name) == value, name
            assert type(getattr(found, name)) is type(value), name
    assert found.flags == 0


def _any_version(row: tgstore.Record, session: tgstore.Session) -> int:
    found = session.get_one(row) if isinstance(row, tgstore.Conversation) else None
    return 0 if found is None or not isinstance(found.version, int) else found.version


def test_unset_leaves_and_none_clears(session: tgstore.Session) -> None:
    session.put(tgstore.Peer("user", 1, phone="5", first_name="a", last_name="b", usernames=["u"]))
    session.put(tgstore.Peer("user", 1, first_name=None, last_name=""))
    peer = session.peer("user", 1)
    assert peer is not None
    assert peer.first_name is tgstore.UNSET
    assert (peer.last_name, peer.phone, peer.usernames) == ("", "5", ["u"])
    session.put(tgstore.Peer("user", 1, usernames=[]))
    assert session.get_one(tgstore.Peer("user", 1)).get("usernames", []) == []  # type: ignore[union-attr]


def test_a_deleted_member_is_unset(session: tgstore.Session) -> None:
    peer = tgstore.Peer("user", 1, first_name="a")
    del peer.first_name
    session.put(peer)
    found = session.peer("user", 1)
    assert found is not None and found.first_name is tgstore.UNSET


def test_get_has_a_default() -> None:
    peer = tgstore.Peer("user", 1, phone=None)
    assert peer.get("id") == 1
    assert peer.get("phone", "x") is None
    assert peer.get("access_hash") is None
    assert peer.get("access_hash", 5) == 5
    with pytest.raises(AttributeError):
        peer.get("nothing")


def test_choices_are_names_or_numbers(session: tgstore.Session) -> None:
    session.put([tgstore.Peer(2, 1, subtype=4), tgstore.Peer("us" + "er".lower(), 1)])  # type: ignore[arg-type]
    channel, user = session.get([tgstore.Peer("channel", 1), tgstore.Peer(0, 1)])
    assert channel is not None and (channel.kind, channel.subtype) == ("channel", "supergroup")
    assert user is not None and user.kind == "user"
    found = session.peer("any", 1)
    assert found is not None and found.kind == "user"
    with pytest.raises(tgstore.InvalidError, match="Peer.kind can't be 'bot'.*'channel'"):
        session.put(tgstore.Peer("bot", 1))  # type: ignore[arg-type]
    with pytest.raises(tgstore.InvalidError):
        session.put(tgstore.Peer("any", 1))


def test_a_step_is_a_text_or_a_number(session: tgstore.Session) -> None:
    session.put(tgstore.Conversation(1, 1, step=5))
    found = session.get_one(tgstore.Conversation(1, 1))
    assert found is not None and (found.step, found.step_number) == (tgstore.UNSET, 5)
    session.put(tgstore.Conversation(1, 1, step="five"))
    found = session.get_one(tgstore.Conversation(1, 1))
    assert found is not None and (found.step, found.step_number) == ("five", tgstore.UNSET)


@pytest.mark.parametrize(
    "wrap",
    [
        bytearray,
        memoryview,
        lambda data: memoryview(data * 2)[: len(data)],
        lambda d: memoryview(d[::-1])[::-1],
    ],
    ids=["bytearray", "memoryview", "slice", "reversed"],
)
def test_any_buffer_is_bytes(session: tgstore.Session, wrap: Callable[[bytes], bytes]) -> None:
    session.put(tgstore.Kv("s", "k", value=wrap(b"some bytes")))
    found = session.get_one(tgstore.Kv("s", "k"))
    assert found is not None and found.value == b"some bytes"


def test_an_empty_buffer_is_a_value(session: tgstore.Session) -> None:
    for value in (b"", bytearray(), memoryview(b"")):
        session.put(tgstore.Kv("s", "k", value=value))  # type: ignore[arg-type]
        found = session.get_one(tgstore.Kv("s", "k"))
        assert found is not None and found.value == b""


def test_a_released_buffer_can_grow_again(session: tgstore.Session) -> None:
    value = bytearray(b"abc")
    session.put(tgstore.Kv("s", "k", value=value))  # type: ignore[arg-type]
    value.extend(b"d" * 10000)


WRONG_TYPES: list[tuple[type[tgstore.Record], dict[str, Any], str]] = [
    (tgstore.Peer, {"id": "1"}, "Peer.id must be int, not str"),
    (tgstore.Peer, {"id": 1.0}, "Peer.id must be int, not float"),
    (tgstore.Peer, {"id": None}, "Peer.id .* not NoneType"),
    (tgstore.Peer, {"id": tgstore.UNSET}, "Peer.id .* not Unset"),
    (tgstore.Peer, {"kind": b"user"}, "Peer.kind must be int, not bytes"),
    (tgstore.Peer, {"access_hash": "x"}, "Peer.access_hash must be int, not str"),
    (tgstore.Peer, {"first_name": b"x"}, "Peer.first_name must be str, not bytes"),
    (tgstore.Peer, {"usernames": "name"}, "Peer.usernames must be a list or tuple, not str"),
    (tgstore.Peer, {"usernames": [b"x"]}, "Peer.usernames must be str, not bytes"),
    (tgstore.Peer, {"flags": "x"}, "flags must be int, not str"),
    (tgstore.SessionData, {"auth_key": "x"}, "SessionData.auth_key must be bytes, not str"),
    (tgstore.SessionData, {"dc": "2"}, "SessionData.dc must be int, not str"),
]


@pytest.mark.parametrize("cls, changes, message", WRONG_TYPES, ids=lambda value: str(value)[:40])
def test_wrong_types_name_the_member(
    session: tgstore.Session, cls: type[tgstore.Record], changes: dict[str, Any], message: str
) -> None:
    row = tgstore.Peer("user", 1) if cls is tgstore.Peer else tgstore.SessionData()
    for name, value in changes.items():
        setattr(row, name, value)
    with pytest.raises(TypeError, match=message):
        session.put(row)
    assert session.peer("user", 1) is None


OUT_OF_RANGE: list[tuple[str, Any]] = [
    ("id", 2**63),
    ("id", -(2**63) - 1),
    ("access_hash", 10**30),
    ("kind", 2**31),
    ("first_name", "\ud800"),
    ("first_name", "a\0b"),
    ("usernames", ["ok", "\udfff"]),
    ("flags", -1),
    ("flags", 2**32),
]


@pytest.mark.parametrize("name, value", OUT_OF_RANGE, ids=lambda value: repr(value)[:20])
def test_values_that_do_not_fit_are_invalid_and_tell_the_row(
    session: tgstore.Session, name: str, value: Any
) -> None:
    row = tgstore.Peer("user", 1)
    setattr(row, name, value)
    with pytest.raises(tgstore.InvalidError, match=name) as caught:
        session.put([tgstore.Peer("user", 2), row])
    assert caught.value.index == 1
    assert caught.value.code == _lowlevel.TGS_E_INVALID
    assert session.peer("user", 2) is None


@pytest.mark.parametrize("rows", [5, "text", [5], [tgstore.Peer("user", 1), None], tgstore.Peer])
def test_what_is_no_record_is_a_type_error(session: tgstore.Session, rows: Any) -> None:
    for call in (session.put, session.get, session.delete, session.load, session.batch().put):
        with pytest.raises(TypeError, match="records|Peer"):
            call(rows)


def test_rows_of_another_class_are_a_type_error(session: tgstore.Session) -> None:
    with pytest.raises(TypeError, match="rows must be Peer, not Kv"):
        _lowlevel.tgs_put(session._handle, tgstore.Peer.record, [tgstore.Kv("a", "b")], True)


def test_subclasses_are_records(session: tgstore.Session) -> None:
    class Friend(tgstore.Peer):
        nickname = "x"

    session.put(Friend("user", 1, phone="7"))
    found = session.peer("user", 1)
    assert type(found) is tgstore.Peer and found.phone == "7"


def test_subclasses_are_called_as_python_calls_them(session: tgstore.Session) -> None:
    class Bot(tgstore.Peer):
        def __init__(self, id: int) -> None:
            super().__init__("user", id, subtype="bot")

    class Named(tgstore.Peer):
        pass

    session.put([Bot(1), Named("user", 2, first_name="x")])
    bot, named = session.get([tgstore.Peer("user", 1), tgstore.Peer("user", 2)])
    assert bot is not None and bot.subtype == "bot"
    assert named is not None and named.first_name == "x"
    with pytest.raises(TypeError):
        Bot("user", 1)  # type: ignore[call-arg, arg-type]


def called(call: Callable[[], object]) -> object:
    """What came of it, or the error."""
    try:
        return call()
    except TypeError as error:
        return str(error)


@pytest.mark.parametrize("cls", [*_records.CLASSES.values(), tgstore.Peer], ids=lambda cls: cls.__name__)
def test_calling_a_class_is_its_init(cls: Any) -> None:
    """The classes are called in C; type.__call__ goes by __init__."""
    names = [field.name for field in dataclasses.fields(cls)]
    some = (names, names[::-1], names[3:], names[:1])
    every = [{name: f"value of {name}" for name in these} for these in some]
    arguments: list[tuple[tuple[str, ...], dict[str, str]]] = [((), options) for options in every]
    arguments += [(tuple("abcdefghijklmnopqrstuvwxyz"[:count]), {}) for count in range(8)]
    arguments += [(("a",), options) for options in every]
    arguments += [(("a", "b"), {"flags": "5"}), ((), {"nothing": "x"}), (("a", "b"), {"nothing": "x"})]
    for positional, named in arguments:
        made = called(lambda: cls(*positional, **named))
        expected = called(lambda: type.__call__(cls, *positional, **named))
        assert type(made) is type(expected), (positional, named)
        assert made == expected, (positional, named)


def test_names_of_arguments_may_be_any_equal_texts() -> None:
    name = "".join(["first", "_name"])  # another object than the name in the class
    assert tgstore.Peer("user", 1, **{name: "x"}).first_name == "x"  # type: ignore[arg-type]
    assert tgstore.Peer(**{"kind": "user", "id": 1}) == tgstore.Peer("user", 1)  # type: ignore[arg-type]
    assert dataclasses.replace(tgstore.Peer("user", 1), id=2) == tgstore.Peer("user", 2)


def test_secrets_are_masked() -> None:
    for row in FULL:
        shown = repr(row)
        assert repr(SECRET)[2:20] not in shown
        assert "0123456789abcdef" not in shown
    assert repr(tgstore.DcAuth(2, auth_key=SECRET)) == "DcAuth(2, 'permanent', auth_key=<secret, 256>)"
    assert repr(tgstore.DcAuth(2, auth_key=None)) == "DcAuth(2, 'permanent', auth_key=None)"


def test_repr_shows_what_is_set() -> None:
    peer = tgstore.Peer("user", 1, access_hash=-5, usernames=["a"], flags=tgstore.REQUIRE)
    assert repr(peer) == "Peer('user', 1, access_hash=-5, usernames=['a'], flags=16)"
    assert eval(repr(peer), vars(tgstore)) == peer


@pytest.mark.parametrize("row", FULL, ids=lambda row: type(row).__name__)
def test_records_are_copied_pickled_and_compared(row: tgstore.Record) -> None:
    for other in (copy.copy(row), copy.deepcopy(row), pickle.loads(pickle.dumps(row))):
        assert other == row and other is not row
        assert all(
            value is tgstore.UNSET
            for name, value in members(other).items()
            if getattr(row, name) is tgstore.UNSET
        )
    changed = copy.copy(row)
    changed.flags = 99
    assert changed != row


def test_unset_is_one_falsy_thing() -> None:
    assert not tgstore.UNSET
    assert repr(tgstore.UNSET) == "UNSET"
    assert isinstance(tgstore.UNSET, tgstore.Unset)
    assert copy.deepcopy(tgstore.UNSET) is tgstore.UNSET
    assert pickle.loads(pickle.dumps(tgstore.UNSET)) is tgstore.UNSET


def test_many_rows_and_many_members(session: tgstore.Session) -> None:
    peers = [
        tgstore.Peer("user", i, access_hash=i, usernames=[f"u{i}", f"v{i}"], first_name=f"name {i}")
        for i in range(4096)
    ]
    assert all(result.new for result in session.put_peers(peers))
    assert [peer.usernames for peer in session.peers()] == [peer.usernames for peer in peers]


def test_a_row_that_was_read_can_be_put_again(session: tgstore.Session) -> None:
    for row in FULL:
        session.put(row)
        found = session.get_one(row)
        assert found is not None
        session.put(found)


def test_results_know_their_notes(session: tgstore.Session) -> None:
    (new,) = session.put(tgstore.UpdateState(pts=5))
    (lower,) = session.put(tgstore.UpdateState(pts=4))
    (skipped,) = session.put(tgstore.UpdateState(pts=9, flags=tgstore.IF_ABSENT))
    assert (new.applied, new.new, new.lower) == (True, True, False)
    assert (lower.applied, lower.new, lower.lower) == (True, False, True)
    assert not skipped.applied
