"""The list of items in MP4 files (``moov.udta.meta.ilst``): foreign ones stay byte for byte.

Sources: ISO/IEC 14496-12 (boxes), Apple's QuickTime File Format (metadata, chunk offsets).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import AudioError, InputError
from engine.metadata.copying import copy_bytes
from engine.metadata.texts import LONGEST_BYTES, Text, clean, joined, read_text, without

_ITUNES = "com.apple.iTunes"
_UTF8 = struct.pack(">II", 1, 0)  # type of a data atom, and its locale
_LARGEST_MOOV = 256 << 20
_META_HEAD = 4  # version and flags
_HANDLER = struct.pack(">IIII", 0, 0, 0x6D646972, 0x6170706C) + bytes(9)  # "mdir", "appl"
_FRAGMENTS = (b"moof", b"mfra", b"sidx")
_TABLES = {b"stco": ">I", b"co64": ">Q"}
_TO_TABLES = (b"trak", b"mdia", b"minf", b"stbl")
_NUMBERS = frozenset({0, 21, 22})  # types of data atoms
_TEXTS = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 15, 18, 21, 22})
_PICTURES = frozenset({13, 14, 27})  # JPEG, PNG, BMP
_LONGEST_NUMBER = 8
_PARTS = frozenset({b"mean", b"name", b"data", b"free"})  # of an item


@dataclass(frozen=True)
class Atom:
    """An atom: its name, where it begins and ends in its surroundings, and how long its head is."""

    name: bytes
    start: int
    end: int
    head: int

    def body(self, data: bytes) -> bytes:
        """Return what is in it."""
        return data[self.start + self.head : self.end]


def atoms_of(data: bytes) -> list[Atom]:
    """Return the atoms that some bytes are made of.

    :raises ValueError: they do not fit.
    """
    found, place = [], 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, place + 8)[0], 16
        if size == 0 and name == b"\0\0\0\0":
            break  # an end mark of QuickTime
        if size < head or place + size > len(data):
            raise ValueError(f"its atom {name.decode('latin-1')} does not fit into it")
        found.append(Atom(name, place, place + size, head))
        place += size
    return found


def end_of(atoms: Sequence[Atom]) -> int:
    """Return where the last atom ends: an end mark or a rest may be behind it."""
    return atoms[-1].end if atoms else 0


def make(name: bytes, body: bytes) -> bytes:
    """Return an atom."""
    return struct.pack(">I4s", len(body) + 8, name) + body


class Items:
    """The items of a list, by key: ``©cmt``, or ``----:com.apple.iTunes:CATID``."""

    slots = (
        ("DESCRIPTION", "©cmt"),
        *(
            (name, f"----:{_ITUNES}:{name}")
            for name in ("CATID", "CATEGORY", "SUBCATEGORY", "FXNAME", "KEYWORDS")
        ),
        ("GENRE", "©gen"),
        ("RATING_100", f"----:{_ITUNES}:RATING"),
        ("NOTES", f"----:{_ITUNES}:NOTES"),
    )

    def __init__(self, ilst: bytes) -> None:
        atoms = atoms_of(ilst)
        self._items = [ilst[a.start : a.end] for a in atoms]
        self._rest = ilst[end_of(atoms) :]  # an end mark and what is behind it

    def texts(self) -> Iterator[tuple[str, Text]]:
        """Yield the texts of all items by key."""
        for item in self._items:
            text = _text(item)
            if text is not None:
                yield _key(item), text

    def get(self, key: str) -> Text | None:
        """Return the first text of a key, or None; a genre by number counts as one."""
        keys = (key, "gnre") if key == "©gen" else (key,)
        return next((text for name, text in self.texts() if name in keys), None)

    def put(self, key: str, text: str) -> None:
        """Give an item another text."""
        data = make(b"data", _UTF8 + clean(text).encode())
        if key.startswith("----:"):
            _, mean, name = key.split(":", 2)
            parts = [make(b"mean", bytes(4) + mean.encode())]
            parts.append(make(b"name", bytes(4) + name.encode()))
            self._place(key, make(b"----", b"".join([*parts, data])))
        else:
            self._place(key, make(key.encode("latin-1"), data))

    def add(self, key: str, words: Sequence[str]) -> bool:
        """Put words behind those of an item, in its encoding; return whether it can hold them."""
        held = self.get(key)
        if held is None:
            self.put(key, joined("", words))
            return True
        assert held.text is not None and held.encoding is not None
        try:
            more = joined(held.text, words).encode(held.encoding)
        except UnicodeEncodeError:
            return False
        place = self._index(key)
        assert place is not None
        item = self._items[place]
        (atom,) = atoms_of(item)
        body = atom.body(item)
        data = [a for a in atoms_of(body) if a.name == b"data"][-1]
        longer = make(b"data", data.body(body) + more)
        self._items[place] = make(atom.name, body[: data.start] + longer + body[data.end :])
        return True

    def drop(self, key: str, words: Sequence[str]) -> None:
        """Take words out of an item."""
        held = self.get(key)
        assert held is not None and held.text is not None
        self.put(key, without(held.text, words))

    def _index(self, key: str) -> int | None:
        own = [n for n, item in enumerate(self._items) if _key(item) == key]
        telling = [n for n in own if _text(self._items[n]) is not None]
        return next(iter(telling or own), None)

    def _place(self, key: str, item: bytes) -> None:
        place = self._index(key)
        if place is None:
            self._items.append(item)
        else:
            self._items[place] = item

    def data(self) -> bytes:
        """Return the list."""
        return b"".join(self._items) + self._rest


def _key(item: bytes) -> str:
    (atom,) = atoms_of(item)
    if atom.name != b"----":
        return atom.name.decode("latin-1")
    try:
        parts = {a.name: a.body(atom.body(item))[4:] for a in atoms_of(atom.body(item))}
    except ValueError:
        return "----"
    mean, name = (parts.get(n, b"").decode("utf-8", "replace") for n in (b"mean", b"name"))
    return f"----:{mean}:{name}"


def _text(item: bytes) -> Text | None:
    """Return an item's text; None if nothing is in it, unreadable what is no text.

    Pictures that are no field of ours are none of anybody's texts, and None, too.
    """
    (atom,) = atoms_of(item)
    body = atom.body(item)
    try:
        parts = atoms_of(body)
    except ValueError:
        return Text(item, None)
    values = [a.body(body) for a in parts if a.name == b"data"]
    kinds = {int.from_bytes(value[:4], "big") for value in values}
    is_own = _key(item) in _OWN
    if is_own and (any(body[end_of(parts) :]) or any(a.name not in _PARTS for a in parts)):
        return Text(item, None)
    if is_own and not kinds <= _TEXTS:
        return Text(item, None)
    if kinds <= _PICTURES:  # or there is nothing
        return None
    raw = b"; ".join(value[8:] for value in values)
    if len(raw) > LONGEST_BYTES or any(len(value) < 8 for value in values):
        return Text(item, None)
    if kinds & _NUMBERS and atom.name != b"----":
        if any(len(value) > 8 + _LONGEST_NUMBER for value in values):
            return Text(item, None)
        return Text(raw, "; ".join(str(int.from_bytes(v[8:], "big")) for v in values), "ascii")
    return read_text(raw, "utf-16-be" if kinds == {2} else "utf-8")


_OWN = frozenset(key for _, key in Items.slots)


class Mp4File:
    """Where an MP4 file keeps its items.

    :raises AudioError: it is no MP4 file, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._top, self._moov = _top_atoms(path)
            self._ilst = self._read_items()
        except (ValueError, struct.error) as error:
            raise AudioError(f"{path.name} has damaged metadata: {error}") from None

    def items(self) -> bytes | None:
        """Return the list of items, None where there is none."""
        return self._ilst

    def _read_items(self) -> bytes | None:
        body, path = self._moov_body(), (b"udta", b"meta", b"ilst")
        for name in path:
            atom = next((a for a in atoms_of(body) if a.name == name), None)
            if atom is None:
                return None
            body = atom.body(body)
            if name == b"meta" and not _is_plain_meta(body):
                body = body[_META_HEAD:]
        return body

    def _moov_body(self) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._moov.start + self._moov.head)
            return file.read(self._moov.end - self._moov.start - self._moov.head)

    def rewrite(self, out: BinaryIO, items: bytes) -> None:
        """Copy the file with other items; free atoms give way, and offsets into the audio follow.

        :raises InputError: its audio could not follow.
        """
        size = self._path.stat().st_size
        moov = make(b"moov", _with_items(self._moov_body(), items))
        grown = len(moov) - (self._moov.end - self._moov.start)
        place = self._top.index(self._moov)
        behind = self._top[place + 1 :]
        free = behind[0] if behind and behind[0].name in (b"free", b"skip") else None
        filled = b""
        if grown and free is not None:
            room = free.end - free.start - grown
            if room == 0 or 8 <= room < 1 << 32:
                filled, grown = (make(b"free", bytes(room - 8)) if room else b""), 0
        if grown and any(atom.name not in (b"free", b"skip", b"wide", b"uuid") for atom in behind):
            if any(atom.name in _FRAGMENTS for atom in self._top):
                raise InputError(
                    f"{self._path.name} is fragmented, and writing tags would break it"
                )
            try:
                moov = make(b"moov", _shifted(moov[8:], self._moov.end, grown))
            except (ValueError, struct.error):
                raise InputError(
                    f"{self._path.name} has no room for tags: it is unchanged"
                ) from None
        with self._path.open("rb") as file:
            copy_bytes(file, out, self._moov.start)
            out.write(moov)
            end = self._moov.end
            if free is not None and grown == 0 and len(moov) != end - self._moov.start:
                out.write(filled)
                end = free.end
            file.seek(end)
            copy_bytes(file, out, size - end)


