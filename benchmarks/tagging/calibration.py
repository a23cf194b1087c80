"""Are the probabilities of tags what they say, and what constants make them so?

Run with ``python -m benchmarks.tagging.calibration [--model NAME]``.  Fitted on `valid`: for lists
of names its merged labels, in random lists of 5 to 100 of them beside which half of the sounds have
no right label; for lists of labels of several texts as many UCS categories by what they sound
like; for UCS its clips that were mapped to it, names hidden and told, without the model's examples
and with them.  A better match makes no label less likely: where its weight would be negative, it is
0.  The expected calibration error (10 bins) is reported on `esc50_dev`, which is used for nothing
else, with the constants that stand in engine/search/labels/calibration.py: the means of what both
shipped models come to.  A set is one folder, which tells how many of its sounds have a label in the
list; ``6 labels, 0.9 without``: of random lists of six, beside which nine in ten have no right one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.calibration_error import expected_calibration_error
from benchmarks.report import report, result_name
from benchmarks.tagging.stage import (
    Split,
    list_of,
    load_split,
    mapped_clips,
    stage,
)
from engine.search.labels.calibration import (
    FILED,
    PLAIN,
    SEVERAL,
    TOGETHER,
    WORDED,
    Calibration,
    calibration_features,
    together,
)
from engine.search.labels.taxonomy import ucs
from engine.tags.evidence import WordEvidence
from engine.tags.suggest import WORDS

TOP = 3  # labels of each sound that are looked at
SIZES, DRAWS = (5, 10, 22, 50, 100), 8
OUTSIDE = 0.5  # share of sounds without a right label
FEW, OFTEN = 6, (0.05, 0.5, 0.9)  # labels of a short list, and such shares beside it
Examples = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # score, fits, right, lengths


def of_names(split: Split) -> Examples:
    """Return the scores of all merged labels."""
    names = sorted(set(split.merged))
    with stage(split) as on:
        cost, fits = on.compare(list_of(names))
    right = np.array(split.merged)[:, None] == np.array(names)[None]
    return -cost, fits, right, np.array(split.durations_s)


def of_ucs(split: Split, filed: bool = True) -> Iterator[Examples]:
    """Yield the scores of UCS, names hidden and told, of the clips that were mapped.

    :param filed: with the model's examples.
    """
    rows, answers = mapped_clips(split)
    ids = [label.id for label in ucs().labels]
    right = np.array([[i in answer for i in ids] for answer in answers])
    with stage(split) as on:
        cost, fits = on.compare(replace(ucs(), is_ucs=filed))
    words = WordEvidence(ucs()).shares([split.labels[row] for row in rows])
    lengths = np.array(split.durations_s)[rows]
    yield -cost[rows], fits[rows], right, lengths
    yield WORDS * words - cost[rows], fits[rows], right, lengths


def drawn(
    all_of: Examples, sizes: tuple[int, ...] = SIZES, outside: float = OUTSIDE, seed: int = 0
) -> Iterator[Examples]:
    """Yield random lists of labels, with their sounds and some that have none of them."""
    score, fits, right, lengths = all_of
    rng = np.random.default_rng(seed)
    for size in sizes:
        for _ in range(DRAWS):
            labels = rng.choice(score.shape[1], size, replace=False)
            has_one = right[:, labels].any(1)
            inside, out = np.flatnonzero(has_one), np.flatnonzero(~has_one)
            if not len(inside) or not len(out):
                continue
            most = max(1, round(len(out) * (1 - outside) / outside))
            inside = rng.choice(inside, min(len(inside), most), replace=False)
            others = round(len(inside) * outside / (1 - outside))
            out = rng.choice(out, min(len(out), others), replace=False)
            rows = np.concatenate([inside, out])
            part = np.ix_(rows, labels)
            yield score[part], fits[part], right[part], lengths[rows]


def best(shares: np.ndarray, *others: np.ndarray, count: int = TOP) -> list[np.ndarray]:
    """Return the shares of the best labels, and what else is known of these."""
    order = np.argsort(-shares, axis=1)[:, :count]
    return [np.take_along_axis(values, order, 1) for values in (shares, *others)]


def fitted(examples: list[Examples], temperature: float) -> tuple[Calibration, float]:
    """Return the constants at a temperature, and the log-likelihood a sound."""
    columns, answers, weights, having = [], [], [], []
    for score, fits, right, lengths in examples:
        shares = at_temperature(temperature).shares(score.copy())
        share, fit, hit = best(shares, fits, right)
        features = calibration_features(share, fit, lengths[:, None])
        columns.append(np.stack([f.ravel() for f in features], 1))
        answers.append(hit.ravel())
        weights.append(np.full(hit.size, 1 / len(hit)))
        (among,) = best(shares, right, count=TOGETHER)[1:]
        having.append(among.any(axis=1).mean())
    x, y, w = np.concatenate(columns), np.concatenate(answers), np.concatenate(weights)
    model = LogisticRegression(C=1e3, max_iter=1000).fit(x, y, sample_weight=1000 * w / w.sum())
    if model.coef_[0, 1] < 0:
        x[:, 1] = 0.0
        model.fit(x, y, sample_weight=1000 * w / w.sum())
    likely = model.predict_proba(x)[:, 1]
    told = float((w * np.log(np.where(y, likely, 1 - likely))).sum() / w.sum())
    share, strength, length = (float(c) for c in model.coef_[0])
    zero, usual = float(model.intercept_[0]), float(np.mean(having))
    return Calibration(temperature, share, strength, length, zero, usual), told


def at_temperature(temperature: float) -> Calibration:
    """Return constants of which only the temperature matters."""
    return Calibration(temperature, 0, 0, 0, 0)


def errors(folders: list[Examples], constants: Calibration) -> dict[str, float]:
    """Return how sure, how right, and how far apart the two are."""
    hits, found = [], []
    for score, fits, right, lengths in folders:
        share, fit, hit = best(constants.shares(score.copy()), fits, right, count=TOGETHER)
        likely = constants.probabilities(share, fit, lengths[:, None])
        hits.append(hit[:, :TOP])
        having = constants.having_one(together(likely))
        found.append(constants.among(likely, having)[:, :TOP])
    hit, likely = np.concatenate(hits), np.concatenate(found)
    sure = likely > 0.8
    return {
        "accuracy": float(hit[:, 0].mean()),
        "mean probability": float(likely[:, 0].mean()),
        "ECE, first tag": expected_calibration_error(likely[:, 0], hit[:, 0]),
        f"ECE, first {TOP} tags": expected_calibration_error(likely.ravel(), hit.ravel()),
        "right above 0.8": float(hit[sure].mean()) if sure.any() else float("nan"),
    }


def main() -> None:
    """Fit, measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="default")
    model = parser.parse_args().model
    valid, dev = load_split("valid", model), load_split("esc50_dev", model)
    names, categories = of_names(valid), list(of_ucs(valid))
    without, held_out = list(of_ucs(valid, filed=False)), of_names(dev)
    for kind, examples, temperatures in (
        ("PLAIN", [*drawn(names)], (0.12, 0.14, 0.16)),
        ("SEVERAL", [*drawn(without[0])], (0.12, 0.14, 0.16)),
        ("WORDED", without, (0.16, 0.18, 0.2)),
        ("FILED", categories, (0.2, 0.24, 0.28)),
    ):
        for temperature in temperatures:
            print(kind, *fitted(examples, temperature))
    rows = [{"labels": "esc50_dev, its 22 labels", **errors([held_out], PLAIN)}]
    rows += [
        {
            "labels": f"esc50_dev, {FEW} labels, {outside:g} without",
            **errors([*drawn(held_out, (FEW,), outside, seed=1)], PLAIN),
        }
        for outside in OFTEN
    ]
    rows += [
        {"labels": "valid, its merged labels (fitted on)", **errors([names], PLAIN)},
        {
            "labels": f"valid, {SIZES[1]} categories, {OUTSIDE:g} without (fitted on)",
            **errors([*drawn(without[0], SIZES[1:2])], SEVERAL),
        },
        {
            "labels": "valid, UCS, names hidden, no examples (fitted on)",
            **errors(without[:1], WORDED),
        },
        {"labels": "valid, UCS, names hidden (fitted on)", **errors(categories[:1], FILED)},
        {"labels": "valid, UCS, names told (fitted on)", **errors(categories[1:], FILED)},
    ]
    report(result_name("tag_calibration", model), f"probabilities of tags, model {model}", rows)


if __name__ == "__main__":
    main()
