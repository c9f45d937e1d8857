# SPDX-License-Identifier: Apache-2.0
"""The package is typed, and its types are true."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tgstore

PACKAGE = Path(tgstore.__file__).parent


def mypy(tmp_path: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(PACKAGE.parent)},
    )


@pytest.mark.slow
def test_the_package_is_strictly_typed(tmp_path: Path) -> None:
    done = mypy(tmp_path, PACKAGE)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_types_as_a_user_meets_them(tmp_path: Path) -> None:
    """What is wrong in typed_user.py is marked to be ignored, and strict mypy refuses needless marks."""
    done = mypy(tmp_path, Path(__file__).with_name("typed_user.py"))
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_stub_is_the_module(tmp_path: Path) -> None:
    (tmp_path / "allowed").write_text("tgstore._lowlevel.__all__\n")  # which only SWIG makes
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "tgstore._lowlevel", "--allowlist", "allowed"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(PACKAGE.parent)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
