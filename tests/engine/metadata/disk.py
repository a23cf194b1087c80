"""A disk that loses power: which files there can be after each step of a program.

Every step that changes names or waits for the disk is recorded, with what the folders held then.
What was not waited for may be on the disk, or not, or torn.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

Names = dict[str, int]  # inode by name, of one folder


@dataclass
class State:
    """What a program sees at one moment, and what of it is surely on the disk."""

    seen: dict[Path, Names]
    contents: dict[int, bytes]
    sure_names: dict[Path, Names]
    sure_contents: dict[int, bytes]
    step: str


@dataclass
class Recorder:
    """Watches folders while a program works."""

    folders: list[Path]
    states: list[State] = field(default_factory=list)
    sure_names: dict[Path, Names] = field(default_factory=dict)
    sure_contents: dict[int, bytes] = field(default_factory=dict)

    def begin(self) -> None:
        """Take everything that is there as surely on the disk."""
        seen, contents = self._look()
        self.sure_names, self.sure_contents = seen, contents
        self._note("begin")

    def _look(self) -> tuple[dict[Path, Names], dict[int, bytes]]:
        seen: dict[Path, Names] = {}
        contents: dict[int, bytes] = {}
        for top in self.folders:
            for folder in [top, *(p for p in top.rglob("*") if p.is_dir())]:
                seen[folder] = {}
                for path in folder.iterdir():
                    inode = path.stat().st_ino
                    seen[folder][path.name] = inode
                    if path.is_file():
                        contents[inode] = path.read_bytes()
        return seen, contents

    def _note(self, step: str) -> None:
        seen, contents = self._look()
        sure = {folder: dict(names) for folder, names in self.sure_names.items()}
        self.states.append(State(seen, contents, sure, dict(self.sure_contents), step))

    def synced(self, descriptor: int) -> None:
        """Note that a file or folder is on the disk now."""
        inode = os.fstat(descriptor).st_ino
        seen, contents = self._look()
        for folder, names in seen.items():
            if folder.stat().st_ino == inode:
                self.sure_names[folder] = names
        if inode in contents:
            self.sure_contents[inode] = contents[inode]
        self._note(f"sync {inode}")

    def changed(self, step: str) -> None:
        """Note that a name was changed."""
        self._note(step)

    def attach(self, monkeypatch) -> None:
        """Record what a program does from now on."""
        real = {name: getattr(os, name) for name in ("fsync", "replace", "rename", "unlink")}

        def fsync(descriptor):
            self._note("before sync")
            real["fsync"](descriptor)
            self.synced(descriptor if isinstance(descriptor, int) else descriptor.fileno())

        def naming(name):
            def act(*arguments, **more):
                result = real[name](*arguments, **more)
                self.changed(f"{name} {arguments}")
                return result

            return act

        monkeypatch.setattr(os, "fsync", fsync)
        for name in ("replace", "rename", "unlink"):
            monkeypatch.setattr(os, name, naming(name))


def after_power_loss(state: State) -> Iterator[dict[Path, bytes]]:
    """Yield the files by path that can be on the disk when power is lost in a state.

    The names of each folder are those that are sure, or all that were seen; the contents of each
    file that are not sure are whole, torn, empty, or old.
    """
    folders = sorted(set(state.seen) | set(state.sure_names))
    choices = []
    for folder in folders:
        kinds = [state.sure_names.get(folder, {}), state.seen.get(folder, {})]
        choices.append(kinds if kinds[0] != kinds[1] else kinds[:1])
    for chosen in product(*choices):
        unsure = any(state.sure_contents.get(n) != data for n, data in state.contents.items())
        for torn in range(3 if unsure else 1):
            files: dict[Path, bytes] = {}
            for folder, names in zip(folders, chosen, strict=True):
                for name, inode in names.items():
                    sure = state.sure_contents.get(inode)
                    now = state.contents.get(inode, sure)
                    if now is None:
                        continue  # a folder
                    if now == sure:
                        files[folder / name] = now
                    else:
                        kinds = (now, now[: len(now) // 2], sure or b"")
                        files[folder / name] = kinds[torn]
            yield files
