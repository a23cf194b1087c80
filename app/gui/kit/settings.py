"""What the window remembers from one start to the next: typed, read and written in one place."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings


def _under(key: str, default: Any) -> Any:
    """Return a field that stands under a key of the file."""
    return field(default=default, metadata={"key": key})


@dataclass(frozen=True)
class Settings:
    """Every setting with its default; what is empty was never chosen.

    ``bytes`` are states as Qt's widgets give them.
    """

    theme: str = _under("window/theme", "system")
    library: str = _under("window/library", "")  # that was chosen last; empty: this user's own
    libraries: tuple[str, ...] = _under("window/libraries", ())  # the latest first
    geometry: bytes = _under("window/geometry", b"")
    columns: bytes = _under("window/columns", b"")
    rows: bytes = _under("window/rows", b"")
    sources: bool = _under("on/sources", True)
    inspector: bool = _under("on/inspector", True)
    result_columns: bytes = _under("results/columns", b"")
    history: tuple[str, ...] = _under("search/history", ())
    query: str = _under("search/last", "")
    auto_play: bool = _under("on/auto_play", True)
    loop: bool = _under("on/loop", False)
    gain_db: int = _under("player/gain", 0)
    match: bool = _under("on/match", False)
    match_lufs: int = _under("player/match_lufs", -23)
    keep_pitch: bool = _under("on/keep_pitch", False)
    output: str = _under("audio/output", "")
    input: str = _under("audio/input", "")
    ranges_folder: str = _under("ranges/folder", "")
    threads: int = _under("index/threads", 2)
    watch: bool = _under("index/watch", False)
    keys: tuple[str, ...] = _under("keys/changed", ())  # see app.gui.shell.keys
    unfinished: tuple[str, ...] = _under("index/unfinished", ())
    halted: tuple[str, ...] = _under("index/halted", ())
    collection: str = _under("collections/last", "")
    labels: str = _under("tags/labels", "")
    rename_pattern: str = _under("rename/pattern", "")
    rename_creator: str = _under("rename/creator", "")
    rename_source: str = _under("rename/source", "")
    as_heard: bool = _under("on/as_heard", True)
    handover_form: str = _under("handover/form", "original")
    handover_pattern: str = _under("handover/pattern", "")
    handles_ms: int = _under("handover/handles", 0)
    project: str = _under("handover/project", "")
    spot_target: str = _under("spot/target", "reaper")
    spot_addresses: tuple[str, ...] = _under("spot/addresses", ())
    spot_in_project: bool = _under("spot/in_project", False)
    transfer_folder: str = _under("transfer/folder", "")
    transfer_form: str = _under("transfer/form", "original")
    transfer_pattern: str = _under("transfer/pattern", "")
    tags_ucs: bool = _under("on/tags_ucs", True)
    tags_audioset: bool = _under("on/tags_audioset", True)
    tags_other: bool = _under("on/tags_other", True)
    map_window: bytes = _under("map/window", b"")
    map_colours: str = _under("map/colours", "none")
    map_hover: bool = _under("map/hover", True)
    linear_scale: bool = _under("on/linear_scale", False)
    wave_colours: bool = _under("on/wave_colours", True)
    loudness_curve: bool = _under("on/loudness_curve", False)
    serve: bool = _under("serve/on", False)
    note_uses: bool = _under("on/note_uses", True)


class SettingsFile:
    """The settings of one user; what a file says that makes no sense is the default."""

    def __init__(self, path: Path) -> None:
        self._file = QSettings(str(path), QSettings.Format.IniFormat)
        read = {each.name: _read(self._file.value(each.metadata["key"]), each) for each in _FIELDS}
        self._now = Settings(**read)

    @property
    def now(self) -> Settings:
        """Return the settings as they are."""
        return self._now

    def keep(self, settings: Settings) -> None:
        """Remember other settings; what has not changed is not written."""
        for each in _FIELDS:
            value = getattr(settings, each.name)
            if value != getattr(self._now, each.name):
                self._file.setValue(each.metadata["key"], _for_qt(value))
        self._now = settings

    def flush(self) -> None:
        """Write the file now."""
        self._file.sync()


_FIELDS: tuple[Field[Any], ...] = fields(Settings)


def _read(value: object, each: Field[Any]) -> Any:
    """Return a value of the file in its type: Qt gives texts, and a list of one as its element."""
    default = each.default
    if isinstance(default, bytes):
        return bytes(value.data()) if isinstance(value, QByteArray) else default
    if isinstance(default, tuple):
        listed = value if isinstance(value, list) else [value] if value else []
        return tuple(str(part) for part in listed)
    if value is None or value == "":
        return default
    if isinstance(default, bool):
        return str(value).lower() == "true"
    if isinstance(default, int):
        try:
            return int(str(value))
        except ValueError:
            return default
    return str(value)


def _for_qt(value: object) -> object:
    if isinstance(value, bytes):
        return QByteArray(value)
    return list(value) if isinstance(value, tuple) else value
