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
from trainer.data import cache as caches
from trainer.data.library_pairs import CaptionedFeatures
from trainer.data.pairs import Source, shuffled
from trainer.data.sets import Captioned, read_set, skipped
from trainer.data.sound_pairs import Crops, SoundPairs
from trainer.evaluation.protocols import hear
from trainer.evaluation.validation import Validation
from trainer.loop.parallel import world
from trainer.loop.run import Rates, Run, RunConfig, reporting
from trainer.objectives.losses import ObjectiveConfig
from trainer.recipes.encoders import text_encoder
from trainer.recipes.settings import check_ranges, settled, with_cost_scale, with_towers


def fit_model(options: argparse.Namespace) -> None:
    """Run ``soundsift train fit``: read, cache, train, and write ``FOLDER/model``."""
    check_ranges(vars(options))
    sounds = [sound for name in options.sets for sound in read_set(name, options.split, skipped)]
    if options.noise:
        sounds = _noisy(sounds, options.noise, options.seed)
    if len({sound.captions for sound in sounds}) < 2:
        raise InputError("all sounds have the same caption: there is nothing to tell apart")
    model, tokenizer, tokenizer_file = _start(options)
    with options.watch() as control, world(options.device) as (processes, device):
        listener = Listener(model.eval())
        source = _source(options, listener, sounds, control)
        config = _config(options, sum(len(sound.captions) for sound in sounds))
        validation = None
        if options.validation:
            test = read_set(options.validation, options.validation_split, skipped)
            validation = Validation(listener, tokenizer, test, options.longest, control)
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
        )
        run.run(reporting("training", config.steps, control))
        if processes.leads:
            from trainer.evaluation.figures import draw_run

            finished = with_cost_scale(run.result(), run)
            pool = source.features if isinstance(source, CaptionedFeatures) else None
            write_model(options.folder / "model", finished, tokenizer_file, pool)
            draw_run(options.folder, finished, tokenizer, validation, options.show)
    options.show({"event": "done", "model": str(options.folder / "model")})


def _config(options: argparse.Namespace, pairs: int) -> RunConfig:
    """Return how to train; an epoch is as many pairs as there are captions."""
    batch = min(options.batch, pairs)
    steps = options.steps or max(1, round(options.epochs * pairs / batch))
    text, audio = (0.0, 0.0) if options.frozen else (options.text_rate, options.audio_rate)
    config = RunConfig(
        steps=steps,
        tower_steps=0 if options.frozen else steps,
        batch=batch,
        micro_batch=batch if options.frozen else options.micro_batch,
        objective=ObjectiveConfig(
            options.loss, options.epsilon, options.mass, squared=options.squared
        ),
        metric_pull=options.pull,
        rates=Rates(options.head_rate, options.metric_rate, text, audio),
        validate_every=max(1, pairs // batch) if options.validation else 0,
        patience=options.patience if options.validation else 0,
        mixed_precision=options.device != "cpu" or options.frozen or options.bf16,
        seed=options.seed,
    )
    return settled(config, vars(options))


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
    spec = with_towers(spec, vars(options))
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
) -> Source:
    """Return the pairs, cached as features of the frozen encoder or as decoded samples."""
    captions = {str(sound.path): sound.captions for sound in sounds}
    rate_hz = listener.model.spec.front_end.rate_hz
    if options.frozen:
        return _frozen(options.folder / "features.pt", listener, sounds, control)
    folder = options.folder / "samples"
    if not (folder / "index.json").is_file():
        paths = [sound.path for sound in sounds]
        given = caches.counted(paths, control)
        caches.build_samples(folder, given, rate_hz, 3 * options.longest, 2, skipped)
    cache = caches.load(folder, "samples")
    crops = Crops(options.longest, options.mix)
    return SoundPairs(cache, [captions.get(path, ()) for path in cache.paths], rate_hz, crops)


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
        replace(sound, captions=sounds[int(other)].captions)
        for sound, other in zip(sounds, order, strict=True)
    ]
