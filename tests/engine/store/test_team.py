"""Roles of a team's library: what each may, as the server itself sees it."""

import io
import re
import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, text

from app.cli import main
from app.cli.team import _password as ask_password
from engine.errors import InputError, LibraryError, RefusedError
from engine.index.drives import note_drives
from engine.metadata.write import SoundTags
from engine.progress import Control
from engine.store import FileFacts, Library, checkup, history, tables
from engine.store.checkup import examine
from engine.store.collections import collect, collections, drop_collection, rename_collection
from engine.store.connection import REVISION
from engine.store.interest import note_interest
from engine.store.loudness import put_loudness
from engine.store.marks import set_note, set_stars
from engine.store.records import MeasuredLoudness
from engine.store.regions import add_region
from engine.store.roles import MAY, ROLES, TABLES, group_names, run
from engine.store.saved_searches import drop_search, save_search, saved_searches
from engine.store.server import connected, upgrade
from engine.store.sharing import share
from engine.store.tags import TagRow, decide_on_tags
from engine.store.team import add, init, members, remove
from engine.store.thumbnails import put_thumbnails, thumbnails
from engine.store.uses import note_uses
from engine.tags.run import TagRun
from tests.postgres import Postgres, binaries

DECIDED = {"tags", "marks", "regions", "uses", "collections", "collected", "saved_searches"}
EDITED = DECIDED | {"history", "words", "interest", "thumbnails"}
CHANGED = {
    "reader": set(),
    "editor": EDITED,
    "curator": EDITED
    | {"roots", "folders", "sounds", "windows", "skipped", "settings", "workers", "claims"},
}
WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


class Team:
    """A library with one person of every role, and two editors; who has none is ``nobody``."""

    def __init__(self, server: Postgres) -> None:
        self.server, self.database = server, server.new_database()
        self.url = server.address(self.database)
        self.people = {role: f"{role}_of_{self.database}" for role in (*ROLES, "other", "nobody")}
        init(self.url)
        for name, person in self.people.items():
            role = {"other": "editor", "nobody": "reader"}.get(name, name)
            add(self.url, person, role, login=True)
        remove(self.url, self.people["nobody"])
        with Library(self.url) as library:
            for n in (1, 2):
                facts = FileFacts(f"/a/{n}.wav", 1, 1, f"{n}", 1.0, 48000, 1, 16, "wav")
                library.put_sounds([(facts, [])])

    def drop(self) -> None:
        self.server.run(f"DROP DATABASE {self.database} WITH (FORCE)")
        self.server.run(*(f"DROP ROLE {person}" for person in self.people.values()))
        self.server.run(*(f'DROP ROLE "{name}"' for name in group_names(self.database).values()))

    def address(self, role: str) -> str:
        return self.server.address(self.database, self.people[role])

    def library(self, role: str) -> Library:
        return Library(self.address(role), make=False)


@pytest.fixture(autouse=True)
def there(server: Postgres) -> None:
    """Skip what follows where there is no server or driver."""


@pytest.fixture(scope="module")
def team(server: Postgres) -> Iterator[Team]:
    made = Team(server)
    yield made
    made.drop()


def psycopg() -> Any:
    return import_module("psycopg")


def is_refused(address: str, statement: str) -> bool:
    """Return whether the server refuses a statement; nothing of it is kept."""
    errors = psycopg().errors
    with psycopg().connect(address) as connection:
        try:
            connection.execute(statement)
        except errors.InsufficientPrivilege:
            return True
        except errors.IntegrityError:
            return False  # allowed, but this row makes no sense
        finally:
            connection.rollback()
    return False


def statement_of(verb: str, table: str) -> str:
    first = "rowid" if table == "words" else "ctid"
    column = "version_num" if table == "alembic_version" else tables_columns(table)[-1]
    return {
        "INSERT": f"INSERT INTO {table} SELECT * FROM {table} WHERE false",
        "UPDATE": f"UPDATE {table} SET {column} = {column} WHERE false",
        "DELETE": f"DELETE FROM {table} WHERE {first} IS NULL",
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
    }[verb]


