from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import tone


def write_set(folder: Path, count: int) -> list[str]:
    """Write sounds under four captions; return the lines of their table."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    rows = ["path,caption"]
    for number in range(count):
        samples = tone(200 * 2 ** (number % 4), 0.4) + random.normal(0, 0.01, 12800)
        soundfile.write(folder / f"{number}.wav", samples * 0.5, 32000)
        rows.append(f"{number}.wav,{['a door', 'a bell', 'wind', 'rain'][number % 4]}")
    return rows


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs draw no pictures, which takes longer than a small run does."""
    monkeypatch.setattr("trainer.evaluation.figures.draw_run", lambda *_: None)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Eight sounds under four captions."""
    path = tmp_path / "set" / "manifest.csv"
    path.write_text("\n".join(write_set(path.parent, 8)) + "\n", encoding="utf-8")
    return path
