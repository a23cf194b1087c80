"""The trainer's commands, each resumable: start one again and it goes on where it stopped.

``--from-library``  fit the library's model to your own sounds, from what was heard in them

``fit``       train on a data set with any encoders, end to end or on frozen features
``average``   make one model of several runs that began with the same weights
``experiment``  the tables and figure of the paper, in full or small

and what the shipped models are made with:

``spectra``   decode sounds once into a cache of log-mels
``match``     m-LTM training of projections, metric and text tower on teacher features
``distil``    distillation of the compact audio tower
``export``    make a model folder of the results, calibrated on validation clips
``manifest``  write a split of the data folder as a manifest for `soundsift evaluate`
``recipe``    make what joins a foreign audio tower with a model's shared parts
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from engine.errors import InputError, SoundsiftError
from engine.log import logger, start_log
from engine.plain_text import one_line
from engine.progress import STOPPED, Cancelled, Control, Progress, stop_signals
from trainer.data.manifest import data_folder
from trainer.loop.parallel import FailedElsewhere, alike, leads, processes
from trainer.objectives.losses import OBJECTIVES
from trainer.recipes.bounds import THREADS, check_folders, check_numbers
from trainer.recipes.fit_config import FitConfig, kinds, option_of

Watch = Callable[[], AbstractContextManager[Control]]
Show = Callable[[dict[str, Any]], None]
_log = logger(__name__)
_OF_MANY = ("fit", "experiment")  # commands that may be started by torchrun
_FOLDERS = ("folder", "target", "model", "runs")  # options that name folders of weights
EXPERIMENTS = (
    *(f"table{n}" for n in range(1, 10)),
    *("figure2", "figure4", "figure5", "losses", "removal", "pool"),
)


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
            show_json({"event": "progress", **asdict(progress)})

    with stop_signals() as stop:
        yield Control(update, stop)


def show_json(event: dict[str, Any]) -> None:
    """Print one event as a JSON line."""
    print(json.dumps(event), flush=True)


def main(
    arguments: list[str] | None = None,
    watch: Watch = json_lines,
    show: Show = show_json,
) -> int:
    """Run one command, its progress shown by ``watch``, its results by ``show``.

    :return: the exit code: 0 for success, 1 for a problem, 130 when stopped; wrong usage
        exits with 2.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    options.watch, options.show = watch, show
    start_log(options.verbose)
    if options.from_library == ("command" in options):
        parser.error("name a command, or --from-library")
    try:
        _run(options)
    except Cancelled:
        if leads():
            print("stopped; start the same command again to go on", file=sys.stderr)
        return STOPPED
    except FailedElsewhere:
        return 1
    except SoundsiftError as error:
        print(one_line(f"error: {error}"), file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:  # below those who know what they were doing
        what = f"{error.filename}: " if error.filename else ""
        print(one_line(f"error: {what}{error.strerror or error}"), file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    from trainer import commands

    name = "from_library" if options.from_library else options.command
    with alike():
        if processes() > 1 and name not in _OF_MANY:
            raise InputError(f"`{name}` works in one process: start it without torchrun")
        check_numbers(vars(options), {"threads": THREADS})
        check_folders(vars(options), _FOLDERS)
    began = time.monotonic()
    getattr(commands, name)(options)
    _log.info("%s ended after %.0f s", name, time.monotonic() - began)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="soundsift train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=data_folder(), help="the data folder")
    parser.add_argument("--threads", type=int, help="threads for torch (default: every core)")
    said = "say on standard error what is done, and how long it takes"
    parser.add_argument("--verbose", action="store_true", help=said)
    _add_library(parser.add_argument_group("training on your own library"))
    commands = parser.add_subparsers(metavar="COMMAND")

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary)
        made.set_defaults(command=name)
        made.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS, help=said)
        return made

    _add_fit(command("fit", "train on a data set"))
    _add_average(command("average", "average runs that began with the same weights"))
    experiment = command("experiment", "a table or figure of the paper")
    experiment.add_argument("name", choices=EXPERIMENTS)
    experiment.add_argument("--scale", choices=("small", "full"), default="small")
    experiment.add_argument(
        "--runs", type=Path, help="folder of runs (default: beside your libraries)"
    )
    experiment.add_argument("--seeds", type=int, default=3)
    experiment.add_argument("--audiocaps", metavar="FOLDER", help="for --scale full")
    experiment.add_argument("--clotho", metavar="FOLDER", help="for --scale full")
    experiment.add_argument("--esc50", metavar="FOLDER", help="for --scale full")
    experiment.add_argument(
        "--esc50-fold", type=int, default=5, help="its test set, for --scale full"
    )
    experiment.add_argument(
        "--more", type=Path, nargs="*", default=[], help="caches without labels, for pool"
    )
    experiment.add_argument("--resnet38", type=Path, help="PANNs' checkpoint, for --scale full")
    experiment.add_argument("--htsat", type=Path, help="a CLAP folder, for --scale full")
    experiment.add_argument("--bert", type=Path, help="folder of bert-base-uncased")
    experiment.add_argument("--device", default="cpu")
    for option, kind in (("--data", Path), ("--threads", int)):  # after the command, too
        experiment.add_argument(option, type=kind, default=argparse.SUPPRESS)
    spectra = command("spectra", "decode sounds once into a cache of log-mels")
    spectra.add_argument("cache", type=Path)
    spectra.add_argument("folders", type=Path, nargs="*", help="folders of sounds")
    spectra.add_argument("--split", help="or a split of the data folder's manifest")
    spectra.add_argument("--longest", type=float, default=30.0, help="seconds kept of a file")
    _add_match(command("match", "m-LTM training on teacher features"))
    _add_distil(command("distil", "distil the compact audio tower"))
    _add_tags(command("tags", "learn what sounds and captions say about tags"))
    export = command("export", "make a model folder")
    export.add_argument("model", type=Path, help="the model folder to write")
    export.add_argument(
        "--match", type=Path, nargs="+", required=True, help="folders of match runs: their average"
    )
    export.add_argument("--start", type=Path, help="the model that they began with counts, too")
    export.add_argument("--start-share", type=float, default=0.5, help="how much it counts")
    export.add_argument("--spectra", type=Path, required=True, help="cache of the train split")
    export.add_argument("--more", type=Path, nargs="*", default=[], help="caches without labels")
    export.add_argument(
        "--student",
        type=Path,
        help="compact tower, or the folder of a model with one; without it, the teacher",
    )
    export.add_argument("--tags", type=Path, help="folder of a tags run: the second view")
    export.add_argument("--tag-weight", type=float, default=0.5, help="w of the second view")
    export.add_argument("--text-encoder", type=Path)
    export.add_argument("--teacher", type=Path, help="checkpoint (default: in the data folder)")
    manifest = command("manifest", "write a split as a manifest")
    manifest.add_argument("file", type=Path, metavar="FILE.csv")
    manifest.add_argument("--split", required=True)
    manifest.add_argument("--column", choices=("label", "caption"), default="label")
    recipe = command("recipe", "make the recipe of a model with a foreign tower")
    recipe.add_argument("recipe", type=Path, help="the recipe's folder to write")
    recipe.add_argument("--model", type=Path, required=True, help="the complete model")
    recipe.add_argument("--shared", type=Path, required=True, help="the model that shares parts")
    return parser