def tables_columns(table: str) -> list[str]:
    if table == "words":
        return ["rowid"]
    return [column.name for column in tables.metadata.tables[table].columns]


def existing(team: Team) -> tuple[list[str], list[str]]:
    with psycopg().connect(team.url) as connection:
        found = "SELECT relname FROM pg_class WHERE relkind = '{}' AND relnamespace = 'public'::{}"
        return tuple(
            sorted(r[0] for r in connection.execute(found.format(kind, "regnamespace")))
            for kind in "rS"
        )


def test_what_each_role_may_do_is_said_of_every_table(team):
    assert existing(team)[0] == sorted(TABLES)


@pytest.mark.parametrize("role", ["reader", "editor", "curator"])
def test_the_server_refuses_every_write_that_a_role_may_not(team, role):
    granted: dict[str, set[str]] = {}
    for name in ROLES[: ROLES.index(role) + 1]:
        for table, verbs in MAY[name].items():
            granted.setdefault(table, set()).update(verbs)
    for table in existing(team)[0]:
        for verb in WRITES:
            refused = is_refused(team.address(role), statement_of(verb, table))
            assert refused == (verb not in granted[table]), (verb, table)
    changed = {table for table in TABLES if granted[table] & set(WRITES)}
    assert changed == CHANGED[role]


def test_a_reader_takes_no_number_of_a_sequence_and_makes_nothing(team):
    sequences = existing(team)[1]
    assert len(sequences) > 5
    for sequence in sequences:
        for call in (f"nextval('{sequence}')", f"setval('{sequence}', 1)"):
            assert is_refused(team.address("reader"), f"SELECT {call}")
    for role in ("reader", "editor", "curator"):
        for statement in (
            "CREATE TABLE more (id int)",
            "CREATE TEMP TABLE more (id int)",
            "ALTER TABLE tags DISABLE TRIGGER author",
            "DROP TABLE tags",
            "UPDATE alembic_version SET version_num = '9999'",
        ):
            assert is_refused(team.address(role), statement), (role, statement)


def test_who_has_no_role_is_not_let_in_and_told_whom_to_ask(team):
    with pytest.raises(LibraryError, match=r"you have no role in the library .* `soundsift team"):
        team.library("nobody")


DECISIONS: list[Callable[[Library], object]] = [
    lambda x: decide_on_tags(x, [TagRow(1, "Door", "accepted", "person")]),
    lambda x: set_stars(x, [1], 3),
    lambda x: set_note(x, [1], "attic"),
    lambda x: note_uses(x, [1], "Film"),
    lambda x: collect(x, "Doors", [1]),
    lambda x: save_search(x, "Wood", "door wood"),
    lambda x: add_region(x, 1, "slam", 0.1, 0.4),
]


@pytest.mark.parametrize("number", range(len(DECISIONS)))
def test_an_editor_decides_and_goes_back_and_a_reader_is_refused(team, number):
    with team.library("editor") as library:
        DECISIONS[number](library)
        assert history.undo(library) is not None
        assert history.redo(library) is not None
        assert history.undo(library) is not None
    with team.library("reader") as library:
        whom = team.people["admin"]
        with pytest.raises(RefusedError, match=f"takes the role editor: ask {whom}"):
            DECISIONS[number](library)


def test_a_curator_indexes_and_an_editor_is_told_which_role_it_takes(team):
    facts = FileFacts("/b/3.wav", 1, 1, "3", 1.0, 48000, 1, 16, "wav")
    with team.library("editor") as library:
        with pytest.raises(RefusedError, match=r"as editor you may not add folders .* curator"):
            library.add_folder("/b")
        with pytest.raises(RefusedError):
            library.put_sounds([(facts, [])])
    with team.library("curator") as library:
        library.add_folder("/b")
        library.put_sounds([(facts, [])])
        library.set_settings({"some": b"1"})
        library.set_state([1], 1)
        library.set_state([1], 0)


