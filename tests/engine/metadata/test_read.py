from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.metadata.read import embedded_description


def described(path: Path, **texts: str) -> Path:
    with soundfile.SoundFile(path, "w", 32000, 1) as file:
        for name, text in texts.items():
            setattr(file, name, text)
        file.write(np.zeros(3200))
    return path


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_the_description_in_a_header_is_read(tmp_path, suffix):
    path = described(tmp_path / f"a{suffix}", title="Door", comment="A heavy door creaks")
    assert embedded_description(path) == "A heavy door creaks"


def test_a_title_serves_where_there_is_nothing_better(tmp_path):
    assert embedded_description(described(tmp_path / "a.wav", title="Door")) == "Door"


def test_nothing_is_none_and_broken_files_have_nothing(tmp_path):
    assert embedded_description(described(tmp_path / "a.wav")) is None
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    assert embedded_description(tmp_path / "b.wav") is None
    assert embedded_description(tmp_path / "absent.wav") is None
