"""What of a data set is left out: one line for people, and a file that names each sound."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.plain_text import one_line


class LeftOut:
    """Collects sounds that are left out; call it with a path and a reason.

    Used as a context, it tells at the end of what came inside.

    :param listing: a file that gets a line for each of several; without it only one is named.
    """

    def __init__(self, listing: Path | None = None) -> None:
        self.listing, self._mode = listing, "w"
        self._found: list[tuple[Path, str]] = []

    def __enter__(self) -> LeftOut:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Tell, whatever happened."""
        self.tell()

    def __call__(self, path: Path, reason: str) -> None:
        """Take notice of one."""
        self._found.append((path, reason))

    def tell(self) -> None:
        """Print one line on what came since the last time, if anything did."""
        if not self._found:
            return
        (path, reason), count = self._found[0], len(self._found)
        if count == 1:
            text = f"skipped {path}: {reason}"
        else:
            text = f"skipped {count:,} sounds, the first of them {path}: {reason}"
            if self.listing is not None and self._write(self.listing):
                text += f"; all are listed in {self.listing}"
        print(one_line(text), file=sys.stderr)
        self._found.clear()

    def _write(self, listing: Path) -> bool:
        """Add the sounds to the file; a listing that cannot be written stops nothing."""
        try:
            listing.parent.mkdir(parents=True, exist_ok=True)
            with listing.open(self._mode, encoding="utf-8", errors="replace") as file:
                file.writelines(f"{one_line(f'{path}: {why}')}\n" for path, why in self._found)
        except OSError:
            return False
        self._mode = "a"
        return True