def test_a_readers_program_searches_on_where_it_may_keep_nothing(team):
    with team.library("reader") as library:
        put_thumbnails(library, {1: b"x"})
        assert thumbnails(library, [1]) == {}
        with pytest.raises(RefusedError):
            note_interest(library, ["/a"])  # whose callers go on
        with pytest.raises(RefusedError):
            put_loudness(library, {1: MeasuredLoudness(-20.0, 3.0, -1.0)})


def test_files_are_not_touched_for_who_may_not_tell_the_library(team, tmp_path):
    file = tmp_path / "a.wav"
    file.write_bytes(b"as it was")
    with (
        team.library("editor") as library,
        TagRun.begin(library) as run,
        pytest.raises(RefusedError, match="takes the role curator"),
    ):
        run.write({str(file): SoundTags(keywords=("Door",))}, Control())
    assert file.read_bytes() == b"as it was"


def test_a_folder_that_is_away_from_one_computer_is_not_offline_for_all(team):
    with team.library("curator") as library:
        library.add_folder("/a")
        assert "/a" in note_drives(library)
        assert library.statistics().offline == 0 < library.statistics().sounds


# Who made what


def test_who_decides_is_written_by_the_server_whatever_a_client_says(team):
    person, other = team.people["editor"], team.people["other"]
    with team.library("editor") as library:
        decide_on_tags(library, [TagRow(2, "Rain", "accepted", "person")])
    forged = "INSERT INTO tags (sound_id, label, state, said_by, author) "
    with psycopg().connect(team.address("other")) as connection:
        connection.execute(forged + f"VALUES (2, 'Bell', 'accepted', 'person', '{person}')")
        connection.execute("UPDATE tags SET state = 'rejected', author = 'x' WHERE label = 'Rain'")
    t = tables.tags.c
    with team.library("reader") as library, library.reading() as connection:
        found = connection.execute(select(t.label, t.author).where(t.sound_id == 2))
        assert {tuple(row) for row in found} == {("Bell", other), ("Rain", other)}


def test_everybody_goes_back_over_their_own_steps_only(team):
    with team.library("editor") as mine, team.library("other") as theirs:
        before = mine.sounds([1])[1].marks.stars
        set_stars(mine, [1], 5)
        set_stars(theirs, [2], 2)
        undone = history.undo(mine)
        assert undone is not None and undone.sounds == (1,)
        stars = {i: row.marks.stars for i, row in mine.sounds([1, 2]).items()}
        assert stars == {1: before, 2: 2}
        set_stars(mine, [1], 4)  # which forgets what I took back, not what they did
        redone = history.undo(theirs)
        assert redone is not None and redone.sounds == (2,)


def test_an_editor_changes_own_collections_and_a_curator_all(team):
    person = team.people["editor"]
    with team.library("editor") as mine, team.library("other") as theirs:
        collect(mine, "Mine", [1])
        save_search(mine, "My search", "door")
        share(mine, "collections", "Mine", True)
        share(mine, "saved_searches", "My search", True)
        for change in (
            lambda: collect(theirs, "Mine", [2]),
            lambda: rename_collection(theirs, "Mine", "Theirs"),
            lambda: drop_collection(theirs, "Mine"),
            lambda: drop_search(theirs, "My search"),
        ):
            with pytest.raises(RefusedError, match=f"is {person}'s: ask them"):
                change()
        assert collections(theirs)["Mine"] == 1
        with psycopg().connect(team.address("other")) as connection:
            changed = connection.execute(
                "UPDATE history SET undone = 1 WHERE author <> session_user"
            )
            assert changed.rowcount == 0
        rename_collection(mine, "Mine", "Mine still")
    with team.library("curator") as library:
        drop_collection(library, "Mine still")


# Giving and taking


