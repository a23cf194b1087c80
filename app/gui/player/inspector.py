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
from app.gui.kit.plain import PlainLabel, menu_text, tip
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import channels, duration, short_folder
from app.gui.player.details import SoundDetails
from engine.metadata.ucs_names import category_of_sound
from engine.plain_text import one_line
from engine.search.answer import Match
from engine.store import SoundRow

_MOST_MOMENTS = 5
_LONGEST_FIELD = 300
_LONGEST_TITLE = 24


class Inspector(QFrame):
    """Shows one sound; every wish is a signal."""

    tag_added = Signal(int, str)
    tag_removed = Signal(int, str)
    tag_rejected = Signal(int, str)
    play_wanted = Signal(float)
    sound_wanted = Signal(object)  # a similar sound, to be heard
    similar_wanted = Signal(str)

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._details: SoundDetails | None = None
        self._match: Match | None = None
        self.setObjectName("panel")
        self.setAccessibleName(self.tr("Inspector"))
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.tag_line = QLineEdit()
        self.tag_line.setPlaceholderText(self.tr("add a tag"))
        self.tag_line.setAccessibleName(self.tr("Add a tag"))
        self.tag_line.returnPressed.connect(self._add_tag)
        frame = QVBoxLayout(self)
        frame.setContentsMargins(0, 0, 0, 0)
        frame.addWidget(self._scroll, 1)
        line = QHBoxLayout()
        line.setContentsMargins(10, 4, 10, 8)
        line.addWidget(self.tag_line)
        frame.addLayout(line)
        self.clear()

    @property
    def details(self) -> SoundDetails | None:
        """Return what is shown."""
        return self._details

    def clear(self) -> None:
        """Show nothing."""
        self._details = self._match = None
        body = self._fresh()
        hint = PlainLabel(self.tr("Select a sound to see its details."))
        hint.setWordWrap(True)
        hint.setProperty("role", "dim")
        self._column.addWidget(hint)
        self._column.addStretch(1)
        self._scroll.setWidget(body)

    def show_details(self, details: SoundDetails, match: Match | None) -> None:
        """Show a sound; ``match`` is how it was found, None in a list."""
        self._details, self._match = details, match
        body = self._fresh()
        sound = details.sound
        name = PlainLabel(one_line(Path(sound.path).name))
        name.setProperty("role", "title")
        name.setWordWrap(True)
        name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._column.addWidget(name)
        if sound.offline or sound.missing:
            gone = (
                self.tr("its drive is not connected")
                if sound.offline
                else self.tr("the file is missing")
            )
            self._column.addWidget(self._warning(gone))
        if sound.damage:
            self._column.addWidget(self._warning(sound.damage))
        self._show_facts(sound, details.tags)
        self._show_tags(details)
        if match is not None:
            self._show_why(details, match)
        self._show_similar(details)
        self._show_fields(details)
        self._column.addStretch(1)
        self._scroll.setWidget(body)

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        if self._details is not None:
            self.show_details(self._details, self._match)

    def _fresh(self) -> QWidget:
        """Return an empty body, to be shown once it is filled."""
        body = QWidget()
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

    def _warning(self, text: str) -> PlainLabel:
        label = PlainLabel(text)
        label.setProperty("role", "warning")
        label.setWordWrap(True)
        return label

    def _show_facts(self, sound: SoundRow, tags: Sequence[str]) -> None:
        category = category_of_sound(tags, sound.category)
        facts = [
            (self.tr("Length"), f"{duration(sound.duration_s)} s"),
            (self.tr("Rate"), f"{sound.rate_hz:,} Hz".replace(",", " ")),
            (self.tr("Depth"), self.tr("{} bit").format(sound.bits) if sound.bits else ""),
            (self.tr("Channels"), channels(sound.channels)),
            (self.tr("Format"), sound.format.upper()),
            (
                self.tr("Category"),
                f"{category.id}: {category.category.title()}, {category.subcategory.title()}"
                if category
                else "",
            ),
            (self.tr("Folder"), short_folder(sound.path)),
            (self.tr("Description"), sound.description or ""),
        ]
        self._column.addLayout(_table([(title, text) for title, text in facts if text]))

    def _show_tags(self, details: SoundDetails) -> None:
        sound_id = details.sound.id
        if details.tags:
            self._heading(self.tr("Tags"))
            flow = FlowLayout()
            for label in details.tags:
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
            button = QToolButton()
            name = Path(match.sound.path).name
            shown = name if len(name) < 34 else f"{name[:20]}…{name[-12:]}"
            button.setText(menu_text(shown))
            button.setToolTip(tip(self.tr("Play {}").format(match.sound.path)))
            _keep_height(button)
            button.clicked.connect(lambda _=False, found=match: self.sound_wanted.emit(found))
            row.addWidget(button)
            row.addStretch(1)
            row.addWidget(_dim(f"{match.strength:.2f}"))
            self._column.addLayout(row)
        more = QToolButton()
        more.setText(self.tr("search for sounds like this (S)"))
        _keep_height(more)
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
        name = _dim(title)
        name.setWordWrap(len(title) > _LONGEST_TITLE)
        grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(_text(text), row, 1)
    return grid


def _dim(text: str) -> PlainLabel:
    label = PlainLabel(text)
    label.setProperty("role", "dim")
    _keep_height(label)
    return label


def _keep_height(widget: QWidget) -> None:
    """Let a widget scroll away rather than be squeezed."""
    widget.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)


def _text(text: str) -> PlainLabel:
    label = PlainLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)  # what a file says is never markup
    label.setText(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    _keep_height(label)
    return label