def _add_library(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--from-library", action="store_true", help="train on your own library")
    group.add_argument("--library", type=Path, metavar="FILE", help="the library database")
    group.add_argument("--name", help="the new model's name (default: personal, personal-2, ...)")
    group.add_argument("--text-tower", action="store_true", help="train the text tower too: slower")
    group.add_argument("--general", type=Path, metavar="CSV", help="sounds to go on knowing")
    group.add_argument("--insist", action="store_true", help="whatever is forgotten elsewhere")
    group.add_argument("--json", action="store_true", help="print one JSON document")


def _add_fit(fit: argparse.ArgumentParser) -> None:
    """Add an option for each field of a run's configuration; only what is given is set."""
    fit.add_argument("folder", type=Path, help="the run's folder; the model ends up in it")
    fit.add_argument(
        "--config", type=Path, metavar="FILE.toml", help="options, as a run wrote them"
    )
    kind_of = kinds()
    for known in fields(FitConfig):
        flag, kind, default = f"--{option_of(known.name)}", kind_of[known.name], known.default
        said = "" if default in (None, False, ()) else f" (default: {default})"
        more: dict[str, Any] = {"dest": known.name, "default": argparse.SUPPRESS}
        more["help"] = known.metadata["help"] + said
        if kind is bool:
            more["action"] = argparse.BooleanOptionalAction
        elif known.name == "sets":
            more["action"] = "append"
        else:
            more |= {"type": kind, "choices": known.metadata["choices"]}
        fit.add_argument(flag, **more)


def _add_average(average: argparse.ArgumentParser) -> None:
    average.add_argument("target", type=Path, metavar="OUT", help="folder of the averaged model")
    average.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of runs")
    average.add_argument("--validation", help="KIND:FOLDER (default: the runs' own)")
    average.add_argument("--validation-split", help="of that set (default: the runs' own)")


def _add_match(match: argparse.ArgumentParser) -> None:
    match.add_argument("folder", type=Path, help="the run's folder")
    match.add_argument("--spectra", type=Path, required=True, help="cache of the train split")
    match.add_argument("--more", type=Path, nargs="*", default=[], help="caches without labels")
    match.add_argument("--student", type=Path, help="also fit the features of this compact tower")
    match.add_argument("--steps", type=int)
    match.add_argument("--tower-steps", type=int, help="last steps, with a free text tower")
    match.add_argument("--text-encoder", type=Path, help="folder of a BERT-class encoder")
    match.add_argument("--start", type=Path, help="a model to go on from")
    match.add_argument("--head-rate", type=float, default=1e-3, help="the heads' highest rate")
    match.add_argument(
        "--caption-share", type=float, default=0.35, help="share of tagged captions in a batch"
    )
    match.add_argument("--seed", type=int, default=1)
    match.add_argument("--device", default="cpu", help="cpu or cuda")
    match.add_argument("--teacher", type=Path, help="checkpoint (default: in the data folder)")
    _add_objective(match)


def _add_tags(tags: argparse.ArgumentParser) -> None:
    tags.add_argument("folder", type=Path, help="the run's folder")
    tags.add_argument("--match", type=Path, required=True, help="the match run, for its text tower")
    tags.add_argument("--spectra", type=Path, nargs="+", required=True, help="caches of sounds")
    tags.add_argument("--student", type=Path, help="also fit the features of this compact tower")
    tags.add_argument("--text-encoder", type=Path, help="folder of a BERT-class encoder")
    tags.add_argument("--teacher", type=Path, help="checkpoint (default: in the data folder)")


def _add_objective(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--loss", choices=OBJECTIVES, default="mltm", help="the objective")
    parser.add_argument("--mass", type=float, default=0.85, help="mass of --loss partial")
    parser.add_argument("--epsilon", type=float, default=0.05, help="regularisation of the plan")
    parser.add_argument("--squared", action="store_true", help="c²/2 in place of the cost c")


def _add_distil(distil: argparse.ArgumentParser) -> None:
    distil.add_argument("folder", type=Path, help="the run's folder")
    distil.add_argument("--spectra", type=Path, nargs="+", required=True, help="caches")
    distil.add_argument("--validation", type=Path, required=True, help="cache of valid")
    distil.add_argument("--minutes", type=float, default=120.0)
    distil.add_argument("--rate", type=float, default=2e-3, help="the highest learning rate")
    distil.add_argument("--start", type=Path, help="weights of a compact tower to go on from")
    distil.add_argument("--match", type=Path, help="a match run, whose embedding is a target too")
    distil.add_argument("--device", default="cpu", help="cpu or cuda")
    distil.add_argument("--teacher", type=Path, help="checkpoint (default: in the data folder)")
