# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of the fuzz targets from the fixtures of the tests:

    seeds.py FOLDER

One folder a target in FOLDER, as libFuzzer takes them.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
MAX_FILE_SEED = 60_000  # larger ones make each run slow, and show nothing new

OPTIONS = {
    "api_id": "6",
    "user_id": "5",
    "is_bot": "1",
    "test_mode": "0",
    "dc": "203",
    "address": "2001:67c:4e8:f002::a",
    "port": "80",
}
URLS = [
    "memory:",
    "memory:?timeout_ms=-1&dedup_ttl_ms=0\0done_ttl_ms=1\0dead_ttl_ms=86400000",
    "memory:a%41%c3%a9?timeout%5fms=%31%30",
    "sqlite:a.db",
    "sqlite:a.db?mode=rwc&durability=full&locking=exclusive\0max_readers=2",
    "sqlite:a.db?durability=relaxed&max_readers=1\0locking=shared\0timeout_ms=500",
    "sqlite:a%20b.db?mode=ro",
    "env:HOME",
    "@memory:?timeout_ms=5 \n",
    "@env:HOME",
    "postgresql://user:secret@localhost:5432/db?sslmode=require",
]


def with_nul(*parts: str) -> bytes:
    return "\0".join(parts).encode()


def strings() -> list[str]:
    read = json.loads((FIXTURES / "strings.json").read_text())
    vectors = json.loads((FIXTURES / "session-vectors.json").read_text())["vectors"]
    damaged = [entry["string"] for key in read if key != "about" for entry in read[key] if "string" in entry]
    return damaged + [vector["text"] for vector in vectors.values() if "text" in vector]


def text_seeds() -> list[bytes]:
    plain = [text.encode() for text in strings()]
    options = with_nul(*(f"{key}={value}" for key, value in OPTIONS.items()))
    paths = sorted((FIXTURES / "pyrogram").iterdir())
    old = [path.read_bytes() for path in paths if path.read_bytes()[:1] == b"{"]
    return plain + [text + b"\0" + options for text in plain] + [text for text in old if len(text) < 20_000]


def packed(main: bytes, wal: bytes = b"", journal: bytes = b"") -> bytes:
    """As file.c takes them: the lengths of the three files, then the files."""
    return struct.pack("<3I", len(main), len(wal), len(journal)) + main + wal + journal


def beside(path: Path, suffix: str) -> bytes:
    other = path.with_name(path.name + suffix)
    return other.read_bytes() if other.exists() else b""


def file_seeds() -> list[bytes]:
    paths = sorted(FIXTURES.rglob("*.session"))
    files = [packed(path.read_bytes(), beside(path, "-wal"), beside(path, "-journal")) for path in paths]
    small = [seed for seed in files if len(seed) <= MAX_FILE_SEED]
    return small + [packed(text.encode()) for text in strings()[:8]]


class Calls:
    """Calls as abi.c takes them.  Should they get out of step with it, they are still calls, of less use."""

    PUT, PUT_ITEMS, BY_USERNAME, BY_PHONE, CLAIM, SETTLE, TICK = 0, 3, 8, 9, 10, 11, 35
    NO_CALL = b"\0"
    PEER, NULL_TEXT = 2, 11  # as take_record and take_value_text have them
    HEAD = b"\xc0"  # all of the mask, no nulls and flags

    @staticmethod
    def make(index: int, rest: bytes = b"", session: int = 0) -> bytes:
        return bytes([index, session, 0]) + rest

    @classmethod
    def peer(cls, number: int, name: int, phone: int) -> bytes:
        fields = struct.pack("<H", 0x1A)  # access_hash, usernames, phone
        members = bytes([0, number, 1, 2, name, 4, phone])
        return cls.make(cls.PUT, bytes([cls.PEER, 1, 0]) + cls.HEAD + fields + members + cls.NO_CALL)

    @classmethod
    def item(cls, name: int, lane: int) -> bytes:
        return cls.make(cls.PUT_ITEMS, b"\1\0" + cls.HEAD + b"\1\0" + bytes([name, lane]) + cls.NO_CALL)

    @classmethod
    def claim(cls) -> bytes:
        return cls.make(cls.CLAIM, bytes([0, cls.NULL_TEXT, 6, 3]) + cls.NO_CALL)

    @classmethod
    def settle(cls, action: int, claim: int) -> bytes:
        row = cls.HEAD + b"\0\0" + bytes([0, claim])
        return cls.make(cls.SETTLE, b"\x86\0" + row + bytes([action + 1]) + cls.NO_CALL)

    @classmethod
    def tick(cls, step: int) -> bytes:
        return cls.make(cls.TICK, bytes([step]))


