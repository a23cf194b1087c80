"""The iXML chunk of WAV files: our fields are spliced in, every other byte stays as it is.

Sources: the iXML specification (USER), Sony's ASWG-G006 (ASWG).

The text is parsed by expat, which says where every element stands; what we change is cut in there,
so that comments, document types, encodings and odd spellings survive.  Documents that declare
entities are not touched at all.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from engine.errors import InputError
from engine.metadata.texts import LONGEST_BYTES, Text, clean, joined, read_text, shown, without

_NEW = '<?xml version="1.0" encoding="UTF-8"?>\n<BWFXML><IXML_VERSION>3.01</IXML_VERSION></BWFXML>'
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ENCODINGS = frozenset(  # by Python's names; others are slow beyond measure, or none of text
    {"ascii", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"}
    | {"mac-roman", "shift_jis", "cp932", "gb2312", "gbk", "gb18030", "big5", "euc_jp", "euc_kr"}
    | {"cp437", "cp850", "koi8-r", "koi8-u", *(f"cp{page}" for page in range(1250, 1259))}
    | {f"iso8859-{part}" for part in range(1, 17) if part != 12}
)
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_TELLING_GROUPS = frozenset({"USER", "ASWG", "STEINBERG"})
_TELLING = frozenset({"NOTE", "PROJECT", "SCENE", "USER", "FILE_SET_INDEX"})
_DEEPEST = 64
_MOST_ELEMENTS = 50_000  # a real one has some hundred
_SLOTS = (
    *(f"USER/{name}" for name in ("DESCRIPTION", "CATID", "CATEGORY", "SUBCATEGORY", "FXNAME")),
    "USER/KEYWORDS",
    "USER/RATING",
    "USER/NOTES",
    *(f"ASWG/{name}" for name in ("catId", "category", "subCategory", "fxName", "notes")),
)


@dataclass
class _Element:
    """An element, where it stands in the document as UTF-8, and its text."""

    name: str
    parents: tuple[str, ...]
    start: int
    end: int = 0  # of the end tag's first byte, or of an empty element
    empty: bool = False
    leaf: bool = True
    attributes: bool = False
    remarks: bool = False  # comments or instructions inside, which other content would replace
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()

    def held(self) -> Text | None:
        """Return its text: None if nothing at all is in it or about it, unreadable if not text."""
        text = self.text
        raw = text.encode("utf-8", "surrogatepass")
        if self.leaf and not self.remarks and shown(text):
            return Text(raw, text, "utf-8")
        if text or not self.leaf or self.remarks or self.attributes:
            return Text(raw, None)
        return None


class IXml:
    """An iXML chunk; ``name`` is the file's.

    :raises InputError: from what changes it, where it is damaged or declares entities.
    """

    slots = tuple((key.partition("/")[2].upper(), key) for key in _SLOTS)

    def __init__(self, data: bytes | None, name: str) -> None:
        self._old, self._name = data, name
        self._problem: str | None = None
        held = (data or b"").rstrip(b"\0")
        self._tail = (data or b"")[len(held) :]
        if held.startswith(b"\xff\xfe") or held[:2] == b"<\0":  # its last zero is half a character
            held += self._tail[: len(held) % 2]
            self._tail = self._tail[len(held) - len((data or b"").rstrip(b"\0")) :]
        self._bom, self._encoding, self._text = b"", "utf-8", ""
        self._elements: list[_Element] = []
        self._is_new = not held.strip()
        if self._is_new:
            return
        try:
            self._bom, self._encoding, self._text = _decoded(held)
            self._elements = _parsed(self._text)
        except (expat.ExpatError, UnicodeError, LookupError, ValueError) as error:
            self._problem = str(error)

    @property
    def is_damaged(self) -> bool:
        """Return whether it is there but cannot be read as it is."""
        return self._problem is not None

    def texts(self) -> Iterator[tuple[str, str | None]]:
        """Yield the texts that describe the sound: the note, and all of USER, ASWG and STEINBERG.

        Of a damaged document that is what can be made of it; its text is None if that is nothing.
        """
        elements = self._elements if not self.is_damaged else self._salvaged()
        if self.is_damaged and not elements:
            yield "ixml", None
        for element in elements:
            telling = _TELLING_GROUPS & set(element.parents) or element.name in _TELLING
            if element.leaf and telling and shown(element.text):
                yield f"ixml.{element.name}", element.text
            elif "/".join((*element.parents[1:], element.name)) in _SLOTS:
                held = element.held()
                if held is not None:  # and cannot be read
                    yield f"ixml.{element.name}", held.text

    def _salvaged(self) -> list[_Element]:
        """Return the elements of a document whose only fault is its encoding."""
        if "entit" in (self._problem or ""):
            return []
        found = read_text((self._old or b"").strip(b"\0"))
        if found is None or found.text is None or found.encoding == "utf-8":
            return []
        try:
            return _parsed(found.text)
        except (expat.ExpatError, ValueError):
            return []

    def get(self, key: str) -> Text | None:
        """Return the text of a field such as ``USER/FXNAME``, or None.

        :raises InputError: the document is damaged, or declares entities.
        """
        self._refuse_damaged()
        element = self._find(key)
        return None if element is None else element.held()

    def put(self, key: str, text: str) -> None:
        """Give a field another text."""
        self._refuse_damaged()
        if not self._text:
            self._text, self._elements = _NEW, _parsed(_NEW)
        group, _, name = key.partition("/")
        inner = escape(clean(text))
        element = self._find(key)
        if element is not None:
            self._replace_content(element, inner)
            return
        new = f"<{name}>{inner}</{name}>"
        within = self._find(group)
        if within is None:
            root = self._elements[0]
            self._insert(root, f"<{group}>{new}</{group}>")
        else:
            self._insert(within, new)

    def add(self, key: str, words: Sequence[str]) -> bool:
        """Put words behind those of a field."""
        self._refuse_damaged()
        element = self._find(key)
        if element is None or element.held() is None:
            self.put(key, joined("", words))
        else:
            self._insert(element, escape(joined(element.text, words)))
        return True

    def drop(self, key: str, words: Sequence[str]) -> None:
        """Take words out of a field."""
        held = self.get(key)
        assert held is not None and held.text is not None
        self.put(key, without(held.text, words))

    def data(self) -> bytes | None:
        """Return the chunk's data, None where there is none."""
        if not self._text:
            return self._old
        return self._bom + self._text.encode(self._encoding, "xmlcharrefreplace") + self._tail

    def _refuse_damaged(self) -> None:
        if self.is_damaged:
            raise InputError(
                f"the iXML of {self._name} is damaged or cannot be changed safely, and is "
                f"left as it is: {self._problem}"
            )

    def _find(self, key: str) -> _Element | None:
        """Return the first element at a path below the root, an empty one only if all are."""
        path = tuple(key.split("/"))
        found = [e for e in self._elements[1:] if (*e.parents[1:], e.name) == path]
        return next((e for e in found if e.held() is not None), next(iter(found), None))

    def _insert(self, element: _Element, inner: str) -> None:
        """Put something before an element's end."""
        data = self._text.encode("utf-8")
        if element.empty:
            self._open(element, inner)
            return
        self._become(data[: element.end] + inner.encode() + data[element.end :])

    def _replace_content(self, element: _Element, inner: str) -> None:
        data = self._text.encode("utf-8")
        if element.empty:
            self._open(element, inner)
            return
        start = _end_of_tag(data, element.start)
        self._become(data[:start] + inner.encode() + data[element.end :])

    def _open(self, element: _Element, inner: str) -> None:
        """Turn ``<A/>`` into ``<A>…</A>``."""
        data = self._text.encode("utf-8")
        tag = data[element.start : element.end]
        opened = tag[:-2].rstrip() + b">" + inner.encode() + f"</{element.name}>".encode()
        self._become(data[: element.start] + opened + data[element.end :])

    def _become(self, data: bytes) -> None:
        self._text = data.decode("utf-8")
        self._elements = _parsed(self._text)


