# SPDX-License-Identifier: Apache-2.0
"""Conversations: compare-and-set by version."""

from __future__ import annotations

from typing import Any

import pytest
from api import Session, Store, conversation, fails


def put(me: Session, version: int | None = None, **members: Any) -> int:
    if version is not None:
        members = {"version": version, "flags": ["if_version", "require"], **members}
    return me.put_one(conversation(1, 2, **members)).version


def test_result_carries_the_new_version(me: Session) -> None:
    """The result carries the new version; each put makes another one."""
    first = put(me, name="a")
    assert first != 0 and me.get_one(conversation(1, 2))["version"] == first
    second = put(me, name="b")
    assert second != first and me.get_one(conversation(1, 2))["version"] == second


def test_compare_and_set(me: Session) -> None:
    """Compare-and-set: get, change, put with TGS_ROW_IF_VERSION and TGS_ROW_REQUIRE."""
    first = put(me, step="1")
    second = put(me, first, step="2")
    with fails("conflict", index=0):
        put(me, first, step="lost update")
    assert me.get_one(conversation(1, 2))["step"] == "2"
    put(me, second, step="3")


def test_wrong_version_without_require(me: Session) -> None:
    """Without REQUIRE the row is skipped and its result says applied 0."""
    first = put(me, step="1")
    put(me, step="2")
    result = me.put_one(conversation(1, 2, step="3", version=first, flags=["if_version"]))
    assert (result.applied, result.version) == (False, 0)
    assert me.get_one(conversation(1, 2))["step"] == "2"


def test_version_of_what_is_not_there(me: Session) -> None:
    """IF_VERSION: only if `version` is the stored one; there is none."""
    for version in (0, 1, -1):
        with fails("conflict", index=0):
            put(me, version, step="x")
    assert me.list("conversation") == []


def test_delete_by_version(me: Session) -> None:
    """Delete: conditions count, IF_VERSION too."""
    first = put(me, step="1")
    second = put(me, step="2")
    key = conversation(1, 2, version=first, flags=["if_version", "require"])
    with fails("conflict", index=0):
        me.delete(key)
    key["version"] = second
    assert me.delete(key)[0].applied


def test_versions_are_never_used_twice(me: Session) -> None:
    """Versions are opaque and never used twice, not even after a delete."""
    seen = set()
    for _ in range(5):
        seen |= {put(me, step="1"), put(me, step="2")}
        me.delete(conversation(1, 2))
    assert len(seen) == 10


def test_versions_are_never_used_twice_after_a_purge(store: Store) -> None:
    """The counter never goes back, not even after purge."""
    me = store.session("a")
    seen = set()
    for _ in range(3):
        seen |= {put(me, step="1"), put(me, step="2")}
        me.purge()
    assert len(seen) == 6


def test_old_version_does_not_fit_a_new_conversation(me: Session) -> None:
    """A writer that slept through a delete can't overwrite what came after."""
    old = put(me, step="1")
    me.delete(conversation(1, 2))
    put(me, step="new")
    with fails("conflict", index=0):
        put(me, old, step="late")


def test_versions_across_conversations_and_batches(me: Session) -> None:
    """Versions differ between rows of one batch, too."""
    results = me.put(*(conversation(n, step="x") for n in range(5)))
    assert len({result.version for result in results}) == 5
    assert [result.version for result in results] == [row["version"] for row in me.list("conversation")]


def test_repeated_key_reports_the_stored_version(me: Session) -> None:
    """A key that repeats in a put: its last result carries the version that is stored; each has its own."""
    results = me.put(conversation(1, name="a"), conversation(1, step="b"))
    row = me.get_one(conversation(1))
    assert results[-1].version == row["version"] and (row["name"], row["step"]) == ("a", "b")
    assert results[0].version not in (0, results[1].version)


def test_other_records_have_no_version(me: Session) -> None:
    """version: conversations: the new version, or 0."""
    from api import kv

    assert me.put_one(kv("s", "k", value=b"")).version == 0


@pytest.mark.parametrize("step", ["", "text"])
@pytest.mark.parametrize("number", [0, -5, 1 << 62])
def test_step_is_a_text_or_a_number(me: Session, step: str, number: int) -> None:
    """step: a text, or a number: setting one clears the other."""
    put(me, step=step)
    row = me.get_one(conversation(1, 2))
    assert row["step"] == step and "step_number" not in row
    put(me, step_number=number)
    row = me.get_one(conversation(1, 2))
    assert row["step_number"] == number and "step" not in row
    put(me, step=step)
    assert "step_number" not in me.get_one(conversation(1, 2))


@pytest.mark.needs("raw")
def test_step_and_number_at_once(me: Session) -> None:
    """step: a text, or a number; both in one row is a mistake.  (Languages with one `step` can't say it.)"""
    with fails("invalid", index=0):
        put(me, step="a", step_number=1)


def test_clearing_the_step(me: Session) -> None:
    """NULL clears the step, and nothing else."""
    put(me, step="a", name="n")
    put(me, step=None)
    row = me.get_one(conversation(1, 2))
    assert "step" not in row and "step_number" not in row and row["name"] == "n"


def test_keys_are_told_apart(me: Session) -> None:
    """Keys: chat, user, thread, business connection, name space."""
    keys = [
        {
            "chat_id": chat,
            "user_id": user,
            "thread_id": thread,
            "business_connection": business,
            "name_space": space,
        }
        for chat in (-1, 0)
        for user in (0, 1)
        for thread in (0, 2)
        for business in ("", "b")
        for space in ("", "n")
    ]
    rows = [conversation(**key, name=f"{i}") for i, key in enumerate(keys)]  # type: ignore[arg-type]
    me.put(*rows)
    assert [row["name"] for row in me.get(*rows)] == [f"{i}" for i in range(32)]
    assert [row["name"] for row in me.list("conversation")] == [f"{i}" for i in range(32)]


@pytest.mark.needs("raw")
def test_null_key_texts_are_empty(me: Session) -> None:
    """business_connection, name_space: NULL is ""."""
    me.put(conversation(1, business_connection=None, name_space=None, name="n"))
    assert me.get_one(conversation(1))["name"] == "n"
