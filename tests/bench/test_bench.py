# SPDX-License-Identifier: Apache-2.0
"""script/bench works: with the smallest sizes every case that was promised is there, and the charts are drawn.

What it measures then means nothing, so no time is looked at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

BENCH = Path(__file__).resolve().parents[2] / "bench"
PROMISED = [
    "put new peers in batches of 100",
    "put known peers in batches of 100",
    "put new peers by load",
    "put known peers by load",
    "put new peers in batches of 100, over the floor",
    "get by id at",
    "get by username at",
    "get by phone at",
    "get by id, 1,000 peers",
    "list all peers",
    "memory of all listed peers",
    "put one update state, normal",
    "put one update state, full",
    "put all of one update, normal",
    "memory: get by id",
    "memory: put new peers",
    "open and close a store",
    "Python, 1,000 peers: get one by id",
    "Python, 1,000 peers: load",
    "Python, 1,000 peers: list",
    "Telethon, 200 peers: process_entities of 100, defaults",
    "Telethon, 200 peers: get_input_entity by username",
    "Kurigram, 200 peers: get_peer_by_id",
    "one session: put in batches of 100",
    "one session: get by phone",
    "one session: memory of the process",
    "sessions of 1,000 peers: load",
    "sessions of 1,000 peers: get by id",
    "queue: claim and ack by 8 workers",
    "the same peers put and got again: memory",
    *(f"size on disk: {record}" for record in ["session_data", "dc_auth", "peer", "update_state", "dedup",
                                               "queue_item", "conversation", "kv"]),
]
CHARTS = ["clients", "overhead", "look-ups", "growth", "queue", "sizes"]


def run(*command: str | Path) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(BENCH), os.environ["PYTHONPATH"]])}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def measured(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the rows of all parts; of the clients, those that the tests have anyway."""
    file = tmp_path_factory.mktemp("bench") / "rows.json"
    parts = [option for part in ("c", "binding", "scale") for option in ("--part", part)]
    run(BENCH / "run.py", "--tiny", *parts, "--json", file)
    rows = json.loads(file.read_text())
    for client in ("telethon", "kurigram"):
        printed = run(BENCH / "clients" / f"bench_{client}.py", "--tiny")
        rows += [json.loads(line) | {"run": rows[0]["run"]} for line in printed.splitlines()]
    file.write_text(json.dumps(rows))
    return file


@pytest.fixture(scope="module")
def rows(measured: Path) -> list[dict[str, Any]]:
    return json.loads(measured.read_text())


@pytest.fixture(scope="module")
def drawn(measured: Path) -> Path:
    """A folder with the charts of these rows."""
    folder = measured.parent / "charts"
    run(BENCH / "run.py", "--from", measured, "--plots", folder)
    return folder


def test_each_promised_case_is_there(rows: list[dict[str, Any]]) -> None:
    cases = [row["case"] for row in rows]
    assert not [promised for promised in PROMISED if not any(case.startswith(promised) for case in cases)]


def test_rows_have_their_members(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert row.keys() == {"case", "backend", "ours", "reference", "ratio", "unit", "target", "against", "run"}
        assert row["backend"] in {"sqlite", "memory"} and row["unit"] and row["against"]
        assert row["run"].keys() == {"date", "command", "machine", "versions"}


def test_ratio_is_ours_by_reference(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert row["ours"] >= 0 and row["reference"] > 0
        assert row["ratio"] == pytest.approx(row["ours"] / row["reference"])


def test_names_tell_rows_apart(rows: list[dict[str, Any]]) -> None:
    names = [(row["case"], row["backend"]) for row in rows]
    assert len(names) == len(set(names))


def test_charts_are_drawn(drawn: Path) -> None:
    for chart in CHARTS:
        assert (drawn / f"{chart}.png").read_bytes().startswith(b"\x89PNG")
        assert (drawn / f"{chart}.svg").read_text().rstrip().endswith("</svg>")


def test_document_has_all_rows_and_charts(drawn: Path, rows: list[dict[str, Any]]) -> None:
    document = (drawn / "README.md").read_text()
    assert all(f"| {row['case']} | {row['backend']} |" in document for row in rows)
    assert all(f"({chart}.svg)" in document for chart in CHARTS)


def test_the_same_rows_give_the_same_charts(measured: Path, drawn: Path, tmp_path: Path) -> None:
    run(BENCH / "run.py", "--from", measured, "--plots", tmp_path)
    for chart in CHARTS:
        assert (tmp_path / f"{chart}.svg").read_bytes() == (drawn / f"{chart}.svg").read_bytes()
