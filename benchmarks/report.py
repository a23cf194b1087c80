"""Print a table, say the machine, and write both as JSON."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.platform(terse=True)}


def report(name: str, question: str, rows: list[dict[str, Any]], keep: bool = True) -> None:
    """Print ``rows`` under the question.

    :param keep: also write ``benchmarks/results/<name>.json``.
    """
    print(question)
    columns = list(rows[0])
    cells = [[_plain(row[column]) for column in columns] for row in rows]
    widths = [max(len(c), *(len(r[i]) for r in cells)) for i, c in enumerate(columns)]
    for line in ([*columns], *cells):
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))
    here = machine()
    print(f"on {here['cores']} cores of {here['cpu']}")
    if not keep:
        return
    RESULTS.mkdir(exist_ok=True)
    document = {"question": question, "machine": here, "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
