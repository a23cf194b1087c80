"""Run the arms of a table, seed by seed, each kept so that a stopped table goes on."""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.paths import data_folder
from engine.progress import Progress
from trainer.experiments.full import FullData
from trainer.experiments.kept import digest
from trainer.experiments.measure import ERROR, Figures
from trainer.experiments.own_tables import OWN_TABLES
from trainer.experiments.sheet import SHEETS, run_sheet
from trainer.experiments.small import SmallData
from trainer.experiments.tables import TABLES, Arm, Row, Table, TablePart

_ERRORS = (
    "After each mean stand the standard error over seeds (how much another start would change "
    "it) and that of the test sample (how much other clips would; clips of one recording count "
    "as one); of a single seed the latter alone. λ of the library's ranking was chosen on no "
    "data: both are printed."
)
_MEASURED = 2  # raise it when figures are measured otherwise: kept ones are then no good


def run_experiment(options: argparse.Namespace) -> None:
    """Run one table at one scale and show it, as Markdown and as JSON in the runs' folder."""
    folder: Path = options.runs or data_folder() / "experiments"
    folder = folder / options.scale
    folder.mkdir(parents=True, exist_ok=True)
    with options.watch() as control:
        data = (SmallData if options.scale == "small" else FullData)(options, folder, control)
        if options.name in SHEETS:
            options.show({"event": "table", "markdown": run_sheet(options.name, data, folder)})
            return
        table = {**TABLES, **OWN_TABLES}[options.name]
        rows = [row for row in table.rows_at(options.scale) if data.can_train(row.arm)]
        if len(rows) < 2:
            raise InputError(f"{options.name} has no rows to compare at --scale {options.scale}")
        arms = list(dict.fromkeys((row.arm, row.test) for row in rows))
        if isinstance(data, FullData):
            data.check(arms)
        done: dict[tuple[Arm, str], list[Figures]] = {}
        total = len(arms) * options.seeds
        for number, (arm, test) in enumerate(arms):
            for seed in range(1, options.seeds + 1):
                at = number * options.seeds + seed - 1
                control.report(Progress(f"{options.name}", at, total, arm.loss))
                figures = _kept(folder, arm, test, seed, data.signature(arm), data.figures)
                done.setdefault((arm, test), []).append(figures)
    results = [_result(row, done[row.arm, row.test], table.parts) for row in rows]
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
    key = {"arm": asdict(arm), "test": test, "seed": seed, "signature": signature}
    key["measured"] = _MEASURED
    path = folder / f"{digest(key)}.json"
    if path.is_file():
        kept: Figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
        return kept
    figures = measure(arm, test, seed)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"run": key, "figures": figures}), encoding="utf-8")
    part.replace(path)
    return figures


def _result(row: Row, runs: Sequence[Figures], parts: Sequence[TablePart]) -> dict[str, Any]:
    """Return every figure's mean and its standard errors over seeds and of the test sample."""
    names = [name for name in runs[0] if not name.startswith(ERROR)]
    errors = {name: [run.get(ERROR + name, math.nan) for run in runs] for name in names}
    beside = [part for part in parts if part.paper]
    return {
        "row": row.name,
        "seeds": len(runs),
        "mean": {name: statistics.fmean(run[name] for run in runs) for name in names},
        "error_over_seeds": {name: _over_seeds([run[name] for run in runs]) for name in names},
        "error_of_sample": {
            name: statistics.fmean(values)
            for name, values in errors.items()
            if not any(map(math.isnan, values))
        },
        "paper": {
            part.start + column: figure
            for part in beside
            for column, figure in zip(part.columns, row.paper, strict=False)
        },
    }


def _over_seeds(values: Sequence[float]) -> float | None:
    """Return the standard error of a mean over runs; None of a single one."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


def markdown(name: str, table: Table, protocol: str, results: Sequence[dict[str, Any]]) -> str:
    """Return a table: a part for each protocol, the paper's figures in brackets in its own."""
    lines = [f"### {name}: {table.question}", "", protocol, "", _ERRORS]
    for part in table.parts:
        lines += ["", f"| {part.title} | " + " | ".join(part.columns) + " |"]
        lines.append("|---" * (1 + len(part.columns)) + "|")
        for result in results:
            cells = [_cell(result, part.start + column) for column in part.columns]
            lines.append(f"| {result['row']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(result: dict[str, Any], name: str) -> str:
    if name not in result["mean"]:
        return "–"
    scale, digits = (1.0, 3) if name.startswith("gap") else (100.0, 1)
    text = f"{scale * result['mean'][name]:.{digits}f}"
    for error in (result["error_over_seeds"][name], result["error_of_sample"].get(name)):
        if error is not None:
            text += f" ± {scale * error:.{digits}f}"
    paper = result["paper"].get(name)
    return text if paper is None else f"{text} ({paper})"
