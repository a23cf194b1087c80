from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.demo import make_demo_sounds, sounds
from app.demo.collection import descriptions
from engine.errors import InputError
from engine.progress import Control


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    make_demo_sounds(folder, Control())
    return folder


def test_every_sound_is_described_and_every_description_has_its_sound(demo):
    rows = descriptions()
    assert len(rows) >= 30
    assert {name for name, _ in rows} == {path.name for path in demo.glob("*.wav")}
    assert len({text for _, text in rows}) == len(rows)


@pytest.mark.parametrize("name", [name for name, _ in descriptions()])
def test_sounds_are_loud_enough_finite_and_a_few_seconds_long(demo, name):
    samples, rate = soundfile.read(demo / name)
    assert rate == 32000
    assert 2 <= len(samples) / rate <= 10
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() == pytest.approx(0.8, abs=0.01)
    assert abs(samples.mean()) < 0.01
    assert abs(samples[0]) < 0.01
    assert abs(samples[-1]) < 0.01


def test_they_are_the_same_each_time(demo, tmp_path):
    make_demo_sounds(tmp_path, Control())
    for path in demo.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_what_is_there_is_left_alone(demo):
    changed = demo / "rain.wav"
    before = changed.stat().st_mtime_ns
    assert make_demo_sounds(demo, Control()) == 0
    assert changed.stat().st_mtime_ns == before


def test_a_place_that_cannot_be_written_is_told():
    with pytest.raises(InputError, match="cannot be written into /proc"):
        make_demo_sounds(Path("/proc/demo"), Control())


def test_a_peak_limited_sound_has_soft_ends():
    limited = sounds.peak_limited(np.ones(10000))
    assert limited.max() == pytest.approx(0.8)
    assert limited[0] == limited[-1] == 0


def test_a_folder_that_takes_no_file_is_one_sentence(tmp_path, monkeypatch):
    def refuse(path, *rest, **how):
        raise soundfile.LibsndfileError(2, prefix=f"Error opening {path}: ")

    monkeypatch.setattr("app.demo.collection.soundfile.write", refuse)
    with pytest.raises(InputError, match="the demo sounds cannot be written into"):
        make_demo_sounds(tmp_path / "demo", Control())
