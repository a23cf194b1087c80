"""Install and use models in processes that are killed at every point (:mod:`tests.killing`).

``python -m tests.engine.models.killing install|use FOLDER OLD NEW`` prints a JSON document of
what was found.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import torch

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
from tests.killing import apart, killed_everywhere


def warmed(seen: Callable[[], str]) -> None:
    """Look once here, for what is loaded and compiled then, all forks have."""
    torch.set_num_threads(1)  # so that there is no pool, which a fork would lose
    if sys.platform.startswith("linux"):  # elsewhere libraries may not survive a fork
        seen()


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

    prepare()
    warmed(seen)
    return killed_everywhere(home, prepare, work, seen)


def use(folder: Path, old: Path, new: Path) -> list[str]:
    """Let a library of the old model use the new one."""
    template, path = folder / "template.db", folder / "run" / "library.db"
    remember_tried(old)
    remember_tried(new)

    def fill() -> None:
        with Library(template) as library:
            index_folders(library, old, [folder / "sounds"], Control())
            library.database.engine.dispose()

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
    warmed(seen)
    return killed_everywhere(folder / "run", prepare, work, seen)


if __name__ == "__main__":
    what, where, first, second = sys.argv[1:]
    done = {"install": install, "use": use}[what](Path(where), Path(first), Path(second))
    print(json.dumps(done))
