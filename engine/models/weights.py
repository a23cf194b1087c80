"""Weights on disk: safetensors only, half precision, checked against their hashes.

Long tables take eight bits a number: codes, and a scale for each row beside them.  These are a
large vocabulary's embeddings, most of what a text tower weighs, and examples of categories
(docs/decisions/0038).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from engine.errors import ModelError
from engine.models.files import check_file
from engine.models.spec import FILES, ModelSpec, file_sha256

AUDIO_PREFIX = "audio_tower."
HEARD = ("exemplars", "memory.sounds", "filed.sounds")  # features of sounds, by a model's own tower
_LONG = {  # rows from which on a table takes eight bits
    "text_tower.embeddings.word_embeddings.weight": 10_000,
    "filed.sounds": 1_000,
}
_SCALE = ".row_scale"
_MOST = 127.0  # the largest code
_LEAST_SCALE = 2.0**-14  # the least that float16 holds exactly


class _Unfilled(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return named["tensor"] if "tensor" in named else args[0]
        return func(*args, **named)


def unfilled() -> AbstractContextManager[object]:
    """Leave the weights of new modules as they are, with anything in them, until files fill them.

    Random ones would take longer than reading a file, and to fill what is not even allocated
    imports a compiler.
    """
    return _Unfilled()


class Weighted(Protocol):
    """A module, as far as its weights go."""

    def state_dict(self) -> dict[str, Any]:
        """Return its weights by name."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Take weights by name; they are copied, or take the place of those that are there."""


def save_weights(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors to ``path`` as they are stored, by name."""
    save_file(as_stored(tensors), path)


def as_stored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as files hold them: floating ones as float16, long tables in eight bits."""
    stored = {name: _stored(tensors[name]) for name in sorted(tensors)}
    for name, fewest in _LONG.items():
        if name in stored and len(stored[name]) >= fewest:
            stored[name], stored[name + _SCALE] = _in_eight_bits(tensors[name])
    return stored


def load_weights(
    folder: Path, spec: ModelSpec, prefixes: tuple[str, ...] = ("",)
) -> dict[str, Tensor]:
    """Return the tensors whose names start with one of ``prefixes``, floating ones as float32.

    :raises ModelError: a file is missing, damaged, or not the one ``model.json`` speaks of.
    """
    check_hashes(folder, spec)
    return load_tensors(folder / "weights.safetensors", prefixes)


def check_hashes(folder: Path, spec: ModelSpec) -> None:
    """Compare a model's files with the hashes that ``model.json`` records.

    :raises ModelError: a file is missing, damaged, or not the one ``model.json`` speaks of.
    """
    unhashed = set(FILES) - set(spec.sha256)
    if unhashed:
        raise ModelError(
            f"{folder / 'model.json'} records no hash of {' or '.join(sorted(unhashed))}"
        )
    for name, expected in spec.sha256.items():
        if file_sha256(folder / name) != expected:
            raise ModelError(f"{folder / name} is damaged: download or copy the model again")


def load_tensors(path: Path, prefixes: tuple[str, ...] = ("",)) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file whose names start with one of ``prefixes``.

    :raises ModelError: it cannot be read.
    """
    check_file(path, at_home=False)
    try:
        with safe_open(path, "pt") as file:
            names = [n for n in file.keys() if n.startswith(prefixes)]  # noqa: SIM118
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, RuntimeError, TypeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    whole = _from_eight_bits(tensors)
    return {n: _in_memory(t) for n, t in whole.items()}


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a safetensors file, from its header alone.

    :raises ModelError: it cannot be read.
    """
    check_file(path, at_home=False)
    try:
        with safe_open(path, "pt") as file:
            names = set(file.keys())
            scales = {n for n in names if n.endswith(_SCALE) and n.removesuffix(_SCALE) in names}
            return {name: tuple(file.get_slice(name).get_shape()) for name in names - scales}
    except (SafetensorError, OSError, RuntimeError, TypeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file.

    :raises ModelError: it cannot be read.
    """
    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None


def load_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return a foreign PyTorch checkpoint's tensors, unpickling nothing but tensors.

    :raises ModelError: it is missing or anything else than a plain state dict.
    """
    if not os.path.lexists(path):
        raise ModelError(f"{path} does not exist")
    check_file(path, at_home=False)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds for a damaged file
        raise ModelError(f"{path} is not a readable checkpoint of weights") from error
    if isinstance(state, Mapping) and isinstance(state.get("model"), Mapping):
        state = state["model"]  # beside counters of the training, as PANNs' authors save it
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise ModelError(f"{path} does not hold a plain set of weights")
    return dict(state)


def fill(
    module: Weighted,
    tensors: Mapping[str, Tensor],
    prefix: str,
    source: Path,
    given_away: bool = False,
) -> None:
    """Load the tensors under ``prefix`` into ``module``, every name and shape exactly.

    :param given_away: nobody else has them: they take the place of the module's, as they are.
    :raises ModelError: names or shapes differ.
    """
    own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    for name, target in module.state_dict().items():
        if name in own and own[name].is_floating_point() != target.is_floating_point():
            raise ModelError(
                f"{source} does not match the architecture it names: {name} has the type "
                f"{str(own[name].dtype).removeprefix('torch.')}"
            )
    try:
        module.load_state_dict(own, strict=True, assign=given_away)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ModelError(f"{source} does not match the architecture it names: {reason}") from None


def tensors_sha256(tensors: Mapping[str, Tensor], prefix: str = "") -> str:
    """Hash the names and stored values of the tensors under ``prefix``."""
    digest = hashlib.sha256()
    for name in sorted(n for n in tensors if n.startswith(prefix)):
        digest.update(name.encode())
        digest.update(_stored(tensors[name]).numpy().tobytes())
    return digest.hexdigest()


def _stored(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if tensor.is_floating_point() else tensor


def _in_memory(tensor: Tensor) -> Tensor:
    """Return a tensor of its own, which keeps no file open; floating ones as float32."""
    return tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)


def _in_eight_bits(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return codes (n, width) in ±127, and the scale (n, 1) that each row's codes are times."""
    rows = rows.detach().cpu().float()
    scale = (rows.abs().amax(1, keepdim=True) / _MOST).clamp(min=_LEAST_SCALE).half()
    codes = (rows / scale.float()).round().clamp(-_MOST, _MOST)
    return codes.to(torch.int8), scale


def _from_eight_bits(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors, in which codes that have a fitting scale beside them are numbers again."""
    found = dict(tensors)
    for name in [name for name in found if name.endswith(_SCALE)]:
        coded = name.removesuffix(_SCALE)
        codes, scale = found.get(coded), found[name]
        if codes is None or codes.dtype != torch.int8 or scale.shape != (len(codes), 1):
            continue  # whoever fills a model refuses it by name
        found[coded] = codes * found.pop(name).float()
    return found
