"""What the trainer's commands do; they print nothing but what ``options.show`` is given."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import torch

from engine.audio.decode import EXTENSIONS
from engine.errors import InputError, LibraryError
from engine.models.bounds import is_plain_name
from engine.models.catalog import find_model, models
from engine.models.efficientat import EfficientAt
from engine.models.encoders import AudioTower
from engine.models.folder import write_model
from engine.models.foreign import load_foreign_text_encoder
from engine.models.match_model import MatchModel, TextEncoder, load_model, load_tokenizer
from engine.models.spec import FrontEnd, ModelSpec, read_spec
from engine.models.towers import COMPACT, MN04
from engine.paths import data_folder, default_library, installed_models
from engine.progress import Progress
from engine.store import Library
from engine.store.adopted import adopted_model
from engine.torch_setup import set_threads
from trainer.data import cache as caches
from trainer.data.left_out import LeftOut
from trainer.data.library_pairs import read_pairs
from trainer.data.manifest import TRAIN, labelled_clips, write_manifest
from trainer.data.pairs import read_tag_names, source_digest
from trainer.data.texts import read_categories, read_wordings
from trainer.experiments import run_experiment
from trainer.loop.config import Rates, RunConfig
from trainer.loop.parallel import alike, training_device
from trainer.loop.run import Run, reporting
from trainer.objectives.losses import ObjectiveConfig
from trainer.recipes.audible import fit_audible
from trainer.recipes.average import average_runs
from trainer.recipes.bounds import COUNT, MASS, NOT_NEGATIVE, POSITIVE, SHARE, check_numbers
from trainer.recipes.distil import DistillConfig, Distiller
from trainer.recipes.encoders import find_text_encoder
from trainer.recipes.export import (
    EXEMPLARS,
    calibrate,
    centres,
    origin,
    reference_texts,
    write_recipe,
)
from trainer.recipes.fit import fit_model
from trainer.recipes.fit_config import FitConfig, read_config
from trainer.recipes.match import beginning, matched, tagged_pairs
from trainer.recipes.memory import with_filed, with_memory
from trainer.recipes.personal import PersonalConfig, train_personal
from trainer.recipes.personal_model import write_personal
from trainer.recipes.tags import joined, learn_views, read_views
from trainer.recipes.teacher import (
    TEACHER,
    clip_features,
    clip_labels,
    load_student,
    load_teacher,
    make_pool,
)
from trainer.recipes.towers import beside, tuned_tower, with_tower
from trainer.recipes.unheeded import check_heeded
from trainer.recipes.wordings import WordingConfig, learn_wordings, with_wordings

_MATCH_BOUNDS = {
    "mass": MASS,
    "epsilon": POSITIVE,
    "steps": COUNT,
    "tower_steps": NOT_NEGATIVE,
    "seed": NOT_NEGATIVE,
    "head_rate": NOT_NEGATIVE,
    "caption_share": SHARE,
}


def from_library(options: argparse.Namespace) -> None:
    """Train on the user's own library."""
    path: Path = options.library or default_library()
    if not path.is_file():
        raise LibraryError(f"there is no library at {path} yet: run `soundsift index FOLDER` first")
    set_threads(options.threads)
    target = _free_name(installed_models(), options.name)
    config = PersonalConfig(tower_steps=100 if options.text_tower else 0)
    with options.watch() as control, Library(path) as library:
        known = adopted_model(library)
        if known is None:
            raise LibraryError(f"nothing is indexed in {path}: run `soundsift index FOLDER`")
        base = find_model(known.found_by)
        pairs = read_pairs(library, control)
        heard = source_digest((), pairs.features.numpy())  # another tower, or other sounds so named
        digest = pairs.digest(read_spec(base).id, repr(config), heard)
        run = data_folder() / "runs" / f"{target.name}-{digest}"
        model, outcome = train_personal(
            base, pairs, run, config, control, options.general, options.insist, options.show
        )
        if outcome.way:
            control.report(Progress("writing", 0))
            outcome = replace(outcome, model=str(target))
            write_personal(target, base, model, outcome, pairs)
        (run / "checkpoint.pt").unlink(missing_ok=True)  # it has come to its end
    options.show({"event": "personal", "base": base.name, **outcome.to_dict()})


def fit(options: argparse.Namespace) -> None:
    """Train on a data set with any encoders; the command line wins over its file."""
    set_threads(options.threads)
    with alike():
        of_file = {} if options.config is None else read_config(options.config)
    for name, value in of_file.items():
        if not hasattr(options, name):
            setattr(options, name, value)
    with alike():
        check_heeded(FitConfig.of(options).checked(), vars(options))
    fit_model(options)


def average(options: argparse.Namespace) -> None:
    """Average runs that began with the same weights."""
    set_threads(options.threads)
    with options.watch() as control:
        average_runs(
            options.target,
            options.runs,
            options.validation,
            options.validation_split,
            control,
            options.show,
        )


