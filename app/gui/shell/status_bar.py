"""The status bar: what just happened, what goes on, the model, the counts."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QSizePolicy,
    QToolButton,
)

from app.gui.kit.buttons import IconButton
from app.gui.kit.jobs import Job, Jobs
from app.gui.kit.labels import ElidedLabel
from app.gui.kit.plain import PlainLabel, menu_text, tip
from app.gui.kit.style.icons import icon
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import counted, number, time_left
from app.gui.library.overview import Overview
from engine.plain_text import one_line

_SHOWN_MS = 12_000
_ALSO_WIDTH = 360  # pixels of the line before the message


class StatusBar(QFrame):
    """A line of text, the jobs, and what the library holds."""

    models_wanted = Signal()
    skipped_wanted = Signal()
    team_wanted = Signal()

    def __init__(self, jobs: Jobs, colours: Colours) -> None:
        super().__init__()
        self._jobs = jobs
        self.setObjectName("panel")
        self.setFixedHeight(28)
        self.message = ElidedLabel()
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.message.setAccessibleName(self.tr("Status"))
        self.also = PlainLabel()
        self.also.setMaximumWidth(_ALSO_WIDTH)
        self.also.hide()
        self._job_text = PlainLabel()
        self._job_text.setProperty("role", "dim")
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setFixedWidth(120)
        self._progress.setAccessibleName(self.tr("Progress"))
        self._cancel = IconButton("close", self.tr("Stop; what is done so far is kept"), colours)
        self._cancel.clicked.connect(self._stop)
        self.counts = QToolButton()
        self.counts.clicked.connect(self.skipped_wanted)
        self.counts.setToolTip(self.tr("What is in the library; click for skipped files"))
        self.model = QToolButton()
        self.model.clicked.connect(self.models_wanted)
        self.model.setToolTip(self.tr("The model that this library uses; click for others"))
        self.team = _TeamButton(colours)
        self.team.clicked.connect(self.team_wanted)
        self.team.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 6, 0)
        row.setSpacing(8)
        row.addWidget(self.also)
        row.addWidget(self.message, 1)
        for widget in (self._job_text, self._progress, self._cancel, self.counts, self.model):
            row.addWidget(widget)
        row.addWidget(self.team)
        self._fade = QTimer(self, interval=_SHOWN_MS, singleShot=True)
        self._fade.timeout.connect(lambda: self.say(""))
        jobs.changed.connect(self._show_jobs)
        self._show_jobs()

    def say(self, text: str, warning: bool = False, stays: bool = False) -> None:
        """Show a sentence for a while, or until the next one."""
        self.message.setText(text)
        self.message.set_role("warning" if warning else "")
        self._fade.stop()
        if text and not stays:
            self._fade.start()

    def show_also(self, query: str) -> None:
        """Show that results are those of another query, too, beside all that is said meanwhile.

        It stands until this is called again; empty: there is no other.
        """
        text = self.tr("Also showing results for “{}”.").format(one_line(query)) if query else ""
        self.also.setText(text)
        self.also.setToolTip(tip(text))
        self.also.setVisible(bool(text))

    def show_overview(self, overview: Overview) -> None:
        """Show counts and the model's name."""
        counts = overview.statistics
        parts = [counted(counts.sounds, self.tr("one sound"), self.tr("{} sounds"))]
        waiting = counts.sounds - counts.embedded
        if waiting:
            parts.append(self.tr("{} waiting").format(number(waiting)))
        if counts.offline:
            parts.append(self.tr("{} offline").format(number(counts.offline)))
        if counts.skipped:
            parts.append(self.tr("{} skipped").format(number(counts.skipped)))
        self.counts.setText(" · ".join(parts))
        self.model.setText(menu_text(overview.model))

    def show_team(self, name: str) -> None:
        """Show the name of a team's library."""
        self.team.setText(menu_text(name))
        self.team.show_state("")
        self.team.show()

    def show_trouble(self, text: str) -> None:
        """Show why it cannot be followed; an empty text: it can."""
        self.team.show_state(text)

    def _stop(self) -> None:
        jobs = self._jobs.shown()
        if len(jobs) == 1:
            jobs[0].cancel()
            return
        menu = QMenu(self)
        for job in jobs:
            menu.addAction(menu_text(self.tr("Stop: {}").format(job.title))).triggered.connect(
                lambda _=False, chosen=job: chosen.cancel()
            )
        menu.popup(self._cancel.mapToGlobal(self._cancel.rect().topLeft()))

    def _show_jobs(self) -> None:
        jobs = [job for job in self._jobs.shown() if not job.cancelled]
        for widget in (self._job_text, self._progress, self._cancel):
            widget.setVisible(bool(jobs))
        if not jobs:
            return
        job = jobs[0]
        more = f" (+{len(jobs) - 1})" if len(jobs) > 1 else ""
        self._job_text.setText(_described(job) + more)
        now = job.progress
        if now is not None and now.total:
            self._progress.setRange(0, 1000)
            self._progress.setValue(round(1000 * now.done / now.total))
        else:
            self._progress.setRange(0, 0)


class _TeamButton(IconButton):
    """The name of a team's library behind a dot, which is hollow while it cannot be followed."""

    def __init__(self, colours: Colours) -> None:
        self._offline = False
        super().__init__("mark-dot", "", colours)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setAutoRaise(False)

    def show_state(self, trouble: str) -> None:
        """Show why the library cannot be followed, or that it is."""
        self._offline = bool(trouble)
        said = trouble or self.tr("Connected to the team's library; click to see who is here")
        self.setToolTip(tip(said))
        self.setAccessibleName(said)
        self._paint()

    def _paint(self) -> None:
        self.setIcon(
            icon("offline", self._colours.warning)
            if self._offline
            else icon("mark-dot", self._colours.accent)
        )


def _described(job: Job) -> str:
    parts = [job.title or ""]
    now = job.progress
    if now is not None:
        total = f" / {number(now.total)}" if now.total else ""
        parts.append(f"{now.stage} {number(now.done)}{total}")
        if job.rate:
            parts.append(f"{number(round(job.rate))}/s")
        if job.left_s is not None and now.done != now.total:
            parts.append(time_left(job.left_s))
    return " · ".join(parts)
