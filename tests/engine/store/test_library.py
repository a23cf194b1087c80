import sqlite3
import threading
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from engine.errors import LibraryError
from engine.store import (
    EmbeddedPart,
    FileFacts,
    Header,
    Library,
    MeasuredLoudness,
    Skipped,
    StoredWindow,
)
from engine.store import connection as store_connection
from engine.store.dialects import SERVER
from engine.store.keywords import match_words
from engine.store.lineage import marks
from engine.store.listing import damaged_sounds
from engine.store.tables import MISSING, PRESENT, metadata
from engine.store.windows import put_embedded, window_rows
from engine.store.words import search_words


def facts(path: str, content: str = "", size: int = 1) -> FileFacts:
    return FileFacts(path, size, 5, content or path, 2.0, 48000, 2, 16, "wav")


def window(number: int = 0) -> StoredWindow:
    return StoredWindow(5.0 * number, 5.0 * number + 10, b"f" * 4, bytes([number]) * 4, 0.5)


def test_sounds_come_back_as_they_were_put(library):
    library.put_sounds([(facts("/a/x.wav"), [window(0), window(1)])])
    (sound,) = library.sounds().values()
    assert (sound.path, sound.duration_s, sound.bits, sound.missing) == ("/a/x.wav", 2.0, 16, False)
    rows = window_rows(library, "start_s", "vector", "potential")
    assert [(row.start_s, row.vector) for row in rows] == [(0.0, b"\0" * 4), (5.0, b"\1" * 4)]


def test_putting_a_sound_again_replaces_its_windows(library):
    library.put_sounds([(facts("/a/x.wav"), [window(0), window(1)])])
    library.put_sounds([(facts("/a/x.wav"), [window(2)])])
    assert [row.start_s for row in window_rows(library, "start_s")] == [10.0]
    assert library.statistics().sounds == 1


def test_missing_sounds_are_kept_but_not_ranked(library):
    library.put_sounds([(facts("/a/x.wav"), [window()]), (facts("/a/y.wav"), [window()])])
    first = min(library.sounds())
    library.set_state([first], MISSING)
    assert len(window_rows(library, "id")) == 1
    assert len(window_rows(library, "id", present=False)) == 2
    counts = library.statistics()
    assert (counts.sounds, counts.missing, counts.embedded) == (1, 1, 1)


def test_a_moved_sound_keeps_its_windows_and_finds_its_new_name(library):
    library.put_sounds([(facts("/a/old.wav"), [window()])])
    (sound_id,) = library.sounds()
    library.move_sound(sound_id, "/b/creaking door.wav", 9)
    assert library.sounds()[sound_id].path == "/b/creaking door.wav"
    assert match_words(library, [["door"]]) == [(sound_id, 1.0)]
    assert match_words(library, [["old"]]) == []
    assert len(window_rows(library, "id")) == 1


def test_names_match_whole_words_only(library):
    library.put_sounds(
        [
            (facts("/s/bathroom_door.wav"), [window()]),
            (facts("/s/RoomTone01.wav"), [window()]),
            (facts("/s/doors-slamming.wav"), [window()]),
        ]
    )
    paths = {i: s.path for i, s in library.sounds().items()}

    def found(words: str) -> set[str]:
        hits = match_words(library, [[word] for word in words.split()])
        return {Path(paths[sound_id]).name for sound_id, _ in hits}

    assert found("room") == {"RoomTone01.wav"}
    assert found("tone 01") == {"RoomTone01.wav"}
    assert found("door") == {"bathroom_door.wav", "doors-slamming.wav"}
    assert found("slammed door") == {"doors-slamming.wav"}
    assert found('"; DROP TABLE sounds; --') == set()
    assert found("NOT OR AND") == set()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DOORWood_Creak-01", "door wood creak 01"),
        ("HeavyDoorCreak", "heavy door creak"),
        ("kick__909 (long)", "kick 909 long"),
        ("тиха вода", "тиха вода"),
    ],
)
def test_names_are_split_into_words(name, words):
    assert search_words(name) == words


