"""Records of what was done, read as strictly as if somebody else had written them.

A record may have been damaged, or be another thing altogether: what is not of the type and the
range that its writer keeps to is damage, before anything relies on it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.paths import is_unicode, why_no_file

Check = Callable[[object], bool]
_LONGEST_NAME_BYTES = 255
_HIGHEST = 2**63  # what a file system and a database count to


def read_record(path: Path, fields: Mapping[str, Check]) -> dict[str, Any]:
    """Return a record that has these fields and no others, each of which passes its check.

    :raises ValueError: it is damaged.
    :raises OSError: it cannot be read.
    """
    if why_no_file(path, follow=False) is not None:
        raise ValueError("it is no file")
    try:
        document = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError("it is too deep") from None
    if not has_fields(fields)(document):
        raise ValueError("it is no such record")
    return dict(document)


def has_fields(fields: Mapping[str, Check]) -> Check:
    """Return a check for an object of these fields, each with a check of its own."""
    return lambda value: (
        isinstance(value, dict)
        and set(value) == set(fields)
        and all(check(value[name]) for name, check in fields.items())
    )


def list_of(check: Check) -> Check:
    """Return a check for a list of values that pass a check."""
    return lambda value: isinstance(value, list) and all(map(check, value))


def whole(least: int = 0, most: int = _HIGHEST - 1) -> Check:
    """Return a check for a whole number within bounds, both included."""
    return lambda value: type(value) is int and least <= value <= most


def a_time(value: object) -> bool:
    """Return whether a value is a time of a file, in nanoseconds; some are before 1970."""
    return whole(-_HIGHEST)(value)


def one_of(*values: object) -> Check:
    """Return a check for one of some texts or numbers."""
    return lambda value: any(type(value) is type(known) and value == known for known in values)


def or_none(check: Check) -> Check:
    """Return a check that passes None, too."""
    return lambda value: value is None or check(value)


def is_number(value: object) -> bool:
    """Return whether a value is a finite number."""
    return whole(-_HIGHEST)(value) or (type(value) is float and math.isfinite(value))


def is_text(value: object) -> bool:
    """Return whether a value is text that has bytes: half a surrogate pair has none."""
    return isinstance(value, str) and is_unicode(value)


def is_digest(value: object) -> bool:
    """Return whether a value is the digest of a file."""
    return isinstance(value, str) and len(value) == 40 and set(value) <= set("0123456789abcdef")


def is_path(value: object) -> bool:
    """Return whether a value is a path that a file can have."""
    if not isinstance(value, str) or "\0" in value or not _has_bytes(value):
        return False
    name = Path(value).name
    return name not in ("", "..") and len(os.fsencode(name)) <= _LONGEST_NAME_BYTES


def _has_bytes(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True
