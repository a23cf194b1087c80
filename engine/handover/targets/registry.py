"""The programs that sounds can be sent to, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from engine.errors import InputError
from engine.handover.targets.target import Address, Place, Target


@dataclass(frozen=True)
class TargetKind:
    """A program: its name, the port it listens at (0: it has none), and the places it knows.

    ``library`` must be installed for it, with the extra of the same name as the target.
    """

    title: str
    port: int
    places: tuple[Place, ...]
    make: Callable[[Address], Target]
    library: str = ""
    has_folder: bool = False
    has_action: bool = False


def _reaper(address: Address) -> Target:
    from engine.handover.targets.reaper import Reaper, WebRemote

    return Reaper(WebRemote(address))


def _reaper_folder(address: Address) -> Target:
    from engine.handover.targets.reaper import FolderBridge, Reaper

    return Reaper(FolderBridge(address))


def _protools(address: Address) -> Target:
    from engine.handover.targets.protools import ProTools

    return ProTools(address)


def _fmod(address: Address) -> Target:
    from engine.handover.targets.fmod import Fmod

    return Fmod(address)


def _wwise(address: Address) -> Target:
    from engine.handover.targets.wwise import Wwise

    return Wwise(address)


_ALL: tuple[Place, ...] = ("cursor", "track", "replace")
TARGETS: Mapping[str, TargetKind] = {
    "reaper": TargetKind("REAPER (web remote)", 8080, _ALL, _reaper, has_action=True),
    "reaper-folder": TargetKind("REAPER (folder)", 0, _ALL, _reaper_folder, has_folder=True),
    "protools": TargetKind("Pro Tools", 31416, ("cursor",), _protools, library="ptsl"),
    "fmod": TargetKind("FMOD Studio", 3663, ("cursor",), _fmod),
    "wwise": TargetKind("Wwise", 8080, ("cursor", "track", "replace"), _wwise, library="waapi"),
}


def open_target(name: str, address: Address) -> Target:
    """Return a program to send sounds to; nothing is asked of it yet.

    :raises InputError: there is no such program, or what it needs is not installed.
    """
    kind = TARGETS.get(name)
    if kind is None:
        raise InputError(f"{name} is no program that we know: choose {', '.join(TARGETS)}")
    if kind.library and find_spec(kind.library) is None:
        raise InputError(
            f"{kind.title} needs a library that is not installed: pip install soundsift[{name}]"
        )
    return kind.make(address)
