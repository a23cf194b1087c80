"""A home of a measurement's own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_home() -> Iterator[Path]:
    """Give a folder in which libraries, settings and caches of the measurement live."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SOUNDSIFT_HOME"] = folder
        yield Path(folder)
