"""Pairs of waveform and caption, for towers that are trained end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from engine.errors import InputError
from trainer.data.cache import Cache
from trainer.data.pairs import ALL, Batch, source_digest


@dataclass(frozen=True)
class Crops:
    """How sounds are cut and mixed; lengths in seconds.

    ``mix`` is the share of pairs that become two sounds at once, under both captions joined.
    """

    longest_s: float = 10.0
    mix: float = 0.0
    shift: bool = True


class SoundPairs:
    """Draws batches of cropped waveforms from a cache of samples.

    Within a batch pairs stand in the order of their lengths, so that micro-batches hold
    sounds of like lengths and little is padded, while the plan still spans the whole batch.

    :param captions: of every clip of the cache; a clip with several gives one at random, one
        without any is never drawn.
    :param meanings: of every clip; those of equal meaning are no negatives of one another.  An
        empty one is the caption that was drawn.
    """

    def __init__(
        self,
        cache: Cache,
        captions: Sequence[Sequence[str]],
        rate_hz: int,
        crops: Crops,
        meanings: Sequence[str] = (),
    ) -> None:
        self.cache, self.captions, self.crops = cache, captions, crops
        self.meanings = meanings or [""] * len(captions)
        self._longest = int(crops.longest_s * rate_hz)
        self._usable = np.flatnonzero([bool(texts) for texts in captions])
        if not len(self._usable):
            raise InputError("there are no sounds with captions to train on")

    @property
    def texts(self) -> list[str]:
        """Every caption of one sound."""
        return sorted({text for texts in self.captions for text in texts})

    def digest(self) -> str:
        """Return what captions, meanings, crops and the sounds' lengths are known by."""
        captions = [tuple(texts) for texts in self.captions]
        return source_digest((captions, list(self.meanings), self.crops), self.cache.lengths)

    def draw(self, rng: np.random.Generator, size: int, share: slice = ALL) -> Batch:
        """Return the pairs ``share`` of a batch of ``size``; only their sounds are read."""
        clips = rng.choice(self._usable, size, replace=size > len(self._usable))
        clips = clips[np.argsort(self.cache.lengths[clips], kind="stable")]
        captions = [self._caption(rng, clip) for clip in clips]
        keys = [self._key(clip, text) for clip, text in zip(clips, captions, strict=True)]
        partners: list[int | None] = [None] * size
        for row in np.flatnonzero(rng.random(size) < self.crops.mix):
            partner = int(rng.choice(self._usable))
            other = self._caption(rng, partner)
            partners[row] = partner
            captions[row] = f"{captions[row].rstrip('. ')} and {other}"
            keys[row] = " and ".join(sorted((keys[row], self._key(partner, other))))
        seeds = rng.integers(1 << 62, size=size)
        rows = range(size)[share]
        sounds = [self._sound(int(clips[r]), partners[r], int(seeds[r])) for r in rows]
        samples = torch.tensor([len(sound) for sound in sounds])
        audio = torch.zeros(len(sounds), int(samples.max()))
        for row, sound in zip(audio, sounds, strict=True):
            row[: len(sound)] = torch.from_numpy(sound)
        return Batch(audio, captions[share], keys, samples)

    def sample(self, rng: np.random.Generator) -> Batch:
        """Return up to 256 pairs."""
        return self.draw(rng, min(256, len(self._usable)))

    def _caption(self, rng: np.random.Generator, clip: int) -> str:
        texts = self.captions[clip]
        return texts[int(rng.integers(len(texts)))]

    def _key(self, clip: int, caption: str) -> str:
        return self.meanings[clip] or caption

    def _sound(self, clip: int, partner: int | None, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        sound = self._crop(clip, rng)
        if partner is None:
            return sound
        other = self._crop(partner, rng)
        mixed = np.zeros(max(len(sound), len(other)), np.float32)
        mixed[: len(sound)] += sound
        mixed[: len(other)] += other * 10 ** (rng.uniform(-10, 5) / 20)
        return mixed

    def _crop(self, clip: int, rng: np.random.Generator) -> np.ndarray:
        whole = self.cache.clip(clip)[:, 0]
        spare = len(whole) - self._longest
        start = int(rng.integers(spare + 1)) if spare > 0 and self.crops.shift else 0
        crop = whole[start : start + self._longest].astype(np.float32) / 32767.0
        return crop if len(crop) >= 1600 else np.pad(crop, (0, 1600 - len(crop)))
