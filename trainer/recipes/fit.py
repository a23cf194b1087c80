"""Train on a data set with any encoders, end to end or on features of frozen ones."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from engine.errors import InputError
from engine.models.catalog import find_model
from engine.models.folder import write_model
from engine.models.foreign import audio_spec, load_audio_tower, load_text_encoder
from engine.models.match_model import Listener, MatchModel, load_model, load_tokenizer
from engine.models.spec import ModelSpec, read_spec
from engine.models.text_towers import CaptionTokenizer
from engine.progress import Control
from engine.torch_setup import cores
from trainer.data import cache as caches
from trainer.data.left_out import LeftOut
from trainer.data.library_pairs import CaptionedFeatures
from trainer.data.pairs import Source, shuffled
from trainer.data.sets import Captioned, read_set
from trainer.data.sound_pairs import Crops, SoundPairs
from trainer.evaluation.protocols import hear
from trainer.evaluation.validation import Validation
from trainer.loop.embedding import Feeding
from trainer.loop.parallel import world
from trainer.loop.run import Rates, Run, RunConfig, reporting
from trainer.objectives.losses import ObjectiveConfig
from trainer.recipes.encoders import text_encoder


def fit_model(options: argparse.Namespace) -> None:
    """Run ``soundsift train fit``: read, cache, train, and write ``FOLDER/model``."""
    with LeftOut(options.folder / "skipped.txt") as skipped:
        sounds = [s for name in options.sets for s in read_set(name, options.split, skipped)]
    if options.noise:
        sounds = _noisy(sounds, options.noise, options.seed)
    if len({sound.captions for sound in sounds}) < 2:
        raise InputError("all sounds have the same caption: there is nothing to tell apart")
    model, tokenizer, tokenizer_file = _start(options)
    with options.watch() as control, world(options.device) as (processes, device):
        listener = Listener(model.eval().to(device))
        with skipped:
            source = _source(options, listener, sounds, control, skipped)
        config = _config(options, len(sounds))
        validation = None
        if options.validation:
            with skipped:
                test = read_set(options.validation, options.validation_split, skipped)
                validation = Validation(
                    listener, tokenizer, test, options.longest, control, device, skipped
                )
        run = Run(
            options.folder,
            model.requires_grad_(True),
            tokenizer,
            source,
            config,
            device,
            processes,
            validation,
            tell=options.show,
            feeding=_feeding(options, device),
        )
        run.run(reporting("training", config.steps, control))
        if processes.leads:
            from trainer.evaluation.figures import draw_run

            finished = run.result()
            pool = source.features if isinstance(source, CaptionedFeatures) else None
            write_model(options.folder / "model", finished, tokenizer_file, pool)
            draw_run(options.folder, finished, tokenizer, validation, options.show)
    options.show({"event": "done", "model": str(options.folder / "model")})


def _config(options: argparse.Namespace, sounds: int) -> RunConfig:
    batch = min(options.batch, sounds)
    steps = options.steps or max(1, round(options.epochs * sounds / batch))
    text, audio = (0.0, 0.0) if options.frozen else (options.text_rate, options.audio_rate)
    return RunConfig(
        steps=steps,
        tower_steps=0 if options.frozen else steps,
        batch=batch,
        micro_batch=batch if options.frozen else options.micro_batch,
        objective=ObjectiveConfig(
            options.loss, options.epsilon, options.mass, squared=options.squared
        ),
        ground_metric=options.metric,
        metric_pull=options.pull,
        rates=Rates(options.head_rate, options.metric_rate, text, audio),
        validate_every=max(1, sounds // batch) if options.validation else 0,
        patience=options.patience if options.validation else 0,
        mixed_precision=options.device != "cpu" or options.frozen or options.bf16,
        seed=options.seed,
    )


def _feeding(options: argparse.Namespace, device: str) -> Feeding:
    """Return how the device is fed: by one thread beside a CPU that computes, else by several."""
    workers = getattr(options, "workers", None)
    if workers is None:
        workers = min(4, cores()) if device.startswith("cuda") else 1
    return Feeding(0 if options.frozen else workers, getattr(options, "compile", False))


def _start(options: argparse.Namespace) -> tuple[MatchModel, CaptionTokenizer, Path]:
    """Return the model to train, its tokenizer and where that lies."""
    torch.manual_seed(options.seed)
    if options.base:
        folder = find_model(options.base)
        spec = read_spec(folder)
        model = load_model(folder)
        model.spec = replace(spec, name=options.folder.name, base=spec.id)
        return model, load_tokenizer(folder), folder / "tokenizer.json"
    spec = audio_spec(options.encoder, options.weights)
    text_folder = text_encoder(options.text_encoder)
    text, tokenizer, weights = load_text_encoder(text_folder)
    spec = _sized(spec, options)
    spec = replace(spec, name=options.folder.name, text_encoder=text)
    model = MatchModel(spec)
    model.text_tower.load_state_dict(weights)
    if options.weights is not None:
        load_audio_tower(model, options.weights)
    elif options.frozen:
        raise InputError("a frozen encoder needs its --weights (or start from a --base model)")
    return model, tokenizer, text_folder / "tokenizer.json"


def _sized(spec: ModelSpec, options: argparse.Namespace) -> ModelSpec:
    rank = options.rank or options.dimensions
    if rank > options.dimensions:
        raise InputError(f"a rank of {rank} is more than {options.dimensions} dimensions")
    bank = read_spec(find_model("default")).bank
    return replace(spec, dimensions=options.dimensions, rank=rank, bank=bank)


def _source(
    options: argparse.Namespace,
    listener: Listener,
    sounds: Sequence[Captioned],
    control: Control,
    skipped: LeftOut,
) -> Source:
    """Return the pairs, cached as features of the frozen encoder or as decoded samples."""
    rate_hz = listener.model.spec.front_end.rate_hz
    if options.frozen:
        return _frozen(options.folder / "features.pt", listener, sounds, control)
    folder = options.folder / "samples"
    paths = [sound.path for sound in sounds]
    if not caches.holds(folder, paths):
        given = caches.counted(paths, control)
        caches.build_samples(folder, given, rate_hz, 3 * options.longest, skipped=skipped)
    cache = caches.load(folder, "samples")
    of_path = {str(sound.path): sound for sound in sounds}
    named = [of_path.get(path, Captioned(Path(path), ())) for path in cache.paths]
    captions, meanings = [s.captions for s in named], [s.meaning for s in named]
    return SoundPairs(cache, captions, rate_hz, Crops(options.longest, options.mix), meanings)


def _frozen(
    path: Path, listener: Listener, sounds: Sequence[Captioned], control: Control
) -> CaptionedFeatures:
    if path.is_file():
        kept = torch.load(path, weights_only=True)
        if kept["paths"] == [str(sound.path) for sound in sounds]:
            captions = tuple(sound.captions for sound in sounds)
            return CaptionedFeatures(kept["features"], kept["clip"], captions)
    heard = hear(listener, (sound.path for sound in sounds), control, mapped=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [str(sound) for sound in heard.paths]
    torch.save({"features": heard.vectors, "clip": heard.clip, "paths": names}, path)
    of_path = {sound.path: sound.captions for sound in sounds}
    return CaptionedFeatures(heard.vectors, heard.clip, tuple(of_path[p] for p in heard.paths))


def _noisy(sounds: Sequence[Captioned], ratio: float, seed: int) -> list[Captioned]:
    """Return the sounds with a share of their captions dealt out anew (section 5.2)."""
    order = shuffled([str(number) for number in range(len(sounds))], ratio, seed)
    return [
        replace(sounds[int(other)], path=sound.path)
        for sound, other in zip(sounds, order, strict=True)
    ]
