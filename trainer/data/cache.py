"""Sounds decoded once, on disk: as log-mel frames, or as samples.

A cache is a folder with ``values`` (every clip's rows one after the other) and ``index.json``
(what a row is, and each clip's path, first row and number of rows).  Log-mel rows are
normalised frames (bands,) in float16: cheap enough to crop and mix for ever.  Sample rows are
one sample each in int16, for towers that are trained end to end and rows_of through a front end
on the device.

While it is made, ``values.part`` grows, and ``begun.part`` tells how far it can be relied on.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch

from engine import durable
from engine.audio.decode import decode
from engine.errors import AudioError, InputError
from engine.models.frontend import LogMel
from engine.models.spec import FrontEnd
from engine.progress import Control, Progress
from engine.torch_setup import cores

T = TypeVar("T")
R = TypeVar("R")
Rows = np.ndarray[Any, np.dtype[Any]]
Kind = Literal["spectra", "samples"]
Skipped = Callable[[Path, str], None]
Sound = dict[str, Any]  # path, state, and where its rows are or why it has none
_BLOCK = 256  # sounds that are decoded again at most, after a kill
_TYPES: dict[str, Any] = {"spectra": np.float16, "samples": np.int16}


@dataclass(frozen=True)
class MadeAs:
    """What rows are: of which kind, how many values wide, and everything else they depend on."""

    kind: Kind
    width: int
    settings: str


@dataclass(frozen=True)
class Cache:
    """An open cache: ``values`` (n, width), mapped, and where each clip lies in it."""

    values: Rows
    starts: np.ndarray[Any, np.dtype[np.int64]]
    lengths: np.ndarray[Any, np.dtype[np.int64]]
    paths: tuple[str, ...]

    def clip(self, index: int) -> Rows:
        """Return the rows of one clip, shape (rows, width)."""
        start = int(self.starts[index])
        return self.values[start : start + int(self.lengths[index])]


def build_spectra(
    folder: Path,
    paths: Iterable[Path],
    front_end: FrontEnd,
    longest_s: float = 60.0,
    threads: int | None = None,
    skipped: Skipped = lambda path, reason: None,
) -> None:
    """Decode ``paths`` into a new cache of log-mel frames in ``folder``.

    :param threads: that decode; by default one a core.
    """
    log_mel = LogMel(front_end)

    def rows_of(path: Path) -> Rows:
        samples = torch.from_numpy(_middle(path, front_end.rate_hz, longest_s))
        frames: Rows = log_mel(samples).T.contiguous().to(torch.float16).numpy()
        return frames

    made_as = MadeAs("spectra", front_end.mel_bands, f"{front_end} {longest_s}")
    _build(folder, paths, rows_of, made_as, threads, skipped)


def build_samples(
    folder: Path,
    paths: Iterable[Path],
    rate_hz: int,
    longest_s: float = 10.0,
    threads: int | None = None,
    skipped: Skipped = lambda path, reason: None,
) -> None:
    """Decode ``paths`` into a new cache of samples at ``rate_hz`` in ``folder``.

    :param threads: that decode; by default one a core.
    """

    def rows_of(path: Path) -> Rows:
        samples = _middle(path, rate_hz, longest_s).clip(-1.0, 1.0)
        return np.round(samples * 32767.0).astype(np.int16)[:, None]

    _build(folder, paths, rows_of, MadeAs("samples", 1, f"{rate_hz} {longest_s}"), threads, skipped)


def _middle(path: Path, rate_hz: int, longest_s: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the middle ``longest_s`` seconds: hours of music shall not drown short sounds."""
    samples = decode(path, rate_hz)
    spare = max(0, len(samples) - int(longest_s * rate_hz))
    return samples[spare // 2 : len(samples) - (spare - spare // 2)]


def _build(
    folder: Path,
    paths: Iterable[Path],
    rows_of: Callable[[Path], Rows],
    made_as: MadeAs,
    threads: int | None,
    skipped: Skipped,
) -> None:
    """Write a cache, going on where one was stopped; unreadable files go to ``skipped``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.json").unlink(missing_ok=True)  # of other values than those to come
    part, begun = folder / "values.part", folder / "begun.part"
    try:
        sounds = _write(part, begun, iter(paths), rows_of, made_as, threads)
    except OSError:  # a disk that takes no more shall have room again
        part.unlink(missing_ok=True)
        begun.unlink(missing_ok=True)
        raise
    for sound in sounds:
        if "why" in sound:
            skipped(Path(sound["path"]), sound["why"])
    clips = [{name: s[name] for name in ("path", "start", "rows")} for s in sounds if "rows" in s]
    if not clips:
        part.unlink()
        begun.unlink()
        raise InputError(f"none of the sounds for {folder} can be decoded")
    durable.replace(part, folder / "values")
    index = {"kind": made_as.kind, "width": made_as.width, "clips": clips}
    durable.put_file(folder / "index.json", json.dumps(index).encode())
    begun.unlink()


def _write(
    part: Path,
    begun: Path,
    paths: Iterator[Path],
    rows_of: Callable[[Path], Rows],
    made_as: MadeAs,
    threads: int | None,
) -> list[Sound]:
    """Write the rows of all sounds into ``part``, after those that ``begun`` vouches for."""

    def attempt(path: Path) -> tuple[Sound, Rows | None]:
        sound: Sound = {"path": str(path), "state": state_of(path)}
        try:
            return sound, rows_of(path)
        except AudioError as error:
            return {**sound, "why": str(error)}, None

    sounds, left = _begun(begun, made_as, paths)
    first = sum(sound.get("rows", 0) for sound in sounds)
    width = made_as.width * np.dtype(_TYPES[made_as.kind]).itemsize
    if not part.is_file() or part.stat().st_size < first * width:
        sounds, left, first = [], chain([Path(s["path"]) for s in sounds], left), 0

    def note() -> None:
        told = {"made_as": asdict(made_as), "sounds": sounds}
        durable.put_file(begun, json.dumps(told).encode())

    note()  # before other rows take the place of those that it spoke of
    with part.open("r+b" if sounds else "w+b") as file:
        file.truncate(first * width)
        file.seek(first * width)
        for _, future in in_order(attempt, left, threads):
            sound, rows = future.result()
            if rows is not None:
                file.write(rows.tobytes())  # tofile() would not say why a disk takes no more
                sound |= {"start": first, "rows": len(rows)}
                first += len(rows)
            sounds.append(sound)
            if len(sounds) % _BLOCK == 0:
                durable.flush(file)  # before what vouches for it
                note()
        durable.flush(file)
    return sounds


def _begun(
    path: Path, made_as: MadeAs, paths: Iterator[Path]
) -> tuple[list[Sound], Iterator[Path]]:
    """Return what still holds of a cache that was stopped, and the paths that are left."""
    try:
        told = json.loads(path.read_bytes())
        sounds: list[Sound] = told["sounds"] if told["made_as"] == asdict(made_as) else []
    except (OSError, ValueError, LookupError, TypeError):
        sounds = []
    for number, sound in enumerate(sounds):
        now = next(paths, None)
        if now is None or [sound["path"], sound["state"]] != [str(now), state_of(now)]:
            return sounds[:number], chain([] if now is None else [now], paths)
    return sounds, paths


def state_of(path: Path) -> str:
    """Return what changes when a file is written; a link to nothing has none."""
    try:
        known = path.stat()
    except OSError:
        return ""
    return f"{known.st_size} {known.st_mtime_ns}"


def load(folder: Path, kind: Kind = "spectra") -> Cache:
    """Open the cache in ``folder``, its values mapped and not read.

    :raises InputError: there is no complete cache of that kind.
    """
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        if index["kind"] != kind:
            raise InputError(f"{folder} is a cache of {index['kind']}, not of {kind}")
        values: Rows = np.memmap(folder / "values", dtype=_TYPES[kind], mode="r")
        values = values.reshape(-1, int(index["width"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} is not a cache of {kind}: build it with `soundsift train {kind}`"
        ) from error
    clips = index["clips"]
    return Cache(
        values,
        np.array([clip["start"] for clip in clips], np.int64),
        np.array([clip["rows"] for clip in clips], np.int64),
        tuple(clip["path"] for clip in clips),
    )


def in_order(
    work: Callable[[T], R], items: Iterable[T], threads: int | None = None
) -> Iterator[tuple[T, Future[R]]]:
    """Run ``work`` over ``items`` in threads (one a core), and give what becomes of them in order.

    At most four results a thread wait for the reader.
    """
    threads = threads or cores()
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[T, Future[R]]] = deque()
        try:
            for item in items:
                waiting.append((item, pool.submit(work, item)))
                if len(waiting) >= 4 * threads:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:  # a reader that stops waits for no more than what is being done
            pool.shutdown(cancel_futures=True)


def counted(paths: list[Path], control: Control) -> Iterator[Path]:
    """Give paths one by one, and report how many were given."""
    for number, path in enumerate(paths, start=1):
        control.report(Progress("decoding", number, len(paths)))
        yield path
