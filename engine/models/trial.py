"""Try a model before it is used: load it and embed texts and sounds, in a child process.

What :func:`ensure_tried` lets through has been loaded as the application loads it, and has
given finite vectors of the right shape for texts and sounds.  What was tried is remembered by
the hash of its description, which holds the hashes of its files.  Models that ship are not
tried: they are part of the program.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ModelError
from engine.models.apart import Limits, be_child, run_apart
from engine.models.bounds import parse_json
from engine.models.files import check_file, read_file
from engine.models.spec import FILES, ModelSpec, file_sha256, read_spec
from engine.paths import assets, data_folder
from engine.progress import Control, Progress

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from engine.models.match_model import AudioEncoder, MatchModel, TextEncoder

_KIND = "1"  # of trial: another number makes everything be tried again
_REMEMBERED = 200
_TEXTS = ("a door closes", "rain " * 400, "a" * 2000 + "!", "…!? 日本語 \U0001f642 " + " " * 200)
_SOUNDS_S = (0.01, 1.0, 12.0)


def ensure_tried(
    folder: Path, control: Control | None = None, limits: Limits | None = None
) -> None:
    """Try a model, unless it ships or the same one was tried before.

    :raises ModelError: it cannot be used; the sentence says why.
    :raises Cancelled: the user asked to stop.
    """
    if _ships(folder):
        return
    control = control or Control()
    spec, mark = read_spec(folder), _mark(folder)
    if mark in _tried() and _is_as_described(folder, spec):
        return
    control.report(Progress("trying the model", 0))
    try_model(folder, control, limits)
    if _mark(folder) != mark:
        raise ModelError(f"the model in {folder} changed during its trial: try again")
    remember_tried(folder)


def try_model(folder: Path, control: Control | None = None, limits: Limits | None = None) -> None:
    """Load a model in a child process, and let it embed texts and sounds.

    :raises ModelError: it cannot be used; the sentence says why.
    :raises Cancelled: the user asked to stop.
    """
    read_spec(folder)  # what can be told without a child is told at once
    for name in FILES:
        check_file(folder / name)
    order = {"do": "try", "folder": str(folder.absolute())}
    run_apart(order, f"the model in {folder}", limits or Limits(), control or Control())


def convert_clap(
    source: Path, target: Path, bank_of: Path, control: Control, limits: Limits | None = None
) -> None:
    """Write a complete CLAP checkpoint as a model folder, in a child process.

    :param bank_of: the model whose reference texts it takes.
    :raises ModelError: it cannot be used; the sentence says why.
    """
    order = {"do": "clap", "folder": str(source.absolute()), "target": str(target)}
    order["bank_of"] = str(bank_of)
    run_apart(order, f"the model in {source}", limits or Limits(), control)


def remember_tried(folder: Path) -> None:
    """Note that a model need not be tried again."""
    marks = [mark for mark in _tried() if mark != _mark(folder)]
    marks = [*marks, _mark(folder)][-_REMEMBERED:]
    path = _memory()
    with suppress(OSError):  # then it is tried again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".tried-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(marks, file)
        Path(draft).replace(path)


def _memory() -> Path:
    return data_folder() / "tried-models.json"


def _tried() -> list[str]:
    try:
        marks = parse_json(read_file(_memory()))
    except (ModelError, ValueError):
        return []
    return [mark for mark in marks if isinstance(mark, str)] if isinstance(marks, list) else []


def _mark(folder: Path) -> str:
    return _KIND + ":" + hashlib.sha256(read_file(folder / "model.json")).hexdigest()


def _ships(folder: Path) -> bool:
    with suppress(OSError, RuntimeError):
        return folder.resolve().parent == (assets() / "models").resolve()
    return False


def _is_as_described(folder: Path, spec: ModelSpec) -> bool:
    if set(spec.sha256) != set(FILES):
        return False
    return all(file_sha256(folder / name) == spec.sha256[name] for name in FILES)


def _do(order: dict[str, str]) -> None:
    """Do in the child what was ordered."""
    if order["do"] == "clap":
        _convert_clap(Path(order["folder"]), Path(order["target"]), Path(order["bank_of"]))
        return
    folder = Path(order["folder"])
    spec = read_spec(folder)
    from engine.models.match_model import load_audio_encoder, load_text_encoder
    from engine.models.weights import check_hashes

    check_hashes(folder, spec)
    _check_tokenizer(folder, spec)
    _check_sizes(folder, spec)
    text_encoder, audio_encoder = load_text_encoder(folder), load_audio_encoder(folder)
    for model in (text_encoder.model, audio_encoder.model):
        for name, tensor in model.state_dict().items():
            _check_finite(tensor, f"its weights {name}")
    texts, sounds = _embed_texts(text_encoder, spec), _embed_sounds(audio_encoder, spec)
    _check_ranking(audio_encoder.model, texts, sounds)


def _convert_clap(source: Path, target: Path, bank_of: Path) -> None:
    from engine.models.folder import write_model
    from engine.models.foreign import load_clap

    tokenizer = source / "tokenizer.json"
    check_file(tokenizer, at_home=False)
    write_model(target, load_clap(source, "clap", read_spec(bank_of).bank), tokenizer)


def _check_tokenizer(folder: Path, spec: ModelSpec) -> None:
    """Check what texts that are not tried might meet: ids and regular expressions.

    A regular expression with one quantifier at most takes no exponential time.
    """
    from tokenizers import Tokenizer

    data = read_file(folder / "tokenizer.json")
    try:
        document = parse_json(data)
        known = Tokenizer.from_buffer(data).get_vocab(with_added_tokens=True)
    except Exception as error:  # tokenizers raises plain Exception
        raise ModelError(f"tokenizer.json is damaged: {error}") from None
    highest = max(known.values(), default=0)
    if highest >= spec.text_encoder.vocabulary:
        raise ModelError(
            f"tokenizer.json has the token {highest}, but the text tower knows only "
            f"{spec.text_encoder.vocabulary}"
        )
    for pattern in _patterns(document):
        if sum(pattern.count(sign) for sign in "*+?{") > 1:
            raise ModelError(
                f"tokenizer.json has a regular expression that may take forever: {pattern[:60]}"
            )


def _patterns(document: Any) -> Iterator[str]:
    """Give the regular expressions that texts go through."""
    waiting = [document.get(part) for part in ("normalizer", "pre_tokenizer", "post_processor")]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            pattern = item.get("Regex")
            if isinstance(pattern, str):
                yield pattern
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _check_sizes(folder: Path, spec: ModelSpec) -> None:
    """Compare names, shapes and kinds of weights with what is described, allocating nothing."""
    from engine.models.outline import outline
    from engine.models.weights import shapes_of

    expected = outline(spec)
    if not spec.exemplars:
        expected.pop("exemplars", None)
    found = shapes_of(folder / "weights.safetensors")
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ModelError(
                f"weights.safetensors does not match model.json: {name} is "
                f"{_told(found.get(name))}, and should be {_told(expected.get(name))}"
            )


def _told(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else "×".join(map(str, shape)) or "one number"


def _embed_texts(text_encoder: TextEncoder, spec: ModelSpec) -> Tensor:
    import torch

    from engine.torch_setup import using_threads

    with using_threads(1):
        vectors = torch.cat([text_encoder([text]) for text in _TEXTS])
        together = text_encoder(_TEXTS)
    _check_vectors(vectors, (len(_TEXTS), spec.rank), "texts")
    _check_vectors(together, (len(_TEXTS), spec.rank), "texts")
    return vectors


def _embed_sounds(audio_encoder: AudioEncoder, spec: ModelSpec) -> Tensor:
    import torch

    rate_hz = spec.front_end.rate_hz
    longest = max(1, round(spec.window_s * rate_hz))
    sounds = [_sound(duration_s, rate_hz)[:longest] for duration_s in _SOUNDS_S]
    with torch.inference_mode():
        features = audio_encoder.features([audio_encoder.log_mel(samples) for samples in sounds])
        _check_vectors(features, (len(sounds), spec.features), "sounds", may_be_zero=True)
        vectors: Tensor = audio_encoder.model.map_features(features.half().float())
    _check_vectors(vectors, (len(sounds), spec.rank), "sounds")
    return vectors


def _sound(duration_s: float, rate_hz: int) -> np.ndarray:
    """Return noise and a tone, float32."""
    import numpy as np

    t = np.arange(max(1, round(duration_s * rate_hz))) / rate_hz
    noise = np.random.default_rng(0).normal(0, 0.1, len(t))
    samples: np.ndarray = (noise + 0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    return samples


def _check_ranking(model: MatchModel, texts: Tensor, sounds: Tensor) -> None:
    """Check that what a search computes with these vectors are numbers."""
    import torch

    from engine.models.bank import Bank
    from engine.models.familiar import Familiar
    from engine.transport import mahalanobis_cost

    ranking = model.spec.ranking
    if not model.spec.bank:
        raise ModelError("its bank holds no texts: there is nothing to compare sounds with")
    with torch.inference_mode():
        _check_finite(Bank.of(model)(sounds), "the potentials of sounds")
        between = mahalanobis_cost(texts, sounds) / ranking.cost_scale
        _check_finite(between / ranking.epsilon, "the distance of a text and a sound")
        _check_finite(Familiar.of(model)(texts), "the familiarity of texts")


def _check_vectors(
    vectors: Tensor, shape: tuple[int, ...], of: str, may_be_zero: bool = False
) -> None:
    if tuple(vectors.shape) != shape:
        raise ModelError(f"the vectors of {of} have the shape {_told(tuple(vectors.shape))}")
    _check_finite(vectors.half(), f"a vector of {of}")  # as they are stored
    if not may_be_zero and not bool(vectors.half().float().norm(dim=-1).gt(0).all()):
        raise ModelError(f"a vector of {of} is zero")


def _check_finite(tensor: Tensor, what: str) -> None:
    if not bool(tensor.isfinite().all()):
        raise ModelError(f"{what}: not every number in it is finite")


def _main() -> int:
    import torch  # noqa: F401 - before memory is limited: the limit is for the model

    return be_child(_do)


if __name__ == "__main__":
    sys.exit(_main())
