"""The inspector: what is known of a sound, why it matched, what it is like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import IconButton
from app.gui.kit.chips import Chip, FlowLayout
from app.gui.kit.labels import BreakingLabel, ElidedButton, NarrowBody
from app.gui.kit.marks import day
from app.gui.kit.plain import PlainLabel, tip
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import channels_title, duration, loudness, number
from app.gui.player.crumbs import Crumbs
from app.gui.player.details import SoundDetails
from app.gui.player.marks_box import MarksBox
from app.gui.player.texts_box import TextsBox, TypedIn
from engine.metadata.read import header_of, said_in
from engine.metadata.ucs_names import category_of_sound
from engine.plain_text import one_line
from engine.search.answer import Match
from engine.store import SoundRow
from engine.store.records import Marks
from engine.store.uses import Use
from engine.tags.families import shown_tags

_MOST_MOMENTS = 5
_MOST_USES = 4  # the latest ones
_LONGEST_FIELD = 300
_LONGEST_TITLE = 18
_LEAST_WIDTH = 210  # pixels


class Inspector(QFrame):
    """Shows one sound; every wish is a signal."""

    tag_added = Signal(int, str)
    tag_removed = Signal(int, str)
    tag_rejected = Signal(int, str)
    play_wanted = Signal(float)
    sound_wanted = Signal(object)  # a similar sound, to be heard
    similar_wanted = Signal(str)
    folder_wanted = Signal(str)  # to be searched in
    edit_wanted = Signal(int, str, str)  # a text of the file: which, and what it shall say
    undo_wanted = Signal()

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._details: SoundDetails | None = None
        self._match: Match | None = None
        self.texts: TextsBox | None = None
        self._hidden: frozenset[str] = frozenset()  # families of tags
        self.setObjectName("panel")
        self.setAccessibleName(self.tr("Inspector"))
        self.setMinimumWidth(_LEAST_WIDTH)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.marks = MarksBox(colours)
        self.tag_line = QLineEdit()
        self.tag_line.setPlaceholderText(self.tr("add a tag"))
        self.tag_line.setAccessibleName(self.tr("Add a tag"))
        self.tag_line.returnPressed.connect(self._add_tag)
        frame = QVBoxLayout(self)
        frame.setContentsMargins(0, 0, 0, 0)
        frame.addWidget(self._scroll, 1)
        line = QVBoxLayout()
        line.setContentsMargins(10, 4, 10, 8)
        line.setSpacing(4)
        line.addWidget(self.marks)
        line.addWidget(self.tag_line)
        frame.addLayout(line)
        self.clear()

    @property
    def details(self) -> SoundDetails | None:
        """Return what is shown."""
        return self._details

    def clear(self) -> None:
        """Show nothing."""
        self._take_texts()
        self._details = self._match = None
        self.marks.show_marks(None, Marks())
        body = self._fresh()
        hint = PlainLabel(self.tr("Select a sound to see its details."))
        hint.setWordWrap(True)
        hint.setProperty("role", "dim")
        self._column.addWidget(hint)
        self._column.addStretch(1)
        self._scroll.setWidget(body)

    def shows(self, details: SoundDetails, match: Match | None) -> bool:
        """Return whether it says all of this already: what is shown anew is scrolled to its top."""
        now = self._details
        if now is None or (now, self._match) != (details, match):
            return False
        return [m.sound.id for m in now.similar or ()] == [
            m.sound.id for m in details.similar or ()
        ]

    def show_details(self, details: SoundDetails, match: Match | None) -> None:
        """Show a sound; ``match`` is how it was found, None in a list."""
        typed = self._take_texts(details.sound.id)
        self._details, self._match = details, match
        body = self._fresh()
        sound = details.sound
        self.marks.show_marks(sound.id, sound.marks)
        name = BreakingLabel(one_line(Path(sound.path).name))
        name.setProperty("role", "title")
        name.make_selectable()
        self._column.addWidget(name)
        if sound.is_away or sound.missing:
            self._column.addWidget(self._warning(self._why_gone(sound)))
        if sound.damage:
            self._column.addWidget(self._warning(sound.damage))
        self._show_facts(details)
        self._show_tags(details)
        if match is not None:
            self._show_why(details, match)
        self._show_similar(details)
        self._show_fields(details)
        self._column.addStretch(1)
        self._scroll.setWidget(body)
        if typed is not None and self.texts is not None:
            self.texts.go_on(typed)

    def begin_edit(self) -> None:
        """Edit the description of the sound that is shown."""
        if self.texts is not None:
            self.texts.fields["description"].begin()

    def refuse_edit(self, sound_id: int, name: str, text: str, why: str) -> None:
        """Give back a text that could not be written, if its sound is still shown."""
        shown = self._details.sound.id if self._details is not None else None
        if self.texts is not None and sound_id == shown:
            focus = self.window().focusWidget()
            here = focus is None or self.isAncestorOf(focus)
            self.texts.refuse(name, text, why, here)

    def hide_families(self, hidden: frozenset[str]) -> None:
        """Leave families of tags out."""
        if hidden != self._hidden:
            self._hidden = hidden
            if self._details is not None:
                self.show_details(self._details, self._match)

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self.marks.set_colours(colours)
        if self._details is not None:
            self.show_details(self._details, self._match)

    def _fresh(self) -> QWidget:
        """Return an empty body, to be shown once it is filled."""
        body = NarrowBody()
        body.setObjectName("panel")
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(12, 8, 12, 12)
        self._column.setSpacing(4)
        return body

    def _heading(self, text: str) -> None:
        label = PlainLabel(text)
        label.setProperty("role", "heading")
        _keep_height(label)
        self._column.addWidget(label)

    def _why_gone(self, sound: SoundRow) -> str:
        """Return why a sound's file is not here."""
        if sound.not_mounted:
            told = self.tr("its root {} is not mounted on this computer")
            return told.format(one_line(sound.not_mounted))
        if sound.offline:
            return self.tr("its drive is not connected")
        return self.tr("the file is missing")

    def _warning(self, text: str) -> PlainLabel:
        label = BreakingLabel(text)
        label.setProperty("role", "warning")
        return label

    def _take_texts(self, sound_id: int | None = None) -> TypedIn | None:
        """End editing; return what is being typed of a sound that stays, if anything."""
        box, self.texts = self.texts, None
        if box is None or self._details is None:
            return None
        stays = sound_id == self._details.sound.id
        typed = box.typed_in() if stays else None
        box.finish(keep=not stays)
        return typed

    def _show_texts(self, details: SoundDetails) -> None:
        sound = details.sound
        category = category_of_sound(details.tags, sound.category)
        texts = said_in(header_of(details.fields, Path(sound.path).stem))
        said = (
            f"{category.id}: {category.category.title()}, {category.subcategory.title()}"
            if category
            else ""
        )
        self.texts = TextsBox(sound.id, not (sound.is_away or sound.missing))
        self.texts.show_texts({**texts, "category": category.id if category else ""}, said)
        self.texts.edit_wanted.connect(self.edit_wanted)
        self.texts.undo_wanted.connect(self.undo_wanted)
        self._column.addWidget(self.texts)

    def _show_facts(self, details: SoundDetails) -> None:
        sound = details.sound
        uses = "\n".join(_use(use) for use in details.uses[:_MOST_USES])
        facts = [
            (self.tr("Length"), f"{duration(sound.duration_s)} s"),
            (self.tr("Rate"), f"{number(sound.rate_hz)} Hz"),
            (self.tr("Depth"), self.tr("{} bit").format(sound.bits) if sound.bits else ""),
            (self.tr("Channels"), channels_title(sound.channels, details.layout)),
            (self.tr("Format"), sound.format.upper()),
            (self.tr("Loudness"), loudness(sound)),
            (self.tr("Added"), day(sound.added_ns)),
            (self.tr("Used"), uses),
        ]
        crumbs = Crumbs(sound.path)
        crumbs.wanted.connect(self.folder_wanted)
        self._column.addWidget(crumbs)
        self._show_texts(details)
        table = _table([(title, text) for title, text in facts if text])
        table.setColumnMinimumWidth(0, self.texts.titles_width if self.texts is not None else 0)
        self._column.addLayout(table)

    def _show_tags(self, details: SoundDetails) -> None:
        sound_id = details.sound.id
        shown = shown_tags(details.tags, self._hidden)
        if shown:
            self._heading(self.tr("Tags"))
            flow = FlowLayout()
            for label in shown:
                chip = Chip(label, self._colours)
                chip.removed.connect(lambda tag=label: self.tag_removed.emit(sound_id, tag))
                flow.addWidget(chip)
            self._column.addLayout(flow)
        if details.likenesses:
            self._heading(self.tr("Sounds like"))
        for likeness in details.likenesses:
            row = QHBoxLayout()
            row.setSpacing(2)
            row.addWidget(_text(likeness.text), 1)
            row.addWidget(_dim(f"{likeness.share:.0%}"))
            tag = likeness.text
            accept = IconButton("accept", self.tr("Accept {} as a tag").format(tag), self._colours)
            reject = IconButton(
                "close", self.tr("Never suggest {} here").format(tag), self._colours
            )
            accept.clicked.connect(lambda _=False, t=tag: self.tag_added.emit(sound_id, t))
            reject.clicked.connect(lambda _=False, t=tag: self.tag_rejected.emit(sound_id, t))
            row.addWidget(accept)
            row.addWidget(reject)
            self._column.addLayout(row)

    def _show_why(self, details: SoundDetails, match: Match) -> None:
        self._heading(self.tr("Why it matched"))
        parts = [self.tr("strength {:.2f}").format(match.strength)]
        if match.keyword_match:
            parts.append(self.tr("its name or metadata contains all the words"))
        self._column.addWidget(_text(", ".join(parts)))
        if match.words and match.words_share is not None:
            share = self.tr("{:.0%} name ({}), {:.0%} sound")
            words = ", ".join(match.words)
            said = share.format(match.words_share, words, 1 - match.words_share)
            self._column.addWidget(_text(said))
        best = sorted(details.moments, key=lambda moment: -moment.strength)[:_MOST_MOMENTS]
        if len(details.moments) < 2:
            return
        flow = FlowLayout()
        for moment in best:
            button = QToolButton()
            button.setText(
                f"{duration(moment.start_s)}–{duration(moment.end_s)}  {moment.strength:.2f}"
            )
            button.setToolTip(self.tr("Play this moment"))
            button.clicked.connect(lambda _=False, at=moment.start_s: self.play_wanted.emit(at))
            flow.addWidget(button)
        self._column.addLayout(flow)

    def _show_similar(self, details: SoundDetails) -> None:
        if details.similar is None or not details.similar.matches:
            return
        self._heading(self.tr("Similar sounds"))
        for match in details.similar.matches:
            row = QHBoxLayout()
            row.setSpacing(2)
            button = ElidedButton(one_line(Path(match.sound.path).name))
            button.setToolTip(tip(self.tr("Play {}").format(match.sound.path)))
            button.clicked.connect(lambda _=False, found=match: self.sound_wanted.emit(found))
            row.addWidget(button, 1, Qt.AlignmentFlag.AlignLeft)
            row.addWidget(_dim(f"{match.strength:.2f}"))
            self._column.addLayout(row)
        more = ElidedButton(self.tr("search for sounds like this"))
        more.clicked.connect(lambda: self.similar_wanted.emit(details.sound.path))
        self._column.addWidget(more)

    def _show_fields(self, details: SoundDetails) -> None:
        if not details.fields:
            return
        self._heading(self.tr("Metadata in the file"))
        rows = [(title, value[:_LONGEST_FIELD]) for title, value in details.fields.items()]
        self._column.addLayout(_table(rows))

    def _add_tag(self) -> None:
        text = " ".join(self.tag_line.text().split())
        if text and self._details is not None:
            self.tag_line.clear()
            self.tag_added.emit(self._details.sound.id, text)


def _table(rows: Sequence[tuple[str, str]]) -> QGridLayout:
    """Return names and texts in two columns."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(10)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(1, 1)
    for row, (title, text) in enumerate(rows):
        name = _text(title) if len(title) > _LONGEST_TITLE else _dim(title)
        name.setProperty("role", "dim")
        grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(_text(text), row, 1)
    return grid


def _use(use: Use) -> str:
    return " · ".join(filter(None, (day(use.used_ns), use.project, use.target)))


def _dim(text: str) -> PlainLabel:
    label = PlainLabel(text)
    label.setProperty("role", "dim")
    _keep_height(label)
    return label


def _keep_height(widget: QWidget) -> None:
    """Let a widget scroll away rather than be squeezed."""
    widget.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)


def _text(text: str) -> PlainLabel:
    label = BreakingLabel(text)
    label.make_selectable()
    _keep_height(label)
    return label