def experiment(options: argparse.Namespace) -> None:
    """Run one of the paper's tables."""
    with alike():
        training_device(options.device)
        check_numbers(vars(options), {"seeds": COUNT})
    set_threads(options.threads)
    run_experiment(options)


def spectra(options: argparse.Namespace) -> None:
    """Decode sounds into a cache of log-mels."""
    set_threads(1)  # one for each of the threads that decode
    paths = [
        path
        for folder in options.folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in EXTENSIONS and path.is_file()
    ]
    if options.split:
        paths += [clip.path for clip in labelled_clips(options.data, options.split)]
    check_numbers(vars(options), {"longest": POSITIVE})
    if not paths:
        raise InputError("there are no sounds to decode: name folders or a --split")
    with options.watch() as control, LeftOut(options.cache / "skipped.txt") as skipped:
        given, front_end = caches.counted(paths, control), FrontEnd()
        caches.build_spectra(
            options.cache, given, front_end, options.longest, options.threads, skipped
        )


def match(options: argparse.Namespace) -> None:
    """Train projections, metric and text tower on teacher features."""
    options.device = training_device(options.device)
    check_numbers(vars(options), _MATCH_BOUNDS)
    set_threads(options.threads)
    model, tokenizer = beginning(options.start, find_text_encoder(options.text_encoder))
    pairs = tagged_pairs(
        options.data,
        options.splits or TRAIN,
        (options.spectra, *options.more),
        _teacher(options),
        None if options.student is None else load_student(options.student),
        options.caption_share,
    )
    objective = ObjectiveConfig(
        options.loss, options.epsilon, options.mass, squared=options.squared
    )
    rates = replace(Rates(), heads=options.head_rate)
    config = RunConfig(objective=objective, rates=rates, seed=options.seed)
    if options.start is not None:
        config = replace(config, init_seed=0)  # every seed goes on from the same weights
    if options.steps is not None:
        config = replace(config, steps=options.steps)
    if options.tower_steps is not None:
        config = replace(config, tower_steps=options.tower_steps)
    with options.watch() as control:
        run = Run(options.folder, model, tokenizer, pairs, config, options.device)
        run.run(reporting("matching", config.steps, control))


def distil(options: argparse.Namespace) -> None:
    """Distil the compact audio tower."""
    options.device = training_device(options.device)
    check_numbers(vars(options), {"minutes": POSITIVE, "rate": POSITIVE})
    set_threads(options.threads)
    run = Distiller(
        options.folder,
        _teacher(options),
        [caches.load(path) for path in options.spectra],
        caches.load(options.validation),
        DistillConfig(minutes=options.minutes, peak_rate=options.rate),
        FrontEnd(),
        options.device,
        None if options.match is None else matched([options.match]),
        None if options.start is None else load_student(options.start),
    )
    seconds = round(60 * options.minutes)

    with options.watch() as control:

        def watch(step: int, terms: dict[str, float]) -> None:
            note = " ".join(f"{name} {value:.2f}" for name, value in terms.items())
            control.report(Progress("distilling", round(run.elapsed_s), seconds, note))

        run.run(watch)


def tags(options: argparse.Namespace) -> None:
    """Learn the second view: of captions from captions alone, of sounds from the teacher."""
    set_threads(options.threads)
    teacher = _teacher(options)
    student = None if options.student is None else load_student(options.student)
    text, tokenizer, _ = load_foreign_text_encoder(find_text_encoder(options.text_encoder))
    spec = ModelSpec(name="match", audio_tower=MN04, text_encoder=text)
    model = matched([options.match], spec)
    with options.watch() as control:
        learn_views(
            options.folder,
            options.data,
            make_pool([caches.load(path) for path in options.spectra], (), teacher, student),
            TextEncoder(model.eval(), tokenizer),
            control,
        )


def wordings(options: argparse.Namespace) -> None:
    """Teach a model's text projections other words, on the features of both towers."""
    check_numbers(vars(options), {"seed": NOT_NEGATIVE})
    set_threads(options.threads)
    base = load_model(options.base)
    clips = labelled_clips(options.data, TRAIN)
    spectra = [caches.load(path) for path in options.spectra]
    pool = make_pool(spectra, clips, _teacher(options), base.audio_tower)
    encoder = TextEncoder(base, load_tokenizer(options.base))
    with options.watch() as control:
        config = WordingConfig(seed=options.seed)
        learn_wordings(options.folder, options.data, base, encoder, pool, control, config)


def reword(options: argparse.Namespace) -> None:
    """Make a calibrated model folder with the text projections of wordings runs."""
    set_threads(options.threads)
    model = with_wordings(load_model(options.base), options.wordings)
    features = clip_features(model.audio_tower, caches.load(options.spectra))
    _write_and_calibrate(options, model, features)


