# SPDX-License-Identifier: Apache-2.0
"""Describes the library's binary interface as files that are committed and compared.

    symbols.txt     what the shared library exports
    layout.txt      offset and size of every member of every public struct, and the sizes of the structs
    constants.txt   the values of the public constants
    libtgstore.abi  all types and functions, as libabigail sees them in the debug information

`python surface.py BUILD FOLDER` writes them; script/abi-update does that for tests/abi/.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

INCLUDE = Path(__file__).resolve().parents[2] / "capi" / "include"
HEADERS = ("tgstore.h", "tgstore/backend.h")

LAYOUT_PROGRAM = """
#include <stdio.h>
#include "tgstore/backend.h"
int main(void) {
    size_t end;
%s
    return 0;
}
"""
# Members must follow each other without a gap: that is padding, or a member this file did not see.
LAYOUT_MEMBER = """
    if (offsetof({0}, {1}) != end) return fprintf(stderr, "{0}: a gap before {1}\\n"), 1;
    end += sizeof((({0} *)0)->{1});
    printf("{0}.{1} %zu %zu\\n", offsetof({0}, {1}), sizeof((({0} *)0)->{1}));"""
LAYOUT_END = """
    if (sizeof({0}) != end) return fprintf(stderr, "{0}: a gap at its end\\n"), 1;
    printf("{0} %zu\\n", sizeof({0}));"""


def run(*command: str | Path, stdin: str | None = None) -> str:
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr}{done.stdout}")
    return done.stdout


def library(build: Path) -> Path:
    return build / "capi" / "libtgstore.so"


def symbols(build: Path) -> str:
    lines = run("nm", "--dynamic", "--defined-only", "--format=just-symbols", library(build)).split()
    return "".join(f"{name}\n" for name in sorted(name.split("@")[0] for name in lines))


def headers_text() -> str:
    text = "".join((INCLUDE / header).read_text() for header in HEADERS)
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def declared_functions() -> set[str]:
    return set(re.findall(r"^TGS_API [^;]*?\b(tgs_\w+)\(", headers_text(), flags=re.M))


def structs() -> dict[str, list[str]]:
    """The members of each public struct, in order."""
    found = {}
    for name, body in re.findall(r"typedef struct (\w+) \{\n(.*?)\n\} \1;", headers_text(), flags=re.S):
        members: list[str] = []
        for declaration in body.split(";"):
            pointer = re.search(r"\(\*(\w+)\)\(", declaration)
            if pointer:
                members.append(pointer[1])
            else:
                members += re.findall(r"(\w+)(?:\[\w+\])?\s*(?:,|$)", declaration)
        found[name] = members
    return found


def layout(compiler: str = "gcc") -> str:
    code = ""
    for name, members in structs().items():
        code += "    end = 0;"
        code += "".join(LAYOUT_MEMBER.format(name, member) for member in members)
        code += LAYOUT_END.format(name)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "layout"
        run(compiler, "-x", "c", "-I", INCLUDE, "-o", program, "-", stdin=LAYOUT_PROGRAM % code)
        return run(program)


def constants(compiler: str = "gcc") -> str:
    macros = run(compiler, "-E", "-dM", "-I", INCLUDE, INCLUDE / "tgstore/backend.h")
    names = re.findall(r"^#define (TGS_[A-Z0-9_]+) (?=[-(0-9T])(?!TGS_API\b)", macros, flags=re.M)
    names = sorted(n for n in names if n != "TGS_API" and not n.startswith("TGS_VERSION"))
    prints = "\n".join(f'    printf("{name} %lld\\n", (long long){name});' for name in names)
    code = '#include <stdio.h>\n#include "tgstore/backend.h"\nint main(void) {\n%s\n    return 0;\n}\n' % prints
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "constants"
        run(compiler, "-x", "c", "-I", INCLUDE, "-o", program, "-", stdin=code)
        return run(program)


def abi(build: Path) -> str:
    return run("abidw", "--headers-dir", INCLUDE, "--drop-private-types", "--exported-interfaces-only", "--no-corpus-path",
               "--no-comp-dir-path", "--no-show-locs", library(build))


def write(build: Path, folder: Path) -> None:
    (folder / "symbols.txt").write_text(symbols(build))
    (folder / "layout.txt").write_text(layout())
    (folder / "constants.txt").write_text(constants())
    (folder / "libtgstore.abi").write_text(abi(build))


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
