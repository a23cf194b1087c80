"""Which commands the trainer has, and what each takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from trainer.cli.options import (
    PATH,
    VERBOSE,
    Fit,
    OneOf,
    TrainerCommand,
    argument,
    not_empty,
    option,
    path,
    paths,
    switch,
)

EXPERIMENTS = (
    *(f"table{n}" for n in range(1, 10)),
    *("figure2", "figure4", "figure5", "losses", "removal", "pool"),
)


def _losses() -> Sequence[str]:
    from trainer.objectives.losses import OBJECTIVES

    return tuple(OBJECTIVES)


_DATA = path("--data", "the data folder")
_THREADS = option("--threads", "threads for torch (default: every core)", type=int)
_TEACHER = path("--teacher", "checkpoint (default: in the data folder)")
_TEXT_ENCODER = path("--text-encoder", "folder of a BERT-class encoder")
_MORE = paths("--more", "caches without labels")
_DEVICE = option("--device", "auto, cpu or cuda (cpu)", default="cpu", callback=not_empty)
_WRITTEN = argument("model", "the model folder to write")
_BASE = path("--base", "the model that gives everything else", required=True)
_SPECTRA = path("--spectra", "cache of the train split", required=True)
_STUDENT = path("--student", "also fit the features of this compact tower")


def of_all() -> list[click.Parameter]:
    """Return what stands before a command, or in place of one."""
    return [
        _DATA,
        _THREADS,
        switch("--verbose", VERBOSE),
        switch("--from-library", "train on your own library"),
        path("--library", "with --from-library: the library database", metavar="FILE"),
        option("--name", "the new model's name (default: personal, personal-2, ...)"),
        switch("--text-tower", "train the text tower too: slower"),
        path("--general", "sounds the model should still know", metavar="CSV"),
        switch("--insist", "make a model even if it forgets other sounds"),
        switch("--json", "print one JSON document"),
    ]


def _command(name: str, summary: str, *params: click.Parameter) -> TrainerCommand:
    return TrainerCommand(name, help=summary, params=list(params))


def commands() -> list[TrainerCommand]:
    """Return all commands."""
    fit = Fit("fit", help="train on a data set with any encoders")
    fit.params = [
        argument("folder", "the run's folder; the model ends up in it"),
        path("--config", "options, as written by a run", metavar="FILE.toml"),
    ]
    runs = [fit, _average(), _match(), _distil(), _tags(), _wordings()]
    return [*runs, _experiment(), *_of_models(), *_of_data()]


def _average() -> TrainerCommand:
    return _command(
        "average",
        "average runs that started from the same weights",
        argument("target", "folder of the averaged model", metavar="OUT"),
        argument("runs", "folders of runs", nargs=-1, required=True, metavar="RUN..."),
        option("--validation", "KIND:FOLDER (default: the runs' own)"),
        option("--validation-split", "split of that set (default: the runs' own)"),
    )


def _match() -> TrainerCommand:
    return _command(
        "match",
        "m-LTM training of projections, metric and text tower on teacher features",
        argument("folder", "the run's folder"),
        path("--spectra", "cache of the train split", required=True),
        _MORE,
        _STUDENT,
        option("--splits", "splits to learn from (train,train2)"),
        option("--steps", type=int),
        option("--tower-steps", "last steps, with a free text tower", type=int),
        _TEXT_ENCODER,
        path("--start", "a model to continue from"),
        option(
            "--head-rate", "highest learning rate of the heads (0.001)", type=float, default=1e-3
        ),
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
    )


def _distil() -> TrainerCommand:
    return _command(
        "distil",
        "distil the compact audio tower",
        argument("folder", "the run's folder"),
        paths("--spectra", "caches", required=True),
        path("--validation", "cache of valid", required=True),
        option("--minutes", "minutes to train (120)", type=float, default=120.0),
        option("--rate", "the highest learning rate (0.002)", type=float, default=2e-3),
        path("--start", "weights of a compact tower to continue from"),
        path("--match", "a match run, whose embedding is a target too"),
        _DEVICE,
        _TEACHER,
    )


def _tags() -> TrainerCommand:
    return _command(
        "tags",
        "learn to predict tags from sounds and captions",
        argument("folder", "the run's folder"),
        path("--match", "the match run, for its text tower", required=True),
        paths("--spectra", "caches of sounds", required=True),
        _STUDENT,
        _TEXT_ENCODER,
        _TEACHER,
    )


def _wordings() -> TrainerCommand:
    return _command(
        "wordings",
        "teach the text side other words for labels, and what names sound like",
        argument("folder", "the run's folder"),
        path("--base", "a model with a second view", required=True),
        paths("--spectra", "caches of the train splits", required=True),
        option("--seed", type=int, default=1),
        _TEACHER,
    )


def _experiment() -> TrainerCommand:
    full = "for --scale full"
    return _command(
        "experiment",
        "repeat a table or figure of the paper, in full or small",
        argument("name", ", ".join(EXPERIMENTS), type=click.Choice(EXPERIMENTS), metavar="NAME"),
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


def _of_models() -> list[TrainerCommand]:
    """Return the commands that make model folders."""
    return [
        _command(
            "export",
            "make a model folder, calibrated on validation clips",
            _WRITTEN,
            paths("--match", "folders of match runs: their average", required=True),
            path("--start", "include the model that they started from"),
            option("--start-share", "its weight in the average (0.5)", type=float, default=0.5),
            _SPECTRA,
            _MORE,
            path("--student", "compact tower, or the folder of a model with one", required=True),
            path("--tags", "folder of a tags run: the second view"),
            option("--tag-weight", "w of the second view (0.5)", type=float, default=0.5),
            _TEXT_ENCODER,
        ),
        _command(
            "reword",
            "make a model folder of another and wordings runs, calibrated on validation clips",
            _WRITTEN,
            _BASE,
            paths("--wordings", "folders of wordings runs: their average", required=True),
            _SPECTRA,
        ),
        _command(
            "tower",
            "make a model folder of another with another audio tower, calibrated on validation "
            "clips",
            _WRITTEN,
            _BASE,
            _SPECTRA,
            _MORE,
            paths("--student", "compact towers tuned from the model's: their mean"),
            option("--share", "how far to go towards them (0.5)", type=float, default=0.5),
            switch("--pair", "hear with the teacher, too: the mean of both"),
            _TEACHER,
        ),
        _command(
            "remember",
            "make a model folder of another, with a memory of labelled sounds, which are its "
            "examples of categories, too, calibrated on validation clips",
            _WRITTEN,
            _BASE,
            _SPECTRA,
        ),
        _command(
            "audible",
            "fit which texts speak of a sound, for a model that is there",
            argument("model", "the model folder"),
        ),
        _command(
            "recipe",
            "make the recipe that joins another audio tower to a model's shared parts",
            argument("recipe", "the recipe's folder to write"),
            path("--model", "the complete model", required=True),
            path("--shared", "the model that shares parts", required=True),
        ),
    ]


def _of_data() -> list[TrainerCommand]:
    """Return the commands that prepare data."""
    return [
        _command(
            "spectra",
            "decode sounds once into a cache of log-mels",
            argument("cache", "the cache to write"),
            argument("folders", "folders of sounds", nargs=-1),
            option("--split", "or a split of the data folder's manifest"),
            option("--longest", "most seconds of each file (30)", type=float, default=30.0),
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
