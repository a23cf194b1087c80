"""What lets a run go on after it was stopped or killed: files that are whole or not there.

A checkpoint is written beside the last one and takes its name when it is on the disk, so that
whatever happens in between leaves one that can be used.
"""

from __future__ import annotations

import pickle
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine import durable
from engine.errors import InputError, ModelError
from engine.models.weights import load_tensors, read_metadata

_FORMAT = 2
_NAME = "checkpoint.pt"
_DAMAGED = (
    *(RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError),
    *(pickle.UnpicklingError, zipfile.BadZipFile),
)
RandomState = dict[str, Tensor]


@dataclass(frozen=True)
class CheckpointPolicy:
    """How often a run writes its checkpoint, whichever comes first; 0 leaves one of them out."""

    steps: int = 200
    seconds: float = 300.0


class Due:
    """Tells when the next checkpoint is due: so many steps, or seconds, after the last one."""

    def __init__(self, keeping: CheckpointPolicy) -> None:
        self.keeping = keeping
        self._last_s = time.monotonic()

    def __call__(self, step: int) -> bool:
        """Return whether a checkpoint is due after ``step``."""
        every = self.keeping
        by_step = every.steps > 0 and step % every.steps == 0
        return by_step or 0 < every.seconds <= time.monotonic() - self._last_s

    def done(self) -> None:
        """Take notice that one was written."""
        self._last_s = time.monotonic()


def write_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Write ``folder/checkpoint.pt``, whole and on the disk, or leave the last one.

    :raises InputError: weights are infinite or no numbers.
    """
    for part in ("model", "average"):
        _check_weights(state.get(part, {}), folder / _NAME)
    save_whole(folder / _NAME, {"format": _FORMAT, **state})


def save_whole(path: Path, state: Mapping[str, Any]) -> None:
    """Write what :func:`torch.load` reads, whole and on the disk, or leave what was there."""
    part = path.with_suffix(".part")
    try:
        durable.write_file(part, lambda out: torch.save(state, out))
        durable.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_whole(path: Path, otherwise: str) -> dict[str, Any]:
    """Return what :func:`save_whole` wrote.

    :param otherwise: what to do where it cannot be read.
    :raises InputError: it is gone or damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except (OSError, *_DAMAGED) as error:
        raise InputError(f"{path} is missing or damaged: {otherwise}") from error
    return state


def _check_weights(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Check what is about to be written.

    :raises InputError: something in it is infinite or no number.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise InputError(
                f"{name} is no longer finite, and {path} was not written: lower the learning "
                "rates, in another folder"
            )


def has_checkpoint(folder: Path) -> bool:
    """Return whether there is something to go on from."""
    return (folder / _NAME).exists()


def read_checkpoint(folder: Path, device: str) -> dict[str, Any]:
    """Return what :func:`write_checkpoint` wrote, its tensors on ``device``.

    :raises InputError: it is damaged, or another Soundsift's.
    """
    path = folder / _NAME
    with usable(folder):
        with zipfile.ZipFile(path) as parts:  # torch does not compare their checksums
            if (wrong := parts.testzip()) is not None:
                raise ValueError(wrong)
        state = torch.load(path, weights_only=True, map_location=device)
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise InputError(
            f"{path} was written by another version of Soundsift: choose another folder"
        )
    return state


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn what is wrong with a checkpoint's contents into a sentence.

    :raises InputError: it is damaged, or of something else.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except _DAMAGED as error:
        raise InputError(
            f"{folder / _NAME} is damaged: delete it to restart the run, or choose another folder"
        ) from error


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], notes: dict[str, str] | None = None
) -> None:
    """Write weights as safetensors, whole or not at all; ``notes`` stand in their header.

    :raises InputError: some are infinite or no numbers.
    """
    _check_weights(tensors, path)
    part = path.with_name(f"{path.name}.part")
    try:
        save_file({k: v.contiguous() for k, v in tensors.items()}, part, notes)
        durable.sync_file(part)
        durable.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the weights that :func:`write_tensors` wrote at the end of a run, and their notes.

    :raises InputError: they are gone or damaged.
    """
    try:
        return load_tensors(path), read_metadata(path)
    except ModelError as error:
        raise InputError(
            f"{path} is missing or damaged: delete what is there and start the run again, "
            "which writes it again"
        ) from error


def random_state(device: str) -> RandomState:
    """Return the state of torch's generators that a process on ``device`` draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.startswith("cuda"):
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: RandomState, device: str) -> None:
    """Put back what :func:`random_state` returned."""
    torch.set_rng_state(state["cpu"].cpu())
    if device.startswith("cuda") and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)
