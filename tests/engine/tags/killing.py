"""Write, rename, take back and do again, in processes that are killed all over it.

See :mod:`tests.killing`.  ``python -m tests.engine.tags.killing run|undo|redo FOLDER`` prints a
JSON document: what is wrong after each kill, nothing where all is as it should be.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import soundfile

from engine.metadata.read import read_header
from engine.metadata.renaming import Rename
from engine.metadata.seen import digest_of
from engine.metadata.write import SoundTags
from engine.progress import Control
from engine.store import FileFacts, Header, Library
from engine.store.tags import TagRow, tag_rows
from engine.tags.review import record
from engine.tags.run import TagRun, redo_last, settle, undo_last
from engine.tags.run_folders import runs_of, undone_runs_of
from tests.conftest import tone
from tests.killing import apart, killed_everywhere

KILLS = 60
NAMES = ("a.wav", "b.flac", "c.wav")


class Scene:
    """Three sounds, a library that knows them, and a run that writes and renames them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.template = folder / "scene", folder / "template"
        self.sounds, self.library = self.folder / "sounds", self.folder / "library.db"
        self.done: dict[str, str] = {}
        os.environ["SOUNDSIFT_HOME"] = str(self.folder / "home")
        sounds = self.template / "sounds"
        sounds.mkdir(parents=True)
        rows = []
        for number, name in enumerate(NAMES):
            soundfile.write(sounds / name, tone(300 + 100 * number, 0.05, 48000), 48000)
            state = (sounds / name).stat()
            path = str(self.sounds / name)
            facts = (path, state.st_size, state.st_mtime_ns, f"h{number}", 0.05, 48000, 1, 16, "x")
            rows.append((FileFacts(*facts), Header()))
        self.originals = {name: (sounds / name).read_bytes() for name in NAMES}

        def fill() -> None:
            with Library(self.template / "library.db") as library:
                library.put_headers(rows)
                library.database.engine.dispose()

        assert apart(fill)[0] == 0

    def prepare(self) -> None:
        """Lay everything anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.template, self.folder)

    def run(self) -> None:
        """Accept a tag, write it, and rename: two files trade places, the third gets a new name."""
        paths = [str(self.sounds / name) for name in NAMES]
        with Library(self.library) as library, TagRun.begin(library) as run:
            record(library, [1], [TagRow(1, "wet", "accepted", "m", 0.9)], run.note)
            written = run.write({p: SoundTags(keywords=("wet",)) for p in paths}, Control())
            assert len(written.done) == 3
            new = str(self.sounds / "d.flac")
            run.rename(
                [Rename(paths[0], paths[2]), Rename(paths[2], paths[0]), Rename(paths[1], new)]
            )

    def undo(self) -> None:
        """Take it back."""
        with Library(self.library) as library:
            undo_last(library, Control())

    def redo(self) -> None:
        """Do it again."""
        with Library(self.library) as library:
            redo_last(library, Control())

    def remember_done(self) -> None:
        """Look at what the run makes of the files, to compare."""
        self.done = {p.name: digest_of(p) for p in self.sounds.iterdir()}

    def wrong(self, redone: bool = False) -> str:
        """Return what is wrong now, and after everything was taken back.

        :param redone: it is done again before, and after it was taken back.
        """
        with Library(self.library) as library:
            settle(library)
            said = self._files_and_library(library)
            if redone:
                said += self._done_again(library)
            said += self._taken_back(library)
            return said + (self._done_again(library) if redone else "")

    def _done_again(self, library: Library) -> str:
        """Do again what was taken back; return what is not as the run had left it."""
        while any(undone_runs_of(library).glob("*")):
            redone = redo_last(library, Control())
            if redone.refused:
                return f"; {redone.refused}"
        if {p.name: digest_of(p) for p in self.sounds.iterdir()} != self.done:
            return "; not what it became"
        if [row.label for row in tag_rows(library)] != ["wet"]:
            return "; the tag is gone"
        return self._files_and_library(library)

    def _taken_back(self, library: Library) -> str:
        """Take everything back; return what is not as it was before."""
        said = ""
        while any(runs_of(library).glob("*")):
            undone = undo_last(library, Control())
            if undone.refused:
                return f"; {undone.refused}"
        if {p.name: p.read_bytes() for p in self.sounds.iterdir()} != self.originals:
            said += "; not what it was"
        paths = {i: Path(s.path).name for i, s in library.sounds().items()}
        if paths != dict(enumerate(NAMES, start=1)) or tag_rows(library):
            said += f"; the library says {paths}"
        return said

    def _files_and_library(self, library: Library) -> str:
        """Return what does not fit: every sound lies where the library says, old or new."""
        problems = []
        left = {p.name for p in self.sounds.iterdir()}
        for sound_id, sound in library.sounds().items():
            path = Path(sound.path)
            left.discard(path.name)
            number = sound_id - 1
            if not path.is_file():
                problems.append(f"{path.name} is not there")
                continue
            frequency = 300 + 100 * number
            heard = soundfile.read(path)[0]
            if abs(heard - tone(frequency, 0.05, 48000)).max() > 1e-3:
                problems.append(f"{path.name} is another sound")
            if path.read_bytes() != self.originals[NAMES[number]]:
                keywords = [
                    v for k, v in read_header(path).fields.items() if "keyword" in k.lower()
                ]
                if not keywords or set(keywords) != {"wet"}:
                    problems.append(f"{path.name} is neither old nor new")
        return "; ".join([*problems, *(f"{name} is left" for name in sorted(left))])


if __name__ == "__main__":
    what, where = sys.argv[1:]
    scene = Scene(Path(where))
    scene.prepare()
    scene.run()  # what is read and compiled once, all forks have from here
    assert scene.wrong() == ""
    if what == "run":
        found = killed_everywhere(scene.folder, scene.prepare, scene.run, scene.wrong, KILLS)
    else:

        def prepare(*before: Callable[[], object]) -> None:
            scene.prepare()
            for work in before:
                status, said = apart(work)
                assert status == 0, said

        prepare(scene.run)
        scene.remember_done()
        before = [scene.run] if what == "undo" else [scene.run, scene.undo]
        found = killed_everywhere(
            scene.folder,
            lambda: prepare(*before),
            scene.undo if what == "undo" else scene.redo,
            lambda: scene.wrong(redone=True),
            KILLS,
        )
    print(json.dumps(found))
