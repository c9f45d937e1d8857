# SPDX-License-Identifier: Apache-2.0
"""tgstore._lowlevel is the whole of tgstore.h, function by function."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tgstore
from tgstore import _lowlevel


@pytest.fixture(scope="module")
def header(source: Path) -> str:
    return (source / "capi/include/tgstore.h").read_text()


def io_functions(header: str) -> set[str]:
    """The functions whose comment has [io]; "The same ..." is as the one before."""
    marked: set[str] = set()
    previous = False
    for comment, name in re.findall(
        r"(/\*\*(?:(?!\*/).)*\*/)?\s*TGS_API [^;(]*?(tgs_\w+)\(", header, re.DOTALL
    ):
        previous = "[io]" in comment or ("The same" in comment and previous)
        if previous:
            marked.add(name)
    return marked


# A program in C sets the allocator before anything else runs; Python is one, and tgstore a guest in it.
NOT_FOR_PYTHON = {"tgs_allocator_set"}


def test_every_exported_function_is_there(build: Path) -> None:
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", build / "capi/libtgstore.so"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    exported = set(re.findall(r" T (tgs_\w+)", symbols))
    assert exported
    assert {name for name in dir(_lowlevel) if name.startswith("tgs_")} == exported - NOT_FOR_PYTHON


def test_every_constant_is_there(header: str) -> None:
    names = re.findall(r"^#define (TGS_[A-Z0-9_]+) +[-(0-9]", header, re.MULTILINE)
    assert len(names) > 100
    for name in names:
        assert isinstance(getattr(_lowlevel, name), int), name


def test_the_interpreter_lock_is_released_in_io_functions_and_no_others(source: Path, header: str) -> None:
    interface = (source / "bindings/python/tgstore.i").read_text()
    released = set(re.findall(r"^IO\((tgs_\w+)\)", interface, re.MULTILINE))
    # closing releases it in handles.c, where a close may come later than the call
    assert released | {"tgs_store_close"} == io_functions(header)


def test_functions_carry_the_header_s_words() -> None:
    assert "Merge rows into the session, all or nothing" in (_lowlevel.tgs_put.__doc__ or "")


def test_the_description_of_records_is_theirs() -> None:
    described = _lowlevel.tgs_record_fields(_lowlevel.TGS_RECORD_PEER)
    assert described is not None
    fields, size = described
    kind = fields[0]
    assert kind[0] == "kind" and kind[5] == ("user", "chat", "channel")
    assert size > max(field[4] for field in fields)
    assert _lowlevel.tgs_record_fields(99) is None
    assert _lowlevel.tgs_record_name(99) is None


def test_results_can_be_left_out(session: tgstore.Session) -> None:
    rows = [tgstore.Kv("scope", "key", value=b"value")]
    record = tgstore.Kv.record
    assert _lowlevel.tgs_put(session._handle, record, rows, False) is None
    assert _lowlevel.tgs_put(session._handle, record, rows, True) == [tgstore.Result(True)]


def test_an_unknown_record_is_invalid(session: tgstore.Session) -> None:
    for record in (0, -1, 99):
        with pytest.raises(tgstore.InvalidError):
            _lowlevel.tgs_get(session._handle, record, [])


def test_a_row_that_is_not_there_is_invalid(session: tgstore.Session) -> None:
    rows = _lowlevel.tgs_get(session._handle, tgstore.Kv.record, [tgstore.Kv("a", "b")])
    assert _lowlevel.tgs_rows_row(rows, 0) is None
    with pytest.raises(tgstore.InvalidError):
        _lowlevel.tgs_rows_row(rows, 1)


def test_one_row_by_a_record_or_by_its_key(session: tgstore.Session) -> None:
    rows = [tgstore.Peer("user", 1, phone="5"), tgstore.Kv("s", "k"), tgstore.Conversation(1, 2, 3, "b", "n")]
    session.put([*rows, tgstore.SessionData(dc=2)])
    keys = {tgstore.Peer: ("user", 1), tgstore.Kv: ("s", "k"), tgstore.Conversation: (1, 2, 3, "b", "n")}
    for row in rows:
        record, key = row.record, keys[type(row)]
        found = _lowlevel.get_one(session._handle, None, None, record, row)
        assert found is not None and found == _lowlevel.get_one(session._handle, None, None, record, *key)
        assert _lowlevel.get_one(session._handle, None, None, record, *key[:-1], key[-1] * 2) is None
        for wrong in ((), key[1:], (*key, 5), (*key[1:], None), (*key[1:], tgstore.UNSET), (object(),)):
            with pytest.raises(TypeError, match=type(row).__name__):
                _lowlevel.get_one(session._handle, None, None, record, *wrong)
    assert _lowlevel.get_one(session._handle, None, None, tgstore.SessionData.record).dc == 2


def test_one_row_is_found_with_limits(session: tgstore.Session) -> None:
    canceller = tgstore.Canceller()
    session.put(tgstore.Peer("user", 1, phone="5", usernames=["Name"]))
    look_ups: list[Callable[..., Any]] = [
        lambda *limits: _lowlevel.get_one(session._handle, *limits, tgstore.Peer.record, "user", 1),
        lambda *limits: _lowlevel.peer_by_username(session._handle, *limits, "@name", 0),
        lambda *limits: _lowlevel.peer_by_phone(session._handle, *limits, "+5", 10**9),
    ]
    for look_up in look_ups:
        assert look_up(1000, canceller).id == look_up(-1, None).id == 1
        for wrong in (("1", None), (None, 5), (None,), (None, None, None)):
            with pytest.raises(TypeError):
                look_up(*wrong)
    canceller.cancel()
    for look_up in look_ups:
        with pytest.raises(tgstore.CancelledError):
            look_up(None, canceller)
    session.close()
    for look_up in look_ups:
        with pytest.raises(tgstore.InvalidError, match="the session is closed"):
            look_up(None, None)


def test_the_record_of_rows() -> None:
    class Friend(tgstore.Peer):
        pass

    peers = [tgstore.Peer("user", 1), Friend("user", 2), tgstore.Peer("user", 3)]
    assert _lowlevel.record_of(peers) == _lowlevel.record_of(tuple(peers[1:])) == tgstore.Peer.record
    assert _lowlevel.record_of([]) == _lowlevel.record_of([*peers, tgstore.Kv("a", "b"), *peers]) == 0
    for wrong in ([5], [*peers, None], tgstore.Peer("user", 1), iter(peers), [tgstore.Peer]):
        with pytest.raises(TypeError, match="rows must be"):
            _lowlevel.record_of(wrong)  # type: ignore[arg-type]


FREE_FUNCTIONS = [name for name in dir(_lowlevel) if name.endswith("_free") or name == "tgs_store_close"]


@pytest.mark.parametrize("name", FREE_FUNCTIONS)
def test_free_takes_none_and_may_be_repeated(name: str) -> None:
    store = _lowlevel.tgs_store_open("memory:", None)
    session = _lowlevel.tgs_session_new(store, "")
    made = {
        "tgs_store_close": store,
        "tgs_session_free": session,
        "tgs_batch_free": _lowlevel.tgs_batch_new(session),
        "tgs_rows_free": _lowlevel.tgs_stats_get(store, None),
        "tgs_canceller_free": _lowlevel.tgs_canceller_new(),
        "tgs_snapshot_free": _snapshot(),
        "tgs_text_free": _lowlevel.tgs_snapshot_to_text(_snapshot(), "telethon", None),
    }
    free = getattr(_lowlevel, name)
    free(None)
    free(made[name])
    free(made[name])
    others = [handle for other, handle in made.items() if other != name]
    for handle in others:
        with pytest.raises(TypeError):
            free(handle)
    _lowlevel.tgs_store_close(store)


def _snapshot() -> _lowlevel.Handle:
    with tgstore.open("memory:") as store:
        session = store.session()
        session.put_data(
            tgstore.SessionData(dc=2, auth_key=bytes(range(256)), address="149.154.167.51", port=443)
        )
        return tgstore.Snapshot.from_session(session)._handle


def test_other_functions_take_no_none() -> None:
    with pytest.raises(TypeError, match="takes a session handle"):
        _lowlevel.tgs_session_token(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes a store handle"):
        _lowlevel.tgs_ping(5)  # type: ignore[arg-type]


def test_rows_of_a_snapshot_outlive_its_free() -> None:
    snapshot = _snapshot()
    rows = _lowlevel.tgs_snapshot_rows(snapshot, _lowlevel.TGS_RECORD_SESSION)
    assert rows is not None
    _lowlevel.tgs_snapshot_free(snapshot)
    with pytest.raises(tgstore.InvalidError, match="closed"):
        _lowlevel.tgs_snapshot_format(snapshot)
    assert _lowlevel.tgs_rows_data(rows)[0].dc == 2
    _lowlevel.tgs_rows_free(rows)


def test_handles_are_not_made_by_hand() -> None:
    with pytest.raises(TypeError):
        _lowlevel.Handle()


def test_the_classes_are_bound_once() -> None:
    with pytest.raises(RuntimeError):
        _lowlevel.bind(None, {}, {}, tgstore.Result)