def test_roles_are_given_changed_and_taken_and_it_counts_at_once(team):
    person, url = "somebody new", team.address("admin")
    assert add(team.url, person, "reader", login=True).is_new
    address = team.server.address(team.database, "somebody%20new")
    with Library(address, make=False) as library:
        with pytest.raises(RefusedError):
            set_stars(library, [1], 1)
        assert add(url, person, "editor").before == "reader"
        set_stars(library, [1], 1)  # over the connection that it has
        assert add(url, person, "reader", login=True).before == "editor"
        with pytest.raises(RefusedError):
            set_stars(library, [1], 2)
        listed = {member.name: member for member in members(url)}
        assert listed[person].role == "reader" and listed[person].connections > 0
        assert remove(url, person) == "reader"
        with pytest.raises(LibraryError):
            library.folders()
    with pytest.raises(InputError, match="has no role"):
        remove(url, person)
    team.server.run('DROP ROLE "somebody new"')


@pytest.mark.parametrize("role", ["reader", "editor", "curator"])
def test_only_admins_give_roles(team, role):
    with pytest.raises(RefusedError, match="takes the role admin"):
        add(team.address(role), team.people[role], "curator")
    group = group_names(team.database)["curator"]
    assert is_refused(team.address("reader"), f'GRANT "{group}" TO {team.people["reader"]}')


def test_an_admin_makes_no_admin_and_no_login(team):
    with pytest.raises(RefusedError, match="takes the owner of its database"):
        add(team.address("admin"), team.people["reader"], "admin")
    with pytest.raises(RefusedError, match="CREATEROLE"):
        add(team.address("admin"), "not there", "reader", login=True)
    with pytest.raises(InputError, match="--login"):
        add(team.address("admin"), "not there", "reader")


def test_a_role_that_the_server_left_somebody_is_told_and_nothing_is_changed(team, monkeypatch):
    """As from PostgreSQL 16 on, where another one gave it, and taking it is a warning."""
    person = team.people["other"]

    def taken(connection: Any, statement: str, **names: str) -> Any:
        if not statement.startswith("REVOKE"):
            return run(connection, statement, **names)
        return None

    monkeypatch.setattr("engine.store.team.run", taken)
    group, giver = group_names(team.database)["editor"], group_names(team.database)["admin"]
    told = f'`REVOKE "{group}" FROM "{person}" GRANTED BY "{giver}"`'
    for change in (lambda: remove(team.url, person), lambda: add(team.url, person, "reader")):
        with pytest.raises(RefusedError, match=re.escape(told)):
            change()
    assert {m.name: m.role for m in members(team.url)}[person] == "editor"


_TRAPS = """
DO $$
DECLARE
    kind text;
    other text;
    name text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['name', 'varchar', 'oid', 'regnamespace', 'regclass', '"char"',
            'name[]', 'varchar[]'] LOOP
        FOREACH name IN ARRAY ARRAY['hashtext', 'to_regclass', 'to_regnamespace', 'quote_ident',
                'current_setting', 'pg_get_userbyid', 'concat_ws', 'count', 'host'] LOOP
            BEGIN
                EXECUTE format('CREATE FUNCTION %I(x %s) RETURNS int LANGUAGE plpgsql AS '
                    || '$f$BEGIN RAISE EXCEPTION %L; END$f$', name, kind, 'trap');
            EXCEPTION WHEN duplicate_function THEN
            END;
        END LOOP;
        FOREACH other IN ARRAY ARRAY['name', 'varchar', 'oid', 'regnamespace', 'regtype'] LOOP
            EXECUTE format('CREATE FUNCTION trap(x %s, y %s) RETURNS boolean LANGUAGE plpgsql AS '
                || '$f$BEGIN RAISE EXCEPTION %L; END$f$', kind, other, 'trap');
            FOREACH name IN ARRAY ARRAY['=', '<>', '<='] LOOP
                EXECUTE format('CREATE OPERATOR %s (FUNCTION = trap, LEFTARG = %s, RIGHTARG = %s)',
                    name, kind, other);
            END LOOP;
        END LOOP;
    END LOOP;
END $$
"""


