# SPDX-License-Identifier: Apache-2.0
"""Bad input for each argument of each function, as only C can say it."""

from __future__ import annotations

from typing import Any

import pytest
from api import Canceller, Session, Store, fails, item, kv, outcome_of, page_in, peer
from driver import Driver
from records import RECORDS, STORED

pytestmark = pytest.mark.needs("raw")

ROWS: dict[str, dict[str, Any]] = {
    "session": {},
    "dc_auth": {"dc": 2, "slot": "permanent"},
    "peer": {"kind": "user", "id": 1},
    "update_state": {"channel_id": 1},
    "dedup": {"key": "k"},
    "queue_item": {"id": "i"},
    "conversation": {"chat_id": 1, "user_id": 1, "thread_id": 0, "business_connection": "", "name_space": ""},
    "kv": {"scope": "s", "key": "k"},
}
ONE_ROW = {"record": "kv", "rows": [ROWS["kv"]]}

# What each function needs beside its handle, and which of its pointers may not be NULL.
SESSION_CALLS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "put": (ONE_ROW, ["rows"]),
    "get": (ONE_ROW, ["rows", "out"]),
    "delete": (ONE_ROW, ["rows"]),
    "load": (ONE_ROW, ["rows"]),
    "list": ({"record": "kv"}, ["out"]),
    "by_username": ({"texts": ["a"]}, ["texts", "out"]),
    "by_phone": ({"texts": ["42"]}, ["texts", "out"]),
    "claim": ({"owner": "o"}, ["out"]),
    "settle": ({"action": "ack", "rows": [{"id": "i", "token": 1}]}, ["rows"]),
    "acquire": ({"owner": "o"}, ["out"]),
    "batch": ({}, ["out"]),
    "renew": ({}, []),
    "release": ({}, []),
    "purge": ({}, []),
}
STORE_CALLS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "session": ({"name": "x"}, ["out"]),
    "sessions": ({}, ["out"]),
    "stats": ({}, ["out"]),
    "prune": ({}, []),
    "sync": ({}, []),
    "ping": ({}, []),
    "backup": ({"path": "/nonexistent/copy"}, []),
}
BATCH_CALLS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "batch_put": (ONE_ROW, ["rows"]),
    "batch_delete": (ONE_ROW, ["rows"]),
    "batch_settle": ({"action": "ack", "rows": [{"id": "i", "token": 1}]}, ["rows"]),
    "batch_commit": ({"n_results": 0}, []),
}
BLOCKING = [name for name in SESSION_CALLS if name != "batch"]
WITH_ROWS = ["put", "get", "delete", "load"]


def descriptions(driver: Driver) -> dict[str, Any]:
    records: dict[str, Any] = driver.request("describe")["records"]
    return records


# --- NULL


@pytest.mark.parametrize("op", [*SESSION_CALLS, *STORE_CALLS, *BATCH_CALLS])
def test_null_handle(driver: Driver, op: str) -> None:
    """Pointer arguments must not be NULL; NULL is TGS_E_INVALID."""
    arguments, _ = {**SESSION_CALLS, **STORE_CALLS, **BATCH_CALLS}[op]
    with fails("invalid"):
        driver.request(op, **arguments)


@pytest.mark.parametrize(
    "op", ["store_info", "session_info", "batch_count", "batch_clear", "cancelled", "cancel", "reset"]
)
def test_null_handle_where_nothing_can_fail(driver: Driver, op: str) -> None:
    """Functions without a status give an empty answer for NULL."""
    assert driver.request(op).get("count", 0) == 0


@pytest.mark.parametrize("kind", range(1, 7))
def test_freeing_null(driver: Driver, kind: int) -> None:
    """A NULL handle passed to a *_free or *_close function is a no-op."""
    driver.request("free", kind=kind)


@pytest.mark.parametrize(
    ("op", "argument"),
    [(op, argument) for op, (_, pointers) in SESSION_CALLS.items() for argument in pointers],
)
def test_null_pointer_of_a_session_call(me: Session, op: str, argument: str) -> None:
    """Pointer arguments must not be NULL, except `err`, `call` and those marked "nullable"."""
    with fails("invalid"):
        me.request(op, null=[argument], **SESSION_CALLS[op][0])
    assert me.list("kv") == []


@pytest.mark.parametrize(
    ("op", "argument"), [(op, argument) for op, (_, pointers) in STORE_CALLS.items() for argument in pointers]
)
def test_null_pointer_of_a_store_call(store: Store, op: str, argument: str) -> None:
    """Pointer arguments must not be NULL."""
    with fails("invalid"):
        store.request(op, null=[argument], **STORE_CALLS[op][0])


