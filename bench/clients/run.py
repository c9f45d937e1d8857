# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark of each client library beside tgstore, in a virtual environment of its own: Pyrogram and
Kurigram have the same package name.  The environments are made when they are missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent
BUILD = Path(os.environ["TGSTORE_BUILD"])
NAMES = ["telethon", "pyrogram", "kurigram"]


def environment(name: str) -> Path:
    """The Python of the client's environment, which is the one that tgstore was built for."""
    folder = BUILD.parent / "bench-clients" / name
    python = folder / "bin" / "python"
    requirements = CLIENTS / f"requirements-{name}.txt"
    stamp = folder / "requirements.txt"
    if not (stamp.exists() and stamp.read_bytes() == requirements.read_bytes()):
        print(f"Installing {requirements.read_text().strip()} into {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--use-pep517",
                        "-r", requirements], check=True)
        stamp.write_bytes(requirements.read_bytes())
    return python


def run(name: str, options: list[str]) -> bool:
    paths = [str(CLIENTS.parent), os.environ["PYTHONPATH"]]
    try:
        command = [environment(name), CLIENTS / f"bench_{name}.py", *options]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)})
    except subprocess.CalledProcessError as error:
        print(f"clients/run.py: {name}: {error}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if all([run(name, sys.argv[1:]) for name in NAMES]) else 1)
