"""Commands that run in the tests' own process leave it as it was."""

from collections.abc import Iterator

import pytest

from engine.log import stop_log


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    """Stop the log that a command started."""
    yield
    stop_log()
