# SPDX-License-Identifier: Apache-2.0
"""Random batches: each must leave and answer what its rows do when they are written one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import operations as op
import pytest
from api import Row, Store
from driver import InProcess
from hypothesis import given
from hypothesis import strategies as st
from runner import OPAQUE, Runner
from search import search

URLS = {"memory": "memory:", "sqlite": "sqlite:{tmp}/batches.db"}

# Conditions look at what was there before the batch, so here are none.
FLAGS: dict[str, Any] = {
    "session": st.just(["replace_account"]),
    "update_state": st.sampled_from([[], [], ["exact"]]),
}
none: st.SearchStrategy[list[str]] = st.just([])


def put_of(record: str) -> st.SearchStrategy[op.Put]:
    return st.builds(
        op.Put,
        st.just("a"),
        st.lists(op.rows(record, op.KEYS[record], op.MEMBERS[record], FLAGS.get(record, none)), min_size=1, max_size=4),
    )


puts = op.every_record.flatmap(put_of)
deletes = st.builds(
    op.Delete,
    st.just("a"),
    st.sampled_from(list(op.KEYS)).flatmap(lambda record: op.keys(record, none)),
)


@pytest.fixture(scope="module", params=URLS)
def store(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    driver = InProcess()
    yield Store.open(driver, URLS[request.param].format(tmp=tmp_path_factory.mktemp("batches")))
    driver.close()


def one_by_one(part: Any) -> list[Any]:
    return [type(part)(part.session, [row]) for row in part.rows]


def told(results: Any) -> Any:
    """Without versions: a batch may store two puts of a key as one."""
    return [{name: value for name, value in result.items() if name != "version"} for result in results]


def left(runner: Runner) -> Any:
    """All rows, and who has a name that is young enough."""
    everything = {
        record: [{name: value for name, value in row.items() if name not in OPAQUE} for row in rows]
        for record, rows in runner.everything()["a"].items()
    }
    return everything, runner.owners_of_young_names("a")


runs = itertools.count()


@search(examples=200)
@given(before=st.lists(puts, max_size=3), parts=st.lists(st.one_of(puts, puts, deletes), min_size=1, max_size=6))
def test_a_batch_is_its_rows_in_order(store: Store, before: list[Any], parts: list[Any]) -> None:
    """A key that repeats is applied in order."""
    run = next(runs)
    together, apart = Runner(store, f"{run}/together/"), Runner(store, f"{run}/apart/")
    for operation in before:
        together.answer(operation)
        apart.answer(operation)
    results = told(together.answer(op.Batch("a", parts)))
    assert results == [told(apart.answer(single))[0] for part in parts for single in one_by_one(part)]
    assert left(together) == left(apart)
