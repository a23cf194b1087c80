"""Where an audio tower runs: on a GPU as long as that can do it, and else on the CPU.

Only the tower goes there.  Sounds are decoded and made log-mels by threads on the CPU, which thus
never wait for the device, and hand it the same frames whatever it is; features come back to the
CPU, where projections, metric and bank are.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from engine.log import logger
from engine.models.match_model import AudioEncoder
from engine.models.room import Room, first_line

_log = logger(__name__)


def on_device(audio_encoder: AudioEncoder, device: str) -> AudioEncoder:
    """Return the encoder with its tower on a device, from which it may come back.

    In float32 there: a GPU waits for those that decode even so.
    """
    tower = audio_encoder.model.audio_tower
    try:
        if torch.device(device).type == "mps":  # slow, or wrong, in the other layout
            tower.to(memory_format=torch.contiguous_format)
        tower.to(device)
    except RuntimeError as error:
        _log.warning("%s cannot take the model, the CPU does: %s", device, first_line(error))
        tower.to("cpu")
    return replace(audio_encoder, room=Room(), may_come_back=audio_encoder.device.type != "cpu")
