# SPDX-License-Identifier: Apache-2.0
"""script/demo runs to its end, and what it says is so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest


@pytest.mark.slow
def test_demo(source: Path) -> None:
    done = subprocess.run([source / "script" / "demo"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert "\x1b" not in said  # colours are for terminals
    assert re.findall(r"^(\d)\. ", said, flags=re.M) == list("12345")
    assert said.count("SIGKILL to bot") == 2
    assert "300 updates, 300 replies" in said
    key = "f461b0d503f5fba2d5e17fea11400431"  # how the file's auth key begins
    assert key not in said