def abi_seeds() -> list[bytes]:
    peers = [Calls.peer(1, 2, 0), Calls.peer(2, 3, 1), Calls.peer(2, 0, 2), Calls.peer(4, 5, 0)]
    names = Calls.make(Calls.BY_USERNAME, bytes([3, 2, 4, 5, 3]) + Calls.NO_CALL)
    phones = Calls.make(Calls.BY_PHONE, bytes([2, 6, 7, 3]) + Calls.NO_CALL)
    queues = [
        [Calls.item(0, 11), Calls.item(1, 2), Calls.item(2, 2), Calls.claim(), Calls.settle(action, 1)]
        + [Calls.settle(action, 2), Calls.tick(5), Calls.claim(), Calls.settle(5, 1), Calls.claim()]
        for action in range(1, 7)
    ]
    likely = [peers + [names, phones] + peers[:2] + [names], *queues]
    any_bytes = [bytes((i * step + i // 7) % 256 for i in range(600)) for step in (1, 3, 7, 11, 36, 37)]
    return [bytes([how]) + b"".join(calls) for how, calls in enumerate(likely)] + any_bytes


def driver_seeds() -> list[bytes]:
    key = "B" * 342 + "E="
    stores: list[dict[str, Any]] = [
        {"op": "open", "url": "memory:", "options": {"timeout_ms": "100"}},
        {"op": "session", "store": 0, "name": "a"},
    ]
    rows: dict[str, Any] = {
        "session": {"dc": 2, "auth_key": key, "user_id": 5, "is_bot": True, "phone": "+49 1"},
        "dc_auth": {"dc": 4, "slot": "temporary", "auth_key": key, "ttl_ms": 60000},
        "peer": {"kind": "user", "id": 5, "access_hash": -7, "usernames": ["bob", "Al"], "phone": "42"},
        "update_state": {"channel_id": 0, "pts": 9, "flags": ["exact"]},
        "dedup": {"key": "k", "flags": ["require"]},
        "queue_item": {"id": "q", "lane": "l", "payload": "dg=="},
        "conversation": {"chat_id": 5, "user_id": 5, "thread_id": 0, "step": "s", "data": "dg=="},
        "kv": {"scope": "s", "key": "k", "value": "dg==", "ttl_ms": 0},
    }
    each: list[list[dict[str, Any]]] = [
        [
            {"op": op, "session": 1, "record": record, "rows": [row]}
            for op in ("put", "get", "load", "delete")
        ]
        + [{"op": "list", "session": 1, "record": record, "limit": 5, "after": row}]
        for record, row in rows.items()
    ]
    put: list[dict[str, Any]] = [
        {"op": "put", "session": 1, "record": record, "rows": [row]} for record, row in rows.items()
    ]
    queue: list[dict[str, Any]] = [
        {"op": "claim", "session": 1, "owner": "w", "limit": 5, "lane": "l"},
        {"op": "settle", "session": 1, "action": "fail", "rows": [{"id": "q", "token": 5, "delay_ms": 5}]},
        {"op": "acquire", "session": 1, "owner": "me", "mode": "exclusive"},
        {"op": "renew", "session": 2},
        {"op": "release", "session": 2},
    ]
    batch: list[dict[str, Any]] = [
        {"op": "batch", "session": 1},
        {"op": "batch_put", "batch": 2, "record": "kv", "rows": [rows["kv"]]},
        {"op": "batch_delete", "batch": 2, "record": "peer", "rows": [rows["peer"]]},
        {"op": "batch_settle", "batch": 2, "action": "ack", "rows": [{"id": "q", "token": 5}]},
        {"op": "batch_count", "batch": 2},
        {"op": "batch_commit", "batch": 2},
    ]
    others: list[dict[str, Any]] = [
        {"op": "by_username", "session": 1, "texts": ["@BOB"], "max_age_ms": 0},
        {"op": "by_phone", "session": 1, "texts": ["+4 2"], "keep": True},
        {"op": "rows", "rows": 2},
        {"op": "row", "rows": 2, "index": 0, "size": 8},
        {"op": "sessions", "store": 0},
        {"op": "stats", "store": 0, "name": "a"},
        {"op": "prune", "store": 0, "peer_age_ms": 1},
        {"op": "snapshot_from_session", "session": 1, "peers": 1},
        {"op": "snapshot_info", "snapshot": 3},
        {"op": "snapshot_to_text", "snapshot": 3, "format": "pyrogram", "options": {"api_id": "6"}},
        {"op": "snapshot_to_session", "snapshot": 3, "session": 1, "replace_account": True},
        {"op": "canceller"},
        {"op": "ping", "store": 0, "cancel": 4, "timeout_ms": 50},
        {"op": "free", "handle": 0},
        {"op": "purge", "session": 1},
    ]
    sessions = [stores + part for part in each] + [stores + put + part for part in (queue, batch, others)]
    return [
        "".join(json.dumps({"id": i, **line}) + "\n" for i, line in enumerate(lines)).encode()
        for lines in sessions
    ]


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "text": text_seeds,
    "file": file_seeds,
    "driver": driver_seeds,
    "abi": abi_seeds,
    "url": lambda: [url.encode() for url in URLS],
}


def main() -> None:
    for name, make in SEEDS.items():
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(make()):
            (folder / f"seed-{i:03}").write_bytes(seed)


if __name__ == "__main__":
    main()
