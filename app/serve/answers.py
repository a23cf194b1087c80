"""Answers as JSON: exactly what is said, without a character that is not seen."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from app.serve.desk import NotAllowedError, UnknownSoundError
from engine.errors import (
    AudioError,
    AwayError,
    BusyError,
    InputError,
    ModelError,
    RefusedError,
    SoundsiftError,
    TransientError,
)
from engine.log import log_defect, logger
from engine.plain_text import one_line, visible

MOST_BYTES = 4 << 20
_log = logger(__name__)
_STATUS: tuple[tuple[type[SoundsiftError], int], ...] = (
    (UnknownSoundError, 404),
    (NotAllowedError, 403),
    (InputError, 400),
    (AudioError, 422),
    (RefusedError, 403),
    (BusyError, 503),
    (AwayError, 503),
    (TransientError, 503),
    (ModelError, 500),
)


class TooLargeError(InputError):
    """An answer would be larger than anybody asked for."""


def as_json(document: Any) -> str:
    """Return JSON in which what is not seen, as names of files may hold, is escaped.

    :raises TooLargeError: it would be larger than 4 MiB.
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    if not text.isprintable():
        text = "".join(c if visible(c) == c else json.dumps(c)[1:-1] for c in text)
    if len(text) > MOST_BYTES or len(text.encode()) > MOST_BYTES:
        raise TooLargeError("the answer would be too large: ask for fewer sounds")
    return text


def rounded(document: Any) -> Any:
    """Return the same with numbers of four decimals: agents pay for every digit."""
    if isinstance(document, float):
        return round(document, 4)
    if isinstance(document, dict):
        return {name: rounded(value) for name, value in document.items()}
    return [rounded(one) for one in document] if isinstance(document, list) else document


def problem(error: Exception) -> tuple[int, str]:
    """Return the status and the sentence of what went wrong.

    What nobody foresaw is logged, and not told to other programs.
    """
    if isinstance(error, ValidationError):
        return 400, _sentence(error)
    if isinstance(error, SoundsiftError):
        code = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
        return code, one_line(error)
    log_defect(_log, error)
    return 500, "Soundsift failed unexpectedly: its log says more"


def _sentence(error: ValidationError) -> str:
    """Return what is wrong with the first field that is, without what was given."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    names = [str(part) for part in first["loc"] if not str(part).startswith(("function", "constr"))]
    field = ".".join(names) or "the question"
    return one_line(f"{field} cannot be used: {first['msg']}")
