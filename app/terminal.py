"""What the commands write to a terminal: nothing that a file is called or says can steer it.

Texts of files go through :func:`engine.plain_text.one_line` where a line is put together;
:func:`guarded` is the net below, through which everything passes that this process writes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

from engine.plain_text import one_line, visible


def tell(problem: object) -> None:
    """Say one sentence on standard error."""
    print(one_line(problem), file=sys.stderr)


def as_json(document: Any, indent: int | None = 1) -> str:
    """Return JSON that says exactly what it is given, and holds no character that is not seen."""
    text = json.dumps(document, ensure_ascii=not _is_unicode(sys.stdout), indent=indent)
    return "\n".join(map(_escaped, text.split("\n")))


@contextmanager
def guarded() -> Iterator[None]:
    """Let nothing but visible text, line ends and tabs out, whoever writes it."""
    out, errors = _Guarded(sys.stdout, "\n\t"), _Guarded(sys.stderr, "\n\t\r")  # \r: of the bar
    with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, errors)):
        yield


class _Guarded:
    """A text stream behind which only visible text comes out."""

    def __init__(self, stream: TextIO, kept: str) -> None:
        self._stream, self._kept = stream, kept

    def write(self, text: str) -> int:
        said = visible(text, self._kept)
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(said.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _escaped(line: str) -> str:
    """Return a line of JSON with what is not seen, which only its strings can hold, escaped."""
    if line.isprintable():
        return line
    return "".join(c if visible(c) == c else json.dumps(c)[1:-1] for c in line)


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "").startswith("utf")
