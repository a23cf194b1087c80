"""Files that cannot lie: their checksum goes with them.

``crc32`` finds every error of up to 32 bits in a row and all but one in 4·10⁹ of the others, at
several GB/s; nobody is kept out by it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FIELD = "checksum"
_HEAD_BYTES = 4


def seal(document: Mapping[str, Any]) -> str:
    """Return a document as JSON, with its checksum in it."""
    return json.dumps({**document, _FIELD: _checksum(document)})


def unseal(text: bytes) -> dict[str, Any]:
    """Return the document of :func:`seal`.

    :raises ValueError: it is not what was sealed.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or document.pop(_FIELD, None) != _checksum(document):
        raise ValueError("the checksum is of something else")
    return document


def seal_bytes(content: bytes, of: str) -> bytes:
    """Return bytes with a checksum before them; ``of`` says what they are of."""
    return zlib.crc32(content, zlib.crc32(of.encode())).to_bytes(_HEAD_BYTES) + content


def unseal_bytes(data: bytes, of: str) -> bytes:
    """Return the content of :func:`seal_bytes`.

    :raises ValueError: it is not what was sealed, or was of something else.
    """
    content = data[_HEAD_BYTES:]
    if seal_bytes(content, of) != data:
        raise ValueError("the checksum is of something else")
    return content


def file_checksum(path: Path) -> int:
    """Return the checksum of a file's bytes.

    :raises OSError: it cannot be read.
    """
    found = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            found = zlib.crc32(block, found)
    return found


def _checksum(document: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(document, sort_keys=True).encode())
