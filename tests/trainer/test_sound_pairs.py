import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.errors import InputError
from engine.models.frontend import LogMel, mel_power, normalised
from engine.models.panns import FRONT_END as PANNS
from engine.models.spec import FrontEnd
from tests.conftest import tone
from trainer.data import cache as caches
from trainer.data.augment import SpecAugment, augmented
from trainer.data.pairs import Batch
from trainer.data.sound_pairs import Crops, SoundPairs

RATE = 32000


@pytest.fixture
def cache(tmp_path):
    paths = []
    for number, seconds in enumerate((0.03, 0.5, 1.0, 2.0)):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, tone(300 * (number + 1), seconds), RATE)
        paths.append(path)
    caches.build_samples(tmp_path / "cache", paths, RATE)
    return caches.load(tmp_path / "cache", "samples")


CAPTIONS = [("a",), ("b", "bee"), ("c",), ("d",)]


def test_samples_come_back_as_they_were(cache):
    expected = tone(900, 1.0).astype(np.float32)
    assert np.allclose(cache.clip(2)[:, 0] / 32767, expected, atol=1e-4)


def test_a_cache_of_one_kind_is_not_another(tmp_path, cache):
    with pytest.raises(InputError, match="a cache of samples, not of spectra"):
        caches.load(tmp_path / "cache", "spectra")


