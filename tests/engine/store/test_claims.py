"""Claims on sounds: what two workers at two connections of one server may do, and the dead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from engine.errors import InputError
from engine.store import EmbeddedPart, FileFacts, Header, Library, Skipped, StoredWindow, claims
from engine.store.claims import DEATHS, ClaimsLostError, Place
from engine.store.news import News
from engine.store.tables import BROKEN, MISSING
from engine.store.windows import window_rows
from tests.postgres import Postgres

WINDOW = StoredWindow(0.0, 1.0, b"\0" * 4, b"\0" * 4, 0.5)
ANYWHERE = Place()


@pytest.fixture
def two(server: Postgres) -> Iterator[tuple[Library, Library]]:
    """Give two connections to one library with six sounds that wait."""
    with server.library() as place, Library(place) as one, Library(place) as other:
        one.put_headers([(facts(n), Header()) for n in range(6)])
        yield one, other


def facts(number: int, size: int = 100) -> FileFacts:
    return FileFacts(f"/s/{number}.wav", size, number, "", 1.0, 48000, 1, 16, "WAV")


def ids(claimed: list) -> set[int]:
    return {sound.id for _, sound in claimed}


def heard(sound_id: int, heard_s: float = 1.0, whole: bool = True) -> EmbeddedPart:
    return EmbeddedPart(
        sound_id, [WINDOW], heard_s, f"hash {sound_id}" if whole else "", heard_s if whole else None
    )


def put(library: Library, worker: int, *parts: EmbeddedPart, **more) -> None:
    claims.put_heard(library, worker, claims.terms(library), parts, **more)


def end_lease(library: Library, worker: int) -> None:
    with library.writing() as connection:
        connection.execute(text(f"UPDATE workers SET until_ms = 0 WHERE id = {worker}"))


def die(library: Library, worker: int) -> None:
    end_lease(library, worker)
    assert claims.bury(library) == 1


def windows_of(library: Library) -> list[int]:
    return [row.sound_id for row in window_rows(library, "sound_id")]


def test_no_sound_is_claimed_twice(two):
    one, other = two
    a, b = claims.enlist(one, "a", 60), claims.enlist(other, "b", 60)
    first, second = claims.claim(one, a, 4, ANYWHERE), claims.claim(other, b, 4, ANYWHERE)
    assert (len(first), len(second)) == (4, 2)
    assert not ids(first) & ids(second)
    assert claims.claim(one, a, 4, ANYWHERE) == []
    assert [path for path, _ in first] == [f"/s/{n}.wav" for n in (5, 4, 3, 2)]  # the newest first


def test_what_another_transaction_is_claiming_is_passed_over_and_not_waited_for(two):
    one, other = two
    b = claims.enlist(other, "b", 60)
    with one.database.engine.begin() as connection:
        connection.execute(text("SELECT id FROM sounds WHERE mtime_ns > 1 FOR NO KEY UPDATE"))
        assert [path for path, _ in claims.claim(other, b, 9, ANYWHERE)] == ["/s/1.wav", "/s/0.wav"]


def test_a_result_and_the_end_of_its_claim_are_one(two, monkeypatch):
    one, other = two
    worker = claims.enlist(one, "a", 60)
    (_, sound), *_ = claims.claim(one, worker, 6, ANYWHERE)

    def fails(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        store = claims._store
        patched.setattr(claims, "_store", lambda *given: (store(*given), fails()))
        with pytest.raises(RuntimeError):
            put(one, worker, heard(sound.id))
    assert windows_of(other) == []
    put(one, worker, heard(sound.id))
    assert windows_of(other) == [sound.id]
    put(one, worker, heard(sound.id))  # a second time
    assert windows_of(other) == [sound.id]
    claims.dismiss(one, worker)
    b = claims.enlist(other, "b", 60)
    assert sound.id not in ids(claims.claim(other, b, 9, ANYWHERE))


def test_a_dismissed_worker_frees_its_claims_without_blame(two):
    one, other = two
    worker = claims.enlist(one, "a", 60)
    assert len(claims.claim(one, worker, 6, ANYWHERE)) == 6
    claims.dismiss(one, worker)
    b = claims.enlist(other, "b", 60)
    assert len(claims.claim(other, b, 6, ANYWHERE)) == 6


def test_a_lease_that_ran_out_frees_the_claims_and_the_late_result_is_refused(two):
    one, other = two
    a, b = claims.enlist(one, "a", 60), claims.enlist(other, "b", 60)
    (_, sound) = claims.claim(one, a, 1, ANYWHERE)[0]
    assert claims.bury(other) == 0  # it lives
    die(other, a)
    assert not claims.renew(one, a, 60)
    with pytest.raises(ClaimsLostError):
        put(one, a, heard(sound.id))
    with pytest.raises(ClaimsLostError):
        claims.claim(one, a, 1, ANYWHERE)
    rest = claims.claim(other, b, 9, ANYWHERE)
    assert len(rest) == 5 and sound.id not in ids(rest)  # suspects come last, alone
    assert ids(claims.claim(other, b, 9, ANYWHERE)) == {sound.id}
    put(other, b, heard(sound.id))
    assert windows_of(one) == [sound.id]


def test_a_renewed_lease_runs_on(two):
    one, other = two
    a = claims.enlist(one, "a", 60)
    end_lease(other, a)
    assert claims.renew(one, a, 60)  # late, but nobody has noticed
    assert claims.bury(other) == 0
    assert [worker.name for worker in claims.workers(other)] == ["a"]


def test_a_lease_is_measured_by_the_servers_clock(two, monkeypatch):
    one, other = two
    monkeypatch.setattr("time.time", lambda: 0.0)
    monkeypatch.setattr("time.time_ns", lambda: 0)
    a = claims.enlist(one, "a", 60)
    assert claims.bury(other) == 0
    (worker,) = claims.workers(other)
    assert worker.began_ms > 1.6e12
    assert claims.renew(one, a, 60)


def test_a_sound_that_changed_since_is_not_overwritten_and_waits_again(two):
    one, other = two
    a = claims.enlist(one, "a", 60)
    claimed = {path: sound.id for path, sound in claims.claim(one, a, 6, ANYWHERE)}
    other.put_headers([(facts(0, size=999), Header())])
    other.set_state([claimed["/s/1.wav"]], MISSING)
    put(one, a, *(heard(claimed[f"/s/{n}.wav"]) for n in range(3)))
    assert windows_of(one) == [claimed["/s/2.wav"]]
    again = claims.claim(one, a, 6, ANYWHERE)
    assert [(path, sound.size) for path, sound in again] == [("/s/0.wav", 999)]


def test_parts_of_a_long_sound_keep_the_claim_and_the_next_worker_goes_on_there(two):
    one, other = two
    a, b = claims.enlist(one, "a", 60), claims.enlist(other, "b", 60)
    (_, sound) = claims.claim(one, a, 1, ANYWHERE)[0]
    put(one, a, heard(sound.id, 5.0, whole=False))
    put(one, a, heard(sound.id, 9.0, whole=False))
    assert len(windows_of(one)) == 2
    assert len(claims.claim(other, b, 9, ANYWHERE)) == 5
    claims.dismiss(one, a)
    ((_, again),) = claims.claim(other, b, 9, ANYWHERE)
    assert (again.id, again.heard_s) == (sound.id, 9.0)


def test_what_three_workers_died_of_is_claimed_no_more_until_it_changes(two):
    one, other = two
    deadly = 0
    for _ in range(DEATHS):
        assert claims.given_up(one) == []
        a = claims.enlist(one, "a", 60)
        claimed = claims.claim(one, a, 1, Place(roots=["/s/5.wav"]))
        assert len(claimed) == 1
        deadly = claimed[0][1].id
        die(other, a)
    assert claims.given_up(other) == [(deadly, "/s/5.wav")]
    b = claims.enlist(other, "b", 60)
    assert claims.claim(other, b, 9, Place(roots=["/s/5.wav"])) == []
    one.put_headers([(facts(5, size=7), Header())])  # another file now
    assert claims.given_up(one) == []
    assert ids(claims.claim(other, b, 9, Place(roots=["/s/5.wav"]))) == {deadly}
    die(one, b)
    assert claims.given_up(one) == []  # counted from the start


def test_a_sound_that_is_given_up_is_skipped_with_its_reason(two):
    one, other = two
    for _ in range(DEATHS):
        a = claims.enlist(one, "a", 60)
        claims.claim(one, a, 1, Place(roots=["/s/5.wav"]))
        die(other, a)
    ((sound_id, path),) = claims.given_up(one)
    claims.give_up(
        one, [(sound_id, Skipped(path, 100, 5, 5, "why")), (-1, Skipped("x", 1, 1, 1, ""))]
    )
    assert [(row.path, row.reason) for row in other.skipped()] == [(path, "why")]
    assert other.known([path])[path].state == BROKEN
    assert claims.given_up(one) == []


def test_a_result_of_another_model_or_mapping_is_refused(two):
    one, other = two
    a = claims.enlist(one, "a", 60)
    (_, sound) = claims.claim(one, a, 1, ANYWHERE)[0]
    before = claims.terms(one)
    for name in ("model_id", "mapping"):
        other.set_settings({name: b"another"})
        with pytest.raises(ClaimsLostError):
            claims.put_heard(one, a, before, [heard(sound.id)])
        before = claims.terms(one)
    claims.put_heard(one, a, before, [heard(sound.id)])
    assert windows_of(one) == [sound.id]


def test_only_what_lies_in_the_workers_place_is_claimed(two):
    one, _ = two
    a = claims.enlist(one, "a", 60)
    found = claims.claim(
        one, a, 9, Place(roots=["/s/1.wav", "/s/2.wav", "/s/3.wav"], away=["/s/2.wav"])
    )
    assert [path for path, _ in found] == ["/s/3.wav", "/s/1.wav"]
    claims.let_go(one, a, ids(found))
    lacking = ids(found)
    assert {path for path, _ in claims.claim(one, a, 9, Place(lacking=lacking))} == {
        f"/s/{n}.wav" for n in (0, 2, 4, 5)
    }
    assert not claims.others_are_at(one, a, ANYWHERE)
    assert claims.others_are_at(one, None, ANYWHERE)
    assert not claims.others_are_at(one, None, Place(roots=["/s/3.wav"]))


def test_who_claims_nothing_overwrites_neither_what_workers_are_at_nor_what_they_heard(two):
    one, other = two
    a = claims.enlist(one, "a", 60)
    known = {sound.id: sound for sound in other.known(["/s"]).values()}
    busy, done = (sound for _, sound in claims.claim(one, a, 2, ANYWHERE))
    put(one, a, heard(done.id))
    parts = [heard(sound_id) for sound_id in known]
    claims.put_unclaimed(other, known, parts)
    found = windows_of(one)
    assert sorted(found) == sorted(set(found)) and len(found) == 5 and busy.id not in found
    put(one, a, heard(busy.id))
    assert sorted(windows_of(one)) == sorted(known)


def test_workers_are_counted_with_what_they_did(two):
    one, other = two
    a = claims.enlist(one, "a machine", 60)
    claimed = claims.claim(one, a, 3, ANYWHERE)
    refused = [(claimed[1][1].id, Skipped(claimed[1][0], 100, 1, 1, "why"))]
    put(one, a, heard(claimed[0][1].id, 8.0), refused=refused, busy_s=2.0)
    (worker,) = claims.workers(other)
    assert (worker.name, worker.sounds, worker.audio_s, worker.rate) == ("a machine", 1, 8.0, 4.0)
    assert worker.at == 1
    assert [row.reason for row in other.skipped()] == ["why"]


def test_waiting_workers_are_told_of_new_sounds(two):
    one, other = two
    news = News(other.database, claims.CHANNEL)
    assert news.wait(0.01)  # what was told before there was a connection nobody knows
    assert not news.wait(0.01)
    claims.announce(one)
    assert news.wait(30)
    with one.database.engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    assert not news.wait(0.01)  # the connection was lost
    assert news.wait(0.01)  # and is made again
    assert not news.wait(0.01)
    claims.announce(one)
    assert news.wait(30)
    news.close()


def test_a_library_of_one_computer_has_no_workers(tmp_path):
    with Library(tmp_path / "library.db") as library:
        assert claims.workers(library) == []
        claims.announce(library)
        with pytest.raises(InputError, match="run `soundsift index`"):
            claims.enlist(library, "a", 60)
