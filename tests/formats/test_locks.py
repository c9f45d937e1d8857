# SPDX-License-Identifier: Apache-2.0
"""Reading a session file disturbs nobody who has it open, and sees only what is committed."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tgstore

FIXTURES = Path(__file__).parent.parent / "fixtures"

TRY_WRITE = """
    try:
        connection.execute("UPDATE version SET version = version")
        print("wrote", flush=True)
    except sqlite3.OperationalError as error:
        print(error, flush=True)
"""

HOLD = """
    connection.execute("BEGIN EXCLUSIVE")
    print("held", flush=True)
    sys.stdin.read()
"""

# Both values change in one transaction; a reader must never see them apart.  The filler makes
# transactions of many pages and checkpoints frequent.
KEEP_WRITING = """
    connection.execute("PRAGMA wal_autocheckpoint=5")
    connection.execute("CREATE TABLE IF NOT EXISTS filler(n INTEGER PRIMARY KEY, text)")
    print("ready", flush=True)
    n = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        n += 1
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("REPLACE INTO update_state VALUES (0, ?, 7, 0, 0)", (n,))
        for k in range(10):
            connection.execute("REPLACE INTO filler VALUES (?, ?)", (k * 7 % 50, str(n) * 900))
        connection.execute("REPLACE INTO entities VALUES (424242, ?, NULL, NULL, 'Name', 0)", (n,))
        connection.execute("COMMIT")
    print(n, flush=True)
"""


@contextmanager
def other_process(path: Path, body: str, journal: str = "delete") -> Iterator[subprocess.Popen[str]]:
    start = f"""
    import select, sqlite3, sys
    connection = sqlite3.connect({str(path)!r}, isolation_level=None, timeout=20 if {journal!r} else 0)
    connection.execute("PRAGMA synchronous=OFF")
    if {journal!r}:
        connection.execute("PRAGMA journal_mode={journal}")
    """
    script = textwrap.dedent(start) + textwrap.dedent(body)
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.communicate(timeout=60)
        assert process.returncode == 0


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def attempt(path: Path) -> str:
    """What another process is told when it tries to write."""
    with other_process(path, TRY_WRITE, journal="") as process:
        return line(process)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "main.session"
    shutil.copyfile(FIXTURES / "telethon/1.45.0-main.session", path)
    return path


def test_a_client_in_this_process_keeps_its_lock(session: Path) -> None:
    client = sqlite3.connect(session, isolation_level=None)
    client.execute("BEGIN IMMEDIATE")
    assert attempt(session) == "database is locked"
    assert len(tgstore.Snapshot.from_file(session).session.auth_key) == 256
    assert attempt(session) == "database is locked"
    client.execute("COMMIT")
    client.close()
    assert attempt(session) == "wrote"


def test_a_client_in_this_process_keeps_its_lock_in_wal_mode(session: Path) -> None:
    client = sqlite3.connect(session, isolation_level=None)
    client.execute("PRAGMA journal_mode=WAL")
    client.execute("BEGIN IMMEDIATE")
    client.execute("UPDATE update_state SET pts = 5 WHERE id = 0")
    snapshot = tgstore.Snapshot.from_file(session)
    assert [state.pts for state in snapshot.update_states if state.channel_id == 0] == [123456]
    assert attempt(session) == "database is locked"
    client.execute("COMMIT")
    snapshot = tgstore.Snapshot.from_file(session)
    assert [state.pts for state in snapshot.update_states if state.channel_id == 0] == [5]
    client.close()


def test_busy_under_an_exclusive_lock(session: Path) -> None:
    with other_process(session, HOLD) as process:
        assert line(process) == "held"
        with pytest.raises(tgstore.BusyError, match="main.session is locked for writing") as caught:
            tgstore.Snapshot.from_file(session, timeout_ms=50)
        assert caught.value.retryable
    assert tgstore.Snapshot.from_file(session).session.dc == 2


def test_waiting_can_be_cancelled(session: Path) -> None:
    canceller = tgstore.Canceller()
    canceller.cancel()
    with other_process(session, HOLD) as process:
        assert line(process) == "held"
        with pytest.raises(tgstore.CancelledError):
            tgstore.Snapshot.from_file(session, timeout_ms=-1, cancel=canceller)


@pytest.mark.parametrize("journal", ["wal", "delete", "truncate", "persist"])
def test_a_live_writer_is_never_seen_halfway(session: Path, journal: str) -> None:
    with other_process(session, KEEP_WRITING, journal) as process:
        assert line(process) == "ready"
        last = 0
        for _ in range(100):
            snapshot = tgstore.Snapshot.from_file(session, timeout_ms=60000)
            (state,) = [state for state in snapshot.update_states if state.channel_id == 0]
            (peer,) = [peer for peer in snapshot.peers if peer.id == 424242]
            if state.pts != 123456:  # as the fixture has it: nothing is committed yet
                assert peer.access_hash == state.pts
                assert state.pts >= last
                last = state.pts
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        assert int(line(process)) >= last
    assert last > 0


def test_a_writer_that_was_killed_is_rolled_back(session: Path) -> None:
    body = """
    connection.execute("PRAGMA cache_size=1")
    connection.execute("CREATE TABLE filler(text)")
    connection.execute("BEGIN")
    connection.execute("DELETE FROM sessions")
    for _ in range(100):
        connection.execute("INSERT INTO filler VALUES (?)", ("x" * 3000,))
    print("dirty", flush=True)
    sys.stdin.read()
    """
    with other_process(session, body) as process:
        assert line(process) == "dirty"
        dead = session.with_name("dead.session")
        shutil.copyfile(session, dead)
        shutil.copyfile(f"{session}-journal", f"{dead}-journal")
    assert b"x" * 3000 in dead.read_bytes()
    assert len(tgstore.Snapshot.from_file(dead).session.auth_key) == 256
