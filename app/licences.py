"""Whose work Soundsift runs with, and under which licences.

From source that is Python and the installed packages that ours ask for.  A bundle brings more,
such as libraries of the system it was built on; what builds it (``packaging/legal.py``) leaves a
list, and all texts, in its folder ``licences``.
"""

from __future__ import annotations

import json
import platform
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from engine.errors import InputError
from engine.paths import assets

LIST = "works.json"
_TEXT = re.compile(r"licen[cs]e|copying|notice|copyright", re.IGNORECASE)
_NO_TEXTS = (".py", ".pyc", ".so", ".json")
_CLASSIFIER = "License :: OSI Approved :: "
_MOST = 60  # characters of a licence's name; what is longer is its text


@dataclass(frozen=True)
class Work:
    """Something of others, or ours; ``texts`` are files."""

    name: str
    version: str
    licence: str
    texts: tuple[Path, ...] = ()


def works() -> list[Work]:
    """Return everything that runs here, by name."""
    folder = assets().parent / "licences"
    return bundled(folder) if (folder / LIST).exists() else installed()


def work_named(name: str) -> Work:
    """Return one of :func:`works`.

    :raises InputError: there is none of this name.
    """
    for work in works():
        if _plain(work.name) == _plain(name):
            return work
    raise InputError(f"nothing here is called {name}: `soundsift licences` lists the names")


def bundled(folder: Path) -> list[Work]:
    """Return what a bundle's list says, with its texts in ``folder``."""
    listed = json.loads((folder / LIST).read_text(encoding="utf-8"))
    return [
        Work(
            *(work["name"], work["version"], work["licence"]),
            tuple(folder / text for text in work["texts"]),
        )
        for work in listed
    ]


def installed() -> list[Work]:
    """Return Python, ourselves, and all packages that we ask for and that these ask for."""
    met: dict[str, Distribution] = {}
    waiting = ["soundsift"]
    while waiting:
        name = waiting.pop()
        if _plain(name) in met:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:  # asked for on other systems
            continue
        met[_plain(name)] = found
        waiting += _asked_for(found)
    found_works = [python(), *map(of_distribution, met.values())]
    return sorted(found_works, key=lambda work: work.name.lower())


def python() -> Work:
    """Return Python itself."""
    text = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    return Work("Python", platform.python_version(), "PSF-2.0", (text,) if text.exists() else ())


def of_distribution(found: Distribution) -> Work:
    """Return a package by its metadata."""
    return Work(found.name, found.version, _licence(found), tuple(_texts(found)))


def _licence(found: Distribution) -> str:
    """Return the name of a licence: its expression, or what older metadata says."""
    metadata = found.metadata
    if "License-Expression" in metadata:
        return str(metadata["License-Expression"])
    said = str(metadata["License"]).strip() if "License" in metadata else ""
    if said and len(said) <= _MOST and "\n" not in said:
        return said
    classes = [str(line) for line in metadata.get_all("Classifier") or ()]
    names = [line.removeprefix(_CLASSIFIER) for line in classes if line.startswith(_CLASSIFIER)]
    return ", ".join(names) or "see its text"


def _texts(found: Distribution) -> Iterator[Path]:
    for file in found.files or ():
        about = ".dist-info" in file.parts[0] or len(file.parts) == 2  # beside the package's code
        if about and file.suffix not in _NO_TEXTS and _TEXT.search("/".join(file.parts[1:])):
            path = Path(str(found.locate_file(file)))
            if path.is_file():
                yield path


def _asked_for(found: Distribution) -> list[str]:
    asked = [line for line in found.requires or () if "extra ==" not in line]
    return [name[0] for line in asked if (name := re.match(r"[A-Za-z0-9._-]+", line))]


def _plain(name: str) -> str:
    """Return a name as indexes of packages compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
