# SPDX-License-Identifier: Apache-2.0
"""`pip install .` from a clean checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

USE = """
import tgstore
for url in ("memory:", "sqlite:installed.db"):
    with tgstore.open(url) as store:
        store.session("main").put(tgstore.Peer("user", 777000, usernames=["telegram"]))
        assert store.session("main").peer(username="Telegram").id == 777000
print(tgstore.__file__)
"""


@pytest.mark.slow
def test_pip_install(source: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    if (source / ".git").exists():  # what is committed or staged, so that a forgotten file is missed
        subprocess.run(["git", "checkout-index", "--all", f"--prefix={checkout}/"], cwd=source, check=True)
    else:
        shutil.copytree(source, checkout, ignore=shutil.ignore_patterns("build*"))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", checkout],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    used = subprocess.run([python, "-I", "-c", USE], capture_output=True, text=True, cwd=tmp_path)
    assert used.returncode == 0, used.stderr
    assert str(tmp_path / "venv") in used.stdout
