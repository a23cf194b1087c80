"""Copies near their users follow a library on a server: nothing is missed, lost or made up."""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from app.cli import main
from engine.errors import AwayError, InputError, LibraryError, RefusedError
from engine.progress import Cancelled, Control
from engine.store import (
    FileFacts,
    Header,
    Library,
    Skipped,
    StoredWindow,
    following,
    replica,
    tables,
)
from engine.store.changes import KEYS
from engine.store.collections import collect, collections, drop_collection, rename_collection
from engine.store.connection import REVISION
from engine.store.history import steps, undo
from engine.store.interest import note_interest
from engine.store.keywords import match_words
from engine.store.marks import set_note, set_stars
from engine.store.regions import add_region
from engine.store.roots import add_root
from engine.store.saved_searches import save_search
from engine.store.server import asks_as, connected
from engine.store.tables import FOLLOWING, MEMBER
from engine.store.tags import PERSON, TagRow, decide_on_tags, tag_rows
from engine.store.team import add, init
from engine.store.thumbnails import put_thumbnails
from engine.store.uses import note_use
from engine.store.vectors import load_vectors
from engine.store.windows import window_rows
from tests.engine.store.test_copying import fill
from tests.postgres import Postgres

CONTROL = Control()
Clients = Callable[..., Library]


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every reading ask the server first."""
    monkeypatch.setattr(following, "_FRESH_S", 0.0)
    monkeypatch.setattr(following, "_LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(following, "_MOST_PAUSE_S", 0.0)


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    """Give the address of a library with something in every table."""
    with server.library() as address:
        with Library(address) as library:
            fill(library)
        yield address


@pytest.fixture
def client(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    """Return a function that opens the library on a computer of its own."""
    with ExitStack() as opened:

        def opens(
            computer: str = "a", control: Control = CONTROL, address: str | None = None
        ) -> Library:
            monkeypatch.setenv("SOUNDSIFT_HOME", str(tmp_path / computer))
            library = Library(address or url, make=False, following=control)
            return opened.enter_context(library)

        yield opens


def held(library: Library, *, at_server: bool) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row that clients read."""
    with library.reading() as connection:
        found = {}
        for name in KEYS:
            table = replica._HELD[name]
            columns = [c for c in table.columns if (name, c.name) != ("windows", "features")]
            rows = [tuple(row) for row in connection.execute(select(*columns))]
            found[name] = sorted(rows, key=repr)
    if not at_server:
        found["settings"] = [r for r in found["settings"] if r[0] not in (FOLLOWING, MEMBER)]
    return found


def assert_same(url: str, *clients: Library) -> None:
    with Library(url) as direct:
        expected = held(direct, at_server=True)
    for one in clients:
        shown = held(one, at_server=False)
        for name, rows in expected.items():
            assert shown[name] == rows, name


def sound(path: str, windows: int = 1) -> tuple[FileFacts, list[StoredWindow]]:
    facts = FileFacts(path, 1, 1, "h", 1.0, 48000, 1, 16, "wav")
    return facts, [StoredWindow(0.0, 1.0, b"\1\2", b"\0\x3c\0\x40", 0.5)] * windows


def decide(library: Library, sound_id: int, label: str, state: Any) -> None:
    decide_on_tags(library, [TagRow(sound_id, label, state, PERSON)])


# What is copied, and what follows


def test_every_table_that_clients_read_is_followed():
    of_the_server = {"workers", "claims", "changes", "removed"}
    assert set(KEYS) == {*tables.metadata.tables, "words"} - of_the_server


def test_a_copy_holds_what_the_server_does(client, url):
    library = client()
    assert_same(url, library)
    assert match_words(library, [["ete"], ["gate"]]) == [(6, 1.0)]
    assert library.file is None and library.database.behind() is None
    vectors = load_vectors(library, 2)
    with Library(url) as direct:
        assert len(vectors.vectors) == 15 == direct.statistics().windows


def test_features_are_read_where_they_are(client):
    features = [row.features for row in window_rows(client(), "id", "features", present=False)]
    assert features[0] == bytes([0]) * 4 and len(features) == 15


