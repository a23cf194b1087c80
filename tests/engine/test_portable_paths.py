"""Paths under roots: what a library holds, and what every system makes of it."""

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.roots import (
    HERE,
    MACOS,
    POSIX,
    PREFIX,
    WINDOWS,
    Mounts,
    Span,
    System,
    checked_name,
    mounted,
    place_of_root,
    root_of,
)

MOUNTED = {
    POSIX: {"SFX": "/mnt/sfx", "Töne": "/mnt/töne/"},
    MACOS: {"SFX": "/Volumes/SFX", "Töne": "/Volumes/Töne"},
    WINDOWS: {"SFX": "S:\\", "Töne": r"\\server\share\Töne"},
}
SYSTEMS = pytest.mark.parametrize("system", MOUNTED, ids=["posix", "macos", "windows"])
PURE = {POSIX: PurePosixPath, MACOS: PurePosixPath, WINDOWS: PureWindowsPath}
NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs", "Co"]), min_size=1
).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4)


@SYSTEMS
@given(root=st.sampled_from(["SFX", "Töne", "elsewhere"]), parts=PATHS)
def test_what_a_library_holds_comes_back_from_every_system(system, root, parts):
    mounts = Mounts(MOUNTED[system], system)
    stored = "/".join((PREFIX + root, *parts))
    if system.composes:
        stored = unicodedata.normalize("NFC", stored)
    assert mounts.stored(mounts.local(stored)) == stored


@SYSTEMS
@given(parts=PATHS)
def test_a_path_here_is_what_the_system_joins(system, parts):
    plain = [part for part in parts if not set(part) & set('"*:<>?\\|')]
    local = Mounts(MOUNTED[system], system).local("/".join((PREFIX + "SFX", *plain)))
    assert PURE[system](local) == PURE[system](MOUNTED[system]["SFX"], *plain)


@given(parts=PATHS)
def test_paths_under_no_root_stay_as_they_are(parts):
    path = "/other/" + "/".join(parts)
    for folders in ({}, {"SFX": "/mnt/sfx"}):
        mounts = Mounts(folders, POSIX)
        assert mounts.stored(path) == mounts.local(path) == path


@pytest.mark.parametrize(
    ("system", "path", "stored"),
    [
        (POSIX, "/mnt/sfx", "root:/SFX"),
        (POSIX, "/mnt/sfx/", "root:/SFX"),
        (POSIX, "/mnt/sfx/Doors/", "root:/SFX/Doors"),
        (POSIX, "/mnt/sfx2/a.wav", "/mnt/sfx2/a.wav"),
        (POSIX, "/mnt/SFX/a.wav", "/mnt/SFX/a.wav"),
        (POSIX, "/mnt/sfx/a\\b.wav", "root:/SFX/a\\b.wav"),
        (POSIX, "/mnt/sfx/u\u0308.wav", "root:/SFX/u\u0308.wav"),
        (MACOS, "/Volumes/SFX/u\u0308.wav", "root:/SFX/\u00fc.wav"),
        (MACOS, "/Volumes/To\u0308ne/u\u0308.wav", "root:/Töne/\u00fc.wav"),
        (MACOS, "/elsewhere/u\u0308.wav", "/elsewhere/u\u0308.wav"),
        (WINDOWS, "S:\\", "root:/SFX"),
        (WINDOWS, r"S:\Doors\a.wav", "root:/SFX/Doors/a.wav"),
        (WINDOWS, r"s:\Doors\A.wav", "root:/SFX/Doors/A.wav"),
        (WINDOWS, "S:/Doors/a.wav", "root:/SFX/Doors/a.wav"),
        (WINDOWS, r"\\SERVER\share\töne\a.wav", "root:/Töne/a.wav"),
        (WINDOWS, r"C:\Doors\a.wav", r"C:\Doors\a.wav"),
    ],
)
def test_a_path_here_is_found_under_its_root(system, path, stored):
    assert Mounts(MOUNTED[system], system).stored(path) == stored


@SYSTEMS
@pytest.mark.parametrize("rest", ["..", "../a.wav", "Doors/../../a.wav", "./a.wav", "a/.."])
def test_no_path_leaves_its_root(system, rest):
    mounts = Mounts(MOUNTED[system], system)
    local = mounts.local(f"root:/SFX/{rest}")
    assert not local.startswith(MOUNTED[system]["SFX"]) and local.startswith("root:")
    assert mounts.stored(local) == f"root:/SFX/{rest}"


