"""Train a model on the user's own library, from stored features, without forgetting.

Projections and metric learn by incomplete transport, because names are noisy.  Afterwards the
weights are moved only part of the way from the base model to the trained one (Wortsman et
al., *Robust fine-tuning of zero-shot models*, CVPR 2022): as far as sounds that were held out
are found best, and no farther than what the model knew in general allows.  What that gained is
told by sounds that were held out of the choice, too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.errors import InputError
from engine.models.match_model import MatchModel, TextEncoder, load_model, load_tokenizer
from engine.progress import Control
from trainer.data.library_pairs import CaptionedFeatures
from trainer.loop.config import Rates, RunConfig
from trainer.loop.run import Run
from trainer.objectives.losses import ObjectiveConfig
from trainer.recipes.exam import Exam, Standing, Watch, exam_of, hear_general_set
from trainer.recipes.rehearsal import Guard, Rehearsal
from trainer.recipes.remaining import Remaining, Stage

MAY_FORGET = 0.02  # of zero-shot R@1 on a general set that was named
MUST_AGREE = 0.75  # share of the guard's exemplars; see docs/decisions/0008
_WAYS = (1.0, 0.75, 0.5, 0.25)  # shares of the way from the base to the trained weights
_SURE = 2.0  # standard errors by which a way must be better
_HELD_OUT = 0.15  # of the sounds for choosing, and as many for reporting
_LARGEST_TEST = 1000  # sounds
_FEWEST_RECORDINGS = 5  # of a test
_TOWER_FACTOR = 6.0  # how much longer a step takes while the text tower learns, until it was timed
_WRITING_FACTOR = 4.0  # how much longer writing takes than judging
_JUDGING, _TRAINING, _TOWER, _COMPARING = range(4)  # stages


@dataclass(frozen=True)
class PersonalConfig:
    """How to train on a library; ``mass`` is the share of pairs that is trusted."""

    steps: int = 500
    tower_steps: int = 0
    batch: int = 256
    objective: str = "incomplete"
    mass: float = 0.85
    heads_rate: float = 3e-4
    metric_rate: float = 3e-5
    rehearsal: float = 3.0
    seed: int = 1

    def run_config(self, sounds: int) -> RunConfig:
        """Return the loop's configuration for so many sounds."""
        return RunConfig(
            steps=self.steps,
            tower_steps=self.tower_steps,
            batch=min(self.batch, sounds),
            objective=ObjectiveConfig(self.objective, mass=self.mass),
            rates=Rates(self.heads_rate, self.metric_rate, 2e-5 if self.tower_steps else 0.0),
            metric_pull=1e-3,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Outcome:
    """What training on a library came to.

    ``way`` is the share of the way that the weights were moved; 0 means that the base model
    was better, or that what is gained would cost too much elsewhere (``kept`` says which).
    ``before`` and ``after`` are of ``held_out`` sounds, looked for by their ``names`` names, that
    neither training nor choosing saw; ``chosen_on`` counts the sounds that the way was chosen by.
    ``forgets`` tells that more was forgotten than is allowed, as may be where one insists.
    """

    before: Standing
    after: Standing
    way: float
    kept: str
    sounds: int
    chosen_on: int
    held_out: int
    names: int
    forgets: bool = False
    model: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


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

    :param general: manifest of sounds that the model should go on knowing.
    :param insist: take what is best on the held-out sounds, whatever is forgotten.
    :raises InputError: too few recordings to hold some out.
    """
    parts = parts_of(pairs, config.seed)
    training, choosing, _ = parts
    base, tokenizer = load_model(base_folder), load_tokenizer(base_folder)
    known = None if general is None else hear_general_set(base, general, control)
    left = Remaining(control, _stages(config))
    left.report(_JUDGING, 0)
    guard = Guard.of(base, tokenizer) if base.spec.exemplars else None
    judge = _Judge(exam_of(choosing), Watch(guard, known), TextEncoder(base, tokenizer))
    left.report(_JUDGING, 1)
    rehearsal = Rehearsal(base, tokenizer, config.rehearsal) if guard else None
    model = copy.deepcopy(base).requires_grad_(True)
    settings = config.run_config(len(training.captions))
    run = Run(run_folder, model, tokenizer, training, settings, rehearse=rehearsal, tell=tell)
    run.run(_reporting(left, config))
    left.report(_COMPARING, 0)
    trials = []
    for number, way in enumerate(_WAYS, start=1):
        trials.append(judge.trial(way, on_the_way(base, run.averaged_weights(), way)))
        tell({"event": "way", **trials[-1].to_dict()})
        left.report(_COMPARING, number)
    way, kept = choice(trials, judge.before, insist)
    chosen = on_the_way(base, run.averaged_weights(), way) if way else base
    outcome = _outcome(judge, (base, chosen), (way, kept), parts)
    forgets = any(trial.forgets for trial in trials if trial.way == way)
    outcome = replace(outcome, forgets=forgets)
    ways = [trial.to_dict() for trial in trials]
    run.log({"event": "chosen", "ways": ways, **outcome.to_dict()})
    left.report(_COMPARING, len(_WAYS) + 1)
    return chosen, outcome


def _outcome(
    judge: _Judge,
    models: tuple[MatchModel, MatchModel],
    choice: tuple[float, str],
    parts: Sequence[CaptionedFeatures],
) -> Outcome:
    """Return what became of a choice, by the sounds that had no part in it."""
    exam = exam_of(parts[2])
    before, after = (judge.standing(exam, model)[0] for model in models)
    sounds, chosen_on, held_out = (len(part.captions) for part in parts)
    return Outcome(before, after, *choice, sounds, chosen_on, held_out, len(exam.queries))


def parts_of(pairs: CaptionedFeatures, seed: int) -> tuple[CaptionedFeatures, ...]:
    """Return what to train on, what to choose the way by, and what to report the gains by.

    :raises InputError: too few recordings to hold some out.
    """
    size = min(round(_HELD_OUT * len(pairs.captions)), _LARGEST_TEST)
    parts = pairs.split((size, size), seed)
    for part in parts[1:]:
        names = {texts[0] for texts in part.captions}
        if _count(part) < _FEWEST_RECORDINGS or len(names) < 2:
            raise InputError(
                f"the {len(pairs.captions)} named sounds of this library come from "
                f"{_count(pairs)} recordings (takes of one name in one folder are one), too "
                "few to hold some out for measuring: index sounds of other recordings, too"
            )
    return tuple(parts)


def _count(pairs: CaptionedFeatures) -> int:
    """Return of how many recordings sounds come."""
    return len(set(pairs.recordings or range(len(pairs.captions))))


def on_the_way(base: MatchModel, trained: dict[str, Tensor], way: float) -> MatchModel:
    """Return a model ``way`` of the way from the base's weights to the trained ones."""
    model = copy.deepcopy(base)
    state = model.state_dict()
    for name, value in trained.items():
        if value.is_floating_point():
            state[name] = state[name].lerp(value, way)
    model.load_state_dict(state)
    return model


@dataclass(frozen=True)
class Trial:
    """A way, and what became of it on the sounds that ways are chosen by."""

    way: float
    standing: Standing
    surely: bool
    forgets: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        found = {"way": self.way, "surely": self.surely, "forgets": self.forgets}
        return {**asdict(self.standing), **found}


class _Judge:
    """Tries ways, on sounds that were held out and under what watches over forgetting."""

    def __init__(self, exam: Exam, watch: Watch, base: TextEncoder) -> None:
        self._exam, self._watch = exam, watch
        self._tokenizer = base.tokenizer
        self.before, self._precisions = self.standing(exam, base.model)

    def standing(self, exam: Exam, model: MatchModel) -> tuple[Standing, Tensor]:
        """Return a model's whole standing, and each query's reciprocal rank."""
        text_encoder = TextEncoder(model, self._tokenizer)
        standing, precisions = exam.grade(text_encoder)
        agreement, general = self._watch.figures(text_encoder)
        return replace(standing, agreement=agreement, general=general), precisions

    def trial(self, way: float, model: MatchModel) -> Trial:
        """Return how a model on the way does."""
        standing, precisions = self.standing(self._exam, model)
        gain = precisions - self._precisions
        surely = float(gain.mean()) > _SURE * float(gain.std()) / len(gain) ** 0.5
        return Trial(way, standing, surely, self._forgets(standing))

    def _forgets(self, now: Standing) -> bool:
        agrees = now.agreement is None or now.agreement >= MUST_AGREE
        if now.general is None or self.before.general is None:
            return not agrees
        return not agrees or now.general < self.before.general - MAY_FORGET


def choice(trials: Sequence[Trial], before: Standing, insist: bool) -> tuple[float, str]:
    """Return the best way, 0 for the base model as it was, and then why."""
    sure = [trial for trial in trials if trial.surely]
    allowed = [trial for trial in sure if insist or not trial.forgets]
    best = max(allowed, key=lambda trial: trial.standing.map10, default=None)
    if best is not None and best.standing.map10 > before.map10:
        return best.way, ""
    if any(trial.forgets for trial in sure):
        return 0.0, "the gain would have cost too much of what the base model knew"
    return 0.0, "nothing tried was reliably better on sounds it had not learned from"


def _stages(config: PersonalConfig) -> list[Stage]:
    """Return the stages of a run, up to the new model's folder.

    What takes long in judging and writing is to read the bank's texts: half of them at first, and
    once more for each trial where the text tower has learnt.
    """
    read_again = 1.0 if config.tower_steps else 0.3
    return [
        Stage("judging the model as it is", 1),
        Stage("training", config.steps - config.tower_steps, _TRAINING),
        Stage("training the text tower", config.tower_steps, _TRAINING, _TOWER_FACTOR),
        Stage("comparing", len(_WAYS) + 1, _JUDGING, read_again),
        Stage("writing", 1, _JUDGING, _WRITING_FACTOR),
    ]


def _reporting(left: Remaining, config: PersonalConfig) -> Callable[[int, float], None]:
    """Return a watcher of the run that reports steps, and stops when asked to."""
    first = config.steps - config.tower_steps

    def watch(step: int, loss: float) -> None:
        if step <= first:
            left.report(_TRAINING, step, f"loss {loss:.3f}")
        else:
            left.report(_TOWER, step - first, f"loss {loss:.3f}")

    return watch
