"""Batches drawn ahead are the batches that are drawn when they are asked for."""

import threading

import numpy as np
import pytest
import torch

from trainer.data.cache import Cache
from trainer.data.loader import Loader
from trainer.data.pairs import ALL, Batch
from trainer.data.sound_pairs import Crops, SoundPairs
from trainer.loop.parallel import World

RATE = 16000


class Watched(Cache):
    """A cache that notices which clips are read."""

    read: list[int] = []  # noqa: RUF012 - set anew by every test

    def clip(self, index: int) -> np.ndarray:
        self.read.append(index)
        return super().clip(index)


@pytest.fixture
def source():
    lengths = np.arange(40) * 97 + 2000
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    values = np.random.default_rng(0).integers(-9000, 9000, (int(lengths.sum()), 1), np.int16)
    cache = Watched(values, starts, lengths, tuple(map(str, range(40))))
    Watched.read = []
    captions = [(f"sound {number}", f"noise {number}") for number in range(40)]
    return SoundPairs(cache, captions, RATE, Crops(longest_s=0.2, mix=0.3))


def same(one: Batch, other: Batch) -> bool:
    return (
        (one.captions, one.keys) == (other.captions, other.keys)
        and torch.equal(one.audio, other.audio)
        and torch.equal(one.samples, other.samples)
    )


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_batches_are_a_function_of_seed_and_step_whatever_the_workers(source, workers):
    calm, busy = Loader(source, 7, 12), Loader(source, 7, 12, workers=workers, steps=9)
    for step in (0, 1, 2, 3, 6, 7, 8, 2, 3, 8):  # also after jumps, as when a run is resumed
        assert same(calm(step), busy(step)), step
    assert not same(calm(3), calm(4))
    assert not same(calm(3), Loader(source, 8, 12)(3))
    busy.close()
    assert same(calm(4), busy(4))
    busy.close()


def test_every_process_reads_its_own_share_only(source):
    source.crops = Crops(longest_s=0.2)
    whole = Loader(source, 1, 12)(5)
    Watched.read = []
    shares = []
    for rank in range(3):
        loader = Loader(source, 1, 12, World(rank, 3).share(12), workers=1, steps=6)
        shares.append(loader(5))
        loader.close()
        assert len(Watched.read) == 4 * (rank + 1)
    assert len(set(Watched.read)) == 12
    assert [text for share in shares for text in share.captions] == whole.captions
    assert all(share.keys == whole.keys for share in shares)
    for rank, share in enumerate(shares):
        rows = whole.audio[4 * rank : 4 * rank + 4, : share.audio.shape[1]]
        assert torch.equal(share.audio, rows)


class Counted:
    """A source that tells which draws began, and fails at will."""

    texts: list[str] = []  # noqa: RUF012 - read only

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.third = threading.Event()

    def draw(self, rng: np.random.Generator, size: int, share: slice = ALL) -> Batch:
        value = float(rng.random())
        self.begun.append(value)
        if len(self.begun) == 3:
            self.third.set()
        if size == 13:
            raise OSError("the disk is gone")
        return Batch(torch.full((size, 1), value), [""] * size, [""] * size)

    def sample(self, rng: np.random.Generator) -> Batch:
        return self.draw(rng, 1)


def test_what_comes_next_is_drawn_before_it_is_asked_for():
    source = Counted()
    loader = Loader(source, 1, 2, workers=2)
    loader(0)
    assert source.third.wait(20)  # steps 1 and 2, of which nobody spoke
    loader.close()
    assert len(source.begun) == 3


def test_nothing_is_drawn_after_the_last_step():
    source = Counted()
    loader = Loader(source, 1, 2, workers=4, steps=3)
    for step in range(3):
        loader(step)
    loader.close()
    assert len(source.begun) == 3


def test_what_fails_in_a_thread_fails_where_it_is_asked_for():
    loader = Loader(Counted(), 1, 13, workers=2)
    with pytest.raises(OSError, match="the disk is gone"):
        loader(0)
    loader.close()


def test_how_long_was_waited_is_known(source):
    loader = Loader(source, 1, 4)
    assert loader.waited_s == 0
    loader(0)
    assert loader.waited_s > 0
