# SPDX-License-Identifier: Apache-2.0
"""Times the store sets, and what happens when they have come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from api import (
    Row,
    Session,
    Store,
    conversation,
    dc_auth,
    dedup,
    eventually,
    fails,
    item,
    key_of,
    kv,
    now_ms,
    peer,
    session_data,
)
from samples import FAR

SOON = 150  # ms: enough for the put and the first look, whatever the machine
EXPIRING: list[Callable[..., Row]] = [
    lambda **members: kv("s", "k", **members),
    lambda **members: conversation(1, 2, **members),
    lambda **members: dc_auth(2, "temporary", **members),
    lambda **members: dedup("k", **members),
]
each = pytest.mark.parametrize("row", EXPIRING, ids=["kv", "conversation", "dc_auth", "dedup"])
mutable = pytest.mark.parametrize("row", EXPIRING[:3], ids=["kv", "conversation", "dc_auth"])


def gone(me: Session, row: Row) -> None:
    eventually(lambda: me.get_one(key_of(row)) is None)


@each
def test_ttl_is_from_now(me: Session, row: Callable[..., Row]) -> None:
    """ttl_ms: expires = now + ttl_ms."""
    before = now_ms()
    me.put(row(ttl_ms=3_600_000))
    stored = me.get_one(row())
    assert before - 60_000 <= stored["expires"] - 3_600_000 <= now_ms() + 60_000
    if "created" in stored:
        assert stored["expires"] - stored["created"] == 3_600_000


@each
def test_ttl_zero_is_never(me: Session, row: Callable[..., Row]) -> None:
    """0 = never."""
    me.put(row(ttl_ms=0))
    assert me.get_one(row())["expires"] == 0


@each
def test_write_only_members_have_no_value_in_reads(me: Session, row: Callable[..., Row]) -> None:
    """Members marked "write only" have no value in reads."""
    me.put(row(ttl_ms=3_600_000))
    assert "ttl_ms" not in me.get_one(row())


@each
def test_negative_ttl(me: Session, row: Callable[..., Row]) -> None:
    """A duration is not negative."""
    with fails("invalid", index=0):
        me.put(row(ttl_ms=-1))


@each
def test_ttl_beyond_the_end_of_time(me: Session, row: Callable[..., Row]) -> None:
    """A duration so long that the sum does not fit never ends, and does not wrap around to the past."""
    me.put(row(ttl_ms=(1 << 63) - 1))
    assert me.get_one(row()) is not None


@each
def test_expires_and_ttl_exclude_each_other(me: Session, row: Callable[..., Row]) -> None:
    """expires: for imports; clients give ttl_ms.  Both at once is a mistake."""
    with fails("invalid", index=0):
        me.put(row(ttl_ms=5, expires=FAR))


@each
def test_expired_is_absent_for_get_and_list(me: Session, row: Callable[..., Row]) -> None:
    """An expired record is absent for every verb, condition and list, whether or not it has been swept yet."""
    me.put(row(expires=1))
    assert me.get_one(row()) is None
    assert me.list(row().record) == []


@each
def test_what_has_expired_is_counted(store: Store, me: Session, row: Callable[..., Row]) -> None:
    """expired: rows that tgs_prune would remove, those of a session that has no others included."""
    me.put(row(expires=1))
    assert store.stats()["expired"] == 1
    assert store.prune() == 1
    assert store.stats()["expired"] == 0


@each
def test_rows_expire_by_themselves(me: Session, row: Callable[..., Row]) -> None:
    """An expired record is absent as soon as its time has come."""
    me.put(row(ttl_ms=SOON))
    gone(me, row())
    assert me.list(row().record) == []


@each
def test_expired_is_absent_for_delete(me: Session, row: Callable[..., Row]) -> None:
    """Deleting an expired record finds nothing."""
    me.put(row(expires=1))
    assert not me.delete(row())[0].applied


@mutable
def test_expired_is_absent_for_conditions(me: Session, row: Callable[..., Row]) -> None:
    """IF_PRESENT does not hold for an expired record; IF_ABSENT does."""
    me.put(row(expires=1))
    assert not me.put_one(row(flags=["if_present"])).applied
    with fails("conflict", index=0):
        me.put(row(flags=["if_present", "require"]))
    assert me.put_one(row(flags=["if_absent", "require"])).applied


@each
def test_expired_is_not_merged_with(me: Session, row: Callable[..., Row]) -> None:
    """A put on an expired record makes a new one, with nothing of the old."""
    old: dict[str, dict[str, Any]] = {
        "kv": {"value": b"old"},
        "conversation": {"name": "old"},
        "dc_auth": {"address": "old"},
        "dedup": {"created": 5},
    }
    me.put(row(expires=1, **old[row().record]))
    result = me.put_one(row(ttl_ms=60000))
    assert result.applied and result.new
    stored = me.get_one(row())
    assert all(stored.get(name) != value for name, value in old[row().record].items())


@mutable
def test_expiry_is_left_alone_unless_given(me: Session, row: Callable[..., Row]) -> None:
    """Bit unset: the stored time is left alone; NULL clears it, and the row stays for ever."""
    me.put(row(expires=FAR))
    me.put(row())
    assert me.get_one(row())["expires"] == FAR
    me.put(row(ttl_ms=None))
    assert me.get_one(row()).get("expires", 0) == 0


@mutable
def test_ttl_in_one_put_with_another_row_of_the_key(me: Session, row: Callable[..., Row]) -> None:
    """A key that repeats is applied in order, its expiry too."""
    me.put(row(), row(expires=FAR), row(ttl_ms=0))
    assert me.get_one(row())["expires"] == 0


@mutable
def test_a_row_that_is_put_expired_is_new_to_the_next_one(me: Session, row: Callable[..., Row]) -> None:
    """A key that repeats is applied in order: after a row that has expired already the key is absent."""
    me.put(row(expires=1), row())
    stored = me.get_one(row())
    assert stored is not None and stored.get("expires", 0) == 0


def test_a_dedup_key_that_is_put_expired_may_be_put_again(me: Session) -> None:
    """The same for keys, which are never changed."""
    assert [result.applied for result in me.put(dedup("k", expires=1), dedup("k"))] == [True, True]
    assert me.get_one(dedup("k")) is not None


def test_dedup_keys_live_for_the_stores_time(me: Session) -> None:
    """Without expires and ttl_ms a key lives for the store's dedup_ttl_ms (7 days)."""
    week = 7 * 24 * 3_600_000
    me.put(dedup("k"))
    row = me.get_one(dedup("k"))
    assert row["expires"] - row["created"] == week


