"""What was handed over is marked as used, and handing over never suffers from it."""

from pathlib import Path

import pytest
from sqlalchemy import text

from engine.handover.known import named_orders
from engine.handover.order import Order
from engine.handover.transfer import Transfer, transfer
from engine.handover.used import note_handed, project_of
from engine.progress import Cancelled, Control
from engine.store import Library
from engine.store.history import steps
from engine.store.places import sound_at
from engine.store.uses import uses_of
from tests.conftest import accept_tags


def test_uses_by_handing_over_are_no_steps_to_undo(indexed, ids):
    assert note_handed(indexed, ids[:2], "/reels/3", "Reel 3")
    (use,) = uses_of(indexed, ids[0])
    assert (use.project, use.target) == ("Reel 3", "/reels/3") and not steps(indexed)
    assert not note_handed(indexed, [], "/reels/3")


def test_a_library_that_cannot_be_written_to_does_not_fail_what_has_left(indexed, ids):
    with indexed.writing() as connection:
        connection.execute(text("DROP TABLE uses"))
    assert not note_handed(indexed, ids, "REAPER")


def test_only_new_copies_are_told_even_of_a_transfer_that_is_stopped(indexed, ids, tmp_path):
    copied: list[int] = []
    stop = Control(cancel=lambda: len(copied) == 2)
    with pytest.raises(Cancelled):
        transfer(indexed, ids, Transfer(tmp_path / "out"), stop, copied.append)
    assert copied == ids[:2]
    transfer(indexed, ids, Transfer(tmp_path / "out"), Control(), copied.append)
    assert copied == ids


def test_what_nobody_named_is_called_after_its_folder():
    assert project_of(Path("/reels/Reel 3")) == "Reel 3"
    assert project_of(Path("/reels/Reel 3"), " Mine ") == "Mine"


def test_orders_are_named_by_what_the_library_knows(indexed, ids, sounds, tmp_path):
    path = sounds / "tones/Sound_03.wav"
    accept_tags(indexed, [(sound_at(indexed, str(path)), "DOORWood")])
    own = {"project": "Mine", "number": "07"}
    tagged = Order(path, pattern="{project}_{catid}_{library}_{number}", fields=own)
    plain, strange = Order(path), Order(tmp_path / "x.wav", pattern="{catid}{name}")
    named = named_orders(indexed, [tagged, plain, strange])
    assert named[0].fields["catid"] == "DOORWood" and named[0].fields["library"] == sounds.name
    assert own.items() <= named[0].fields.items()
    assert named[1:] == [plain, strange]


def test_a_library_is_not_asked_for_what_names_do_not_hold(sounds):
    closed: Library = None  # type: ignore[assignment]
    assert named_orders(closed, [Order(sounds / "tones/Sound_03.wav")])[0].fields == {}
