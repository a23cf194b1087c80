"""The trainer's commands by name, and how they are run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from engine.errors import InputError, SoundsiftError
from engine.log import logger, start_log
from engine.plain_text import one_line
from engine.progress import STOPPED, Cancelled, Control, Progress, stop_signals
from trainer.cli.options import (
    PATH,
    VERBOSE,
    Command,
    Fit,
    OneOf,
    argument,
    option,
    path,
    paths,
    switch,
)

Watch = Callable[[], AbstractContextManager[Control]]
Show = Callable[[dict[str, Any]], None]
Given = Callable[[click.Context], Mapping[str, Any]]
WRONG_USAGE = 2
EXPERIMENTS = (
    *(f"table{n}" for n in range(1, 10)),
    *("figure2", "figure4", "figure5", "losses", "removal", "pool"),
)
_log = logger(__name__)
_OF_MANY = ("fit", "experiment")  # commands that may be started by torchrun
_FOLDERS = ("folder", "target", "model", "runs")  # options that name folders of weights


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
    arguments: Sequence[str] | None = None, watch: Watch = json_lines, show: Show = show_json
) -> int:
    """Run one command, its progress shown by ``watch``, its results by ``show``.

    :return: the exit code: 0 for success, 1 for a problem, 130 when stopped; wrong usage
        exits with 2.
    """
    program = make_program(watch, lambda options: show)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with program.make_context("soundsift train", given) as context:
            return int(program.invoke(context))
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        print(one_line(f"error: {error.format_message()}"), file=sys.stderr)
        raise SystemExit(WRONG_USAGE) from None


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what a command would be given; it is not run."""
    found: list[argparse.Namespace] = []
    program = make_program(json_lines, lambda options: show_json, run=found.append)
    with program.make_context("soundsift train", list(arguments)) as context:
        program.invoke(context)
    return found[0]


class _Program(click.Group):
    """Commands in the order in which they were added, each with all that it says of itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them."""
        with formatter.section("Commands"):
            formatter.write_dl([(n, command.help or "") for n, command in self.commands.items()])


