from pathlib import Path

import pytest
import soundfile

from tests.conftest import tone


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Return a file of a short tone, in a folder of its own."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    path = folder / "a.wav"
    soundfile.write(path, tone(440, 0.05, 48000), 48000)
    return path
