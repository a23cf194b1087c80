"""What WAV files say of themselves: bext, iXML and LIST INFO, changed in our fields alone.

Sources: EBU Tech 3285 (bext), the iXML specification (USER), Sony's ASWG-G006 (ASWG), and the
Multimedia Programming Interface of 1991 (INFO).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from lxml import etree

from engine.errors import InputError

_BEXT_BYTES, _BEXT_DESCRIPTION = 602, 256
_BEXT_VERSION = struct.pack("<H", 1)
_VERSION_PLACE = 346
_IXML_ROOT = "BWFXML"


def changed_bext(old: bytes | None, description: str) -> bytes:
    """Return a bext chunk with this description; all else of ``old`` stays."""
    data = bytearray(old if old is not None else bytes(_BEXT_BYTES))
    if old is None:
        data[_VERSION_PLACE : _VERSION_PLACE + 2] = _BEXT_VERSION
    data.extend(bytes(max(0, _BEXT_BYTES - len(data))))
    data[:_BEXT_DESCRIPTION] = cut_utf8(description, _BEXT_DESCRIPTION).ljust(
        _BEXT_DESCRIPTION, b"\0"
    )
    return bytes(data)


def changed_ixml(
    old: bytes | None, user: Mapping[str, str], aswg: Mapping[str, str], name: str
) -> bytes:
    """Return an iXML chunk with these fields of USER and ASWG; all else of ``old`` stays.

    :raises InputError: ``old`` is no XML; ``name`` is the file's.
    """
    if old is None or not old.strip(b"\0 \r\n\t"):
        root = etree.Element(_IXML_ROOT)
        etree.SubElement(root, "IXML_VERSION").text = "3.01"
    else:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
        try:
            root = etree.fromstring(old.rstrip(b"\0"), parser)
        except etree.XMLSyntaxError as error:
            raise InputError(
                f"the iXML of {name} is damaged, and stays as it is: {error}"
            ) from None
    for group, fields in (("USER", user), ("ASWG", aswg)):
        if not fields:
            continue
        place = root.find(group)
        if place is None:
            place = etree.SubElement(root, group)
        for field, text in fields.items():
            element = place.find(field)
            if element is None:
                element = etree.SubElement(place, field)
            element.text = clean(text)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def changed_info(old: bytes | None, fields: Mapping[bytes, str]) -> bytes:
    """Return a LIST chunk of type INFO with these fields; all else of ``old`` stays, in order."""
    parts: list[bytes] = []
    left = dict(fields)
    body = old[4:] if old is not None else b""
    place = 0
    while place + 8 <= len(body):
        key, size = struct.unpack_from("<4sI", body, place)
        end = min(len(body), place + 8 + size + size % 2)
        parts.append(_info(key, left.pop(key)) if key in left else body[place:end])
        place = end
    parts.append(body[place:])
    parts += [_info(key, text) for key, text in left.items()]
    return b"INFO" + b"".join(parts)


def cut_utf8(text: str, count: int) -> bytes:
    """Return at most ``count`` bytes of a text, no character cut in two."""
    data = clean(text).encode()
    if len(data) <= count:
        return data
    return data[:count].decode("utf-8", "ignore").encode()


def clean(text: str) -> str:
    """Return a text without characters that no metadata can hold."""
    return "".join(c for c in text if c in "\t\n" or (ord(c) >= 32 and not _is_odd(ord(c))))


def _is_odd(code: int) -> bool:
    return 0x7F <= code < 0xA0 or 0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE


def _info(key: bytes, text: str) -> bytes:
    data = clean(text).encode() + b"\0"
    return struct.pack("<4sI", key, len(data)) + data + b"\0" * (len(data) % 2)