def _top_atoms(path: Path) -> tuple[list[Atom], Atom]:
    """Return the atoms of a file, and the one of them that describes it."""
    size = path.stat().st_size
    found, place = [], 0
    with path.open("rb") as file:
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            length, name = struct.unpack(">I4s", head[:8])
            width = 8
            if length == 1 and len(head) == 16:
                length, width = struct.unpack(">Q", head[8:])[0], 16
            if length == 0:
                length = size - place
            if length < width or place + length > size:
                raise ValueError(f"its atom {name.decode('latin-1')} does not fit into it")
            found.append(Atom(name, place, place + length, width))
            place += length
    moov = next((atom for atom in found if atom.name == b"moov"), None)
    if moov is None or moov.end - moov.start > _LARGEST_MOOV:
        raise ValueError("it has no readable description")
    return found, moov


def _is_plain_meta(body: bytes) -> bool:
    """Return whether a meta atom begins with its children at once, as QuickTime's does."""
    return body[4:8] == b"hdlr"


def _with_items(moov: bytes, items: bytes) -> bytes:
    """Return a moov atom's body with other items, padding beside them taken into account."""
    outer = atoms_of(moov)
    udta = next((a for a in outer if a.name == b"udta"), None)
    inner = udta.body(moov) if udta is not None else b""
    children = atoms_of(inner)
    meta = next((a for a in children if a.name == b"meta"), None)
    if meta is None:
        fresh = bytes(_META_HEAD) + make(b"hdlr", _HANDLER) + make(b"ilst", items)
        place = end_of(children)  # before QuickTime's end mark
        inner = inner[:place] + make(b"meta", fresh) + inner[place:]
    else:
        body = meta.body(inner)
        head = b"" if _is_plain_meta(body) else body[:_META_HEAD]
        made = make(b"meta", head + _with_list(body[len(head) :], items))
        inner = inner[: meta.start] + made + inner[meta.end :]
    if udta is None:
        place = end_of(outer)
        return moov[:place] + make(b"udta", inner) + moov[place:]
    return moov[: udta.start] + make(b"udta", inner) + moov[udta.end :]