def make_program(
    watch: Watch,
    show_of: Callable[[argparse.Namespace], Show],
    before: Given = lambda context: {},
    run: Callable[[argparse.Namespace], Any] | None = None,
) -> click.Group:
    """Return the trainer's commands.

    :param show_of: what shows the results of a command with these options.
    :param before: what was said before the command, where nothing else is said.
    :param run: what is done with the options; a command that is run returns its exit code.
    """

    def called(**given: Any) -> int:
        context = click.get_current_context()
        options = _options(context, before(context))
        options.watch, options.show = watch, show_of(options)
        return int((run or _run)(options) or 0)

    def alone(**given: Any) -> int:
        context = click.get_current_context()
        named = context.invoked_subcommand is not None
        if context.params["from_library"] == named:
            context.fail("Name a command, or --from-library.")
        return 0 if named else called()

    program = _Program(
        name="train",
        help="train models",
        epilog=(
            "Every command is resumable: start it again and it goes on where it stopped.  With "
            "--from-library the library's model is fitted to your own sounds, from what was "
            "heard in them; match, distil, tags, export and recipe make the models that ship."
        ),
        params=_of_all(),
        callback=alone,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command in _commands():
        command.callback = called
        command.params.append(switch("--verbose", VERBOSE))
        program.add_command(command)
    return program


def _options(context: click.Context, before: Mapping[str, Any]) -> argparse.Namespace:
    """Return what was given to a command, and before it to the group that it belongs to."""
    of_all = {str(param.name): None for param in _of_all()}
    group = context.parent if context.parent and "from_library" in context.parent.params else None
    values: dict[str, Any] = {**of_all, **(group.params if group is not None else {})}
    if context.command.name != "train":
        values["command"] = context.command.name
    for name, value in context.params.items():
        said = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        is_settled = isinstance(context.command, Fit) and name not in ("folder", "config")
        if said or not (is_settled or name in values):  # a run's file may say the rest
            values[name] = list(value) if isinstance(value, tuple) else value
    for name, value in before.items():
        values[name] = values.get(name) or value
    values["data"] = values["data"] or _data_folder()
    values["from_library"] = bool(values["from_library"])
    return argparse.Namespace(**values)


def _run(options: argparse.Namespace) -> int:
    """Run a command; return its exit code."""
    start_log(bool(options.verbose))
    from trainer.loop.parallel import FailedElsewhere, leads

    try:
        _do(options)
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


def _do(options: argparse.Namespace) -> None:
    from trainer import commands
    from trainer.loop.parallel import alike, processes
    from trainer.recipes.bounds import THREADS, check_folders, check_numbers

    name = "from_library" if options.from_library else options.command
    with alike():
        if processes() > 1 and name not in _OF_MANY:
            raise InputError(f"`{name}` works in one process: start it without torchrun")
        check_numbers(vars(options), {"threads": THREADS})
        check_folders(vars(options), _FOLDERS)
    began = time.monotonic()
    getattr(commands, name)(options)
    _log.info("%s ended after %.0f s", name, time.monotonic() - began)


def _data_folder() -> Path:
    from trainer.data.manifest import data_folder

    return data_folder()


def _losses() -> Sequence[str]:
    from trainer.objectives.losses import OBJECTIVES

    return tuple(OBJECTIVES)


_DATA = path("--data", "the data folder")
_THREADS = option("--threads", "threads for torch (default: every core)", type=int)
_TEACHER = path("--teacher", "checkpoint (default: in the data folder)")
_TEXT_ENCODER = path("--text-encoder", "folder of a BERT-class encoder")
_MORE = paths("--more", "caches without labels")
_DEVICE = option("--device", "cpu or cuda (cpu)", default="cpu")
_STUDENT = path("--student", "also fit the features of this compact tower")


def _of_all() -> list[click.Parameter]:
    """Return what stands before a command, or in place of one."""
    return [
        _DATA,
        _THREADS,
        switch("--verbose", VERBOSE),
        switch("--from-library", "train on your own library"),
        path("--library", "of --from-library: the library database", metavar="FILE"),
        option("--name", "the new model's name (default: personal, personal-2, ...)"),
        switch("--text-tower", "train the text tower too: slower"),
        path("--general", "sounds to go on knowing", metavar="CSV"),
        switch("--insist", "make a model whatever is forgotten elsewhere"),
        switch("--json", "print one JSON document"),
    ]


def _command(name: str, summary: str, *params: click.Parameter) -> Command:
    return Command(name, help=summary, params=list(params))


def _commands() -> list[Command]:
    fit = Fit("fit", help="train on a data set with any encoders")
    fit.params = [
        argument("folder", "the run's folder; the model ends up in it"),
        path("--config", "options, as a run wrote them", metavar="FILE.toml"),
    ]
    return [fit, *_of_runs(), _experiment(), *_of_models(), *_of_data()]


def _of_runs() -> list[Command]:
    """Return the commands that train, and what is made of their runs."""
    return [
        _command(
            "average",
            "average runs that began with the same weights",
            argument("target", "folder of the averaged model", metavar="OUT"),
            argument("runs", "folders of runs", nargs=-1, required=True, metavar="RUN..."),
            option("--validation", "KIND:FOLDER (default: the runs' own)"),
            option("--validation-split", "of that set (default: the runs' own)"),
        ),
        _command(
            "match",
            "m-LTM training of projections, metric and text tower on teacher features",
            argument("folder", "the run's folder"),
            path("--spectra", "cache of the train split", required=True),
            _MORE,
            _STUDENT,
            option("--steps", type=int),
            option("--tower-steps", "last steps, with a free text tower", type=int),
            _TEXT_ENCODER,
            path("--start", "a model to go on from"),
            option("--head-rate", "the heads' highest rate (0.001)", type=float, default=1e-3),
            option(
                "--caption-share",
                "share of tagged captions in a batch (0.35)",
                type=float,
                default=0.35,
            ),
            option("--seed", type=int, default=1),
            _DEVICE,
            _TEACHER,
            option("--loss", "the objective (mltm)", type=OneOf(_losses), default="mltm"),
            option("--mass", "mass of --loss partial (0.85)", type=float, default=0.85),
            option("--epsilon", "regularisation of the plan (0.05)", type=float, default=0.05),
            switch("--squared", "c²/2 in place of the cost c"),
        ),
        _command(
            "distil",
            "distil the compact audio tower",
            argument("folder", "the run's folder"),
            paths("--spectra", "caches", required=True),
            path("--validation", "cache of valid", required=True),
            option("--minutes", "how long (120)", type=float, default=120.0),
            option("--rate", "the highest learning rate (0.002)", type=float, default=2e-3),
            path("--start", "weights of a compact tower to go on from"),
            path("--match", "a match run, whose embedding is a target too"),
            _DEVICE,
            _TEACHER,
        ),
        _command(
            "tags",
            "learn what sounds and captions say about tags",
            argument("folder", "the run's folder"),
            path("--match", "the match run, for its text tower", required=True),
            paths("--spectra", "caches of sounds", required=True),
            _STUDENT,
            _TEXT_ENCODER,
            _TEACHER,
        ),
    ]


def _experiment() -> Command:
    full = "for --scale full"
    return _command(
        "experiment",
        "repeat a table or figure of the paper, in full or small",
        argument("name", "which one", type=click.Choice(EXPERIMENTS), metavar="NAME"),
        option("--scale", type=click.Choice(("small", "full")), default="small"),
        path("--runs", "folder of runs (default: beside your libraries)"),
        option("--seeds", "how many runs of each (3)", type=int, default=3),
        *(
            option(f"--{name}", full, metavar="FOLDER", type=_Folder())
            for name in ("audiocaps", "clotho", "esc50")
        ),
        option("--esc50-fold", f"its test set, {full} (5)", type=int, default=5),
        paths("--more", "caches without labels, for pool"),
        path("--resnet38", f"PANNs' checkpoint, {full}"),
        path("--htsat", f"a CLAP folder, {full}"),
        path("--bert", "folder of bert-base-uncased"),
        _DEVICE,
        _DATA,
        _THREADS,
    )


def _of_models() -> list[Command]:
    """Return the commands that make model folders."""
    return [
        _command(
            "export",
            "make a model folder, calibrated on validation clips",
            argument("model", "the model folder to write"),
            paths("--match", "folders of match runs: their average", required=True),
            path("--start", "the model that they began with counts, too"),
            option("--start-share", "how much it counts (0.5)", type=float, default=0.5),
            path("--spectra", "cache of the train split", required=True),
            _MORE,
            path(
                "--student",
                "compact tower, or the folder of a model with one; without it, the teacher",
            ),
            path("--tags", "folder of a tags run: the second view"),
            option("--tag-weight", "w of the second view (0.5)", type=float, default=0.5),
            _TEXT_ENCODER,
            _TEACHER,
        ),
        _command(
            "recipe",
            "make what joins a foreign audio tower with a model's shared parts",
            argument("recipe", "the recipe's folder to write"),
            path("--model", "the complete model", required=True),
            path("--shared", "the model that shares parts", required=True),
        ),
    ]


def _of_data() -> list[Command]:
    """Return the commands that prepare data."""
    return [
        _command(
            "spectra",
            "decode sounds once into a cache of log-mels",
            argument("cache", "the cache to write"),
            argument("folders", "folders of sounds", nargs=-1),
            option("--split", "or a split of the data folder's manifest"),
            option("--longest", "seconds kept of a file (30)", type=float, default=30.0),
        ),
        _command(
            "manifest",
            "write a split of the data folder as a manifest for `soundsift evaluate`",
            argument("file", "the manifest to write", metavar="FILE.csv"),
            option("--split", required=True),
            option("--column", type=click.Choice(("label", "caption")), default="label"),
        ),
    ]


class _Folder(click.ParamType[str]):
    """The name of a folder, as a text."""

    name = "folder"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[Any]:
        """Leave it to the shell."""
        return PATH.shell_complete(ctx, param, incomplete)
