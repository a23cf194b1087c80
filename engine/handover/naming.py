"""What handed-over files are called: a pattern, made a name that every system can hold."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping

from engine.errors import InputError
from engine.handover.order import Order

FIELDS = (
    *("name", "start", "end", "region", "how", "catid", "category", "subcategory", "fxname"),
    *("description", "project", "library", "date", "number", "rate", "bits", "channels"),
)
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)", re.IGNORECASE)  # of Windows
_MOST_FIELD_BYTES = 150
_MOST_NAME_BYTES = 220  # systems allow 255 for all of a name; ` (2)` and an ending follow


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that makes no sense.

    :raises InputError: it has unknown fields, or none, or braces that do not match.
    """
    try:
        parts = [part for part in string.Formatter().parse(pattern) if part[1] is not None]
    except ValueError as error:
        raise InputError(f"the pattern {pattern} is not understood: {error}") from None
    names = {str(name) for _, name, _, _ in parts}
    odd = any(spec or conversion for _, _, spec, conversion in parts)
    if not names or names - set(FIELDS) or odd or "\\" in pattern or pattern.startswith("/"):
        wrong = ", ".join(sorted(names - set(FIELDS)))
        why = f"does not know {wrong}" if wrong else "names nothing that differs between sounds"
        if odd or (not wrong and names):
            why = "can only hold names of fields, text, and / between folders"
        raise InputError(
            f"the pattern {pattern} {why}: use {', '.join(f'{{{name}}}' for name in FIELDS)}"
        )


def fields_in(pattern: str) -> frozenset[str]:
    """Return the fields that a pattern names.

    :raises InputError: it makes no sense.
    """
    check_pattern(pattern)
    return frozenset(name for _, name, _, _ in string.Formatter().parse(pattern) if name)


def name_of(order: Order, more: Mapping[str, str]) -> str:
    """Return the path below the folder that a file gets, without an ending.

    Parts in brackets are left out where a field in them is empty; ``/`` stands between folders.

    :param more: fields that are known when it is rendered, such as ``rate``.
    :raises InputError: the pattern makes no sense.
    """
    check_pattern(order.pattern)
    said = {**_own_fields(order), **order.fields, **more}
    fields = {name: _part(said.get(name, "")) for name in FIELDS}

    def optional(match: re.Match[str]) -> str:
        named = [name for _, name, _, _ in string.Formatter().parse(match[1]) if name]
        return match[1] if all(fields[name] for name in named) else ""

    wanted = _OPTIONAL.sub(optional, order.pattern)
    return "/".join(safe_name(part.format(**fields)) for part in wanted.split("/"))


def safe_name(text: str) -> str:
    """Return a text as a file name without ending that any system takes, never hidden or empty."""
    stem = _cut(_clean(text), _MOST_NAME_BYTES).strip().rstrip(". ")
    if not stem or stem.startswith(".") or _DEVICES.match(stem):  # hidden, or no file at all
        stem = f"_{stem}"
    return stem


def moment(seconds: float) -> str:
    """Return a place in a file as names hold it: ``0m12.30``."""
    minutes, hundredths = divmod(round(seconds * 100), 6000)
    return f"{minutes}m{hundredths // 100:02d}.{hundredths % 100:02d}"


def _own_fields(order: Order) -> dict[str, str]:
    fields = {"name": order.path.stem, "how": order.rendering.treatment}
    if order.span_s is not None:
        fields |= {"start": moment(order.span_s[0]), "end": moment(order.span_s[1])}
    return fields


def _part(text: str) -> str:
    return _cut(_clean(text), _MOST_FIELD_BYTES).strip()


def _clean(text: str) -> str:
    allowed = _FORBIDDEN.sub("-", text)
    return "".join(c if c.isprintable() or c == "\u3000" else "-" for c in allowed)


def _cut(text: str, most: int) -> str:
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
