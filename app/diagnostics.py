"""What helps to find a mistake: versions, devices, counts of the library, the end of the log."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine.log import OMITTED, last_lines, log_file
from engine.models.spec import read_spec
from engine.plain_text import one_line
from engine.store import Library

_PACKAGES = (
    *("soundsift", "PySide6_Essentials", "torch", "torchaudio", "transformers", "tokenizers"),
    *("numpy", "scipy", "faiss-cpu", "SQLAlchemy", "av", "soundfile", "sounddevice", "mutagen"),
)
_LOG_LINES = 60
_NAMED = re.compile("‹.*›|‹.*|.*›")  # to the last mark of a line, as a name may hold one
_FRAME = re.compile(r'^\s+File "(?P<path>.*)", (?P<rest>line \d+,? in [\w<>.]+)$')
_RAISED = re.compile(r"^\s+((?:\w+\.)*\w*(?:Error|Exception|Warning|Interrupt|Exit))\b")
_OF_PROGRAMS = re.compile(
    r"(?:^|[/\\])((?:engine|app|trainer|site-packages|python3\.\d+)[/\\].*|<frozen \w+>)$"
)
_HEADING = re.compile(
    r"^    (Traceback \(most recent call last\):|Fatal Python error: .*"
    r"|(Current t|T)hread 0x[0-9a-f]+ \(most recent call first\):)$"
)


@dataclass(frozen=True)
class Facts:
    """Lines of what is known; ``places`` and what names files in ``log`` only who asks is told."""

    versions: Sequence[str]
    devices: Sequence[str]
    library: Sequence[str]
    places: Sequence[str]
    log: Sequence[str]

    def text(self, names: bool) -> str:
        """Return all of it, with the names of files and folders if they are asked for."""
        log = self.log if names else without_names(self.log)
        parts = {"Versions": self.versions, "Devices": self.devices, "Library": self.library}
        parts |= {"Places": self.places} if names else {}
        parts |= {"Log": log or ["nothing was logged"]}
        return "\n\n".join("\n".join([f"{title}:", *lines]) for title, lines in parts.items())


def gather(library: Library | None, model: Path | None, outputs: Sequence[str]) -> Facts:
    """Gather what is known; this reads files and counts in the library.

    :param outputs: the names of the devices that play.
    """
    places = [f"log {log_file()}"]
    if library is not None:
        places.append(f"library {library.name}")
    if model is not None:
        places.append(f"model {model}")
    return Facts(
        _versions(),
        _devices(outputs),
        _counts(library, model),
        list(map(one_line, places)),
        last_lines(_LOG_LINES),
    )


def without_names(lines: Sequence[str]) -> list[str]:
    """Return lines of the log without what files are called.

    Of a traceback stay the places in programs and the kinds of errors; of what else stands
    behind a record, nothing.
    """
    found = []
    for line in lines:
        if not line.startswith(" "):
            found.append(_NAMED.sub(OMITTED, line))
        elif frame := _FRAME.match(line):
            own = _OF_PROGRAMS.search(frame["path"])
            found.append(f'      File "{own[1] if own else OMITTED}", {frame["rest"]}')
        elif raised := _RAISED.match(line):
            found.append(f"    {raised[1]}")
        elif _HEADING.match(line):
            found.append(line)
    return found


def _versions() -> list[str]:
    found = [f"Python {platform.python_version()} on {platform.platform()}"]
    found.append(f"SQLite {sqlite3.sqlite_version}")
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return found


def _devices(outputs: Sequence[str]) -> list[str]:
    found = [f"{os.cpu_count()} processors, {platform.machine()}"]
    torch = sys.modules.get("torch")  # which nobody waits for
    if torch is not None:
        found.append(f"torch uses {torch.get_num_threads()} threads")
        if torch.cuda.is_available():
            found.append(f"CUDA: {torch.cuda.get_device_name()}")
        if torch.backends.mps.is_available():
            found.append("MPS")
    return [*found, *(one_line(f"plays on {name}") for name in outputs)]


def _counts(library: Library | None, model: Path | None) -> list[str]:
    if library is None:
        return ["it is not open"]
    counts = asdict(library.statistics())
    found = [f"{name} {count:.6g}" for name, count in counts.items()]
    if library.file is not None:
        found.append(f"{library.file.stat().st_size / 1e6:.1f} MB")
    return [*found, f"model {read_spec(model).name}"] if model is not None else found
