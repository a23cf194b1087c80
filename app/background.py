"""Work that a window leaves behind: it goes on in a process of its own until it is taken back.

A library has one such process at most.  What it is to do, and what came of it, lie in a folder
of the user's data; while it lives it holds a lock there, which the system frees however it ends.
A process that ended early is no loss: everything it does can be gone on with.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from engine import durable
from engine.children import NO_CONSOLE, command
from engine.errors import BusyError, SoundsiftError
from engine.log import logger, start_log
from engine.paths import Place, data_folder, is_server, make_own_folder, place_of
from engine.progress import Cancelled, Control, Progress
from engine.session import open_library

_PATIENCE_S = 60.0  # for a process to notice that it should end
_LOOK_S = 0.1
_NICE = 5
_log = logger("app.background")


@dataclass(frozen=True)
class Order:
    """What is to go on: indexing of folders, if any, then training with these arguments, if any."""

    library: str
    model: str
    folders: list[str] = field(default_factory=list)
    threads: int = 2
    train: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Left:
    """What a process was told to do, and what it came to.

    ``trained`` is what the trainer said last, None if it did not come so far; ``problem`` is a
    sentence.
    """

    order: Order
    trained: dict[str, Any] | None = None
    problem: str = ""


def leave_behind(order: Order) -> None:
    """Let work go on in a process of its own.

    :raises SoundsiftError: it cannot be started.
    """
    folder = _folder(place_of(order.library))
    try:
        make_own_folder(folder)
        for name in ("stop", "outcome.json"):
            (folder / name).unlink(missing_ok=True)
        durable.put_file(folder / "order.json", json.dumps(asdict(order)).encode())
        _start_apart(command("app.background", str(folder)))
    except OSError as error:
        raise SoundsiftError(f"nothing can go on in the background: {error}") from error


def take_back(library: Place, control: Control) -> Left | None:
    """End the process of a library, if there is one; return what it was at, None if nothing.

    :raises BusyError: it does not end.
    """
    folder = _folder(library)
    if not (folder / "order.json").exists():
        return None
    with suppress(OSError):
        (folder / "stop").touch()
    control.report(Progress("waiting for the work in the background", 0))
    try:
        with FileLock(folder / "lock", timeout=_PATIENCE_S):
            left = _read(folder)
            for name in ("order.json", "outcome.json", "stop"):
                (folder / name).unlink(missing_ok=True)
            return left
    except (Timeout, OSError):
        raise BusyError(
            f"the work on {library} goes on in the background and does not end: wait until it "
            "has finished"
        ) from None


def is_left_behind(library: Place) -> bool:
    """Return whether a process works on a library in the background."""
    folder = _folder(library)
    if not (folder / "order.json").exists():
        return False
    try:
        with FileLock(folder / "lock", timeout=0):
            return False
    except (Timeout, OSError):
        return True


def main(folder: Path) -> int:
    """Be the process."""
    start_log()
    with suppress(AttributeError, OSError):
        os.nice(_NICE)
    try:
        with FileLock(folder / "lock", timeout=0):
            left = _read(folder)
            if left is not None and not (folder / "stop").exists():
                outcome = asdict(_work(left.order, Control(cancel=_Stop(folder / "stop"))))
                durable.put_file(folder / "outcome.json", json.dumps(outcome).encode())
    except Timeout:
        _log.warning("other work goes on in the background already")
    return 0


class _Stop:
    """Whether the file is there that asks to end; it is looked for a few times a second."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen, self._at = path, False, 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self._seen and now - self._at > _LOOK_S:
            self._at, self._seen = now, self._path.exists()
        return self._seen


def _work(order: Order, control: Control) -> Left:
    try:
        if order.folders:
            _index(order, control)
        trained, problem = _train(order.train, control) if order.train else (None, "")
        return Left(order, trained, problem)
    except Cancelled:
        return Left(order)
    except SoundsiftError as error:
        _log.warning("the work in the background ended: %s", error)
        return Left(order, None, str(error))


def _index(order: Order, control: Control) -> None:
    """Index, as soon as the window has let go of the library."""
    folders, patient_until = [Path(path) for path in order.folders], time.monotonic() + _PATIENCE_S
    with open_library(place_of(order.library), order.model, make=False) as session:
        while True:
            try:
                session.index(folders, control, order.threads)
            except BusyError:
                if time.monotonic() > patient_until:
                    raise
                if control.cancel():
                    raise Cancelled from None
                time.sleep(_LOOK_S)
            else:
                return


def _train(arguments: list[str], control: Control) -> tuple[dict[str, Any] | None, str]:
    """Return what the trainer said last, and why it could not, if so."""
    said: list[dict[str, Any]] = []
    wrote: list[bytes] = []
    with subprocess.Popen(  # noqa: S603 - our own module, no shell
        command("trainer", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        creationflags=NO_CONSOLE,
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        readers = [
            threading.Thread(target=_keep_outcome, args=(child.stdout, said), daemon=True),
            threading.Thread(target=_keep_all, args=(child.stderr, wrote), daemon=True),
        ]
        for reader in readers:
            reader.start()
        while child.poll() is None:
            if control.cancel():
                child.terminate()
            time.sleep(_LOOK_S)
        for reader in readers:
            reader.join()
    if control.cancel():
        raise Cancelled
    lines = b"".join(wrote).decode("utf-8", "replace").splitlines()
    problems = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (said[-1] if said else None), (problems[-1] if problems else "")


def _keep_outcome(stream: IO[bytes], said: list[dict[str, Any]]) -> None:
    for line in stream:
        with suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and event.get("event") == "personal":
                said[:] = [event]


def _keep_all(stream: IO[bytes], wrote: list[bytes]) -> None:
    wrote.append(stream.read())


def _start_apart(arguments: list[str]) -> None:
    """Start a process that outlives this one, its terminal and its window."""
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        apart = {"creationflags": flags}
    nothing = subprocess.DEVNULL
    child = subprocess.Popen(  # noqa: S603 - our own module, no shell
        arguments, stdin=nothing, stdout=nothing, stderr=nothing, close_fds=True, **apart
    )
    child.returncode = 0  # nobody waits for it


def _read(folder: Path) -> Left | None:
    """Return what is known of the work, None where there was no order that makes sense."""
    try:
        order = Order(**json.loads((folder / "order.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    try:
        outcome = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
        return Left(order, outcome["trained"], str(outcome["problem"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Left(order)


def _folder(library: Place) -> Path:
    known = library if is_server(library) else os.path.abspath(library)  # noqa: PTH100
    name = blake2b(known.encode(), digest_size=10).hexdigest()
    return data_folder() / "background" / name


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