def test_nothing_that_an_admin_made_is_run_by_who_looks_after_the_server(server):
    """They may do everything there; admins of a library may not."""
    team = Team(server)
    person = team.people["other"]
    view = "CREATE VIEW {0} AS SELECT {1} FROM trap('a'::name, 'a'::name)"
    columns = {
        "alembic_version": f"'{REVISION}'::text AS version_num",
        "settings": "''::text AS name",
        "sounds": "0 AS state, ''::text AS content_hash",
    }
    with psycopg().connect(team.address("admin")) as connection:
        connection.execute(f'SET ROLE "{group_names(team.database)["admin"]}"')
        connection.execute(_TRAPS)
        with pytest.raises(psycopg().errors.RaiseException), connection.transaction():
            connection.execute("SELECT 'a'::name = 'a'::varchar")
    assert init(team.url) == []
    assert add(team.url, person, "reader").before == "editor"
    assert remove(team.url, person) == "reader"
    assert person not in {member.name for member in members(team.url)}
    assert {one.what for one in examine(team.url) if not one.is_ok} == {"durability"}
    with connected(team.url, is_guarded=True) as connection:
        connection.execute(text("UPDATE public.alembic_version SET version_num = '0014'"))
    with pytest.raises(RefusedError, match=f"ask {team.people['admin']}, who looks after"):
        upgrade(team.url)
    with connected(team.url, is_guarded=True) as connection:
        connection.execute(text(f"UPDATE public.alembic_version SET version_num = '{REVISION}'"))
    for table, shown in columns.items():
        with psycopg().connect(team.address("admin")) as connection:
            connection.execute(f"ALTER TABLE {table} RENAME TO hidden")
            connection.execute(view.format(table, shown))
        if table != "sounds":
            with pytest.raises(LibraryError, match="is not a Soundsift library, or it is damaged"):
                init(team.url)
        assert [one for one in examine(team.url) if "is damaged" in one.said]
        with psycopg().connect(team.address("admin")) as connection:
            connection.execute(f"DROP VIEW {table}")
            connection.execute(f"ALTER TABLE hidden RENAME TO {table}")
    team.drop()


@pytest.mark.parametrize("name", ["", " ", "a\nb", "ä" * 32, "pg_me", "public"])
def test_a_name_that_the_server_would_change_is_refused(team, name):
    with pytest.raises(InputError, match="cannot be the name of a login"):
        add(team.url, name, "reader", login=True)


def test_odd_names_are_only_names(team):
    odd = "o'dd\"; DROP TABLE tags; -- %s {x}"
    add(team.url, odd, "reader", login=True)
    assert odd in {member.name for member in members(team.url)}
    remove(team.url, odd)
    team.server.run("DROP ROLE " + psycopg().sql.Identifier(odd).as_string(None))


def test_the_server_is_sent_a_verifier_and_never_the_password(team):
    add(team.url, "with_password", "reader", login=True, ask=lambda: "geheim 1")
    query = "SELECT rolpassword FROM pg_authid WHERE rolname = 'with_password'"
    with psycopg().connect(team.url) as connection:
        (stored,) = connection.execute(query).fetchone()
    assert stored.startswith("SCRAM-SHA-256$") and "geheim" not in stored
    team.server.run("ALTER ROLE with_password RENAME TO with_password_2")  # SCRAM outlives that
    remove(team.url, "with_password_2")
    team.server.run("DROP ROLE with_password_2")
    log = (team.server.folder / "log").read_text(errors="replace")
    assert "geheim" not in log


def test_names_of_groups_differ_however_long_the_librarys_is():
    one, two = group_names("x" * 60), group_names("x" * 59 + "y")
    names = {*one.values(), *two.values()}
    assert len(names) == 8
    assert all(len(name.encode()) <= 63 for name in names)


# Schema and check


