"""``soundsift``: the front door.  Everything heavy is imported only by the command in need."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from app.terminal import guarded, tell
from engine.errors import SoundsiftError
from engine.plain_text import one_line
from engine.progress import STOPPED, Cancelled

_GRAMMAR = 'words, "exact words", -word, OR, word*, and filters like dur:<2s in:"Boom Library"'
EXAMPLES = """\
examples:
  soundsift index ~/Sounds
  soundsift search "heavy wooden door creaking"
  soundsift search 'door OR gate -wood dur:<2s sr:>=96k'
  soundsift similar door.wav --start 1.5 --end 3
  soundsift tag ~/Sounds/New --write --rename --creator ABC --source Lib --dry-run

exit codes:
  0    it is done; single files that could not be used are listed
  1    it is not: one sentence on standard error says why
  2    wrong usage
  130  stopped by Ctrl-C; what was done is kept
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 for success, 1 for a problem, 2 for wrong usage, 130 if stopped."""
    with guarded():
        return _run(list(sys.argv[1:] if arguments is None else arguments))


def _run(given: list[str]) -> int:
    try:
        if given[:1] == ["--verbose"] and given[1:2] in (["train"], ["experiment"]):
            given = [given[1], "--verbose", *given[2:]]
        if given[:1] in (["train"], ["experiment"]):
            from app.training import train

            return train(given[1:] if given[0] == "train" else given)
        options = make_parser().parse_args(given)
        from engine.log import start_log

        start_log(options.verbose)
        if not hasattr(options, "run"):
            return open_window(None)
        options.run(options)
        sys.stdout.flush()
    except (Cancelled, KeyboardInterrupt):
        tell("stopped: what was done is kept")
        return STOPPED
    except SoundsiftError as error:
        tell(f"error: {error}")
        return 1
    except BrokenPipeError:  # the reader of our output has gone, like `| head`
        _drop_output()
        return 1
    except OSError as error:  # the outermost net, below those who know what they were doing
        _drop_output()
        what = f"{error.filename}: " if error.filename else ""
        tell(f"error: {what}{error.strerror or error}")
        return 1
    except Exception as error:
        return _tell_defect(error)
    return 0


def _tell_defect(error: Exception) -> int:
    from engine.log import log_defect, logger

    log = log_defect(logger("app.cli"), error)
    tell(f"error: Soundsift made a mistake ({type(error).__name__}: {error}): please send us {log}")
    return 1


def _drop_output() -> None:
    """Let what is not written yet go nowhere, so that nothing tries to write it in the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """A parser that repeats what it was given as one visible line; ``*`` gives names of files."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and exit with 2."""
        super().error(one_line(message))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="soundsift",
        description="Find sounds by what they sound like.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("soundsift"))
    said = "say on standard error what is done, and how long it takes"
    parser.add_argument("--verbose", action="store_true", help=said)
    common = _Parser(add_help=False)
    common.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS, help=said)
    common.add_argument("--library", type=Path, metavar="FILE", help="the library database")
    common.add_argument("--json", action="store_true", help="print one JSON document")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary, parents=[common])
        made.set_defaults(run=_lazily(name))
        return made

    index = command("index", "listen to folders of sounds and keep what was heard")
    index.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    index.add_argument("--model", help="name or folder (default: the library's, or the best)")
    index.add_argument("--watch", action="store_true", help="go on, and keep up with changes")
    search = command("search", "find sounds by a description")
    search.add_argument("text", nargs="+", metavar="TEXT", help=_GRAMMAR)
    search.add_argument("--names", action="store_true", help="search words only, not sounds")
    similar = command("similar", "find sounds like a file, a part of it, or several files")
    similar.add_argument("files", type=Path, nargs="+", metavar="FILE")
    similar.add_argument("--start", type=float, metavar="S", help="where the part begins, in s")
    similar.add_argument("--end", type=float, metavar="S", help="where the part ends, in s")
    similar.add_argument("--plus", default="", metavar="TEXT", help="but more like this")
    similar.add_argument("--minus", default="", metavar="TEXT", help="but less like this")
    for found in (search, similar):
        found.add_argument("-n", type=_positive, default=20, dest="limit", help="how many results")
    demo = command("demo", "make the demo sounds, to have something to search")
    demo.add_argument("folder", type=Path, nargs="?", help="where (default: with the library)")
    _add_cues(command("cues", "find a different clip for every line of a cue sheet"))
    duplicates = command("duplicates", "list files that hold the same sound")
    which = duplicates.add_mutually_exclusive_group()
    which.add_argument("--exact", action="store_true", help="only files equal byte by byte")
    which.add_argument("--alike", action="store_true", help="also what only sounds alike, last")
    export = command("export", "write a table of sounds: CSV, JSON, or for Soundminer and BaseHead")
    export.add_argument("file", type=Path, metavar="FILE", help="ends in .csv, .json, .txt or .tsv")
    export.add_argument("text", nargs="*", metavar="TEXT", help=f"which ones: {_GRAMMAR}")
    _add_tag(command("tag", "suggest tags; accept them, write them into files, rename files"))
    relink = command("relink", "tell the library that a folder moved")
    relink.add_argument("old", type=Path, metavar="OLD")
    relink.add_argument("new", type=Path, metavar="NEW")
    command("window", "open the window (as soundsift does without a command)")
    command("status", "count what is in the library")
    _add_repair(command("repair", "check the library, and save what can be saved of it"))
    command("skipped", "list the files that could not be heard, or in part only, and why")
    _add_models(command("models", "list, show, get and use models"))
    _add_evaluate(command("evaluate", "measure a model on a manifest of sounds"))
    commands.add_parser("train", help="train models (see `soundsift train --help`)")
    commands.add_parser("experiment", help="repeat a table of the paper")
    return parser


