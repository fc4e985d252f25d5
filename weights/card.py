"""A model's card as Markdown."""

from core.pretrained.card import SCORES, ModelCard


def markdown(card: ModelCard, remark: str = "") -> str:
    """The page `docs/models/NAME.md`; the remark is on the scores."""
    scores = [
        f"| {on} | {images} | {objects:,} | {ap:.3f} | {mean:.3f} | {bowl:.3f} | {error:.1f} |"
        for on, images, objects, ap, mean, bowl, error in card.score_rows()
    ]
    lines = [
        f"# {card.name}",
        "",
        card.purpose,
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in card.facts()),
        "",
        "## Scores",
        "",
        "On images that were used neither for training nor for choosing thresholds. AP is TP / (TP + FP + FN) of all "
        "images together; *AP (DSB 2018)* averages the images first.",
        "",
        f"| {' | '.join(SCORES)} |",
        "|" + "---|" * len(SCORES),
        *scores,
        "",
        *([remark, ""] if remark else []),
        "Written by `make weights`; the same is in the model's file. To train it again: "
        f"`python -m weights.train DATA {card.name}`.",
    ]
    return "\n".join(lines) + "\n"
