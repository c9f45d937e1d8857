# SPDX-License-Identifier: Apache-2.0
"""inspect, import, export, convert: session files and strings that real clients wrote."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from command import Run, Tool

TELETHON = "telethon/1.45.0-main.session"
KURIGRAM = "kurigram/2.2.26-main.session"


@pytest.fixture(scope="session")
def manifest(fixtures: Path) -> dict[str, dict[str, Any]]:
    return {each["file"]: each for each in json.loads((fixtures / "manifest.json").read_text())["files"]}


@pytest.fixture
def session_file(fixtures: Path, tmp_path: Path) -> Any:
    """A copy of a fixture, with the files beside it that belong to it."""

    def copied(name: str) -> Path:
        folder = tmp_path / "copied"
        folder.mkdir(exist_ok=True)
        source = fixtures / name
        for suffix in ("", "-wal", "-journal"):
            if (side := source.with_name(source.name + suffix)).exists():
                shutil.copyfile(side, folder / side.name)
        return folder / source.name

    return copied


def shows_no_key(run: Run, key: bytes) -> None:
    for form in (key.hex(), base64.b64encode(key).decode()[:64], base64.urlsafe_b64encode(key).decode()[:64]):
        assert form.lower() not in (run.out + run.err).lower()


def tables(file: Path) -> dict[str, list[Any]]:
    """The rows of a session file, as the client sees them."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


# --- inspect


@pytest.mark.parametrize(
    "name", [TELETHON, KURIGRAM, "hydrogram/0.2.0-wal.session", "pyrogram/1.4.16-main.session"]
)
def test_inspect_a_file(tool: Tool, session_file: Any, manifest: dict[str, Any], name: str) -> None:
    expected, file = manifest[name]["session"], session_file(name)
    before = contents(file.parent)
    run = tool.ok("inspect", file, "--json")
    assert contents(file.parent) == before
    assert run.json["format"] == manifest[name]["format"]
    assert run.json["session"]["dc"] == expected["dc_id"]
    assert run.json["session"]["auth_key"] == "<256 bytes>"
    assert run.json["session"]["user_id"] == expected["user_id"]
    assert run.json["peers"] > 10
    text = tool.ok("inspect", file)
    assert run.json["description"] in text.out and str(expected["user_id"]) in text.out
    assert "256 bytes, not shown" in text.out
    for each in (run, text):
        shows_no_key(each, bytes.fromhex(expected["auth_key"]))


def test_inspect_a_string(tool: Tool, strings: Any, tmp_path: Path) -> None:
    """From standard input or from a file, the string itself nowhere in the output."""
    given = strings["telethon", "main"]
    file = tmp_path / "string.txt"
    file.write_text(given["string"] + "\n")
    for run in (
        tool.ok("inspect", "-", "--json", stdin=file.read_bytes()),
        tool.ok("inspect", file, "--json"),
    ):
        assert run.json["format"] == "telethon"
        assert run.json["session"]["dc"] == given["expected"]["dc_id"]
        assert given["string"][1:40] not in run.out + run.err
        shows_no_key(run, bytes.fromhex(given["expected"]["auth_key"]))


def test_input_that_is_no_session(tool: Tool, session_file: Any, fixtures: Path, tmp_path: Path) -> None:
    for name in (
        "damaged/zeros.session",
        "damaged/text.session",
        "damaged/empty.session",
        "odd/unrelated-db.session",
    ):
        run = tool("inspect", session_file(name))
        assert run.status == 1 and run.out == "", name
        assert run.err.startswith("tgstore: ") and run.err.count("\n") == 1
    assert tool("inspect", tmp_path / "none").status == 3
    assert tool("inspect", tmp_path).status == 1
    assert tool("inspect", "-", stdin=b"").status == 1
    assert tool("inspect", "-", stdin=b"hello").status == 1
    assert tool("inspect", "-", stdin=bytes(70000)).status == 1
    file = tool("inspect", "-", stdin=(fixtures / TELETHON).read_bytes()[:4096])
    assert file.status == 1 and "give the file's name" in file.err


# --- import


