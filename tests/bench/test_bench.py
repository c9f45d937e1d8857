# SPDX-License-Identifier: Apache-2.0
"""script/bench works: with the smallest sizes every case that was promised is there; rows become charts.

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
    "maintenance: prune every other peer",
    "queue: claim and ack by 8 workers",
    "queue of one lane: claim of the lane and ack",
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


# ---- measuring ------------------------------------------------------------------------------------


def measure(file: Path) -> list[dict[str, Any]]:
    """The rows of all parts; of the clients, those that the tests have anyway."""
    parts = [option for part in ("c", "binding", "scale") for option in ("--part", part)]
    run(BENCH / "run.py", "--tiny", *parts, "--json", file)
    rows = json.loads(file.read_text())
    for client in ("telethon", "kurigram"):
        printed = run(BENCH / "clients" / f"bench_{client}.py", "--tiny")
        rows += [json.loads(line) | {"run": rows[0]["run"]} for line in printed.splitlines()]
    return rows


def check_row(row: dict[str, Any]) -> None:
    assert row.keys() == {"case", "backend", "ours", "reference", "ratio", "unit", "target", "against", "run"}
    assert row["backend"] in {"sqlite", "memory"} and row["unit"] and row["against"]
    assert row["run"].keys() == {"date", "command", "machine", "versions"}
    assert row["ours"] >= 0 and row["reference"] > 0
    assert row["ratio"] == pytest.approx(row["ours"] / row["reference"])


def test_each_promised_case_is_measured(build: Path, tmp_path: Path) -> None:
    rows = measure(tmp_path / "rows.json")
    cases = [row["case"] for row in rows]
    assert not [promised for promised in PROMISED if not any(case.startswith(promised) for case in cases)]
    for row in rows:
        check_row(row)
    names = [(row["case"], row["backend"]) for row in rows]
    assert len(names) == len(set(names))


# ---- showing --------------------------------------------------------------------------------------


def row(case: str, ours: float, against: str = "the same with fewer", backend: str = "sqlite",
        target: float | None = None) -> dict[str, Any]:
    where = {"date": "2026-01-31", "command": "script/bench", "machine": "a machine", "versions": "tgstore 0.1.0"}
    return {"case": case, "backend": backend, "ours": ours, "reference": 2.0, "ratio": ours / 2.0, "unit": "us/call",
            "target": target, "against": against, "run": where}


ROWS = [
    row("put new peers by load", 3.0, "hand-written sqlite3", target=1.15),
    row("memory: get by id", 3.0, "hash table behind a mutex", backend="memory", target=2),
    row("Telethon, 1,000 peers: get_input_entity by username", 0.002, "Telethon 1.45.0 SQLiteSession", target=0.1),
    row("Kurigram, 1,000 peers: update_peers", 4.0, "Kurigram 2.2.26 SQLiteStorage", target=1),
    *(row(f"one session: {what}, {count:,} peers", value, backend=backend)
      for backend in ("sqlite", "memory")
      for what in ("get by id", "get by username", "put in batches of 100", "memory of the process")
      for count, value in ((1_000, 2.0), (1_000_000, 5.0))),
    row("sessions of 1,000 peers: load, 10 sessions", 2.0),
    row("queue: enqueue, 1,000 items", 2.0),
    row("queue: enqueue, 2,000 items", 3.0),
    row("size on disk: peer", 90.0, "the row's own data"),
]


def draw(folder: Path) -> Path:
    """What `--plots` makes of ROWS."""
    saved = folder / "rows.json"
    saved.write_text(json.dumps(ROWS))
    run(BENCH / "run.py", "--from", saved, "--plots", folder / "charts")
    return folder / "charts"


def test_charts_are_drawn_and_drawn_again(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    charts, again = draw(tmp_path), draw(tmp_path / "again")
    for chart in CHARTS:
        assert (charts / f"{chart}.png").read_bytes().startswith(b"\x89PNG")
        svg = (charts / f"{chart}.svg").read_bytes()
        assert svg.rstrip().endswith(b"</svg>") and svg == (again / f"{chart}.svg").read_bytes()


def test_document_has_all_rows_and_charts(tmp_path: Path) -> None:
    document = (draw(tmp_path) / "README.md").read_text()
    assert all(f"| {found['case']} | {found['backend']} |" in document for found in ROWS)
    assert all(f"({chart}.svg)" in document for chart in CHARTS)
    assert "**put new peers by load (sqlite)**: 1.50, target 1.15." in document


def test_saved_rows_are_saved_again_as_they_were(tmp_path: Path) -> None:
    saved, again = tmp_path / "rows.json", tmp_path / "again.json"
    saved.write_text(json.dumps(ROWS))
    table = run(BENCH / "run.py", "--from", saved, "--json", again)
    assert json.loads(again.read_text()) == ROWS
    assert [line.split()[-1] for line in table.splitlines() if "Kurigram, 1,000 peers" in line] == ["over"]