def _with_list(body: bytes, items: bytes) -> bytes:
    """Return a meta atom's children with another list; a free atom beside it gives way."""
    children = atoms_of(body)
    ilst = next((a for a in children if a.name == b"ilst"), None)
    made = make(b"ilst", items)
    if ilst is None:
        place = end_of(children)
        return body[:place] + made + body[place:]
    after = children[children.index(ilst) + 1 :]
    free = after[0] if after and after[0].name == b"free" else None
    if free is not None:
        room = (free.end - ilst.start) - len(made)
        if room == 0 or room >= 8:
            filled = make(b"free", bytes(room - 8)) if room else b""
            return body[: ilst.start] + made + filled + body[free.end :]
    return body[: ilst.start] + made + body[ilst.end :]


def _shifted(moov: bytes, behind: int, by: int) -> bytes:
    """Return a moov atom's body whose offsets behind a place are larger.

    :raises ValueError: an offset would no longer fit.
    """
    out = bytearray(moov)
    spans = [(a.start + a.head, a.end) for a in atoms_of(moov) if a.name == _TO_TABLES[0]]
    for name in _TO_TABLES[1:]:
        spans = [
            (start + a.start + a.head, start + a.end)
            for start, end in spans
            for a in atoms_of(moov[start:end])
            if a.name == name
        ]
    for start, end in spans:
        for atom in atoms_of(moov[start:end]):
            if atom.name not in _TABLES:
                continue
            kind = _TABLES[atom.name]
            place = start + atom.start + atom.head + 4
            count = struct.unpack_from(">I", moov, place)[0]
            width = struct.calcsize(kind)
            for entry in range(count):
                at = place + 4 + entry * width
                if at + width > start + atom.end:
                    raise ValueError("its table of offsets is cut off")
                offset = struct.unpack_from(kind, moov, at)[0]
                if offset >= behind:
                    struct.pack_into(kind, out, at, offset + by)
    return bytes(out)
