import itertools
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import AudioError
from engine.index import embed as embedding
from engine.index.embed import content_hash, embed_files
from engine.models.match_model import AudioEncoder, load_audio_encoder
from tests.conftest import tone


@pytest.fixture
def audio_encoder(model_folder: Path) -> AudioEncoder:
    return load_audio_encoder(model_folder)


class Counting:
    """An audio encoder that counts the windows which wait between decoding and embedding."""

    def __init__(self, audio_encoder: AudioEncoder) -> None:
        self.model, self._audio_encoder = audio_encoder.model, audio_encoder
        self._lock, self.waiting, self.most = threading.Lock(), 0, 0

    def log_mel(self, samples: np.ndarray):
        with self._lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        return self._audio_encoder.log_mel(samples)

    def features(self, log_mels: list):
        with self._lock:
            self.waiting -= len(log_mels)
        return self._audio_encoder.features(log_mels)


@pytest.mark.parametrize(
    ("steady", "most"),
    [
        (False, 4 + 3 + 2),  # the queue, one batch, and one window in the hands of each thread
        (True, 4 + 3 * 3 + 2),  # what is no batch yet is that of each file
    ],
)
def test_memory_is_bounded_however_long_the_files_are(
    audio_encoder, tmp_path, monkeypatch, steady, most
):
    monkeypatch.setattr(embedding, "_QUEUE", 4)
    monkeypatch.setattr(embedding, "_BATCH", 3)
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", tone(300, 120, 8000), 8000)
    counting = Counting(audio_encoder)
    paths = sorted(tmp_path.glob("*.wav"))
    heard = dict(embed_files(counting, paths, threads=2, steady=steady))
    assert [len(file.features) for file in heard.values()] == [23, 23, 23]
    assert counting.most <= most


def test_files_are_heard_as_if_alone(audio_encoder, sounds):
    paths = sorted(sounds.rglob("*.wav"))
    together = dict(embed_files(audio_encoder, paths, threads=3))
    assert set(together) == set(paths)
    for path in paths:
        ((_, alone),) = embed_files(audio_encoder, [path], threads=1)
        assert np.allclose(alone.features, together[path].features, atol=1e-5)
        assert alone.times_s == together[path].times_s
        assert alone.content_hash == together[path].content_hash == content_hash(path)


def test_whatever_a_decoder_raises_is_one_skipped_file(audio_encoder, sounds, monkeypatch):
    def burst(path: Path, *how: object):
        if path.name == "Sound_03.wav":
            raise MemoryError("absurd size")
        return real(path, *how)

    real = embedding.stream
    monkeypatch.setattr(embedding, "stream", burst)
    heard = dict(embed_files(audio_encoder, sounds.rglob("*.wav")))
    broken = [path.name for path, result in heard.items() if isinstance(result, AudioError)]
    assert broken == ["Sound_03.wav"]
    assert len(heard) == 12


def test_one_may_stop_listening_at_any_time(audio_encoder, sounds):
    before = threading.active_count()
    for count in (0, 1, 5):
        heard = embed_files(audio_encoder, sounds.rglob("*.wav"), threads=2)
        assert len(list(itertools.islice(heard, count))) == count
        heard.close()
    assert threading.active_count() == before


class Batches(Counting):
    """An audio encoder that notes which windows are embedded together."""

    def __init__(self, audio_encoder: AudioEncoder) -> None:
        super().__init__(audio_encoder)
        self.together: set[tuple[bytes, ...]] = set()

    def features(self, log_mels: list):
        self.together.add(tuple(log_mel.numpy().tobytes() for log_mel in log_mels))
        return super().features(log_mels)


def test_a_steady_ear_embeds_the_same_windows_together_whichever_thread_is_faster(
    audio_encoder, tmp_path, monkeypatch
):
    monkeypatch.setattr(embedding, "_BATCH", 3)
    monkeypatch.setattr(embedding, "_NEIGHBOURS", 2)
    lengths_s = {"a": 25, "b": 1, "c": 2, "d": 11, "e": 1}  # of 4, 1, 1, 2 and 1 windows
    paths = [tmp_path / f"{name}.wav" for name in [*lengths_s, "gone"]]
    for path, seconds in zip(paths, lengths_s.values(), strict=False):
        soundfile.write(path, tone(300 + 10 * seconds, seconds, 8000), 8000)
    decode, found = embedding.stream, []
    for slow in "abcde":
        others = threading.Event()  # the slow file is decoded after all others

        def stream(path: Path, *more: object, slow: str = slow, others=others):
            if path.stem == slow:
                others.wait(5)
            elif path.stem == "gone":
                others.set()
            return decode(path, *more)

        monkeypatch.setattr(embedding, "stream", stream)
        batches = Batches(audio_encoder)
        heard = dict(embed_files(batches, iter(paths), threads=2, steady=True))
        assert isinstance(heard[paths[-1]], AudioError)
        features = [heard[path].features.tobytes() for path in paths[:5]]
        found.append((batches.together, features))
    assert all(other == found[0] for other in found[1:])
    sizes = sorted(len(windows) for windows in found[0][0])
    assert sizes == [1, 2, 3, 3]  # three of a; its last with b; c with d; e


def test_paths_that_cannot_be_told_end_a_run_at_once(audio_encoder, sounds):
    def paths():
        yield next(sounds.rglob("*.wav"))
        raise OSError("the drive went away")

    with pytest.raises(OSError, match="the drive went away"):
        list(embed_files(audio_encoder, paths()))
