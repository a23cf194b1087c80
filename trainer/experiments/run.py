"""Run the arms of a table, seed by seed, each kept so that a stopped table goes on."""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.paths import data_folder
from engine.progress import Progress
from trainer.experiments.full import FullData
from trainer.experiments.small import SmallData
from trainer.experiments.tables import TABLES, Arm, Row, Table

Figures = dict[str, float]


def run_experiment(options: argparse.Namespace) -> None:
    """Run one table at one scale and show it, as Markdown and as JSON in the runs' folder."""
    table = TABLES[options.name]
    folder: Path = options.runs or data_folder() / "experiments"
    folder = folder / options.scale
    folder.mkdir(parents=True, exist_ok=True)
    with options.watch() as control:
        data = (SmallData if options.scale == "small" else FullData)(options, folder, control)
        arms = list(dict.fromkeys((row.arm, row.test) for row in table.rows))
        done: dict[tuple[Arm, str], list[Figures]] = {}
        total = len(arms) * options.seeds
        for number, (arm, test) in enumerate(arms):
            for seed in range(1, options.seeds + 1):
                at = number * options.seeds + seed - 1
                control.report(Progress(f"{options.name}", at, total, arm.loss))
                figures = _kept(folder, arm, test, seed, data.signature(arm), data.figures)
                done.setdefault((arm, test), []).append(figures)
    results = [_result(row, done[row.arm, row.test], table.columns) for row in table.rows]
    document = {"table": options.name, "scale": options.scale, "protocol": data.protocol}
    path = folder / f"{options.name}.json"
    path.write_text(json.dumps({**document, "rows": results}, indent=1), encoding="utf-8")
    options.show(
        {"event": "table", "markdown": markdown(options.name, table, data.protocol, results)}
    )


def _kept(
    folder: Path,
    arm: Arm,
    test: str,
    seed: int,
    signature: str,
    measure: Callable[[Arm, str, int], Figures],
) -> Figures:
    """Return the figures of one run, measured now or before."""
    key = json.dumps([asdict(arm), test, seed, signature], sort_keys=True)
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    if path.is_file():
        kept: Figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
        return kept
    figures = measure(arm, test, seed)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"run": json.loads(key), "figures": figures}), encoding="utf-8")
    part.replace(path)
    return figures


def _result(row: Row, runs: Sequence[Figures], columns: Sequence[str]) -> dict[str, Any]:
    return {
        "row": row.name,
        "mean": {c: statistics.fmean(run[c] for run in runs) for c in columns},
        "deviation": {c: statistics.pstdev([run[c] for run in runs]) for c in columns},
        "seeds": len(runs),
        "paper": dict(zip(columns, row.paper, strict=False)),
    }


def markdown(name: str, table: Table, protocol: str, results: Sequence[dict[str, Any]]) -> str:
    """Return a table with means, deviations over seeds, and the paper's figures in brackets."""
    lines = [f"### {name}: {table.question}", "", protocol, ""]
    lines.append("| | " + " | ".join(table.columns) + " |")
    lines.append("|---" * (1 + len(table.columns)) + "|")
    for result in results:
        cells = [_cell(result, column) for column in table.columns]
        lines.append(f"| {result['row']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(result: dict[str, Any], column: str) -> str:
    is_gap = column.startswith("gap")
    scale, digits = (1.0, 3) if is_gap else (100.0, 1)
    text = f"{scale * result['mean'][column]:.{digits}f}"
    if result["seeds"] > 1:
        text += f" ± {scale * result['deviation'][column]:.{digits}f}"
    paper = result["paper"].get(column)
    return text if paper is None else f"{text} ({paper})"
