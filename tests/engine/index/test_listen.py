import itertools
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import AudioError
from engine.index import listen as listening
from engine.index.listen import content_hash, listen
from engine.models.match_model import Listener, load_listener
from tests.conftest import tone


@pytest.fixture
def listener(model_folder: Path) -> Listener:
    return load_listener(model_folder)


class Counting:
    """A listener that counts the windows which wait between decoding and embedding."""

    def __init__(self, listener: Listener) -> None:
        self.model, self._listener = listener.model, listener
        self._lock, self.waiting, self.most = threading.Lock(), 0, 0

    def log_mel(self, samples: np.ndarray):
        with self._lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        return self._listener.log_mel(samples)

    def features(self, log_mels: list):
        with self._lock:
            self.waiting -= len(log_mels)
        return self._listener.features(log_mels)


def test_memory_is_bounded_however_long_the_files_are(listener, tmp_path, monkeypatch):
    monkeypatch.setattr(listening, "_QUEUE", 4)
    monkeypatch.setattr(listening, "_BATCH", 3)
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", tone(300, 120, 8000), 8000)
    counting = Counting(listener)
    heard = dict(listen(counting, sorted(tmp_path.glob("*.wav")), threads=2))
    assert [len(file.features) for file in heard.values()] == [23, 23, 23]
    # The queue, one batch, and one window in the hands of each thread.
    assert counting.most <= 4 + 3 + 2


def test_files_are_heard_as_if_alone(listener, sounds):
    paths = sorted(sounds.rglob("*.wav"))
    together = dict(listen(listener, paths, threads=3))
    assert set(together) == set(paths)
    for path in paths:
        ((_, alone),) = listen(listener, [path], threads=1)
        assert np.allclose(alone.features, together[path].features, atol=1e-5)
        assert alone.times_s == together[path].times_s
        assert alone.content_hash == together[path].content_hash == content_hash(path)


def test_whatever_a_decoder_raises_is_one_skipped_file(listener, sounds, monkeypatch):
    def burst(path: Path, rate_hz: int, start_s: float):
        if path.name == "Sound_03.wav":
            raise MemoryError("absurd size")
        return real(path, rate_hz, start_s)

    real = listening.stream
    monkeypatch.setattr(listening, "stream", burst)
    heard = dict(listen(listener, sounds.rglob("*.wav")))
    broken = [path.name for path, result in heard.items() if isinstance(result, AudioError)]
    assert broken == ["Sound_03.wav"]
    assert len(heard) == 12


def test_one_may_stop_listening_at_any_time(listener, sounds):
    before = threading.active_count()
    for count in (0, 1, 5):
        heard = listen(listener, sounds.rglob("*.wav"), threads=2)
        assert len(list(itertools.islice(heard, count))) == count
        heard.close()
    assert threading.active_count() == before
