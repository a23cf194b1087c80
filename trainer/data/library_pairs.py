"""Pairs that a user's own library holds: what was heard, and what its files are called.

A sound's captions are its accepted tags, the description in its header, and its file's name
(or its folder's).  Names are noisy, which is what incomplete transport is for.  What comes from one
recording (:mod:`trainer.data.recordings`) is never parted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.errors import InputError
from engine.metadata.captions import captions_of
from engine.progress import Control, Progress
from engine.store import Library
from engine.store.tags import accepted_tags
from engine.store.windows import window_rows
from trainer.data.means import group_means
from trainer.data.pairs import ALL, Batch, source_digest
from trainer.data.recordings import recordings_of

FEWEST_SOUNDS = 50


@dataclass(frozen=True)
class CaptionedFeatures:
    """Captioned sounds at the level of features; a source of batches.

    :param features: of all windows, (windows, width).
    :param clip: (windows,) the clip that each window belongs to.
    :param captions: every clip's captions, at least one each, the surest first.
    :param recordings: the recording that each clip comes from; empty where each has its own.
    :param meanings: what each clip's captions mean, empty where it is what they say: clips of one
        meaning are no negatives of one another.
    """

    features: Tensor
    clip: Tensor
    captions: tuple[tuple[str, ...], ...]
    recordings: tuple[int, ...] = ()
    meanings: tuple[str, ...] = ()

    @cached_property
    def _windows(self) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """Windows clip by clip, where each clip's begin in them, and how many it has."""
        counts = torch.bincount(self.clip, minlength=len(self.captions)).numpy()
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        return torch.argsort(self.clip, stable=True), starts, counts

    @property
    def texts(self) -> list[str]:
        """Every caption."""
        return sorted({text for texts in self.captions for text in texts})

    def draw(self, rng: np.random.Generator, size: int, share: slice = ALL) -> Batch:
        """Return pairs of a window of a sound and one of its captions."""
        order, starts, counts = self._windows
        clips = rng.integers(len(self.captions), size=size)
        windows = order[torch.from_numpy(starts[clips] + rng.integers(counts[clips]))]
        texts = [self.captions[clip][rng.integers(len(self.captions[clip]))] for clip in clips]
        keys = texts
        if self.meanings:
            keys = [self.meanings[clip] or text for clip, text in zip(clips, texts, strict=True)]
        return Batch(self.features[windows[share]], texts[share], keys)

    def sample(self, rng: np.random.Generator) -> Batch:
        """Return up to 4,096 pairs."""
        return self.draw(rng, min(4096, len(self.captions)))

    def digest(self, *more: str) -> str:
        """Return twelve hexadecimal digits that change with captions, windows or ``more``.

        Features are not asked: heard anew they are the same, but not to the last bit.
        """
        told = (more, self.captions, self.recordings, self.meanings)
        return source_digest(told, self.clip.numpy())

    def part(self, clips: np.ndarray) -> CaptionedFeatures:
        """Return the pairs of some clips."""
        place = torch.full((len(self.captions),), -1)
        place[torch.from_numpy(clips)] = torch.arange(len(clips))
        kept = place[self.clip] >= 0
        return replace(
            self,
            features=self.features[kept],
            clip=place[self.clip[kept]],
            captions=tuple(self.captions[clip] for clip in clips),
            recordings=tuple(self.recordings[clip] for clip in clips) if self.recordings else (),
            meanings=tuple(self.meanings[clip] for clip in clips) if self.meanings else (),
        )

    def split(self, sizes: Sequence[int], seed: int) -> list[CaptionedFeatures]:
        """Return what is left, and then parts of about so many sounds, by whole recordings.

        A recording that has more sounds than a part still has room for stays in what is left.
        """
        recordings = np.array(self.recordings or range(len(self.captions)))
        _, recordings, counts = np.unique(recordings, return_inverse=True, return_counts=True)
        part = np.zeros(len(counts), np.int64)
        room = np.array([0, *sizes])
        for recording in np.random.default_rng(seed).permutation(len(counts)):
            place = int(room.argmax())
            if counts[recording] <= room[place]:
                part[recording] = place
                room[place] -= counts[recording]
        of_clip = part[recordings]
        return [self.part(np.flatnonzero(of_clip == place)) for place in range(len(room))]


def read_pairs(library: Library, control: Control) -> CaptionedFeatures:
    """Return the pairs of a library's sounds: tags, descriptions in headers, names.

    :raises InputError: fewer than 50 sounds have a caption, or all have the same.
    """
    tags = accepted_tags(library)
    sounds = [sound for sound in library.sounds().values() if not sound.missing]
    captions: dict[int, tuple[str, ...]] = {}
    for number, sound in enumerate(sounds):
        control.report(Progress("reading names", number, len(sounds)))
        texts = captions_of(Path(sound.path), sound.description, tags.get(sound.id, ()))
        if texts:
            captions[sound.id] = texts
    rows = window_rows(library, "sound_id", "features")
    rows = [row for row in rows if row.sound_id in captions]
    heard = sorted({row.sound_id for row in rows})
    if len(heard) < FEWEST_SOUNDS <= len(captions):
        raise InputError(
            f"only {len(heard)} of {len(captions)} sounds of {library.path} were listened to so "
            f"far, and {FEWEST_SOUNDS} are needed to learn from: finish indexing first"
        )
    if len(heard) < FEWEST_SOUNDS:
        raise InputError(
            f"only {len(heard)} sounds of {library.path} have a name, tag or description to learn "
            f"from, and {FEWEST_SOUNDS} are needed: index more, or tag some"
        )
    if len({captions[sound_id][0] for sound_id in heard}) < 2:
        text = captions[heard[0]][0]
        raise InputError(
            f'all sounds of {library.path} are called "{text}": there is nothing to tell apart'
        )
    place = {sound_id: index for index, sound_id in enumerate(heard)}
    stored = np.frombuffer(b"".join(row.features for row in rows), np.float16)
    features = torch.from_numpy(stored.reshape(len(rows), -1).astype(np.float32))
    clip = torch.tensor([place[row.sound_id] for row in rows])
    paths = {sound.id: Path(sound.path) for sound in sounds}
    recordings = recordings_of(
        [paths[sound_id] for sound_id in heard], group_means(features, clip, len(heard)), control
    )
    return CaptionedFeatures(
        features,
        clip,
        tuple(captions[sound_id] for sound_id in heard),
        tuple(recordings.tolist()),
    )


def with_captions(pairs: CaptionedFeatures, captions: Sequence[str]) -> CaptionedFeatures:
    """Return the same sounds under other captions, one each."""
    return replace(pairs, captions=tuple((text,) for text in captions))