@pytest.mark.parametrize("op", ["batch_put", "batch_delete", "batch_settle"])
def test_null_rows_of_a_batch(me: Session, op: str) -> None:
    """An array may be NULL when its length is 0, and only then."""
    batch = me.batch()
    with fails("invalid"):
        batch.request(op, null=["rows"], **BATCH_CALLS[op][0])
    assert len(batch) == 0


def test_null_out_of_open_and_canceller(driver: Driver, backend: Any) -> None:
    """Pointer arguments must not be NULL."""
    with fails("invalid"):
        driver.request("open", url=backend.url, null=["out"])
    with fails("invalid"):
        driver.request("open", url=backend.url, options={"timeout_ms": "5"}, null=["options"])
    with fails("invalid"):
        driver.request("canceller", null=["out"])
    with fails("invalid"):
        driver.request("open", url=None)
    with fails("invalid"):
        driver.request("load_backend", path=None)


@pytest.mark.parametrize(
    ("op", "argument"),
    [
        ("put", "results"),
        ("delete", "results"),
        ("load", "done"),
        ("purge", "removed"),
        ("list", "filter"),
        ("put", "err"),
        ("get", "err"),
        ("list", "err"),
    ],
)
def test_nullable(me: Session, op: str, argument: str) -> None:
    """Those marked "nullable", and `err` and `call`, may be NULL."""
    me.request(op, null=[argument], **SESSION_CALLS[op][0])


def test_failure_without_err(me: Session) -> None:
    """`err` may be NULL, also when the call fails."""
    with fails("invalid"):
        me.request("put", record=99, rows=[], null=["err"])
    with fails("conflict"):
        me.request(
            "put", record="kv", rows=[{**ROWS["kv"], "flags": ["if_present", "require"]}], null=["err"]
        )


def test_missing_texts(me: Session, store: Store) -> None:
    """A text whose ptr is NULL is no text; where one is needed that is INVALID."""
    for call in (
        lambda: store.request("session", name=None),
        lambda: me.request("claim", owner=None),
        lambda: me.request("acquire", owner=None),
        lambda: me.request("by_username", texts=[None]),
        lambda: me.request("by_phone", texts=["42", None]),
        lambda: store.request("backup", path=None),
    ):
        with fails("invalid"):
            call()


@pytest.mark.parametrize(
    ("record", "member"),
    [(r.name, f.name) for r in STORED for f in r.fields if f.type in ("text", "bytes", "texts")],
)
def test_null_with_a_length(me: Session, driver: Driver, record: str, member: str) -> None:
    """A text or blob with ptr NULL has no bytes: a length beside it is a mistake."""
    field = next(f for f in descriptions(driver)[record]["fields"] if f["name"] == member)
    if "read_only" in field["flags"]:
        me.request("put", record=record, rows=[ROWS[record]], poke=[[field["offset"] + 8, 1]])
        return
    row = {name: value for name, value in ROWS[record].items() if name != member}
    with fails("invalid", index=0):
        me.request(
            "put", record=record, rows=[{**row, "fields": field["bit"]}], poke=[[field["offset"] + 8, 1]]
        )
    assert me.list(record) == []


@pytest.mark.parametrize(
    ("record", "member"), [("dedup", "key"), ("queue_item", "id"), ("kv", "scope"), ("kv", "key")]
)
def test_missing_keys(me: Session, record: str, member: str) -> None:
    """Key members always count: a key text that is NULL is missing."""
    row = {name: value for name, value in ROWS[record].items() if name != member}
    for op in ("put", "get", "delete"):
        with fails("invalid", index=0):
            me.request(op, record=record, rows=[row])


# --- records, strides, masks, flags


@pytest.mark.parametrize("record", [0, -1, 9, 10, 11, 1 << 30, -(1 << 31)])
@pytest.mark.parametrize("op", [*WITH_ROWS, "list"])
def test_wrong_record(me: Session, op: str, record: int) -> None:
    """record: TGS_RECORD_SESSION to _KV."""
    with fails("invalid"):
        me.request(op, record=record, rows=[])


@pytest.mark.parametrize("op", ["batch_put", "batch_delete"])
def test_wrong_record_in_a_batch(me: Session, op: str) -> None:
    """record: TGS_RECORD_SESSION to _KV."""
    with fails("invalid"):
        me.batch().request(op, record=9, rows=[])


@pytest.mark.parametrize("record", ROWS)
def test_stride_too_small(me: Session, driver: Driver, record: str) -> None:
    """stride: sizeof the struct."""
    size = descriptions(driver)[record]["size"]
    for op in WITH_ROWS:
        for stride in (0, 1, size - 1):
            with fails("invalid"):
                me.request(op, record=record, rows=[ROWS[record]], stride=stride)