def test_init_mends_what_was_granted_by_hand(team):
    reader = group_names(team.database)["reader"]
    with psycopg().connect(team.url) as connection:
        connection.execute(f'GRANT UPDATE (label) ON tags TO "{reader}"')
        connection.execute(f"GRANT DELETE ON sounds TO {team.people['editor']}")
        connection.execute("GRANT SELECT ON settings TO PUBLIC")
        connection.execute(f'REVOKE SELECT ON folders FROM "{reader}"')
    (grants,) = [finding for finding in examine(team.url) if finding.what == "grants"]
    assert not grants.is_ok and "team init" in grants.todo
    for part in ("UPDATE tags.label", "DELETE sounds", "everybody may SELECT", "SELECT folders"):
        assert part in grants.said
    assert init(team.url) == []
    (grants,) = [finding for finding in examine(team.url) if finding.what == "grants"]
    assert grants.is_ok


def test_an_owner_of_the_database_who_is_no_superuser_makes_the_roles(server):
    database = server.new_database()
    server.run("CREATE ROLE studio LOGIN CREATEROLE", f"ALTER DATABASE {database} OWNER TO studio")
    url = server.address(database, "studio")
    try:
        assert len(init(url)) == 4
        assert init(url) == []
        add(url, "ann", "editor", login=True)
        with Library(server.address(database, "ann"), make=False) as library:
            save_search(library, "a", "door")
        assert [(m.name, m.role) for m in members(url)] == [("ann", "editor"), ("studio", "admin")]
        assert remove(url, "ann") == "editor"
        assert all(finding.is_ok for finding in examine(url) if finding.what != "durability")
    finally:
        server.run(f"DROP DATABASE {database} WITH (FORCE)", "DROP ROLE IF EXISTS ann")
        server.run(*(f'DROP ROLE "{name}"' for name in group_names(database).values()))
        server.run("DROP ROLE studio")


def test_who_does_not_own_the_database_makes_no_roles(team):
    with pytest.raises(RefusedError, match="takes the owner of the database"):
        init(team.address("admin"))


