"""What goes into a bundle and what stays out; the specification asks, and so do tests.

Names are those of modules (``torch.utils.cpp_extension``) or of places in the bundle
(``PySide6/Qt/plugins/tls/libqopensslbackend.so``), always with forward slashes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

Entry = tuple[str, str, str]  # place in the bundle, source, kind: as PyInstaller lists files
OURS = ("app", "engine", "trainer")  # imported by name: commands, rooms, recipes
WHOLE = (
    *("alembic", "mutagen", "snowballstemmer", "sqlalchemy.dialects.sqlite"),
    *("psycopg", "psycopg_binary", "sqlalchemy.dialects.postgresql"),  # of a team's library,
    *("keyring", "jeepney", "secretstorage"),  # and its passwords
    *("ptsl", "waapi", "uvicorn"),  # of Pro Tools, of Wwise, of what serves scripts
)
EXTRAS = ("serve", "wwise", "team")  # nobody can install them into a bundle
WITH_SOURCE = {  # transformers reads its own files to learn what it holds
    "transformers": "pyz+py",
    "torch": "pyz",
    "torchaudio": "pyz",
}
# the one model of transformers that we build (engine/models/clap.py), and what loads it
MODELS = ("auto", "clap", "encoder_decoder")
EXCLUDED = (
    # figures of the trainer's experiments, and what else only developers use
    *("IPython", "PIL", "_tkinter", "matplotlib", "pandas", "pytest", "sklearn", "tensorboard"),
    *("_curses", "_dbm", "_gdbm", "curses", "nis", "readline"),
    *("tkinter", "unittest.test", "test", "lib2to3", "idlelib", "turtledemo", "ensurepip"),
    *("hypothesis", "_pytest", "setuptools", "pkg_resources", "pip", "wheel", "_distutils_hack"),
    # what libraries would use if it were there
    *("pygments", "rich", "typer", "hf_xet", "networkx", "onnxscript", "triton", "tensorflow"),
    *("flax", "jax", "torchvision", "timm", "psycopg2", "pysqlite2", "MySQLdb"),
    # Qt beyond widgets and SVG
    *("PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtSql", "PySide6.QtTest", "PySide6.QtOpenGL"),
    *(
        "PySide6.QtDesigner",
        "PySide6.QtNetwork",
        "PySide6.QtHelp",
        "PySide6.QtUiTools",
        "PySide6.QtPrintSupport",
    ),
)
_UNNEEDED = (
    # Qt: no network, no database, no printer, no QML, no screens without a desktop
    *("PySide6/*plugins/*tls/*", "PySide6/*plugins/*networkinformation/*"),
    *("PySide6/*plugins/*sqldrivers/*", "PySide6/*plugins/*printsupport/*"),
    *("PySide6/*plugins/*generic/*", "PySide6/*plugins/*qmltooling/*"),
    *("PySide6/*plugins/*egldeviceintegrations/*", "PySide6/*plugins/*qeglfs*"),
    *("PySide6/*plugins/*qlinuxfb*", "PySide6/*plugins/*qvnc*"),
    *("PySide6/*plugins/*qvkkhrdisplay*", "PySide6/*plugins/*qminimalegl*"),
    *("PySide6/*plugins/*virtualkeyboard*", "PySide6/*plugins/*qpdf*"),
    "PySide6/*plugins/*qgtk3*",  # brings half of GNOME
    *("*Qt6Qml*", "*Qt6Quick*", "*Qt6Pdf*", "*Qt6VirtualKeyboard*", "*Qt6Sql*", "*Qt6EglF*"),
    *("*QtQml*", "*QtQuick*", "*QtPdf*", "*QtVirtualKeyboard*", "*QtSql*"),
    # torch: headers, its own tests and programs
    *("torch/include/*", "torch/share/*", "torch/test/*", "torch/lib/*_test.*"),
    *("torch/bin/*[tT]est*", "torch/bin/protoc*", "torch/bin/*.ptl", "torch/bin/upgrader_models/*"),
    *("torch/lib/libbackend_with_compiler*", "torch/lib/libaoti_custom_ops*", "torch/lib/*.lib"),
    # torchaudio's compiled parts: they link CUDA, and its Python parts need none of them
    "torchaudio/lib/*",
    "libmvec.so*",  # of glibc, which is the system's: the two have to match
    # tests and types of libraries
    *("*/tests/*", "*.pyi", "*/py.typed", "*.pxd", "*.pyx", "*.h", "*.hpp", "*.c"),
)
_READS_SOURCE = re.compile(  # what of torch looks at its own text when it is imported
    r"install_config_module\(|jit\.script\b|getsource|\b_overload"
)
_TRANSLATIONS = "PySide6/*translations/*"
_NEEDED_TRANSLATIONS = "PySide6/*translations/qtbase_*"


def is_needed(place: str) -> bool:
    """Return whether a file belongs into a bundle, by its place there."""
    place = place.replace("\\", "/")
    if _matches(place, [_TRANSLATIONS]):
        return _matches(place, [_NEEDED_TRANSLATIONS])
    return not _matches(place, _UNNEEDED)


def other_models(transformers: Path) -> list[str]:
    """Return the modules of all models of transformers but those that we build.

    :param transformers: its folder.
    """
    folders = (transformers / "models").iterdir()
    names = sorted(f.name for f in folders if f.is_dir() and (f / "__init__.py").exists())
    return [f"transformers.models.{name}" for name in names if name not in MODELS]


def sources_read(package: Path) -> Iterator[str]:
    """Give the files of a package whose text is read at run time, relative to its parent."""
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package.parent).as_posix()
        tested = place.startswith((f"{package.name}/test/", f"{package.name}/testing/"))
        if not tested and _READS_SOURCE.search(path.read_text(encoding="utf-8", errors="replace")):
            yield place


def linked(entries: list[Entry], needs: Callable[[str], Iterable[str]]) -> list[Entry]:
    """Return the files of a bundle without the libraries that none of the others needs.

    PyInstaller gathers libraries before we drop what needed them, and libraries whose names
    stand in the text of a module, whether or not it is ever called.

    :param entries: place in the bundle, source, and kind.
    :param needs: returns the file names of the libraries that a file is linked with.
    """
    files = [entry for entry in entries if entry[2] != "SYMLINK"]
    libraries = {_name(place): source for place, source, _ in files}
    wanted: set[str] = set()
    waiting = [entry[1] for entry in files if not _is_library(*entry)]
    while waiting:
        for name in needs(waiting.pop()):
            if name in libraries and name not in wanted:
                wanted.add(name)
                waiting.append(libraries[name])
    kept = [e for e in files if not _is_library(*e) or _name(e[0]) in wanted]
    names = {_name(place) for place, _, _ in kept}
    links = [e for e in entries if e[2] == "SYMLINK" and _name(e[1]) in names]
    return kept + links


def _name(place: str) -> str:
    return place.rpartition("/")[2]


def _is_library(place: str, source: str, kind: str) -> bool:
    """Return whether a file is there for others only: it lies where libraries lie."""
    if kind == "EXTENSION" or _name(place).startswith("libpython"):
        return False
    return place.rpartition("/")[0] in ("", "PySide6/Qt/lib")


def _matches(place: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(place, pattern) for pattern in patterns)
