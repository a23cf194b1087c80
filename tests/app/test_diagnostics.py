"""What can be sent with a report tells nothing of a user's files, unless it should."""

from app.diagnostics import gather, without_names
from engine.log import log_end, logger, named, start_log, stop_log
from engine.store import Library

_log = logger("app.of_a_test")
SECRETS = ("secret", "projekt", "/home", "C:")


def told() -> tuple[str, str]:
    stop_log()
    facts = gather(None, None, ["the loudspeaker"])
    return facts.text(names=False), facts.text(names=True)


def test_names_are_left_out_wherever_they_stand_in_the_log(own_home):
    start_log()
    _log.warning("%s is lost", named("/home/me/secret › projekt.wav"))
    try:
        raise ValueError("/home/me/secret.wav: no projekt\n  line 2 of the secret\n    File secret")
    except ValueError as error:
        _log.error("a defect was met", exc_info=error)
    said = b'secret\nTraceback (most recent call last):\n  File "C:\\projekt\\app\\x.py", line 7, '
    log_end(_log, "the child", 1, said + b"in run\n    open(secret)\nOSError: secret\n")
    short, whole = told()
    assert not [secret for secret in SECRETS if secret in short]
    assert all(secret in whole for secret in SECRETS)
    for kept in ("‹…› is lost", "ValueError", "OSError", "the child ended with code 1", "line 7"):
        assert kept in short
    assert 'File "app\\x.py", line 7, in run' in short
    assert "the loudspeaker" in short and "it is not open" in short


def test_places_of_native_crashes_stay(own_home):
    lines = [
        "2026 ERROR 1 app: the indexing process ended with code -11; it wrote:",
        "    Fatal Python error: Segmentation fault",
        '      File "/home/me/venv/lib/python3.11/site-packages/av/x.py", line 5 in open',
        "    Thread 0x00007f83f921d6c0 (most recent call first):",
        '      File "<frozen runpy>", line 88 in _run_code',
        '      File "/home/me/secret.py", line 6 in <module>',
    ]
    assert without_names(lines)[1:] == [
        lines[1],
        '      File "python3.11/site-packages/av/x.py", line 5 in open',
        lines[3],
        lines[4],
        '      File "‹…›", line 6 in <module>',
    ]


def test_a_library_is_told_by_its_counts(own_home, tmp_path, model_folder):
    with Library(tmp_path / "secret.db") as library:
        facts = gather(library, model_folder, [])
    assert "sounds 0" in facts.text(names=False) and "model random" in facts.text(names=False)
    assert "secret" not in facts.text(names=False) and "secret.db" in facts.text(names=True)
    assert facts.text(names=False).endswith("Log:\nnothing was logged")
