# SPDX-License-Identifier: Apache-2.0
"""Random operations: SQLite must answer as the memory back end does, step by step.

When it does not, Hypothesis prints the shortest list of operations that shows it, and how to run it again
(`pytest tests/model --hypothesis-seed=...`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from api import Store
from driver import InProcess
from hypothesis import given
from hypothesis import strategies as st
from operations import operations
from runner import Runner
from search import search

URLS = {"sqlite": "sqlite:{tmp}/model.db", "itself": "memory:"}


@pytest.fixture(scope="module", params=URLS)
def stores(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    driver = InProcess()
    url = URLS[request.param].format(tmp=tmp_path_factory.mktemp("model"))
    yield Store.open(driver, "memory:"), Store.open(driver, url)
    driver.close()


runs = itertools.count()


@search(examples=250)
@given(script=st.lists(operations, min_size=1, max_size=30))
def test_answers_are_the_same(stores: tuple[Store, Store], script: list[Any]) -> None:
    """In the model test the memory back end is the reference."""
    prefix = f"{next(runs)}/"
    reference, other = (Runner(store, prefix) for store in stores)
    for step, operation in enumerate(script):
        expected, answer = reference.answer(operation), other.answer(operation)
        assert answer == expected, f"step {step}: {operation}"
    assert other.everything() == reference.everything(), "at the end"
