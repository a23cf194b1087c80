"""The few figures that README and models' cards show, taken out of the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.report import read_result, result_name, table, told

CARDS = ("default", "default-mn04")


def good(folder: Path) -> str:
    """Return the README's table of how well both models do."""
    quality = read_result("quality", folder)

    def of_set(model: str, columns: str, **wanted: Any) -> str:
        return _shares(quality.only(model=model, **wanted), columns)

    def kept(name: str, model: str, columns: str, **wanted: Any) -> str:
        result = read_result(result_name(name, model), folder)
        return _shares(result.only(**wanted), columns)

    rows = []
    for what, module, cell in (
        (
            "which of 22 ESC-50 classes, 411 clips: first right / among five",
            "quality",
            lambda m: of_set(m, "R@1, R@5", set="esc50_dev", protocol="per clip"),
        ),
        (
            "which of 20 household classes, 516 clips: the same",
            "quality",
            lambda m: of_set(m, "R@1, R@5", set="kitchen20_dev", protocol="per clip"),
        ),
        (
            "the same of other recordings, once the tags of a fifth were accepted",
            "tagging.taught",
            lambda m: kept(
                "tag_taught",
                m,
                "top 1, top 5",
                sounds="kitchen20_dev",
                tags="names of classes",
                recordings_told="20%",
            ),
        ),
        (
            "find one of 412 clips by its label: first / among ten",
            "quality",
            lambda m: of_set(
                m, "R@1, R@10", set="valid", protocol="library", direction="text→audio"
            ),
        ),
        (
            "99 searches as people type them, 7,145 sounds, half of them named: right among "
            "ten / first right",
            "intentions",
            lambda m: kept(
                "intentions", m, "P@10, first right", queries="report", search_by="both"
            ),
        ),
        (
            "which of 752 UCS categories, 301 clips, by sound alone: first / among five",
            "tagging.ucs",
            lambda m: kept("tag_ucs", m, "top 1, top 5", file_names="hidden", by="sound"),
        ),
        (
            "the same by sound and file name",
            "tagging.ucs",
            lambda m: kept(
                "tag_ucs", m, "top 1, top 5", file_names="as they are", by="sound and names"
            ),
        ),
        (
            "names exchanged in pairs: found / rightly accused",
            "tagging.audit",
            lambda m: kept(
                "tag_audit", m, "recall, precision", a_tenth_of_the_names="exchanged in pairs"
            ),
        ),
    ):
        row = {"what is asked": what} | {f"`{model}`": cell(model) for model in CARDS}
        rows.append(row | {"command": f"`python -m benchmarks.{module}`"})
    return table(rows)


def fast(folder: Path) -> str:
    """Return the README's table of speeds, and on what they were measured."""
    results = {
        name: read_result(name, folder)
        for name in ("indexing", "scale", "searching", "gui_first_paint", "gui_typing", "tag_speed")
    }
    indexing, scale = results["indexing"], results["scale"]
    heard = indexing.only(what="400 ogg files of 5 s, default")["audio s per s"]
    clap = indexing.only(what="the same ogg files, CLAP HTSAT, decoding included")["audio s per s"]
    headers = indexing.only(what="headers of 5000 WAV files")["files per s"]
    again = indexing.only(what="5000 unchanged files, again")["s"]
    searches = [
        scale.only(windows=windows, what="search, whole")["median ms"]
        for windows in (100_000, 1_000_000)
    ]
    vectors = scale.only(windows=10_000_000, what="text and scan")["median ms"]
    cold = results["searching"].only(search="by sound and words")["median s"]
    paint = results["gui_first_paint"].only(sounds=100_000)["first paint s, median"]
    (typed,) = results["gui_typing"].rows
    tagged = results["tag_speed"].only(how="sound, folder and names")["sounds a second"]
    rows = [
        _speed(
            "listen to new sounds",
            f"{heard:.0f} s of audio a second, {heard / clap:.0f} times as much as CLAP's HTSAT",
            "indexing",
        ),
        _speed("read their names and headers", f"{headers:,.0f} files a second", "indexing"),
        _speed("index 5,000 unchanged files again", f"{again:.2f} s", "indexing"),
        _speed(
            "search 100,000 / 1,000,000 sounds, model loaded; 10,000,000 vectors",
            f"{searches[0]:.0f} / {searches[1]:.0f} ms; {vectors:.0f} ms",
            "scale",
        ),
        _speed("one search from the terminal, model loaded anew", f"{cold:.1f} s", "searching"),
        _speed("window: first paint, 100,000 sounds", f"{paint:.1f} s", "gui.first_paint"),
        _speed("window: key to first result", f"{typed['median ms']:.0f} ms", "gui.typing"),
        _speed("tag indexed sounds with UCS", f"{tagged:,.0f} sounds a second", "tagging.speed"),
    ]
    return table(rows) + f"\n\nMeasured on {machines(results.values())}, with `default`."


def _speed(what: str, figure: str, module: str) -> dict[str, str]:
    return {"what": what, "measured": figure, "command": f"`python -m benchmarks.{module}`"}


def machines(results: Any) -> str:
    """Return the machines of some results in words, each once."""
    return " or ".join(dict.fromkeys(told(result.machine) for result in results))


def card(model: str, folder: Path) -> str:
    """Return the table of figures of a model's card."""
    quality = read_result("quality", folder)
    rows = []
    for figure, command, columns, wanted in _CARD:
        found = quality.only(model=model, **wanted)
        rows.append({"figure": figure, "command": command, f"`{model}`": _shares(found, columns)})
    return table(rows)


def _valid(direction: str, protocol: str) -> tuple[str, str, str, dict[str, str]]:
    wanted = {"set": "valid", "direction": direction, "protocol": protocol}
    title = f"valid, {direction}, {protocol}: R@1 / R@10 / mAP@10"
    return title, "B", "R@1, R@10, mAP@10", wanted


_ESC50 = {"set": "esc50_dev", "protocol": "per clip"}
_KITCHEN = {"set": "kitchen20_dev", "protocol": "per clip"}
_DEMO = {"set": "demo", "direction": "text→audio", "protocol": "bank"}
_PLAIN = _valid("text→audio", "plain")
_CARD = (
    ("zero-shot, 22 classes, per clip: R@1 / R@5 / mAP", "A", "R@1, R@5, mAP", _ESC50),
    ("the same, protocol of the paper", "A", "R@1, R@5, mAP", _ESC50 | {"protocol": "paper"}),
    (
        "zero-shot, 20 classes of household sounds (kitchen20_dev), per clip: R@1 / R@5 / mAP",
        "A",
        "R@1, R@5, mAP",
        _KITCHEN,
    ),
    _PLAIN,
    _valid("text→audio", "bank"),
    _valid("text→audio", "library"),
    _valid("text→audio", "paper"),
    _valid("audio→text", "plain"),
    ("modality gap of the embeddings on valid", "B", "modality gap", _PLAIN[3]),
    ("demo sounds, text→audio, bank: R@1 / R@5", "C", "R@1, R@5", _DEMO),
)


def _shares(row: dict[str, Any], columns: str) -> str:
    return " / ".join(f"{row[column]:.3f}" for column in columns.split(", "))
