"""What is one's own and what is the team's, as the server itself keeps them apart."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest

from engine.errors import InputError, RefusedError
from engine.progress import Control
from engine.search.grammar import parse
from engine.store import Library, connection, following, roles
from engine.store.collections import (
    collect,
    collections,
    collections_of,
    drop_collection,
    rename_collection,
    take_out,
)
from engine.store.conditions import sounds_where
from engine.store.copying import copy_library
from engine.store.history import redo, steps, undo
from engine.store.saved_searches import drop_search, save_search, saved_searches
from engine.store.server import connected
from engine.store.sharing import Whose, share, whose
from tests.engine.store.test_team import Team, is_refused, team, there

__all__ = ["team", "there"]
PRIVATE = ("collections", "collected", "saved_searches", "history")


def rows(team: Team, name: str, table: str, where: str = "true") -> int:
    """Count what somebody reads with any program."""
    with import_module("psycopg").connect(team.address(name)) as open_one:
        return open_one.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]


def found(library: Library, text: str) -> set[int]:
    return {int(i) for i in sounds_where(library, parse(text).conditions)}


@pytest.fixture
def mine(team: Team):
    """Give an editor's library with a collection and a search; what is left goes afterwards."""
    with team.library("editor") as library:
        collect(library, "Doors", [1])
        save_search(library, "Short", "dur:<1s")
        yield library
    with team.library("admin") as library, library.writing() as open_one:
        for table in PRIVATE:
            open_one.exec_driver_sql(f"DELETE FROM {table}")


def test_copies_near_their_users_follow_what_is_shared_and_kept(team, mine, monkeypatch):
    monkeypatch.setattr(following, "_FRESH_S", 0.0)  # every reading asks the server first
    with Library(team.address("other"), make=False, following=Control()) as theirs:
        for shared, seen in ((True, {"Doors": 1}), (False, {}), (True, {"Doors": 1})):
            share(mine, "collections", "Doors", shared)
            assert collections(theirs) == seen
            assert found(theirs, "coll:doors") == ({1} if shared else set())


def test_a_copy_shows_a_member_nothing_that_another_one_kept(team, mine):
    with Library(team.address("editor"), make=False, following=Control()) as own:
        assert collections(own) == {"Doors": 1}
    with Library(team.address("other"), make=False, following=Control()) as theirs:
        assert theirs.database.path == own.database.path and not collections(theirs)
        with theirs.reading() as copy:
            assert copy.exec_driver_sql("SELECT count(*) FROM collections").scalar() == 0
    with Library(team.address("editor"), make=False, following=Control()) as own:
        assert collections(own) == {"Doors": 1}


def test_who_follows_is_not_told_what_a_private_collection_holds(team, mine):
    notes = "table_name = 'collected'"
    assert rows(team, "editor", "changes", notes) > 0
    with team.library("other") as theirs:
        collect(theirs, "Others", [2])
    for name in ("reader", "curator"):
        assert rows(team, name, "changes", notes) == 0
        assert rows(team, name, "changes", "table_name = 'collections'") > 0
    share(mine, "collections", "Doors", True)
    assert rows(team, "reader", "changes", notes) == 1
    share(mine, "collections", "Doors", False)
    assert rows(team, "reader", "changes", notes) == 0


def test_copies_follow_what_is_put_into_what_others_share(team, mine, monkeypatch):
    monkeypatch.setattr(following, "_FRESH_S", 0.0)
    with Library(team.address("other"), make=False, following=Control()) as theirs:
        collect(theirs, "Others", [1])
        collect(mine, "Doors", [2])
        assert collections(theirs) == {"Others": 1}
        share(mine, "collections", "Doors", True)
        assert collections(theirs) == {"Others": 1, "Doors": 2}
        take_out(mine, "Doors", [1])
        assert found(theirs, "coll:doors") == {2} and found(theirs, "coll:others") == {1}
        collect(mine, "Doors", [1])
        assert found(theirs, "coll:doors") == {1, 2}
        drop_collection(mine, "Doors")
        undo(mine)
        assert collections(theirs) == {"Others": 1, "Doors": 2}
        take_out(mine, "Doors", [1])
        share(mine, "collections", "Doors", False)
        with theirs.reading() as copy:
            held = copy.exec_driver_sql("SELECT sound_id FROM collected").scalars()
            assert list(held) == [1]