@pytest.mark.parametrize("record", ROWS)
def test_longer_rows_of_a_newer_caller(me: Session, driver: Driver, record: str) -> None:
    """Bytes an older library does not know must be zero, else UNSUPPORTED."""
    size = descriptions(driver)[record]["size"]
    rows = [ROWS[record]] * 2
    with fails("unsupported", index=1):
        me.request("put", record=record, rows=rows, stride=size + 16, poke=[[2 * (size + 16) - 1, 1]])
    assert me.list(record) == []
    me.request("put", record=record, rows=rows, stride=size + 16)
    assert me.request("get", record=record, rows=rows, stride=size + 16)["rows"][1] is not None


@pytest.mark.parametrize("record", ROWS)
def test_reserved_members(me: Session, driver: Driver, record: str) -> None:
    """Members named `reserved` are zero, else UNSUPPORTED."""
    size = descriptions(driver)[record]["size"]
    for offset in (size - 32, size - 1):
        for op in ("put", "load"):
            with fails("unsupported", index=0):
                me.request(op, record=record, rows=[ROWS[record]], poke=[[offset, 1]])
    assert me.list(record) == []


@pytest.mark.parametrize("record", ["peer", "update_state", "dedup", "conversation", "kv"])
def test_reserved0(me: Session, driver: Driver, record: str) -> None:
    """Members named `reserved` are zero, else UNSUPPORTED: the one that fills up the row's beginning, too."""
    subtype = [f["offset"] for f in descriptions(driver)[record]["fields"] if f["name"] == "subtype"]
    offset = subtype[0] + 4 if subtype else 20
    with fails("unsupported", index=0):
        me.request("put", record=record, rows=[ROWS[record]], poke=[[offset, 1]])


@pytest.mark.parametrize("record", ROWS)
@pytest.mark.parametrize("mask", ["fields", "nulls"])
def test_unknown_mask_bits(me: Session, record: str, mask: str) -> None:
    """Unknown mask bits are UNSUPPORTED, never dropped."""
    known = sum("key" not in field.flags for field in RECORDS[record].fields)
    for bit in (known, 40, 63):
        with fails("unsupported", index=1):
            me.request("put", record=record, rows=[ROWS[record], {**ROWS[record], mask: 1 << bit}])
    assert me.list(record) == []


@pytest.mark.parametrize("record", ROWS)
def test_nulls_that_are_not_in_fields(me: Session, record: str) -> None:
    """nulls: of the bits in `fields`, those to clear; others are a mistake."""
    with fails("invalid", index=0):
        me.request("put", record=record, rows=[{**ROWS[record], "nulls": 1}])


@pytest.mark.parametrize("record", ROWS)
@pytest.mark.parametrize("op", ["put", "get", "delete"])
def test_unknown_flags(me: Session, record: str, op: str) -> None:
    """An unknown flag is UNSUPPORTED, never ignored."""
    for flag in (1 << 7, 1 << 31):
        with fails("unsupported", index=0):
            me.request(op, record=record, rows=[{**ROWS[record], "flags": [flag]}])
    assert me.list(record) == []


@pytest.mark.parametrize("record", ROWS)
def test_found_is_ignored_when_writing(me: Session, record: str) -> None:
    """TGS_ROW_FOUND.  Writing: ignored, so that rows may be put as they were read."""
    assert me.request("put", record=record, rows=[{**ROWS[record], "flags": ["found"]}])["results"][0][
        "applied"
    ]


def test_texts_with_a_null_inside(me: Session) -> None:
    """usernames: each of them is a text."""
    with fails("invalid", index=0):
        me.request("put", record="peer", rows=[{"kind": "user", "id": 1, "usernames": ["a", None]}])


# --- other arguments


@pytest.mark.parametrize("action", [0, -1, 7, 1 << 20])
def test_unknown_action(me: Session, action: int) -> None:
    """action: TGS_SETTLE_*."""
    for target in (me.request, me.batch().request):
        op = "settle" if target == me.request else "batch_settle"
        with fails("invalid"):
            target(op, action=action, rows=[])


def test_extend_needs_a_delay(me: Session) -> None:
    """EXTEND: delay_ms (with its bit)."""
    me.put(item("i"))
    (row,) = me.claim()
    with fails("invalid", index=0):
        me.request("settle", action="extend", rows=[{"id": "i", "token": row["token"]}])


