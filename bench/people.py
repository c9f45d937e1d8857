# SPDX-License-Identifier: Apache-2.0
"""The people, chats and channels that the Python parts of the benchmark store: made up, and the same every time."""

from __future__ import annotations

import random
from typing import Literal, NamedTuple

Kind = Literal["user", "chat", "channel"]
Subtype = Literal["none", "bot", "group", "broadcast", "supergroup"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
NAMES = ["Anna", "Björn", "Chiara Lucia", "Дмитрий", "Elena", "فاطمة", "Giorgos", "Hassan", "Ivan", "Jürgen",
         "Kateryna", "Liam", "María José", "Никита", "Olga", "Rahul", "Søren", "Татьяна", "Wei", "山田太郎", "Zoë"]
SURNAMES = ["Almeida", "Bondarenko", "Çelik", "Fernández", "Иванова", "Kim", "Müller", "Okafor", "Rossi", "Smith"]
TITLES = ["News", "Новости", "Flat hunters", "Chess club", "Crypto signals", "Family", "Python", "Weather", "Книги"]


class Person(NamedTuple):
    """A peer as a client sees it in an update."""

    kind: Kind
    id: int
    access_hash: int
    subtype: Subtype
    username: str | None
    phone: str | None
    first_name: str
    last_name: str | None


class Crowd:
    """Makes people who are all different."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._ids: set[int] = set()
        self._texts: set[str] = set()

    def people(self, count: int) -> list[Person]:
        return [self._person() for _ in range(count)]

    def batches(self, known: list[Person], count: int, size: int = 100) -> list[list[Person]]:
        """Who comes with `count` answers of the server, to a client that knows `known`: most as they were
        (80 %), some changed (15 %), few new (5 %)."""
        now = dict(enumerate(known))
        return [self._batch(now, size) for _ in range(count)]

    def _batch(self, now: dict[int, Person], size: int) -> list[Person]:
        new = size // 20
        seen = self._random.sample(range(len(now)), size - new)
        for place in seen[: size * 3 // 20]:
            now[place] = self._changed(now[place])
        arrived = self.people(new)
        now.update(enumerate(arrived, len(now)))
        batch = [now[place] for place in seen] + arrived
        self._random.shuffle(batch)
        return batch

    def _changed(self, person: Person) -> Person:
        """The same peer with another username, or another name if it has none."""
        if person.username:
            return person._replace(username=self._username())
        return person._replace(first_name=f"{person.first_name[:12]} {self._random.randrange(1000)}")

    def _person(self) -> Person:
        kind = self._random.choices(("user", "chat", "channel"), (60, 5, 35))[0]
        if kind == "user":
            return self._user()
        if kind == "chat":
            return Person("chat", self._id(10**6, 10**9), 0, "group", None, None, self._title(), None)
        subtype: Subtype = self._random.choice(("broadcast", "supergroup"))
        return Person("channel", self._id(10**9, 2 * 10**9), self._hash(), subtype, self._username_or_none(),
                      None, self._title(), None)

    def _user(self) -> Person:
        chance = self._random.random
        return Person(
            "user", self._id(10**6, 8 * 10**9), self._hash(), "bot" if chance() < 0.05 else "none",
            self._username_or_none(), self._phone() if chance() < 0.25 else None,
            self._random.choice(NAMES), self._random.choice(SURNAMES) if chance() < 0.65 else None)

    def _id(self, lowest: int, end: int) -> int:
        while (id := self._random.randrange(lowest, end)) in self._ids:
            pass
        self._ids.add(id)
        return id

    def _hash(self) -> int:
        return self._random.getrandbits(64) - 2**63

    def _title(self) -> str:
        return f"{self._random.choice(TITLES)} {self._random.randrange(1000)}"

    def _new_text(self, text: str) -> bool:
        if text in self._texts:
            return False
        self._texts.add(text)
        return True

    def _username(self) -> str:
        while not self._new_text(text := "".join(self._random.choices(LETTERS, k=self._random.randint(8, 16)))):
            pass
        return text

    def _username_or_none(self) -> str | None:
        return self._username() if self._random.random() < 0.52 else None

    def _phone(self) -> str:
        while not self._new_text(text := f"49{self._random.randrange(10**9, 10**10)}"):
            pass
        return text
