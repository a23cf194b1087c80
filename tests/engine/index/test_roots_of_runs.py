"""Index runs and roots: what lies elsewhere is known again, and what is not here is left alone."""

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from engine.audio.decode import probe
from engine.errors import AudioError, InputError
from engine.handover.transfer import Transfer, transfer
from engine.index import scan
from engine.index.build import index_folders
from engine.index.drives import note_drives, relink
from engine.index.embedder import LeftToWorkers
from engine.index.worker import Manner, work
from engine.progress import Control
from engine.roots import MACOS
from engine.search import Searcher, search_names
from engine.store import Library, claims
from engine.store import library as module
from engine.store.roots import add_root, mount_root, unmount_root
from engine.store.tables import PRESENT
from engine.store.windows import window_rows


def states(library: Library) -> set[tuple[bool, bool]]:
    return {(sound.missing, sound.offline) for sound in library.sounds().values()}


def test_a_library_that_was_made_elsewhere_hears_nothing_again(
    library, model_folder, sounds, tmp_path
):
    index_folders(library, model_folder, [sounds], Control())
    add_root(library, "SFX", sounds, Control())
    windows = window_rows(library, "id", "vector")
    found = [
        match.sound.path for match in Searcher(library, model_folder).search_text("tone").matches
    ]
    elsewhere = tmp_path / "S" / "Sfx"
    elsewhere.parent.mkdir()
    sounds.rename(elsewhere)
    mount_root(library, "SFX", elsewhere, Control())
    report = index_folders(library, model_folder, [elsewhere], Control())
    assert (report.found, report.unchanged, report.heard, report.moved) == (12, 12, 0, 0)
    assert window_rows(library, "id", "vector") == windows
    again = [
        match.sound.path for match in Searcher(library, model_folder).search_text("tone").matches
    ]
    assert again == [path.replace(str(sounds), str(elsewhere)) for path in found] and again
    (elsewhere / "tones" / "new.wav").write_bytes(next(elsewhere.glob("tones/*.wav")).read_bytes())
    assert index_folders(library, model_folder, [elsewhere], Control()).heard == 1
    assert library.folders() == [str(elsewhere)]


def test_a_rescan_marks_nothing_missing_of_a_root_that_is_not_mounted(
    library, model_folder, sounds, tmp_path
):
    other = tmp_path / "other"
    other.mkdir()
    soundfile.write(other / "sound_x.wav", [0.1] * 4000, 8000)
    index_folders(library, model_folder, [sounds, other], Control())
    add_root(library, "SFX", sounds, Control())
    unmount_root(library, "SFX")
    sounds.rename(tmp_path / "away")
    assert note_drives(library) == []
    index_folders(library, model_folder, [other], Control())
    assert states(library) == {(False, False)} and library.statistics().missing == 0
    assert len(search_names(library, "sound").matches) == 13
    assert len(search_names(library, 'in:"root:/SFX/tones" sound').matches) == 6
    assert len(search_names(library, "in:SFX/tones sound").matches) == 6
    assert len(Searcher(library, model_folder).search_text("tone", limit=20).matches) == 13


def test_a_sound_that_is_not_mounted_here_is_refused_with_what_to_do(
    library, model_folder, sounds, tmp_path
):
    index_folders(library, model_folder, [sounds], Control())
    add_root(library, "My SFX", sounds, Control())
    unmount_root(library, "My SFX")
    ids = sorted(library.sounds())
    said = 'the root My SFX is not mounted on this computer: say where .* mount "My SFX" FOLDER`'
    with pytest.raises(AudioError, match=said):
        probe(Path(library.sounds()[ids[0]].path))
    done = transfer(library, ids[:1], Transfer(tmp_path / "project"))
    assert not done.files and "the root My SFX is not mounted" in done.failed[0][1]


def test_a_root_is_not_relinked_but_mounted(library, model_folder, sounds, tmp_path):
    index_folders(library, model_folder, [sounds], Control())
    add_root(library, "SFX", sounds, Control())
    sounds.rename(tmp_path / "moved")
    with pytest.raises(InputError, match=r'is the root SFX: say .* `soundsift roots mount "SFX"'):
        relink(library, sounds, tmp_path / "moved")
    assert library.folders() == [str(sounds)]


def test_names_that_a_system_lists_decomposed_are_kept_composed(
    library, model_folder, sounds, monkeypatch
):
    decomposed, composed = "Tu\u0308r.wav", "T\u00fcr.wav"
    soundfile.write(sounds / composed, [0.1] * 4000, 8000)
    add_root(library, "SFX", sounds, Control())

    def as_macos(connection):
        return replace(mounts_of(connection), system=MACOS)

    mounts_of = module.mounts_of
    monkeypatch.setattr(module, "mounts_of", as_macos)
    index_folders(library, model_folder, [sounds], Control())

    def listed(path, result):  # as HFS+ does it; either name opens the file
        looked_at(path, result)
        file = result.files[-1]
        result.files[-1] = replace(file, path=file.path.replace(composed, decomposed))

    looked_at = scan._look_at
    monkeypatch.setattr(scan, "_look_at", listed)
    report = index_folders(library, model_folder, [sounds], Control())
    assert (report.unchanged, report.heard, report.missing) == (13, 0, 0)
    assert sum(path.endswith(composed) for path in library.known([str(sounds)])) == 1


@pytest.fixture
def place(server):
    with server.library() as address:
        yield address


def test_a_worker_hears_what_is_mounted_where_it_is_and_leaves_the_rest(
    place, model_folder, sounds, tmp_path
):
    other = tmp_path / "other"
    other.mkdir()
    soundfile.write(other / "x.wav", [0.1] * 4000, 8000)
    with Library(place) as library:
        for folder in (sounds, other):
            later = LeftToWorkers()
            index_folders(library, model_folder, [folder], Control(), embedder=later)
        add_root(library, "SFX", sounds, Control())
        add_root(library, "Other", other, Control())
        unmount_root(library, "Other")
        elsewhere = tmp_path / "elsewhere"
        sounds.rename(elsewhere)
        mount_root(library, "SFX", elsewhere, Control())
        said: list[str] = []
        done = work(library, model_folder, Control(), Manner(1, "cpu", True), said.append)
        assert (done.files, done.skipped) == (12, 0)
        assert any("the root Other is not mounted" in one for one in said)
        waiting = library.known(["root:/Other"], waiting=True)
        assert [sound.state for sound in waiting.values()] == [PRESENT]
        assert claims.workers(library) == []
