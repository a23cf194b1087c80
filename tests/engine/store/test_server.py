"""A library on a PostgreSQL server: what it finds, whom it lets in, and who writes when."""

import io
import logging
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from app.diagnostics import gather
from engine.errors import BusyError, LibraryError
from engine.index.drives import note_drives, refuse_vanished
from engine.log import log_file, start_log
from engine.store import FileFacts, Header, Library, StoredWindow, claims, is_library, tables
from engine.store import server as module
from engine.store.conditions import Words, sounds_where
from engine.store.connection import REVISION
from engine.store.keywords import find_words
from engine.store.server import connected, upgrade
from engine.store.spelling import held_words, near_word, split_word
from engine.store.tags import TagRow, filed_sounds, put_tags
from tests.conftest import accept_tags
from tests.postgres import Postgres

TEXTS = {
    "/sfx/Boom Library/DOORWood_Creak-01.wav": "The heavy wooden doors are slamming",
    "/sfx/Recorder/ZOOM0002.wav": "take 2 of the café, été à la plage",
    "/sfx/Recorder/ZOOM0012_Tr1.wav": "relational happiness; conflated",
    "/sfx/Zürich/straße bahn.wav": "Cœur naïve ÉTÉ œuvre",
    "/sfx/русский/тихая вода.wav": "бежит вода",
    "/sfx/it's/back\\slash 'quoted'.wav": "don't & never | ! <-> :* stop",
    "/sfx/long/many words.wav": " ".join(f"w{n}" for n in range(9000)) + " needle last",
    "/sfx/long/one word.wav": "again " * 40_000 + "x" * 3000,
    "/sfx/日本/雨 音.wav": "雨の音 rain",
    "/sfx/digits/²½ x³.wav": "a1b2 96kHz 5.1 -12dB",
}
PHRASES = (
    *("door", "doors", "DOOR", "slam", "slammed", "slamming", "wood*", "woode*", "wooden doors"),
    *("doors wooden", "heavy wood*", "the", "are", "THE HEAVY", "zoom", "ZOOM0002", "ZOOM0*"),
    *("0002", "00*", "2", "tr 1", "cafe", "café", "cafes", "ete", "été", "naive", "coeur", "cœur"),
    *("strasse", "straße", "zurich", "zür*", "вода", "водой", "тих*", "it's", "s", "back slash"),
    *("quoted don", "don't", "never stop", "& |", "needle", "again"),
    *(
        "again again",
        "last",
        "雨",
        "雨の音",
        "音",
        "rain",
        "²",
        "½",
        "x 3",
        "96 k hz",
        "5 1",
        "-12",
    ),
    *("relate", "relational", "happy", "happi*", "conflation", "boom library", "library creak"),
    *("creak the", "x" * 3000, "xxx*", "%", "*", "_"),
)


@contextmanager
def writing(address: str) -> Iterator[Connection]:
    """Give a connection to a database that need not hold a library."""
    engine = module._engine(address)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(scope="module")
def pair(
    server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Library, Library]]:
    """Give a library in a file and one on a server that hold the same."""
    with ExitStack() as opened:
        places = (tmp_path_factory.mktemp("file") / "l.db", opened.enter_context(server.library()))
        both = [opened.enter_context(Library(place)) for place in places]
        for library in both:
            library.put_headers(
                [
                    (
                        FileFacts(path, 1, 1, "", 1.0, 48000, 1, 16, "wav"),
                        Header(fields={"t": said}),
                    )
                    for path, said in TEXTS.items()
                ]
            )
            accept_tags(library, [(1, "Squeaky Hinge"), (2, "doors")])
        yield both[0], both[1]


@pytest.mark.parametrize("column", [None, "name", "folders"])
def test_a_server_finds_by_words_what_a_file_does(pair, column):
    for phrase in PHRASES:
        asked = [Words((phrase,), column)]
        file, server = (sounds_where(library, asked).tolist() for library in pair)
        assert server == file, phrase
    some = [Words(("doors", "вода", "ZOOM*"), column)]
    assert sounds_where(pair[0], some).tolist() == sounds_where(pair[1], some).tolist()


