"""A cache of log-mel frames on disk: decode once, crop and mix for ever.

A cache is a folder with ``frames.f16`` (all clips' normalised log-mel frames one after the
other, float16, shape (frames, bands)) and ``index.json`` (front end, and each clip's path,
first frame and number of frames).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.audio.decode import decode
from engine.errors import AudioError, InputError
from engine.models.frontend import LogMel
from engine.models.spec import FrontEnd

Frames = np.ndarray[Any, np.dtype[np.float16]]


@dataclass(frozen=True)
class Spectra:
    """An open cache: ``frames`` (n, bands) in float16, and where each clip lies in it."""

    frames: Frames
    starts: np.ndarray[Any, np.dtype[np.int64]]
    lengths: np.ndarray[Any, np.dtype[np.int64]]
    paths: tuple[str, ...]

    def clip(self, index: int) -> Frames:
        """Return the frames of one clip, shape (frames, bands)."""
        start = int(self.starts[index])
        return self.frames[start : start + int(self.lengths[index])]


def build(
    folder: Path,
    paths: Iterable[Path],
    front_end: FrontEnd,
    longest_s: float = 60.0,
    threads: int = 2,
    skipped: Callable[[Path, str], None] = lambda path, reason: None,
) -> None:
    """Decode ``paths`` into a new cache in ``folder``.

    Of files longer than ``longest_s`` seconds the middle is kept, so that a few hours of
    music do not drown thousands of short sounds; unreadable files go to ``skipped``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log_mel = LogMel(front_end)

    def hear(path: Path) -> Frames:
        samples = torch.from_numpy(decode(path, front_end.rate_hz))
        spare = max(0, len(samples) - int(longest_s * front_end.rate_hz))
        samples = samples[spare // 2 : len(samples) - (spare - spare // 2)]
        frames: Frames = log_mel(samples).T.contiguous().to(torch.float16).numpy()
        return frames

    clips: list[dict[str, Any]] = []
    first = 0
    with (folder / "frames.f16.part").open("wb") as file, ThreadPoolExecutor(threads) as pool:
        for path, future in _ahead(pool, hear, paths, 4 * threads):
            try:
                frames = future.result()
            except AudioError as error:
                skipped(path, str(error))
                continue
            frames.tofile(file)
            clips.append({"path": str(path), "start": first, "frames": len(frames)})
            first += len(frames)
    (folder / "frames.f16.part").replace(folder / "frames.f16")
    index = {"front_end": front_end.to_dict(), "clips": clips}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


def load(folder: Path) -> Spectra:
    """Open the cache in ``folder``, its frames mapped and not read.

    :raises InputError: there is no complete cache.
    """
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        bands = int(index["front_end"]["mel_bands"])
        frames = np.memmap(folder / "frames.f16", dtype=np.float16, mode="r").reshape(-1, bands)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder} is no spectra cache: build it with `trainer spectra`"
        ) from error
    clips = index["clips"]
    return Spectra(
        frames,
        np.array([clip["start"] for clip in clips], np.int64),
        np.array([clip["frames"] for clip in clips], np.int64),
        tuple(clip["path"] for clip in clips),
    )


def _ahead(
    pool: ThreadPoolExecutor,
    work: Callable[[Path], Frames],
    paths: Iterable[Path],
    depth: int,
) -> Iterator[tuple[Path, Future[Frames]]]:
    """Run ``work`` over ``paths`` in order, at most ``depth`` results ahead of the reader."""
    waiting: list[tuple[Path, Future[Frames]]] = []
    for path in paths:
        waiting.append((path, pool.submit(work, path)))
        if len(waiting) >= depth:
            yield waiting.pop(0)
    yield from waiting
