# SPDX-License-Identifier: Apache-2.0
"""What the cases are written in: stores, sessions and batches over a driver, rows as plain dicts."""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from driver import Driver, Failure, unpack
from records import RECORDS, Field

T = TypeVar("T")


class Row(dict[str, Any]):
    """The members of a row, and which record it is of.  Equal to a dict with the same members."""

    def __init__(self, record: str, members: dict[str, Any]):
        super().__init__(members)
        self.record = record


def session_data(**members: Any) -> Row:
    return Row("session", members)


def dc_auth(dc: int, slot: str = "permanent", **members: Any) -> Row:
    return Row("dc_auth", {"dc": dc, "slot": slot, **members})


def peer(kind: str, id: int, **members: Any) -> Row:
    return Row("peer", {"kind": kind, "id": id, **members})


def update_state(channel_id: int = 0, **members: Any) -> Row:
    return Row("update_state", {"channel_id": channel_id, **members})


def dedup(key: str | bytes, **members: Any) -> Row:
    return Row("dedup", {"key": key, **members})


def item(id: str | bytes, **members: Any) -> Row:
    return Row("queue_item", {"id": id, **members})


def conversation(chat_id: int, user_id: int = 0, thread_id: int = 0, **members: Any) -> Row:
    keys = {"chat_id": chat_id, "user_id": user_id, "thread_id": thread_id}
    return Row("conversation", {**keys, "business_connection": "", "name_space": "", **members})


def kv(scope: str | bytes, key: str | bytes, **members: Any) -> Row:
    return Row("kv", {"scope": scope, "key": key, **members})


def key_of(row: Row) -> Row:
    return Row(row.record, {field.name: row[field.name] for field in RECORDS[row.record].keys})


@dataclass(frozen=True)
class Result:
    applied: bool
    notes: tuple[str, ...]
    version: int

    @property
    def new(self) -> bool:
        return "new" in self.notes

    @property
    def lower(self) -> bool:
        return "lower" in self.notes


class Page(list[Any]):
    """Rows, None where one was not found, and whether the list goes on."""

    def __init__(self, rows: Iterable[Any], more: bool):
        super().__init__(rows)
        self.more = more


# --- JSON form


