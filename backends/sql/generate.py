#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn annotated SQL into C: a header with an enum of the queries, a source with their text.

    generate.py PREFIX HEADER SOURCE QUERIES.sql MIGRATION.sql...

Queries are in sqlc's format: "-- name: GetPeer :one" before each statement.  Migrations are
named NNN_what.sql, numbered without a gap from 001; number n leads from schema version n - 1 to n.
"""
import pathlib
import re
import sys

ANNOTATION = re.compile(r"^-- name: (\w+) :(one|many|exec|execrows)$", re.MULTILINE)


def bare(sql: str) -> str:
    """The statement without comments, its white space folded."""
    return re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", sql)).strip().rstrip(";")


def constant(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def read_queries(path: pathlib.Path) -> list[tuple[str, str]]:
    parts = ANNOTATION.split(path.read_text())[1:]
    queries = [(name, bare(text)) for name, text in zip(parts[0::3], parts[2::3])]
    names = [name for name, _ in queries]
    for name, text in queries:
        if not text or ";" in text or names.count(name) > 1:
            sys.exit(f"{path}: {name} is not exactly one statement")
    return queries


def read_migrations(paths: list[pathlib.Path]) -> list[str]:
    for number, path in enumerate(paths, start=1):
        if not path.name.startswith(f"{number:03}_"):
            sys.exit(f"{path}: expected migration {number:03}")
    return [re.sub(r"--[^\n]*", "", path.read_text()) for path in paths]


def main() -> None:
    prefix, header, source, queries_path, *migration_paths = sys.argv[1:]
    queries = read_queries(pathlib.Path(queries_path))
    migrations = read_migrations([pathlib.Path(path) for path in sorted(migration_paths)])
    upper = prefix.upper()
    with open(header, "w", encoding="utf-8") as out:
        out.write(f"/* Made by generate.py of {pathlib.Path(queries_path).name}. */\n")
        out.write(f"#ifndef {upper}_QUERIES_H\n#define {upper}_QUERIES_H\n\nenum query {{\n    QUERY_NONE,\n")
        out.writelines(f"    QUERY_{constant(name)},\n" for name, _ in queries)
        out.write("    QUERY_COUNT\n};\n\n")
        out.write(f"extern const char *const {prefix}_queries[QUERY_COUNT];\n")
        out.write(f"extern const char *const {prefix}_migrations[]; /* the last is NULL */\n\n#endif\n")
    with open(source, "w", encoding="utf-8") as out:
        out.write(f'#include "{pathlib.Path(header).name}"\n\n#include <stddef.h>\n\n')
        out.write(f"const char *const {prefix}_queries[QUERY_COUNT] = {{\n")
        out.writelines(f"    [QUERY_{constant(name)}] = {literal(text)},\n" for name, text in queries)
        out.write(f"}};\n\nconst char *const {prefix}_migrations[] = {{\n")
        for migration in migrations:
            lines = [line.strip() for line in migration.splitlines() if line.strip()]
            out.write("\n".join("    " + literal(line + "\n") for line in lines) + ",\n")
        out.write("    NULL};\n")


main()
