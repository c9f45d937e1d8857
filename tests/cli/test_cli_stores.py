# SPDX-License-Identifier: Apache-2.0
"""sessions, show, peers, stats, copy, prune, purge, backup."""

from __future__ import annotations

import base64
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from api import dedup, kv, peer, session_data
from command import API_HASH, AUTH_KEY, Tool
from records import STORED

# --- looking


def test_sessions(tool: Tool, store: str, open_store: Any) -> None:
    assert [row["name"] for row in tool.ok("sessions", store, "--json").json] == ["main", "second"]
    with open_store(store) as opened:
        opened.session("main").acquire("the bot", mode="exclusive", ttl_ms=600000)
        row = tool.ok("sessions", store, "--json").json[0]
        assert (row["lease_mode"], row["lease_owner"], row["purging"]) == ("exclusive", "the bot", False)
        assert "the bot" in tool.ok("sessions", store).out


def test_many_sessions_are_listed_by_pages(tool: Tool, open_store: Any, tmp_path: Path) -> None:
    url, names = f"sqlite:{tmp_path}/many.db", [f"s{i:04}" for i in range(2100)]
    with open_store(f"{url}?durability=relaxed") as opened:
        for name in names:
            session = opened.session(name)
            session.put(kv("s", "k", value=b""))
            session.free()
    assert [row["name"] for row in tool.ok("sessions", url, "--json").json] == names
    assert tool.ok("sessions", url).out.count("\n") == len(names) + 1


def test_show(tool: Tool, store: str) -> None:
    shown = tool.ok("show", store, "--session", "main", "--json").json
    assert shown["name"] == "main"
    assert shown["session"]["user_id"] == 5012345678 and shown["session"]["first_name"] == "Zoë"
    assert shown["session"]["auth_key"] == "<256 bytes>" and shown["session"]["api_hash"] == "<32 bytes>"
    assert [(row["dc"], row["slot"]) for row in shown["dc_auths"]] == [(2, "permanent"), (4, "permanent")]
    assert shown["update_state"]["pts"] == 10
    assert shown["stats"]["peers"] == 5
    text = tool.ok("show", store, "--session", "main").out
    assert 'session "main"' in text and "Zoë" in text and "256 bytes, not shown" in text


def test_session_that_is_not_there(tool: Tool, store: str) -> None:
    for command in (["show"], ["export", "--format", "telethon"], ["purge", "--yes"], ["copy", "memory:"]):
        run = tool(command[0], store, *command[1:], "--session", "none")
        assert (run.status, run.out) == (3, ""), command
        assert "there is no such session" in run.err


def test_session_may_be_left_out_if_there_is_one(tool: Tool, store: str) -> None:
    run = tool("show", store)
    assert run.status == 2 and "--session" in run.err
    tool.ok("purge", store, "--session", "second", "--yes")
    assert tool.ok("show", store, "--json").json["name"] == "main"
    tool.ok("purge", store, "--session", "main", "--yes")
    assert tool("show", store).status == 3


def test_looking_makes_no_store(tool: Tool, tmp_path: Path) -> None:
    """A mistyped name is an error, not a new and empty database."""
    url = f"sqlite:{tmp_path}/mistyped.db"
    for command in ("sessions", "show", "peers", "stats", "prune"):
        run = tool(command, url)
        assert run.status == 1 and "mistyped.db" in run.err and "check the URL" in run.err
    assert tool("sessions", "env:STORE", STORE=url).status == 1
    assert tool("purge", url, "--session", "x", "--yes").status == 1
    assert tool("backup", url, tmp_path / "backup.db").status == 1
    assert list(tmp_path.iterdir()) == []


