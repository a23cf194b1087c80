"""What training does and came to, in the words of whoever made the sounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.gui.kit.text import counted, number, roughly_left, tr

Figures = Mapping[str, Any]


def doing(event: Figures) -> str:
    """Return what is being done, and how long everything still takes where that is known."""
    stage = str(event["stage"])
    named = {
        "reading names": tr("Reading names, tags and descriptions"),
        "judging the model as it is": tr("Testing the model as it is"),
        "training": tr("Learning from your names, tags and descriptions"),
        "training the text tower": tr("Learning your words"),
        "comparing": tr("Choosing what finds your sounds best"),
        "writing": tr("Saving the new model"),
    }.get(stage, stage.capitalize())
    left_s = event.get("left_s")
    return f"{named} …" if left_s is None else f"{named}: {roughly_left(float(left_s))}"


def gained(outcome: Figures) -> str:
    """Return what was gained, in one line."""
    key = "r1" if outcome["after"]["r1"] != outcome["before"]["r1"] else "r10"
    before, after = (round(outcome[when][key] * outcome["names"]) for when in ("before", "after"))
    if key == "r1":
        said = tr("Finds the right sound first in {} of {} cases, {} before.")
    else:
        said = tr("Finds the right sound among the first ten in {} of {} cases, {} before.")
    return said.format(number(after), number(outcome["names"]), number(before))


def doubt(outcome: Figures) -> str:
    """Return what speaks against the new model; empty where nothing does."""
    if outcome["after"]["map10"] > outcome["before"]["map10"]:
        return ""
    return tr(
        "The sounds that it was tested on do not confirm the gain: compare searches before you "
        "keep it."
    )


def measured(outcome: Figures) -> str:
    """Return what the gain was measured on, and what became of what the model knew before."""
    one = tr("Tested on one of your sounds, which it did not learn from.")
    many = tr("Tested on {} of your sounds, which it did not learn from.")
    agreement = outcome["after"]["agreement"]
    if agreement is None:
        known = tr("Whether it knows other sounds as well as before was not measured.")
    else:
        known = tr("It hears {:.0%} of other sounds as before.").format(agreement)
    return f"{counted(outcome['held_out'], one, many)} {known}"


def figures(outcome: Figures) -> list[tuple[str, str, str]]:
    """Return rows of what was measured: its name, the model as it was, the new one."""
    titles = (
        ("r1", tr("Right sound first")),
        ("r10", tr("Right sound among the first ten")),
        ("map10", tr("Mean average precision of the first ten")),
        ("agreement", tr("Other sounds heard as before")),
    )
    shown = []
    for key, title in titles:
        before, after = outcome["before"][key], outcome["after"][key]
        if before is not None:
            form = ".3f" if key == "map10" else ".0%"
            shown.append((title, format(before, form), format(after, form)))
    return shown
