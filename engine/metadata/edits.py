"""What can be done to the texts of a file, and what it makes of them; no file is touched here.

The fields are ``description``, ``keywords`` (apart by commas), ``category`` (a CatID), ``fxname``.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from engine.errors import InputError
from engine.metadata.fx_names import tells_nothing
from engine.metadata.texts import clean, words_of
from engine.metadata.ucs_names import UcsCategory, categories, plain_name
from engine.store.words import search_words

FIELDS = ("description", "keywords", "category", "fxname")
IN_TEMPLATES = (
    *("name", "folder", "catid", "category", "subcategory", "fxname"),
    *("description", "keywords", "tags"),
)
_LONGEST = 32_000  # characters: as many as a library keeps of a field
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
Texts = Mapping[str, str]


@dataclass(frozen=True)
class SetText:
    """Let a field say something; nothing, if ``text`` is empty."""

    field: str
    text: str

    def of(self, texts: Texts, known: Texts) -> str:
        """Return the new text."""
        return self.text


@dataclass(frozen=True)
class ReplaceText:
    """Put ``by`` in the place of every ``find`` in a field."""

    field: str
    find: str
    by: str
    case: bool = False  # matters
    words: bool = False  # whole ones only

    def of(self, texts: Texts, known: Texts) -> str:
        """Return the new text."""
        return self.within(texts[self.field])

    def within(self, text: str) -> str:
        """Return a text with all of them replaced."""
        pattern = re.escape(self.find)
        if self.words:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        return re.sub(pattern, lambda _: self.by, text, flags=re.NOFLAG if self.case else re.I)


@dataclass(frozen=True)
class EditKeywords:
    """Add keywords behind those that are there, and remove others, without regard to case."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    field: str = "keywords"

    def of(self, texts: Texts, known: Texts) -> str:
        """Return the new list."""
        gone = {word.casefold() for text in self.remove for word in words_of(text)}
        kept = [word for word in words_of(texts[self.field]) if word.casefold() not in gone]
        return ", ".join([*kept, *self.add])


@dataclass(frozen=True)
class FillTemplate:
    """Let a field say what a template such as ``{category} {fxname}[, {tags}]`` makes of others.

    A part in brackets is left out where a field in it is empty.
    """

    field: str
    template: str

    def of(self, texts: Texts, known: Texts) -> str:
        """Return the new text.

        :raises InputError: a field that the template needs is empty.
        """
        filled = {**known, **_for_templates(texts, known)}

        def optional(match: re.Match[str]) -> str:
            return match[1] if all(filled.get(name) for name in _named(match[1])) else ""

        wanted = _OPTIONAL.sub(optional, self.template)
        empty = [name for name in _named(wanted) if not filled.get(name)]
        if empty:
            raise InputError(f"it has no {empty[0]}, which the template needs")
        return wanted.format(**filled)


Edit = SetText | ReplaceText | EditKeywords | FillTemplate


def check(edit: Edit) -> None:
    """Refuse what makes no sense for any file.

    :raises InputError: it does not.
    """
    if edit.field not in FIELDS:
        raise InputError(f"there is no field {edit.field}: edit {', '.join(FIELDS)}")
    if isinstance(edit, ReplaceText) and not edit.find:
        raise InputError("there is nothing to look for: write what is to be replaced")
    if isinstance(edit, EditKeywords) and not (edit.add or edit.remove):
        raise InputError("there are no keywords to add or remove: write one")
    if isinstance(edit, SetText):
        settled(edit.field, edit.text)
    if isinstance(edit, FillTemplate):
        _check_template(edit.template)


def changes(edits: Sequence[Edit], texts: Texts, known: Texts) -> dict[str, str]:
    """Return the fields that edits change, one after the other, and what they say then.

    :param texts: what the fields say.
    :param known: what templates may use beside them.
    :raises InputError: a new text is none that the field can have.
    """
    now = dict(texts)
    for edit in edits:
        now[edit.field] = edit.of(now, known)
    touched = {edit.field for edit in edits if now[edit.field] != texts[edit.field]}
    new = {field: settled(field, now[field]) for field in FIELDS if field in touched}
    return {field: text for field, text in new.items() if not _is_same(field, text, texts[field])}


def _is_same(field: str, text: str, other: str) -> bool:
    """Return whether two texts say the same: of keywords, the order says nothing."""
    if field == "keywords":
        return sorted(words_of(text)) == sorted(words_of(other))
    return text == other


def settled(field: str, text: str) -> str:
    """Return a text as a field holds it: on one line, keywords once each, a category's CatID.

    :raises InputError: it is too long, or there is no such category.
    """
    line = " ".join(clean(text.replace("\0", " ")).split())
    if field == "keywords":
        once = {word.casefold(): word for word in reversed(words_of(line))}
        line = ", ".join(reversed(once.values()))
    if len(line) > _LONGEST:
        raise InputError(f"the {field} has {len(line):,} characters; {_LONGEST:,} is the most")
    if field == "category" and line:
        return category_called(line).id
    return line


def category_called(name: str) -> UcsCategory:
    """Return the UCS category of a CatID, or of its names: ``DOORWood``, ``doors wood``.

    :raises InputError: there is none.
    """
    found = categories().get(name.lower()) or _by_words().get(search_words(name))
    if found is None:
        shown = name if len(name) <= 60 else f"{name[:60]}…"
        raise InputError(f"there is no UCS category {shown}: write a CatID such as DOORWood")
    return found


@cache
def _by_words() -> Mapping[str, UcsCategory]:
    found: dict[str, UcsCategory] = {}
    for known in categories().values():
        for name in (plain_name(known), f"{known.category} {known.subcategory}"):
            found.setdefault(search_words(name.title()), known)
    return found


def _for_templates(texts: Texts, known: Texts) -> dict[str, str]:
    category = categories().get(texts["category"].lower())
    named = texts["fxname"]
    return {
        **texts,
        "catid": category.id if category else "",
        "category": category.category.title() if category else "",
        "subcategory": category.subcategory.title() if category else "",
        "fxname": named if named and not tells_nothing(named) else known.get("fxname", ""),
    }


def _named(template: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(template) if name]


def _check_template(template: str) -> None:
    known = ", ".join(f"{{{name}}}" for name in IN_TEMPLATES)
    try:
        parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise InputError(f"the template {template} is not understood: {error}") from None
    wrong = sorted({str(name) for _, name, _, _ in parts} - set(IN_TEMPLATES))
    odd = any(spec or conversion for _, _, spec, conversion in parts)
    if not parts or wrong or odd:
        raise InputError(f"the template {template} is not understood: use {known}")
