# SPDX-License-Identifier: Apache-2.0
"""Arguments, help and the manual: what a person sees before anything works."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import Tool

COMMANDS = ["inspect", "import", "export", "convert", "sessions", "show", "peers", "copy", "stats", "prune", "purge",
            "backup"]  # fmt: skip
LONG_ENOUGH = "1ApWapzMBu" * 30


def test_overview_lists_the_commands(tool: Tool) -> None:
    run = tool.ok("--help")
    assert re.findall(r"^  ([a-z]+) ", run.out, re.M)[: len(COMMANDS)] == COMMANDS
    assert "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found" in run.out
    assert run.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_each_command(tool: Tool, command: str) -> None:
    run = tool.ok(command, "--help")
    assert run.out.startswith(f"usage: tgstore {command} ")
    usage = run.out.splitlines()[0]
    described = set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", run.out, re.M))
    assert set(re.findall(r"--[a-z-]+", usage)) | {"--help", "--timeout", "--load", "--version"} == described
    assert f"Examples:\n  tgstore {command} " in run.out
    assert max(map(len, run.out.splitlines())) <= 100
    assert tool.ok(command, "-h").out == run.out


def test_version(tool: Tool, source: Path) -> None:
    version = re.search(r"version: '([\d.]+)'", (source / "meson.build").read_text())
    assert version and tool.ok("--version").out == f"tgstore {version[1]}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "say what to do"),
        (["bogus"], "no command 'bogus'"),
        (["show"], "usage: tgstore show URL"),
        (["show", "memory:", "more"], "usage: tgstore show URL"),
        (["copy", "memory:"], "usage: tgstore copy URL URL"),
        (["show", "memory:", "--bogus"], "--bogus"),
        (["show", "memory:", "-x"], "-x"),
        (["show", "memory:", "--session"], "--session wants a value"),
        (["show", "memory:", "--json=1"], "--json"),
        (["show", "memory:", "--kind", "user"], "show takes no --kind"),
        (["import", "file"], "import needs --to URL"),
        (["export", "memory:"], "export needs --format FORMAT"),
        (["purge", "memory:", "--yes"], "purge needs --session NAME"),
        (["show", "memory:", "--timeout", "soon"], "--timeout wants a number of seconds"),
        (["show", "memory:", "--timeout", "0"], "--timeout wants a number of seconds"),
        (["show", "memory:", "--timeout", "nan"], "--timeout wants a number of seconds"),
        (["prune", "memory:", "--peer-age", "-1"], "--peer-age wants a number of days"),
        (["prune", "memory:", "--peer-age", "1e99"], "--peer-age wants a number of days"),
        (["convert", "-", "--format", "telethon", "--set", "api_id"], "--set wants KEY=VALUE"),
        (["copy", "memory:", "memory:"], "these are the same"),
    ],
)
def test_wrong_usage(tool: Tool, arguments: list[str], complaint: str) -> None:
    """Status 2, one line that says what is wrong, one that says where it is explained."""
    run = tool(*arguments)
    assert (run.status, run.out) == (2, "")
    first, second = run.err.splitlines()
    assert first.startswith("tgstore: ") and complaint in first
    assert "--help' " in second


@pytest.mark.parametrize("position", range(4))
def test_session_strings_are_refused_and_not_repeated(tool: Tool, position: int) -> None:
    """A session string in an argument is visible to everybody: it is refused wherever it stands."""
    arguments = [["inspect", LONG_ENOUGH], ["show", "memory:", f"--session={LONG_ENOUGH}"], [LONG_ENOUGH],
                 ["import", "-", "--to", LONG_ENOUGH]][position]  # fmt: skip
    run = tool(*arguments)
    assert run.status == 2 and run.out == ""
    assert "looks like a session string" in run.err and "inspect -" in run.err
    assert LONG_ENOUGH[:20] not in run.err


def test_file_with_a_long_name_is_not_refused(tool: Tool, tmp_path: Path) -> None:
    file = tmp_path / ("a" * 240)
    file.write_bytes(b"nothing")
    assert tool("inspect", file.name).status == 2
    run = subprocess.run([tool.program, "inspect", file.name], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1 and "looks like" not in run.stderr


def test_module_that_is_not_there(tool: Tool, tmp_path: Path) -> None:
    run = tool("sessions", "memory:", "--load", tmp_path / "none.so")
    assert run.status == 1 and run.err.startswith("tgstore: ")


def test_store_of_a_loaded_module(tool: Tool, build: Path, fixtures: Path, tmp_path: Path) -> None:
    """A back end from outside serves its URLs, found by --load or by TGSTORE_MODULE_PATH."""
    module = build / "examples" / "custom-backend" / "tgstore-jsonfile.so"
    url, file = f"jsonfile:{tmp_path}/bot.json", fixtures / "telethon" / "1.45.0-main.session"
    unknown = tool("import", file, "--to", url)
    assert unknown.status == 1 and "no back end serves" in unknown.err
    tool.ok("import", file, "--to", url, "--load", module)
    peers = tool.ok("peers", url, "--json", "--load", module).json
    assert len(peers) == tool.ok("inspect", file, "--json").json["peers"]
    assert tool.ok("peers", url, "--json", TGSTORE_MODULE_PATH=str(module.parent)).json == peers
    copy = f"sqlite:{tmp_path}/copy.db"
    tool.ok("copy", url, copy, "--load", module)
    assert tool.ok("peers", copy, "--json").json == peers


def test_unknown_scheme(tool: Tool) -> None:
    run = tool("sessions", "bogus:somewhere")
    assert run.status == 1 and "bogus" in run.err


def test_output_that_can_not_be_written(tool: Tool, store: str) -> None:
    """A full disk behind standard output is no success."""
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [tool.program, "show", store, "--session", "main"], stdout=full, stderr=subprocess.PIPE
        )
    assert run.returncode == 1 and b"can't write to standard output" in run.stderr


# --- the manual page


def manual(source: Path) -> str:
    page = source / "cli" / "tgstore.1"
    return subprocess.run(["mandoc", "-Tutf8", page], capture_output=True, text=True, check=True).stdout


def plain(text: str) -> str:
    return re.sub(".\b", "", text)


def test_manual_is_clean(source: Path) -> None:
    lint = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", source / "cli" / "tgstore.1"], capture_output=True, text=True
    )
    assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")


def test_manual_has_every_command_and_option(tool: Tool, source: Path) -> None:
    text = plain(manual(source))
    helps: Any = [tool.ok(command, "--help").out for command in COMMANDS]
    options = set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", "\n".join(helps), re.M))
    assert len(options) >= 16
    described = text[text.index("Options\n") :]
    assert [option for option in options if not re.search(rf"^ +(-\w, )?{option}\b", described, re.M)] == []
    assert [command for command in COMMANDS if f"tgstore {command} " not in text] == []


def test_manual_and_help_have_the_same_synopses(tool: Tool, source: Path) -> None:
    text = plain(manual(source))
    synopsis = " ".join(text[text.index("SYNOPSIS") : text.index("DESCRIPTION")].split())
    for command in COMMANDS:
        usage = tool.ok(command, "--help").out.splitlines()[0].removeprefix("usage: ")
        assert " ".join(usage.split()) in synopsis.replace(" | ", "|")
