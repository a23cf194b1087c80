"""What goes into a bundle and what stays out; the specification asks, and so do tests.

Names are those of modules (``torch.utils.cpp_extension``) or of places in the bundle
(``PySide6/Qt/plugins/tls/libqopensslbackend.so``), always with forward slashes.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

OURS = ("app", "engine", "trainer")  # imported by name: commands, rooms, recipes
WHOLE = ("alembic", "mutagen", "snowballstemmer", "sqlalchemy.dialects.sqlite")
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
    *("tkinter", "unittest.test", "test", "lib2to3", "idlelib", "turtledemo", "ensurepip"),
    *("hypothesis", "_pytest", "setuptools", "pkg_resources", "pip", "wheel", "_distutils_hack"),
    # what libraries would use if it were there
    *("pygments", "rich", "typer", "hf_xet", "networkx", "onnxscript", "triton", "tensorflow"),
    *("flax", "jax", "torchvision", "timm", "psycopg2", "pysqlite2", "MySQLdb"),
    # Qt beyond widgets and SVG
    *("PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtSql", "PySide6.QtTest", "PySide6.QtOpenGL"),
    *("PySide6.QtDesigner", "PySide6.QtHelp", "PySide6.QtUiTools", "PySide6.QtPrintSupport"),
)
_UNNEEDED = (
    # Qt: no network, no database, no printer, no QML, no screens without a desktop
    *("PySide6/Qt/plugins/*tls/*", "PySide6/Qt/plugins/*networkinformation/*"),
    *("PySide6/Qt/plugins/*sqldrivers/*", "PySide6/Qt/plugins/*printsupport/*"),
    *("PySide6/Qt/plugins/*generic/*", "PySide6/Qt/plugins/*qmltooling/*"),
    *("PySide6/Qt/plugins/*egldeviceintegrations/*", "PySide6/Qt/plugins/*libqeglfs*"),
    *("PySide6/Qt/plugins/*libqlinuxfb*", "PySide6/Qt/plugins/*libqvnc*"),
    *("PySide6/Qt/plugins/*libqvkkhrdisplay*", "PySide6/Qt/plugins/*libqminimalegl*"),
    *("PySide6/Qt/plugins/*virtualkeyboard*", "PySide6/Qt/plugins/*libqpdf*"),
    *("*Qt6Qml*", "*Qt6Quick*", "*Qt6Pdf*", "*Qt6VirtualKeyboard*", "*Qt6Sql*", "*Qt6EglFS*"),
    *("*QtQml*", "*QtQuick*", "*QtPdf*", "*QtVirtualKeyboard*", "*QtSql*"),
    # torch: headers, its own tests and programs
    *("torch/include/*", "torch/share/*", "torch/test/*", "torch/bin/*", "torch/lib/*_test.*"),
    *("torch/lib/libbackend_with_compiler*", "torch/lib/libaoti_custom_ops*", "torch/lib/*.lib"),
    # torchaudio's compiled parts: they link CUDA, and its Python parts need none of them
    "torchaudio/lib/*",
    # tests and types of libraries
    *("*/tests/*", "*.pyi", "*/py.typed", "*.pxd", "*.pyx", "*.h", "*.hpp", "*.c"),
)
_TRANSLATIONS = "PySide6/Qt/translations/*"
_NEEDED_TRANSLATIONS = "PySide6/Qt/translations/qtbase_*"


def is_needed(place: str) -> bool:
    """Return whether a file belongs into a bundle, by its place there."""
    place = place.replace("\\", "/")
    if _matches(place, (_TRANSLATIONS, "PySide6/translations/*")):
        return _matches(place, (_NEEDED_TRANSLATIONS, "PySide6/translations/qtbase_*"))
    return not _matches(place, _UNNEEDED)


def other_models(transformers: Path) -> list[str]:
    """Return the modules of all models of transformers but those that we build.

    :param transformers: its folder.
    """
    folders = (transformers / "models").iterdir()
    names = sorted(f.name for f in folders if f.is_dir() and (f / "__init__.py").exists())
    return [f"transformers.models.{name}" for name in names if name not in MODELS]


def _matches(place: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(place, pattern) for pattern in patterns)
