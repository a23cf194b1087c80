"""The seam of an index run: who listens to the sounds.

By default that are threads of the same process (:mod:`engine.index.waiting`); with Ray, machines of
a cluster (:mod:`engine.index.cluster`).  Whoever it is, one thread of one process commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.errors import AudioError
from engine.index.embed import EmbeddedFile
from engine.progress import Control

PART_WINDOWS = 60  # of a long file, after which it can be resumed
BANK_SETTINGS = ("bank_potentials", "own_vectors")  # of which Bank.stored makes the bank


@dataclass(frozen=True)
class Work:
    """What is to be heard.

    ``paths`` stand in the order in which they are wanted, ``sizes`` are in bytes; files that were
    heard in part begin at ``starts_s``, a multiple of the hop.  ``settings`` are those of
    :data:`BANK_SETTINGS` that the library has.
    """

    model_folder: Path
    paths: Sequence[Path]
    starts_s: Mapping[Path, float]
    sizes: Mapping[Path, int]
    settings: Mapping[str, bytes]


@dataclass(frozen=True)
class Waits:
    """Why a sound cannot be heard now, though nothing is wrong with it: the next run tries again.

    ``reason`` is half a sentence, the same for all sounds that it holds for.
    """

    reason: str


Outcome = EmbeddedFile | AudioError | Waits
Heard = tuple[Path, Outcome]


class Embedder(Protocol):
    """What turns files into features."""

    def listening(self, work: Work, control: Control) -> AbstractContextManager[Iterator[Heard]]:
        """Give what is heard, as it is ready; whoever leaves early ends the listening.

        Each file is told of until it is finished, in any order: an :class:`EmbeddedFile` with its
        ``content_hash``, or why there is none.  Parts of one file come in their order.  No more is
        heard ahead of who iterates than fits into a fixed amount of memory.

        :raises Cancelled: ``control`` asks to stop, also while nothing is ready.
        """


@dataclass(frozen=True)
class LeftToWorkers:
    """The embedder that hears nothing: workers of the library shall."""

    @contextmanager
    def listening(self, work: Work, control: Control) -> Iterator[Iterator[Heard]]:
        """Let every sound wait."""
        yield ((path, Waits("`soundsift work` listens to them")) for path in work.paths)