def test_a_cache_that_is_being_made_anew_is_none(tmp_path, cache):
    def stop():
        yield tmp_path / "0.wav"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        caches.build_samples(tmp_path / "cache", stop(), RATE)
    with pytest.raises(InputError, match="is not a cache of samples"):
        caches.load(tmp_path / "cache", "samples")


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (lambda folder: None, [2, 3]),  # two were on the disk, of three that were decoded
        (lambda folder: os.utime(folder / "1.wav", ns=(1, 1)), [1, 2, 3]),
        (lambda folder: os.truncate(folder / "again" / "values.part", 9), [0, 1, 2, 3]),
        (lambda folder: os.truncate(folder / "again" / "begun.part", 9), [0, 1, 2, 3]),
        (lambda folder: (folder / "again" / "values.part").unlink(), [0, 1, 2, 3]),
    ],
)
def test_a_cache_that_was_stopped_goes_on_where_it_was_on_the_disk(
    tmp_path, cache, monkeypatch, change, again
):
    paths = [tmp_path / f"{number}.wav" for number in range(4)]
    paths[0].write_bytes(b"no sound")
    caches.build_samples(tmp_path / "cache", paths, RATE)  # undisturbed
    inner, decoded, told = caches.decode, [], []

    def counted(path: Path, rate_hz: int) -> np.ndarray:
        decoded.append(int(path.stem))
        if dying and len(decoded) == 4:
            raise KeyboardInterrupt
        return inner(path, rate_hz)

    monkeypatch.setattr(caches, "decode", counted)
    monkeypatch.setattr(caches, "_BLOCK", 2)
    dying = True
    with pytest.raises(KeyboardInterrupt):
        caches.build_samples(tmp_path / "again", paths, RATE, threads=1)
    change(tmp_path)
    dying, decoded[:] = False, []
    caches.build_samples(
        tmp_path / "again", paths, RATE, threads=1, skipped=lambda path, why: told.append(path)
    )
    assert (decoded, told) == (again, paths[:1])
    for name in ("values", "index.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "cache" / name).read_bytes()
    assert not list((tmp_path / "again").glob("*.part"))


def test_what_was_decoded_otherwise_is_decoded_anew(tmp_path, cache, monkeypatch):
    paths = [tmp_path / f"{number}.wav" for number in range(4)]
    monkeypatch.setattr(caches, "_BLOCK", 1)

    def stop():
        yield from paths * 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        caches.build_samples(tmp_path / "again", stop(), RATE, 0.4, threads=1)
    caches.build_samples(tmp_path / "again", paths, RATE, 0.2, threads=1)
    lengths = caches.load(tmp_path / "again", "samples").lengths.tolist()
    assert lengths == [960, *[int(0.2 * RATE)] * 3]


@pytest.mark.parametrize("threads", [1, 3, None])
def test_work_in_threads_is_given_in_order_and_not_far_ahead(threads):
    begun = []

    def work(number):
        begun.append(number)
        return number * number

    for number, done in caches.in_order(work, range(50), threads):
        assert done.result() == number * number
        assert max(begun) < number + 4 * (threads or 64) + 1
    assert sorted(begun) == list(range(50))


def test_pairs_stay_together_and_stand_by_length(cache):
    source = SoundPairs(cache, CAPTIONS, RATE, Crops(shift=False))
    batch = source.draw(np.random.default_rng(0), 4)
    lengths = batch.samples.tolist()
    assert lengths == sorted(lengths) == [1600, 16000, 32000, 64000]
    assert [c[0] for c in batch.captions] == list("abcd")
    assert batch.keys == batch.captions
    parts = batch.split(2)
    assert [p.audio.shape[1] for p in parts] == [16384, 64000]  # a common size, or the batch's


def test_parts_come_in_few_sizes_and_are_little_padded():
    lengths = torch.arange(1600, 320001, 13)
    audio = torch.zeros(1, 1).expand(len(lengths), 320000)
    names = [""] * len(lengths)
    parts = Batch(audio, names, names, lengths).split(1)
    sizes = torch.tensor([part.audio.shape[1] for part in parts])
    assert (sizes >= lengths).all()
    assert (sizes <= 1.125 * lengths).all()
    assert len(sizes.unique()) <= 8 * 8 + 1


def test_sounds_of_one_meaning_are_no_negatives_of_one_another(cache):
    meanings = ["one", "two", "two", ""]
    batch = SoundPairs(cache, CAPTIONS, RATE, Crops(), meanings).draw(np.random.default_rng(0), 4)
    keys = dict(zip([caption[0] for caption in batch.captions], batch.keys, strict=True))
    assert keys == {"a": "one", "b": "two", "c": "two", "d": "d"}
    mixed = SoundPairs(cache, CAPTIONS, RATE, Crops(mix=1.0), ["m"] * 4)
    assert set(mixed.draw(np.random.default_rng(0), 4).keys) == {"m and m"}


def test_all_captions_of_a_sound_are_drawn(cache):
    source = SoundPairs(cache, CAPTIONS, RATE, Crops())
    drawn = [source.draw(np.random.default_rng(seed), 4).captions for seed in range(20)]
    assert {text for texts in drawn for text in texts} == {"a", "b", "bee", "c", "d"}


def test_a_process_gets_its_share_of_the_same_batch(cache):
    source = SoundPairs(cache, CAPTIONS, RATE, Crops(longest_s=0.25, mix=0.5))
    whole = source.draw(np.random.default_rng(3), 4)
    halves = [source.draw(np.random.default_rng(3), 4, share) for share in (slice(2), slice(2, 4))]
    assert halves[0].captions + halves[1].captions == whole.captions
    assert halves[0].keys == halves[1].keys == whole.keys
    for half, rows in zip(halves, (slice(2), slice(2, 4)), strict=True):
        width = half.audio.shape[1]
        assert torch.equal(half.audio, whole.audio[rows, :width])


def test_two_sounds_at_once_have_both_captions(cache):
    source = SoundPairs(cache, CAPTIONS, RATE, Crops(mix=1.0, shift=False))
    batch = source.draw(np.random.default_rng(0), 4)
    assert all(" and " in caption for caption in batch.captions)
    spectrum = torch.fft.rfft(batch.audio[-1, : RATE // 2]).abs()
    assert int((spectrum > 0.05 * spectrum.max()).nonzero().max()) < 1300  # two tones, no more


def test_a_sound_without_caption_is_never_drawn(cache):
    source = SoundPairs(cache, [("a",), (), (), ()], RATE, Crops())
    assert set(source.draw(np.random.default_rng(0), 16).captions) == {"a"}
    with pytest.raises(InputError, match="no sounds with captions"):
        SoundPairs(cache, [(), (), (), ()], RATE, Crops())


@pytest.mark.parametrize("front_end", [FrontEnd(), PANNS])
def test_power_and_log_mel_undo_each_other(front_end):
    log_mel = LogMel(front_end)(torch.from_numpy(tone(440, 0.5)).float())
    again = normalised(mel_power(log_mel, front_end), front_end)
    assert torch.allclose(again, log_mel, atol=1e-3 * log_mel.abs().max())


def test_gain_and_filter_move_levels_and_masks_silence_them():
    front_end = FrontEnd()
    log_mel = LogMel(front_end)(torch.randn(4, 16000) * 0.1)
    assert torch.equal(augmented(log_mel, front_end, SpecAugment(0, 0, 0, 0)), log_mel)
    louder = augmented(log_mel, front_end, SpecAugment(6.0, 0, 0, 0))
    db = (louder - log_mel) * front_end.scale * 10 / np.log(10)
    assert db.abs().max() <= 6.01
    assert db.mean((1, 2)).std() > 0.1  # another gain for every sound
    masked = augmented(log_mel, front_end, SpecAugment(0, 0, 40, 20))
    silent = masked == front_end.floor
    assert silent.any()
    assert torch.equal(masked[~silent], log_mel[~silent])
