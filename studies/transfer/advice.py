"""Does the Pretraining Advisor advise well? Its ranking beside the results of the study, after `run.py`.

    python -m studies.transfer.advice DATA

Wherever `results.csv` has at least two pretrained starts for the same images, the candidates are ranked on these images
and compared with the test scores after retraining: Spearman's rank correlation, and the score that is lost by taking
the advised start in place of the best. Writes ADVICE.md.
"""

import argparse
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
from scipy import stats
from studies.transfer.report import HERE, read
from studies.transfer.run import PRETRAINED, draw
from studies.transfer.targets import TARGETS

from core.pretrained import load
from core.training.transferability import rank_models


def main() -> None:
    """Rank, compare, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    final: dict[tuple[str, int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (target, start, images), rows in read().items():
        for (number, _), row in rows.items():
            if start in PRETRAINED:
                final[target, images, number][start].append(float(row["ap_dsb2018"]))
    lines = [
        "# The Pretraining Advisor's advice beside what came of it",
        "",
        "Written by `python -m studies.transfer.advice DATA` from `results.csv`. Final: ap_dsb2018 on the test images "
        "after retraining. Lost: that of the best start less that of the advised.",
        "",
        "| target | N | draw | start: transferability, zero-shot, probe, final | rank correlation | lost |",
        "|---|---|---|---|---|---|",
    ]
    pool_of = cache(lambda target: TARGETS[target](data).pool)
    correlations, losses = [], []
    for (target, images, number), starts in final.items():
        if len(starts) < 2:
            continue
        examples = draw(pool_of(target), images, number)
        ranking = rank_models([(start, load(PRETRAINED[start])) for start in starts], examples)
        usable = [(one, float(np.mean(starts[one.name]))) for one in ranking if not one.problem]
        scores, results = [one.score for one, _ in usable], [result for _, result in usable]
        correlations.append(float(stats.spearmanr(scores, results).statistic))
        losses.append(max(results) - results[0])
        cells = (f"{o.name}: {o.score:.3f}, {o.zero_shot:.3f}, {o.probe:.3f}, **{result:.3f}**" for o, result in usable)
        lines.append(
            f"| {target} | {images} | {number} | {'; '.join(cells)} | {correlations[-1]:.2f} | {losses[-1]:.3f} |"
        )
        print(lines[-1], flush=True)
    if losses:
        best = sum(loss == 0 for loss in losses)
        lines += [
            "",
            f"Mean rank correlation {np.nanmean(correlations):.2f}; the best start was advised in {best} of "
            f"{len(losses)} cases, and {np.mean(losses):.3f} was lost on average.",
        ]
    (HERE / "ADVICE.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