def test_an_admin_upgrades_and_the_new_tables_belong_to_all_admins(team, monkeypatch):
    def made_by(connection: Any) -> None:
        connection.execute(text("ALTER TABLE claims RENAME TO older"))
        connection.execute(text("CREATE TABLE claims (LIKE older INCLUDING ALL)"))
        connection.execute(text("DROP TABLE older"))
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{REVISION}'"))

    monkeypatch.setattr("engine.store.server.upgrade_schema", made_by)
    with connected(team.url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0008'"))
    with pytest.raises(LibraryError):
        upgrade(team.address("curator"))
    assert upgrade(team.address("admin"))
    (grants,) = [finding for finding in examine(team.url) if finding.what == "grants"]
    assert grants.is_ok


def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(team, monkeypatch):
    found = {finding.what: finding for finding in examine(team.address("reader"))}
    assert {what for what, one in found.items() if not one.is_ok} == {"durability"}  # as tests are
    assert "fsync" in found["durability"].said
    assert found["schema"].said and found["roles"].said.startswith("you are reader")
    monkeypatch.setattr("engine.store.checkup.time.time", lambda: 0.0)
    monkeypatch.setattr("engine.store.checkup.REVISION", "9998")
    found = {finding.what: finding for finding in examine(team.url)}
    assert not found["clock"].is_ok and "NTP" in found["clock"].todo
    assert not found["schema"].is_ok and found["schema"].todo


@pytest.mark.parametrize(
    ("address", "version", "mode", "is_ok", "said"),
    [
        (None, None, "", True, "none is needed"),
        ("127.0.0.1", None, "prefer", True, "none is needed"),
        ("10.0.0.5", None, "prefer", False, "can be read on the network"),
        ("10.0.0.5", "TLSv1.3", "require", False, "certificate is not checked"),
        (
            "10.0.0.5",
            "TLSv1.3",
            "verify-full",
            True,
            "TLSv1.3; the server's certificate is checked",
        ),
    ],
)
def test_the_doctor_tells_who_could_listen(monkeypatch, address, version, mode, is_ok, said):
    row = SimpleNamespace(address=address, version=version, ssl=version is not None)
    connection = SimpleNamespace(execute=lambda query: SimpleNamespace(one=lambda: row))
    monkeypatch.setattr(checkup, "_option", lambda connection, keyword: mode)
    (finding,) = checkup._encryption(connection, "x")
    assert finding.is_ok == is_ok and said in finding.said
    assert ("verify-full" in finding.todo) == (not is_ok)


@pytest.mark.parametrize(
    ("said", "todo"),
    [
        ('FATAL:  pg_hba.conf rejects connection for host "10.0.0.5"', "sslmode=require"),
        ("SSL error: certificate verify failed", "sslrootcert"),
        ('root certificate file "/root/.postgresql/root.crt" does not exist', "sslrootcert"),
        ('FATAL:  permission denied for database "x"', "team add"),
        ("connection timeout expired", "the network"),
    ],
)
def test_why_one_cannot_connect_is_told(monkeypatch, said, todo):
    def refuse(*args: object, **more: object) -> None:
        raise psycopg().OperationalError(said)

    monkeypatch.setattr(psycopg(), "connect", refuse)
    with pytest.raises(LibraryError, match=todo):
        Library("postgresql://mia@sounds/x", make=False)


def test_the_doctor_says_when_the_server_is_not_there(tmp_path):
    (only,) = examine(f"postgresql://me@/none?host={tmp_path}")
    assert not only.is_ok and only.what == "connection" and "network" in only.todo


# Commands


def test_the_commands_say_what_they_did_in_one_line(team, capsys):
    assert main(["team", "list", team.url]) == 0
    assert f"{team.people['curator']}" in capsys.readouterr().out
    assert main(["team", "add", team.url, team.people["nobody"], "--role", "editor"]) == 0
    assert main(["team", "remove", team.url, team.people["nobody"]]) == 0
    assert "is editor no more" in capsys.readouterr().out
    assert main(["team", "doctor", team.url]) == 1
    out = capsys.readouterr().out
    assert "problem durability" in out and "ok      grants" in out
    assert main(["team", "remove", team.address("reader"), team.people["other"]]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: giving and taking roles")


def test_a_password_is_asked_for_twice_and_only_at_a_terminal(monkeypatch, capsys):
    given = iter(["one", "two", "three", "three"])
    monkeypatch.setattr("app.cli.team.getpass", lambda prompt: next(given))
    monkeypatch.setattr("sys.stdin", io.StringIO("typed ahead"))
    assert ask_password() == ""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert ask_password() == "three"
    assert "the two differ" in capsys.readouterr().err
    given = iter(["a", "b"] * 3)
    with pytest.raises(InputError, match="nothing was changed"):
        ask_password()


def test_a_file_has_no_team(tmp_path: Path, capsys):
    for command in (["init"], ["list"], ["doctor"]):
        assert main(["team", *command, str(tmp_path / "library.db")]) == 1
        assert "is no address of a server" in capsys.readouterr().err


def test_a_dump_comes_back_under_another_name_with_its_authors(team, tmp_path):
    programs, dump = binaries(), tmp_path / "dump"
    with team.library("editor") as library:
        save_search(library, "Kept", "door")
    subprocess.run([programs / "pg_dump", "-Fc", "-f", dump, team.url], check=True)
    other = team.server.new_database()
    url = team.server.address(other)
    try:
        options = ["--no-owner", "--no-privileges", "--exit-on-error", "-d", url]
        subprocess.run([programs / "pg_restore", *options, dump], check=True)
        assert len(init(url)) == 4
        add(url, team.people["editor"], "editor")
        with Library(team.server.address(other, team.people["editor"])) as library:
            assert "Kept" in saved_searches(library)
            assert history.undo(library) is not None
        (grants,) = [finding for finding in examine(url) if finding.what == "grants"]
        assert grants.is_ok
    finally:
        team.server.run(f"DROP DATABASE {other} WITH (FORCE)")
        team.server.run(*(f'DROP ROLE "{name}"' for name in group_names(other).values()))
        with team.library("editor") as library:
            drop_search(library, "Kept")