def test_no_name_of_another_system_becomes_folders_or_streams_of_windows():
    mounts = Mounts(MOUNTED[WINDOWS], WINDOWS)
    for name in (r"..\..\a.wav", "C:a.wav", "a.wav:hidden", r"a\b.wav"):
        local = mounts.local(f"root:/SFX/{name}")
        assert PureWindowsPath(local).parent == PureWindowsPath("S:\\")
        assert ":" not in PureWindowsPath(local).name


@SYSTEMS
def test_no_absolute_path_looks_like_one_of_a_library(system):
    for pure in (PurePosixPath, PureWindowsPath):
        assert not pure("root:/SFX/a.wav").is_absolute()
    unmounted = Mounts({}, system).local("root:/SFX/Doors/a.wav")
    assert PURE[system](unmounted).parts == ("root:", "SFX", "Doors", "a.wav")


def test_a_folder_holds_what_lies_between_two_bounds_and_the_roots_inside():
    mounts = Mounts({"SFX": "/mnt/sfx", "New": "/data/new"}, POSIX)
    sfx = Span("root:/SFX", "root:/SFX/", "root:/SFX0")
    assert mounts.spans("/mnt/sfx") == mounts.spans("/mnt/sfx/") == [sfx]
    assert mounts.spans("/mnt/sfx/a") == [Span("root:/SFX/a", "root:/SFX/a/", "root:/SFX/a0")]
    assert mounts.spans("/mnt") == [Span("/mnt", "/mnt/", "/mnt0"), sfx]
    assert [span.low for span in mounts.spans("/")] == ["/", "root:/SFX/", "root:/New/"]
    assert mounts.spans("/mn") == [Span("/mn", "/mn/", "/mn0")]
    windows = Mounts({"SFX": "S:\\"}, WINDOWS)
    assert windows.spans("C:\\a") == [Span("C:\\a", "C:\\a\\", "C:\\a]")]


def test_parts_above_a_root_are_told_from_where_it_is_mounted():
    mounts = Mounts({"SFX": "/mnt/Samples"}, POSIX)
    assert mounts.ending("Samples/Doors") == ["root:/sfx/doors"]
    assert mounts.ending("mnt/samples") == mounts.ending("mnt") == ["root:/sfx"]
    assert mounts.ending("Doors/Wood") == mounts.ending("samples2/Doors") == []


@pytest.mark.parametrize(
    ("folder", "other"),
    [("/mnt/sfx", "SFX"), ("/mnt/sfx/a", "SFX"), ("/mnt", "SFX"), ("/mnt/sfx2", None)],
)
def test_roots_that_overlap_are_told(folder, other):
    mounts = Mounts({"SFX": "/mnt/sfx"}, POSIX)
    assert mounts.overlapping(folder) == other
    assert mounts.overlapping(folder, "SFX") is None


def test_a_path_that_is_not_mounted_names_its_root():
    paths = [place_of_root("My SFX"), "/mnt/sfx", f"relative{HERE.separator}a"]
    assert [root_of(path) for path in paths] == ["My SFX", None, None]
    assert root_of(Mounts({}).local("root:/My SFX/a.wav")) == "My SFX"
    assert mounted(paths) == paths[1:]


@pytest.mark.parametrize("name", ["", "  ", ".", "..", "a/b", "a\\b", "a\nb", "x" * 101])
def test_a_name_that_makes_no_root_is_refused(name):
    with pytest.raises(InputError, match="is no name for a root"):
        checked_name(name)


def test_names_differ_by_more_than_upper_case():
    assert checked_name(" To\u0308ne ") == "T\u00f6ne"
    with pytest.raises(InputError, match="already a root SFX"):
        checked_name("sfx", ["SFX"])


def test_only_systems_that_list_paths_otherwise_spell_them_anew():
    assert not Mounts({}, MACOS).respells and not Mounts({"SFX": "/s"}, POSIX).respells
    mounts = Mounts({"SFX": "/Volumes/SFX"}, MACOS)
    assert mounts.respells and mounts.spelled("/Volumes/SFX/u\u0308") == "/Volumes/SFX/\u00fc"
    assert Mounts({"SFX": "S:\\"}, WINDOWS).spelled("s:\\a") == "S:\\a"
    assert System("/") == POSIX
