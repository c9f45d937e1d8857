# SPDX-License-Identifier: Apache-2.0
"""What the documents show works: each fenced block of C, Python or shell is run, unless it says "fragment"."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*SOURCE.glob("*.md"), *SOURCE.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(c|python|sh)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)")


def snippets() -> list[object]:
    found = []
    for document in DOCUMENTS:
        for number, match in enumerate(FENCE.finditer(document.read_text()), 1):
            name = f"{document.relative_to(SOURCE)}-{number}-{match[1]}"
            found.append(pytest.param(match[1], match[2], id=name))
    return found


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_c(code: str, folder: Path, build: Path) -> str:
    (folder / "example.c").write_text(code)
    run(["gcc", "-std=c11", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Werror",
         f"-I{SOURCE}/capi/include", "-o", "example", "example.c", f"-L{build}/capi", "-ltgstore"], folder)
    return run(["./example"], folder)


@pytest.mark.parametrize("language,code", snippets())
def test_snippet(language: str, code: str, build: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(SOURCE / "examples")
    if language == "c":
        run_c(code, tmp_path, build)
    elif language == "python":
        run([sys.executable, "-X", "dev", "-W", "error", "-c", code], tmp_path)
    else:
        run(["bash", "-euo", "pipefail", "-c", code], tmp_path)


def test_snippets_are_found() -> None:
    languages = {match[1] for match in FENCE.finditer((SOURCE / "README.md").read_text())}
    assert languages == {"c", "python", "sh"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(SOURCE)))
def test_links_lead_somewhere(document: Path) -> None:
    missing = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert not missing
