# SPDX-License-Identifier: Apache-2.0
"""On a terminal: the progress bar, and Ctrl-C."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from command import Tool


def lines(text: str) -> list[str]:
    """The pictures of the bar, one after the other, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\x1b[K", "").split("\r")


@pytest.mark.parametrize(
    ("command", "label"),
    [
        (["copy", "{store}", "{new}"], "Copying"),
        (["import", "{file}", "--to", "{new}"], "Importing"),
        (["prune", "{store}"], "Removing"),
        (["purge", "{store}", "--session", "main", "--yes"], "Deleting"),
        (["export", "{store}", "-s", "main", "-f", "telethon-sqlite", "-o", "{path}"], "Reading"),
        (["convert", "{file}", "-f", "telethon-sqlite", "-o", "{path}"], "Writing"),
        (["backup", "{store}", "{path}"], "Backing up"),
    ],
)
def test_long_work_shows_a_bar(
    tool: Tool, store: str, fixtures: Path, tmp_path: Path, command: list[str], label: str
) -> None:
    """It is drawn on the terminal, and is gone in the end."""
    names = {"store": store, "new": f"sqlite:{tmp_path}/new.db", "path": tmp_path / "new.db",
             "file": fixtures / "telethon/1.45.0-main.session"}  # fmt: skip
    with tool.terminal(*(argument.format(**names) for argument in command)) as terminal:
        status, text = terminal.end()
    assert status == 0
    assert re.search(rf"{label}[a-z ]*  \[[#-]+\]  ", "\n".join(lines(text)))
    assert text.endswith("\r\x1b[K")


def test_bar_counts(tool: Tool, store: str, tmp_path: Path) -> None:
    with tool.terminal("copy", store, f"sqlite:{tmp_path}/new.db") as terminal:
        _, text = terminal.end()
    assert re.search(r"\]  \d+/23  0:\d\d", "\n".join(lines(text)))


def test_no_bar_where_it_would_disturb(tool: Tool, store: str, tmp_path: Path) -> None:
    """Not off a terminal, and not on one that can't draw it."""
    assert tool.ok("copy", store, f"sqlite:{tmp_path}/1.db").err == ""
    with tool.terminal("copy", store, f"sqlite:{tmp_path}/2.db", TERM="dumb") as terminal:
        assert terminal.end() == (0, "")


def test_colour_only_if_wanted(tool: Tool, store: str, tmp_path: Path) -> None:
    for number, (variables, coloured) in enumerate(
        [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]
    ):
        with tool.terminal("copy", store, f"sqlite:{tmp_path}/{number}.db", **variables) as terminal:
            status, text = terminal.end()
        assert status == 0 and ("\x1b[32m" in text) == coloured


@pytest.mark.parametrize("columns", [8, 30, 60, 300])
def test_bar_fits_the_terminal(tool: Tool, store: str, tmp_path: Path, columns: int) -> None:
    with tool.terminal("copy", store, f"sqlite:{tmp_path}/new.db", columns=columns) as terminal:
        status, text = terminal.end()
    assert status == 0
    assert max(map(len, lines(text))) < columns


def test_interrupt_while_reading(tool: Tool) -> None:
    with tool.terminal("inspect", "-") as terminal:
        terminal.expect("Session string")
        terminal.interrupt()
        status, text = terminal.end()
    assert status == 1 and "cancelled" in text


def test_string_from_the_terminal_is_not_shown(tool: Tool, strings: Any) -> None:
    string = strings["telethon", "main"]["string"]
    with tool.terminal("inspect", "-", out=True) as terminal:
        terminal.expect("Session string")
        terminal.type(string + "\n")
        status, text = terminal.end()
    assert status == 0 and "Telethon" in text and string[:20] not in text


def test_end_from_outside(tool: Tool) -> None:
    """SIGTERM ends it as Ctrl-C does."""
    with tool.terminal("inspect", "-") as terminal:
        terminal.expect("Session string")
        terminal.process.terminate()
        status, text = terminal.end()
    assert status == 1 and "cancelled" in text


def test_interrupt_of_a_copy(tool: Tool, store: str, open_store: Any, tmp_path: Path) -> None:
    """Ctrl-C while somebody else keeps the database: says what was done, and the next run completes it."""
    target = tmp_path / "copy.db"
    with open_store(f"sqlite:{target}") as opened:
        opened.ping()
    other = sqlite3.connect(target, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with tool.terminal("copy", store, f"sqlite:{target}", "--timeout", "300") as terminal:
        terminal.expect("0/23  0:01")  # by now it waits for the database
        terminal.interrupt()
        status, text = terminal.end()
    assert status == 1
    assert "SQLITE_" not in text  # that it waited is no news to who ended it
    assert "cancelled" in text and "0 of 23 rows were copied; the same command again completes it" in text
    other.execute("ROLLBACK")
    other.close()
    assert tool.ok("copy", store, f"sqlite:{target}", "--json").json["rows"] == 23


def test_timeout(tool: Tool, store: str, fixtures: Path) -> None:
    """A step that takes longer than --timeout fails, and says how to wait longer."""
    other = sqlite3.connect(store.removeprefix("sqlite:"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    file = fixtures / "telethon/1.45.0-main.session"
    run = tool("import", file, "--to", store, "--session", "new", "--timeout", "0.2")
    assert run.status == 1 and "--timeout" in run.err and "rows were stored" in run.err
    other.close()
