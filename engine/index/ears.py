"""Load what listens: the audio encoder where it runs best, and the bank of a library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.torch_setup import find_device

if TYPE_CHECKING:
    from engine.models.bank import Bank
    from engine.models.match_model import AudioEncoder
    from engine.models.spec import Setting

_WORTH_MEASURING = 64  # files that make up for finding out which precision is faster


def load_ear(
    model_folder: Path, setting: Setting, device: str, files: int
) -> tuple[AudioEncoder, Bank]:
    """Return the encoder on a device, and the bank that windows are transported to.

    :param setting: returns a setting of the library.
    :param device: as :func:`engine.torch_setup.find_device` takes it.
    :param files: how many there are to hear.
    :raises ModelError: the folder is no model, or its files do not fit.
    """
    from engine.models.bank import Bank
    from engine.models.devices import on_device
    from engine.models.match_model import load_audio_encoder
    from engine.models.precision import in_best_precision

    audio_encoder = on_device(load_audio_encoder(model_folder), find_device(device))
    if files >= _WORTH_MEASURING:
        audio_encoder = in_best_precision(audio_encoder)
    return audio_encoder, Bank.stored(audio_encoder.model, setting)