def test_a_server_tells_what_was_filed_as_a_file_does(server, tmp_path):
    found = []
    with server.library() as address:
        for place in (tmp_path / "l.db", address):
            with Library(place) as library:
                facts = [FileFacts(f"/{n}.wav", 1, 1, "", 1.0, 1, 1, 16, "wav") for n in range(9)]
                window = StoredWindow(0.0, 1.0, b"", b"", 0.0)
                library.put_sounds([(fact, [window]) for fact in facts])
                told = [(fact, Header(category="DOORWood")) for fact in facts[8:]]
                library.put_headers(told, unchanged=True)
                rows = [TagRow(1, "wet", "accepted", "person", 0.5, 1.5, 2.5)]
                rows += [TagRow(n, "door", "accepted", "agent") for n in range(1, 9)]
                rows += [
                    TagRow(9, "door", "rejected", "person"),
                    TagRow(9, "wet", "suggested", "m"),
                ]
                put_tags(library, rows)
                found.append(filed_sounds(library, 3, told=True))
    assert found[0] == found[1]
    assert [row.label for row in found[0]] == ["DOORWood", "door", "door", "door", "wet"]
    assert found[0][0] == TagRow(9, "DOORWood", "accepted", "file")
    assert found[0][-1] == TagRow(1, "wet", "accepted", "person", None, 1.5, 2.5)


def test_a_server_weighs_words_as_a_file_does(pair, monkeypatch):
    groups = [["door", "zoom"], ["wood*"], ["the"], ["creak"]]
    for common in (100_000, 1):
        monkeypatch.setattr("engine.store.keywords._COMMON", common)
        file, server = (find_words(library, groups) for library in pair)
        assert server.sound_ids.tolist() == file.sound_ids.tolist()
        assert server.weights.tolist() == file.weights.tolist()
        assert server.complete.tolist() == file.complete.tolist()


def test_a_server_knows_slips_of_the_keyboard_as_a_file_does(pair):
    for word in ("dooor", "slaming", "nedle", "zooom", "rian", "unheardof", "heavywooden"):
        file, server = (
            (near_word(one, word), split_word(one, word), held_words(one, [word, "door"]))
            for one in pair
        )
        assert server == file
    assert near_word(pair[1], "nedle") == "needle"


def test_a_word_of_every_kind_is_found_on_its_own(pair):
    assert sounds_where(pair[1], [Words(("ZOOM0002",))]).tolist() == [2]
    assert sounds_where(pair[1], [Words(("ete",))]).tolist() == [2, 4]
    assert sounds_where(pair[1], [Words(("slam",))]).tolist() == [1]
    assert sounds_where(pair[1], [Words(("hinge",), "name")]).tolist() == []


@pytest.mark.parametrize("phrase", ["needle last", "w 7000"])
def test_very_long_texts_are_found_on_a_server_by_words_but_not_by_every_phrase(pair, phrase):
    """Behind 16,000 words, or 255 times one word, it does not know their order."""
    for word in phrase.split():
        assert sounds_where(pair[1], [Words((word,))]).tolist() == [7]
    found = [sounds_where(library, [Words((phrase,))]).tolist() for library in pair]
    assert found == [[7], []]


def test_numbers_have_64_bits_and_texts_are_compared_byte_by_byte(server):
    """Paths are looked for between two bounds, which other collations would not find."""
    columns = text(
        "SELECT table_name, column_name, data_type, collation_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND table_name != 'alembic_version'"
    )
    with server.library() as address, Library(address) as library, library.reading() as connection:
        rows = connection.execute(columns).all()
    assert {row[0] for row in rows} == {*tables.metadata.tables, "words"}
    assert not [row for row in rows if row[2] in ("integer", "smallint")]
    known = [row for row in rows if row[0] != "words"]
    assert not [row for row in known if "char" in row[2] and row[3] != "C"]


