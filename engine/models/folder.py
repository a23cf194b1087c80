"""Write a model as a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from torch import Tensor

from engine.models.match_model import MatchModel, load_text_encoder
from engine.models.spec import write_spec
from engine.models.weights import AUDIO_PREFIX, save_weights, tensors_sha256
from engine.transport import bank_potentials, mahalanobis_cost

_BANK_SAMPLE = 20000


def write_model(
    folder: Path, model: MatchModel, tokenizer: Path, pool: Tensor | None = None
) -> None:
    """Write a model folder: weights, tokenizer, bank vectors and potentials, ``model.json``.

    :param model: both sides, trained; ``model.spec.bank`` holds the reference texts.
    :param pool: features (n, width) that the bank's first potentials are solved on; without
        them they are 0 until a library has enough windows to solve its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    model = model.eval()
    _write(folder, model)
    vectors = load_text_encoder(folder)(model.spec.bank)
    ranking = model.spec.ranking
    with torch.no_grad():
        model.bank_vectors.copy_(vectors)
        if pool is not None:
            u = model.map_features(pool[:_BANK_SAMPLE])
            cost = mahalanobis_cost(u, vectors) / ranking.cost_scale
            model.bank_potentials.copy_(bank_potentials(cost, ranking.epsilon).g)
    _write(folder, model)


def _write(folder: Path, model: MatchModel) -> None:
    tensors = dict(model.state_dict())
    if not model.spec.exemplars:
        del tensors["exemplars"]
    save_weights(tensors, folder / "weights.safetensors")
    spec = model.spec.with_files(folder, tensors_sha256(tensors, AUDIO_PREFIX))
    write_spec(spec, folder)
