"""The log: a file that is made when there is something to say, and kept small.

Several processes (a window, its indexer, a command) write into the same file: it is opened for
every record, and whoever finds it too large puts it aside.  What is called like a file of the
user stands between ‹ and ›, see :func:`named`, and diagnostics leave it out.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

from engine.paths import log_folder, why_no_file
from engine.plain_text import one_line, visible

ASIDE = 2  # earlier files that are kept
OMITTED = "‹…›"
_MOST_BYTES = 1 << 20
_MOST_READ = 1 << 16
_MOST_TOLD = 8000  # characters of what a child process wrote
_PACKAGES = ("engine", "app", "trainer")
_OURS = "soundsift"  # what the handlers are called that start_log adds
_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"


def log_file() -> Path:
    """Return where the log is, or will be."""
    return log_folder() / "soundsift.log"


def logger(name: str) -> logging.Logger:
    """Return the logger of a module; silent in programs that did not :func:`start_log`."""
    top = logging.getLogger(name.partition(".")[0])
    if not top.handlers:
        top.addHandler(logging.NullHandler())
    return logging.getLogger(name)


def named(text: object) -> str:
    """Return a name of a file, or a sentence that holds one, as it stands in the log."""
    return f"‹{one_line(text)}›"


def start_log(verbose: bool | None = None, behind: bool = False) -> None:
    """Write from now on what the packages log; again, it starts anew.

    :param verbose: show all of it, also what is only of use to find a mistake, on standard error;
        None: if it was shown until now.
    :param behind: write the file in a thread of its own, which :func:`stop_log` ends.
    """
    if verbose is None:
        verbose = any(isinstance(h, _StandardError) for h in logging.getLogger("app").handlers)
    stop_log()
    file: logging.Handler = LogFile()
    file.setLevel(logging.INFO)
    handlers = [_behind(file) if behind else file]
    if verbose:
        handlers.append(_StandardError())
    for handler in handlers:
        handler.set_name(_OURS)
    for package in _PACKAGES:
        top = logging.getLogger(package)
        top.setLevel(logging.DEBUG if verbose else logging.INFO)
        for handler in handlers:
            top.addHandler(handler)


def stop_log() -> None:
    """Write what waits, and no more."""
    gone: set[logging.Handler] = set()
    for package in _PACKAGES:
        top = logging.getLogger(package)
        for handler in [h for h in top.handlers if h.name == _OURS]:
            top.removeHandler(handler)
            gone.add(handler)
    for handler in gone:
        handler.close()


def log_defect(log: logging.Logger, error: BaseException) -> Path:
    """Log a mistake of ours with its traceback, or show that; return where the log is."""
    log.error("a defect was met", exc_info=error)
    writers = [h for h in logging.getLogger(_PACKAGES[0]).handlers if isinstance(h, LogFile)]
    if not writers or writers[0].failed:
        traceback.print_exception(error)
    return log_file()


def log_end(log: logging.Logger, what: str, code: int | None, wrote: bytes) -> None:
    """Log that a child process ended as it should not, with the end of what it wrote."""
    text = wrote.decode("utf-8", "replace").strip()[-_MOST_TOLD:]
    log.error("%s ended with code %s; it wrote:\n%s", what, code, text or "nothing")


def last_lines(count: int) -> list[str]:
    """Return the last lines of the log, none if there is no log."""
    try:
        if why_no_file(log_file()) is not None:
            return []
        with log_file().open("rb") as file:
            file.seek(max(0, log_file().stat().st_size - _MOST_READ))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return lines[-count:]


class _Lines(logging.Formatter):
    """One visible line a record, and what belongs to it indented: no text can forge a record."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        first, *rest = visible(super().format(record), kept="\n").splitlines()
        return "\n".join([first, *(f"    {line}" for line in rest)])


class LogFile(logging.Handler):
    """Appends to :func:`log_file`; one that cannot be written stops nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = False
        self.setFormatter(_Lines())

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            self._append(log_file(), self.format(record) + "\n")
            self.failed = False
        except OSError:
            self.failed = True
        except Exception:
            self.handleError(record)

    def _append(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and why_no_file(path) is not None:  # a pipe would wait for a reader
            raise OSError(f"{path} is no file")
        if path.exists() and path.stat().st_size > _MOST_BYTES:
            for age in range(ASIDE, 0, -1):
                younger = path if age == 1 else _aside(path, age - 1)
                if younger.exists():
                    younger.replace(_aside(path, age))
        with path.open("a", encoding="utf-8") as file:
            file.write(text)


class _StandardError(logging.Handler):
    """Writes to standard error, wherever that leads when something is said."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_Lines())

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        print(self.format(record), file=sys.stderr)


def _aside(path: Path, age: int) -> Path:
    return path.with_name(f"{path.name}.{age}")


def _behind(file: logging.Handler) -> logging.Handler:
    """Return a handler that hands records over to a thread, which writes them."""
    from logging.handlers import QueueHandler, QueueListener
    from queue import SimpleQueue

    waiting: SimpleQueue[logging.LogRecord] = SimpleQueue()
    writer = QueueListener(waiting, file, respect_handler_level=True)

    class Behind(QueueHandler):
        def close(self) -> None:
            writer.stop()
            super().close()

    handler = Behind(waiting)
    handler.setLevel(file.level)
    writer.start()
    return handler
