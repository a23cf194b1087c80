"""What the commands write to a terminal: nothing that a file is called or says can steer it.

Texts of files go through :func:`engine.plain_text.one_line` where a line is put together;
:func:`guarded` is the net below, through which everything passes that this process writes.
"""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

from engine.plain_text import one_line, visible

_HIGHEST_STREAM = 2


def tell(problem: object) -> None:
    """Say one sentence on standard error."""
    print(one_line(problem), file=sys.stderr)


def as_json(document: Any, indent: int | None = 1) -> str:
    """Return JSON that says exactly what it is given, and holds no character that is not seen."""
    text = json.dumps(document, ensure_ascii=not _is_unicode(sys.stdout), indent=indent)
    return "\n".join(map(_escaped, text.split("\n")))


@contextmanager
def guarded() -> Iterator[None]:
    """Let nothing but visible text, line ends and tabs out, whoever writes it.

    What cannot be written is an OSError that names standard output; where standard error is
    closed, nobody wants to hear.
    """
    _keep_low_numbers()
    out = _Guarded(_open(sys.stdout, "standard output"), "\n\t", "standard output")
    errors = _Guarded(_open(sys.stderr, None), "\n\t\r", "standard error")  # \r: of the bar
    with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, errors)):
        yield


class _Guarded:
    """A text stream behind which only visible text comes out."""

    def __init__(self, stream: TextIO, kept: str, name: str) -> None:
        self._stream, self._kept, self._name = stream, kept, name

    def write(self, text: str) -> int:
        said = visible(text, self._kept)
        encoding = self._stream.encoding or "utf-8"
        with self._named():
            self._stream.write(said.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        with self._named():
            self._stream.flush()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            error.filename = error.filename or self._name
            raise

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Closed(io.TextIOBase):
    """What stands where a stream is closed: it refuses what is written, or, unnamed, drops it."""

    encoding = "utf-8"

    def __init__(self, name: str | None) -> None:
        self._name = name

    def write(self, text: str) -> int:
        if self._name is not None:
            raise OSError(errno.EBADF, "it is closed", self._name)
        return len(text)


def _open(stream: TextIO | None, name: str | None) -> TextIO:
    return cast(TextIO, _Closed(name)) if stream is None else stream


def _keep_low_numbers() -> None:
    """Let no file get the number of a closed stream: libraries in C write their notes there."""
    number = os.open(os.devnull, os.O_RDWR)
    while number <= _HIGHEST_STREAM:
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)


def _escaped(line: str) -> str:
    """Return a line of JSON with what is not seen, which only its strings can hold, escaped."""
    if line.isprintable():
        return line
    return "".join(c if visible(c) == c else json.dumps(c)[1:-1] for c in line)


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "").startswith("utf")