def test_skipped_files_are_listed_updated_and_forgotten(library):
    library.put_skipped([Skipped("/a", 1, 2, 3, "empty"), Skipped("/b", 1, 2, 3, "no sound")])
    library.put_skipped([Skipped("/a", 4, 5, 6, "damaged")])
    assert [(row.path, row.reason, row.size) for row in library.skipped()] == [
        ("/a", "damaged", 4),
        ("/b", "no sound", 1),
    ]
    library.drop_skipped(["/b"])
    library.put_sounds([(facts("/a"), [window()])])
    assert library.skipped() == []


def test_a_sound_that_became_unreadable_is_no_longer_ranked(library):
    library.put_sounds([(facts("/a/x.wav"), [window()])])
    library.put_skipped([Skipped("/a/x.wav", 1, 2, 3, "is empty")])
    assert window_rows(library, "id") == []


def test_a_failed_transaction_leaves_nothing(library):
    broken = StoredWindow(0.0, 1.0, b"", b"", None)  # type: ignore[arg-type]
    with pytest.raises(LibraryError):
        library.put_sounds([(facts("/a/x.wav"), [window(), broken])])
    assert library.sounds() == {}
    assert window_rows(library, "id", present=False) == []


@pytest.mark.sqlite
def test_a_full_disk_is_a_sentence_and_loses_nothing(library):
    library.put_sounds([(facts("/a/x.wav"), [window()])])
    with library.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    big = StoredWindow(0.0, 1.0, bytes(10**6), b"", 0.0)
    with pytest.raises(LibraryError, match="is full: free some space"):
        library.put_sounds([(facts("/a/y.wav"), [big])])
    assert [sound.path for sound in library.sounds().values()] == ["/a/x.wav"]


def test_two_threads_can_read_while_one_writes(library):
    library.put_sounds([(facts(f"/a/{n}.wav"), [window()]) for n in range(50)])
    failures: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(20):
                assert len(window_rows(library, "id")) >= 50
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(20):
        library.put_sounds([(facts(f"/b/{number}.wav"), [window()])])
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.sqlite
def test_a_library_may_have_any_name(tmp_path):
    path = tmp_path / "my 100% sounds? #1.db"
    with Library(path) as named:
        named.put_sounds([(facts("/a/x.wav"), [window()])])
    assert path.is_file()
    with Library(path) as again:
        assert again.statistics().sounds == 1


