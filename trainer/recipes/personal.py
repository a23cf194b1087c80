"""Train a model on the user's own library, from stored features, without forgetting.

Projections and metric learn by partial transport, because names are noisy.  Afterwards the
weights are moved only part of the way from the base model to the trained one (Wortsman et
al., *Robust fine-tuning of zero-shot models*, CVPR 2022): as far as sounds that were held out
are found best, and no farther than a general set of sounds allows.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import InputError
from engine.models.drafts import draft_of
from engine.models.familiar import Familiar
from engine.models.folder import write_model
from engine.models.match_model import (
    Captioner,
    Listener,
    MatchModel,
    load_model,
    load_tokenizer,
)
from engine.models.spec import Ranking
from engine.progress import Control, Progress
from engine.tags.taxonomy import SENTENCE
from engine.transport import bank_potentials, library_potential, mahalanobis_cost
from trainer.data.library_pairs import CaptionedFeatures
from trainer.evaluation.metrics import recall_and_map
from trainer.evaluation.protocols import hear, read_manifest
from trainer.loop.run import Rates, Run, RunConfig, reporting
from trainer.objectives.losses import ObjectiveConfig
from trainer.recipes.rehearsal import Rehearsal

MAY_FORGET = 0.02  # of zero-shot R@1 on the general set
_WAYS = (1.0, 0.75, 0.5, 0.25)  # shares of the way from the base to the trained weights
_SURE = 2.0  # standard errors by which a way must be better
_HELD_OUT = 0.15
_LARGEST_TEST = 1000  # sounds
_QUERIES, _WINDOWS = 500, 4000  # for moving the match strength's zero


@dataclass(frozen=True)
class PersonalConfig:
    """How to train on a library; ``mass`` is the share of pairs that is trusted."""

    steps: int = 500
    tower_steps: int = 0
    batch: int = 256
    mass: float = 0.85
    heads_rate: float = 3e-4
    metric_rate: float = 3e-5
    rehearsal: float = 1.0
    seed: int = 1

    def run_config(self, sounds: int) -> RunConfig:
        """Return the loop's configuration for so many sounds."""
        return RunConfig(
            steps=self.steps,
            tower_steps=self.tower_steps,
            batch=min(self.batch, sounds),
            objective=ObjectiveConfig("partial", mass=self.mass),
            rates=Rates(self.heads_rate, self.metric_rate, 2e-5 if self.tower_steps else 0.0),
            metric_pull=1e-3,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Standing:
    """How well a model does: on held-out sounds by their names, and in general.

    ``general`` is zero-shot R@1 on the general set, None without one.
    """

    r1: float
    r10: float
    map10: float
    general: float | None


@dataclass(frozen=True)
class Outcome:
    """What training on a library came to.

    ``way`` is the share of the way that the weights were moved; 0 means that the base model
    was better, or that what is gained would cost too much elsewhere (``kept`` says which).
    """

    before: Standing
    after: Standing
    way: float
    kept: str
    sounds: int
    held_out: int
    model: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class GeneralSet:
    """Sounds of everything, which a model should go on knowing: features, label of each."""

    features: Tensor
    labels: tuple[str, ...]

    def figure(self, captioner: Captioner) -> float:
        """Return zero-shot R@1."""
        texts = sorted(set(self.labels))
        relevant = torch.tensor([[own == text for text in texts] for own in self.labels])
        cost = mahalanobis_cost(captioner.model.map_features(self.features), captioner(texts))
        return recall_and_map(-cost, relevant, None)["r1"]


def hear_general_set(model: MatchModel, manifest: Path, control: Control) -> GeneralSet:
    """Listen to the sounds of a manifest (path, and label or caption)."""
    header = manifest.read_text(encoding="utf-8-sig").splitlines()[:1]
    column = "label" if header and "label" in header[0].split(",") else "caption"
    rows = dict(read_manifest(manifest, column))
    heard = hear(Listener(model), rows, control, mapped=False)
    texts = [rows[path] for path in heard.paths]
    labels = [SENTENCE.format(label=text) if column == "label" else text for text in texts]
    return GeneralSet(heard.means(), tuple(labels))


def train_personal(
    base_folder: Path,
    pairs: CaptionedFeatures,
    run_folder: Path,
    config: PersonalConfig,
    control: Control,
    general: Path | None = None,
    insist: bool = False,
    tell: Callable[[dict[str, Any]], None] = lambda event: None,
) -> tuple[MatchModel, Outcome]:
    """Train on a library's pairs; return the best model and what it came to.

    :param general: manifest of the general set; without one nothing watches over forgetting.
    :param insist: take what is best on the held-out sounds, whatever is forgotten.
    """
    base = load_model(base_folder)
    tokenizer = load_tokenizer(base_folder)
    known = None if general is None else hear_general_set(base, general, control)
    training, test = pairs.split(_HELD_OUT, config.seed)
    model = copy.deepcopy(base).requires_grad_(True)
    settings = config.run_config(len(training.captions))
    rehearsal = None
    if base.spec.exemplars:
        rehearsal = Rehearsal(base, tokenizer, config.rehearsal)
    run = Run(run_folder, model, tokenizer, training, settings, rehearse=rehearsal, tell=tell)
    run.run(reporting("training", settings.steps, control))
    control.report(Progress("comparing", 0, len(_WAYS)))
    exam = exam_of(test, known, config.seed)
    before, base_precisions = exam.grade(Captioner(base, tokenizer))
    trained = run.averaged_weights()
    best, kept = (0.0, base, before), "no way was better on the held-out sounds"
    for number, way in enumerate(_WAYS, start=1):
        candidate = _on_the_way(base, trained, way)
        standing, precisions = exam.grade(Captioner(candidate, tokenizer))
        gain = precisions - base_precisions
        surely = float(gain.mean()) > _SURE * float(gain.std()) / len(gain) ** 0.5
        forgets = (
            standing.general is not None
            and before.general is not None
            and standing.general < before.general - MAY_FORGET
        )
        tell({"event": "way", "way": way, **asdict(standing), "forgets": forgets})
        control.report(Progress("comparing", number, len(_WAYS)))
        if surely and forgets and not insist:
            kept = "what was gained would have cost too much of what the base model knew"
        elif surely and standing.map10 > best[2].map10:
            best = (way, candidate, standing)
    way, chosen, after = best
    sizes = (len(training.captions), len(test.captions))
    return chosen, Outcome(before, after, way, "" if way else kept, *sizes)


@dataclass(frozen=True)
class Exam:
    """Held-out sounds, looked for by their names, and the general set."""

    test: CaptionedFeatures
    known: GeneralSet | None
    queries: tuple[str, ...]
    relevant: Tensor

    def grade(self, captioner: Captioner) -> tuple[Standing, Tensor]:
        """Return a model's standing, and each query's reciprocal rank."""
        with torch.inference_mode():
            u = captioner.model.map_features(self.test.features)
            cost = mahalanobis_cost(captioner(self.queries), u)
            scores = cost.new_full((len(self.queries), len(self.test.captions)), -torch.inf)
            clip = self.test.clip.expand_as(cost)
            scores = scores.scatter_reduce(1, clip, -cost, "amax")
            figures = recall_and_map(scores, self.relevant)
            own = scores.masked_fill(~self.relevant, -torch.inf).max(1).values
            rank = (scores > own[:, None]).sum(1) + 1
            general = None if self.known is None else self.known.figure(captioner)
        standing = Standing(figures["r1"], figures["r10"], figures["map"], general)
        return standing, 1.0 / rank


def exam_of(test: CaptionedFeatures, known: GeneralSet | None, seed: int) -> Exam:
    """Return the exam on held-out pairs, at most 1,000 of them."""
    if len(test.captions) > _LARGEST_TEST:
        generator = torch.Generator().manual_seed(seed)
        kept = torch.randperm(len(test.captions), generator=generator)[:_LARGEST_TEST]
        test = test.part(kept.sort().values.numpy())
    names = [texts[0] for texts in test.captions]
    queries = tuple(sorted(set(names)))
    relevant = torch.tensor([[name == query for name in names] for query in queries])
    return Exam(test, known, queries, relevant)


def _on_the_way(base: MatchModel, trained: dict[str, Tensor], way: float) -> MatchModel:
    """Return a model ``way`` of the way from the base's weights to the trained ones."""
    model = copy.deepcopy(base)
    state = model.state_dict()
    for name, value in trained.items():
        if value.is_floating_point():
            state[name] = state[name].lerp(value, way)
    model.load_state_dict(state)
    return model


def write_personal(
    folder: Path, base_folder: Path, model: MatchModel, outcome: Outcome, pairs: CaptionedFeatures
) -> None:
    """Write a personal model as a folder of its own, whole or not at all.

    :raises InputError: there is such a folder already, or it cannot be written.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already: choose another --name")
    base = load_model(base_folder)
    spec = replace(
        base.spec,
        name=folder.name,
        base=base.spec.id,
        ranking=_moved_ranking(base, model, base_folder, pairs),
        provenance=f"Trained on a library of {outcome.sounds} sounds, from {base.spec.name}.",
    )
    model.spec = spec
    with draft_of(folder) as draft:
        write_model(draft, model, base_folder / "tokenizer.json", pairs.features)
        card = _card(spec.name, base.spec.name, outcome)
        (draft / "README.md").write_text(card, encoding="utf-8")


@torch.inference_mode()
def _moved_ranking(
    base: MatchModel, model: MatchModel, base_folder: Path, pairs: CaptionedFeatures
) -> Ranking:
    """Return the base's ranking with the strength's zero where it was, among this library.

    The zero moves as the median evidence of reference texts for the library's best sounds
    moves, and for sounds that of their nearest neighbours.
    """
    tokenizer = load_tokenizer(base_folder)
    step = max(1, len(pairs.features) // _WINDOWS)
    windows = pairs.features[::step]
    texts = model.spec.bank[:: max(1, len(model.spec.bank) // _QUERIES)]
    medians = []
    for m in (base, model):
        ranking, u = m.spec.ranking, m.map_features(windows)
        captioner = Captioner(m, tokenizer)
        bank = m.bank_vectors if m is base else captioner(m.spec.bank)
        m.bank_vectors.copy_(bank)
        to_bank = mahalanobis_cost(u, bank) / ranking.cost_scale
        g = bank_potentials(to_bank, ranking.epsilon, tolerance=1e-3, max_iterations=100).g
        f = library_potential(to_bank, g, ranking.epsilon)
        familiar, queries = Familiar.of(m, g), captioner(texts)
        score = ranking.strength_blend * f - mahalanobis_cost(queries, u) / ranking.cost_scale
        by_text = score.amax(1) - familiar(queries)
        among = ranking.strength_blend * f - mahalanobis_cost(u[:_QUERIES], u) / ranking.cost_scale
        others = among.masked_fill(torch.eye(*among.shape, dtype=torch.bool), -torch.inf)
        by_sound = others.amax(1) - familiar(u[:_QUERIES])
        medians.append((float(by_text.median()), float(by_sound.median())))
    (text_0, sound_0), (text_1, sound_1) = medians
    old = base.spec.ranking
    return replace(
        old,
        query_potential=old.query_potential - (text_1 - text_0),
        audio_query_potential=old.audio_query_potential - (sound_1 - sound_0),
    )


def comparison(outcome: Outcome) -> Sequence[tuple[str, str, str]]:
    """Return rows of (figure, before, after)."""
    rows = [
        ("held-out sounds, found first (R@1)", outcome.before.r1, outcome.after.r1),
        ("held-out sounds, among the first ten (R@10)", outcome.before.r10, outcome.after.r10),
        ("held-out sounds, mAP@10", outcome.before.map10, outcome.after.map10),
    ]
    if outcome.before.general is not None and outcome.after.general is not None:
        general = (outcome.before.general, outcome.after.general)
        rows.append(("sounds of everything, zero-shot (R@1)", *general))
    return [(name, f"{before:.3f}", f"{after:.3f}") for name, before, after in rows]


def _card(name: str, base: str, outcome: Outcome) -> str:
    table = "\n".join(f"| {a} | {b} | {c} |" for a, b, c in comparison(outcome))
    return (
        f"# Model card: {name}\n\nTrained by `soundsift train --from-library` on {outcome.sounds} "
        f"sounds of a library, from the model `{base}`; its weights stand {outcome.way:.0%} of "
        f"the way to what was trained. {outcome.held_out} sounds were held out.\n\n"
        f"| figure | {base} | {name} |\n|---|---|---|\n{table}\n"
    )
