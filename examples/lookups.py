# SPDX-License-Identifier: Apache-2.0
"""Who is who: answers of a store to the questions that a client asks most.

    python lookups.py sqlite:bot.db --session main
"""

from __future__ import annotations

import argparse

import tgstore


def show(question: str, peer: tgstore.Peer | None) -> None:
    if peer is None:
        print(f"    {question:<34} nobody")
        return
    print(f"    {question:<34} {peer.kind} {peer.id}, access hash {peer.get('access_hash', '-')}, "
          f"{peer.get('first_name', 'no name')}")


def main(url: str, name: str) -> None:
    with tgstore.open(url, mode="ro") as store:
        session = store.session(name)
        peers = list(session.peers())
        print(f"    {len(peers)} peers: " + ", ".join(
            f"{sum(p.kind == kind for p in peers)} {kind}s" for kind in ("user", "chat", "channel")))
        named = next(p for p in peers if p.get("usernames"))
        phoned = next(p for p in peers if p.get("phone"))
        username = "@" + named.usernames[0].upper()
        show(f"peer(username={username!r})", session.peer(username=username))
        show(f"peer(phone='+{phoned.phone}')", session.peer(phone=f"+{phoned.phone}"))
        show(f"peer('user', {phoned.id})", session.peer("user", phoned.id))
        show("peer(username='@nobody_here')", session.peer(username="@nobody_here"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--session", default="")
    arguments = parser.parse_args()
    main(arguments.url, arguments.session)