def tower(options: argparse.Namespace) -> None:
    """Make a calibrated model folder with another audio tower under the same projections."""
    check_numbers(vars(options), {"share": SHARE})
    if not (options.student or options.pair):
        raise InputError("the model would stay as it is: name towers with --student, or say --pair")
    set_threads(options.threads)
    base = load_model(options.base)
    students = [load_student(path) for path in options.student]
    own = tuned_tower(base, students, options.share)
    found = beside(_teacher(options), own) if options.pair else own
    pool, sounds = _heard(options, found)
    _write_and_calibrate(options, with_tower(base, found, sounds), pool)


def remember(options: argparse.Namespace) -> None:
    """Make a calibrated model folder that remembers the labelled sounds of a cache.

    They are its examples of categories, too.
    """
    set_threads(options.threads)
    base, cache = load_model(options.base), caches.load(options.spectra)
    encoder = TextEncoder(base, load_tokenizer(options.base))
    features = clip_features(base.audio_tower, cache)
    labels = clip_labels(cache, labelled_clips(options.data, TRAIN))
    with options.watch() as control:
        model = with_memory(base, encoder, labels, features, read_wordings(), control)
        model = with_filed(model, labels, features, read_categories())
    _write_and_calibrate(options, model, features)


def _write_and_calibrate(
    options: argparse.Namespace, model: MatchModel, features: torch.Tensor
) -> None:
    model.spec = replace(model.spec, name=options.model.name)
    write_model(options.model, model, options.base / "tokenizer.json", features)
    _calibrate(options)


def export(options: argparse.Namespace) -> None:
    """Make a calibrated model folder."""
    check_numbers(vars(options), {"tag_weight": POSITIVE, "start_share": SHARE})
    set_threads(options.threads)
    student = load_student(options.student)
    provenance, licences = origin(COMPACT)
    spec = ModelSpec(
        name=options.model.name,
        audio_tower=COMPACT,
        bank=reference_texts(options.data, read_tag_names(options.data)),
        provenance=provenance,
        licences=licences,
        exemplars=EXEMPLARS,
    )
    model = matched(options.match, spec, options.start, options.start_share)
    pool, sounds = _heard(options, student)
    texts = find_text_encoder(options.text_encoder)
    if options.tags is not None:
        labels = sorted({clip.label for clip in labelled_clips(options.data, TRAIN)})
        said = (*spec.bank, *labels)
        captions = TextEncoder(model, load_foreign_text_encoder(texts)[1]).features(said)
        model = joined(model, read_views(options.tags), options.tag_weight, captions)
    model.audio_tower.load_state_dict(student.state_dict())
    model.exemplars.copy_(centres(sounds, EXEMPLARS))
    write_model(options.model, model, texts / "tokenizer.json", pool)
    _calibrate(options)


def _heard(options: argparse.Namespace, tower: AudioTower) -> tuple[torch.Tensor, torch.Tensor]:
    """Return features of the train split's sounds, and of these with those without labels."""
    pool = clip_features(tower, caches.load(options.spectra))
    more = [clip_features(tower, caches.load(path)) for path in options.more]
    return pool, torch.cat([pool, *more])


def _calibrate(options: argparse.Namespace) -> None:
    valid = labelled_clips(options.data, "valid")
    with options.watch() as control:
        calibration = calibrate(options.model, valid, control)
        probe = fit_audible(options.model, options.data, control)
    options.show({"event": "calibrated", **asdict(calibration)})
    options.show({"event": "audible", **asdict(probe)})


def audible(options: argparse.Namespace) -> None:
    """Fit which texts speak of a sound, for a model that is there."""
    set_threads(options.threads)
    with options.watch() as control:
        probe = fit_audible(options.model, options.data, control)
    options.show({"event": "audible", **asdict(probe)})


def manifest(options: argparse.Namespace) -> None:
    """Write a split as a manifest."""
    clips = labelled_clips(options.data, options.split)
    write_manifest(options.file, clips, options.column)


def recipe(options: argparse.Namespace) -> None:
    """Make the recipe of a model with a foreign tower."""
    write_recipe(options.recipe, options.model, options.shared)


def _free_name(home: Path, name: str | None) -> Path:
    """Return the folder of a new model: the given name, or the first free one.

    :raises InputError: the name is taken, or is no plain name.
    """
    taken = {entry.name for entry in models()}
    if name is not None:
        if name in taken or (home / name).exists():
            raise InputError(f"there is already a model named {name}: choose another --name")
        if not is_plain_name(name):
            raise InputError(f"{name} is not a valid model name: use letters, digits and dashes")
        return home / name
    number = 1
    while (free := "personal" if number == 1 else f"personal-{number}") in taken:
        number += 1
    return home / free


def _teacher(options: argparse.Namespace) -> EfficientAt:
    return load_teacher(options.teacher or options.data / TEACHER)