def test_a_text_with_a_character_that_a_server_has_not_is_kept_without_it(server):
    with server.library() as address, Library(address) as library:
        facts = FileFacts("/a.wav", 1, 1, "", 1.0, 1, 1, 16, "wav")
        library.put_headers([(facts, Header("bell\0tower"))])
        assert library.sounds()[1].description == "belltower"


# Who is let in


SECRET = "geheim"


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://user:{SECRET}@localhost:1/db",
        f"postgresql://user:{SECRET}@/db?host=/nowhere",
        f"postgresql://user:ge/{SECRET}@localhost/db",
        f"postgresql://user:1/{SECRET}@localhost/db",
        f"postgresql://user:ge?{SECRET}=1@localhost/db",
        f"postgresql://user:ge#{SECRET}@localhost/db",
        f"postgresql://user:{SECRET}%@localhost/db",
        f"postgresql://localhost/db?password={SECRET}",
        f"postgresql://localhost/db?sslpassword={SECRET}",
        f"postgresql://localhost/db?passwort={SECRET}",
        f"postgresql://localhost/db?scram_client_key={SECRET}",
        f"postgresql://localhost/db?scram_server_key={SECRET}",
        f"postgresql://localhost/db?oauth_issuer=i&oauth_client_secret={SECRET}",
    ],
)
@pytest.mark.parametrize("ask", [Library, is_library, upgrade])
def test_a_password_in_an_address_is_refused_and_not_repeated(address, ask):
    pytest.importorskip("psycopg")
    with pytest.raises(LibraryError, match="password") as caught:
        ask(address)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_wrong_password_is_told_and_stands_nowhere(server, monkeypatch, own_home):
    server.make_secretive("right")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    start_log(verbose=True)
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger().addHandler(handler)
    try:
        with pytest.raises(LibraryError, match="lets nobody in") as caught:
            Library(server.address("postgres", "secretive"))
    finally:
        logging.getLogger().removeHandler(handler)
    told = "".join(traceback.format_exception(caught.value)) + said.getvalue()
    told += log_file().read_text() if log_file().exists() else ""
    assert SECRET not in told
    kept = [p.read_bytes() for p in own_home.rglob("*") if p.is_file()]
    assert not [content for content in kept if SECRET.encode() in content]


def test_diagnostics_tell_where_a_library_is_without_a_password(server, monkeypatch):
    server.make_secretive(SECRET)
    with server.library() as address:
        Library(address).close()
        server.run("GRANT ALL ON DATABASE " + address.split("/")[3].split("?")[0] + " TO secretive")
        with Library(address) as library, library.writing() as connection:
            connection.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO secretive"))
        monkeypatch.setenv("PGPASSWORD", SECRET)
        with Library(address.replace("postgres@", "secretive@")) as library:
            told = str(gather(library, None, []))
    assert "secretive@" in told and SECRET not in told


def test_a_server_that_is_not_there_is_a_sentence():
    pytest.importorskip("psycopg")
    with pytest.raises(LibraryError, match="cannot be reached: check its address"):
        Library("postgresql://user@/db?host=/nowhere")


def test_a_role_that_may_only_read_is_refused_by_the_server(server):
    server.run("DROP ROLE IF EXISTS looker", "CREATE ROLE looker LOGIN")
    with server.library() as address:
        with Library(address) as library, library.writing() as connection:
            connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker"))
        with Library(address.replace("postgres@", "looker@")) as library:
            assert library.folders() == []
            with pytest.raises(LibraryError, match="you may not add folders"):
                library.add_folder("/a")
        with Library(address) as library, library.writing() as connection:
            connection.execute(text("DROP OWNED BY looker"))


