"""A team's library for tests of the window: twelve sounds on a server, and people of every role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.progress import Control
from engine.store.copying import copy_library
from engine.store.roles import ROLES, group_names
from engine.store.team import add, init
from tests.postgres import Postgres


class Stage:
    """A library on a server; people are named after their role, and ``mia`` is another editor."""

    def __init__(self, server: Postgres, library: Path) -> None:
        self.server, self.database = server, server.new_database()
        self.url = server.address(self.database)
        copy_library(library, self.url, Control())
        init(self.url)
        self.people = {name: f"{name}_{self.database}" for name in (*ROLES, "mia")}
        for name, person in self.people.items():
            add(self.url, person, "editor" if name == "mia" else name, login=True)

    def address(self, name: str) -> str:
        return self.server.address(self.database, self.people[name])

    def take_down(self) -> None:
        self.server.run(f"DROP DATABASE {self.database} WITH (FORCE)")
        self.server.run(*(f"DROP ROLE {person}" for person in self.people.values()))
        groups = group_names(self.database).values()
        self.server.run(*(f'DROP ROLE "{name}"' for name in groups))


@pytest.fixture
def team(server: Postgres, library_path: Path) -> Iterator[Stage]:
    made = Stage(server, library_path)
    yield made
    made.take_down()
