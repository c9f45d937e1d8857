# SPDX-License-Identifier: Apache-2.0
"""The binary interface is what was committed: a change is made on purpose, with script/abi-update."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import surface

HERE = Path(__file__).parent
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wpadded", "-Werror", "-fsyntax-only"]


def test_exported_symbols(build: Path) -> None:
    assert surface.symbols(build) == (HERE / "symbols.txt").read_text()


def test_exports_are_what_the_header_declares(build: Path) -> None:
    declared = surface.declared_functions() - {"tgs_backend_entry"}  # the one that modules export
    assert set(surface.symbols(build).split()) == declared


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_layout(compiler: str) -> None:
    assert surface.layout(compiler) == (HERE / "layout.txt").read_text()


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_constants(compiler: str) -> None:
    assert surface.constants(compiler) == (HERE / "constants.txt").read_text()


def test_abidiff(build: Path) -> None:
    baseline = HERE / "libtgstore.abi"
    difference = subprocess.run(
        ["abidiff", "--headers-dir2", surface.INCLUDE, "--drop-private-types", baseline, surface.library(build)],
        capture_output=True, text=True)
    assert difference.returncode == 0, difference.stdout + difference.stderr


def test_abidiff_sees_a_change(build: Path, tmp_path: Path) -> None:
    """The gate can fail: a function that is gone from the baseline is reported."""
    baseline = tmp_path / "other.abi"
    text = (HERE / "libtgstore.abi").read_text()
    assert "tgs_store_open" in text
    baseline.write_text(text.replace("tgs_store_open", "tgs_store_opened"))
    assert subprocess.run(["abidiff", baseline, surface.library(build)], capture_output=True).returncode != 0


@pytest.mark.parametrize("header", surface.HEADERS)
@pytest.mark.parametrize("compiler,language,standard", [
    ("gcc", "c", "c99"), ("gcc", "c", "c11"), ("gcc", "c", "c17"),
    ("clang", "c", "c99"), ("clang", "c", "c11"), ("clang", "c", "c17"),
    ("clang", "c++", "c++11"), ("clang", "c++", "c++17"),
    ("g++", "c++", "c++11"), ("g++", "c++", "c++17"),
])
def test_header_compiles(header: str, compiler: str, language: str, standard: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text(f'#include "{header}"\ntgs_str text(void);\ntgs_str text(void) {{ return TGS_STR("x"); }}\n')
    surface.run(compiler, "-x", language, f"-std={standard}", *STRICT, "-I", surface.INCLUDE, source)


def test_header_parses_in_swig(tmp_path: Path) -> None:
    interface = tmp_path / "probe.i"
    # 451: setting a const char * member from Python may leak, in any struct that has one.
    interface.write_text('%module probe\n#pragma SWIG nowarn=451\n%include "stdint.i"\n%include "tgstore.h"\n')
    surface.run("swig", "-python", "-Werror", f"-I{surface.INCLUDE}", "-o", tmp_path / "probe.c", interface)


# The C library's functions that take or give back memory by themselves, or by what they return.
ALLOCATING = set(
    "malloc calloc realloc reallocarray free aligned_alloc posix_memalign memalign valloc strdup strndup __strdup"
    " __strndup asprintf vasprintf getline getdelim __getdelim open_memstream fopen fopen64 fdopen freopen tmpfile popen"
    " opendir fdopendir scandir scandir64 glob realpath get_current_dir_name qsort qsort_r newlocale getaddrinfo".split()
)


def test_all_memory_comes_from_one_file(build: Path) -> None:
    """tgs_allocator_set: "Take all memory from this allocator"."""
    objects = sorted(path for path in (build / "capi").glob("libtgstore.so*.p/*.o"))
    calls = {path.name: set(surface.run("nm", "--undefined-only", "--format=just-symbols", path).split()) & ALLOCATING
             for path in objects}
    assert len(calls) > 40
    assert {name: called for name, called in calls.items() if called} == {
        "allocator.c.o": {"malloc", "calloc", "realloc", "free"}}