@pytest.mark.sqlite
def test_a_newer_library_is_refused(tmp_path):
    path = tmp_path / "library.db"
    Library(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(LibraryError, match="made by a newer Soundsift"):
        Library(path)


@pytest.mark.sqlite
def test_other_files_are_refused_and_left_alone(tmp_path):
    words = tmp_path / "words.db"
    words.write_text("these are words " * 500)
    with pytest.raises(LibraryError, match="is not a Soundsift library"):
        Library(words)
    assert words.read_text().startswith("these are words")
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    with pytest.raises(LibraryError, match="but not a Soundsift library"):
        Library(other)


def test_the_migrations_make_the_tables_that_the_code_uses(library):
    with library.database.engine.connect() as connection:
        if connection.dialect.name == SERVER:  # what reflects reads texts only
            connection.connection.driver_connection.cursor_factory = import_module("psycopg").Cursor
            connection.detach()
        context = MigrationContext.configure(connection)
        found = [
            change
            for change in compare_metadata(context, metadata)
            if not str(getattr(change[-1], "name", "")).startswith("words")
        ]
    assert found == []


def test_the_known_revision_is_the_newest_migration():
    scripts = ScriptDirectory(str(store_connection._MIGRATIONS))
    assert scripts.get_current_head() == store_connection.REVISION


@pytest.mark.sqlite
def test_an_older_library_is_copied_before_it_is_migrated(tmp_path, monkeypatch):
    path = tmp_path / "library.db"
    Library(path).close()
    monkeypatch.setattr(store_connection, "REVISION", "9999")
    Library(path).close()
    assert (tmp_path / "library.db.before-9999").is_file()


def test_parts_of_a_sound_add_up_and_what_was_skipped_once_is_forgotten(library):
    library.put_headers([(facts("/a/long.wav"), Header())])
    library.put_skipped([Skipped("/a/long.wav", 1, 2, 3, "unreadable")])
    (sound_id,) = library.sounds()
    library.set_state([sound_id], PRESENT)
    put_embedded(library, [EmbeddedPart(sound_id, [window(0)], 5.0)])
    assert library.known(["/"])["/a/long.wav"].heard_s == 5.0
    assert len(library.skipped()) == 1
    put_embedded(library, [EmbeddedPart(sound_id, [window(1)], 15.0, "hash", 15.0)])
    (known,) = library.known(["/"]).values()
    assert (known.content_hash, known.heard_s) == ("hash", 15.0)
    assert library.sounds()[sound_id].duration_s == 15.0
    assert len(window_rows(library, "id")) == 2
    assert library.skipped() == []


def test_parts_of_many_sounds_are_stored_in_their_order_under_one_mark(library):
    library.put_headers([(facts(f"/a/{name}.wav"), Header()) for name in "xyz"])
    x, y, z = (library.known(["/a"])[f"/a/{name}.wav"].id for name in "xyz")
    loud = MeasuredLoudness(-20.0, None, -1.0)
    parts = [
        EmbeddedPart(x, [window(0)], 5.0, "first", 5.0, None, loud),  # whole at once
        EmbeddedPart(y, [window(0), window(1)], 10.0),  # and in parts
        EmbeddedPart(y, [window(2)], 15.0),
        EmbeddedPart(y, [], 17.0, "second", 17.0),
        EmbeddedPart(z, [window(0)], 5.0),
    ]
    put_embedded(library, parts)
    known = library.known(["/a"])
    told = [
        (known[f"/a/{name}.wav"].heard_s, known[f"/a/{name}.wav"].content_hash) for name in "xyz"
    ]
    assert told == [(5.0, "first"), (17.0, "second"), (5.0, "")]
    sounds = library.sounds()
    assert (sounds[x].duration_s, sounds[y].duration_s) == (5.0, 17.0)
    assert [row.sound_id for row in window_rows(library, "sound_id", present=False)] == [
        x,
        y,
        y,
        y,
        z,
    ]
    with library.reading() as connection:
        assert len(marks(connection)) == 1


def test_a_note_of_damage_comes_with_the_last_part_and_goes_with_the_file(library):
    library.put_headers([(facts("/a/cut.wav"), Header())])
    (sound_id,) = library.sounds()
    note = "damaged: 4.0 of about 9.0 s could be read"
    put_embedded(library, [EmbeddedPart(sound_id, [window(0)], 4.0, "hash", 4.0, note)])
    assert library.sounds()[sound_id].damage == note
    assert damaged_sounds(library) == [("/a/cut.wav", note)]
    library.set_state([sound_id], MISSING)
    assert (damaged_sounds(library), library.statistics().damaged) == ([], 0)
    library.put_headers([(facts("/a/cut.wav", size=2), Header())])
    assert library.sounds()[sound_id].damage is None


@pytest.mark.sqlite
def test_a_library_without_notes_of_damage_gets_a_place_for_them(tmp_path):
    path = tmp_path / "library.db"
    store_connection.make_schema(path, "0005")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO sounds (id, path, size, mtime_ns, content_hash, duration_s, rate_hz, "
            "channels, format, state, added_ns, heard_s) "
            "VALUES (1, '/a/x.wav', 1, 5, 'x', 2, 48000, 2, 'wav', 0, 1, 2)"
        )
        connection.execute(
            "INSERT INTO windows (sound_id, start_s, end_s, features, vector, potential) "
            "VALUES (1, 0, 2, x'66', x'00', 0.5)"
        )
    with Library(path) as library:
        (sound,) = library.sounds().values()
        assert (sound.path, sound.damage) == ("/a/x.wav", None)
        assert len(window_rows(library, "id")) == 1
    assert (tmp_path / f"library.db.before-{store_connection.REVISION}").is_file()
