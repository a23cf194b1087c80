"""Copy bytes from one open file to another."""

from __future__ import annotations

from typing import BinaryIO

_BLOCK = 1 << 20


def copy_bytes(source: BinaryIO, target: BinaryIO, count: int) -> None:
    """Copy ``count`` bytes from where ``source`` stands.

    :raises OSError: there are not as many.
    """
    while count > 0:
        block = source.read(min(_BLOCK, count))
        if not block:
            raise OSError("the file became shorter while it was copied")
        target.write(block)
        count -= len(block)