@pytest.mark.parametrize("name", ["reader", "other", "curator"])
def test_what_is_private_is_read_by_nobody_else_with_any_program(team, mine, name):
    for table in PRIVATE:
        assert rows(team, "editor", table) > 0
        assert rows(team, name, table) == 0
    with team.library(name) as theirs:
        assert not collections(theirs) and not saved_searches(theirs)
        assert not collections_of(theirs, 1) and found(theirs, 'coll:"Doors"') == set()


def test_who_owns_the_tables_is_not_shown_it_either(team, mine):
    assert rows(team, "admin", "collections") == 1  # so that a back-up is whole
    with team.library("admin") as theirs:
        assert not collections(theirs) and not saved_searches(theirs) and not steps(theirs)
        assert found(theirs, "coll:Doors") == set() and not whose(theirs, "collections")


def test_what_is_shared_is_seen_and_found_by_all_until_it_is_kept_again(team, mine):
    share(mine, "collections", "Doors", True)
    share(mine, "saved_searches", "Short", True)
    person = team.people["editor"]
    with team.library("reader") as theirs:
        assert collections(theirs) == {"Doors": 1} and saved_searches(theirs) == {
            "Short": "dur:<1s"
        }
        assert whose(theirs, "collections") == {"Doors": Whose(person, False, True)}
        assert found(theirs, "coll:doors") == {1} and collections_of(theirs, 1) == ["Doors"]
        assert rows(team, "reader", "history") == 0  # what was done to it stays one's own
        share(mine, "collections", "Doors", False)
        assert not collections(theirs)
    assert whose(mine, "collections") == {"Doors": Whose(person, True, False)}


def test_two_people_may_use_one_name_and_each_has_it_for_their_own(team, mine):
    share(mine, "collections", "Doors", True)
    full = f"Doors ({team.people['editor']})"
    with team.library("other") as theirs:
        collect(theirs, "Doors", [])
        collect(theirs, "Doors", [2])
        assert collections(theirs) == {"Doors": 1, full: 1} and collections(mine) == {"Doors": 1}
        assert found(theirs, "coll:Doors") == {2} and found(theirs, f'coll:"{full}"') == {1}
        assert collections_of(theirs, 1) == [full]
        take_out(theirs, "Doors", [2])
        rename_collection(theirs, "Doors", "Mine")
        assert collections(theirs) == {"Mine": 0, "Doors": 1}
        drop_collection(theirs, "Mine")
        save_search(theirs, "Short", "dur:<2s")
        drop_search(theirs, "Short")
    assert saved_searches(mine) == {"Short": "dur:<1s"}


@pytest.mark.parametrize("name", ["other", "curator", "admin"])
def test_nobody_shares_what_is_anothers_or_takes_it_from_the_team(team, mine, name):
    with team.library(name) as theirs:
        with pytest.raises(InputError, match="nothing called Doors"):
            share(theirs, "collections", "Doors", True)
        share(mine, "collections", "Doors", True)
        with pytest.raises(RefusedError, match="ask them"):
            share(theirs, "collections", "Doors", False)
    assert whose(mine, "collections")["Doors"].is_shared


def test_what_a_curator_removed_of_anothers_comes_back_as_theirs(team, mine):
    """Also where the curator has some of that name; all others keep what they had."""
    person = team.people["editor"]
    for what, name in (("collections", "Doors"), ("saved_searches", "Short")):
        share(mine, what, name, True)
    with team.library("curator") as theirs:
        collect(theirs, "Doors", [])  # one of their own
        collect(theirs, "Doors", [2])
        save_search(theirs, "Short", "dur:<2s")
        drop_collection(theirs, f"Doors ({person})")
        drop_search(theirs, f"Short ({person})")
        assert not collections(mine) and not saved_searches(mine)
        for _ in range(2):
            assert (undo(theirs).left, undo(theirs).left) == (0, 0)
            assert collections(mine) == {"Doors": 1} and saved_searches(mine) == {
                "Short": "dur:<1s"
            }
            assert whose(mine, "collections")["Doors"] == Whose(person, True, True)
            assert whose(theirs, "saved_searches")[f"Short ({person})"] == Whose(
                person, False, True
            )
            assert collections(theirs) == {"Doors": 1, f"Doors ({person})": 1}
            assert (redo(theirs).left, redo(theirs).left) == (0, 0)
            assert not collections(mine)
        undo(theirs)
    assert saved_searches(mine) == {"Short": "dur:<1s"}


