# SPDX-License-Identifier: Apache-2.0
"""What becomes of secrets that the command handles: the modes of its files, and its memory when it ends."""

from __future__ import annotations

import json
import os
import secrets
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from api import dc_auth, session_data
from command import PATIENCE, Run, Tool, environment

TELETHON = "telethon/1.45.0-main.session"
MAIN = ["--session", "main"]


def run(tool: Tool, umask: int, *arguments: Any) -> Run:
    done = subprocess.run(
        [tool.program, *map(str, arguments)],
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
        umask=umask,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o277, 0o777])
def test_files_are_private(tool: Tool, store: str, fixtures: Path, tmp_path: Path, umask: int) -> None:
    """Whatever the umask is, also where an old file is replaced; and nothing else is left."""
    folder = tmp_path / "out"
    folder.mkdir()
    for force in ([], ["--force"]):
        export = ["export", store, *MAIN, *force]
        run(tool, umask, *export, "--format", "telethon", "--out", folder / "string.txt")
        run(tool, umask, *export, "--format", "telethon-sqlite", "--out", folder / "file.session")
        for path in folder.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            path.chmod(0o644)
    run(tool, umask, "import", fixtures / TELETHON, "--to", f"sqlite:{folder}/store.db")
    run(tool, umask, "copy", store, f"sqlite:{folder}/copy.db")
    run(tool, umask, "backup", store, folder / "backup.db")
    assert modes(folder) == {
        "string.txt": 0o644,
        "file.session": 0o644,
        "store.db": 0o600,
        "copy.db": 0o600,
        "backup.db": 0o600,
    }


def test_force_replaces_a_link_and_not_what_it_leads_to(tool: Tool, store: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("gold")
    for format in ("telethon", "telethon-sqlite"):
        link = tmp_path / format
        link.symlink_to(precious)
        tool.ok("export", store, *MAIN, "--format", format, "--out", link, "--force")
        assert not link.is_symlink() and stat.S_IMODE(link.stat().st_mode) == 0o600
    assert precious.read_text() == "gold"


# --- memory


def looked_after(build: Path, tool: Tool, folder: Path, arguments: list[Any], looked_for: dict[str, bytes],
                 stdin: bytes = b"") -> list[list[str]]:  # fmt: skip
    """Run the command; what is still in its memory when main has returned, but for what SQLite took.

    The C library binds some calls when it makes them first, which saves the registers on the stack.
    """
    tests = build / "tests" / "secrets"
    listed = folder / "secrets"
    listed.write_text("".join(f"{name} {secret.hex()}\n" for name, secret in looked_for.items()))
    done = subprocess.run(
        [tests / "look_after", tests / "libkeeper.so", listed, folder / "findings", tool.program,
         *map(str, arguments)],
        input=stdin, capture_output=True, timeout=PATIENCE, env=environment(LD_BIND_NOW="1"),
    )  # fmt: skip
    assert done.returncode == 0, done
    found = [line.split("\t") for line in (folder / "findings").read_text().splitlines()]
    return [each for each in found if "kept-sqlite" not in each[0]]


def test_nothing_is_left_in_memory(
    build: Path, tool: Tool, open_store: Any, fixtures: Path, strings: Any, tmp_path: Path
) -> None:
    """No command has a secret in memory of its own when it ends, nor on its stack."""
    files = json.loads((fixtures / "manifest.json").read_text())["files"]
    file_key = next(each["session"]["auth_key"] for each in files if each["file"] == TELETHON)
    text = strings["telethon", "main"]["string"].encode()
    key, other_key, api_hash = os.urandom(256), os.urandom(256), secrets.token_hex(16)
    store = f"sqlite:{tmp_path}/bot.db"
    with open_store(store) as opened:
        me = opened.session("main")
        me.put(session_data(dc=2, port=443, address="149.154.167.51", auth_key=key, api_hash=api_hash))
        me.put(dc_auth(4, auth_key=other_key))
    looked_for = {
        "KEY": key, "OTHER_KEY": other_key, "API_HASH": api_hash.encode(), "STRING": text,
        "FILE_KEY": bytes.fromhex(file_key),
    }  # fmt: skip
    commands: list[list[Any]] = [
        ["inspect", fixtures / TELETHON],
        ["inspect", "-", "--json"],
        ["convert", "-", "--format", "telethon"],
        ["convert", fixtures / TELETHON, "--format", "telethon"],
        ["import", fixtures / TELETHON, "--to", f"sqlite:{tmp_path}/imported.db"],
        ["export", store, *MAIN, "--format", "telethon", "--out", tmp_path / "string"],
        ["export", store, *MAIN, "--format", "telethon-sqlite", "--out", tmp_path / "file.session"],
        ["show", store, *MAIN],
        ["show", store, *MAIN, "--json"],
        ["copy", store, "memory:"],
        ["copy", store, f"sqlite:{tmp_path}/copy.db"],
        ["backup", store, tmp_path / "backup.db"],
        ["purge", store, *MAIN, "--yes"],
    ]
    for command in commands:
        assert looked_after(build, tool, tmp_path, command, looked_for, text) == [], command


def test_looking_finds_what_is_there(build: Path, tool: Tool, tmp_path: Path) -> None:
    """Such as its own name on the stack: so the test above would find a secret."""
    found = looked_after(build, tool, tmp_path, ["--version"], {"NAME": tool.program[-24:].encode()})
    assert any("stack" in each[0] for each in found)
