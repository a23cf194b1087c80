"""Do something in processes that are killed at every point where it touches the disk.

``python -m tests.engine.models.killing install|use FOLDER OLD NEW`` prints a JSON document of
what was found.  A point is a system call that an audit hook tells of, or a statement of SQL:
the process kills itself there, so that nothing depends on how fast anything is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from app.cli import main as soundsift
from engine.errors import ModelError
from engine.index.build import index_folders
from engine.models.catalog import find_model
from engine.models.drafts import draft_of
from engine.models.match_model import load_model
from engine.models.spec import read_spec
from engine.models.trial import remember_tried
from engine.paths import installed_models
from engine.progress import Control
from engine.search import Searcher
from engine.store import Library

WATCHED = ("os.", "open", "shutil.", "sqlite3.connect")


class Points:
    """Counts points, and kills the process at one of them."""

    def __init__(self, folder: Path, deadly: int | None) -> None:
        self.folder, self.deadly, self.passed = str(folder), deadly, 0
        sys.addaudithook(self._heard)
        event.listen(Engine, "before_cursor_execute", lambda *_: self._pass())
        event.listen(Engine, "commit", lambda *_: self._pass())

    def _heard(self, name: str, given: tuple[Any, ...]) -> None:
        if name.startswith(WATCHED) and any(self.folder in str(item) for item in given):
            self._pass()

    def _pass(self) -> None:
        if self.passed == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1


def apart(work: Callable[[], object]) -> tuple[int, Any]:
    """Run ``work`` in a child; return how it ended, and what it gave."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, json.dumps(work()).encode())
            os._exit(0)
        except BaseException as error:
            os.write(writing, json.dumps(f"{type(error).__name__}: {error}").encode())
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    return os.waitpid(child, 0)[1], json.loads(said or b"null")


def killed_everywhere(
    folder: Path, prepare: Callable[[], object], work: Callable[[], object], seen: Callable[[], str]
) -> list[str]:
    """Return what ``seen`` says after each kill, and last after none."""

    def counted() -> int:
        points = Points(folder, None)
        work()
        return points.passed

    def dying(deadly: int) -> None:
        Points(folder, deadly)
        work()

    prepare()
    status, count = apart(counted)
    assert status == 0, count
    whole = apart(seen)[1]
    found = []
    for deadly in range(count):
        prepare()
        status, said = apart(partial(dying, deadly))
        assert os.WIFSIGNALED(status), (deadly, said)
        found.append(apart(seen)[1])
    return [*found, whole]


def install(folder: Path, old: Path, new: Path) -> list[str]:
    """Install a model over another one, or where there was none."""
    home = installed_models()

    def prepare() -> None:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        if old.name != "none":
            shutil.copytree(old, home / "mine")

    def work() -> None:
        with draft_of(home / "mine") as draft:
            shutil.copytree(new, draft, dirs_exist_ok=True)

    def seen() -> str:
        try:
            model = load_model(find_model("mine"))  # every hash fits
        except ModelError as error:
            name = "none" if "there is no model named" in str(error) else str(error)
        else:
            name = model.spec.name
        left = sorted(p.name for p in home.iterdir() if p.name not in ("mine", ".lock"))
        return f"{name} {left}"

    return killed_everywhere(home, prepare, work, seen)


def use(folder: Path, old: Path, new: Path) -> list[str]:
    """Let a library of the old model use the new one."""
    template, path = folder / "template.db", folder / "run" / "library.db"
    remember_tried(old)
    remember_tried(new)

    def fill() -> None:
        with Library(template) as library:
            index_folders(library, old, [folder / "sounds"], Control())
            library._engine.dispose()

    status, said = apart(fill)
    assert status == 0, said

    def prepare() -> None:
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        for found in folder.glob("template.db*"):
            if found.is_file():
                shutil.copy(found, path.with_name(found.name.replace("template", "library")))

    def work() -> None:
        sys.stdout = sys.stderr
        assert soundsift(["models", "use", str(new), "--library", str(path)]) == 0

    def seen() -> str:
        with Library(path) as library:
            used = find_model((library.setting("model_folder") or b"").decode())
            fits = read_spec(used).id.encode() == library.setting("model_id")
            matches = Searcher(library, used).search_text("door", 3).matches
        name = {dumps[0]: "old", dumps[1]: "new"}.get(dumped(), "something else")
        return f"{name} {used == (old if name == 'old' else new)} {fits} {len(matches)}"

    def dumped() -> str:
        with sqlite3.connect(path) as database:
            rows = database.iterdump()
            return "\n".join(row for row in rows if "'mapping'" not in row)  # which is random

    prepare()
    before = apart(dumped)[1]
    apart(work)
    dumps = (before, apart(dumped)[1])
    return killed_everywhere(folder / "run", prepare, work, seen)


if __name__ == "__main__":
    what, where, first, second = sys.argv[1:]
    done = {"install": install, "use": use}[what](Path(where), Path(first), Path(second))
    print(json.dumps(done))