@pytest.mark.parametrize("name", [TELETHON, KURIGRAM])
def test_import_a_file(
    tool: Tool, session_file: Any, manifest: dict[str, Any], tmp_path: Path, name: str
) -> None:
    expected, file = manifest[name]["session"], session_file(name)
    url = f"sqlite:{tmp_path}/new.db"
    run = tool.ok("import", file, "--to", url, "--session", "main", "--json")
    assert run.json["session"] == "main" and run.json["rows"] > 20
    shown = tool.ok("show", url, "--json").json
    assert shown["session"]["user_id"] == expected["user_id"]
    assert shown["stats"]["peers"] == tool.ok("inspect", file, "--json").json["peers"]
    assert stat.S_IMODE(os.stat(tmp_path / "new.db").st_mode) == 0o600
    again = tool.ok("import", file, "--to", url, "--session", "main")
    assert "main" in again.out
    assert tool.ok("show", url, "--json").json == shown
    shows_no_key(again, bytes.fromhex(expected["auth_key"]))


def test_import_into_the_unnamed_session(tool: Tool, session_file: Any, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/new.db"
    tool.ok("import", session_file(TELETHON), "--to", url)
    assert [each["name"] for each in tool.ok("sessions", url, "--json").json] == [""]


def test_import_another_account(
    tool: Tool, session_file: Any, manifest: dict[str, Any], tmp_path: Path
) -> None:
    url, other = f"sqlite:{tmp_path}/new.db", "telethon/1.45.0-bot.session"
    tool.ok("import", session_file(TELETHON), "--to", url)
    before = tool.ok("show", url, "--json").out
    run = tool("import", session_file(other), "--to", url)
    assert run.status == 1 and "--replace-account" in run.err
    assert tool.ok("show", url, "--json").out == before
    tool.ok("import", session_file(other), "--to", url, "--replace-account")
    assert tool.ok("show", url, "--json").json["session"]["user_id"] == manifest[other]["session"]["user_id"]


def test_import_to_where_nothing_can_be_made(tool: Tool, session_file: Any, tmp_path: Path) -> None:
    run = tool("import", session_file(TELETHON), "--to", f"sqlite:{tmp_path}/none/new.db")
    assert run.status == 1 and run.err.startswith("tgstore: ")


# --- export and convert


@pytest.mark.parametrize(
    ("format", "sets"),
    [("telethon", []), ("kurigram", ["api_id=6", "is_bot=0"]), ("pyrogram", ["api_id=6", "is_bot=0"])],
)
def test_round_trip(tool: Tool, strings: Any, tmp_path: Path, format: str, sets: list[str]) -> None:
    """What is exported says the same as what was imported."""
    options = [option for each in sets for option in ("--set", each)]
    given, url = strings["telethon", "main"], f"sqlite:{tmp_path}/new.db"
    if format != "telethon":
        options += ["--set", "user_id=5012345678"]
    tool.ok("import", "-", "--to", url, stdin=given["string"].encode())
    exported = tool.ok("export", url, "--format", format, *options)
    converted = tool.ok("convert", "-", "--format", format, *options, stdin=given["string"].encode())
    assert exported.out == converted.out
    back = tool.ok("convert", "-", "--format", "telethon", stdin=exported.out.encode()).out
    assert back == given["string"] + "\n"


def test_out_makes_a_private_file(tool: Tool, store: str, tmp_path: Path) -> None:
    out = tmp_path / "string.txt"
    arguments = ["export", store, "--session", "main", "--format", "telethon", "--out", out]
    run = tool.ok(*arguments)
    assert run.out == ""
    first = out.read_text()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600 and first.endswith("\n")
    assert tool.ok(*arguments[:-2]).out == first

    out.write_text("precious")
    refused = tool(*arguments)
    assert refused.status == 1 and "--force" in refused.err
    assert out.read_text() == "precious"
    out.chmod(0o644)
    tool.ok(*arguments, "--force")
    assert out.read_text() == first and stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if "string" in path.name) == ["string.txt"]


