# SPDX-License-Identifier: Apache-2.0
"""Statuses are exceptions."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

import tgstore
from tgstore import _errors, _lowlevel


def test_each_status_has_a_class() -> None:
    codes = {
        value
        for name, value in vars(_lowlevel).items()
        if name.startswith("TGS_E_") or name == "TGS_NOT_FOUND"
    }
    assert set(_errors.BY_CODE) == codes
    assert len(set(_errors.BY_CODE.values())) == len(codes)
    for cls in _errors.BY_CODE.values():
        assert getattr(tgstore, cls.__name__) is cls and issubclass(cls, tgstore.Error)
    assert issubclass(tgstore.InvalidError, ValueError)
    assert issubclass(tgstore.NoMemoryError, MemoryError)


def test_all_that_the_library_says_is_there(session: tgstore.Session) -> None:
    session.put(tgstore.Kv("s", "k"))
    rows = [
        tgstore.Kv("s", "other"),
        tgstore.Kv("s", "k", flags=tgstore.IF_ABSENT | tgstore.REQUIRE),
    ]
    with pytest.raises(tgstore.ConflictError) as caught:
        session.put(rows)
    error = caught.value
    assert error.code == _lowlevel.TGS_E_CONFLICT
    assert error.retryable is False
    assert error.outcome == tgstore.OUTCOME_NOT_APPLIED
    assert error.index == 1
    assert error.backend == "memory"
    assert error.native == ""
    assert error.message and str(error) == error.message
    assert error.done is None


def test_retryable_is_a_bool(session: tgstore.Session) -> None:
    with session.acquire_lease("somebody"), pytest.raises(tgstore.BusyError, match="somebody") as caught:
        session.acquire_lease("another")
    assert caught.value.retryable is True


def test_no_such_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(tgstore.NotFoundError) as caught:
        tgstore.Snapshot.from_file(tmp_path / "nothing.session")
    assert str(caught.value)


def test_errors_are_copied_and_pickled() -> None:
    error = tgstore.BusyError(-5, True, 1, 7, "sqlite", "SQLITE_BUSY", "held")
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is tgstore.BusyError
        assert vars(other) == vars(error) and other.args == error.args


def test_a_failed_load_tells_how_far_it_came(session: tgstore.Session) -> None:
    rows = [tgstore.Kv("s", str(i)) for i in range(5000)] + [tgstore.Kv("s", "x" * 600)]
    with pytest.raises(tgstore.TooLargeError) as caught:
        session.load(iter(rows))
    done = caught.value.done
    assert done is not None and 4096 <= done <= 5000
    assert caught.value.index == 5000
    assert sum(1 for _ in session.list(tgstore.Kv)) == done


def test_options_are_texts_or_numbers() -> None:
    with tgstore.open("memory:", timeout_ms=5000, done_ttl_ms="0") as store:
        store.ping()
    with pytest.raises(tgstore.InvalidError, match="nonsense"):
        tgstore.open("memory:", nonsense=1)
    with pytest.raises(TypeError, match="timeout_ms"):
        tgstore.open("memory:", timeout_ms=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [0, -1, 4097, 2**70])
def test_bad_limits_are_invalid(session: tgstore.Session, limit: int) -> None:
    with pytest.raises((tgstore.InvalidError, tgstore.TooLargeError)):
        session.page(tgstore.Peer, limit=limit)


def test_bad_call_arguments(session: tgstore.Session) -> None:
    with pytest.raises(TypeError, match="timeout_ms must be int"):
        session.data(timeout_ms="5")  # type: ignore[arg-type]
    with pytest.raises(tgstore.InvalidError, match="timeout_ms"):
        session.data(timeout_ms=2**64)
    with pytest.raises(TypeError, match="Canceller"):
        session.data(cancel=5)  # type: ignore[arg-type]
    with pytest.raises(tgstore.InvalidError, match="order"):
        session.page(tgstore.Peer, order="size")  # type: ignore[arg-type]
    with pytest.raises(tgstore.InvalidError, match="kind"):
        session.page(tgstore.Peer, kind="bot")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="kind and id"):
        session.peer("user")  # type: ignore[call-overload]


def test_a_lone_surrogate_is_invalid_everywhere(store: tgstore.Store) -> None:
    session = store.session("main")
    for call in (
        lambda: tgstore.open("\ud800"),
        lambda: store.session("\ud800"),
        lambda: session.claim("\ud800"),
        lambda: session.peer(username="\ud800"),
        lambda: tgstore.Snapshot.from_text("\ud800"),
        lambda: store.backup("\ud800"),
    ):
        with pytest.raises(tgstore.InvalidError, match="surrogate"):
            call()
