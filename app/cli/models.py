"""``soundsift models``: list, show, get and use models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from app.cli import report
from app.cli.arguments import COMMON, FILE, MODEL, Command, Family, everywhere, with_options
from app.cli.invocation import Invocation
from app.cli.progress_bar import progress_bar
from engine.errors import InputError
from engine.plain_text import one_line
from engine.roots import mounted

_name = click.argument(
    "name", type=MODEL, required=False, metavar="[NAME]", help="the model's name or folder"
)


@click.group(cls=Family, default="list")
@with_options(*COMMON)
def models() -> None:
    """List, show, download and choose models."""


@models.command("list", cls=Command)
@everywhere
def list_models(invocation: Invocation) -> None:
    """List the models, and which one new libraries use (so does `models` alone)."""
    from engine.models import catalog

    best = catalog.preferred_model()
    rows = []
    for entry in catalog.models():
        spec = catalog.spec_of(entry)
        rows.append(
            {
                "name": entry.name,
                "installed": entry.folder is not None,
                "bundled": entry.bundled,
                "used_for_new_libraries": entry.name == best,
                "id": spec.id if spec else None,
                "audio_tower": spec.audio_tower if spec else None,
                "folder": str(entry.folder) if entry.folder else None,
            }
        )
    invocation.answer({"models": rows}, report.models(rows))


@models.command("show", cls=Command)
@_name
@everywhere
def show_model(invocation: Invocation, name: str | None) -> None:
    """Show what a model is and how well it performs."""
    from engine.models.catalog import find_model
    from engine.models.files import is_file, read_file
    from engine.models.spec import read_spec

    folder = find_model(_named("show", name))
    spec, card = read_spec(folder), folder / "README.md"
    document: dict[str, Any] = json.loads(read_file(folder / "model.json"))
    document["bank"] = len(document["bank"])
    if invocation.as_json or not is_file(card):
        invocation.answer(document, spec.name)
    else:
        print(report.shown(read_file(card).decode("utf-8", "replace")))


@models.command("get", cls=Command)
@_name
@click.option("--from", "source", type=FILE, metavar="FILE", help="a file already downloaded")
@everywhere
def get_model(invocation: Invocation, name: str | None, source: Path | None) -> None:
    """Download a model from its authors, or install it from a file."""
    from engine.models import catalog
    from engine.models.spec import read_spec
    from engine.paths import refuse_no_file

    name = _named("get", name)
    if source is not None and name != catalog.CLAP:  # which is a folder
        refuse_no_file(source)
    with progress_bar() as control:
        folder = catalog.get_model(name, source, control)
    spec = read_spec(folder)
    said = (
        f"{one_line(spec.name)} is installed; new libraries use it, an existing one after\n"
        f"  soundsift models use {one_line(spec.name)}"
    )
    invocation.answer({"name": spec.name, "id": spec.id, "folder": str(folder)}, said)


@models.command("use", cls=Command)
@_name
@everywhere
def use_model(invocation: Invocation, name: str | None) -> None:
    """Switch the library to another model."""
    from engine.models.catalog import find_model

    name = _named("use", name)
    find_model(name)
    with invocation.session(at_server=True) as session:
        with progress_bar() as control:
            kept = session.use_model(name, control)
        folders, used = mounted(session.library.folders()), session.model_name
    if kept:
        said = f"the library now uses {one_line(used)}"
    else:
        command = "  soundsift index " + " ".join(f'"{folder}"' for folder in folders)
        told = f"the library now uses {used}, which embeds sounds differently: index again with"
        said = f"{one_line(told)}\n{one_line(command)}"
    invocation.answer({"model": used, "features_kept": kept, "folders": folders}, said)


def _named(action: str, name: str | None) -> str:
    if not name:
        raise InputError(f"which model? Try `soundsift models {action} default`")
    return name
