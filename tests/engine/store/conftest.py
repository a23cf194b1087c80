from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType

import pytest


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], None]:
    """Return what lets a module's clock stand still."""

    class Frozen(datetime):
        @classmethod
        def now(cls, zone=None):
            assert zone is UTC
            return cls(2026, 1, 31, 23, 59, 58)

    return lambda module: monkeypatch.setattr(module, "datetime", Frozen)
