"""The commands: each asks the engine and prints what it answers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from app import report
from app.opening import existing_library, library_path, library_to_search, print_json
from app.progress_bar import progress_bar
from engine.errors import InputError, LibraryError
from engine.models.catalog import CLAP, find_model, get_model, preferred_model, spec_of
from engine.models.catalog import models as all_models
from engine.models.files import is_file, read_file
from engine.models.spec import read_spec
from engine.models.trial import ensure_tried
from engine.paths import data_folder, refuse_no_file
from engine.plain_text import one_line
from engine.session import model_of
from engine.store import Library
from engine.store.copies import damage_of, damaged


def index(options: argparse.Namespace) -> None:
    """Index folders."""
    from engine.index.build import IndexReport, index_folders
    from engine.index.scan import roots_of

    # Neither a wrong path nor a wrong model must leave a new, empty library behind.
    if not library_path(options).is_file():
        roots_of(options.paths)
    asked = find_model(options.model or preferred_model())
    if not library_path(options).is_file():
        ensure_tried(asked)
    with Library(library_path(options)) as library:
        folder = _model_to_index_with(library, options.model)
        name = read_spec(folder).name

        def show(done: IndexReport) -> None:
            if options.json:
                print_json({"library": str(library.path), "model": name, **done.to_dict()})
            else:
                print(report.indexed(done, name), flush=True)

        with progress_bar() as control:
            if options.watch:
                from engine.index.watch import watch_folders

                print("watching; Ctrl-C ends it", file=sys.stderr)
                watch_folders(library, folder, options.paths, control, show)
            else:
                show(index_folders(library, folder, options.paths, control))


def window(options: argparse.Namespace) -> None:
    """Open the window."""
    from app.cli import open_window

    open_window(options.library)


def demo(options: argparse.Namespace) -> None:
    """Make the demo sounds."""
    from app.demo import make_demo_sounds

    folder = options.folder or data_folder() / "demo"
    with progress_bar() as control:
        made = make_demo_sounds(folder, control)
    if options.json:
        print_json({"folder": str(folder), "made": made})
    else:
        said = f"{made} demo sounds made in {folder}" if made else f"demo sounds are in {folder}"
        print(one_line(said))


def search(options: argparse.Namespace) -> None:
    """Search by text."""
    from engine.search.grammar import parse
    from engine.search.names import search_names
    from engine.search.searcher import Searcher
    from engine.store.interest import note_interest

    query = parse(" ".join(options.text))
    with library_to_search(options) as library:
        if options.names:
            answer = search_names(library, query, options.limit)
        else:
            answer = Searcher(library, model_of(library)).search_text(query, options.limit)
        _print_answer(options, answer)
        with suppress(LibraryError):  # only a hint for the next index run
            note_interest(library, query.folders)


def similar(options: argparse.Namespace) -> None:
    """Search by sound."""
    from engine.search import QuerySound, Searcher

    if len(options.files) > 1 and (options.start is not None or options.end is not None):
        raise InputError("--start and --end name a part of one file: give one, or leave them out")
    sounds = [QuerySound(path, options.start, options.end) for path in options.files]
    with library_to_search(options) as library:
        searcher = Searcher(library, model_of(library))
        answer = searcher.search_sounds(sounds, options.limit, options.plus, options.minus)
    _print_answer(options, answer)


def cues(options: argparse.Namespace) -> None:
    """Solve a cue sheet."""
    from engine.search.cue_sheet import cues_to_dict, read_cue_sheet, solve_cues
    from engine.search.cues import CueRules
    from engine.search.searcher import Searcher

    wanted = read_cue_sheet(options.sheet)
    with library_to_search(options) as library:
        searcher = Searcher(library, model_of(library))
        rules = CueRules(options.alternates, options.per_file)
        answers = solve_cues(library, searcher, wanted, rules)
    if options.json:
        print_json(cues_to_dict(answers))
    else:
        print(report.cues(answers))


def duplicates(options: argparse.Namespace) -> None:
    """List files that hold the same sound."""
    from engine.search.duplicates import find_duplicates

    with existing_library(options) as library, progress_bar() as control:
        rank = read_spec(model_of(library)).rank
        found = find_duplicates(library, rank, control, options.exact, options.alike)
    if options.json:
        rows = [
            {"exact": g.exact, "kind": g.kind, "paths": [sound.path for sound in g.sounds]}
            for g in found.groups
        ]
        print_json({"groups": rows, "unread": list(found.unread)})
    else:
        print(report.duplicates(found))


def export(options: argparse.Namespace) -> None:
    """Write a table of sounds."""
    from engine.search.export import export as write
    from engine.search.export import format_of, sounds_of
    from engine.search.grammar import parse

    kind = format_of(options.file)
    query = parse(" ".join(options.text)) if options.text else None
    with existing_library(options) as library, progress_bar() as control:
        ids = sounds_of(library, query)
        write(library, ids, options.file, kind, control)
    if options.json:
        print_json({"file": str(options.file), "sounds": len(ids)})
    else:
        print(one_line(f"{len(ids)} sounds written to {options.file}"))


def tag(options: argparse.Namespace) -> None:
    """Suggest tags, write them, rename, compare names with sounds, or take it all back."""
    from app.tagging import tag as run

    run(options)


def relink(options: argparse.Namespace) -> None:
    """Tell the library that a folder moved."""
    from engine.index.drives import relink as change

    with existing_library(options) as library:
        count = change(library, options.old, options.new)
    if options.json:
        print_json({"relinked": count})
    else:
        print(one_line(f"{count} sounds are now under {options.new}"))


def status(options: argparse.Namespace) -> None:
    """Count what is in the library."""
    from engine.index.drives import note_drives

    with existing_library(options) as library:
        away = note_drives(library)
        counts = library.statistics()
        model = (library.setting("model_name") or b"").decode()
        path = library.path
    trouble = damage_of(path)
    document = {
        "library": str(path),
        "model": model,
        "sounds": counts.sounds,
        "windows": counts.windows,
        "embedded": counts.embedded,
        "missing": counts.missing,
        "offline": counts.offline,
        "skipped": counts.skipped,
        "damaged": counts.damaged,
        "hours": counts.hours,
        "damage": trouble,
    }
    if options.json:
        print_json(document)
    else:
        print(report.table({name: value for name, value in document.items() if name != "damage"}))
        if trouble:
            print(damaged(path))
        for folder in away:
            said = f"{folder} is away: connect its drive, or tell where it moved: soundsift relink"
            print(one_line(said))


def repair(options: argparse.Namespace) -> None:
    """Check the library, and save what can be saved of it."""
    from engine.store.repair import repair as run

    path = library_path(options)
    with progress_bar() as control:
        done = run(path, control, options.restore, options.dry_run)
    if options.json:
        print_json({"library": str(path), "dry_run": options.dry_run, **done.to_dict()})
    else:
        print(report.repaired(done, path, options.dry_run))


def skipped(options: argparse.Namespace) -> None:
    """List what could not be heard, and what could in part only."""
    from engine.store.listing import damaged_sounds

    with existing_library(options) as library:
        rows = [{"path": row.path, "reason": row.reason} for row in library.skipped()]
        damaged = [{"path": path, "reason": why} for path, why in damaged_sounds(library)]
    if options.json:
        print_json({"skipped": rows, "damaged": damaged})
    else:
        print(report.skipped(rows, damaged))


def models(options: argparse.Namespace) -> None:
    """List, show, get or use models."""
    if options.action == "list":
        _list_models(options)
        return
    if not options.name:
        raise InputError(f"which model? Try `soundsift models {options.action} default`")
    {"show": _show_model, "get": _get_model, "use": _use_model}[options.action](options)


def evaluate(options: argparse.Namespace) -> None:
    """Measure a model on a manifest."""
    from engine.models.match_model import load_captioner, load_listener
    from trainer.evaluation.protocols import evaluate_retrieval, evaluate_zero_shot

    measure: Callable[..., dict[str, Any]]
    if options.protocol == "zero-shot":
        if options.blend is not None:
            raise InputError("--blend belongs to `evaluate retrieval`: tagging takes the model's")
        measure = evaluate_zero_shot
    else:
        measure = partial(evaluate_retrieval, blend=options.blend)
    folder = find_model(options.model or preferred_model())
    with progress_bar() as control:
        ensure_tried(folder, control)
        figures = measure(load_listener(folder), load_captioner(folder), options.manifest, control)
    document = {"model": read_spec(folder).name, **figures}
    if options.json:
        print_json(document)
    else:
        print(report.figures(document))


def _list_models(options: argparse.Namespace) -> None:
    best = preferred_model()
    rows = []
    for entry in all_models():
        spec = spec_of(entry)
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
    if options.json:
        print_json({"models": rows})
    else:
        print(report.models(rows))


def _show_model(options: argparse.Namespace) -> None:
    folder = find_model(options.name)
    spec, card = read_spec(folder), folder / "README.md"
    if options.json:
        document = json.loads(read_file(folder / "model.json"))
        document["bank"] = len(document["bank"])
        print_json(document)
    elif is_file(card):
        print(report.shown(read_file(card).decode("utf-8", "replace")))
    else:
        print(spec.name)


def _get_model(options: argparse.Namespace) -> None:
    if options.source is not None and options.name != CLAP:  # which is a folder
        refuse_no_file(options.source)
    with progress_bar() as control:
        folder = get_model(options.name, options.source, control)
    spec = read_spec(folder)
    if options.json:
        print_json({"name": spec.name, "id": spec.id, "folder": str(folder)})
    else:
        name = one_line(spec.name)
        print(f"{name} is installed; new libraries use it, an existing one after")
        print(f"  soundsift models use {name}")


def _use_model(options: argparse.Namespace) -> None:
    from engine.index.build import use_model

    folder = find_model(options.name)
    with existing_library(options) as library:
        with progress_bar() as control:
            kept = use_model(library, folder, control)
        folders = library.folders()
    name = read_spec(folder).name
    if options.json:
        print_json({"model": name, "features_kept": kept, "folders": folders})
    elif kept:
        print(f"the library now uses {one_line(name)}")
    else:
        said = f"the library now uses {name}, which hears differently: listen again with"
        print(one_line(said))
        print(one_line("  soundsift index " + " ".join(f'"{folder}"' for folder in folders)))


def _model_to_index_with(library: Library, asked: str | None) -> Path:
    """Return the model's folder; a library changes its model only by `models use`."""
    if asked is None:
        return model_of(library)
    folder = find_model(asked)
    stored = library.setting("model_name")
    if stored is not None and model_of(library) != folder:
        raise InputError(
            f"this library uses the model {stored.decode()}: to change that for all of its "
            f"sounds, run `soundsift models use {asked}` first"
        )
    return folder


def _print_answer(options: argparse.Namespace, answer: Any) -> None:
    from engine.search.answer import to_dict

    if options.json:
        print_json(to_dict(answer))
    else:
        print(report.answer(answer))
