"""Print a table, say the machine, and write both as JSON; read it again.

``python -m benchmarks`` makes docs/benchmarks.md and the tables of the README out of the JSON.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Result:
    """What a benchmark wrote."""

    name: str
    question: str
    machine: dict[str, Any]
    measured: str
    rows: list[dict[str, Any]]

    def only(self, **wanted: Any) -> dict[str, Any]:
        """Return the row whose columns (``_`` for a blank) are these.

        :raises LookupError: none is, or several are.
        """
        named = {column.replace("_", " "): value for column, value in wanted.items()}
        found = [row for row in self.rows if named.items() <= row.items()]
        if len(found) != 1:
            raise LookupError(f"{self.name}.json has {len(found)} rows of {named}, not one")
        return found[0]


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    found = {"cpu": model, "cores": os.cpu_count(), "system": platform.platform(terse=True)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():  # only then a GPU had a part in it
        found["device"] = torch.cuda.get_device_name()
    return found


def result_name(name: str, model: str) -> str:
    """Return under which name results are kept; those of other models than `default` apart."""
    return name if model == "default" else f"{name}_{model}"


def report(name: str, question: str, rows: list[dict[str, Any]], keep: bool = True) -> None:
    """Print ``rows`` under the question.

    :param keep: also write ``benchmarks/results/<name>.json``.
    """
    print(question)
    columns = list(rows[0])
    cells = [[plain(row[column]) for column in columns] for row in rows]
    widths = [max(len(c), *(len(r[i]) for r in cells)) for i, c in enumerate(columns)]
    for line in ([*columns], *cells):
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))
    here = machine()
    print(f"on {told(here)}")
    if not keep:
        return
    RESULTS.mkdir(exist_ok=True)
    today = datetime.now(UTC).date().isoformat()
    document = {"question": question, "measured": today, "machine": here, "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def read_result(name: str, folder: Path) -> Result:
    """Read ``folder/<name>.json``."""
    read = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return Result(name, read["question"], read["machine"], read.get("measured", ""), read["rows"])


def table(rows: list[dict[str, Any]], columns: Iterable[str] = ()) -> str:
    """Return rows as a Markdown table; of all columns unless some are named."""
    chosen = list(columns) or list(rows[0])
    lines = [chosen, ["---"] * len(chosen)]
    lines += [[plain(row[column]) for column in chosen] for row in rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def told(machine: dict[str, Any]) -> str:
    """Return a machine in words."""
    device = f" and {machine['device']}" if machine.get("device") else ""
    return f"{machine['cores']} cores of {machine['cpu']}{device}"


def plain(value: Any) -> str:
    """Return a cell of a table: four digits that count, thousands apart."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}"
    return str(value)
