"""What tests of the store share; those of :data:`CONTRACT` run on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

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
Make = Callable[[], Library]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sqlite: of what only SQLite has")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" not in metafunc.fixturenames:
        return
    both = metafunc.module.__name__.rpartition(".")[2] in CONTRACT
    both = both and not any(m.name == "sqlite" for m in metafunc.definition.iter_markers())
    kinds = ["sqlite", "postgresql"] if both else ["sqlite"]
    metafunc.parametrize("store", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def store(request: pytest.FixtureRequest) -> Postgres | None:
    """Return the server, None for SQLite."""
    found: Postgres | None = None
    if request.param == "postgresql":
        found = request.getfixturevalue("server")
    return found


@pytest.fixture
def library(store: Postgres | None, tmp_path: Path) -> Iterator[Library]:
    """Give an empty library."""
    with ExitStack() as open_ones:
        place = (
            tmp_path / "library.db" if store is None else open_ones.enter_context(store.library())
        )
        yield open_ones.enter_context(Library(place))


@pytest.fixture(scope="module")
def make_library(
    store: Postgres | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Make]:
    """Return a function that makes an empty library, which a whole module may read."""
    with ExitStack() as open_ones:

        def make() -> Library:
            place: Path | str = tmp_path_factory.mktemp("library") / "library.db"
            if store is not None:
                place = open_ones.enter_context(store.library())
            return open_ones.enter_context(Library(place))

        yield make


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], None]:
    """Return what lets a module's clock stand still."""

    class Frozen(datetime):
        @classmethod
        def now(cls, zone=None):
            assert zone is UTC
            return cls(2026, 1, 31, 23, 59, 58)

    return lambda module: monkeypatch.setattr(module, "datetime", Frozen)
