"""Renaming: plans, collisions, all or nothing, and back."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import AudioError, InputError
from engine.index.build import index_folders
from engine.metadata.moves import is_returning
from engine.metadata.renaming import (
    UCS_PATTERN,
    Rename,
    carry_out,
    needed_fields,
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
    with pytest.raises(AudioError, match="no longer exists"):
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


FULL = {**UCS, "fxname": "Creak", "user": "u"}


def planned(folder: Path, fields: dict[str, str], pattern: str = UCS_PATTERN) -> str:
    ((plan),) = plan_renames([(str(folder / "old_name.wav"), fields)], pattern)
    return plan.problem if plan.new is None else Path(plan.new).name


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{fxname}", "Creak.wav"),
        ("{name}", "old name.wav"),
        ("{source}-{creator}", "Lib1-ABC.wav"),
        ("[{user}]{name}", "uold name.wav"),
        ("[{user}-][{name}]", "u-old name.wav"),
        ("{{{name}}}", "{old name}.wav"),
        ("{name}[ plain]", "old name plain.wav"),
    ],
)
def test_a_pattern_says_what_goes_where(tmp_path, pattern, name):
    assert planned(tmp_path, FULL, pattern) == name


def test_a_part_in_brackets_needs_all_its_fields(tmp_path):
    pattern = "{name}[ {user} {source}][ {creator}]"
    assert planned(tmp_path, FULL, pattern) == "old name u Lib1 ABC.wav"
    assert planned(tmp_path, {**FULL, "user": ""}, pattern) == "old name ABC.wav"
    assert planned(tmp_path, {**FULL, "source": " . "}, pattern) == "old name ABC.wav"
    assert planned(tmp_path, {}, pattern) == "old name.wav"
    assert planned(tmp_path, {}, "{name}{user}{source}") == "old_name.wav: it has no user"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a_b", "a b"),
        ('<>:"/\\|?*', "---------"),
        ("a\x1fb\x7fc\n", "a-b-c-"),
        ("  a \t b  ", "a - b"),
        (". a. ", "a"),
        ("a.b", "a.b"),
        ("\ud800x", "-x"),
        ("ü音", "ü音"),
    ],
)
def test_a_field_becomes_a_part_that_every_system_takes(tmp_path, text, part):
    assert planned(tmp_path, {"user": text}, "{user}") == f"{part}.wav"


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("con", "con-.wav"),
        ("LPT9", "LPT9-.wav"),
        ("com1.x", "com1.x-.wav"),
        ("com0", "com0.wav"),
        ("lpt10", "lpt10.wav"),
        ("nul x", "nul x.wav"),
        ("AUX", "AUX-.wav"),
        ("prn", "prn-.wav"),
    ],
)
def test_names_that_windows_keeps_for_itself_are_changed(tmp_path, stem, name):
    assert planned(tmp_path, {"user": stem}, "{user}") == name


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("{catid", "the pattern {catid is not understood: expected '}' before end of string"),
        ("{name:>9}", "the pattern {name:>9} gives a field a format: write the field's name alone"),
        ("{name!r}", "the pattern {name!r} gives a field a format: write the field's name alone"),
        (
            "{zoo}{name}{ant}",
            "the pattern {zoo}{name}{ant} can use the fields catid, fxname, creator, source, user, "
            f"name, not ant, zoo: write {UCS_PATTERN}",
        ),
        (
            "plain",
            "the pattern plain can use the fields catid, fxname, creator, source, user, name, not "
            f"none: write {UCS_PATTERN}",
        ),
        ("a/{name}", "the pattern a/{name} contains a character that file names cannot contain"),
    ],
)
def test_what_is_wrong_with_a_pattern_is_a_sentence(pattern, why):
    for ask in (lambda: plan_renames([], pattern), lambda: needed_fields(pattern)):
        with pytest.raises(InputError) as told:
            ask()
        assert str(told.value) == why


def test_the_fields_that_a_pattern_needs_are_known():
    assert needed_fields(UCS_PATTERN) == {"catid", "fxname", "creator", "source"}
    assert needed_fields("{name}[{user}]x[{source}]") == {"name"}


def test_numbers_go_into_the_fx_name_or_else_to_the_end(tmp_path):
    paths = files(tmp_path, "a.wav", "b.wav", "c.wav")
    inside = plan_renames([(path, FULL) for path in paths])
    assert [Path(plan.new).name for plan in inside] == [
        "DOORWood_Creak_ABC_Lib1_u.wav",
        "DOORWood_Creak 2_ABC_Lib1_u.wav",
        "DOORWood_Creak 3_ABC_Lib1_u.wav",
    ]
    behind = plan_renames([(path, FULL) for path in paths], "{user} x")
    assert [Path(plan.new).name for plan in behind] == ["u x.wav", "u x 2.wav", "u x 3.wav"]
    both = plan_renames([(path, {"fxname": "f"}) for path in paths[:2]], "{name} {fxname}")
    assert [Path(plan.new).name for plan in both] == ["a f.wav", "b f.wav"]
    files(tmp_path, "x f.wav")
    (taken,) = plan_renames([(str(tmp_path / "x.wav"), {"fxname": "f"})], "{name} {fxname}")
    assert Path(taken.new).name == "x f 2.wav"


def test_a_file_that_stays_keeps_its_name_from_others(tmp_path):
    stays, other = files(tmp_path, "x.wav", "b.wav")
    plans = plan_renames([(stays, {}), (other, {"user": "X"})], "{user}")
    assert plans[0] == Rename(stays, None, "x.wav: it has no user")
    assert plans[1] == Rename(other, str(tmp_path / "X 2.wav"))


def test_a_name_that_is_left_may_be_taken_and_one_that_is_not_may_not(tmp_path):
    one, two, _ = files(tmp_path, "one.wav", "two.wav", "other.wav")
    plans = plan_renames([(one, {"user": "two"}), (two, {"user": "other"})], "{user}")
    assert plans == [Rename(one, two), Rename(two, str(tmp_path / "other 2.wav"))]


def test_a_name_is_cut_but_its_number_and_suffix_never(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.metadata.renaming._LONGEST_BYTES", 12)
    paths = files(tmp_path, "a.wav", "b.wav")
    plans = plan_renames([(path, {"user": "12345678"}) for path in paths], "{user}")
    assert [Path(plan.new).name for plan in plans] == ["12345678.wav", "123456 2.wav"]
    plans = plan_renames([(path, {"user": "1234567üx"}) for path in paths], "{user}")
    assert [Path(plan.new).name for plan in plans] == ["1234567.wav", "123456 2.wav"]
    assert planned(tmp_path, {"user": "123456 . 9"}, "{user}") == "123456.wav"
    plans = plan_renames([(path, {"fxname": "1234567"}) for path in paths], "{fxname}")
    assert [Path(plan.new).name for plan in plans] == ["1234567.wav", "123456 2.wav"]
    plans = plan_renames([(path, {"fxname": "123456"}) for path in paths], "{fxname}")
    assert [Path(plan.new).name for plan in plans] == ["123456.wav", "123456 2.wav"]


def test_where_the_system_does_not_say_how_long_a_name_may_be_it_is_255(monkeypatch):
    (plan,) = plan_renames([("/nowhere/a.wav", {"user": "x" * 300})], "{user}")
    assert Path(plan.new).name == "x" * 251 + ".wav"
    monkeypatch.setattr(os, "pathconf", lambda folder, name: 100, raising=False)
    (plan,) = plan_renames([("/nowhere/a.wav", {"user": "x" * 300})], "{user}")
    assert Path(plan.new).name == "x" * 96 + ".wav"
    monkeypatch.setattr(os, "pathconf", lambda folder, name: 1000, raising=False)
    (plan,) = plan_renames([("/nowhere/a.wav", {"user": "x" * 300})], "{user}")
    assert Path(plan.new).name == "x" * 251 + ".wav"


def test_why_nothing_was_renamed_is_a_sentence(tmp_path, monkeypatch):
    one, two, new = files(tmp_path / "s", "one.wav", "two.wav", "new.wav")
    journal = tmp_path / "j.json"
    gone = str(tmp_path / "s" / "gone.wav")
    with pytest.raises(AudioError) as told:
        carry_out(
            [Rename(gone, None), Rename(one, str(tmp_path / "a")), Rename(gone, new)], journal
        )
    assert str(told.value) == "gone.wav no longer exists: nothing was renamed"
    assert names_in(tmp_path) == ["s"]
    with pytest.raises(AudioError) as told:
        carry_out([Rename(two, str(tmp_path / "s" / "z.wav")), Rename(one, new)], journal)
    assert str(told.value) == (
        "nothing was renamed: new.wav: a file with that name has appeared meanwhile"
    )
    assert names_in(tmp_path / "s") == ["new.wav", "one.wav", "two.wav"]
    assert [Path(p).read_text() for p in (one, two)] == ["one.wav", "two.wav"]
    assert not journal.exists()


def test_plans_without_a_new_name_are_passed_over(tmp_path):
    one, two = files(tmp_path / "s", "one.wav", "two.wav")
    new = str(tmp_path / "s" / "new.wav")
    assert carry_out([Rename(one, None, "why"), Rename(two, new)], tmp_path / "a" / "j.json") == [
        (two, new)
    ]
    assert names_in(tmp_path / "s") == ["new.wav", "one.wav"]


def test_whether_files_are_on_their_way_back_the_journal_says(tmp_path):
    journal = tmp_path / "j.json"
    assert not is_returning(journal)
    document = {"moves": [["/a/x", "/a/y"]], "token": "0123456789ab", "taken": []}
    for phase, returning in ((1, False), (2, False), (3, True), (4, True)):
        journal.write_text(json.dumps({**document, "phase": phase}))
        assert is_returning(journal) is returning
    for damaged in (b"{", b"[]", b"{}", b"\xff"):
        journal.write_bytes(damaged)
        assert is_returning(journal) is False


def test_after_files_came_back_the_journal_says_which(tmp_path):
    one, two = files(tmp_path / "s", "one.wav", "two.wav")
    new = [str(tmp_path / "s" / name) for name in ("a.wav", "b.wav")]
    journal = tmp_path / "j.json"
    carry_out([Rename(one, new[0]), Rename(two, new[1])], journal)
    begun = json.loads(journal.read_text())
    assert (begun["phase"], begun["taken"]) == (2, []) and len(begun["token"]) == 12
    Path(new[0]).rename(tmp_path / "s" / "elsewhere.wav")
    assert take_back(journal, bool) == [(new[1], two)]
    ended = json.loads(journal.read_text())
    assert ended == {**begun, "phase": 4, "taken": [1]}
    assert names_in(tmp_path / "s") == ["elsewhere.wav", "two.wav"]
    assert take_back(journal, bool) == [(new[1], two)]


@pytest.mark.parametrize("known", ["old", "new", "neither"])
def test_a_file_is_taken_back_if_the_library_knows_one_of_its_names(tmp_path, known):
    (old,) = files(tmp_path / "s", "old.wav")
    new = str(tmp_path / "s" / "new.wav")
    carry_out([Rename(old, new)], tmp_path / "j.json")
    back = take_back(tmp_path / "j.json", {"old": old, "new": new, "neither": ""}[known].__eq__)
    assert back == ([] if known == "neither" else [(new, old)])
    assert names_in(tmp_path / "s") == ["new.wav" if known == "neither" else "old.wav"]
