"""Renaming: plans, collisions, all or nothing, and back."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import AudioError, InputError
from engine.index.build import index_folders
from engine.metadata.renaming import (
    UCS_PATTERN,
    Rename,
    carry_out,
    fx_name,
    plan_renames,
    take_back,
)
from engine.metadata.ucs_names import category_of_name
from engine.progress import Control
from engine.search import search_names
from engine.store.places import rename_sounds, sound_at

UCS = {"catid": "DOORWood", "creator": "ABC", "source": "Lib1"}


def files(folder: Path, *names: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(name)
    return [str(folder / name) for name in names]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_name_follows_ucs_without_underscores_inside_its_parts(tmp_path):
    (path,) = files(tmp_path, "old.wav")
    fields = {**UCS, "fxname": "Creak_Long: slow?", "source": "My_Lib", "user": "take_3"}
    ((plan),) = plan_renames([(path, fields)])
    assert Path(plan.new).name == "DOORWood_Creak Long- slow-_ABC_My Lib_take 3.wav"
    without = plan_renames([(path, {**fields, "user": ""})])[0]
    assert Path(without.new).name == "DOORWood_Creak Long- slow-_ABC_My Lib.wav"
    assert category_of_name(Path(without.new).stem).id == "DOORWood"
    assert names_in(tmp_path) == ["old.wav"]  # a plan touches nothing


def test_what_names_a_sound_is_its_name_without_the_category():
    assert fx_name(Path("DOORWood_Creak Slow_ABC_Lib.wav")) == "Creak Slow"
    assert fx_name(Path("kick_909__hard.wav")) == "kick 909 hard"


def test_names_that_would_meet_are_numbered_also_when_case_alone_differs(tmp_path):
    paths = files(tmp_path, "a.wav", "b.wav", "c.wav", "DOORWood_Slam_ABC_Lib1.wav")
    words = ["Slam", "slam", "Slam"]
    plans = plan_renames([(p, {**UCS, "fxname": w}) for p, w in zip(paths, words, strict=False)])
    assert [Path(plan.new).name for plan in plans] == [
        "DOORWood_Slam 2_ABC_Lib1.wav",
        "DOORWood_slam 3_ABC_Lib1.wav" if os.name == "nt" else "DOORWood_slam_ABC_Lib1.wav",
        "DOORWood_Slam 3_ABC_Lib1.wav",
    ]


def test_a_file_without_a_needed_field_stays_and_says_so(tmp_path):
    paths = files(tmp_path, "a.wav", "b.wav")
    plans = plan_renames([(paths[0], {"fxname": "x"}), (paths[1], {**UCS, "fxname": "y"})])
    assert plans[0].new is None and "a.wav: it has no catid" in plans[0].problem
    assert plans[1].new is not None
    already = plan_renames([(plans[1].new, {**UCS, "fxname": "y"})])
    assert already == [Rename(plans[1].new, None)]


@pytest.mark.parametrize(
    "pattern", ["{catid", "{colour}", "plain", "a/{name}", "{name}[/{user}]", "{name:>9}{x}"]
)
def test_a_wrong_pattern_is_told(pattern):
    with pytest.raises(InputError, match="pattern"):
        plan_renames([], pattern)


@given(st.text(max_size=400), st.text(max_size=400))
def test_whatever_fields_hold_the_name_is_one_that_every_system_takes(fxname, user):
    (plan,) = plan_renames([("/sounds/a.wav", {**UCS, "fxname": fxname, "user": user})])
    if plan.new is None:
        assert "no fxname" in plan.problem
        return
    name = Path(plan.new).name
    assert Path(plan.new).parent == Path("/sounds") and len(name.encode("utf-8", "replace")) <= 255
    assert not set('<>:"/\\|?*\0\n') & set(name)
    assert not name.removesuffix(".wav").endswith((" ", "."))


def test_files_trade_places_and_come_back(tmp_path):
    one, two = files(tmp_path / "s", "one.wav", "two.wav")
    journal = tmp_path / "journal.json"
    moves = carry_out([Rename(one, two), Rename(two, one)], journal)
    assert moves == [(one, two), (two, one)]
    assert Path(one).read_text() == "two.wav" and names_in(tmp_path / "s") == ["one.wav", "two.wav"]
    assert sorted(take_back(journal, bool)) == sorted([(two, one), (one, two)])
    assert Path(one).read_text() == "one.wav"
    assert journal.exists()  # until the library has followed


def test_all_are_renamed_or_none(tmp_path):
    one, two = files(tmp_path / "s", "one.wav", "two.wav")
    journal = tmp_path / "journal.json"
    blocked = str(tmp_path / "s" / "no such folder" / "x.wav")
    with pytest.raises(AudioError, match="nothing was renamed"):
        carry_out([Rename(one, str(tmp_path / "s" / "new.wav")), Rename(two, blocked)], journal)
    assert names_in(tmp_path / "s") == ["one.wav", "two.wav"] and not journal.exists()
    with pytest.raises(AudioError, match="not there any more"):
        carry_out([Rename(str(tmp_path / "gone.wav"), one)], journal)


@pytest.mark.parametrize("after", range(5))
def test_a_run_that_was_killed_half_way_is_taken_back(tmp_path, monkeypatch, after):
    one, two = files(tmp_path / "s", "one.wav", "two.wav")
    journal = tmp_path / "journal.json"
    plans = [Rename(one, str(tmp_path / "s" / "a.wav")), Rename(two, str(tmp_path / "s" / "b.wav"))]
    real, count = os.rename, iter(range(100))

    def rename(source, target):
        if next(count) == after:
            raise Killed
        real(source, target)

    monkeypatch.setattr("engine.metadata.renaming.os.rename", rename)
    if after < 4:
        with pytest.raises(Killed):
            carry_out(plans, journal)
    else:
        carry_out(plans, journal)
    monkeypatch.setattr("engine.metadata.renaming.os.rename", real)
    take_back(journal, bool)
    assert names_in(tmp_path / "s") == ["one.wav", "two.wav"]
    assert Path(one).read_text() == "one.wav"


def test_the_library_follows_with_all_that_it_knows(library, sounds, model_folder, tmp_path):
    index_folders(library, model_folder, [sounds], Control())
    one, two = (str(sounds / "tones" / f"Sound_0{n}.wav") for n in (1, 3))
    ids = [sound_at(library, path) for path in (one, two)]
    new = str(sounds / "tones" / "DOORWood_Creak_ABC_Lib.wav")
    moves = carry_out([Rename(one, two), Rename(two, new)], tmp_path / "j.json")
    assert rename_sounds(library, [*moves, ("/unknown.wav", "/other.wav")]) == 2
    assert [sound_at(library, path) for path in (two, new)] == ids
    assert sound_at(library, one) is None
    (match,) = search_names(library, "creak").matches
    assert match.sound.id == ids[1]
    report = index_folders(library, model_folder, [sounds], Control())
    assert (report.heard, report.moved, report.missing) == (0, 0, 0)


def test_the_journal_says_what_was_done(tmp_path):
    (one,) = files(tmp_path / "s", "one.wav")
    (plan,) = plan_renames([(one, {**UCS, "fxname": "Slam"})], UCS_PATTERN)
    carry_out([plan], tmp_path / "j.json")
    assert json.loads((tmp_path / "j.json").read_text())["moves"] == [[one, plan.new]]


class Killed(BaseException):
    pass


def dying(monkeypatch, step: int, act) -> bool:
    """Let ``act`` die at one of its steps on the disk; return whether it lived to the end."""
    count = iter(range(1000))
    with monkeypatch.context() as patched:
        for name in ("rename", "replace", "fsync", "unlink"):
            real = getattr(os, name)

            def one(*arguments, real=real, **more):
                if next(count) == step:
                    raise Killed
                return real(*arguments, **more)

            patched.setattr(os, name, one)
        try:
            act()
        except Killed:
            return False
    return True


@pytest.mark.parametrize("ring", [2, 3])
@pytest.mark.parametrize("back", [False, True])
def test_trading_places_comes_back_from_a_kill_at_any_step(tmp_path, monkeypatch, ring, back):
    names = [f"{n}.wav" for n in range(ring)]
    journal = tmp_path / "j" / "names.json"
    for step in range(60):
        paths = files(tmp_path / "s", *names)
        plans = [Rename(p, paths[(n + 1) % ring]) for n, p in enumerate(paths)]
        if back:
            carry_out(plans, journal)
            lived = dying(monkeypatch, step, lambda: take_back(journal, bool))
        else:
            lived = dying(monkeypatch, step, lambda plans=plans: carry_out(plans, journal))
        if journal.exists():
            take_back(journal, bool)
            take_back(journal, bool)  # and again changes nothing
            journal.unlink()
        assert names_in(tmp_path / "s") == names
        assert [Path(p).read_text() for p in paths] == names, step
        if lived:
            break
    assert 5 < step < 59


def test_a_name_as_long_as_the_file_system_allows_is_renamed_and_comes_back(tmp_path):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255
    (path,) = files(tmp_path / "s", "x" * (longest - 4) + ".wav")
    (plan,) = plan_renames([(path, {**UCS, "fxname": "ü" * 400})])
    name = Path(plan.new).name
    assert longest - 1 <= len(name.encode()) <= longest and name.endswith(".wav")
    journal = tmp_path / "j.json"
    carry_out([plan], journal)
    assert names_in(tmp_path / "s") == [name]
    assert take_back(journal, bool) == [(plan.new, path)]
    assert names_in(tmp_path / "s") == [Path(path).name]


def test_names_that_are_cut_stay_apart(tmp_path):
    paths = files(tmp_path, "a.wav", "b.wav", "c.wav")
    plans = plan_renames([(path, {**UCS, "fxname": "y" * 400}) for path in paths])
    news = [plan.new for plan in plans]
    assert len(set(news)) == 3 and all(len(Path(new).name) == 255 for new in news)
    assert news[1].endswith(" 2.wav") and news[2].endswith(" 3.wav")
    assert len(carry_out(plans, tmp_path / "j.json")) == 3


@pytest.mark.parametrize(
    "document",
    [
        b"{",
        b"[]",
        b'{"moves": []}',
        b'{"moves": [], "token": "0123456789ab", "phase": 2, "taken": []}',
        b'{"moves": [["/a/x", "/b/x"]], "token": "0123456789ab", "phase": 2, "taken": []}',
        b'{"moves": [["a", "b"]], "token": "0123456789ab", "phase": 2, "taken": []}',
        b'{"moves": [["/a/x", "/a/y"]], "token": "../../../../x", "phase": 2, "taken": []}',
        b'{"moves": [["/a/x", "/a/y"]], "token": "0123456789ab", "phase": 9, "taken": []}',
        b'{"moves": [["/a/x", "/a/y"]], "token": "0123456789ab", "phase": 2, "taken": [7]}',
    ],
)
def test_a_damaged_journal_is_set_aside_and_told(tmp_path, document):
    journal = tmp_path / "names.json"
    journal.write_bytes(document)
    with pytest.raises(InputError, match="damaged, and was set aside"):
        take_back(journal, bool)
    assert names_in(tmp_path) == ["names.damaged"]


def test_only_known_files_are_taken_back_and_what_came_meanwhile_stays(tmp_path):
    folder, journal = tmp_path / "s", tmp_path / "j.json"
    one, two, three = files(folder, "1.wav", "2.wav", "3.wav")
    new = [str(folder / name) for name in ("a.wav", "b.wav", "c.wav")]
    carry_out([Rename(p, n) for p, n in zip((one, two, three), new, strict=True)], journal)
    Path(two).write_text("came meanwhile")
    back = take_back(journal, lambda path: path != one and path != new[0])
    assert back == [(new[1], two), (new[2], three)] or back == [(new[2], three)]
    assert names_in(folder) == ["2.wav", "3.wav", "a.wav", "b.wav"]
    assert Path(two).read_text() == "came meanwhile" and Path(new[1]).read_text() == "2.wav"
