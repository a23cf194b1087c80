"""What is remembered of a renaming: which files get which names, and how far it is."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence, Sized
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from engine.metadata.journal import TEMPORARY, write_record
from engine.metadata.records import is_path, list_of, one_of, read_record, whole

Move = tuple[str, str]  # the old and the new path of a file
LEAVING, ARRIVING, TURNING, RETURNING = _PHASES = (1, 2, 3, 4)
_FIELDS = {
    "moves": list_of(lambda move: list_of(is_path)(move) and len(cast(Sized, move)) == 2),
    "token": lambda token: isinstance(token, str) and bool(re.fullmatch("[0-9a-f]{12}", token)),
    "phase": one_of(*_PHASES),
    "taken": list_of(whole()),
}


@dataclass(frozen=True)
class Moves:
    """What a journal says: names, and how far it is; ``taken`` are those on their way back.

    Files go by way of short names that nobody has, so that they can trade places.
    """

    moves: tuple[Move, ...]
    token: str
    phase: int = LEAVING
    taken: tuple[int, ...] = ()

    def between(self) -> list[str]:
        """Return the names between the old and the new ones."""
        return [
            str(Path(old).with_name(f"{TEMPORARY}{self.token}-{number}.renaming"))
            for number, (old, _) in enumerate(self.moves)
        ]

    def write(self, journal: Path) -> None:
        """Write it, on the disk when this returns."""
        write_record(journal, asdict(self))


def read_moves(journal: Path) -> Moves:
    """Return what a journal says.

    :raises ValueError: a file would leave its folder, or what is there is no journal.
    :raises OSError: it cannot be read.
    """
    document = read_record(journal, _FIELDS)
    moves = tuple((old, new) for old, new in document["moves"])
    taken = tuple(document["taken"])
    record = Moves(moves, document["token"], document["phase"], taken)
    olds, news = ({move[side] for move in moves} for side in (0, 1))
    if not moves or not len(olds) == len(news) == len(moves):
        raise ValueError("it is no journal")
    if not set(taken) <= set(range(len(moves))):
        raise ValueError("it names files that do not exist")
    for old, new in moves:
        if not Path(old).is_absolute() or Path(old).parent != Path(new).parent:
            raise ValueError("a file would leave its folder")
    return record


def note_moves(moves: Sequence[Move], journal: Path) -> None:
    """Remember that files were renamed (old, new), so that it can be taken back."""
    Moves(tuple(moves), secrets.token_hex(6), ARRIVING).write(journal)


def is_returning(journal: Path) -> bool:
    """Return whether files were on their way back when a process was killed."""
    try:
        return read_moves(journal).phase in (TURNING, RETURNING)
    except (OSError, ValueError):
        return False


def moves_in(journal: Path) -> tuple[Move, ...]:
    """Return what a journal names; nothing if it is not there or cannot be understood."""
    try:
        return read_moves(journal).moves
    except (OSError, ValueError):
        return ()


def is_damaged(journal: Path) -> bool:
    """Return whether a journal cannot be understood."""
    try:
        read_moves(journal)
    except ValueError:
        return True
    except OSError:
        return False
    return False