def test_another_client_sees_a_sound_and_its_tag(client, url):
    one, two = client("a"), client("b")
    before = len(load_vectors(two, 2).vectors)
    one.put_sounds([sound("/new/Bell.wav", 3)])
    (new,) = set(one.sounds()) - set(range(1, 7))  # one reads what one wrote
    decide(one, new, "bronze", "accepted")
    assert two.sounds()[new].path == "/new/Bell.wav"
    assert [row.label for row in tag_rows(two, [new])] == ["bronze"]
    assert match_words(two, [["bronze"], ["bell"]]) == [(new, 1.0)]
    assert len(load_vectors(two, 2).vectors) == before + 3
    assert_same(url, one, two)


def until(holds: Callable[[], bool]) -> bool:
    """Return whether something comes to hold in a minute; it is not asked again then."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.01)
    return False


def test_others_are_told_without_asking_and_own_changes_are_no_news(client, monkeypatch):
    one, two = client("a"), client("b")
    monkeypatch.setattr(following, "_LOOK_S", 3600.0)  # so that nothing but the server tells
    for library in (one, two):
        assert not library.database.others_wrote()
        listener = library.database._listener
        assert until(lambda listener=listener: listener.is_listening)
        library.database.others_wrote()
    monkeypatch.setattr(following, "_FRESH_S", 3600.0)
    set_stars(one, [5], 3)
    assert until(two.database.others_wrote) and not two.database.others_wrote()
    assert two.sounds()[5].marks.stars == 3
    assert not one.database.others_wrote()
    set_stars(two, [5], 4)
    assert until(one.database.others_wrote) and one.sounds()[5].marks.stars == 4


def test_a_transaction_that_ends_late_is_not_missed(client, url):
    """Its number is lower than that of one which was followed before."""
    library = client()
    with Library(url) as direct:
        with direct.database.engine.connect() as late:
            late.begin()
            late.execute(text("INSERT INTO interest VALUES ('late', 1)"))
            with direct.writing() as early:
                early.execute(text("INSERT INTO interest VALUES ('early', 1)"))
            folders = {row[0] for row in held(library, at_server=False)["interest"]}
            assert "early" in folders and "late" not in folders
            note_interest(library, ["own"])
            late.commit()
        with direct.database.engine.connect() as undone:
            undone.begin()
            undone.execute(text("INSERT INTO interest VALUES ('undone', 1)"))
            assert "late" in {row[0] for row in held(library, at_server=False)["interest"]}
            undone.rollback()
    assert_same(url, library)


def test_unique_names_may_change_hands(client, url):
    library = client()
    collect(library, "other", [2])
    with Library(url) as direct, direct.writing() as connection:
        for name, old in (("x", "Mine"), ("Mine", "other"), ("other", "x")):
            connection.execute(
                text("UPDATE collections SET name = :name WHERE name = :old"),
                {"name": name, "old": old},
            )
        connection.execute(text("UPDATE sounds SET path = path || '.moved' WHERE id < 3"))
        connection.execute(text("DELETE FROM sounds WHERE id = 4"))
    assert_same(url, library)
    assert set(collections(library)) == {"Mine", "other"}


def test_paths_are_copied_as_the_library_holds_them(client, url, tmp_path):
    """Also where the copy follows inside a transaction, in which they are this computer's."""
    folder, library = tmp_path / "sfx", client()
    folder.mkdir()
    (folder / "Bell.wav").touch()
    paths = text("SELECT path FROM sounds WHERE path LIKE '%Bell.wav'")
    with Library(url) as direct:
        direct.put_sounds([sound(str(folder / "Bell.wav"))])
        add_root(direct, "Bells", folder, CONTROL)
        with direct.reading():
            library.statistics()
    with library.database._replica.file.reading() as connection:
        assert connection.scalars(paths).all() == ["root:/Bells/Bell.wav"]


def test_what_an_owner_empties_is_empty(client, url):
    library = client()
    with connected(url) as connection:
        connection.execute(text("TRUNCATE interest, settings"))
    assert_same(url, library)
    assert library.setting("model_id") is None


