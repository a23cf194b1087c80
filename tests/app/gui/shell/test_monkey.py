"""A short visit of the monkey; the long one is ``python -m benchmarks.gui.monkey``."""

import random

import pytest

from benchmarks.gui.monkey import rampage


@pytest.mark.qt_log_ignore(".*")  # it listens to Qt itself
@pytest.mark.alone
def test_a_monkey_finds_nothing_in_ten_seconds(qapp, monkeypatch):
    monkeypatch.setenv("SOUNDSIFT_HOME", "replaced by its own")
    done = rampage(10.0, random.randrange(10_000))
    assert done["things done"] > 50