def _decoded(data: bytes) -> tuple[bytes, str, str]:
    """Return byte order mark, encoding and text of a document.

    :raises UnicodeError: the bytes are not what it says.
    :raises ValueError: it is too large, or in an encoding that we do not read, or its bytes would
        not come back as they were.
    """
    if len(data) > LONGEST_BYTES:
        raise ValueError(f"it is larger than {LONGEST_BYTES >> 20} MB")
    bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", ""))
    body = data[len(bom) :]
    if not encoding and body[:2] in (b"<\0", b"\0<"):
        encoding = "utf-16-le" if body[:2] == b"<\0" else "utf-16-be"
    declared = _DECLARED.match(body)
    if not encoding:
        encoding = codecs.lookup(declared[1].decode()).name if declared is not None else "utf-8"
    if encoding not in _ENCODINGS:
        raise ValueError(f"its encoding is {encoding}")
    text = body.decode(encoding)
    if text.encode(encoding) != body:
        raise ValueError("its encoding is ambiguous")
    return bom, encoding, text


def _parsed(text: str) -> list[_Element]:
    """Return the elements of a document in order, the root first.

    :raises expat.ExpatError: it is malformed.
    :raises ValueError: it declares entities, is nested absurdly deep or has too many elements.
    """
    data = text.encode("utf-8")
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    found: list[_Element] = []
    open_ones: list[_Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_ones) >= _DEEPEST:
            raise ValueError("it is nested too deeply")
        if len(found) >= _MOST_ELEMENTS:
            raise ValueError(f"it has more than {_MOST_ELEMENTS:,} elements")
        if open_ones:
            open_ones[-1].leaf = False
        parents = tuple(element.name for element in open_ones)
        element = _Element(name, parents, parser.CurrentByteIndex, attributes=bool(attributes))
        open_ones.append(element)
        found.append(open_ones[-1])

    def end(name: str) -> None:
        element = open_ones.pop()
        element.end = parser.CurrentByteIndex
        element.empty = (
            element.leaf
            and data.endswith(b"/>", 0, element.end)
            and _end_of_tag(data, element.start) == element.end
        )

    def characters(piece: str) -> None:
        if open_ones:
            open_ones[-1].pieces.append(piece)

    def remark(*_: object) -> None:
        if open_ones:
            open_ones[-1].remarks = True

    def refuse(*_: object) -> None:
        raise ValueError("it declares entities")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.CommentHandler = parser.ProcessingInstructionHandler = remark
    parser.EntityDeclHandler = refuse
    parser.Parse(data, True)
    return found


def _end_of_tag(data: bytes, start: int) -> int:
    """Return where the tag that begins at ``start`` ends; a ``>`` in quotes does not end it."""
    quote = 0
    for place in range(start, len(data)):
        byte = data[place]
        if quote:
            quote = 0 if byte == quote else quote
        elif byte in b"\"'":
            quote = byte
        elif byte == ord(">"):
            return place + 1
    return len(data)