def test_a_library_in_a_file_needs_and_loads_nothing_of_servers(tmp_path):
    Library(tmp_path / "l.db").close()
    script = (
        "import sys; from pathlib import Path; from engine.store import Library\n"
        f"Library(Path({str(tmp_path / 'l.db')!r})).add_folder('/a')\n"
        "print([m for m in sys.modules if 'psycopg' in m or 'dialects.postgresql' in m])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_without_the_driver_a_server_is_told_to_need_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setitem(sys.modules, "psycopg.conninfo", None)
    with pytest.raises(LibraryError, match=r"pip install 'soundsift\[team\]'"):
        Library("postgresql://user@server/db")


# What kind of database it is


def test_a_library_is_made_where_there_is_none_only_if_asked(server):
    address = server.address(server.new_database())
    assert not is_library(address)
    with pytest.raises(LibraryError, match="no library at"):
        Library(address, make=False)
    Library(address).close()
    assert is_library(address)
    Library(address, make=False).close()


@pytest.mark.parametrize(("revision", "said"), [("9999", "newer"), ("0001", "older")])
def test_a_library_of_another_schema_is_refused(server, revision, said):
    with server.library() as address:
        with Library(address) as library, library.writing() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
        with pytest.raises(LibraryError, match=f"made by an? {said} Soundsift"):
            Library(address)


def test_an_older_library_is_brought_up_to_date_when_that_is_asked(server, monkeypatch):
    from engine.store.connection import upgrade_schema

    address = server.address(server.new_database())
    with writing(address) as connection:
        upgrade_schema(connection, "0007")
        connection.execute(text("INSERT INTO collections (name) VALUES ('Doors')"))
    with pytest.raises(LibraryError, match="soundsift library upgrade"):
        Library(address)
    assert upgrade(address) is True
    assert upgrade(address) is False
    with Library(address) as library, library.reading() as connection:
        assert connection.execute(text("SELECT id, name FROM collections")).all() == [(1, "Doors")]


def test_a_program_that_was_open_while_the_library_was_upgraded_writes_no_more(server):
    with server.library() as address, Library(address) as library:
        worker = claims.enlist(library, "here", 60.0)
        with connected(address) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        for write in (
            lambda: library.add_folder("/a"),
            lambda: claims.enlist(library, "there", 60.0),
            lambda: claims.renew(library, worker, 60.0),
            lambda: claims.put_heard(library, worker, (), ()),
        ):
            with pytest.raises(LibraryError, match="made by a newer Soundsift"):
                write()
        with connected(address) as connection:
            assert not connection.execute(text("SELECT * FROM folders")).all()
            assert connection.execute(text("SELECT name FROM workers")).scalars().all() == ["here"]


@pytest.mark.parametrize("writing", [Library.writing, claims._beside])
def test_an_upgrade_waits_for_who_writes_and_lets_no_other_begin(server, monkeypatch, writing):
    def made_by(connection: Connection) -> None:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{REVISION}'"))

    waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with server.library() as address, Library(address) as library:
        monkeypatch.setattr("engine.store.server.upgrade_schema", made_by)
        upgrading = threading.Thread(target=upgrade, args=(address,))
        with writing(library) as connection:
            with connected(address) as other:
                other.execute(text("UPDATE alembic_version SET version_num = '0014'"))
            upgrading.start()
            while upgrading.is_alive() and not connection.scalar(waits):
                pass
            assert upgrading.is_alive()
            connection.execute(text("INSERT INTO workers VALUES (1, 'a', 0, 0, 0, 0, 0)"))
        upgrading.join()
        with connected(address) as other:
            revision = other.scalar(text("SELECT version_num FROM alembic_version"))
            assert (revision, other.scalar(text("SELECT count(*) FROM workers"))) == (REVISION, 1)


def test_databases_of_others_and_of_other_encodings_are_refused(server):
    name = server.new_database()
    with writing(server.address(name)) as connection:
        connection.execute(text("CREATE TABLE theirs (x int)"))
    with pytest.raises(LibraryError, match="but not a Soundsift library"):
        Library(server.address(name))
    server.run("CREATE DATABASE ascii TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C'")
    with pytest.raises(LibraryError, match="encoded as SQL_ASCII"):
        Library(server.address("ascii"))
    server.run("DROP DATABASE ascii")


def test_two_programs_may_make_a_library_at_once(server):
    address = server.address(server.new_database())
    failed: list[Exception] = []

    def make() -> None:
        try:
            Library(address).close()
        except Exception as error:
            failed.append(error)

    makers = [threading.Thread(target=make) for _ in range(3)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert failed == [] and is_library(address)


# Several at once


def test_writers_take_turns(server):
    """What is read in a write transaction is true until it is written."""
    with server.library() as address, Library(address) as one, Library(address) as other:
        one.set_settings({"n": b"0"})
        s = tables.settings

        def add(library: Library) -> None:
            for _ in range(20):
                with library.writing() as connection:
                    n = connection.execute(text("SELECT value FROM settings")).scalar_one()
                    more = s.update().values(value=b"%d" % (int(n) + 1))
                    connection.execute(more)

        writers = [threading.Thread(target=add, args=(library,)) for library in (one, other)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert one.setting("n") == b"40"


def test_a_reader_sees_one_state_while_another_writes(server):
    with server.library() as address, Library(address) as one, Library(address) as other:
        with one.reading() as connection:
            before = connection.execute(text("SELECT count(*) FROM folders")).scalar()
            other.add_folder("/a")
            assert connection.execute(text("SELECT count(*) FROM folders")).scalar() == before
        assert one.folders() == ["/a"]


def test_one_index_run_at_a_time_and_none_is_left_when_its_process_is_gone(server):
    with server.library() as address, Library(address) as one, Library(address) as other:
        with one.database.alone():
            with pytest.raises(BusyError, match="another index run"), other.database.alone():
                pass
            server.run(
                "SELECT pg_terminate_backend(pid, 9999) FROM pg_locks WHERE locktype = 'advisory'"
            )
            with other.database.alone():
                pass
        with one.database.alone():
            pass


def test_a_server_that_was_restarted_is_asked_again(server):
    with server.library() as address, Library(address) as library:
        library.add_folder("/a")
        name = address.split("/")[3].split("?")[0]
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        with pytest.raises(LibraryError, match="ended the connection"), library.writing() as one:
            server.run(ended)
            one.execute(text("SELECT 1"))
        assert library.folders() == ["/a"]


def test_a_drive_that_is_away_here_is_not_away_for_others(server, tmp_path):
    drive = tmp_path / "drive"
    with server.library() as address, Library(address) as library:
        library.add_folder(str(drive))
        facts = FileFacts(str(drive / "a.wav"), 1, 1, "a", 1.0, 1, 1, 16, "wav")
        library.put_sounds([(facts, [])])
        assert note_drives(library) == [str(drive)]  # it is told
        with pytest.raises(LibraryError, match="disconnected"):
            refuse_vanished(library, [str(drive)])
        assert [sound.presence for sound in library.sounds().values()] == ["present"]


def test_what_belongs_to_a_library_on_a_server_lies_in_the_data_folder(server, own_home):
    with server.library() as address, Library(address) as library:
        assert library.file is None and library.name == address
        assert library.path.parent == own_home / "servers"
        windows = [StoredWindow(0.0, 1.0, b"", b"\0\0", 0.0)]
        library.put_sounds([(FileFacts("/a.wav", 1, 1, "a", 1.0, 1, 1, 16, "wav"), windows)])
        other = address.replace("postgres@", "somebody@")
        assert module.own_place(other) == library.path  # whoever asks
        assert module.own_place(address.replace("library", "other")) != library.path
        assert not [p for p in Path(library.path).parent.iterdir() if "@" in p.name]
