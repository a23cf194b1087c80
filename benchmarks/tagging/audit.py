"""Are exchanged names found, and how sure can one be?

Run with ``python -m benchmarks.tagging.audit [--model NAME]``.  A tenth of the names of `valid` are
exchanged in pairs (ten draws), or replaced by other names of the split (ten more); the audit then
says which names are wrong.  Its constants are fitted on five draws of each and measured on the
others.
"""

from __future__ import annotations

import argparse
import random

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.report import report, result_name
from benchmarks.tagging.stage import load_split, stage
from engine.search.labels.taxonomy import SENTENCE
from engine.tags.audit import audit_features, doubts_of

DRAWS, SHARE = 10, 0.1


def exchanged(names: list[str], seed: int, swap: bool) -> list[str]:
    """Return the names with a tenth of them wrong."""
    dice = random.Random(seed)
    count = 2 * round(SHARE * len(names) / 2)
    chosen = dice.sample(range(len(names)), count)
    wrong = list(names)
    if swap:
        for one, other in zip(chosen[::2], chosen[1::2], strict=True):
            wrong[one], wrong[other] = names[other], names[one]
    else:
        for row in chosen:
            wrong[row] = names[dice.randrange(len(names))]
    return wrong


def main() -> None:
    """Fit, measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="default")
    split = load_split("valid", parser.parse_args().model)
    names = list(split.labels)
    with stage(split) as on:
        texts = sorted(set(names))
        vectors = on.searcher.text_side.read_labels(
            [SENTENCE.format(label=text) for text in texts]
        ).vectors
        epsilon = on.searcher.spec.ranking.epsilon
        windows = on.searcher.index
        cost = np.stack(
            [windows.costs(vector[None], np.arange(len(names))) for vector in vectors], axis=1
        )
    features, answers = [], []
    rows = []
    for swap in (True, False):
        found: list[tuple[int, int, int, int]] = []
        for seed in range(DRAWS):
            wrong = exchanged(names, seed, swap)
            bad = np.array([a != b for a, b in zip(wrong, names, strict=True)])
            if seed < DRAWS // 2:
                features.append(audit_features(cost, wrong, texts, epsilon)[0])
                answers.append(bad)
                continue
            doubts = doubts_of(cost, wrong, texts, epsilon)
            said = np.zeros(len(names), bool)
            said[[row for row, *_ in doubts]] = True
            restored = sum(
                other is not None and names[other] == wrong[row] and names[row] == wrong[other]
                for row, _, _, other in doubts
            )
            found.append((int((said & bad).sum()), int(said.sum()), int(bad.sum()), restored))
        hits, said, bad, restored = np.sum(found, axis=0)
        rows.append(
            {
                "a tenth of the names": "exchanged in pairs" if swap else "replaced by others",
                "recall": float(hits / bad),
                "precision": float(hits / said),
                "right partner proposed": float(restored / bad) if swap else "–",
            }
        )
    model = LogisticRegression(C=1e3).fit(np.concatenate(features), np.concatenate(answers))
    print("gain, doubt, zero:", *model.coef_[0], *model.intercept_)
    report(
        result_name("tag_audit", split.model.name),
        f"wrong names among {len(names)}, model {split.model.name}",
        rows,
    )


if __name__ == "__main__":
    main()
