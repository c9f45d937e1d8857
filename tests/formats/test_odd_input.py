# SPDX-License-Identifier: Apache-2.0
"""Strings, files and options that no library would make, but that somebody may give."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import tgstore

KEY = bytes(range(256))
FIXTURES = Path(__file__).parent.parent / "fixtures"


def pyrogram_file(path: Path, *statements: str) -> tgstore.Snapshot:
    """A file of Pyrogram's schema 3, changed by these."""
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE sessions(dc_id INTEGER PRIMARY KEY, test_mode, auth_key, date, user_id, is_bot);"
            "CREATE TABLE peers(id INTEGER PRIMARY KEY, access_hash, type, username, phone_number,"
            " last_update_on);"
            "CREATE TABLE version(number INTEGER PRIMARY KEY); INSERT INTO version VALUES (3);"
        )
        connection.execute("INSERT INTO sessions VALUES (2, 0, ?, 0, 42, 0)", [KEY])
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return tgstore.Snapshot.from_file(path)


def telethon_file(path: Path, *statements: str) -> tgstore.Snapshot:
    """A file of Telethon's schema 7, changed by these."""
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE version (version integer primary key); INSERT INTO version VALUES (7);"
            "CREATE TABLE sessions (dc_id integer primary key, server_address text, port integer,"
            " auth_key blob, takeout_id integer);"
            "CREATE TABLE entities (id integer primary key, hash integer not null, username text,"
            " phone integer, name text, date integer);"
            "CREATE TABLE sent_files (md5_digest blob, file_size integer, type integer, id integer,"
            " hash integer, primary key(md5_digest, file_size, type));"
            "CREATE TABLE update_state (id integer primary key, pts integer, qts integer,"
            " date integer, seq integer);"
        )
        connection.execute("INSERT INTO sessions VALUES (2, '149.154.167.51', 443, ?, NULL)", [KEY])
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return tgstore.Snapshot.from_file(path)


# --- strings


@pytest.mark.parametrize("text", ['"' * 4_000_000, "'" * 4_000_001, "\"'" * 2_000_000])
def test_a_long_run_of_quotes(text: str) -> None:
    """INVALID (not a session string), however long it is."""
    with pytest.raises(tgstore.InvalidError):
        tgstore.Snapshot.from_text(text)


@pytest.mark.parametrize("quoted", ['"%s"', " '%s' ", "\" '%s' \""])
def test_quotes_around_a_string_are_ignored(quoted: str, tmp_path: Path) -> None:
    """White space around it is ignored; so are the quotes that come with copies out of shells."""
    text = telethon_file(tmp_path / "a.session").to_text("telethon")
    assert tgstore.Snapshot.from_text(quoted % text).session.auth_key == KEY


# --- files


def test_dates_out_of_range_are_left_out(tmp_path: Path) -> None:
    """What was repaired or left out on reading is noted, and the rest is there."""
    found = pyrogram_file(
        tmp_path / "a.session",
        "INSERT INTO peers VALUES (7, 1, 'user', NULL, NULL, -5)",
        "INSERT INTO peers VALUES (8, 1, 'user', NULL, NULL, 9223372036854775807)",
        "INSERT INTO peers VALUES (9, 1, 'user', NULL, NULL, 1700000000)",
    )
    assert [peer.get("seen_at") for peer in found.peers] == [None, None, 1_700_000_000_000]


def test_a_peer_of_a_wrong_kind_is_skipped(tmp_path: Path) -> None:
    """A row that no peer can be is left out and noted; the others are read."""
    found = pyrogram_file(
        tmp_path / "a.session",
        "INSERT INTO peers VALUES (5, 1, 'user', NULL, NULL, 0)",
        "ALTER TABLE peers RENAME TO old",
        "CREATE TABLE peers(id, access_hash, type, username, phone_number, last_update_on)",
        "INSERT INTO peers SELECT * FROM old",
        "INSERT INTO peers VALUES ('not a number', 1, 'user', NULL, NULL, 0)",
    )
    assert [peer.id for peer in found.peers] == [5]
    assert found.notes


def test_a_blob_where_a_text_belongs_is_left_out(tmp_path: Path) -> None:
    """A value of the wrong type is left out and noted; the row is read."""
    found = pyrogram_file(
        tmp_path / "a.session", "INSERT INTO peers VALUES (5, 1, 'user', x'616263', NULL, 0)"
    )
    (peer,) = found.peers
    assert not peer.get("usernames") and found.notes