def test_urls_from_elsewhere(tool: Tool, store: str, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(store + "\n")
    expected = tool.ok("sessions", store, "--json").out
    assert tool.ok("sessions", "env:STORE", "--json", STORE=store).out == expected
    assert tool.ok("sessions", f"@{tmp_path}/url", "--json").out == expected
    assert tool("sessions", "env:NONE").status != 0


def test_secrets_are_nowhere(tool: Tool, store: str, tmp_path: Path) -> None:
    """No command but export and convert prints a secret, with or without --json."""
    main = ["--session", "main"]
    commands: list[list[Any]] = [
        ["sessions", store], ["show", store, *main], ["peers", store, *main], ["stats", store],
        ["copy", store, f"sqlite:{tmp_path}/copy.db"], ["backup", store, tmp_path / "backup.db"],
        ["prune", store], ["purge", store, "--yes", *main],
    ]  # fmt: skip
    for command in commands:
        for option in ([], ["--json"]) if command[0] not in ("backup", "purge") else ([],):
            run = tool.ok(*command, *option)
            for key in (AUTH_KEY, AUTH_KEY[::-1]):
                for form in (key.hex(), base64.b64encode(key).decode()[:40], API_HASH):
                    assert form not in run.out + run.err, command


# --- peers


def found(tool: Tool, store: str, *options: str) -> list[tuple[str, int]]:
    run = tool.ok("peers", store, "--session", "main", "--json", *options)
    return [(row["kind"], row["id"]) for row in run.json]


def test_peers(tool: Tool, store: str) -> None:
    rows = tool.ok("peers", store, "--session", "main", "--json").json
    assert [(row["kind"], row["id"]) for row in rows] == [
        ("user", 5), ("user", 6), ("user", 777000), ("chat", 5), ("channel", 1234567890)]  # fmt: skip
    assert rows[2]["usernames"] == ["telegram"] and rows[2]["seen_at"] == 1700000000000
    assert rows[4]["access_hash"] == -(1 << 63) and rows[4]["subtype"] == "broadcast"
    assert found(tool, store, "--kind", "channel") == [("channel", 1234567890)]
    assert tool("peers", store, "--session", "main", "--kind", "bogus").status == 2


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("telegram", [("user", 777000)]),
        ("@Telegram", [("user", 777000)]),
        ("+49 (170) 123-4567", [("user", 5)]),
        ("777000", [("user", 777000)]),
        ("5", [("user", 5), ("chat", 5)]),
        ("1234567890", [("channel", 1234567890)]),
        ("-1001234567890", [("channel", 1234567890)]),
        ("-5", [("chat", 5)]),
        ("кузн", [("user", 5)]),
        ("NEWS", [("channel", 1234567890)]),
        ("nna", [("user", 6)]),
        ("a", [("user", 6), ("user", 777000), ("chat", 5)]),
    ],
)
def test_find(tool: Tool, store: str, what: str, expected: list[tuple[str, int]]) -> None:
    assert found(tool, store, "--find", what) == expected


def test_find_within_a_kind(tool: Tool, store: str) -> None:
    assert found(tool, store, "--find", "5", "--kind", "chat") == [("chat", 5)]


@pytest.mark.parametrize("what", ["nobody", "99", "+1 555", "@nobody", "9223372036854775808", "%", "No One"])
def test_find_nobody(tool: Tool, store: str, what: str) -> None:
    run = tool("peers", store, "--session", "main", "--find", what, "--json")
    assert (run.status, run.json) == (3, [])
    assert "no peer" in run.err


def test_table_is_aligned_and_safe(tool: Tool, store: str) -> None:
    """Control characters of a name can't drive the terminal; columns stand under each other."""
    text = tool.ok("peers", store, "--session", "main").out
    assert r"evil\x0a\x1b[31mname" in text and "\x1b" not in text
    heading, *lines = text.splitlines()
    assert len(lines) == 5
    column = heading.index("FIRST NAME")
    names = ["Анна", "evil", "Telegram", "Family", "News"]
    assert [line[column:].split(" ")[0][: len(name)] for line, name in zip(lines, names)] == names


