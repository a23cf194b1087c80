"""What the window remembers."""

from dataclasses import fields, replace

import pytest
from PySide6.QtCore import QSettings

from app.gui.kit.settings import Settings, SettingsFile

OTHER = {
    bool: lambda value: not value,
    int: lambda value: value + 3,
    str: lambda value: value + "/söme, where; else",
    bytes: lambda value: value + b"\x00\xff=;",
    tuple: lambda value: (*value, "one alone"),
}


@pytest.mark.parametrize("more", [(), ("two", "three, four")])
def test_every_setting_comes_back_in_its_type(tmp_path, more):
    path = tmp_path / "window.ini"
    kept = SettingsFile(path)
    assert kept.now == Settings()
    changed = {each.name: OTHER[type(each.default)](each.default) for each in fields(Settings)}
    changed["unfinished"] += more
    kept.keep(Settings(**changed))
    kept.flush()
    # another file: Qt shares what it knows of one among all who have it open
    again = SettingsFile(path.rename(tmp_path / "elsewhere.ini")).now
    assert again == Settings(**changed) == kept.now


def test_no_two_settings_share_a_place():
    keys = [each.metadata["key"] for each in fields(Settings)]
    assert len(set(keys)) == len(keys)


def test_what_makes_no_sense_is_the_default(tmp_path):
    path = tmp_path / "window.ini"
    path.write_text("[player]\ngain=loud\n[index]\nthreads=\n[window]\ngeometry=words\n")
    assert SettingsFile(path).now == Settings()


def test_what_has_not_changed_is_not_written(tmp_path):
    path = tmp_path / "window.ini"
    kept = SettingsFile(path)
    kept.keep(replace(kept.now, theme="dark"))
    kept.flush()
    assert QSettings(str(path), QSettings.Format.IniFormat).allKeys() == ["window/theme"]