def test_dedup_ttl_is_an_option(backend: Any) -> None:
    """dedup_ttl_ms: life of a dedup key; 0: for ever."""
    store: Store = backend.open(dedup_ttl_ms=0)
    me = store.session()
    me.put(dedup("k"))
    assert me.get_one(dedup("k"))["expires"] == 0


def test_expired_dedup_key_is_new_again(me: Session) -> None:
    """An expired key is new."""
    assert me.put_one(dedup("k", ttl_ms=SOON)).applied
    gone(me, dedup("k"))
    assert me.put_one(dedup("k", flags=["require"])).applied
    assert not me.put_one(dedup("k")).applied


def test_expired_version_is_no_version(me: Session) -> None:
    """The version of an expired conversation is not the stored one: there is none."""
    version = me.put_one(conversation(1, name="n")).version
    me.put(conversation(1, expires=1))
    with fails("conflict", index=0):
        me.put(conversation(1, name="m", version=version, flags=["if_version", "require"]))


def test_expired_last_record_ends_the_session(store: Store) -> None:
    """A session exists while it has a record; an expired one does not count."""
    store.session("brief").put(kv("s", "k", expires=1))
    store.session("lasting").put(kv("s", "k", value=b""))
    assert list(store.sessions()) == ["lasting"]


# --- stamps


def test_seen_at_is_stamped(me: Session) -> None:
    """seen_at: a put without it stores the time of the put."""
    before = now_ms()
    me.put(peer("user", 1, seen_at=5))
    assert me.get_one(peer("user", 1))["seen_at"] == 5
    me.put(peer("user", 1))
    assert before - 60_000 <= me.get_one(peer("user", 1))["seen_at"] <= now_ms() + 60_000


def test_created_stays_and_updated_moves(me: Session) -> None:
    """created: of the first put; updated: of the last, unless an import gives them."""
    me.put(conversation(1, created=5, updated=6))
    assert {"created": 5, "updated": 6}.items() <= me.get_one(conversation(1)).items()
    before = now_ms()
    me.put(conversation(1, name="n"))
    row = me.get_one(conversation(1))
    assert row["created"] == 5 and row["updated"] >= before - 60_000


@pytest.mark.parametrize("row", [dedup("k"), item("i"), conversation(1)], ids=lambda row: row.record)
def test_created_is_the_time_of_the_put(me: Session, row: Row) -> None:
    """Stored times are Unix milliseconds."""
    before = now_ms()
    me.put(row)
    assert before - 60_000 <= me.get_one(row)["created"] <= now_ms() + 60_000


def test_date_is_not_a_time_of_the_store(me: Session) -> None:
    """`date` members are Telegram's own, in seconds: no record expires by them."""
    me.put(session_data(date=1))
    assert me.get_one(session_data()) == {"date": 1}
