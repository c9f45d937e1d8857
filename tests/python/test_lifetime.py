# SPDX-License-Identifier: Apache-2.0
"""A forgotten close neither leaks nor crashes, whatever is finalized first."""

from __future__ import annotations

import gc
import itertools
import os
import sys
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

import tgstore
from tgstore import _lowlevel

Run = Callable[..., str]


def test_a_forgotten_store_is_closed_with_a_warning() -> None:
    store = tgstore.open("memory:")
    handle = store._handle
    with pytest.warns(ResourceWarning, match="unclosed store <tgstore.Store memory>"):
        del store
        gc.collect()
    assert "closed" not in repr(handle)  # the handle is what closes, once nobody has it


def test_a_closed_store_gives_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = tgstore.open("memory:")
        store.close()
        store.close()
        del store
        gc.collect()


def test_a_session_keeps_its_store_open() -> None:
    session = tgstore.open("memory:").session("main")
    gc.collect()
    session.put(tgstore.Kv("s", "k"))
    session._store.close()


def test_calls_after_close_are_invalid() -> None:
    store = tgstore.open("memory:")
    session = store.session("main")
    batch = session.batch()
    batch.put(tgstore.Kv("s", "k"))
    store.close()
    assert store.closed and "closed" in repr(store)
    for call in (
        store.ping,
        lambda: store.session(),
        session.data,
        lambda: session.put(tgstore.Kv("s", "k")),
        batch.commit,
    ):
        with pytest.raises(tgstore.InvalidError, match="closed"):
            call()
    session.close()
    session.close()
    with pytest.raises(tgstore.InvalidError, match="the session is closed"):
        session.data()
    assert session.name == "main"


def test_a_result_outlives_its_store() -> None:
    with tgstore.open("memory:") as store:
        session = store.session()
        session.put(tgstore.Kv("s", "k", value=b"v"))
        rows = _lowlevel.tgs_get(session._handle, tgstore.Kv.record, [tgstore.Kv("s", "k")])
    del store, session
    gc.collect()
    assert _lowlevel.tgs_rows_data(rows)[0].value == b"v"


NAMES = ("store", "session", "leased", "batch", "rows", "snapshot", "canceller")


def make_all() -> dict[str, object]:
    store = tgstore.open("memory:")
    session = store.session("main")
    session.put_data(tgstore.SessionData(dc=2, auth_key=b"k" * 256))
    leased = session.acquire_lease("me")
    batch = leased.batch()
    batch.put(tgstore.Kv("s", "k"))
    rows = _lowlevel.tgs_get(session._handle, tgstore.Kv.record, [tgstore.Kv("s", "k")])
    snapshot = tgstore.Snapshot.from_session(session)
    return dict(zip(NAMES, (store, session, leased, batch, rows, snapshot, tgstore.Canceller())))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("order", list(itertools.permutations(NAMES))[::97])
def test_any_order_of_finalizers(order: tuple[str, ...]) -> None:
    objects = make_all()
    handles = [objects[name] for name in NAMES if name == "rows"]
    handles += [objects[name]._handle for name in NAMES if name != "rows"]  # type: ignore[attr-defined]
    keep = dict(zip(NAMES, handles))
    objects.clear()
    for name in order:
        del keep[name]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_cycle_is_collected() -> None:
    class Owner:
        pass

    owner = Owner()
    owner.store = tgstore.open("memory:")  # type: ignore[attr-defined]
    owner.session = owner.store.session()  # type: ignore[attr-defined]
    owner.me = owner  # type: ignore[attr-defined]
    gone = weakref.ref(owner.store)  # type: ignore[attr-defined]
    del owner
    gc.collect()
    assert gone() is None


EXITS = {
    "globals": "pass",
    "a cycle": "cycle = [store, session, batch, rows]; cycle.append(cycle); del store, session, batch",
    "in another module": "import os; os.kept = [store, session, batch, rows]",
    "sys.exit": "import sys; sys.exit(0)",
    "atexit": "import atexit; atexit.register(lambda: session.put(tgstore.Kv('s', 'late')))",
    "closed at the end": "import atexit; atexit.register(store.close)",
    "a thread in a call": (
        "import threading\n"
        "leased = session.acquire_lease('x')\n"
        "started = threading.Event()\n"
        "def wait():\n"
        "    started.set()\n"
        "    session.acquire_lease('y', wait_ms=10**9, timeout_ms=-1)\n"
        "threading.Thread(target=wait, daemon=True).start()\n"
        "started.wait()\n"
    ),
}


@pytest.mark.parametrize("how", EXITS)
@pytest.mark.parametrize("url", ["memory:", "sqlite:{}/store.db"])
def test_exit_of_the_interpreter(run_python: Run, tmp_path: Path, how: str, url: str) -> None:
    program = f"""
import tgstore
store = tgstore.open({url.format(tmp_path)!r})
session = store.session("main")
batch = session.batch()
batch.put(tgstore.Kv("s", "k"))
rows = session.page(tgstore.Kv)
{EXITS[how]}
"""
    run_python(program, "-W", "ignore::ResourceWarning")


