"""``soundsift edit``: descriptions, keywords, categories and FXNames in the files themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import report
from app.cli.arguments import TEXT, Command, everywhere, flag, option, several
from app.cli.invocation import Invocation, ids_of
from app.cli.progress_bar import progress_bar
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.metadata.edits import Edit

_NAMES = "description, keywords, category or fxname"


@click.command(cls=Command)
@several("paths", "PATH", required=True, help="files or folders of the library")
@option("--set", f"let a field ({_NAMES}) say a text", "FIELD=TEXT", multiple=True, type=TEXT)
@click.option(
    "--replace",
    nargs=2,
    multiple=True,
    type=TEXT,
    metavar="OLD NEW",
    help="put NEW in the place of OLD in the field of --in",
)
@option("--in", "where --replace looks (description)", "FIELD", default="description", type=TEXT)
@flag("--case", "--replace minds upper and lower case")
@flag("--words", "--replace finds whole words only")
@option("--add-keyword", "add a keyword", "WORD", multiple=True, type=TEXT)
@option("--remove-keyword", "remove a keyword", "WORD", multiple=True, type=TEXT)
@option(
    "--template",
    "let a field say what a template makes of others, such as "
    "'description={category}: {fxname}[, {tags}]'",
    "FIELD=TEMPLATE",
    multiple=True,
    type=TEXT,
)
@flag("--keep-time", "keep modification times")
@flag("--dry-run", "show what would be written, without writing it")
@everywhere
def edit(
    invocation: Invocation,
    paths: tuple[Path, ...],
    keep_time: bool,
    dry_run: bool,
    **given: object,
) -> None:
    """Change texts in files; one order is undone as a whole."""
    from engine.metadata.edits import check
    from engine.tags.editing import plan_edits, read_texts, write_edits
    from engine.tags.run import Written

    edits = _edits(given)
    for one in edits:
        check(one)
    with invocation.session() as session, progress_bar() as control:
        ids = ids_of(session, paths)
        plan = plan_edits(read_texts(session.library, ids, control), edits)
        written, remark = Written((), ()), ""
        if not dry_run and any(one.changes for one in plan):
            written, remark = write_edits(session.library, plan, edits, control, keep_time)
    refused = [(one.held.path, one.problem) for one in plan if one.problem]
    refused += written.refused
    document = {
        "dry_run": dry_run,
        "plan": [one.to_dict() for one in plan if one.new and not one.problem],
        "written": list(written.done),
        "refused": [{"path": path, "reason": reason} for path, reason in refused],
        "kept": [{"path": path, "reason": reason} for path, reason in written.kept],
        "remark": remark,
    }
    invocation.answer(document, report.edited(plan, written, dry_run))
    if refused and not written.done and not (dry_run and document["plan"]):
        raise report.none_written(refused)


def _edits(given: dict[str, object]) -> list[Edit]:
    """Return what was asked for, in the order of the options in the help."""
    from engine.metadata.edits import EditKeywords, FillTemplate, ReplaceText, SetText

    found: list[Edit] = [SetText(*_halves("--set", text)) for text in _texts(given["set"])]
    pairs = given["replace"]
    assert isinstance(pairs, tuple)
    where, case, words = str(given["in"]), bool(given["case"]), bool(given["words"])
    found += [ReplaceText(where, old, new, case, words) for old, new in pairs]
    adding, removing = _texts(given["add_keyword"]), _texts(given["remove_keyword"])
    if adding or removing:
        found.append(EditKeywords(adding, removing))
    found += [FillTemplate(*_halves("--template", text)) for text in _texts(given["template"])]
    if not found:
        raise InputError("there is nothing to change: say what, such as --set description=TEXT")
    return found


def _texts(given: object) -> tuple[str, ...]:
    assert isinstance(given, tuple)
    return given


def _halves(name: str, text: str) -> tuple[str, str]:
    field, between, rest = text.partition("=")
    if not between:
        raise InputError(f"{name} {text} names no field: write {name} description={text}")
    return field.strip().lower(), rest