@pytest.mark.parametrize("arguments", [{"order": 2}, {"order": -1}, {"kind": -2}, {"state": -2}], ids=str)
def test_filter_values(me: Session, arguments: dict[str, int]) -> None:
    """order: TGS_ORDER_*; kind: TGS_PEER_*; state: TGS_QUEUE_* or -1."""
    with fails("invalid"):
        me.request("list", record="peer" if "kind" in arguments else "queue_item", **arguments)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"filter_size": 0}, "invalid"),
        ({"filter_size": 8}, "invalid"),
        ({"filter_reserved": 1}, "unsupported"),
        ({"filter_reserved0": 1}, "unsupported"),
        ({"call_size": 0}, "invalid"),
        ({"call_size": 8}, "invalid"),
        ({"call_reserved": 1}, "unsupported"),
    ],
    ids=str,
)
def test_sizes_and_reserved_of_other_structs(me: Session, arguments: dict[str, int], code: str) -> None:
    """size: sizeof the struct as the caller was compiled.  Members named `reserved` are zero, else
    UNSUPPORTED.
    """
    with fails(code):
        me.request("list", record="kv", **arguments)


@pytest.mark.parametrize("mode", [0, 3, -1])
def test_lease_modes(me: Session, mode: int) -> None:
    """mode: TGS_LEASE_SHARED or TGS_LEASE_EXCLUSIVE."""
    with fails("invalid"):
        me.request("acquire", owner="o", mode=mode)


def test_after_of_a_wrong_stride(me: Session) -> None:
    """stride: sizeof the struct of `record`; 0 if `after` is NULL."""
    with fails("invalid"):
        me.request("list", record="kv", after=ROWS["kv"], stride=8)


@pytest.mark.parametrize("n_results", [1, 3])
def test_n_results(me: Session, n_results: int) -> None:
    """n_results: tgs_batch_count, or 0 with NULL."""
    batch = me.batch(kv("s", "a", value=b""), kv("s", "b", value=b""))
    with fails("invalid"):
        batch.request("batch_commit", n_results=n_results)
    with fails("invalid"):
        batch.request("batch_commit", null=["results"])
    assert me.list("kv") == [] and len(batch) == 2
    batch.request("batch_commit", n_results=0, null=["results"])
    assert len(me.list("kv")) == 2


# --- results


def test_row_of_another_size(me: Session, driver: Driver) -> None:
    """Members a caller does not know yet are not written; what an older library does not know is zero."""
    me.put(peer("user", 1, first_name="A"))
    rows = me.request("get", record="peer", rows=[ROWS["peer"]], keep=True)["handle"]
    size = descriptions(driver)["peer"]["size"]
    assert driver.request("rows", rows=rows)["stride"] >= size
    assert driver.request("row", rows=rows, size=size)["last_byte"] == 0
    assert driver.request("row", rows=rows, size=size + 64)["last_byte"] == 0
    with fails("invalid"):
        driver.request("row", rows=rows, size=48)


@pytest.mark.parametrize("arguments", [{"index": 1}, {"index": -1}, {"null": ["row"]}], ids=str)
def test_row_that_is_not_there(me: Session, driver: Driver, arguments: dict[str, Any]) -> None:
    """Errors: INVALID (no such row)."""
    rows = me.request("get", record="peer", rows=[ROWS["peer"]], keep=True)["handle"]
    size = descriptions(driver)["peer"]["size"]
    with fails("invalid"):
        driver.request("row", rows=rows, **{"size": size, **arguments})
    with fails("invalid"):
        driver.request("row", size=size)


def test_rows_that_were_not_found_carry_their_key(me: Session, driver: Driver) -> None:
    """The others carry their key only."""
    rows = me.request("get", record="peer", rows=[{"kind": "chat", "id": -7}], keep=True)["handle"]
    assert driver.request("rows", rows=rows, missing=True)["rows"] == [{"kind": "chat", "id": -7}]


def test_results_are_used_by_many_threads(me: Session, driver: Driver) -> None:
    """A result may be used by many threads at once."""
    me.put(*(kv("s", f"{n}", value=b"x" * 50) for n in range(100)))
    rows = me.request("list", record="kv", keep=True)["handle"]
    futures = [driver.start("rows", rows=rows) for _ in range(8)]
    pages = [page_in("kv", outcome_of(future)) for future in futures]
    assert all(page == pages[0] and len(page) == 100 for page in pages)


def test_canceller_may_be_freed_after_the_calls(me: Session, driver: Driver) -> None:
    """A canceller must outlive the calls that carry it, and no more."""
    canceller = Canceller(driver)
    me.put(kv("s", "k", value=b""), cancel=canceller.handle)
    driver.request("free", handle=canceller.handle)
    me.put(kv("s", "k", value=b""))