def text_out(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _member_out(field: Field | None, value: Any) -> Any:
    if field is None or value is None:
        return value
    if field.type == "bytes":
        return base64.b64encode(value).decode()
    if field.type == "texts":
        return [text_out(text) for text in value]
    return text_out(value)


def row_out(row: Row) -> dict[str, Any]:
    fields = {field.name: field for field in RECORDS[row.record].fields}
    return {name: _member_out(fields.get(name), value) for name, value in row.items()}


def row_in(record: str, row: dict[str, Any] | None) -> Row | None:
    if row is None:
        return None
    fields = {field.name: field for field in RECORDS[record].fields}
    return Row(
        record,
        {
            name: base64.b64decode(value) if fields[name].type == "bytes" and value is not None else value
            for name, value in row.items()
        },
    )


def page_in(record: str, reply: dict[str, Any]) -> Page:
    return Page([row_in(record, row) for row in reply["rows"]], reply.get("more", False))


def results_in(reply: dict[str, Any]) -> list[Result]:
    return [
        Result(each["applied"], tuple(each["notes"]), each["version"]) for each in reply.get("results", ())
    ]


# --- handles


class Store:
    def __init__(self, driver: Driver, handle: int):
        self.driver, self.handle = driver, handle
        info = driver.request("store_info", store=handle)
        self.backend: str = info["backend"]
        self.capabilities = frozenset(info["capabilities"])

    @classmethod
    def open(
        cls, driver: Driver, url: str | bytes, options: dict[str, str] | None = None, **call: Any
    ) -> Store:
        reply = driver.request("open", url=text_out(url), options=options or {}, **call)
        return cls(driver, reply["handle"])

    def request(self, op: str, **arguments: Any) -> dict[str, Any]:
        return self.driver.request(op, store=self.handle, **arguments)

    def session(self, name: str | bytes = "main") -> Session:
        return Session(self.driver, self.request("session", name=text_out(name))["handle"])

    def close(self) -> None:
        self.driver.request("free", handle=self.handle)

    def start_close(self) -> Future[dict[str, Any]]:
        return self.driver.start("free", handle=self.handle)

    def sync(self, **call: Any) -> None:
        self.request("sync", **call)

    def ping(self, **call: Any) -> None:
        self.request("ping", **call)

    def backup(self, path: Any, **call: Any) -> None:
        self.request("backup", path=str(path), **call)

    def sessions_page(self, after: str | None = None, limit: int = 1000, **call: Any) -> Page:
        return page_in("session_info", self.request("sessions", after=after, limit=limit, **call))

    def sessions(self) -> dict[str, Row]:
        rows: list[Row] = []
        page = self.sessions_page()
        while page:
            rows += page
            page = self.sessions_page(after=page[-1]["name"]) if page.more else Page([], False)
        return {row["name"]: row for row in rows}

    def prune(self, peer_age_ms: int = 0, **call: Any) -> int:
        return int(self.request("prune", peer_age_ms=peer_age_ms, **call)["count"])

    def stats(self, name: str | None = None, **call: Any) -> Row:
        row: Row
        (row,) = page_in("stats", self.request("stats", **({} if name is None else {"name": name}), **call))
        return row


def _rows_request(rows: tuple[Row, ...], given: dict[str, Any]) -> dict[str, Any]:
    records = {row.record for row in rows}
    assert len(records) <= 1, "one call takes rows of one record"
    return {"record": next(iter(records), None), "rows": [row_out(row) for row in rows], **given}


class Session:
    def __init__(self, driver: Driver, handle: int):
        self.driver, self.handle = driver, handle

    def request(self, op: str, **arguments: Any) -> dict[str, Any]:
        return self.driver.request(op, session=self.handle, **arguments)

    def start(self, op: str, *rows: Row, **arguments: Any) -> Future[dict[str, Any]]:
        """A call on a thread of its own; `outcome_of` its future."""
        if rows:
            arguments = _rows_request(rows, arguments)
        return self.driver.start(op, session=self.handle, **arguments)

    @property
    def name(self) -> str:
        return str(self.request("session_info")["name"])

    @property
    def token(self) -> int:
        return int(self.request("session_info")["token"])

    def free(self) -> None:
        self.driver.request("free", handle=self.handle)

    # the four verbs

    def put(self, *rows: Row, **call: Any) -> list[Result]:
        return results_in(self.request("put", **_rows_request(rows, call)))

    def put_one(self, row: Row, **call: Any) -> Result:
        return self.put(row, **call)[0]

    def delete(self, *keys: Row, **call: Any) -> list[Result]:
        return results_in(self.request("delete", **_rows_request(keys, call)))

    def get(self, *keys: Row, **call: Any) -> Page:
        return page_in(keys[0].record, self.request("get", **_rows_request(keys, call)))

    def get_one(self, key: Row, **call: Any) -> Any:
        return self.get(key, **call)[0]

    def page(self, record: str, after: Row | None = None, **filters: Any) -> Page:
        given = {} if after is None else {"after": row_out(after)}
        return page_in(record, self.request("list", record=record, **given, **filters))

    def pages(self, record: str, limit: int, **filters: Any) -> Iterator[Page]:
        page = self.page(record, limit=limit, **filters)
        yield page
        while page.more:
            page = self.page(record, after=page[-1], limit=limit, **filters)
            yield page

    def list(self, record: str, limit: int = 1000, **filters: Any) -> list[Any]:
        return [row for page in self.pages(record, limit, **filters) for row in page]

    def load(self, *rows: Row, **call: Any) -> int:
        return int(self.request("load", **_rows_request(rows, call))["count"])

    # specials

    def by_username(self, *usernames: Any, max_age_ms: int = 0, **call: Any) -> Page:
        texts = [text_out(text) for text in usernames]
        return page_in("peer", self.request("by_username", texts=texts, max_age_ms=max_age_ms, **call))

    def by_phone(self, *phones: Any, max_age_ms: int = 0, **call: Any) -> Page:
        texts = [text_out(text) for text in phones]
        return page_in("peer", self.request("by_phone", texts=texts, max_age_ms=max_age_ms, **call))

    def claim(
        self, limit: int = 1, *, owner: str = "worker", lane: str | None = None, **arguments: Any
    ) -> Page:
        given = {} if lane is None else {"lane": lane}
        return page_in("queue_item", self.request("claim", owner=owner, limit=limit, **given, **arguments))

    def settle(self, action: str, *items: Row, **call: Any) -> None:
        self.request("settle", action=action, rows=[row_out(row) for row in items], **call)

    def acquire(self, owner: str = "holder", **arguments: Any) -> Session:
        return Session(self.driver, self.request("acquire", owner=owner, **arguments)["handle"])

    def renew(self, ttl_ms: int = 30000, **call: Any) -> None:
        self.request("renew", ttl_ms=ttl_ms, **call)

    def release(self, **call: Any) -> None:
        self.request("release", **call)

    def purge(self, **call: Any) -> int:
        return int(self.request("purge", **call)["count"])

    def batch(self, *rows: Row) -> Batch:
        batch = Batch(self.driver, self.request("batch")["handle"])
        batch.put(*rows)
        return batch


class Batch:
    def __init__(self, driver: Driver, handle: int):
        self.driver, self.handle = driver, handle

    def request(self, op: str, **arguments: Any) -> dict[str, Any]:
        return self.driver.request(op, batch=self.handle, **arguments)

    def put(self, *rows: Row) -> Batch:
        for _, group in groupby(rows, key=lambda row: row.record):
            self.request("batch_put", **_rows_request(tuple(group), {}))
        return self

    def delete(self, *keys: Row) -> Batch:
        for _, group in groupby(keys, key=lambda row: row.record):
            self.request("batch_delete", **_rows_request(tuple(group), {}))
        return self

    def settle(self, action: str, *items: Row) -> Batch:
        self.request("batch_settle", action=action, rows=[row_out(row) for row in items])
        return self

    def commit(self, **call: Any) -> list[Result]:
        return results_in(self.request("batch_commit", **call))

    def clear(self) -> None:
        self.request("batch_clear")

    def __len__(self) -> int:
        return int(self.request("batch_count")["count"])


class Canceller:
    def __init__(self, driver: Driver):
        self.driver = driver
        self.handle: int = driver.request("canceller")["handle"]

    def cancel(self) -> None:
        self.driver.request("cancel", canceller=self.handle)

    def reset(self) -> None:
        self.driver.request("reset", canceller=self.handle)

    @property
    def cancelled(self) -> bool:
        return bool(self.driver.request("cancelled", canceller=self.handle)["count"])


# --- expectations


@contextlib.contextmanager
def fails(code: str, *, index: int | None = None, says: Iterable[str] = ()) -> Iterator[list[Failure]]:
    """The block fails with this code, at this row, with a message that has these words."""
    seen: list[Failure] = []
    try:
        yield seen
    except Failure as failure:
        assert failure.code == code, failure
        assert index is None or failure.index == index, failure
        for word in says:
            assert word in failure.message, f"{word!r} is not in {failure.message!r}"
        seen.append(failure)
        return
    raise AssertionError(f"no failure; expected {code}")


def outcome_of(future: Future[dict[str, Any]], within: float = 30) -> dict[str, Any]:
    return unpack(future.result(timeout=within))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def eventually(condition: Callable[[], T], within: float = 10) -> T:
    """The condition's value as soon as it is true."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
