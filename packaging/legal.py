"""Find whose work lies in a bundle: distributions of Python, and libraries of the system.

``soundsift licences`` lists what is found here when a bundle is built: the metadata and licence
texts of distributions go beside their packages, where :mod:`importlib.metadata` looks, and those
of everything else into the folder ``licences``, whose ``others.json`` says what is what.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from typing import Any

Entry = tuple[str, str, str]  # place in the bundle, source, kind: as PyInstaller lists files
_TEXT = re.compile(r"licen[cs]e|copying|notice|authors|copyright", re.IGNORECASE)
_BUILDER = "pyinstaller"  # its bootloader is the program file itself
_DEBIAN_LICENCE = re.compile(r"^License:\s*(\S.*)$", re.MULTILINE)


def owners(sources: Iterable[str]) -> list[Distribution]:
    """Return the distributions that the files of a bundle come from, and the builder's."""
    of_file = {
        str(Path(str(found.locate_file(file))).resolve()): found
        for found in distributions()
        for file in found.files or ()
        if file.suffix not in (".pyc", ".pth")
    }
    taken = (str(Path(source).resolve()) for source in sources)
    met = {of_file[source].name: of_file[source] for source in taken if source in of_file}
    met.setdefault("soundsift", distribution("soundsift"))
    met.setdefault(_BUILDER, distribution(_BUILDER))
    return [met[name] for name in sorted(met, key=str.lower)]


def metadata_files(found: Distribution) -> Iterator[Entry]:
    """Give a distribution's metadata and licence texts as files of a bundle."""
    for file in found.files or ():
        parts = file.parts
        if not parts[0].endswith(".dist-info"):
            continue
        if parts[1] in ("METADATA", "entry_points.txt") or _TEXT.search("/".join(parts[1:])):
            yield file.as_posix(), str(found.locate_file(file)), "DATA"


def others(sources: Iterable[str], work: Path) -> list[Entry]:
    """Return the texts of Python and of the system's libraries as files of a bundle.

    :param work: a folder to write into.
    """
    python = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    known = [_other("Python", ".".join(map(str, sys.version_info[:3])), "PSF-2.0", python)]
    entries = [("licences/Python/LICENSE.txt", str(python), "DATA")] if python.exists() else []
    for package in sorted(set(filter(None, map(_debian_package, sorted(set(sources)))))):
        text = Path("/usr/share/doc") / package / "copyright"
        version = _said("dpkg-query", "-W", "-f", "${Version}", package)
        known.append(_other(package, version, _debian_licences(text), text))
        if text.exists():
            entries.append((f"licences/{package}/copyright", str(text.resolve()), "DATA"))
    listed = work / "others.json"
    listed.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return [*entries, ("licences/others.json", str(listed), "DATA")]


def _other(name: str, version: str, licence: str, text: Path) -> dict[str, Any]:
    texts = [f"{name}/{text.name}"] if text.exists() else []
    return {"name": name, "version": version, "licence": licence, "texts": texts}


def _debian_package(source: str) -> str | None:
    if not source.startswith(("/lib/", "/usr/lib/")) or not sys.platform.startswith("linux"):
        return None
    real = str(Path(source).resolve())
    for path in (real, real.removeprefix("/usr")):  # of a system whose /lib is a link
        if said := _said("dpkg", "-S", path):
            return said.split(":")[0]
    return None


def _debian_licences(text: Path) -> str:
    if not text.exists():
        return "see the system"
    names = _DEBIAN_LICENCE.findall(text.read_text(encoding="utf-8", errors="replace"))
    return ", ".join(dict.fromkeys(name.strip() for name in names)) or "see its text"


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
