"""Make a model folder of trained parts, and calibrate its ranking on validation clips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import InputError
from engine.models.bank import Bank
from engine.models.encoders import audio_tower_entry
from engine.models.familiar import Familiar
from engine.models.match_model import (
    MatchModel,
    load_audio_encoder,
    load_text_encoder,
)
from engine.models.spec import Ranking, read_spec, write_spec
from engine.models.weights import HEARD, as_stored, load_tensors
from engine.progress import Control
from engine.search.wording import wordings
from engine.transport import mahalanobis_cost
from trainer.data.manifest import LabelledClip
from trainer.evaluation.metrics import recall_and_map
from trainer.evaluation.protocols import Embedded, embed_sounds, protocols
from trainer.evaluation.rankings import library_scores, owners

_TRAINED = (  # provenance, and licences, of all but the audio tower
    "text tower fine-tuned from all-MiniLM-L6-v2; projections and metric trained by m-LTM.",
    "Text tower after sentence-transformers/all-MiniLM-L6-v2: Apache-2.0.",
    "Bank: category texts of UCS 8.2.1 (public domain), class names of AudioSet (CC BY 4.0).",
)
_SHARED = (  # of a model whose tower is in part that of the model `default`
    "text tower, projections, metric and bank those of the model `default`.",
    "Everything else: as the model `default`.",
)
EXEMPLARS = 1024
BLENDS = (0.0, 0.25, 0.5, 0.75, 1.0)
FAMILIAR = 0.25  # chosen on valid (docs/decisions/0006)
UNTOLD = 0.002  # of mAP@10, whose standard error on valid is 0.026
DIVIDER = 0.85  # σ(e) from which on one in four results is right (docs/decisions/0006)
MISTAKEN = 0.05  # share of searches without an answer that may show a strong match
SOUNDLESS = (  # what nothing sounds like
    "an income tax form",
    "the theory of relativity",
    "the taste of vanilla",
    "a shade of green",
    "a contract between two companies",
    "the capital of France",
    "a crossword puzzle",
    "last year's budget",
    "the smell of fresh paint",
    "a proof by induction",
    "honesty and patience",
    "the date of a birthday",
    "a map of the city",
    "an abstract oil painting",
    "interest rates",
    "the grammar of a sentence",
    "a font with serifs",
    "the meaning of life",
    "a passport photograph",
    "prime numbers",
    "an empty spreadsheet",
    "the letter q",
    "a recipe for bread",
    "gravity on the moon",
)


def origin(tower: str) -> tuple[str, tuple[str, ...]]:
    """Return the provenance and the licences of an exported model with an audio tower."""
    entry = audio_tower_entry(tower)
    rest, *licences = _SHARED if entry.shared else _TRAINED
    return f"{entry.provenance}; {rest}", (entry.licence, *licences)


def reference_texts(folder: Path, tag_names: Sequence[str]) -> tuple[str, ...]:
    """Return the bank: UCS category names and explanations, and AudioSet's class names."""
    path = folder / "text" / "ucs_en.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    names = [f"{row['Category']} {row['SubCategory']}".lower() for row in rows]
    explanations = [row["Explanations"].strip() for row in rows]
    return tuple(dict.fromkeys([*names, *filter(None, explanations), *tag_names]))


def centres(features: Tensor, count: int) -> Tensor:
    """Return ``count`` centres (count, width) of features (n, width), by k-means.

    Distances are in deviations of each feature; of fewer features some centres coincide.

    :raises InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.cluster import MiniBatchKMeans
    except ImportError as error:
        raise InputError(
            "scikit-learn is not installed: install the extra `soundsift[trainer]`"
        ) from error

    mean, deviation = features.mean(0), features.std(0).clamp(min=1e-3)
    scaled = ((features - mean) / deviation).numpy()
    found = MiniBatchKMeans(min(count, len(scaled)), random_state=0, n_init=1, batch_size=4096)
    wanted = torch.arange(count) % min(count, len(scaled))
    return torch.from_numpy(found.fit(scaled).cluster_centers_).float()[wanted] * deviation + mean


def write_recipe(folder: Path, model: Path, shared: Path) -> None:
    """Write what is needed to join a foreign audio tower with the shared parts of a model.

    :param model: a complete, calibrated model folder with that tower.
    :param shared: the model folder that gives everything else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spec = read_spec(model)
    write_spec(replace(spec, bank=(), audible=(), sha256={}, audio_sha256=""), folder)
    own = load_tensors(model / "weights.safetensors", ("bank_potentials", *HEARD))
    save_file(
        {**as_stored(own), "bank_potentials": own["bank_potentials"]},
        folder / "potentials.safetensors",
        metadata={"shared_id": read_spec(shared).id},
    )


@dataclass(frozen=True)
class FittedRanking:
    """What was chosen on validation clips, and the figures that spoke for it."""

    ranking: Ranking
    map10_of_blend: dict[float, float]
    map10_of_own_blend: dict[float, float]
    auroc: float


