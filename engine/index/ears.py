"""Load what listens: the audio encoder where it runs best, and the bank of a library."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.torch_setup import find_device, using_threads

if TYPE_CHECKING:
    from engine.models.bank import Bank
    from engine.models.match_model import AudioEncoder
    from engine.models.spec import Setting

_MANY = 64  # files that make up for finding out which precision is faster


@contextmanager
def encoder_ahead(
    model_folder: Path, device: str, files: int
) -> Iterator[Future[AudioEncoder] | None]:
    """Load an encoder on a device while something else is done with so many files.

    Of a few it would not be worth it.  All files of the run count, also those that earlier ones
    have heard: one that was stopped goes on in the precision in which it began.

    :param device: as :func:`engine.torch_setup.find_device` takes it.
    """
    if files < _MANY:
        yield None
        return
    with ThreadPoolExecutor(1, "encoder") as loader:
        yield loader.submit(_load, model_folder, device, files)


def load_ear(
    model_folder: Path,
    setting: Setting,
    device: str,
    files: int,
    ahead: Future[AudioEncoder] | None = None,
) -> tuple[AudioEncoder, Bank]:
    """Return the encoder on a device, and the bank that windows are transported to.

    :param setting: returns a setting of the library.
    :param device: as :func:`engine.torch_setup.find_device` takes it.
    :param files: how many there are to hear.
    :param ahead: the encoder, if it is being loaded already.
    :raises ModelError: the folder is no model, or its files do not fit.
    """
    from engine.models.bank import Bank

    audio_encoder = ahead.result() if ahead is not None else _load(model_folder, device, files)
    return audio_encoder, Bank.stored(audio_encoder.model, setting)


def _load(model_folder: Path, device: str, files: int) -> AudioEncoder:
    from engine.models.devices import on_device
    from engine.models.match_model import load_audio_encoder
    from engine.models.precision import in_best_precision

    audio_encoder = on_device(load_audio_encoder(model_folder), find_device(device))
    if files < _MANY:
        return audio_encoder
    with using_threads(1):  # while others read headers
        return in_best_precision(audio_encoder)
