# SPDX-License-Identifier: Apache-2.0
"""A recorded-looking stream of Telegram updates, the same each time.

It behaves as Telegram does: a client says which pts it has, and gets what came after; now and then it gets an
update a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

NAMES = ["Anna", "Bela", "Chen", "Dana", "Emil", "Farid"]
WORDS = ["hello", "how much is it?", "two, please", "thanks", "where are you?", "see you"]


@dataclass(frozen=True)
class Update:
    pts: int
    message_id: int
    chat_id: int
    user_id: int
    access_hash: int
    first_name: str
    text: str


def update(number: int) -> Update:
    who = number * 7 % len(NAMES)
    return Update(pts=1000 + number, message_id=number, chat_id=9001 + number % 3, user_id=500 + who,
                  access_hash=-(number * 31 + who) - 1, first_name=NAMES[who], text=WORDS[number * 5 % len(WORDS)])


def updates_after(pts: int, total: int) -> Iterator[Update]:
    """What Telegram sends to a client that stands at pts, of a recording of `total` updates."""
    for number in range(max(1, pts - 1000 + 1), total + 1):
        yield update(number)
        if number % 10 == 0:
            yield update(number - 3)  # sent again


def first_pts() -> int:
    return 1000