def acts(library: Library, dice: random.Random) -> list[Callable[[], object]]:
    ids = sorted(library.sounds()) or [0]
    one, name = dice.choice(ids), f"n{dice.randrange(6)}"
    names = list(collections(library)) or ["n0"]
    return [
        lambda: library.put_sounds([sound(f"/r/{name}.wav", dice.randrange(3))]),
        lambda: library.put_headers([(sound(f"/h/{name}.wav")[0], Header("d", "C", "w", {}))]),
        lambda: library.put_skipped([Skipped(f"/h/{name}.wav", 1, 2, 3, "bad")]),
        lambda: library.drop_skipped([f"/h/{name}.wav"]),
        lambda: library.move_sound(one, f"/moved/{name}.wav", 5),
        lambda: library.set_state([one], dice.randrange(3)),
        lambda: library.add_folder(f"/{name}"),
        lambda: library.set_settings({name: bytes([dice.randrange(9)])}),
        lambda: decide(library, one, name, "accepted"),
        lambda: decide(library, one, name, "rejected"),
        lambda: set_stars(library, [one], dice.randrange(6)),
        lambda: set_note(library, [one], name),
        lambda: collect(library, name, [one]),
        lambda: rename_collection(library, dice.choice(names), f"r{dice.randrange(99)}"),
        lambda: drop_collection(library, dice.choice(names)),
        lambda: note_use(library, one, name, "REAPER"),
        lambda: save_search(library, name, "door"),
        lambda: add_region(library, one, name, 0.1, 0.2),
        lambda: note_interest(library, [name]),
        lambda: put_thumbnails(library, {one: b"\1\2"}),
        lambda: undo(library),
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_copies_hold_what_the_server_does_after_anything(client, url, seed):
    dice = random.Random(seed)
    clients = [client("a"), client("b")]
    for _ in range(40):
        library = dice.choice(clients)
        try:
            dice.choice(acts(library, dice))()
        except (InputError, LibraryError) as refused:  # a name that is taken, a sound that is gone
            assert not isinstance(refused, AwayError)
    assert_same(url, *clients)


# Stopped and killed


def stop_after(count: int) -> Control:
    left = iter(range(count))
    return Control(cancel=lambda: next(left, None) is None)


def test_a_first_copying_that_was_stopped_anywhere_goes_on(client, url, monkeypatch):
    monkeypatch.setattr(replica, "_AT_ONCE", 2)
    with Library(url) as direct:
        for count in range(1, 60):
            try:
                library = client("a", stop_after(count))
                break
            except Cancelled:
                if count % 5 == 0:  # what was copied is another by now
                    direct.put_sounds([sound(f"/s/Door_{count // 5}.wav", 2)])
                    direct.move_sound(1, f"/s/moved{count}.wav", 1)
                    drop_collection(direct, "Mine") if count == 20 else None
    assert 10 < count < 59
    assert_same(url, library)
    assert library.database._replica.state().is_whole


def test_a_first_copying_goes_on_where_it_was_and_does_not_begin_anew(client, monkeypatch):
    copied: list[str] = []
    insert = replica._insert

    def counted(connection, table, rows):
        if copied.count("tags") == 1 and table.name != "tags":
            raise KeyboardInterrupt  # as good as killed: nothing of ours runs in between
        copied.append(table.name)
        insert(connection, table, rows)

    monkeypatch.setattr(replica, "_insert", counted)
    with pytest.raises(KeyboardInterrupt):
        client()
    monkeypatch.setattr(replica, "_insert", lambda *given: (copied.append("-"), insert(*given)))
    client()
    before = copied[: copied.index("-")]
    assert "windows" in before and len(copied) < 2 * len(KEYS)


def test_a_copy_that_is_killed_while_it_follows_shows_what_it_did(client, url, monkeypatch):
    library = client()
    before = held(library, at_server=False)
    with Library(url) as direct:
        direct.put_sounds([sound("/new/Bell.wav", 3)])
        set_stars(direct, [1, 2, 3], 1)
    insert, done = replica._insert, []

    def fails(connection, table, rows):
        if done:
            raise KeyboardInterrupt
        done.append(table)
        insert(connection, table, rows)

    monkeypatch.setattr(replica, "_insert", fails)
    with pytest.raises(KeyboardInterrupt):
        library.sounds()
    monkeypatch.setattr(following, "_FRESH_S", 3600.0)
    library.database._looked_s = time.monotonic()
    assert held(library, at_server=False) == before
    monkeypatch.setattr(replica, "_insert", insert)
    monkeypatch.setattr(following, "_FRESH_S", 0.0)
    assert_same(url, library)


# Where it cannot follow


def test_a_copy_that_is_too_far_behind_is_made_anew(client, url):
    library = client()
    library.close()
    with Library(url) as direct:
        for stars in range(1, 6):
            set_stars(direct, [1], stars)
        direct.put_sounds([sound("/new/Bell.wav")])
    with connected(url) as connection:
        connection.execute(text("SELECT soundsift_prune(2)"))
        count = connection.scalar(text("SELECT count(*) FROM changes"))
        assert count <= 12  # of the two newest transactions, and what is gone
    library = client()
    assert_same(url, library)
    set_stars(library, [2], 2)  # and follows from there
    assert_same(url, library)


@pytest.fixture
def made_anew(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what is filled by every copy that is made anew."""
    found: list[Any] = []
    make = replica.Replica._make_anew
    monkeypatch.setattr(
        replica.Replica, "_make_anew", lambda *given: (found.append(given), make(*given))
    )
    return found


def test_a_forgotten_transaction_makes_nobody_copy_everything_anew(client, url, made_anew):
    with Library(url) as direct, direct.database.engine.connect() as forgotten:
        forgotten.begin()
        forgotten.execute(text("INSERT INTO interest VALUES ('forgotten', 1)"))
        library = client()
        for stars in range(1, 6):
            set_stars(direct, [1], stars)
            with connected(url) as connection:
                connection.execute(text("SELECT soundsift_prune(2)"))
            assert library.sounds()[1].marks.stars == stars
        assert not made_anew
        forgotten.commit()
    assert_same(url, library)
    made_anew.clear()
    set_stars(library, [1], 1)
    assert_same(url, library)
    assert not made_anew


def test_notes_of_the_server_that_this_was_restored_from_mean_nothing(client, url, made_anew):
    library = client()
    with connected(url) as connection:
        connection.execute(
            text(
                "INSERT INTO changes SELECT 9000000000 + n, 'sounds', '1' "
                "FROM generate_series(1, 20) AS n UNION ALL SELECT 0, '', '9000000000'"
            )
        )
    for stars in (1, 2):
        with Library(url) as direct:
            set_stars(direct, [1], stars)
        assert library.sounds()[1].marks.stars == stars
        with connected(url) as connection:
            connection.execute(text("SELECT soundsift_prune(10)"))
            stale = "row_key = '9000000000' OR transaction_id > 9000000000"
            stale = f"SELECT count(*) FROM changes WHERE {stale}"
            assert connection.scalar(text(stale)) == 0
            assert connection.scalar(text("SELECT count(*) FROM changes")) > 0
    assert_same(url, library)
    assert not made_anew


def test_notes_of_changes_do_not_grow_without_bound(url):
    """Whoever writes takes the oldest away now and then."""
    notes = "SELECT prosrc FROM pg_proc WHERE proname = 'soundsift_changed_id'"
    with connected(url) as connection:
        body = connection.scalar(text(notes))
        assert "IF random() < 0.0005 THEN" in body and "soundsift_prune(500000)" in body


def test_a_damaged_copy_is_made_anew_and_those_of_older_schemas_go(client, url):
    library = client()
    copy = library.database._replica.path
    library.close()
    of_all = copy.with_name(re.sub(rf"-{REVISION}-\w+", f"-{REVISION}", copy.name))
    older = [Path(str(path).replace(f"-{REVISION}", "-0010")) for path in (copy, of_all)]
    another = copy.with_name(re.sub(rf"-{REVISION}-\w+", f"-{REVISION}-1a2b", copy.name))
    for path in (copy, of_all, another, *older):
        path.write_bytes(b"no database" * 1000)
    foreign = copy.with_name("mine.db")
    foreign.touch()
    assert_same(url, client())
    assert foreign.exists() and another.exists()
    assert len({copy, of_all, another, *older}) == 5
    assert not [path for path in (of_all, *older) if path.exists()]


def test_another_database_at_the_same_address_is_copied_anew(client, url, server):
    library = client()
    assert library.sounds()
    library.close()
    name = url.split("@/")[1].split("?")[0]
    server.run(f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE template0")
    with Library(url) as direct:
        direct.put_sounds([sound("/other/Bell.wav")])
    library = client()
    assert [row.path for row in library.sounds().values()] == ["/other/Bell.wav"]
    assert_same(url, library)


@contextmanager
def away(server: Postgres, url: str) -> Iterator[None]:
    """Let the server answer nobody."""
    name = url.split("@/")[1].split("?")[0]
    server.run(
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    yield
    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_what_was_copied_is_read_while_the_server_is_away(client, url, server):
    library = client()
    with away(server, url):
        assert library.sounds()[1].path == "/s/Door_0.wav"
        behind = library.database.behind()
        assert "cannot be reached" in behind.why or "has ended the connection" in behind.why
        assert abs(behind.at_s - time.time()) < 600 and "this computer knew at 20" in str(behind)
        with pytest.raises(AwayError):
            set_stars(library, [1], 5)
        assert library.sounds()[1].marks.stars == 4  # nothing half
        later = client()  # another program is begun meanwhile
        assert len(later.sounds()) == 6 and later.database.behind() is not None
        with pytest.raises(AwayError):
            client("b")  # which never had a copy
    with Library(url) as direct:
        set_stars(direct, [1], 5)
    for one in (library, later):
        assert one.sounds()[1].marks.stars == 5 and one.database.behind() is None
        set_stars(one, [2], 2)
    assert_same(url, library, later)


def test_why_the_copy_does_not_follow_is_told_as_it_is(client, url, server):
    library = client()
    with away(server, url):
        library.sounds()
        assert library.database.behind().is_away
    library.sounds()
    assert library.database.behind() is None
    schema = text("UPDATE alembic_version SET version_num = :name")
    with connected(url) as connection:
        connection.execute(schema, {"name": "9999"})
    library.sounds()
    behind = library.database.behind()
    assert not behind.is_away and "update Soundsift" in behind.why
    with connected(url) as connection:
        connection.execute(schema, {"name": REVISION})
    library.sounds()
    assert library.database.behind() is None


def test_who_listens_is_there_again_by_itself(client, url, server):
    library = client()
    library.database.others_wrote()
    with away(server, url):
        assert until(lambda: library.database.behind() is not None)
    with Library(url) as direct:
        set_stars(direct, [1], 5)
    assert until(library.database.others_wrote)
    assert library.database.behind() is None and library.sounds()[1].marks.stars == 5


def test_a_server_that_is_away_is_not_asked_again_and_again(client, url, server, monkeypatch):
    library = client()
    tried: list[int] = []
    with away(server, url):
        library.sounds()
        monkeypatch.setattr(following, "_LEAST_PAUSE_S", 3600.0)
        monkeypatch.setattr(following, "_MOST_PAUSE_S", 3600.0)
        library.sounds()
        server_of = library.database._server
        monkeypatch.setattr(server_of, "reading", lambda: tried.append(1))
        monkeypatch.setattr(server_of, "writing", lambda: tried.append(1))
        library.sounds()
        with pytest.raises(AwayError):
            set_stars(library, [1], 5)
    assert not tried


def test_a_copy_is_not_opened_as_a_library(client):
    copy = client().database._replica.path
    with pytest.raises(LibraryError, match="name the server's address"):
        Library(copy)


# Several people


@pytest.fixture
def people(url: str, server: Postgres) -> Iterator[dict[str, str]]:
    """Give the addresses of a reader and of two editors."""
    name = url.split("@/")[1].split("?")[0]
    init(url)
    roles = {"rita": "reader", "mia": "editor", "olga": "editor"}
    for person, role in roles.items():
        add(url, f"{person}_{name}", role, login=True)
    yield {person: url.replace("postgres@", f"{person}_{name}@") for person in roles}
    with connected(url) as connection:
        groups = [f'"soundsift_{name}_{role}"' for role in ("reader", "editor", "curator", "admin")]
        connection.execute(text(f"REASSIGN OWNED BY {', '.join(groups)} TO postgres"))
        logins = [f"{person}_{name}" for person in roles]
        connection.execute(text(f"DROP OWNED BY {', '.join([*groups, *logins])}"))
        for role in (*logins, *groups):
            connection.execute(text(f"DROP ROLE {role}"))


def test_a_reader_follows_and_may_still_write_nothing(client, url, people):
    reader = client("r", address=people["rita"])
    with Library(people["mia"]) as mia:
        set_stars(mia, [1], 1)
    assert reader.sounds()[1].marks.stars == 1
    assert_same(people["rita"], reader)
    with pytest.raises(RefusedError, match="as reader you may not"):
        set_stars(reader, [1], 2)
    for statement in ("DELETE FROM changes", "SELECT soundsift_prune(0)"):
        with pytest.raises(LibraryError), connected(people["rita"]) as connection:
            connection.execute(text("INSERT INTO changes VALUES (1, 'a', 'b')"))
            connection.execute(text(statement))


def test_nobody_reads_the_copy_of_another_member(client, url, server, people, monkeypatch):
    """They share a computer's account; also while the server, which tells who asks, is away."""
    for name in ("mia", "olga"):
        collect(client(address=people[name]), f"of {name}", [1])
    made = []
    monkeypatch.setattr(replica.Replica, "_make_anew", lambda *given: made.append(given))
    both = {name: client(address=people[name]) for name in ("mia", "olga")}
    for name, library in both.items():
        set_stars(library, [1], 2)
        assert set(collections(library)) == {f"of {name}"}
        assert_same(people[name], library)
    assert not made
    with away(server, url):
        for name in ("mia", "olga"):
            assert set(collections(client(address=people[name]))) == {f"of {name}"}
        with pytest.raises(AwayError):
            client(address=people["rita"])  # who has none


def test_a_copy_that_is_marked_as_somebody_elses_is_not_read(client, url, server):
    library = client()
    with library.database._replica.file.writing() as connection:
        connection.execute(
            update(tables.settings).where(tables.settings.c.name == MEMBER).values(value=b"mia")
        )
    with away(server, url), pytest.raises(LibraryError, match="is another member's") as caught:
        client()
    assert not isinstance(caught.value, AwayError)
    assert_same(url, client())


def test_who_asks_is_who_libpq_says(monkeypatch, tmp_path):
    services = tmp_path / "services"
    services.write_text("[studio]\nhost=sounds.invalid\nuser=olga\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGUSER", "rita")
    assert asks_as("postgresql://mia@sounds.invalid,other.invalid:5433/sounds") == "mia"
    assert asks_as("postgresql:///sounds?service=studio&user=mia") == "mia"
    assert asks_as("postgresql:///sounds?service=studio") == "olga"
    assert asks_as("postgresql://sounds.invalid/sounds") == "rita"


def test_of_two_decisions_on_one_tag_the_later_shows_and_both_are_kept(client, url, people):
    """Later by the server's order, whatever the clocks of the clients say."""
    mia, olga = client("m", address=people["mia"]), client("o", address=people["olga"])
    decide(mia, 3, "bell", "accepted")
    decide(olga, 3, "bell", "rejected")
    for one in (mia, olga):
        (row,) = [row for row in tag_rows(one, [3]) if row.label == "bell"]
        assert row.state == "rejected"
    with Library(url) as whole, whole.reading() as connection:
        authors = connection.execute(text("SELECT author FROM history ORDER BY id DESC LIMIT 2"))
        assert [a.split("_")[0] for a in authors.scalars()] == ["olga", "mia"]
    assert [step.kind for step in steps(mia)] == ["tags"] == [step.kind for step in steps(olga)]
    assert undo(mia).left == 1  # what olga decided since stays
    assert undo(olga).left == 0
    for one in (mia, olga):
        (row,) = [row for row in tag_rows(one, [3]) if row.label == "bell"]
        assert row.state == "accepted"
    for name, one in (("mia", mia), ("olga", olga)):
        assert_same(people[name], one)


# The command line


def test_a_search_says_when_the_server_is_away(client, url, server, capsys, monkeypatch, tmp_path):
    client().close()
    monkeypatch.setenv("SOUNDSIFT_HOME", str(tmp_path / "a"))
    with away(server, url):
        for command in (("search", "--names", "door"), ("status",)):
            assert main(["--library", url, *command]) == 0
            said = capsys.readouterr()
            assert "you see what this computer knew at" in said.err
            assert main(["--library", url, "--json", *command]) == 0
            assert '"as_of": "20' in capsys.readouterr().out
        assert main(["--library", url, "mark", "set", "/s/Door_0.wav", "--stars", "1"]) == 1
        assert "Door_0" not in capsys.readouterr().out
    assert main(["--library", url, "search", "--names", "door"]) == 0
    assert not capsys.readouterr().err
