"""Read what a sound file says about its sound, opened for reading only.

Headers alone are read, each as :mod:`.formats` says.  A text is absent, present, or present but
unreadable: then it is empty.
Whether a file can be heard is for the decoder to say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from engine.log import logger, named
from engine.metadata.formats import texts_of
from engine.metadata.texts import Text, shown
from engine.metadata.ucs_names import categories, category_of_name
from engine.store import Header

_log = logger(__name__)
_LONGEST = 32_000  # characters of one field that are kept
_MOST_CHARACTERS = 256_000  # of all of them
_MOST_FIELDS = 256
_DESCRIPTIONS = (  # in this order
    "bext.description",
    "ixml.description",
    "ixml.note",
    "description",
    "tit3",
    "comment",
    "info.comment",
    "info.subject",
    "comm",
    "©cmt",
    "desc",
    "title",
    "info.title",
    "tit2",
    "©nam",
    "subtitle",
    "name",
)
_WHOLE = frozenset({"ixml", "id3", "bext", "header"})  # parts that may be unreadable as a whole
_CATEGORIES = ("ixml.catid", "catid", "txxx:catid", "----:com.apple.itunes:catid")
_KEYWORDS = ("keywords", "info.keywords", "ixml.keywords")
_BETWEEN = re.compile(r"\s*[,;]\s*")
_NEARLY_CUT = 240  # bytes of a bext description, which has room for 256
_TECHNICAL = frozenset(
    {"encoder", "encoded-by", "tsse", "tenc", "©too", "tlen", "tflt", "isft", "info.software"}
    | {"wm/encodingsettings", "wm/encodedby", "bext.coding_history", "info.encoded_by"}
    | {"bext.originator_date", "bext.originator_time", "bext.originator_ref"}
)


def read_header(path: Path, stem: str | None = None) -> Header:
    """Return the texts, the main description and the UCS category of a file.

    :param stem: its name without ending, where it has another for now.
    """
    return header_of(_fields(path), path.stem if stem is None else stem)


def header_of(fields: Mapping[str, str], stem: str) -> Header:
    """Return what the texts in a file's header, by name, and its name say."""
    lowered = {name.lower(): value for name, value in fields.items()}
    known = [lowered[name] for name in _CATEGORIES if name in lowered]
    category = next((categories()[c.lower()] for c in known if c.lower() in categories()), None)
    category = category or category_of_name(stem)
    return Header(
        description=_whole(next(filter(None, _described(lowered)), None), lowered),
        category=category.id if category else None,
        category_words=category.words if category else "",
        fields=fields,
    )


def said_in(header: Header) -> dict[str, str]:
    """Return what a file says in the fields that people edit, empty where it says nothing.

    They are ``description``, ``keywords`` (apart by commas), ``category`` (a CatID), ``fxname``.
    """
    fx_names = _fields_called(header, ("fxname",)).values()
    return {
        "description": header.description or "",
        "keywords": ", ".join(keywords_in(header)),
        "category": header.category or "",
        "fxname": next(filter(None, fx_names), ""),
    }


def unreadable_in(header: Header) -> frozenset[str]:
    """Return which of these fields a file has, but nobody can read."""
    said = said_in(header)
    there = {
        "description": is_described(header),
        "keywords": bool(_keyword_fields(header)),
        "category": category_in(header)[0] and not any(_categories_of(header).values()),
        "fxname": names_itself(header),
    }
    return frozenset(name for name, is_there in there.items() if is_there and not said[name])


def keywords_in(header: Header) -> list[str]:
    """Return the keywords of a file, each once, in the order of their fields."""
    found: dict[str, str] = {}
    for text in _keyword_fields(header).values():
        for word in filter(None, _BETWEEN.split(text.strip())):
            found.setdefault(word.casefold(), word)
    return list(found.values())


def _keyword_fields(header: Header) -> dict[str, str]:
    return {
        name: text
        for name, text in header.fields.items()
        if name.lower() in _KEYWORDS or name.lower().endswith(":keywords")
    }


def is_described(header: Header) -> bool:
    """Return whether a file has a description or a title, readable or not."""
    lowered = {name.lower(): value for name, value in header.fields.items()}
    return bool(list(_described(lowered))) or bool(_WHOLE & set(lowered))


def names_itself(header: Header) -> bool:
    """Return whether a file has an FXName, readable or not."""
    return bool(_fields_called(header, ("fxname",)))


def category_in(header: Header) -> tuple[bool, str | None]:
    """Return whether a file's header, not its name, names a category; and its CatID if known."""
    named = _categories_of(header)
    known = next((named[n] for n in _CATEGORIES if named.get(n)), None)
    found = categories().get((known or "").lower())
    return bool(named), found.id if found is not None else None


def _categories_of(header: Header) -> dict[str, str]:
    return _fields_called(header, ("catid", "category", "subcategory"))


def _fields_called(header: Header, ends: Collection[str]) -> dict[str, str]:
    """Return the fields of some names in lower case, whatever part of a header they lie in."""
    lowered = {name.lower(): value for name, value in header.fields.items()}
    return {n: v for n, v in lowered.items() if n.replace(":", ".").split(".")[-1] in ends}


def _described(lowered: Mapping[str, str]) -> Iterator[str]:
    for wanted in _DESCRIPTIONS:
        for name, value in lowered.items():
            if name == wanted or name.startswith(wanted + ":"):
                yield value


def is_beginning(text: str, whole: str) -> bool:
    """Return whether a text is another one, or as much of it as a bext description holds."""
    if text == whole:
        return True
    return len(text.encode("utf-8", "replace")) >= _NEARLY_CUT and whole.startswith(text)


def _whole(description: str | None, lowered: Mapping[str, str]) -> str | None:
    """Return a description of which bext holds the beginning, as others of its fields have it."""
    if description is None or lowered.get("bext.description") != description:
        return description
    return max((t for t in _described(lowered) if is_beginning(description, t)), key=len)


def _fields(path: Path) -> dict[str, str]:
    """Return the texts in a header by name, a bounded number of bounded length.

    Those that cannot be read are empty; what has several texts of one name has them joined.
    """
    found: dict[str, str] = {}
    given = 0
    try:
        for name, text in texts_of(path):
            if name.lower() in _TECHNICAL:
                continue
            said = text.text if isinstance(text, Text) else text
            clean = shown(said)[:_LONGEST] if said is not None else ""
            told = found.get(name)
            if clean and told and clean not in told.split("; "):
                clean = f"{told}; {clean}"[:_LONGEST]
            elif told:
                continue
            given += len(clean)
            if (clean or said is None) and len(found) < _MOST_FIELDS and given < _MOST_CHARACTERS:
                found[name[:100]] = clean
    except Exception as error:  # a damaged header says nothing; parsers raise whatever comes
        _log.debug("the header of %s is damaged", named(path), exc_info=error)
        found.setdefault("header", "")
    return found
