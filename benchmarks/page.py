"""Figures for people: docs/benchmarks.md, the tables of the README and of the models' cards.

All of it is made of benchmarks/results, so that no figure is copied by hand.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

from benchmarks.highlights import CARDS, card, fast, good
from benchmarks.report import RESULTS, Result, read_result, table, told
from benchmarks.sections import GROUPS, Section

ROOT = Path(__file__).parents[1]
PAGE = "docs/benchmarks.md"
HEAD = """# Benchmarks

Every figure of ours, with the command that prints it, its data and protocol, and the machine.
`python -m benchmarks` writes this page out of `benchmarks/results/`, into which each benchmark
writes when it is run: do not edit it. `NAME` in a command is that of a model (`default`,
`default-mn04`).

Run them from a checkout (`make setup`, `source .venv/bin/activate`) on a machine that does nothing
else. Speeds are of one virtual machine and say how things compare there; yours will differ. What
needs the project's data folder (`SOUNDSIFT_DATA`, see [training](training.md)) is marked *data*:

- `esc50_dev`, 411 clips of 22 ESC-50 classes, and `kitchen20_dev`, 516 clips of 20 household
  classes: nothing was trained on them.
- `valid`, 412 clips under 285 labels: other recordings than those of training; λ and the strength
  were chosen on them.
- `train` and `train2`: what the shipped models learned on.
"""


def page(folder: Path = RESULTS) -> str:
    """Return docs/benchmarks.md; sections without a result are left out."""
    parts = [HEAD]
    for group, sections in GROUPS.items():
        shown = [text for section in sections if (text := _section(section, folder))]
        parts += [f"## {group}\n", *shown] if shown else []
    return "\n".join(parts)


def names_of(section: Section, folder: Path) -> list[str]:
    """Return the results of a section that are there."""
    found = [path.stem for name in section.results for path in sorted(folder.glob(f"{name}.json"))]
    return list(dict.fromkeys(found))


def _section(section: Section, folder: Path) -> str:
    names = names_of(section, folder)
    if not names:
        return ""
    parts = [f"### {section.question}\n", f"{_wrapped(section.about)}\n"]
    parts += [f"    {command}" for command in section.commands]
    for name in names:
        result = read_result(name, folder)
        rows = [row for row in result.rows if section.shows(row)]
        left = len(result.rows) - len(rows)
        parts.append(f"\n**{result.question}** (`{name}.json`)\n")
        parts.append(table(rows, section.columns))
        parts.append(f"\nMeasured {_when_and_where(result)}.")
        if left:
            parts[-1] += f" {left} further rows are in the file."
    return "\n".join(parts) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)


def _when_and_where(result: Result) -> str:
    when = f"{result.measured} " if result.measured else ""
    return f"{when}on {told(result.machine)}, {result.machine['system']}"


def written(root: Path = ROOT, folder: Path = RESULTS) -> dict[str, str]:
    """Return what the page and every file with figures in it should hold, by path."""
    files = {PAGE: page(folder)}
    readme = (root / "README.md").read_text(encoding="utf-8")
    readme = between(readme, "good", good(folder))
    files["README.md"] = between(readme, "fast", fast(folder))
    for model in CARDS:
        path = f"assets/models/{model}/README.md"
        text = (root / path).read_text(encoding="utf-8")
        files[path] = instead_of_table(text, "| figure |", card(model, folder))
    return files


def between(text: str, name: str, middle: str) -> str:
    """Put ``middle`` between the markers ``<!-- name -->`` and ``<!-- /name -->``.

    :raises LookupError: they do not stand there once.
    """
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    found, times = pattern.subn(lambda match: match[1] + middle + "\n" + match[2], text)
    if times != 1:
        raise LookupError(f"the markers of {name} stand {times} times in the text, not once")
    return found


def instead_of_table(text: str, head: str, new: str) -> str:
    """Put ``new`` in the place of the table whose first line begins with ``head``."""
    lines = text.split("\n")
    first = next(number for number, line in enumerate(lines) if line.startswith(head))
    rest = next(n for n in range(first, len(lines) + 1) if not lines[n : n + 1] or not lines[n])
    return "\n".join([*lines[:first], new, *lines[rest:]])


def write(root: Path = ROOT, tell: Callable[[str], None] = print) -> None:
    """Write what has changed."""
    for path, text in written(root).items():
        file = root / path
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            tell(f"{path} is written")
        else:
            tell(f"{path} is as it should be")
