# SPDX-License-Identifier: Apache-2.0
"""Carries out operations on a store, and tells what it answered without what may differ between back ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import singledispatchmethod
from typing import Any

import operations as op
from api import Result, Row, Session, Store
from driver import Failure
from records import RECORDS

# Given out by the store in an order that is fixed, but with values that are its own.
OPAQUE = {"version", "token", "sequence", "lease_token"}
RECENT = 1_600_000_000_000  # between these two a time was stamped by the clock
LATEST = op.FAR - 1


class Runner:
    def __init__(self, store: Store, prefix: str):
        """`prefix` keeps this run's sessions apart from those of runs before in the same store."""
        self._store = store
        self._prefix = prefix
        self._sessions = {name: store.session(prefix + name) for name in op.SESSIONS}
        self._claims: list[Row] = []
        self._leases: list[Session] = []
        self._versions: list[int] = []
        self._seen: dict[int, int] = {}

    def answer(self, operation: Any) -> Any:
        """What the store answers, made comparable."""
        _wait_for_the_clock()
        try:
            return self._plain(self._run(operation))
        except Failure as failure:
            return {"fails": failure.code, "row": failure.index}

    def everything(self) -> Any:
        return self._plain(
            {
                name: {record: session.list(record) for record in op.KEYS}
                for name, session in self._sessions.items()
            }
        )

    def owners_of_young_names(self, session: str) -> Any:
        """Who has each username, as far as a put carried it within the last minute."""
        return self._plain(list(self._sessions[session].by_username("alice", "bob", "carol", max_age_ms=60_000)))

    # --- comparing

    def _plain(self, value: Any, name: str = "") -> Any:
        if isinstance(value, Result):
            if value.version:
                self._versions.append(value.version)
            return {
                "applied": value.applied,
                "notes": value.notes,
                "version": self._plain(value.version, "version"),
            }
        if isinstance(value, dict):
            return {key: self._plain(each, key) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._plain(each) for each in value]
        if name in OPAQUE and value:
            return f"#{self._seen.setdefault(value, len(self._seen))}"
        if isinstance(value, int) and RECENT < value < LATEST:
            return "(time)"
        return value

    # --- carrying out

    @singledispatchmethod
    def _run(self, operation: Any) -> Any:
        raise TypeError(operation)

    def _resolved(self, row: Row) -> Row:
        """With the version that an index stands for."""
        if op.VERSION not in row:
            return row
        versions = self._versions or [987654321]
        return Row(row.record, {**row, op.VERSION: versions[-1 - row[op.VERSION] % len(versions)]})

    def _settled(self, operation: op.Settle) -> list[Row]:
        claims = (
            [self._claims[-1 - index % len(self._claims)] for index in operation.claims]
            if self._claims
            else []
        )
        extra = {"fail": {"delay_ms": 3_600_000, "last_error": "why"}, "extend": {"delay_ms": 3_600_000}}
        return [Row("queue_item", {**claim, **extra.get(operation.action, {})}) for claim in claims]

    @_run.register
    def _(self, operation: op.Put) -> Any:
        return self._sessions[operation.session].put(*map(self._resolved, operation.rows))

    @_run.register
    def _(self, operation: op.PutByHolder) -> Any:
        if not self._leases:
            return None
        lease = self._leases[operation.lease % len(self._leases)]
        return lease.put(*map(self._resolved, operation.rows))

    @_run.register
    def _(self, operation: op.Delete) -> Any:
        return self._sessions[operation.session].delete(*operation.rows)

    @_run.register
    def _(self, operation: op.Settle) -> Any:
        return self._sessions[operation.session].settle(operation.action, *self._settled(operation))

    @_run.register
    def _(self, operation: op.Revive) -> Any:
        rows = [Row("queue_item", {"id": id}) for id in operation.ids]
        return self._sessions[operation.session].settle("revive", *rows)

    @_run.register
    def _(self, operation: op.Batch) -> Any:
        batch = self._sessions[operation.session].batch()
        add: dict[type, Callable[[Any], Any]] = {
            op.Put: lambda part: batch.put(*map(self._resolved, part.rows)),
            op.Delete: lambda part: batch.delete(*part.rows),
            op.Settle: lambda part: batch.settle(part.action, *self._settled(part)),
            op.Revive: lambda part: batch.settle(
                "revive", *(Row("queue_item", {"id": id}) for id in part.ids)
            ),
        }
        for part in operation.parts:
            add[type(part)](part)
        return batch.commit()

    @_run.register
    def _(self, operation: op.Claim) -> Any:
        rows = self._sessions[operation.session].claim(operation.limit, lane=operation.lane)
        self._claims += [Row("queue_item", {"id": row["id"], "token": row["token"]}) for row in rows]
        return rows

    @_run.register
    def _(self, operation: op.Get) -> Any:
        return self._sessions[operation.session].get(*operation.rows)

    @_run.register
    def _(self, operation: op.List) -> Any:
        pages = self._sessions[operation.session].pages(
            operation.record, operation.limit, **operation.filters
        )
        return [[list(page), page.more] for page in pages]

    @_run.register
    def _(self, operation: op.LookUp) -> Any:
        me = self._sessions[operation.session]
        return [me.by_username(*operation.usernames), me.by_phone(*operation.phones)]

    @_run.register
    def _(self, operation: op.Acquire) -> Any:
        self._leases.append(self._sessions[operation.session].acquire(mode=operation.mode))
        return None

    @_run.register
    def _(self, operation: op.Release) -> Any:
        return self._leases[operation.lease % len(self._leases)].release() if self._leases else None

    @_run.register
    def _(self, operation: op.Purge) -> Any:
        self._sessions[operation.session].purge()  # how many rows a name counts for is the back end's

    @_run.register
    def _(self, operation: op.Prune) -> Any:
        self._store.prune(operation.peer_age_ms)  # a back end may have swept before

    @_run.register
    def _(self, operation: op.Stats) -> Any:
        names = op.SESSIONS if operation.session is None else (operation.session,)
        listed = [name for name in self._store.sessions() if name.startswith(self._prefix)]
        counts = [self._store.stats(self._prefix + name) for name in names]
        kept = {field.name for field in RECORDS["stats"].fields} - {"bytes", "expired"}
        return [len(listed), [{name: row[name] for name in kept} for row in counts]]


def _wait_for_the_clock() -> None:
    """Until the next millisecond, so that no two operations have the same time on one back end only."""
    now = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == now:
        pass
