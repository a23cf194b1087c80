"""Train on a data set with any encoders, end to end or on features of frozen ones.

Under ``torchrun`` every process runs this; the first one decodes, listens and writes while
the others wait, and if one fails all of them end.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from engine import durable
from engine.errors import InputError
from engine.models.catalog import find_model
from engine.models.folder import write_model
from engine.models.foreign import audio_spec, load_audio_tower, load_foreign_text_encoder
from engine.models.match_model import AudioEncoder, MatchModel, load_model, load_tokenizer
from engine.models.spec import ModelSpec, read_spec
from engine.models.text_towers import CaptionTokenizer
from engine.progress import Control
from engine.torch_setup import cores
from trainer.data import cache as caches
from trainer.data.left_out import LeftOut
from trainer.data.library_pairs import CaptionedFeatures
from trainer.data.pairs import PairSource, shuffled
from trainer.data.sets import Captioned, read_set
from trainer.data.sound_pairs import Crops, SoundPairs
from trainer.evaluation.validation import Validation
from trainer.loop.checkpoint import CheckpointPolicy, has_checkpoint, read_whole
from trainer.loop.config import Rates, RunConfig
from trainer.loop.embedding import LoaderConfig
from trainer.loop.failures import sentences_for_failures
from trainer.loop.log import Tell, check_tensorboard
from trainer.loop.parallel import World, world
from trainer.loop.run import Run, reporting
from trainer.objectives.losses import ObjectiveConfig
from trainer.recipes.base import is_standardised, of_base
from trainer.recipes.encoders import find_text_encoder
from trainer.recipes.fit_config import FitConfig, absolute, read_config, write_config
from trainer.recipes.once import FEATURES, SIGNATURE, build_cache, check_validation
from trainer.recipes.settings import settled, with_cost_scale, with_towers

CONFIG = "config.toml"


@dataclass(frozen=True)
class Start:
    """What a run starts from: its sounds, its model, and where the tokenizer lies."""

    sounds: Sequence[Captioned]
    exam: Sequence[Captioned]  # to validate on; empty without a validation set
    model: MatchModel
    tokenizer: CaptionTokenizer
    tokenizer_file: Path


def fit_model(options: argparse.Namespace) -> None:
    """Run ``soundsift train fit``: read, cache, train, and write ``FOLDER/model``.

    :param options: ``folder``, ``watch``, ``show``, and what :class:`FitConfig` has.
    """
    config, folder = FitConfig.of(options), options.folder
    places = world(config.device)
    with (
        ExitStack() as held,
        sentences_for_failures(folder),
        options.watch() as control,
        places as (processes, device),
    ):
        control = processes.told_by_leader(control)
        with processes.together():
            config = _on_base(config.checked(), options, processes)
            config = _claimed(folder, config, processes, held)
            skipped = LeftOut(folder / "skipped.txt")
            start = _start(folder.name, config, processes, skipped)
        validation = None
        with processes.together():
            if processes.leads:
                check_validation(folder, start.exam)
                build_cache(folder, config, start.model, start.sounds, control, skipped, device)
                validation = _validation(config, start, control, device, skipped)
        with processes.together():
            source = _source(folder, config, start)
            run = Run(
                folder,
                start.model.requires_grad_(True),
                start.tokenizer,
                source,
                _run_config(config, start.sounds, processes.size, device),
                device,
                processes,
                validation,
                tell=options.show,
                keeping=CheckpointPolicy(config.checkpoint_steps, 60 * config.checkpoint_minutes),
                board=config.tensorboard,
                feeding=_feeding(config, device),
            )
        run.run(reporting("training", run.config.steps, control))
        with processes.together():
            if processes.leads:
                pool = source.features if isinstance(source, CaptionedFeatures) else None
                _write(folder, run, start, validation, pool, options.show)


def _write(
    folder: Path,
    run: Run,
    start: Start,
    validation: Validation | None,
    pool: torch.Tensor | None,
    show: Tell,
) -> None:
    """Leave the model and its pictures."""
    from trainer.evaluation.figures import draw_run

    finished = with_cost_scale(run.result(), run)
    write_model(folder / "model", finished, start.tokenizer_file, pool)
    draw_run(folder, finished, start.tokenizer, validation, show)
    show({"event": "done", "model": str(folder / "model")})


def _on_base(config: FitConfig, options: argparse.Namespace, processes: World) -> FitConfig:
    """Return a configuration as its base has it, if there is one; tell what a recipe has not."""
    if not config.base:
        return config
    folder, given = find_model(config.base), vars(options)
    spec, standardised = read_spec(folder), is_standardised(folder)
    config, notes = of_base(config, given, spec, standardised=standardised)
    for note in notes if processes.leads else ():
        options.show({"event": "warning", "text": note})
    return config


def _claimed(folder: Path, config: FitConfig, processes: World, held: ExitStack) -> FitConfig:
    """Write the configuration down; a run goes on only under the one it began with.

    :param held: keeps other runs out of the folder until it is closed.
    :raises InputError: the folder holds a run with another one, or one that is being trained;
        or TensorBoard is missing.
    """
    if config.tensorboard:
        check_tensorboard()
    config, path = absolute(config), folder / CONFIG
    if processes.leads:
        durable.make_folder(folder)
        try:
            held.enter_context(FileLock(folder / "run.lock", timeout=0))
        except Timeout:
            raise InputError(f"another process is training in {folder}: wait, or stop it") from None
        durable.sweep(folder)
    if has_checkpoint(folder) and path.is_file():
        changed = FitConfig(**read_config(path)).changed(config)
        if changed:
            raise InputError(
                f"{folder} contains a run that differs in {' and '.join(changed)}: continue "
                "with its original options, or choose another folder"
            )
    if processes.leads:
        write_config(path, config)
    return config


def _run_config(
    config: FitConfig, sounds: Sequence[Captioned], processes: int, device: str
) -> RunConfig:
    """Return the loop's configuration; few pairs are one batch.

    An epoch is as many pairs as there are captions.
    """
    pairs = sum(len(sound.captions) for sound in sounds)
    batch = config.batch if pairs >= config.batch else pairs // processes * processes
    steps = config.steps or max(1, round(config.epochs * pairs / batch))
    frozen = config.frozen
    text, audio = (0.0, 0.0) if frozen else (config.text_rate, config.audio_rate)
    run = RunConfig(
        steps=steps,
        tower_steps=0 if frozen else steps,
        batch=batch,
        micro_batch=batch if frozen else config.micro_batch,
        objective=ObjectiveConfig(config.loss, config.epsilon, config.mass, squared=config.squared),
        metric_pull=config.pull,
        rates=Rates(config.head_rate, config.metric_rate, text, audio),
        validate_every=max(1, pairs // batch) if config.validation else 0,
        patience=config.patience if config.validation else 0,
        score=config.score,
        mixed_precision=device != "cpu" or frozen or config.bf16,
        seed=config.seed,
        init_seed=config.init_seed,
    )
    return settled(run, asdict(config))


def _feeding(config: FitConfig, device: str) -> LoaderConfig:
    """Return how the device is fed: by one thread beside a CPU that computes, else by several."""
    workers = config.workers
    if workers is None:
        workers = min(4, cores()) if device.startswith("cuda") else 1
    return LoaderConfig(0 if config.frozen else workers, config.compile)


def _start(name: str, config: FitConfig, processes: World, skipped: LeftOut) -> Start:
    """Return the sounds that are there, and the model to train."""
    with skipped if processes.leads else nullcontext(_unheard) as tell:
        sounds = [sound for place in config.sets for sound in read_set(place, config.split, tell)]
        exam: list[Captioned] = []
        if config.validation:
            exam = read_set(config.validation, config.validation_split, tell)
    if config.noise:
        sounds = _noisy(sounds, config.noise, config.seed)
    if len({sound.captions for sound in sounds}) < 2:
        raise InputError("all sounds have the same caption: there is nothing to tell apart")
    if len(sounds) < processes.size:
        raise InputError(f"{len(sounds)} sounds are too few for {processes.size} processes")
    torch.manual_seed(config.seed if config.init_seed is None else config.init_seed)
    if config.base:
        folder = find_model(config.base)
        spec = read_spec(folder)
        model = load_model(folder)
        reads_anew = not config.frozen and config.text_rate > 0
        hears_anew = not config.frozen and config.audio_rate > 0
        audible = () if reads_anew else spec.audible  # the probe has not read that text tower
        model.spec = replace(spec, name=name, base=spec.id, audible=audible)
        if reads_anew or hears_anew:
            model.forget()
        return Start(sounds, exam, model.eval(), load_tokenizer(folder), folder / "tokenizer.json")
    spec = audio_spec(config.encoder, config.weights)
    text_folder = find_text_encoder(config.text_encoder)
    text, tokenizer, weights = load_foreign_text_encoder(text_folder)
    spec = replace(_sized(spec, config), name=name, text_encoder=text)
    model = MatchModel(with_towers(spec, asdict(config)))
    model.text_tower.load_state_dict(weights)
    if config.weights is not None:
        load_audio_tower(model, config.weights)
    elif config.frozen:
        raise InputError("a frozen encoder needs its --weights (or start from a --base model)")
    return Start(sounds, exam, model.eval(), tokenizer, text_folder / "tokenizer.json")


def _unheard(path: Path, reason: str) -> None:
    """Say nothing: the first process tells what is left out."""


def _sized(spec: ModelSpec, config: FitConfig) -> ModelSpec:
    rank = config.rank or config.dimensions
    if rank > config.dimensions:
        raise InputError(f"a rank of {rank} is more than {config.dimensions} dimensions")
    bank = read_spec(find_model("default")).bank
    return replace(spec, dimensions=config.dimensions, rank=rank, bank=bank)


def _validation(
    config: FitConfig, start: Start, control: Control, device: str, skipped: LeftOut
) -> Validation | None:
    if not start.exam:
        return None
    audio_encoder = AudioEncoder(start.model)
    with skipped:
        return Validation(
            audio_encoder, start.tokenizer, start.exam, config.longest, control, device, skipped
        )


def _check_apart(captions: Iterable[tuple[str, ...]]) -> None:
    """Check the captions of the sounds that could be heard.

    :raises InputError: there is nothing to tell apart.
    """
    if len({texts for texts in captions if texts}) < 2:
        raise InputError("all readable sounds have the same caption: use a larger set")


def _source(folder: Path, config: FitConfig, start: Start) -> PairSource:
    """Return the pairs, cached as features of the frozen encoder or as decoded samples."""
    of_path = {str(sound.path): sound for sound in start.sounds}
    if config.frozen:
        kept = read_whole(
            folder / FEATURES, f"delete {folder / SIGNATURE} to compute the features again"
        )
        heard = [of_path[path] for path in kept["paths"]]
        _check_apart(sound.captions for sound in heard)
        texts, meant = tuple(s.captions for s in heard), tuple(s.meaning for s in heard)
        return CaptionedFeatures(kept["features"], kept["clip"], texts, meanings=meant)
    cache = caches.load(folder / "samples", "samples")
    _check_apart(of_path[path].captions for path in cache.paths if path in of_path)
    named = [of_path.get(path, Captioned(Path(path), ())) for path in cache.paths]
    captions, meanings = [s.captions for s in named], [s.meaning for s in named]
    rate_hz, crops = start.model.spec.front_end.rate_hz, Crops(config.longest, config.mix)
    return SoundPairs(cache, captions, rate_hz, crops, meanings)


def _noisy(sounds: Sequence[Captioned], ratio: float, seed: int) -> list[Captioned]:
    """Return the sounds with a share of their captions dealt out anew (section 5.2).

    :raises InputError: so small a share is not two of them.
    """
    if round(ratio * len(sounds)) < 2:
        raise InputError(
            f"--noise {ratio} of {len(sounds)} sounds shuffles none: give a larger share, or "
            "leave it out"
        )
    order = shuffled([str(number) for number in range(len(sounds))], ratio, seed)
    return [
        replace(sounds[int(other)], path=sound.path)
        for sound, other in zip(sounds, order, strict=True)
    ]
