"""Find whose work lies in a bundle: packages of Python, and libraries in them or of the system.

What is found is listed by ``soundsift licences`` (:mod:`app.licences`); all texts of licences go
into the bundle's folder ``licences``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from app.licences import LIST, Work, of_distribution, python

Entry = tuple[str, str, str]  # place in the bundle, source, kind: as PyInstaller lists files
ALSO = ("soundsift", "pyinstaller")  # whose bootloader is the program file itself
_DEBIAN_LICENCE = re.compile(r"^License:\s*(\S.*)$", re.MULTILINE)
_MOST_WORDS = 5
_COMMON = Path("/usr/share/common-licenses")  # of Debian
_GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
_GNU = "LGPL-3.0-or-later OR GPL-2.0-or-later"
INNER = {  # libraries that packages bring along, by how their files are called
    "libav": ("FFmpeg", "LGPL-3.0-or-later"),
    "libsw": ("FFmpeg", "LGPL-3.0-or-later"),
    "libx264": ("x264", "GPL-2.0-or-later"),
    "libx265": ("x265", "GPL-2.0-or-later"),
    "libmp3lame": ("LAME", "LGPL-2.0-or-later"),
    "libopencore": ("opencore-amr", "Apache-2.0"),
    "libopus": ("Opus", "BSD-3-Clause"),
    "libSvtAv1": ("SVT-AV1", "BSD-3-Clause-Clear"),
    "libvpx": ("libvpx", "BSD-3-Clause"),
    "libdav1d": ("dav1d", "BSD-2-Clause"),
    "libwebp": ("libwebp", "BSD-3-Clause"),
    "libsharpyuv": ("libwebp", "BSD-3-Clause"),
    "libgnutls": ("GnuTLS", "LGPL-2.1-or-later"),
    "libnettle": ("Nettle", _GNU),
    "libhogweed": ("Nettle", _GNU),
    "libgmp": ("GMP", _GNU),
    "libunistring": ("libunistring", _GNU),
    "libasound": ("alsa-lib", "LGPL-2.1-or-later"),
    "libdrm": ("libdrm", "MIT"),
    "libvpl": ("oneVPL", "MIT"),
    "libxcb": ("libxcb", "MIT"),
    "libXau": ("libXau", "MIT"),
    "libsndfile": (
        "libsndfile, with FLAC, Ogg, Vorbis, Opus, mpg123 and LAME",
        "LGPL-2.1-or-later",
    ),
    "libicu": ("ICU", "Unicode-3.0"),
    "libQt6": ("Qt", "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only"),
    "libpq": ("PostgreSQL's libpq", "PostgreSQL"),
    "libssl": ("OpenSSL", "Apache-2.0"),
    "libcrypto": ("OpenSSL", "Apache-2.0"),
    "libkrb5": ("MIT Kerberos", "MIT"),
    "libk5crypto": ("MIT Kerberos", "MIT"),
    "libgssapi_krb5": ("MIT Kerberos", "MIT"),
    "libcom_err": ("MIT Kerberos", "MIT"),
    "libkeyutils": ("keyutils", "LGPL-2.1-or-later"),
    "libldap": ("OpenLDAP", "OLDAP-2.8"),
    "liblber": ("OpenLDAP", "OLDAP-2.8"),
    "libsasl2": ("Cyrus SASL", "BSD-4-Clause-UC"),
    "libcrypt-": ("libxcrypt", "LGPL-2.1-or-later"),
    "libopenblas": ("OpenBLAS", "BSD-3-Clause"),
    "libscipy_openblas": ("OpenBLAS", "BSD-3-Clause"),
    "libgfortran": ("libgfortran", _GCC),
    "libgomp": ("libgomp", _GCC),
    "libquadmath": ("libquadmath", "LGPL-2.1-or-later"),
}


def works_of(sources: Iterable[str], also: Sequence[str] = ALSO) -> Iterator[Work]:
    """Give everything that the files of a bundle are of.

    :param sources: where they were taken from.
    :param also: packages that are in every bundle.
    """
    taken = sorted({str(Path(source).resolve()) for source in sources})
    yield python()
    yield from map(of_distribution, owners(taken, also))
    inner = {INNER[start] for path in taken if (start := _start(path)) and not _is_system(path)}
    yield from (Work(name, "", licence) for name, licence in sorted(inner))
    for package in sorted(set(filter(None, map(_debian_package, taken)))):
        text = Path("/usr/share/doc") / package / "copyright"
        version = _said("dpkg-query", "-W", "-f", "${Version}", package)
        texts = (text.resolve(),) if text.exists() else ()
        yield Work(package, version, _debian_licences(text), texts)
    for name in ("GPL-2", "GPL-3", "LGPL-2.1", "LGPL-3", "Apache-2.0"):
        if (_COMMON / name).exists():
            yield Work(f"text-of-{name}", "", "the licence itself", (_COMMON / name,))


def unknown(sources: Iterable[str]) -> list[str]:
    """Return the libraries that packages bring along and of which nothing is known here."""
    brought = [Path(s).name for s in sources if ".libs/" in s.replace("\\", "/")]
    return sorted(name for name in brought if _start(name) is None)


def owners(taken: Iterable[str], also: Sequence[str] = ALSO) -> list[Distribution]:
    """Return the packages that files come from, and those named."""
    of_file = {
        str(Path(str(found.locate_file(file))).resolve()): found
        for found in distributions()
        for file in found.files or ()
        if file.suffix not in (".pyc", ".pth")
    }
    paths = {str(Path(path).resolve()) for path in taken}
    met = {of_file[path].name: of_file[path] for path in paths if path in of_file}
    for name in also:
        met.setdefault(name, distribution(name))
    return [met[name] for name in sorted(met, key=str.lower)]


def metadata_files(found: Distribution) -> Iterator[Entry]:
    """Give what a package may be asked about itself at run time, as files of a bundle."""
    for file in found.files or ():
        if file.parts[0].endswith(".dist-info") and file.name in ("METADATA", "entry_points.txt"):
            yield file.as_posix(), str(found.locate_file(file)), "DATA"


def listed(works: Iterable[Work], folder: Path) -> Iterator[Entry]:
    """Give the list of works and all their texts as files of a bundle.

    :param folder: a folder to write the list into.
    """
    lines = []
    for work in sorted(works, key=lambda work: work.name.lower()):
        places = []
        for number, text in enumerate(work.texts, start=1):
            name = text.name if len({t.name for t in work.texts}) == len(work.texts) else None
            places.append(f"{work.name}/{name or f'{number}-{text.name}'}")
            yield f"licences/{places[-1]}", str(text), "DATA"
        facts = {"name": work.name, "version": work.version, "licence": work.licence}
        lines.append({**facts, "texts": places})
    path = folder / LIST
    path.write_text(json.dumps(lines, indent=1), encoding="utf-8")
    yield f"licences/{LIST}", str(path), "DATA"


def _start(path: str) -> str | None:
    name = re.split(r"[/\\]", path)[-1]
    return next((start for start in INNER if name.startswith((start, start[3:]))), None)


def _is_system(path: str) -> bool:
    return path.startswith(("/lib/", "/usr/lib/")) and sys.platform.startswith("linux")


def _debian_package(path: str) -> str | None:
    if not _is_system(path):
        return None
    for spelled in (path, path.removeprefix("/usr")):  # where /lib is a link to /usr/lib
        if said := _said("dpkg", "-S", spelled):
            return said.split(":")[0]
    return None


def _debian_licences(text: Path) -> str:
    if not text.exists():
        return "see the system"
    said = _DEBIAN_LICENCE.findall(text.read_text(encoding="utf-8", errors="replace"))
    names = [name.strip() for name in said if len(name.split()) <= _MOST_WORDS]  # not a sentence
    return ", ".join(dict.fromkeys(names)) or "see its text"


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
