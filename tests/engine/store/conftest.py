"""What tests of the store share.

Those of :data:`CONTRACT` run on SQLite and on PostgreSQL, those of :data:`FOLLOWED` also on a copy
that follows the latter.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from engine.progress import Control
from engine.store import Library
from tests.postgres import Postgres

CONTRACT = {
    "test_adopted",
    "test_conditions",
    "test_finding",
    "test_folders",
    "test_history",
    "test_kinds",
    "test_library",
    "test_listing",
    "test_marks",
    "test_places",
    "test_regions",
    "test_roots",
    "test_rows",
    "test_tags",
    "test_vector_cache",
    "test_vectors",
}
FOLLOWED = {"test_history", "test_library", "test_tags", "test_vector_cache", "test_vectors"}
Make = Callable[[], Library]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sqlite: of what only SQLite has")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" not in metafunc.fixturenames:
        return
    name = metafunc.module.__name__.rpartition(".")[2]
    both = name in CONTRACT
    both = both and not any(m.name == "sqlite" for m in metafunc.definition.iter_markers())
    kinds = ["sqlite", "postgresql"] if both else ["sqlite"]
    kinds += ["following"] if both and name in FOLLOWED else []
    metafunc.parametrize("store", kinds, indirect=True, scope="session")


@dataclass(frozen=True)
class Store:
    """What makes empty libraries: in files, or on a server, read there or from copies."""

    server: Postgres | None
    following: Control | None

    def library(self, folder: Path, opened: ExitStack) -> Library:
        place: Path | str = folder / "library.db"
        if self.server is not None:
            place = opened.enter_context(self.server.library())
        return opened.enter_context(Library(place, following=self.following))


@pytest.fixture(scope="session")
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "sqlite":
        return Store(None, None)
    follows = request.param == "following"
    return Store(request.getfixturevalue("server"), Control() if follows else None)


@pytest.fixture
def library(store: Store, tmp_path: Path) -> Iterator[Library]:
    """Give an empty library."""
    with ExitStack() as opened:
        yield store.library(tmp_path, opened)


@pytest.fixture(scope="module")
def make_library(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Return a function that makes an empty library, which a whole module may read."""
    with ExitStack() as opened:
        yield lambda: store.library(tmp_path_factory.mktemp("library"), opened)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], None]:
    """Return what lets a module's clock stand still."""

    class Frozen(datetime):
        @classmethod
        def now(cls, zone=None):
            assert zone is UTC
            return cls(2026, 1, 31, 23, 59, 58)

    return lambda module: monkeypatch.setattr(module, "datetime", Frozen)
