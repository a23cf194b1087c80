"""Which numbers an option may have, and which names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import InputError

Number = int | float


@dataclass(frozen=True)
class Bounds:
    """An interval from ``least`` (or above ``above``) to ``most``; all ends may be open."""

    least: Number = -math.inf
    above: Number = -math.inf
    most: Number = math.inf

    def holds(self, value: Number) -> bool:
        """Return whether a finite ``value`` lies in it."""
        inside = self.least <= value <= self.most and value > self.above
        return inside and (isinstance(value, int) or math.isfinite(value))

    def __str__(self) -> str:
        """Return what to give, for a sentence."""
        parts = []
        if self.above > -math.inf:
            parts.append(f"above {self.above}")
        if self.least > -math.inf:
            parts.append(f"of at least {self.least}")
        if self.most < math.inf:
            parts.append(f"of at most {self.most}")
        return "a number " + " and ".join(parts)


POSITIVE = Bounds(above=0)
COUNT = Bounds(least=1)
NOT_NEGATIVE = Bounds(least=0)
SHARE = Bounds(least=0, most=1)
MASS = Bounds(above=0, most=1)
PAIRS = Bounds(least=2)
RATE = Bounds(least=0, most=1e9)  # Adam divides it, and float32 ends at 3e38
SEED = Bounds(least=0, most=1 << 62)
THREADS = Bounds(least=0, most=1024)
WIDTH = Bounds(least=1, most=1 << 16)


def check_numbers(values: Mapping[str, Number | None], bounds: Mapping[str, Bounds]) -> None:
    """Check options by name; those that are None were not given.

    :raises InputError: one lies outside its bounds, or is no number.
    """
    for name, allowed in bounds.items():
        value = values.get(name)
        if value is not None and not allowed.holds(value):
            option = name.replace("_", "-")
            raise InputError(f"--{option} {value} is not possible: give {allowed}")


def check_folders(values: Mapping[str, Any], names: Iterable[str]) -> None:
    """Check the folders that a command leaves weights in, or takes them from.

    :raises InputError: one is no Unicode, and no safetensors file can be opened in it.
    """
    for name in names:
        value = values.get(name)
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, Path) and not _is_unicode(str(path)):
                raise InputError(
                    f"{path} is not valid Unicode, so weights in it could not be read back: "
                    "choose another folder"
                )


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