def test_what_cannot_come_back_as_theirs_is_refused_and_can_still_be_undone(team, mine):
    share(mine, "collections", "Doors", True)
    with team.library("curator") as theirs:
        drop_collection(theirs, "Doors")
        collect(mine, "Doors", [2])  # a private one, which the curator does not see
        for _ in range(2):
            with pytest.raises(InputError, match=f"as {team.people['editor']}'s, whose it was"):
                undo(theirs)
        drop_collection(mine, "Doors")
        with connected(team.url) as open_one:
            open_one.exec_driver_sql("DELETE FROM removed")
        with pytest.raises(InputError, match="ask them to make it again"):
            undo(theirs)
        assert not collections(theirs) and not collections(mine)
        assert steps(theirs)[0].kind == "drop collection"


def test_who_put_nothing_away_puts_nothing_back_as_anothers(team, mine):
    """What a client says counts neither, nor what somebody else removed."""
    share(mine, "collections", "Doors", True)
    with import_module("psycopg").connect(team.address("curator")) as open_one:
        removed = "DELETE FROM collections WHERE name = 'Doors' RETURNING id"
        (at,) = open_one.execute(removed).fetchone()
    again = f"INSERT INTO collections (id, name, author, shared) VALUES ({at}, 'Doors', '{{}}', 0)"
    for name in ("other", "curator"):
        with import_module("psycopg").connect(team.address(name)) as open_one:
            forged = again.format(team.people["editor"]) + " RETURNING author, shared"
            whose_it_is = {"other": ("other", 0), "curator": ("editor", 1)}[name]
            found = open_one.execute(forged).fetchone()
            assert found == (team.people[whose_it_is[0]], whose_it_is[1])
            open_one.rollback()


def test_nobody_makes_anothers_their_own(team, mine):
    for what, name in (("collections", "Doors"), ("saved_searches", "Short")):
        share(mine, what, name, True)
        taken = f"UPDATE {what} SET author = session_user WHERE name = '{name}' RETURNING author"
        with import_module("psycopg").connect(team.address("curator")) as open_one:
            assert open_one.execute(taken).fetchone() == (team.people["editor"],)
        assert is_refused(team.address("curator"), f"UPDATE {what} SET shared = 0")
        with import_module("psycopg").connect(team.address("admin")) as open_one:
            assert open_one.execute(taken).fetchone() == (team.people["admin"],)
            open_one.rollback()


def test_what_a_curator_removed_of_nobodys_is_nobodys_again(team, mine):
    with connected(team.url) as open_one:
        open_one.exec_driver_sql("INSERT INTO settings VALUES ('copying', '1')")
        open_one.exec_driver_sql("INSERT INTO collections (name) VALUES ('From a file')")
        open_one.exec_driver_sql("DELETE FROM settings WHERE name = 'copying'")
    for name in ("curator", "admin"):
        with team.library(name) as theirs:
            drop_collection(theirs, "From a file")
            undo(theirs)
            assert whose(mine, "collections")["From a file"] == Whose("", False, False)


def test_steps_of_older_programs_are_ones_own_unless_something_is_there(team, mine):
    """Their rows say nothing of authors."""
    share(mine, "collections", "Doors", True)
    with team.library("curator") as theirs:
        collect(theirs, "Windows", [])
        rename_collection(theirs, "Doors", "Gates")
        drop_collection(theirs, "Windows")
        with theirs.writing() as open_one:
            for at, change in open_one.exec_driver_sql("SELECT id, change FROM history").all():
                changed = json.loads(zlib.decompress(change))
                for rows_of in changed.get("collections", ()):
                    rows_of[:] = [row[:-1] for row in rows_of]
                old = zlib.compress(json.dumps(changed).encode())
                open_one.exec_driver_sql(
                    "UPDATE history SET change = %(c)s WHERE id = %(i)s", {"c": old, "i": at}
                )
        assert undo(theirs).left == 0 and whose(theirs, "collections")["Windows"].is_mine
        assert undo(theirs).left == 0 and collections(mine) == {"Doors": 1}
        assert whose(mine, "collections")["Doors"].is_mine