def test_a_forgotten_close_loses_nothing(run_python: Run, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/store.db"
    run_python(
        f"import tgstore; tgstore.open({url!r}).session('main').put(tgstore.Kv('s', 'k', value=b'v'))",
        "-W",
        "ignore::ResourceWarning",
    )
    with tgstore.open(url) as store:
        found = store.session("main").get_one(tgstore.Kv("s", "k"))
        assert found is not None and found.value == b"v"


@pytest.mark.parametrize("url", ["memory:", "sqlite:{}/store.db"])
def test_fork(run_python: Run, tmp_path: Path, url: str) -> None:
    program = f"""
import gc, os, tgstore
store = tgstore.open({url.format(tmp_path)!r})
session = store.session("main")
session.put(tgstore.Kv("s", "k", value=b"v"))
batch = session.batch()
canceller = tgstore.Canceller()
snapshot_rows = list(session.list(tgstore.Kv))
child = os.fork()
if child == 0:
    for call in (store.ping, session.data, lambda: session.put(tgstore.Kv("s", "x")), store.session):
        try:
            call()
        except tgstore.InvalidError as error:
            assert "fork" in str(error), error
        else:
            os._exit(3)
    with tgstore.open("memory:") as own:
        own.session().put(tgstore.Kv("s", "k"))
    store.close()
    del store, session, batch, canceller
    gc.collect()
    raise SystemExit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert session.get_one(tgstore.Kv("s", "k")).value == b"v"
session.put(tgstore.Kv("s", "k", value=b"w"))
store.close()
print("parent lives")
"""
    assert "parent lives" in run_python(program, "-W", "ignore::DeprecationWarning")


def everything(store: tgstore.Store) -> None:
    """One use of each way in and out."""
    session = store.session("main")
    session.put_data(tgstore.SessionData(dc=2, auth_key=b"k" * 256, address="::1", port=443, user_id=5))
    session.put([tgstore.Peer("user", i, usernames=[f"n{i}", f"m{i}"], first_name="é") for i in range(50)])
    session.put([tgstore.Kv("s", "k", value=bytearray(b"v")), tgstore.Dedup("d")])
    session.get([tgstore.Peer("user", 1), tgstore.Kv("s", "k"), tgstore.Kv("s", "no")])
    assert session.peer(username="n1") and not session.peer(phone="1")
    assert session.peer("user", 1) and session.data() and session.update_state() is None
    tgstore.Peer(**{"kind": "user", "id": 1, "first_name": "x"}).phone = "1"  # type: ignore[arg-type]
    for wrong in ({}, {"kind": 1}, {"kind": 1, "id": 1, "x": 1}):
        with pytest.raises(TypeError):
            tgstore.Peer(**wrong)  # type: ignore[arg-type]
    list(session.list(tgstore.Peer, limit=7, kind="user"))
    session.enqueue(tgstore.QueueItem("id", payload=b"p"))
    session.fail(session.claim("me"), error="e", delay_ms=0)
    with session.batch() as batch:
        batch.put(tgstore.Conversation(1, 2, step=3))
        batch.kill(session.claim("me"))
    session.delete(tgstore.QueueItem("id"))
    for bad in (tgstore.Peer("user", 2**70), tgstore.Peer("user", 1, first_name="\ud800"), 5):
        with pytest.raises((TypeError, ValueError)):
            session.put([tgstore.Peer("user", 1, usernames=["x"]), bad])  # type: ignore[list-item]
    with session.acquire_lease("me") as leased, pytest.raises(tgstore.FencedError):
        leased.renew_lease()
        session.put(tgstore.Kv("s", "k"))
    snapshot = tgstore.Snapshot.from_session(session)
    tgstore.Snapshot.from_text(snapshot.to_text("telethon")).to_session(store.session("other"))
    assert len(snapshot.peers) == 50 and list(store.sessions()) and store.stats().peers == 50
    with pytest.raises(tgstore.CancelledError):
        cancel = tgstore.Canceller()
        cancel.cancel()
        session.data(cancel=cancel)
    session.purge()
    store.session("other").purge()


def test_nothing_is_leaked_or_freed_twice() -> None:
    shared = [
        tgstore.UNSET,
        None,
        True,
        False,
        "user",
        tgstore.Peer,
        _lowlevel.Handle,
        tgstore.Result(True, 1),
    ]
    with tgstore.open("memory:") as store:
        for _ in range(10):
            everything(store)
        gc.collect()
        counts = [sys.getrefcount(thing) for thing in shared]
        blocks = sys.getallocatedblocks()
        for _ in range(30):
            everything(store)
        gc.collect()
        assert sys.getallocatedblocks() - blocks < 100
        grown = [sys.getrefcount(thing) - count for thing, count in zip(shared, counts)]
        assert all(abs(growth) < 15 for growth in grown), list(zip(shared, grown))


def test_stores_are_not_leaked() -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    for _ in range(3):
        tgstore.open("memory:").close()
    blocks, files = sys.getallocatedblocks(), open_files()
    for _ in range(50):
        tgstore.open("memory:").close()
        with pytest.raises(tgstore.Error):
            tgstore.open("nothing:")
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 50
    assert open_files() == files
