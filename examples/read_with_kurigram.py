# SPDX-License-Identifier: Apache-2.0
"""Lets Kurigram itself read a session string, and compares what it finds with the store.

    tgstore export sqlite:bot.db --format kurigram | python read_with_kurigram.py sqlite:bot.db
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

import tgstore

logging.disable(logging.WARNING)  # Kurigram's advice on faster encryption: nothing is encrypted here
from pyrogram.storage import SQLiteStorage  # noqa: E402


async def read(text: str) -> tuple[int, bytes, int]:
    storage = SQLiteStorage("demo", Path(), session_string=text, in_memory=True)
    await storage.open()
    found = await storage.dc_id(), await storage.auth_key(), await storage.user_id()
    await storage.close()
    return found


def main(url: str, name: str) -> None:
    dc, auth_key, user_id = asyncio.run(read(sys.stdin.read().strip()))
    with tgstore.open(url, mode="ro") as store:
        stored = store.session(name).data()
    if (dc, auth_key, user_id) != (stored.dc, stored.auth_key, stored.user_id):
        raise SystemExit("read_with_kurigram.py: Kurigram reads another account than the store has")
    print(f"    Kurigram reads: user {user_id}, data center {dc}, and the auth key of the store, "
          f"all {len(auth_key)} bytes of it")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--session", default="")
    arguments = parser.parse_args()
    main(arguments.url, arguments.session)
