# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the Python binding's own tests. What the library promises is tested in tests/conformance."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tgstore


@pytest.fixture
def store() -> Iterator[tgstore.Store]:
    with tgstore.open("memory:") as opened:
        yield opened


@pytest.fixture
def session(store: tgstore.Store) -> tgstore.Session:
    return store.session("main")


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Run a program in a fresh interpreter, which must end well; what it printed."""

    def run(program: str, *options: str) -> str:
        done = subprocess.run(
            [sys.executable, "-X", "dev", *options, "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(Path(tgstore.__file__).parent.parent)},
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr and "Fatal" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object]], None]:
    """Wait for something another thread does, but not for ever."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.001)

    return wait