def test_nothing_is_put_into_what_one_does_not_see(team, mine):
    with mine.reading() as open_one:
        at = open_one.exec_driver_sql("SELECT id FROM collections").scalar_one()
    assert is_refused(team.address("curator"), f"INSERT INTO collected VALUES ({at}, 2)")
    forged = "INSERT INTO collections (name, author, shared) VALUES ('x', 'y', 0) RETURNING author"
    with import_module("psycopg").connect(team.address("other")) as open_one:
        assert open_one.execute(forged).fetchone() == (team.people["other"],)
        open_one.rollback()


def test_sharing_is_a_step_that_can_be_undone(team, mine):
    share(mine, "collections", "Doors", True)
    assert (undo(mine).step.kind, whose(mine, "collections")["Doors"].is_shared) == ("share", False)
    redo(mine)
    assert whose(mine, "collections")["Doors"].is_shared
    drop_collection(mine, "Doors")
    undo(mine)
    assert whose(mine, "collections")["Doors"].is_shared and collections(mine) == {"Doors": 1}


def test_a_copy_holds_what_several_people_called_the_same(team, mine, tmp_path):
    with team.library("other") as theirs:
        collect(theirs, "Doors", [2])
    copy_library(team.address("admin"), tmp_path / "copy.db", Control())
    with Library(tmp_path / "copy.db") as file:
        assert sorted(collections(file).values()) == [1, 1]
        assert found(file, "coll:Doors") | found(
            file, f'coll:"Doors ({team.people["other"]})"'
        ) == {1, 2}


def test_the_doctor_says_where_nothing_hides_what_is_private(team):
    with connected(team.url) as open_one:
        assert not roles.differences(open_one)
        open_one.exec_driver_sql("ALTER TABLE saved_searches DISABLE ROW LEVEL SECURITY")
        assert roles.differences(open_one) == ["saved_searches shows what is private"]
        open_one.rollback()


def test_in_a_file_there_is_nobody_to_share_with(library):
    collect(library, "Doors", [])
    assert whose(library, "collections") == {"Doors": Whose("", True, False)}
    with pytest.raises(InputError, match="nobody to share Doors with"):
        share(library, "collections", "Doors", True)


def old_library(path: Path) -> None:
    """Make a library of the schema before, with a collection, a search and steps of history."""
    connection.make_schema(path, "0010")
    with closing(sqlite3.connect(path)) as open_one, open_one:
        values = "('/a.wav', 1, 1, 'h', 1.0, 48000, 1, 'wav', 0, 1, 0.0)"
        open_one.execute(
            "INSERT INTO sounds (path, size, mtime_ns, content_hash, duration_s, rate_hz, "
            f"channels, format, state, added_ns, heard_s) VALUES {values}"
        )
        open_one.execute("INSERT INTO collections (id, name) VALUES (7, 'Doors'), (9, 'Gone')")
        open_one.execute("DELETE FROM collections WHERE id = 9")
        open_one.execute("INSERT INTO collected VALUES (7, 1)")
        open_one.execute("INSERT INTO saved_searches (name, text) VALUES ('Short', 'dur:<1s')")
        change = zlib.compress(json.dumps({"collections": [[], [[7, "Doors"]]]}).encode())
        open_one.execute(
            "INSERT INTO history (done_ns, undone, kind, name, count, change) "
            "VALUES (1, 0, 'new collection', 'Doors', 0, ?)",
            (change,),
        )


def test_an_older_file_keeps_its_collections_their_sounds_and_what_can_be_undone(tmp_path):
    old_library(tmp_path / "old.db")
    with Library(tmp_path / "old.db") as library:
        assert collections(library) == {"Doors": 1} and saved_searches(library) == {
            "Short": "dur:<1s"
        }
        collect(library, "New", [])
        with library.reading() as open_one:
            ids = open_one.exec_driver_sql("SELECT id FROM collections ORDER BY id").scalars()
            assert list(ids) == [7, 10]  # 9 was given once
        undo(library)
        assert undo(library).step.kind == "new collection"
        assert not collections(library)


def test_what_was_there_on_a_server_stays_seen_by_all(server):
    name = server.new_database()
    url = server.address(name)
    with connected(url) as open_one:
        connection.upgrade_schema(open_one, "0010")
        open_one.exec_driver_sql("INSERT INTO collections (name) VALUES ('Doors')")
        connection.upgrade_schema(open_one)
        assert open_one.exec_driver_sql("SELECT shared FROM collections").scalar_one() == 1
    with Library(url) as library:
        assert collections(library) == {"Doors": 0}
    server.run(f"DROP DATABASE {name} WITH (FORCE)")
