"""Tables of our own: what each choice of the paper is worth, and what the shipped models took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trainer.experiments.measure import BLENDS
from trainer.experiments.tables import (
    RETRIEVAL_PARTS,
    ZERO_SHOT,
    Arm,
    Changes,
    Row,
    Table,
    TablePart,
)
from trainer.recipes.paper import OURS, RECIPES


def _tagging(name: str) -> tuple[TablePart, ...]:
    """Return the parts of a zero-shot set: tagging, and searching by the names of classes."""
    parts = [
        TablePart(f"{name}, {protocol}", f"{name} {protocol} ", (*ZERO_SHOT, "t2a mAP"))
        for protocol in ("plain", "paper", "paper_code")
    ]
    library = [
        TablePart(f"{name}, library, λ = {b:g}", f"{name} library {b:g} ", ("t2a mAP",))
        for b in BLENDS
    ]
    return (*parts, *library)


_EVERYWHERE = (
    *(replace(part, title=f"valid, {part.title}", paper=False) for part in RETRIEVAL_PARTS),
    *_tagging("esc50"),
    *_tagging("kitchen20"),
)
_LOSSES = {
    "m-LTM": Arm(),
    "contrastive": Arm("contrastive", metric="euclidean"),
    "triplet": Arm("triplet", metric="euclidean"),
    "entropic, ε = 0.05": Arm("entropic", 0.05, "euclidean"),
    "entropic, ε = 0.5": Arm("entropic", 0.5, "euclidean"),
}


def _back(*names: str) -> Changes:
    """Return what makes these settings ours again."""
    return tuple((name, OURS[name]) for name in names)


# What is taken out of the recipe `paper`, one a row; None: only m-LTM has it.
_REMOVED: Sequence[tuple[str, Changes, bool]] = (
    ("nothing: the recipe `paper`", (), True),
    ("costs over their largest", _back("cost_scale"), False),
    ("M's random start (identity)", _back("metric_start"), False),
    ("M itself (its factor L instead)", _back("metric", "metric_start"), False),
    ("M (Euclidean)", (("metric", "euclidean"),), False),
    ("M's projection (`paper_code`)", (("metric", "paper_code"),), False),
    ("plain Adam (weights decay)", _back("optimiser", "weight_decay"), True),
    ("the constant rate (warm-up, cosine)", _back("schedule"), True),
    ("the low rate of the heads (1e-3)", _back("head_rate"), True),
    ("clipping", _back("clip"), True),
    ("dropout", (("dropout", 0.0),), True),
    ("the last weights (their average)", _back("average"), True),
    ("features without noise", _back("feature_noise"), True),
    ("features as they are (standardised)", _back("standardise"), True),
    ("everything: the recipe `ours`, over as many steps", tuple(RECIPES["ours"].items()), True),
)


def _removal() -> list[Row]:
    rows = []
    for loss in ("m-LTM", "contrastive"):
        for name, changes, in_both in _REMOVED:
            if loss == "m-LTM" or in_both:
                arm = replace(_LOSSES[loss], recipe="paper", changes=changes)
                rows.append(Row(f"{loss}, without {name}", arm))
        arm = replace(_LOSSES[loss], recipe="paper", captions="only")
        rows.append(Row(f"{loss}, without labels (captions only)", arm))
        arm = replace(_LOSSES[loss], recipe="paper", captions="none")
        rows.append(Row(f"{loss}, without captions (labels only)", arm))
    return rows


OWN_TABLES = {
    "losses": Table(
        "losses under every protocol, on valid and on both zero-shot sets",
        _EVERYWHERE,
        [Row(name, arm) for name, arm in _LOSSES.items()],
    ),
    "removal": Table(
        "the recipe `paper` without one of its choices",
        _EVERYWHERE,
        _removal(),
    ),
    "pool": Table(
        "sounds without labels, which captions are paired with",
        _EVERYWHERE,
        [Row("labelled sounds alone", Arm()), Row("and the pool", Arm(pool=True))],
    ),
}
