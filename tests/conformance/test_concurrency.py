# SPDX-License-Identifier: Apache-2.0
"""Many threads, and several processes, on one store."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from api import (
    Row,
    Session,
    Store,
    conversation,
    dedup,
    fails,
    item,
    kv,
    outcome_of,
    page_in,
    peer,
    results_in,
    update_state,
)
from driver import Failure, Subprocess, unpack

pytestmark = pytest.mark.slow
threads = pytest.mark.needs("threads")
shared = pytest.mark.needs("shared")


def succeeded(calls: list[Future[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [outcome_of(call, within=60) for call in calls]


@threads
def test_compare_and_set_from_many_threads(me: Session) -> None:
    """Of those that read the same version, one stores; each of the others is CONFLICT."""
    version = me.put_one(conversation(1, step_number=0)).version
    for turn in range(5):
        row = conversation(1, step_number=turn, version=version, flags=["if_version", "require"])
        outcomes = Counter()
        for call in [me.start("put", row) for _ in range(8)]:
            try:
                (result,) = results_in(outcome_of(call))
                version = result.version
                outcomes["stored"] += 1
            except Failure as failure:
                outcomes[failure.code] += 1
        assert outcomes == {"stored": 1, "conflict": 7}


@threads
def test_dedup_from_many_threads(me: Session) -> None:
    """Of those that add the same key, one is told that it is new."""
    calls = [me.start("put", *(dedup(f"{n}") for n in range(50))) for _ in range(8)]
    added = [result.applied for reply in succeeded(calls) for result in results_in(reply)]
    assert sum(added) == 50


@threads
def test_claims_from_many_threads(me: Session) -> None:
    """An item is leased to one worker."""
    me.put(*(item(f"{n}", lane=f"{n % 10}") for n in range(100)))
    calls = [me.start("claim", owner=f"{n}", limit=3) for n in range(12)]
    claimed = [row["id"] for reply in succeeded(calls) for row in page_in("queue_item", reply)]
    assert sorted(claimed, key=int) == [f"{n}" for n in range(10)], "one of each lane, the first"


@threads
def test_positions_from_many_threads(me: Session) -> None:
    """Positions rise, whoever comes first."""
    succeeded([me.start("put", update_state(pts=n * 7 % 50)) for n in range(50)])
    assert me.get_one(update_state()) == {"channel_id": 0, "pts": 49}


@threads
def test_names_from_many_threads(me: Session) -> None:
    """A username has one owner at any time."""
    succeeded([me.start("put", peer("user", n, usernames=["contested", f"own{n}"])) for n in range(30)])
    owners = [row["id"] for row in me.list("peer") if "contested" in row["usernames"]]
    assert len(owners) == 1 and [row["id"] for row in me.by_username("contested")] == owners


@threads
def test_leases_from_many_threads(me: Session) -> None:
    """EXCLUSIVE: one holder."""
    calls = [me.start("acquire", owner=f"{n}") for n in range(8)]
    failures = [call.result(timeout=30).get("error", {}).get("code") for call in calls]
    assert Counter(failures) == {None: 1, "busy": 7}


@threads
def test_batches_are_seen_whole(me: Session) -> None:
    """A query is answered from one state of the database."""
    keys = [kv("s", f"{n}") for n in range(20)]
    me.put(*(Row("kv", {**key, "value": b"0"}) for key in keys))
    writes = [
        me.start("put", *(Row("kv", {**key, "value": b"%d" % turn}) for key in keys)) for turn in range(20)
    ]
    reads = [me.start("get", *keys) for _ in range(30)] + [me.start("list", record="kv") for _ in range(30)]
    for reply in succeeded(reads):
        assert len({row["value"] for row in reply["rows"]}) == 1
    succeeded(writes)


@threads
def test_sessions_are_written_at_once(store: Store) -> None:
    """A store may be used by many threads at once, for many sessions."""
    sessions = [store.session(f"{n}") for n in range(10)]
    calls = [
        me.start("put", *(peer("user", n) for n in range(turn * 10, turn * 10 + 10)))
        for turn in range(5)
        for me in sessions
    ]
    succeeded(calls)
    assert all(len(me.list("peer")) == 50 for me in sessions)


# --- processes


def together(backend: Any, n: int = 2) -> list[tuple[Subprocess, Session]]:
    drivers = [backend.spawn() for _ in range(n)]
    return [(driver, backend.open(driver=driver).session("main")) for driver in drivers]


@shared
def test_processes_see_each_others_writes(backend: Any) -> None:
    """TGS_CAP_SHARED: several processes may open it at once."""
    (_, first), (_, second) = together(backend)
    for n in range(20):
        writer, reader = (first, second) if n % 2 else (second, first)
        writer.put(kv("s", "k", value=b"%d" % n))
        assert reader.get_one(kv("s", "k"))["value"] == b"%d" % n


@shared
def test_processes_write_at_once(backend: Any) -> None:
    """Two processes at once without "database is locked" inside the deadline."""
    pairs = together(backend, 3)

    def write(who: int) -> int:
        driver, me = pairs[who]
        stored = 0
        for n in range(60):
            stored += len(me.put(kv("s", f"{who}-{n}", value=b"x"), kv("t", f"{n}")))
            assert len(me.get(kv("s", f"{who}-{n}"))) == 1
        return stored

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(write, range(3))) == [120] * 3
    me = pairs[0][1]
    assert len(me.list("kv", scope="s")) == 180 and len(me.list("kv", scope="t")) == 60


@shared
def test_processes_claim_apart(backend: Any) -> None:
    """An item is leased to one worker, in whatever process."""
    pairs = together(backend)
    pairs[0][1].put(*(item(f"{n}") for n in range(60)))

    def work(who: int) -> list[str]:
        me, done = pairs[who][1], []
        while rows := me.claim(4):
            me.settle("ack", *(Row("queue_item", {"id": row["id"], "token": row["token"]}) for row in rows))
            done += [row["id"] for row in rows]
        return done

    with ThreadPoolExecutor(2) as pool:
        done = [id for ids in pool.map(work, range(2)) for id in ids]
    assert sorted(done, key=int) == [f"{n}" for n in range(60)]


@shared
def test_lease_between_processes(backend: Any) -> None:
    """Only one program speaks for the account; the message names the holder's pid."""
    (driver, first), (_, second) = together(backend)
    lease = first.acquire("the first")
    with fails("busy", says=["the first", str(driver.pid)]):
        second.acquire("the second")
    with fails("fenced", says=["the first", str(driver.pid)]):
        second.put(kv("s", "k", value=b""))
    lease.release()
    second.acquire("the second")


@shared
def test_many_processes_open_at_once(backend: Any) -> None:
    """Opening a new database is safe from several processes at once."""
    drivers = [backend.spawn() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda driver: backend.open(driver=driver), drivers))
    for n, store in enumerate(stores):
        store.session(f"{n}").put(kv("s", "k", value=b""))
    assert list(stores[0].sessions()) == ["0", "1", "2", "3"]


@shared
def test_replies_keep_their_requests(backend: Any) -> None:
    """What one process deletes, the other does not find; failures come to the one who asked."""
    (first_driver, first), (_, second) = together(backend)
    first.put(kv("s", "k", value=b""))
    second.delete(kv("s", "k"))
    future = first_driver.send("get", session=first.handle, record="kv", rows=[{"scope": "s", "key": "k"}])
    assert unpack(future.result(timeout=30))["rows"] == [None]