def calibrate(folder: Path, clips: Sequence[LabelledClip], control: Control) -> FittedRanking:
    """Choose λ and the strength's zero on labelled validation clips, and write them down.

    λ is the least that gives nearly the best mAP@10 of text→audio, under ``bank`` and, where a
    library's own words are the bank, under ``library``.  Evidence
    is 0 where one in twenty searches without an answer passes: those for a label when the half
    of the clips that is nearest to it in meaning is taken away, and those for what nothing sounds
    like.  ``auroc`` says how well the former can be told from searches with an answer.  For
    searches by sound it stands where the two part best, by Youden's index.
    """
    audio_encoder, text_encoder = load_audio_encoder(folder), load_text_encoder(folder)
    heard = embed_sounds(audio_encoder, (clip.path for clip in clips), control)
    labels = sorted({clip.merged for clip in clips})
    texts = text_encoder.between([*map(wordings, labels)])  # as search asks
    familiar = replace(audio_encoder.model.spec.ranking, familiar=FAMILIAR)
    of_path = {clip.path: clip.merged for clip in clips}
    relevant = torch.tensor([[of_path[path] == label for label in labels] for path in heard.paths])
    maps, own_maps = {}, {}
    cost = mahalanobis_cost(texts, heard.vectors) / familiar.cost_scale
    for blend in BLENDS:
        to_audio, _ = protocols(audio_encoder, heard, texts, blend)["bank"]
        maps[blend] = recall_and_map(to_audio, relevant.T)["map"]
        by_words = library_scores(cost, owners(relevant), familiar.epsilon, blend)
        own_maps[blend] = recall_and_map(heard.best(by_words), relevant.T)["map"]
    blend, own_blend = least_good(maps), least_good(own_maps)
    kin, model = _kin(texts), audio_encoder.model
    model.spec = replace(model.spec, ranking=replace(familiar, blend=blend))
    with_class, without = _best_evidence(model, heard, texts, _some(kin, relevant.T))
    soundless = text_encoder.between([*map(wordings, SOUNDLESS)])
    nothing = torch.zeros(len(soundless), len(heard.paths), dtype=torch.bool)
    mistaken = torch.cat([without, _best_evidence(model, heard, soundless, nothing)[0]])
    own_kin = _some(_some(relevant, kin), relevant.T)
    own = model.metric(heard.means()).detach()
    alike, unlike = _best_evidence(
        model, heard, own, own_kin, torch.eye(len(own_kin), dtype=torch.bool)
    )
    asked = (relevant.float() @ relevant.float().T).sum(1) > 1
    ranking = replace(
        model.spec.ranking,
        own_blend=own_blend,
        query_potential=-float(mistaken.quantile(1 - MISTAKEN)),
        audio_query_potential=-_youden(alike[asked], unlike[asked]),
        divider=DIVIDER,
    )
    write_spec(replace(model.spec, ranking=ranking), folder)
    auroc = float((with_class[:, None] > without[None, :]).double().mean())
    return FittedRanking(ranking, maps, own_maps, auroc)


def least_good(map10_of_blend: Mapping[float, float]) -> float:
    """Return the least λ whose mAP@10 is not told from the best.

    A larger one costs: with λ f in the score, searches without an answer are told less well.
    """
    enough = max(map10_of_blend.values()) - UNTOLD
    return min(blend for blend, found in map10_of_blend.items() if found >= enough)


def _kin(texts: Tensor) -> Tensor:
    """Return (texts, texts): which half of the labels is nearest in meaning to each label.

    Without a query's own clips a library may still hold an answer ("gate" for "door"); only
    with all its kin taken away is it sure that nothing there sounds like the query.
    """
    cost = mahalanobis_cost(texts, texts)
    return cost <= cost.median(dim=1, keepdim=True).values


def _best_evidence(
    model: MatchModel,
    heard: Embedded,
    queries: Tensor,
    kin: Tensor,
    itself: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return each query's best λ f − C among all clips, and with its kin taken away.

    How familiar the query is is taken off.

    :param kin: (queries, clips) boolean.
    :param itself: (queries, clips) boolean, clips that do not count either way.
    """
    ranking = model.spec.ranking
    f = Bank.of(model)(heard.vectors)
    cost = mahalanobis_cost(queries, heard.vectors) / ranking.cost_scale
    evidence = heard.best(ranking.strength_blend * f - cost) - Familiar.of(model)(queries)[:, None]
    if itself is not None:
        evidence = evidence.masked_fill(itself, -torch.inf)
    return evidence.max(1).values, evidence.masked_fill(kin, -torch.inf).max(1).values


def _some(a: Tensor, b: Tensor) -> Tensor:
    """Return the boolean matrix product: whether any path leads from row to column."""
    return (a.float() @ b.float()) > 0


def _youden(positive: Tensor, negative: Tensor) -> float:
    """Return the threshold with the largest true minus false positive rate."""
    candidates = torch.cat([positive, negative]).sort().values
    true = (positive[None, :] >= candidates[:, None]).double().mean(1)
    false = (negative[None, :] >= candidates[:, None]).double().mean(1)
    return float(candidates[int((true - false).argmax())])
