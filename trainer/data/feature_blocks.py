"""Sounds heard once by a frozen encoder, in blocks that outlive a kill.

A block is the features of up to 256 sounds.  It has a checksum, which also covers what its features
depend on: the tower's weights, the front end, windows, precision, and each sound's path and state.
A block that is damaged, or of something else, is heard anew.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engine import durable
from engine.errors import AudioError, InputError
from engine.index.embed import embed_files
from engine.models.match_model import AudioEncoder
from engine.progress import Control, Progress
from engine.sealed import seal_bytes, unseal_bytes
from trainer.data.cache import Skipped, state_of

_BLOCK = 256  # sounds that are heard again at most, after a kill


@dataclass(frozen=True)
class FeatureBlocks:
    """Features (windows, width) of sounds, and each window's sound, a number in ``paths``."""

    features: Tensor
    clip: Tensor
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class _Block:
    """Features of a block's windows, each sound's number of them, and why it has none."""

    features: Tensor
    counts: Tensor
    reasons: tuple[str, ...]


def embed_once(
    folder: Path,
    audio_encoder: AudioEncoder,
    paths: Sequence[Path],
    control: Control,
    skipped: Skipped = lambda path, reason: None,
) -> FeatureBlocks:
    """Hear sounds, but for those that blocks in ``folder`` hold; they stay there.

    :param skipped: is told of sounds that cannot be decoded, which are left out.
    :raises InputError: none can.
    """
    durable.make_folder(folder)
    distinct = tuple(dict.fromkeys(paths))
    parts = [distinct[start : start + _BLOCK] for start in range(0, len(distinct), _BLOCK)]
    names = [folder / f"{number:06d}.block" for number in range(len(parts))]
    listened = _heard_by(audio_encoder)
    keys = [_key(listened, part) for part in parts]
    found = [_read(*named) for named in zip(names, keys, strict=True)]
    done = sum(len(block.reasons) for block in found if block is not None)
    if done:
        control.report(Progress("listening", done, len(distinct)))
    blocks = []
    for block, part, name, key in zip(found, parts, names, keys, strict=True):
        if block is None:
            block = _embed_block(audio_encoder, part, control, done, len(distinct))
            _write(name, key, block)
            done += len(part)
        blocks.append(block)
    reasons = [reason for block in blocks for reason in block.reasons]
    for path, reason in zip(distinct, reasons, strict=True):
        if reason:
            skipped(path, reason)
    counts = torch.cat([block.counts for block in blocks])
    if not counts.any():
        forget(folder)
        raise InputError("none of the sounds can be read")
    return FeatureBlocks(
        torch.cat([block.features for block in blocks]),
        torch.repeat_interleave(counts[counts > 0]),
        tuple(path for path, count in zip(distinct, counts.tolist(), strict=True) if count),
    )


def forget(folder: Path) -> None:
    """Take the blocks away, if there are any."""
    shutil.rmtree(folder, ignore_errors=True)


def add_weights(found: hashlib._Hash, weights: Mapping[str, Tensor]) -> None:
    """Let a digest depend on weights by name, to the last bit."""
    for name, tensor in sorted(weights.items()):
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)


def _heard_by(audio_encoder: AudioEncoder) -> str:
    """Return everything that features depend on, but for the sounds."""
    spec = audio_encoder.model.spec
    device = audio_encoder.device.type  # each rounds in its own way
    precision = str(audio_encoder.precision) + ("" if device == "cpu" else f" {device}")
    windows = f"{spec.window_s} {spec.hop_s} {precision}"
    tower, weights = f"{spec.audio_tower} {spec.tower_config} {spec.front_end}", hashlib.sha256()
    add_weights(weights, audio_encoder.model.audio_tower.state_dict())
    return f"{windows} {tower} {weights.hexdigest()}"


def _key(listened: str, part: Sequence[Path]) -> str:
    """Return what a block is known by; it is asked for before its sounds are heard."""
    return "\n".join([listened, *(f"{path!r} {state_of(path)}" for path in part)])


def _embed_block(
    audio_encoder: AudioEncoder, part: Sequence[Path], control: Control, done: int, total: int
) -> _Block:
    """Hear a block; ``done`` sounds of ``total`` were heard before."""
    width = audio_encoder.model.spec.features
    features = {path: torch.zeros(0, width) for path in part}
    reasons = dict.fromkeys(part, "")
    for number, (path, heard) in enumerate(
        embed_files(audio_encoder, part, steady=True), start=done + 1
    ):
        control.report(Progress("listening", number, total))
        if isinstance(heard, AudioError):
            reasons[path] = str(heard)
        else:
            features[path] = torch.from_numpy(heard.features)
    found = [features[path] for path in part]
    counts = torch.tensor([len(own) for own in found])
    return _Block(torch.cat(found), counts, tuple(reasons[path] for path in part))


def _write(name: Path, key: str, block: _Block) -> None:
    content = io.BytesIO()
    torch.save(vars(block), content)
    durable.put_file(name, seal_bytes(content.getvalue(), key))


def _read(name: Path, key: str) -> _Block | None:
    """Return a block, unless it is not there, damaged, or of something else."""
    try:
        content = unseal_bytes(name.read_bytes(), key)
    except (OSError, ValueError):
        return None
    return _Block(**torch.load(io.BytesIO(content), weights_only=True))