def test_the_name_of_the_peers_own_row_comes_first(tmp_path: Path) -> None:
    """A fork's table of usernames has the others: all of them are kept, the row's own is the primary."""
    found = pyrogram_file(
        tmp_path / "a.session",
        "CREATE TABLE usernames(id, username)",
        "INSERT INTO usernames VALUES (5, 'second')",
        "INSERT INTO usernames VALUES (5, 'third')",
        "INSERT INTO peers VALUES (5, 1, 'user', 'first', NULL, 0)",
    )
    (peer,) = found.peers
    assert list(peer.usernames) == ["first", "second", "third"]


def test_a_takeout_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    """A value of the wrong type is left out and noted."""
    found = telethon_file(tmp_path / "a.session", "UPDATE sessions SET takeout_id = 'x'")
    assert found.notes and not [kv for kv in found.kvs if "takeout" in kv.key]


# --- writing


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(snapshot: tgstore.Snapshot, format: str = "telethon-sqlite", **options: str) -> Path:
        path = tmp_path / "written.session"
        snapshot.to_file(format, path, **options)
        return path

    return write


def test_what_is_kept_of_sent_files_is_written_if_it_is_whole(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    """What tgstore kept of a Telethon file goes back into one; what somebody changed there does not."""
    kept = {
        "sent_files/0aff/10/1": "20 -30",
        "sent_files//10/1": "20 30",
        "sent_files/0aff/10": "20 30",
        "sent_files/0aff 10/1": "20 30",
        "sent_files/0afe/99999999999999999999/1": "20 30",
        "sent_files/0afd/10/1": "99999999999999999999 30",
        "sent_files/0afc/10/1": "20",
    }
    with tgstore.open("memory:") as store:
        me = store.session("main")
        telethon_file(tmp_path / "a.session").to_session(me)
        me.put([tgstore.Kv("tgstore.telethon", key, value=value.encode()) for key, value in kept.items()])
        path = write(tgstore.Snapshot.from_session(me))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT * FROM sent_files").fetchall() == [(b"\x0a\xff", 10, 1, 20, -30)]
    connection.close()


@pytest.mark.parametrize("address", ["", "a b", "1.2.3.4.5/x", "x" * 300])
def test_an_option_that_is_no_address(write: Callable[..., Path], tmp_path: Path, address: str) -> None:
    """INVALID (a needed value does not fit: the message names it)."""
    with pytest.raises(tgstore.InvalidError, match="address"):
        write(telethon_file(tmp_path / "a.session"), address=address)


def bare(**members: object) -> tgstore.Snapshot:
    """Of a session that has a key, and these."""
    with tgstore.open("memory:") as store:
        me = store.session("main")
        me.put([tgstore.SessionData(auth_key=KEY, **members)])
        return tgstore.Snapshot.from_session(me)


def test_options_fill_in_what_is_lacking() -> None:
    """Values for what the format needs and the snapshot lacks."""
    text = bare(dc=2).to_text("telethon", address="10.1.2.3", port=444)
    found = tgstore.Snapshot.from_text(text).session
    assert (found.dc, found.address, found.port) == (2, "10.1.2.3", 444)


def test_a_data_center_that_nobody_knows() -> None:
    """INVALID (a needed value is missing: the message names it)."""
    with pytest.raises(tgstore.InvalidError, match="address"):
        bare(dc=99).to_text("telethon")


def test_telethon_needs_a_data_center(write: Callable[..., Path]) -> None:
    """INVALID (a needed value is missing: the message names it)."""
    with pytest.raises(tgstore.InvalidError, match="dc"):
        write(bare())


def test_a_path_that_is_empty_or_too_long(tmp_path: Path) -> None:
    """An empty path is INVALID, one that the system does not take is TOO_LARGE; nothing is written."""
    snapshot = telethon_file(tmp_path / "a.session")
    with pytest.raises(tgstore.InvalidError):
        snapshot.to_file("telethon-sqlite", "")
    with pytest.raises(tgstore.TooLargeError):
        snapshot.to_file("telethon-sqlite", str(tmp_path / "/".join(["x" * 200] * 30)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.session"]
