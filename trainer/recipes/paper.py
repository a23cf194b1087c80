"""The paper's setting as a named recipe, and what every recipe must say.

A recipe is what the options of ``soundsift train fit`` are where nobody says otherwise; names
are those of the options.  :data:`OURS` is what we train with, :data:`PAPER` the paper's
appendix A.1, :data:`PAPER_CODE` the same with the metric that its published code has in fact.
Where each of PAPER's numbers comes from, and what is not known, stands in docs/experiments.md.
"""

from __future__ import annotations

from typing import Any

OURS: dict[str, Any] = {
    "optimiser": "adamw",
    "weight_decay": 0.01,
    "schedule": "cosine",
    "head_rate": 1e-3,
    "metric_rate": 1e-4,
    "text_rate": 2e-5,
    "audio_rate": 2e-5,
    "batch": 256,
    "epochs": 30.0,
    "patience": 5,
    "clip": 0.0,
    "average": 0.995,
    "dropout": 0.2,
    "feature_noise": 0.3,
    "standardise": True,
    "metric": "full",
    "metric_start": "identity",
    "cost_scale": "fixed",
    "dimensions": 256,
    "pooling": "mean",
    "discarded_layers": 1,
    "tower_training": False,
    "augment": True,
    "longest": 10.0,
    "float32": False,
}
PAPER: dict[str, Any] = {
    "optimiser": "adam",
    "weight_decay": 0.0,
    "schedule": "constant",
    "head_rate": 1e-4,
    "metric_rate": 1e-4,
    "text_rate": 1e-4,
    "audio_rate": 1e-4,
    "batch": 256,
    "epochs": 30.0,
    "patience": 0,
    "clip": 2.0,
    "average": 0.0,
    "dropout": 0.2,
    "feature_noise": 0.0,
    "standardise": False,
    "metric": "projected",
    "metric_start": "symmetric",
    "cost_scale": "batch_max",
    "dimensions": 1024,
    "pooling": "first",
    "discarded_layers": 2,
    "tower_training": True,
    "augment": False,
    "longest": 30.0,  # Clotho's longest; AudioCaps has 10 s
    "float32": True,
}
PAPER_CODE: dict[str, Any] = {**PAPER, "metric": "paper_code"}
RECIPES = {"ours": OURS, "paper": PAPER, "paper_code": PAPER_CODE}
