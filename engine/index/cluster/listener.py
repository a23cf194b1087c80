"""What listens on a node: decode, embed and map, and send that back.

Nothing here knows Ray but for how the model's files come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.audio.loudness import LoudnessMeter
from engine.errors import AudioError, reason
from engine.index.cluster.model_files import ModelFiles, unpacked
from engine.index.ears import load_ear
from engine.index.embed import EmbeddedFile, embed_files
from engine.index.embedder import PART_WINDOWS
from engine.index.mapping import map_features

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.match_model import AudioEncoder, MatchModel

_SOME_RATE_HZ = 48_000
Mapper = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
Load = Callable[[Path, Mapping[str, bytes], str, int], tuple["AudioEncoder", Mapper]]


@dataclass(frozen=True)
class Lacks:
    """Why this machine cannot read a file, and the outermost of its folders that is missing."""

    reason: str
    folder: str | None = None


Answer = tuple[Path, EmbeddedFile | AudioError | Lacks]


def load(
    folder: Path, settings: Mapping[str, bytes], device: str, files: int
) -> tuple[AudioEncoder, Mapper]:
    """Return an encoder, and what maps its features; see :func:`engine.index.ears.load_ear`."""
    audio_encoder, bank = load_ear(folder, settings.get, device, files)
    return audio_encoder, partial(map_features, audio_encoder.model, bank=bank)


@dataclass(frozen=True)
class Order:
    """What a listener is told: by which model to hear, for how many files, with how many cores."""

    model: ModelFiles
    settings: Mapping[str, bytes]
    files: int
    cpus: int
    device: str
    load: Load = load


class Listener:
    """Hear files, two tasks at a time: while one is decoded, another is embedded."""

    TASKS = 2

    def __init__(self, order: Order, get: Callable[[Any], bytes]) -> None:
        self._order, self._get = order, get
        self._threads = max(1, order.cpus // self.TASKS)

    def get_ready(self) -> str:
        """Load all that hearing takes, the model last; return the version of this program.

        :raises ModelError: the model's files cannot be had, or do not fit.
        """
        order = self._order
        if order.load is load:
            from engine.torch_setup import set_threads

            set_threads(order.cpus)
        _load_measuring()
        folder = unpacked(order.model, self._get)
        encoder, self._map = order.load(folder, order.settings, order.device, order.files)
        self._encoder: Any = _Shared(encoder)
        return own_version()

    def listen(self, files: Sequence[tuple[Path, float]], in_parts: bool) -> Iterator[list[Answer]]:
        """Give what is heard in files: of several at once, of one that is long in parts."""
        unread = {path: lacks for path, _ in files if (lacks := _lacks(path))}
        if unread:
            yield list(unread.items())
        there = {path: start_s for path, start_s in files if path not in unread}
        if in_parts:
            begun = {path: start_s for path, start_s in there.items() if start_s}
            hear = partial(embed_files, starts_s=begun, part_windows=PART_WINDOWS)
            for path, heard in hear(self._encoder, there, 1, measure=True):
                yield [(path, self._answer(path, heard))]
        elif there:
            heard_files = embed_files(
                self._encoder, there, self._threads, steady=True, measure=True
            )
            yield [(path, self._answer(path, heard)) for path, heard in heard_files]

    def _answer(
        self, path: Path, heard: EmbeddedFile | AudioError
    ) -> EmbeddedFile | AudioError | Lacks:
        if isinstance(heard, AudioError):
            return _lacks(path) or heard  # perhaps its drive went away meanwhile
        mapped = self._map(heard.features) if heard.times_s else None
        return replace(heard, features=heard.features.astype(np.float16), mapped=mapped)


class _Shared:
    """An encoder that embeds for one thread at a time."""

    def __init__(self, audio_encoder: AudioEncoder) -> None:
        self.model: MatchModel = audio_encoder.model
        self.log_mel = audio_encoder.log_mel
        self._features, self._lock = audio_encoder.features, threading.Lock()

    def features(self, log_mels: Sequence[Tensor]) -> Tensor:
        with self._lock:
            return self._features(log_mels)


def _load_measuring() -> None:
    """Measure silence: what is loaded for that at first would hold up the first task."""
    meter = LoudnessMeter(_SOME_RATE_HZ, 1)
    meter.add(np.zeros((_SOME_RATE_HZ, 1), np.float32))
    meter.loudness()


def own_version() -> str:
    """Return the version of this program, nothing where it is not installed."""
    try:
        return version("soundsift")
    except PackageNotFoundError:
        return ""


def _lacks(path: Path) -> Lacks | None:
    """Return why a file cannot be read here, None if it can."""
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        missing = [folder for folder in path.parents if not folder.is_dir()]
        return Lacks(reason(error), str(missing[-1]) if missing else None)