def test_wide_characters_take_two_columns(tool: Tool, open_store: Any, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/wide.db"
    with open_store(url) as opened:
        opened.session("").put(session_data(dc=1))
        opened.session("").put(
            peer("user", 1, first_name="日本", phone="111"),
            peer("user", 2, first_name="abcd" * 30, phone="222"),
        )
    _, wide, narrow = tool.ok("peers", url).out.splitlines()
    assert wide.index("111") + len("日本") == narrow.index("222")
    assert "abcd" * 9 in narrow and "abcd" * 11 not in narrow and "…" in narrow


# --- stats, prune, purge, backup


def test_stats(tool: Tool, store: str) -> None:
    everything = tool.ok("stats", store, "--json").json
    assert (everything["sessions"], everything["session_data"], everything["peers"]) == (2, 2, 5)
    assert (everything["dc_auths"], everything["queue_ready"], everything["kvs"]) == (2, 6, 2)
    assert tool.ok("stats", store, "--session", "second", "--json").json["peers"] == 0
    assert "queue ready" in tool.ok("stats", store).out


def test_prune(tool: Tool, store: str, open_store: Any) -> None:
    with open_store(store) as opened:
        opened.session("main").put(dedup("old", expires=1), dedup("older", expires=2))
    assert tool.ok("prune", store, "--json").json == {"removed": 2}
    assert tool.ok("prune", store).out == "0 rows removed\n"
    assert tool.ok("prune", store, "--peer-age", "30", "--json").json == {"removed": 1}
    assert ("user", 777000) not in found(tool, store)


def test_purge_asks(tool: Tool, store: str) -> None:
    arguments = ["purge", store, "--session", "main"]
    run = tool(*arguments)
    assert run.status == 2 and "--yes" in run.err
    for answer, status in (("n\n", 1), ("\n", 1), ("\x04", 1), ("\x03", 1)):
        with tool.terminal(*arguments) as terminal:
            terminal.expect('"main" for good')
            terminal.type(answer)
            ended, text = terminal.end()
        assert ended == status and "nothing was deleted" in text
    assert tool.ok("stats", store, "--session", "main", "--json").json["peers"] == 5
    with tool.terminal(*arguments) as terminal:
        terminal.expect("[y/N]")
        terminal.type("y\n")
        assert terminal.end()[0] == 0
    assert [row["name"] for row in tool.ok("sessions", store, "--json").json] == ["second"]


def test_purge_of_a_leased_session(tool: Tool, store: str, open_store: Any) -> None:
    with open_store(store) as opened:
        opened.session("main").acquire("the bot", mode="exclusive", ttl_ms=600000)
        run = tool("purge", store, "--session", "main", "--yes")
        assert run.status == 1 and "the bot" in run.err
    assert tool.ok("stats", store, "--session", "main", "--json").json["peers"] == 5


def test_backup(tool: Tool, store: str, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    tool.ok("backup", store, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tool.ok("sessions", f"sqlite:{file}", "--json").out == tool.ok("sessions", store, "--json").out
    assert tool.ok("peers", f"sqlite:{file}", "-s", "main").out == tool.ok("peers", store, "-s", "main").out
    assert tool("backup", store, file).status == 1
    assert tool("backup", "memory:", tmp_path / "other.db").status == 1
    assert not os.path.exists(tmp_path / "other.db")


# --- copy

CHANGING = {"queue_item": ("sequence", "updated"), "conversation": ("version",)}


def rows(opened: Any, name: str) -> dict[str, list[Any]]:
    """All rows of a session, but for what a store gives anew."""
    listed = {}
    for record in STORED:
        dropped = CHANGING.get(record.name, ())
        listed[record.name] = [
            {member: value for member, value in row.items() if member not in dropped}
            for row in opened.session(name).list(record.name)
        ]
    return listed


def queue_order(opened: Any, name: str) -> list[str]:
    return [
        row["id"] for row in sorted(opened.session(name).list("queue_item"), key=lambda row: row["sequence"])
    ]


def test_copy_everything(tool: Tool, store: str, open_store: Any, tmp_path: Path) -> None:
    """Every record of every session, the order of lanes included; again, and nothing changes."""
    target = f"sqlite:{tmp_path}/copy.db"
    total = sum(tool.ok("stats", store, "--json").json[count] for count in (
        "session_data", "dc_auths", "peers", "update_states", "dedup_keys", "queue_ready", "conversations", "kvs"))  # fmt: skip
    assert tool.ok("copy", store, target, "--json").json == {"sessions": 2, "rows": total}
    with open_store(store) as source, open_store(target) as copy:
        for name in ("main", "second"):
            expected = rows(source, name)
            assert rows(copy, name) == expected
            assert name != "main" or all(expected.values())
        assert queue_order(copy, "main") == queue_order(source, "main")
        tool.ok("copy", store, target)
        assert rows(copy, "main") == rows(source, "main")
        assert queue_order(copy, "main") == queue_order(source, "main")


def test_copy_one_session(tool: Tool, store: str, tmp_path: Path) -> None:
    target = f"sqlite:{tmp_path}/copy.db"
    run = tool.ok("copy", store, target, "--session", "second")
    assert run.out == "1 row of 1 session copied\n"
    assert [row["name"] for row in tool.ok("sessions", target, "--json").json] == ["second"]


def test_copy_many_pages(tool: Tool, open_store: Any, tmp_path: Path) -> None:
    source, target = f"sqlite:{tmp_path}/big.db", f"sqlite:{tmp_path}/copy.db"
    with open_store(source) as opened:
        opened.session("").load(*(peer("user", i, access_hash=i + 1) for i in range(3500)))
    assert tool.ok("copy", source, target, "--json").json["rows"] == 3500
    assert len(tool.ok("peers", target, "--json").json) == 3500


def test_copy_onto_another_account(tool: Tool, store: str, open_store: Any, tmp_path: Path) -> None:
    target = f"sqlite:{tmp_path}/copy.db"
    with open_store(target) as opened:
        opened.session("main").put(session_data(user_id=1, dc=1))
        opened.session("main").put(peer("user", 4711, access_hash=1))
    run = tool("copy", store, target)
    assert run.status == 1 and "--replace-account" in run.err and "0 of" in run.err
    assert found(tool, target) == [("user", 4711)]
    tool.ok("copy", store, target, "--replace-account")
    assert ("user", 4711) not in found(tool, target) and ("user", 777000) in found(tool, target)


def test_copy_of_nothing(tool: Tool, tmp_path: Path) -> None:
    assert tool("copy", "memory:", f"sqlite:{tmp_path}/copy.db").status == 3


def test_damaged_store(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database" * 100)
    sqlite3.connect(tmp_path / "foreign.db").execute("CREATE TABLE t (x)").connection.close()
    for name in ("bad.db", "foreign.db"):
        run = tool("sessions", f"sqlite:{tmp_path}/{name}")
        assert run.status == 1 and run.err.startswith("tgstore: ") and run.out == ""
