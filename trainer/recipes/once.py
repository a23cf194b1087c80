"""What is done once for a run: its sounds are decoded, or heard by its frozen encoder.

What a run finds when it goes on has to be what it began with: signatures say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from engine import durable
from engine.errors import InputError
from engine.models.devices import on_device
from engine.models.match_model import AudioEncoder, MatchModel
from engine.progress import Control
from trainer.data import cache as caches
from trainer.data.feature_blocks import add_weights, embed_once, forget
from trainer.data.left_out import LeftOut
from trainer.data.sets import Captioned
from trainer.loop.checkpoint import has_checkpoint, save_whole
from trainer.recipes.fit_config import FitConfig

FEATURES, SIGNATURE = "features.pt", "sounds.sha256"
_BLOCKS = "listening"  # of features, while sounds are heard
_VALIDATION = "validation.sha256"


def build_cache(
    folder: Path,
    config: FitConfig,
    model: MatchModel,
    sounds: Sequence[Captioned],
    control: Control,
    skipped: LeftOut,
    device: str = "cpu",
) -> None:
    """Decode the sounds, or hear them with the frozen encoder, unless that was done before.

    :param device: where a frozen encoder listens; its model is not moved back.
    :raises InputError: they are no longer those that the run began with.
    """
    signature = folder / SIGNATURE
    own = _signature(config, model, sounds)
    if signature.is_file() and signature.read_bytes() == own.encode():
        forget(folder / _BLOCKS)  # of such a run, too
        return
    if signature.is_file() and has_checkpoint(folder):
        raise InputError(
            f"the sounds or the encoder of {folder} have changed since the run began: put them "
            "back, or choose another folder"
        )
    paths = [sound.path for sound in sounds]
    if config.frozen:
        with skipped:
            audio_encoder = on_device(AudioEncoder(model), device)
            heard = embed_once(folder / _BLOCKS, audio_encoder, paths, control, skipped)
        kept = {**vars(heard), "paths": [str(path) for path in heard.paths]}
        save_whole(folder / FEATURES, kept)
    else:
        given, rate_hz = caches.counted(paths, control), model.spec.front_end.rate_hz
        with skipped:
            samples, longest_s = folder / "samples", 3 * config.longest
            caches.build_samples(samples, given, rate_hz, longest_s, skipped=skipped)
    durable.put_file(signature, own.encode())  # after what it vouches for
    forget(folder / _BLOCKS)


def _signature(config: FitConfig, model: MatchModel, sounds: Sequence[Captioned]) -> str:
    """Return what a cache of decoded or heard sounds is known by."""
    found = hashlib.sha256()
    rate_hz, longest = model.spec.front_end.rate_hz, config.longest
    found.update(f"{config.frozen} {rate_hz} {longest}\n".encode())
    if config.frozen:
        add_weights(found, model.audio_tower.state_dict())
    for sound in sounds:
        found.update(f"{sound.path} {caches.state_of(sound.path)}\n".encode(errors="replace"))
    return found.hexdigest()


def check_validation(folder: Path, sounds: Sequence[Captioned]) -> None:
    """Write down what a run is validated on, or check that it is still the same.

    :param sounds: none without a validation set.
    :raises InputError: it has changed since the run began.
    """
    if not sounds:
        (folder / _VALIDATION).unlink(missing_ok=True)
    elif is_validated_on(folder, sounds) or not has_checkpoint(folder):
        durable.put_file(folder / _VALIDATION, _validation_digest(sounds).encode())
    else:
        raise InputError(
            f"the sounds or captions that {folder} is validated on have changed since the run "
            "began: put them back, or choose another folder"
        )


def is_validated_on(folder: Path, sounds: Sequence[Captioned]) -> bool:
    """Whether a run is validated on these sounds and captions, as far as it says."""
    kept = folder / _VALIDATION
    return not kept.is_file() or kept.read_bytes() == _validation_digest(sounds).encode()


def _validation_digest(sounds: Sequence[Captioned]) -> str:
    """Return what a validation set is known by; its sounds by path, size and time of change."""
    found = hashlib.sha256()
    for sound in sounds:
        told = (str(sound.path), caches.state_of(sound.path), sound.captions)
        found.update(repr(told).encode())
    return found.hexdigest()
