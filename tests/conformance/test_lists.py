# SPDX-License-Identifier: Apache-2.0
"""Lists go by key, a page at a time."""

from __future__ import annotations

import random
from typing import Any

import pytest
from api import (
    Row,
    Session,
    conversation,
    dc_auth,
    dedup,
    fails,
    item,
    key_of,
    kv,
    peer,
    session_data,
    update_state,
)
from records import INT64_MAX, INT64_MIN, KINDS, MAX_BATCH_BYTES, MAX_ROWS
from samples import FAR

NUMBERS = [INT64_MIN, -(1 << 32), -2, -1, 0, 1, 2, 255, 256, 1 << 32, INT64_MAX]
TEXTS = ["", "\x01", "A", "B", "a", "a\x01", "aa", "b", "~", "\x7f", "é", "ÿ", "ā", "z\u0300", "\uffff", "𝄞"]


def by_bytes(text: str) -> bytes:
    return text.encode()


SORTED: dict[str, list[Row]] = {
    "dc_auth": [dc_auth(dc, slot) for dc in (-5, 1, 2, 10, 203) for slot in ("permanent", "temporary")],
    "peer": [peer(kind, id) for kind in KINDS for id in NUMBERS],
    "update_state": [update_state(id) for id in NUMBERS],
    "dedup": [dedup(key) for key in sorted(TEXTS, key=by_bytes) if key],
    "queue_item": [item(str(n), due=n // 2) for n in range(12)],
    "conversation": [
        conversation(chat, user, thread, business_connection=business, name_space=space)
        for chat in (-3, 5)
        for user in (-1, 0)
        for thread in (0, 7)
        for business in ("", "é")
        for space in ("", "a")
    ],
    "kv": [kv(scope, key) for scope in ("", "A", "a", "aé") for key in ("", "B", "b")],
}
each = pytest.mark.parametrize("record", SORTED)


def filled(me: Session, record: str) -> list[Row]:
    rows = list(SORTED[record])
    if record != "queue_item":
        random.Random(5).shuffle(rows)
    me.put(*rows)
    return [key_of(row) for row in SORTED[record]]


def keys(rows: list[Any]) -> list[Row]:
    return [key_of(row) for row in rows]


@each
def test_order_is_by_key(me: Session, record: str) -> None:
    """Lists go by key: kind, then signed id; text by bytes."""
    expected = filled(me, record)
    page = me.page(record)
    assert keys(page) == expected and not page.more


@each
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_give_every_row_once(me: Session, record: str, limit: int) -> None:
    """A page resumes after the last key given."""
    expected = filled(me, record)
    pages = list(me.pages(record, limit))
    assert [row for page in pages for row in keys(page)] == expected
    assert all(len(page) == limit for page in pages[:-1]) and pages[-1]


@each
def test_more_says_if_the_list_goes_on(me: Session, record: str) -> None:
    """tgs_rows_more: 1 if the list goes on after the last row, 0 if it ends there."""
    n = len(filled(me, record))
    assert me.page(record, limit=n - 1).more
    assert not me.page(record, limit=n).more
    assert not me.page(record, limit=n + 1).more


@each
def test_after_the_last(me: Session, record: str) -> None:
    """Nothing comes after the last row."""
    filled(me, record)
    page = me.page(record, after=me.list(record)[-1])
    assert page == [] and not page.more


@each
def test_after_a_row_that_is_gone(me: Session, record: str) -> None:
    """Rows after `after`, whether it is still there or not."""
    expected = filled(me, record)
    rows = me.list(record)
    me.delete(key_of(rows[3]))
    assert keys(me.page(record, after=rows[3])) == expected[4:]


@each
def test_empty_list(me: Session, record: str) -> None:
    """A list of nothing is an empty page, not an error."""
    page = me.page(record)
    assert page == [] and not page.more


@each
@pytest.mark.slow
def test_rows_that_are_there_all_the_time_appear_once(me: Session, record: str) -> None:
    """Rows that are there all the time appear exactly once, whatever else changes."""
    filled(me, record)
    rows = me.list(record)
    staying, moving = rows[::2], rows[1::2]
    seen: list[Row] = []
    page, turn = me.page(record, limit=1), 0
    while True:
        seen += keys(page)
        changed = [key_of(row) for row in moving]
        if turn % 2:
            me.put(
                *(
                    Row(record, {**row, **({"due": rows[1]["due"]} if record == "queue_item" else {})})
                    for row in changed
                )
            )
        else:
            me.delete(*changed)
        if not page.more:
            break
        page, turn = me.page(record, after=page[-1], limit=1), turn + 1
    for row in keys(staying):
        assert seen.count(row) == 1, row


def test_session_record_in_a_list(me: Session) -> None:
    """tgs_list takes all eight records: the session's own is one row."""
    assert me.page("session") == []
    me.put(session_data(dc=2))
    page = me.page("session", limit=1)
    assert page == [{"dc": 2}] and not page.more
    assert me.page("session", after=page[0]) == []


@pytest.mark.parametrize("record", [*SORTED, "session"])
@pytest.mark.parametrize(("limit", "code"), [(0, "invalid"), (MAX_ROWS + 1, "too large")])
def test_limit_bounds(me: Session, record: str, limit: int, code: str) -> None:
    """limit: 1 to TGS_MAX_ROWS rows."""
    with fails(code):
        me.page(record, limit=limit)
    assert me.page(record, limit=MAX_ROWS) == []


def test_a_full_page(me: Session) -> None:
    """TGS_MAX_ROWS rows in one page."""
    me.load(*(peer("user", n) for n in range(MAX_ROWS + 5)))
    page = me.page("peer", limit=MAX_ROWS)
    assert [row["id"] for row in page] == list(range(MAX_ROWS)) and page.more
    assert [row["id"] for row in me.page("peer", after=page[-1], limit=MAX_ROWS)] == list(
        range(MAX_ROWS, MAX_ROWS + 5)
    )


@pytest.mark.slow
def test_a_page_ends_before_it_grows_too_large(me: Session) -> None:
    """A page ends before it grows past TGS_MAX_BATCH_BYTES, but has one row at least."""
    blob = bytes(3 << 20)
    for n in range(5):
        me.put(kv("s", f"{n}", value=blob))
    pages = list(me.pages("kv", 1000))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert all(sum(len(row["value"]) for row in page) <= MAX_BATCH_BYTES for page in pages)
    assert [row["key"] for page in pages for row in page] == list("01234")


@pytest.mark.slow
def test_a_page_has_one_row_at_least(me: Session) -> None:
    """... but has one row at least: a row of many large texts."""
    large = "x" * (4 << 20)
    me.put(peer("user", 1, first_name=large))
    me.put(peer("user", 1, last_name=large))
    me.put(peer("user", 1, language=large))
    me.put(peer("user", 2))
    pages = list(me.pages("peer", 1000))
    assert [[row["id"] for row in page] for page in pages] == [[1], [2]]


def test_kind_filter(me: Session) -> None:
    """kind: peers: TGS_PEER_*; TGS_PEER_ANY: all."""
    filled(me, "peer")
    for kind in KINDS:
        assert [(row["kind"], row["id"]) for row in me.list("peer", kind=kind)] == [
            (kind, id) for id in NUMBERS
        ]
        assert [row["id"] for row in me.list("peer", limit=2, kind=kind)] == NUMBERS
    assert len(me.list("peer", kind=-1)) == 3 * len(NUMBERS)


def test_scope_filter(me: Session) -> None:
    """scope: kv: of this scope; ptr NULL: all."""
    filled(me, "kv")
    for scope in ("", "A", "a", "aé"):
        assert [(row["scope"], row["key"]) for row in me.list("kv", limit=2, scope=scope)] == [
            (scope, key) for key in ("", "B", "b")
        ]
    assert me.list("kv", scope="none") == []


def test_conversations_that_expire(me: Session) -> None:
    """TGS_ORDER_EXPIRES: conversations that expire, the soonest first."""
    me.put(
        conversation(1, expires=FAR + 3),
        conversation(2),
        conversation(3, expires=FAR + 1),
        conversation(5, expires=FAR + 2),
        conversation(4, expires=FAR + 2),
        conversation(6, expires=1),
        conversation(7, ttl_ms=0),
    )
    for limit in (1, 2, 1000):
        assert [row["chat_id"] for row in me.list("conversation", limit=limit, order="expires")] == [
            3,
            4,
            5,
            1,
        ]


@pytest.mark.parametrize("record", [*(record for record in SORTED if record != "conversation"), "session"])
def test_order_expires_is_of_conversations(me: Session, record: str) -> None:
    """TGS_ORDER_EXPIRES: conversations; elsewhere it is a mistake."""
    with fails("invalid"):
        me.page(record, order="expires")


@pytest.mark.parametrize(
    ("record", "filters"),
    [
        ("kv", {"kind": "user"}),
        ("peer", {"state": "ready"}),
        ("peer", {"scope": "s"}),
        ("kv", {"state": "done"}),
    ],
    ids=str,
)
def test_filters_that_the_record_does_not_have(me: Session, record: str, filters: dict[str, Any]) -> None:
    """A filter that means nothing for a record is an error, not a silent no-op."""
    with fails("invalid"):
        me.page(record, **filters)


@pytest.mark.parametrize(
    ("record", "filters"), [("peer", {"kind": 3}), ("queue_item", {"state": 4})], ids=str
)
def test_filters_of_unknown_value(me: Session, record: str, filters: dict[str, Any]) -> None:
    """kind: TGS_PEER_*; state: TGS_QUEUE_*; another number is INVALID."""
    with fails("invalid"):
        me.page(record, **filters)
