"""Samples that are read for the waveform belong to the sound that is shown."""

from app.gui.kit.jobs import Jobs


def test_samples_that_come_late_are_not_drawn_for_another_sound(window, qtbot, monkeypatch):
    controller, waveform = window.player_controller, window.panel.waveform
    controller.auto_play = False
    window.results.choose(0)
    qtbot.waitUntil(lambda: controller.sound is not None)
    first = controller.sound
    put, read = [], []
    start = Jobs.start

    def hold(self, lane, work, done=lambda found: None, *args, **named):
        if named.get("newest") == "detail":
            put.append(done)
            read.append(work)
            return None
        return start(self, lane, work, done, *args, **named)

    monkeypatch.setattr(Jobs, "start", hold)
    controller._read_detail(0.0, 0.1)
    late = put[-1], read[-1](None)
    late[0](late[1])
    assert waveform._drawn.detail is late[1], "it is drawn while its sound is shown"
    window.results.choose(1)
    qtbot.waitUntil(lambda: controller.sound is not None and controller.sound.id != first.id)
    late[0](late[1])
    assert waveform._drawn.detail is not late[1]
