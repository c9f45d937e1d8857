# SPDX-License-Identifier: Apache-2.0
"""What a row of each record takes on disk, beside the bytes of its own data."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import tgstore
from binding import peer_of
from people import Crowd
from rows import Row
from turns import say

SESSIONS = 200  # each commit of a session's own record waits for the disk


def _id(rng: random.Random) -> int:
    return rng.randrange(10**6, 8 * 10**9)


def _update_state(rng: random.Random, number: int) -> tgstore.Record:
    return tgstore.UpdateState(number, pts=rng.randrange(10**6), access_hash=rng.getrandbits(63))


def _dedup(rng: random.Random, number: int) -> tgstore.Record:
    return tgstore.Dedup(f"message {_id(rng)} {number}")


def _queue_item(rng: random.Random, number: int) -> tgstore.Record:
    return tgstore.QueueItem(f"update {number}", lane=f"chat {_id(rng) % 2000}", payload=rng.randbytes(200))


def _conversation(rng: random.Random, number: int) -> tgstore.Record:
    return tgstore.Conversation(number, _id(rng), name="order", step="address", data=rng.randbytes(100), ttl_ms=10**9)


def _kv(rng: random.Random, number: int) -> tgstore.Record:
    return tgstore.Kv("settings", f"user {_id(rng)} {number}", value=rng.randbytes(100))


def _dc_auth(rng: random.Random, number: int) -> tgstore.Record:
    return tgstore.DcAuth(number, auth_key=rng.randbytes(256), salt=_id(rng), address="149.154.167.51", port=443)


def _session_data(rng: random.Random, number: int) -> tgstore.Record:
    return tgstore.SessionData(dc=2, api_id=12345, api_hash=rng.randbytes(16).hex(), auth_key=rng.randbytes(256),
                               user_id=_id(rng), is_bot=False, first_name="Татьяна", address="149.154.167.51", port=443)


MAKERS: dict[str, Callable[[random.Random, int], tgstore.Record]] = {
    "update_state": _update_state,
    "dedup": _dedup,
    "queue_item": _queue_item,
    "conversation": _conversation,
    "kv": _kv,
    "dc_auth": _dc_auth,
}


def _records(count: int) -> Iterator[tuple[str, list[tgstore.Record]]]:
    yield "peer", [peer_of(person) for person in Crowd().people(count)]
    rng = random.Random(1)
    for name, make in MAKERS.items():
        yield name, [make(rng, number) for number in range(count)]
    yield "session_data", [_session_data(rng, number) for number in range(min(count, SESSIONS))]


def _value_bytes(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, list):
        return sum(map(_value_bytes, value))
    return 1 if isinstance(value, bool) else 8


def data_bytes(row: tgstore.Record) -> int:
    """Texts and blobs as long as they are, a choice such as a peer's kind as its name, numbers in eight bytes."""
    members = (getattr(row, field.name) for field in dataclasses.fields(row) if field.name != "flags")  # type: ignore[arg-type]
    return sum(_value_bytes(value) for value in members if value is not tgstore.UNSET)


def _by_session(made: list[tgstore.Record]) -> dict[str, list[tgstore.Record]]:
    if isinstance(made[0], tgstore.SessionData):  # one in a session
        return {f"account {number}": [row] for number, row in enumerate(made)}
    return {"main": made}


def _store_rows(file: Path, made: list[tgstore.Record]) -> int:
    """The bytes of their data, with what the store itself adds, such as times."""
    own = 0
    with tgstore.open(f"sqlite:{file}") as store:
        for name, rows in _by_session(made).items():
            session = store.session(name)
            session.load(rows)
            own += sum(map(data_bytes, session.list(type(rows[0]))))
    return own


def _measure_one(made: list[tgstore.Record], folder: Path) -> tuple[float, float]:
    """Bytes a row: how much longer the file of a closed store is with them, and of their data."""
    file = folder / "store.db"
    tgstore.open(f"sqlite:{file}").close()
    empty = file.stat().st_size
    own = _store_rows(file, made)
    return (file.stat().st_size - empty) / len(made), own / len(made)


def measure(count: int, only: str) -> Iterator[Row]:
    for name, made in _records(count):
        case = f"size on disk: {name}"
        if only not in case:
            continue
        say(f"scale: {case}")
        with tempfile.TemporaryDirectory() as folder:
            on_disk, own = _measure_one(made, Path(folder))
        yield Row(case, "sqlite", on_disk, own, "bytes/row", None, "the row's own data")