def test_out_does_not_follow_a_link(tool: Tool, store: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    run = tool("export", store, "-s", "main", "-f", "telethon", "-o", tmp_path / "link")
    assert run.status == 1 and not (tmp_path / "elsewhere").exists()


def test_out_that_can_not_be_written(tool: Tool, store: str, tmp_path: Path) -> None:
    for options in ([], ["--force"]):
        run = tool("export", store, "-s", "main", "-f", "telethon", "-o", tmp_path / "none" / "out", *options)
        assert run.status == 1 and "can't write" in run.err


def test_what_the_format_needs(tool: Tool, session_file: Any) -> None:
    """A value that the session lacks is asked for by name; a format that is none is wrong usage."""
    run = tool("convert", session_file(TELETHON), "--format", "pyrogram")
    assert run.status == 1 and "api_id" in run.err and "--set" in run.err and run.out == ""
    assert tool("convert", session_file(TELETHON), "--format", "bogus").status == 2


def test_logged_out_session_has_nothing_to_export(tool: Tool, session_file: Any) -> None:
    run = tool("convert", session_file("telethon/1.45.0-loggedout.session"), "--format", "telethon")
    assert run.status == 3 and "no auth key" in run.err


def test_secrets_on_a_terminal_come_with_a_warning(tool: Tool, store: str) -> None:
    with tool.terminal("export", store, "-s", "main", "-f", "telethon", out=True) as terminal:
        status, text = terminal.end()
    assert status == 0 and "key to the account" in text


# --- session files


def stored(open_store: Any, url: str, name: str = "") -> dict[str, list[Any]]:
    """All that a session file can bring into a session."""
    with open_store(url) as opened:
        session = opened.session(name)
        return {
            record: session.list(record) for record in ("session", "dc_auth", "peer", "update_state", "kv")
        }


@pytest.mark.parametrize(("name", "format"), [(TELETHON, "telethon-sqlite"), (KURIGRAM, "kurigram-sqlite")])
def test_file_through_a_store_and_back(
    tool: Tool, session_file: Any, open_store: Any, tmp_path: Path, name: str, format: str
) -> None:
    """What is exported says the same as what was imported: peers, update states, values without a record."""
    file, first, second = session_file(name), f"sqlite:{tmp_path}/1.db", f"sqlite:{tmp_path}/2.db"
    out = tmp_path / "out.session"
    tool.ok("import", file, "--to", first)
    assert tool.ok("export", first, "--format", format, "--out", out).out == ""
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    tool.ok("import", out, "--to", second)
    before = stored(open_store, first)
    assert stored(open_store, second) == before
    assert len(before["peer"]) > 20 and len(before["update_state"]) > 1


def test_values_that_only_telethon_has(tool: Tool, session_file: Any, tmp_path: Path) -> None:
    """Files that were sent come back in the file, and so does the account's own row, number 0."""
    file, url, out = session_file(TELETHON), f"sqlite:{tmp_path}/new.db", tmp_path / "out.session"
    tool.ok("import", file, "--to", url)
    tool.ok("export", url, "--format", "telethon-sqlite", "--out", out)
    before, after = tables(file), tables(out)
    assert after["sent_files"] == before["sent_files"] != []
    assert [row[:2] for row in after["entities"]] == [row[:2] for row in before["entities"]]


def test_takeout_stays_in_the_store(
    tool: Tool, session_file: Any, open_store: Any, manifest: dict[str, Any], tmp_path: Path
) -> None:
    """A file with a takeout id is one that Telethon 1.43 and 1.44 can't open: only the store keeps it."""
    name, url, out = "telethon/1.45.0-takeout-tmpkey.session", f"sqlite:{tmp_path}/new.db", tmp_path / "out"
    tool.ok("import", session_file(name), "--to", url)
    before = stored(open_store, url)
    tool.ok("export", url, "--format", "telethon-sqlite", "--out", out)
    assert [row[4] for row in tables(out)["sessions"]] == [None]
    tool.ok("import", out, "--to", url)
    assert stored(open_store, url) == before
    takeout = str(manifest[name]["session"]["takeout_id"]).encode()
    assert takeout in [row["value"] for row in before["kv"] if row["key"] == "takeout_id"]


def test_convert_a_file_for_another_library(
    tool: Tool, session_file: Any, open_store: Any, tmp_path: Path
) -> None:
    file, out = session_file(TELETHON), tmp_path / "out.session"
    arguments = ["convert", file, "--format", "kurigram-sqlite", "--out", out]
    run = tool(*arguments)
    assert run.status == 1 and "needs is_bot" in run.err and "--set" in run.err and not out.exists()
    tool.ok(*arguments, "--set", "api_id=12345", "--set", "is_bot=0")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert tool.ok("inspect", out, "--json").json["session"]["api_id"] == 12345
    urls = [f"sqlite:{tmp_path}/{each}.db" for each in ("before", "after")]
    for source, url in zip((file, out), urls):
        tool.ok("import", source, "--to", url)
    before, after = (
        {(row["kind"], row["id"]): row["access_hash"] for row in tool.ok("peers", url, "--json").json
         if "access_hash" in row}
        for url in urls
    )  # fmt: skip
    assert after == before and len(after) > 20


def test_string_becomes_a_file(tool: Tool, strings: Any, tmp_path: Path) -> None:
    given, out = strings["telethon", "main"], tmp_path / "out.session"
    tool.ok("convert", "-", "-f", "telethon-sqlite", "-o", out, stdin=given["string"].encode())
    assert tool.ok("convert", out, "-f", "telethon").out == given["string"] + "\n"


@pytest.mark.parametrize("out", [[], ["--out", "-"]])
def test_file_needs_a_name(tool: Tool, store: str, session_file: Any, out: list[str]) -> None:
    for command in (["export", store, "--session", "main"], ["convert", session_file(TELETHON)]):
        run = tool(*command, "--format", "telethon-sqlite", *out)
        assert (run.status, run.out) == (2, "")
        assert "telethon-sqlite is a file" in run.err and "--out FILE" in run.err


def test_file_format_that_is_none(tool: Tool, store: str, tmp_path: Path) -> None:
    out = tmp_path / "out.session"
    run = tool("export", store, "--session", "main", "--format", "bogus-sqlite", "--out", out)
    assert run.status == 2 and "kurigram-sqlite" in run.err and not out.exists()


def test_file_over_another_only_by_force(tool: Tool, session_file: Any, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    out = folder / "out.session"
    out.write_text("precious")
    out.chmod(0o644)
    arguments = ["convert", session_file(TELETHON), "--format", "telethon-sqlite", "--out", out]
    refused = tool(*arguments)
    assert refused.status == 1 and "out.session exists" in refused.err and "--force" in refused.err
    assert out.read_text() == "precious"
    tool.ok(*arguments, "--force")
    assert tool.ok("inspect", out, "--json").json["format"] == "telethon-sqlite"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(folder.iterdir()) == [out]


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_file_that_can_not_be_written_leaves_nothing(
    tool: Tool, session_file: Any, tmp_path: Path, force: list[str]
) -> None:
    folder = tmp_path / "folder"
    (folder / "taken").mkdir(parents=True)
    arguments = ["convert", session_file(TELETHON), "--format", "telethon-sqlite", *force, "--out"]
    for out in (folder / "none" / "out", folder / "taken"):
        run = tool(*arguments, out)
        assert run.status == 1 and f"/{out.name}" in run.err
    lacking = tool(*arguments, folder / "out", "--format", "kurigram-sqlite")
    assert lacking.status == 1 and "--set" in lacking.err
    assert list(folder.iterdir()) == [folder / "taken"]


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_file_does_not_fall_heir_to_another(
    tool: Tool, session_file: Any, tmp_path: Path, suffix: str
) -> None:
    """SQLite would play a log of another file of that name into the new one."""
    out, left = tmp_path / "out.session", tmp_path / f"out.session{suffix}"
    left.write_bytes(b"rows of another file")
    run = tool("convert", session_file(TELETHON), "-f", "telethon-sqlite", "-o", out, "--force")
    assert run.status == 1 and str(left) in run.err and not out.exists()
