"""Sounds sent into what is open in another program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.handover.door import hand_over
from engine.handover.order import Order
from engine.handover.targets.target import Place, Target, TargetError
from engine.progress import Control, Progress


@dataclass(frozen=True)
class Spot:
    """Where sounds go in a target, and where their copies are kept.

    ``in_project``: copies of all of them are kept with the project, where the program tells which
    that is; else in ``folder``, and an untouched original stays where it lies.
    """

    place: Place
    folder: Path
    in_project: bool = False


def spot(
    orders: Sequence[Order],
    target: Target,
    wanted: Spot,
    control: Control | None = None,
    sent: Callable[[Path], object] = lambda file: None,
) -> list[Path]:
    """Send sounds to a program, one after another; return the files that it was given.

    :param sent: takes each of them once the program has it.
    :raises TargetError: it does not answer, or refuses.
    :raises AudioError: a source cannot be read, or a copy not be written.
    :raises InputError: an order makes no sense, or nothing can be saved there.
    :raises Cancelled: the user asked to stop; what was sent stays there.
    """
    control = control or Control()
    project = target.project() if wanted.in_project or _is_named(orders) else None
    folder = project.folder if wanted.in_project and project is not None else None
    given = []
    for number, order in enumerate(orders):
        control.report(Progress("sending", number, len(orders), order.path.name))
        if project is not None and not order.fields.get("project"):
            order = replace(order, fields={**order.fields, "project": project.name})
        if order.is_the_file and folder is None:
            file = order.path
        else:
            file = hand_over(order, folder or wanted.folder, Control(cancel=control.cancel))
        target.spot(file, wanted.place)
        given.append(file)
        sent(file)
    return given


def open_project(target: Target) -> str:
    """Return the name of what is open in a program, empty where it does not say."""
    try:
        project = target.project()
    except TargetError:
        return ""
    return project.name if project is not None else ""


def _is_named(orders: Sequence[Order]) -> bool:
    return any("{project}" in order.pattern for order in orders)