def _add_tag(tag: argparse.ArgumentParser) -> None:
    tag.add_argument("paths", type=Path, nargs="*", metavar="PATH", help="files or folders")
    tag.add_argument(
        "--taxonomy",
        default="ucs",
        metavar="ucs|audioset|FILE",
        help="labels: UCS categories, AudioSet classes, or a CSV or text of your own (ucs)",
    )
    tag.add_argument("--apply", action="store_true", help="accept sure suggestions in the library")
    tag.add_argument("--write", action="store_true", help="and write accepted tags into the files")
    tag.add_argument("--rename", action="store_true", help="and rename the files by --pattern")
    tag.add_argument("--dry-run", action="store_true", help="show what would be done, and do not")
    tag.add_argument("--undo", action="store_true", help="take back what the latest run did")
    tag.add_argument("--audit", action="store_true", help="find files whose names seem wrong")
    for name, default, meaning in (("least", 0.3, "shown"), ("accept", 0.5, "accepted")):
        tag.add_argument(
            f"--{name}",
            type=_probability,
            default=default,
            metavar="P",
            help=f"least probability that is {meaning} ({default})",
        )
    tag.add_argument("--most", type=_positive, default=5, help="labels of one sound (5)")
    tag.add_argument("--per-clip", action="store_true", help="look at every sound by itself")
    tag.add_argument("--no-words", action="store_true", help="names and headers do not count")
    tag.add_argument("--keep-time", action="store_true", help="leave times of change as they are")
    tag.add_argument(
        "--pattern",
        default="{catid}_{fxname}_{creator}_{source}[_{user}]",
        help="of new names; parts in brackets are left out where empty",
    )
    for name, meaning in (
        ("creator", "who made the sounds"),
        ("source", "what they belong to"),
        ("user", "further data"),
    ):
        tag.add_argument(f"--{name}", default="", metavar="ID", help=f"in new names: {meaning}")


def _add_repair(repair: argparse.ArgumentParser) -> None:
    repair.add_argument("--restore", action="store_true", help="take the newest good copy")
    repair.add_argument(
        "--dry-run", action="store_true", help="show what would be done, and do not"
    )


def _add_cues(cues: argparse.ArgumentParser) -> None:
    cues.add_argument("sheet", type=Path, metavar="SHEET.csv", help="one description a line")
    cues.add_argument("--alternates", type=_positive, default=1, help="clips for each line")
    cues.add_argument(
        "--per-file", type=_positive, default=1, help="clips that one file may give in all"
    )


def _add_models(models: argparse.ArgumentParser) -> None:
    models.add_argument("action", nargs="?", choices=("list", "show", "get", "use"), default="list")
    models.add_argument("name", nargs="?", help="the model's name or folder")
    models.add_argument(
        "--from", type=Path, dest="source", metavar="FILE", help="get: a file already downloaded"
    )


def _add_evaluate(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("protocol", choices=("zero-shot", "retrieval"))
    evaluate.add_argument("manifest", type=Path, metavar="MANIFEST.csv")
    evaluate.add_argument("--model", help="name or folder (default: the best there is)")
    evaluate.add_argument(
        "--blend", type=float, help="retrieval: how much of the potential counts, 0 to 1"
    )


def open_window(library: Path | None) -> int:
    """Open the window; where Qt cannot, say what is missing."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
        raise SoundsiftError(
            "there is no screen for the window: start it from a desktop, or use the commands "
            "(soundsift --help)"
        )
    try:
        from app.gui.main import run
    except ImportError as error:
        raise SoundsiftError(
            f"the window cannot open ({error}): install Qt's system libraries, see the README; "
            "the commands work without it: soundsift --help"
        ) from None
    return run(library)


def _lazily(name: str) -> Callable[[argparse.Namespace], None]:
    """Return a function that imports the command only when it is run."""

    def run(options: argparse.Namespace) -> None:
        from app import commands

        getattr(commands, name)(options)

    return run


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _probability(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
